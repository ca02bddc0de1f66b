package simulation

import (
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// Only what a change cannot do without may keep it from being made: while EKS tells
// nothing of its updates, a cluster that is open is closed all the same, and told of as
// the looks show it.
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
		w.wantNone("closed-1", "already-undone", "failed", "stuck")
		// Either EKS said that ours was done, or the mail says that it did not.
		if mails := w.mailed("closed-1"); len(mails) != 2 || mails[1] != "enforced" && mails[1] != "compliant" {
			w.t.Errorf("the mails are %v", mails)
		}
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

// unread are the ways in which EKS may not let an update be read.
func unread() map[string]localaws.Fault {
	return map[string]localaws.Fault{
		"denied":    localaws.Denied("eks", "DescribeUpdate"),
		"throttled": {Service: "eks", Operation: "DescribeUpdate", Type: "ThrottlingException"},
		"failing":   {Service: "eks", Operation: "DescribeUpdate", Status: 503},
	}
}

// withoutUpdates plays a story of a complying cluster while EKS lets no update be read.
func withoutUpdates(t *testing.T, cluster string, play func(w *world)) {
	t.Helper()
	withoutUpdatesAnd(t, localaws.Options{}, cluster, play)
}

func withoutUpdatesAnd(t *testing.T, o localaws.Options, cluster string, play func(w *world)) {
	for how, fault := range unread() {
		t.Run(how, func(t *testing.T) {
			story(t, o, func(w *world) {
				w.put(cluster, closed)
				w.remember()
				w.sweep()
				w.runFor(time.Minute)
				w.faulty(fault)
				play(w)
			})
		})
	}
}

// hourly lets hours pass, each with a sweep.
func (w *world) hourly(hours int) {
	for range hours {
		w.sweep()
		w.runFor(time.Hour)
	}
}

// Having heard of an opening must not make blind for it: what every look shows is told,
// and what keeps it from being ended, though nothing is known of the updates.
func TestAnOpenClusterThatIsBusyIsToldOfThoughUpdatesCannotBeRead(t *testing.T) {
	if testing.Short() {
		t.Skip("it plays a day of looks every minute")
	}
	for _, cluster := range []string{"closed-1", "told-1"} {
		withoutUpdates(t, cluster, func(w *world) {
			w.mustSet(alice, cluster, world0)
			for {
				if _, err := w.aws.StartUpdate(cluster, "VersionRollback", 12*time.Hour); err == nil {
					break
				}
				w.runFor(time.Second)
			}
			w.runFor(10 * time.Minute)
			w.wantTold(cluster, "detected")
			w.hourly(10)
			w.wantTold(cluster, "stuck")
		})
	}
}

// A cluster that is kept busy with gaps is closed in the first that is longer than the
// doubt about a look lasts.
func TestAGapIsEnoughThoughUpdatesCannotBeRead(t *testing.T) {
	withoutUpdates(t, "closed-1", func(w *world) {
		w.mustSet(alice, "closed-1", world0)
		var at time.Time // since when it is at rest
		for began := time.Now(); time.Since(began) < 3*time.Hour && w.applied["closed-1"] == 0; w.runFor(15 * time.Second) {
			switch c, _ := w.aws.Cluster("closed-1"); {
			case c.Status != "ACTIVE":
				at = time.Time{}
			case at.IsZero():
				at = time.Now()
			case time.Since(at) >= 5*time.Minute:
				_, _ = w.aws.StartUpdate("closed-1", "VersionUpdate", 25*time.Minute)
			}
		}
		if time.Since(at) > 5*time.Minute || w.applied["closed-1"] != 1 {
			w.t.Errorf("%d changes, at rest since %s, it is %s", w.applied["closed-1"], at, time.Now())
		}
	})
}

// However often it is opened while no update can be read, it is closed and told of.
func TestReopenedThoughUpdatesCannotBeRead(t *testing.T) {
	for name, pause := range map[string]time.Duration{"at once": time.Minute, "soon": 20 * time.Minute, "later": 5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			withoutUpdates(t, "closed-1", func(w *world) {
				w.mustSet(alice, "closed-1", world0)
				w.runFor(20 * time.Minute)
				w.wantClosed("closed-1")
				w.runFor(pause)
				w.mustSet(alice, "closed-1", world0)
				w.runFor(45 * time.Minute)
				w.wantClosed("closed-1")
				w.hourly(3)
				w.wantNone("closed-1", "stuck", "failed")
				w.aws.ClearFaults()
				w.hourly(1)
				w.wantClosed("closed-1")
			})
		})
	}
}

