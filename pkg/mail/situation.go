package mail

import (
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// situation is what a mail about an incident tells. The subject, the headline, the answer
// to "is it open now?" and what there is to do are chosen by it, and by whether nothing is
// wrong but private access.
type situation int

const (
	// What was found.
	beingOpened    situation = iota // somebody has asked EKS for it
	creating                        // the cluster is being created so
	creatingGraced                  // the same, and the policy forbids it once the cluster is no longer new
	creatingLater                   // the same, and the policy forbids it by now, but acts only then
	found                           // it is so
	foundHeld                       // it is so, and the brake holds the guardrail back

	// What can't be settled.
	stuck
	stuckRefused // AWS refuses the guardrail what it needs

	// What was changed.
	enforcedClosed    // public access is off
	enforcedNarrowed  // public access is on, for fewer
	partlyEnforced    // a rule that only alerts is still broken
	partlyHeld        // public access stays as it is, so that no node is cut off
	tugOfWar          // it was changed back as so often
	tugOfWarPartly    // the same, and a rule that only alerts is still broken
	violation         // nothing was changed, and nothing will be
	violationGraced   // nothing was changed before the cluster is no longer new; until then it is no violation
	violationLater    // the same, and the policy forbids it by now
	blocked           // nothing was changed, so that no node is cut off
	failed            // EKS failed every change
	undone            // somebody else put it right
	undoneUnclear     // it was put right, by the guardrail or somebody else
	unconfirmedClosed // it was put right, and EKS does not confirm it
	unconfirmedNarrowed
	neverOpened // EKS did not carry out what somebody asked for
	clusterGone
	allowed     // it is as it was found, and no rule forbids it any more
	allowedElse // it is otherwise by now, and no rule forbids it

	situations // their number
)

// classify says what a notice about an incident tells, on time and worded as putRight
// has it.
func classify(n incident.Notice) situation {
	switch n.Kind {
	case incident.NoticeOutcome:
		return classifyOutcome(n)
	case incident.NoticeStuck:
		if n.Record.Incident.Obstacle != "" {
			return stuckRefused
		}
		return stuck
	default:
		return classifyDetected(n)
	}
}

func classifyDetected(n incident.Notice) situation {
	i, graced := n.Record.Incident, !graceEnd(n).IsZero()
	switch {
	case i.Asked != nil:
		return beingOpened
	case i.Status == endpoint.StatusCreating && graced && forbidden(n):
		return creatingLater
	case i.Status == endpoint.StatusCreating && graced:
		return creatingGraced
	case i.Status == endpoint.StatusCreating:
		return creating
	case !i.HeldSince.IsZero():
		return foundHeld
	default:
		return found
	}
}

func classifyOutcome(n incident.Notice) situation {
	i, f := n.Record.Incident, n.Record.Incident.Final
	switch f.Outcome {
	case incident.Enforced, incident.PartlyEnforced:
		return classifyEnforced(i)
	case incident.Blocked:
		return blocked
	case incident.Failed:
		return failed
	case incident.AlreadyUndone:
		return classifyUndone(f)
	case incident.Gone:
		return clusterGone
	case incident.Compliant, incident.Exempt, incident.OutOfScope:
		if sameReach(f.Now, i.Violating(), i.Family) {
			return allowed
		}
		return allowedElse
	default:
		return classifyViolation(n)
	}
}

// classifyViolation tells what is left as it is, by what the policy has planned for it.
func classifyViolation(n incident.Notice) situation {
	switch graced := !graceEnd(n).IsZero(); {
	case graced && forbidden(n):
		return violationLater
	case graced:
		return violationGraced
	default:
		return violation
	}
}

func classifyEnforced(i *incident.Incident) situation {
	f := i.Final
	partly := f.Outcome == incident.PartlyEnforced
	switch {
	case f.Tug != nil && partly:
		return tugOfWarPartly
	case f.Tug != nil:
		return tugOfWar
	case partly && held(i):
		return partlyHeld
	case partly:
		return partlyEnforced
	case f.Now.Public:
		return enforcedNarrowed
	default:
		return enforcedClosed
	}
}

func classifyUndone(f *incident.Final) situation {
	switch f.Why {
	case incident.WhyNotDone:
		return neverOpened
	case incident.WhyUnclear:
		return undoneUnclear
	case incident.WhyUnconfirmed:
		if f.Now.Public {
			return unconfirmedNarrowed
		}
		return unconfirmedClosed
	default:
		return undone
	}
}

// forbidden reports whether a rule without a grace forbids what a mail is about.
func forbidden(n incident.Notice) bool {
	return slices.ContainsFunc(rules(n), func(r incident.RuleNote) bool { return r.HeldUntil.IsZero() })
}

// stands reports whether the violation is still there, or not known to be gone.
func stands(n incident.Notice) bool {
	if n.Late.Over() {
		return false
	}
	f := n.Record.Incident.Final
	if n.Kind != incident.NoticeOutcome || f == nil {
		return true
	}
	switch f.Outcome {
	case incident.Violation, incident.Blocked, incident.Failed, incident.PartlyEnforced, incident.Stuck:
		return true
	default:
		return false
	}
}

// admitted reports whether what was found is still there, and the policy does not
// forbid it any more.
func admitted(n incident.Notice) bool {
	f := n.Record.Incident.Final
	if n.Kind != incident.NoticeOutcome || f == nil || unsure(f) || f.Why == incident.WhyClosed {
		return false
	}
	switch f.Outcome {
	case incident.Compliant, incident.Exempt, incident.OutOfScope:
		return true
	default:
		return false
	}
}

// access is what the mail is about: what is, or what will be once EKS has done
// what it was asked for.
func access(n incident.Notice) endpoint.Access {
	i := n.Record.Incident
	if n.Kind == incident.NoticeOutcome && i.Final != nil {
		return i.Final.Now
	}
	return i.Violating()
}

// happened reports whether the access that made the incident was ever in force.
func happened(i *incident.Incident) bool {
	return i.Final == nil || i.Final.Why != incident.WhyNotDone
}

// putRight is a notice as its mail words it: of a cluster that was put right, as one
// that somebody put right, also where nobody can know who; of one that the guardrail
// closed, as closed, also where the rules would leave it open by now.
func putRight(n incident.Notice) incident.Notice {
	if n.Kind != incident.NoticeOutcome {
		return n
	}
	i, f := *n.Record.Incident, *n.Record.Incident.Final
	switch f.Why {
	case incident.WhyUnclear, incident.WhyUnconfirmed:
		f.Outcome = incident.AlreadyUndone
	case incident.WhyClosed:
		f.Outcome = incident.Enforced
	default:
		return n
	}
	i.Final = &f
	n.Record.Incident = &i
	return n
}

// unsure reports whether a cluster was put right, and EKS does not tell by what.
func unsure(f *incident.Final) bool {
	return f.Why == incident.WhyUnclear || f.Why == incident.WhyUnconfirmed
}

// onlyInside reports whether nothing is wrong but private access: nothing is
// open to more than the policy admits.
func onlyInside(n incident.Notice) bool {
	f := n.Record.Incident.Family
	a := n.Record.Incident.Violating()
	if stands(n) {
		a = access(n)
	}
	notes := rules(n)
	return len(notes) > 0 && !slices.ContainsFunc(notes, func(r incident.RuleNote) bool { return open(a, f, r) != inside })
}

// rules are the rules that the mail is about: those that stay broken, else
// those that were.
func rules(n incident.Notice) []incident.RuleNote {
	if i := n.Record.Incident; stands(n) && i.Final != nil && len(i.Final.Left) > 0 {
		return i.Final.Left
	}
	return n.Record.Incident.Rules
}

// held reports whether a lockout check keeps the endpoint as it is, so that nodes
// are not cut off.
func held(i *incident.Incident) bool { return i.Final != nil && len(i.Final.Kept) > 0 }

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

// graceEnd is when the guardrail acts by itself on a violation that it only tells
// of now, since the cluster is new; zero for any other.
func graceEnd(n incident.Notice) time.Time {
	if p := planOf(n); p != nil && p.Action == incident.PlanChange && stands(n) {
		return p.At
	}
	return time.Time{}
}

// plan is what will be done, empty when nothing is known to be.
func (w *writer) plan() incident.Plan {
	if p := planOf(w.n); p != nil {
		return *p
	}
	return incident.Plan{}
}
