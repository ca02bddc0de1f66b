package mail

import (
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// stands tells whether the violation is still there, or not known to be gone.
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

// admitted tells whether what was found is still there, and the policy does not
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

// happened tells whether the access that made the incident was ever in force.
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

// onlyInside tells whether nothing is wrong but private access: nothing is
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

// held tells whether a lockout check keeps the endpoint as it is, so that nodes
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
