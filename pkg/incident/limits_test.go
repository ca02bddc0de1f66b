package incident

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

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

func TestTool(t *testing.T) {
	for agent, want := range map[string]string{
		"": "", "APN/1.0 HashiCorp/1.0 Terraform/1.9.0 (+https://example.com)": "Terraform/1.9.0",
		"aws-cli/2.17.0 Python/3.11": "aws-cli/2.17.0", "cloudformation.amazonaws.com": "cloudformation.amazonaws.com",
		"Mozilla/5.0 (X11)": "Mozilla/5.0",
	} {
		if got := tool(agent); got != want {
			t.Errorf("tool(%q) = %q, want %q", agent, got, want)
		}
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

func TestBrakeAsk(t *testing.T) {
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	ask := func(b Brake, n int, fresh bool, minutes int) (Brake, bool, bool) {
		return b.Ask(Entry{ARN: fmt.Sprint(n), Name: fmt.Sprintf("c%d", n), Rules: []string{"closed"}, Fresh: fresh}, 8, at(minutes))
	}
	var b Brake
	var granted, tell bool
	for n := range 6 {
		if b, granted, _ = ask(b, n, false, 0); !granted {
			t.Fatalf("standing cluster %d is held back", n)
		}
	}
	if b, granted, tell = ask(b, 6, false, 0); granted || tell {
		t.Errorf("the quarter kept for fresh ones is taken: %t; told at once: %t", granted, tell)
	}
	if b, granted, _ = ask(b, 3, false, 1); !granted {
		t.Error("a cluster that was let through is held back in its next attempt")
	}
	for n := range 2 {
		if b, granted, _ = ask(b, 10+n, true, 1); !granted {
			t.Errorf("fresh cluster %d is held back", n)
		}
	}
	if b, granted, tell = ask(b, 12, true, 2); granted || !tell {
		t.Errorf("the ninth: granted %t, told %t", granted, tell)
	}
	// The first six were let through at 0, two more at 1: a fresh one has room
	// an hour after the first, of a brake of two a standing one only after the last.
	if got := b.Free(Entry{Fresh: true}, 8); !got.Equal(at(60)) {
		t.Errorf("room for a fresh one at %s", got)
	}
	if got := b.Free(Entry{}, 2); !got.Equal(at(61)) {
		t.Errorf("room for a standing one at %s", got)
	}
	if got := (Brake{}).Free(Entry{}, 8); !got.IsZero() {
		t.Errorf("nothing was changed, yet room only at %s", got)
	}
	if got := b.Rules(); len(got) != 1 || got[0] != (Count{"closed", 2}) || !slices.Equal(b.Names(), []string{"c12", "c6"}) {
		t.Errorf("waiting: %v %v", got, b.Names())
	}
	b.Telling = at(3)
	if _, _, tell = ask(b, 12, true, 2); tell {
		t.Error("two tell it at once")
	}
	if _, _, tell = ask(b, 12, true, 4); !tell {
		t.Error("nobody tells it after a crash")
	}
	b.Mailed = at(4)
	if _, _, tell = ask(b, 12, true, 5); tell {
		t.Error("it is told twice")
	}
	// An hour later there is room again, and once nobody waits it is over.
	if b, granted, _ = ask(b, 12, true, 60); !granted {
		t.Error("the hour never passes")
	}
	if b, granted, _ = ask(b, 6, false, 61); !granted || !b.Since.IsZero() || !b.Mailed.IsZero() || len(b.Waiting) > 0 {
		t.Errorf("after the last: granted %t, %+v", granted, b)
	}
	if _, granted, _ = b.Ask(Entry{ARN: "x"}, 0, start); !granted {
		t.Error("a brake of 0 holds back")
	}
}

func TestHeldByTheBrake(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.limit = 4
	for n := range 4 {
		d.brake, _, _ = d.brake.Ask(Entry{ARN: fmt.Sprint(n), Fresh: true}, 4, d.now)
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
	d.brake, _, _ = d.brake.Ask(Entry{ARN: "other", Fresh: true}, 1, d.now)
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
