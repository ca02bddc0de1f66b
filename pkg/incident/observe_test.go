package incident

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

// followed are the ids of the updates that a record follows.
func followed(r Record) []string {
	var out []string
	for _, w := range r.Watch {
		out = append(out, w.UpdateID)
	}
	return out
}

// TestWhatALookIsRememberedFor: what it showed, and since when looks have shown it.
func TestWhatALookIsRememberedFor(t *testing.T) {
	before := &Seen{Access: office, At: start.Add(-time.Hour)}
	for name, tc := range map[string]struct {
		look                        endpoint.Access
		change                      func(*evaluation)
		steady, compliant, admitted *Seen
	}{
		"the first, it complies":       {private, nil, &Seen{private, start}, &Seen{private, start}, nil},
		"the first, a rule alerts":     {office, nil, &Seen{office, start}, nil, &Seen{office, start}},
		"the first, a rule enforces":   {exposed, nil, &Seen{exposed, start}, nil, nil},
		"the same once more":           {office, func(e *evaluation) { e.Steady, e.Admitted = before, before }, before, nil, before},
		"another":                      {half, func(e *evaluation) { e.Steady, e.Admitted = before, before }, &Seen{half, start}, nil, &Seen{half, start}},
		"another, and a rule enforces": {exposed, func(e *evaluation) { e.Steady, e.Admitted, e.Compliant = before, before, before }, &Seen{exposed, start}, before, before},
		"it is being updated": {office, func(e *evaluation) {
			e.Steady, e.Admitted, e.in.Cluster.Status = before, before, endpoint.StatusUpdating
		}, nil, nil, before},
		"EKS refused a change": {office, func(e *evaluation) { e.Steady, e.in.Busy = before, true }, nil, nil, &Seen{office, start}},
	} {
		t.Run(name, func(t *testing.T) {
			e := looking(t, newDesk(t, bothWays, tc.look))
			if tc.change != nil {
				tc.change(e)
			}
			e.rememberLook()
			for _, seen := range []struct {
				what      string
				got, want *Seen
			}{{"steady", e.Steady, tc.steady}, {"compliant", e.Compliant, tc.compliant}, {"admitted", e.Admitted, tc.admitted}} {
				if g, w := seen.got, seen.want; (g == nil) != (w == nil) || g != nil && (!g.Access.Equal(w.Access) || !g.At.Equal(w.At)) {
					t.Errorf("%s: %+v, want %+v", seen.what, g, w)
				}
			}
		})
	}
	if got := (&evaluation{now: start}).steadyFor(); got != 0 {
		t.Errorf("no look has shown the same for %s", got)
	}
}

// TestWhatIsSettled: a cluster at rest, with no update of ours or anybody's under way.
func TestWhatIsSettled(t *testing.T) {
	for name, tc := range map[string]struct {
		change                   func(*evaluation)
		toConclude, toChangeOnly bool
	}{
		"at rest":              {func(*evaluation) {}, true, true},
		"being updated":        {func(e *evaluation) { e.in.Cluster.Status = endpoint.StatusUpdating }, false, false},
		"EKS refused a change": {func(e *evaluation) { e.in.Busy = true }, false, false},
		"ours is under way":    {func(e *evaluation) { e.Incident = &Incident{Attempts: []Attempt{{UpdateID: "u"}}} }, false, false},
		"ours is over": {func(e *evaluation) {
			e.Incident = &Incident{Attempts: []Attempt{{UpdateID: "u", Status: endpoint.UpdateFailed}}}
		}, true, true},
		"a call's is under way":          {func(e *evaluation) { e.Watch = []Cause{{Status: endpoint.UpdateInProgress}} }, false, false},
		"a call's is over":               {func(e *evaluation) { e.Watch = []Cause{{Status: endpoint.UpdateSuccessful}} }, true, true},
		"EKS does not know a call's yet": {func(e *evaluation) { e.Watch = []Cause{{}} }, false, true},
		"nor one of two":                 {func(e *evaluation) { e.Watch = []Cause{{Status: endpoint.UpdateInProgress}, {}} }, false, false},
	} {
		e := &evaluation{in: Input{Cluster: endpoint.Cluster{Status: endpoint.StatusActive}}}
		tc.change(e)
		if got := e.settled(false); got != tc.toConclude {
			t.Errorf("%s: settled to conclude something: %t", name, got)
		}
		if got := e.settled(true); got != tc.toChangeOnly {
			t.Errorf("%s: settled to change it: %t", name, got)
		}
	}
}

