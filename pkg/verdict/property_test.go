package verdict_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// Prefixes are drawn from a small corner, so that they meet, nest and touch.
func anyPrefix(t *rapid.T, ipv6 bool) netip.Prefix {
	if ipv6 && rapid.Bool().Draw(t, "IPv6") {
		bits := rapid.SampledFrom([]int{0, 1, 31, 32, 33, 46, 47, 48}).Draw(t, "bits")
		a := netip.AddrFrom16([16]byte{0x26, 0, 0, 0, 0, byte(rapid.IntRange(0, 7).Draw(t, "site"))})
		return netip.PrefixFrom(a, bits).Masked()
	}
	bits := rapid.SampledFrom([]int{0, 1, 7, 8, 21, 22, 23, 24, 24, 25, 32}).Draw(t, "bits")
	a := netip.AddrFrom4([4]byte{8, byte(rapid.IntRange(0, 1).Draw(t, "b")), byte(rapid.IntRange(0, 7).Draw(t, "c")), 0})
	return netip.PrefixFrom(a, bits).Masked()
}

func anyList(t *rapid.T, least, most int, ipv6 bool) []netip.Prefix {
	out := make([]netip.Prefix, rapid.IntRange(least, most).Draw(t, "n"))
	for i := range out {
		out[i] = anyPrefix(t, ipv6)
	}
	return out
}

func anyAccess(t *rapid.T, ipv6 bool) endpoint.Access {
	a := endpoint.Access{Public: rapid.IntRange(0, 4).Draw(t, "public") > 0, Private: rapid.Bool().Draw(t, "private")}
	if !a.Public {
		a.Private = true // EKS refuses both off
	}
	switch rapid.IntRange(0, 9).Draw(t, "list") {
	case 0: // none
	case 1: // as many as fit, all apart
		for i := range endpoint.MaxCIDRs {
			a.CIDRs = append(a.CIDRs, netip.PrefixFrom(netip.AddrFrom4([4]byte{8, byte(i % 2), byte(i), 0}), 25))
		}
	default:
		a.CIDRs = anyList(t, 1, 8, ipv6)
	}
	return a
}

func anyRule(t *rapid.T, name string) policy.Rule {
	r := policy.Rule{
		Name:          name,
		Respond:       rapid.SampledFrom([]policy.Response{policy.Alert, policy.Enforce, policy.Revert}).Draw(t, "respond"),
		LockoutChecks: rapid.SampledFrom([]policy.LockoutChecks{"", policy.LockoutBlock, policy.LockoutWarn}).Draw(t, "lockout"),
	}
	if rapid.IntRange(0, 3).Draw(t, "hybrid choice") == 0 {
		r.HybridNodes = rapid.SampledFrom([]policy.HybridNodes{policy.HybridAlert, policy.HybridEnforce}).Draw(t, "hybrid nodes")
	}
	if rapid.IntRange(0, 5).Draw(t, "grace") == 0 {
		r.GraceAfterCreation = time.Hour
	}
	q := &r.Require
	q.PrivateAccess = rapid.Bool().Draw(t, "private")
	switch rapid.IntRange(0, 5).Draw(t, "public") {
	case 0:
		q.PublicAccess = policy.PublicDisabled
	case 1:
		q.PrivateAccess = true
	default:
		q.PublicAccess = policy.PublicRestricted
		which := rapid.IntRange(1, 3).Draw(t, "which")
		if which&1 > 0 {
			q.AllowedCIDRs = anyList(t, 1, 8, true)
		}
		if which&2 > 0 {
			q.NotWiderThan = &policy.Width{}
			if rapid.IntRange(0, 3).Draw(t, "ipv4") > 0 {
				bits := rapid.SampledFrom([]int{0, 1, 8, 22, 24, 32}).Draw(t, "ipv4 width")
				q.NotWiderThan.IPv4 = &bits
			}
			if rapid.Bool().Draw(t, "ipv6") {
				bits := rapid.SampledFrom([]int{0, 32, 47, 48}).Draw(t, "ipv6 width")
				q.NotWiderThan.IPv6 = &bits
			}
		}
	}
	return r
}

