package guardrail

import (
	"fmt"
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
			if _, err := f.handle(t, g, wakeup.Message{}); err != nil || len(f.mails) != 2 {
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
			if r, err := f.handle(t, g, wakeup.Message{}); err != nil || r.OwedFor != 3*time.Hour {
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
			if _, err := f.handle(t, g, wakeup.Message{Sweep: true}); err != nil {
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
		if _, err := f.handle(t, g, wakeup.Message{}); err != nil || !f.changed() {
			t.Errorf("%v, calls %v", err, f.calls)
		}
	})
	t.Run("a former cluster's mail", func(t *testing.T) {
		f, g := failed()
		f.before(time.Hour, func(r *incident.Record) { r.Owed = owes(start) })
		f.errs["publish"] = sorted(trouble.Transient)
		sent := len(f.sent)
		if _, err := f.handle(t, g, wakeup.Message{Sweep: true}); err != nil || len(f.sent) != sent+1 || f.changed() {
			t.Fatalf("%v, calls %v", err, f.calls)
		}
		f.now = f.now.Add(f.delays[sent])
		if _, err := f.handle(t, g, f.sent[sent]); err != nil || f.changed() {
			t.Errorf("%v, calls %v", err, f.calls)
		}
	})
	t.Run("a former cluster's re-check", func(t *testing.T) {
		f, g := failed()
		if _, err := f.handle(t, g, wakeup.Message{CreatedAt: f.cluster.CreatedAt.Add(-time.Hour), Check: 7}); err != nil || f.changed() {
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
			w := wakeup.Message{Sweep: true}
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
				if _, err := f.deliver(t, g, wakeup.Message{Sweep: true}, other); err != nil || len(f.sent) != sent+1 {
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

// TestWhichFormerClustersAreEnded: those over which something is left to be done, and
// those that were not known to be gone. What is seen of the present one is none of
// theirs.
func TestWhichFormerClustersAreEnded(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(r *incident.Record)
		calls  string
	}{
		"it rests":                         {func(*incident.Record) {}, "load cluster save save"},
		"it is gone":                       {func(r *incident.Record) { r.GoneAt = start.Add(-time.Minute) }, "load cluster save"},
		"it is gone, and its mail is owed": {func(r *incident.Record) { r.GoneAt, r.Owed = start.Add(-time.Minute), owes(start) }, "load cluster save publish save save"},
		"its mail is owed":                 {func(r *incident.Record) { r.Owed = owes(start) }, "load cluster save publish save save save"},
	} {
		t.Run(name, func(t *testing.T) {
			f, g := newFake()
			born := f.before(time.Hour, tc.change)
			if _, err := f.handle(t, g, wakeup.Message{}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Fields(tc.calls), f.calls); diff != "" {
				t.Errorf("the calls differ (-want +got):\n%s", diff)
			}
			r := f.records[born]
			if r.GoneAt.IsZero() || r.Open() || r.Compliant != nil || r.Steady != nil || r.Check != (incident.Check{}) {
				t.Errorf("%+v", r)
			}
			if is := f.records[f.cluster.CreatedAt]; is.Compliant == nil || !is.GoneAt.IsZero() {
				t.Errorf("the present one: %+v", is)
			}
		})
	}
}

// TestAFormerClustersRecordIsNotWritten: the present one waits until it is, so that no
// message is left behind twice.
func TestAFormerClustersRecordIsNotWritten(t *testing.T) {
	for sort, delay := range map[trouble.Sort]time.Duration{trouble.LostRace: 3 * time.Second, trouble.Transient: 5 * time.Second} {
		f, g := newFake()
		f.cluster.Access = everybody
		f.before(time.Hour, found)
		f.errs["save"] = sorted(sort)
		if _, err := f.handle(t, g, wakeup.Message{}); err != nil || len(f.sent) != 1 || f.sent[0].Tries != 1 || f.delays[0] != delay {
			t.Errorf("%s: %v, %+v", sort, err, f.sent)
		}
		if diff := cmp.Diff([]string{"load", "cluster", "save", "send"}, f.calls); diff != "" {
			t.Errorf("%s: the calls differ (-want +got):\n%s", sort, diff)
		}
	}
}

// TestAFormerClusterThatAnotherInvocationIsAt: the present one waits, too.
func TestAFormerClusterThatAnotherInvocationIsAt(t *testing.T) {
	f, g := newFake()
	f.cluster.Access = everybody
	f.before(time.Hour, func(r *incident.Record) {
		found(r)
		r.Intent = &incident.Intent{Kind: incident.IntentTell, By: "another", Until: start.Add(40 * time.Second)}
	})
	if _, err := f.handle(t, g, wakeup.Message{}); err != nil || len(f.sent) != 1 || f.delays[0] != 41*time.Second {
		t.Errorf("%v, %+v", err, f.sent)
	}
	if diff := cmp.Diff([]string{"load", "cluster", "send"}, f.calls); diff != "" {
		t.Errorf("the calls differ (-want +got):\n%s", diff)
	}
}

// TestWhichReCheckAMessageIs: its number counts for the cluster that it names, as long as
// the ledger can have sent it.
func TestWhichReCheckAMessageIs(t *testing.T) {
	for name, tc := range map[string]struct {
		age    time.Duration // by which the cluster that it names is older
		number int
		next   int // 0: the message is superseded
	}{
		"the awaited one":       {0, 5, 6},
		"one before":            {0, 4, 0},
		"one of a former":       {time.Hour, 4, 6},
		"a later of a former":   {time.Hour, 9, 6},
		"from a restored table": {0, 1005, 1006},
		"one that is not ours":  {0, 1006, 6},
	} {
		t.Run(name, func(t *testing.T) {
			f, g := newFake()
			f.cluster.Status = endpoint.StatusUpdating
			f.known(func(r *incident.Record) { r.Check.Number = 5 })
			r, err := f.handle(t, g, wakeup.Message{CreatedAt: f.cluster.CreatedAt.Add(-tc.age), Check: tc.number})
			if err != nil {
				t.Fatal(err)
			}
			if superseded := r.Outcome == incident.Ignored; superseded != (tc.next == 0) || superseded && r.Why != "a later re-check replaced this one" {
				t.Fatalf("%+v", r)
			}
			if tc.next > 0 && (len(f.sent) != 1 || f.sent[0].Check != tc.next || !f.sent[0].CreatedAt.Equal(f.cluster.CreatedAt)) {
				t.Errorf("%+v, want number %d", f.sent, tc.next)
			}
		})
	}
}

// TestANewClusterBeginsAnew: neither the number of its name's last re-check nor what was
// read of the former cluster's updates is its own.
func TestANewClusterBeginsAnew(t *testing.T) {
	f, g := newFake()
	f.cluster.Status = endpoint.StatusUpdating
	f.before(time.Hour, func(r *incident.Record) { watched(time.Minute)(r); r.Check.Number = 7 })
	w := wakeup.Message{CreatedAt: f.cluster.CreatedAt.Add(-time.Hour), Check: 7, Event: call(cloudtrail.UpdateClusterConfig)}
	if _, err := f.handle(t, g, w); err != nil || len(f.sent) != 1 || f.sent[0].Check != 1 {
		t.Errorf("%v, %+v", err, f.sent)
	}
	if diff := cmp.Diff(strings.Fields("load update cluster save update save send"), f.calls); diff != "" {
		t.Errorf("the calls differ (-want +got):\n%s", diff)
	}
}