// TestTheUpdatesOfOthersAreFollowed until they are over.
func TestTheUpdatesOfOthersAreFollowed(t *testing.T) {
	now := start.Add(time.Hour)
	call := func(since time.Duration, status endpoint.UpdateStatus) Cause {
		return Cause{UpdateID: "u", EventID: "e", At: now.Add(-since), Asked: request(world), Status: status}
	}
	read := func(u endpoint.Update) map[string]UpdateRead { return map[string]UpdateRead{"u": {Update: u}} }
	missing := map[string]UpdateRead{"u": {Missing: true}}
	for name, tc := range map[string]struct {
		w      Cause
		read   map[string]UpdateRead
		unread []string
		want   *Cause // as it is followed then
		past   []string
	}{
		"not read yet":          {call(0, ""), nil, []string{"u"}, &Cause{At: now, Asked: request(world)}, nil},
		"over, and so not read": {call(0, endpoint.UpdateSuccessful), nil, nil, &Cause{At: now, Asked: request(world), Status: endpoint.UpdateSuccessful}, nil},
		"under way": {
			call(0, ""), read(endpoint.Update{ID: "u", Type: endpoint.EndpointAccessUpdate, Status: endpoint.UpdateInProgress, CreatedAt: start, Asked: request(exposed)}), nil,
			&Cause{At: start, Asked: request(exposed), Status: endpoint.UpdateInProgress}, nil,
		},
		"under way, EKS tells little": {
			call(0, ""), read(endpoint.Update{ID: "u", Status: endpoint.UpdateInProgress}), nil,
			&Cause{At: now, Asked: request(world), Status: endpoint.UpdateInProgress}, nil,
		},
		"not shown yet":       {call(5*time.Minute, ""), missing, nil, &Cause{At: now.Add(-5 * time.Minute), Asked: request(world)}, nil},
		"not shown any more":  {call(time.Minute, endpoint.UpdateInProgress), missing, nil, &Cause{At: now.Add(-time.Minute), Asked: request(world), Status: endpoint.UpdateInProgress}, nil},
		"never shown":         {call(5*time.Minute+1, ""), missing, nil, nil, []string{"u"}},
		"of another kind":     {call(0, ""), read(endpoint.Update{ID: "u", Type: "LoggingUpdate", Status: endpoint.UpdateInProgress}), nil, nil, []string{"u"}},
		"it was carried out":  {call(0, ""), read(applied("u", 0, request(world))), nil, &Cause{At: start, Asked: request(world), Status: endpoint.UpdateSuccessful}, nil},
		"it failed":           {call(0, ""), read(endpoint.Update{ID: "u", Status: endpoint.UpdateFailed}), nil, nil, []string{"u"}},
		"it failed long ago":  {call(0, endpoint.UpdateFailed), nil, nil, nil, []string{"u"}},
		"accounted for":       {call(2*time.Hour, endpoint.UpdateSuccessful), nil, nil, nil, []string{"u"}},
		"a creation":          {Cause{At: now, Status: endpoint.UpdateSuccessful}, nil, nil, &Cause{At: now, Status: endpoint.UpdateSuccessful}, nil},
		"a creation, as told": {Cause{At: now.Add(-2 * time.Hour), Status: endpoint.UpdateSuccessful}, nil, nil, nil, []string{"create"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := looking(t, newDesk(t, enforce, private))
			e.now, e.Watch, e.in.Updates = now, []Cause{tc.w}, tc.read
			e.Closings = []Closing{{Covers: start.Add(-30 * time.Minute)}}
			unread := e.refreshWatched()
			if !slices.Equal(unread, tc.unread) || !slices.Equal(e.Past, tc.past) || (len(e.Watch) == 1) != (tc.want != nil) {
				t.Fatalf("to be read are %q, past are %q, followed are %+v", unread, e.Past, e.Watch)
			}
			if tc.want == nil {
				return
			}
			w := e.Watch[0]
			if !w.At.Equal(tc.want.At) || w.Status != tc.want.Status || w.EventID != tc.w.EventID || !w.Asked.Over(private).Equal(tc.want.Asked.Over(private)) {
				t.Errorf("followed is %+v", w)
			}
			if _, ok := tc.read["u"]; ok && w.Status == endpoint.UpdateSuccessful && (!e.History.Knows("u") || e.History.newest() == nil) {
				t.Error("its end is not known to the history")
			}
		})
	}
}

