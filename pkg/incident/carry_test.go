package incident

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// TestWhatALimitLeavesOutIsNamed: of the pieces for which EKS's limit has no place the first
// are named and all are counted; what was left out for another reason is none of them.
func TestWhatALimitLeavesOutIsNamed(t *testing.T) {
	e := looking(t, newDesk(t, enforce, world))
	e.Incident = &Incident{Ref: "EG-1"}
	d := verdict.Decision{Desired: private, Losses: []verdict.Loss{{CIDR: netip.MustParsePrefix("192.0.2.0/24"), Why: "another"}}}
	var want []netip.Prefix
	for n := range 2 * maxOverLimit {
		cidr := netip.MustParsePrefix(fmt.Sprintf("10.0.%d.0/24", n))
		d.Losses = append(d.Losses, verdict.Loss{CIDR: cidr, Why: verdict.LossOverLimit})
		if n < 12 {
			want = append(want, cidr)
		}
	}
	e.begin(d)
	a := e.Incident.Attempts[0]
	if diff := cmp.Diff(want, a.OverLimit, cmpopts.EquateComparable(netip.Prefix{})); diff != "" || a.OverLimitCount != 24 {
		t.Errorf("%d over the limit (-want +got):\n%s", a.OverLimitCount, diff)
	}
}

// TestWhatAFormerIncidentKnew goes on in the one over the same violation: since when, who, and
// what was before; not what came to nothing.
func TestWhatAFormerIncidentKnew(t *testing.T) {
	before := &Seen{Access: private, At: start.Add(-time.Hour)}
	former := Incident{
		Ref: "EG-1", OpenedAt: start.Add(-time.Minute), Before: before,
		Causes: []Cause{
			{UpdateID: "took", EventID: "e1", Status: endpoint.UpdateSuccessful},
			{UpdateID: "failed", EventID: "e2", Status: endpoint.UpdateFailed},
			{UpdateID: "going", EventID: "e3", Status: endpoint.UpdateInProgress},
		},
	}
	i := &Incident{OpenedAt: start, Causes: []Cause{{UpdateID: "new", EventID: "e4"}}}
	i.goOn(former)
	var ids []string
	for _, c := range i.Causes {
		ids = append(ids, fmt.Sprint(c.UpdateID, c.Former))
	}
	if diff := cmp.Diff([]string{"tooktrue", "goingtrue", "newfalse"}, ids); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
	if !i.FoundAt.Equal(former.OpenedAt) || i.Follows != "EG-1" || i.Before != before {
		t.Errorf("%+v", i)
	}
	own := &Seen{Access: office}
	i = &Incident{Before: own}
	former.Causes = slices.Repeat(former.Causes[:1], maxCauses+2)
	i.goOn(former)
	if i.Before != own || len(i.Causes) != maxCauses {
		t.Errorf("%d causes, before it %+v", len(i.Causes), i.Before)
	}
	// The whole way, of one that stands and is looked at again under another policy.
	d := newDesk(t, tell, private)
	d.wakes().becomes(world)
	d.wakes()
	told := d.mails[0].Record.Incident
	d.policy = enforce
	d.after(time.Hour).wakes()
	if n := d.r.Incident; n == nil || n.Follows != told.Ref || !n.FoundAt.Equal(told.OpenedAt) || n.Facts == nil {
		t.Errorf("%+v", n)
	}
}

