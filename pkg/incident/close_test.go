package incident

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// TestWhatAnIncidentIsCalledAfter: the call that opened it, so that each message of it
// names the same; or how often something was found.
func TestWhatAnIncidentIsCalledAfter(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.comes(d.asks("u1", world))
	if want := reference(d.cluster.ID, "u1"); d.r.Incident.Ref != want {
		t.Errorf("%s, want %s", d.r.Incident.Ref, want)
	}
	d = newDesk(t, tell, private)
	for n, want := range []string{"found", "found 1", "found 2"} {
		d.becomes([]endpoint.Access{world, exposed}[n%2])
		d.wakes()
		if got := d.r.Closings[n].Ref; got != reference(d.cluster.ID, want) {
			t.Errorf("incident %d is not %q", n, want)
		}
	}
	d.after(time.Hour).comes(d.asks("u1", half))
	if want := reference(d.cluster.ID, "u1"); d.r.Incident == nil || d.r.Incident.Ref != want {
		t.Errorf("after others: %+v, want %s", d.r.Incident, want)
	}
	d = newDesk(t, enforce, world)
	d.cluster.Status = endpoint.StatusCreating
	d.wakes()
	if want := reference(d.cluster.ID, "create"); d.r.Incident.Ref != want {
		t.Errorf("%s, want %s", d.r.Incident.Ref, want)
	}
}

// TestWhatIsNotedWhenAnIncidentIsOpened: what its mails need.
func TestWhatIsNotedWhenAnIncidentIsOpened(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.cluster.ClusterSecurityGroup = "sg-1"
	d.die = "apply"
	d.wakes()
	i := d.r.Incident
	if i.Facts == nil || i.Facts.VPC != "vpc-1" || i.Facts.ClusterSecurityGroup != "sg-1" {
		t.Errorf("%+v", i.Facts)
	}
	d = newDesk(t, enforce, private)
	d.comes(d.asks("u1", world))
	if i = d.mails[0].Record.Incident; i.Facts == nil || i.Nearest == nil || !i.Nearest.Equal(private) || !i.Asked.Equal(world) || !i.Opening.Equal(world) {
		t.Errorf("%+v", i)
	}
	e := looking(t, newDesk(t, enforce, world))
	e.ClearSince = start
	e.open(e.judge(world), nil, time.Time{})
	if !e.ClearSince.IsZero() || e.Opened != 1 {
		t.Errorf("clear since %s, opened %d", e.ClearSince, e.Opened)
	}
}

