// Package verdict judges a cluster's endpoint access against the policy and
// decides what it should be instead. It is pure: no clock, no logger, no AWS
// SDK, no context, no error.
package verdict

import (
	"net/netip"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// Outcome is what one look at a cluster comes to.
type Outcome string

// The outcomes of Judge.
const (
	Compliant  Outcome = "compliant"
	OutOfScope Outcome = "out-of-scope"
	Exempt     Outcome = "exempt" // violated, and every violated rule is waived
	Violation  Outcome = "violation"
)

// Verdict is what the policy says about one cluster at one time.
type Verdict struct {
	Cluster endpoint.Cluster
	Outcome Outcome
	Why     string        // why a cluster is out of scope
	Rules   []RuleVerdict // every rule that matches, in the order of the document
}

// RuleVerdict is what one rule says.
type RuleVerdict struct {
	Rule      policy.Rule
	Violated  bool
	Reasons   []Reason          // why it is violated
	Exemption *policy.Exemption // waives the rule now, violated or not; nil if none
	// Response is the response in force now. It is alert, whatever the rule
	// says, while something holds it back; Held says what.
	Response   policy.Response
	Held       string
	GraceUntil time.Time // when the grace of a new cluster ends; zero if it isn't in it
}

// ReasonKind names a way to violate a rule.
type ReasonKind string

// The ways to violate a rule.
const (
	PrivateOff        ReasonKind = "private-off"
	PublicOn          ReasonKind = "public-on"
	OutsideAllowed    ReasonKind = "outside-allowed"
	TooWide           ReasonKind = "too-wide"
	FamilyNotAdmitted ReasonKind = "family-not-admitted"
)

// Reason is one thing that a rule finds wrong.
type Reason struct {
	Kind  ReasonKind
	Text  string         // a short sentence with the blocks and numbers named
	CIDRs []netip.Prefix // the offending ones of the list, as written
}

// Violations returns the rules that are violated and not waived.
func (v Verdict) Violations() []RuleVerdict {
	var out []RuleVerdict
	for i := range v.Rules {
		if r := &v.Rules[i]; r.Violated && r.Exemption == nil {
			if out == nil {
				out = make([]RuleVerdict, 0, len(v.Rules)-i)
			}
			out = append(out, *r)
		}
	}
	return out
}

// Enforcing reports whether the response in force of some violation changes the
// cluster.
func (v Verdict) Enforcing() bool {
	for i := range v.Rules {
		if r := &v.Rules[i]; r.Violated && r.enforced() {
			return true
		}
	}
	return false
}

// NextChange returns when the earliest grace of a violation ends, zero if none
// is held by grace: the time to look again.
func (v Verdict) NextChange() time.Time {
	var next time.Time
	for i := range v.Rules {
		r := &v.Rules[i]
		if !r.Violated || r.Exemption != nil || r.GraceUntil.IsZero() {
			continue
		}
		if next.IsZero() || r.GraceUntil.Before(next) {
			next = r.GraceUntil
		}
	}
	return next
}

// enforced reports whether the rule has a say in what the cluster is changed to.
func (r *RuleVerdict) enforced() bool {
	return r.Exemption == nil && r.Response.Enforcing()
}

// Action is what Decide comes to.
type Action string

// The actions.
const (
	None        Action = "none"         // nothing is violated
	Alert       Action = "alert"        // only rules that alert are violated
	NeedNetwork Action = "need-network" // facts on the network must be read first
	Apply       Action = "apply"        // bring the cluster to Desired
	Blocked     Action = "blocked"      // nothing can be done safely
)

// Decision is what to do about a verdict.
type Decision struct {
	Action Action
	// Desired is the whole access to bring the cluster to; for every action
	// but Apply it is the access as it is now.
	Desired  endpoint.Access
	Reverted bool           // Desired is the configuration right before the incident
	Opened   []netip.Prefix // what Desired opens that isn't open now; only a revert does
	Dropped  []netip.Prefix // the blocks of the list now that Desired drops or cuts
	Losses   []Loss         // why: for each of Dropped, and for each piece of a cut one that is not in Desired
	Kept     []string       // what a lockout check kept from being done, and what to fix
	Missing  []Gap          // the facts on the network that block or warn
	Warnings []string       // what may break once Desired is in force
	Left     []RuleVerdict  // what is still violated once Desired is in force, with its reasons then
}

// Loss is a block that Desired doesn't let in, and why.
type Loss struct {
	CIDR netip.Prefix `json:"cidr"`
	Why  LossReason   `json:"why"`
}

// LossReason is why a block is not in Desired.
type LossReason string

// The reasons. A block that reaches beyond what is allowed is not allowed; the
// pieces of it that are may be too wide, or over the limit.
const (
	LossNotAllowed LossReason = "not-allowed"
	LossTooWide    LossReason = "too-wide"
	LossOverLimit  LossReason = "over-the-limit" // of endpoint.MaxCIDRs
	LossReverted   LossReason = "reverted"       // allowed, and not open right before the incident
)

// Gap is a fact on the network that a private endpoint needs and that is not so, or
// not known to be so.
type Gap struct {
	Name string        // in AWS's terms: enableDnsSupport
	Fact endpoint.Fact // No or Unknown
	Fix  string        // what to do about it
}
