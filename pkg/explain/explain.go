// Package explain says in words and in JSON what the policy makes of a cluster
// and what would be done about it now. Judge and Decide say it; this package
// decides nothing. It is pure: no clock, no logger, no AWS SDK.
package explain

import (
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// Outcome is what would become of a cluster now.
type Outcome string

// The outcomes.
const (
	Compliant    Outcome = "compliant"
	OutOfScope   Outcome = "out-of-scope"
	Exempt       Outcome = "exempt"
	Violation    Outcome = "violation"     // only rules that alert now are violated
	WouldEnforce Outcome = "would-enforce" // the cluster would be changed
	Blocked      Outcome = "blocked"       // it should be, and no change is safe
)

// Outcomes are all outcomes, in the order of their gravity.
func Outcomes() []Outcome {
	return []Outcome{Compliant, OutOfScope, Exempt, Violation, WouldEnforce, Blocked}
}

// Finding reports whether something about the cluster breaks the policy.
func (o Outcome) Finding() bool {
	return o == Violation || o == WouldEnforce || o == Blocked
}

// Answer is what the policy makes of one cluster.
type Answer struct {
	Outcome  Outcome
	Verdict  verdict.Verdict
	Decision verdict.Decision
}

// NeedsNetwork reports whether Decide asks for the facts on the VPC, that is
// whether they must be read before Of is asked.
func NeedsNetwork(p *policy.Policy, c endpoint.Cluster, before *endpoint.Access, at time.Time) bool {
	return verdict.Decide(verdict.Judge(p, c, at), before, endpoint.Network{}).Action == verdict.NeedNetwork
}

// Of judges the cluster at the time and decides what would be done. Before is
// its access right before, nil if it isn't known. A network that was not read
// counts as read without anything being learnt. A cluster that is being deleted
// is left alone, as the function does.
func Of(p *policy.Policy, c endpoint.Cluster, before *endpoint.Access, net endpoint.Network, at time.Time) Answer {
	if c.Status == endpoint.StatusDeleting {
		return Answer{Outcome: OutOfScope, Verdict: verdict.Verdict{Cluster: c, Outcome: verdict.OutOfScope, Why: "the cluster is being deleted"}}
	}
	net.Read = true
	v := verdict.Judge(p, c, at)
	d := verdict.Decide(v, before, net)
	a := Answer{Outcome: Outcome(v.Outcome), Verdict: v, Decision: d}
	switch d.Action {
	case verdict.Apply:
		a.Outcome = WouldEnforce
	case verdict.Blocked:
		a.Outcome = Blocked
	case verdict.None, verdict.Alert, verdict.NeedNetwork: // nothing would be done
	}
	return a
}

// Desired is the access that the cluster would be brought to, nil when nothing
// would be changed.
func (a Answer) Desired() *endpoint.Access {
	if a.Decision.Action != verdict.Apply {
		return nil
	}
	return &a.Decision.Desired
}

// Violated are the names of the rules that are violated, waived ones too, in the
// order of the document; never nil.
func (a Answer) Violated() []string {
	out := []string{}
	for i := range a.Verdict.Rules {
		if a.Verdict.Rules[i].Violated {
			out = append(out, a.Verdict.Rules[i].Rule.Name)
		}
	}
	return out
}

// RuleOutcome is what would become of a rule of the verdict now: Compliant;
// Exempt for a violation that is waived; WouldEnforce for one that the change ends,
// whichever rule asks for the change. The others stay: Violation if the rule only
// alerts now, Blocked if no change that ends it is safe.
func (a Answer) RuleOutcome(r *verdict.RuleVerdict) Outcome {
	stays := func(left verdict.RuleVerdict) bool { return left.Rule.Name == r.Rule.Name }
	switch {
	case !r.Violated:
		return Compliant
	case r.Exemption != nil:
		return Exempt
	case a.Outcome == WouldEnforce && !slices.ContainsFunc(a.Decision.Left, stays):
		return WouldEnforce
	case r.Response.Enforcing():
		return Blocked
	default:
		return Violation
	}
}

// JSON is the form of an answer for programs.
type JSON struct {
	Outcome Outcome          `json:"outcome"`
	Why     string           `json:"why,omitempty"` // where the rules don't tell it
	Rules   []RuleJSON       `json:"rules"`         // that match the cluster
	Desired *endpoint.Access `json:"desired"`       // null when nothing would change
	// Dropped is what the desired access doesn't let in, and why: not-allowed,
	// too-wide, over-the-limit; or reverted, for what is allowed and was not open
	// right before.
	Dropped []verdict.Loss `json:"dropped"`
}

// RuleJSON is one rule of an answer.
type RuleJSON struct {
	Name     string   `json:"name"`
	Violated bool     `json:"violated"`
	Outcome  Outcome  `json:"outcome"` // see RuleOutcome
	Reasons  []string `json:"reasons"`
}

// JSON returns a's form for programs; its lists are never null.
func (a Answer) JSON() JSON {
	out := JSON{Outcome: a.Outcome, Why: a.Verdict.Why, Rules: []RuleJSON{}, Desired: a.Desired(), Dropped: []verdict.Loss{}}
	out.Dropped = append(out.Dropped, a.Decision.Losses...)
	for i := range a.Verdict.Rules {
		r := &a.Verdict.Rules[i]
		rule := RuleJSON{Name: r.Rule.Name, Violated: r.Violated, Outcome: a.RuleOutcome(r), Reasons: []string{}}
		for _, reason := range r.Reasons {
			rule.Reasons = append(rule.Reasons, reason.Text)
		}
		out.Rules = append(out.Rules, rule)
	}
	return out
}
