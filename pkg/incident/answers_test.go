package incident

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// isAsking reports whether a step asks for a change.
func isAsking(s Step) bool { _, ok := s.(Apply); return ok }

func TestWhatIsKnownOfAnAttempt(t *testing.T) {
	for name, tc := range map[string]struct {
		a                                Attempt
		over, inProgress, lost, unproven bool
	}{
		"its answer was lost":             {a: Attempt{Sent: 1}, lost: true, unproven: true},
		"its second answer, too":          {a: Attempt{Sent: 2}, lost: true, unproven: true},
		"EKS is at it":                    {a: Attempt{Sent: 1, UpdateID: "u", Status: endpoint.UpdateInProgress}, inProgress: true},
		"EKS is at it, sent twice":        {a: Attempt{Sent: 2, UpdateID: "u", Status: endpoint.UpdateInProgress}, inProgress: true},
		"EKS took it, and is done":        {a: Attempt{Sent: 1, UpdateID: "u", Status: endpoint.UpdateSuccessful}, over: true},
		"EKS took it, sent twice, failed": {a: Attempt{Sent: 2, UpdateID: "u", Status: endpoint.UpdateFailed}, over: true},
		"EKS refused it":                  {a: Attempt{Sent: 1, Status: endpoint.UpdateFailed}, over: true},
		"EKS refused its repetition":      {a: Attempt{Sent: 2, Status: endpoint.UpdateFailed}, over: true, unproven: true},
	} {
		if a := tc.a; a.over() != tc.over || a.inProgress() != tc.inProgress || a.lost() != tc.lost || a.unproven() != tc.unproven {
			t.Errorf("%s: over %t, in progress %t, lost %t, unproven %t", name, a.over(), a.inProgress(), a.lost(), a.unproven())
		}
	}
}

// TestWhoeverChangesTheClusterBeginsItAnew: the tries are counted since then.
func TestWhoeverChangesTheClusterBeginsItAnew(t *testing.T) {
	refused := func(t *testing.T, d *desk) *desk {
		d.answers = slices.Repeat([]Answer{{Sort: trouble.Refused}}, 20)
		d.after(s15).recheck().after(s15).recheck()
		if d.r.Incident.Tries != 2 {
			t.Fatalf("%d tries, %q", d.r.Incident.Tries, d.log)
		}
		d.log = nil
		return d
	}
	t.Run("to something else, of which nobody told", func(t *testing.T) {
		d := refused(t, newDesk(t, enforce, world)).becomes(exposed)
		d.wakes().told(closing+": refused", "waits 15s")
		if d.r.Incident.Tries != 1 {
			t.Errorf("%d tries", d.r.Incident.Tries)
		}
	})
	t.Run("to what it was, and the call is told of", func(t *testing.T) {
		d := refused(t, newDesk(t, enforce, world))
		e := d.after(time.Second).asks("u9", world)
		d.ends("u9", endpoint.UpdateSuccessful)
		d.comes(e).told(closing+": refused", "waits 15s")
		if d.r.Incident.Tries != 1 {
			t.Errorf("%d tries", d.r.Incident.Tries)
		}
	})
	t.Run("but the call that opened it was before", func(t *testing.T) {
		d := newDesk(t, enforce, private)
		e := d.asks("u1", world)
		d.ends("u1", endpoint.UpdateSuccessful)
		d.after(time.Second).comes(e)
		d.ends("ours-1", endpoint.UpdateFailed)
		d.answers = slices.Repeat([]Answer{{Sort: trouble.Refused}}, 20)
		d.after(s15).recheck().after(s15).recheck().after(time.Minute).recheck()
		if d.outcome() != Failed {
			t.Errorf("never given up: %q", d.log)
		}
	})
}

// TestAFailedAttemptIsNotRepeatedAsTheSame: EKS would answer it with the failure.
func TestAFailedAttemptIsNotRepeatedAsTheSame(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.answers = []Answer{{Sort: trouble.Refused}, {Sort: trouble.Refused}}
	d.wakes().after(s15).recheck()
	if a := d.r.Incident.Attempts; len(a) != 2 || a[0].Number != 1 || a[1].Number != 2 || a[0].Token == a[1].Token || a[1].Sent != 1 {
		t.Errorf("%+v", a)
	}
}

