package simulation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/settings"
)

// story plays in a bubble of its own and holds the claims at its end.
func story(t *testing.T, o localaws.Options, play func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if o.Seed == 0 {
			o.Seed = 1
		}
		w := newWorld(t, o)
		play(w)
		w.report()
	})
}

// delays is a DeliverEvent that gives each event, in order, a delay; the last
// goes on for all that follow, a negative one loses the event.
func delays(list ...time.Duration) func([]byte) []time.Duration {
	n := 0
	return func([]byte) []time.Duration {
		d := list[min(n, len(list)-1)]
		n++
		if d < 0 {
			return nil
		}
		return []time.Duration{d}
	}
}

// faulty breaks an operation of the guardrail's until the faults are cleared.
func (w *world) faulty(f localaws.Fault) {
	f.Caller, f.Times = guard, -1
	w.aws.Inject(f)
	w.mu.Lock()
	w.late = w.late || f.Operation == "Publish"
	w.mu.Unlock()
}

// hasUpdates gives a cluster earlier updates.
func (w *world) hasUpdates(cluster string, n int) {
	w.t.Helper()
	for range n {
		_, err := w.aws.StartUpdate(cluster, "LoggingUpdate", time.Second)
		must(w, err)
		pass(1100 * time.Millisecond)
	}
}

// queued is how many messages there are.
func (w *world) queued() int { return len(w.aws.Messages(queueName)) }

// wantNone checks that no mail about a cluster says any of the outcomes.
func (w *world) wantNone(cluster string, outcomes ...string) {
	w.t.Helper()
	for _, m := range w.aws.Mails(topicName) {
		if m.Attributes["cluster"] == cluster && slices.Contains(outcomes, m.Attributes["outcome"]) {
			w.t.Errorf("this must not be said: %s: %s", m.Attributes["outcome"], m.Subject)
		}
	}
}

func (w *world) wantClosed(cluster string) {
	w.t.Helper()
	if c := w.cluster(cluster); c.Access.Public {
		w.t.Errorf("%s ends as %s", cluster, c.Access)
	}
}

// The ledger takes no writes while a cluster that is open waits for EKS. However
// long that lasts, one message is left behind by each check.
func TestNoWritesNoMoreMessages(t *testing.T) {
	for name, f := range map[string]localaws.Fault{
		"fails":      {Status: 500},
		"throttled":  {Type: "ThrottlingException"},
		"denied":     localaws.Denied("dynamodb", ""),
		"key denied": localaws.KeyRefused("dynamodb", localaws.KeyDenied),
	} {
		t.Run(name, func(t *testing.T) {
			story(t, localaws.Options{}, func(w *world) {
				w.put("closed-1", world0)
				w.remember()
				_, err := w.aws.StartUpdate("closed-1", "VersionUpdate", 2*time.Hour)
				must(w, err)
				w.sweep()
				w.runFor(time.Minute)
				f.Service, f.Operation = "dynamodb", "PutItem"
				w.faulty(f)
				for range 30 {
					w.runFor(time.Minute)
					if n := w.queued(); n > 3 {
						w.t.Fatalf("%d messages about one cluster", n)
					}
				}
				w.aws.ClearFaults()
				w.runFor(3 * time.Hour)
				w.wantClosed("closed-1")
				w.quiet()
			})
		})
	}
}

// Each call to EKS takes half a minute while an update of the guardrail's is in
// progress; an invocation has a minute.
func TestEKSIsSlow(t *testing.T) {
	for _, each := range []time.Duration{10 * time.Second, 30 * time.Second, 50 * time.Second} {
		t.Run(each.String(), func(t *testing.T) {
			story(t, localaws.Options{}, func(w *world) {
				w.put("closed-1", world0)
				w.remember()
				w.sweep()
				w.runFor(20 * time.Second)
				w.faulty(localaws.Fault{Service: "eks", Delay: each})
				for range 12 {
					w.runFor(5 * time.Minute)
					if n := w.queued(); n > 3 {
						w.t.Fatalf("%d messages about one cluster", n)
					}
				}
				w.aws.ClearFaults()
				w.runFor(time.Hour)
				w.wantClosed("closed-1")
				w.quiet()
			})
		})
	}
}

