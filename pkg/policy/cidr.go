package policy

import (
	"fmt"
	"math"
	"net/netip"
	"strings"

	"go.yaml.in/yaml/v4"
	"go4.org/netipx"

	"github.com/endpointguard/endpointguard/pkg/internal/document"
)

// block is a range that the registries set apart.
type block struct {
	prefix netip.Prefix
	what   string
}

func blk(addr netip.Addr, bits int, what string) block {
	return block{netip.PrefixFrom(addr, bits), what}
}

func v4(a, b, c, d byte) netip.Addr { return netip.AddrFrom4([4]byte{a, b, c, d}) }

func v6(words ...uint16) netip.Addr {
	var b [16]byte
	for i, w := range words {
		b[2*i], b[2*i+1] = byte(w>>8), byte(w)
	}
	return netip.AddrFrom16(b)
}

// special are the blocks that no address on the internet comes from. Source:
// the IANA IPv4 and IPv6 Special-Purpose Address Registries and RFC 4291 for
// what is outside of 2000::/3.
func special() []block {
	return []block{
		blk(v4(0, 0, 0, 0), 8, "this network"),
		blk(v4(10, 0, 0, 0), 8, "private"),
		blk(v4(100, 64, 0, 0), 10, "shared by carriers (CGN)"),
		blk(v4(127, 0, 0, 0), 8, "loopback"),
		blk(v4(169, 254, 0, 0), 16, "link-local"),
		blk(v4(172, 16, 0, 0), 12, "private"),
		blk(v4(192, 0, 0, 0), 24, "reserved for protocols"),
		blk(v4(192, 88, 99, 0), 24, "the old 6to4 relays"),
		blk(v4(192, 168, 0, 0), 16, "private"),
		blk(v4(198, 18, 0, 0), 15, "for benchmarks"),
		blk(v4(224, 0, 0, 0), 4, "multicast"),
		blk(v4(240, 0, 0, 0), 4, "reserved"),
		blk(v6(), 128, "unspecified"),
		blk(v6(0, 0, 0, 0, 0, 0, 0, 1), 128, "loopback"),
		blk(v6(0x64, 0xff9b), 96, "for translation to IPv4"),
		blk(v6(0xfc00), 7, "private (unique local)"),
		blk(v6(0xfe80), 10, "link-local"),
		blk(v6(0xff00), 8, "multicast"),
		blk(v6(0x2001), 23, "reserved for protocols"),
		blk(v6(0x2002), 16, "6to4"),
	}
}

func documentation() []block {
	return []block{
		blk(v4(192, 0, 2, 0), 24, "documentation"),
		blk(v4(198, 51, 100, 0), 24, "documentation"),
		blk(v4(203, 0, 113, 0), 24, "documentation"),
		blk(v6(0x2001, 0xdb8), 32, "documentation"),
		blk(v6(0x3fff), 20, "documentation"),
	}
}

// inside returns the block of the list that p lies in.
func inside(list []block, p netip.Prefix) (block, bool) {
	for _, b := range list {
		if p.IsValid() && b.prefix.Bits() <= p.Bits() && b.prefix.Contains(p.Addr()) {
			return b, true
		}
	}
	return block{}, false
}

// specialPurpose tells what p is set apart for, "" if it may be an address of
// someone on the internet.
func specialPurpose(p netip.Prefix) string {
	if b, ok := inside(special(), p); ok {
		return fmt.Sprintf("%s (%s)", b.what, b.prefix)
	}
	if global := netip.PrefixFrom(v6(0x2000), 3); p.Addr().Is6() && !global.Overlaps(p) {
		return fmt.Sprintf("not in use on the internet (outside of %s)", global)
	}
	return ""
}

const everyoneHint = "drop the rule if everyone may reach the endpoint"

// global are the addresses of a family that someone on the internet can have:
// all but the special-purpose ones, and for IPv6 those that are given out. Of
// 2000::/3, the rest of which is reserved for later, that is what lies in
// 2000::/4. Source: the IANA IPv6 Global Unicast Address Assignments.
func (r *reader) global(family netip.Prefix) world {
	if known, ok := r.worlds[family]; ok {
		return known
	}
	var b netipx.IPSetBuilder
	if family == everyIPv6 {
		b.AddPrefix(netip.PrefixFrom(v6(0x2000), 4))
	} else {
		b.AddPrefix(family)
	}
	for _, block := range append(special(), documentation()...) {
		b.RemovePrefix(block.prefix)
	}
	set, _ := b.IPSet() // fails for invalid prefixes alone
	if r.worlds == nil {
		r.worlds = map[netip.Prefix]world{}
	}
	r.worlds[family] = world{set, size(set.Prefixes(), family)}
	return r.worlds[family]
}

// world is the addresses of a family that someone can have, and how many they are.
type world struct {
	set  *netipx.IPSet
	size float64
}

// size is how many addresses the blocks have of a family, as near as a float64 can
// say.
func size(blocks []netip.Prefix, family netip.Prefix) float64 {
	n := 0.0
	for _, p := range blocks {
		if p.Addr().BitLen() == family.Addr().BitLen() {
			n += math.Pow(2, float64(p.Addr().BitLen()-p.Bits()))
		}
	}
	return n
}

