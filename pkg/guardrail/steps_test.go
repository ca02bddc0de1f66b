package guardrail

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/trouble"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

var everybody = endpoint.Access{Public: true, Private: true}

// scene is a check: what there is and the message, the calls that are made for it in
// their order, and what is reported.
type scene struct {
	prepare func(f *fake, g *Guardrail)
	wake    wakeup.Message
	calls   string
	report  Report
}

// known notes a record of the cluster.
func (f *fake) known(change func(r *incident.Record)) { f.before(0, change) }

// found is the record of an open incident.
func found(r *incident.Record) {
	r.Incident = &incident.Incident{
		Ref: "EG-1", OpenedAt: start.Add(-time.Minute), DetectedMailed: start.Add(-time.Minute), Opening: everybody, Stage: incident.Detected,
	}
}

// taken is that of one in which EKS has taken an update of ours.
func taken(r *incident.Record) {
	found(r)
	r.Ours = []string{"ours"}
	r.Incident.Attempts = []incident.Attempt{{
		Number: 1, UpdateID: "ours", At: start.Add(-time.Minute), CreatedAt: start.Add(-time.Minute), Status: endpoint.UpdateInProgress,
		From: everybody, Desired: endpoint.Access{Private: true},
	}}
}

// watched is that of a cluster over which nothing is open, with somebody's update that
// began so long ago.
func watched(age time.Duration) func(r *incident.Record) {
	return func(r *incident.Record) {
		r.Watch = []incident.Cause{{Call: cloudtrail.UpdateClusterConfig, UpdateID: "u1", At: start.Add(-age)}}
	}
}

// closed makes the update that is read one that closed the cluster.
func (f *fake) closed(at time.Time) {
	public, private := false, true
	f.update.Status, f.update.CreatedAt, f.update.Asked = endpoint.UpdateSuccessful, at, endpoint.Request{Public: &public, Private: &private}
}

// call is a call of somebody's that was just made.
func call(name string) *cloudtrail.Event {
	return &cloudtrail.Event{ID: "e1", Name: name, UpdateID: "u1", Time: start, Cluster: "demo", Account: "111122223333", Region: "eu-west-1"}
}