// To read the updates of a cluster with a hundred of them takes longer than an
// invocation has. It gets done all the same, bit by bit.
func TestTheHistoryTakesLongerThanAnInvocation(t *testing.T) {
	for _, n := range []int{60, 100, 250} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			story(t, localaws.Options{}, func(w *world) {
				w.put("closed-1", world0)
				w.hasUpdates("closed-1", n)
				w.remember()
				w.faulty(localaws.Fault{Operation: "DescribeUpdate", Delay: 600 * time.Millisecond})
				w.sweep()
				for range 12 {
					w.runFor(10 * time.Minute)
					if n := w.queued(); n > 3 {
						w.t.Fatalf("%d messages about one cluster", n)
					}
				}
				w.wantClosed("closed-1")
				w.quiet()
			})
		})
	}
}

// closedThenOpened has bob close an endpoint that the policy admits, and alice open it to
// others so much later: it must end closed.
func (w *world) closedThenOpened(later time.Duration) {
	w.t.Helper()
	w.put("office-1", office)
	w.remember()
	w.sweep()
	w.runFor(time.Minute)
	w.mustSet(bob, "office-1", closed)
	w.runFor(later)
	w.mustSet(alice, "office-1", access(true, true, "192.0.2.0/24"))
	w.runFor(90 * time.Minute)
	w.wantClosed("office-1")
	w.quiet()
}

// Bob closes an endpoint on purpose; the event of that is handled while EKS is
// still at it. Then alice opens it to others. What was in force right before is
// bob's, not what the guardrail last saw settled.
func TestRevertOpensNothingThatWasClosed(t *testing.T) {
	for name, o := range map[string]localaws.Options{
		"handled while EKS is at it": {DeliverEvent: delays(20*time.Second, 5*time.Minute)},
		"never heard of":             {DeliverEvent: delays(-1, 20*time.Second)},
		"comes late":                 {DeliverEvent: delays(45*time.Minute, 20*time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			o.Durations = localaws.Durations{EndpointUpdate: 90 * time.Second}
			story(t, o, func(w *world) { w.closedThenOpened(20 * time.Minute) })
		})
	}
}

// The first look of an update shows what was before bob's, since reads are
// behind: nor is that what was right before.
func TestBeforeIsNotWhatAnOldLookShows(t *testing.T) {
	for _, skew := range []bool{false, true} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprint(skew, " ", seed), func(t *testing.T) {
				o := localaws.Options{Seed: seed + 1, StaleReads: 25 * time.Second, ReadSkew: skew, DeliverEvent: delays(10 * time.Second)}
				o.Durations = localaws.Durations{EndpointUpdate: 90 * time.Second}
				story(t, o, func(w *world) { w.closedThenOpened(91 * time.Second) })
			})
		}
	}
}

// A cluster with several hundred updates is put right by bob. The event comes
// right after the end, with an old look: no cluster that complies is changed.
func TestManyUpdatesAndAnOldLook(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			o := localaws.Options{Seed: seed + 1, StaleReads: 25 * time.Second, ListReorder: seed%2 == 1, DeliverEvent: delays(65 * time.Second)}
			o.Durations = localaws.Durations{EndpointUpdate: time.Minute}
			story(t, o, func(w *world) {
				w.put("office-1", world0)
				w.hasUpdates("office-1", 400)
				w.remember()
				w.mustSet(bob, "office-1", access(true, true, "198.51.100.0/24"))
				w.runFor(30 * time.Minute)
				if n := w.applied["office-1"]; n > 0 {
					w.t.Errorf("the guardrail changed it %d times", n)
				}
				w.quiet()
			})
		})
	}
}

// The same document, in the other mode: nothing happened to any cluster.
func TestTheModeChanges(t *testing.T) {
	story(t, localaws.Options{}, func(w *world) {
		for n := range 3 {
			w.put(fmt.Sprintf("closed-%d", n), closed)
		}
		w.put("told-1", closed)
		w.remember()
		for _, mode := range []string{settings.ModeEnforce, settings.ModeAlert, settings.ModeEnforce} {
			w.mode = mode
			w.sweep()
			w.runFor(time.Minute)
		}
		for _, m := range w.aws.Mails(topicName) {
			w.t.Errorf("a mail, and nobody touched anything: %s", m.Subject)
		}
		w.quiet()
	})
}

