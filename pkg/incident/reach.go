package incident

import (
	"maps"
	"slices"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
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