// TestALostAttemptThatFailedIsNotRepeatedAsTheSame: what EKS's list told of it once is
// remembered, though the next attempt was refused, too, and is forgotten.
func TestALostAttemptThatFailedIsNotRepeatedAsTheSame(t *testing.T) {
	d := dying(t, "applied")
	token := d.r.Incident.Attempts[0].Token
	d.ends("ours-0", endpoint.UpdateFailed)
	d.answers = []Answer{{Sort: trouble.NotNow}}
	d.after(5*time.Minute).wakes().told(closing+": not now", "mails detected", "waits 15s")
	d.after(s15).recheck().told(closing+": ours-1", "waits 15s")
	if a := d.r.Incident.Attempts; len(a) != 2 || a[1].Number != 2 || a[1].Token == token || a[1].UpdateID == "ours-0" {
		t.Errorf("%+v", a)
	}
}

func TestTheLastAttemptsAreKept(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.answers = slices.Repeat([]Answer{{Sort: trouble.Refused}}, 100)
	for n := range maxCauses + 3 {
		d.becomes([]endpoint.Access{world, exposed}[n%2]).wakes()
	}
	a := d.r.Incident.Attempts
	if len(a) != maxCauses || a[0].Number != 4 || a[len(a)-1].Number != maxCauses+3 {
		t.Errorf("%d are kept, from %d to %d", len(a), a[0].Number, a[len(a)-1].Number)
	}
}

// TestWhatIsWrittenBeforeACall: when the cluster was looked at, and who is at it.
func TestWhatIsWrittenBeforeACall(t *testing.T) {
	d := dying(t, "apply")
	if i := d.r.Incident; !i.LookedAt.Equal(start) || i.Attempts[0].Sent != 1 || !i.Attempts[0].Until.Equal(start.Add(time.Minute)) {
		t.Errorf("%+v", i)
	}
	if i := d.r.Intent; i == nil || i.Kind != IntentApply || i.By != "invocation 1" || !i.Until.Equal(start.Add(time.Minute)) {
		t.Errorf("%+v", i)
	}
	// The same of the call that asks who is at it.
	d = dying(t, "applied")
	d.die = "apply"
	d.after(2 * time.Minute).wakes().told("dies before asking for " + private.String())
	if i := d.r.Intent; i == nil || i.Kind != IntentApply || i.By != "invocation 2" || !i.Until.Equal(d.now.Add(time.Minute)) || d.r.Incident.Attempts[0].Sent != 2 {
		t.Errorf("%+v", i)
	}
	d.die = ""
	d.after(time.Second).wakes().told("later 1m0s")
}

// TestWhatAnInvocationThatIsOverHadBegun is taken up by the next one, if there is
// still something to do.
func TestWhatAnInvocationThatIsOverHadBegun(t *testing.T) {
	open, left := &Incident{Ref: "EG-AAAAAAAA"}, &Departure{Ref: "EG-BBBBBBBB"}
	for name, tc := range map[string]struct {
		intent Intent
		r      Record
		want   NoticeKind // the mail that is sent again
	}{
		"a mail of a discovery":                     {Intent{Kind: IntentTell, Notice: NoticeDetected}, Record{Incident: open}, NoticeDetected},
		"a mail of one that is stuck":               {Intent{Kind: IntentTell, Notice: NoticeStuck}, Record{Incident: open}, NoticeStuck},
		"a mail of a discovery, beside a departure": {Intent{Kind: IntentTell, Notice: NoticeDetected}, Record{Left: left}, ""},
		"a mail of a leave":                         {Intent{Kind: IntentTell, Notice: NoticeLeft}, Record{Left: left}, NoticeLeft},
		"a mail of a leave, beside an incident":     {Intent{Kind: IntentTell, Notice: NoticeLeft}, Record{Incident: open}, ""},
		"a mail of nothing that is there":           {Intent{Kind: IntentTell, Notice: NoticeOutcome}, Record{}, ""},
		"a change":                                  {Intent{Kind: IntentApply}, Record{Incident: open, Left: left}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tc.r.Intent = &tc.intent
			e := &evaluation{Record: tc.r, in: Input{By: "next", Deadline: start}, now: start}
			tell, ok := e.resume(tc.intent).(Tell)
			if ok != (tc.want != "") || tell.Notice.Kind != tc.want {
				t.Errorf("%t %q", ok, tell.Notice.Kind)
			}
			if !ok && e.Intent != nil || ok && (e.Intent == nil || e.Intent.By != "next") {
				t.Errorf("%+v", e.Intent)
			}
		})
	}
	// It is told though by now there is no reason for it.
	d := newDesk(t, enforce, private)
	d.comes(d.asks("u1", world))
	d.die = "tell"
	d.after(stuckAfter).recheck()
	d.ends("u1", endpoint.UpdateSuccessful)
	d.die, d.log = "", nil
	d.after(2*time.Minute).wakes().told("mails stuck", closing+": ours-1", "waits 15s")

	// Of a call there is nothing left to be seen.
	d = dying(t, "apply")
	d.becomes(private)
	d.after(10 * time.Minute).wakes()
	if d.r.Intent != nil {
		t.Errorf("%+v", d.r.Intent)
	}
}

