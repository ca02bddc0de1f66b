package incident

import (
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// Blocker is the update, not ours, that keeps EKS from accepting a change.
type Blocker struct {
	UpdateID string    `json:"updateID"`
	Type     string    `json:"type"` // EKS's UpdateType: VersionRollback
	Since    time.Time `json:"since"`
	// By is who asked for it, nil when no event tells.
	By *cloudtrail.Actor `json:"by,omitempty"`
}

// VersionRollback is the type of an update that can take days, and that eks:CancelUpdate
// may end. Source: the EKS API reference, CancelUpdate, and the EKS user guide on
// rollbacks of Auto Mode clusters: 2 hours to 7 days, 12 hours unless told otherwise.
const VersionRollback = "VersionRollback"

// updateTakes is how long an endpoint update of ours may well take.
const updateTakes = 30 * time.Minute

// takes is how long an update of a type may well take: before that is over, a cluster
// whose mail has named it is not stuck.
func takes(updateType string) time.Duration {
	if updateType == VersionRollback {
		return 13 * time.Hour // what it takes unless told otherwise, and some
	}
	return stuckAfter
}

// block notes the update that keeps EKS from accepting a change, once its list was read.
func (t *evaluation) block() {
	if !t.in.HistoryRead || t.in.HistoryTrouble != "" {
		return
	}
	i := t.Incident
	i.Blocker = nil
	for _, u := range t.in.History.Read {
		if u.Over() || slices.Contains(t.Ours, u.ID) {
			continue
		}
		b := &Blocker{UpdateID: u.ID, Type: u.Type, Since: u.CreatedAt}
		for _, w := range slices.Concat(t.Watch, i.Causes) {
			if w.UpdateID == u.ID && w.EventID != "" {
				b.By = &w.Actor
			}
		}
		i.Blocker = b
	}
}

// stuck reports whether people must be told that an incident has been open for more than
// two hours: not while what holds it up may well take longer and its first mail has named
// that, nor while it is being settled.
func (t *evaluation) stuck() bool {
	i := t.Incident
	if b := i.Blocker; b != nil && b.UpdateID == i.NamedBlocker && t.now.Before(b.Since.Add(takes(b.Type))) {
		return false
	}
	a := t.attempt()
	return a == nil || !a.inProgress() || !t.now.Before(a.At.Add(updateTakes))
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
