package incident

import (
	"slices"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// TestAChangeInBetweenEndsWhatLooksConfirm: for how long they have shown the same,
// and that they have shown no violation, counts from anew.
func TestAChangeInBetweenEndsWhatLooksConfirm(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.comes(d.asks("u1", world))
	d.ends("u1", endpoint.UpdateFailed)
	d.after(s15).recheck()
	if d.r.ClearSince.IsZero() || d.r.Steady == nil {
		t.Errorf("clear since %s, steady: %v", d.r.ClearSince, d.r.Steady)
	}
	e := d.after(time.Second).asks("u2", world)
	d.cluster.Status = endpoint.StatusActive // it lags behind
	d.comes(e)
	if !d.r.ClearSince.IsZero() || d.r.Steady != nil {
		t.Errorf("clear since %s, steady: %v", d.r.ClearSince, d.r.Steady)
	}
}

// TestTheBrakeDoesNotHoldWhatCannotBeChanged: what keeps it open then is EKS.
func TestTheBrakeDoesNotHoldWhatCannotBeChanged(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.limit = 1
	d.brake, _, _ = d.brake.Ask(brake.Entry{ARN: "other", Fresh: true}, 1, d.now)
	d.comes(d.asks("u1", world))
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(s15).recheck()
	if i := d.r.Incident; i.HeldSince.IsZero() || i.HeldUntil.IsZero() {
		t.Fatalf("%+v", i)
	}
	d.asks("u2", exposed)
	d.after(s15).recheck()
	if i := d.r.Incident; !i.HeldSince.IsZero() || !i.HeldUntil.IsZero() {
		t.Errorf("held since %s until %s", i.HeldSince, i.HeldUntil)
	}
}

// TestAnOpeningThatNoEventTellsOf is found while it is under way, although EKS lists it a
// little later: the first look after it may still show what was there before.
func TestAnOpeningThatNoEventTellsOf(t *testing.T) {
	d := newDesk(t, tell, private)
	d.cluster.Status = endpoint.StatusUpdating
	d.wakes()
	d.asks("u1", world)
	d.after(s15).recheck().told("waits 15s", "mails detected", "waits 15s")

	d = newDesk(t, tell, private)
	d.begins("u1", "VersionUpdate").wakes()
	reads := d.reads
	d.after(staleFor).recheck()
	if d.reads != reads {
		t.Errorf("the history of a cluster that is being upgraded is read %d times more", d.reads-reads)
	}
}

// TestNothingIsWaitedFor where the cluster is no concern of the rules, or is about to
// be no more.
func TestNothingIsWaitedFor(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.cluster.OutpostsLocal, d.cluster.Status = true, endpoint.StatusUpdating
	d.wakes().told("out-of-scope")

	d = newDesk(t, enforce, private)
	e := d.asks("u1", world)
	d.ends("u1", endpoint.UpdateSuccessful)
	d.cluster.Status = endpoint.StatusDeleting
	d.comes(e).told("gone")
	if len(d.r.Watch) != 0 || !slices.Contains(d.r.Past, "u1") || !d.r.BusySince.IsZero() {
		t.Errorf("followed are %+v, past are %q, busy since %s", d.r.Watch, d.r.Past, d.r.BusySince)
	}
}

// TestADoubtfulLookIsRepeatedSoon, however long the cluster has been busy.
func TestADoubtfulLookIsRepeatedSoon(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.cluster.Status = endpoint.StatusUpdating
	d.wakes()
	d.after(31*time.Minute).recheck().told("waits 15s", "waits 1m0s")
	d.becomes(private)
	d.cluster.Access, d.cluster.Status = world, endpoint.StatusUpdating
	d.after(time.Minute).recheck().told("waits 15s")
}

// TestWhatStandsIsNoNewsOfABusyCluster: what was told is not told again.
func TestWhatStandsIsNoNewsOfABusyCluster(t *testing.T) {
	d := newDesk(t, tell, world)
	d.wakes().told("mails violation", "violation")
	d.cluster.Status = endpoint.StatusUpdating
	d.after(time.Hour).wakes().told("waits 15s")
	if d.r.Incident != nil {
		t.Errorf("%+v", d.r.Incident)
	}
}

// TestWhoAsksForWhatStandsHasFoundSomethingElse: EKS begins no update that changes
// nothing, whatever its history has forgotten.
func TestWhoAsksForWhatStandsHasFoundSomethingElse(t *testing.T) {
	d := newDesk(t, tell, world)
	d.wakes()
	d.cluster.Access, d.log = private, nil // no update tells of it
	d.after(time.Hour).comes(d.asks("u1", world)).told("mails detected", "waits 15s")
	// In a record from before the access was kept, it stands.
	d = newDesk(t, tell, world)
	d.wakes()
	d.cluster.Access, d.log = private, nil
	d.r.Standing.Now = nil
	d.after(time.Hour).comes(d.asks("u1", world)).told("waits 15s")
	// Nor is what asks for something else that breaks the same the same.
	d = newDesk(t, rules(limited("limited", policy.Alert)), world)
	d.wakes()
	d.log = nil
	d.after(time.Hour).comes(d.asks("u1", elsewhere)).told("mails detected", "waits 15s")
}

// TestSinceWhenItIsBlocked: the newest of what is known to be in the way.
func TestSinceWhenItIsBlocked(t *testing.T) {
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	for name, tc := range map[string]struct {
		watch    []Cause
		read     []endpoint.Update
		attempts []Attempt
		want     int
	}{
		"nothing is known":            {nil, nil, nil, 10},
		"a call":                      {[]Cause{{At: at(20)}}, nil, nil, 20},
		"a call before the first":     {[]Cause{{At: at(5)}}, nil, nil, 10},
		"a call that is over":         {[]Cause{{At: at(20), Status: endpoint.UpdateSuccessful}}, nil, nil, 10},
		"a call of the future":        {[]Cause{{At: at(61)}}, nil, nil, 10},
		"a call of now":               {[]Cause{{At: at(60)}}, nil, nil, 60},
		"the newest of two calls":     {[]Cause{{At: at(30)}, {At: at(20)}}, nil, nil, 30},
		"an update":                   {nil, []endpoint.Update{{CreatedAt: at(20), Status: endpoint.UpdateInProgress}}, nil, 20},
		"an update that is over":      {nil, []endpoint.Update{{CreatedAt: at(20), Status: endpoint.UpdateFailed}}, nil, 10},
		"ours":                        {nil, nil, []Attempt{{At: at(20), UpdateID: "u"}}, 20},
		"ours that is over":           {nil, nil, []Attempt{{At: at(20), UpdateID: "u", Status: endpoint.UpdateFailed}}, 10},
		"ours that EKS may have":      {nil, nil, []Attempt{{At: at(20)}}, 10},
		"ours after a call":           {[]Cause{{At: at(20)}}, nil, []Attempt{{At: at(30), UpdateID: "u"}}, 30},
		"an update after ours":        {nil, []endpoint.Update{{CreatedAt: at(40)}}, []Attempt{{At: at(30), UpdateID: "u"}}, 40},
		"a call after ours and those": {[]Cause{{At: at(50)}}, []endpoint.Update{{CreatedAt: at(40)}}, []Attempt{{At: at(30), UpdateID: "u"}}, 50},
	} {
		e := &evaluation{Record: Record{BusySince: at(10), Watch: tc.watch, Incident: &Incident{Attempts: tc.attempts}}, now: at(60)}
		e.in.History.Read = tc.read
		if got := e.blockedSince(); !got.Equal(at(tc.want)) {
			t.Errorf("%s: since %s", name, got)
		}
	}
	if got := (&evaluation{Record: Record{BusySince: at(10)}}).blockedSince(); !got.Equal(at(10)) {
		t.Errorf("with no incident: since %s", got)
	}
}
