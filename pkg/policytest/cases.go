// Package policytest is the unit tests of a policy: clusters, and what the policy
// must make of each. Parse reads a file of them; running them is explain's work.
package policytest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/internal/document"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// DefaultPolicyFile is the document that tests are about when they don't say,
// beside their own file.
const DefaultPolicyFile = "policy.yaml"

// Cases are the unit tests of a policy document.
type Cases struct {
	// Policy is the file of the document, from the folder of the tests' own file.
	Policy string
	Cases  []Case

	rules []expectedRule
}

// Case is one test: a cluster, and what the policy must make of it.
type Case struct {
	Name   string
	Given  Given
	Expect Expect
	Line   int // of the case in the file, from 1
}

// Given is the cluster of a case. What the case leaves out is the zero value,
// but for the family, which follows from the CIDRs, and the network, which is in
// order.
type Given struct {
	Cluster endpoint.Cluster
	Before  *endpoint.Access // the access right before, nil: not known
	Network endpoint.Network
	At      time.Time // when it is judged; zero: when the test is run
}

// Expect is what a case expects.
type Expect struct {
	Outcome string
	Rules   []string // the violated rules, waived ones too; nil: not asked
	// Desired is the access that the cluster is to be brought to, nil if that
	// is not asked or, with Unchanged, if nothing would be changed.
	Desired   *endpoint.Access
	Unchanged bool
}

// expectedRule is a rule that a case names, and where.
type expectedRule struct {
	name  string
	place policy.Problem
}

// unchanged is what desired says when nothing would be changed.
const unchanged = "unchanged"

var (
	casesKeys = []string{"version", "policy", "cases"}
	caseKeys  = []string{"name", "given", "expect"}
	givenKeys = []string{"access", "before", "name", "account", "region", "tags", "date",
		"createdAt", "ipFamily", "hybridNodes", "network"}
	expectKeys = []string{"outcome", "rules", "desired"}
	accessKeys = []string{"public", "private", "cidrs"}
)

// reader reads the parts of a file of tests.
type reader struct{ *document.Reader }

// form is what a file of tests looks like.
func form() document.Form {
	return document.Form{
		Noun:  "policy test",
		Needs: "version: 1 and cases",
		Homes: []document.Home{
			{Place: "the document", Keys: casesKeys},
			{Place: "a case", Keys: caseKeys},
			{Place: "given", Keys: givenKeys},
			{Place: "expect", Keys: expectKeys},
			{Place: "access", Keys: accessKeys},
		},
		Examples: []string{
			"version: 1", "name: and a name of its own", "cases: and a list of cases",
			"given: with the cluster's access", "expect: with the outcome", "outcome: compliant, violation or another one",
			"access: {public: true, private: false, cidrs: [0.0.0.0/0]}", "public: true or false", "private: true or false",
		},
	}
}

// Parse reads a file of tests as strictly as policy.Parse reads a policy. The
// outcomes are the words that a case can expect. The result is nil if one of the
// problems is an error.
func Parse(file string, data []byte, outcomes []string) (*Cases, policy.Problems) {
	doc, body := document.Read(file, data, form())
	r := &reader{doc}
	var c *Cases
	if body != nil {
		c = r.cases(body, outcomes)
	}
	problems := r.Problems()
	if c == nil || problems.Errors() {
		return nil, problems
	}
	return c, problems
}

// Missing are the rules that cases name and the policy doesn't have.
func (c *Cases) Missing(p *policy.Policy) policy.Problems {
	known := make([]string, len(p.Rules))
	for i := range p.Rules {
		known[i] = p.Rules[i].Name
	}
	var out policy.Problems
	for _, rule := range c.rules {
		if slices.Contains(known, rule.name) {
			continue
		}
		at := rule.place
		at.Severity, at.What, at.Hint = policy.Error, fmt.Sprintf("the policy has no rule called %q", rule.name),
			document.RuleHint(rule.name, known, "the policy")
		out = append(out, at)
	}
	return out
}

