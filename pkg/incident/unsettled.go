package incident

import (
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// unsettled is for a cluster that cannot be changed yet, or whose look may
// still show the values from before an update.
func (t *evaluation) unsettled(v verdict.Verdict) Step {
	t.ClearSince = time.Time{}
	if !t.atRest() {
		t.Steady = nil // looks confirm each other only while nothing changes in between
	}
	if t.BusySince.IsZero() {
		t.BusySince = t.now
	}
	if t.Incident == nil {
		if step := t.discover(v); step != nil {
			return step
		}
	}
	c := t.in.Cluster
	i := t.Incident
	if a := t.attempt(); a != nil && a.lost() && a.Sent == 1 && !t.in.Busy {
		if !t.in.HistoryRead {
			return Read{History: true}
		}
		if step := t.proveAttempt(); step != nil {
			return step
		}
	}
	if i == nil {
		return t.wait(t.slower(pace(c, t.blockedSince(), t.now, false)))
	}
	i.Status, t.looked = c.Status, true
	if c.Status == endpoint.StatusCreating && v.Outcome == verdict.Violation {
		i.SettledAt = c.CreatedAt // what is open was asked for with the cluster
	}
	i.Stage = Waiting
	if slices.ContainsFunc(i.Attempts, Attempt.inProgress) {
		i.Stage = Updating
	}
	i.HeldSince, i.HeldUntil = time.Time{}, time.Time{}
	switch first := i.DetectedMailed.IsZero(); {
	case !first && (!i.StuckMailed.IsZero() || t.now.Sub(i.OpenedAt) < stuckAfter):
	case c.Status == endpoint.StatusUpdating && i.Stage == Waiting && !t.in.HistoryRead && t.in.HistoryTrouble == "":
		return Read{History: true} // what holds it up
	case first:
		t.block()
		return t.announce()
	default:
		if t.block(); t.stuck() {
			i.Obstacle, i.Shown = t.in.HistoryTrouble, &c.Access
			return t.tell(NoticeStuck)
		}
	}
	return t.wait(t.slower(max(pace(c, t.blockedSince(), t.now, !i.AlertOnly), troubleDelay(i.Denied))))
}

// slower is the delay, longer from check to check while EKS does not let an update be
// read that is waited for; not by much while the cluster is busy, or the update may still
// be, since looks alone tell then when it can be changed.
func (t *evaluation) slower(delay time.Duration) time.Duration {
	for _, read := range t.in.Updates {
		if read.Unread {
			t.Trouble++
			longer := troubleDelay(t.Trouble)
			if !t.atRest() || t.now.Sub(t.blockedSince()) < updateTakes {
				longer = min(longer, unreadPace)
			}
			return max(delay, longer)
		}
	}
	return delay
}

// atRest reports whether all that speaks for a change under way is updates that EKS does
// not let be read.
func (t *evaluation) atRest() bool {
	if t.in.Cluster.Status != endpoint.StatusActive || t.in.Busy || t.underWay("") {
		return false
	}
	for _, read := range t.in.Updates {
		if !read.Unread && !read.Over() {
			return false
		}
	}
	// One that EKS took without our knowing shows itself within minutes.
	last := t.attempt()
	return last == nil || !last.lost() || t.now.Sub(last.At) >= notFoundYet
}

// discover opens an incident over a cluster that is not settled, if one is asked for
// or shown, or ends the check where nothing is to be waited for.
func (t *evaluation) discover(v verdict.Verdict) Step {
	status := t.in.Cluster.Status
	asked := t.asked()
	unfinished := slices.ContainsFunc(t.Watch, func(w Cause) bool { return !w.over() })
	switch {
	case v.Outcome == verdict.OutOfScope:
		return t.endCheck(v)
	case status == endpoint.StatusDeleting:
		t.markUpdatesDone()
		if t.Version > 0 || t.Open() {
			return t.wait(slowPace) // its record is to end with it
		}
		return Done{Outcome: Gone, Why: "the cluster is being deleted"}
	case v.Outcome != verdict.Violation && !unfinished && t.nothingToWaitFor():
		standing := t.Standing
		step := t.endCheck(v)
		t.Standing = standing // such a look may be an old one: only a settled one ends that
		return step
	}
	if asked == nil && (v.Outcome != verdict.Violation || t.beingClosed()) {
		if !unfinished && t.unexplained() {
			return Read{History: true}
		}
		return nil
	}
	if !t.in.HistoryRead {
		return Read{History: true}
	}
	switch {
	case asked != nil:
		if w := t.judge(*asked); !t.stands(w) || t.openedAgain(asked) {
			t.open(w, asked, time.Time{})
		}
	case !t.historyAgrees() && t.now.Sub(t.DoubtSince) < staleFor && !(status == endpoint.StatusCreating && t.believable()):
		// More likely an old look than a violation, except where nothing can have been
		// changed yet.
		return t.wait(t.doubtDelay())
	case !t.stands(v) || t.openedAgain(nil):
		t.open(v, nil, time.Time{})
	}
	return nil
}

// nothingToWaitFor reports whether what the event told, or the cluster's status, says that
// no rule will be broken when the cluster is settled.
func (t *evaluation) nothingToWaitFor() bool {
	status := t.in.Cluster.Status
	return t.harmless || t.own || status != endpoint.StatusUpdating && status != endpoint.StatusActive
}

// unexplained reports whether EKS is changing the cluster and no event has told what:
// it may be lost. So long as EKS may not list the update yet, its history is asked.
func (t *evaluation) unexplained() bool {
	return t.in.Cluster.Status == endpoint.StatusUpdating && !t.in.HistoryRead && t.in.HistoryTrouble == "" &&
		t.now.Sub(t.BusySince) < staleFor
}

// beingClosed reports whether an unfinished update asks for nothing that the policy
// forbids. One that EKS does not let be read is no reason to believe that.
func (t *evaluation) beingClosed() bool {
	return t.in.Cluster.Status != endpoint.StatusActive && slices.ContainsFunc(t.Watch, func(w Cause) bool {
		return !w.over() && !t.violates(w.Asked) && !(w.Status == "" && t.in.Updates[w.UpdateID].Unread)
	})
}

// asked returns the access that an unfinished update asks for against the
// policy, nil when none is known to.
func (t *evaluation) asked() *endpoint.Access {
	for _, w := range t.Watch {
		// One that EKS does not show is not believed yet.
		if w.Status != "" && !w.over() && t.violates(w.Asked) {
			a := w.Asked.Over(t.in.Cluster.Access)
			return &a
		}
	}
	return nil
}

// blockedSince is since when what keeps the cluster from being changed has been
// going on: the newest update in progress that is known, else the first look that
// found the cluster so.
func (t *evaluation) blockedSince() time.Time {
	since := t.BusySince
	later := func(at time.Time) {
		if at.After(since) && !at.After(t.now) {
			since = at
		}
	}
	for _, w := range t.Watch {
		if !w.over() {
			later(w.At)
		}
	}
	for _, u := range t.in.History.Read {
		if !u.Over() {
			later(u.CreatedAt)
		}
	}
	if t.Incident != nil {
		for _, a := range t.Incident.Attempts {
			if a.inProgress() {
				later(a.At)
			}
		}
	}
	return since
}

// stands reports whether the violation was told when an incident was closed over it.
func (t *evaluation) stands(v verdict.Verdict) bool {
	return t.Standing != nil && t.Standing.Fingerprint == fingerprint(v)
}

// openedAgain reports whether the violation that stands was put right in between,
// as EKS's history tells, and now is there again, or is asked for. EKS begins no
// update that changes nothing, so one that asks for the very same has found
// something else.
func (t *evaluation) openedAgain(asked *endpoint.Access) bool {
	s := t.Standing
	if asked != nil && s.Now != nil && asked.Equal(*s.Now) {
		return true
	}
	for _, w := range t.Watch {
		// EKS does not tell of it; a look shows what it asked for.
		if w.Shown && w.At.After(s.Covers) && s.Now != nil && w.Asked.Over(t.in.Cluster.Access).Equal(*s.Now) {
			return true
		}
	}
	for _, u := range t.History.Applied {
		if !u.CreatedAt.After(s.Covers) || !complete(u.Asked) {
			continue
		}
		then := u.Asked.Over(t.in.Cluster.Access)
		if !t.stands(t.judge(then)) || s.Now != nil && then.Equal(*s.Now) {
			return true
		}
	}
	return false
}