// TestWhatIsToldOfTheNetwork: what is missing, where that kept a change from being made.
func TestWhatIsToldOfTheNetwork(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.network.DNSHostnames, d.network.DNSSupport = endpoint.No, endpoint.Unknown
	d.wakes()
	var got []string
	for _, g := range d.mails[0].Record.Incident.Final.Missing {
		got = append(got, fmt.Sprint(g.Name, " ", g.Unknown))
	}
	if want := []string{"enableDnsSupport true", "enableDnsHostnames false"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestNobodyUndidWhatWasNeverDone, whatever the history tells of before.
func TestNobodyUndidWhatWasNeverDone(t *testing.T) {
	d := newDesk(t, enforce, world).becomes(private)
	d.wakes()
	d.after(time.Hour).comes(d.asks("u1", world))
	d.ends("u1", endpoint.UpdateFailed)
	d.after(s15).recheck().after(s15).recheck()
	if f := d.r.Closings[0].Story.Final; f.Why != WhyNotDone || f.UndoneBy != nil {
		t.Errorf("%+v", f)
	}
}

// TestWhatIsToldOfATugOfWar: once, with a closing.
func TestWhatIsToldOfATugOfWar(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.round(0)
	d.round(1)
	e := d.asks("theirs-9", world)
	d.comes(e)
	d.ends("theirs-9", endpoint.UpdateSuccessful)
	d.network.DNSSupport = endpoint.No
	d.after(s15).recheck()
	if f := d.r.Closings[2].Story.Final; f.Outcome != Blocked || f.Tug != nil || !d.r.TugSince.IsZero() {
		t.Errorf("%+v", f)
	}
	d = newDesk(t, enforce, private)
	for n := range 4 {
		d.round(n)
	}
	for n, c := range d.r.Closings {
		if (c.Story.Final.Tug != nil) != (n == 2) {
			t.Errorf("closing %d tells %+v", n, c.Story.Final.Tug)
		}
	}
	if want := d.r.Closings[2].At; !d.r.TugSince.Equal(want) {
		t.Errorf("since %s, want %s", d.r.TugSince, want)
	}
}

// concluded is an open incident with an outcome, about to be closed.
func concluded(outcome Outcome) *evaluation {
	e := &evaluation{now: start.Add(2 * time.Hour)}
	e.Incident = &Incident{
		Ref: "EG-AAAAAAAA", OpenedAt: start, SettledAt: start.Add(time.Hour), Family: endpoint.IPv6,
		Final: &Final{Outcome: outcome, At: start.Add(time.Hour + 1), Now: office},
	}
	return e
}

// TestWhatAClosingAccountsFor: all that began until EKS took the guardrail's last
// change that was carried out, or until the cluster could first be changed.
func TestWhatAClosingAccountsFor(t *testing.T) {
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	done, failed := endpoint.UpdateSuccessful, endpoint.UpdateFailed
	for name, tc := range map[string]struct {
		attempts []Attempt
		want     int
	}{
		"nothing was done":         {nil, 60},
		"it was carried out":       {[]Attempt{{Status: done, CreatedAt: at(70)}}, 70},
		"it was before":            {[]Attempt{{Status: done, CreatedAt: at(50)}}, 60},
		"it failed":                {[]Attempt{{Status: failed, CreatedAt: at(70)}}, 60},
		"the last that was":        {[]Attempt{{Status: done, CreatedAt: at(70)}, {Status: done, CreatedAt: at(80)}}, 80},
		"one that was, one failed": {[]Attempt{{Status: done, CreatedAt: at(70)}, {Status: failed, CreatedAt: at(80)}}, 70},
	} {
		e := concluded(Enforced)
		e.Incident.Attempts = tc.attempts
		e.History.add(applied("u", 65*time.Minute, request(private)))
		e.close()
		if c := e.Closings[0]; !c.Covers.Equal(at(tc.want)) || !c.Applied.Equal(at(65)) || !c.At.Equal(at(120)) || !c.Opened.Equal(start) {
			t.Errorf("%s: %+v", name, c)
		}
	}
	e := concluded(Enforced)
	e.close()
	if c := e.Closings[0]; !c.Applied.IsZero() {
		t.Errorf("no update is known, and one took effect at %s", c.Applied)
	}
}

func TestSixtyClosingsAreKept(t *testing.T) {
	e := &evaluation{now: start}
	for n := range 62 {
		e.Incident = &Incident{Ref: fmt.Sprint(n), Stage: Stage(strings.Repeat("x", 4<<10)), Final: &Final{Outcome: Gone}}
		e.close()
	}
	if len(e.Closings) != 60 || e.Closings[0].Ref != "2" || e.Closings[59].Ref != "61" {
		t.Errorf("%d are kept, from %s", len(e.Closings), e.Closings[0].Ref)
	}
	if e.Closings[0].Story != nil || e.Closings[59].Story == nil {
		t.Error("the stories are not kept within their bound")
	}
}

// TestWhatStaysOfAnIncident: what the cluster was brought to, or what stays violated.
func TestWhatStaysOfAnIncident(t *testing.T) {
	for outcome, complies := range map[Outcome]bool{
		Enforced: true, AlreadyUndone: true, Compliant: true, Gone: false, PartlyEnforced: false, Blocked: false, Exempt: false,
	} {
		e := concluded(outcome)
		e.Standing = &Standing{Ref: "before"}
		e.DoubtSince, e.BusySince, e.ClearSince = start, start, start
		e.close()
		if (e.Compliant != nil) != complies || complies && (!e.Compliant.Access.Equal(office) || !e.Compliant.At.Equal(start.Add(time.Hour+1))) {
			t.Errorf("%s: complied last: %+v", outcome, e.Compliant)
		}
		if e.Standing != nil || e.Incident != nil || !e.DoubtSince.IsZero() || !e.BusySince.IsZero() || !e.ClearSince.IsZero() {
			t.Errorf("%s: %+v", outcome, e.Record)
		}
	}
	for outcome, retry := range map[Outcome]time.Duration{Failed: 2 * time.Hour, Blocked: 0, Violation: 0, PartlyEnforced: 0} {
		e := concluded(outcome)
		e.Incident.Final.Fingerprint, e.Incident.Retry = "f", 1
		e.Incident.Final.Left = []RuleNote{{Name: "closed"}}
		e.History.add(applied("u", time.Minute, request(world)))
		e.close()
		s := e.Standing
		if s == nil || s.Fingerprint != "f" || s.Ref != "EG-AAAAAAAA" || s.Outcome != outcome || !s.Since.Equal(start) || len(s.Rules) != 1 ||
			s.Family != endpoint.IPv6 || !s.Now.Equal(office) || !s.Covers.Equal(start.Add(time.Minute)) {
			t.Errorf("%s: %+v", outcome, s)
		}
		if retry == 0 && (!s.RetryAt.IsZero() || s.Retries != 0) || retry > 0 && (!s.RetryAt.Equal(e.now.Add(retry)) || s.Retries != 1) {
			t.Errorf("%s: it is tried again at %s, %d times so far", outcome, s.RetryAt, s.Retries)
		}
	}
}

// TestWhichCallsAreDealtWith when an incident is closed: its causes that are over, and
// those that it accounts for.
func TestWhichCallsAreDealtWith(t *testing.T) {
	done, under := endpoint.UpdateSuccessful, endpoint.UpdateInProgress
	e := concluded(Enforced)
	e.Incident.Causes = []Cause{{UpdateID: "cause", Status: done}, {UpdateID: "cause under way", Status: under, At: start.Add(3 * time.Hour)}}
	e.Watch = []Cause{
		{UpdateID: "cause", Status: done, At: start.Add(3 * time.Hour)},
		{UpdateID: "cause under way", Status: under, At: start.Add(3 * time.Hour)},
		{UpdateID: "before, over", Status: done, At: start},
		{UpdateID: "before, under way", Status: under, At: start},
		{UpdateID: "after, over", Status: done, At: start.Add(3 * time.Hour)},
	}
	e.close()
	if got := followed(e.Record); !slices.Equal(got, []string{"cause under way", "before, under way", "after, over"}) || !slices.Equal(e.Past, []string{"cause"}) {
		t.Errorf("followed are %q, past are %q", got, e.Past)
	}
}

// TestACheckThatFindsNothing: what stood is over, and what is over is dealt with.
func TestACheckThatFindsNothing(t *testing.T) {
	e := &evaluation{now: start}
	e.Standing, e.ClearSince, e.BusySince, e.DoubtSince = &Standing{}, start, start, start
	e.Watch = []Cause{{UpdateID: "over", Status: endpoint.UpdateFailed}, {UpdateID: "under way", Status: endpoint.UpdateInProgress}}
	v := looking(t, newDesk(t, enforce, private)).judge(private)
	if done := e.endCheck(v).(Done); done.Outcome != Compliant || done.Why != v.Why {
		t.Errorf("%+v", done)
	}
	if e.Standing != nil || !e.ClearSince.IsZero() || !e.BusySince.IsZero() || !e.DoubtSince.IsZero() {
		t.Errorf("%+v", e.Record)
	}
	if got := followed(e.Record); !slices.Equal(got, []string{"under way"}) || !slices.Equal(e.Past, []string{"over"}) {
		t.Errorf("followed are %q, past are %q", got, e.Past)
	}
	e.why = "because"
	if done := e.endCheck(v).(Done); done.Outcome != Ignored || done.Why != "because" {
		t.Errorf("%+v", done)
	}
	// Of a cluster that no rule is about, nothing is followed.
	d := newDesk(t, enforce, private)
	d.cluster.OutpostsLocal = true
	e.endCheck(looking(t, d).judge(private))
	if len(e.Watch) != 0 {
		t.Errorf("%+v", e.Watch)
	}
}

// TestForHowLongEKSMayNotKnowANewCluster: five minutes, unless it knows another one
// of the name.
func TestForHowLongEKSMayNotKnowANewCluster(t *testing.T) {
	for since, want := range map[time.Duration]string{5*time.Minute - 1: "waits 15s", 5 * time.Minute: "gone"} {
		d := newDesk(t, enforce, private)
		d.r.Cluster.CreatedAt, d.gone = start.Add(-since), true
		d.wakes().told(want)
	}
	d := newDesk(t, enforce, private)
	d.r.Cluster.CreatedAt = start
	in := d.input(Message{}, "this")
	in.Gone, in.Replaced = true, true
	if _, step := Next(d.r, in); step.(Done).Outcome != Gone {
		t.Errorf("%+v", step)
	}
}

// TestACloserLookAtAClusterThatIsGone: twice, fifteen seconds apart.
func TestACloserLookAtAClusterThatIsGone(t *testing.T) {
	for after, want := range map[time.Duration]string{13 * time.Second: "waits 15s", 14*time.Second - 1: "waits 15s", 14 * time.Second: "mails gone"} {
		d := opened(t)
		d.gone = true
		d.after(s15).recheck()
		d.log = nil
		// What comes in between is no second look, nor is it the first.
		d.after(5 * time.Second).wakes().told("rests")
		d.after(after - 5*time.Second).recheck()
		if d.log[0] != want {
			t.Errorf("%s later: %q", after, d.log)
		}
	}
}

// TestWhatWasDecidedIsToldOfAClusterThatIsGone, and is not overruled by that.
func TestWhatWasDecidedIsToldOfAClusterThatIsGone(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.wakes()
	d.ends("ours-0", endpoint.UpdateSuccessful)
	d.die = "tell"
	d.after(s15).recheck()
	d.die, d.log, d.gone = "", nil, true
	d.after(2*time.Minute).recheck().told("mails enforced", "gone")

	d = newDesk(t, tagged(policy.Enforce), private)
	d.cluster.Tags = map[string]string{"environment": "prod"}
	d.wakes()
	d.cluster.Tags, d.die = nil, "tell"
	d.wakes()
	d.die, d.log, d.gone = "", nil, true
	d.after(2*time.Minute).wakes().told("mails left", "gone")
}

// TestAClusterThatIsGoneIsLookedForOnceMore only where something is open about it.
func TestAClusterThatIsGoneIsLookedForOnceMore(t *testing.T) {
	for name, tc := range map[string]struct {
		change   func(*Record)
		replaced bool
		want     bool
	}{
		"nothing is open":        {func(*Record) {}, false, false},
		"a call is followed":     {func(r *Record) { r.Watch = []Cause{{UpdateID: "u"}} }, false, true},
		"a violation stands":     {func(r *Record) { r.Standing = &Standing{} }, false, true},
		"it stands, but another": {func(r *Record) { r.Standing = &Standing{} }, true, false},
		"it was looked for":      {func(r *Record) { r.Standing, r.GoneAt = &Standing{}, start.Add(-time.Minute) }, false, false},
	} {
		d := newDesk(t, enforce, private)
		tc.change(&d.r)
		r, step := Next(d.r, Input{Now: start, By: "this", Gone: true, Replaced: tc.replaced, Policy: enforce})
		if (waits(step) == 15*time.Second) != tc.want || r.GoneAt.IsZero() {
			t.Errorf("%s: %+v", name, step)
		}
		if !tc.want && (len(r.Watch) != 0 || r.Standing != nil || step.(Done).Outcome != Gone) {
			t.Errorf("%s: %+v, %+v", name, step, r)
		}
		if r.Steady != nil || r.Compliant != nil {
			t.Errorf("%s: a look at nothing is remembered", name)
		}
	}
	d := newDesk(t, enforce, private)
	d.gone = true
	d.r.Standing = &Standing{}
	d.comes(&cloudtrail.Event{Name: cloudtrail.DeleteCluster}).told("later 15s")
}

// TestAFailureThatIsFollowedByAnother is tried again later each time.
func TestAFailureThatIsFollowedByAnother(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.answers = slices.Repeat([]Answer{{Sort: trouble.Refused}}, 4)
	d.wakes().after(s15).recheck().after(time.Minute).recheck()
	if s := d.r.Standing; s.Retries != 0 || !s.RetryAt.Equal(d.now.Add(time.Hour)) {
		t.Errorf("%+v", s)
	}
	d.after(time.Hour).wakes()
	if s := d.r.Standing; s.Retries != 1 || !s.RetryAt.Equal(d.now.Add(2*time.Hour)) {
		t.Errorf("%+v", s)
	}
}
