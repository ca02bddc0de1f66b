package mail

import (
	"slices"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// Severity is how bad it is that a mail tells of.
type Severity string

// The severities.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
)

// exposure is what of a violation is open when its mail is written.
type exposure int

const (
	closed    exposure = iota // nothing is, and never was to the whole internet
	wasWorld                  // nothing is any more; the whole internet could reach it
	inside                    // only private access is off: node traffic leaves the VPC
	someOpen                  // to more than a rule admits
	worldOpen                 // to the whole internet, against a rule
	exposures                 // their number
)

// severities is the whole of it: what is open, against what kind of rule.
var severities = [exposures]struct{ enforcing, alert Severity }{
	worldOpen: {Critical, High},
	someOpen:  {High, Medium},
	inside:    {Medium, Low},
	wasWorld:  {Medium, Medium},
	closed:    {Low, Low},
}

var ranks = []Severity{Low, Medium, High, Critical}

// worse returns the worse of two severities.
func worse(a, b Severity) Severity {
	if slices.Index(ranks, b) > slices.Index(ranks, a) {
		return b
	}
	return a
}

// severityOf is the severity of rules that an access breaks: that of the worst.
func severityOf(a endpoint.Access, f endpoint.Family, rules []incident.RuleNote) Severity {
	out := Low
	for _, rule := range rules {
		s := severities[open(a, f, rule)]
		if rule.Respond.Enforcing() {
			out = worse(out, s.enforcing)
		} else {
			out = worse(out, s.alert)
		}
	}
	return out
}

// open is what a rule finds open.
func open(a endpoint.Access, f endpoint.Family, rule incident.RuleNote) exposure {
	switch {
	case !a.Public, len(rule.Found) > 0 && !slices.ContainsFunc(rule.Found, func(x incident.Finding) bool { return x.Kind != verdict.PrivateOff }):
		return inside
	case world(a, f):
		return worldOpen
	default:
		return someOpen
	}
}

// world reports whether every address of a family may reach the endpoint.
func world(a endpoint.Access, f endpoint.Family) bool { return a.World(f) }

// severity is that of an incident's mail.
func severity(n incident.Notice) Severity {
	i := n.Record.Incident
	a := access(n)
	switch l := n.Late; {
	case l != nil && l.Seen && len(l.Rules) > 0:
		return severityOf(l.Access, l.Family, l.Rules)
	case stands(n):
		return severityOf(a, i.Family, rules(n))
	case !admitted(n) && happened(i) && world(i.Violating(), i.Family):
		return severities[wasWorld].alert
	default:
		return severities[closed].alert
	}
}
