package incident

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// open opens an incident over the verdict. The asked access is given when EKS
// does not show it yet, or no more; then with the time when that began.
func (t *evaluation) open(v verdict.Verdict, asked *endpoint.Access, began time.Time) {
	c := t.in.Cluster
	i := &Incident{
		OpenedAt: t.now, Stage: Detected, Asked: asked, Opening: v.Cluster.Access, Rules: notes(v.Violations()),
		Status: c.Status, Family: c.Family, AlertOnly: !v.Enforcing(), Before: t.rightBefore(v, began),
	}
	i.nearest(v)
	key := ""
	for _, w := range t.Watch {
		if t.violates(w.Asked) {
			i.Causes = append(i.Causes, w)
			key = w.key()
		}
	}
	switch {
	case key != "":
	case c.Status == endpoint.StatusCreating:
		key = "create"
	default:
		key = "found"
	}
	if t.Opened > 0 && key == "found" {
		key = fmt.Sprintf("found %d", t.Opened)
	}
	i.Ref = reference(c.ID, key)
	if story := t.formerOver(v, asked); story != nil {
		i.goOn(*story)
	}
	t.Incident = i
	t.facts()
	t.peace()
	t.Opened++
	t.ClearSince = time.Time{}
}

// formerOver returns the incident that was closed over the violation that is there now,
// nil if there is none, or somebody has changed the cluster since: whatever its rules ask
// for by now, what is wrong is the same, of the same origin.
func (t *evaluation) formerOver(v verdict.Verdict, asked *endpoint.Access) *Incident {
	s := t.Standing
	if asked != nil || s == nil || s.Now == nil || !s.Now.Equal(v.Cluster.Access) || t.touched() || t.openedAgain(nil) || len(t.Closings) == 0 {
		return nil
	}
	return t.Closings[len(t.Closings)-1].Story
}

// goOn takes into an incident what the former one over the same violation knew: who
// made the cluster so, since when it is, and what was there before.
func (i *Incident) goOn(former Incident) {
	i.FoundAt, i.Follows = former.found(), former.lastMailed()
	if i.Before == nil {
		i.Before = former.Before
	}
	var causes []Cause
	for _, c := range former.Causes {
		if !c.over() || c.Status == endpoint.UpdateSuccessful {
			c.Former = true
			causes = append(causes, c)
		}
	}
	causes = append(causes, i.Causes...)
	i.Causes = causes[:min(maxCauses, len(causes))]
}

// found is when the violation was first found, by this incident or a former one.
func (i *Incident) found() time.Time {
	if i.FoundAt.IsZero() {
		return i.OpenedAt
	}
	return i.FoundAt
}

// lastMailed is the last reference under which there was a mail of a closed incident or
// of those before it over the same violation, "" if there was none.
func (i *Incident) lastMailed() string {
	// The mails of one more try, and of what comes of a grace, are those before it, if
	// they came before it.
	own := func(at time.Time) bool { return i.Retry == 0 && !at.IsZero() && !at.Before(i.OpenedAt) }
	if !slices.Contains(i.Folded, NoticeOutcome) || own(i.DetectedMailed) && !slices.Contains(i.Folded, NoticeDetected) || own(i.StuckMailed) {
		return i.Ref
	}
	return i.Follows
}

// nearest notes what would satisfy every rule.
func (i *Incident) nearest(v verdict.Verdict) {
	if a := verdict.Nearest(v, i.Before.access()); i.Nearest == nil || !i.Nearest.Equal(a) {
		i.Nearest = &a
	}
}

// seen notes that the incident is as this check found it. It is for where the
// record is written anyway.
func (t *evaluation) seen() {
	if t.Incident != nil && t.looked {
		t.Incident.LookedAt = t.now
	}
}

// decideOutcomeRemaining ends the incident with a violation that stays. The plan is what
// will be done about it later, nil for nothing.
func (t *evaluation) decideOutcomeRemaining(v verdict.Verdict, d verdict.Decision, outcome Outcome, plan *Plan) Step {
	f := t.newFinal(v, outcome, "")
	f.Plan = plan
	f.Left, f.Kept, f.Warn, f.Fingerprint = notes(v.Violations()), d.Kept, d.Warnings, fingerprint(v)
	f.Missing = t.missing(d.Missing)
	return t.tell(NoticeOutcome)
}

// decideOutcome ends the incident and asks for the outcome's mail.
func (t *evaluation) decideOutcome(v verdict.Verdict, outcome Outcome, why string) Step {
	t.newFinal(v, outcome, why)
	return t.tell(NoticeOutcome)
}

func (t *evaluation) newFinal(v verdict.Verdict, outcome Outcome, why string) *Final {
	f := &Final{Outcome: outcome, Why: why, At: t.now, Now: v.Cluster.Access, Alerting: t.in.Policy.Alerting}
	if why == WhyUndone {
		f.UndoneBy = t.undoneBy()
	}
	if outcome == Enforced || outcome == PartlyEnforced {
		if tug := t.tug(); tug != nil && t.TugSince.IsZero() {
			f.Tug = tug
		}
	}
	t.Incident.Final = f
	return f
}

