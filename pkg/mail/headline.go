package mail

import (
	"slices"
	"strconv"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

func (w *writer) headline() string {
	i, f := w.i, w.i.Final
	say := func(phrase string, more ...string) string {
		return fill(phrase, append([]string{"cluster", shorten(w.r.Name, 40)}, more...)...)
	}
	inside := onlyInside(w.n)
	graced := graceEnd(w.n)
	switch w.n.Kind {
	case incident.NoticeStuck:
		if i.Obstacle != "" {
			return say(w.IsStuckRefused, "age", w.age(w.n.At.Sub(i.OpenedAt)))
		}
		return say(w.IsStuck, "age", w.age(w.n.At.Sub(i.OpenedAt)), "whom", w.target(i.Violating()))
	case incident.NoticeOutcome:
	default:
		switch {
		case inside && i.Asked != nil:
			return say(w.LosingInside)
		case inside:
			return say(w.FoundInside)
		case i.Asked != nil:
			return say(w.Asked, "whom", w.target(*i.Asked))
		case i.Status == endpoint.StatusCreating && !graced.IsZero():
			return w.withRest(say(w.later(w.CreatingGraced, w.CreatingLater), "whom", w.target(i.Opening), "at", stamp(graced), "change", w.change(planOf(w.n))))
		case i.Status == endpoint.StatusCreating:
			return say(w.Creating, "whom", w.target(i.Opening))
		case !i.HeldSince.IsZero():
			return say(w.FoundHeld, "whom", w.target(i.Opening))
		default:
			return say(w.Found, "whom", w.target(i.Opening))
		}
	}
	was := i.Violating()
	if len(i.Attempts) > 0 {
		was = i.Attempts[0].From
	}
	now := w.state(f.Now, i.Family)
	switch f.Outcome {
	case incident.Enforced, incident.PartlyEnforced:
		if f.Tug != nil {
			head := say(w.TugOfWar, "often", w.often(*f.Tug), "now", now)
			if f.Outcome == incident.PartlyEnforced {
				head = sentences(head, w.RestAlert)
			}
			return head
		}
		switch {
		case f.Outcome == incident.PartlyEnforced && held(i):
			return say(w.PartlyHeld, "whom", w.target(f.Now), "cause", w.cause1(f.Missing))
		case f.Outcome == incident.PartlyEnforced:
			return say(w.Partly, "whom", w.target(was), "now", now)
		case inside:
			return w.withMeanwhile(say(w.FixedInside, "now", now))
		case f.Now.Public:
			return w.withMeanwhile(say(w.Fixed, "whom", w.target(was), "now", now))
		default:
			return w.withMeanwhile(say(w.Closed, "whom", w.target(was), "now", now))
		}
	case incident.Violation, incident.Blocked, incident.Failed:
		if inside {
			return say(w.StillInside)
		}
		switch {
		case f.Outcome == incident.Blocked:
			return say(w.Blocked, "whom", w.target(f.Now), "cause", w.cause1(f.Missing))
		case f.Outcome == incident.Failed:
			return say(w.Failed, "whom", w.target(f.Now))
		case !graced.IsZero():
			return w.withRest(say(w.later(w.ViolationGraced, w.ViolationLater), "whom", w.target(f.Now), "at", stamp(graced), "change", w.change(planOf(w.n))))
		default:
			return say(w.Violation, "whom", w.target(f.Now))
		}
	case incident.AlreadyUndone:
		switch {
		case !happened(i) && inside:
			return say(w.NeverInside, "now", now)
		case !happened(i):
			return say(w.NeverOpened, "whom", w.target(was), "now", now)
		default:
			return say(w.Undone, "why", w.why(), "now", now)
		}
	case incident.Gone:
		return say(w.GoneMeanwhile)
	default:
		why := w.allowedBy(w.WhyPolicy, w.WhyExempt, w.WhyNoRule)
		if !sameReach(f.Now, i.Violating(), i.Family) {
			return say(w.AllowedElse, "now", now, "why", why)
		}
		if inside {
			return say(w.AllowedInside, "why", why)
		}
		return say(w.Allowed, "whom", w.target(f.Now), "why", why)
	}
}

// withMeanwhile adds to the headline of what the guardrail closed that the rules have come
// to allow what was there before.
func (w *writer) withMeanwhile(head string) string {
	if w.i.Final.Why != incident.WhyClosed {
		return head
	}
	return sentences(head, fill(w.Meanwhile, "why", w.allowedBy(w.WhyPolicy, w.WhyExempt, w.WhyNoRule)))
}

// allowedBy chooses by what the policy says now of what was found.
func (w *writer) allowedBy(compliant, exempt, outOfScope string) string {
	switch w.verdict {
	case incident.Exempt:
		return exempt
	case incident.OutOfScope:
		return outOfScope
	default:
		return compliant
	}
}

// eksReason is why EKS failed every update, in its own words; "" for any other mail.
func (w *writer) eksReason() string {
	if w.n.Kind != incident.NoticeOutcome || w.i.Final.Outcome != incident.Failed {
		return ""
	}
	for _, a := range slices.Backward(w.i.Attempts) {
		if len(a.Errors) > 0 {
			return fill(w.EKSSays, "code", foreign(a.Errors[0].Code, 60), "message", foreign(a.Errors[0].Message, maxMessage))
		}
	}
	return w.EKSSilent
}

// eksCode is the code of that reason, "" when there is none.
func (w *writer) eksCode() string {
	for _, a := range slices.Backward(w.i.Attempts) {
		if len(a.Errors) > 0 {
			return foreign(a.Errors[0].Code, 60)
		}
	}
	return ""
}

func (w *writer) why() string {
	known := map[string]string{incident.WhyUndone: w.WhyUndone, incident.WhyDeleted: w.WhyDeleted, incident.WhyUnclear: w.WhyUnclear,
		incident.WhyUnconfirmed: w.WhyUnconfirmed}
	if why, ok := known[w.i.Final.Why]; ok {
		return why
	}
	return w.Unknown // no reason of ours: a record that somebody else wrote
}

// often says how often, in words.
func (t *phrases) often(war incident.TugOfWar) string {
	var words []string
	if war.InAnHour > 1 {
		words = append(words, fill(t.TugPerHour, "n", strconv.Itoa(war.InAnHour)))
	}
	if war.Days > 1 || len(words) == 0 {
		words = append(words, fill(t.TugPerDays, "n", strconv.Itoa(war.Days)))
	}
	return strings.Join(words, t.TugAnd)
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

// withRest adds to a headline that announces a change what it will leave.
func (w *writer) withRest(head string) string {
	if rest := w.rest(planOf(w.n)); rest != "" {
		return sentences(head, rest)
	}
	return head
}

// later chooses what a headline says of a change that comes with the end of a grace:
// that the policy forbids it from then on, or, if a rule without a grace does, now.
func (w *writer) later(fromThen, now string) string {
	if slices.ContainsFunc(rules(w.n), func(r incident.RuleNote) bool { return r.HeldUntil.IsZero() }) {
		return now
	}
	return fromThen
}