func (r *reader) cases(n *yaml.Node, outcomes []string) *Cases {
	f := r.Fields(n, "the document", casesKeys, []string{"version", "cases"})
	if f == nil {
		return nil
	}
	r.Version(f)
	c := &Cases{Policy: DefaultPolicyFile}
	if v, ok := f["policy"]; ok {
		c.Policy, _ = r.Text(v.Value, "policy")
	}
	names := map[string]int{}
	if v, ok := f["cases"]; ok {
		for i, item := range r.List(v.Value, "cases") {
			c.Cases = append(c.Cases, r.testCase(c, item, i+1, names, outcomes))
		}
	}
	return c
}

func (r *reader) testCase(c *Cases, n *yaml.Node, number int, names map[string]int, outcomes []string) Case {
	of := fmt.Sprintf("case %d", number)
	out := Case{Line: n.Line}
	f := r.Fields(n, of, caseKeys, caseKeys)
	if v, ok := f["name"]; ok {
		out.Name = r.Name(v.Value, of)
		r.Unique(v.Value, out.Name, "case", names)
	}
	if v, ok := f["given"]; ok {
		out.Given = r.given(v.Value)
	}
	if v, ok := f["expect"]; ok {
		out.Expect = r.expect(c, v.Value, outcomes)
	}
	return out
}

func (r *reader) given(n *yaml.Node) Given {
	c := endpoint.Cluster{Status: endpoint.StatusActive, Partition: "aws"}
	g := Given{Network: NetworkInOrder()}
	f := r.Fields(n, "given", givenKeys, []string{"access"})
	if v, ok := f["access"]; ok {
		c.Access = r.access(v.Value, "access")
	}
	if v, ok := f["before"]; ok {
		before := r.access(v.Value, "before")
		g.Before = &before
	}
	if v, ok := f["name"]; ok {
		name, ok := r.Text(v.Value, "name")
		if ok && !endpoint.NamePattern.MatchString(name) {
			r.ErrorAt(v.Value, "letters, digits, hyphens and underscores, 100 at most", "%q is no name that EKS admits", name)
		}
		c.Name = name
	}
	if v, ok := f["account"]; ok {
		c.Account = r.Account(v.Value, "account")
	}
	if v, ok := f["region"]; ok {
		c.Region, _ = r.Text(v.Value, "region")
	}
	if v, ok := f["tags"]; ok {
		c.Tags = r.Tags(v.Value)
	}
	if v, ok := f["date"]; ok {
		g.At = r.Instant(v.Value, "date")
	}
	if v, ok := f["createdAt"]; ok {
		c.CreatedAt = r.Instant(v.Value, "createdAt")
	}
	c.Family = FamilyOf(c.Access)
	if v, ok := f["ipFamily"]; ok {
		family := endpoint.Family(r.Choice(v.Value, "ipFamily", string(endpoint.IPv4), string(endpoint.IPv6)))
		if family == endpoint.IPv4 && c.Family == endpoint.IPv6 {
			r.ErrorAt(v.Value, "write ipFamily: ipv6, or leave out the IPv6 CIDRs", "EKS admits no IPv6 CIDRs on an IPv4 cluster")
		}
		c.Family = family
	}
	if v, ok := f["hybridNodes"]; ok {
		c.HybridNodes = r.Boolean(v.Value, "hybridNodes")
	}
	if v, ok := f["network"]; ok {
		g.Network = r.network(v.Value)
	}
	c.ARN = endpoint.ARN(c.Partition, c.Region, c.Account, c.Name)
	g.Cluster = c
	return g
}

func (r *reader) expect(c *Cases, n *yaml.Node, outcomes []string) Expect {
	var e Expect
	f := r.Fields(n, "expect", expectKeys, []string{"outcome"})
	if v, ok := f["outcome"]; ok {
		e.Outcome = r.Choice(v.Value, "outcome", outcomes...)
	}
	if v, ok := f["rules"]; ok {
		e.Rules = []string{}
		if v.Value.Kind != yaml.SequenceNode {
			r.WrongTypeHint(v.Value, document.InBrackets(v.Value), "rules", "a list")
		} else {
			for _, item := range v.Value.Content {
				if name, ok := r.Text(item, "a rule's name"); ok {
					e.Rules = append(e.Rules, name)
					c.rules = append(c.rules, expectedRule{name, r.Place(item.Line, item.Column)})
				}
			}
		}
	}
	if v, ok := f["desired"]; ok {
		switch {
		case v.Value.Kind == yaml.MappingNode:
			desired := r.access(v.Value, "desired")
			e.Desired = &desired
		case v.Value.Kind == yaml.ScalarNode && v.Value.Value == unchanged:
			e.Unchanged = true
		default:
			r.ErrorAt(v.Value, "write unchanged if nothing would be changed, else {public: …, private: …, cidrs: […]}",
				"desired must be an access or %q", unchanged)
		}
	}
	return e
}

