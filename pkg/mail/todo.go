package mail

import (
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// todo says what the reader has to do.
func (w *writer) todo() string {
	f := w.i.Final
	switch w.told {
	case beingOpened, creating, creatingGraced, creatingLater, found, foundHeld:
		return w.announcement()
	case stuckRefused:
		return w.DoAllow
	case stuck:
		if w.i.Status == endpoint.StatusActive {
			return w.DoLookActive
		}
		return fill(w.DoLook, "status", string(w.i.Status))
	case tugOfWar, tugOfWarPartly:
		return w.DoStopIt
	case enforcedClosed, enforcedNarrowed:
		return w.todoEnforced()
	case partlyEnforced:
		return w.DoDecideLeft
	case partlyHeld, blocked:
		return fill(w.DoFix, "fix", w.fix1(f.Missing))
	case failed:
		if code := w.eksCode(); code != "" {
			return fill(w.DoByHandWhy, "code", code, "hand", w.hand())
		}
		return fill(w.DoByHand, "hand", w.hand())
	case violation:
		return fill(w.DoDecide, "hand", w.hand())
	case violationGraced, violationLater:
		return w.todoGraced(planOf(w.n))
	case neverOpened:
		return w.DoNothingEver
	case allowed, allowedElse:
		what := w.allowedBy(w.ChangedPolicy, w.ChangedExempt, w.ChangedScope)
		if world(f.Now, w.i.Family) {
			return fill(w.DoCheckAllowed, "what", what)
		}
		return fill(w.DoMaybeCheck, "what", what)
	case undone, undoneUnclear, unconfirmedClosed, unconfirmedNarrowed, clusterGone:
		if !w.onlyInside {
			return w.DoNothingGone
		}
	default:
	}
	return w.DoNothing
}

// todoEnforced says what is to do where the guardrail has put it right.
func (w *writer) todoEnforced() string {
	switch {
	case w.i.Final.Why == incident.WhyClosed:
		return w.DoReopen
	case w.onlyInside:
		return w.DoNothing
	default:
		return w.DoAsk
	}
}

// todoGraced says what is to do before the guardrail carries out its plan.
func (w *writer) todoGraced(p *incident.Plan) string {
	if len(p.Left) > 0 {
		return fill(w.DoDecideRest, "hand", w.hand())
	}
	return fill(w.DoDecideGrace, "at", stamp(p.At), "hand", w.hand())
}

// hand is what can be done by hand.
func (w *writer) hand() string {
	if w.onlyInside {
		return w.HandSwitch
	}
	return w.HandClose
}

// announcement says what the reader of a discovery's mail has to do, and what will be
// done.
func (w *writer) announcement() string {
	i, p := w.i, planOf(w.n)
	switch {
	case p == nil:
		return sentences(w.DoNothingYet, w.SecondMail)
	case p.Action == incident.PlanBlocked:
		return sentences(fill(w.DoFixFirst, "fix", w.fix1(p.Missing)), fill(w.WillNot, "cause", w.cause1(p.Missing)), w.SecondMail)
	case p.Action == incident.PlanNothing:
		return fill(w.DoDecideSoon, "status", string(i.Status))
	case !p.At.IsZero():
		return w.todoGraced(p)
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
		do = fill(w.DoWaitHeld, "when", when, "hand", w.hand(), "change", what)
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
