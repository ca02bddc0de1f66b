// Package digest gathers from the ledger's records what stands in an account
// and region, for one mail a day. It is pure: no clock, no logger, no AWS SDK.
package digest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// EndingWithin is how long before its end an exemption is named as ending.
const EndingWithin = 7 * 24 * time.Hour

// Digest is what stands. A cluster is in one of its lists at the most, but for
// Ending, which is about exemptions.
type Digest struct {
	Now      time.Time
	Open     []Open     // incidents that the guardrail is at work on
	Standing []Standing // violations that nobody is at work on
	Tugs     []Tug      // clusters that are opened and changed back again and again
	Exempt   []Exemption
	Ending   []Exemption // those that end within EndingWithin
	// Aside are the clusters that are left alone for their kind, by it.
	Aside map[incident.AsideKind][]string
	// Unreadable counts the records that could not be read.
	Unreadable int
}

// Open is a cluster with an open incident.
type Open struct {
	Cluster, Ref string
	Since        time.Time
	Stage        incident.Stage
	Stuck, Held  bool // told as stuck; held back by the brake
	Access       endpoint.Access
	Family       endpoint.Family
	Rules        []incident.RuleNote
}

// Standing is a cluster with a violation that its incident was closed over.
type Standing struct {
	Cluster, Ref string
	Since        time.Time
	Outcome      incident.Outcome
	Access       *endpoint.Access // nil when the record does not tell
	Family       endpoint.Family
	Rules        []incident.RuleNote
}

// Tug is a cluster in a tug of war.
type Tug struct {
	Cluster  string
	Closings int       // within the last 24 hours
	Last     time.Time // the last closing, zero if the record tells none
}

// Exemption is an exemption that waives something on clusters now.
type Exemption struct {
	Name     string
	Until    time.Time
	Clusters []string
}

// Of gathers what stands at the time now. Unreadable counts the ledger's records
// that could not be read. It is false when nothing stands: then there is no mail.
func Of(records []incident.Record, unreadable int, now time.Time) (Digest, bool) {
	d := Digest{Now: now, Aside: map[incident.AsideKind][]string{}, Unreadable: unreadable}
	exempt, ending := map[string]*Exemption{}, map[string]*Exemption{}
	for _, r := range present(records) {
		if r.Aside != nil {
			for _, w := range r.Aside.Waivers {
				if left := w.Until.Sub(now); left > 0 && left <= EndingWithin {
					add(ending, w, r.Name)
				}
			}
		}
		switch {
		case r.Incident != nil:
			i := r.Incident
			d.Open = append(d.Open, Open{
				Cluster: r.Name, Ref: i.Ref, Since: i.OpenedAt, Stage: i.Stage, Stuck: !i.StuckMailed.IsZero(), Held: !i.HeldSince.IsZero(),
				Access: i.Violating(), Family: i.Family, Rules: i.Rules,
			})
		case r.Standing != nil:
			s := r.Standing
			d.Standing = append(d.Standing, Standing{
				Cluster: r.Name, Ref: s.Ref, Since: s.Since, Outcome: s.Outcome, Access: s.Now, Family: s.Family, Rules: s.Rules,
			})
		case !r.TugSince.IsZero():
			d.Tugs = append(d.Tugs, tug(r, now))
		case r.Aside == nil:
		case r.Aside.Kind == incident.AsideExempt:
			waivers := slices.DeleteFunc(slices.Clone(r.Aside.Waivers), func(w incident.Waiver) bool { return !w.Until.After(now) })
			if len(waivers) > 0 {
				first := slices.MinFunc(waivers, func(a, b incident.Waiver) int { return a.Until.Compare(b.Until) })
				add(exempt, first, r.Name)
			}
		default:
			d.Aside[r.Aside.Kind] = append(d.Aside[r.Aside.Kind], r.Name)
		}
	}
	d.Exempt, d.Ending = sorted(exempt), sorted(ending)
	return d, len(d.Open)+len(d.Standing)+len(d.Tugs)+len(d.Exempt)+len(d.Ending)+len(d.Aside) > 0 || unreadable > 0
}

// present are the records of the clusters that exist: of several of one ARN
// the last, sorted by name.
func present(records []incident.Record) []incident.Record {
	last := map[string]incident.Record{}
	for _, r := range records {
		if was, ok := last[r.Cluster.ARN]; !ok || r.Cluster.CreatedAt.After(was.Cluster.CreatedAt) {
			last[r.Cluster.ARN] = r
		}
	}
	var out []incident.Record
	for _, r := range last {
		if r.GoneAt.IsZero() {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b incident.Record) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Cluster.ARN, b.Cluster.ARN))
	})
	return out
}

func tug(r incident.Record, now time.Time) Tug {
	t := Tug{Cluster: r.Name}
	for _, c := range r.Closings {
		if c.Outcome != incident.Enforced && c.Outcome != incident.PartlyEnforced {
			continue
		}
		t.Last = c.At
		if now.Sub(c.At) < 24*time.Hour {
			t.Closings++
		}
	}
	return t
}

func add(to map[string]*Exemption, w incident.Waiver, cluster string) {
	key := w.Name + "\n" + w.Until.String()
	if to[key] == nil {
		to[key] = &Exemption{Name: w.Name, Until: w.Until}
	}
	to[key].Clusters = append(to[key].Clusters, cluster)
}

// sorted puts first what ends first.
func sorted(from map[string]*Exemption) []Exemption {
	var out []Exemption
	for _, e := range from {
		out = append(out, *e)
	}
	slices.SortFunc(out, func(a, b Exemption) int { return cmp.Or(a.Until.Compare(b.Until), strings.Compare(a.Name, b.Name)) })
	return out
}

// Sent is what the ledger remembers of the digests: for which day one was sent,
// and who is at it.
type Sent struct {
	Schema  int   `json:"schema"`
	Version int64 `json:"version"`
	// Day is the last day, in UTC, that is done with: 2026-03-02.
	Day string `json:"day,omitempty"`
	// Claimed is until when somebody is at work on a digest.
	Claimed time.Time `json:"claimed,omitzero"`
}

// Due reports whether the digest of the day of now is to be sent: from the hour
// on, in UTC, if it was not, and nobody is at it.
func (s Sent) Due(now time.Time, hour int) bool {
	now = now.UTC()
	return now.Hour() >= hour && s.Day != now.Format(time.DateOnly) && !now.Before(s.Claimed)
}

// Claim returns s with the digest claimed until the given time: it is written
// before the mail is handed over, over the version that was read.
func (s Sent) Claim(until time.Time) Sent {
	s.Claimed = until
	return s
}

// Done returns s with the digest of the day of now done with.
func (s Sent) Done(now time.Time) Sent {
	s.Day, s.Claimed = now.UTC().Format(time.DateOnly), time.Time{}
	return s
}
