package guardrail

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// owes is a mail that was not taken.
func owes(at time.Time) []incident.Debt {
	return []incident.Debt{{Kind: incident.NoticeLeft, At: at, Left: &incident.Departure{Ref: "EG-OWED", Rules: []string{"closed"}}}}
}

// before notes the record of a cluster that had the name that long before the present
// one.
func (f *fake) before(age time.Duration, change func(r *incident.Record)) time.Time {
	r := incident.NewRecord(f.cluster)
	r.Cluster.CreatedAt = r.Cluster.CreatedAt.Add(-age)
	change(&r)
	f.records[r.Cluster.CreatedAt] = r
	return r.Cluster.CreatedAt
}

// TestTheFormerClusterThatIsDueFirst says when the name is looked at again.
func TestTheFormerClusterThatIsDueFirst(t *testing.T) {
	for name, tries := range map[string][2]int{"the older": {0, 5}, "the newer": {5, 0}} {
		t.Run(name, func(t *testing.T) {
			f, g := newFake()
			for n, tries := range tries {
				f.before(time.Duration(2-n)*time.Hour, func(r *incident.Record) {
					r.Owed, r.OwedTries = owes(start.Add(-time.Hour)), tries
				})
			}
			f.errs["publish"] = sorted(trouble.Transient)
			if _, err := f.handle(t, g, incident.WakeUp{}); err != nil || len(f.mails) != 2 {
				t.Fatalf("%v, %d mails are offered", err, len(f.mails))
			}
			if diff := cmp.Diff([]time.Duration{10 * time.Second}, f.delays); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestTheOldestDebtOfTheNameIsReported: whichever of its clusters it is of.
func TestTheOldestDebtOfTheNameIsReported(t *testing.T) {
	for name, tc := range map[string]struct {
		former, present time.Duration
	}{
		"the former's":  {3 * time.Hour, time.Minute},
		"the present's": {time.Minute, 3 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			f, g := newFake()
			f.before(time.Hour, func(r *incident.Record) { r.Owed = owes(start.Add(-tc.former)) })
			f.before(0, func(r *incident.Record) { r.Owed = owes(start.Add(-tc.present)) })
			f.errs["publish"] = sorted(trouble.Transient)
			if r, err := f.handle(t, g, incident.WakeUp{}); err != nil || r.OwedFor != 3*time.Hour {
				t.Errorf("owed for %s, %v", r.OwedFor, err)
			}
		})
	}
}

// TestOurOwnWakeUpAsksForNoRetry: a change that failed is tried at once when somebody
// asks for a look. What the guardrail sends itself about a former cluster is no such
// thing, nor is a re-check of one.
func TestOurOwnWakeUpAsksForNoRetry(t *testing.T) {
	failed := func() (*fake, *Guardrail) {
		f, g := newFake()
		f.cluster.Access = endpoint.Access{Public: true, Private: true}
		f.errs["apply"] = sorted(trouble.Refused)
		for range 10 {
			if _, err := f.handle(t, g, incident.WakeUp{Sweep: true}); err != nil {
				t.Fatal(err)
			}
			f.now = f.now.Add(20 * time.Minute)
			if s := f.records[f.cluster.CreatedAt].Standing; s != nil {
				break
			}
		}
		if s := f.records[f.cluster.CreatedAt].Standing; s == nil || s.Outcome != incident.Failed || !f.now.Before(s.RetryAt) {
			t.Fatalf("%+v", s)
		}
		f.calls = nil
		return f, g
	}
	t.Run("somebody asks", func(t *testing.T) {
		f, g := failed()
		if _, err := f.handle(t, g, incident.WakeUp{}); err != nil || !f.changed() {
			t.Errorf("%v, calls %v", err, f.calls)
		}
	})
	t.Run("a former cluster's mail", func(t *testing.T) {
		f, g := failed()
		f.before(time.Hour, func(r *incident.Record) { r.Owed = owes(start) })
		f.errs["publish"] = sorted(trouble.Transient)
		sent := len(f.sent)
		if _, err := f.handle(t, g, incident.WakeUp{Sweep: true}); err != nil || len(f.sent) != sent+1 || f.changed() {
			t.Fatalf("%v, calls %v", err, f.calls)
		}
		f.now = f.now.Add(f.delays[sent])
		if _, err := f.handle(t, g, f.sent[sent]); err != nil || f.changed() {
			t.Errorf("%v, calls %v", err, f.calls)
		}
	})
	t.Run("a former cluster's re-check", func(t *testing.T) {
		f, g := failed()
		if _, err := f.handle(t, g, incident.WakeUp{CreatedAt: f.cluster.CreatedAt.Add(-time.Hour), Check: 7}); err != nil || f.changed() {
			t.Errorf("%v, calls %v", err, f.calls)
		}
	})
}

// TestAFormerClustersDebtIsOfferedUntilItIsTaken: one message leads to the next, and
// never to two, whatever the present cluster of the name does.
func TestAFormerClustersDebtIsOfferedUntilItIsTaken(t *testing.T) {
	for name, status := range map[string]endpoint.Status{"the present one rests": endpoint.StatusActive, "the present one is busy": endpoint.StatusUpdating} {
		t.Run(name, func(t *testing.T) {
			f, g := newFake()
			f.cluster.Status = status
			born := f.before(time.Hour, func(r *incident.Record) { r.Owed = owes(start) })
			f.errs["publish"] = sorted(trouble.Transient)
			w := incident.WakeUp{Sweep: true}
			for n := range 12 {
				sent := len(f.sent)
				if _, err := f.deliver(t, g, w, Delivery{Message: fmt.Sprint("m", n), Invocation: fmt.Sprint("i", n)}); err != nil || len(f.sent) != sent+1 {
					t.Fatalf("after %d messages: %v, %d are sent, want %d", n, err, len(f.sent), sent+1)
				}
				if due := f.records[born].OwedDue; f.now.Add(f.delays[sent]).After(due.Add(time.Second)) {
					t.Errorf("after %d messages it is looked at after %s, and due in %s", n, f.delays[sent], due.Sub(f.now))
				}
				w = f.sent[sent]
				// Others come in between, and ask for nothing more.
				f.now = f.now.Add(time.Second)
				other := Delivery{Message: fmt.Sprint("sweep ", n), Invocation: fmt.Sprint("sweep ", n)}
				if _, err := f.deliver(t, g, incident.WakeUp{Sweep: true}, other); err != nil || len(f.sent) != sent+1 {
					t.Fatalf("after a sweep's: %v, %d are sent", err, len(f.sent))
				}
				f.now = f.now.Add(f.delays[sent] - time.Second)
			}
			delete(f.errs, "publish")
			f.now = f.now.Add(15 * time.Minute)
			if r, err := f.handle(t, g, w); err != nil || len(r.Mails) != 1 || len(f.records[born].Owed) > 0 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}