// A violation that only alerts stands; it is put right and opened again with
// the same values. The second opening is a call of its own, and is told.
func TestOpenedAgain(t *testing.T) {
	for name, o := range map[string]localaws.Options{
		"the closing's event is lost":                      {DeliverEvent: delays(2*time.Minute, -1, 2*time.Minute)},
		"the closing's event comes with an old look":       {StaleReads: 25 * time.Second, DeliverEvent: delays(2*time.Minute, 50*time.Second, 2*time.Minute)},
		"the closing's event comes before the status does": {DeliverEvent: delays(2*time.Minute, 5*time.Second, 2*time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			o.StatusLag, o.Durations = 20*time.Second, localaws.Durations{EndpointUpdate: 40 * time.Second}
			story(t, o, func(w *world) {
				w.put("told-1", closed)
				w.remember()
				w.mustSet(alice, "told-1", world0)
				w.runFor(20 * time.Minute)
				w.mustSet(bob, "told-1", closed)
				w.runFor(20 * time.Minute)
				before := len(w.mailed("told-1"))
				w.mustSet(alice, "told-1", world0)
				w.runFor(3 * time.Hour)
				w.sweep()
				w.runFor(3 * time.Hour)
				if before == 0 || len(w.mailed("told-1")) == before {
					w.t.Errorf("%d mails of the first opening, %d in the end", before, len(w.mailed("told-1")))
				}
				w.quiet()
			})
		})
	}
}

// EKS does not take the guardrail's call. Within a minute bob asks for the same
// himself: the mail does not say that the guardrail did it.
func TestTheGuardrailTakesNoCredit(t *testing.T) {
	for _, wait := range []time.Duration{2 * time.Second, 20 * time.Second, 50 * time.Second} {
		t.Run(wait.String(), func(t *testing.T) {
			story(t, localaws.Options{}, func(w *world) {
				w.put("closed-1", world0)
				w.remember()
				w.faulty(localaws.Fault{Operation: "UpdateClusterConfig", Status: 503})
				w.sweep()
				w.runFor(wait)
				w.mustSet(bob, "closed-1", closed)
				w.aws.ClearFaults()
				w.runFor(time.Hour)
				if w.applied["closed-1"] == 0 {
					w.wantNone("closed-1", "enforced", "partly-enforced")
				}
				w.quiet()
			})
		})
	}
}

// Lambda invokes the function twice with the same batch; the first invocation
// dies right after EKS took the change. Nobody else did it.
func TestTheSameBatchAgain(t *testing.T) {
	for _, after := range []time.Duration{time.Second, 30 * time.Second, 4 * time.Minute} {
		t.Run(after.String(), func(t *testing.T) {
			story(t, localaws.Options{}, func(w *world) {
				w.put("closed-1", world0)
				w.remember()
				w.sweep()
				f := w.function("guardrail", nil)
				whole := &mortal{}
				h := w.handler(companyPolicy, whole.wrap)
				w.aws.Inject(localaws.Fault{Operation: "UpdateClusterConfig", Caller: guard, Drop: localaws.DropAfter, Do: func() {
					whole.mu.Lock()
					whole.dead = true
					whole.mu.Unlock()
				}})
				for w.applied["closed-1"] == 0 {
					pass(time.Second)
					_, err := f.RunOnce(w.t.Context(), whole.handler(h))
					must(w, err)
				}
				runs := f.Invocations()
				w.mu.Lock()
				w.messages.extra["closed-1"]++
				w.mu.Unlock()
				must(w, f.InvokeAgain(runs[len(runs)-1].ID, after))
				w.workers = append(w.workers, f)
				began := time.Now()
				for time.Since(began) < 20*time.Minute {
					w.runFor(time.Second)
				}
				w.runFor(time.Hour)
				if n := w.applied["closed-1"]; n != 1 {
					w.t.Errorf("EKS took %d updates, want one", n)
				}
				w.wantNone("closed-1", "already-undone")
				w.wantClosed("closed-1")
				w.quiet()
			})
		})
	}
}

