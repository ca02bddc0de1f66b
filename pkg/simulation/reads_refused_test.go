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
	whileRefused(t, "closed-1", map[string][]localaws.Fault{
		"updates can't be described": {localaws.Denied("eks", "DescribeUpdate")},
		"updates can't be listed":    {localaws.Denied("eks", "ListUpdates")},
		"neither":                    {localaws.Denied("eks", "DescribeUpdate"), localaws.Denied("eks", "ListUpdates")},
		"EKS throttles them": {
			{Service: "eks", Operation: "DescribeUpdate", Type: "ThrottlingException"}, {Service: "eks", Operation: "ListUpdates", Type: "ThrottlingException"},
		},
	}, func(w *world, event bool) {
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
}

// wantTold checks that the last mail about a cluster says the outcome.
func (w *world) wantTold(cluster, outcome string) {
	w.t.Helper()
	if mails := w.mailed(cluster); len(mails) == 0 || mails[len(mails)-1] != outcome {
		w.t.Errorf("the mails about %s are %v, want %q at last", cluster, mails, outcome)
	}
}

// whileRefused plays stories of a cluster that was created closed, and is opened while EKS
// refuses the reads: one in which events tell of it, and one in which a sweep finds it.
func whileRefused(t *testing.T, cluster string, reads map[string][]localaws.Fault, play func(w *world, event bool)) {
	for name, faults := range reads {
		for how, event := range map[string]bool{"told by its event": true, "found by a sweep": false} {
			t.Run(name+", "+how, func(t *testing.T) {
				o := localaws.Options{}
				if !event {
					o.DeliverEvent = delays(-1)
				}
				story(t, o, func(w *world) {
					must(w, w.create(bob, cluster, &closed))
					w.runFor(20 * time.Minute)
					for _, f := range faults {
						w.faulty(f)
					}
					w.mustSet(alice, cluster, world0)
					play(w, event)
				})
			})
		}
	}
}

// A violation that was told while EKS told nothing of its updates is not told again
// when it does.
func TestToldOnceThoughUpdatesCannotBeRead(t *testing.T) {
	whileRefused(t, "told-1", map[string][]localaws.Fault{
		"updates can't be described": {localaws.Denied("eks", "DescribeUpdate")},
		"updates can't be listed":    {localaws.Denied("eks", "ListUpdates")},
	}, func(w *world, _ bool) {
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
}
