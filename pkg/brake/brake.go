// Package brake bounds how many clusters of a region are changed within an hour. It is
// pure: the ledger keeps it, the guardrail asks it before every change, and tells that
// clusters wait. Begin at Ask.
package brake

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// State is what the brake remembers: which clusters were changed within an hour, and which
// wait. A mistake in a policy must not close a whole company. It is one item of the ledger,
// written like the records over the version that was read.
type State struct {
	Schema  int   `json:"schema"`
	Version int64 `json:"version"`
	// Changed is when each cluster, by ARN, was let through.
	Changed map[string]time.Time `json:"changed,omitempty"`
	// Waiting are the clusters that were held back, by ARN.
	Waiting map[string]Waiting `json:"waiting,omitempty"`
	// Since is when the first of those waiting was held back.
	Since time.Time `json:"since,omitzero"`
	// Mailed is when it was told that clusters wait, Telling until when
	// somebody is at it.
	Mailed  time.Time `json:"mailed,omitzero"`
	Telling time.Time `json:"telling,omitzero"`
}

// Waiting is a cluster that waits for the brake.
type Waiting struct {
	Name  string    `json:"name"`
	Rules []string  `json:"rules"`
	At    time.Time `json:"at"`              // last asked for
	World bool      `json:"world,omitempty"` // open to the whole internet then
}

const (
	window = time.Hour
	// tellAfter is how long the brake waits before it is told, so that the
	// mail can say how many clusters wait.
	tellAfter = time.Minute
	// forgetAfter is when a cluster that no longer asks is not counted any more.
	forgetAfter = time.Hour
	// maxRules bounds what is kept of each cluster that waits.
	maxRules = 5
	// maxWaiting is what the clusters that wait may take of the brake's item, in bytes of
	// its JSON; those let through take the rest.
	maxWaiting = 150 << 10
)

// Entry is a cluster that asks to be changed.
type Entry struct {
	ARN, Name string
	Rules     []string
	// Fresh is set for a violation that somebody's call just caused. Such
	// clusters go before those where it has been standing.
	Fresh bool
	World bool // open to the whole internet
}

// Ask reports whether a cluster may be changed now, given how many may be within
// an hour (0: any number). A quarter of them is kept for fresh violations. The
// state that is returned is to be written before the change is made; tell is set
// when it should be mailed that clusters wait.
func (b State) Ask(e Entry, limit int, now time.Time) (next State, granted, tell bool) {
	b.Changed, b.Waiting = maps.Clone(b.Changed), maps.Clone(b.Waiting)
	if b.Changed == nil {
		b.Changed = map[string]time.Time{}
	}
	if b.Waiting == nil {
		b.Waiting = map[string]Waiting{}
	}
	maps.DeleteFunc(b.Changed, func(_ string, at time.Time) bool { return now.Sub(at) >= window })
	maps.DeleteFunc(b.Waiting, func(_ string, h Waiting) bool { return now.Sub(h.At) >= forgetAfter })
	_, again := b.Changed[e.ARN]
	room := e.room(limit)
	if limit == 0 || again || len(b.Changed) < room {
		delete(b.Waiting, e.ARN)
		if !again {
			b.Changed[e.ARN] = now
		}
		if len(b.Waiting) == 0 {
			b.Since, b.Mailed, b.Telling = time.Time{}, time.Time{}, time.Time{}
		}
		return b, true, false
	}
	if len(b.Waiting) == 0 {
		b.Since, b.Mailed, b.Telling = now, time.Time{}, time.Time{}
	}
	b.hold(e, now)
	tell = b.Mailed.IsZero() && !now.Before(b.Telling) && now.Sub(b.Since) >= tellAfter
	return b, false, tell
}

// hold takes a cluster among those that wait, as far as the item has room; more
// clusters wait all the same.
func (b State) hold(e Entry, now time.Time) {
	if _, there := b.Waiting[e.ARN]; !there {
		taken := size(e.ARN, e.Name, e.Rules)
		for arn, h := range b.Waiting {
			taken += size(arn, h.Name, h.Rules)
		}
		if taken > maxWaiting {
			return
		}
	}
	b.Waiting[e.ARN] = Waiting{Name: e.Name, Rules: e.Rules[:min(len(e.Rules), maxRules)], At: now, World: e.World}
}

// size is at least what an entry takes as JSON, in which a quotation mark
// in a rule's name takes two.
func size(arn, name string, rules []string) int {
	const frame = 120 // the field names and the time
	n := frame + len(arn) + len(name)
	for _, rule := range rules[:min(len(rules), maxRules)] {
		n += 2*len(rule) + 3
	}
	return n
}

// room is how many clusters may have been changed within the hour for the entry
// to be let through.
func (e Entry) room(limit int) int {
	if e.Fresh {
		return limit
	}
	return limit - max(1, limit/4)
}

// Free returns the earliest time at which an entry that was held back may be let
// through: when enough of the changes are an hour old. Others that wait may be
// before it. Zero when no time is known.
func (b State) Free(e Entry, limit int) time.Time {
	over := len(b.Changed) - e.room(limit)
	if over < 0 || over >= len(b.Changed) {
		return time.Time{}
	}
	return slices.SortedFunc(maps.Values(b.Changed), time.Time.Compare)[over].Add(window)
}

// Count is how many clusters wait because of one rule.
type Count struct {
	Rule     string
	Clusters int
}

// Rules counts the waiting clusters by rule, the most first.
func (b State) Rules() []Count {
	counts := map[string]int{}
	for _, h := range b.Waiting {
		for _, rule := range h.Rules {
			counts[rule]++
		}
	}
	var out []Count
	for rule, n := range counts {
		out = append(out, Count{Rule: rule, Clusters: n})
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Clusters, a.Clusters), cmp.Compare(a.Rule, b.Rule))
	})
	return out
}

// Names are the names of the waiting clusters, sorted.
func (b State) Names() []string {
	var out []string
	for _, h := range b.Waiting {
		out = append(out, h.Name)
	}
	slices.Sort(out)
	return out
}
