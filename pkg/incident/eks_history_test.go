package incident

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

// applied is an endpoint update that took effect, so long after the start.
func applied(id string, after time.Duration, asked endpoint.Request) endpoint.Update {
	return endpoint.Update{
		ID: id, Type: endpoint.EndpointAccessUpdate, Status: endpoint.UpdateSuccessful, Asked: asked, CreatedAt: start.Add(after),
	}
}

// underWay is one of a kind that is in progress.
func underWay(id, kind string) endpoint.Update {
	return endpoint.Update{ID: id, Type: kind, Status: endpoint.UpdateInProgress, Asked: request(private), CreatedAt: start}
}

// looking is one look at a cluster with the access, under the rules, with what is
// known of its history.
func looking(t *testing.T, d *desk, known ...endpoint.Update) *evaluation {
	t.Helper()
	e := &evaluation{Record: d.r.clone(), in: d.input(Message{}, "this"), now: d.now}
	e.in.HistoryRead, e.in.History.Whole = true, true
	for _, u := range known {
		e.History.add(u)
	}
	return e
}

// waits is for how long a step waits, 0 if it is another one.
func waits(s Step) time.Duration {
	w, _ := s.(Wait)
	return w.Delay
}

// TestHowMuchIsRemembered: eight updates that took effect, and which two thousand
// are over.
func TestHowMuchIsRemembered(t *testing.T) {
	var h History
	for n := range 8 {
		h.add(applied(fmt.Sprint("u", n), time.Duration(n)*time.Second, request(office)))
	}
	if len(h.Applied) != 8 || h.Cut || len(h.Over) != 8*5 {
		t.Errorf("%d took effect, more did: %t, %d bytes of what is over", len(h.Applied), h.Cut, len(h.Over))
	}
	h.add(applied("u8", time.Hour, request(office)))
	if len(h.Applied) != 8 || !h.Cut || h.Applied[0].ID != "u1" {
		t.Errorf("%d took effect, more did: %t", len(h.Applied), h.Cut)
	}
	for n := range 2000 {
		h.add(endpoint.Update{ID: fmt.Sprint("v", n), Status: endpoint.UpdateFailed})
	}
	if len(h.Over) != 2000*5 || h.Knows("u8") || !h.Knows("v0") {
		t.Errorf("%d bytes of what is over", len(h.Over))
	}
}

// TestWhatIsReadOfTheList: what is over is known from then on, and an endpoint update
// in progress that nobody told of is followed.
func TestWhatIsReadOfTheList(t *testing.T) {
	e := looking(t, newDesk(t, enforce, private))
	e.Ours, e.Past, e.Watch = []string{"ours"}, []string{"past"}, []Cause{{UpdateID: "followed", EventID: "e"}}
	read := underWay("read", endpoint.EndpointAccessUpdate)
	read.Asked = request(world)
	e.in.Updates["read"] = UpdateRead{Update: read}
	e.in.History.Read = []endpoint.Update{
		applied("over", 0, request(office)), underWay("ours", endpoint.EndpointAccessUpdate),
		underWay("past", endpoint.EndpointAccessUpdate), underWay("followed", endpoint.EndpointAccessUpdate),
		underWay("logs", "LoggingUpdate"), underWay("new", endpoint.EndpointAccessUpdate), underWay("read", endpoint.EndpointAccessUpdate),
	}
	e.takeHistory()
	var followed []string
	for _, w := range e.Watch {
		followed = append(followed, w.UpdateID)
	}
	if !slices.Equal(followed, []string{"followed", "new", "read"}) || !e.History.Knows("over") || e.History.Knows("new") {
		t.Errorf("%q are followed", followed)
	}
	if w := e.Watch[1]; w.Call != "UpdateClusterConfig" || !w.At.Equal(start) || w.Status != endpoint.UpdateInProgress || w.Asked.Public == nil {
		t.Errorf("%+v", w)
	}
	if u := e.in.Updates["new"]; u.ID != "new" || !u.AfterLook || len(e.in.Updates) != 2 {
		t.Errorf("it is read once more: %+v", e.in.Updates)
	}
	if u := e.in.Updates["read"]; u.AfterLook || !*u.Asked.Public {
		t.Errorf("what was read before the look is forgotten: %+v", u)
	}
}