// TestOurUpdatesAreFollowed until they are over, or EKS knows them no more.
func TestOurUpdatesAreFollowed(t *testing.T) {
	for name, tc := range map[string]struct {
		since  time.Duration
		read   map[string]UpdateRead
		unread []string
		look   bool
		status endpoint.UpdateStatus
		tries  int
	}{
		"not read yet":                {0, nil, []string{"u"}, false, endpoint.UpdateInProgress, 0},
		"under way":                   {0, map[string]UpdateRead{"u": {Update: endpoint.Update{ID: "u", Status: endpoint.UpdateInProgress}}}, nil, false, endpoint.UpdateInProgress, 0},
		"not shown":                   {5 * time.Minute, map[string]UpdateRead{"u": {Missing: true}}, nil, false, endpoint.UpdateInProgress, 0},
		"not shown for long":          {5*time.Minute + 1, map[string]UpdateRead{"u": {Missing: true}}, nil, false, endpoint.UpdateFailed, 1},
		"carried out":                 {0, map[string]UpdateRead{"u": {Update: applied("u", 0, request(private))}}, nil, false, endpoint.UpdateSuccessful, 0},
		"carried out, since the look": {0, map[string]UpdateRead{"u": {Update: applied("u", 0, request(private)), AfterLook: true}}, nil, true, endpoint.UpdateSuccessful, 0},
		"failed":                      {0, map[string]UpdateRead{"u": {Update: endpoint.Update{ID: "u", Status: endpoint.UpdateFailed}}}, nil, false, endpoint.UpdateFailed, 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := &evaluation{now: start.Add(time.Hour), in: Input{Updates: tc.read}}
			e.Incident = &Incident{Attempts: []Attempt{
				{UpdateID: "before", Status: endpoint.UpdateCancelled},
				{UpdateID: "u", At: e.now.Add(-tc.since), Status: endpoint.UpdateInProgress},
			}}
			unread, look := e.refreshAttempts()
			if !slices.Equal(unread, tc.unread) || look != tc.look {
				t.Errorf("to be read are %q, to be looked at again: %t", unread, look)
			}
			a := e.Incident.Attempts[1]
			if a.Status != tc.status || e.Incident.Tries != tc.tries || a.over() == a.OverAt.IsZero() {
				t.Errorf("%+v, %d tries", a, e.Incident.Tries)
			}
			if a.Status == endpoint.UpdateSuccessful && !e.History.Knows("u") {
				t.Error("its end is not known to the history")
			}
		})
	}
	// What is still to be read, is read before the cluster is looked at again.
	e := looking(t, newDesk(t, enforce, private))
	e.Incident = &Incident{Attempts: []Attempt{{UpdateID: "u", Status: endpoint.UpdateInProgress}}}
	if read, ok := e.refreshUpdates().(Read); !ok || !slices.Equal(read.Updates, []string{"u"}) || read.Look {
		t.Errorf("%+v", read)
	}
	e.in.Updates["u"] = UpdateRead{Update: applied("u", 0, request(private)), AfterLook: true}
	if read, ok := e.refreshUpdates().(Read); !ok || len(read.Updates) != 0 || !read.Look {
		t.Errorf("%+v", read)
	}
	if step := e.refreshUpdates(); step != nil {
		t.Errorf("%+v", step)
	}
}

