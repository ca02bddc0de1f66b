// Package scp turns a policy into the service control policy that refuses at the
// call what IAM can see of it, and says in words what it cannot see. Where a
// rule's match, exception or exemption cannot be expressed it refuses less than
// the policy; where IAM does not see a kind of cluster or its age, more. It is
// pure: no clock, no logger, no AWS SDK.
package scp

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/endpointguard/endpointguard/pkg/policy"
)

// MaxCharacters is how long a service control policy may be, blanks included.
// Source: AWS Organizations, quotas; it was half of that before May 2026.
const MaxCharacters = 10240

// finenesses are how finely a rule's reach may be taken apart, the finest first:
// as finely as it fits into the document.
var finenesses = []fineness{{most: 24}, {most: 12}, {most: 8}, {most: 4}, {most: 2}, {most: 1}, {most: 1, short: true}}

// fineness is into how many pieces a rule's reach may be taken apart, and
// whether lists of accounts that are excepted are too long to be written.
type fineness struct {
	most  int
	short bool
}

// AnyGuardrail is the role of every guardrail of a stack with the default name,
// in whatever account and region.
const AnyGuardrail = "arn:*:iam::*:role/endpointguard-*-GuardrailRole*"

// Document is a service control policy.
type Document struct {
	Version   string
	Statement []Statement
}

// Statement is one of its statements. Resource and NotResource exclude each
// other.
type Statement struct {
	Sid         string
	Effect      string
	Action      []string
	Resource    []string             `json:",omitempty"`
	NotResource []string             `json:",omitempty"`
	Condition   map[string]Condition `json:",omitempty"`
}

// Condition are the condition keys of one operator with their values.
type Condition map[string][]string

// Options say what Write takes in.
type Options struct {
	// Roles are patterns of the ARNs of the guardrail's roles: they must be able
	// to change what others may not.
	Roles []string
	// Alerts takes in the rules that only alert, too.
	Alerts bool
	// Now decides which exemptions are in force.
	Now time.Time
}

// Written is what became of a policy.
type Written struct {
	Document Document
	// Limits are what the document cannot see or had to leave out, in words, a
	// sentence or two each; those of one rule begin with its name.
	Limits []string
}

// The two calls that set the endpoint access, and the condition keys that they
// have since April 2026. There is no key for publicAccessCidrs. Source: the
// Service Authorization Reference, Amazon EKS.
const (
	create     = "eks:CreateCluster"
	update     = "eks:UpdateClusterConfig"
	publicKey  = "eks:endpointPublicAccess"
	privateKey = "eks:endpointPrivateAccess"
)

// demand is one value of one key that a rule forbids.
type demand struct {
	key, forbidden, sid string
}

var (
	privateOff = demand{privateKey, "false", "PrivateOff"}
	publicOn   = demand{publicKey, "true", "PublicOn"}
)

// Write writes the service control policy of a policy. The document has no
// statements if there is nothing that it could refuse.
func Write(p *policy.Policy, o Options) Written {
	var out Written
	for _, f := range finenesses {
		w := writer{options: o, policy: p, fineness: f, seen: map[string]bool{}, sids: map[string]int{}}
		w.out.Document = Document{Version: "2012-10-17", Statement: []Statement{}}
		for i := range p.Rules {
			w.rule(&p.Rules[i])
		}
		w.general()
		out = w.out
		if _, err := out.Document.JSON(); err == nil {
			break
		}
	}
	return out
}

type writer struct {
	options Options
	policy  *policy.Policy
	fineness
	out    Written
	seen   map[string]bool // statements apart from their Sid
	sids   map[string]int
	hybrid bool // whether some rule would not change clusters with hybrid nodes
}

func (w *writer) limit(format string, args ...any) {
	w.out.Limits = append(w.out.Limits, fmt.Sprintf(format, args...))
}

