package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
	"go4.org/netipx"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/internal/document"
)

// warn tells what is allowed and probably not meant.
func (r *reader) warn(rules []Rule, places []*rulePlace) {
	for i := range rules {
		r.warnIdle(&rules[i], places[i])
	}
	for i := range rules {
		if rule := &rules[i]; rule.Respond.Enforcing() {
			r.warnSteppingOut(rule, places[i])
		}
	}
	r.warnNoGrace(rules, places)
	r.warnOverLimit(rules, places)
	for i := range rules {
		a := &rules[i]
		if !restricts(a) {
			continue
		}
		for j := range i {
			b := &rules[j]
			if !restricts(b) || rangesMeet(a.admitted.ranges, b.admitted.ranges) || !r.meet(a, b) {
				continue
			}
			if r.Full() || r.meetings <= 0 {
				return
			}
			r.Add(places[i].public.Line, places[i].public.Column, Warning, KindDisjoint,
				fmt.Sprintf("rules %q and %q can meet at one cluster and admit no address in common: they close its public endpoint",
					b.Name, a.Name),
				"match different clusters, or require publicAccess: disabled if that is meant")
		}
	}
}

// namedRules is how many rules a warning about several names.
const namedRules = 5

// warnNoGrace warns once of all rules that change a cluster as soon as it is ACTIVE:
// the tools that create clusters go on with node groups then, which EKS refuses while an
// update is under way. A grace of no time says that this is meant.
// Source: eksctl#2244, containers-roadmap#1511.
func (r *reader) warnNoGrace(rules []Rule, places []*rulePlace) {
	var at *yaml.Node
	var names []string
	for i := range rules {
		if rule := &rules[i]; rule.Respond.Enforcing() && places[i].grace == nil && places[i].respond != nil {
			if at == nil {
				at = places[i].respond
			}
			names = append(names, fmt.Sprintf("%q", document.Brief(rule.Name)))
		}
	}
	who, do, hint := "rules ", "change", "give each of them"
	switch n := len(names); {
	case n == 0:
		return
	case n == 1:
		who, do, hint = "rule "+names[0], "changes", "give it"
	case n > namedRules:
		who += strings.Join(names[:namedRules], ", ") + fmt.Sprintf(" and %d more", n-namedRules)
	default:
		who += strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	r.Add(at.Line, at.Column, Warning, KindNoGrace,
		fmt.Sprintf("%s %s a new cluster as soon as it is ACTIVE: EKS then refuses the node groups that eksctl, Terraform and CDK create",
			who, do),
		hint+" a grace, such as graceAfterCreation: 60m; 0s says that none is meant")
}

// warnOverLimit warns of rules, alone or two together, that admit more blocks than
// a cluster can list.
func (r *reader) warnOverLimit(rules []Rule, places []*rulePlace) {
	lists := func(rule *Rule) bool {
		return rule.Require.PublicAccess == PublicRestricted && len(rule.Require.AllowedCIDRs) > 0 && rule.admitted != nil
	}
	over := make([]bool, len(rules))
	for i := range rules {
		if rule := &rules[i]; lists(rule) && places[i].allowed != nil {
			n := pieces(rule.admitted.ranges)
			if over[i] = n > endpoint.MaxCIDRs; over[i] {
				at := places[i].allowed
				r.Add(at.Line, at.Column, Warning, KindOverLimit,
					fmt.Sprintf("rule %q admits %d separate blocks; EKS admits %d for one cluster", document.Brief(rule.Name),
						n, endpoint.MaxCIDRs), overLimitHint)
			}
		}
	}
	for i := range rules {
		a := &rules[i]
		if over[i] || !lists(a) || places[i].allowed == nil {
			continue
		}
		for j := range i {
			b := &rules[j]
			// What two lists have in common are blocks of the one or the other.
			if over[j] || !lists(b) || len(a.Require.AllowedCIDRs)+len(b.Require.AllowedCIDRs) <= endpoint.MaxCIDRs || !r.meet(a, b) {
				continue
			}
			r.meetings -= len(a.admitted.ranges) + len(b.admitted.ranges)
			if r.Full() || r.meetings <= 0 {
				return
			}
			if n := pieces(inBoth(a.admitted.ranges, b.admitted.ranges)); n > endpoint.MaxCIDRs {
				at := places[i].allowed
				r.Add(at.Line, at.Column, Warning, KindOverLimit,
					fmt.Sprintf("rules %q and %q together admit %d separate blocks; EKS admits %d for one cluster",
						document.Brief(b.Name), document.Brief(a.Name), n, endpoint.MaxCIDRs), overLimitHint)
			}
		}
	}
}

const overLimitHint = "join neighbours where you can; a cluster that is open to more keeps what it lists of them, and then the widest"

// pieces is how many blocks it takes to write the ranges down.
func pieces(ranges []Range) int {
	var list []netip.Prefix
	n := 0
	for _, r := range ranges {
		list = netipx.IPRangeFrom(r.From, r.To).AppendPrefixes(list[:0])
		n += len(list)
	}
	return n
}

// inBoth returns what is in both ordered lists of ranges.
func inBoth(a, b []Range) []Range {
	var out []Range
	for i, j := 0, 0; i < len(a) && j < len(b); {
		from, to := a[i].From, a[i].To
		if from.Less(b[j].From) {
			from = b[j].From
		}
		if b[j].To.Less(to) {
			to = b[j].To
		}
		if !to.Less(from) {
			out = append(out, NewRange(from, to))
		}
		if a[i].To.Less(b[j].To) {
			i++
		} else {
			j++
		}
	}
	return out
}

// warnIdle tells of a rule that is for no cluster, that admits no address, or
// that lists addresses which it doesn't admit.
func (r *reader) warnIdle(rule *Rule, p *rulePlace) {
	for _, part := range []*yaml.Node{p.grace, p.lockout, p.hybrid} {
		if part != nil && rule.Respond == Alert && (part != p.grace || rule.GraceAfterCreation > 0) {
			r.Add(part.Line, part.Column, Warning, KindIdle,
				fmt.Sprintf("%s does nothing in rule %q: it only alerts", part.Value, document.Brief(rule.Name)),
				"remove it, or let the rule enforce or revert")
		}
	}
	if rule.Except != nil {
		match := rule.Match
		if match == nil {
			match = &Match{}
		}
		if !r.meet(&Rule{Match: rule.Except}, &Rule{Match: match}) {
			r.Add(p.except.Line, p.except.Column, Warning, KindIdle,
				fmt.Sprintf("the exception of rule %q takes out no cluster: the rule matches none like it", document.Brief(rule.Name)),
				"remove the exception, or look at what it and match say")
		} else if r.covers(rule.Except, match) {
			r.Add(p.except.Line, p.except.Column, Warning, KindIdle,
				fmt.Sprintf("rule %q is for no cluster: its exception takes in all that it matches", document.Brief(rule.Name)),
				"narrow the exception, or remove the rule")
		}
	}
	q := rule.Require
	if q.PublicAccess != PublicRestricted || q.NotWiderThan == nil || len(q.AllowedCIDRs) == 0 || p.public == nil {
		return
	}
	if len(rule.admitted.ranges) == 0 {
		r.Add(p.public.Line, p.public.Column, Warning, KindIdle,
			fmt.Sprintf("rule %q admits no address: notWiderThan leaves out the family of all its allowedCidrs",
				document.Brief(rule.Name)),
			"add the family to notWiderThan, or require publicAccess: disabled if that is meant")
		return
	}
	for i, cidr := range q.AllowedCIDRs {
		family, least := "ipv4", q.NotWiderThan.IPv4
		if cidr.Addr().Is6() {
			family, least = "ipv6", q.NotWiderThan.IPv6
		}
		var what, hint string
		switch {
		case least == nil:
			what = fmt.Sprintf("%s is not admitted: notWiderThan of the rule has no %s", cidr, family)
			hint = "add " + family + " to notWiderThan, or remove the CIDR"
		case cidr.Bits() < *least:
			what = fmt.Sprintf("%s itself is not admitted: notWiderThan of the rule says /%d", cidr, *least)
			hint = "only parts of it are; list those, or change notWiderThan"
		default:
			continue
		}
		at := p.cidrs[i]
		r.Add(at.Line, at.Column, Warning, KindIdle, what, hint)
	}
}

// warnExemptions tells of exemptions that waive nothing, or everything.
func (r *reader) warnExemptions(p *Policy, places []*exemptionPlace) {
	rules := make(map[string]*Rule, len(p.Rules))
	for i := range p.Rules {
		rules[p.Rules[i].Name] = &p.Rules[i]
	}
	for i := range p.Exemptions {
		e, place := &p.Exemptions[i], places[i]
		if m := &e.Match; len(m.Accounts) == 0 || len(m.Regions) == 0 || len(m.Clusters) == 0 || place.match == nil {
			continue // it has been refused
		}
		if slices.ContainsFunc(e.Match.Regions, everything) && slices.ContainsFunc(e.Match.Clusters, everything) &&
			len(e.Match.Tags) == 0 {
			r.Add(place.match.Line, place.match.Column, Warning, KindBlanket,
				fmt.Sprintf("exemption %q is for every cluster of its accounts, in every region: until it ends its rules do nothing there",
					document.Brief(e.Name)),
				"name the regions and clusters that it is for, or except the accounts in the rules")
		}
		for j, name := range e.Rules {
			rule, ok := rules[name]
			if !ok || j >= len(place.rules) {
				continue
			}
			at := place.rules[j]
			switch {
			case !r.meet(&Rule{Match: &e.Match}, rule):
				r.Add(at.Line, at.Column, Warning, KindIdle,
					fmt.Sprintf("exemption %q never meets rule %q: no cluster comes under both", document.Brief(e.Name),
						document.Brief(name)),
					"look at what both match, or remove the rule here")
			case r.covers(&e.Match, rule.Match):
				r.Add(at.Line, at.Column, Warning, KindBlanket,
					fmt.Sprintf("exemption %q takes in all that rule %q matches: until it ends the rule does nothing",
						document.Brief(e.Name), document.Brief(name)),
					"narrow what the exemption matches, or remove the rule")
			}
		}
	}
}

// maxRepeated is how many needless items of one list are told one by one.
const maxRepeated = 10

func restricts(r *Rule) bool {
	return r.Respond.Enforcing() && r.Require.PublicAccess == PublicRestricted && len(r.admitted.ranges) > 0
}

func (r *reader) warnSteppingOut(rule *Rule, p *rulePlace) {
	var at *yaml.Node
	var how string
	switch m := rule.Match; {
	case m != nil && len(m.Tags) > 0:
		at, how = p.matchTags, "its tags are changed"
	case m != nil && len(m.Clusters) > 0 && len(m.Accounts) == 0 && len(m.Regions) == 0 && rule.NamesClusters():
		at, how = p.matchClusters, "it is created under another name"
	}
	switch x := rule.Except; {
	case at != nil || x == nil:
	case len(x.Tags) > 0:
		at, how = p.except, "it is tagged like the exception"
	case len(x.Clusters) > 0:
		at, how = p.except, "it is named like the exception"
	}
	if at != nil {
		r.Add(at.Line, at.Column, Warning, KindSteppedOut,
			fmt.Sprintf("a cluster steps out of rule %q when %s", rule.Name, how),
			"scope it by accounts or regions where you can, and restrict who may tag and create clusters")
	}
}

// meet reports whether one cluster can come under both rules. It says yes when it
// cannot tell.
func (r *reader) meet(a, b *Rule) bool {
	x, y := a.Match, b.Match
	if x != nil && y != nil {
		if len(x.Accounts) > 0 && len(y.Accounts) > 0 && !r.anyMeet(x.Accounts, y.Accounts) ||
			len(x.Regions) > 0 && len(y.Regions) > 0 && !r.anyMeet(x.Regions, y.Regions) ||
			len(x.Clusters) > 0 && len(y.Clusters) > 0 && !r.anyMeet(x.Clusters, y.Clusters) {
			return false
		}
		for key, pattern := range x.Tags {
			if other, ok := y.Tags[key]; ok && !r.anyMeet([]string{pattern}, []string{other}) {
				return false
			}
		}
	}
	for _, pair := range [][2]*Match{{a.Except, y}, {b.Except, x}, {a.Except, x}, {b.Except, y}} {
		if r.covers(pair[0], pair[1]) {
			return false
		}
	}
	return true
}

// anyMeet reports whether some text matches a pattern of each list, and yes when
// the steps have run out.
func (r *reader) anyMeet(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if r.meetings -= (len(x) + 1) * (len(y) + 1); r.meetings <= 0 || globsMeet(x, y) {
				return true
			}
		}
	}
	return false
}