// wide refuses allowed CIDRs that leave out no address that anyone can have, and
// warns of those that take in most.
func (r *reader) wide(at *yaml.Node, allowed *netipx.IPSet) {
	blocks := allowed.Prefixes()
	for _, family := range []struct {
		name  string
		every netip.Prefix
	}{{"IPv4", everyIPv4}, {"IPv6", everyIPv6}} {
		if allowed.ContainsPrefix(family.every) {
			r.ErrorAt(at, everyoneHint, "the allowed CIDRs together are %s, every address", family.every.String())
			continue
		}
		world := r.global(family.every)
		if size(blocks, family.every) <= world.size/2 {
			continue // as nearly always, which spares the rest
		}
		var b netipx.IPSetBuilder
		b.AddSet(world.set)
		b.Intersect(allowed)
		both, err := b.IPSet()
		if err != nil {
			continue
		}
		if both.Equal(world.set) {
			r.ErrorAt(at, everyoneHint, "the allowed CIDRs together are all public %s addresses", family.name)
			continue
		}
		if share := size(both.Prefixes(), family.every) / world.size; share > 0.5 {
			r.Add(at.Line, at.Column, Warning, KindWide,
				fmt.Sprintf("the allowed CIDRs take in %d%% of all public %s addresses", int(math.Floor(100*share)), family.name),
				"list the networks that need the endpoint, each as narrow as it is")
		}
	}
}

const (
	publicHint        = "give the public addresses that your network is seen with, as a rule those of its NAT gateway or proxy"
	documentationHint = "put your own public addresses here: this cannot be deployed"
)

// readCIDR reads one allowed CIDR, or tells what is wrong with it and what to
// write instead.
func readCIDR(text string) (p netip.Prefix, what, hint string) {
	p, meant, ok := document.ParseCIDR(text)
	switch {
	case !ok:
		what, hint = fmt.Sprintf("%q is not a CIDR", document.Brief(text)), document.CIDRHint
		if len(meant) > 1 {
			hint = "give each as an item of its own"
			break
		}
		if len(meant) == 0 {
			break
		}
		values, refusal, better := instead(meant[0])
		switch {
		case refusal != "":
			what, hint = what+", and "+refusal, better
		case len(values) == 1 && values[0].IsSingleIP() && !strings.Contains(text, "/"):
			hint = fmt.Sprintf("write %s for this one address", values[0])
		case len(values) > 0:
			hint = writeCIDRs(values)
		}
	case p.Addr().Is4In6():
		what = fmt.Sprintf("%s is an IPv4 address written as IPv6", text)
		hint = "write it as an IPv4 CIDR"
		if values, refusal, better := instead(p); refusal != "" {
			what, hint = what+", and "+refusal, better
		} else if len(values) > 0 {
			hint = writeCIDRs(values)
		}
	case p != p.Masked():
		what = fmt.Sprintf("%s has host bits set", text)
		if values, refusal, better := instead(p); refusal != "" {
			what, hint = what+", and "+refusal, better
		} else {
			hint = writeCIDRs(values)
		}
	default:
		what, hint = refused(p, p.String())
	}
	return p, what, hint
}

// meantCIDR is the block that a text with a mistake lies in as far as it can be
// read, not valid if it can't.
func meantCIDR(text string) netip.Prefix {
	p, meant, ok := document.ParseCIDR(text)
	if !ok && len(meant) > 0 {
		p = meant[0]
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

// refused tells why a CIDR can't be allowed, and what to do; "" if it can.
func refused(p netip.Prefix, shown string) (what, hint string) {
	if p.Bits() == 0 {
		return fmt.Sprintf("%s allows every address", shown), everyoneHint
	}
	if purpose := specialPurpose(p); purpose != "" {
		return fmt.Sprintf("%s is %s: nobody reaches a public endpoint from there, and EKS refuses reserved addresses", shown,
			purpose), publicHint
	}
	return "", ""
}

// instead returns what may be written in place of a prefix with host bits, or in
// the clothes of IPv6: the block that it lies in, unless that is so wide that
// nobody means it, and its one address. If its address can't be allowed, nothing
// is right, and refusal and hint say so.
func instead(p netip.Prefix) (values []netip.Prefix, refusal, hint string) {
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return nil, "", ""
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p == p.Masked() {
		if refusal, hint = refused(p, p.String()); refusal == "" {
			values = []netip.Prefix{p}
		}
		return values, refusal, hint
	}
	one := netip.PrefixFrom(p.Addr(), p.Addr().BitLen())
	if refusal, hint = refused(one, one.Addr().String()); refusal != "" {
		return nil, refusal, hint
	}
	if block := p.Masked(); block.Bits() >= 8 && !overlapsSpecial(block) {
		values = append(values, block)
	}
	return append(values, one), "", ""
}

func overlapsSpecial(p netip.Prefix) bool {
	for _, b := range special() {
		if b.prefix.Overlaps(p) {
			return true
		}
	}
	return false
}

func writeCIDRs(values []netip.Prefix) string {
	if len(values) > 1 {
		return fmt.Sprintf("write %s, or %s for the one address", values[0], values[1])
	}
	if values[0].IsSingleIP() {
		return fmt.Sprintf("write %s for the one address", values[0])
	}
	return fmt.Sprintf("write %s", values[0])
}
