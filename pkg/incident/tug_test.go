package incident

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// TestWhatMakesATugOfWar: the closing at hand is the first of the hour and of
// its day.
func TestWhatMakesATugOfWar(t *testing.T) {
	const hour, day = time.Hour, 24 * time.Hour
	closed := func(ago time.Duration, outcome Outcome, by string) Closing {
		return Closing{At: start.Add(-ago), Outcome: outcome, By: by}
	}
	for name, tc := range map[string]struct {
		limits   Limits
		closings []Closing
		want     *TugOfWar
	}{
		"the first at all":             {Limits{TugPerHour: 2, TugDays: 2}, nil, nil},
		"the first, where one is one":  {Limits{TugPerHour: 1}, nil, &TugOfWar{InAnHour: 1, Days: 1}},
		"the first of days, likewise":  {Limits{TugDays: 1}, nil, &TugOfWar{InAnHour: 1, Days: 1}},
		"the second":                   {Limits{TugPerHour: 2}, []Closing{closed(hour-1, Enforced, "bob")}, &TugOfWar{InAnHour: 2, Days: 1, Others: []string{"bob"}}},
		"the second, an hour later":    {Limits{TugPerHour: 2}, []Closing{closed(hour, Enforced, "bob")}, nil},
		"partly":                       {Limits{TugPerHour: 2}, []Closing{closed(1, PartlyEnforced, "bob")}, &TugOfWar{InAnHour: 2, Days: 1, Others: []string{"bob"}}},
		"nothing was closed":           {Limits{TugPerHour: 2, TugDays: 2}, []Closing{closed(1, Blocked, "bob"), closed(day, AlreadyUndone, "bob")}, nil},
		"the second of the week":       {Limits{TugDays: 2}, []Closing{closed(7*day-1, Enforced, "bob")}, &TugOfWar{InAnHour: 1, Days: 2, Others: []string{"bob"}}},
		"a week later":                 {Limits{TugDays: 2}, []Closing{closed(7*day, Enforced, "bob")}, nil},
		"twice the same day":           {Limits{TugDays: 2}, []Closing{closed(2*hour, Enforced, "bob")}, nil},
		"twice the same day before":    {Limits{TugDays: 3}, []Closing{closed(day, Enforced, "bob"), closed(day+hour, Enforced, "bob")}, nil},
		"others, the latest first":     {Limits{TugPerHour: 1}, []Closing{closed(3, Enforced, "carol"), closed(2, Enforced, ""), closed(1, Enforced, "bob"), closed(0, Enforced, "carol")}, &TugOfWar{InAnHour: 5, Days: 1, Others: []string{"carol", "bob"}}},
		"others of the week count":     {Limits{TugPerHour: 1}, []Closing{closed(7*day, Enforced, "dave"), closed(day, Enforced, "bob")}, &TugOfWar{InAnHour: 1, Days: 2, Others: []string{"bob"}}},
		"without limits":               {Limits{}, []Closing{closed(1, Enforced, "bob"), closed(day, Enforced, "bob")}, nil},
		"the limit of days is its own": {Limits{TugPerHour: 2, TugDays: 9}, []Closing{closed(2*hour, Enforced, "bob")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			x := &evaluation{Record: Record{Incident: &Incident{}, Closings: tc.closings}, in: Input{Limits: tc.limits}, now: start}
			if diff := cmp.Diff(tc.want, x.tug()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsLeftToTheDigest(t *testing.T) {
	left := func(r policy.Response) []RuleNote { return []RuleNote{{Respond: policy.Alert}, {Respond: r}} }
	for name, tc := range map[string]struct {
		since time.Time
		kind  NoticeKind
		final Final
		want  bool
	}{
		"no tug of war":           {time.Time{}, NoticeDetected, Final{}, false},
		"a discovery":             {start, NoticeDetected, Final{}, true},
		"a stuck one":             {start, NoticeStuck, Final{}, false},
		"a closing":               {start, NoticeOutcome, Final{Outcome: Enforced}, true},
		"one that somebody did":   {start, NoticeOutcome, Final{Outcome: AlreadyUndone}, true},
		"one that is blocked":     {start, NoticeOutcome, Final{Outcome: Blocked}, false},
		"partly, the rest alerts": {start, NoticeOutcome, Final{Outcome: PartlyEnforced, Left: left(policy.Alert)}, true},
		"partly, the rest is not": {start, NoticeOutcome, Final{Outcome: PartlyEnforced, Left: left(policy.Revert)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			x := &evaluation{Record: Record{TugSince: tc.since, Incident: &Incident{Final: &tc.final}}, now: start}
			if got := x.folded(tc.kind); got != tc.want {
				t.Errorf("%t, want %t", got, tc.want)
			}
		})
	}
	if x := (&evaluation{Record: Record{TugSince: start}}); x.folded(NoticeDetected) {
		t.Error("a mail about no incident is left to the digest")
	}
}

// TestWhoOpenedIt: the first call that is known by its event, with its tool.
func TestWhoOpenedIt(t *testing.T) {
	call := func(event, name, agent string) Cause {
		return Cause{EventID: event, Actor: cloudtrail.Actor{Type: "IAMUser", Name: name, UserAgent: agent}}
	}
	for name, tc := range map[string]struct {
		causes []Cause
		want   string
	}{
		"nobody":                       {nil, ""},
		"an update of nobody known":    {[]Cause{call("", "alice", "kubectl")}, ""},
		"somebody":                     {[]Cause{call("e1", "alice", "")}, "alice (IAM user)"},
		"with a tool":                  {[]Cause{call("e1", "alice", "kubectl")}, "alice (IAM user) with kubectl"},
		"after an update of nobody":    {[]Cause{call("", "bob", "kubectl"), call("e1", "alice", "eksctl/1")}, "alice (IAM user) with eksctl/1"},
		"the first of two":             {[]Cause{call("e1", "alice", ""), call("e2", "bob", "")}, "alice (IAM user)"},
		"with a tool in small letters": {[]Cause{call("e1", "alice", "x terraform")}, "alice (IAM user) with terraform"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := by(Incident{Causes: tc.causes}); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
