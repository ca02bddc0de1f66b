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

var (
	half      = endpoint.Access{Public: true, Private: true, CIDRs: cidrs("198.51.100.0/25")}
	elsewhere = endpoint.Access{Public: true, Private: true, CIDRs: cidrs("192.0.2.0/24")} // nothing of it is admitted
)

// asksFor is the line of a change to an access.
func asksFor(a endpoint.Access) string { return "asks for " + a.String() }

func TestWhatIsKnownOfTheHistory(t *testing.T) {
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
	update := func(n int, status endpoint.UpdateStatus, kind string) endpoint.Update {
		return endpoint.Update{ID: fmt.Sprint("u", n), Type: kind, Status: status, CreatedAt: at(n), Asked: request(office), Errors: []endpoint.UpdateError{{Code: "x"}}}
	}
	var h History
	h.add(update(3, endpoint.UpdateSuccessful, endpoint.EndpointAccessUpdate))
	h.add(update(1, endpoint.UpdateSuccessful, endpoint.EndpointAccessUpdate))
	h.add(update(1, endpoint.UpdateSuccessful, endpoint.EndpointAccessUpdate)) // again
	h.add(update(4, endpoint.UpdateFailed, endpoint.EndpointAccessUpdate))
	h.add(update(5, endpoint.UpdateSuccessful, "LoggingUpdate"))
	h.add(update(6, endpoint.UpdateInProgress, endpoint.EndpointAccessUpdate))
	known := []bool{false, true, false, true, true, true, false}
	for n, want := range known {
		if got := h.Knows(fmt.Sprint("u", n)); got != want {
			t.Errorf("u%d is known: %t", n, got)
		}
	}
	if len(h.Applied) != 2 || h.Applied[0].ID != "u1" || h.newest().ID != "u3" || h.Cut || h.Applied[0].Errors != nil || len(h.Over) != 4*overBytes {
		t.Errorf("%+v", h)
	}
	before := h
	for n := range 2 * maxApplied {
		h.add(update(10+n, endpoint.UpdateSuccessful, endpoint.EndpointAccessUpdate))
	}
	if len(h.Applied) != maxApplied || !h.Cut || h.newest().ID != fmt.Sprint("u", 9+2*maxApplied) || h.Applied[0].ID != fmt.Sprint("u", 10+maxApplied) {
		t.Errorf("%+v", h.Applied)
	}
	if len(before.Applied) != 2 || before.Cut || before.Knows("u10") {
		t.Errorf("a copy of the history changed with it: %+v", before)
	}
	for n := range maxOver + 10 {
		h.add(update(1000+n, endpoint.UpdateFailed, "LoggingUpdate"))
	}
	if len(h.Over) != maxOver*overBytes || h.Knows("u1") || !h.Knows(fmt.Sprint("u", 1000+maxOver+9)) {
		t.Errorf("%d bytes of what is over", len(h.Over))
	}
	if (&History{}).newest() != nil {
		t.Error("an empty history has a newest update")
	}
}

