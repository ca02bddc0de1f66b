package incident

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// Where a condition has two sides, each of them decides something.

func TestWhichIncidentWasCalledFor(t *testing.T) {
	for name, tc := range map[string]struct {
		cause Cause
		want  bool
	}{
		"a call":                           {Cause{EventID: "e"}, true},
		"a call that a former one told of": {Cause{EventID: "e", Former: true}, false},
		"an update that nobody told of":    {Cause{UpdateID: "u"}, false},
	} {
		e := &evaluation{Record: Record{Incident: &Incident{Causes: []Cause{tc.cause}}}}
		if got := e.calledFor(); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestAnOwnCallThatNobodyRemembers names an update that EKS does not let be read: nothing
// is made of it once the time for that is over.
func TestAnOwnCallThatNobodyRemembers(t *testing.T) {
	for name, age := range map[string]time.Duration{"lately": creditWithin - 1, "long ago": creditWithin} {
		e := looking(t, newDesk(t, enforce, world))
		e.Incident = &Incident{Opening: world}
		e.in.Updates["u"] = UpdateRead{Unread: true}
		step := e.adopt(cloudtrail.Event{Name: cloudtrail.UpdateClusterConfig, UpdateID: "u", Asked: request(private), Time: start.Add(-age)})
		if (step != nil) != (age < creditWithin) || len(e.Incident.Attempts) > 0 || len(e.Ours) > 0 {
			t.Errorf("%s: %+v, %+v", name, step, e.Incident)
		}
	}
}

// TestWhatALookNeedsToBeTold while EKS's history can't be read whole.
func TestWhatALookNeedsToBeTold(t *testing.T) {
	older := applied("older", -time.Hour, request(world))
	for name, tc := range map[string]struct {
		change func(e *evaluation)
		opened bool
		mailed bool
	}{
		"nothing that it could contradict is known": {func(*evaluation) {}, true, true},
		"it was seen to comply":                     {func(e *evaluation) { e.Compliant = &Seen{Access: private} }, false, false},
		"it was seen to comply, before the newest update": {func(e *evaluation) {
			e.Compliant = &Seen{Access: private}
			e.History.add(older)
		}, true, true},
		"the newest update asked for something else": {func(e *evaluation) {
			e.History.add(applied("older", -time.Hour, request(private)))
		}, false, false},
		"of the newest update not all is known": {func(e *evaluation) {
			e.History.add(applied("older", -time.Hour, endpoint.Request{Public: &world.Public}))
		}, false, false},
		"it stands as told": {func(e *evaluation) {
			e.Standing = &Standing{Fingerprint: fingerprint(e.judge(world))}
		}, false, false},
		"it stands, and was put right in between": {func(e *evaluation) {
			now := world
			e.Standing = &Standing{Fingerprint: fingerprint(e.judge(world)), Now: &now}
			e.Watch = []Cause{{Shown: true, At: start, Asked: request(world)}}
		}, true, true},
		"it was mailed": {func(e *evaluation) {
			e.Incident = &Incident{Ref: "EG-1", DetectedMailed: start, Stage: Updating}
		}, true, false},
	} {
		e := looking(t, newDesk(t, enforce, world))
		e.in.History.Whole, e.in.HistoryTrouble = false, "denied"
		e.in.Network = goodVPC
		e.in.Network.Read = true
		tc.change(e)
		step := e.historyHoldsBack(e.judge(world))
		tell, mailed := step.(Tell)
		if mailed != tc.mailed || (e.Incident != nil) != tc.opened {
			t.Errorf("%s: %+v", name, step)
		}
		if mailed && tell.Notice.Kind != NoticeDetected || e.Incident != nil && e.Incident.Stage != Waiting {
			t.Errorf("%s: %s, %+v", name, tell.Notice.Kind, e.Incident)
		}
		if !mailed && waits(step) == 0 {
			t.Errorf("%s: it waits for %s", name, waits(step))
		}
	}
	// A whole history that contradicts the look is believed over it.
	e := looking(t, newDesk(t, enforce, world), applied("u", -time.Minute, request(private)))
	if step := e.historyHoldsBack(e.judge(world)); e.Incident != nil || waits(step) == 0 {
		t.Errorf("%+v", step)
	}
	e = looking(t, newDesk(t, enforce, world), applied("u", -time.Minute, request(private)))
	e.Incident = &Incident{Ref: "EG-1"}
	if step := e.historyHoldsBack(e.judge(world)); waits(step) == 0 {
		t.Errorf("%+v", step)
	}
}

// TestSinceWhenThereIsDoubt: from the first look of a row without gaps, about one update.
func TestSinceWhenThereIsDoubt(t *testing.T) {
	before := start.Add(-time.Hour)
	for name, tc := range map[string]struct {
		gap    time.Duration
		update endpoint.Update
		about  string
		anew   bool
	}{
		"no gap":                     {75 * time.Second, endpoint.Update{}, "", false},
		"a gap":                      {75*time.Second + 1, endpoint.Update{}, "", true},
		"the newest update is shown": {0, applied("u", -time.Minute, request(world)), "", false},
		"it is not":                  {0, applied("u", -time.Minute, request(private)), "", true},
		"it was not before":          {0, applied("u", -time.Minute, request(private)), "u", false},
		"another was not before":     {0, applied("u", -time.Minute, request(private)), "v", true},
	} {
		e := looking(t, newDesk(t, enforce, world))
		if tc.update.ID != "" {
			e.History.add(tc.update)
		}
		e.in.History.Whole = false
		e.DoubtSince, e.DoubtSeen, e.DoubtAbout = before, start.Add(-tc.gap), tc.about
		if e.historyAgrees() || !e.DoubtSeen.Equal(start) {
			t.Errorf("%s: there is no doubt", name)
		}
		if anew := e.DoubtSince.Equal(start); anew != tc.anew {
			t.Errorf("%s: since %s", name, e.DoubtSince)
		}
	}
}

// TestWhatLooksHaveShownCoversAnUpdate that EKS does not tell of, until the outcome was
// decided.
func TestWhatLooksHaveShownCoversAnUpdate(t *testing.T) {
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	newest := applied("u", 0, request(private))
	for name, tc := range map[string]struct {
		whole  bool
		steady *Seen
		doubt  time.Time
		want   time.Time
	}{
		"EKS tells all":                   {true, &Seen{At: at(2)}, at(3), start},
		"it does not":                     {false, nil, time.Time{}, start},
		"looks have shown the same since": {false, &Seen{At: at(2)}, time.Time{}, at(2)},
		"and in doubt longer":             {false, &Seen{At: at(2)}, at(3), at(3)},
		"and in doubt before":             {false, &Seen{At: at(3)}, at(2), at(3)},
		"since it was decided":            {false, &Seen{At: at(9)}, time.Time{}, at(5)},
		"since before the newest":         {false, &Seen{At: at(-9)}, time.Time{}, start},
	} {
		e := looking(t, newDesk(t, enforce, private), newest)
		e.in.History.Whole, e.Steady, e.DoubtSince = tc.whole, tc.steady, tc.doubt
		e.Incident = &Incident{Final: &Final{At: at(5)}}
		if got := e.lastApplied(); !got.Equal(tc.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestWhatStoodIsForgotten when looks show for long enough that it is over, though a call
// is followed of which EKS lets nothing be read: the same opened again is news.
func TestWhatStoodIsForgotten(t *testing.T) {
	d := newDesk(t, tell, world)
	d.wakes().told("mails violation", "violation")
	d.refused = "denied"
	d.after(time.Hour).becomes(private)
	e := d.asks("u1", office)
	d.cluster.Status = endpoint.StatusActive // and so it stays
	d.comes(e)
	for range 12 {
		d.after(s15).recheck()
	}
	if d.r.Standing != nil || len(d.r.Watch) != 1 {
		t.Errorf("%+v stands, %d are followed: %q", d.r.Standing, len(d.r.Watch), d.log)
	}
}

// TestTheCardOfADiscoveryIsNotOwed any more once its outcome was told.
func TestTheCardOfADiscoveryIsNotOwed(t *testing.T) {
	i := &Incident{Ref: "EG-1", Final: &Final{Outcome: Enforced, At: start}}
	r := Record{Incident: i, Owed: []Debt{{Kind: NoticeDetected, Card: true, Incident: i}, {Kind: NoticeDetected, Card: true, Incident: &Incident{Ref: "EG-0"}}}}
	told := Told(r, Input{Now: start, Policy: enforce}, NoticeOutcome)
	if len(told.Owed) != 1 || told.Owed[0].Incident.Ref != "EG-0" {
		t.Errorf("%+v", told.Owed)
	}
}

// TestAnUnreadUpdateStaysTheCause that it was, as far as is known of it.
func TestAnUnreadUpdateStaysTheCause(t *testing.T) {
	now := start.Add(time.Hour)
	w := Cause{UpdateID: "u", EventID: "e", Call: cloudtrail.UpdateClusterConfig, At: start, Asked: request(world)}
	e := looking(t, newDesk(t, enforce, private))
	e.now, e.Watch = now, []Cause{w}
	e.Steady = &Seen{Access: private, At: start}
	e.Incident = &Incident{Ref: "EG-1", Asked: &world}
	e.in.Updates["u"] = UpdateRead{Unread: true}
	if unread := e.refreshWatched(); len(unread) > 0 || len(e.Watch) > 0 {
		t.Fatalf("%q, %+v", unread, e.Watch)
	}
	if diff := cmp.Diff([]Cause{w}, e.Incident.Causes, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("the causes (-want +got):\n%s", diff)
	}
}

// TestOurRoleWithoutAnIncident: whoever calls under it then is treated as anybody else.
func TestOurRoleWithoutAnIncident(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.wakes()
	e := d.after(time.Hour).asks("u1", world)
	e.Actor.RoleARN = ownRole
	d.comes(e)
	if got := followed(d.r); len(got) != 1 || d.r.Incident == nil || d.r.Incident.Causes[0].EventID != e.ID {
		t.Errorf("%q are followed, %+v", got, d.r.Incident)
	}
	// And an event of a role, where it is not known which ours is, is never ours.
	in := looking(t, newDesk(t, enforce, private))
	in.in.OwnRole, in.Incident = "", &Incident{Ref: "EG-1", Opening: world}
	e.Actor.RoleARN, e.Asked = "", request(private)
	in.in.Updates["u1"] = UpdateRead{Update: endpoint.Update{ID: "u1", Type: endpoint.EndpointAccessUpdate, Asked: request(private), CreatedAt: in.now}}
	if in.recordEvent(*e); len(in.Incident.Attempts) > 0 || len(in.Ours) > 0 {
		t.Errorf("%+v", in.Incident)
	}
}

// TestAnEventThatNamesNoUpdateAsksTheHistory before anything is made of it.
func TestAnEventThatNamesNoUpdateAsksTheHistory(t *testing.T) {
	d := newDesk(t, enforce, private)
	e := d.asks("u1", world)
	e.UpdateID = ""
	in := looking(t, d)
	in.in.HistoryRead = false
	if read, ok := in.recordEvent(*e).(Read); !ok || !read.History || len(in.Watch) > 0 || in.why != "" {
		t.Errorf("%+v, %q", in.Watch, in.why)
	}
}

func TestWhatAnIncidentIsAbout(t *testing.T) {
	if got := (&Incident{Opening: office, Asked: &world}).Violating(); !got.Equal(world) {
		t.Errorf("%s", got)
	}
	if got := (&Incident{Opening: office}).Violating(); !got.Equal(office) {
		t.Errorf("%s", got)
	}
}

func TestWhatIsOpen(t *testing.T) {
	for name, r := range map[string]Record{
		"an incident": {Incident: &Incident{}}, "an update": {Watch: []Cause{{}}}, "a mail": {Owed: []Debt{{}}},
	} {
		if !r.Open() {
			t.Errorf("%s is nothing", name)
		}
	}
	if (Record{Standing: &Standing{}, Version: 3}).Open() {
		t.Error("what stands as told is open")
	}
}

// TestWhatIsMadeLighterWasNotTouched: the debts of the record that it was made from.
func TestWhatIsMadeLighterWasNotTouched(t *testing.T) {
	i := &Incident{Ref: "EG-1"}
	r := Record{Owed: []Debt{{Kind: NoticeDetected, Incident: i}}}
	if r.Lighter(); r.Owed[0].Incident != i {
		t.Error("the debt is another one")
	}
}

// TestWhatTheGuardrailChanged for nothing: its attempt took effect, shows, and what was
// there before breaks no rule any more.
func TestWhatTheGuardrailChanged(t *testing.T) {
	for name, tc := range map[string]struct {
		a    Attempt
		now  endpoint.Access
		want bool
	}{
		"it shows, and was allowed":     {Attempt{UpdateID: "u", From: half, Desired: private}, private, true},
		"it shows, and is forbidden":    {Attempt{UpdateID: "u", From: world, Desired: private}, private, false},
		"something else shows":          {Attempt{UpdateID: "u", From: half, Desired: private}, office, false},
		"something else, and forbidden": {Attempt{UpdateID: "u", From: world, Desired: private}, office, false},
		"another update is the newest":  {Attempt{UpdateID: "v", From: half, Desired: private}, private, false},
	} {
		e := looking(t, newDesk(t, rules(limited("limited", policy.Revert)), tc.now), applied("u", 0, request(tc.now)))
		e.Incident = &Incident{Attempts: []Attempt{tc.a}}
		if got := e.changed(); (got != nil) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestTheRulesAllowWhatWasFound though somebody changed it since, which EKS does not tell.
func TestTheRulesAllowWhatWasFound(t *testing.T) {
	for name, tc := range map[string]struct {
		found endpoint.Access
		want  string
	}{
		"as it is":                     {half, WhyAllowed},
		"another, and no rule objects": {office, WhyAllowed},
		"another, and one does":        {world, WhyUndone},
	} {
		e := looking(t, newDesk(t, rules(limited("limited", policy.Revert)), half))
		e.Incident = &Incident{Ref: "EG-1", Opening: tc.found}
		e.concludeAdmitted(e.judge(half))
		if got := e.Incident.Final.Why; got != tc.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestNobodyConfirmsOurUpdate: it shows, and EKS does not let it be read.
func TestNobodyConfirmsOurUpdate(t *testing.T) {
	for name, tc := range map[string]struct {
		last Attempt
		want string
	}{
		"it shows":                {Attempt{UpdateID: "u", From: world, Desired: private, Unconfirmed: true}, WhyUnconfirmed},
		"something else shows":    {Attempt{UpdateID: "u", From: world, Desired: office, Unconfirmed: true}, WhyUnclear},
		"it failed, as EKS tells": {Attempt{UpdateID: "u", From: world, Desired: private, Status: endpoint.UpdateFailed}, WhyUndone},
	} {
		e := looking(t, newDesk(t, enforce, private))
		e.Incident = &Incident{Ref: "EG-1", Opening: world, Attempts: []Attempt{tc.last}}
		e.concludeAdmitted(e.judge(private))
		if got := e.Incident.Final.Why; got != tc.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestWhatWasThereBeforeIsBroughtUpToDate with every look at what is settled; but what a
// former incident knew is not forgotten for nothing.
func TestWhatWasThereBeforeIsBroughtUpToDate(t *testing.T) {
	old, newer := &Seen{Access: private, At: start.Add(-time.Hour)}, &Seen{Access: office, At: start.Add(-time.Minute)}
	for name, tc := range map[string]struct {
		found time.Time
		knows *Seen
		want  *Seen
	}{
		"it is another":                       {time.Time{}, newer, newer},
		"none":                                {time.Time{}, nil, nil},
		"another than a former incident knew": {start, newer, newer},
		"none, and a former incident knew of one": {start, nil, old},
	} {
		e := looking(t, newDesk(t, rules(limited("limited", policy.Alert)), world))
		e.in.Network.Read = true
		e.Admitted, e.Compliant = tc.knows, tc.knows
		e.Incident = &Incident{Ref: "EG-1", Opening: world, OpenedAt: start, FoundAt: tc.found, Before: old}
		e.violation(e.judge(world))
		got := e.Incident.Before
		if (got == nil) != (tc.want == nil) || got != nil && !got.Access.Equal(tc.want.Access) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestForWhatTheNetworkIsAskedAgain: what is blocked, or kept open, while EC2 does not tell
// all of it.
func TestForWhatTheNetworkIsAskedAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		d       verdict.Decision
		trouble string
		want    bool
	}{
		"it is blocked":       {verdict.Decision{Action: verdict.Blocked}, "slow", true},
		"a part stays open":   {verdict.Decision{Action: verdict.Apply, Kept: []string{"public"}}, "slow", true},
		"nothing is hindered": {verdict.Decision{Action: verdict.Apply}, "slow", false},
		"EC2 tells all":       {verdict.Decision{Action: verdict.Blocked}, "", false},
	} {
		e := looking(t, newDesk(t, enforce, world))
		e.in.NetworkTrouble = tc.trouble
		if step := e.networkHoldsBack(tc.d); (step != nil) != tc.want {
			t.Errorf("%s: %+v", name, step)
		}
	}
}

// TestWhenTheHistoryIsAskedWhatHoldsItUp: where EKS is at something else than ours.
func TestWhenTheHistoryIsAskedWhatHoldsItUp(t *testing.T) {
	ours := []Attempt{{UpdateID: "ours", Status: endpoint.UpdateInProgress}}
	for name, tc := range map[string]struct {
		status   endpoint.Status
		attempts []Attempt
		trouble  string
		want     bool
	}{
		"it is being updated":              {endpoint.StatusUpdating, nil, "", true},
		"ours is under way":                {endpoint.StatusUpdating, ours, "", false},
		"it is being created":              {endpoint.StatusCreating, nil, "", false},
		"the history can't be read anyway": {endpoint.StatusUpdating, nil, "denied", false},
	} {
		e := looking(t, newDesk(t, enforce, world))
		e.in.HistoryRead, e.in.HistoryTrouble, e.in.Cluster.Status = false, tc.trouble, tc.status
		e.in.Network.Read = true
		e.Incident = &Incident{Ref: "EG-1", Opening: world, OpenedAt: start, Attempts: tc.attempts}
		read, _ := e.unsettled(e.judge(world)).(Read)
		if read.History != tc.want {
			t.Errorf("%s: %+v", name, read)
		}
	}
}

// TestWhatABusyClusterIsAskedFor: its history, unless a call is known that explains it.
func TestWhatABusyClusterIsAskedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		status endpoint.UpdateStatus
		want   bool
	}{
		"a harmless update is under way": {endpoint.UpdateInProgress, false},
		"it is over":                     {endpoint.UpdateSuccessful, true},
	} {
		e := looking(t, newDesk(t, enforce, private))
		e.in.HistoryRead, e.in.Cluster.Status, e.BusySince = false, endpoint.StatusUpdating, start
		e.Watch = []Cause{{UpdateID: "u", Status: tc.status, Asked: request(private)}}
		read, _ := e.discover(e.judge(private)).(Read)
		if read.History != tc.want {
			t.Errorf("%s: %+v", name, read)
		}
	}
}

func TestWhatIsBeingClosed(t *testing.T) {
	for name, tc := range map[string]struct {
		status endpoint.UpdateStatus
		asked  endpoint.Access
		unread bool
		want   bool
	}{
		"by an update under way":      {endpoint.UpdateInProgress, private, false, true},
		"not by one that is over":     {endpoint.UpdateSuccessful, private, false, false},
		"not by one that opens":       {endpoint.UpdateInProgress, world, false, false},
		"not by one that has opened":  {endpoint.UpdateSuccessful, world, false, false},
		"not by what nobody can read": {"", private, true, false},
		"by what EKS shows soon":      {"", private, false, true},
	} {
		e := looking(t, newDesk(t, enforce, world))
		e.in.Cluster.Status = endpoint.StatusUpdating
		e.in.Updates["u"] = UpdateRead{Unread: tc.unread}
		e.Watch = []Cause{{UpdateID: "u", Status: tc.status, Asked: request(tc.asked)}}
		if got := e.beingClosed(); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	e := looking(t, newDesk(t, enforce, world))
	e.Watch = []Cause{{UpdateID: "u", Status: endpoint.UpdateInProgress, Asked: request(private)}}
	if e.beingClosed() {
		t.Error("a cluster at rest is not being closed")
	}
}

// TestAnIncidentKnowsItsCluster from the check on that opens it.
func TestAnIncidentKnowsItsCluster(t *testing.T) {
	e := looking(t, newDesk(t, enforce, world))
	e.in.Cluster.VPC, e.in.Cluster.SecurityGroups, e.in.Cluster.AuditLogs = "vpc-7", []string{"sg-1"}, true
	e.open(e.judge(world), nil, time.Time{})
	if diff := cmp.Diff(&Facts{VPC: "vpc-7", SecurityGroups: []string{"sg-1"}, AuditLogs: true}, e.Incident.Facts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