// TestWhatIsUnderWay: of one kind, or of any.
func TestWhatIsUnderWay(t *testing.T) {
	for name, tc := range map[string]struct {
		read          []endpoint.Update
		endpoint, any bool
	}{
		"nothing":               {nil, false, false},
		"one that is over":      {[]endpoint.Update{applied("u", 0, request(office))}, false, false},
		"one of another kind":   {[]endpoint.Update{underWay("u", "LoggingUpdate")}, false, true},
		"one of the endpoint's": {[]endpoint.Update{applied("u", 0, request(office)), underWay("v", endpoint.EndpointAccessUpdate)}, true, true},
	} {
		e := &evaluation{in: Input{History: endpoint.History{Read: tc.read}}}
		if got := e.underWay(endpoint.EndpointAccessUpdate); got != tc.endpoint {
			t.Errorf("%s: an update of the endpoint is under way: %t", name, got)
		}
		if got := e.underWay(""); got != tc.any {
			t.Errorf("%s: any is under way: %t", name, got)
		}
	}
}

// TestNothingIsConcludedWhileAnUpdateIsUnderWay, even one that is not followed; but
// who is at it is asked.
func TestNothingIsConcludedWhileAnUpdateIsUnderWay(t *testing.T) {
	play := func(lost bool) *evaluation {
		d := newDesk(t, enforce, private)
		d.r.Incident = &Incident{OpenedAt: start, DetectedMailed: start}
		if lost {
			d.r.Incident.Attempts = []Attempt{{Desired: private, At: start, Until: start, Sent: 1}}
		}
		e := looking(t, d)
		e.in.History.Read = []endpoint.Update{underWay("x", endpoint.EndpointAccessUpdate)}
		return e
	}
	if step := play(false).confirmWithHistory(); waits(step) != 15*time.Second {
		t.Errorf("%#v", step)
	}
	if step := play(true).confirmWithHistory(); !isAsking(step) {
		t.Errorf("%#v", step)
	}
	for _, lost := range []bool{false, true} {
		e := play(lost)
		step := e.historyHoldsBack(e.judge(e.in.Cluster.Access))
		if isAsking(step) != lost || !lost && waits(step) != 15*time.Second || e.in.Busy == lost {
			t.Errorf("%#v, busy %t", step, e.in.Busy)
		}
	}
	// Another kind of update says nothing about the endpoint, but the cluster can't be
	// changed meanwhile, whatever its status says.
	e := play(false)
	e.in.History.Read = []endpoint.Update{underWay("x", "LoggingUpdate")}
	if step := e.confirmWithHistory(); step != nil {
		t.Errorf("%#v", step)
	}
	d := newDesk(t, enforce, world)
	d.updates["logs"] = underWay("logs", "LoggingUpdate")
	d.wakes().told("mails detected", "waits 15s")
	d.ends("logs", endpoint.UpdateFailed)
	d.after(s15).recheck().told(closing+": ours-1", "waits 15s")
}

// TestTheDoubtIsForgotten once the look shows what the history tells.
func TestTheDoubtIsForgotten(t *testing.T) {
	d := newDesk(t, enforce, private).becomes(world)
	d.cluster.Access = private
	e := looking(t, d, d.updates["quiet-0"])
	if e.historyAgrees() || !e.DoubtSince.Equal(d.now) {
		t.Errorf("doubted since %s", e.DoubtSince)
	}
	e.now = e.now.Add(time.Minute)
	if e.historyAgrees() || !e.DoubtSince.Equal(d.now) {
		t.Errorf("doubted since %s", e.DoubtSince)
	}
	e.in.Cluster.Access = world
	if !e.historyAgrees() || !e.DoubtSince.IsZero() {
		t.Errorf("doubted since %s", e.DoubtSince)
	}
	e.in.History.Whole = false
	if e.historyAgrees() || e.DoubtSince.IsZero() {
		t.Errorf("not the whole history, and no doubt")
	}
}

// TestForHowLongALookMayBeOld: two hours after an update it shows what that asked
// for, or somebody changed what EKS does not list.
func TestForHowLongALookMayBeOld(t *testing.T) {
	u := applied("u", 0, request(world))
	for after, want := range map[time.Duration]bool{0: false, 2 * time.Hour: false, 2*time.Hour + 1: true} {
		d := newDesk(t, enforce, private)
		if got := looking(t, d.after(after)).shown(&u); got != want {
			t.Errorf("%s later it is shown: %t", after, got)
		}
	}
	if e := looking(t, newDesk(t, enforce, world)); !e.shown(&u) || !e.shown(nil) {
		t.Error("what it asked for, or nothing at all, is not shown")
	}
}