// TestWhenTheSameCallIsMadeOnceMore: only of the last attempt, its answer being lost,
// and only if what is under way may be it.
func TestWhenTheSameCallIsMadeOnceMore(t *testing.T) {
	under := endpoint.Update{ID: "x", Type: endpoint.EndpointAccessUpdate, Status: endpoint.UpdateInProgress, Asked: request(private), CreatedAt: start}
	lost := Attempt{Number: 1, Desired: private, Token: "token", At: start, Until: start.Add(time.Minute), Sent: 1}
	for name, tc := range map[string]struct {
		change func(*Attempt, *endpoint.Update, *Input)
		want   bool
	}{
		"lost":                         {func(*Attempt, *endpoint.Update, *Input) {}, true},
		"sent twice":                   {func(a *Attempt, _ *endpoint.Update, _ *Input) { a.Sent = 2 }, false},
		"EKS refused a change already": {func(_ *Attempt, _ *endpoint.Update, in *Input) { in.Busy = true }, false},
		"EKS took it":                  {func(a *Attempt, _ *endpoint.Update, _ *Input) { a.UpdateID = "y" }, false},
		"EKS refused it":               {func(a *Attempt, _ *endpoint.Update, _ *Input) { a.Status = endpoint.UpdateFailed }, false},
		"it asks for something else":   {func(_ *Attempt, u *endpoint.Update, _ *Input) { u.Asked = request(office) }, false},
		"it is over":                   {func(_ *Attempt, u *endpoint.Update, _ *Input) { u.Status = endpoint.UpdateSuccessful }, false},
		"nothing is under way":         {func(_ *Attempt, _ *endpoint.Update, in *Input) { in.History.Read = nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			a, u := lost, under
			e := &evaluation{in: Input{By: "this", Deadline: start.Add(time.Hour)}, now: start, looked: true}
			e.in.History.Read = []endpoint.Update{{ID: "other", Type: "LoggingUpdate", Status: endpoint.UpdateInProgress}, {}}
			e.Incident = &Incident{}
			history := e.in.History.Read
			tc.change(&a, &u, &e.in)
			if len(e.in.History.Read) > 0 {
				history[1] = u
			}
			e.Incident.Attempts = []Attempt{a}
			step := e.proveAttempt()
			if isAsking(step) != tc.want {
				t.Fatalf("%#v", step)
			}
			if !tc.want {
				if e.Incident.Attempts[0].Sent != a.Sent || e.Intent != nil {
					t.Error("nothing is asked for, and the record says so")
				}
				return
			}
			if s := step.(Apply); s.Token != "token" || !s.Desired.Equal(private) || e.Incident.Attempts[0].Sent != 2 {
				t.Errorf("%+v", s)
			}
			if e.Intent == nil || *e.Intent != (Intent{Kind: IntentApply, By: "this", Until: start.Add(time.Hour)}) || !e.Incident.LookedAt.Equal(start) {
				t.Errorf("%+v", e.Intent)
			}
		})
	}
	if step := (&evaluation{}).proveAttempt(); step != nil {
		t.Errorf("with no attempt: %#v", step)
	}
}

