package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// TestDemo runs the demo as "make demo" does, with the function built for this
// machine.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the function and takes 20 seconds")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	status, out, errs := execute(t, "demo")
	if status != statusFine {
		t.Fatalf("status %d, standard error %q, output:\n%s", status, errs, out)
	}
	story, mails, found := strings.Cut(out, "\nThe mails\n")
	mails, table, more := strings.Cut(mails, "\nWhere every cluster ended\n")
	if !found || !more {
		t.Fatalf("the output lacks the mails or the table:\n%s", out)
	}
	for text := range strings.Lines(out) {
		if n := len([]rune(strings.TrimSuffix(text, "\n"))); n > columns {
			t.Errorf("%d columns: %s", n, text)
		}
	}
	if !strings.Contains(story, "EKS's minutes are seconds here") {
		t.Error("the demo does not say how fast its time goes")
	}
	for _, want := range []string{
		"alice (IAM user) creates it in the console, open",
		"EKS: update failed, IpNotAvailable; still world+VPC",
		"guardrail: asks EKS for VPC and 203.0.113.0/24",
		`guardrail: mail "enforced"`,
	} {
		if !strings.Contains(story, want) {
			t.Errorf("the story lacks %q:\n%s", want, story)
		}
	}
	for _, r := range cast() {
		subject := regexp.MustCompile(`(?m)^Subject: .*: ` + regexp.QuoteMeta(r.name) + ` `)
		if got := len(subject.FindAllString(mails, -1)); got != len(r.mails) {
			t.Errorf("%d mails about %s, want %d", got, r.name, len(r.mails))
		}
		row := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(r.name) + ` .* ` + string(r.outcome) + ` +[0-9]$`)
		if !row.MatchString(table) {
			t.Errorf("the table has no row of %s with %s:\n%s", r.name, r.outcome, table)
		}
	}
}

// newTestDemo is a demo that nobody plays.
func newTestDemo(t *testing.T, out *strings.Builder) *demo {
	t.Helper()
	p, problems := policy.Parse("demo/policy.yaml", demoPolicy)
	if problems.Errors() {
		t.Fatal(problems)
	}
	d := newDemoRun(p, out)
	d.aws, d.began = localaws.New(localaws.Options{}), time.Now()
	if err := furnish(d.aws); err != nil {
		t.Fatal(err)
	}
	return d
}

// end puts every cluster as it must end, with what it is known by, but for the
// mails and updates.
func (d *demo) end() {
	for _, r := range d.cast {
		d.aws.PutCluster(localaws.Cluster{Name: r.name, Tags: r.tags, Public: r.want.Public, Private: r.want.Private, CIDRs: texts(r.want.CIDRs)})
		d.ended[r.name] = r.outcome
	}
}

// TestDemoTellsWhatIsWrong holds that no end but the right one passes.
func TestDemoTellsWhatIsWrong(t *testing.T) {
	// Only what comes to no mail and no update can be put there by hand.
	quietOnes := func(d *demo) {
		var kept []role
		for _, r := range d.cast {
			if r.updates == 0 {
				kept = append(kept, r)
			}
		}
		d.cast = kept
		d.end()
	}
	for _, tc := range []struct {
		name  string
		spoil func(d *demo)
		want  string // "" when nothing is wrong
	}{
		{"right", func(*demo) {}, ""},
		{"opened", func(d *demo) {
			d.aws.PutCluster(localaws.Cluster{Name: "analytics", Public: true, Private: true})
		}, "what the policy says now: violation, must be compliant"},
		{"other list", func(d *demo) {
			d.aws.PutCluster(localaws.Cluster{Name: "analytics", Public: true, Private: true, CIDRs: []string{"203.0.113.0/25"}})
		}, "the endpoint: public=true private=true cidrs=203.0.113.0/25, must be public=true private=true cidrs=203.0.113.64/26"},
		{"gone", func(d *demo) { d.aws.RemoveCluster("analytics") }, "it is gone"},
		{"no outcome", func(d *demo) { delete(d.ended, "analytics") }, "the outcome: , must be compliant"},
		{"no mails", func(d *demo) { d.cast[0].mails = []string{"detected"} }, "the mails: [], must be [detected]"},
		{"no update", func(d *demo) { d.cast[0].updates = 1 }, "updates by the guardrail: 0, must be 1"},
		{"dead letters", func(d *demo) {
			if err := d.aws.Send(deadName, "{}", 0); err != nil {
				t.Fatal(err)
			}
		}, "1 messages are in the dead letters"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			d := newTestDemo(t, &out)
			quietOnes(d)
			tc.spoil(d)
			fine := d.table()
			text := strings.Join(strings.Fields(out.String()), " ")
			if tc.want == "" {
				if !fine || strings.Contains(text, "WRONG") {
					t.Errorf("not fine:\n%s", out.String())
				}
				return
			}
			if fine || !strings.Contains(text, "WRONG: "+tc.want) {
				t.Errorf("fine: %t; want %q in:\n%s", fine, tc.want, out.String())
			}
		})
	}
}

