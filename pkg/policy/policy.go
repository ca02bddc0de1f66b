// Package policy is the policy document: what the endpoint access of EKS
// clusters must be, for which clusters, and what happens when it isn't. Parse
// reads it and tells every problem with its place in the file. It is pure: no
// clock, no logger, no AWS SDK.
package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/internal/document"
)

// Policy is a parsed document. Its rules all apply where they match, so their
// order means nothing; it is kept for people.
type Policy struct {
	Rules      []Rule
	Exemptions []Exemption
	// Hash is the first 12 hexadecimal digits of the SHA-256 of the file.
	Hash string
	// Alerting is set when every response is alert whatever the document says.
	Alerting bool

	untils []exemptionEnd // where each exemption's end stands in the file
}

// exemptionEnd is where the end of an exemption stands, and its text there.
type exemptionEnd struct {
	place Problem
	text  string
}

// Response is what happens when a rule is violated.
type Response string

// The responses.
const (
	Alert   Response = "alert"   // change nothing, tell
	Enforce Response = "enforce" // go to the nearest configuration that complies
	Revert  Response = "revert"  // go back to the configuration right before, if that complies
)

// Enforcing reports whether the response changes the cluster.
func (r Response) Enforcing() bool { return r == Enforce || r == Revert }

// LockoutChecks is what happens when a check finds that nodes may lose the API
// server once public access is narrowed or closed.
type LockoutChecks string

// What a failed lockout check does.
const (
	LockoutBlock LockoutChecks = "block" // nothing is narrowed
	LockoutWarn  LockoutChecks = "warn"  // it is done, and said
)

// HybridNodes is what a rule that enforces does about a cluster with hybrid nodes;
// empty is to act only if its match picks the cluster out by name or by tag.
type HybridNodes string

// What a rule can do about a cluster with hybrid nodes.
const (
	HybridAlert   HybridNodes = "alert"   // change nothing, tell
	HybridEnforce HybridNodes = "enforce" // as about any other
)

// PublicAccess is what a rule asks of the public endpoint; empty is nothing.
type PublicAccess string

// What a rule can ask of the public endpoint.
const (
	PublicDisabled   PublicAccess = "disabled"
	PublicRestricted PublicAccess = "restricted"
)

// Rule is one rule of the document.
type Rule struct {
	Name        string
	Description string
	Match       *Match // nil: every cluster
	Except      *Match // nil: none
	Require     Requirement
	Respond     Response
	// GraceAfterCreation is for how long after a cluster's creation the rule
	// only alerts; at most 24 hours.
	GraceAfterCreation time.Duration
	LockoutChecks      LockoutChecks
	HybridNodes        HybridNodes
	Line               int // of the rule in the file, from 1

	admitted *Admitted // what Admitted returns, worked out by Parse
}

// Applies reports whether r is about c: its match takes c in and its except
// doesn't take c out.
func (r Rule) Applies(c endpoint.Cluster) bool { return r.appliesTo(&c) }

func (r *Rule) appliesTo(c *endpoint.Cluster) bool {
	return (r.Match == nil || r.Match.matches(c)) && (r.Except == nil || !r.Except.matches(c))
}

// ActsOnHybridNodes reports whether r changes clusters with hybrid nodes, if it
// changes any: it says so, or it says nothing and picks its clusters out.
func (r Rule) ActsOnHybridNodes() bool {
	if r.HybridNodes != "" {
		return r.HybridNodes == HybridEnforce
	}
	return r.NamesClusters()
}

// NamesClusters reports whether r's match picks clusters out by name or by tag,
// and not merely all of them. A pattern of nothing but asterisks picks nothing out.
func (r Rule) NamesClusters() bool {
	if r.Match == nil {
		return false
	}
	return len(r.Match.Tags) > 0 || slices.ContainsFunc(r.Match.Clusters, func(p string) bool { return !everything(p) })
}

// Match is a set of clusters. All that is given must match, in a list any one.
type Match struct {
	Accounts []string // 12 digits, exact
	Regions  []string // patterns
	Clusters []string // patterns of the name
	// Tags are patterns of the values by key; a cluster without the key
	// doesn't match, whatever the pattern.
	Tags map[string]string
}

// Matches reports whether c is in the set. A nil match is every cluster.
func (m *Match) Matches(c endpoint.Cluster) bool { return m == nil || m.matches(&c) }

func (m *Match) empty() bool {
	return len(m.Accounts) == 0 && len(m.Regions) == 0 && len(m.Clusters) == 0 && len(m.Tags) == 0
}