// TestWhatBreaksARule is only what is known to have been asked for.
func TestWhatBreaksARule(t *testing.T) {
	unreadable := request(world)
	unreadable.Unreadable = true
	closing := false
	for name, tc := range map[string]struct {
		asked endpoint.Request
		want  bool
	}{
		"the world":              {request(world), true},
		"nobody":                 {request(private), false},
		"nothing":                {endpoint.Request{}, false},
		"who knows":              {unreadable, false},
		"a part that changes":    {endpoint.Request{Public: &closing}, false},
		"a part that changes no": {endpoint.Request{Private: &closing}, true},
	} {
		e := looking(t, newDesk(t, enforce, world))
		if got := e.violates(tc.asked); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestWhatSaysEverything(t *testing.T) {
	yes, no, list := true, false, world.CIDRs
	for name, tc := range map[string]struct {
		asked endpoint.Request
		want  bool
	}{
		"all of it":                     {endpoint.Request{Public: &yes, Private: &yes, CIDRs: &list}, true},
		"nothing":                       {endpoint.Request{}, false},
		"not who, while it is public":   {endpoint.Request{Public: &yes, Private: &yes}, false},
		"not who, while it is private":  {endpoint.Request{Public: &no, Private: &yes}, true},
		"who, while it is private":      {endpoint.Request{Public: &no, Private: &yes, CIDRs: &list}, true},
		"not whether it is public":      {endpoint.Request{Private: &yes, CIDRs: &list}, false},
		"not whether it is private":     {endpoint.Request{Public: &yes, CIDRs: &list}, false},
		"all of it, but it is not read": {endpoint.Request{Public: &yes, Private: &yes, CIDRs: &list, Unreadable: true}, false},
	} {
		if got := complete(tc.asked); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestWhoseCreationItWas: a cluster of the name is told apart by its time.
func TestWhoseCreationItWas(t *testing.T) {
	born := start.Add(-24 * time.Hour)
	for name, tc := range map[string]struct {
		e    cloudtrail.Event
		mine bool
	}{
		"its own":                    {cloudtrail.Event{Time: born, CreatedAt: born}, true},
		"to the second":              {cloudtrail.Event{Time: born, CreatedAt: born.Add(time.Second)}, true},
		"more than a second":         {cloudtrail.Event{Time: born, CreatedAt: born.Add(time.Second + 1)}, false},
		"more than a second earlier": {cloudtrail.Event{Time: born, CreatedAt: born.Add(-time.Second - 1)}, false},
		"two seconds":                {cloudtrail.Event{Time: born, CreatedAt: born.Add(2 * time.Second)}, false},
		"by the call's time":         {cloudtrail.Event{Time: born.Add(2 * time.Second)}, true},
		"five minutes":               {cloudtrail.Event{Time: born.Add(-5 * time.Minute)}, true},
		"more than five minutes":     {cloudtrail.Event{Time: born.Add(-5*time.Minute - 1)}, false},
		"its time, told much later":  {cloudtrail.Event{Time: start, CreatedAt: born}, true},
		"without any time":           {cloudtrail.Event{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := looking(t, newDesk(t, enforce, world))
			tc.e.Name, tc.e.ID, tc.e.Asked, tc.e.UpdateID = cloudtrail.CreateCluster, "e", request(world), "forged"
			if step := e.recordEvent(tc.e); step != nil || len(e.Watch) == 1 != tc.mine || (e.why == "") != tc.mine {
				t.Fatalf("%+v, %+v, %q", step, e.Watch, e.why)
			}
			if !tc.mine {
				return
			}
			if w := e.Watch[0]; w.UpdateID != "" || !w.At.Equal(born) || w.Status != endpoint.UpdateSuccessful || w.key() != "create" {
				t.Errorf("%+v", w)
			}
		})
	}
}

// TestAnEventOfAnEarlierCluster of the name is older than this one by a minute.
func TestAnEventOfAnEarlierCluster(t *testing.T) {
	born := start.Add(-24 * time.Hour)
	for at, mine := range map[time.Time]bool{born.Add(-time.Minute): true, born.Add(-time.Minute - 1): false, born.Add(-90 * time.Second): false, {}: true} {
		e := looking(t, newDesk(t, enforce, private))
		step := e.recordEvent(cloudtrail.Event{Name: cloudtrail.UpdateClusterConfig, ID: "e", UpdateID: "u", Time: at, Asked: request(world)})
		if step != nil || len(e.Watch) == 1 != mine || (e.why == "") != mine {
			t.Errorf("at %s: %+v, %q", at, e.Watch, e.why)
		}
	}
}

// TestWhichCallsAreFollowed: those that ask for what breaks a rule, and those that
// close what is open.
func TestWhichCallsAreFollowed(t *testing.T) {
	for name, tc := range map[string]struct {
		asked, look endpoint.Access
		status      endpoint.Status
		incident    bool
		follow      bool
		harmless    bool
	}{
		"it opens what is closed":              {world, private, endpoint.StatusUpdating, false, true, false},
		"it closes what is open":               {private, world, endpoint.StatusUpdating, false, true, true},
		"it closes what is open, and it is so": {private, world, endpoint.StatusActive, false, false, true},
		"it closes what is being created":      {private, world, endpoint.StatusCreating, false, false, true},
		"it changes what is closed":            {private, private, endpoint.StatusUpdating, false, false, true},
		"it closes what is told of":            {private, private, endpoint.StatusActive, true, true, true},
		"it opens what is at rest":             {world, private, endpoint.StatusActive, false, true, false},
	} {
		d := newDesk(t, enforce, tc.look)
		d.cluster.Status = tc.status
		e := looking(t, d)
		if tc.incident {
			e.Incident = &Incident{}
		}
		step := e.recordEvent(cloudtrail.Event{Name: cloudtrail.UpdateClusterConfig, ID: "e", UpdateID: "u", Time: start, Asked: request(tc.asked)})
		if step != nil || len(e.Watch) == 1 != tc.follow || e.harmless != tc.harmless {
			t.Errorf("%s: followed %+v, harmless %t", name, e.Watch, e.harmless)
		}
	}
}

// TestOneCallIsFollowedOnce: its event tells who made it, once.
func TestOneCallIsFollowedOnce(t *testing.T) {
	e := looking(t, newDesk(t, enforce, private))
	e.Watch = []Cause{{UpdateID: "other", EventID: "o"}, {UpdateID: "u"}}
	event := cloudtrail.Event{Name: cloudtrail.UpdateClusterConfig, ID: "e", UpdateID: "u", Time: start, Asked: request(world), Actor: cloudtrail.Actor{Name: "alice"}}
	e.recordEvent(event)
	event.ID, event.Actor.Name = "forged", "mallory"
	e.recordEvent(event)
	if w := e.Watch; len(w) != 2 || w[1].EventID != "e" || w[1].Actor.Name != "alice" || w[0].EventID != "o" {
		t.Errorf("%+v", w)
	}
	e.Watch, e.Past = nil, []string{"u"}
	if e.recordEvent(event); len(e.Watch) != 0 || e.why == "" {
		t.Errorf("what was dealt with is followed: %+v", e.Watch)
	}
}

func TestNoMoreThanThirtyCallsAreFollowed(t *testing.T) {
	e := &evaluation{}
	for n := range 40 {
		e.watch(Cause{UpdateID: fmt.Sprint(n)})
	}
	if got := followed(e.Record); len(got) != 30 || got[29] != "29" {
		t.Errorf("%q", got)
	}
}

// TestTheTimeOfACall is never one to come.
func TestTheTimeOfACall(t *testing.T) {
	for at, want := range map[time.Time]time.Time{
		start: start, start.Add(-time.Hour): start.Add(-time.Hour), start.Add(1): start, {}: start,
	} {
		e := looking(t, newDesk(t, enforce, private))
		e.recordEvent(cloudtrail.Event{Name: cloudtrail.UpdateClusterConfig, ID: "e", UpdateID: "u", Time: at, Asked: request(world)})
		if !e.Watch[0].At.Equal(want) {
			t.Errorf("%s: %s", at, e.Watch[0].At)
		}
	}
}

// TestWhichUpdateACallBegan is told by its time, if the event does not name it.
func TestWhichUpdateACallBegan(t *testing.T) {
	kind := endpoint.EndpointAccessUpdate
	for name, tc := range map[string]struct {
		read, known []endpoint.Update
		want        string
	}{
		"none":                     {nil, nil, ""},
		"one under way":            {[]endpoint.Update{{ID: "u", Type: kind, Status: endpoint.UpdateInProgress, CreatedAt: start.Add(-time.Hour)}}, nil, "u"},
		"one of its time":          {[]endpoint.Update{applied("u", 2*time.Minute-1, request(world))}, nil, "u"},
		"one of its time, earlier": {[]endpoint.Update{applied("u", -2*time.Minute+1, request(world))}, nil, "u"},
		"one of another time":      {[]endpoint.Update{applied("u", 2*time.Minute, request(world))}, nil, ""},
		"one of long ago":          {[]endpoint.Update{applied("u", -time.Hour, request(world))}, nil, ""},
		"one that is known":        {nil, []endpoint.Update{applied("u", 1, request(world))}, "u"},
		"one of another kind":      {[]endpoint.Update{{ID: "u", Type: "LoggingUpdate", Status: endpoint.UpdateInProgress, CreatedAt: start}}, nil, ""},
		"ours":                     {[]endpoint.Update{{ID: "ours", Type: kind, Status: endpoint.UpdateInProgress, CreatedAt: start}}, nil, ""},
		"the one that is listed":   {[]endpoint.Update{applied("u", 1, request(world))}, []endpoint.Update{applied("v", 0, request(world))}, "u"},
	} {
		e := &evaluation{Record: Record{Ours: []string{"ours"}, History: History{Applied: tc.known}}}
		e.in.History.Read = tc.read
		if got := e.updateOf(cloudtrail.Event{Time: start}); got != tc.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestAnEventThatNamesNoUpdate: who made the call is known all the same.
func TestAnEventThatNamesNoUpdate(t *testing.T) {
	d := newDesk(t, enforce, private)
	e := d.asks("u1", world)
	e.UpdateID = ""
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(time.Minute).comes(e).told(closing+": ours-1", "mails detected", "waits 15s")
	if c := d.r.Incident.Causes; len(c) != 1 || c[0].UpdateID != "u1" || c[0].EventID != e.ID || c[0].Actor.Name != "alice" {
		t.Errorf("%+v", c)
	}
	// One that asks for nothing bad is not waited for.
	d = newDesk(t, enforce, private)
	e = d.asks("u1", private)
	e.UpdateID = ""
	d.comes(e).told("compliant")
}

// TestOurOwnEventIsNoReasonToWait once the incident is closed.
func TestOurOwnEventIsNoReasonToWait(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.wakes()
	d.ends("ours-0", endpoint.UpdateSuccessful)
	d.after(s15).recheck()
	d.log = nil
	d.cluster.Status = endpoint.StatusUpdating // something else is changed
	d.comes(d.ownEvent("ours-0")).told("ignored")
}