// TestDemoIsNoRace holds that EKS is done with what somebody asked for only once the
// guardrail has looked at it, however slow that is, and that a message which comes
// late does not change how a cluster ended.
func TestDemoIsNoRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestDemo(t, &strings.Builder{})
		d.aws = localaws.New(d.options(t.Context()))
		addCallers(d.aws)
		r := d.cast[1]
		r.put(d.aws)
		if err := d.perform(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		status := func() string {
			c, _ := d.aws.Cluster(r.name)
			return c.Status
		}
		for _, l := range []logLine{{Trouble: "eks:DescribeCluster: throttled"}, {Outcome: incident.Ignored}, {Error: "no answer"}} {
			time.Sleep(time.Hour)
			l.Cluster = r.name
			d.heard(l)
			if s := status(); s != "UPDATING" {
				t.Fatalf("%+v: %s", l, s)
			}
		}
		d.heard(logLine{Cluster: r.name, Step: incident.Waiting, Mails: []string{"detected"}})
		if s := status(); s != "ACTIVE" {
			t.Errorf("seen, and %s", s)
		}
		for _, outcome := range []incident.Outcome{incident.Enforced, incident.Compliant} {
			d.heard(logLine{Cluster: r.name, Outcome: outcome})
			if got := d.ended[r.name]; got != incident.Enforced {
				t.Errorf("%s: it ended as %s", outcome, got)
			}
		}
		d.heard(logLine{Cluster: r.name, Outcome: incident.Violation})
		if got := d.ended[r.name]; got != incident.Violation {
			t.Errorf("opened again, it ended as %s", got)
		}
		// One that the guardrail sees at once takes its time all the same.
		quick := d.cast[3]
		quick.put(d.aws)
		if err := d.perform(t.Context(), quick); err != nil {
			t.Fatal(err)
		}
		d.heard(logLine{Cluster: quick.name, Step: incident.Waiting})
		if c, _ := d.aws.Cluster(quick.name); c.Status != "UPDATING" {
			t.Errorf("seen at once, and %s", c.Status)
		}
		time.Sleep(change)
		if c, _ := d.aws.Cluster(quick.name); c.Status != "ACTIVE" {
			t.Errorf("after %s: %s", change, c.Status)
		}
	})
}

// TestDemoWithAFunctionThatEnds holds that a function that does not run is told
// with what it said.
func TestDemoWithAFunctionThatEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bootstrap")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho settings are missing >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	status, _, errs := execute(t, "demo", "--function", path)
	if want := "endpointguard: the function ended: exit status 3: settings are missing\n"; status != statusFindings || errs != want {
		t.Errorf("status %d, standard error %q, want %q", status, errs, want)
	}
}

// TestDemoWithAFunctionThatIsInterrupted holds that a Ctrl-C that reaches the
// function first is told as one.
func TestDemoWithAFunctionThatIsInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bootstrap")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nkill -INT $$\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	status, _, errs := execute(t, "demo", "--function", path)
	if want := "endpointguard: interrupted\n"; status != statusFindings || errs != want {
		t.Errorf("status %d, standard error %q, want %q", status, errs, want)
	}
}

// TestDemoInterrupted holds that the child process ends with the demo.
func TestDemoInterrupted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bootstrap")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexec tail -f /dev/null\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	out := &cancelOn{text: "the sweep after the deployment", cancel: func() { cancel(errors.New("seen enough")) }}
	err := runDemo(ctx, path, dir, out, os.Stderr, nil)
	if err == nil || err.Error() != "interrupted" {
		t.Errorf("got %v, want interrupted", err)
	}
}

// cancelOn cancels once it is written the text.
type cancelOn struct {
	text   string
	cancel func()
}

func (c *cancelOn) Write(p []byte) (int, error) {
	if strings.Contains(string(p), c.text) {
		c.cancel()
	}
	return len(p), nil
}