func scenes() map[string]scene {
	const ref = "EG-2AHW4Q63" // of what is found on the cluster
	var (
		detected = []Told{{Kind: incident.NoticeDetected, Ref: ref}}
		s15      = 15 * time.Second
	)
	return map[string]scene{
		"it complies": {
			prepare: func(*fake, *Guardrail) {},
			calls:   "load cluster save",
			report:  Report{Outcome: incident.Compliant},
		},
		"nothing is new": {
			prepare: func(f *fake, _ *Guardrail) {
				f.known(func(r *incident.Record) {
					r.Compliant = &incident.Seen{Access: f.cluster.Access, At: start}
					r.Steady, r.Reach, r.JudgedAt = r.Compliant, &incident.Reach{Rules: []string{"closed"}}, start
				})
			},
			calls:  "load cluster",
			report: Report{Outcome: incident.Compliant},
		},
		"it violates": {
			prepare: func(f *fake, _ *Guardrail) { f.cluster.Access = everybody },
			calls:   "load cluster history network save apply save update save publish save card save send",
			report:  Report{Ref: ref, Stage: incident.Updating, Opened: []string{ref}, Mails: detected, Updates: []string{"ours"}, Next: s15},
		},
		"it violates, and our update is done at once": {
			prepare: func(f *fake, _ *Guardrail) {
				f.cluster.Access = everybody
				f.closed(start)
				f.during = map[string]func(){"apply": func() { f.cluster.Access = endpoint.Access{Private: true} }}
			},
			// The look that found it is from before the update's end.
			calls: "load cluster history network save apply save update cluster save publish save card",
			report: Report{
				Outcome: incident.Enforced, Ref: ref, Opened: []string{ref}, Updates: []string{"ours"},
				Closed: []Closed{{Ref: ref, Outcome: incident.Enforced}}, Mails: []Told{{Kind: incident.NoticeOutcome, Ref: ref}},
			},
		},
		"it violates, and a former cluster is not done": {
			prepare: func(f *fake, _ *Guardrail) {
				f.cluster.Access = everybody
				f.before(time.Hour, func(r *incident.Record) { r.Owed, r.OwedDue = owes(start.Add(-time.Hour)), start.Add(10*time.Second) })
			},
			calls: "load cluster save history network save apply save update save publish save card save send",
			report: Report{
				Ref: ref, Stage: incident.Updating, Opened: []string{ref}, Mails: detected, Updates: []string{"ours"},
				Next: 10 * time.Second, OwedFor: time.Hour,
			},
		},
		"it violates and is busy": {
			prepare: func(f *fake, _ *Guardrail) { f.cluster.Access, f.cluster.Status = everybody, endpoint.StatusUpdating },
			calls:   "load cluster history network save publish save card save send",
			report:  Report{Ref: ref, Stage: incident.Waiting, Opened: []string{ref}, Mails: detected, Next: s15},
		},
		"it violates a rule that alerts": {
			prepare: func(f *fake, g *Guardrail) { f.cluster.Access, g.Policy = everybody, g.Policy.AlertOnly() },
			calls:   "load cluster history save publish save card",
			report: Report{
				Outcome: incident.Violation, Ref: ref, Opened: []string{ref},
				Closed: []Closed{{Ref: ref, Outcome: incident.Violation}}, Mails: []Told{{Kind: incident.NoticeOutcome, Ref: ref}},
			},
		},
		"a former cluster was open": {
			prepare: func(f *fake, _ *Guardrail) { f.before(time.Hour, found) },
			calls:   "load cluster save publish save card save save",
			report: Report{
				Outcome: incident.Gone, Why: incident.WhyDeleted, Ref: "EG-1",
				Closed: []Closed{{Ref: "EG-1", Outcome: incident.Gone, Took: time.Minute}}, Mails: []Told{{Kind: incident.NoticeOutcome, Ref: "EG-1"}},
			},
		},
		"a mail is owed": {
			prepare: func(f *fake, _ *Guardrail) {
				f.known(func(r *incident.Record) { r.Owed = owes(start.Add(-time.Hour)) })
			},
			calls:  "load cluster save publish save card save",
			report: Report{Outcome: incident.Compliant, Mails: []Told{{Kind: incident.NoticeLeft, Ref: "EG-OWED"}}},
		},
		"a card is owed": {
			prepare: func(f *fake, _ *Guardrail) {
				f.known(func(r *incident.Record) { r.Owed = owes(start.Add(-time.Hour)); r.Owed[0].Card = true })
			},
			calls:  "load cluster save card save save",
			report: Report{Outcome: incident.Compliant},
		},
		"a mail waits behind another": {
			prepare: func(f *fake, _ *Guardrail) {
				f.cluster.Access, f.cluster.Status = everybody, endpoint.StatusUpdating
				f.known(func(r *incident.Record) { r.Owed, r.OwedDue = owes(start.Add(-time.Hour)), start.Add(time.Minute) })
			},
			calls:  "load cluster history network save save save send",
			report: Report{Ref: ref, Stage: incident.Waiting, Opened: []string{ref}, Next: s15, OwedFor: time.Hour},
		},
		"a mail is left to the digest": {
			prepare: func(f *fake, g *Guardrail) {
				f.cluster.Access, f.cluster.Status = everybody, endpoint.StatusUpdating
				g.Limits.TugPerHour = 1
				f.known(func(r *incident.Record) { r.TugSince = start.Add(-time.Minute) })
			},
			calls:  "load cluster history network save save save send",
			report: Report{Ref: ref, Stage: incident.Waiting, Opened: []string{ref}, Next: s15},
		},
		"another invocation is at work": {
			prepare: func(f *fake, _ *Guardrail) {
				f.known(func(r *incident.Record) {
					r.Intent = &incident.Intent{Kind: incident.IntentApply, By: "another", Until: start.Add(40 * time.Second)}
				})
			},
			calls:  "load cluster send",
			report: Report{Why: "another invocation is at work on the cluster", Next: 41 * time.Second},
		},
		"it is not shown": {
			prepare: func(f *fake, _ *Guardrail) { f.known(found); f.errs["cluster"] = sorted(trouble.Refused) },
			calls:   "load cluster save send",
			report: Report{
				Ref: "EG-1", Stage: incident.Detected, OpenAge: time.Minute, Trouble: "op: refused: x", Refused: true, Next: 10 * time.Second,
			},
		},
		"it is not shown because of a call": {
			prepare: func(f *fake, _ *Guardrail) { f.known(found); f.errs["cluster"] = sorted(trouble.Unreadable) },
			wake:    wakeup.Message{Event: call(cloudtrail.UpdateClusterConfig)},
			calls:   "load cluster save send",
			report: Report{
				Event: "e1", Call: cloudtrail.UpdateClusterConfig, Ref: "EG-1", Why: "op: unreadable: x", Trouble: "op: unreadable: x", Refused: true,
				Next: 10 * time.Second,
			},
		},
		"our update is in progress": {
			prepare: func(f *fake, _ *Guardrail) { f.known(taken); f.cluster.Status = endpoint.StatusUpdating },
			// The look is the later of the two, and need not be made again.
			calls:  "load update cluster save send",
			report: Report{Ref: "EG-1", Stage: incident.Updating, OpenAge: time.Minute, Next: s15},
		},
		"our update ended before the look": {
			prepare: func(f *fake, _ *Guardrail) {
				f.known(taken)
				f.closed(start.Add(-time.Minute))
			},
			calls: "load update cluster save publish save card",
			report: Report{
				Outcome: incident.Enforced, Ref: "EG-1",
				Closed: []Closed{{Ref: "EG-1", Outcome: incident.Enforced, Took: time.Minute}}, Mails: []Told{{Kind: incident.NoticeOutcome, Ref: "EG-1"}},
			},
		},
		"its re-check is on its way": {
			prepare: func(f *fake, _ *Guardrail) {
				f.cluster.Status = endpoint.StatusUpdating
				f.known(func(r *incident.Record) {
					found(r)
					r.Check = incident.Check{Number: 3, Due: start.Add(5 * time.Second)}
				})
			},
			calls:  "load cluster save",
			report: Report{Ref: "EG-1", Why: "the next check is due at 2026-03-02T10:00:05Z", Stage: incident.Waiting, OpenAge: time.Minute},
		},
		"somebody's update is not shown yet": {
			prepare: func(f *fake, _ *Guardrail) { f.known(watched(time.Minute)); f.errs["update"] = sorted(trouble.Gone) },
			calls:   "load update cluster save send",
			report:  Report{Next: s15},
		},
		"somebody's update is none of the cluster's": {
			prepare: func(f *fake, _ *Guardrail) {
				f.known(watched(10 * time.Minute))
				f.errs["update"] = sorted(trouble.Gone)
			},
			calls:  "load update cluster save",
			report: Report{Outcome: incident.Compliant},
		},
	}
}

