// Package heartbeat says how the guardrail of an account and region is, from what a
// sweep listed and the ledger's records: how many clusters it judged since the sweep
// before, how many it cannot see, and what it has before it. It is pure: no clock, no
// logger, no AWS.
package heartbeat

import (
	"maps"
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/incident"
)

// Blind is after how many sweeps in a row that woke a cluster, and after which it was
// not judged, the guardrail is said not to see it.
const Blind = 2

// maxRemembered bounds the memory, so that it always fits into one DynamoDB item: a
// cluster's name has 100 characters at most.
const maxRemembered = 2500

// Heartbeat is how the guardrail is, in clusters.
type Heartbeat struct {
	Listed    int // by EKS
	Judged    int // of them, since the last sweep
	InTrouble int // of them, whose last check AWS did not let come to its end
	Standing  int // with a violation that was told and stays
	Open      int // with an open incident
	Owed      int // of which a mail or card was not taken yet
	// Unseen are the names of those that Blind sweeps or more have woken in vain, in order.
	Unseen []string
	// Unreadable counts the records that could not be read; their clusters are not judged.
	Unreadable int
}

// Memory is what the ledger keeps from one sweep to the next.
type Memory struct {
	Schema  int   `json:"schema"`
	Version int64 `json:"version"`
	// At is when the last sweep that counts began, Until when the last cluster that it
	// woke must have been looked at.
	At    time.Time `json:"at,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Missed counts, for each cluster that was not judged since the sweep before, the
	// sweeps in a row that woke it in vain.
	Missed map[string]int `json:"missed,omitempty"`
}

// Sweep is what a sweep found.
type Sweep struct {
	At     time.Time     // when it began
	Over   time.Duration // from its first wake-up to its last
	Listed []string      // the names of the clusters that EKS listed, all of them
}

// margin is what a wake-up may take to be handled in a guardrail that is not behind.
const margin = 2 * time.Minute

// Take says how the guardrail is at a sweep, from what the sweep listed, the ledger's
// records, and what is remembered of the sweep before; and what is to be remembered. A
// sweep that comes before the one before it can have been done with counts nothing.
func Take(last Memory, s Sweep, records []incident.Record, unreadable int) (Heartbeat, Memory) {
	h := Heartbeat{Listed: len(s.Listed), Unreadable: unreadable}
	listed := make(map[string]bool, len(s.Listed))
	for _, name := range s.Listed {
		listed[name] = true
	}
	judged := map[string]time.Time{}
	for _, r := range records {
		if r.Incident != nil {
			h.Open++
		}
		if r.Standing != nil && r.GoneAt.IsZero() {
			h.Standing++
		}
		if len(r.Owed) > 0 {
			h.Owed++
		}
		if r.JudgedAt.After(judged[r.Name]) {
			judged[r.Name] = r.JudgedAt
		}
		if r.Trouble > 0 && r.GoneAt.IsZero() && listed[r.Name] {
			h.InTrouble++
		}
	}
	counts := !s.At.Before(last.Until)
	missed := map[string]int{}
	for _, name := range s.Listed {
		at, known := judged[name]
		n, waited := last.Missed[name]
		switch {
		case known && !at.Before(last.At):
			h.Judged++
			continue
		case waited && counts:
			n++
		case !waited && known && counts:
			n = 1 // the last sweep woke it
		}
		if n >= Blind {
			h.Unseen = append(h.Unseen, name)
		}
		missed[name] = n
	}
	slices.Sort(h.Unseen)
	next := last
	if counts {
		next.At, next.Until, next.Missed = s.At, s.At.Add(s.Over+margin), few(missed)
	}
	return h, next
}

// few keeps the clusters that have been missed most.
func few(missed map[string]int) map[string]int {
	names := slices.SortedFunc(maps.Keys(missed), func(a, b string) int { return missed[b] - missed[a] })
	for _, name := range names[min(len(names), maxRemembered):] {
		delete(missed, name)
	}
	return missed
}