// covers reports whether the exception surely takes in all that m matches.
func (r *reader) covers(except, m *Match) bool {
	if except == nil || m == nil || except.empty() {
		return false
	}
	if !r.listCovers(except.Accounts, m.Accounts) || !r.listCovers(except.Regions, m.Regions) || !r.listCovers(except.Clusters,
		m.Clusters) {
		return false
	}
	for key, pattern := range except.Tags {
		if other, ok := m.Tags[key]; !ok || !globCovers(pattern, other) { // a cluster may lack the tag
			return false
		}
	}
	return true
}

// listCovers reports whether every pattern of narrow lies in one of wide. An empty
// list takes in everything.
func (r *reader) listCovers(wide, narrow []string) bool {
	if len(wide) == 0 || slices.ContainsFunc(wide, everything) {
		return true
	}
	for _, n := range narrow {
		found := false
		for _, w := range wide {
			if r.meetings -= (len(w) + 1) * (len(n) + 1); r.meetings <= 0 {
				return false
			}
			if found = globCovers(w, n); found {
				break
			}
		}
		if !found {
			return false
		}
	}
	return len(narrow) > 0
}

// rangesMeet reports whether two ordered lists of ranges share an address.
func rangesMeet(a, b []Range) bool {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i].To.Less(b[j].From):
			i++
		case b[j].To.Less(a[i].From):
			j++
		default:
			return true
		}
	}
	return false
}