// TestWhatALostAttemptMayHaveBegun: the same, at its time, of no known caller.
func TestWhatALostAttemptMayHaveBegun(t *testing.T) {
	at := func(d time.Duration) func(*evaluation, *endpoint.Update) {
		return func(_ *evaluation, u *endpoint.Update) { u.CreatedAt = start.Add(d) }
	}
	for name, tc := range map[string]struct {
		change func(*evaluation, *endpoint.Update)
		want   bool
	}{
		"the same":                     {at(0), true},
		"a clock's difference before":  {at(-time.Minute), true},
		"long before":                  {at(-time.Minute - time.Second), false},
		"a clock's difference after":   {at(2 * time.Minute), true},
		"long after":                   {at(2*time.Minute + time.Second), false},
		"no incident":                  {func(e *evaluation, _ *endpoint.Update) { e.Incident = nil }, false},
		"another kind":                 {func(_ *evaluation, u *endpoint.Update) { u.Type = "LoggingUpdate" }, false},
		"asks for a part":              {func(_ *evaluation, u *endpoint.Update) { u.Asked.Private = nil }, false},
		"asks for something else":      {func(_ *evaluation, u *endpoint.Update) { u.Asked = request(office) }, false},
		"is ours":                      {func(e *evaluation, _ *endpoint.Update) { e.Ours = []string{"x"} }, false},
		"somebody made the call":       {func(e *evaluation, _ *endpoint.Update) { e.Watch = []Cause{{UpdateID: "x", EventID: "e"}} }, false},
		"somebody is a cause of it":    {func(e *evaluation, _ *endpoint.Update) { e.Incident.Causes = []Cause{{UpdateID: "x", EventID: "e"}} }, false},
		"only EKS tells of it":         {func(e *evaluation, _ *endpoint.Update) { e.Watch = []Cause{{UpdateID: "x"}} }, true},
		"somebody made another call":   {func(e *evaluation, _ *endpoint.Update) { e.Watch = []Cause{{UpdateID: "y", EventID: "e"}} }, true},
		"EKS refused our only sending": {func(e *evaluation, _ *endpoint.Update) { e.Incident.Attempts[0].Status = endpoint.UpdateFailed }, false},
		"EKS refused the second sending": {func(e *evaluation, _ *endpoint.Update) {
			a := &e.Incident.Attempts[0]
			a.Status, a.Sent = endpoint.UpdateFailed, 2
		}, true},
	} {
		e := &evaluation{now: start}
		e.Incident = &Incident{Attempts: []Attempt{{Desired: private, At: start, Until: start.Add(time.Minute), Sent: 1}}}
		u := endpoint.Update{ID: "x", Type: endpoint.EndpointAccessUpdate, Asked: request(private), CreatedAt: start}
		tc.change(e, &u)
		if got := e.maybeOurs(u); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestOurRolesEventFindsItsAttempt: the one whose answer was lost, or none that the
// ledger knows.
func TestOurRolesEventFindsItsAttempt(t *testing.T) {
	failed := Attempt{Number: 1, Desired: private, UpdateID: "earlier", Status: endpoint.UpdateFailed, Sent: 1}
	other := Attempt{Number: 2, Desired: office, Status: endpoint.UpdateFailed, Sent: 2}
	lost := Attempt{Number: 3, Desired: private, Sent: 1, At: start, Until: start.Add(time.Minute)}
	for name, tc := range map[string]struct {
		attempts []Attempt
		want     []string // the attempts' numbers and updates then
	}{
		"the only one":                {[]Attempt{lost}, []string{"3 x"}},
		"the last of several":         {[]Attempt{failed, other, lost}, []string{"1 earlier", "2 ", "3 x"}},
		"one that the ledger forgot":  {[]Attempt{failed, other}, []string{"1 earlier", "2 ", "3 x"}},
		"the first, and it forgot it": {nil, []string{"1 x"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, enforce, private)
			d.comes(d.asks("u1", world))
			d.ends("u1", endpoint.UpdateFailed)
			d.asks("x", private)
			d.r.Incident.Attempts = tc.attempts
			d.after(time.Second).comes(d.ownEvent("x"))
			var got []string
			for _, a := range d.r.Incident.Attempts {
				got = append(got, fmt.Sprint(a.Number, " ", a.UpdateID))
			}
			if !slices.Equal(got, tc.want) {
				t.Fatalf("%q", got)
			}
			if last := d.r.Incident.Attempts[len(got)-1]; !last.Desired.Equal(private) || !last.CreatedAt.Equal(start) || !last.inProgress() {
				t.Errorf("%+v", last)
			}
		})
	}
}

// TestOurRolesEventIsWaitedFor: EKS may show an update a little later than its event
// comes, up to five minutes.
func TestOurRolesEventIsWaitedFor(t *testing.T) {
	for since, want := range map[time.Duration]string{0: "later 15s", 5*time.Minute - time.Second: "later 15s", 5 * time.Minute: "rests"} {
		d := newDesk(t, enforce, private)
		d.comes(d.asks("u1", world))
		d.asks("x", private)
		own := d.ownEvent("x")
		delete(d.updates, "x")
		own.Time, d.log = d.now.Add(-since), nil
		d.comes(own).told(want)
	}
}

// TestAProvenUpdateIsNobodyElses: what EKS names as ours is followed as somebody's
// no more, and everybody else's still is.
func TestAProvenUpdateIsNobodyElses(t *testing.T) {
	d := newDesk(t, bothWays, office)
	d.wakes()
	d.log = nil
	e := d.after(time.Second).asks("u1", exposed)
	d.ends("u1", endpoint.UpdateSuccessful)
	d.die = "applied"
	d.comes(e) // what is asked for still breaks the rule that only alerts
	d.die = "apply"
	d.after(2 * time.Minute).wakes()
	if w := d.r.Watch; len(w) != 2 || len(d.r.Incident.Causes) != 2 {
		t.Fatalf("%+v, %q", w, d.log)
	}
	in := d.input(Message{}, "invocation 2")
	d.r = Applied(d.r, in, Answer{Update: d.updates["ours-1"]})
	if w := d.r.Watch; len(w) != 1 || w[0].UpdateID != "u1" {
		t.Errorf("followed: %+v", w)
	}
	if c := d.r.Incident.Causes; len(c) != 1 || c[0].UpdateID != "u1" {
		t.Errorf("causes: %+v", c)
	}
	if d.r.Incident.Stage != Updating {
		t.Errorf("%s", d.r.Incident.Stage)
	}
}

// TestWhatEKSAnswers: what becomes of the attempt, and of the claim on the cluster.
func TestWhatEKSAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		a        Answer
		attempts int
		denied   int
		tries    int
		intent   bool
		stage    Stage
	}{
		"accepted":                      {Answer{Update: endpoint.Update{ID: "x"}}, 1, 0, 0, false, Updating},
		"no answer":                     {Answer{Sort: trouble.Transient}, 1, 0, 0, true, Detected},
		"no answer that can be read":    {Answer{Sort: trouble.Unreadable}, 1, 0, 0, true, Detected},
		"nothing to do":                 {Answer{Sort: trouble.NothingToDo}, 0, 1, 0, false, Detected},
		"nothing to do, sent twice":     {Answer{Sort: trouble.NothingToDo, Repeated: true}, 1, 1, 0, false, Detected},
		"refused":                       {Answer{Sort: trouble.Refused, Code: "c", Text: "t"}, 1, 0, 1, false, Detected},
		"in use":                        {Answer{Sort: trouble.NotNow}, 0, 0, 0, false, Detected},
		"in use, sent twice":            {Answer{Sort: trouble.NotNow, Repeated: true}, 1, 0, 0, false, Detected},
		"no answer to the second of it": {Answer{Sort: trouble.Transient, Repeated: true}, 1, 0, 0, true, Detected},
	} {
		t.Run(name, func(t *testing.T) {
			r := Record{
				Incident: &Incident{Stage: Detected, Attempts: []Attempt{{Number: 1, Sent: 1}}},
				Intent:   &Intent{Kind: IntentApply, By: "this", Until: start.Add(time.Hour)},
			}
			got := Applied(r, Input{Now: start, By: "this"}, tc.a)
			i := got.Incident
			if len(i.Attempts) != tc.attempts || i.Denied != tc.denied || i.Tries != tc.tries || i.Stage != tc.stage || (got.Intent != nil) != tc.intent {
				t.Errorf("%+v, %+v", i, got.Intent)
			}
			if tc.intent && !got.Intent.Until.Equal(start) {
				t.Errorf("nobody may take it up before %s", got.Intent.Until)
			}
			if tc.a.Repeated && i.Attempts[0].Sent != 2 {
				t.Errorf("sent %d times", i.Attempts[0].Sent)
			}
			if !r.Intent.Until.Equal(start.Add(time.Hour)) || len(r.Incident.Attempts) != 1 || r.Incident.Attempts[0].Sent != 1 {
				t.Error("the record that was given is changed")
			}
		})
	}
}

