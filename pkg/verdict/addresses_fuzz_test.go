package verdict

import (
	"net/netip"
	"slices"
	"testing"

	"go4.org/netipx"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// listOf makes a list of prefixes of bytes, two for each. They lie in small
// corners, so that they meet, nest and touch.
func listOf(data []byte) []netip.Prefix {
	var list []netip.Prefix
	for ; len(data) >= 2 && len(list) < 64; data = data[2:] {
		at, width := data[0], int(data[1])
		if width < 128 {
			list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, at}), width%33))
			continue
		}
		a := netip.MustParseAddr("2001:db8::").As16()
		a[15] = at
		list = append(list, netip.PrefixFrom(netip.AddrFrom16(a), width%129))
	}
	return list
}

// naive is a set of addresses that knows one question only.
type naive []netip.Prefix

func (n naive) has(a netip.Addr) bool {
	return slices.ContainsFunc(n, func(p netip.Prefix) bool { return p.Contains(a) })
}

// corners are the addresses at which anything can change for lists of prefixes:
// the first and the last of each, and their neighbours.
func corners(lists ...[]netip.Prefix) []netip.Addr {
	var out []netip.Addr
	for _, list := range lists {
		for _, p := range list {
			first, last := p.Masked().Addr(), netipx.PrefixLastIP(p.Masked())
			for _, a := range []netip.Addr{first, last, first.Prev(), last.Next()} {
				if a.IsValid() {
					out = append(out, a)
				}
			}
		}
	}
	return out
}

func ordered(ranges []policy.Range) bool {
	for i, r := range ranges {
		if r.To.Less(r.From) {
			return false
		}
		if i > 0 && (!ranges[i-1].To.Less(r.From) || ranges[i-1].To.Next() == r.From) {
			return false
		}
	}
	return true
}

// FuzzAddresses holds the arithmetic of address sets to a model that only asks
// whether a prefix of the list contains the address.
func FuzzAddresses(f *testing.F) {
	f.Add([]byte{0, 24}, []byte{0, 25, 128, 25})
	f.Add([]byte{0, 0}, []byte{0, 1, 200, 32})
	f.Add([]byte{0, 255, 7, 250}, []byte{0, 129})
	f.Add([]byte{1, 32, 2, 32, 3, 32, 4, 31}, []byte{0, 29, 9, 8})
	f.Add([]byte{}, []byte{5, 5})
	f.Add([]byte{1, 32, 4, 32}, []byte{0, 24, 200, 200})
	f.Fuzz(func(t *testing.T, one, other []byte) {
		a, b := listOf(one), listOf(other)
		inA, inB := naive(a), naive(b)
		ra, rb := rangesOf(a), rangesOf(b)
		points := corners(a, b)
		both, rest := intersect(ra, rb), without(ra, rb)
		if !ordered(ra) || !ordered(rb) || !ordered(both) {
			t.Fatalf("ranges out of order: %v, %v, %v", ra, rb, both)
		}
		inside := true
		for _, p := range points {
			single := policy.NewRange(p, p)
			for what, got := range map[string]bool{
				"rangesOf":  covers(ra, single) == inA.has(p),
				"overlaps":  overlaps(ra, single) == inA.has(p),
				"intersect": covers(both, single) == (inA.has(p) && inB.has(p)),
				"without":   naive(rest).has(p) == (inA.has(p) && !inB.has(p)),
				"fewest":    naive(prefixesOf(ra)).has(p) == inA.has(p),
				"Set":       endpoint.Set(a).Contains(p) == inA.has(p),
			} {
				if !got {
					t.Fatalf("%s at %s is wrong for %v and %v", what, p, a, b)
				}
			}
			inside = inside && (!inA.has(p) || inB.has(p))
		}
		if subset(ra, rb) != inside || endpoint.Subset(endpoint.Set(a), endpoint.Set(b)) != inside {
			t.Fatalf("%v in %v: subset %t, want %t", a, b, subset(ra, rb), inside)
		}
		clipped, _ := clip(a, rb)
		for _, p := range append(points, corners(clipped)...) {
			if naive(clipped).has(p) != (inA.has(p) && inB.has(p)) {
				t.Fatalf("clip of %v to %v at %s: %v", a, b, p, clipped)
			}
		}
		w := wants{cut: true, admitted: rb, ipv4Width: len(one) % 33, ipv6Width: len(other) % 129}
		fitted := w.fit(a).list
		if len(fitted) > endpoint.MaxCIDRs {
			t.Fatalf("fit leaves %d blocks", len(fitted))
		}
		if !subset(rangesOf(fitted), both) {
			t.Fatalf("fit of %v to %v opens more: %v", a, b, fitted)
		}
		for _, m := range prefixesOf(rangesOf(fitted)) {
			if m.Addr().Is4() && m.Bits() < w.ipv4Width || m.Addr().Is6() && m.Bits() < w.ipv6Width {
				t.Fatalf("fit of %v leaves %s, wider than /%d and /%d", a, m, w.ipv4Width, w.ipv6Width)
			}
		}
	})
}
