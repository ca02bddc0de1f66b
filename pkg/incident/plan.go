package incident

import (
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// Plan is what will be done about a violation, as a mail announces it: what
// verdict.Decide says of the access that is asked for or found, of the VPC as it was
// read then, and of the rules as they will be once a grace is over.
type Plan struct {
	Action PlanAction `json:"action"`
	// At is when the grace of a rule ends and it will be done; zero for as soon as EKS
	// accepts a change.
	At time.Time `json:"at,omitzero"`
	// Desired is the access that will be asked for; that of the violation where none will.
	Desired endpoint.Access `json:"desired"`
	// Left are the rules that will be violated all the same.
	Left []RuleNote `json:"left,omitempty"`
	// Missing is what the VPC lacks, or is not known to have, for more to be safe.
	Missing []Gap `json:"missing,omitempty"`
}

// PlanAction is what a plan comes to.
type PlanAction string

// What a plan comes to.
const (
	PlanChange  PlanAction = "change"  // EKS will be asked for Desired
	PlanBlocked PlanAction = "blocked" // nothing, or nodes could be cut off
	PlanNothing PlanAction = "nothing" // no rule asks for more than to tell
)

// announce asks for the mail of the incident's discovery, which tells what will be done.
func (t *evaluation) announce() Step {
	i := t.Incident
	if i.Plan = t.plan(t.judge(i.Opening)); i.Plan == nil {
		return Read{Network: true}
	}
	if b := i.Blocker; b != nil {
		i.NamedBlocker = b.UpdateID
	}
	return t.tell(NoticeDetected)
}

// plan returns what will be done about a verdict, nil when the network must be read to
// know.
func (t *evaluation) plan(v verdict.Verdict) *Plan {
	p := &Plan{Action: PlanNothing, Desired: v.Cluster.Access, Left: notes(v.Violations())}
	if end := graceEnd(v); !end.IsZero() && !v.Enforcing() {
		v, p.At = verdict.Judge(t.in.Policy, v.Cluster, end), end
	}
	switch d := verdict.Decide(v, t.rightBefore(v, time.Time{}).access(), t.in.Network); d.Action {
	case verdict.NeedNetwork:
		return nil
	case verdict.Blocked:
		p.Action, p.Missing = PlanBlocked, t.missing(d.Missing)
	case verdict.Apply:
		p.Action, p.Desired, p.Left = PlanChange, d.Desired, notes(d.Left)
		if len(d.Kept) > 0 {
			p.Missing = t.missing(d.Missing)
		}
	case verdict.None, verdict.Alert: // nothing is changed
	}
	return p
}

// graceEnd is when the first grace of a violated rule ends, zero if none has one.
func graceEnd(v verdict.Verdict) time.Time {
	var end time.Time
	for _, rule := range v.Violations() {
		if u := rule.GraceUntil; !u.IsZero() && (end.IsZero() || u.Before(end)) {
			end = u
		}
	}
	return end
}
