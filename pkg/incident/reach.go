package incident

import (
	"maps"
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// sameLaw reports whether two were noted under the same rules in the same mode.
func (r Reach) sameLaw(o Reach) bool { return r.Policy == o.Policy && r.Alerting == o.Alerting }

// reach notes which rules enforce on the cluster. Under the same rules in the same
// mode only the cluster's tags can change that: its name, account and region stay.
func (t *evaluation) reach(v verdict.Verdict) {
	now := Reach{Policy: t.in.Policy.Hash, Alerting: t.in.Policy.Alerting}
	for _, r := range v.Rules {
		if r.Rule.Respond.Enforcing() {
			now.Rules = append(now.Rules, r.Rule.Name)
		}
	}
	was := t.Reach
	switch {
	case was == nil && len(now.Rules) == 0:
		return
	case was != nil && was.sameLaw(now) && slices.Equal(was.Rules, now.Rules):
		return
	}
	t.Reach = &now
	if was == nil || !was.sameLaw(now) {
		return
	}
	lost := slices.DeleteFunc(slices.Clone(was.Rules), func(name string) bool { return slices.Contains(now.Rules, name) })
	if len(lost) == 0 {
		return
	}
	t.Left = &Departure{
		Ref: reference(t.in.Cluster.ID, "left "+t.now.UTC().String()), At: t.now, Rules: lost,
		Now: t.in.Cluster.Access, Family: t.in.Cluster.Family, Enforced: len(now.Rules) > 0,
	}
	if e := t.in.Message.Event; e != nil && (e.Name == cloudtrail.TagResource || e.Name == cloudtrail.UntagResource) {
		t.Left.By = &Cause{Call: e.Name, EventID: e.ID, Actor: e.Actor, At: e.Time}
		t.Left.Tags = append(slices.Sorted(maps.Keys(e.ChangedTags)), e.RemovedTags...)
		t.Left.Tags = t.Left.Tags[:min(len(t.Left.Tags), fewRules)]
	}
}

// Reach is which enforcing rules are about a cluster under one policy.
type Reach struct {
	Policy string `json:"policy"` // the document's hash
	// Alerting is set where the mode lets no rule enforce, whatever the document says.
	Alerting bool     `json:"alerting,omitempty"`
	Rules    []string `json:"rules"`
}

// Departure is a cluster's leave from the reach of enforcing rules by a change
// of its tags.
type Departure struct {
	Ref   string    `json:"ref"`
	At    time.Time `json:"at"`
	Rules []string  `json:"rules"`
	By    *Cause    `json:"by,omitempty"` // nil when the call is not known
	// Tags are the keys of the tags that the call removed or set.
	Tags []string        `json:"tags,omitempty"`
	Now  endpoint.Access `json:"now"`
	// Family is the cluster's, Enforced whether any rule still enforces on it.
	Family   endpoint.Family `json:"family,omitempty"`
	Enforced bool            `json:"enforced,omitempty"`
}
