package incident

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// dying is a cluster that the guardrail was about to close when its process died:
// after EKS took the call, or before it was made.
func dying(t *testing.T, at string) *desk {
	d := newDesk(t, enforce, world)
	d.die = at
	d.wakes()
	d.die, d.log = "", nil
	return d
}

// outcome is that of the last mail of an outcome.
func (d *desk) outcome() Outcome {
	for _, m := range slices.Backward(d.mails) {
		if m.Kind == NoticeOutcome {
			return m.Outcome()
		}
	}
	return ""
}

// TestWhoseItWas: whatever was lost, our own change is never told as somebody else's,
// nor somebody else's as ours; where nobody can know, that is said.
func TestWhoseItWas(t *testing.T) {
	for name, tc := range map[string]struct {
		play func(t *testing.T) *desk // up to the last look
		want Outcome
	}{
		"the event of our role tells": {func(t *testing.T) *desk {
			d := dying(t, "applied")
			d.ends("ours-0", endpoint.UpdateSuccessful)
			return d.after(2 * time.Minute).comes(d.ownEvent("ours-0")).after(s15).recheck()
		}, Enforced},
		"the event of our role comes while it is under way": {func(t *testing.T) *desk {
			d := dying(t, "applied")
			d.after(2 * time.Minute).comes(d.ownEvent("ours-0"))
			d.ends("ours-0", endpoint.UpdateSuccessful)
			return d.after(s15).recheck()
		}, Enforced},
		"the same call once more tells": {func(t *testing.T) *desk {
			d := dying(t, "applied")
			d.after(2 * time.Minute).wakes()
			d.ends("ours-0", endpoint.UpdateSuccessful)
			return d.after(s15).recheck()
		}, Enforced},
		"the same call once more is refused, in use": {func(t *testing.T) *desk {
			d := dying(t, "applied")
			d.answers = []Answer{{Sort: trouble.NotNow}}
			d.after(2 * time.Minute).wakes()
			d.ends("ours-0", endpoint.UpdateSuccessful)
			return d.after(s15).recheck().after(s15).recheck().after(creditWithin).recheck()
		}, Compliant},
		"the same call once more is refused, and the event tells": {func(t *testing.T) *desk {
			d := dying(t, "applied")
			d.answers = []Answer{{Sort: trouble.NotNow}}
			d.after(2 * time.Minute).wakes()
			d.ends("ours-0", endpoint.UpdateSuccessful)
			return d.after(s15).recheck().comes(d.ownEvent("ours-0")).after(s15).recheck()
		}, Enforced},
		"carol did it, and her event tells": {func(t *testing.T) *desk {
			d := dying(t, "apply")
			e := d.after(10*time.Second).asks("carol", private)
			d.ends("carol", endpoint.UpdateSuccessful)
			return d.after(2 * time.Minute).comes(e).after(s15).recheck()
		}, AlreadyUndone},
		"carol did it, and nobody tells": {func(t *testing.T) *desk {
			d := dying(t, "apply")
			d.after(10*time.Second).asks("carol", private)
			d.ends("carol", endpoint.UpdateSuccessful)
			return d.after(2 * time.Minute).wakes().after(creditWithin).recheck()
		}, Compliant},
		"carol did it long after": {func(t *testing.T) *desk {
			d := dying(t, "apply")
			d.after(4*time.Minute).asks("carol", private)
			d.ends("carol", endpoint.UpdateSuccessful)
			return d.after(2 * time.Minute).wakes().after(s15).recheck()
		}, AlreadyUndone},
		"carol did something else": {func(t *testing.T) *desk {
			d := dying(t, "apply")
			d.policy = rules(limited("limited", "enforce"))
			d.after(10*time.Second).asks("carol", office)
			d.ends("carol", endpoint.UpdateSuccessful)
			return d.after(2 * time.Minute).wakes().after(s15).recheck()
		}, AlreadyUndone},
		"EKS refused ours in use, and carol did the same": {func(t *testing.T) *desk {
			d := newDesk(t, enforce, world)
			d.answers = []Answer{{Sort: trouble.NotNow}}
			d.wakes().asks("carol", private)
			d.ends("carol", endpoint.UpdateSuccessful)
			return d.after(s15).recheck().after(s15).recheck()
		}, AlreadyUndone},
		"EKS refused a repetition of ours in use, which may be ours": {func(t *testing.T) *desk {
			d := newDesk(t, enforce, world)
			d.answers = []Answer{{Sort: trouble.NotNow, Repeated: true}}
			d.wakes().asks("x", private)
			d.ends("x", endpoint.UpdateSuccessful)
			return d.after(s15).recheck().after(s15).recheck().after(creditWithin).recheck()
		}, Compliant},
		"EKS had nothing to do on a repetition of ours": {func(t *testing.T) *desk {
			d := newDesk(t, enforce, world)
			d.answers = []Answer{{Sort: trouble.NothingToDo, Repeated: true}}
			d.wakes().asks("x", private)
			d.ends("x", endpoint.UpdateSuccessful)
			return d.after(s15).recheck().after(s15).recheck().after(creditWithin).recheck()
		}, Compliant},
		"EKS refused a repetition of ours for good, and the event tells": {func(t *testing.T) *desk {
			d := newDesk(t, enforce, world)
			d.answers = []Answer{{Sort: trouble.Refused, Repeated: true}}
			d.wakes().asks("x", private)
			d.comes(d.ownEvent("x"))
			d.ends("x", endpoint.UpdateSuccessful)
			return d.after(s15).recheck()
		}, Enforced},
		"the ledger was restored from before our call": {func(t *testing.T) *desk {
			d := newDesk(t, enforce, private)
			d.comes(d.asks("u1", world))
			earlier := d.r
			d.ends("u1", endpoint.UpdateSuccessful)
			d.after(s15).recheck()
			d.r = earlier
			d.comes(d.ownEvent("ours-1"))
			d.ends("ours-1", endpoint.UpdateSuccessful)
			return d.after(s15).recheck()
		}, Enforced},
		"bob closed it, after ours had failed": {func(t *testing.T) *desk {
			d := newDesk(t, enforce, world)
			d.wakes()
			d.ends("ours-0", endpoint.UpdateFailed)
			d.recheck().after(5 * time.Second).becomes(private)
			return d.after(time.Minute).recheck().after(s15).recheck()
		}, AlreadyUndone},
		"ours closed it, and bob narrowed it further": {func(t *testing.T) *desk {
			d := newDesk(t, rules(limited("limited", "enforce")), world)
			d.wakes()
			d.ends("ours-0", endpoint.UpdateSuccessful)
			d.becomes(private)
			return d.after(s15).recheck().after(s15).recheck()
		}, Enforced},
		"ours closed it once, and what alice asks for now fails": {func(t *testing.T) *desk {
			d := newDesk(t, enforce, world)
			d.wakes()
			d.ends("ours-0", endpoint.UpdateSuccessful)
			d.after(s15).recheck().after(time.Hour).comes(d.asks("u1", world))
			d.ends("u1", endpoint.UpdateFailed)
			return d.after(s15).recheck().after(s15).recheck()
		}, AlreadyUndone},
		"ours closed it, and what followed until the next look was nothing that stayed": {func(t *testing.T) *desk {
			d := newDesk(t, enforce, world)
			d.wakes()
			d.ends("ours-0", endpoint.UpdateSuccessful)
			d.becomes(world).becomes(private)
			return d.after(s15).recheck().after(s15).recheck()
		}, Enforced},
	} {
		t.Run(name, func(t *testing.T) {
			d := tc.play(t)
			if got := d.outcome(); got != tc.want || d.r.Incident != nil {
				t.Errorf("%q, want %q; incident %+v; story %q", got, tc.want, d.r.Incident, d.log)
			}
		})
	}
}

