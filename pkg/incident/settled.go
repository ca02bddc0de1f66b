package incident

import (
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// settle is for a cluster that shows what it is and can be changed.
func (t *evaluation) settle(v verdict.Verdict) Step {
	t.BusySince = time.Time{}
	if v.Outcome == verdict.Violation {
		return t.violation(v)
	}
	if t.Incident == nil {
		return t.admitted(v)
	}
	i := t.Incident
	i.Status, t.looked = t.in.Cluster.Status, true
	if t.oursIsLast() {
		return t.decideOutcome(v, Enforced, "")
	}
	if !t.seenTwice() {
		return t.wait(lookAgain)
	}
	if step := t.confirmWithHistory(); step != nil {
		return step
	}
	return t.concludeAdmitted(v)
}

// admitted is for a settled cluster that breaks no rule, and over which no incident
// is open.
func (t *evaluation) admitted(v verdict.Verdict) Step {
	asked := slices.IndexFunc(t.Watch, func(w Cause) bool { return t.violates(w.Asked) })
	if asked < 0 {
		if t.Standing != nil {
			// It was told to be open: one old look does not end that.
			if step := t.confirmWithHistory(); step != nil {
				return step
			}
		}
		return t.endCheck(v)
	}
	if !t.seenTwice() {
		return t.wait(lookAgain)
	}
	if step := t.confirmWithHistory(); step != nil {
		return step
	}
	w := t.Watch[asked]
	was := w.Asked.Over(t.in.Cluster.Access)
	t.open(t.judge(was), &was, w.At)
	return t.concludeAdmitted(v)
}

// concludeAdmitted ends an incident over a cluster that breaks no rule any more, with
// the word for who saw to that.
func (t *evaluation) concludeAdmitted(v verdict.Verdict) Step {
	i, last, changed := t.Incident, t.attempt(), t.changed()
	by := t.endedBy()
	switch whose := t.creditOf(by); {
	case whose == ours:
		return t.decideOutcome(v, Enforced, "")
	case last != nil && last.Unconfirmed && t.in.Cluster.Access.Equal(last.Desired):
		return t.decideOutcome(v, Compliant, WhyUnconfirmed)
	case changed != nil:
		// The rules or the tags changed while our own update was under way.
		was := t.judge(changed.From)
		return t.decideOutcome(v, Outcome(was.Outcome), WhyClosed)
	case by == nil && t.judge(i.Opening).Outcome != verdict.Violation, by != nil && t.caused(by.ID):
		// What was wrong is still there: it is the rules or the tags that changed.
		return t.decideOutcome(v, Outcome(v.Outcome), WhyAllowed)
	case len(i.Causes) > 0 && !slices.ContainsFunc(i.Causes, func(c Cause) bool { return !c.over() || c.Status == endpoint.UpdateSuccessful }):
		return t.decideOutcome(v, AlreadyUndone, WhyNotDone)
	case whose == anybodys && t.now.Sub(last.At) < creditWithin:
		// CloudTrail tells who made the call, a little later.
		return t.wait(lookAgain)
	case whose == anybodys, whose == nobodys && slices.ContainsFunc(i.Attempts, Attempt.untold):
		return t.decideOutcome(v, Compliant, WhyUnclear)
	default:
		return t.decideOutcome(v, AlreadyUndone, WhyUndone)
	}
}

// changed returns the attempt that made the cluster what it is, if no rule objects any
// more to what was there before, nil otherwise.
func (t *evaluation) changed() *Attempt {
	a := t.attempted(t.History.newest())
	if a == nil || !t.in.Cluster.Access.Equal(a.Desired) || t.judge(a.From).Outcome == verdict.Violation {
		return nil
	}
	return a
}

// caused reports whether an update is known as a cause of the open incident.
func (t *evaluation) caused(update string) bool {
	return slices.ContainsFunc(t.Incident.Causes, func(c Cause) bool { return c.UpdateID == update })
}

// oursIsLast reports whether an update of ours put an end to the violation and
// nobody is known to have changed the cluster since.
func (t *evaluation) oursIsLast() bool {
	newest := t.History.newest()
	if newest == nil || !slices.Contains(t.Ours, newest.ID) || t.creditOf(t.endedBy()) != ours {
		return false
	}
	return !slices.ContainsFunc(t.Watch, func(w Cause) bool { return !w.over() || w.At.After(newest.CreatedAt) })
}

// undoneBy returns the last call that is known to have asked for what the policy
// admits, nil when none is. An update that only EKS's history tells of has no caller.
func (t *evaluation) undoneBy() *Cause {
	var last *Cause
	for _, w := range t.Watch {
		if !w.Asked.Empty() && !w.Asked.Unreadable && w.Status == endpoint.UpdateSuccessful && !t.violates(w.Asked) && (last == nil || w.At.After(last.At)) {
			last = &w
		}
	}
	if newest := t.History.newest(); last == nil && newest != nil && !slices.Contains(t.Ours, newest.ID) && !t.violates(newest.Asked) {
		last = &Cause{Call: cloudtrail.UpdateClusterConfig, UpdateID: newest.ID, At: newest.CreatedAt, Asked: newest.Asked, Status: newest.Status}
	}
	return last
}

// seenTwice reports whether an earlier look already found no violation: after every
// change EKS shows old values for a moment, so one look is not enough.
func (t *evaluation) seenTwice() bool {
	if t.ClearSince.IsZero() {
		t.ClearSince = t.now
		return false
	}
	return t.now.Sub(t.ClearSince) >= lookAgain-time.Second
}

// violation is for a settled cluster that breaks a rule.
func (t *evaluation) violation(v verdict.Verdict) Step {
	t.ClearSince = time.Time{}
	if step := t.historyHoldsBack(v); step != nil {
		return step
	}
	before := t.rightBefore(v, time.Time{})
	d := verdict.Decide(v, before.access(), t.in.Network)
	if d.Action == verdict.NeedNetwork {
		return Read{Network: true}
	}
	if t.Incident == nil {
		if t.told(v, d) {
			if step := t.networkHoldsBack(d); step != nil {
				return step
			}
			t.markUpdatesDone()
			t.Standing = t.standing(v)
			if len(t.Watch) > 0 {
				return t.wait(lookAgain) // EKS may show the update of a call a little later
			}
			if until := t.Standing.Until; until.After(t.now) {
				return t.wait(min(until.Sub(t.now), slowPace))
			}
			return Done{Outcome: t.Standing.Outcome, Why: "stands as told under " + t.Standing.Ref}
		}
		failed, graced := t.failedBefore(v), t.gracedBefore(v)
		t.open(v, nil, time.Time{})
		t.Incident.follow(failed, t.in.Message)
		t.Incident.afterGrace(graced, d)
	}
	i := t.Incident
	if !i.SettledAt.After(t.in.Cluster.CreatedAt) {
		i.SettledAt = t.now
	}
	t.blameNewest()
	enforced := i.applied()
	i.Status, t.looked = t.in.Cluster.Status, true
	if !enforced || d.Action == verdict.Apply {
		// Else what is violated now is only what is left of it.
		i.Rules, i.AlertOnly = notes(v.Violations()), !v.Enforcing()
		if before != nil || i.FoundAt.IsZero() {
			i.Before = before
		}
	}
	i.nearest(v)
	if step := t.networkHoldsBack(d); step != nil {
		return step
	}
	switch {
	case d.Action == verdict.Apply:
		return t.apply(v, d)
	case enforced:
		return t.decideOutcomeRemaining(v, d, PartlyEnforced, nil)
	case d.Action == verdict.Blocked:
		return t.decideOutcomeRemaining(v, d, Blocked, nil)
	default:
		plan := t.plan(v)
		if plan == nil {
			return Read{Network: true}
		}
		return t.decideOutcomeRemaining(v, d, Violation, plan)
	}
}

// networkHoldsBack waits for facts of the VPC that may be read in a moment, when they
// keep something from being done. One call that goes wrong must not leave a cluster open
// until the next sweep; where it goes on for minutes, it is told that they are unknown.
func (t *evaluation) networkHoldsBack(d verdict.Decision) Step {
	hindered := d.Action == verdict.Blocked || len(d.Kept) > 0
	if !hindered || t.in.NetworkTrouble == "" || t.Trouble >= networkPatience {
		return nil
	}
	if i := t.Incident; i != nil {
		i.Stage = Waiting
		if i.DetectedMailed.IsZero() && t.Trouble > 0 {
			// Not at once: what is announced would be half known.
			return t.announce()
		}
	}
	t.Trouble++
	return t.wait(troubleDelay(t.Trouble))
}

func (s *Seen) access() *endpoint.Access {
	if s == nil {
		return nil
	}
	return &s.Access
}

// blameNewest takes the update that made the cluster what it is for a cause, whether
// or not its event ever comes.
func (t *evaluation) blameNewest() {
	if u := t.History.newest(); u != nil && !slices.Contains(t.Ours, u.ID) && !t.maybeOurs(*u) && u.Asked.Over(t.in.Cluster.Access).Equal(t.in.Cluster.Access) {
		t.updateCause(t.recall(Cause{Call: cloudtrail.UpdateClusterConfig, UpdateID: u.ID, At: u.CreatedAt, Asked: u.Asked, Status: u.Status}))
	}
}

// recall is a cause with whom a former incident knew for the caller.
func (t *evaluation) recall(w Cause) Cause {
	for _, c := range slices.Backward(t.Closings) {
		if c.Story == nil {
			continue
		}
		for _, o := range c.Story.Causes {
			if o.key() == w.key() && o.EventID != "" {
				w.EventID, w.Actor, w.Former = o.EventID, o.Actor, true
				return w
			}
		}
	}
	return w
}

// told reports whether the verdict and what could be done about it are what a
// former incident was closed over.
func (t *evaluation) told(v verdict.Verdict, d verdict.Decision) bool {
	if !t.stands(v) || t.openedAgain(nil) {
		return false
	}
	if d.Action != verdict.Apply {
		// That what failed is blocked now is news: somebody can mend that.
		return d.Action != verdict.Blocked || t.Standing.Outcome != Failed
	}
	// After three failed attempts it is tried again now and then, and at once when
	// somebody changes the cluster, even to what it was, or asks for a look: once for
	// each message, or the check that fails again would go on for ever.
	asked := t.in.Message.ByHand && t.in.Message.ID != t.Standing.RetryFrom
	return t.Standing.Outcome == Failed && !t.touched() && t.now.Before(t.Standing.RetryAt) && !asked
}

// touched reports whether an update of somebody's is followed that EKS shows. A message
// alone, which names one that it does not, is no reason to change or to mail anything.
func (t *evaluation) touched() bool {
	return slices.ContainsFunc(t.Watch, func(w Cause) bool { return w.Status != "" })
}

// failedBefore returns the standing violation that a change failed to end, if it is
// still the same.
func (t *evaluation) failedBefore(v verdict.Verdict) *Standing {
	if !t.stands(v) || t.openedAgain(nil) || t.Standing.Outcome != Failed || t.touched() {
		return nil
	}
	return t.Standing
}

// follow makes of the incident one more try at what failed before: one attempt, of
// which only another end is told.
func (i *Incident) follow(failed *Standing, m Message) {
	if failed == nil {
		return
	}
	if m.ByHand {
		i.RetryFrom = m.ID
	}
	i.Retry, i.Follows = failed.Retries+1, failed.Ref
	i.FoundAt = failed.Since
	i.Tries = maxAttempts - 1
	i.OpenedAt, i.DetectedMailed, i.StuckMailed = failed.Since, failed.Since, failed.Since
}

// standing is the present one with the end of a rule's grace brought up to date.
func (t *evaluation) standing(v verdict.Verdict) *Standing {
	s := *t.Standing
	s.Until = v.NextChange()
	return &s
}
