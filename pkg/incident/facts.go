package incident

import (
	"net/netip"
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// Why an incident ended without the guardrail's doing.
const (
	WhyUndone  = "somebody undid it before the guardrail could"
	WhyNotDone = "EKS did not carry out the change that asked for it"
	WhyAllowed = "the endpoint is as it was found, but no rule forbids it any more"
	WhyClosed  = "the guardrail's own update had closed it before the rules came to allow what was there"
	WhyDeleted = "the cluster was deleted"
	// WhyUnconfirmed: the guardrail changed it, and EKS does not tell how that ended.
	WhyUnconfirmed = "the cluster is as the guardrail asked for, and EKS does not let the update be read"
	WhyUnclear     = "it was put right, and whether by the guardrail's own call or by somebody else's is not known: what came of that call was not told"
)

// Facts are what a reader of the mails needs of a cluster. Nothing is decided
// by them.
type Facts struct {
	VPC                  string   `json:"vpc,omitempty"`
	ClusterSecurityGroup string   `json:"clusterSecurityGroup,omitempty"` // "" while EKS is creating the cluster
	SecurityGroups       []string `json:"securityGroups,omitempty"`       // the additional ones
	AuditLogs            bool     `json:"auditLogs,omitempty"`            // they go to CloudWatch Logs
}

// Finding is one thing that a rule finds wrong.
type Finding struct {
	Kind  verdict.ReasonKind `json:"kind"`
	CIDRs []netip.Prefix     `json:"cidrs,omitempty"` // the offending ones, as written
}

// Gap is a fact on the network that a private endpoint needs and that is not
// so, or not known to be so.
type Gap struct {
	Name    string `json:"name"` // in AWS's terms: enableDnsSupport
	Unknown bool   `json:"unknown,omitempty"`
	// DHCPOptions is what the VPC has where AmazonProvidedDNS is the gap: the
	// id of its options set, "default" for none at all, "" when not known.
	DHCPOptions string `json:"dhcpOptions,omitempty"`
}

// Aside is why a cluster, or a part of what is found on it, is left alone.
type Aside struct {
	Kind  AsideKind `json:"kind"`
	Since time.Time `json:"since"`
	// Waivers are the exemptions that waive a rule which the cluster breaks.
	Waivers []Waiver `json:"waivers,omitempty"`
}

// AsideKind is a way in which a cluster is left alone.
type AsideKind string

// Why clusters are left alone.
const (
	AsideExempt    AsideKind = "exempt"    // an exemption waives what is found
	AsideOutposts  AsideKind = "outposts"  // a local cluster on an Outpost
	AsideConnected AsideKind = "connected" // a connected cluster, without an endpoint of EKS's
	AsideHybrid    AsideKind = "hybrid"    // hybrid nodes, and no rule that breaks picks the cluster out
)

// Waiver is an exemption that is in force on a cluster.
type Waiver struct {
	Name  string    `json:"name"`
	Rules []string  `json:"rules"`
	Until time.Time `json:"until"`
}

// facts notes what the mails need of the cluster of the open incident.
func (t *evaluation) facts() {
	if t.Incident == nil || t.in.Cluster.Name == "" {
		return
	}
	c := t.in.Cluster
	now := Facts{VPC: c.VPC, ClusterSecurityGroup: c.ClusterSecurityGroup, SecurityGroups: c.SecurityGroups, AuditLogs: c.AuditLogs}
	if was := t.Incident.Facts; was != nil && was.VPC == now.VPC && was.ClusterSecurityGroup == now.ClusterSecurityGroup &&
		slices.Equal(was.SecurityGroups, now.SecurityGroups) && was.AuditLogs == now.AuditLogs {
		return
	}
	t.Incident.Facts = &now
}

// aside notes why the cluster is left alone, as the digest tells it.
func (t *evaluation) aside(v verdict.Verdict) {
	now := asideOf(v)
	switch {
	case now == nil:
		t.Aside = nil
		return
	case t.Aside != nil && t.Aside.Kind == now.Kind && slices.EqualFunc(t.Aside.Waivers, now.Waivers, Waiver.equal):
		return
	case t.Aside != nil && t.Aside.Kind == now.Kind:
		now.Since = t.Aside.Since
	default:
		now.Since = t.now
	}
	t.Aside = now
}

func (w Waiver) equal(o Waiver) bool {
	return w.Name == o.Name && w.Until.Equal(o.Until) && slices.Equal(w.Rules, o.Rules)
}

func asideOf(v verdict.Verdict) *Aside {
	switch {
	case v.Cluster.OutpostsLocal:
		return &Aside{Kind: AsideOutposts}
	case v.Cluster.Connected:
		return &Aside{Kind: AsideConnected}
	}
	var a Aside
	hybrid := false
	for _, r := range v.Rules {
		switch {
		case !r.Violated:
		case r.Exemption != nil:
			a.waive(*r.Exemption, r.Rule.Name)
		case r.Held != "" && r.GraceUntil.IsZero():
			hybrid = true
		}
	}
	switch {
	case len(a.Waivers) > 0:
		a.Kind = AsideExempt
	case hybrid:
		a.Kind = AsideHybrid
	default:
		return nil
	}
	return &a
}

func (a *Aside) waive(e policy.Exemption, rule string) {
	for i := range a.Waivers {
		if a.Waivers[i].Name == e.Name {
			a.Waivers[i].Rules = append(a.Waivers[i].Rules, rule)
			return
		}
	}
	a.Waivers = append(a.Waivers, Waiver{Name: e.Name, Rules: []string{rule}, Until: e.Until.UTC()})
}

func (t *evaluation) missing(gaps []verdict.Gap) []Gap {
	var out []Gap
	for _, g := range gaps {
		gap := Gap{Name: g.Name, Unknown: g.Fact != endpoint.No}
		if g.Name == "AmazonProvidedDNS" {
			gap.DHCPOptions = t.in.Network.DHCPOptions
		}
		out = append(out, gap)
	}
	return out
}

// Tool reads the caller's tool from a user agent, which is foreign text: the
// product that is not merely a library or a platform. "" when there is none.
func Tool(agent string) string { return tool(agent) }
