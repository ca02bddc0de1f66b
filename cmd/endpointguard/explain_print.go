package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/explain"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/text"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// page is text for people that stays within the columns where words allow.
type page struct{ strings.Builder }

// line writes a text; what doesn't fit goes on further in.
func (p *page) line(indent, s string) {
	more := indent + "  "
	for i, part := range text.Lines(text.Reveal(s), columns-len(more)) {
		if i > 0 {
			indent = more
		}
		p.WriteString(strings.TrimRight(indent+part, " ") + "\n")
	}
}

// field writes a label and a text, which goes on below in its column.
func (p *page) field(indent, label, value string) {
	for _, part := range text.Lines(text.Reveal(value), columns-len(indent+label)) {
		p.WriteString(strings.TrimRight(indent+label+part, " ") + "\n")
		label = strings.Repeat(" ", len(label))
	}
}

func (p *page) heading(text string) { p.WriteString("\n" + text + "\n") }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// explained is an answer for people.
func explained(doc document, s *subject, a explain.Answer) string {
	var p page
	p.line("", title(s.cluster)+": "+string(a.Outcome))
	p.line("  ", fmt.Sprintf("judged by %s (%s) as of %s", doc.name, doc.policy.Hash, stamp(s.at)))
	if a.Verdict.Why != "" {
		p.line("  ", a.Verdict.Why)
	}
	if len(a.Verdict.Rules) > 0 {
		p.heading("Rules that match")
		for i := range a.Verdict.Rules {
			ruleLines(&p, &a.Verdict.Rules[i])
		}
	}
	if n := len(doc.policy.Rules) - len(a.Verdict.Rules); n > 0 && len(a.Verdict.Rules) > 0 {
		p.line("  ", fmt.Sprintf("(%d more of the policy: no match)", n))
	}
	access := s.cluster.Access
	if desired := a.Desired(); desired != nil {
		p.heading("Endpoint access, now (-) and as desired (+)")
		for _, line := range explain.Diff(access, *desired, s.cluster.Family) {
			p.WriteString("  " + line + "\n")
		}
	} else {
		p.heading("Endpoint access")
		for _, line := range explain.Diff(access, access, s.cluster.Family) {
			p.WriteString("  " + line + "\n")
		}
	}
	p.heading("What would be done now")
	for _, line := range done(s, a) {
		p.line("  ", line)
	}
	if len(s.notes) > 0 {
		p.heading("Assumed")
		for _, note := range s.notes {
			p.line("  ", note)
		}
	}
	return p.String()
}

func title(c endpoint.Cluster) string {
	name := c.Name
	if name == "" {
		name = "a cluster"
	}
	if place := strings.TrimSpace(c.Account + " " + c.Region); place != "" {
		name += " (" + place + ")"
	}
	return name
}

func ruleLines(p *page, r *verdict.RuleVerdict) {
	head := fmt.Sprintf("%s (%s): ", r.Rule.Name, r.Rule.Respond)
	if r.Violated {
		head += "violated"
	} else {
		head += "complies"
	}
	if e := r.Exemption; e != nil {
		head += fmt.Sprintf(", waived by exemption %s until %s", e.Name, stamp(e.Until))
	}
	p.line("  ", head)
	for _, reason := range r.Reasons {
		p.line("    ", reason.Text)
	}
	if r.Held != "" && r.Violated {
		p.line("    ", "it only alerts now: "+r.Held)
	}
}

// done says in sentences what would be done.
func done(s *subject, a explain.Answer) []string {
	d := &a.Decision
	var out []string
	switch a.Outcome {
	case explain.Compliant:
		return []string{"Nothing: no rule is violated."}
	case explain.OutOfScope:
		return []string{"Nothing: the policy says nothing about this cluster."}
	case explain.Exempt:
		return []string{"Nothing: every violated rule is waived. The cluster is reported as exempt."}
	case explain.Violation:
		out = append(out, "A mail is sent; nothing is changed, since only rules that alert are violated.")
		if next := a.Verdict.NextChange(); !next.IsZero() {
			out = append(out, "It is judged again when the grace ends: "+stamp(next)+".")
		}
	case explain.Blocked:
		out = append(out, "A mail is sent; nothing is changed, since no change is safe.")
	case explain.WouldEnforce:
		what := "EKS is asked for the desired access"
		if s.cluster.Status != endpoint.StatusActive {
			what += " as soon as it accepts a change"
		}
		out = append(out, what+", and what came of it is mailed.")
		if d.Reverted {
			out = append(out, "It is the access right before.")
		}
		out = append(out, lost(d)...)
		if len(d.Opened) > 0 {
			out = append(out, "Opened again: "+endpoint.JoinPrefixes(d.Opened, ", ")+".")
		}
	}
	for _, kept := range d.Kept {
		out = append(out, "Kept: "+kept+".")
	}
	for _, warning := range d.Warnings {
		out = append(out, "Warning: "+warning+".")
	}
	if a.Outcome == explain.WouldEnforce {
		for _, left := range d.Left {
			for _, reason := range left.Reasons {
				out = append(out, fmt.Sprintf("Still violated then: %s (%s): %s.", left.Rule.Name, left.Response, reason.Text))
			}
		}
	}
	return out
}

// maxLost is how many blocks are named that were lost for one reason: a list of
// the whole world is cut to as many pieces as are allowed.
const maxLost = 60

// lost says what is dropped or cut, a sentence for each reason.
func lost(d *verdict.Decision) []string {
	var out []string
	for _, reason := range []struct {
		why  verdict.LossReason
		what string
	}{
		{verdict.LossNotAllowed, "Dropped or cut, not allowed"},
		{verdict.LossTooWide, "Dropped, too wide"},
		{verdict.LossOverLimit, fmt.Sprintf("Allowed, and yet left out, since EKS admits %d CIDRs for one cluster", endpoint.MaxCIDRs)},
		{verdict.LossReverted, "Dropped or cut, allowed and not open right before"},
	} {
		var blocks []string
		for _, l := range d.Losses {
			if l.Why == reason.why {
				blocks = append(blocks, l.CIDR.String())
			}
		}
		if len(blocks) == 0 {
			continue
		}
		rest := ""
		if n := len(blocks) - maxLost; n > 0 {
			blocks, rest = blocks[:maxLost], fmt.Sprintf(" and %d more", n)
		}
		out = append(out, reason.what+": "+strings.Join(blocks, ", ")+rest+".")
	}
	return out
}

// reverting reports whether a violated rule asks to revert.
func reverting(a explain.Answer) bool {
	return slices.ContainsFunc(a.Verdict.Rules, func(r verdict.RuleVerdict) bool {
		return r.Violated && r.Exemption == nil && r.Response == policy.Revert
	})
}