func (m *Match) matches(c *endpoint.Cluster) bool {
	if len(m.Accounts) > 0 && !slices.Contains(m.Accounts, c.Account) {
		return false
	}
	if len(m.Regions) > 0 && !anyGlob(m.Regions, c.Region) {
		return false
	}
	if len(m.Clusters) > 0 && !anyGlob(m.Clusters, c.Name) {
		return false
	}
	for key, pattern := range m.Tags {
		if value, ok := c.Tags[key]; !ok || !glob(pattern, value) {
			return false
		}
	}
	return true
}

// Requirement is what a rule asks of a cluster's endpoint access.
type Requirement struct {
	PrivateAccess bool
	PublicAccess  PublicAccess
	AllowedCIDRs  []netip.Prefix // with PublicRestricted; nil: not asked
	NotWiderThan  *Width         // with PublicRestricted; nil: not asked
}

// Width is the shortest prefix that a block may have once neighbours are
// merged. A family that isn't given admits no address.
type Width struct {
	IPv4, IPv6 *int
}

// Exemption waives rules for some clusters until it ends.
type Exemption struct {
	Name       string
	Rules      []string
	Match      Match
	Until      time.Time // the instant it ends; no longer in force at it
	Reason     string
	ApprovedBy string
	Line       int // of the exemption in the file, from 1
}

// Waives reports whether e waives the rule for c at the given time.
func (e Exemption) Waives(rule string, c endpoint.Cluster, at time.Time) bool {
	return e.waives(rule, &c, at)
}

func (e *Exemption) waives(rule string, c *endpoint.Cluster, at time.Time) bool {
	return at.Before(e.Until) && slices.Contains(e.Rules, rule) && e.Match.matches(c)
}

// Exemption returns the exemption that waives the rule for c at the given time,
// the one that lasts longest if there are several, nil if there is none.
func (p *Policy) Exemption(rule string, c endpoint.Cluster, at time.Time) *Exemption {
	var found *Exemption
	for i := range p.Exemptions {
		if e := &p.Exemptions[i]; e.waives(rule, &c, at) && (found == nil || e.Until.After(found.Until)) {
			found = e
		}
	}
	return found
}

// AlertOnly returns a copy of p in which every response is alert.
func (p *Policy) AlertOnly() *Policy {
	out := *p
	out.Alerting = true
	out.Rules = slices.Clone(p.Rules)
	for i := range out.Rules {
		out.Rules[i].Respond = Alert
	}
	return &out
}

// Check reads a document as Parse does and tells besides what hangs on the date,
// also if there are errors.
func Check(file string, data []byte, now time.Time) (*Policy, Problems) {
	p, read, problems := parse(file, data)
	if read != nil {
		problems = append(problems, read.WarningsAt(now)...).Sorted()
	}
	return p, problems
}

// WarningsAt returns the warnings that hang on the date: exemptions that have
// ended, or that end more than a year away.
func (p *Policy) WarningsAt(now time.Time) Problems {
	var out Problems
	for i, e := range p.Exemptions {
		w, text := Problem{Line: e.Line, Column: 1}, ""
		if i < len(p.untils) {
			w, text = p.untils[i].place, p.untils[i].text
		}
		w.Severity = Warning
		switch {
		case e.Until.IsZero(): // it has no end that could be read
			continue
		case !now.Before(e.Until):
			w.Kind = KindExemptionEnded
			w.What = fmt.Sprintf("exemption %q has ended: its rules are in force again", document.Brief(e.Name))
			w.Hint = "remove it, or have it approved anew with a later end"
			// In January, hands still write the year before.
			w.Hint += yearHint(text, now, e.Until.Year()+1, e.Until.Year())
		case e.Until.After(now.AddDate(1, 0, 1)):
			w.Kind = KindExemptionFar
			w.What = fmt.Sprintf("exemption %q ends more than a year from now", document.Brief(e.Name))
			w.Hint = "give it an end within the year and renew it then"
			w.Hint += yearHint(text, now, now.Year(), now.Year()+1)
		default:
			continue
		}
		out = append(out, w)
	}
	return out
}

// yearHint asks whether the end was meant to be in another of the years: the
// first in which it has a day that is in force and within a year from now.
func yearHint(text string, now time.Time, years ...int) string {
	for _, year := range years {
		if len(text) < len("2006") {
			break
		}
		end, err := parseEnd(fmt.Sprintf("%04d%s", year, text[len("2006"):]))
		if err == nil && now.Before(end) && !end.After(now.AddDate(1, 0, 1)) {
			return fmt.Sprintf("; is it the year that is wrong, and %d meant?", year)
		}
	}
	return ""
}
