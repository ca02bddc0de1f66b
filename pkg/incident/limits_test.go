package incident

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// round is one opening by somebody and its closing by the guardrail.
func (d *desk) round(n int) []string {
	d.log = nil
	e := d.asks(fmt.Sprintf("theirs-%d", n), world)
	e.Actor.UserAgent = "APN/1.0 HashiCorp/1.0 Terraform/1.9.0"
	d.comes(e)
	d.ends(e.UpdateID, endpoint.UpdateSuccessful)
	d.after(s15).recheck()
	ours := d.r.Incident.Attempts[0].UpdateID
	d.ends(ours, endpoint.UpdateSuccessful)
	d.after(s15).recheck()
	d.after(time.Minute)
	return slices.DeleteFunc(slices.Clone(d.log), func(line string) bool {
		return !strings.HasPrefix(line, "mails") && !strings.HasPrefix(line, "folds")
	})
}

func TestTugOfWarWithinAnHour(t *testing.T) {
	d := newDesk(t, enforce, private)
	mailed, folded := "mails detected mails enforced", "folds detected folds outcome"
	for n, want := range []string{mailed, mailed, mailed, folded, folded} {
		if got := strings.Join(d.round(n), " "); got != want {
			t.Fatalf("round %d: %s, want %s", n, got, want)
		}
	}
	war := d.mails[5].Record.Incident.Final.Tug
	if war == nil || war.InAnHour != 3 || len(war.Others) != 1 || war.Others[0] != "alice (IAM user) with Terraform/1.9.0" {
		t.Errorf("the third closing tells %+v", war)
	}
	if d.mails[3].Record.Incident.Final.Tug != nil {
		t.Error("two closings are no tug of war")
	}
	for n, c := range d.r.Closings {
		if got := len(c.Story.Folded); (n < 3 && got != 0) || (n >= 3 && got != 2) {
			t.Errorf("the story of closing %d left %v to the digest", n, c.Story.Folded)
		}
	}
	// What stays open is told also in a tug of war.
	d.log = nil
	e := d.asks("theirs-9", world)
	d.comes(e)
	d.ends("theirs-9", endpoint.UpdateSuccessful)
	d.network.DNSSupport = endpoint.No
	d.after(s15).recheck().told("folds detected", "waits 15s", "mails blocked", "blocked")
	d.network = goodVPC
	d.wakes()
	d.ends(d.r.Incident.Attempts[0].UpdateID, endpoint.UpdateSuccessful)
	d.after(s15).recheck()
	// Hours later all is told as before.
	d.after(3 * time.Hour)
	if got := strings.Join(d.round(10), " "); got != mailed {
		t.Errorf("after the war: %s", got)
	}
}

func TestTugOfWarOverDays(t *testing.T) {
	d := newDesk(t, enforce, private)
	for n := range 5 {
		d.round(n)
		d.after(24 * time.Hour)
	}
	war := d.mails[len(d.mails)-1].Record.Incident.Final.Tug
	if war == nil || war.Days != 5 || war.InAnHour != 1 {
		t.Fatalf("the closing of the fifth day tells %+v", war)
	}
	if got := strings.Join(d.round(5), " "); got != "folds detected folds outcome" {
		t.Errorf("the sixth day: %s", got)
	}
	d.after(30 * 24 * time.Hour)
	if got := strings.Join(d.round(6), " "); got != "mails detected mails enforced" {
		t.Errorf("a month later: %s", got)
	}
}

func tagged(respond policy.Response) *policy.Policy {
	rule := closed("prod", respond)
	rule.Match = &policy.Match{Tags: map[string]string{"environment": "prod*"}}
	inside := policy.Rule{Name: "inside", Require: policy.Requirement{PrivateAccess: true}, Respond: policy.Alert}
	return &policy.Policy{Hash: "one", Rules: []policy.Rule{rule, inside}}
}