// EKS's list of updates is behind, and the answer to the guardrail's own is lost.
func TestTheListLags(t *testing.T) {
	for _, lag := range []time.Duration{5 * time.Second, 20 * time.Second, 45 * time.Second} {
		t.Run(lag.String(), func(t *testing.T) {
			story(t, localaws.Options{ListLag: lag}, func(w *world) {
				w.put("closed-1", world0)
				w.remember()
				w.aws.Inject(localaws.Fault{Operation: "UpdateClusterConfig", Caller: guard, Drop: localaws.DropAfter, Times: 3})
				w.sweep()
				w.runFor(time.Hour)
				w.wantNone("closed-1", "already-undone")
				w.wantClosed("closed-1")
				if n := w.applied["closed-1"]; n != 1 {
					w.t.Errorf("EKS took %d updates, want one", n)
				}
				w.quiet()
			})
		})
	}
}

// The answer to the guardrail's call is lost, the SDK asks again, and EKS says
// that the cluster has an update in progress: the guardrail's own.
func TestTheTokenOfAnUpdateInProgress(t *testing.T) {
	for name, o := range map[string]localaws.Options{
		"in use":                    {RepeatedToken: localaws.InUse},
		"in use, no event":          {RepeatedToken: localaws.InUse, DeliverEvent: delays(-1)},
		"in use, and the list lags": {RepeatedToken: localaws.InUse, ListLag: 30 * time.Second, DeliverEvent: delays(-1)},
		"the same update":           {DeliverEvent: delays(-1)},
	} {
		for _, lost := range []int{1, 3} {
			t.Run(fmt.Sprint(name, ", lost ", lost), func(t *testing.T) {
				story(t, o, func(w *world) {
					w.put("closed-1", world0)
					w.remember()
					w.aws.Inject(localaws.Fault{Operation: "UpdateClusterConfig", Caller: guard, Drop: localaws.DropAfter, Times: lost})
					w.sweep()
					w.runFor(time.Hour)
					w.wantNone("closed-1", "already-undone")
					w.wantClosed("closed-1")
					w.quiet()
				})
			})
		}
	}
}

// Whatever is refused for two hours, the delay between two looks grows, and the
// cluster is closed once it is over.
func TestTroubleGrows(t *testing.T) {
	for _, op := range []string{"Publish", "ListUpdates", "DescribeUpdate", "UpdateClusterConfig", "DescribeCluster", "PutItem", "Query", "DescribeVpcs"} {
		for how, f := range map[string]localaws.Fault{"fails": {Status: 500}, "is denied": {Status: 403}} {
			t.Run(op+" "+how, func(t *testing.T) {
				story(t, localaws.Options{}, func(w *world) {
					w.put("closed-1", world0)
					w.remember()
					f.Operation = op
					w.faulty(f)
					w.sweep()
					began := time.Now()
					w.runFor(refusedFor)
					if n := w.looksAt("closed-1", began, time.Now()); n > mostLooks {
						w.t.Errorf("%d looks in two hours", n)
					}
					w.aws.ClearFaults()
					w.runFor(time.Hour)
					w.sweep() // what is told as blocked is left to the schedule
					w.runFor(time.Hour)
					w.wantClosed("closed-1")
					w.quiet()
				})
			})
		}
	}
}

// sweeper is the deployed sweep with its digest.
// A cluster with a standing violation is deleted while nobody listens. The
// digest stops telling of it.
// Clusters come and go. What the ledger keeps of those that went ends some day.
// What comes too late for the first answer of EKS's: after enforced, a read that
// is older than the one before raises no alarm.
func TestNoAlarmFromAnOlderLook(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			o := localaws.Options{Seed: seed + 1, StaleReads: 25 * time.Second, ReadSkew: true, UpdateLag: time.Duration(seed) * time.Second}
			o.Durations = localaws.Durations{EndpointUpdate: time.Minute}
			story(t, o, func(w *world) {
				w.put("closed-1", closed)
				w.remember()
				w.mustSet(alice, "closed-1", world0)
				for range 30 {
					w.runFor(20 * time.Second)
					w.sweep()
				}
				w.runFor(2 * time.Hour)
				if got := w.mailed("closed-1"); len(got) > 2 {
					w.t.Errorf("mails %v of one opening", got)
				}
				if n := w.applied["closed-1"]; n != 1 {
					w.t.Errorf("EKS took %d updates, want one", n)
				}
				w.wantClosed("closed-1")
				w.quiet()
			})
		})
	}
}

