package eks

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// maxCIDRs is EKS's quota of public CIDRs for one cluster.
const maxCIDRs = 40

// world is what EKS fills in for a public endpoint without CIDRs.
func world(family string) []string {
	if family == familyIPv6 {
		return []string{"0.0.0.0/0", "::/0"}
	}
	return []string{"0.0.0.0/0"}
}

// reserved are the blocks that EKS does not take for public addresses: what a
// client on the internet cannot have. Documentation ranges are admitted.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/128"),
	netip.MustParsePrefix("::1/128"),
	netip.MustParsePrefix("::ffff:0:0/96"),
	netip.MustParsePrefix("fc00::/7"),
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("ff00::/8"),
}

// checkCIDRs refuses a list that EKS refuses.
func (s *Service) checkCIDRs(cidrs []string, family string, public bool) *wire.Error {
	if len(cidrs) == 0 && public && s.opts.RefuseEmptyCIDRs {
		return badParameter(nil, "The publicAccessCidrs list should not be empty")
	}
	if len(cidrs) > maxCIDRs {
		return badParameter(nil, fmt.Sprintf("There are %d CIDRs in publicAccessCidrs; at most %d are allowed.", len(cidrs), maxCIDRs))
	}
	var invalid []string
	seen := map[netip.Prefix]bool{}
	for _, text := range cidrs {
		p, err := netip.ParsePrefix(text)
		switch {
		case err != nil, p != p.Masked(), p.Addr().Is6() && family != familyIPv6, seen[p]:
			invalid = append(invalid, text)
			continue
		}
		seen[p] = true
		for _, block := range reserved {
			if block.Bits() <= p.Bits() && block.Contains(p.Addr()) {
				invalid = append(invalid, text)
				break
			}
		}
	}
	if len(invalid) > 0 {
		return badParameter(nil, "The following CIDRs are invalid in publicAccessCidrs: ["+strings.Join(invalid, ", ")+"]")
	}
	return nil
}

// sameSet compares lists as EKS does, as sets.
func sameSet(x, y []string) bool {
	normal := func(list []string) []string {
		out := make([]string, len(list))
		for i, text := range list {
			out[i] = text
			if p, err := netip.ParsePrefix(text); err == nil {
				out[i] = p.String()
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return slices.Equal(normal(x), normal(y))
}