// close closes the incident once its outcome was told.
func (t *evaluation) close() {
	i := t.Incident
	covers := i.SettledAt
	for _, a := range i.Attempts {
		if a.Status == endpoint.UpdateSuccessful && a.CreatedAt.After(covers) {
			covers = a.CreatedAt
		}
	}
	closing := Closing{
		Ref: i.Ref, Outcome: i.Final.Outcome, At: t.now, Opened: i.OpenedAt, Covers: covers, Applied: t.lastApplied(), By: by(*i), Story: i,
	}
	t.Closings = append(t.Closings, closing)
	if i.Final.Tug != nil {
		t.TugSince = t.now
	}
	t.Closings = t.Closings[max(0, len(t.Closings)-maxClosings):]
	keepStories(t.Closings)
	t.Standing = nil
	if o := i.Final.Outcome; o == Enforced || o == AlreadyUndone || o == Compliant {
		// Somebody may change it before the next look.
		t.Compliant = &Seen{Access: i.Final.Now, At: i.Final.At}
	}
	if i.Final.Fingerprint != "" {
		now := i.Final.Now.Clone()
		t.Standing = &Standing{
			Fingerprint: i.Final.Fingerprint, Ref: cmp.Or(i.lastMailed(), i.Ref), Outcome: i.Final.Outcome, Since: i.found(), Rules: i.Final.Left, Family: i.Family, Now: &now,
			Covers: closing.Applied,
		}
		if i.Final.Outcome == Failed {
			t.Standing.Retries, t.Standing.RetryAt, t.Standing.RetryFrom = i.Retry, t.now.Add(retryLater(i.Retry)), i.RetryFrom
		}
	}
	for _, c := range i.Causes {
		// One that EKS does not let be read is what the looks have shown.
		if c.over() || t.in.Updates[c.UpdateID].Unread {
			t.Past = remember(t.Past, c.key())
		}
	}
	t.Watch = slices.DeleteFunc(t.Watch, func(w Cause) bool {
		return slices.Contains(t.Past, w.key()) || w.over() && t.covered(w)
	})
	t.Incident, t.ClearSince, t.BusySince, t.DoubtSince = nil, time.Time{}, time.Time{}, time.Time{}
}

// endCheck ends a check that found nothing wrong.
func (t *evaluation) endCheck(v verdict.Verdict) Step {
	t.Standing = nil
	if v.Outcome == verdict.OutOfScope {
		t.Watch = nil
	}
	t.markUpdatesDone()
	if t.why != "" {
		return Done{Outcome: Ignored, Why: t.why}
	}
	return Done{Outcome: Outcome(v.Outcome), Why: v.Why}
}

// markUpdatesDone takes the updates that are over as dealt with.
func (t *evaluation) markUpdatesDone() {
	t.Watch = slices.DeleteFunc(t.Watch, func(w Cause) bool {
		if w.over() {
			t.Past = remember(t.Past, w.key())
		}
		return w.over()
	})
	t.ClearSince, t.BusySince, t.DoubtSince = time.Time{}, time.Time{}, time.Time{}
}

// standingOver forgets what stands once looks at a cluster at rest have shown for long enough
// that no rule objects any more, whatever EKS lets be read of its updates: what is opened then
// is something else.
func (t *evaluation) standingOver(v verdict.Verdict) {
	if t.Standing != nil && v.Outcome != verdict.Violation && t.atRest() && t.steadyFor() >= staleFor {
		t.Standing = nil
	}
}

// gone is for a cluster that EKS does not know.
func (t *evaluation) gone() Step {
	if !t.in.Replaced && t.now.Sub(t.Cluster.CreatedAt) < notFoundYet {
		return t.again(lookAgain, "EKS does not know the new cluster yet")
	}
	if i := t.Incident; i != nil {
		if i.Final != nil {
			return t.tell(NoticeOutcome)
		}
		if !t.in.Replaced && (t.GoneAt.IsZero() || t.now.Sub(t.GoneAt) < lookAgain-time.Second) {
			if t.GoneAt.IsZero() {
				t.GoneAt = t.now
			}
			return t.wait(lookAgain)
		}
		t.Incident.Final = &Final{Outcome: Gone, Why: WhyDeleted, At: t.now, Now: i.Opening}
		return t.tell(NoticeOutcome)
	}
	if t.Left != nil {
		return t.tell(NoticeLeft)
	}
	if t.GoneAt.IsZero() {
		t.GoneAt = t.now
		if !t.in.Replaced && (len(t.Watch) > 0 || t.Standing != nil) {
			return t.again(lookAgain, "EKS does not know the cluster; it is looked for once more")
		}
	}
	t.Watch, t.Standing, t.Intent = nil, nil, nil
	return Done{Outcome: Gone, Why: "the cluster does not exist any more"}
}

// lastApplied is when the endpoint update began, at the latest, that was the last to take
// effect before the open incident is closed.
func (t *evaluation) lastApplied() time.Time {
	var last time.Time
	if u := t.History.newest(); u != nil {
		last = u.CreatedAt
	}
	if t.in.HistoryRead && t.in.History.Whole {
		return last
	}
	// What EKS does not tell of is older than the doubt that looks have ended. What began
	// once the outcome was decided ended nothing of it, however late the mail is sent.
	decided := t.Incident.Final.At
	for _, since := range []time.Time{t.steadySince(), t.DoubtSince} {
		if since.After(decided) {
			since = decided
		}
		if since.After(last) {
			last = since
		}
	}
	return last
}

// Why an incident ended without the guardrail's doing.
const (
	WhyUndone  = "somebody undid it before the guardrail could"
	WhyNotDone = "EKS did not carry out the change that asked for it"
	WhyAllowed = "the endpoint is as it was found, but no rule forbids it any more"
	WhyClosed  = "the guardrail's own update had closed it before the rules came to allow what was there"
	WhyDeleted = "the cluster was deleted"
	// WhyUnconfirmed: the guardrail changed it, and EKS does not tell how that ended.
	WhyUnconfirmed = "the cluster is as the guardrail asked for, and EKS does not let the update be read"
	WhyUnclear     = "it was put right, and whether by the guardrail's own call or by somebody else's is not known: what came of that call was not told"
)