// TestHowSoonTheHistoryIsAskedAgain: at once where it goes on, ever later where it
// can't be read.
func TestHowSoonTheHistoryIsAskedAgain(t *testing.T) {
	some := []endpoint.Update{{ID: "u"}}
	for name, tc := range map[string]struct {
		in      Input
		trouble int // before
		want    time.Duration
		then    int
	}{
		"it goes on":                   {Input{History: endpoint.History{Read: some}}, 3, time.Second, 3},
		"nothing of it was read":       {Input{}, 3, 15 * time.Second, 3},
		"it was read to its end":       {Input{History: endpoint.History{Read: some, Whole: true}}, 3, 15 * time.Second, 3},
		"it can't be read":             {Input{HistoryTrouble: "503"}, 0, 15 * time.Second, 1},
		"it can't be read once more":   {Input{HistoryTrouble: "503"}, 3, 30 * time.Second, 4},
		"it can't be read to its end":  {Input{HistoryTrouble: "503", History: endpoint.History{Read: some}}, 4, 30 * time.Second, 5},
		"it can't be read for an hour": {Input{HistoryTrouble: "503"}, 30, 30 * time.Second, 31},
	} {
		e := &evaluation{Record: Record{Trouble: tc.trouble}, in: tc.in}
		if got := e.doubtDelay(); got != tc.want || e.Trouble != tc.then {
			t.Errorf("%s: %s, %d failures", name, got, e.Trouble)
		}
	}
	for name, tc := range map[string]struct {
		doubt, steady, want time.Duration // for how long there have been
	}{
		"looks are steady for less long":    {110 * time.Second, 98 * time.Second, 22 * time.Second},
		"there is doubt for less long":      {98 * time.Second, 110 * time.Second, 22 * time.Second},
		"it is over in less than two looks": {110 * time.Second, 110 * time.Second, 15 * time.Second},
	} {
		e := &evaluation{Record: Record{Trouble: 5, DoubtSince: start.Add(-tc.doubt), Steady: &Seen{At: start.Add(-tc.steady)}}, in: Input{HistoryTrouble: "503"}, now: start}
		if got := e.doubtDelay(); got != tc.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestTheLastAdmittedState: the newest that is admitted, going back; and whether
// nothing else can have been.
func TestTheLastAdmittedState(t *testing.T) {
	var (
		admits   = func(a endpoint.Access) bool { return a.Equal(office) || a.Equal(half) }
		later    = start.Add(time.Hour)
		unread   = endpoint.Request{Unreadable: true}
		opening  = []Cause{{UpdateID: "v", Status: endpoint.UpdateInProgress, Asked: request(world)}}
		officeAt = func(after time.Duration) *Seen { return &Seen{Access: office, At: start.Add(after)} }
	)
	for name, tc := range map[string]struct {
		look   endpoint.Access
		known  []endpoint.Update
		change func(*evaluation)
		began  time.Time
		want   *Seen
		unsure bool
	}{
		"the one before": {
			look: world, known: []endpoint.Update{applied("a", 1, request(office)), applied("b", 2, request(world))}, want: officeAt(1),
		},
		"the newest of two": {
			look: world, known: []endpoint.Update{applied("a", 1, request(half)), applied("b", 2, request(office)), applied("c", 3, request(world))}, want: officeAt(2),
		},
		"not the whole history": {
			look: world, known: []endpoint.Update{applied("a", 1, request(office)), applied("b", 2, request(world))}, want: officeAt(1), unsure: true,
			change: func(e *evaluation) { e.in.History.Whole = false },
		},
		"the history was not read": {
			look: world, known: []endpoint.Update{applied("a", 1, request(office)), applied("b", 2, request(world))}, want: officeAt(1), unsure: true,
			change: func(e *evaluation) { e.in.HistoryRead = false },
		},
		"the last update is not what is shown": {
			look: exposed, known: []endpoint.Update{applied("a", 1, request(office)), applied("b", 2, request(world))}, want: officeAt(1), unsure: true,
		},
		"what is shown was asked for by a part of a request": {
			look: world, known: []endpoint.Update{applied("b", 2, endpoint.Request{CIDRs: &world.CIDRs})}, unsure: true,
		},
		"a violation is asked for, not shown yet": {
			look: private, known: []endpoint.Update{applied("a", 1, request(office))}, want: officeAt(1),
			change: func(e *evaluation) { e.Watch = opening },
		},
		"nothing is asked for, and the last is not shown": {
			look: private, known: []endpoint.Update{applied("a", 1, request(office))}, want: officeAt(1), unsure: true,
		},
		"one that a look has seen since": {
			look: world, known: []endpoint.Update{applied("a", 1, request(office)), applied("b", time.Hour+1, request(world))},
			change: func(e *evaluation) { e.Compliant = &Seen{Access: office, At: later} }, want: officeAt(time.Hour),
		},
		"one that a look has seen since, of a history that is not whole": {
			look: world, known: []endpoint.Update{applied("a", 1, request(office)), applied("b", time.Hour+1, request(world))}, unsure: true,
			change: func(e *evaluation) { e.Compliant, e.in.History.Whole = &Seen{Access: office, At: later}, false }, want: officeAt(time.Hour),
		},
		"one that a look has seen before": {
			look: world, known: []endpoint.Update{applied("a", 2, request(office)), applied("b", 3, request(world))},
			change: func(e *evaluation) { e.Compliant = officeAt(1) }, want: officeAt(2),
		},
		"another one that a look has seen since": {
			look: world, known: []endpoint.Update{applied("a", 1, request(half)), applied("b", time.Hour+1, request(world))},
			change: func(e *evaluation) { e.Compliant = officeAt(time.Hour) }, want: &Seen{Access: half, At: start.Add(1)},
		},
		"what cannot be read hides what was before it": {
			look: world, known: []endpoint.Update{applied("a", 1, request(office)), applied("b", 2, unread), applied("c", 3, request(world))}, unsure: true,
		},
		"but not what a look has seen": {
			look: world, known: []endpoint.Update{applied("a", 1, request(office)), applied("b", 2, unread), applied("c", 3, request(world))}, unsure: true,
			change: func(e *evaluation) { e.Admitted = officeAt(1) }, want: officeAt(1),
		},
		"before the violation began, though it is undone": {
			look: half, known: []endpoint.Update{applied("a", 1, request(office)), applied("b", 2, request(world)), applied("c", 3, request(half))},
			began: start.Add(2), want: officeAt(1),
		},
		"how the cluster was made": {
			look: world, known: []endpoint.Update{applied("b", 2, request(world))}, change: func(e *evaluation) { e.Compliant = officeAt(1) }, want: officeAt(1),
		},
		"looks that do not agree on how it was made": {
			look: world, known: []endpoint.Update{applied("b", 2, request(world))}, unsure: true, want: officeAt(1),
			change: func(e *evaluation) { e.Compliant, e.Admitted = officeAt(1), &Seen{Access: half, At: start} },
		},
		"more updates than are remembered": {
			look: world, known: []endpoint.Update{applied("b", 2, request(world))}, unsure: true, want: officeAt(1),
			change: func(e *evaluation) { e.Compliant, e.History.Cut = officeAt(1), true },
		},
		"none":          {look: world, known: []endpoint.Update{applied("b", 2, request(world))}},
		"none, nor any": {look: world},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, rules(limited("limited", "revert")), tc.look)
			e := looking(t, d, tc.known...)
			if tc.change != nil {
				tc.change(e)
			}
			got, sure := e.lastAdmitted(admits, tc.began)
			if sure == tc.unsure || (got == nil) != (tc.want == nil) || got != nil && (!got.Access.Equal(tc.want.Access) || !got.At.Equal(tc.want.At)) {
				t.Errorf("%+v, sure %t; want %+v", got, sure, tc.want)
			}
		})
	}
}

