package guardrail

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/trouble"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

// TestOneCheckLeavesOneMessage: whatever fails in a check, and whatever it was about,
// it leaves one message behind, or its own to be delivered again, and never two.
func TestOneCheckLeavesOneMessage(t *testing.T) {
	world := endpoint.Access{Public: true, Private: true}
	former := func(f *fake) {
		r := incident.NewRecord(f.cluster)
		r.Cluster.CreatedAt = r.Cluster.CreatedAt.Add(-time.Hour)
		r.Incident = &incident.Incident{Ref: "EG-FORMER", OpenedAt: start.Add(-time.Hour)}
		f.records[r.Cluster.CreatedAt] = r
	}
	clusters := map[string]func(f *fake){
		"complies":                 func(f *fake) {},
		"violates":                 func(f *fake) { f.cluster.Access = world },
		"is busy":                  func(f *fake) { f.cluster.Status = endpoint.StatusUpdating },
		"violates and is busy":     func(f *fake) { f.cluster.Access, f.cluster.Status = world, endpoint.StatusUpdating },
		"has a former of its name": func(f *fake) { former(f); f.cluster.Access = world },
	}
	messages := map[string]wakeup.Message{
		"a sweep's":        {Sweep: true},
		"a re-check":       {CreatedAt: start.Add(-24 * time.Hour), Check: 5},
		"an event":         {Event: &cloudtrail.Event{ID: "e1", Name: cloudtrail.UpdateClusterConfig, UpdateID: "u1", Time: start}},
		"one that was put": {Tries: 7, Since: start.Add(-time.Hour), Origin: "other"},
	}
	calls := []string{"", "load", "save", "cluster", "update", "history", "apply", "publish", "send"}
	sorts := []trouble.Sort{trouble.Transient, trouble.Refused, trouble.LostRace, trouble.Gone, trouble.NotNow}
	for cluster, prepare := range clusters {
		for message, w := range messages {
			for _, call := range calls {
				for _, sort := range sorts {
					for skip := range 3 {
						f, g := newFake()
						prepare(f)
						r := incident.NewRecord(f.cluster)
						r.Check.Number = 5
						f.records[f.cluster.CreatedAt] = r
						f.skip[call] = skip
						if call != "" {
							f.errs[call] = sorted(sort)
						}
						_, err := f.handle(t, g, w)
						name := fmt.Sprintf("%s message, the cluster %s, %s is %s after %d", message, cluster, call, sort, skip)
						switch {
						case len(f.sent) > 1:
							t.Errorf("%s: %d messages are left behind", name, len(f.sent))
						case err != nil && len(f.sent) > 0:
							t.Errorf("%s: the message comes again, and another was sent: %v", name, err)
						case err == nil && len(f.sent) == 0 && f.open() && call != "":
							t.Errorf("%s: nothing is left to wake the guardrail, and it is not done", name)
						}
					}
				}
			}
		}
	}
}

// open reports whether something is left to be done about the present cluster.
func (f *fake) open() bool { return f.records[f.cluster.CreatedAt].Open() }

// TestTheTimeRunsOut: calls that hang take the invocation's time, but not what is kept
// to write down what was learned and to look again.
func TestTheTimeRunsOut(t *testing.T) {
	for _, call := range []string{"cluster", "history", "update", "apply", "publish"} {
		t.Run(call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, g := newFake()
				// By the clock that the context's deadline is by.
				began := time.Now()
				g.Now, f.cluster.CreatedAt = time.Now, began.Add(-24*time.Hour)
				f.cluster.Access = endpoint.Access{Public: true, Private: true}
				r := incident.NewRecord(f.cluster)
				if call == "update" {
					r.Watch = []incident.Cause{{Call: cloudtrail.UpdateClusterConfig, UpdateID: "u1", At: began}}
				}
				f.records[f.cluster.CreatedAt] = r
				f.hangs = call
				w := wakeup.Message{Cluster: "demo", Account: "111122223333", Region: "eu-west-1"}
				body, err := w.Encode()
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				report, err := g.Handle(ctx, body, delivery)
				if err != nil || len(f.sent) != 1 || report.Trouble == "" {
					t.Fatalf("%+v, %v, sent %d", report, err, len(f.sent))
				}
				if took := time.Since(began); took >= time.Minute-sendReserve {
					t.Errorf("it took %s", took)
				}
				if !slices.Contains(f.calls, "save") {
					t.Error("what was learned is not written down")
				}
			})
		})
	}
}

