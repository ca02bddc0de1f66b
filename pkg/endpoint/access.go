// Package endpoint is the vocabulary of the guardrail: an EKS cluster, the
// access to its Kubernetes API endpoint, the addresses that may reach it, and
// the updates that change it. It is pure: no clock, no logger, no AWS SDK.
package endpoint

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"
)

// MaxCIDRs is how many public CIDRs EKS admits for one cluster, a fixed quota.
// Source: Amazon EKS service quotas, "Public endpoint access CIDR ranges per
// cluster".
const MaxCIDRs = 40

// Family is the IP family of a cluster, spelled as EKS does (kubernetesNetworkConfig.ipFamily).
type Family string

// The families that EKS knows. Only IPv6 clusters have a dual-stack public
// endpoint; on any other, EKS refuses IPv6 CIDRs.
const (
	IPv4 Family = "ipv4"
	IPv6 Family = "ipv6"
)

// Access is who may reach a cluster's Kubernetes API endpoint: EKS's
// endpointPublicAccess, endpointPrivateAccess and publicAccessCidrs.
type Access struct {
	Public  bool
	Private bool
	// CIDRs is the list as EKS reports it, in its order. EKS keeps it while
	// public access is off, where it means nothing; with public access on, an
	// empty list means the whole world.
	CIDRs []netip.Prefix
}

// World returns the prefixes that stand for every address of a public endpoint
// of the family: IPv4's, and IPv6's too on an IPv6 cluster.
func World(f Family) []netip.Prefix {
	world := []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
	if f == IPv6 {
		world = append(world, netip.PrefixFrom(netip.IPv6Unspecified(), 0))
	}
	return world
}

// Effective returns the CIDRs that are in force on a cluster of the family:
// none with public access off, the world for an empty list, else the list.
func (a Access) Effective(f Family) []netip.Prefix {
	switch {
	case !a.Public:
		return nil
	case len(a.CIDRs) == 0:
		return World(f)
	default:
		return a.CIDRs
	}
}

// Reachable returns the set of public addresses that may reach the endpoint of
// a cluster of the family.
func (a Access) Reachable(f Family) *netipx.IPSet {
	return Set(a.Effective(f))
}

// World reports whether every address of a family may reach the endpoint of a
// cluster of family f.
func (a Access) World(f Family) bool {
	set := a.Reachable(f)
	return set.ContainsPrefix(World(IPv4)[0]) || set.ContainsPrefix(World(IPv6)[1])
}

// Equal reports whether EKS would see no difference between a and b: the lists
// are compared as sets of blocks, and not at all while public access is off.
func (a Access) Equal(b Access) bool {
	if a.Public != b.Public || a.Private != b.Private {
		return false
	}
	return !a.Public || slices.Equal(normalized(a.CIDRs), normalized(b.CIDRs))
}

// Clone returns a copy that shares no memory with a.
func (a Access) Clone() Access {
	a.CIDRs = slices.Clone(a.CIDRs)
	return a
}

// String is a's one-line form: "public=true private=false cidrs=192.0.2.0/24,198.51.100.0/24".
// The CIDRs are left out while public access is off.
func (a Access) String() string {
	s := fmt.Sprintf("public=%t private=%t", a.Public, a.Private)
	if a.Public {
		s += " cidrs=" + JoinPrefixes(a.CIDRs, ",")
	}
	return s
}

// JoinPrefixes writes prefixes one after the other with sep between them.
func JoinPrefixes(prefixes []netip.Prefix, sep string) string {
	words := make([]string, len(prefixes))
	for i, p := range prefixes {
		words[i] = p.String()
	}
	return strings.Join(words, sep)
}

type accessJSON struct {
	Public  bool           `json:"public"`
	Private bool           `json:"private"`
	CIDRs   []netip.Prefix `json:"cidrs"`
}

// MarshalJSON writes {"public":…,"private":…,"cidrs":[…]}; the list is never null.
func (a Access) MarshalJSON() ([]byte, error) {
	out := accessJSON(a)
	if out.CIDRs == nil {
		out.CIDRs = []netip.Prefix{}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (a *Access) UnmarshalJSON(data []byte) error {
	var in accessJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*a = Access(in)
	return nil
}

func normalized(prefixes []netip.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, len(prefixes))
	for i, p := range prefixes {
		out[i] = p.Masked()
	}
	slices.SortFunc(out, netip.Prefix.Compare)
	return slices.Compact(out)
}

// Set returns the union of the prefixes as a set of addresses. Invalid prefixes
// have no addresses; whoever reads a list from outside refuses them there.
func Set(prefixes []netip.Prefix) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, p := range prefixes {
		if p.IsValid() {
			b.AddPrefix(p.Masked())
		}
	}
	// The builder's only error is an invalid prefix, and it was given none.
	set, _ := b.IPSet()
	return set
}

// Subset reports whether every address of a lies in b.
func Subset(a, b *netipx.IPSet) bool {
	var rest netipx.IPSetBuilder
	rest.AddSet(a)
	rest.RemoveSet(b)
	left, err := rest.IPSet()
	return err == nil && len(left.Ranges()) == 0
}
