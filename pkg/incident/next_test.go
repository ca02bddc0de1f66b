package incident

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

const (
	closing = "asks for public=false private=true"
	s15     = 15 * time.Second
)

func TestOpenedWhileUpdating(t *testing.T) {
	d := newDesk(t, revert, office)
	e := d.asks("u1", world)
	d.comes(e).told("mails detected", "waits 15s")
	d.after(s15).recheck().told("waits 15s")
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("asks for public=true private=true cidrs=198.51.100.0/24: ours-1", "waits 15s")
	if a := d.r.Incident.Attempts[0]; !a.Reverted {
		t.Error("the configuration right before, seen while EKS was updating, was not reverted to")
	}
	d.after(s15).recheck().told("waits 15s")
	d.ends("ours-1", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("mails enforced", "compliant")
	if got := d.mails[1].Record.Incident.Causes[0].Actor.Name; got != "alice" {
		t.Errorf("the outcome's mail names %q as the caller", got)
	}
	if d.mails[0].Record.Incident.Ref != d.mails[1].Record.Incident.Ref {
		t.Error("the two mails carry different references")
	}
	if d.r.Compliant == nil || !d.r.Compliant.Access.Equal(office) {
		t.Errorf("the state that complied is remembered as %v", d.r.Compliant)
	}
	if story := d.r.Closings[0].Story; story == nil || story.Causes[0].EventID != e.ID || len(story.Attempts) != 1 || story.Final.Outcome != Enforced {
		t.Errorf("of the closed incident is kept %+v", story)
	}
	// The same event again, our own, and a sweep: nothing more is said or done.
	d.comes(e).told("ignored")
	own := &cloudtrail.Event{Name: cloudtrail.UpdateClusterConfig, Time: d.now, UpdateID: "ours-1", Asked: request(office)}
	d.comes(own).told("ignored")
	d.wakes().told("compliant")
}

func TestCreatedOpen(t *testing.T) {
	d := newDesk(t, enforce, exposed)
	d.cluster.Status, d.cluster.CreatedAt = endpoint.StatusCreating, start
	d.r = NewRecord(d.cluster)
	e := &cloudtrail.Event{
		ID: "e1", Time: start, Name: cloudtrail.CreateCluster, CreatedAt: start, Asked: request(exposed),
		Actor: cloudtrail.Actor{Type: "Root", Name: "root"},
	}
	d.comes(e).told("mails detected", "waits 15s")
	var waits []time.Duration
	for d.now.Before(start.Add(14 * time.Minute)) {
		d.after(d.r.Check.Due.Sub(d.now)).recheck()
		wait, err := time.ParseDuration(strings.TrimPrefix(d.log[0], "waits "))
		if err != nil {
			t.Fatal(d.log)
		}
		waits, d.log = append(waits, wait), nil
	}
	if slices.Max(waits) != time.Minute || waits[0] >= slices.Max(waits) || waits[len(waits)-1] != s15 {
		t.Errorf("waits while creating: %v, want them to grow to a minute and to be 15s near the end", waits)
	}
	d.cluster.Status = endpoint.StatusActive
	d.after(s15).recheck().told(closing+": ours-0", "waits 15s")
	d.ends("ours-0", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("mails enforced", "compliant")
	if i := d.mails[1].Record.Incident; i.Before != nil {
		t.Errorf("a new cluster has a configuration before: %v", i.Before)
	}
	d.comes(e).told("ignored")
}

func TestFoundBySweep(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.wakes().told(closing+": ours-0", "mails detected", "waits 15s")
	d.wakes().told("rests")
	d.ends("ours-0", endpoint.UpdateFailed)
	d.after(s15).recheck().told("waits 15s")
	d.after(s15).recheck().told(closing+": ours-1", "waits 15s")
	d.ends("ours-1", endpoint.UpdateCancelled)
	d.after(s15).recheck().told("waits 1m0s")
	d.after(time.Minute).recheck().told(closing+": ours-2", "waits 15s")
	d.ends("ours-2", endpoint.UpdateFailed)
	d.after(s15).recheck().told("mails failed", "failed")
	i := d.mails[1].Record.Incident
	if len(i.Attempts) != 3 || i.Attempts[2].Errors[0].Code != "IpNotAvailable" {
		t.Errorf("attempts told: %+v", i.Attempts)
	}
	tokens := map[string]bool{}
	for _, a := range i.Attempts {
		tokens[a.Token] = true
	}
	if len(tokens) != 3 {
		t.Errorf("tokens of three attempts: %v, want three", tokens)
	}
	// It is tried again now and then, and at once when somebody changes the cluster.
	d.after(59 * time.Minute).wakes().told("failed")
	e := d.asks("u9", exposed)
	d.comes(e).told("mails detected", "waits 15s")
	d.ends("u9", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told(closing+": ours-4", "waits 15s")
	if d.r.Incident.Ref == i.Ref {
		t.Error("a new incident has the reference of the old one")
	}
}

func TestEventJoinsWhatASweepFound(t *testing.T) {
	d := newDesk(t, enforce, private)
	e := d.asks("u1", world)
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(time.Minute).wakes().told(closing+": ours-1", "mails detected", "waits 15s")
	d.comes(e).told("rests")
	if c := d.r.Incident.Causes; len(c) != 1 || c[0].Actor.Name != "alice" {
		t.Errorf("causes after the event came: %+v", c)
	}
	d.ends("ours-1", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("mails enforced", "compliant")
	if c := d.mails[1].Record.Incident.Causes; len(c) != 1 || c[0].Actor.Name != "alice" {
		t.Errorf("causes told: %+v", c)
	}
}

func TestLateEventIsCoveredByAFormerIncident(t *testing.T) {
	d := newDesk(t, enforce, private)
	late := d.asks("u1", world)
	d.ends("u1", endpoint.UpdateSuccessful)
	delete(d.updates, "u1") // EKS's history forgot it
	d.after(time.Minute).wakes().told(closing+": ours-0", "mails detected", "waits 15s")
	d.ends("ours-0", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("mails enforced", "compliant")
	d.updates["u1"] = endpoint.Update{ID: "u1", Type: endpoint.EndpointAccessUpdate, Status: endpoint.UpdateSuccessful, Asked: request(world), CreatedAt: start}
	d.after(time.Minute).comes(late).told("compliant")
}

func TestAlertOnly(t *testing.T) {
	d := newDesk(t, tell, private)
	e := d.asks("u1", world)
	d.comes(e).told("mails detected", "waits 15s")
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("mails violation", "violation")
	d.comes(e).told("violation")
	for range 3 {
		d.after(time.Hour).wakes().told("violation")
	}
	// Another violation is told.
	d.becomes(endpoint.Access{Public: true, CIDRs: cidrs("0.0.0.0/1")})
	d.wakes().told("mails violation", "violation")
	// And the first again, once it was over.
	d.becomes(private)
	d.wakes().told("compliant")
	d.becomes(world)
	d.wakes().told("mails violation", "violation")
	if first, last := d.mails[1].Record.Incident.Ref, d.mails[3].Record.Incident.Ref; first == last {
		t.Error("two incidents share a reference")
	}
}

func TestPartlyEnforced(t *testing.T) {
	d := newDesk(t, bothWays, exposed)
	d.wakes().told("asks for public=true private=true cidrs=0.0.0.0/0: ours-0", "mails detected", "waits 15s")
	d.ends("ours-0", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("mails partly-enforced", "partly-enforced")
	f := d.mails[1].Record.Incident.Final
	if len(f.Left) != 1 || f.Left[0].Name != "closed" || len(f.Left[0].Reasons) == 0 {
		t.Errorf("what is left open: %+v", f.Left)
	}
	if r := d.mails[1].Record.Incident.Rules; len(r) != 2 {
		t.Errorf("rules that were violated: %+v, want both", r)
	}
	d.after(time.Hour).wakes().told("partly-enforced")
}

func TestBlockedByTheNetwork(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.network.DNSHostnames = endpoint.No
	d.wakes().told("mails blocked", "blocked")
	if f := d.mails[0].Record.Incident.Final; len(f.Kept) == 0 || !strings.Contains(strings.Join(f.Kept, " "), "enableDnsHostnames") {
		t.Errorf("the mail does not say what to fix: %+v", f)
	}
	if n := d.mails[0].Record.Incident.Nearest; n == nil || n.Public || !n.Private {
		t.Errorf("what a person would ask for: %v", n)
	}
	d.after(time.Hour).wakes().told("blocked")
	d.network.DNSHostnames = endpoint.Yes
	d.after(time.Hour).wakes().told(closing+": ours-0", "mails detected", "waits 15s")
}

func TestAskedForButUndone(t *testing.T) {
	d := newDesk(t, enforce, private)
	e := d.asks("u1", world)
	d.comes(e).told("mails detected", "waits 15s")
	d.ends("u1", endpoint.UpdateSuccessful)
	d.asks("u2", private)
	d.ends("u2", endpoint.UpdateSuccessful)
	u := d.updates["u2"]
	u.CreatedAt = d.now.Add(time.Second)
	d.updates["u2"] = u
	d.after(s15).recheck().told("waits 15s")
	d.after(s15).recheck().told("mails already-undone", "compliant")
	if by := d.mails[1].Record.Incident.Final.UndoneBy; by == nil || by.UpdateID != "u2" || by.EventID != "" {
		t.Errorf("undone by %+v; EKS's history tells the update and not its caller", by)
	}
}

func TestWhoUndidIt(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.comes(d.asks("u1", world)).told("mails detected", "waits 15s")
	d.ends("u1", endpoint.UpdateSuccessful)
	e := d.after(time.Second).asks("u2", private)
	e.Actor.Name = "bob"
	d.comes(e).told("rests")
	d.ends("u2", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("waits 15s")
	d.after(s15).recheck().told("mails already-undone", "compliant")
	if by := d.mails[1].Record.Incident.Final.UndoneBy; by == nil || by.Actor.Name != "bob" {
		t.Errorf("undone by %+v", by)
	}
}

func TestUndoneBeforeTheEventCame(t *testing.T) {
	d := newDesk(t, enforce, private)
	e := d.asks("u1", world)
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(time.Minute).asks("u2", private)
	d.ends("u2", endpoint.UpdateSuccessful)
	d.after(time.Minute).comes(e).told("waits 15s")
	d.after(s15).recheck().told("mails already-undone", "compliant")
	d.comes(e).told("ignored")
}

func TestOldLooksAreNotBelieved(t *testing.T) {
	d := newDesk(t, enforce, private)
	e := d.asks("u1", world)
	d.comes(e).told("mails detected", "waits 15s")
	d.ends("u1", endpoint.UpdateSuccessful)
	d.cluster.Access = private // an old look: EKS's history has nothing that undid it
	d.after(s15).recheck().told("waits 15s")
	d.after(s15).recheck().told("waits 15s")
	d.cluster.Access = world
	d.after(s15).recheck().told(closing+": ours-1", "waits 15s")
	d.ends("ours-1", endpoint.UpdateSuccessful)
	d.cluster.Access = world // old again: our update is Successful
	d.after(s15).recheck().told("waits 15s")
	d.cluster.Access = private
	d.after(s15).recheck().told("mails enforced", "compliant")
}

func TestOldLookBeforeAnApply(t *testing.T) {
	d := newDesk(t, revert, world)
	d.asks("u1", office)
	d.ends("u1", endpoint.UpdateSuccessful)
	d.cluster.Access = world // an old look: nothing is mailed because of it
	d.wakes().told("waits 15s")
	d.cluster.Access = office
	d.after(s15).recheck().told("compliant")
	// An old look that stays is believed after all.
	d = newDesk(t, enforce, world)
	d.asks("u1", private)
	d.ends("u1", endpoint.UpdateSuccessful)
	d.cluster.Access = world
	d.wakes().told("waits 15s")
	for d.now.Before(start.Add(staleFor)) {
		d.log = nil
		d.after(s15).recheck()
	}
	d.told(closing+": ours-1", "mails detected", "waits 15s")
}

func TestHistoryShowsAnUpdateInProgress(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.asks("u1", private)
	d.cluster.Status = endpoint.StatusActive // the status lags behind
	d.wakes().told("mails detected", "waits 15s")
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("waits 15s")
	d.after(s15).recheck().told("mails already-undone", "compliant")
}

func TestTheChangeFailsInEKS(t *testing.T) {
	d := newDesk(t, enforce, private)
	e := d.asks("u1", world)
	d.comes(e).told("mails detected", "waits 15s")
	d.ends("u1", endpoint.UpdateFailed)
	d.after(s15).recheck().told("waits 15s")
	d.after(s15).recheck().told("mails already-undone", "compliant")
	if why := d.mails[1].Record.Incident.Final.Why; !strings.Contains(why, "EKS did not carry out") {
		t.Errorf("why: %s", why)
	}
	// Without an incident there is nothing to tell.
	d = newDesk(t, enforce, private)
	e = d.asks("u1", world)
	d.ends("u1", endpoint.UpdateFailed)
	d.comes(e).told("compliant")
}

func TestPolicyChangesInBetween(t *testing.T) {
	d := newDesk(t, enforce, private)
	e := d.asks("u1", world)
	d.comes(e).told("mails detected", "waits 15s")
	d.ends("u1", endpoint.UpdateSuccessful)
	d.policy = &policy.Policy{Hash: "another", Rules: rules(policy.Rule{Name: "inside", Require: policy.Requirement{PrivateAccess: true}, Respond: policy.Enforce}).Rules}
	d.after(s15).recheck().told("waits 15s")
	d.after(s15).recheck().told("mails compliant", "compliant")
}

func TestHarmless(t *testing.T) {
	d := newDesk(t, enforce, private)
	other := private
	other.CIDRs = cidrs("198.51.100.7/32")
	e := d.asks("u1", other)
	d.comes(e).told("compliant")
	if d.r.Open() || d.r.Check.Number != 0 {
		t.Errorf("a harmless update is followed: %+v", d.r)
	}
	// One that closes what is open is followed, without a mail.
	d = newDesk(t, enforce, world)
	e = d.asks("u1", private)
	d.comes(e).told("waits 15s")
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("compliant")
	if len(d.mails) > 0 {
		t.Error("mailed over an update that closed the endpoint")
	}
}

func TestUnknownAskIsFollowed(t *testing.T) {
	d := newDesk(t, enforce, private)
	e := d.asks("u1", world)
	e.Asked = endpoint.Request{Unreadable: true}
	u := d.updates["u1"]
	u.Asked = endpoint.Request{Unreadable: true}
	d.updates["u1"] = u
	d.comes(e).told("waits 15s")
	d.cluster.Access = world
	d.ends("u1", endpoint.UpdateSuccessful)
	d.cluster.Access = world
	d.after(s15).recheck().told(closing+": ours-1", "mails detected", "waits 15s")
}

func TestEventWithoutAnUpdateID(t *testing.T) {
	d := newDesk(t, enforce, private)
	e := d.asks("u1", world)
	e.UpdateID = ""
	d.comes(e).told("mails detected", "waits 15s")
	if c := d.r.Incident.Causes; len(c) != 1 || c[0].UpdateID != "u1" {
		t.Errorf("the update was not found in EKS's history: %+v", c)
	}
	// With nothing of its time in the history, it is one look.
	d = newDesk(t, enforce, private)
	e.Time = start.Add(-time.Hour)
	d.comes(e).told("ignored")
	e.Asked = request(private)
	d.comes(e).told("compliant")
}

func TestForgedAndForeignEvents(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*desk, *cloudtrail.Event)
		want   []string
	}{
		"an update that EKS does not know": {func(d *desk, e *cloudtrail.Event) { delete(d.updates, "u1"); d.after(10 * time.Minute) }, []string{"compliant"}},
		"an update of another kind": {func(d *desk, e *cloudtrail.Event) {
			u := d.updates["u1"]
			u.Type, u.Status = "VersionUpdate", endpoint.UpdateSuccessful
			d.updates["u1"] = u
		}, []string{"compliant"}},
		"an earlier cluster": {func(d *desk, e *cloudtrail.Event) { e.Time = d.cluster.CreatedAt.Add(-time.Hour) }, []string{"ignored"}},
		"an earlier creation": {func(d *desk, e *cloudtrail.Event) {
			e.Name, e.CreatedAt = cloudtrail.CreateCluster, d.cluster.CreatedAt.Add(-time.Hour)
		}, []string{"ignored"}},
		"a creation without its time": {func(d *desk, e *cloudtrail.Event) { e.Name = cloudtrail.CreateCluster }, []string{"ignored"}},
		"tags":                        {func(d *desk, e *cloudtrail.Event) { e.Name = cloudtrail.TagResource }, []string{"compliant"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, enforce, private)
			e := d.asks("u1", world)
			d.cluster.Status = endpoint.StatusActive
			tc.change(d, e)
			d.comes(e).told(tc.want...)
		})
	}
}

func TestUpdateThatEKSDoesNotShowYet(t *testing.T) {
	d := newDesk(t, enforce, private)
	e := d.asks("u1", world)
	u := d.updates["u1"]
	delete(d.updates, "u1")
	d.comes(e).told("waits 15s") // it may be forged: nothing is mailed
	d.updates["u1"] = u
	d.after(s15).recheck().told("mails detected", "waits 15s")
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told(closing+": ours-1", "waits 15s")
}

func TestAnswersToAnApply(t *testing.T) {
	t.Run("not now", func(t *testing.T) {
		d := newDesk(t, enforce, world)
		d.answers = []Answer{{Sort: trouble.NotNow}}
		d.wakes().told(closing+": not now", "mails detected", "waits 15s")
		d.after(s15).recheck().told(closing+": ours-0", "waits 15s")
	})
	t.Run("already so", func(t *testing.T) {
		d := newDesk(t, enforce, world)
		d.answers = []Answer{{Sort: trouble.NothingToDo}, {Sort: trouble.NothingToDo}}
		d.wakes().told(closing+": nothing to do", "mails detected", "waits 15s")
		d.after(s15).recheck().told(closing+": nothing to do", "waits 20s")
		d.cluster.Access = private
		d.after(s15).recheck().told("waits 15s")
		d.asks("u1", private)
		d.ends("u1", endpoint.UpdateSuccessful)
		d.after(s15).recheck().told("mails already-undone", "compliant")
	})
	t.Run("refused", func(t *testing.T) {
		d := newDesk(t, enforce, world)
		d.answers = slices.Repeat([]Answer{{Sort: trouble.Refused, Code: "AccessDeniedException", Text: "no"}}, 3)
		d.wakes().told(closing+": refused", "mails detected", "waits 15s")
		d.after(s15).recheck().told(closing+": refused", "waits 1m0s")
		d.after(time.Minute).recheck().told(closing+": refused", "mails failed", "failed")
		if e := d.mails[1].Record.Incident.Attempts[0].Errors; e[0].Code != "AccessDeniedException" {
			t.Errorf("errors told: %+v", e)
		}
	})
	t.Run("gone", func(t *testing.T) {
		d := newDesk(t, enforce, world)
		d.answers = []Answer{{Sort: trouble.Gone}}
		d.wakes().told(closing+": gone", "mails detected", "waits 15s")
	})
	t.Run("no answer", func(t *testing.T) {
		d := newDesk(t, enforce, world)
		d.answers = []Answer{{Sort: trouble.Transient, Text: "connection reset"}}
		d.wakes().told(closing+": transient", "waits 10s")
		token := d.r.Incident.Attempts[0].Token
		// EKS's history has no such update: it is asked for again, as the same.
		d.after(10*time.Second).recheck().told(closing+": ours-0", "mails detected", "waits 15s")
		if got := d.r.Incident.Attempts[0].Token; got != token || len(d.r.Incident.Attempts) != 1 {
			t.Errorf("the call was repeated with token %s, not %s", got, token)
		}
	})
}

func TestDiesAtAnyStep(t *testing.T) {
	t.Run("before asking", func(t *testing.T) {
		d := newDesk(t, enforce, world)
		d.die = "apply"
		d.wakes().told("dies before " + strings.Replace(closing, "asks", "asking", 1))
		d.die = ""
		d.wakes().told("later 1m1s") // the first may still be at it
		d.after(6*time.Minute).wakes().told(closing+": ours-0", "mails detected", "waits 15s")
	})
	t.Run("after asking", func(t *testing.T) {
		d := newDesk(t, enforce, world)
		d.die = "applied"
		d.wakes().told(closing+": ours-0", "dies")
		d.die = ""
		// The same call once more, and EKS names the update that it began.
		d.after(6*time.Minute).wakes().told(closing+": ours-0", "mails detected", "waits 15s")
		if a := d.r.Incident.Attempts; len(a) != 1 || a[0].UpdateID != "ours-0" {
			t.Errorf("our update was not recognised: %+v", a)
		}
		d.ends("ours-0", endpoint.UpdateSuccessful)
		d.after(s15).recheck().told("mails enforced", "compliant")
	})
	t.Run("after asking, found when it is over", func(t *testing.T) {
		d := newDesk(t, enforce, world)
		d.die = "applied"
		d.wakes().told(closing+": ours-0", "dies")
		d.die = ""
		d.ends("ours-0", endpoint.UpdateSuccessful)
		// Whose it was, CloudTrail tells.
		d.after(6 * time.Minute).wakes().told("waits 15s")
		d.after(s15).recheck().told("waits 15s")
		d.comes(d.ownEvent("ours-0")).told("mails enforced", "ignored")
	})
	t.Run("after asking, and nobody tells whose it was", func(t *testing.T) {
		d := newDesk(t, enforce, world)
		d.die = "applied"
		d.wakes()
		d.die, d.log = "", nil
		d.ends("ours-0", endpoint.UpdateSuccessful)
		d.after(2 * time.Minute).wakes().told("waits 15s")
		d.after(creditWithin).recheck().told("mails compliant", "compliant")
		if why := d.mails[0].Record.Incident.Final.Why; why != WhyUnclear {
			t.Errorf("why: %s", why)
		}
	})
	t.Run("after asking, and somebody else's call is told of", func(t *testing.T) {
		d := newDesk(t, enforce, world)
		d.die = "apply"
		d.wakes()
		d.die, d.log = "", nil
		e := d.after(10*time.Second).asks("carol", private)
		d.ends("carol", endpoint.UpdateSuccessful)
		d.after(2 * time.Minute).wakes().told("waits 15s")
		d.after(s15).recheck().told("waits 15s")
		d.comes(e).told("mails already-undone", "compliant")
	})
	t.Run("after mailing", func(t *testing.T) {
		d := newDesk(t, tell, world)
		d.die = "tell"
		d.wakes().told("mails violation", "dies")
		d.die = ""
		d.after(6*time.Minute).wakes().told("mails violation", "violation")
		if d.mails[0].Record.Incident.Ref != d.mails[1].Record.Incident.Ref {
			t.Error("the mail sent again has another reference")
		}
		d.wakes().told("violation")
	})
	t.Run("after mailing the discovery", func(t *testing.T) {
		d := newDesk(t, enforce, private)
		d.die = "tell"
		e := d.asks("u1", world)
		d.comes(e).told("mails detected", "dies")
		d.die = ""
		d.after(6*time.Minute).comes(e).told("mails detected", "waits 15s")
	})
}

func TestStuck(t *testing.T) {
	d := newDesk(t, enforce, private)
	e := d.asks("u1", world)
	d.comes(e).told("mails detected", "waits 15s")
	d.after(31 * time.Minute).recheck().told("waits 1m0s")
	d.after(90*time.Minute).recheck().told("mails stuck", "waits 1m0s")
	d.after(time.Minute).recheck().told("waits 1m0s")
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(time.Minute).recheck().told(closing+": ours-1", "waits 15s")
	d.ends("ours-1", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("mails enforced", "compliant")
}

func TestTrouble(t *testing.T) {
	d := newDesk(t, enforce, private)
	e := d.asks("u1", world)
	d.trouble = "eks:DescribeCluster demo: transient: throttled"
	d.comes(e).told("later 10s") // the event is not in the record yet
	d.trouble = ""
	d.after(10*time.Second).comes(e).told("mails detected", "waits 15s")
	d.trouble = "throttled"
	var waits []string
	for range 9 {
		d.after(s15).recheck()
		waits, d.log = append(waits, d.log...), nil
	}
	d.log = waits
	d.told("waits 10s", "waits 20s", "waits 40s", "waits 1m20s", "waits 2m40s", "waits 5m20s", "waits 10m40s", "waits 15m0s", "waits 15m0s")
	d.after(2*time.Hour).recheck().told("mails stuck", "waits 15m0s")
	if at, want := d.mails[1].Record.Incident.LookedAt, start.Add(10*time.Second); !at.Equal(want) {
		t.Errorf("the mail says that it was looked at at %s, want %s", at, want)
	}
	d.trouble = ""
	d.after(time.Minute).recheck().told("waits 1m0s")
}

func TestTroubleReleasesAClaim(t *testing.T) {
	d := newDesk(t, tell, world)
	in := d.input(Message{Sweep: true}, "first")
	in.Network, in.HistoryRead, in.History.Whole = d.network, true, true
	r, step := Next(d.r, in)
	if _, ok := step.(Tell); !ok {
		t.Fatalf("step %T", step)
	}
	in.Trouble = "sns:Publish: transient"
	r, step = Next(r, in)
	if _, ok := step.(Wait); !ok {
		t.Fatalf("step after the mail could not be handed over: %T", step)
	}
	d.r = r
	d.check = r.Check.Number
	d.after(10*time.Second).recheck().told("mails violation", "violation")
}

func TestGone(t *testing.T) {
	t.Run("with an incident", func(t *testing.T) {
		d := newDesk(t, enforce, private)
		e := d.asks("u1", world)
		d.comes(e).told("mails detected", "waits 15s")
		d.cluster.Status = endpoint.StatusDeleting
		d.after(s15).recheck().told("waits 15s")
		d.gone = true
		d.after(s15).recheck().told("waits 15s")
		d.after(s15).recheck().told("mails gone", "gone")
		d.wakes().told("gone")
		if d.r.GoneAt.IsZero() || d.r.Open() {
			t.Errorf("record of a cluster that is gone: %+v", d.r)
		}
	})
	t.Run("for a moment", func(t *testing.T) {
		d := newDesk(t, enforce, private)
		e := d.asks("u1", world)
		d.comes(e).told("mails detected", "waits 15s")
		d.gone = true
		d.after(s15).recheck().told("waits 15s")
		d.gone = false
		d.after(s15).recheck().told("waits 15s")
		d.gone = true
		d.after(s15).recheck().told("waits 15s")
	})
	t.Run("not there yet", func(t *testing.T) {
		d := newDesk(t, enforce, private)
		d.r.Cluster.CreatedAt = start.Add(-time.Minute)
		d.gone = true
		d.wakes().told("waits 15s")
		d.comes(&cloudtrail.Event{Name: cloudtrail.CreateCluster}).told("later 15s")
	})
	t.Run("replaced", func(t *testing.T) {
		d := newDesk(t, enforce, private)
		e := d.asks("u1", world)
		d.comes(e).told("mails detected", "waits 15s")
		in := d.input(Message{}, "another")
		in.Gone, in.Replaced = true, true
		_, step := Next(d.r, in)
		if tell, ok := step.(Tell); !ok || tell.Notice.Outcome() != Gone {
			t.Errorf("step %+v", step)
		}
	})
	t.Run("being deleted", func(t *testing.T) {
		d := newDesk(t, enforce, world)
		d.cluster.Status = endpoint.StatusDeleting
		d.wakes().told("gone")
	})
	t.Run("being deleted with a record", func(t *testing.T) {
		d := newDesk(t, tell, world)
		d.wakes().told("mails violation", "violation")
		d.r.Version = 1
		d.cluster.Status = endpoint.StatusDeleting
		d.comes(&cloudtrail.Event{Name: cloudtrail.DeleteCluster, Time: d.now}).told("waits 15m0s")
		if d.r.Standing == nil || !d.r.GoneAt.IsZero() {
			t.Errorf("something is concluded before it is gone: %+v", d.r)
		}
		d.after(5 * time.Minute).wakes().told("rests")
		d.after(10 * time.Minute)
		d.gone = true
		d.recheck().told("waits 15s")
		d.after(s15).recheck().told("gone")
		if d.r.Standing != nil || d.r.GoneAt.IsZero() || d.r.Open() {
			t.Errorf("record of a cluster that is gone: %+v", d.r)
		}
	})
	t.Run("of a deletion only its event is heard", func(t *testing.T) {
		for _, p := range []*policy.Policy{enforce, tell} {
			d, quiet := newDesk(t, p, world), newDesk(t, p, world)
			d.comes(&cloudtrail.Event{ID: "e", Name: cloudtrail.DeleteCluster, Time: start, Actor: cloudtrail.Actor{Type: "IAMUser", Name: "alice"}})
			quiet.wakes()
			if diff := cmp.Diff(quiet.r, d.r, cmpopts.EquateComparable(netip.Prefix{})); diff != "" || !slices.Equal(quiet.log, d.log) {
				t.Errorf("it is more than a reason to look: %q, a sweep says %q (-swept +heard):\n%s", d.log, quiet.log, diff)
			}
		}
	})
	t.Run("mail not handed over", func(t *testing.T) {
		d := newDesk(t, enforce, private)
		e := d.asks("u1", world)
		d.comes(e).told("mails detected", "waits 15s")
		d.gone = true
		d.after(s15).recheck()
		d.die, d.log = "tell", nil
		d.after(s15).recheck().told("mails gone", "dies")
		d.die = ""
		d.after(6*time.Minute).recheck().told("mails gone", "gone")
	})
}

func TestLeftAlone(t *testing.T) {
	for name, change := range map[string]func(*desk){
		"outposts":  func(d *desk) { d.cluster.OutpostsLocal = true },
		"connected": func(d *desk) { d.cluster.Connected = true },
		"except": func(d *desk) {
			d.policy = rules(policy.Rule{Name: "r", Except: &policy.Match{Clusters: []string{"demo"}}, Require: policy.Requirement{PrivateAccess: true}, Respond: policy.Enforce})
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, enforce, world)
			change(d)
			d.comes(d.asks("u1", world)).told("out-of-scope")
			if d.r.Open() {
				t.Errorf("something is left open: %+v", d.r)
			}
		})
	}
	t.Run("exempt", func(t *testing.T) {
		d := newDesk(t, enforce, world)
		d.policy = rules(d.policy.Rules...)
		d.policy.Exemptions = []policy.Exemption{{Name: "x", Rules: []string{"closed"}, Match: policy.Match{Clusters: []string{"demo"}}, Until: start.Add(time.Hour)}}
		d.wakes().told("exempt")
		d.after(2*time.Hour).wakes().told(closing+": ours-0", "mails detected", "waits 15s")
	})
}

func TestGrace(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.cluster.CreatedAt = start
	d.r = NewRecord(d.cluster)
	rule := closed("closed", policy.Enforce)
	rule.GraceAfterCreation = 20 * time.Minute
	d.policy = rules(rule)
	d.wakes().told("mails violation", "waits 15m0s")
	d.after(15 * time.Minute).recheck().told("waits 5m0s")
	// The mail has announced it, and who made the cluster.
	d.after(5*time.Minute).recheck().told(closing+": ours-0", "waits 15s")
	d.ends("ours-0", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("mails enforced", "compliant")
	first, last := d.mails[0].Record.Incident, d.mails[1].Record.Incident
	if last.Follows != first.Ref || last.Ref == first.Ref {
		t.Errorf("%s follows %q, told as %s", last.Ref, last.Follows, first.Ref)
	}
}

// What the mail within a grace announced comes true with its end; what does not is told
// anew, and what is known of the calls stays known.
func TestGraceIsOver(t *testing.T) {
	graced := func(r policy.Rule) policy.Rule {
		r.GraceAfterCreation = 20 * time.Minute
		return r
	}
	story := func(t *testing.T) *desk {
		d := newDesk(t, rules(graced(closed("closed", policy.Enforce))), private)
		d.cluster.CreatedAt = start
		d.r = NewRecord(d.cluster)
		e := d.asks("u1", world)
		d.comes(e).told("mails detected", "waits 15s")
		d.ends("u1", endpoint.UpdateSuccessful)
		d.after(time.Minute).recheck().told("mails violation", "waits 15m0s")
		return d.after(15 * time.Minute)
	}
	cause := func(d *desk) string {
		if i := d.r.Incident; i != nil && len(i.Causes) == 1 {
			return i.Causes[0].Actor.Name
		}
		return ""
	}
	t.Run("as announced", func(t *testing.T) {
		d := story(t)
		d.after(4*time.Minute).recheck().told(closing+": ours-1", "waits 15s")
		if who := cause(d); who != "alice" {
			t.Errorf("caused by %q", who)
		}
		d.ends("ours-1", endpoint.UpdateSuccessful)
		d.after(s15).recheck().told("mails enforced", "compliant")
	})
	t.Run("another policy", func(t *testing.T) {
		d := story(t)
		d.policy = rules(graced(limited("closed", policy.Enforce)), graced(closed("other", policy.Alert)))
		d.after(4*time.Minute).recheck().told("asks for public=true private=true cidrs=198.51.100.0/24: ours-1", "mails detected", "waits 15s")
	})
	t.Run("somebody's update since", func(t *testing.T) {
		d := story(t)
		d.becomes(office)
		d.after(4 * time.Minute).wakes()
		if d.r.Incident == nil || d.r.Incident.Follows != "" {
			t.Errorf("it is another violation: %+v", d.r.Incident)
		}
	})
	t.Run("put right, and opened again", func(t *testing.T) {
		d := story(t)
		d.becomes(private).becomes(world)
		d.after(4 * time.Minute).wakes()
		if d.r.Incident == nil || d.r.Incident.Follows != "" || cause(d) == "alice" {
			t.Errorf("it is another violation: %+v", d.r.Incident)
		}
	})
	t.Run("the brake is on", func(t *testing.T) {
		d := story(t)
		d.limit = 1
		d.brake, _, _ = d.brake.Ask(brake.Entry{ARN: "another", Fresh: true}, 1, d.now)
		d.after(4*time.Minute).recheck().told("mails detected", "waits 15s")
		if p := d.r.Incident.Plan; p == nil || !p.At.IsZero() || d.r.Incident.HeldSince.IsZero() {
			t.Errorf("it is announced as %+v", p)
		}
		d.after(s15).recheck().told("waits 15s")
	})
}

func TestChangedInBetween(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.wakes().told(closing+": ours-0", "mails detected", "waits 15s")
	d.ends("ours-0", endpoint.UpdateSuccessful)
	e := d.after(time.Second).asks("u1", exposed)
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told(closing+": ours-2", "waits 15s")
	d.comes(e).told("rests")
	d.ends("ours-2", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("mails enforced", "compliant")
	if n := len(d.mails); n != 2 {
		t.Errorf("%d mails for one incident", n)
	}
}

func TestReopenedAfterOurUpdateWasSeen(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.wakes().told(closing+": ours-0", "mails detected", "waits 15s")
	d.ends("ours-0", endpoint.UpdateSuccessful)
	d.after(s15)
	e := d.asks("u1", exposed)
	d.recheck()
	d.comes(e)
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(s15).recheck()
	d.ends("ours-2", endpoint.UpdateSuccessful)
	d.after(s15).recheck()
	outcomes := 0
	for _, m := range d.mails {
		if m.Kind == NoticeOutcome {
			outcomes++
		}
	}
	if outcomes == 0 || !d.cluster.Access.Equal(private) {
		t.Errorf("story: %v", d.log)
	}
}

func TestChains(t *testing.T) {
	d := newDesk(t, enforce, private)
	e := d.asks("u1", world)
	d.comes(e).told("mails detected", "waits 15s")
	d.comes(e).told("rests")
	d.wakes().told("rests")
	old := Message{Check: d.check}
	d.after(s15).recheck().told("waits 15s")
	if !d.r.Superseded(old) || d.r.Superseded(Message{Check: d.check}) || d.r.Superseded(Message{}) {
		t.Error("which re-checks are superseded is wrong")
	}
	// A chain that was lost is taken up by the next message.
	d.after(10 * time.Minute).wakes().told("waits 15s")
}

func TestStatusThatIsNoGood(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.cluster.Status = endpoint.StatusFailed
	d.wakes().told("mails detected", "waits 15s")
	d = newDesk(t, enforce, private)
	d.cluster.Status = endpoint.StatusFailed
	d.wakes().told("compliant")
	// Something is changing it, nobody knows what: it is looked at again.
	d = newDesk(t, enforce, private)
	d.cluster.Status = endpoint.StatusUpdating
	d.wakes().told("waits 15s")
	d.cluster.Status = endpoint.StatusActive
	d.after(s15).recheck().told("compliant")
}

func TestOurUpdateIsForgotten(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.wakes().told(closing+": ours-0", "mails detected", "waits 15s")
	delete(d.updates, "ours-0")
	d.cluster.Status = endpoint.StatusActive
	d.after(s15).recheck().told("waits 15s")
	d.after(6 * time.Minute).recheck().told("waits 15s")
	if a := d.r.Incident.Attempts[0]; a.Status != endpoint.UpdateFailed {
		t.Errorf("attempt: %+v", a)
	}
}

func TestBounded(t *testing.T) {
	d := newDesk(t, enforce, private)
	for n := range 2 * maxUpdates {
		e := d.asks("u"+strings.Repeat("x", n), world)
		d.look(Message{Event: e})
		d.ends(e.UpdateID, endpoint.UpdateFailed)
	}
	if len(d.r.Watch) > maxUpdates || len(d.r.Past) > maxUpdates || len(d.r.Incident.Causes) > maxCauses {
		t.Errorf("the record grows without end: %d watched, %d past, %d causes", len(d.r.Watch), len(d.r.Past), len(d.r.Incident.Causes))
	}
}

func TestOurOwnRole(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.comes(d.asks("u1", world)).told("mails detected", "waits 15s")
	d.ends("u1", endpoint.UpdateSuccessful)
	d.die = "applied"
	d.after(s15).recheck().told(closing+": ours-1", "dies")
	d.die = ""
	// The event of a call whose answer was lost comes before the message does.
	own := &cloudtrail.Event{ID: "own", Time: d.now, Name: cloudtrail.UpdateClusterConfig, UpdateID: "ours-1", Asked: request(private)}
	own.Actor.RoleARN = ownRole
	d.after(6 * time.Minute).comes(own).told("waits 15s")
	if c := d.r.Incident.Causes; len(c) != 1 || c[0].UpdateID != "u1" {
		t.Errorf("our own update is taken for a cause: %+v", c)
	}
	// Without an incident nobody calls under our role but somebody else.
	d = newDesk(t, enforce, private)
	e := d.asks("u1", world)
	e.Actor.RoleARN = ownRole
	d.comes(e).told("mails detected", "waits 15s")
}

func TestReopenedBehindAnOldLook(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.comes(d.asks("u1", world))
	d.after(2*time.Minute).ends("u1", endpoint.UpdateSuccessful)
	d.recheck()
	d.after(2*time.Minute).ends("ours-1", endpoint.UpdateSuccessful)
	d.after(time.Second).comes(d.asks("u2", world))
	d.after(2 * time.Minute)
	old := d.cluster.Access
	d.ends("u2", endpoint.UpdateSuccessful)
	d.cluster.Access, d.log = old, nil
	d.recheck().told("waits 15s")
	d.cluster.Access = world
	d.after(s15).recheck().told(closing+": ours-3", "waits 15s")
}

func TestALookFromBeforeAnotherUpdateConfirmsNothing(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.comes(d.asks("u1", world))
	d.after(time.Minute).ends("u1", endpoint.UpdateSuccessful)
	d.after(time.Second).asks("carol", private)
	d.ends("carol", endpoint.UpdateSuccessful)
	d.recheck()
	d.after(10 * time.Second).comes(d.asks("u2", world))
	d.after(3*time.Minute).ends("u2", endpoint.UpdateSuccessful)
	d.cluster.Access, d.log = private, nil // an old look
	d.recheck().told("waits 15s")
	d.cluster.Access = world
	d.after(s15).recheck()
	if d.r.Incident == nil || len(d.r.Incident.Attempts) == 0 {
		t.Errorf("the cluster is open and nothing is done: %v", d.log)
	}
}

func TestAFormerAttemptIsNotTakenForTheLast(t *testing.T) {
	for range 20 {
		d := newDesk(t, enforce, world)
		d.wakes()
		d.after(10*time.Second).ends("ours-0", endpoint.UpdateFailed)
		d.recheck()
		d.die = "applied"
		d.after(20 * time.Second).recheck()
		d.die = ""
		d.after(2 * time.Minute).recheck()
		a := d.r.Incident.Attempts
		if len(a) != 2 || a[1].UpdateID != "ours-1" || d.r.Incident.Tries != 1 {
			t.Fatalf("attempts after a crash: %+v", a)
		}
	}
}

func TestBeforeIsWhatTheLastUpdateFound(t *testing.T) {
	both := endpoint.Access{Public: true, Private: true, CIDRs: cidrs("198.51.100.0/25", "198.51.100.128/25")}
	one := endpoint.Access{Public: true, Private: true, CIDRs: cidrs("198.51.100.0/25")}
	wide := endpoint.Access{Public: true, Private: true, CIDRs: cidrs("198.51.100.0/25", "203.0.113.0/24")}
	d := newDesk(t, revert, both)
	d.asks("u1", one)
	d.wakes()
	d.after(s15).ends("u1", endpoint.UpdateSuccessful)
	d.after(time.Second).comes(d.asks("u2", wide))
	d.after(2*time.Minute).ends("u2", endpoint.UpdateSuccessful)
	d.log = nil
	d.recheck().told("asks for public=true private=true cidrs=198.51.100.0/25: ours-2", "waits 15s")
}

func TestAForgedEventKeepsNothingOpen(t *testing.T) {
	d := newDesk(t, enforce, private)
	forged := d.asks("none", world)
	forged.Time = d.now.Add(1000 * time.Hour)
	delete(d.updates, "none")
	d.cluster.Status = endpoint.StatusActive
	d.comes(forged).told("waits 15s")
	d.cluster.Access = world
	d.after(s15).recheck().told(closing+": ours-0", "mails detected", "waits 15s")
	d.ends("ours-0", endpoint.UpdateSuccessful)
	d.after(10*time.Minute).recheck().told("mails enforced", "compliant")
}

func TestTheTopicIsDownForHours(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.comes(d.asks("u1", world))
	in := d.after(3*time.Hour).input(Message{Check: d.check}, "late")
	in.HistoryRead, in.History.Whole = true, true
	r, step := Next(d.r, in)
	if _, ok := step.(Tell); !ok {
		t.Fatalf("%T", step)
	}
	in.Trouble = "sns:Publish: transient"
	if _, step = Next(r, in); step == nil {
		t.Fatal("no step")
	} else if _, ok := step.(Wait); !ok {
		t.Errorf("the mail that SNS does not take is offered again at once: %T", step)
	}
}

func TestAnOldFirstLookIsWhatWasThereBefore(t *testing.T) {
	d := newDesk(t, revert, half)
	e := d.asks("u1", world)
	d.after(2*time.Minute).ends("u1", endpoint.UpdateSuccessful)
	d.cluster.Access = half // an old look, and the first of this cluster
	d.comes(e).told("waits 15s")
	d.cluster.Access = world
	d.after(s15).recheck().told("asks for public=true private=true cidrs=198.51.100.0/25: ours-1", "mails detected", "waits 15s")
}

func TestWhatStandsIsRevertedLater(t *testing.T) {
	d := newDesk(t, revert, half)
	d.network.DNSHostnames = endpoint.No
	d.comes(d.asks("u1", world)).told("mails detected", "waits 15s")
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("mails blocked", "blocked")
	d.network.DNSHostnames = endpoint.Yes
	d.after(time.Hour).wakes().told("asks for public=true private=true cidrs=198.51.100.0/25: ours-1", "mails detected", "waits 15s")
}

// EKS lists updates alone: how a cluster was made is known from the first look, whatever
// was admitted in between by rules of another day.
func TestARevertGoesBackToHowTheClusterWasMade(t *testing.T) {
	lenient := limited("limited", policy.Enforce)
	lenient.Require.AllowedCIDRs = cidrs("198.51.100.0/24", "203.0.113.0/24")
	d := newDesk(t, rules(lenient), half)
	d.wakes().becomes(world)
	d.wakes()
	d.ends("ours-1", endpoint.UpdateSuccessful)
	d.after(s15).recheck()
	d.log, d.policy = nil, revert
	d.after(time.Hour).wakes().told("asks for "+half.String()+": ours-2", "mails detected", "waits 15s")
}

func TestARevertGoesBackToWhatAnAlertLeft(t *testing.T) {
	one := endpoint.Access{Public: true, Private: true, CIDRs: cidrs("198.51.100.128/32")}
	d := newDesk(t, rules(limited("limited", policy.Revert), closed("closed", policy.Alert)), private)
	d.wakes().told("compliant")
	d.becomes(half)
	d.wakes().told("mails violation", "violation")
	d.becomes(one)
	d.wakes().told("mails violation", "violation")
	d.becomes(endpoint.Access{Public: true, Private: true, CIDRs: cidrs("198.51.100.128/32", "203.0.113.0/24")})
	d.wakes().told("asks for public=true private=true cidrs=198.51.100.128/32: ours-3", "mails detected", "waits 15s")
}

func TestReopenedAtOnceAfterARevert(t *testing.T) {
	d := newDesk(t, revert, half)
	d.comes(d.asks("u1", world)).told("mails detected", "waits 15s")
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("asks for public=true private=true cidrs=198.51.100.0/25: ours-1", "waits 15s")
	d.ends("ours-1", endpoint.UpdateSuccessful)
	d.die = "tell"
	d.after(s15).recheck().told("mails enforced", "dies")
	d.die = ""
	d.after(time.Second).asks("u2", world)
	d.after(2*time.Minute).ends("u2", endpoint.UpdateSuccessful)
	d.recheck().told("mails enforced", "asks for public=true private=true cidrs=198.51.100.0/25: ours-3", "mails detected", "waits 15s")
}

func TestWhatStoodAndWasGoneIsToldAgain(t *testing.T) {
	d := newDesk(t, tell, world)
	d.wakes().told("mails violation", "violation")
	d.becomes(private) // and no event came
	d.after(time.Hour).comes(d.asks("u1", world)).told("mails detected", "waits 15s")
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("mails violation", "violation")
}

func TestAnOldViolationHidesNoWorseOne(t *testing.T) {
	d := newDesk(t, bothWays, office)
	d.wakes().told("mails violation", "violation")
	d.after(time.Hour).comes(d.asks("u1", exposed)).told("mails detected", "waits 15s")
	d.after(2*time.Minute).ends("u1", endpoint.UpdateSuccessful)
	d.cluster.Access = office // an old look, that breaks the alert rule too
	d.recheck().told("waits 15s")
	d.cluster.Access = exposed
	d.after(s15).recheck().told("asks for public=true private=true cidrs=0.0.0.0/0: ours-1", "waits 15s")

	// The same where the old violation stands, and nothing was opened over the new one.
	d = newDesk(t, bothWays, office)
	d.wakes().told("mails violation", "violation")
	e := d.after(time.Hour).asks("u1", exposed)
	d.after(2*time.Minute).ends("u1", endpoint.UpdateSuccessful)
	d.cluster.Access = office
	d.comes(e).told("waits 15s")
	d.cluster.Access = exposed
	d.after(s15).recheck().told("asks for public=true private=true cidrs=0.0.0.0/0: ours-1", "mails detected", "waits 15s")
}

func TestNothingIsUndoneWhileAnotherUpdateIsUnderWay(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.comes(d.asks("u1", world)).told("mails detected", "waits 15s")
	d.after(time.Minute).ends("u1", endpoint.UpdateFailed)
	d.recheck().told("waits 15s")
	d.after(s15).asks("u2", world)
	d.cluster.Status = endpoint.StatusActive // it lags behind, and no event came yet
	d.recheck().told("waits 15s")
	d.after(2*time.Minute).ends("u2", endpoint.UpdateSuccessful)
	d.recheck().told(closing+": ours-2", "waits 15s")
}

func TestSomebodyElsesSameUpdateIsNotOurs(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.die = "apply" // the call is never made
	d.wakes()
	d.die = ""
	d.after(time.Hour).asks("carol", private)
	d.ends("carol", endpoint.UpdateSuccessful)
	d.log = nil
	d.after(10 * time.Minute).wakes()
	d.after(s15).recheck()
	for _, m := range d.mails {
		if m.Kind == NoticeOutcome && m.Record.Incident.Final.Outcome != AlreadyUndone {
			t.Errorf("carol closed it, and the mail says %s", m.Record.Incident.Final.Outcome)
		}
	}
	if d.r.Incident != nil || d.r.Closings[0].Outcome != AlreadyUndone {
		t.Errorf("ended as %+v, %v", d.r.Closings, d.log)
	}
}