func (w *writer) rule(r *policy.Rule) {
	if !r.Respond.Enforcing() && !w.options.Alerts {
		w.limit("%s only alerts, so it is left out.", r.Name)
		return
	}
	var demands []demand
	if r.Require.PrivateAccess || r.Require.PublicAccess == policy.PublicDisabled {
		demands = append(demands, privateOff)
	}
	switch r.Require.PublicAccess {
	case policy.PublicDisabled:
		demands = append(demands, publicOn)
	case policy.PublicRestricted:
		w.limit("%s restricts publicAccessCidrs, for which IAM has no condition key: the guardrail alone sees them.", r.Name)
	}
	if len(demands) == 0 {
		return
	}
	switch {
	case r.Match != nil && len(r.Match.Tags) > 0:
		w.limit("%s matches by tags and is left out: a call can carry other tags than the cluster has afterwards, and IAM takes Prod and prod for the same key.", r.Name)
		return
	case r.Except != nil && len(r.Except.Tags) > 0:
		w.limit("%s makes an exception by tags and is left out: a statement would refuse calls for the excepted clusters, too.", r.Name)
		return
	}
	pieces, coarse := w.pieces(r)
	switch {
	case coarse && len(pieces) == 0:
		w.limit("%s is left out: the accounts that it excepts, or that are exempt, are more than fit.", r.Name)
		return
	case coarse:
		w.limit("%s has so many exceptions and exemptions that not all could be told apart: more is left out for them than they waive.", r.Name)
	}
	written := 0
	for _, d := range demands {
		for _, piece := range pieces {
			if r.GraceAfterCreation == 0 && piece.create {
				written += w.deny(r, d, create, piece)
			}
			if piece.update {
				written += w.deny(r, d, update, piece)
			}
		}
	}
	w.sayLess(r, pieces)
	if written > 0 && !r.ActsOnHybridNodes() && r.Respond.Enforcing() {
		w.hybrid = true
	}
}

// sayLess tells what the statements of a rule refuse less, or sooner, than the
// rule does.
func (w *writer) sayLess(r *policy.Rule, pieces []piece) {
	names := r.Match != nil && len(r.Match.Clusters) > 0 && !everything(r.Match.Clusters)
	if names {
		w.limit("%s matches by names, which IAM does not see when a cluster is created: CreateCluster is not refused.", r.Name)
	}
	if r.GraceAfterCreation > 0 {
		w.limit("%s gives new clusters a grace of %s, and IAM sees no age: CreateCluster is not refused, an UpdateClusterConfig is, within the grace too.", r.Name, short(r.GraceAfterCreation))
	}
	if slices.ContainsFunc(pieces, func(p piece) bool { return p.unmatched }) {
		w.limit("%s matches and excepts clusters by names, and one statement cannot do both: where the exception could apply, nothing is refused.", r.Name)
	} else if !names && slices.ContainsFunc(pieces, func(p piece) bool { return !p.create && p.update }) {
		w.limit("%s makes an exception or has an exemption for clusters by name, which IAM does not see when a cluster is created: where that applies, CreateCluster is not refused.", r.Name)
	}
	var waived []*policy.Exemption
	for i := range w.policy.Exemptions {
		if e := &w.policy.Exemptions[i]; slices.Contains(e.Rules, r.Name) && w.options.Now.Before(e.Until) {
			waived = append(waived, e)
		}
	}
	if len(waived) == 0 {
		return
	}
	first := slices.MinFunc(waived, func(a, b *policy.Exemption) int { return a.Until.Compare(b.Until) })
	by := "exemption " + first.Name
	if len(waived) > 1 {
		by = fmt.Sprintf("%d exemptions, by %s", len(waived), first.Name)
	}
	w.limit("%s is waived by %s until %s: write the service control policy anew then.", r.Name, by, first.Until.UTC().Format("2006-01-02 15:04 UTC"))
}

// short writes a duration without the units that are zero.
func short(d time.Duration) string {
	s := strings.TrimSuffix(d.String(), "m0s")
	if s != d.String() {
		s += "m"
	}
	if hours, ok := strings.CutSuffix(s, "h0m"); ok {
		s = hours + "h"
	}
	return s
}

