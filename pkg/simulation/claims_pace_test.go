package simulation

import (
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// Within the first two hours of a refusal a cluster is not looked at more often
// than this, whatever is refused; each message of others' may add a few.
const (
	refusedFor = 2 * time.Hour
	mostLooks  = 40
	looksEach  = 15
)

// looksAt counts the guardrail's reads of a cluster within a time.
func (w *world) looksAt(cluster string, from, until time.Time) int {
	n := 0
	for _, c := range w.aws.Calls() {
		if _, ours := w.guards[c.AccessKeyID]; ours && c.Operation == "DescribeCluster" && !c.Time.Before(from) && c.Time.Before(until) &&
			slices.ContainsFunc(c.Resources, func(arn string) bool { return strings.HasSuffix(arn, "/"+cluster) }) {
			n++
		}
	}
	return n
}

// checkPaces: while something is refused for hours, the delay between two looks grows.
func (h *history) checkPaces() {
	if h.weather == nil {
		return
	}
	w := h.w
	for _, d := range h.weather.denials {
		until := d.from.Add(refusedFor)
		if d.until.Before(until) || time.Now().Before(until) || h.calmSince.Before(until) {
			continue
		}
		for _, name := range w.aws.Clusters() {
			w.mu.Lock()
			life := w.lifeOf(name)
			busy := life.born.CreatedAt.After(d.from.Add(-time.Hour)) ||
				slices.ContainsFunc(life.updates, func(u localaws.Update) bool { return u.CreatedAt.Before(until) && u.EndsAt.After(d.from) })
			more := w.messages.extra[name]
			for _, list := range [][]time.Time{w.messages.events[name], w.messages.sweeps[name]} {
				for _, at := range list {
					if at.After(d.from.Add(-time.Hour)) && at.Before(until) {
						more++
					}
				}
			}
			w.mu.Unlock()
			if n := w.looksAt(name, d.from, until); !busy && n > mostLooks+more*looksEach {
				h.t.Errorf("pace: %s was looked at %d times in the two hours in which %s was refused", name, n, d)
			}
		}
	}
}
