package incident

import (
	"slices"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// Tests of what is done while EKS lets no update be read.

// TestAtRest: an update that can't be read is no sign of a change under way, everything
// else is.
func TestAtRest(t *testing.T) {
	active := endpoint.Cluster{Status: endpoint.StatusActive}
	reads := func(r ...UpdateRead) map[string]UpdateRead {
		out := map[string]UpdateRead{}
		for i, read := range r {
			out[string(rune('a'+i))] = read
		}
		return out
	}
	going := UpdateRead{Update: endpoint.Update{ID: "u", Status: endpoint.UpdateInProgress}}
	over := UpdateRead{Update: endpoint.Update{ID: "u", Status: endpoint.UpdateSuccessful}}
	unread := UpdateRead{Unread: true}
	attempts := func(a ...Attempt) *Incident { return &Incident{Attempts: a} }
	for name, tc := range map[string]struct {
		in   Input
		i    *Incident
		want bool
	}{
		"nothing is known of":           {Input{Cluster: active}, nil, true},
		"it is being updated":           {Input{Cluster: endpoint.Cluster{Status: endpoint.StatusUpdating}}, nil, false},
		"EKS has just refused a change": {Input{Cluster: active, Busy: true}, nil, false},
		"EKS lists an update":           {Input{Cluster: active, History: endpoint.History{Read: []endpoint.Update{going.Update}}}, nil, false},
		"an update is read":             {Input{Cluster: active, Updates: reads(going)}, nil, false},
		"one is not there yet":          {Input{Cluster: active, Updates: reads(UpdateRead{Missing: true})}, nil, false},
		"one is read, one is not":       {Input{Cluster: active, Updates: reads(going, unread)}, nil, false},
		"one is not":                    {Input{Cluster: active, Updates: reads(unread)}, nil, true},
		"one is over":                   {Input{Cluster: active, Updates: reads(over)}, nil, true},
		"an answer of EKS's was lost":   {Input{Cluster: active}, attempts(Attempt{At: start.Add(1 - notFoundYet)}), false},
		"one was lost long ago":         {Input{Cluster: active}, attempts(Attempt{At: start.Add(-notFoundYet)}), true},
		"it was not":                    {Input{Cluster: active}, attempts(Attempt{UpdateID: "u"}), true},
	} {
		if got := (&evaluation{Record: Record{Incident: tc.i}, in: tc.in, now: start}).atRest(); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestHowSoonWithoutReading: a cluster that is busy, or may still be, is looked at every
// minute, whatever can't be read.
func TestHowSoonWithoutReading(t *testing.T) {
	active, updating := endpoint.Cluster{Status: endpoint.StatusActive}, endpoint.Cluster{Status: endpoint.StatusUpdating}
	unread := map[string]UpdateRead{"u": {Unread: true}}
	for name, tc := range map[string]struct {
		in      Input
		trouble int
		asked   time.Duration // since the update was asked for
		want    time.Duration
		then    int
	}{
		"all is read":                {Input{Cluster: active, Updates: map[string]UpdateRead{"u": {}}}, 9, time.Minute, 15 * time.Second, 9},
		"the first time":             {Input{Cluster: active, Updates: unread}, 0, time.Minute, 15 * time.Second, 1},
		"the third time":             {Input{Cluster: active, Updates: unread}, 2, time.Minute, 40 * time.Second, 3},
		"for long, and it may be on": {Input{Cluster: active, Updates: unread}, 9, updateTakes - 1, time.Minute, 10},
		"for long, and it is over":   {Input{Cluster: active, Updates: unread}, 9, updateTakes, 15 * time.Minute, 10},
		"for longer, and it is busy": {Input{Cluster: updating, Updates: unread}, 9, 3 * time.Hour, time.Minute, 10},
	} {
		e := &evaluation{Record: Record{Trouble: tc.trouble, Watch: []Cause{{UpdateID: "u", At: start.Add(-tc.asked)}}}, in: tc.in, now: start}
		if got := e.slower(lookAgain); got != tc.want || e.Trouble != tc.then {
			t.Errorf("%s: %s, %d failures", name, got, e.Trouble)
		}
	}
	if got := (&evaluation{in: Input{Cluster: updating, Updates: unread}, now: start}).slower(slowPace); got != slowPace {
		t.Errorf("%s", got)
	}
}

// TestHearingOfItDoesNotMakeBlind: what a busy cluster shows is told of after the doubt,
// though all that is heard of is updates that can't be read; not while somebody is known
// to be closing it.
func TestHearingOfItDoesNotMakeBlind(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.refused = "denied"
	e := d.asks("u1", world)
	d.comes(e)
	d.after(time.Minute).recheck()
	d.log = nil
	d.after(time.Minute).recheck()
	if !slices.Contains(d.log, "mails detected") {
		t.Errorf("%q", d.log)
	}

	d = newDesk(t, enforce, world)
	d.comes(d.asks("u1", private)) // it is read
	for range 5 {
		d.after(time.Minute).recheck()
	}
	if len(d.mails) > 0 {
		t.Errorf("%q", d.log)
	}

	d = newDesk(t, enforce, world)
	d.comes(d.asks("u1", private))
	d.refused = "denied" // it was read before
	for range 5 {
		d.after(time.Minute).recheck()
	}
	if len(d.mails) > 0 {
		t.Errorf("%q", d.log)
	}
}

// TestOursThatCannotBeRead: at rest and not as asked it is over without effect, at rest
// and as asked it is not waited for any longer, each after its time.
func TestOursThatCannotBeRead(t *testing.T) {
	for name, tc := range map[string]struct {
		began, steady time.Duration // for how long
		shows         endpoint.Access
		over, unsure  bool
	}{
		"it shows nothing of it":                   {notFoundYet, staleFor, world, true, false},
		"it shows nothing of it yet":               {notFoundYet - 1, staleFor, world, false, false},
		"it shows nothing of it for a moment":      {notFoundYet, staleFor - 1, world, false, false},
		"it shows it":                              {creditWithin, staleFor, private, false, true},
		"it shows it, and may be read soon":        {creditWithin - 1, staleFor, private, false, false},
		"it shows it for a moment":                 {creditWithin, staleFor - 1, private, false, false},
		"it was begun long ago, and shows nothing": {creditWithin, creditWithin, world, true, false},
	} {
		a := Attempt{UpdateID: "ours", At: start.Add(-time.Hour), CreatedAt: start.Add(-tc.began), Status: endpoint.UpdateInProgress, Desired: private}
		e := &evaluation{
			Record: Record{Incident: &Incident{Attempts: []Attempt{a}}, Steady: &Seen{At: start.Add(-tc.steady)}}, now: start,
			in: Input{Cluster: endpoint.Cluster{Access: tc.shows}, Updates: map[string]UpdateRead{"ours": {Unread: true}}},
		}
		if _, look := e.refreshAttempts(); look {
			t.Errorf("%s: another look", name)
		}
		got := e.Incident.Attempts[0]
		if got.over() != tc.over || got.Unconfirmed != tc.unsure || (got.OverAt.IsZero() == (tc.over || tc.unsure)) || got.inProgress() != !(tc.over || tc.unsure) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := (Attempt{At: start}).began(); !got.Equal(start) {
		t.Errorf("%s", got)
	}
}

// TestTheirsThatCannotBeRead: it is followed for a quarter of an hour of rest; what a look
// has shown of it is true then, and the rest is nothing but a message's word.
func TestTheirsThatCannotBeRead(t *testing.T) {
	for name, tc := range map[string]struct {
		asked, steady time.Duration // for how long
		shown         bool
		shows         endpoint.Access
		status        endpoint.UpdateStatus
		past          bool
	}{
		"not at rest for long":                 {creditWithin, creditWithin - 1, true, private, "", false},
		"asked for lately":                     {creditWithin - 1, creditWithin, true, private, "", false},
		"it was shown":                         {creditWithin, creditWithin, true, private, endpoint.UpdateSuccessful, false},
		"it was not":                           {creditWithin, creditWithin, false, private, "", true},
		"it is, and was never heard of before": {creditWithin, creditWithin, false, world, endpoint.UpdateSuccessful, false},
	} {
		w := Cause{UpdateID: "u", At: start.Add(-tc.asked), Asked: request(world), Shown: tc.shown}
		e := &evaluation{
			Record: Record{Watch: []Cause{w}, Steady: &Seen{At: start.Add(-tc.steady)}}, now: start,
			in: Input{Policy: tell, Cluster: endpoint.Cluster{Access: tc.shows, Status: endpoint.StatusActive}, Updates: map[string]UpdateRead{"u": {Unread: true}}},
		}
		e.refreshWatched()
		if slices.Contains(e.Past, "u") != tc.past || (len(e.Watch) == 0) != tc.past || !tc.past && e.Watch[0].Status != tc.status {
			t.Errorf("%s: %+v, past %q", name, e.Watch, e.Past)
		}
	}
}

// TestWhatALookShowsOfAnUpdate: of a cluster at rest, what was asked for against the rules.
func TestWhatALookShowsOfAnUpdate(t *testing.T) {
	for name, tc := range map[string]struct {
		asked, shows endpoint.Access
		status       endpoint.Status
		busy, want   bool
	}{
		"what was asked for":         {world, world, endpoint.StatusActive, false, true},
		"something else":             {world, private, endpoint.StatusActive, false, false},
		"what was there before":      {world, world, endpoint.StatusUpdating, false, false},
		"it while EKS refuses calls": {world, world, endpoint.StatusActive, true, false},
		"what breaks no rule":        {private, private, endpoint.StatusActive, false, false},
	} {
		e := &evaluation{
			Record: Record{Watch: []Cause{{UpdateID: "u", At: start, Asked: request(tc.asked)}}}, now: start,
			in: Input{Policy: tell, Busy: tc.busy, Cluster: endpoint.Cluster{Access: tc.shows, Status: tc.status}, Updates: map[string]UpdateRead{"u": {Unread: true}}},
		}
		for range 2 { // what was shown once stays so
			e.refreshWatched()
			if e.Watch[0].Shown != tc.want {
				t.Errorf("%s: %t", name, e.Watch[0].Shown)
			}
			if tc.want {
				e.in.Cluster.Access = private
			}
		}
	}
}

// TestOpenedAgainAsALookShows: EKS tells of neither the closing nor the opening, and the
// event of the opening is at hand.
func TestOpenedAgainAsALookShows(t *testing.T) {
	for name, tc := range map[string]struct {
		w    Cause
		now  *endpoint.Access
		want bool
	}{
		"shown":                  {Cause{At: start, Asked: request(world), Shown: true}, &world, true},
		"not shown":              {Cause{At: start, Asked: request(world)}, &world, false},
		"known when it was told": {Cause{At: start.Add(-time.Hour), Asked: request(world), Shown: true}, &world, false},
		"another access":         {Cause{At: start, Asked: request(office), Shown: true}, &world, false},
		"an old record":          {Cause{At: start, Asked: request(world), Shown: true}, nil, false},
	} {
		e := &evaluation{Record: Record{Watch: []Cause{tc.w}, Standing: &Standing{Covers: start.Add(-time.Minute), Now: tc.now}}, in: Input{Policy: tell}, now: start}
		if got := e.openedAgain(nil); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestWhatStuckNames: what AWS refuses, in its own words, and what the cluster shows.
func TestWhatStuckNames(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.comes(d.asks("u1", world))
	d.refused = "eks:DescribeUpdate: denied"
	d.after(2 * time.Hour).recheck()
	if i := d.mails[len(d.mails)-1].Record.Incident; d.mails[len(d.mails)-1].Kind != NoticeStuck || i.Obstacle != d.refused || i.Shown == nil || !i.Shown.Equal(private) {
		t.Errorf("%q, %+v", d.log, i)
	}
	d = newDesk(t, enforce, private)
	d.comes(d.asks("u1", world))
	d.trouble = "eks:DescribeCluster: denied"
	d.after(2 * time.Hour).recheck()
	if i := d.mails[len(d.mails)-1].Record.Incident; d.mails[len(d.mails)-1].Kind != NoticeStuck || i.Obstacle != d.trouble || i.Shown != nil {
		t.Errorf("%q, %+v", d.log, i)
	}
}

// TestWhoPutItRightIsNotKnown: ours took effect unread, somebody changed it to something
// else that is allowed, and nobody can say whose doing the end is.
func TestWhoPutItRightIsNotKnown(t *testing.T) {
	for name, ends := range map[string]Attempt{
		"it was not told":    {Status: endpoint.UpdateFailed, Errors: []endpoint.UpdateError{{Code: notRead}}},
		"it is unconfirmed":  {Unconfirmed: true},
		"EKS told of it":     {Status: endpoint.UpdateFailed, Errors: []endpoint.UpdateError{{Code: "IpNotAvailable"}}},
		"EKS refused it all": {Status: endpoint.UpdateFailed},
	} {
		ends.UpdateID, ends.Desired = "ours", private
		e := &evaluation{
			Record: Record{Incident: &Incident{Opening: world, Attempts: []Attempt{ends}}}, now: start,
			in: Input{Policy: revert, Cluster: endpoint.Cluster{Access: half, Status: endpoint.StatusActive, VPC: "vpc-1"}},
		}
		e.concludeAdmitted(e.judge(half))
		want, why := Compliant, WhyUnclear
		if !ends.untold() {
			want, why = AlreadyUndone, WhyUndone
		}
		if f := e.Incident.Final; f.Outcome != want || f.Why != why {
			t.Errorf("%s: %s, %s", name, f.Outcome, f.Why)
		}
	}
}

// TestTheFirstLook: it is kept of a cluster that was never judged, and of no other.
func TestTheFirstLook(t *testing.T) {
	first := &Seen{Access: half, At: start.Add(-time.Hour)}
	for name, tc := range map[string]struct {
		r    Record
		want *Seen
	}{
		"of a new cluster":        {Record{}, &Seen{Access: world, At: start}},
		"of one that was judged":  {Record{JudgedAt: start}, nil},
		"there was one":           {Record{First: first}, first},
		"there was one, long ago": {Record{First: first, JudgedAt: start}, first},
	} {
		e := &evaluation{Record: tc.r, in: Input{Policy: tell, Cluster: endpoint.Cluster{Access: world}}, now: start}
		e.rememberLook()
		if got := e.First; (got == nil) != (tc.want == nil) || got != nil && (!got.Access.Equal(tc.want.Access) || !got.At.Equal(tc.want.At)) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestAnUpdateThatAMessageAloneKnowsOf is waited for while it can't be read, the message
// coming again with its id; but not for so long that the cluster would be forgotten.
func TestAnUpdateThatAMessageAloneKnowsOf(t *testing.T) {
	for name, tc := range map[string]struct {
		attempts []Attempt
		want     bool
	}{
		"ours was sent lately":  {[]Attempt{{At: start.Add(time.Second - creditWithin)}}, true},
		"it was sent long ago":  {[]Attempt{{At: start.Add(-creditWithin)}}, false},
		"none of ours was sent": {nil, false},
		"ours is known":         {[]Attempt{{At: start, UpdateID: "known", Sent: 1}}, false},
	} {
		e := &evaluation{
			Record: Record{Incident: &Incident{Attempts: tc.attempts}, Trouble: 1}, now: start,
			in: Input{
				Message: Message{Began: "ours"}, HistoryTrouble: "denied", HistoryRead: true,
				Updates: map[string]UpdateRead{"ours": {Unread: true}, "known": {Unread: true}},
			},
		}
		later, waits := e.refreshUpdates().(Later)
		if waits != tc.want || waits && (later.Why != "denied" || later.Delay != 20*time.Second || e.Trouble != 2) {
			t.Errorf("%s: %+v, %d failures", name, later, e.Trouble)
		}
	}
}

// TestAnEventOfOursThatCannotBeRead is waited for as long.
func TestAnEventOfOursThatCannotBeRead(t *testing.T) {
	for age, want := range map[time.Duration]bool{0: true, creditWithin - 1: true, creditWithin: false} {
		e := &evaluation{
			Record: Record{Incident: &Incident{}}, now: start,
			in: Input{Policy: tell, Message: Message{Event: &cloudtrail.Event{}}, HistoryTrouble: "denied", Updates: map[string]UpdateRead{"ours": {Unread: true}}},
		}
		later, waits := e.adopt(cloudtrail.Event{UpdateID: "ours", Time: start.Add(-age), Asked: request(private)}).(Later)
		if waits != want || waits && (later.Why != "denied" || later.Delay != 10*time.Second || e.Trouble != 1) {
			t.Errorf("after %s: %+v, %d failures", age, later, e.Trouble)
		}
	}
}

// TestWhoACauseIsBy: what an event has told is not forgotten for one that tells less, nor
// what the present incident was told for a former one's word.
func TestWhoACauseIsBy(t *testing.T) {
	event := func(id string, former bool) Cause {
		c := Cause{UpdateID: "u", EventID: id, Former: former}
		c.Actor.Name = id
		return c
	}
	for name, tc := range map[string]struct{ known, heard, want Cause }{
		"EKS tells of it":          {event("alice", false), event("", false), event("alice", false)},
		"its event comes":          {event("", false), event("alice", false), event("alice", false)},
		"a former one knew it":     {event("", false), event("alice", true), event("alice", true)},
		"a former one knew it too": {event("alice", false), event("bob", true), event("alice", true)},
	} {
		e := &evaluation{Record: Record{Incident: &Incident{Causes: []Cause{tc.known}}}}
		e.updateCause(tc.heard)
		if got := e.Incident.Causes[0]; got.EventID != tc.want.EventID || got.Actor.Name != tc.want.Actor.Name {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestWhatEndedAFormerIncidentEndsNoLaterOne: EKS tells only afterwards of the update that
// ended the former one, and of the opening before it.
func TestWhatEndedAFormerIncidentEndsNoLaterOne(t *testing.T) {
	for name, tc := range map[string]struct {
		policy *policy.Policy
		close  func(d *desk)
	}{
		"ours":       {enforce, func(d *desk) { d.ends(d.r.Ours[0], endpoint.UpdateSuccessful) }},
		"somebody's": {tell, func(d *desk) { d.becomes(private) }},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, tc.policy, private)
			d.becomes(world)
			d.refused = "denied"
			for range 30 {
				if d.after(time.Minute).wakes(); len(d.mails) > 0 && (tc.policy == tell || len(d.r.Ours) > 0) {
					break
				}
			}
			tc.close(d)
			for range 30 {
				d.after(time.Minute).wakes()
			}
			if d.r.Incident != nil {
				t.Fatalf("%q", d.log)
			}
			d.refused = ""
			d.after(time.Hour).comes(d.asks("u", world))
			d.ends("u", endpoint.UpdateFailed)
			for range 3 {
				d.after(time.Minute).recheck()
			}
			last := d.mails[len(d.mails)-1].Record.Incident.Final
			if last == nil || last.Outcome != AlreadyUndone || last.Why != WhyNotDone {
				t.Errorf("%+v\n%q", last, d.log)
			}
		})
	}
}

// TestWhatWasToldLateEndsNoLaterIncident: the mail of an outcome is sent at a check that
// already finds the next violation, and acts on it.
func TestWhatWasToldLateEndsNoLaterIncident(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.comes(d.asks("u", world))
	d.ends("u", endpoint.UpdateSuccessful)
	d.after(time.Minute).recheck()
	d.ends(d.r.Ours[0], endpoint.UpdateSuccessful)
	d.die = "tell"
	for range 4 {
		if d.after(time.Minute).recheck(); d.r.Incident.Final != nil {
			break
		}
	}
	d.die = ""
	d.after(10 * time.Minute).becomes(world)
	d.after(3 * time.Minute).recheck()
	if len(d.r.Ours) != 2 {
		t.Fatalf("%q", d.log)
	}
	d.ends(d.r.Ours[1], endpoint.UpdateSuccessful)
	for range 4 {
		d.after(time.Minute).recheck()
	}
	last := d.mails[len(d.mails)-1].Record.Incident.Final
	if last == nil || last.Outcome != Enforced {
		t.Errorf("%+v\n%q", last, d.log)
	}
}

// TestWhatIsBeingCreatedIsToldWithoutHistory: nobody can have changed it, so that no look at
// it is an old one; one of a cluster that is being updated may be.
func TestWhatIsBeingCreatedIsToldWithoutHistory(t *testing.T) {
	for status, want := range map[endpoint.Status][]string{
		endpoint.StatusCreating: {"mails detected", "waits 15s"},
		endpoint.StatusUpdating: {"waits 15s"},
	} {
		d := newDesk(t, enforce, world)
		d.unlisted = "denied"
		d.cluster.Status, d.cluster.CreatedAt = status, start
		d.wakes().told(want...)
	}
}

// TestAnUpdateThatNobodyToldOfBeginsTheDoubtAnew: where EKS lists one more update, and lets
// nothing be read of it, looks from before it conclude nothing.
func TestAnUpdateThatNobodyToldOfBeginsTheDoubtAnew(t *testing.T) {
	over := endpoint.Update{ID: "over", Type: "LoggingUpdate", Status: endpoint.UpdateSuccessful}
	going := endpoint.Update{ID: "going", Type: "VersionUpdate", Status: endpoint.UpdateInProgress}
	began := start.Add(-time.Minute)
	for name, tc := range map[string]struct {
		known  int
		listed []string
		anew   bool
		then   int
	}{
		"the first":                    {0, []string{"a"}, true, 1},
		"the same":                     {1, []string{"a"}, false, 1},
		"one more":                     {1, []string{"a", "b"}, true, 2},
		"one less":                     {2, []string{"a"}, false, 1},
		"the list can't be read":       {2, nil, false, 2},
		"one that is told of":          {0, []string{"watched"}, false, 0},
		"ours":                         {0, []string{"ours"}, false, 0},
		"one that was accounted for":   {0, []string{"past"}, false, 0},
		"one that is known to be over": {0, []string{"over"}, false, 0},
		"one that is read now":         {0, []string{"going"}, false, 0},
		"all of these, and one more":   {1, []string{"a", "watched", "ours", "past", "over", "going", "b"}, true, 2},
	} {
		e := &evaluation{Record: Record{
			DoubtSince: began, DoubtSeen: began, DoubtUnknown: tc.known, Ours: []string{"ours"}, Past: []string{"past"}, Watch: []Cause{{UpdateID: "watched"}},
		}, now: start}
		e.History.add(over)
		e.in.HistoryRead, e.in.History = true, endpoint.History{Listed: tc.listed, Read: []endpoint.Update{going}}
		if e.historyAgrees() || e.DoubtSince.Equal(start) != tc.anew || e.DoubtUnknown != tc.then {
			t.Errorf("%s: in doubt since %s, %d unknown", name, e.DoubtSince, e.DoubtUnknown)
		}
		e.in.History.Whole = true
		if !e.historyAgrees() || e.DoubtUnknown != 0 {
			t.Errorf("%s: %d unknown without a doubt", name, e.DoubtUnknown)
		}
	}
}