// TestWhatTheBrakeIsTold: the rules that want a change, and since when it holds.
func TestWhatTheBrakeIsTold(t *testing.T) {
	d := newDesk(t, bothWays, exposed)
	d.limit = 2
	d.brake, _, _ = d.brake.Ask(brake.Entry{ARN: "other", Fresh: true}, 2, d.now.Add(-10*time.Minute))
	d.wakes().told("waits 5m0s")
	if w := d.brake.Waiting[d.cluster.ARN]; !slices.Equal(w.Rules, []string{"inside"}) || w.Name != "demo" || !w.World {
		t.Errorf("%+v", w)
	}
	if d.r.Incident.Stage != Waiting {
		t.Errorf("%s", d.r.Incident.Stage)
	}
	d.after(heldPace).recheck().told("waits 5m0s")
	if i := d.r.Incident; !i.HeldSince.Equal(start) {
		t.Errorf("held since %s", i.HeldSince)
	}
	d.after(time.Hour).recheck()
	if i := d.r.Incident; !i.HeldSince.IsZero() || !i.HeldUntil.IsZero() || i.Stage != Updating {
		t.Errorf("held since %s until %s", i.HeldSince, i.HeldUntil)
	}
}

// TestWhatIsHeldIsLetThrough: the claim says so before EKS is asked.
func TestWhatIsHeldIsLetThrough(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.limit = 2
	d.brake, _, _ = d.brake.Ask(brake.Entry{ARN: "other", Fresh: true}, 2, d.now)
	d.wakes()
	d.die = "apply"
	d.after(2 * time.Hour).recheck()
	if i := d.r.Incident; len(i.Attempts) != 1 || !i.HeldSince.IsZero() || !i.HeldUntil.IsZero() {
		t.Errorf("%+v", i)
	}
}