// TestWhatLooksHaveSeen: the last admitted state of two, and whether both are one.
func TestWhatLooksHaveSeen(t *testing.T) {
	admits := func(a endpoint.Access) bool { return !a.Equal(world) }
	seen := func(a endpoint.Access, after time.Duration) *Seen { return &Seen{Access: a, At: start.Add(after)} }
	for name, tc := range map[string]struct {
		compliant, admitted *Seen
		began               time.Time
		want                *Seen
		agree               bool
	}{
		"nothing":                        {nil, nil, time.Time{}, nil, true},
		"one":                            {seen(office, 1), nil, time.Time{}, seen(office, 1), true},
		"the other":                      {nil, seen(half, 1), time.Time{}, seen(half, 1), true},
		"the same, the first later":      {seen(office, 2), seen(office, 1), time.Time{}, seen(office, 2), true},
		"the same, the second later":     {seen(office, 1), seen(office, 2), time.Time{}, seen(office, 2), true},
		"two, the first later":           {seen(office, 2), seen(half, 1), time.Time{}, seen(office, 2), false},
		"two, the second later":          {seen(office, 1), seen(half, 2), time.Time{}, seen(half, 2), false},
		"two, of the same time":          {seen(office, 1), seen(half, 1), time.Time{}, seen(office, 1), false},
		"one that is admitted no more":   {seen(world, 2), seen(half, 1), time.Time{}, seen(half, 1), true},
		"both admitted no more":          {seen(world, 2), seen(world, 1), time.Time{}, nil, true},
		"before it began":                {seen(office, 1), nil, start.Add(2), seen(office, 1), true},
		"as it began":                    {seen(office, 2), nil, start.Add(2), nil, true},
		"after it began":                 {seen(office, 3), seen(half, 1), start.Add(2), seen(half, 1), true},
		"admitted no more, and before":   {seen(world, 1), nil, start.Add(2), nil, true},
		"admitted no more, beside later": {seen(world, 1), seen(office, 3), start.Add(2), nil, true},
	} {
		e := &evaluation{Record: Record{Compliant: tc.compliant, Admitted: tc.admitted}}
		got, agree := e.seenAdmitted(admits, tc.began)
		if agree != tc.agree || (got == nil) != (tc.want == nil) || got != nil && (!got.Access.Equal(tc.want.Access) || !got.At.Equal(tc.want.At)) {
			t.Errorf("%s: %+v, agree %t", name, got, agree)
		}
	}
}