type scene struct {
	policy  *policy.Policy
	cluster endpoint.Cluster
	before  *endpoint.Access
	net     endpoint.Network
}

func anyScene(t *rapid.T) scene {
	family := rapid.SampledFrom([]endpoint.Family{endpoint.IPv4, endpoint.IPv6}).Draw(t, "family")
	s := scene{policy: &policy.Policy{}}
	for i := range rapid.IntRange(1, 4).Draw(t, "rules") {
		s.policy.Rules = append(s.policy.Rules, anyRule(t, fmt.Sprint("r", i)))
	}
	if rapid.IntRange(0, 3).Draw(t, "exemption") == 0 {
		exempting(s.policy, now.Add(time.Hour), "r0")
	}
	s.cluster = cluster(anyAccess(t, family == endpoint.IPv6))
	s.cluster.Family = family
	s.cluster.HybridNodes = rapid.IntRange(0, 9).Draw(t, "hybrid") == 0
	if rapid.Bool().Draw(t, "new") {
		s.cluster.CreatedAt = now.Add(-time.Minute)
	}
	if rapid.Bool().Draw(t, "known before") {
		a := anyAccess(t, true) // the ledger is older than the look
		s.before = &a
	}
	fact := rapid.SampledFrom([]endpoint.Fact{endpoint.Yes, endpoint.Yes, endpoint.Yes, endpoint.Yes, endpoint.No, endpoint.Unknown})
	s.net = endpoint.Network{
		Read:       rapid.IntRange(0, 9).Draw(t, "read") > 0,
		DNSSupport: fact.Draw(t, "support"), DNSHostnames: fact.Draw(t, "hostnames"), AmazonDNS: fact.Draw(t, "amazon"), Ingress443: fact.Draw(t, "ingress"),
	}
	return s
}

// broken reports whether the access violates the rule, in the plainest way: every
// address at the edge of a block is asked for.
func broken(q policy.Requirement, a endpoint.Access, f endpoint.Family) bool {
	if (q.PrivateAccess || q.PublicAccess == policy.PublicDisabled) && !a.Private {
		return true
	}
	if !a.Public || q.PublicAccess == "" {
		return false
	}
	if q.PublicAccess == policy.PublicDisabled {
		return true
	}
	list := a.Effective(f)
	for _, addr := range edges(list, q.AllowedCIDRs) {
		if inSet(list, addr) && q.AllowedCIDRs != nil && !inSet(q.AllowedCIDRs, addr) {
			return true
		}
	}
	if q.NotWiderThan == nil {
		return false
	}
	for _, p := range list {
		limit := q.NotWiderThan.IPv4
		if p.Addr().Is6() {
			limit = q.NotWiderThan.IPv6
		}
		if limit == nil {
			return true
		}
		// A wider block around p is in the list as a whole?
		if *limit > 0 {
			wide := netip.PrefixFrom(p.Addr(), min(p.Bits(), *limit-1)).Masked()
			if whole(list, wide) {
				return true
			}
		}
	}
	return false
}

// whole reports whether all of the block is in the list, by halving it.
func whole(list []netip.Prefix, block netip.Prefix) bool {
	meets := false
	for _, p := range list {
		if p.Bits() <= block.Bits() && p.Contains(block.Addr()) {
			return true
		}
		meets = meets || block.Overlaps(p)
	}
	if !meets {
		return false
	}
	low := netip.PrefixFrom(block.Addr(), block.Bits()+1)
	b := block.Addr().As16()
	at := block.Bits()
	if block.Addr().Is4() {
		at += 96
	}
	b[at/8] |= 1 << (7 - at%8)
	high := netip.AddrFrom16(b)
	if block.Addr().Is4() {
		high = high.Unmap()
	}
	return whole(list, low) && whole(list, netip.PrefixFrom(high, block.Bits()+1))
}

func TestJudgeAgreesWithThePlainWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyScene(t)
		v := verdict.Judge(s.policy, s.cluster, now)
		for _, r := range v.Rules {
			if want := broken(r.Rule.Require, s.cluster.Access, s.cluster.Family); r.Violated != want || (len(r.Reasons) > 0) != want {
				t.Fatalf("%+v on %s: violated %t", r.Rule.Require, s.cluster.Access, r.Violated)
			}
			for _, reason := range r.Reasons {
				for _, p := range reason.CIDRs {
					if !slices.Contains(s.cluster.Access.Effective(s.cluster.Family), p) {
						t.Fatalf("%s names %s, which the list doesn't have", reason.Text, p)
					}
				}
			}
		}
	})
}

// inForce returns the rules that the desired access must satisfy.
func inForce(v verdict.Verdict) []policy.Rule {
	var out []policy.Rule
	for _, r := range v.Rules {
		if r.Exemption == nil && r.Response.Enforcing() {
			out = append(out, r.Rule)
		}
	}
	return out
}

func TestDecisionsAreSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyScene(t)
		v := verdict.Judge(s.policy, s.cluster, now)
		d := verdict.Decide(v, s.before, s.net)
		family, current := s.cluster.Family, s.cluster.Access
		old := current.Effective(family)
		desired := d.Desired.Effective(family)

		if d.Action != verdict.Apply {
			if d.Desired.String() != current.String() || d.Reverted || d.Opened != nil || d.Dropped != nil {
				t.Fatalf("%s wants a change: %+v", d.Action, d)
			}
			if len(v.Violations()) != len(d.Left) {
				t.Fatalf("%s leaves %d of %d violations", d.Action, len(d.Left), len(v.Violations()))
			}
			if d.Action == verdict.Blocked && len(d.Kept) == 0 {
				t.Fatal("blocked without a reason")
			}
			if enforcing := v.Enforcing(); enforcing != (d.Action == verdict.Blocked || d.Action == verdict.NeedNetwork) {
				t.Fatalf("%s with enforcing rules violated: %t", d.Action, enforcing)
			}
			return
		}
		if !v.Enforcing() {
			t.Fatal("a change that no rule asks for")
		}
		if d.Desired.Equal(current) {
			t.Fatalf("a change that changes nothing: %s", d.Desired)
		}
		if d.Desired.Public && len(d.Desired.CIDRs) == 0 {
			t.Fatal("public with an empty list")
		}
		if !d.Desired.Public && !d.Desired.Private {
			t.Fatal("both off")
		}
		if d.Desired.Public && len(d.Desired.CIDRs) > endpoint.MaxCIDRs {
			t.Fatalf("%d CIDRs", len(d.Desired.CIDRs))
		}
		seen := map[netip.Prefix]bool{}
		for _, p := range desired {
			if seen[p] || family == endpoint.IPv4 && p.Addr().Is6() {
				t.Fatalf("EKS refuses %s in %s", p, d.Desired)
			}
			seen[p] = true
		}
		if current.Private && !d.Desired.Private {
			t.Fatal("private access is switched off")
		}

		var then []netip.Prefix
		if s.before != nil {
			then = s.before.Effective(family)
		}
		narrowed := false
		for _, a := range edges(old, desired, then) {
			open := inSet(desired, a)
			if open && !inSet(old, a) && (!d.Reverted || !inSet(then, a)) {
				t.Fatalf("%s is opened", a)
			}
			if open && !inSet(old, a) != inSet(d.Opened, a) {
				t.Fatalf("%s: opened %s", a, d.Opened)
			}
			narrowed = narrowed || !open && inSet(old, a)
		}
		if narrowed && !d.Desired.Private {
			t.Fatal("narrowed without private access")
		}
		if narrowed != (len(d.Dropped) > 0) {
			t.Fatalf("narrowed %t, dropped %s", narrowed, d.Dropped)
		}
		if (narrowed || !current.Private) && !s.net.Read {
			t.Fatal("changed without a look at the network")
		}

		// Judged again it complies, unless a lockout check kept all that narrows.
		after := s.cluster
		after.Access = d.Desired
		again := verdict.Judge(s.policy, after, now)
		if narrowed || len(d.Kept) == 0 {
			for _, r := range inForce(v) {
				if broken(r.Require, d.Desired, family) {
					t.Fatalf("%+v is still violated by %s", r.Require, d.Desired)
				}
			}
			if again.Enforcing() {
				t.Fatalf("judged again: %v", reasonsOf(again.Violations()))
			}
		}
		if len(d.Kept) > 0 && (!d.Desired.Private || d.Reverted) {
			t.Fatalf("kept %q and did it: %s", d.Kept, d.Desired)
		}
		if got, want := reasonsOf(d.Left), reasonsOf(again.Violations()); !slices.Equal(got, want) {
			t.Fatalf("left %q, judged again %q", got, want)
		}
		if next := verdict.Decide(again, s.before, s.net); next.Action == verdict.Apply {
			t.Fatalf("%s is changed again to %s", d.Desired, next.Desired)
		}
	})
}

