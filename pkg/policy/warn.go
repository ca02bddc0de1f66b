package policy

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
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
			if len(r.problems) == maxProblems || r.meetings <= 0 {
				return
			}
			r.add(places[i].public.Line, places[i].public.Column, Warning, KindDisjoint,
				fmt.Sprintf("rules %q and %q can meet at one cluster and admit no address in common: they close its public endpoint", b.Name, a.Name),
				"match different clusters, or require publicAccess: disabled if that is meant")
		}
	}
}

// warnIdle tells of a rule that is for no cluster, that admits no address, or
// that lists addresses which it doesn't admit.
func (r *reader) warnIdle(rule *Rule, p *rulePlace) {
	if rule.Except != nil {
		match := rule.Match
		if match == nil {
			match = &Match{}
		}
		if r.covers(rule.Except, match) {
			r.add(p.except.Line, p.except.Column, Warning, KindIdle,
				fmt.Sprintf("rule %q is for no cluster: its exception takes in all that it matches", brief(rule.Name)),
				"narrow the exception, or remove the rule")
		}
	}
	q := rule.Require
	if q.PublicAccess != PublicRestricted || q.NotWiderThan == nil || len(q.AllowedCIDRs) == 0 || p.public == nil {
		return
	}
	if len(rule.admitted.ranges) == 0 {
		r.add(p.public.Line, p.public.Column, Warning, KindIdle,
			fmt.Sprintf("rule %q admits no address: notWiderThan leaves out the family of all its allowedCidrs", brief(rule.Name)),
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
		r.add(at.Line, at.Column, Warning, KindIdle, what, hint)
	}
}

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
		r.add(at.Line, at.Column, Warning, KindSteppedOut,
			fmt.Sprintf("a cluster steps out of rule %q when %s", rule.Name, how),
			"scope it by accounts or regions where you can, and restrict who may tag and create clusters")
	}
}

// meet tells whether one cluster can come under both rules. It says yes when it
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

// anyMeet tells whether some text matches a pattern of each list, and yes when
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

// covers tells whether the exception surely takes in all that m matches.
func (r *reader) covers(except, m *Match) bool {
	if except == nil || m == nil || except.empty() {
		return false
	}
	if !r.listCovers(except.Accounts, m.Accounts) || !r.listCovers(except.Regions, m.Regions) || !r.listCovers(except.Clusters, m.Clusters) {
		return false
	}
	for key, pattern := range except.Tags {
		if other, ok := m.Tags[key]; !ok || !globCovers(pattern, other) { // a cluster may lack the tag
			return false
		}
	}
	return true
}

// listCovers tells whether every pattern of narrow lies in one of wide. An empty
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

// rangesMeet tells whether two ordered lists of ranges share an address.
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