// An update of ours that fails unread is made again.
func TestOursFailsUnread(t *testing.T) {
	withoutUpdates(t, "closed-1", func(w *world) {
		w.mustSet(alice, "closed-1", world0)
		for w.applied["closed-1"] == 0 {
			w.runFor(time.Second)
		}
		must(w, w.aws.EndUpdate("closed-1", "Failed"))
		w.runFor(30 * time.Minute)
		w.wantClosed("closed-1")
	})
}

// What every look shows closed is not said to be open, however little EKS tells of the
// update that closed it.
func TestClosedAndNotConfirmed(t *testing.T) {
	withoutUpdates(t, "closed-1", func(w *world) {
		w.mustSet(alice, "closed-1", world0)
		w.hourly(6)
		w.wantClosed("closed-1")
		w.wantNone("closed-1", "stuck", "failed", "already-undone", "enforced")
		w.wantTold("closed-1", "compliant")
	})
}

// How soon an opening is acted on is bounded by how long EKS works on it, not by how long
// its update has not been read.
func TestHowSoonWithoutUpdates(t *testing.T) {
	for _, takes := range []time.Duration{4 * time.Minute, 40 * time.Minute} {
		t.Run(takes.String(), func(t *testing.T) {
			story(t, localaws.Options{Durations: localaws.Durations{EndpointUpdate: takes}}, func(w *world) {
				w.put("closed-1", closed)
				w.remember()
				w.faulty(localaws.Denied("eks", "DescribeUpdate"))
				w.mustSet(alice, "closed-1", world0)
				w.runFor(takes + 4*time.Minute)
				if w.applied["closed-1"] != 1 {
					w.t.Errorf("%d changes", w.applied["closed-1"])
				}
			})
		})
	}
}

// What was opened and put right while no update could be read is told, if a look showed it;
// what no look ever showed is nobody's word but a message's.
func TestUndoneThoughUpdatesCannotBeRead(t *testing.T) {
	withoutUpdates(t, "told-1", func(w *world) {
		w.faulty(localaws.Fault{Service: "eks", Operation: "ListUpdates", Delay: 50 * time.Second})
		w.mustSet(alice, "told-1", world0)
		for w.cluster("told-1").Access.Equal(closed) {
			w.runFor(5 * time.Second)
		}
		w.runFor(75 * time.Second)
		w.mustSet(bob, "told-1", closed)
		w.hourly(3)
		if mails := w.mailed("told-1"); len(mails) == 0 {
			w.t.Error("it was open, and nobody was told")
		}
	})
}

// A violation that stands, was put right with no event that tells, and is there again is
// told again: the event of its opening is at hand, and looks show it.
func TestOpenedAgainThoughUpdatesCannotBeRead(t *testing.T) {
	withoutUpdatesAnd(t, localaws.Options{DeliverEvent: delays(20*time.Second, -1, 20*time.Second)}, "told-1", func(w *world) {
		w.mustSet(alice, "told-1", world0)
		w.hourly(1)
		w.wantTold("told-1", "violation")
		told := len(w.mailed("told-1"))
		w.mustSet(bob, "told-1", closed)
		w.runFor(10 * time.Minute)
		w.mustSet(alice, "told-1", world0)
		w.runFor(15 * time.Minute)
		if mails := w.mailed("told-1"); len(mails) != told+1 {
			w.t.Errorf("the mails are %v", mails)
		}
	})
}