// TestOurRoleButNotOurs: an event under the guardrail's role is no proof of anything
// that EKS does not show.
func TestOurRoleButNotOurs(t *testing.T) {
	for name, change := range map[string]func(d *desk, id string) string{
		"an update that EKS does not know": func(d *desk, id string) string { delete(d.updates, id); return id },
		"an update of another kind": func(d *desk, id string) string {
			return d.with(id, func(u *endpoint.Update) { u.Type = "LoggingUpdate" })
		},
		"an update that asked who knows": func(d *desk, id string) string {
			return d.with(id, func(u *endpoint.Update) { u.Asked.Unreadable = true })
		},
		"an update that asked for too much": func(d *desk, id string) string {
			return d.with(id, func(u *endpoint.Update) { u.Asked = request(world) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, enforce, private)
			d.comes(d.asks("u1", world))
			d.asks("x", private)
			own := d.ownEvent(change(d, "x"))
			own.Time = d.now.Add(-notFoundYet)
			d.cluster.Status = endpoint.StatusUpdating
			d.after(s15).comes(own)
			if got := d.r.Incident.Attempts; len(got) != 0 {
				t.Errorf("taken for our attempt: %+v", got)
			}
		})
	}
	// EKS may show it a moment later.
	d := newDesk(t, enforce, private)
	d.comes(d.asks("u1", world))
	d.asks("x", private)
	own := d.ownEvent("x")
	u := d.updates["x"]
	delete(d.updates, "x")
	d.log = nil
	d.comes(own).told("later 15s")
	d.updates["x"] = u
	d.comes(own)
	if got := d.r.Incident.Attempts; len(got) != 1 || got[0].UpdateID != "x" || got[0].Number != 1 || !slices.Contains(d.r.Ours, "x") {
		t.Errorf("%+v", got)
	}
	// Twice is once.
	d.comes(own)
	if got := d.r.Incident.Attempts; len(got) != 1 {
		t.Errorf("%+v", got)
	}
}

