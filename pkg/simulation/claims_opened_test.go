package simulation

import (
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// opens is never 3: what the guardrail asks for opens no address but what is open
// now and what was in force right before the violation. The caller holds w.mu.
func (w *world) opens(l law, c localaws.Call, before endpoint.Cluster, wanted endpoint.Access) {
	open := before.Access.Effective(before.Family)
	for _, a := range w.rightBefore(l, before, c.Time) {
		open = append(open, a.Effective(before.Family)...)
	}
	if !endpoint.Subset(wanted.Reachable(before.Family), endpoint.Set(open)) {
		w.broken("never 3: %s: %s opens what was open neither now (%s) nor right before", before.Name, wanted, before.Access)
	}
}

// rightBefore is the newest state that broke no enforcing rule, if all since do:
// for the present tags and, if they were others before, for those too.
func (w *world) rightBefore(l law, now endpoint.Cluster, at time.Time) []endpoint.Access {
	life := w.lifeOf(now.Name)
	if life == nil {
		return nil
	}
	tags := []map[string]string{now.Tags}
	for _, t := range life.tags {
		tags = append(tags, t.tags)
	}
	var out []endpoint.Access
	for _, t := range tags {
		for _, s := range slices.Backward(life.states(at)) {
			if _, enforced := l.judge(life.with(s.access, t), at); !enforced {
				out = append(out, s.access)
				break
			}
		}
	}
	return out
}
