package incident

import (
	"slices"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// TestWhatATugOfWarCounts: closings within an hour, days of seven, and who opened it.
func TestWhatATugOfWarCounts(t *testing.T) {
	const hour, day = time.Hour, 24 * time.Hour
	ago := func(d time.Duration, outcome Outcome, by string) Closing {
		return Closing{At: start.Add(-d), Outcome: outcome, By: by}
	}
	for name, tc := range map[string]struct {
		closings     []Closing
		hourly, days int
		others       []string
	}{
		"the first":             {nil, 1, 1, []string{"alice (IAM user)"}},
		"a minute ago":          {[]Closing{ago(time.Minute, Enforced, "bob")}, 2, 1, []string{"alice (IAM user)", "bob"}},
		"a part of it":          {[]Closing{ago(time.Minute, PartlyEnforced, "bob")}, 2, 1, []string{"alice (IAM user)", "bob"}},
		"not by the guardrail":  {[]Closing{ago(time.Minute, AlreadyUndone, "bob"), ago(time.Minute, Blocked, "carol"), ago(time.Minute, Failed, "dan")}, 1, 1, []string{"alice (IAM user)"}},
		"not quite an hour ago": {[]Closing{ago(hour-1, Enforced, "bob")}, 2, 1, []string{"alice (IAM user)", "bob"}},
		"an hour ago":           {[]Closing{ago(hour, Enforced, "bob")}, 1, 1, []string{"alice (IAM user)", "bob"}},
		"a day ago":             {[]Closing{ago(day, Enforced, "bob")}, 1, 2, []string{"alice (IAM user)", "bob"}},
		"not quite seven days":  {[]Closing{ago(7*day-1, Enforced, "bob")}, 1, 2, []string{"alice (IAM user)", "bob"}},
		"seven days ago":        {[]Closing{ago(7*day, Enforced, "bob")}, 1, 1, []string{"alice (IAM user)"}},
		"several, the same": {
			[]Closing{ago(2*day+hour, Enforced, "bob"), ago(2*day, Enforced, ""), ago(day, Enforced, "alice (IAM user)"), ago(time.Minute, Enforced, "carol")},
			2, 3, []string{"alice (IAM user)", "carol", "bob"},
		},
	} {
		e := &evaluation{Record: Record{Closings: tc.closings}, now: start, in: Input{Limits: Limits{TugPerHour: 1}}}
		e.Incident = &Incident{Causes: []Cause{{EventID: "e", Actor: cloudtrail.Actor{Type: "IAMUser", Name: "alice"}}}}
		got := e.tug()
		if got == nil || got.InAnHour != tc.hourly || got.Days != tc.days || !slices.Equal(got.Others, tc.others) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestWhenItIsATugOfWar: as often as is set, and never where nothing is.
func TestWhenItIsATugOfWar(t *testing.T) {
	for _, tc := range []struct {
		limits Limits
		before []time.Duration
		want   bool
	}{
		{Limits{}, []time.Duration{1, 2, 3, 24 * time.Hour}, false},
		{Limits{TugPerHour: 1}, nil, true},
		{Limits{TugPerHour: 2}, nil, false},
		{Limits{TugPerHour: 2}, []time.Duration{1}, true},
		{Limits{TugPerHour: 2}, []time.Duration{1, 2}, true},
		{Limits{TugPerHour: 2}, []time.Duration{2 * time.Hour}, false},
		{Limits{TugDays: 1}, nil, true},
		{Limits{TugDays: 2}, []time.Duration{1}, false},
		{Limits{TugDays: 2}, []time.Duration{24 * time.Hour}, true},
		{Limits{TugPerHour: 2, TugDays: 3}, []time.Duration{24 * time.Hour}, false},
	} {
		e := &evaluation{now: start, in: Input{Limits: tc.limits}}
		e.Incident = &Incident{}
		for _, ago := range tc.before {
			e.Closings = append(e.Closings, Closing{Outcome: Enforced, At: start.Add(-ago)})
		}
		if got := e.tug() != nil; got != tc.want {
			t.Errorf("%+v after %v: %t", tc.limits, tc.before, got)
		}
	}
}

// TestWhichMailsTheDigestTells in a tug of war: what the guardrail settles.
func TestWhichMailsTheDigestTells(t *testing.T) {
	alerts, enforces := []RuleNote{{Respond: policy.Alert}}, []RuleNote{{Respond: policy.Alert}, {Respond: policy.Revert}}
	for name, tc := range map[string]struct {
		kind  NoticeKind
		final *Final
		retry int
		war   bool
		want  bool
	}{
		"a discovery":                             {NoticeDetected, nil, 0, false, false},
		"a discovery in a war":                    {NoticeDetected, nil, 0, true, true},
		"one that is stuck in a war":              {NoticeStuck, nil, 0, true, false},
		"a leave in a war":                        {NoticeLeft, nil, 0, true, false},
		"it was closed":                           {NoticeOutcome, &Final{Outcome: Enforced}, 0, false, false},
		"it was closed in a war":                  {NoticeOutcome, &Final{Outcome: Enforced}, 0, true, true},
		"somebody closed it in a war":             {NoticeOutcome, &Final{Outcome: AlreadyUndone}, 0, true, true},
		"it stays open in a war":                  {NoticeOutcome, &Final{Outcome: Blocked, Left: enforces}, 0, true, false},
		"a part of it stays, about which alerts":  {NoticeOutcome, &Final{Outcome: PartlyEnforced, Left: alerts}, 0, true, true},
		"a part of it stays that should not":      {NoticeOutcome, &Final{Outcome: PartlyEnforced, Left: enforces}, 0, true, false},
		"a part of it stays, but there is no war": {NoticeOutcome, &Final{Outcome: PartlyEnforced, Left: alerts}, 0, false, false},
		"it failed":                               {NoticeOutcome, &Final{Outcome: Failed}, 0, false, false},
		"it failed once more":                     {NoticeOutcome, &Final{Outcome: Failed}, 1, false, true},
		"it was blocked once more":                {NoticeOutcome, &Final{Outcome: Blocked}, 1, false, false},
		"it is stuck once more":                   {NoticeStuck, nil, 1, false, false},
	} {
		e := &evaluation{now: start}
		e.Incident = &Incident{Retry: tc.retry, Final: tc.final}
		if tc.war {
			e.TugSince = start
		}
		if got := e.folded(tc.kind); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if e := (&evaluation{Record: Record{TugSince: start}}); e.folded(NoticeDetected) {
		t.Error("nothing is open")
	}
}

func TestWhoIsNamedForIt(t *testing.T) {
	alice := cloudtrail.Actor{Type: "IAMUser", Name: "alice"}
	with := func(agent string) cloudtrail.Actor { a := alice; a.UserAgent = agent; return a }
	for name, tc := range map[string]struct {
		causes []Cause
		want   string
	}{
		"nobody":                   {nil, ""},
		"a call":                   {[]Cause{{EventID: "e", Actor: alice}}, "alice (IAM user)"},
		"a call with a tool":       {[]Cause{{EventID: "e", Actor: with("eksctl/0.1")}}, "alice (IAM user) with eksctl/0.1"},
		"an update and a call":     {[]Cause{{UpdateID: "u"}, {EventID: "e", Actor: alice}}, "alice (IAM user)"},
		"an update that EKS tells": {[]Cause{{UpdateID: "u"}}, ""},
		"the first of two":         {[]Cause{{EventID: "e", Actor: alice}, {EventID: "f", Actor: cloudtrail.Actor{Name: "bob"}}}, "alice (IAM user)"},
	} {
		if got := by(Incident{Causes: tc.causes}); got != tc.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	for agent, want := range map[string]string{"HashiCorp/1.0 Terraform": "Terraform", "HashiCorp/1.0 terraform/2": "terraform/2", "HashiCorp/1.0 Terra": "HashiCorp/1.0", "Boto3/1 aws-cli/2": "aws-cli/2"} {
		if got := (cloudtrail.Actor{UserAgent: agent}).Tool(); got != want {
			t.Errorf("%q: %q", agent, got)
		}
	}
}
