package guardrail

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/trouble"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

// TestHowLongACallMayTake: the last four seconds of an invocation are kept to write the
// record, and of these the last two to leave a message behind.
func TestHowLongACallMayTake(t *testing.T) {
	const without = 0 // a deadline: the minute that is taken for granted then
	for _, tc := range []struct {
		call       string
		invocation time.Duration
		want       time.Duration
	}{
		{"load", 5 * time.Minute, 296 * time.Second},
		{"cluster", 5 * time.Minute, 296 * time.Second},
		{"history", 5 * time.Minute, 200 * time.Second},
		{"history", without, 40 * time.Second},
		{"network", 5 * time.Minute, 200 * time.Second},
		{"apply", 5 * time.Minute, 296 * time.Second},
		{"publish", 5 * time.Minute, 296 * time.Second},
		{"card", 5 * time.Minute, 5 * time.Second},
		{"save", 5 * time.Minute, 298 * time.Second},
		{"send", 5 * time.Minute, 300 * time.Second},
	} {
		t.Run(fmt.Sprintf("%s of %s", tc.call, tc.invocation), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, g := newFake()
				f.cluster.Access, f.hangs, g.Chat = everybody, tc.call, f
				body, err := wakeup.Message{Cluster: "demo", Account: "111122223333", Region: "eu-west-1"}.Encode()
				if err != nil {
					t.Fatal(err)
				}
				ctx := t.Context()
				if tc.invocation > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tc.invocation)
					defer cancel()
				}
				// By the clock that the context's deadline is by.
				began := time.Now()
				g.Now, f.cluster.CreatedAt = time.Now, began.Add(-24*time.Hour)
				_, err = g.Handle(ctx, body, delivery)
				if took := time.Since(began); took != tc.want {
					t.Errorf("it took %s, want %s", took, tc.want)
				}
				if (err == nil) != (tc.call != "send") {
					t.Error(err)
				}
			})
		})
	}
}