func (r *reader) access(n *yaml.Node, name string) endpoint.Access {
	var a endpoint.Access
	f := r.Fields(n, name, accessKeys, []string{"public", "private"})
	if v, ok := f["public"]; ok {
		a.Public = r.Boolean(v.Value, "public")
	}
	if v, ok := f["private"]; ok {
		a.Private = r.Boolean(v.Value, "private")
	}
	v, ok := f["cidrs"]
	if !ok {
		return a
	}
	if v.Value.Kind != yaml.SequenceNode {
		r.WrongTypeHint(v.Value, document.InBrackets(v.Value), "cidrs", "a list")
		return a
	}
	for _, item := range v.Value.Content {
		text, ok := r.CIDRText(item)
		if !ok {
			continue
		}
		p, meant, ok := document.ParseCIDR(text)
		if ok && p.Addr().Is4In6() {
			ok, meant = false, []netip.Prefix{p}
		}
		if !ok {
			hint := document.CIDRHint
			if len(meant) == 1 && !meant[0].Addr().Is4In6() {
				hint = "write " + meant[0].String()
			}
			r.ErrorAt(item, hint, "%q is not a CIDR", text)
			continue
		}
		a.CIDRs = append(a.CIDRs, p)
	}
	return a
}

func (r *reader) network(n *yaml.Node) endpoint.Network {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = r.List(n, "network")
	}
	net := NetworkInOrder()
	for _, item := range items {
		word, ok := r.Text(item, "network")
		if ok && !setNetwork(&net, word) {
			r.ErrorAt(item, "write "+networkHint, "network cannot be %q", word)
		}
	}
	return net
}

// FamilyOf is the IP family that a cluster with the access must have: EKS admits
// IPv6 CIDRs on IPv6 clusters alone.
func FamilyOf(a endpoint.Access) endpoint.Family {
	if slices.ContainsFunc(a.CIDRs, func(p netip.Prefix) bool { return p.Addr().Is6() }) {
		return endpoint.IPv6
	}
	return endpoint.IPv4
}

// NetworkInOrder is a VPC in which a private endpoint works.
func NetworkInOrder() endpoint.Network {
	return endpoint.Network{Read: true, DNSSupport: endpoint.Yes, DNSHostnames: endpoint.Yes, AmazonDNS: endpoint.Yes,
		Ingress443: endpoint.Yes}
}

const networkHint = "ok, unknown, or what the VPC lacks: no-dns-support, no-dns-hostnames, no-amazon-dns, no-ingress"

// ParseNetwork reads facts on a VPC in words, with commas between them: ok,
// unknown, or what it lacks, no-dns-support, no-dns-hostnames, no-amazon-dns or
// no-ingress (on 443). What isn't named is in order.
func ParseNetwork(text string) (endpoint.Network, error) {
	net := NetworkInOrder()
	for word := range strings.SplitSeq(text, ",") {
		if !setNetwork(&net, strings.TrimSpace(word)) {
			return net, fmt.Errorf("%q says nothing about a VPC: it must be %s", word, networkHint)
		}
	}
	return net, nil
}

func setNetwork(net *endpoint.Network, word string) bool {
	switch word {
	case "ok":
	case "unknown":
		*net = endpoint.Network{Read: true}
	case "no-dns-support":
		net.DNSSupport = endpoint.No
	case "no-dns-hostnames":
		net.DNSHostnames = endpoint.No
	case "no-amazon-dns":
		net.AmazonDNS = endpoint.No
	case "no-ingress":
		net.Ingress443 = endpoint.No
	default:
		return false
	}
	return true
}
