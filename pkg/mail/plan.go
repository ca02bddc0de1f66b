package mail

import (
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// planOf is what will be done about what the mail tells, nil when nothing is known to be.
func planOf(n incident.Notice) *incident.Plan {
	i := n.Record.Incident
	switch {
	case n.Kind == incident.NoticeLeft || i == nil:
		return nil
	case n.Kind == incident.NoticeOutcome && i.Final != nil:
		return i.Final.Plan
	default:
		return i.Plan
	}
}

// plan is what will be done, empty when nothing is known to be.
func (w *writer) plan() incident.Plan {
	if p := planOf(w.n); p != nil {
		return *p
	}
	return incident.Plan{}
}

// graceEnd is when the guardrail acts by itself on a violation that it only tells
// of now, since the cluster is new; zero for any other.
func graceEnd(n incident.Notice) time.Time {
	if p := planOf(n); p != nil && p.Action == incident.PlanChange && stands(n) {
		return p.At
	}
	return time.Time{}
}

// fixing is what the subject calls a change that is planned: "being closed". One
// that is not known is called the least that it can be.
func fixing(p *incident.Plan) string {
	switch {
	case p == nil || len(p.Left) > 0:
		return "partly fixed"
	case p.Desired.Public:
		return "fixed"
	default:
		return "closed"
	}
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

// takenBack says that what an earlier mail announced is not what was done, and why; ""
// when it is, and where the outcome itself says why.
func (w *writer) takenBack() string {
	i := w.i
	if w.n.Kind != incident.NoticeOutcome || i.Plan == nil || i.DetectedMailed.IsZero() || i.Retry > 0 {
		return ""
	}
	p, f, why := i.Plan, i.Final, w.SinceChanged
	switch f.Outcome {
	case incident.Enforced, incident.PartlyEnforced:
		if p.Action == incident.PlanChange && sameReach(p.Desired, f.Now, i.Family) && (len(p.Left) == 0) == (f.Outcome == incident.Enforced) {
			return ""
		}
		if len(f.Kept) > 0 && len(p.Missing) == 0 {
			why = w.SinceNetwork
		}
	case incident.Violation:
		if p.Action == incident.PlanNothing || !p.At.IsZero() {
			return ""
		}
		if f.Alerting {
			why = w.SinceAlerting
		}
	case incident.Blocked:
		if p.Action == incident.PlanBlocked {
			return ""
		}
		why = w.SinceNetwork
	default:
		return ""
	}
	announced := w.NoChange
	if p.Action == incident.PlanChange {
		announced = w.change(p)
	}
	return fill(w.TakenBack, "at", stamp(i.DetectedMailed), "change", announced, "why", why)
}

// sameReach reports whether two accesses let the same in.
func sameReach(a, b endpoint.Access, f endpoint.Family) bool {
	x, y := a.Reachable(f), b.Reachable(f)
	return a.Private == b.Private && a.Public == b.Public && endpoint.Subset(x, y) && endpoint.Subset(y, x)
}

// withRest adds to a headline that announces a change what it will leave.
func (w *writer) withRest(head string) string {
	if rest := w.rest(planOf(w.n)); rest != "" {
		return sentences(head, rest)
	}
	return head
}

// byItself is what the subject says of a change that comes with the end of a grace.
func byItself(n incident.Notice) string {
	at, p := hour(graceEnd(n), n.At), planOf(n)
	switch what := fixing(p); what {
	case "closed":
		return "closes itself " + at
	case "fixed":
		return "fixes itself " + at
	default:
		return "to be " + what + " " + at
	}
}

// later chooses what a headline says of a change that comes with the end of a grace:
// that the policy forbids it from then on, or, if a rule without a grace does, now.
func (w *writer) later(fromThen, now string) string {
	if slices.ContainsFunc(rules(w.n), func(r incident.RuleNote) bool { return r.HeldUntil.IsZero() }) {
		return now
	}
	return fromThen
}

// blocker is the update that keeps EKS from accepting a change, nil when the mail is about
// none.
func (w *writer) blocker() *incident.Blocker {
	if w.n.Kind == incident.NoticeOutcome || w.refused() != "" || w.n.Late.Over() {
		return nil
	}
	return w.i.Blocker
}

// refused is what AWS refuses the guardrail, in its own words, for a mail that says stuck;
// "" for nothing.
func (w *writer) refused() string {
	if w.n.Kind != incident.NoticeStuck {
		return ""
	}
	return foreign(w.i.Obstacle, 300)
}

// heldUpBy says in one line what AWS refuses, or which update keeps EKS from accepting a
// change, "" when nothing is known to.
func (w *writer) heldUpBy() string {
	if refused := w.refused(); refused != "" {
		return refused
	}
	b := w.blocker()
	if b == nil {
		return ""
	}
	who := w.HeldUpUnknown
	if b.By != nil {
		who = w.actor(*b.By)
	}
	line := fill(w.HeldUpLine, "type", foreign(b.Type, 60), "update", foreign(b.UpdateID, 60), "since", stamp(b.Since), "who", who)
	if b.Type == incident.VersionRollback {
		line = sentences(line+".", w.Rollback)
	}
	return line
}

// cancel writes the command that ends the update that keeps EKS from accepting a change,
// for the one kind that can be ended.
func (w *writer) cancel() {
	b := w.blocker()
	if b == nil || b.Type != incident.VersionRollback {
		return
	}
	if command := cancelCommand(w.r.Region, w.r.Name, b.UpdateID); command != nil {
		w.heading(w.Cancel)
		w.inside(sentences(w.CancelWhy, fill(w.Credentials, "account", w.account(w.r.Account))))
		w.WriteString("\n")
		w.block(command)
	}
}