// with changes an update.
func (d *desk) with(id string, change func(*endpoint.Update)) string {
	u := d.updates[id]
	change(&u)
	d.updates[id] = u
	return id
}

// TestTheSameCallOnceMore: only while an update is under way that may be ours, and
// only once; with the same token.
func TestTheSameCallOnceMore(t *testing.T) {
	d := dying(t, "applied")
	token := d.r.Incident.Attempts[0].Token
	d.answers = []Answer{{Sort: trouble.NotNow}}
	d.after(2*time.Minute).wakes().told(closing+": not now", "mails detected", "waits 15s")
	if a := d.r.Incident.Attempts[0]; a.Token != token || a.Sent != 2 || !a.lost() {
		t.Errorf("%+v", a)
	}
	d.after(s15).recheck().told("waits 15s")

	d = dying(t, "apply")
	d.asks("carol", half)
	d.after(2*time.Minute).wakes().told("mails detected", "waits 15s")

	// The next attempt at the same is the same call, and at something else another.
	d = dying(t, "apply")
	d.after(2*time.Minute).wakes().told(closing+": ours-0", "mails detected", "waits 15s")
	if a := d.r.Incident.Attempts; len(a) != 1 || a[0].Token != token || a[0].Number != 1 || !a[0].At.Equal(start) {
		t.Errorf("%+v", a)
	}
	d = dying(t, "apply")
	d.policy = rules(limited("limited", "enforce"))
	d.cluster.Access = endpoint.Access{Public: true, Private: true, CIDRs: cidrs("198.51.100.0/24", "192.0.2.0/24")}
	d.after(2 * time.Minute).wakes()
	if a := d.r.Incident.Attempts; len(a) != 2 || a[1].Token == token || a[1].Number != 2 {
		t.Errorf("%+v", a)
	}
}

// TestSomebodyKeepsItBusy: an open cluster that is to be closed is looked at every
// minute at the least, however long EKS accepts no change; and every 15 seconds
// after each new update that is known.
func TestSomebodyKeepsItBusy(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.cluster.Status = endpoint.StatusUpdating
	d.wakes().told("mails detected", "waits 15s")
	d.after(3*time.Hour).recheck().told("mails stuck", "waits 1m0s")
	d.after(72 * time.Hour).recheck().told("waits 1m0s")
	d.after(time.Minute).comes(d.asks("u9", half)).told("rests")
	d.recheck().told("waits 15s")
	d.after(29 * time.Minute).recheck().told("waits 15s")
	d.after(2 * time.Minute).recheck().told("waits 1m0s")
	// One that only alerts is not waited for so closely.
	d = newDesk(t, tell, world)
	d.cluster.Status = endpoint.StatusUpdating
	d.wakes().told("mails detected", "waits 15s")
	d.after(3*time.Hour).recheck().told("mails stuck", "waits 15m0s")
	// Nor one that complies.
	d = newDesk(t, enforce, private)
	d.cluster.Status = endpoint.StatusUpdating
	d.wakes().told("waits 15s")
	d.after(31 * time.Minute).recheck().told("waits 1m0s")
	d.after(3 * time.Hour).recheck().told("waits 15m0s")
}