// TestWhatACheckDoes: which calls it makes, in which order, and what it reports. What it
// is about to do is written before it is done, and a record that did not change is not
// written.
func TestWhatACheckDoes(t *testing.T) {
	for name, s := range scenes() {
		t.Run(name, func(t *testing.T) {
			f, g := newFake()
			g.Chat = f
			s.prepare(f, g)
			r, err := f.handle(t, g, s.wake)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Fields(s.calls), f.calls); diff != "" {
				t.Errorf("the calls differ (-want +got):\n%s", diff)
			}
			s.report.Cluster, s.report.Account, s.report.Region = "demo", "111122223333", "eu-west-1"
			if diff := cmp.Diff(s.report, r); diff != "" {
				t.Errorf("the report differs (-want +got):\n%s", diff)
			}
			if len(f.sent) == 0 || f.sent[0].Check == 0 {
				return
			}
			// The record knows the re-check that is on its way.
			want := incident.Check{Number: f.sent[0].Check, Due: start.Add(f.delays[0]), From: delivery.Message}
			if diff := cmp.Diff(want, f.records[f.sent[0].CreatedAt].Check); diff != "" {
				t.Errorf("the record waits for another (-want +got):\n%s", diff)
			}
		})
	}
}

// TestARecordThatIsNotWritten: whichever of a check's writes fails, the message is sent
// once more and nothing else is done; when that fails, too, it is delivered again.
func TestARecordThatIsNotWritten(t *testing.T) {
	for name, s := range scenes() {
		for n := range strings.Count(s.calls, "save") {
			for _, sort := range []trouble.Sort{trouble.LostRace, trouble.Transient, trouble.Refused} {
				t.Run(fmt.Sprintf("%s, write %d is %s", name, n, sort), func(t *testing.T) {
					f, g := newFake()
					g.Chat = f
					s.prepare(f, g)
					f.errs["save"], f.skip["save"] = sorted(sort), n
					r, err := f.handle(t, g, s.wake)
					if err != nil || len(f.sent) != 1 {
						t.Fatalf("%v, %d messages", err, len(f.sent))
					}
					before := upTo(strings.Fields(s.calls), "save", n)
					if diff := cmp.Diff(append(before, "save", "send"), f.calls); diff != "" {
						t.Errorf("the calls differ (-want +got):\n%s", diff)
					}
					want := s.wake
					want.Cluster, want.Account, want.Region = "demo", "111122223333", "eu-west-1"
					want.Tries, want.Since, want.Origin = 1, start, delivery.Message
					if before[len(before)-1] == "apply" {
						want.Began = "ours" // the record does not say so
					}
					if diff := cmp.Diff(want, f.sent[0]); diff != "" {
						t.Errorf("the message differs (-want +got):\n%s", diff)
					}
					delay, why, refused := 5*time.Second, sorted(sort).Error(), s.report.Refused || sort == trouble.Refused
					got := r.Trouble
					if sort == trouble.LostRace {
						delay, why, got = 3*time.Second, "another invocation wrote the record first", r.Why
					}
					if f.delays[0] != delay || r.Next != delay || got != why || r.Refused != refused {
						t.Errorf("after %s, %+v", f.delays[0], r)
					}
				})
			}
		}
	}
}

