package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
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
	place Problem
}

// unchanged is what desired says when nothing would be changed.
const unchanged = "unchanged"

var (
	casesKeys  = []string{"version", "policy", "cases"}
	caseKeys   = []string{"name", "given", "expect"}
	givenKeys  = []string{"access", "before", "name", "account", "region", "tags", "date", "createdAt", "ipFamily", "hybridNodes", "network"}
	expectKeys = []string{"outcome", "rules", "desired"}
	accessKeys = []string{"public", "private", "cidrs"}

	casesHomes = []home{
		{"the document", casesKeys},
		{"a case", caseKeys},
		{"given", givenKeys},
		{"expect", expectKeys},
		{"access", accessKeys},
	}
)

// ParseCases reads a file of tests as strictly as Parse reads a policy. The
// outcomes are the words that a case can expect. The result is nil if one of the
// problems is an error.
func ParseCases(file string, data []byte, outcomes []string) (*Cases, Problems) {
	r := &reader{file: file, noun: "policy test", needs: "version: 1 and cases", homes: casesHomes}
	var c *Cases
	if body := r.document(data); body != nil {
		c = r.cases(body, outcomes)
	}
	problems := r.all()
	if c == nil || problems.Errors() {
		return nil, problems
	}
	return c, problems
}

// Missing are the rules that cases name and the policy doesn't have.
func (c *Cases) Missing(p *Policy) Problems {
	known := make([]string, len(p.Rules))
	for i := range p.Rules {
		known[i] = p.Rules[i].Name
	}
	var out Problems
	for _, rule := range c.rules {
		if slices.Contains(known, rule.name) {
			continue
		}
		at := rule.place
		at.Severity, at.What, at.Hint = Error, fmt.Sprintf("the policy has no rule called %q", rule.name), ruleHint(rule.name, known, "the policy")
		out = append(out, at)
	}
	return out
}

func (r *reader) cases(n *yaml.Node, outcomes []string) *Cases {
	f := r.fields(n, "the document", casesKeys, []string{"version", "cases"})
	if f == nil {
		return nil
	}
	r.version(f)
	c := &Cases{Policy: DefaultPolicyFile}
	if v, ok := f["policy"]; ok {
		c.Policy, _ = r.text(v.value, "policy")
	}
	names := map[string]int{}
	if v, ok := f["cases"]; ok {
		for i, item := range r.list(v.value, "cases") {
			c.Cases = append(c.Cases, r.testCase(c, item, i+1, names, outcomes))
		}
	}
	return c
}

func (r *reader) testCase(c *Cases, n *yaml.Node, number int, names map[string]int, outcomes []string) Case {
	of := fmt.Sprintf("case %d", number)
	out := Case{Line: n.Line}
	f := r.fields(n, of, caseKeys, caseKeys)
	if v, ok := f["name"]; ok {
		out.Name = r.name(v.value, of)
		r.unique(v.value, out.Name, "case", names)
	}
	if v, ok := f["given"]; ok {
		out.Given = r.given(v.value)
	}
	if v, ok := f["expect"]; ok {
		out.Expect = r.expect(c, v.value, outcomes)
	}
	return out
}

func (r *reader) given(n *yaml.Node) Given {
	c := endpoint.Cluster{Status: endpoint.StatusActive, Partition: "aws"}
	g := Given{Network: NetworkInOrder()}
	f := r.fields(n, "given", givenKeys, []string{"access"})
	if v, ok := f["access"]; ok {
		c.Access = r.access(v.value, "access")
	}
	if v, ok := f["before"]; ok {
		before := r.access(v.value, "before")
		g.Before = &before
	}
	if v, ok := f["name"]; ok {
		name, ok := r.text(v.value, "name")
		if ok && !endpoint.NamePattern.MatchString(name) {
			r.errorAt(v.value, "letters, digits, hyphens and underscores, 100 at most", "%q is no name that EKS admits", name)
		}
		c.Name = name
	}
	if v, ok := f["account"]; ok {
		c.Account = r.account(v.value, "account")
	}
	if v, ok := f["region"]; ok {
		c.Region, _ = r.text(v.value, "region")
	}
	if v, ok := f["tags"]; ok {
		c.Tags = r.tags(v.value)
	}
	if v, ok := f["date"]; ok {
		g.At = r.instant(v.value, "date")
	}
	if v, ok := f["createdAt"]; ok {
		c.CreatedAt = r.instant(v.value, "createdAt")
	}
	c.Family = FamilyOf(c.Access)
	if v, ok := f["ipFamily"]; ok {
		family := endpoint.Family(r.choice(v.value, "ipFamily", string(endpoint.IPv4), string(endpoint.IPv6)))
		if family == endpoint.IPv4 && c.Family == endpoint.IPv6 {
			r.errorAt(v.value, "write ipFamily: ipv6, or leave out the IPv6 CIDRs", "EKS admits no IPv6 CIDRs on an IPv4 cluster")
		}
		c.Family = family
	}
	if v, ok := f["hybridNodes"]; ok {
		c.HybridNodes = r.boolean(v.value, "hybridNodes")
	}
	if v, ok := f["network"]; ok {
		g.Network = r.network(v.value)
	}
	c.ARN = endpoint.ARN(c.Partition, c.Region, c.Account, c.Name)
	g.Cluster = c
	return g
}

