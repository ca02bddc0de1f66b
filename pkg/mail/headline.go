package mail

import (
	"slices"
	"strconv"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/text"
)

// headline says in a sentence or two what the mail tells.
func (w *writer) headline() string {
	phrase := w.Headlines[w.told]
	if w.onlyInside && phrase.Inside != "" {
		head := fill(phrase.Inside, w.facts()...)
		if w.told == enforcedClosed || w.told == enforcedNarrowed {
			return w.withMeanwhile(head)
		}
		return head
	}
	head := fill(phrase.Open, w.facts()...)
	switch w.told {
	case creatingGraced, creatingLater, violationGraced, violationLater:
		return w.withRest(head)
	case tugOfWarPartly:
		return sentences(head, w.RestAlert)
	case enforcedClosed, enforcedNarrowed:
		return w.withMeanwhile(head)
	default:
		return head
	}
}

// facts are what a headline may name.
func (w *writer) facts() []string {
	i, f := w.i, w.i.Final
	out := []string{"cluster", text.CutMiddle(w.r.Name, 40), "whom", w.target(w.about()), "age", w.age(w.n.At.Sub(i.OpenedAt))}
	if at := graceEnd(w.n); !at.IsZero() {
		out = append(out, "at", stamp(at), "change", w.change(planOf(w.n)))
	}
	if w.n.Kind != incident.NoticeOutcome {
		return out
	}
	out = append(out, "now", w.state(f.Now, i.Family), "cause", w.cause1(f.Missing), "why", w.why())
	if f.Tug != nil {
		out = append(out, "often", w.often(*f.Tug))
	}
	return out
}

// about is the access that the headline names: what is open, else what was.
func (w *writer) about() endpoint.Access {
	i := w.i
	switch w.told {
	case partlyHeld, violation, violationGraced, violationLater, blocked, failed, allowed:
		return i.Final.Now
	case enforcedClosed, enforcedNarrowed, partlyEnforced, neverOpened:
		if len(i.Attempts) > 0 {
			return i.Attempts[0].From
		}
	default:
	}
	return i.Violating()
}

// withMeanwhile adds to the headline of what the guardrail closed that the rules have come
// to allow what was there before.
func (w *writer) withMeanwhile(head string) string {
	if w.i.Final.Why != incident.WhyClosed {
		return head
	}
	return sentences(head, fill(w.Meanwhile, "why", w.why()))
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
			return fill(w.EKSSays, "code", text.Clean(a.Errors[0].Code, 60), "message", text.Clean(a.Errors[0].Message, maxMessage))
		}
	}
	return w.EKSSilent
}

// eksCode is the code of that reason, "" when there is none.
func (w *writer) eksCode() string {
	for _, a := range slices.Backward(w.i.Attempts) {
		if len(a.Errors) > 0 {
			return text.Clean(a.Errors[0].Code, 60)
		}
	}
	return ""
}

// why says in a few words why the guardrail had nothing to change, or leaves it so.
func (w *writer) why() string {
	switch w.told {
	case undone, undoneUnclear, unconfirmedClosed, unconfirmedNarrowed:
		known := map[string]string{incident.WhyUndone: w.WhyUndone, incident.WhyDeleted: w.WhyDeleted, incident.WhyUnclear: w.WhyUnclear,
			incident.WhyUnconfirmed: w.WhyUnconfirmed}
		if why, ok := known[w.i.Final.Why]; ok {
			return why
		}
		return w.Unknown // no reason of ours: a record that somebody else wrote
	default:
		return w.allowedBy(w.WhyPolicy, w.WhyExempt, w.WhyNoRule)
	}
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
