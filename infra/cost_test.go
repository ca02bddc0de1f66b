//go:build !race

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Prices of us-east-1 in US dollars, without any free tier, as AWS publishes them.
const (
	perAlarmMetric = 0.10
	perMillionSQS  = 0.40
	perGBSecond    = 0.0000133334 // of arm64
	perMillionRuns = 0.20
	perMillionRead = 0.125 // of up to 4 KB, consistent
	perMillionPut  = 0.625 // of up to 1 KB
	perMetric      = 0.30
	perGBLogs      = 0.50
)

// What happens in a month of ten clusters.
const (
	clusters      = 10
	hoursAMonth   = 730
	polls         = 650_000 // of one queue by Lambda, as AWS was seen to do
	secondsSweep  = 1.0
	secondsCheck  = 0.3
	readsOfCheck  = 2 // one record of up to 8 KB
	writesOfCheck = 8 // the same: each sweep's check notes that it judged
	logBytesCheck = 1000
)

// TestCost: the table in docs/operations.md is what the template costs, and it is
// below two dollars.
func TestCost(t *testing.T) {
	x := synthesized(t, minimal())
	text, err := os.ReadFile(filepath.Join("..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := parseSettings(minimal(), "")
	if err != nil {
		t.Fatal(err)
	}
	sweeps := hoursAMonth * float64(time.Hour/d.SweepInterval)
	checks := sweeps * clusters
	alarms, metrics := 0, 0
	for _, a := range x.of("AWS::CloudWatch::Alarm") {
		alarms++
		if a.Properties["MetricName"] != nil {
			metrics++
		}
		for _, m := range list(a.Properties["Metrics"]) {
			if at(m, "MetricStat") != nil {
				metrics++
			}
		}
	}
	compute := func(name string, runs, seconds float64) float64 {
		_, f := x.named(t, "AWS::Lambda::Function", name)
		return runs*seconds*f["MemorySize"].(float64)/1024*perGBSecond + runs/1e6*perMillionRuns
	}
	// A batch of ten wake-ups is one request; each is received and deleted.
	requests := sweeps*clusters/10 + checks*2
	parts := []struct {
		part, amount string
		dollars      float64
	}{
		{"CloudWatch alarms", fmt.Sprintf("%d metrics in %d alarms", metrics, alarms), float64(metrics) * perAlarmMetric},
		// The guardrail's other metrics are there only when something happens.
		{"CloudWatch, the heartbeat", "1 metric", perMetric},
		{"SQS, the polling of the queue", thousands(polls) + " requests", polls / 1e6 * perMillionSQS},
		{"SQS, the sweep's wake-ups", thousands(requests) + " requests", requests / 1e6 * perMillionSQS},
		{"Lambda, the sweep", thousands(sweeps) + " runs of 1 s", compute("Sweep", sweeps, secondsSweep)},
		{"Lambda, the checks", thousands(checks) + " runs of 0.3 s", compute("Guardrail", checks, secondsCheck)},
		{"DynamoDB", thousands(checks) + " consistent reads of up to 8 KB", checks * readsOfCheck / 1e6 * perMillionRead},
		{"DynamoDB, what was judged", thousands(checks) + " writes of up to 8 KB", checks * writesOfCheck / 1e6 * perMillionPut},
		// A scan is billed by what it looks at, whatever it returns; at half the
		// price, since it need not be consistent. Source: the DynamoDB developer
		// guide, "DynamoDB read and write operations".
		{"DynamoDB, the sweep", thousands(checks) + " records of up to 8 KB", checks * readsOfCheck / 2 / 1e6 * perMillionRead},
		{"CloudWatch Logs", "10 MB", (checks*logBytesCheck + 3e6) / 1e9 * perGBLogs},
	}
	sum := 0.0
	for _, p := range parts {
		sum += p.dollars
		begin, end := fmt.Sprintf("\n| %s | %s | ", p.part, p.amount), fmt.Sprintf(" | %.2f |", p.dollars)
		_, after, found := strings.Cut(string(text), begin)
		if line, _, _ := strings.Cut(after, "\n"); !found || !strings.HasSuffix(line, end) {
			t.Errorf("docs/operations.md has no row%s…%s", begin, end)
		}
	}
	if want := fmt.Sprintf("| **sum** | | | **%.2f** |", sum); !strings.Contains(string(text), want) {
		t.Errorf("docs/operations.md has no row %s", want)
	}
	if sum >= 2 {
		t.Errorf("idle it costs $%.2f a month", sum)
	}
	// What costs money and is in no row.
	for _, kind := range []string{"AWS::KMS::Key", "AWS::CloudWatch::Dashboard", "AWS::CloudTrail::Trail", "AWS::S3::Bucket", "AWS::EC2::VPC"} {
		if n := len(x.of(kind)); n != 0 {
			t.Errorf("%d of %s without being asked", n, kind)
		}
	}
}

func thousands(n float64) string {
	text := fmt.Sprintf("%.0f", n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
