package policy

import (
	"encoding/binary"
	"net/netip"

	"go4.org/netipx"
)

// Admitted is the set of public addresses that a rule lets reach an endpoint,
// apart from how wide its blocks may be. The zero value admits none.
type Admitted struct {
	IPv4, IPv6 bool // whether the rule admits any address of the family
	ranges     []Range
}

// Range is the addresses of one family from the first to the last. It is netipx's
// IPRange with open fields and its ends as numbers, which makes comparing long
// lists many times as fast. NewRange makes one.
type Range struct {
	From, To netip.Addr
	from, to order
}

// NewRange returns the addresses from the first to the last, both of one family.
func NewRange(from, to netip.Addr) Range {
	return Range{From: from, To: to, from: orderOf(from), to: orderOf(to)}
}

// EndsBefore reports whether all of r comes before all of o.
func (r *Range) EndsBefore(o *Range) bool { return r.to.less(&o.from) }

// Within reports whether all of r is in o.
func (r *Range) Within(o *Range) bool { return !r.from.less(&o.from) && !o.to.less(&r.to) }

// order is an address as a number; IPv4 comes before IPv6, as in netip.
type order struct {
	hi, lo uint64
	six    bool
}

func orderOf(a netip.Addr) order {
	if a.Is4() {
		b := a.As4()
		return order{lo: uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return order{hi: binary.BigEndian.Uint64(b[:8]), lo: binary.BigEndian.Uint64(b[8:]), six: true}
}

func (a *order) less(b *order) bool {
	switch {
	case a.six != b.six:
		return b.six
	case a.hi != b.hi:
		return a.hi < b.hi
	default:
		return a.lo < b.lo
	}
}

// RangesOf returns the set as disjoint ranges in order, none next to another.
func RangesOf(set *netipx.IPSet) []Range {
	list := set.Ranges()
	out := make([]Range, len(list))
	for i, r := range list {
		out[i] = NewRange(r.From(), r.To())
	}
	return out
}

// Ranges returns the set as disjoint ranges in order, none next to another.
// They are shared: do not write to them.
func (a *Admitted) Ranges() []Range { return a.ranges }

// Admitted returns the addresses that the rule lets reach the public endpoint:
// those of allowedCidrs, of every family that notWiderThan mentions. It is nil
// for a rule that doesn't restrict public access, and none for one that
// disables it.
func (r *Rule) Admitted() *Admitted {
	if r.admitted != nil {
		return r.admitted
	}
	return admit(r.Require)
}

func admit(q Requirement) *Admitted {
	switch q.PublicAccess {
	case PublicDisabled:
		return &Admitted{}
	case PublicRestricted:
	default:
		return nil
	}
	var b netipx.IPSetBuilder
	if q.AllowedCIDRs == nil && q.NotWiderThan != nil {
		b.AddPrefix(everyIPv4)
		b.AddPrefix(everyIPv6)
	}
	for _, p := range q.AllowedCIDRs {
		b.AddPrefix(p.Masked())
	}
	if w := q.NotWiderThan; w != nil {
		if w.IPv4 == nil {
			b.RemovePrefix(everyIPv4)
		}
		if w.IPv6 == nil {
			b.RemovePrefix(everyIPv6)
		}
	}
	set, err := b.IPSet()
	if err != nil {
		// Only a requirement built by hand can hold an invalid prefix. It
		// admits nothing: what isn't understood opens nothing.
		return &Admitted{}
	}
	a := &Admitted{ranges: RangesOf(set)}
	for _, r := range a.ranges {
		if r.From.Is4() {
			a.IPv4 = true
		} else {
			a.IPv6 = true
		}
	}
	return a
}

var (
	everyIPv4 = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	everyIPv6 = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
)