func (r *reader) expect(c *Cases, n *yaml.Node, outcomes []string) Expect {
	var e Expect
	f := r.fields(n, "expect", expectKeys, []string{"outcome"})
	if v, ok := f["outcome"]; ok {
		e.Outcome = r.choice(v.value, "outcome", outcomes...)
	}
	if v, ok := f["rules"]; ok {
		e.Rules = []string{}
		if v.value.Kind != yaml.SequenceNode {
			r.wrongTypeHint(v.value, inBrackets(v.value), "rules", "a list")
		} else {
			for _, item := range v.value.Content {
				if name, ok := r.text(item, "a rule's name"); ok {
					e.Rules = append(e.Rules, name)
					c.rules = append(c.rules, expectedRule{name, r.place(item.Line, item.Column)})
				}
			}
		}
	}
	if v, ok := f["desired"]; ok {
		switch {
		case v.value.Kind == yaml.MappingNode:
			desired := r.access(v.value, "desired")
			e.Desired = &desired
		case v.value.Kind == yaml.ScalarNode && v.value.Value == unchanged:
			e.Unchanged = true
		default:
			r.errorAt(v.value, "write unchanged if nothing would be changed, else {public: …, private: …, cidrs: […]}", "desired must be an access or %q", unchanged)
		}
	}
	return e
}

func (r *reader) access(n *yaml.Node, name string) endpoint.Access {
	var a endpoint.Access
	f := r.fields(n, name, accessKeys, []string{"public", "private"})
	if v, ok := f["public"]; ok {
		a.Public = r.boolean(v.value, "public")
	}
	if v, ok := f["private"]; ok {
		a.Private = r.boolean(v.value, "private")
	}
	v, ok := f["cidrs"]
	if !ok {
		return a
	}
	if v.value.Kind != yaml.SequenceNode {
		r.wrongTypeHint(v.value, inBrackets(v.value), "cidrs", "a list")
		return a
	}
	for _, item := range v.value.Content {
		text, ok := r.cidrText(item)
		if !ok {
			continue
		}
		p, meant, ok := parseCIDR(text)
		if ok && p.Addr().Is4In6() {
			ok, meant = false, []netip.Prefix{p}
		}
		if !ok {
			hint := cidrHint
			if len(meant) == 1 && !meant[0].Addr().Is4In6() {
				hint = "write " + meant[0].String()
			}
			r.errorAt(item, hint, "%q is not a CIDR", text)
			continue
		}
		a.CIDRs = append(a.CIDRs, p)
	}
	return a
}

func (r *reader) boolean(n *yaml.Node, name string) bool {
	var b bool
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(&b) != nil {
		r.wrongType(n, name, "true or false")
	}
	return b
}

// instant reads a day, which begins in UTC, or a time.
func (r *reader) instant(n *yaml.Node, name string) time.Time {
	if !isText(n) {
		r.wrongType(n, name, "a date")
		return time.Time{}
	}
	t, err := ParseInstant(n.Value)
	if err != nil {
		r.errorAt(n, dateHint, "%s: %q is no date", name, n.Value)
	}
	return t
}

// ParseInstant reads a day (2027-01-31: its first instant in UTC) or an RFC 3339
// time.
func ParseInstant(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	return parseTime(text)
}

// parseTime reads an RFC 3339 time, which may have a lower-case t and z. It is
// stricter than time.Parse, which takes 1:00 for an hour and a comma for a point.
func parseTime(text string) (time.Time, error) {
	upper := strings.ToUpper(text)
	if !wellFormed(upper) {
		return time.Time{}, fmt.Errorf("%q is no RFC 3339 time", text)
	}
	return time.Parse(time.RFC3339, upper)
}

// wellFormed tells whether digits and signs stand where RFC 3339 has them.
func wellFormed(text string) bool {
	const form = "0000-00-00T00:00:00"
	if len(text) <= len(form) || strings.Contains(text, ",") {
		return false
	}
	for i := range len(form) {
		if digit := text[i] >= '0' && text[i] <= '9'; form[i] == '0' && !digit || form[i] != '0' && text[i] != form[i] {
			return false
		}
	}
	return true
}

func (r *reader) network(n *yaml.Node) endpoint.Network {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = r.list(n, "network")
	}
	net := NetworkInOrder()
	for _, item := range items {
		word, ok := r.text(item, "network")
		if ok && !setNetwork(&net, word) {
			r.errorAt(item, "write "+networkHint, "network cannot be %q", word)
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
	return endpoint.Network{Read: true, DNSSupport: endpoint.Yes, DNSHostnames: endpoint.Yes, AmazonDNS: endpoint.Yes, Ingress443: endpoint.Yes}
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