// deny adds the statement that refuses the call, unless it is there already, and
// tells how many there are for it.
func (w *writer) deny(r *policy.Rule, d demand, action string, p piece) int {
	s := Statement{Effect: "Deny", Action: []string{action}, Condition: map[string]Condition{}}
	// Left out of CreateCluster, public access is on and private access off: so
	// an absent key is as good as the forbidden one. Left out of
	// UpdateClusterConfig it stays as it is, and the call may be about logging.
	operator := "Bool"
	if action == create {
		operator = "BoolIfExists"
	}
	s.Condition[operator] = Condition{d.key: {d.forbidden}}
	add := func(operator, key string, values []string) {
		if len(values) == 0 {
			return
		}
		if s.Condition[operator] == nil {
			s.Condition[operator] = Condition{}
		}
		s.Condition[operator][key] = values
	}
	add("StringEquals", "aws:PrincipalAccount", p.accounts)
	add("StringNotEquals", "aws:PrincipalAccount", p.notAccounts)
	add("StringLike", "aws:RequestedRegion", p.regions)
	add("StringNotLike", "aws:RequestedRegion", p.notRegions)
	add("ArnNotLike", "aws:PrincipalARN", w.options.Roles)
	switch {
	case len(p.clusters) > 0:
		s.Resource = arns(p.clusters)
	case len(p.notClusters) > 0:
		s.NotResource = arns(p.notClusters)
	default:
		s.Resource = []string{"*"}
	}
	// Statements of plain strings always have a JSON.
	text, _ := json.Marshal(s)
	if w.seen[string(text)] {
		return 1
	}
	w.seen[string(text)] = true
	s.Sid = w.sid(r.Name, d.sid, action)
	w.out.Document.Statement = append(w.out.Document.Statement, s)
	return 1
}

func arns(clusters []string) []string {
	out := make([]string, len(clusters))
	for i, name := range clusters {
		out[i] = "arn:*:eks:*:*:cluster/" + name
	}
	return out
}

// sid names a statement: letters and digits alone, each name once.
func (w *writer) sid(rule, what, action string) string {
	var b strings.Builder
	up := true
	for _, c := range rule {
		switch {
		case c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c):
			up = true
			continue
		case up:
			c = unicode.ToUpper(c)
		}
		b.WriteRune(c)
		up = false
	}
	call := "Update"
	if action == create {
		call = "Create"
	}
	const longest = 40
	name := b.String()
	name = name[:min(len(name), longest)] + what + call
	w.sids[name]++
	if n := w.sids[name]; n > 1 {
		name += fmt.Sprintf("%d", n)
	}
	return name
}

// general are the limits of every such document.
func (w *writer) general() {
	if len(w.out.Document.Statement) == 0 {
		return
	}
	w.limit("Calls are refused for what they ask, not for what comes of it: an UpdateClusterConfig that leaves a value out passes, whatever the cluster has.")
	w.limit("CreateCluster must name each forbidden setting's allowed value; whether IAM fills the condition keys with EKS's defaults is not documented, so a call that leaves it out is refused.")
	if w.hybrid {
		w.limit("IAM does not see hybrid nodes and Outposts: the calls for such clusters are refused as well, though the guardrail would not change them.")
	}
	w.limit("Clusters that are open already stay open: the guardrail closes them. Its role is exempt (%s); so is whoever can create or assume a role of such a name.", strings.Join(w.options.Roles, ", "))
	w.limit("A service control policy does not bind the organization's management account, and no service-linked role.")
}

// ErrTooLong says that a document exceeds MaxCharacters.
var ErrTooLong = errors.New("longer than a service control policy may be")

// JSON writes the document, indented if that fits into MaxCharacters. The error
// is ErrTooLong, with the length.
func (d Document) JSON() ([]byte, error) {
	// It has strings alone, which always have a JSON.
	text, _ := json.MarshalIndent(d, "", "  ")
	if len(text) <= MaxCharacters {
		return append(text, '\n'), nil
	}
	text, _ = json.Marshal(d)
	if len(text) <= MaxCharacters {
		return append(text, '\n'), nil
	}
	return nil, fmt.Errorf("%d characters: %w (%d)", len(text), ErrTooLong, MaxCharacters)
}

// MarshalJSON writes a single value without a list, as people do.
func (c Condition) MarshalJSON() ([]byte, error) {
	out := make(map[string]any, len(c))
	for key, values := range c {
		out[key] = plain(values)
	}
	return json.Marshal(out)
}

// MarshalJSON writes a single action or resource without a list, as people do.
func (s Statement) MarshalJSON() ([]byte, error) {
	type form struct {
		Sid, Effect           string
		Action                any
		Resource, NotResource any                  `json:",omitempty"`
		Condition             map[string]Condition `json:",omitempty"`
	}
	return json.Marshal(form{s.Sid, s.Effect, plain(s.Action), plain(s.Resource), plain(s.NotResource), s.Condition})
}

func plain(values []string) any {
	switch len(values) {
	case 0:
		return nil
	case 1:
		return values[0]
	default:
		return values
	}
}