// What may stay stays as it is written: a block that no enforcing rule objects
// to, on its own and with what is allowed of its neighbours.
func TestWhatMayStayStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyScene(t)
		s.net = healthy()
		v := verdict.Judge(s.policy, s.cluster, now)
		d := verdict.Decide(v, nil, s.net)
		if d.Action != verdict.Apply || !s.cluster.Access.Public {
			return
		}
		closing := slices.ContainsFunc(inForce(v), func(r policy.Rule) bool { return r.Require.PublicAccess == policy.PublicDisabled })
		if closing || len(d.Desired.CIDRs) >= endpoint.MaxCIDRs {
			return
		}
		list := s.cluster.Access.Effective(s.cluster.Family)
		for _, p := range list {
			stays := true
			for _, r := range inForce(v) {
				q := r.Require
				if q.PublicAccess == "" {
					continue
				}
				// Allowed on its own, as wide as it is …
				own := q
				own.NotWiderThan = nil
				one := endpoint.Access{Public: true, Private: true, CIDRs: []netip.Prefix{p}}
				if q.NotWiderThan != nil {
					w := *q.NotWiderThan
					own.NotWiderThan = &w
				}
				stays = stays && !broken(own, one, s.cluster.Family)
				// … and no part of something wider together with the others.
				if q.NotWiderThan != nil {
					limit := q.NotWiderThan.IPv4
					if p.Addr().Is6() {
						limit = q.NotWiderThan.IPv6
					}
					stays = stays && limit != nil && (*limit == 0 || !whole(list, netip.PrefixFrom(p.Addr(), min(p.Bits(), *limit-1)).Masked()))
				}
			}
			if stays && (!d.Desired.Public || !slices.Contains(d.Desired.CIDRs, p)) {
				t.Fatalf("%s is gone from %s, was %s", p, d.Desired, s.cluster.Access)
			}
		}
		for _, p := range d.Desired.CIDRs {
			if d.Desired.Public && !slices.Contains(list, p) && !slices.ContainsFunc(list, func(o netip.Prefix) bool { return o.Bits() < p.Bits() && o.Contains(p.Addr()) }) {
				t.Fatalf("%s comes from nowhere", p)
			}
		}
	})
}

// TestNearestSatisfiesEveryRule: what a person is told to ask for settles the
// cluster, opens nothing and is nothing that EKS reads as the whole world.
func TestNearestSatisfiesEveryRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyScene(t)
		v := verdict.Judge(s.policy, s.cluster, now)
		a := verdict.Nearest(v, s.before)
		open := slices.Clone(s.cluster.Access.Effective(s.cluster.Family))
		if s.before != nil {
			open = append(open, s.before.Effective(s.cluster.Family)...)
		}
		then := a.Reachable(s.cluster.Family)
		switch {
		case a.Public && len(a.CIDRs) == 0 && v.Outcome == verdict.Violation:
			t.Fatalf("%s has an empty list", a)
		case !a.Public && !a.Private:
			t.Fatal("both off")
		case !endpoint.Subset(then, endpoint.Set(open)):
			t.Fatalf("%s opens what neither %s nor %v had", a, s.cluster.Access, s.before)
		case !a.Private && !endpoint.Subset(s.cluster.Access.Reachable(s.cluster.Family), then):
			t.Fatalf("%s narrows %s without private access", a, s.cluster.Access)
		}
		s.cluster.Access = a
		if left := verdict.Judge(s.policy, s.cluster, now).Violations(); len(left) > 0 {
			t.Fatalf("%s still breaks %+v", a, left)
		}
	})
}
