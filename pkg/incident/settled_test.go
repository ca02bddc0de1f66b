package incident

import (
	"slices"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// names are the rules that notes are about.
func names(notes []RuleNote) []string {
	var out []string
	for _, n := range notes {
		out = append(out, n.Name)
	}
	return out
}

// TestASettledClusterIsNotBusyAnyMore: since when it can't be changed is counted from
// the next change on.
func TestASettledClusterIsNotBusyAnyMore(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.comes(d.asks("u1", world))
	if !d.r.BusySince.Equal(start) {
		t.Errorf("busy since %s", d.r.BusySince)
	}
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(time.Hour).recheck()
	if !d.r.BusySince.Equal(d.now) {
		t.Errorf("the guardrail's own change keeps it busy since %s", d.r.BusySince)
	}
}

// TestWhenItWasLookedAt: every mail tells it, and the status that was shown.
func TestWhenItWasLookedAt(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.comes(d.asks("u1", world))
	if i := d.r.Incident; !i.LookedAt.Equal(start) || i.Status != endpoint.StatusUpdating {
		t.Errorf("%s, %s", i.LookedAt, i.Status)
	}
	d.ends("u1", endpoint.UpdateFailed)
	d.after(s15).recheck().told("mails detected", "waits 15s", "waits 15s")
	if i := d.r.Incident; !i.LookedAt.Equal(start.Add(s15)) || i.Status != endpoint.StatusActive {
		t.Errorf("it complies: %s, %s", i.LookedAt, i.Status)
	}
	d = newDesk(t, enforce, private)
	d.comes(d.asks("u1", world))
	d.ends("u1", endpoint.UpdateSuccessful)
	d.die = "apply"
	d.after(s15).recheck()
	if i := d.r.Incident; !i.LookedAt.Equal(start.Add(s15)) || i.Status != endpoint.StatusActive {
		t.Errorf("it violates: %s, %s", i.LookedAt, i.Status)
	}
}

// TestAnOldLookAfterALateEventConcludesNothing: the event is of what was carried out,
// and nothing undid it.
func TestAnOldLookAfterALateEventConcludesNothing(t *testing.T) {
	d := newDesk(t, enforce, private)
	e := d.asks("u1", world)
	d.ends("u1", endpoint.UpdateSuccessful)
	d.cluster.Access = private // still
	d.after(30 * time.Second).comes(e).told("waits 15s")
	d.after(s15).recheck().told("waits 15s")
	d.after(s15).recheck().told("waits 15s")
	d.cluster.Access = world
	d.after(s15).recheck().told(closing+": ours-1", "mails detected", "waits 15s")
}

// TestBobNarrowedItAfterUs: his call is told of, and it was ours that put an end to
// the violation.
func TestBobNarrowedItAfterUs(t *testing.T) {
	d := newDesk(t, rules(limited("limited", policy.Enforce)), world)
	d.wakes()
	d.ends("ours-0", endpoint.UpdateSuccessful)
	e := d.after(time.Second).asks("bob", private)
	d.comes(e)
	d.ends("bob", endpoint.UpdateSuccessful)
	d.log = nil
	d.after(s15).recheck().told("waits 15s")
	d.after(s15).recheck().told("mails enforced", "compliant")
}

// TestTheRulesAllowItNow: what was found is there as it was, and nobody undid it.
func TestTheRulesAllowItNow(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.answers = []Answer{{Sort: trouble.NotNow}}
	d.wakes().told(closing+": not now", "mails detected", "waits 15s")
	d.policy = &policy.Policy{Hash: "another", Rules: bothWays.Rules[:1]}
	d.after(s15).recheck().told("waits 15s")
	d.after(s15).recheck().told("mails compliant", "compliant")
	if f := d.mails[1].Record.Incident.Final; f.Why != WhyAllowed || f.UndoneBy != nil {
		t.Errorf("%+v", f)
	}
}

// TestForHowLongItIsWaitedToKnowWhoDidIt: fifteen minutes after our call.
func TestForHowLongItIsWaitedToKnowWhoDidIt(t *testing.T) {
	for after, want := range map[time.Duration]Outcome{15*time.Minute - time.Second: "", 15 * time.Minute: Compliant} {
		d := dying(t, "apply")
		d.after(10*time.Second).asks("carol", private)
		d.ends("carol", endpoint.UpdateSuccessful)
		d.after(5 * time.Minute).wakes()
		d.now = start.Add(after)
		if d.recheck(); d.outcome() != want {
			t.Errorf("%s after it: %q", after, d.log)
		}
	}
}

// TestOursIsTheLast: of what is known, and nobody has changed the cluster since.
func TestOursIsTheLast(t *testing.T) {
	own, bobs := applied("ours", 2, request(private)), applied("bob", 3, request(private))
	opening := applied("u1", 1, request(world))
	for name, tc := range map[string]struct {
		known []endpoint.Update
		watch []Cause
		want  bool
	}{
		"ours":                            {[]endpoint.Update{opening, own}, nil, true},
		"nothing is known":                {nil, nil, false},
		"bob's, before ours":              {[]endpoint.Update{opening, applied("bob", 1, request(private)), own}, nil, false},
		"bob's, after ours":               {[]endpoint.Update{opening, own, bobs}, nil, false},
		"a call that is over, before":     {[]endpoint.Update{opening, own}, []Cause{{UpdateID: "u1", At: start.Add(1), Status: endpoint.UpdateSuccessful}}, true},
		"a call that is over, after ours": {[]endpoint.Update{opening, own}, []Cause{{UpdateID: "u2", At: start.Add(4), Status: endpoint.UpdateSuccessful}}, false},
		"a call that is not over":         {[]endpoint.Update{opening, own}, []Cause{{UpdateID: "u2", At: start.Add(1), Status: endpoint.UpdateInProgress}}, false},
	} {
		e := looking(t, newDesk(t, enforce, private), tc.known...)
		e.Incident, e.Ours, e.Watch = &Incident{OpenedAt: start}, []string{"ours"}, tc.watch
		if got := e.oursIsLast(); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestWhoIsToldToHaveUndoneIt: the last call that is known, else what EKS tells.
func TestWhoIsToldToHaveUndoneIt(t *testing.T) {
	call := func(id string, after time.Duration, asked endpoint.Access) Cause {
		return Cause{UpdateID: id, EventID: "event", At: start.Add(after), Asked: request(asked), Status: endpoint.UpdateSuccessful}
	}
	with := func(c Cause, change func(*Cause)) Cause { change(&c); return c }
	for name, tc := range map[string]struct {
		watch []Cause
		known []endpoint.Update
		want  string
	}{
		"nobody":                        {nil, nil, ""},
		"the call that closed it":       {[]Cause{call("u1", 1, world), call("u2", 2, private)}, nil, "u2"},
		"the last of two":               {[]Cause{call("u1", 1, private), call("u2", 2, private)}, nil, "u2"},
		"the last of two, told first":   {[]Cause{call("u2", 2, private), call("u1", 1, private)}, nil, "u2"},
		"not who opened it":             {[]Cause{call("u1", 1, world)}, nil, ""},
		"not who failed":                {[]Cause{with(call("u1", 1, private), func(c *Cause) { c.Status = endpoint.UpdateFailed })}, nil, ""},
		"not who is at it":              {[]Cause{with(call("u1", 1, private), func(c *Cause) { c.Status = endpoint.UpdateInProgress })}, nil, ""},
		"not who asked for nothing":     {[]Cause{with(call("u1", 1, private), func(c *Cause) { c.Asked = endpoint.Request{} })}, nil, ""},
		"not what nobody can read":      {[]Cause{with(call("u1", 1, private), func(c *Cause) { c.Asked.Unreadable = true })}, nil, ""},
		"what EKS tells of":             {[]Cause{call("u1", 1, world)}, []endpoint.Update{applied("u3", 3, request(private))}, "u3"},
		"a call rather than that":       {[]Cause{call("u2", 2, private)}, []endpoint.Update{applied("u3", 3, request(private))}, "u2"},
		"not ours":                      {nil, []endpoint.Update{applied("ours", 3, request(private))}, ""},
		"not one that opened it either": {nil, []endpoint.Update{applied("u3", 3, request(world))}, ""},
	} {
		e := looking(t, newDesk(t, enforce, private), tc.known...)
		e.Watch, e.Ours = tc.watch, []string{"ours"}
		got := e.undoneBy()
		if (got == nil) != (tc.want == "") || got != nil && got.UpdateID != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
		if got != nil && got.UpdateID == "u3" && (got.EventID != "" || !got.At.Equal(start.Add(3)) || got.Status != endpoint.UpdateSuccessful) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestTwoLooksMustBeApart: by all but fifteen seconds.
func TestTwoLooksMustBeApart(t *testing.T) {
	e := &evaluation{now: start}
	if e.seenTwice() || !e.ClearSince.Equal(start) {
		t.Errorf("one look is two, since %s", e.ClearSince)
	}
	for after, want := range map[time.Duration]bool{0: false, 13 * time.Second: false, 14*time.Second - 1: false, 14 * time.Second: true, time.Hour: true} {
		e.now = start.Add(after)
		if got := e.seenTwice(); got != want || !e.ClearSince.Equal(start) {
			t.Errorf("%s later: %t, since %s", after, got, e.ClearSince)
		}
	}
}

// TestALookThatViolatesConfirmsNoOther: two looks at what complies must follow each
// other.
func TestALookThatViolatesConfirmsNoOther(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.comes(d.asks("u1", world))
	d.ends("u1", endpoint.UpdateFailed)
	d.after(s15).recheck()
	d.network.DNSSupport = endpoint.No
	d.cluster.Access = world
	d.r.Incident.DetectedMailed = time.Time{}
	d.die = "tell"
	d.after(s15).recheck()
	if !d.r.ClearSince.IsZero() {
		t.Errorf("clear since %s", d.r.ClearSince)
	}
}

// TestWhatStandsAsToldIsDealtWith: the calls that led to it are followed no more.
func TestWhatStandsAsToldIsDealtWith(t *testing.T) {
	d := newDesk(t, tell, private)
	e := d.wakes().asks("u1", world)
	d.ends("u1", endpoint.UpdateSuccessful)
	d.wakes()
	d.r.Closings = nil // so that no former incident accounts for it
	d.r.Past = nil
	d.log = nil
	d.after(time.Second).comes(e).told("violation")
	if len(d.r.Watch) != 0 || !slices.Contains(d.r.Past, "u1") {
		t.Errorf("followed are %+v, past are %q", d.r.Watch, d.r.Past)
	}
}

// TestSinceWhenItIsSettled: the first look that could be acted on.
func TestSinceWhenItIsSettled(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.comes(d.asks("u1", world))
	if !d.r.Incident.SettledAt.IsZero() {
		t.Errorf("settled at %s", d.r.Incident.SettledAt)
	}
	d.ends("u1", endpoint.UpdateSuccessful)
	d.answers = []Answer{{Sort: trouble.NotNow}}
	d.after(s15).recheck().after(s15).recheck()
	if !d.r.Incident.SettledAt.Equal(start.Add(s15)) {
		t.Errorf("settled at %s", d.r.Incident.SettledAt)
	}
	d.ends("ours-1", endpoint.UpdateSuccessful)
	d.after(s15).recheck()
	if c := d.r.Closings[0]; !c.Covers.Equal(start.Add(2 * s15)) {
		t.Errorf("covers what began until %s", c.Covers)
	}
}

// TestTheUpdateThatNobodyToldOfIsACause, and never one of the guardrail's own.
func TestTheUpdateThatNobodyToldOfIsACause(t *testing.T) {
	d := newDesk(t, bothWays, private).becomes(exposed)
	d.wakes()
	if c := d.r.Incident.Causes; len(c) != 1 || c[0].UpdateID != "quiet-0" || c[0].Call != cloudtrail.UpdateClusterConfig || !c[0].At.Equal(d.now) || c[0].EventID != "" {
		t.Errorf("%+v", c)
	}
	d.ends("ours-1", endpoint.UpdateSuccessful)
	d.after(s15).recheck()
	if i := d.mails[1].Record.Incident; i.Final.Outcome != PartlyEnforced || len(i.Causes) != 1 {
		t.Errorf("%s, %+v", i.Final.Outcome, i.Causes)
	}
	// Nor one that asked for something else than is there.
	d = newDesk(t, enforce, private).becomes(world)
	d.cluster.Access = exposed
	d.after(3 * time.Hour).wakes()
	if c := d.r.Incident.Causes; len(c) != 0 {
		t.Errorf("%+v", c)
	}
}

// TestTheRulesChangeMeanwhile: what is told is what is broken now, until something
// was enforced; then it is what was broken.
func TestTheRulesChangeMeanwhile(t *testing.T) {
	play := func(p *policy.Policy) *desk {
		d := newDesk(t, enforce, private)
		d.wakes().comes(d.asks("u1", exposed))
		if i := d.r.Incident; i.AlertOnly || !slices.Equal(names(i.Rules), []string{"closed"}) || i.Nearest.Public {
			t.Fatalf("%+v", i)
		}
		d.ends("u1", endpoint.UpdateSuccessful)
		d.policy = p
		return d.after(s15).recheck()
	}
	d := play(&policy.Policy{Hash: "another", Rules: bothWays.Rules})
	if i := d.r.Incident; i.AlertOnly || !slices.Equal(names(i.Rules), []string{"inside", "closed"}) || i.Before == nil || !i.Before.Access.Equal(private) {
		t.Errorf("%+v", i)
	}
	d = play(&policy.Policy{Hash: "another", Rules: rules(limited("limited", policy.Alert)).Rules})
	if i := d.mails[1].Record.Incident; !i.AlertOnly || !slices.Equal(names(i.Rules), []string{"limited"}) || !i.Nearest.Public || i.Final.Outcome != Violation {
		t.Errorf("%+v", i)
	}
	// Something was enforced, and what is left is told as left.
	d = newDesk(t, bothWays, exposed)
	d.wakes()
	d.ends("ours-0", endpoint.UpdateSuccessful)
	d.after(s15).recheck()
	if i := d.mails[1].Record.Incident; i.AlertOnly || !slices.Equal(names(i.Rules), []string{"inside", "closed"}) || !slices.Equal(names(i.Final.Left), []string{"closed"}) {
		t.Errorf("%+v", i)
	}
	// Something was enforced, and it is opened to something else.
	d = newDesk(t, bothWays, exposed)
	d.wakes()
	d.ends("ours-0", endpoint.UpdateSuccessful)
	d.policy = rules(closed("closed", policy.Enforce))
	d.after(s15).recheck()
	if i := d.r.Incident; i == nil || !slices.Equal(names(i.Rules), []string{"closed"}) {
		t.Errorf("%+v", i)
	}
}

// TestACallAboutWhatStandsIsFollowed: though EKS does not show its update yet, and shows a
// violation that was told.
func TestACallAboutWhatStandsIsFollowed(t *testing.T) {
	d := newDesk(t, tell, office)
	d.wakes().told("mails violation", "violation")
	e := d.after(time.Minute).asks("late", world)
	late := d.updates["late"]
	delete(d.updates, "late")
	d.cluster.Status = endpoint.StatusActive
	d.comes(e).told("waits 15s")
	d.updates["late"], d.cluster.Status = late, endpoint.StatusUpdating
	d.after(s15).recheck().told("mails detected", "waits 15s")
}

// TestSomebodyTouchesWhatFailed: it is tried again at once, as something new.
func TestSomebodyTouchesWhatFailed(t *testing.T) {
	failing := func(t *testing.T) *desk {
		d := newDesk(t, enforce, world)
		d.answers = slices.Repeat([]Answer{{Sort: trouble.Refused}}, 3)
		d.wakes().after(s15).recheck().after(time.Minute).recheck()
		d.log = nil
		return d
	}
	d := failing(t)
	e := d.after(time.Minute).asks("u9", world)
	e.Asked = endpoint.Request{CIDRs: &world.CIDRs}
	d.with("u9", func(u *endpoint.Update) { u.Asked = e.Asked })
	d.ends("u9", endpoint.UpdateSuccessful)
	d.comes(e).told(closing+": ours-1", "mails detected", "waits 15s")
	if i := d.r.Incident; i.Retry != 0 || i.Follows != "" || i.Tries != 0 {
		t.Errorf("%+v", i)
	}
	// Else it is one more try, the last of three.
	d = failing(t)
	d.after(time.Hour).wakes().told(closing+": ours-0", "waits 15s")
	if i := d.r.Incident; i.Retry != 1 || i.Follows == "" || i.Tries != 2 {
		t.Errorf("%+v", i)
	}
}
