package verdict

import (
	"net/netip"

	"go4.org/netipx"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// Sets of addresses are lists of ranges here: in order, disjoint, none next to
// another, so that two of them are compared in one walk.

// reach is what a public endpoint's list comes to.
type reach struct {
	access endpoint.Access
	list   []netip.Prefix // in force, as written
	spans  []policy.Range // each of the list as a range
	ranges []policy.Range // the set
	within []int          // which of the ranges each of the list lies in
	merged []netip.Prefix // the set as the fewest blocks
	beyond []bool         // room for which of the ranges a rule objects to
}

// survey works out what an access lets in on a cluster of the family.
func survey(a endpoint.Access, f endpoint.Family) *reach {
	s := &reach{access: a, list: a.Effective(f)}
	if len(s.list) > 0 {
		s.spans = make([]policy.Range, len(s.list))
		for i, p := range s.list {
			s.spans[i] = rangeOf(p)
		}
		s.ranges = rangesOf(s.list)
		s.within = make([]int, len(s.list))
		for i, span := range s.spans {
			s.within[i] = find(s.ranges, &span)
		}
		s.merged = prefixesOf(s.ranges)
		s.beyond = make([]bool, len(s.ranges))
	}
	return s
}

func rangesOf(list []netip.Prefix) []policy.Range {
	return policy.RangesOf(endpoint.Set(list))
}

func rangeOf(p netip.Prefix) policy.Range {
	p = p.Masked()
	return policy.NewRange(p.Addr(), netipx.PrefixLastIP(p))
}

func prefixesOf(ranges []policy.Range) []netip.Prefix {
	var out []netip.Prefix
	for _, r := range ranges {
		out = netipx.IPRangeFrom(r.From, r.To).AppendPrefixes(out)
	}
	return out
}

// subset reports whether every address of a is in b.
func subset(a, b []policy.Range) bool { return !beyond(nil, a, b) }

// beyond reports whether some address of a is not in b. Unless marks is nil it
// marks each range of a that is not all in b, and looks at all of them.
func beyond(marks []bool, a, b []policy.Range) bool {
	found := false
	j := 0
	for i := range a {
		r := &a[i]
		for j < len(b) && b[j].EndsBefore(r) {
			j++
		}
		out := j == len(b) || !r.Within(&b[j])
		switch {
		case marks != nil:
			marks[i] = out
			found = found || out
		case out:
			return true
		}
	}
	return found
}

// find returns the index of the first range that does not end before r.
func find(set []policy.Range, r *policy.Range) int {
	low, high := 0, len(set)
	for low < high {
		middle := (low + high) / 2
		if set[middle].EndsBefore(r) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// covers reports whether all of r is in the set.
func covers(set []policy.Range, r policy.Range) bool {
	i := find(set, &r)
	return i < len(set) && r.Within(&set[i])
}

// overlaps reports whether any address of r is in the set.
func overlaps(set []policy.Range, r policy.Range) bool {
	i := find(set, &r)
	return i < len(set) && !r.To.Less(set[i].From)
}

// intersect returns the addresses that are in both sets.
func intersect(a, b []policy.Range) []policy.Range {
	var out []policy.Range
	for i, j := 0, 0; i < len(a) && j < len(b); {
		from, to := a[i].From, a[i].To
		if from.Less(b[j].From) {
			from = b[j].From
		}
		if b[j].To.Less(to) {
			to = b[j].To
		}
		if !to.Less(from) {
			out = append(out, policy.NewRange(from, to))
		}
		if a[i].To.Less(b[j].To) {
			i++
		} else {
			j++
		}
	}
	return out
}

// without returns the addresses of a that are not in b, as the fewest blocks.
func without(a, b []policy.Range) []netip.Prefix {
	var s netipx.IPSetBuilder
	for _, r := range a {
		s.AddRange(netipx.IPRangeFrom(r.From, r.To))
	}
	for _, r := range b {
		s.RemoveRange(netipx.IPRangeFrom(r.From, r.To))
	}
	// Ranges are always valid, which is all the builder could complain of.
	left, _ := s.IPSet()
	return left.Prefixes()
}
