package simulation

import (
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// Only what a change cannot do without may keep it from being made: while EKS tells
// nothing of its updates, a cluster that is open is closed all the same, and how that
// ended is told when it can be read again.
func TestRefusedReadsKeepNothingOpen(t *testing.T) {
	for name, faults := range map[string][]localaws.Fault{
		"updates can't be described": {localaws.Denied("eks", "DescribeUpdate")},
		"updates can't be listed":    {localaws.Denied("eks", "ListUpdates")},
		"neither":                    {localaws.Denied("eks", "DescribeUpdate"), localaws.Denied("eks", "ListUpdates")},
		"EKS throttles them": {
			{Service: "eks", Operation: "DescribeUpdate", Type: "ThrottlingException"}, {Service: "eks", Operation: "ListUpdates", Type: "ThrottlingException"},
		},
	} {
		for how, event := range map[string]bool{"told by its event": true, "found by a sweep": false} {
			t.Run(name+", "+how, func(t *testing.T) {
				o := localaws.Options{}
				if !event {
					o.DeliverEvent = delays(-1)
				}
				story(t, o, func(w *world) {
					must(w, w.create(bob, "closed-1", &closed))
					w.runFor(20 * time.Minute)
					for _, f := range faults {
						w.faulty(f)
					}
					w.mustSet(alice, "closed-1", world0)
					w.runFor(4 * time.Minute)
					if !event {
						w.sweep()
					}
					w.runFor(15 * time.Minute)
					w.wantClosed("closed-1")
					w.runFor(3 * 24 * time.Hour)
					w.wantClosed("closed-1")
					w.wantNone("closed-1", "already-undone", "failed")
					w.aws.ClearFaults()
					w.runFor(time.Hour)
					w.wantTold("closed-1", "enforced")
				})
			})
		}
	}
}

// wantTold checks that the last mail about a cluster says the outcome.
func (w *world) wantTold(cluster, outcome string) {
	w.t.Helper()
	last := ""
	for _, m := range w.aws.Mails(topicName) {
		if m.Attributes["cluster"] == cluster {
			last = m.Attributes["outcome"]
		}
	}
	if last != outcome {
		w.t.Errorf("the last mail about %s says %q, want %q", cluster, last, outcome)
	}
}

// A violation that was told while EKS told nothing of its updates is not told again
// when it does.
func TestToldOnceThoughUpdatesCannotBeRead(t *testing.T) {
	for name, faults := range map[string][]localaws.Fault{
		"updates can't be described": {localaws.Denied("eks", "DescribeUpdate")},
		"updates can't be listed":    {localaws.Denied("eks", "ListUpdates")},
	} {
		for how, event := range map[string]bool{"told by its event": true, "found by a sweep": false} {
			t.Run(name+", "+how, func(t *testing.T) {
				o := localaws.Options{}
				if !event {
					o.DeliverEvent = delays(-1)
				}
				story(t, o, func(w *world) {
					must(w, w.create(bob, "told-1", &closed))
					w.runFor(20 * time.Minute)
					for _, f := range faults {
						w.faulty(f)
					}
					w.mustSet(alice, "told-1", world0)
					w.runFor(10 * time.Minute)
					w.sweep()
					w.runFor(2 * time.Hour)
					w.wantTold("told-1", "violation")
					mails := len(w.mailed("told-1"))
					w.aws.ClearFaults()
					for range 3 {
						w.sweep()
						w.runFor(time.Hour)
					}
					if now := w.mailed("told-1"); len(now) != mails {
						w.t.Errorf("told again: %v", now)
					}
				})
			})
		}
	}
}