// TestWhoGetsTheCredit: nobody for what is not known, unless a call of ours is lost
// and there is more than was read.
func TestWhoGetsTheCredit(t *testing.T) {
	known := endpoint.Update{ID: "x", Type: endpoint.EndpointAccessUpdate, Asked: request(private), CreatedAt: start}
	lost := Attempt{Desired: private, At: start, Until: start, Sent: 1}
	for name, tc := range map[string]struct {
		u        *endpoint.Update
		whole    bool
		attempts []Attempt
		own      bool
		want     credit
	}{
		"no update":                           {nil, true, nil, false, nobodys},
		"no update, and a lost call":          {nil, true, []Attempt{lost}, false, nobodys},
		"none of what was read":               {nil, false, nil, false, nobodys},
		"none of what was read, a lost call":  {nil, false, []Attempt{lost}, false, anybodys},
		"none of what was read, a known call": {nil, false, []Attempt{{UpdateID: "y"}}, false, nobodys},
		"ours":                                {&known, false, []Attempt{lost}, true, ours},
		"theirs":                              {&known, true, nil, false, theirs},
		"theirs, and a list that goes on":     {&endpoint.Update{ID: "z"}, false, []Attempt{lost}, false, theirs},
		"a lost call's or somebody's":         {&known, true, []Attempt{lost}, false, anybodys},
	} {
		e := &evaluation{now: start}
		e.Incident = &Incident{Attempts: tc.attempts}
		e.in.History.Whole = tc.whole
		if tc.own {
			e.Ours = []string{"x"}
		}
		if got := e.creditOf(tc.u); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
	if got := (&evaluation{}).creditOf(nil); got != nobodys {
		t.Errorf("with no incident: %d", got)
	}
}