// A cluster that EKS refuses to change for good is told of; one that it refuses
// to change for a while is closed after that.
func TestEKSRefusesToChange(t *testing.T) {
	if testing.Short() {
		t.Skip("it plays days of looks every minute")
	}
	for name, d := range map[string]time.Duration{"for an hour": time.Hour, "for six hours": 6 * time.Hour, "for good": -1} {
		t.Run(name, func(t *testing.T) {
			story(t, localaws.Options{}, func(w *world) {
				w.put("closed-1", world0)
				w.remember()
				must(w, w.aws.RefuseUpdates("closed-1", "The cluster is in a state in which it cannot be updated.", d))
				w.sweep()
				w.runFor(5 * time.Hour)
				if got := w.mailed("closed-1"); len(got) < 2 {
					w.t.Errorf("mails %v while it cannot be changed", got)
				}
				if d < 0 {
					return // what goes on being tried is never done
				}
				w.runFor(d)
				w.sweep()
				w.runFor(2 * time.Hour)
				w.wantClosed("closed-1")
				w.quiet()
			})
		})
	}
}

// EKS works on a cluster for hours, as it does for a rollback, and gives up or
// gets done. The endpoint is closed right after.
func TestEKSWorksForLong(t *testing.T) {
	if testing.Short() {
		t.Skip("it plays days of looks every minute")
	}
	told, once := []string{"detected", "stuck", "enforced"}, []string{"detected", "enforced"}
	for _, tc := range []struct {
		kind, end string
		after     time.Duration // that it ends, in whatever way
		mails     []string
	}{
		// A rollback may take 12 hours, and the first mail says so.
		{"VersionRollback", "Successful", 12 * time.Hour, once}, {"VersionRollback", "Cancelled", 11 * time.Hour, once},
		{"VersionRollback", "Failed", 11 * time.Hour, once}, {"VersionRollback", "Successful", 20 * time.Hour, told},
		{"ControlPlaneEgressUpdate", "Successful", 12 * time.Hour, told}, {"ControlPlaneEgressUpdate", "Failed", 3 * time.Hour, told},
		{"CertificateAuthorityUpdate", "Cancelled", 11 * time.Hour, told}, {"VersionUpdate", "Successful", time.Hour, once},
	} {
		t.Run(fmt.Sprint(tc.kind, " ", tc.end, " ", tc.after), func(t *testing.T) {
			story(t, localaws.Options{}, func(w *world) {
				w.put("closed-1", world0)
				w.remember()
				_, err := w.aws.StartUpdate("closed-1", tc.kind, 8*24*time.Hour)
				must(w, err)
				w.sweep()
				w.runFor(tc.after)
				must(w, w.aws.EndUpdate("closed-1", tc.end))
				w.runFor(2 * time.Hour)
				w.wantClosed("closed-1")
				if got := w.mailed("closed-1"); !slices.Equal(got, tc.mails) {
					w.t.Errorf("mails %v, want %v", got, tc.mails)
				}
				if first := w.aws.Mails(topicName)[0].Message; !strings.Contains(first, tc.kind) {
					w.t.Errorf("the first mail does not name what holds the guardrail up:\n%s", first)
				}
				w.quiet()
			})
		})
	}
}

// Who opens a cluster and then has EKS work on it for long is told of with what holds the
// guardrail up, two hours later, and the cluster is closed once EKS is done.
func TestOpenedAndHeldOpen(t *testing.T) {
	story(t, localaws.Options{}, func(w *world) {
		w.put("closed-1", closed)
		w.remember()
		w.sweep()
		w.runFor(time.Minute)
		w.mustSet(alice, "closed-1", world0)
		until := time.Now().Add(time.Hour)
		for time.Now().Before(until) {
			// As soon as the opening is through, before the guardrail's own update can begin.
			if _, err := w.aws.StartUpdate("closed-1", "VersionRollback", 12*time.Hour); err == nil {
				break
			}
			w.runFor(time.Second)
		}
		w.runFor(3 * time.Hour)
		var stuck string
		for _, m := range w.aws.Mails(topicName) {
			if m.Attributes["outcome"] == "stuck" {
				stuck = m.Message
			}
		}
		if !strings.Contains(stuck, "VersionRollback") || !strings.Contains(stuck, "aws eks cancel-update") {
			w.t.Errorf("the mail says nothing of the rollback:\n%s", stuck)
		}
		w.runFor(10 * time.Hour)
		w.wantClosed("closed-1")
		w.wantTold("closed-1", "enforced")
	})
}