// TestWhatIsRestored: what was in force right before the violation, as EKS's history
// and looks tell it, and nothing else.
func TestWhatIsRestored(t *testing.T) {
	for name, tc := range map[string]struct {
		play func(d *desk) // up to a settled violation that is looked at
		want endpoint.Access
	}{
		"a look from before the first update": {func(d *desk) { d.wakes().becomes(world) }, office},
		"an update that no look has seen": {func(d *desk) {
			d.wakes().becomes(half).becomes(world)
		}, half},
		"closed in between, and opened to somewhere else": {func(d *desk) { d.wakes().becomes(private).becomes(elsewhere) }, private},
		"closed in between, and opened to the world":      {func(d *desk) { d.wakes().becomes(private).becomes(world) }, private},
		"several violations one after the other":          {func(d *desk) { d.wakes().becomes(half).becomes(world).becomes(elsewhere).becomes(exposed) }, half},
		"never seen to comply":                            {func(d *desk) { d.becomes(elsewhere) }, private},
		"a change that failed":                            {func(d *desk) { d.wakes().asks("u", half); d.ends("u", endpoint.UpdateFailed); d.becomes(world) }, office},
		"a change that cannot be read": {func(d *desk) {
			d.wakes().becomes(half)
			u := d.updates["quiet-0"]
			u.Asked = endpoint.Request{Unreadable: true}
			d.updates["quiet-0"] = u
			d.becomes(elsewhere)
		}, private},
		"a change that cannot be read, but what was seen is narrower": {func(d *desk) {
			d.wakes().becomes(half)
			u := d.updates["quiet-0"]
			u.Asked = endpoint.Request{Unreadable: true}
			d.updates["quiet-0"] = u
			d.becomes(world)
		}, office},
		"more violations than are remembered": {func(d *desk) {
			d.wakes()
			for n := range maxApplied + 1 {
				d.becomes(endpoint.Access{Public: true, Private: true, CIDRs: cidrs(fmt.Sprintf("192.0.2.%d/32", n))})
			}
		}, private},
		"an event told of the closing, and of nothing after it": {func(d *desk) {
			d.wakes()
			d.after(time.Minute).comes(d.asks("bob", private))
			d.ends("bob", endpoint.UpdateSuccessful)
			d.becomes(elsewhere)
		}, private},
		"opened again after our own change": {func(d *desk) {
			d.wakes().becomes(world).wakes()
			d.ends(d.r.Incident.Attempts[0].UpdateID, endpoint.UpdateSuccessful)
			d.becomes(half).becomes(elsewhere)
		}, half},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, revert, office)
			tc.play(d)
			d.log = nil
			d.after(time.Hour).wakes()
			asked := slices.IndexFunc(d.log, func(line string) bool { return strings.HasPrefix(line, asksFor(tc.want)+":") })
			if asked < 0 {
				t.Fatalf("%q, want %s", d.log, asksFor(tc.want))
			}
		})
	}
}

// TestALongHistoryIsReadBitByBit: until it is whole nothing is changed, unless looks
// have shown the same violation for minutes; then nothing is opened.
func TestALongHistoryIsReadBitByBit(t *testing.T) {
	play := func(parts int) *desk {
		d := newDesk(t, revert, office)
		d.wakes().becomes(elsewhere)
		d.after(time.Minute)
		d.log, d.unread = nil, parts
		return d
	}
	d := play(3)
	d.wakes().told("waits 1s")
	if d.r.Incident != nil {
		t.Error("an incident is opened before it is known whether the look is an old one")
	}
	d.after(time.Second).recheck().told("waits 1s")
	d.after(time.Second).recheck().told("waits 1s")
	d.after(time.Second).recheck().told(asksFor(office)+": ours-1", "mails detected", "waits 15s")

	d = play(1000)
	for d.now.Before(start.Add(time.Minute + staleFor)) {
		d.wakes()
		for _, line := range d.log {
			if line != "waits 1s" && line != "rests" {
				t.Fatalf("%s into it: %q", d.now.Sub(start), d.log)
			}
		}
		d.after(time.Second)
	}
	d.log = nil
	d.after(time.Second).recheck().told(asksFor(private)+": ours-1", "mails detected", "waits 15s")
	if b := d.r.Incident.Before; b != nil {
		t.Errorf("not sure, and told as right before: %v", b)
	}
}

