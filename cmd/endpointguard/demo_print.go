package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/text"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

func (d *demo) printf(format string, args ...any) {
	// A writer that fails stops the command.
	_, _ = fmt.Fprintf(d.out, format, args...)
}

func (d *demo) title() {
	d.printf(`Endpoint Guard on an AWS inside this process: the function that gets deployed,
account %s, %s. EKS's minutes are seconds here.

The policy
`, d.aws.Account(), d.aws.Region())
	d.write(d.rules()...)
	d.printf(`
"VPC" below: private access is on. "world", "2 blocks": who reaches the public
endpoint.

`)
}

// rules are the policy's, a line each.
func (d *demo) rules() []styled {
	longest := 0
	for _, rule := range d.policy.Rules {
		longest = max(longest, len(rule.Name))
	}
	var out []styled
	for _, rule := range d.policy.Rules {
		out = append(out, styled{{fmt.Sprintf("  %-*s  %-7s  %s", longest, rule.Name, rule.Respond, rule.Description), plain}})
	}
	return out
}

func (d *demo) heading(text string) {
	d.printf("\n%s\n%s\n", text, strings.Repeat("=", len(text)))
}

// mails shows every mail in full.
func (d *demo) mails() {
	d.heading("The mails")
	for _, m := range d.aws.Mails(topicName) {
		d.printf("\n%s\n\n%s", d.subject(m.Subject), m.Message)
		d.printf("%s\n", strings.Repeat("-", d.width))
	}
}

// mail shows one mail in full: on a terminal, all of them would bury the rest;
// the command again has them.
func (d *demo) mail(again string) {
	mails := d.aws.Mails(topicName)
	for _, m := range slices.Backward(mails) {
		shown := func(r role) bool { return r.shown && r.name == m.Attributes["cluster"] }
		if !slices.ContainsFunc(d.cast, shown) {
			continue
		}
		d.heading(fmt.Sprintf("One of the %d mails", len(mails)))
		d.write(nil, styled{{d.subject(m.Subject), bold}})
		d.printf("\n%s%s\n", m.Message, strings.Repeat("-", d.width))
		for _, part := range text.Lines(fmt.Sprintf("'%s | less' shows all mails.", again), d.width) {
			d.printf("%s\n", part)
		}
		return
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

// table shows where every cluster ended, and reports whether all ended as they
// must.
func (d *demo) table() bool {
	d.heading("Where every cluster ended")
	d.printf("\n")
	if d.width >= columns {
		d.write(styled{{fmt.Sprintf("%-14s  %-12s  %-12s  %-12s  %-9s  %s", "CLUSTER", "BEFORE", "ASKED FOR", "NOW", "OUTCOME", "UPDATES"), dim}})
	}
	fine := true
	for _, r := range d.cast {
		c, ok := d.aws.Cluster(r.name)
		now := d.judge(c)
		d.entry(r, c, now.Outcome)
		wrong := []string{"it is gone"}
		if ok {
			wrong = d.wrong(r, c, now.Outcome)
		}
		for _, what := range wrong {
			fine = false
			for _, part := range text.Lines("WRONG: "+what, d.width-2) {
				d.write(styled{{"  ", plain}, {part, red}})
			}
		}
	}
	if dead := d.aws.Messages(deadName); len(dead) > 0 {
		fine = false
		d.printf("WRONG: %d messages are in the dead letters\n", len(dead))
	}
	d.printf("\n")
	if fine {
		d.write(styled{{fmt.Sprintf("All %d ended as the policy says.", len(d.cast)), green}})
	} else {
		d.write(styled{{"Not all ended as the policy says.", red}})
	}
	return fine
}

// entry is what the table says of one cluster: what became of it, and which rules
// were broken by what was asked for.
func (d *demo) entry(r role, c localaws.Cluster, judged verdict.Outcome) {
	before := "-"
	if !r.create {
		before = brief(r.before)
	}
	asked, now, how := brief(r.asked), brief(accessOf(c)), green
	if judged != verdict.Compliant {
		how = red
	}
	if d.width >= columns {
		d.write(styled{
			{fmt.Sprintf("%-14s  %-12s  %-12s  ", r.name, before, asked), plain},
			{fmt.Sprintf("%-12s", now), how}, {fmt.Sprintf("  %-9s  %d", d.ended[r.name], d.updates(r.name)), plain},
		})
	} else {
		d.write(styled{{fmt.Sprintf("%s: %s, updates: %d", r.name, d.ended[r.name], d.updates(r.name)), bold}})
		for _, part := range text.Lines(fmt.Sprintf("before: %s; asked for: %s; now: %s", before, asked, now), d.width-2) {
			d.write(styled{{"  " + part, plain}})
		}
	}
	c.Public, c.Private, c.CIDRs = r.asked.Public, r.asked.Private, texts(r.asked.CIDRs)
	var broken []string
	for _, rule := range d.judge(c).Rules {
		if rule.Violated {
			broken = append(broken, rule.Rule.Name)
		}
	}
	rules := "no rule broken"
	if len(broken) > 0 {
		rules = "broke " + strings.Join(broken, ", ")
	}
	for _, part := range text.Lines(fmt.Sprintf("%s: %s; %s now", rules, r.says, judged), d.width-2) {
		d.write(styled{{"  " + part, dim}})
	}
}

// judge says what the policy says of a cluster.
func (d *demo) judge(c localaws.Cluster) verdict.Verdict {
	return verdict.Judge(d.policy, endpoint.Cluster{
		ID:      endpoint.ID{ARN: c.ARN, CreatedAt: c.CreatedAt},
		Account: d.aws.Account(), Region: d.aws.Region(), Partition: d.aws.Partition(), Name: c.Name,
		Status: endpoint.Status(c.Status), Access: accessOf(c), Family: endpoint.Family(c.IPFamily), Tags: c.Tags,
	}, time.Now())
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

// subject is a mail's subject on as many lines as it takes.
func (d *demo) subject(subject string) string {
	return strings.Join(text.Lines("Subject: "+subject, d.width), "\n         ")
}