// TestHowLongAMessageIsTried: a day, and a sweep's for an hour.
func TestHowLongAMessageIsTried(t *testing.T) {
	const takesItsPlace = "the next sweep's wake-up takes this one's place"
	event := wakeup.Message{Event: call(cloudtrail.UpdateClusterConfig)}
	sweep := wakeup.Message{Sweep: true}
	for name, tc := range map[string]struct {
		w       wakeup.Message
		age     time.Duration
		sent    int
		why     string
		failure string
	}{
		"an event's, after a day":    {event, 24 * time.Hour, 1, "", ""},
		"an event's, after more":     {event, 24*time.Hour + 1, 0, "", "given up after 5 tries since 2026-03-01T09:59:59Z: op: transient: x"},
		"a sweep's, after an hour":   {sweep, time.Hour, 1, "", ""},
		"a sweep's, after more":      {sweep, time.Hour + 1, 0, takesItsPlace, ""},
		"a sweep's, after a day":     {sweep, 48 * time.Hour, 0, takesItsPlace, ""},
		"an event's, after an hour":  {event, time.Hour + 1, 1, "", ""},
		"a re-check's, after a week": {wakeup.Message{Check: 3}, 7 * 24 * time.Hour, 0, "", "given up after 5 tries"},
	} {
		t.Run(name, func(t *testing.T) {
			f, g := newFake()
			f.errs["load"] = sorted(trouble.Transient)
			tc.w.Tries, tc.w.Since, tc.w.Origin = 5, start.Add(-tc.age), "the first"
			r, err := f.handle(t, g, tc.w)
			if (err == nil) != (tc.failure == "") || err != nil && !strings.HasPrefix(err.Error(), tc.failure) {
				t.Errorf("%v, want %q", err, tc.failure)
			}
			if err != nil && !errors.Is(err, f.errs["load"]) {
				t.Errorf("%v does not wrap the cause", err)
			}
			if len(f.sent) != tc.sent || r.Why != tc.why || r.Trouble != "op: transient: x" || r.Refused {
				t.Fatalf("%d messages, %+v", len(f.sent), r)
			}
			if tc.sent == 0 {
				return
			}
			want := tc.w
			want.Cluster, want.Account, want.Region, want.Tries = "demo", "111122223333", "eu-west-1", 6
			if diff := cmp.Diff(want, f.sent[0]); diff != "" {
				t.Errorf("the message differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHowSoonAMessageIsTriedAgain: after a time that doubles up to the longest delay that
// the queue has.
func TestHowSoonAMessageIsTriedAgain(t *testing.T) {
	for tries, want := range map[int]time.Duration{
		0: 5 * time.Second, 1: 10 * time.Second, 2: 20 * time.Second, 7: 640 * time.Second,
		8: 15 * time.Minute, 10: 15 * time.Minute, 11: 15 * time.Minute, 1 << 30: 15 * time.Minute,
	} {
		f, g := newFake()
		f.errs["load"] = sorted(trouble.Transient)
		r, err := f.handle(t, g, wakeup.Message{Tries: tries})
		if err != nil || len(f.delays) != 1 || f.delays[0] != want || r.Next != want {
			t.Errorf("after %d tries: %v, %v, %s, want %s", tries, err, f.delays, r.Next, want)
		}
	}
}

// TestHowLongANewClusterIsAwaited: five minutes from the call that created it, with or
// without a former cluster of the name.
func TestHowLongANewClusterIsAwaited(t *testing.T) {
	for name, tc := range map[string]struct {
		call  string
		age   time.Duration
		waits bool
	}{
		"right before":              {cloudtrail.CreateCluster, 5*time.Minute - 1, true},
		"right after":               {cloudtrail.CreateCluster, 5 * time.Minute, false},
		"by a clock that is behind": {cloudtrail.CreateCluster, 1 - 5*time.Minute, true},
		"in the future":             {cloudtrail.CreateCluster, -5 * time.Minute, false},
		"another call":              {cloudtrail.UpdateClusterConfig, time.Second, false},
	} {
		for _, former := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, a former one: %t", name, former), func(t *testing.T) {
				f, g := newFake()
				f.errs["cluster"] = sorted(trouble.Gone)
				if former {
					f.known(func(r *incident.Record) { r.GoneAt = start.Add(-time.Hour) })
				}
				e := call(tc.call)
				e.Time = start.Add(-tc.age)
				r, err := f.handle(t, g, wakeup.Message{Event: e})
				if err != nil || tc.waits != (len(f.sent) == 1) || tc.waits == (r.Outcome == incident.Gone) {
					t.Fatalf("%v, %d messages, %+v", err, len(f.sent), r)
				}
				if tc.waits && (f.delays[0] != 15*time.Second || f.sent[0].Event == nil || r.Why != "EKS does not know the new cluster yet") {
					t.Errorf("after %s: %+v, %q", f.delays[0], f.sent[0], r.Why)
				}
			})
		}
	}
}

// TestWhatIsNotedIsWhenItWas: not when the check began.
func TestWhatIsNotedIsWhenItWas(t *testing.T) {
	f, g := newFake()
	f.cluster.Access = everybody
	f.errs["apply"] = sorted(trouble.Refused)
	f.during = map[string]func(){
		"apply":   func() { f.now = f.now.Add(7 * time.Second) },
		"publish": func() { f.now = f.now.Add(20 * time.Second) },
	}
	if _, err := f.handle(t, g, wakeup.Message{}); err != nil {
		t.Fatal(err)
	}
	i := f.records[f.cluster.CreatedAt].Incident
	if want := start.Add(7 * time.Second); !i.Attempts[0].OverAt.Equal(want) {
		t.Errorf("EKS refused at %s, want %s", i.Attempts[0].OverAt, want)
	}
	if want := start.Add(27 * time.Second); !i.DetectedMailed.Equal(want) {
		t.Errorf("it was mailed at %s, want %s", i.DetectedMailed, want)
	}
}

// TestATimeThatCannotBeWritten: the message is delivered again.
func TestATimeThatCannotBeWritten(t *testing.T) {
	f, g := newFake()
	f.errs["load"] = sorted(trouble.Transient)
	f.now = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) // RFC 3339 has four digits
	if _, err := f.handle(t, g, wakeup.Message{}); err == nil || !strings.HasPrefix(err.Error(), "encode wake-up for cluster demo: ") || len(f.calls) != 1 {
		t.Errorf("%v, calls %v", err, f.calls)
	}
}

// TestACheckHasAnEnd: after forty steps. Mails that are owed take one each.
func TestACheckHasAnEnd(t *testing.T) {
	for owed, want := range map[int]string{
		39: "",
		40: "check of cluster demo: still no end after 40 steps; this is a fault of the guardrail",
	} {
		f, g := newFake()
		f.known(func(r *incident.Record) {
			for range owed {
				r.Owed = append(r.Owed, owes(start.Add(-time.Hour))...)
			}
		})
		_, err := f.handle(t, g, wakeup.Message{})
		if got := fmt.Sprint(err); (err == nil) != (want == "") || err != nil && got != want {
			t.Errorf("%d mails: %v, want %q", owed, err, want)
		}
		if len(f.mails) != owed || len(f.sent) > 0 {
			t.Errorf("%d mails, %d messages", len(f.mails), len(f.sent))
		}
	}
}

// TestAnUpdatesListThatCannotBeReadIsNotWhole: whatever came of it, nothing is changed as
// if it were known.
func TestAnUpdatesListThatCannotBeReadIsNotWhole(t *testing.T) {
	f, g := newFake()
	f.cluster.Access = everybody
	f.errs["history"] = sorted(trouble.Refused) // the fake says that it was read whole
	r, err := f.handle(t, g, wakeup.Message{})
	if err != nil || f.changed() || len(f.sent) != 1 || !r.Refused || r.Trouble != "op: refused: x" || f.delays[0] != 15*time.Second {
		t.Errorf("%+v, %v, calls %v", r, err, f.calls)
	}
	f, g = newFake()
	f.cluster.Access = everybody
	f.errs["history"] = sorted(trouble.Gone) // with the cluster, which is looked at
	if r, err := f.handle(t, g, wakeup.Message{}); err != nil || !f.changed() || r.Trouble != "" {
		t.Errorf("%+v, %v, calls %v", r, err, f.calls)
	}
}

// TestWhatEC2DoesNotTellIsTrouble, and is looked at again if it may pass by itself.
func TestWhatEC2DoesNotTellIsTrouble(t *testing.T) {
	for sort, want := range map[trouble.Sort]struct {
		outcome incident.Outcome
		refused bool
		again   []time.Duration
	}{
		trouble.Transient:  {"", false, []time.Duration{10 * time.Second}},
		trouble.Refused:    {incident.Blocked, true, nil},
		trouble.Unreadable: {incident.Blocked, true, nil},
	} {
		f, g := newFake()
		f.cluster.Access = everybody
		f.errs["network"] = sorted(sort)
		r, err := f.handle(t, g, wakeup.Message{})
		if err != nil || f.changed() || r.Trouble != "op: "+string(sort)+": x" || r.Refused != want.refused || r.Outcome != want.outcome {
			t.Errorf("%s: %+v, %v", sort, r, err)
		}
		if d := cmp.Diff(want.again, f.delays); d != "" {
			t.Errorf("%s: delays (-want +got):\n%s", sort, d)
		}
	}
}

// TestWhatEKSHasJustRefusedIsNotAskedForAgain: of updates, in one check. The look, and
// EKS's list, are others' calls.
func TestWhatEKSHasJustRefusedIsNotAskedForAgain(t *testing.T) {
	unread := incident.UpdateRead{Unread: true, AfterLook: true}
	read := func(id string) incident.UpdateRead {
		return incident.UpdateRead{AfterLook: true, Update: endpoint.Update{ID: id, Type: endpoint.EndpointAccessUpdate, Status: endpoint.UpdateInProgress}}
	}
	for name, tc := range map[string]struct {
		err    error
		before string // the trouble with EKS's list
		after  string
		calls  []string
		want   [2]incident.UpdateRead
		report Report
	}{
		"it answers":              {nil, "", "", []string{"update", "update", "history", "cluster"}, [2]incident.UpdateRead{read("u1"), read("u2")}, Report{}},
		"it does not":             {sorted(trouble.Transient), "", "op: transient: x", []string{"update", "history", "cluster"}, [2]incident.UpdateRead{unread, unread}, Report{Trouble: "op: transient: x"}},
		"it refuses":              {sorted(trouble.Refused), "", "op: refused: x", []string{"update", "history", "cluster"}, [2]incident.UpdateRead{unread, unread}, Report{Trouble: "op: refused: x", Refused: true}},
		"it has refused its list": {nil, "no", "no", []string{"update", "update", "history", "cluster"}, [2]incident.UpdateRead{read("u1"), read("u2")}, Report{}},
	} {
		t.Run(name, func(t *testing.T) {
			f, g := newFake()
			f.errs["update"] = tc.err
			c := check{Guardrail: g, ctx: t.Context(), deadline: start.Add(time.Minute)}
			in := incident.Input{Updates: map[string]incident.UpdateRead{}, HistoryTrouble: tc.before}
			c.read(&in, incident.History{}, incident.Read{Updates: []string{"u1", "u2"}, History: true, Look: true})
			if diff := cmp.Diff(tc.calls, f.calls); diff != "" {
				t.Errorf("the calls differ (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(map[string]incident.UpdateRead{"u1": tc.want[0], "u2": tc.want[1]}, in.Updates); diff != "" {
				t.Errorf("what is read differs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.report, c.report); diff != "" || in.Trouble != "" || in.HistoryTrouble != tc.after {
				t.Errorf("trouble %q and %q (-want +got):\n%s", in.Trouble, in.HistoryTrouble, diff)
			}
		})
	}
}