// TestWhatPutAnEndToIt: the first update since the last that breaks a rule; with none
// of those known, none from before the violation.
func TestWhatPutAnEndToIt(t *testing.T) {
	const hour = time.Hour
	narrowed := endpoint.Request{CIDRs: &half.CIDRs}
	for name, tc := range map[string]struct {
		known  []endpoint.Update
		change func(*evaluation)
		want   string
	}{
		"nothing is known":             {nil, nil, ""},
		"the one after the opening":    {[]endpoint.Update{applied("a", -hour, request(private)), applied("b", 1, request(world)), applied("c", 2, request(private))}, nil, "c"},
		"the first after the opening":  {[]endpoint.Update{applied("b", 1, request(world)), applied("c", 2, request(private)), applied("d", 3, request(private))}, nil, "c"},
		"none, it is open":             {[]endpoint.Update{applied("a", 1, request(private)), applied("b", 2, request(world))}, nil, ""},
		"one after what can't be read": {[]endpoint.Update{applied("a", 1, narrowed), applied("b", 2, request(private))}, nil, "b"},
		"nothing that opened it":       {[]endpoint.Update{applied("a", 1, request(private))}, nil, "a"},
		"long before it was opened":    {[]endpoint.Update{applied("a", -hour, request(private))}, nil, ""},
		"as it was opened":             {[]endpoint.Update{applied("a", 0, request(private))}, nil, "a"},
		"after the call that opened it": {[]endpoint.Update{applied("a", -hour, request(private))}, func(e *evaluation) {
			e.Incident.Causes = []Cause{{At: start.Add(-time.Minute)}, {At: start.Add(-2 * hour)}, {At: start.Add(-time.Second)}}
		}, "a"},
		"a call of which no time is known": {[]endpoint.Update{applied("a", -hour, request(private))}, func(e *evaluation) {
			e.Incident.Causes = []Cause{{}}
		}, ""},
		"a call after it was opened": {[]endpoint.Update{applied("a", 1, request(private))}, func(e *evaluation) {
			e.Incident.Causes = []Cause{{At: start.Add(hour)}}
		}, "a"},
		"no incident": {[]endpoint.Update{applied("a", -hour, request(private))}, func(e *evaluation) { e.Incident = nil }, ""},
		"a former incident's end": {[]endpoint.Update{applied("a", 1, request(private)), applied("b", 2, request(private))}, func(e *evaluation) {
			e.Closings = []Closing{{Applied: start.Add(1)}}
		}, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			e := looking(t, newDesk(t, enforce, private), tc.known...)
			e.Incident = &Incident{OpenedAt: start}
			if tc.change != nil {
				tc.change(e)
			}
			got := ""
			if u := e.endedBy(); u != nil {
				got = u.ID
			}
			if got != tc.want {
				t.Errorf("%q", got)
			}
		})
	}
}