// TestASweepsRecordThatIsNotWritten: an hour after its first try the message is dropped,
// and what it was about with it.
func TestASweepsRecordThatIsNotWritten(t *testing.T) {
	for name, s := range scenes() {
		for n := range strings.Count(s.calls, "save") {
			if s.wake.Event != nil {
				continue
			}
			f, g := newFake()
			g.Chat = f
			s.prepare(f, g)
			f.errs["save"], f.skip["save"] = sorted(trouble.Transient), n
			r, err := f.handle(t, g, wakeup.Message{Sweep: true, Tries: 9, Since: start.Add(-2 * time.Hour)})
			if err != nil || r.Why != "the next sweep's wake-up takes this one's place" {
				t.Errorf("%s, write %d: %v, %+v", name, n, err, r)
			}
			if diff := cmp.Diff(append(upTo(strings.Fields(s.calls), "save", n), "save"), f.calls); diff != "" {
				t.Errorf("%s, write %d: the calls differ (-want +got):\n%s", name, n, diff)
			}
		}
	}
}

// upTo returns the calls before the n-th, from 0, of a name.
func upTo(calls []string, name string, n int) []string {
	for i, call := range calls {
		if call != name {
			continue
		}
		if n == 0 {
			return slices.Clone(calls[:i])
		}
		n--
	}
	return calls
}

// TestTheQueueTakesNothing: the message at hand is delivered again, whether a re-check or
// the message itself could not be sent, and nothing is tried twice.
func TestTheQueueTakesNothing(t *testing.T) {
	const down = "put back the message about cluster demo: the queue is down"
	for name, s := range scenes() {
		for n := range strings.Count(s.calls, "save") + 1 {
			t.Run(fmt.Sprintf("%s, after %d writes", name, n), func(t *testing.T) {
				f, g := newFake()
				g.Chat = f
				s.prepare(f, g)
				f.errs["save"], f.skip["save"] = sorted(trouble.Transient), n
				f.errs["send"] = errors.New("the queue is down")
				_, err := f.handle(t, g, s.wake)
				sends := n < strings.Count(s.calls, "save") || strings.Contains(s.calls, "send")
				if sends != (err != nil) || err != nil && err.Error() != down {
					t.Error(err)
				}
				if got := strings.Count(strings.Join(f.calls, " "), "send"); got > 1 || sends != (got == 1) {
					t.Errorf("%d are sent: %v", got, f.calls)
				}
			})
		}
	}
}