// TestNothingIsGivenUpForGood: after three failures a change is tried again, ever more
// rarely, without another mail until it ends otherwise.
func TestNothingIsGivenUpForGood(t *testing.T) {
	failing := func(t *testing.T) *desk {
		d := newDesk(t, enforce, world)
		d.answers = slices.Repeat([]Answer{{Sort: trouble.Refused, Code: "AccessDeniedException"}}, 100)
		d.wakes().after(s15).recheck().after(time.Minute).recheck()
		if d.outcome() != Failed {
			t.Fatalf("%q", d.log)
		}
		d.log, d.mails = nil, nil
		return d
	}
	d := failing(t)
	for _, wait := range []time.Duration{time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 16 * time.Hour, 24 * time.Hour, 24 * time.Hour} {
		d.after(wait - time.Second).wakes().told("failed")
		d.after(time.Second).wakes().told(closing+": refused", "folds outcome", "failed")
	}
	if len(d.mails) > 0 || d.r.Standing.Retries != 7 || !d.r.Standing.Since.Equal(start) {
		t.Errorf("%d mails, %+v", len(d.mails), d.r.Standing)
	}
	ref := d.r.Standing.Ref
	d.answers = nil
	d.after(24*time.Hour).wakes().told(closing+": ours-0", "waits 15s")
	d.ends("ours-0", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("mails enforced", "compliant")
	if i := d.mails[0].Record.Incident; i.Follows != ref || i.Ref == ref || i.Retry != 8 || !i.OpenedAt.Equal(start) {
		t.Errorf("the success tells %+v", i)
	}

	t.Run("at once, when somebody asks for a look", func(t *testing.T) {
		d := failing(t)
		d.answers = nil
		d.after(time.Minute).look(Message{ID: "an operator's", ByHand: true}).told(closing+": ours-0", "waits 15s")
	})
	t.Run("once for each message, though it fails again", func(t *testing.T) {
		d := failing(t)
		for _, id := range []string{"an operator's", "another"} {
			d.after(time.Minute).look(Message{ID: id, ByHand: true}).told(closing+": refused", "folds outcome", "failed")
			d.after(time.Minute).look(Message{ID: id, ByHand: true}).told("failed") // delivered twice
		}
		d.after(time.Hour - time.Second).wakes().told("failed")
	})
	t.Run("at once, when somebody changes the cluster", func(t *testing.T) {
		d := failing(t)
		d.answers = nil
		d.after(time.Minute).becomes(private).becomes(world).wakes().told(closing+": ours-2", "mails detected", "waits 15s")
		if i := d.r.Incident; i.Retry != 0 || i.Follows != "" || i.Tries != 0 {
			t.Errorf("taken for one more try at the same: %+v", i)
		}
	})
	t.Run("not because of a call that EKS knows nothing of", func(t *testing.T) {
		d := failing(t)
		e := d.asks("forged", world)
		delete(d.updates, "forged")
		d.cluster.Status = endpoint.StatusActive
		d.after(time.Minute).comes(e).told("waits 15s")
		for range 20 {
			d.after(s15).recheck()
		}
		if d.r.Standing == nil || d.r.Standing.Outcome != Failed || d.r.Open() || len(d.mails) > 0 || slices.ContainsFunc(d.log, func(line string) bool { return strings.HasPrefix(line, closing) }) {
			t.Errorf("%q", d.log)
		}
	})
	t.Run("because of a call that EKS knows of a little later", func(t *testing.T) {
		d := failing(t)
		d.answers = nil
		e := d.asks("late", world)
		late := d.updates["late"]
		delete(d.updates, "late")
		d.cluster.Status = endpoint.StatusActive
		d.after(time.Minute).comes(e).told("waits 15s")
		late.Status = endpoint.UpdateSuccessful
		d.updates["late"] = late
		d.after(s15).recheck().told(closing+": ours-1", "mails detected", "waits 15s")
	})
	t.Run("an update of ours fails in EKS", func(t *testing.T) {
		d := failing(t)
		d.answers = nil
		d.after(time.Hour).wakes().told(closing+": ours-0", "waits 15s")
		d.ends("ours-0", endpoint.UpdateFailed)
		d.after(s15).recheck().told("folds outcome", "failed")
	})
	t.Run("what blocks it now is told", func(t *testing.T) {
		d := failing(t)
		d.network.DNSSupport = endpoint.No
		d.after(time.Hour).wakes().told("mails blocked", "blocked")
	})
}

// TestTheMessageHasWhatTheRecordLacks: EKS's answer came, and the record could not be
// written. The message that was put back names the update; EKS is asked about it.
func TestTheMessageHasWhatTheRecordLacks(t *testing.T) {
	d := dying(t, "applied")
	d.ends("ours-0", endpoint.UpdateSuccessful)
	d.after(2*time.Minute).look(Message{ID: "put back", Began: "ours-0"}).told("mails enforced", "compliant")

	d = dying(t, "apply")
	d.asks("carol", half)
	d.ends("carol", endpoint.UpdateSuccessful)
	d.after(time.Second).becomes(private)
	d.after(2 * time.Minute).look(Message{ID: "forged", Began: "carol"})
	if a := d.r.Incident.Attempts[0]; a.UpdateID != "" || len(d.r.Ours) > 0 {
		t.Errorf("a message is believed: %+v", a)
	}
}

// TestWhichAttemptEKSMayHaveTaken: the last of which it isn't known, whatever came after.
func TestWhichAttemptEKSMayHaveTaken(t *testing.T) {
	known := Attempt{UpdateID: "u", Status: endpoint.UpdateFailed}
	refused := Attempt{Status: endpoint.UpdateFailed, Sent: 1}
	for name, tc := range map[string]struct {
		attempts []Attempt
		want     int // -1: none
	}{
		"none":                 {nil, -1},
		"all are known":        {[]Attempt{known, refused}, -1},
		"the last":             {[]Attempt{{Number: 1}, {Number: 2}}, 1},
		"one before":           {[]Attempt{{Number: 1}, known, refused}, 0},
		"refused a repetition": {[]Attempt{known, {Status: endpoint.UpdateFailed, Sent: 2}, known}, 1},
	} {
		e := &evaluation{Record: Record{Incident: &Incident{Attempts: tc.attempts}}}
		got := e.unproven()
		if (got == nil) != (tc.want < 0) || got != nil && got != &e.Incident.Attempts[tc.want] {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestALostAttemptMayBeOver: where EKS shows an update that is over and may be its. One
// that failed is remembered by the list alone.
func TestALostAttemptMayBeOver(t *testing.T) {
	update := func(id string, status endpoint.UpdateStatus, asked endpoint.Access) []endpoint.Update {
		return []endpoint.Update{{ID: id, Type: endpoint.EndpointAccessUpdate, Status: status, Asked: request(asked), CreatedAt: start}}
	}
	for name, tc := range map[string]struct {
		seen []endpoint.Update
		want bool
	}{
		"none":                       {},
		"it took effect":             {update("u", endpoint.UpdateSuccessful, private), true},
		"it failed":                  {update("u", endpoint.UpdateFailed, private), true},
		"it is in progress":          {update("u", endpoint.UpdateInProgress, private), false},
		"another took effect":        {update("u", endpoint.UpdateSuccessful, office), false},
		"another failed":             {update("u", endpoint.UpdateFailed, office), false},
		"one of ours took effect":    {update("ours", endpoint.UpdateSuccessful, private), false},
		"another took, and it fails": {slices.Concat(update("u", endpoint.UpdateFailed, private), update("v", endpoint.UpdateSuccessful, office)), true},
	} {
		e := &evaluation{now: start}
		earlier := Attempt{Number: 1, Desired: private, At: start.Add(-time.Hour), Until: start.Add(-time.Hour), Sent: 1}
		lost := Attempt{Number: 2, Desired: private, At: start, Until: start.Add(time.Minute), Sent: 1}
		e.Ours, e.Incident = []string{"ours"}, &Incident{Attempts: []Attempt{earlier, lost}}
		for _, u := range tc.seen {
			e.noteOver(u)
		}
		if a := e.Incident.Attempts; a[0].MayBeOver || a[1].MayBeOver != tc.want {
			t.Errorf("%s: %t and %t", name, a[0].MayBeOver, a[1].MayBeOver)
		}
	}
}

// TestWhichCallsOfOurRoleAreTakenForOurs: those that name an update and say all of what
// they ask for.
func TestWhichCallsOfOurRoleAreTakenForOurs(t *testing.T) {
	for name, tc := range map[string]struct {
		update string
		asked  endpoint.Request
		taken  bool
	}{
		"it says all":         {"u", request(private), true},
		"it names no update":  {"", request(private), false},
		"it says but a part":  {"u", endpoint.Request{Private: &private.Private}, false},
		"neither":             {"", endpoint.Request{}, false},
		"what a rule forbids": {"u", request(world), false},
	} {
		d := newDesk(t, enforce, world)
		e := &evaluation{in: d.input(Message{}, "this"), now: start}
		e.Incident = &Incident{Attempts: []Attempt{{Number: 1, Desired: private, At: start, Sent: 1}, {Number: 2, Desired: world, At: start, Sent: 1}}}
		if step := e.adopt(cloudtrail.Event{Name: cloudtrail.UpdateClusterConfig, UpdateID: tc.update, Asked: tc.asked, Time: start}); step != nil {
			t.Errorf("%s: %+v", name, step)
		}
		if taken := e.Incident.Attempts[0].UpdateID == "u" && slices.Contains(e.Ours, "u"); taken != tc.taken || e.Incident.Attempts[1].UpdateID != "" {
			t.Errorf("%s: %+v", name, e.Incident.Attempts)
		}
		if !tc.taken && (len(e.Ours) > 0 || e.Incident.Stage == Updating || e.Incident.Attempts[0].Status != "") {
			t.Errorf("%s: %q are ours, %+v", name, e.Ours, e.Incident)
		}
	}
}