// TestASweepsMessageIsGivenUp: the next sweep brings another, so that they do not
// pile up while AWS lets none be handled. An event has no other.
func TestASweepsMessageIsGivenUp(t *testing.T) {
	f, g := newFake()
	f.errs["load"] = sorted(trouble.Refused)
	for name, tc := range map[string]struct {
		w    wakeup.Message
		sent int
	}{
		"in its hour":   {wakeup.Message{Sweep: true, Tries: 5, Since: start.Add(-59 * time.Minute)}, 1},
		"after it":      {wakeup.Message{Sweep: true, Tries: 5, Since: start.Add(-61 * time.Minute)}, 0},
		"an event":      {wakeup.Message{Event: &cloudtrail.Event{ID: "e"}, Tries: 5, Since: start.Add(-61 * time.Minute)}, 1},
		"not put back ": {wakeup.Message{Sweep: true}, 1},
	} {
		f.sent = nil
		r, err := f.handle(t, g, tc.w)
		if err != nil || len(f.sent) != tc.sent || !r.Refused || r.Trouble == "" {
			t.Errorf("%s: %+v, %v, sent %d", name, r, err, len(f.sent))
		}
	}
}

// TestWhatIsPutBackIsKnown: a message that is put back carries the name of the one
// that it was, so that the record knows whose re-check it waits for.
func TestWhatIsPutBackIsKnown(t *testing.T) {
	f, g := newFake()
	f.cluster.Status = endpoint.StatusUpdating
	f.errs["save"] = sorted(trouble.Transient)
	if _, err := f.handle(t, g, wakeup.Message{}); err != nil || len(f.sent) != 1 || f.sent[0].Origin != delivery.Message || f.sent[0].Tries != 1 {
		t.Fatalf("%v, %+v", err, f.sent)
	}
	delete(f.errs, "save")
	w := f.sent[0]
	w.Origin = "the first"
	if _, err := f.handle(t, g, w); err != nil || len(f.sent) != 2 || f.sent[1].Check != 1 || f.sent[1].Origin != "" {
		t.Fatalf("%v, %+v", err, f.sent)
	}
	if got := f.records[f.cluster.CreatedAt].Check; got.From != "the first" || got.Number != 1 {
		t.Errorf("%+v", got)
	}
}

// TestAFormerClusterWaits: what is left to do about the former cluster of a name is
// looked at with the present one's re-check, which comes early enough, and for that alone
// where there would be none.
func TestAFormerClusterWaits(t *testing.T) {
	prepare := func() (*fake, *Guardrail) {
		f, g := newFake()
		r := incident.NewRecord(f.cluster)
		r.Cluster.CreatedAt = r.Cluster.CreatedAt.Add(-time.Hour)
		r.Incident = &incident.Incident{Ref: "EG-FORMER", OpenedAt: start.Add(-time.Hour), Final: &incident.Final{Outcome: incident.Gone}}
		f.records[r.Cluster.CreatedAt] = r
		f.errs["publish"] = sorted(trouble.Transient)
		return f, g
	}
	f, g := prepare()
	if _, err := f.handle(t, g, wakeup.Message{}); err != nil || len(f.sent) != 1 || f.sent[0].Check != 1 || f.delays[0] != 10*time.Second {
		t.Errorf("%v, %+v %v", err, f.sent, f.delays)
	}
	f, g = prepare()
	f.cluster.Status = endpoint.StatusUpdating
	if _, err := f.handle(t, g, wakeup.Message{}); err != nil || len(f.sent) != 1 || f.sent[0].Check != 1 || f.delays[0] != 10*time.Second {
		t.Errorf("%v, %+v %v", err, f.sent, f.delays)
	}
	if !strings.Contains(strings.Join(f.calls, " "), "publish") {
		t.Error("the former cluster's mail was not tried")
	}
}
