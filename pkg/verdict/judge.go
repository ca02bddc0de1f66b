package verdict

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// Judge says what the policy makes of the cluster's endpoint access. The time
// decides which exemptions are in force and whether a cluster is still new.
//
// Outposts local clusters and connected clusters are out of scope whatever the
// rules say: the first are private by nature, the others have no endpoint of
// EKS's. Source: the EKS user guide.
func Judge(p *policy.Policy, c endpoint.Cluster, at time.Time) Verdict {
	v := Verdict{Cluster: c, Outcome: OutOfScope}
	switch {
	case c.OutpostsLocal:
		v.Why = "Outposts local cluster: its endpoint is private by nature"
		return v
	case c.Connected:
		v.Why = "connected cluster: its endpoint is not EKS's"
		return v
	}
	var s *reach
	for i := range p.Rules {
		rule := &p.Rules[i]
		if !rule.Applies(c) {
			continue
		}
		if s == nil {
			s = survey(c.Access, c.Family)
			v.Rules = make([]RuleVerdict, 0, len(p.Rules)-i)
			v.Outcome = Compliant
		}
		r := RuleVerdict{Rule: *rule, Reasons: s.reasons(rule), Exemption: p.Exemption(rule.Name, c, at), Response: rule.Respond}
		r.Violated = len(r.Reasons) > 0
		r.hold(c, at)
		switch {
		case r.Violated && r.Exemption == nil:
			v.Outcome = Violation
		case r.Violated && v.Outcome == Compliant:
			v.Outcome = Exempt
		}
		v.Rules = append(v.Rules, r)
	}
	if s == nil {
		v.Why = "no rule matches"
	}
	return v
}

// hold turns an enforcing response into alert while something holds it back.
func (r *RuleVerdict) hold(c endpoint.Cluster, at time.Time) {
	if !r.Response.Enforcing() {
		return
	}
	if c.HybridNodes && !r.Rule.ActsOnHybridNodes() {
		r.Response = policy.Alert
		r.Held = "the cluster has hybrid nodes, and the rule neither says hybridNodes: enforce nor picks it out by name or tag"
		if r.Rule.HybridNodes == policy.HybridAlert {
			r.Held = "the cluster has hybrid nodes, and the rule says hybridNodes: alert"
		}
		return
	}
	if end := c.CreatedAt.Add(r.Rule.GraceAfterCreation); r.Rule.GraceAfterCreation > 0 && !c.CreatedAt.IsZero() && at.Before(end) {
		r.Response = policy.Alert
		r.Held = "the cluster is new: the rule's grace ends at " + end.UTC().Format(time.RFC3339)
		r.GraceUntil = end
	}
}

// reasons tells in what ways the access violates the rule.
func (s *reach) reasons(rule *policy.Rule) []Reason {
	var out []Reason
	q := &rule.Require
	// Disabled asks for private access too: EKS refuses both off.
	if (q.PrivateAccess || q.PublicAccess == policy.PublicDisabled) && !s.access.Private {
		out = append(out, Reason{Kind: PrivateOff, Text: "private access is off"})
	}
	if !s.access.Public {
		return out
	}
	switch q.PublicAccess {
	case policy.PublicDisabled:
		out = append(out, Reason{Kind: PublicOn, Text: "public access is on"})
	case policy.PublicRestricted:
		out = s.outside(out, rule.Admitted())
		if q.NotWiderThan != nil {
			out = s.tooWide(out, q.NotWiderThan)
		}
	}
	return out
}

// outside adds what of the list reaches beyond the admitted addresses.
func (s *reach) outside(out []Reason, admitted *policy.Admitted) []Reason {
	if !beyond(s.beyond, s.ranges, admitted.Ranges()) {
		return out
	}
	var foreign4, foreign6, outside, across []netip.Prefix
	for i, p := range s.list {
		switch {
		case !s.beyond[s.within[i]] || covers(admitted.Ranges(), s.spans[i]):
		case p.Addr().Is4() && !admitted.IPv4:
			foreign4 = append(foreign4, p)
		case p.Addr().Is6() && !admitted.IPv6:
			foreign6 = append(foreign6, p)
		case overlaps(admitted.Ranges(), s.spans[i]):
			across = append(across, p)
		default:
			outside = append(outside, p)
		}
	}
	add := func(kind ReasonKind, cidrs []netip.Prefix, one, several, end string) {
		if len(cidrs) == 0 {
			return
		}
		verb := several
		if len(cidrs) == 1 {
			verb = one
		}
		// Most texts fit into the room; the string is then the only allocation.
		var room [160]byte
		text := append(append(appendAnd(room[:0], cidrs), verb...), end...)
		out = append(out, Reason{Kind: kind, Text: string(append(text, s.unlisted()...)), CIDRs: cidrs})
	}
	add(OutsideAllowed, outside, " is", " are", " outside the allowed CIDRs")
	add(OutsideAllowed, across, " reaches", " reach", " beyond the allowed CIDRs")
	add(FamilyNotAdmitted, foreign4, " is", " are", " IPv4, which the rule doesn't admit")
	add(FamilyNotAdmitted, foreign6, " is", " are", " IPv6, which the rule doesn't admit")
	return out
}

// tooWide adds the merged blocks that are wider than they may be.
func (s *reach) tooWide(out []Reason, w *policy.Width) []Reason {
	for _, m := range s.merged {
		limit := widthFor(w, m)
		if limit == nil || m.Bits() >= *limit {
			continue
		}
		parts := within(s.list, m)
		var text string
		if len(parts) == 1 {
			text = fmt.Sprintf("%s is wider than /%d", parts[0], *limit)
		} else {
			text = fmt.Sprintf("%s together are %s, wider than /%d", and(parts), m, *limit)
		}
		out = append(out, Reason{Kind: TooWide, Text: text + s.unlisted(), CIDRs: parts})
	}
	return out
}

func widthFor(w *policy.Width, p netip.Prefix) *int {
	if p.Addr().Is4() {
		return w.IPv4
	}
	return w.IPv6
}

// within returns the prefixes of the list that lie in the block. A prefix lies in
// one merged block or in none: merged blocks are as wide as the set allows.
func within(list []netip.Prefix, block netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range list {
		if block.Bits() <= p.Bits() && block.Contains(p.Addr()) {
			out = append(out, p)
		}
	}
	return out
}

// unlisted explains where a block comes from that no list has.
func (s *reach) unlisted() string {
	if len(s.access.CIDRs) > 0 {
		return ""
	}
	return " (no CIDRs are listed, which lets everyone in)"
}

// namedAtMost is how many blocks a sentence names; the rest are counted.
const namedAtMost = 5

// and lists prefixes in words: "a, b and c", "a, b, c, d, e and 7 more".
func and(list []netip.Prefix) string { return string(appendAnd(nil, list)) }

// appendAnd appends what and returns.
func appendAnd(b []byte, list []netip.Prefix) []byte {
	last := min(len(list)-1, namedAtMost)
	for i := range last + 1 {
		switch i {
		case 0:
		case last:
			b = append(b, " and "...)
		default:
			b = append(b, ", "...)
		}
		if i == namedAtMost {
			b = strconv.AppendInt(b, int64(len(list)-i), 10)
			b = append(b, " more"...)
		} else {
			b = list[i].AppendTo(b)
		}
	}
	return b
}
