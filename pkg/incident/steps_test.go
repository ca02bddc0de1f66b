package incident

import (
	"slices"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// TestWhatIsReadBeforeALook: the updates that are not known to be over.
func TestWhatIsReadBeforeALook(t *testing.T) {
	r := Record{
		Watch: []Cause{{UpdateID: "a"}, {UpdateID: "b", Status: endpoint.UpdateInProgress}, {UpdateID: "c", Status: endpoint.UpdateFailed}, {}},
		Incident: &Incident{Attempts: []Attempt{
			{UpdateID: "d", Status: endpoint.UpdateInProgress}, {UpdateID: "e", Status: endpoint.UpdateSuccessful}, {},
		}},
	}
	if got := r.Wanted(); !slices.Equal(got, []string{"a", "b", "d"}) {
		t.Errorf("%q", got)
	}
	r.Incident = nil
	if got := r.Wanted(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%q", got)
	}
}

// TestForHowLongAClaimIsRespected: until its end, if no invocation lasts longer.
func TestForHowLongAClaimIsRespected(t *testing.T) {
	for name, tc := range map[string]struct {
		by    string
		until time.Duration
		want  time.Duration // until the message comes again, 0 if it is handled
	}{
		"another's":             {"another", time.Minute, time.Minute + time.Second},
		"another's, as long as": {"another", 15 * time.Minute, 15*time.Minute + time.Second},
		"another's, longer":     {"another", 15*time.Minute + 1, 0},
		"another's, over":       {"another", 0, 0},
		"its own":               {"this", time.Minute, 0},
	} {
		d := newDesk(t, enforce, private)
		d.r.Intent = &Intent{Kind: IntentApply, By: tc.by, Until: start.Add(tc.until)}
		_, step := Next(d.r, d.input(Message{}, "this"))
		later, _ := step.(Later)
		if later.Delay != tc.want {
			t.Errorf("%s: %+v", name, step)
		}
	}
}

// TestWhatWasDecidedIsTold, whatever the look shows and whoever decided it.
func TestWhatWasDecidedIsTold(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.r.Incident = &Incident{Final: &Final{Outcome: Blocked}}
	_, step := Next(d.r, d.input(Message{}, "this"))
	if tell, ok := step.(Tell); !ok || tell.Notice.Kind != NoticeOutcome || tell.Notice.Outcome() != Blocked {
		t.Errorf("%+v", step)
	}
}

// TestWhatIsNotedOfEveryLook: why the cluster is left alone, and what the mails need.
func TestWhatIsNotedOfEveryLook(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.policy = rules(d.policy.Rules...)
	d.policy.Exemptions = []policy.Exemption{{Name: "x", Rules: []string{"closed"}, Match: policy.Match{Clusters: []string{"demo"}}, Until: start.Add(time.Hour)}}
	d.wakes().told("exempt")
	if a := d.r.Aside; a == nil || a.Kind != AsideExempt || !a.Since.Equal(start) || len(a.Waivers) != 1 || a.Waivers[0].Name != "x" {
		t.Errorf("%+v", a)
	}
	d = newDesk(t, enforce, private)
	d.comes(d.asks("u1", world))
	d.cluster.ClusterSecurityGroup, d.cluster.AuditLogs = "sg-1", true
	d.after(s15).recheck()
	if f := d.r.Incident.Facts; f.ClusterSecurityGroup != "sg-1" || !f.AuditLogs {
		t.Errorf("%+v", f)
	}
}