func TestLeavingARuleByTags(t *testing.T) {
	d := newDesk(t, tagged(policy.Enforce), private)
	d.cluster.Tags = map[string]string{"environment": "production"}
	d.wakes().told("compliant")
	d.cluster.Tags = nil
	e := &cloudtrail.Event{ID: "e7", Name: cloudtrail.UntagResource, Time: d.now, RemovedTags: []string{"environment"}, Actor: cloudtrail.Actor{Type: "IAMUser", Name: "alice"}}
	d.comes(e).told("mails left", "compliant")
	left := d.mails[0].Record.Left
	if !slices.Equal(left.Tags, []string{"environment"}) {
		t.Errorf("the tags: %v", left.Tags)
	}
	if !slices.Equal(left.Rules, []string{"prod"}) || left.By == nil || left.By.EventID != "e7" || left.Enforced {
		t.Errorf("told: %+v", left)
	}
	d.comes(e).told("compliant")
	d.wakes().told("compliant")
	// Coming back is no news; leaving again is.
	d.cluster.Tags = map[string]string{"environment": "prod"}
	d.wakes().told("compliant")
	d.cluster.Tags = nil
	d.wakes().told("mails left", "compliant")
	if left := d.mails[1].Record.Left; left.By != nil {
		t.Errorf("a sweep names a caller: %+v", left.By)
	}
}

func TestLeavingByAChangeOfThePolicyIsNoNews(t *testing.T) {
	d := newDesk(t, tagged(policy.Enforce), private)
	d.cluster.Tags = map[string]string{"environment": "prod"}
	d.wakes().told("compliant")
	d.policy = tagged(policy.Alert)
	d.policy.Hash = "two"
	d.wakes().told("compliant")
	// A rule that only alerts enforces nothing.
	d.cluster.Tags = nil
	d.wakes().told("compliant")
}

func TestTheMailOfLeavingSurvivesACrash(t *testing.T) {
	d := newDesk(t, tagged(policy.Enforce), private)
	d.cluster.Tags = map[string]string{"environment": "prod"}
	d.wakes().told("compliant")
	d.cluster.Tags = nil
	d.die = "tell"
	d.wakes().told("mails left", "dies")
	d.die = ""
	d.after(6*time.Minute).wakes().told("mails left", "compliant")
	if d.mails[0].Record.Left.Ref != d.mails[1].Record.Left.Ref {
		t.Error("the mail sent again has another reference")
	}
}

func TestHeldByTheBrake(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.limit = 4
	for n := range 4 {
		d.brake, _, _ = d.brake.Ask(brake.Entry{ARN: fmt.Sprint(n), Fresh: true}, 4, d.now)
	}
	d.wakes().told("waits 5m0s")
	if d.r.Incident.HeldSince.IsZero() || !slices.Equal(d.brake.Waiting[d.cluster.ARN].Rules, []string{"closed"}) {
		t.Errorf("%+v, %+v", d.r.Incident, d.brake)
	}
	if !d.r.Incident.HeldUntil.Equal(d.now.Add(time.Hour)) || !d.brake.Waiting[d.cluster.ARN].World {
		t.Errorf("held until %s, %+v", d.r.Incident.HeldUntil, d.brake.Waiting)
	}
	d.after(time.Hour).recheck().told(closing+": ours-0", "mails detected", "waits 15s")
	// One that somebody has just opened is told at once and asks more often.
	d = newDesk(t, enforce, private)
	d.limit = 1
	d.brake, _, _ = d.brake.Ask(brake.Entry{ARN: "other", Fresh: true}, 1, d.now)
	e := d.asks("u1", world)
	d.ends("u1", endpoint.UpdateSuccessful)
	d.comes(e).told("mails detected", "waits 15s")
}

func TestWhatALockoutCheckKeepsOpenIsToldInATugOfWar(t *testing.T) {
	d := newDesk(t, enforce, private)
	for n := range 3 {
		d.round(n)
	}
	d.log = nil
	e := d.asks("theirs-9", exposed)
	d.comes(e).told("folds detected", "waits 15s")
	d.ends("theirs-9", endpoint.UpdateSuccessful)
	d.network.DNSSupport = endpoint.No
	d.after(s15).recheck().told("asks for public=true private=true cidrs=0.0.0.0/0: ours-7", "waits 15s")
	d.ends("ours-7", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("mails partly-enforced", "partly-enforced")
}
