package incident

import (
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

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