// TestTheHistoryCannotBeRead: EKS refuses to list, for hours. The delay grows until the
// doubt is over, and an open cluster is closed all the same, though nothing is brought
// back.
func TestTheHistoryCannotBeRead(t *testing.T) {
	d := newDesk(t, revert, office)
	d.wakes().becomes(elsewhere)
	d.log, d.unlisted = nil, "eks:ListUpdates demo: refused"
	d.after(time.Minute).wakes().told("waits 15s")
	for _, wait := range []time.Duration{15 * time.Second, 20 * time.Second, 30 * time.Second, 30 * time.Second, 25 * time.Second} {
		d.after(wait).recheck()
	}
	d.told("waits 20s", "waits 30s", "waits 30s", "waits 25s", asksFor(private)+": ours-1", "mails detected", "waits 15s")
	if d.r.Trouble == 0 {
		t.Error("the trouble is forgotten")
	}
	d.ends("ours-1", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("mails enforced", "compliant")
}

// TestAnOldLookMailsNothing: of a look that contradicts what EKS's history tells
// nothing is mailed and concluded, whatever was told before.
func TestAnOldLookMailsNothing(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.wakes()
	d.ends("ours-0", endpoint.UpdateSuccessful)
	d.after(s15).recheck()
	d.log, d.cluster.Access = nil, world // an older look than the one that confirmed
	d.after(3 * time.Second).wakes().told("waits 15s")
	d.cluster.Access = private
	d.after(s15).recheck().told("compliant")

	d = newDesk(t, tell, private)
	d.wakes().becomes(world)
	d.wakes()
	d.log, d.cluster.Access = nil, private
	d.after(3 * time.Second).wakes().told("waits 15s")
	d.cluster.Access = world
	d.after(s15).recheck().told("violation")

	// While EKS is updating the cluster, too.
	d = newDesk(t, enforce, world)
	d.wakes().becomes(private)
	d.r.Incident, d.log = nil, nil
	d.cluster.Access, d.cluster.Status = world, endpoint.StatusUpdating
	d.r.Check = Check{}
	d.after(time.Minute).wakes().told("waits 15s")
	d.after(staleFor / 2).recheck().told("waits 15s")
	d.after(staleFor/2).recheck().told("mails detected", "waits 15s")
}

// TestPutRightAndOpenedAgain: a violation that stands is told again once it was put
// right in between, whatever was heard of that.
func TestPutRightAndOpenedAgain(t *testing.T) {
	halves := endpoint.Access{Public: true, Private: true, CIDRs: cidrs("0.0.0.0/1", "128.0.0.0/1")}
	stands := func(t *testing.T) *desk {
		d := newDesk(t, tell, private)
		d.wakes().becomes(world)
		d.wakes().told("compliant", "mails violation", "violation")
		return d.after(time.Hour)
	}
	t.Run("nothing of it was heard", func(t *testing.T) {
		stands(t).becomes(private).becomes(world).wakes().told("mails violation", "violation")
	})
	t.Run("only the second opening was", func(t *testing.T) {
		d := stands(t).becomes(private)
		d.comes(d.asks("u", world)).told("mails detected", "waits 15s")
		d.ends("u", endpoint.UpdateSuccessful)
		d.after(s15).recheck().told("mails violation", "violation")
	})
	t.Run("the second opening is over when it is heard of", func(t *testing.T) {
		d := stands(t).becomes(private)
		e := d.after(time.Second).asks("u", world)
		d.ends("u", endpoint.UpdateSuccessful)
		d.after(time.Minute).comes(e).told("mails violation", "violation")
	})
	t.Run("another spelling of the same is no news", func(t *testing.T) {
		d := stands(t).becomes(halves)
		d.wakes().told("violation")
		d.comes(d.asks("u", endpoint.Access{Public: true, Private: true, CIDRs: cidrs("0.0.0.0/0", "198.51.100.0/24")}))
		if len(d.mails) != 1 {
			t.Errorf("%q", d.log)
		}
	})
	t.Run("the first spelling again was another one before", func(t *testing.T) {
		stands(t).becomes(halves).becomes(world).wakes().told("mails violation", "violation")
	})
	t.Run("the event of the first opening, late", func(t *testing.T) {
		d := newDesk(t, tell, private)
		e := d.wakes().asks("u", world)
		d.ends("u", endpoint.UpdateSuccessful)
		d.wakes()
		d.log = nil
		d.after(time.Hour).comes(e).told("violation")
	})
	t.Run("a change that failed", func(t *testing.T) {
		d := stands(t)
		d.asks("u", private)
		d.ends("u", endpoint.UpdateFailed)
		d.wakes().told("violation")
	})
}

// TestTheModeIsChanged: the same document, and the emergency brake pulled. No cluster
// left a rule because of its tags.
func TestTheModeIsChanged(t *testing.T) {
	d := newDesk(t, tagged(policy.Enforce), private)
	d.cluster.Tags = map[string]string{"environment": "prod"}
	enforcing := d.policy
	d.wakes().told("compliant")
	d.policy = enforcing.AlertOnly()
	d.wakes().told("compliant")
	d.policy = enforcing
	d.wakes().told("compliant")
	d.cluster.Tags = nil
	d.wakes().told("mails left", "compliant")
}

// TestTagsThatAreNotShownYet: the call changed them, and a look right after it shows
// the old ones.
func TestTagsThatAreNotShownYet(t *testing.T) {
	d := newDesk(t, tagged(policy.Enforce), world)
	tag := &cloudtrail.Event{ID: "e", Name: cloudtrail.TagResource, Time: start, ChangedTags: map[string]string{"environment": "prod"}}
	d.comes(tag).told("later 15s")
	d.cluster.Tags = map[string]string{"environment": "production"}
	d.comes(tag).told("later 15s")
	d.cluster.Tags = map[string]string{"environment": "prod"}
	d.comes(tag)
	if len(d.mails) != 1 {
		t.Errorf("the rule that the tag brings is not applied: %q", d.log)
	}
	d = newDesk(t, tagged(policy.Enforce), private)
	d.cluster.Tags = map[string]string{"environment": "prod"}
	d.wakes()
	d.log = nil
	untag := &cloudtrail.Event{ID: "e", Name: cloudtrail.UntagResource, Time: start, RemovedTags: []string{"environment"}}
	d.comes(untag).told("later 15s")
	// Somebody has set it again since: it is not waited for without end.
	d.after(staleFor).comes(untag).told("compliant")
}

// TestTroubleGrowsWhereverItIs: only a check that came to its end ends it.
func TestTroubleGrowsWhereverItIs(t *testing.T) {
	d := newDesk(t, enforce, world)
	for n, want := range []string{"waits 10s", "waits 20s", "waits 40s", "waits 1m20s"} {
		in := d.input(Message{Check: d.check}, fmt.Sprint(n))
		in.HistoryRead, in.History = true, d.history()
		in.Network, in.Brake = d.network, BrakeGranted
		in.Network.Read = true
		r, step := Next(d.r, in)
		if _, ok := step.(Apply); !ok {
			t.Fatalf("%T", step)
		}
		r = Applied(r, in, Answer{Sort: "transient", Text: "503"})
		in.Trouble = "503"
		r, step = Next(r, in)
		wait, ok := step.(Wait)
		if got := "waits " + wait.Delay.String(); !ok || got != want {
			t.Errorf("after %d failures: %T, %s, want %s", n+1, step, got, want)
		}
		d.r, d.check = r, wait.Number
		d.after(wait.Delay)
	}
	d.recheck()
	if d.r.Trouble != 0 {
		t.Errorf("%d failures are remembered of a check that came to its end", d.r.Trouble)
	}
}

// TestALookIsKeptInTrouble: what it showed is not lost with the rest of the check.
func TestALookIsKeptInTrouble(t *testing.T) {
	d := newDesk(t, revert, half)
	d.trouble = "eks:DescribeUpdate demo: transient"
	d.comes(d.asks("u1", world)).told("later 10s")
	if c := d.r.Compliant; c == nil || !c.Access.Equal(half) {
		t.Fatalf("the look is forgotten: %v", c)
	}
	d.trouble = ""
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(s15).wakes().told(asksFor(half)+": ours-1", "mails detected", "waits 15s")
}

// TestTheMessageComesAgain: the record was written and the process died before it
// sent the re-check. Its message is not taken for superseded.
func TestTheMessageComesAgain(t *testing.T) {
	d := newDesk(t, enforce, private)
	first := Message{ID: "first", Event: d.asks("u1", world)}
	d.look(first).told("mails detected", "waits 15s")
	second := Message{ID: "second", Check: d.check}
	d.after(s15).look(second).told("waits 15s")
	third := Message{ID: "third", Check: d.check}
	if d.r.Superseded(second) {
		t.Error("the message whose re-check may never have been sent is dropped")
	}
	if !d.r.Superseded(Message{ID: "first", Check: second.Check}) || !d.r.Superseded(Message{Check: second.Check}) || d.r.Superseded(third) {
		t.Error("which re-checks are superseded is wrong")
	}
	// It asks for the same re-check once more: whichever is sent is waited for, and when
	// one has come, the other is superseded.
	number := d.r.Check.Number
	d.after(s15).look(second).told("waits 15s")
	if d.r.Superseded(third) || d.r.Check.From != "second" || d.r.Check.Number != number || d.check != number {
		t.Errorf("%+v", d.r.Check)
	}
	d.after(s15).look(third).told("waits 15s")
	if !d.r.Superseded(Message{ID: "fourth", Check: number}) {
		t.Errorf("%+v", d.r.Check)
	}
	d.look(Message{ID: "another", Sweep: true}).told("rests")
}

// A look that does not show an update of which an event has just told is an old one,
// however long EKS's list could not be read before.
func TestNewDoubtIsNotOldDoubt(t *testing.T) {
	d := newDesk(t, tell, private)
	d.wakes()
	d.unlisted = "denied"
	d.asks("u1", office)
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(time.Minute).wakes()
	d.after(time.Minute).recheck()
	e := d.after(time.Minute).asks("u2", world)
	d.ends("u2", endpoint.UpdateSuccessful)
	d.cluster.Access = office // an old look
	d.log = nil
	d.after(time.Second).comes(e).told("rests")
	d.cluster.Access = world
	for range 3 {
		d.after(time.Minute).recheck()
	}
	if last := d.mails[len(d.mails)-1]; last.Outcome() != Violation || !last.Record.Incident.Final.Now.Equal(world) {
		t.Errorf("%s of %s: %v", last.Outcome(), last.Record.Incident.Final.Now, d.log)
	}
}

// Between two looks that are far apart, an update may have begun and ended: what both show
// may be old, and more so if reading much came in between.
func TestLooksFarApartDoNotEndADoubt(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.wakes().becomes(world)
	d.unlisted = "slow"
	d.log = nil
	d.after(time.Minute).wakes().told("waits 15s")
	d.after(unseenFor).recheck().told("waits 20s")
	d.after(unseenFor + time.Second).recheck().told("waits 30s") // and from here on
	d.after(time.Minute).recheck().told("waits 30s")
	d.after(time.Minute).recheck().told(closing+": ours-1", "mails detected", "waits 15s")
}

func TestALookThatReadingMadeOldIsTakenOnceMore(t *testing.T) {
	for age, want := range map[time.Duration]bool{0: false, lookAgain - 1: false, lookAgain: true} {
		e := &evaluation{now: start, in: Input{LookedAt: start.Add(-age)}}
		if read, ok := e.freshLook().(Read); ok != want || ok && !read.Look {
			t.Errorf("after %s: %v", age, read)
		}
	}
	if step := (&evaluation{now: start}).freshLook(); step != nil {
		t.Errorf("%v", step)
	}
}

// Rules that forbid nothing any more are no credit of the guardrail's, though it changed
// something in the meantime: that it did is told.
func TestTheRulesChangeWhileOursIsUnderWay(t *testing.T) {
	d := newDesk(t, rules(inside(policy.Enforce)), exposed)
	d.wakes().told("asks for public=true private=true cidrs=0.0.0.0/0: ours-0", "mails detected", "waits 15s")
	d.policy = rules(limited("limited", policy.Revert))
	d.policy.Rules[0].Require.AllowedCIDRs = cidrs("0.0.0.0/0")
	d.ends("ours-0", endpoint.UpdateSuccessful)
	d.log = nil
	for range 3 {
		d.after(s15).recheck()
	}
	if got := d.outcome(); got != Compliant || d.last().Final.Why != WhyClosed {
		t.Errorf("%s, %s: %v", got, d.last().Final.Why, d.log)
	}
}

// TestAnOldLookDoesNotEndWhatWasTold: right after it was told to be open, a look shows a
// busy cluster as it was before, and the event is of a closing that is long over.
func TestAnOldLookDoesNotEndWhatWasTold(t *testing.T) {
	d := newDesk(t, tell, world)
	e := d.asks("u", private)
	d.ends("u", endpoint.UpdateSuccessful)
	d.after(time.Minute).comes(d.asks("u2", world))
	d.ends("u2", endpoint.UpdateSuccessful)
	d.after(time.Minute).recheck()
	d.told("mails detected", "waits 15s", "mails violation", "violation")

	d.cluster.Access, d.cluster.Status = private, endpoint.StatusUpdating
	d.after(time.Second).comes(e)
	d.cluster.Access, d.cluster.Status = world, endpoint.StatusActive
	d.after(time.Minute).wakes()
	d.told("compliant", "violation")
}
