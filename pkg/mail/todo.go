package mail

import (
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// todo says what the reader has to do.
func (w *writer) todo() string {
	i, f := w.i, w.i.Final
	status, graced := string(i.Status), graceEnd(w.n)
	hand := w.HandClose
	if onlyInside(w.n) {
		hand = w.HandSwitch
	}
	switch {
	case w.n.Kind == incident.NoticeStuck && i.Obstacle != "":
		return w.DoAllow
	case w.n.Kind == incident.NoticeStuck && i.Status == endpoint.StatusActive:
		return w.DoLookActive
	case w.n.Kind == incident.NoticeStuck:
		return fill(w.DoLook, "status", status)
	case w.n.Kind != incident.NoticeOutcome:
		return w.announcement()
	case f.Tug != nil:
		return w.DoStopIt
	}
	switch f.Outcome {
	case incident.Enforced:
		switch {
		case f.Why == incident.WhyClosed:
			return w.DoReopen
		case onlyInside(w.n):
			return w.DoNothing
		}
		return w.DoAsk
	case incident.PartlyEnforced:
		if held(i) {
			return fill(w.DoFix, "fix", w.fix1(f.Missing))
		}
		return w.DoDecideLeft
	case incident.Blocked:
		return fill(w.DoFix, "fix", w.fix1(f.Missing))
	case incident.Failed:
		if code := w.eksCode(); code != "" {
			return fill(w.DoByHandWhy, "code", code, "hand", hand)
		}
		return fill(w.DoByHand, "hand", hand)
	case incident.Violation:
		switch {
		case !graced.IsZero() && len(planOf(w.n).Left) > 0:
			return fill(w.DoDecideRest, "hand", hand)
		case !graced.IsZero():
			return fill(w.DoDecideGrace, "at", stamp(graced), "hand", hand)
		}
		return fill(w.DoDecide, "hand", hand)
	case incident.AlreadyUndone, incident.Gone:
		switch {
		case !happened(i):
			return w.DoNothingEver
		case !onlyInside(w.n):
			return w.DoNothingGone
		}
	case incident.Compliant, incident.Exempt, incident.OutOfScope:
		what := w.allowedBy(w.ChangedPolicy, w.ChangedExempt, w.ChangedScope)
		if world(f.Now, i.Family) {
			return fill(w.DoCheckAllowed, "what", what)
		}
		return fill(w.DoMaybeCheck, "what", what)
	}
	return w.DoNothing
}

// announcement says what the reader of a discovery's mail has to do, and what will be
// done.
func (w *writer) announcement() string {
	i, p := w.i, planOf(w.n)
	hand := w.HandClose
	if onlyInside(w.n) {
		hand = w.HandSwitch
	}
	switch {
	case p == nil:
		return sentences(w.DoNothingYet, w.SecondMail)
	case p.Action == incident.PlanBlocked:
		return sentences(fill(w.DoFixFirst, "fix", w.fix1(p.Missing)), fill(w.WillNot, "cause", w.cause1(p.Missing)), w.SecondMail)
	case p.Action == incident.PlanNothing:
		return fill(w.DoDecideSoon, "status", string(i.Status))
	case !p.At.IsZero() && len(p.Left) > 0:
		return fill(w.DoDecideRest, "hand", hand)
	case !p.At.IsZero():
		return fill(w.DoDecideGrace, "at", stamp(p.At), "hand", hand)
	}
	do := w.DoNothingYet
	if len(p.Left) > 0 {
		do = w.DoSeeRest
	}
	if len(p.Missing) > 0 {
		do = fill(w.DoFixFirst, "fix", w.fix1(p.Missing))
	}
	what := w.change(p)
	switch {
	case i.Stage == incident.Updating:
		do = sentences(do, fill(w.HasAsked, "change", what))
	case !i.HeldSince.IsZero():
		when := w.HeldSometime
		if !i.HeldUntil.IsZero() {
			when = fill(w.HeldUntil, "at", stamp(i.HeldUntil))
		}
		do = fill(w.DoWaitHeld, "when", when, "hand", hand, "change", what)
	case i.Status == endpoint.StatusActive && len(i.Attempts) > 0:
		do = sentences(do, fill(w.WillRetry, "change", what))
	case i.Status == endpoint.StatusCreating:
		do = sentences(do, fill(w.WillAskNew, "change", what))
	default:
		do = sentences(do, fill(w.WillAsk, "status", string(i.Status), "change", what))
	}
	if rest := w.rest(p); rest != "" {
		do = sentences(do, rest)
	}
	return sentences(do, w.SecondMail)
}

// change says in a few words what EKS is asked for.
func (w *writer) change(p *incident.Plan) string {
	now, then := w.i.Violating(), p.Desired
	if then.Private && !now.Private && now.Public && then.Public && endpoint.Subset(now.Reachable(w.i.Family), then.Reachable(w.i.Family)) {
		return w.PrivateToo
	}
	return w.state(then, w.i.Family)
}

// rest says what of the violation a planned change leaves, and why; "" when it leaves
// none.
func (w *writer) rest(p *incident.Plan) string {
	switch {
	case len(p.Left) == 0:
		return ""
	case len(p.Missing) > 0:
		return fill(w.RestHeld, "cause", w.cause1(p.Missing))
	default:
		return w.RestPlan
	}
}
