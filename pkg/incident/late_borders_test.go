package incident

import (
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// TestWhatALateMailComesTo: the incident that the mail is about is mine; the borders
// between over, the same, and something else.
func TestWhatALateMailComesTo(t *testing.T) {
	const mine, other = "mine", "other"
	at := start.Add(-time.Hour)
	took := []Attempt{{Desired: private, Status: endpoint.UpdateSuccessful}}
	asked := private
	final := func(fingerprint string) *Final { return &Final{Fingerprint: fingerprint} }
	type want struct {
		matter Matter
		ref    string
		ended  time.Time
	}
	over, same := want{MatterOver, "", start}, want{MatterSame, mine, time.Time{}}
	for name, tc := range map[string]struct {
		change     func(e *evaluation, l *Late)
		unfinished []Cause
		ref        string // mine if empty
		want       want
	}{
		"nothing is there": {func(*evaluation, *Late) {}, nil, "", over},
		"it is being looked into": {func(e *evaluation, _ *Late) {
			e.Incident = &Incident{Ref: mine, Opening: world, OpenedAt: at}
		}, nil, "", same},
		"another is": {func(e *evaluation, _ *Late) {
			e.Incident = &Incident{Ref: other, Opening: world, OpenedAt: at}
		}, nil, "", want{MatterOther, other, at}},
		"no rule objects to it any more": {func(e *evaluation, l *Late) {
			e.Incident = &Incident{Ref: mine, Opening: world, Asked: &asked, OpenedAt: at}
			l.Ended = at
		}, []Cause{{UpdateID: "u"}}, "", over},
		"no rule objects to what was asked for, and the look breaks one": {func(e *evaluation, l *Late) {
			e.Incident = &Incident{Ref: mine, Opening: world, Asked: &asked, OpenedAt: at}
			l.Rules = []RuleNote{{Name: "closed"}}
		}, nil, "", same},
		"ours has ended it": {func(e *evaluation, _ *Late) {
			e.Incident = &Incident{Ref: mine, Opening: world, Attempts: took, OpenedAt: at}
		}, nil, "", over},
		"ours shows": {func(e *evaluation, _ *Late) {
			e.Incident = &Incident{Ref: mine, Opening: world, Attempts: []Attempt{{Desired: private}}, OpenedAt: at}
		}, nil, "", over},
		"ours shows, and another is at it": {func(e *evaluation, _ *Late) {
			e.Incident = &Incident{Ref: mine, Opening: world, Attempts: took, OpenedAt: at}
		}, []Cause{{UpdateID: "u"}}, "", same},
		"ours shows something else": {func(e *evaluation, _ *Late) {
			e.Incident = &Incident{Ref: mine, Opening: world, Attempts: []Attempt{{Desired: office}}, OpenedAt: at}
		}, nil, "", same},
		"it is concluded, and stays": {func(e *evaluation, l *Late) {
			e.Incident = &Incident{Ref: mine, Opening: world, OpenedAt: at, Final: final("closed")}
			l.Rules = []RuleNote{{Name: "closed"}}
		}, nil, "", same},
		"it is concluded, and nothing is wrong": {func(e *evaluation, _ *Late) {
			e.Incident = &Incident{Ref: mine, Opening: world, OpenedAt: at, Final: final("")}
		}, nil, "", over},
		"it is concluded, and an update is known of": {func(e *evaluation, _ *Late) {
			e.Incident = &Incident{Ref: mine, Opening: world, OpenedAt: at, Final: final("")}
		}, []Cause{{UpdateID: "u"}}, "", want{MatterOther, "", start}},
		"it is concluded, and EKS is at something": {func(e *evaluation, _ *Late) {
			e.Incident = &Incident{Ref: mine, Opening: world, OpenedAt: at, Final: final("")}
			e.in.Cluster.Status = endpoint.StatusUpdating
		}, nil, "", over},
		"it stands": {func(e *evaluation, l *Late) {
			e.Standing, e.Closings = &Standing{Ref: mine, Since: at}, []Closing{{Ref: other}, {Ref: mine}}
			l.Rules = []RuleNote{{Name: "closed"}}
		}, nil, "", same},
		"another stands": {func(e *evaluation, l *Late) {
			e.Standing, e.Closings = &Standing{Ref: other, Since: at}, []Closing{{Ref: mine}, {Ref: other}}
			l.Rules = []RuleNote{{Name: "closed"}}
		}, nil, "", want{MatterOther, other, at}},
		"a mail without an incident, while one stands of which none is kept": {func(e *evaluation, _ *Late) {
			e.Standing = &Standing{Ref: other, Since: at}
		}, nil, "none", want{MatterOther, other, at}},
		"it breaks a rule, which nobody has looked into yet": {func(_ *evaluation, l *Late) {
			l.Rules, l.Ended = []RuleNote{{Name: "closed"}}, at
		}, nil, "", want{MatterOther, "", start}},
		"an update is under way": {func(_ *evaluation, l *Late) { l.Ended = at }, []Cause{{UpdateID: "u"}}, "", want{MatterOther, "", start}},
		"EKS is at something that nobody told of": {func(e *evaluation, l *Late) {
			e.in.Cluster.Status, l.Ended = endpoint.StatusUpdating, at
		}, nil, "", want{MatterOther, "", start}},
	} {
		d := newDesk(t, enforce, private)
		e := &evaluation{Record: d.r, in: d.input(Message{}, "this"), now: start}
		l := &Late{Ended: start}
		tc.change(e, l)
		ref := map[string]string{"": mine, "none": ""}[tc.ref]
		e.matter(l, ref, tc.unfinished)
		if got := (want{l.Matter, l.Ref, l.Ended}); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}

// TestWhichUpdatesOfOthersAreUnfinished: not what is over, nor what EKS does not let be
// read and was before it took ours.
func TestWhichUpdatesOfOthersAreUnfinished(t *testing.T) {
	began := start.Add(-time.Minute)
	for name, tc := range map[string]struct {
		ours   string // the update of our last attempt
		at     time.Time
		status endpoint.UpdateStatus
		unread bool
		want   bool
	}{
		"it is under way":                           {"ours", start, endpoint.UpdateInProgress, false, true},
		"it is over":                                {"ours", start, endpoint.UpdateSuccessful, false, false},
		"before ours, and EKS shows it":             {"ours", began.Add(-1), endpoint.UpdateInProgress, false, true},
		"before ours, and it can't be read":         {"ours", began.Add(-1), "", true, false},
		"with ours, and it can't be read":           {"ours", began, "", true, true},
		"before a call of ours that EKS never took": {"", began.Add(-1), "", true, true},
	} {
		e := &evaluation{now: start, in: Input{Updates: map[string]UpdateRead{"u": {Unread: tc.unread}}}}
		e.Incident = &Incident{Attempts: []Attempt{{UpdateID: tc.ours, At: began, CreatedAt: began}}}
		e.Watch = []Cause{{UpdateID: "u", At: tc.at, Status: tc.status}}
		if got := len(e.unfinished()) == 1; got != tc.want {
			t.Errorf("%s: unfinished: %t", name, got)
		}
	}
	e := &evaluation{now: start, in: Input{Updates: map[string]UpdateRead{"u": {Unread: true}}}}
	e.Watch = []Cause{{UpdateID: "u", At: began}}
	if len(e.unfinished()) != 1 {
		t.Error("without an incident, what can't be read is over")
	}
}

// TestWhichUpdateMayBeTheOpening: only that of an incident over what somebody asked for.
func TestWhichUpdateMayBeTheOpening(t *testing.T) {
	d := newDesk(t, enforce, private)
	for name, tc := range map[string]struct {
		incident *Incident
		asked    endpoint.Request
		want     bool
	}{
		"it asks for what is forbidden":   {&Incident{Asked: &world}, request(world), true},
		"nobody can read what it asks":    {&Incident{Asked: &world}, endpoint.Request{}, true},
		"it asks for what is allowed":     {&Incident{Asked: &world}, request(private), false},
		"the incident is over what is so": {&Incident{}, request(world), false},
		"there is none":                   {nil, request(world), false},
	} {
		e := &evaluation{Record: Record{Incident: tc.incident}, in: d.input(Message{}, "this"), now: start}
		e.in.Updates["u"] = UpdateRead{Update: endpoint.Update{ID: "u", Asked: tc.asked}}
		if got := e.opening([]Cause{{UpdateID: "u"}}); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestWhenAMailIsLate: from a minute on; one of the discovery, or that it is stuck, then
// shows the incident as it is, one of an outcome as it was.
func TestWhenAMailIsLate(t *testing.T) {
	for name, tc := range map[string]struct {
		age    time.Duration
		kind   NoticeKind
		ref    string // of the open incident
		late   bool
		looked time.Time
	}{
		"not a minute":                 {time.Minute - 1, NoticeDetected, "mine", false, time.Time{}},
		"a minute":                     {time.Minute, NoticeDetected, "mine", true, start},
		"it is stuck":                  {time.Hour, NoticeStuck, "mine", true, start},
		"an outcome":                   {time.Hour, NoticeOutcome, "mine", true, time.Time{}},
		"another incident is open":     {time.Hour, NoticeDetected, "other", true, time.Time{}},
		"none is, but the same stands": {time.Hour, NoticeDetected, "", true, time.Time{}},
	} {
		d := newDesk(t, enforce, world)
		e := &evaluation{Record: d.r, in: d.input(Message{}, "this"), now: start}
		if tc.ref != "" {
			e.Incident = &Incident{Ref: tc.ref, Opening: world}
		} else {
			e.Standing, e.Closings = &Standing{Ref: "mine"}, []Closing{{Ref: "mine"}}
		}
		e.Owed = []Debt{{Kind: tc.kind, At: start.Add(-tc.age), Incident: &Incident{Ref: "mine", Opening: world}}}
		step, ok := e.pay(e).(Tell)
		if !ok || (step.Notice.Late != nil) != tc.late || !step.Notice.Record.Incident.LookedAt.Equal(tc.looked) {
			t.Errorf("%s: %+v", name, step.Notice)
		}
	}
}

// TestSinceWhenADebtIs: from when what it tells was found out, not from when a crash let
// it be offered.
func TestSinceWhenADebtIs(t *testing.T) {
	before, later := start.Add(-time.Hour), start.Add(time.Hour)
	for name, tc := range map[string]struct {
		n    Notice
		want time.Time
	}{
		"an outcome":                    {Notice{Kind: NoticeOutcome, Record: Record{Incident: &Incident{LookedAt: before.Add(-time.Hour), Final: &Final{At: before}}}}, before},
		"an outcome of a while to come": {Notice{Kind: NoticeOutcome, Record: Record{Incident: &Incident{LookedAt: before, Final: &Final{At: later}}}}, start},
		"a discovery":                   {Notice{Kind: NoticeDetected, Record: Record{Incident: &Incident{LookedAt: before}}}, before},
		"a discovery, never looked at":  {Notice{Kind: NoticeDetected, Record: Record{Incident: &Incident{}}}, start},
		"a discovery, looked at since":  {Notice{Kind: NoticeDetected, Record: Record{Incident: &Incident{LookedAt: later}}}, start},
		"a leave":                       {Notice{Kind: NoticeLeft, Record: Record{Left: &Departure{}}}, start},
	} {
		tc.n.At = start
		if got := owe(Record{}, tc.n, false).Owed[0].At; !got.Equal(tc.want) {
			t.Errorf("%s: since %s", name, got)
		}
	}
}

// TestALateMailOfALeave says whether every rule that it was about is again.
func TestALateMailOfALeave(t *testing.T) {
	for name, tc := range map[string]struct {
		now  *Reach
		back bool
	}{
		"all are":    {&Reach{Rules: []string{"a", "b", "c"}}, true},
		"one is not": {&Reach{Rules: []string{"a"}}, false},
		"not known":  {nil, false},
	} {
		d := newDesk(t, enforce, private)
		e := &evaluation{Record: d.r, in: d.input(Message{}, "this"), now: start}
		e.Reach = tc.now
		if l := e.late(Debt{Kind: NoticeLeft, At: start, Left: &Departure{Rules: []string{"a", "b"}}}); l.Back != tc.back || !l.Seen {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

// TestWhenALateMailsMatterEnded: when looks first showed what is so, else with this one.
func TestWhenALateMailsMatterEnded(t *testing.T) {
	before := start.Add(-time.Hour)
	for name, tc := range map[string]struct {
		steady *Seen
		want   time.Time
	}{
		"never looked at":         {nil, start},
		"looked at before":        {&Seen{Access: private, At: before}, before},
		"something else was seen": {&Seen{Access: world, At: before}, start},
	} {
		d := newDesk(t, enforce, private)
		e := &evaluation{Record: d.r, in: d.input(Message{}, "this"), now: start}
		e.Steady = tc.steady
		if l := e.late(Debt{Kind: NoticeDetected, At: before, Incident: &Incident{Ref: "EG-1"}}); l.Matter != MatterOver || !l.Ended.Equal(tc.want) {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

// TestOfWhichMailAListSpeaks: of one kind, about one incident.
func TestOfWhichMailAListSpeaks(t *testing.T) {
	b := &Backlog{Listed: []Listed{{Kind: NoticeDetected, Ref: "a"}, {Kind: NoticeOutcome, Ref: "b"}}}
	for name, tc := range map[string]struct {
		kind NoticeKind
		ref  string
		want bool
	}{
		"that one":           {NoticeDetected, "a", true},
		"of another kind":    {NoticeOutcome, "a", false},
		"of another of them": {NoticeDetected, "b", false},
		"neither":            {NoticeStuck, "c", false},
	} {
		if got := b.lists(&Incident{Ref: tc.ref}, tc.kind); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	// A new list is begun where a list of cards is all there is, at whatever place.
	owed := []Debt{{Kind: NoticeBacklog, Card: true, Backlog: &Backlog{}}}
	for len(owed) <= maxOwed {
		owed = append(owed, Debt{Kind: NoticeDetected, Incident: &Incident{Ref: "x"}})
	}
	if owed = fold(owed); len(owed) > maxOwed || owed[0].Backlog.Count() != 0 {
		t.Errorf("%+v", owed)
	}
	owed = []Debt{{Kind: NoticeBacklog, Backlog: &Backlog{}}}
	for len(owed) <= maxOwed {
		owed = append(owed, Debt{Kind: NoticeDetected, Incident: &Incident{Ref: "x"}})
	}
	if owed = fold(owed); len(owed) != maxOwed || owed[0].Backlog.Count() != 1 {
		t.Errorf("the list at the very first place takes none: %+v", owed)
	}
}

// TestInShortWithoutAnIncident: a list of a list has nothing but its time.
func TestInShortWithoutAnIncident(t *testing.T) {
	l := Debt{Kind: NoticeBacklog, At: start}.inShort()
	if l.Ref != "" || l.Kind != NoticeBacklog || !l.Since.Equal(start) {
		t.Errorf("%+v", l)
	}
}

// TestWhatFollowsAGrace: the incident that was closed over the same violation within a
// grace, when the grace is over and nothing else has changed.
func TestWhatFollowsAGrace(t *testing.T) {
	due := func(change func(*evaluation, *Final)) *evaluation {
		d := newDesk(t, enforce, world)
		e := &evaluation{Record: d.r, in: d.input(Message{}, "this"), now: start}
		f := &Final{Plan: &Plan{Action: PlanChange, At: start}}
		now := world
		e.Standing = &Standing{Outcome: Violation, Now: &now}
		e.Closings = []Closing{{Story: &Incident{Ref: "told", Final: f}}}
		change(e, f)
		return e
	}
	for name, tc := range map[string]struct {
		change func(*evaluation, *Final)
		want   bool
	}{
		"it is over":                {func(*evaluation, *Final) {}, true},
		"nothing stands":            {func(e *evaluation, _ *Final) { e.Standing = nil }, false},
		"what failed stands":        {func(e *evaluation, _ *Final) { e.Standing.Outcome = Failed }, false},
		"another access stands":     {func(e *evaluation, _ *Final) { e.Standing.Now = &office }, false},
		"nobody knows what stands":  {func(e *evaluation, _ *Final) { e.Standing.Now = nil }, false},
		"somebody changed it":       {func(e *evaluation, _ *Final) { e.Watch = []Cause{{UpdateID: "u", Status: endpoint.UpdateInProgress}} }, false},
		"none was closed":           {func(e *evaluation, _ *Final) { e.Closings = nil }, false},
		"what was told is gone":     {func(e *evaluation, _ *Final) { e.Closings[0].Story = nil }, false},
		"no outcome":                {func(e *evaluation, _ *Final) { e.Closings[0].Story.Final = nil }, false},
		"nothing was planned":       {func(_ *evaluation, f *Final) { f.Plan = nil }, false},
		"nothing was to be changed": {func(_ *evaluation, f *Final) { f.Plan.Action = PlanBlocked }, false},
		"without a grace":           {func(_ *evaluation, f *Final) { f.Plan.At = time.Time{} }, false},
		"it is not over yet":        {func(_ *evaluation, f *Final) { f.Plan.At = start.Add(1) }, false},
	} {
		e := due(tc.change)
		if got := e.gracedBefore(e.judge(world)) != nil; got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestWhatWasAnnouncedInAGraceIsNoNews, if it is just what is done.
func TestWhatWasAnnouncedInAGraceIsNoNews(t *testing.T) {
	left := func(names ...string) (out []verdict.RuleVerdict) {
		for _, name := range names {
			var r verdict.RuleVerdict
			r.Rule.Name = name
			out = append(out, r)
		}
		return out
	}
	for name, tc := range map[string]struct {
		d    verdict.Decision
		want bool
	}{
		"it is":                     {verdict.Decision{Action: verdict.Apply, Desired: private, Left: left("a")}, true},
		"it is blocked":             {verdict.Decision{Action: verdict.Blocked, Desired: private, Left: left("a")}, false},
		"something else is done":    {verdict.Decision{Action: verdict.Apply, Desired: office, Left: left("a")}, false},
		"another rule stays broken": {verdict.Decision{Action: verdict.Apply, Desired: private, Left: left("b")}, false},
		"none does":                 {verdict.Decision{Action: verdict.Apply, Desired: private}, false},
		"blocked, and none does":    {verdict.Decision{Action: verdict.Blocked, Desired: office}, false},
	} {
		plan := &Plan{Action: PlanChange, Desired: private, Left: []RuleNote{{Name: "a"}}}
		story := &Incident{Ref: "told", Causes: []Cause{{UpdateID: "u"}}, Final: &Final{At: start, Plan: plan}}
		i := &Incident{Ref: "new"}
		i.afterGrace(story, tc.d)
		if len(i.Causes) != 1 || (i.Plan == plan) != tc.want || i.DetectedMailed.Equal(start) != tc.want {
			t.Errorf("%s: %+v", name, i)
		}
	}
	i := &Incident{Ref: "new", Follows: "x"}
	if i.afterGrace(nil, verdict.Decision{}); i.Follows != "x" {
		t.Errorf("%+v", i)
	}
}
