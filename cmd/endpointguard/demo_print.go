package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// columns is the width that no line of the demo's own exceeds.
const columns = 80

func (d *demo) printf(format string, args ...any) {
	// A writer that fails stops the command.
	_, _ = fmt.Fprintf(d.out, format, args...)
}

func (d *demo) title() {
	d.printf(`Endpoint Guard on an AWS inside this process: the function that gets deployed,
account %s, %s. EKS's minutes are seconds here.

The policy
`, d.aws.Account(), d.aws.Region())
	for _, rule := range d.policy.Rules {
		d.printf("  %-20s  %-7s  %s\n", rule.Name, rule.Respond, rule.Description)
	}
	d.printf(`
"VPC" below: private access is on. "world", "2 blocks": who reaches the public
endpoint.

`)
}

// line shows one step, wrapped into its column.
func (d *demo) line(cluster, text string) {
	head := fmt.Sprintf("%5.1f s  %-15s ", time.Since(d.began).Seconds(), cluster)
	for _, part := range wrapped(visible(text), columns-len(head)) {
		d.printf("%s%s\n", head, part)
		head = strings.Repeat(" ", len(head))
	}
}

// wrapped breaks a text into lines of the width.
func wrapped(text string, width int) []string {
	var out []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			out, line = append(out, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
		for len([]rune(line)) > width {
			out, line = append(out, string([]rune(line)[:width])), string([]rune(line)[width:])
		}
	}
	return append(out, line)
}

func (d *demo) heading(text string) {
	d.printf("\n%s\n%s\n", text, strings.Repeat("=", len(text)))
}

// mails shows every mail in full.
func (d *demo) mails() {
	d.heading("The mails")
	for _, m := range d.aws.Mails(topicName) {
		d.printf("\n%s\n\n%s", subjectLine(m.Subject), m.Message)
		d.printf("%s\n", strings.Repeat("-", columns))
	}
}

// brief is an access in two words.
func brief(a endpoint.Access) string {
	var s string
	switch {
	case !a.Public:
		return "VPC only"
	case a.Reachable(endpoint.IPv4).ContainsPrefix(world):
		s = "world"
	case len(a.CIDRs) == 1:
		s = "1 block"
	default:
		s = fmt.Sprintf("%d blocks", len(a.CIDRs))
	}
	if a.Private {
		s += "+VPC"
	}
	return s
}

// table shows where every cluster ended, and tells whether all ended as they
// must.
func (d *demo) table() bool {
	d.heading("Where every cluster ended")
	d.printf("\n%-14s  %-12s  %-12s  %-12s  %-9s  %s\n", "CLUSTER", "BEFORE", "ASKED FOR", "NOW", "OUTCOME", "UPDATES")
	fine := true
	for _, r := range d.cast {
		c, ok := d.aws.Cluster(r.name)
		before := "-"
		if !r.create {
			before = brief(r.before)
		}
		d.printf("%-14s  %-12s  %-12s  %-12s  %-9s  %d\n", r.name, before, brief(r.asked), brief(accessOf(c)), d.ended[r.name], d.updates(r.name))
		judged := d.judge(c)
		d.printf("  %s; %s\n", r.says, judged)
		wrong := []string{"it is gone"}
		if ok {
			wrong = d.wrong(r, c, judged)
		}
		for _, what := range wrong {
			fine = false
			for _, part := range wrapped("WRONG: "+what, columns-2) {
				d.printf("  %s\n", part)
			}
		}
	}
	if dead := d.aws.Messages(deadName); len(dead) > 0 {
		fine = false
		d.printf("WRONG: %d messages are in the dead letters\n", len(dead))
	}
	if fine {
		d.printf("\nAll %d ended as the policy says, after %.0f seconds.\n", len(d.cast), time.Since(d.began).Seconds())
	} else {
		d.printf("\nNot all ended as the policy says.\n")
	}
	return fine
}

// judge says what the policy says of a cluster now.
func (d *demo) judge(c localaws.Cluster) verdict.Outcome {
	return verdict.Judge(d.policy, endpoint.Cluster{
		ID:      endpoint.ID{ARN: c.ARN, CreatedAt: c.CreatedAt},
		Account: d.aws.Account(), Region: d.aws.Region(), Partition: d.aws.Partition(), Name: c.Name,
		Status: endpoint.Status(c.Status), Access: accessOf(c), Family: endpoint.Family(c.IPFamily), Tags: c.Tags,
	}, time.Now()).Outcome
}

// wrong lists in what a cluster did not end as it must.
func (d *demo) wrong(r role, c localaws.Cluster, judged verdict.Outcome) []string {
	var out []string
	differs := func(what string, got, want any) {
		out = append(out, fmt.Sprintf("%s: %v, must be %v", what, got, want))
	}
	now := accessOf(c)
	if !now.Equal(r.want) {
		differs("the endpoint", now, r.want)
	}
	if judged != verdict.Compliant {
		differs("what the policy says now", judged, verdict.Compliant)
	}
	if got := d.ended[r.name]; got != r.outcome {
		differs("the outcome", got, r.outcome)
	}
	if got := d.updates(r.name); got != r.updates {
		differs("updates by the guardrail", got, r.updates)
	}
	var mails []string
	for _, m := range d.aws.Mails(topicName) {
		if m.Attributes["cluster"] == r.name {
			mails = append(mails, m.Attributes["outcome"])
		}
	}
	if !slices.Equal(mails, r.mails) {
		differs("the mails", mails, r.mails)
	}
	return out
}

// updates counts the updates of a cluster that EKS accepted from the guardrail.
func (d *demo) updates(cluster string) int {
	n := 0
	for _, c := range d.aws.Calls() {
		if c.AccessKeyID == guardrailKey && c.Endpoint != nil && c.Endpoint.Cluster == cluster && c.Error == "" {
			n++
		}
	}
	return n
}

// subjectLine is a mail's subject on as many lines as it takes.
func subjectLine(subject string) string {
	line := "Subject: " + subject
	if len(line) <= columns {
		return line
	}
	if cut := strings.LastIndex(line[:columns], " "); cut > 0 {
		return line[:cut] + "\n        " + line[cut:]
	}
	return line
}