// TestUnderWhichReferenceItWasMailed: the incident's own, unless its mails are those of what
// it follows.
func TestUnderWhichReferenceItWasMailed(t *testing.T) {
	at, early := start.Add(time.Second), start.Add(-time.Second)
	both := []NoticeKind{NoticeDetected, NoticeOutcome}
	for name, tc := range map[string]struct {
		i    Incident
		want string
	}{
		"its outcome was mailed":                 {Incident{}, "own"},
		"its discovery was":                      {Incident{Folded: both[1:], DetectedMailed: at}, "own"},
		"its discovery was, at once":             {Incident{Folded: both[1:], DetectedMailed: start}, "own"},
		"its discovery was only in the digest":   {Incident{Folded: both, DetectedMailed: at}, "followed"},
		"it was mailed before it":                {Incident{Folded: both[1:], DetectedMailed: early}, "followed"},
		"nothing was":                            {Incident{Folded: both[1:]}, "followed"},
		"that it is stuck was":                   {Incident{Folded: both, DetectedMailed: at, StuckMailed: at}, "own"},
		"that it is stuck was, before it":        {Incident{Folded: both, StuckMailed: early}, "followed"},
		"its discovery was that of the last try": {Incident{Folded: both[1:], DetectedMailed: at, Retry: 1}, "followed"},
	} {
		tc.i.Ref, tc.i.Follows, tc.i.OpenedAt = "own", "followed", start
		if got := tc.i.lastMailed(); got != tc.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestWhoCalledIsRemembered: of the newest former incident that knows it.
func TestWhoCalledIsRemembered(t *testing.T) {
	story := func(event string) *Incident {
		return &Incident{Causes: []Cause{{UpdateID: "other", EventID: "x"}, {UpdateID: "u", EventID: event, Actor: cloudtrail.Actor{Name: event}}}}
	}
	e := &evaluation{Record: Record{Closings: []Closing{{Story: story("old")}, {Story: story("new")}, {Story: story("")}, {}}}}
	w := e.recall(Cause{UpdateID: "u", At: start})
	if w.EventID != "new" || w.Actor.Name != "new" || !w.Former || !w.At.Equal(start) {
		t.Errorf("%+v", w)
	}
	if w = e.recall(Cause{UpdateID: "unknown"}); w.EventID != "" || w.Former {
		t.Errorf("%+v", w)
	}
}

// TestOneMoreTry goes on with what failed, and remembers the message that asked for it.
func TestOneMoreTry(t *testing.T) {
	failed := &Standing{Ref: "EG-1", Since: start, Retries: 2}
	for byHand, from := range map[bool]string{true: "m", false: ""} {
		i := &Incident{OpenedAt: start.Add(time.Hour)}
		i.follow(failed, Message{ID: "m", ByHand: byHand})
		want := &Incident{
			RetryFrom: from, Retry: 3, Follows: "EG-1", FoundAt: start, Tries: maxAttempts - 1, OpenedAt: start, DetectedMailed: start, StuckMailed: start,
		}
		if diff := cmp.Diff(want, i); diff != "" {
			t.Errorf("by hand %t (-want +got):\n%s", byHand, diff)
		}
	}
}

// TestWhenAClusterCountsAsJudged: every ten minutes, and for a sweep as soon as EKS shows no
// old values.
func TestWhenAClusterCountsAsJudged(t *testing.T) {
	for name, tc := range map[string]struct {
		since time.Duration
		sweep bool
		want  bool
	}{
		"ten minutes later":               {10 * time.Minute, false, true},
		"a moment before":                 {10*time.Minute - 1, false, false},
		"for a sweep, after 15 seconds":   {lookAgain, true, true},
		"for a sweep, before them":        {lookAgain - 1, true, false},
		"for a sweep, ten minutes later":  {10 * time.Minute, true, true},
		"for no sweep, after 15 seconds":  {lookAgain, false, false},
		"for no sweep, after a half hour": {30 * time.Minute, false, true},
	} {
		d := newDesk(t, enforce, private)
		d.r.JudgedAt = start.Add(-tc.since)
		d.look(Message{Sweep: tc.sweep, Check: 0})
		if got := d.r.JudgedAt.Equal(start); got != tc.want {
			t.Errorf("%s: %s", name, d.r.JudgedAt)
		}
	}
}

// TestOfWhichAttemptsNothingIsTold: EKS let their updates not be read.
func TestOfWhichAttemptsNothingIsTold(t *testing.T) {
	errs := func(codes ...string) (out []endpoint.UpdateError) {
		for _, code := range codes {
			out = append(out, endpoint.UpdateError{Code: code})
		}
		return out
	}
	for name, tc := range map[string]struct {
		a    Attempt
		want bool
	}{
		"none of it":     {Attempt{}, false},
		"unconfirmed":    {Attempt{Unconfirmed: true}, true},
		"not read":       {Attempt{Errors: errs(notRead)}, true},
		"failed":         {Attempt{Errors: errs("IpNotAvailable")}, false},
		"failed, really": {Attempt{Errors: errs("IpNotAvailable", notRead)}, false},
		"not read first": {Attempt{Errors: errs(notRead, "IpNotAvailable")}, true},
	} {
		if got := tc.a.untold(); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestWhatALateMailKnowsToBeOver: nothing where nothing was seen.
func TestWhatALateMailKnowsToBeOver(t *testing.T) {
	for name, tc := range map[string]struct {
		l    *Late
		want bool
	}{
		"it is on time":     {nil, false},
		"nothing was seen":  {&Late{Matter: MatterOver}, false},
		"it is still there": {&Late{Seen: true, Matter: MatterSame}, false},
		"it is over":        {&Late{Seen: true, Matter: MatterOver}, true},
		"it is another":     {&Late{Seen: true, Matter: MatterOther}, true},
	} {
		if got := tc.l.Over(); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestWhetherTheRulesAreBack: all those that were left.
func TestWhetherTheRulesAreBack(t *testing.T) {
	for name, tc := range map[string]struct {
		left  *Departure
		reach *Reach
		want  bool
	}{
		"all":              {&Departure{Rules: []string{"a", "b"}}, &Reach{Rules: []string{"b", "c", "a"}}, true},
		"some":             {&Departure{Rules: []string{"a", "b"}}, &Reach{Rules: []string{"a"}}, false},
		"none":             {&Departure{Rules: []string{"a"}}, &Reach{Rules: []string{"b"}}, false},
		"it is not known":  {&Departure{Rules: []string{"a"}}, nil, false},
		"it is about else": {nil, &Reach{Rules: []string{"a"}}, false},
	} {
		e := looking(t, newDesk(t, enforce, private))
		e.Reach = tc.reach
		if l := e.late(Debt{Kind: NoticeLeft, Left: tc.left}); l.Back != tc.want {
			t.Errorf("%s: %t", name, l.Back)
		}
	}
}

// TestWhatIsOwedGetsLighter, too, and what a plan leaves, and what a limit left out.
func TestWhatIsOwedGetsLighter(t *testing.T) {
	rules := make([]RuleNote, fewRules+3)
	plan := &Plan{Left: rules}
	i := &Incident{Plan: plan, Attempts: []Attempt{{OverLimit: make([]netip.Prefix, fewCIDRs+3)}}, Final: &Final{Plan: plan}}
	r := Record{Owed: []Debt{{Kind: NoticeLeft}, {Kind: NoticeDetected, Incident: i}}}.Lighter()
	if r.Owed[0].Incident != nil {
		t.Error("an incident out of nothing")
	}
	got := r.Owed[1].Incident
	if n := len(got.Attempts[0].OverLimit); n != fewCIDRs {
		t.Errorf("%d over the limit", n)
	}
	if got.Plan == nil || got.Final.Plan == nil || len(got.Plan.Left) != fewRules || len(got.Final.Plan.Left) != fewRules {
		t.Errorf("%+v, %+v", got.Plan, got.Final.Plan)
	}
	if len(i.Plan.Left) != fewRules+3 {
		t.Error("the record it was made of is changed")
	}
	if got := (&Incident{}).lighter(); got.Plan != nil {
		t.Errorf("a plan out of nothing: %+v", got.Plan)
	}
}

// TestAnIncidentAsALateMailTellsIt: as the look of its check shows it. What had been asked for
// is there by now, if something is; what was there stays what it was.
func TestAnIncidentAsALateMailTellsIt(t *testing.T) {
	asked, opening, before := world, exposed, []RuleNote{{Name: "before"}}
	for name, tc := range map[string]struct {
		asked *endpoint.Access
		shows endpoint.Access
		want  Incident
	}{
		"it is there by now": {&asked, world, Incident{Opening: world, Rules: []RuleNote{{Name: "closed"}}}},
		"nothing is":         {&asked, private, Incident{Asked: &asked, Opening: opening, Rules: before}},
		"it was found":       {nil, world, Incident{Opening: opening, Rules: before}},
	} {
		e := looking(t, newDesk(t, enforce, tc.shows))
		e.in.Cluster.Status = endpoint.StatusUpdating
		e.Incident = &Incident{Asked: tc.asked, Opening: opening, Rules: before, Final: &Final{}, Status: endpoint.StatusActive}
		got := e.asNow()
		tc.want.Status, tc.want.LookedAt = endpoint.StatusUpdating, e.now
		if diff := cmp.Diff(&tc.want, got, cmpopts.EquateComparable(netip.Prefix{}), cmpopts.IgnoreFields(RuleNote{}, "Reasons", "Found", "Respond", "Description")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if e.Incident.Final == nil {
			t.Errorf("%s: the record's own is changed", name)
		}
	}
}
