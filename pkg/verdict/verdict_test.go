package verdict_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func prefixes(text string) []netip.Prefix {
	var out []netip.Prefix
	for word := range strings.FieldsSeq(text) {
		out = append(out, netip.MustParsePrefix(word))
	}
	return out
}

// access reads "public private" and a list: public(8.8.8.0/24) private.
func access(public, private bool, cidrs string) endpoint.Access {
	return endpoint.Access{Public: public, Private: private, CIDRs: prefixes(cidrs)}
}

func public(cidrs string) endpoint.Access { return access(true, false, cidrs) }
func both(cidrs string) endpoint.Access   { return access(true, true, cidrs) }
func closed(cidrs string) endpoint.Access { return access(false, true, cidrs) }

func cluster(a endpoint.Access) endpoint.Cluster {
	return endpoint.Cluster{
		ID:      endpoint.ID{ARN: endpoint.ARN("aws", "eu-west-1", "111122223333", "demo-1"), CreatedAt: now.AddDate(0, 0, -7)},
		Account: "111122223333", Region: "eu-west-1", Name: "demo-1", Status: endpoint.StatusActive,
		Access: a, Family: endpoint.IPv4, VPC: "vpc-0123456789abcdef0",
	}
}

func cluster6(a endpoint.Access) endpoint.Cluster {
	c := cluster(a)
	c.Family = endpoint.IPv6
	return c
}

// healthy is a VPC in which a private endpoint works.
func healthy() endpoint.Network {
	return endpoint.Network{Read: true, DNSSupport: endpoint.Yes, DNSHostnames: endpoint.Yes, AmazonDNS: endpoint.Yes, Ingress443: endpoint.Yes, DHCPOptions: "dopt-1"}
}

func private(respond policy.Response) policy.Rule {
	return policy.Rule{Name: "private", Require: policy.Requirement{PrivateAccess: true}, Respond: respond}
}

func disabled(respond policy.Response) policy.Rule {
	return policy.Rule{Name: "disabled", Require: policy.Requirement{PublicAccess: policy.PublicDisabled}, Respond: respond}
}

func allowed(respond policy.Response, cidrs string) policy.Rule {
	return policy.Rule{Name: "allowed", Require: policy.Requirement{PublicAccess: policy.PublicRestricted, AllowedCIDRs: prefixes(cidrs)}, Respond: respond}
}

// width is a rule on widths; a negative one leaves the family out.
func width(respond policy.Response, ipv4, ipv6 int) policy.Rule {
	w := &policy.Width{}
	if ipv4 >= 0 {
		w.IPv4 = &ipv4
	}
	if ipv6 >= 0 {
		w.IPv6 = &ipv6
	}
	return policy.Rule{Name: "width", Require: policy.Requirement{PublicAccess: policy.PublicRestricted, NotWiderThan: w}, Respond: respond}
}

func rules(list ...policy.Rule) *policy.Policy { return &policy.Policy{Rules: list} }

func exempting(p *policy.Policy, until time.Time, names ...string) *policy.Policy {
	p.Exemptions = append(p.Exemptions, policy.Exemption{Name: "demo", Rules: names, Until: until, Match: policy.Match{Accounts: []string{"111122223333"}}})
	return p
}

// reasonsOf writes what violations say, "rule kind: text".
func reasonsOf(list []verdict.RuleVerdict) []string {
	var out []string
	for _, r := range list {
		for _, reason := range r.Reasons {
			out = append(out, fmt.Sprintf("%s %s: %s", r.Rule.Name, reason.Kind, reason.Text))
		}
	}
	return out
}

func many(n int, format string) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(format, 2*i))
	}
	return strings.Join(out, " ")
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		policy  *policy.Policy
		cluster endpoint.Cluster
		outcome verdict.Outcome
		reasons []string
	}{
		"private off":            {rules(private(policy.Alert)), cluster(public("0.0.0.0/0")), verdict.Violation, []string{"private private-off: private access is off"}},
		"private on":             {rules(private(policy.Alert)), cluster(both("0.0.0.0/0")), verdict.Compliant, nil},
		"public on":              {rules(disabled(policy.Alert)), cluster(both("8.8.8.0/24")), verdict.Violation, []string{"disabled public-on: public access is on"}},
		"public on, private off": {rules(disabled(policy.Alert)), cluster(public("8.8.8.0/24")), verdict.Violation, []string{"disabled private-off: private access is off", "disabled public-on: public access is on"}},
		"public off":             {rules(disabled(policy.Alert), allowed(policy.Alert, "8.8.8.0/24"), width(policy.Alert, 16, -1)), cluster(closed("0.0.0.0/0")), verdict.Compliant, nil},

		"inside":            {rules(allowed(policy.Alert, "8.8.8.0/24")), cluster(public("8.8.8.8/32 8.8.8.0/24 8.8.8.128/25")), verdict.Compliant, nil},
		"outside":           {rules(allowed(policy.Alert, "8.8.8.0/24")), cluster(public("9.9.9.0/24 8.8.8.0/25")), verdict.Violation, []string{"allowed outside-allowed: 9.9.9.0/24 is outside the allowed CIDRs"}},
		"two outside":       {rules(allowed(policy.Alert, "8.8.8.0/24")), cluster(public("9.9.9.0/24 7.7.7.7/32")), verdict.Violation, []string{"allowed outside-allowed: 9.9.9.0/24 and 7.7.7.7/32 are outside the allowed CIDRs"}},
		"just below":        {rules(allowed(policy.Alert, "8.8.8.0/24")), cluster(public("8.8.7.255/32")), verdict.Violation, []string{"allowed outside-allowed: 8.8.7.255/32 is outside the allowed CIDRs"}},
		"beyond":            {rules(allowed(policy.Alert, "8.8.8.0/24")), cluster(public("8.8.0.0/16")), verdict.Violation, []string{"allowed outside-allowed: 8.8.0.0/16 reaches beyond the allowed CIDRs"}},
		"inside two joined": {rules(allowed(policy.Alert, "8.8.8.0/25 8.8.8.128/25")), cluster(public("8.8.8.0/24")), verdict.Compliant, nil},
		"allowed has the part in the middle": {rules(allowed(policy.Alert, "8.8.8.0/24 8.8.10.0/24")), cluster(public("8.8.8.0/22")), verdict.Violation,
			[]string{"allowed outside-allowed: 8.8.8.0/22 reaches beyond the allowed CIDRs"}},
		"an empty list": {rules(allowed(policy.Alert, "8.8.8.0/24"), width(policy.Alert, 1, 1)), cluster(public("")), verdict.Violation, []string{
			"allowed outside-allowed: 0.0.0.0/0 reaches beyond the allowed CIDRs (no CIDRs are listed, which lets everyone in)",
			"width too-wide: 0.0.0.0/0 is wider than /1 (no CIDRs are listed, which lets everyone in)"}},
		"an empty list on IPv6": {rules(allowed(policy.Alert, "2600::/16")), cluster6(public("")), verdict.Violation, []string{
			"allowed outside-allowed: ::/0 reaches beyond the allowed CIDRs (no CIDRs are listed, which lets everyone in)",
			"allowed family-not-admitted: 0.0.0.0/0 is IPv4, which the rule doesn't admit (no CIDRs are listed, which lets everyone in)"}},
		"IPv6 where IPv4 is allowed": {rules(allowed(policy.Alert, "8.8.8.0/24")), cluster6(public("8.8.8.0/24 2600::/32")), verdict.Violation,
			[]string{"allowed family-not-admitted: 2600::/32 is IPv6, which the rule doesn't admit"}},
		"six outside": {rules(allowed(policy.Alert, "8.8.8.0/24")), cluster(public(many(6, "9.9.%d.0/24"))), verdict.Violation,
			[]string{"allowed outside-allowed: 9.9.0.0/24, 9.9.2.0/24, 9.9.4.0/24, 9.9.6.0/24, 9.9.8.0/24 and 1 more are outside the allowed CIDRs"}},

		"too wide":                     {rules(width(policy.Alert, 16, 32)), cluster(public("8.8.0.0/15")), verdict.Violation, []string{"width too-wide: 8.8.0.0/15 is wider than /16"}},
		"just wide enough":             {rules(width(policy.Alert, 16, 32)), cluster6(public("8.8.0.0/16 2600::/32")), verdict.Compliant, nil},
		"halves of the world":          {rules(width(policy.Alert, 16, -1)), cluster(public("0.0.0.0/1 128.0.0.0/1")), verdict.Violation, []string{"width too-wide: 0.0.0.0/1 and 128.0.0.0/1 together are 0.0.0.0/0, wider than /16"}},
		"halves of the other world":    {rules(width(policy.Alert, 16, 32)), cluster6(public("8000::/1 ::/1")), verdict.Violation, []string{"width too-wide: 8000::/1 and ::/1 together are ::/0, wider than /32"}},
		"the world under a width of 0": {rules(width(policy.Alert, 0, 0)), cluster6(public("0.0.0.0/0 ::/0")), verdict.Compliant, nil},
		"no width for IPv6":            {rules(width(policy.Alert, 0, -1)), cluster6(public("8.8.8.0/24 ::/0")), verdict.Violation, []string{"width family-not-admitted: ::/0 is IPv6, which the rule doesn't admit"}},
		"the world hidden among others": {rules(width(policy.Alert, 16, -1)), cluster(public("8.8.8.0/24 0.0.0.0/0 9.9.9.0/24")), verdict.Violation,
			[]string{"width too-wide: 8.8.8.0/24, 0.0.0.0/0 and 9.9.9.0/24 together are 0.0.0.0/0, wider than /16"}},
		"neighbours that don't merge": {rules(width(policy.Alert, 24, -1)), cluster(public("8.8.1.0/24 8.8.2.0/24")), verdict.Compliant, nil},
		"neighbours that merge":       {rules(width(policy.Alert, 24, -1)), cluster(public("8.8.3.0/24 9.9.9.0/24 8.8.2.0/24")), verdict.Violation, []string{"width too-wide: 8.8.3.0/24 and 8.8.2.0/24 together are 8.8.2.0/23, wider than /24"}},
		"duplicates don't widen":      {rules(width(policy.Alert, 24, -1)), cluster(public("8.8.3.0/24 8.8.3.0/24")), verdict.Compliant, nil},
		"IPv6 alone":                  {rules(width(policy.Alert, 24, 48)), cluster6(public("2600::/48")), verdict.Compliant, nil},

		"a neighbour is outside": {rules(allowed(policy.Alert, "8.8.8.0/24")), cluster(public("8.8.8.0/24 8.8.9.0/24")), verdict.Violation,
			[]string{"allowed outside-allowed: 8.8.9.0/24 is outside the allowed CIDRs"}},
		"more than ten are counted": {rules(allowed(policy.Alert, "8.8.8.0/24")), cluster(public(many(17, "9.9.%d.0/24"))), verdict.Violation,
			[]string{"allowed outside-allowed: 9.9.0.0/24, 9.9.2.0/24, 9.9.4.0/24, 9.9.6.0/24, 9.9.8.0/24 and 12 more are outside the allowed CIDRs"}},

		"every rule says its piece": {rules(private(policy.Alert), width(policy.Enforce, 8, -1), disabled(policy.Revert)), cluster(public("0.0.0.0/0")), verdict.Violation, []string{
			"private private-off: private access is off", "width too-wide: 0.0.0.0/0 is wider than /8", "disabled private-off: private access is off", "disabled public-on: public access is on"}},
	} {
		t.Run(name, func(t *testing.T) {
			v := verdict.Judge(c.policy, c.cluster, now)
			if v.Outcome != c.outcome {
				t.Errorf("outcome %s, want %s", v.Outcome, c.outcome)
			}
			if diff := cmp.Diff(c.reasons, reasonsOf(v.Violations())); diff != "" {
				t.Errorf("reasons (-want +got)\n%s", diff)
			}
			if len(v.Rules) != len(c.policy.Rules) || v.Why != "" {
				t.Errorf("%d rules of %d, why %q", len(v.Rules), len(c.policy.Rules), v.Why)
			}
		})
	}
}

func TestReasonsNameTheOffendingCIDRs(t *testing.T) {
	v := verdict.Judge(rules(allowed(policy.Alert, "8.8.8.0/24")), cluster(public("9.9.9.0/24 8.8.8.0/25 7.7.7.7/32")), now)
	if diff := cmp.Diff("9.9.9.0/24 7.7.7.7/32", endpoint.JoinPrefixes(v.Rules[0].Reasons[0].CIDRs, " ")); diff != "" {
		t.Error(diff)
	}
}

func TestJudgeScope(t *testing.T) {
	world := cluster(public("0.0.0.0/0"))
	outposts, connected := world, world
	outposts.OutpostsLocal, connected.Connected = true, true
	elsewhere := disabled(policy.Revert)
	elsewhere.Match = &policy.Match{Regions: []string{"us-*"}}
	excepted := disabled(policy.Revert)
	excepted.Except = &policy.Match{Clusters: []string{"demo-*"}}
	for name, c := range map[string]struct {
		policy  *policy.Policy
		cluster endpoint.Cluster
		why     string
	}{
		"Outposts":  {rules(disabled(policy.Revert)), outposts, "Outposts local cluster: its endpoint is private by nature"},
		"connected": {rules(disabled(policy.Revert)), connected, "connected cluster: its endpoint is not EKS's"},
		"no match":  {rules(elsewhere, excepted), world, "no rule matches"},
		"no rules":  {rules(), world, "no rule matches"},
	} {
		t.Run(name, func(t *testing.T) {
			v := verdict.Judge(c.policy, c.cluster, now)
			if v.Outcome != verdict.OutOfScope || v.Why != c.why || len(v.Rules) > 0 {
				t.Errorf("got %+v", v)
			}
			if d := verdict.Decide(v, nil, healthy()); d.Action != verdict.None || !d.Desired.Equal(c.cluster.Access) {
				t.Errorf("decided %+v", d)
			}
		})
	}
	v := verdict.Judge(rules(elsewhere, private(policy.Alert)), world, now)
	if len(v.Rules) != 1 || v.Rules[0].Rule.Name != "private" {
		t.Errorf("a rule that doesn't match has a say: %+v", v.Rules)
	}
}

func TestExemptions(t *testing.T) {
	end := now.Add(time.Hour)
	for name, c := range map[string]struct {
		policy  *policy.Policy
		access  endpoint.Access
		outcome verdict.Outcome
		action  verdict.Action
	}{
		"waives the violation":      {exempting(rules(disabled(policy.Revert)), end, "disabled"), public("0.0.0.0/0"), verdict.Exempt, verdict.None},
		"has ended":                 {exempting(rules(disabled(policy.Revert)), now, "disabled"), public("0.0.0.0/0"), verdict.Violation, verdict.Apply},
		"waives another rule":       {exempting(rules(disabled(policy.Revert), private(policy.Alert)), end, "private"), public("0.0.0.0/0"), verdict.Violation, verdict.Apply},
		"waives what isn't broken":  {exempting(rules(disabled(policy.Revert), private(policy.Alert)), end, "disabled"), closed(""), verdict.Compliant, verdict.None},
		"waives one of two":         {exempting(rules(disabled(policy.Revert), private(policy.Alert)), end, "disabled"), public("0.0.0.0/0"), verdict.Violation, verdict.Alert},
		"waives one, other is kept": {exempting(rules(disabled(policy.Revert), private(policy.Alert)), end, "disabled"), both("0.0.0.0/0"), verdict.Exempt, verdict.None},
	} {
		t.Run(name, func(t *testing.T) {
			v := verdict.Judge(c.policy, cluster(c.access), now)
			if v.Outcome != c.outcome {
				t.Errorf("outcome %s, want %s", v.Outcome, c.outcome)
			}
			if d := verdict.Decide(v, nil, healthy()); d.Action != c.action {
				t.Errorf("action %s, want %s", d.Action, c.action)
			}
		})
	}

	// A waived rule has no say in what another rule brings about.
	p := exempting(rules(allowed(policy.Enforce, "8.8.8.0/24"), width(policy.Enforce, 8, -1)), end, "allowed")
	d := verdict.Decide(verdict.Judge(p, cluster(both("0.0.0.0/0 9.9.9.0/24 8.0.0.0/8")), now), nil, healthy())
	if !d.Desired.Equal(closed("")) {
		t.Errorf("desired %s", d.Desired)
	}
	p = exempting(rules(allowed(policy.Enforce, "8.8.8.0/24"), private(policy.Enforce)), end, "allowed")
	d = verdict.Decide(verdict.Judge(p, cluster(public("9.9.9.0/24")), now), nil, healthy())
	if !d.Desired.Equal(both("9.9.9.0/24")) || len(d.Left) > 0 {
		t.Errorf("desired %s, left %v", d.Desired, reasonsOf(d.Left))
	}
}

func TestGrace(t *testing.T) {
	rule := disabled(policy.Revert)
	rule.GraceAfterCreation = 30 * time.Minute
	later := private(policy.Enforce)
	later.GraceAfterCreation = time.Hour
	c := cluster(public("0.0.0.0/0"))
	c.CreatedAt = now.Add(-10 * time.Minute)
	end := c.CreatedAt.Add(30 * time.Minute)

	v := verdict.Judge(rules(later, rule), c, now)
	if v.Enforcing() || !v.NextChange().Equal(end) {
		t.Errorf("in grace: enforcing %t, next change %s", v.Enforcing(), v.NextChange())
	}
	if v := verdict.Judge(rules(rule, later), c, now); !v.NextChange().Equal(end) {
		t.Errorf("in grace, the other way round: next change %s", v.NextChange())
	}
	if r := v.Rules[1]; r.Response != policy.Alert || !strings.Contains(r.Held, "2026-11-23T12:20:00Z") || !r.GraceUntil.Equal(end) {
		t.Errorf("in grace: %+v", r)
	}
	if d := verdict.Decide(v, nil, healthy()); d.Action != verdict.Alert || len(d.Left) != 2 || !d.Desired.Equal(c.Access) {
		t.Errorf("in grace: %+v", d)
	}

	v = verdict.Judge(rules(later, rule), c, end)
	if r := v.Rules[1]; r.Response != policy.Revert || r.Held != "" || !r.GraceUntil.IsZero() {
		t.Errorf("at the end of grace: %+v", r)
	}
	if want := c.CreatedAt.Add(time.Hour); !v.NextChange().Equal(want) {
		t.Errorf("next change %s, want %s", v.NextChange(), want)
	}

	c.CreatedAt = time.Time{}
	if v := verdict.Judge(rules(rule), c, now); !v.Enforcing() {
		t.Error("an unknown creation time gives grace")
	}
	c.CreatedAt = now.Add(time.Second) // by EKS's clock
	if v := verdict.Judge(rules(disabled(policy.Enforce)), c, now); !v.Enforcing() {
		t.Error("a rule without grace gives it to a cluster of the next moment")
	}
	c.CreatedAt = now
	c.Access = closed("")
	if v := verdict.Judge(rules(rule), c, now); !v.NextChange().IsZero() {
		t.Error("a rule that isn't violated wants another look")
	}
	c.Access = public("0.0.0.0/0")
	if v := verdict.Judge(exempting(rules(rule), now.AddDate(0, 1, 0), "disabled"), c, now); !v.NextChange().IsZero() {
		t.Error("a rule that is waived wants another look")
	}
	alerting := disabled(policy.Alert)
	alerting.GraceAfterCreation = time.Hour
	if r := verdict.Judge(rules(alerting), c, now).Rules[0]; r.Held != "" || !r.GraceUntil.IsZero() {
		t.Errorf("a rule that only alerts is held: %+v", r)
	}
}

func TestHybridNodes(t *testing.T) {
	c := cluster(public("0.0.0.0/0"))
	c.HybridNodes = true
	c.Tags = map[string]string{"nodes": "hybrid"}
	for name, m := range map[string]struct {
		match *policy.Match
		want  verdict.Action
	}{
		"no match":       {nil, verdict.Alert},
		"by region":      {&policy.Match{Regions: []string{"eu-*"}}, verdict.Alert},
		"every name":     {&policy.Match{Clusters: []string{"*"}}, verdict.Alert},
		"by name":        {&policy.Match{Clusters: []string{"demo-*"}}, verdict.Apply},
		"by tag":         {&policy.Match{Tags: map[string]string{"nodes": "hybrid"}}, verdict.Apply},
		"by name and so": {&policy.Match{Regions: []string{"eu-*"}, Clusters: []string{"demo-1"}}, verdict.Apply},
	} {
		rule := disabled(policy.Enforce)
		rule.Match = m.match
		rule.GraceAfterCreation = time.Minute
		v := verdict.Judge(rules(rule), c, now)
		if d := verdict.Decide(v, nil, healthy()); d.Action != m.want {
			t.Errorf("%s: %s", name, d.Action)
		}
		if held := v.Rules[0].Held; (held != "") != (m.want == verdict.Alert) || held != "" && !strings.Contains(held, "hybrid nodes") {
			t.Errorf("%s: held %q", name, held)
		}
	}
}

// The call that adds a remote network does not disarm a rule that says so, and one that
// says the contrary tells, whatever its match.
func TestHybridNodesByTheRulesChoice(t *testing.T) {
	c := cluster(public("0.0.0.0/0"))
	named := &policy.Match{Clusters: []string{"demo-*"}}
	for name, tc := range map[string]struct {
		match  *policy.Match
		choice policy.HybridNodes
		hybrid bool
		want   verdict.Action
		held   string
	}{
		"no choice":               {nil, "", true, verdict.Alert, "hybridNodes: enforce"},
		"enforce":                 {nil, policy.HybridEnforce, true, verdict.Apply, ""},
		"alert":                   {nil, policy.HybridAlert, true, verdict.Alert, "says hybridNodes: alert"},
		"named, no choice":        {named, "", true, verdict.Apply, ""},
		"named, enforce":          {named, policy.HybridEnforce, true, verdict.Apply, ""},
		"named, alert":            {named, policy.HybridAlert, true, verdict.Alert, "says hybridNodes: alert"},
		"alert, no hybrid nodes":  {nil, policy.HybridAlert, false, verdict.Apply, ""},
		"enforce, no hybrid ones": {nil, policy.HybridEnforce, false, verdict.Apply, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.HybridNodes = tc.hybrid
			rule := disabled(policy.Enforce)
			rule.Match, rule.HybridNodes = tc.match, tc.choice
			v := verdict.Judge(rules(rule), c, now)
			if d := verdict.Decide(v, nil, healthy()); d.Action != tc.want {
				t.Errorf("%s, want %s", d.Action, tc.want)
			}
			if held := v.Rules[0].Held; (held == "") != (tc.held == "") || !strings.Contains(held, tc.held) {
				t.Errorf("held %q, want %q in it", held, tc.held)
			}
		})
	}
	// The rule alerts whatever it says of hybrid nodes, and a grace stays one.
	c.HybridNodes = true
	alerting, graced := disabled(policy.Alert), disabled(policy.Enforce)
	alerting.HybridNodes, graced.HybridNodes = policy.HybridEnforce, policy.HybridEnforce
	graced.GraceAfterCreation = time.Hour
	c.CreatedAt = now
	for _, rule := range []policy.Rule{alerting, graced} {
		if v := verdict.Judge(rules(rule), c, now); v.Enforcing() {
			t.Errorf("it enforces: %+v", v.Rules[0])
		}
	}
}

func TestDecide(t *testing.T) {
	before := func(a endpoint.Access) *endpoint.Access { return &a }
	world6 := "0.0.0.0/0 ::/0"
	for name, c := range map[string]struct {
		policy   *policy.Policy
		cluster  endpoint.Cluster
		before   *endpoint.Access
		want     endpoint.Access
		reverted bool
		opened   string
		dropped  string
		left     []string
	}{
		"private is switched on alone":      {policy: rules(private(policy.Enforce)), cluster: cluster(public("0.0.0.0/0")), want: both("0.0.0.0/0")},
		"an empty list is written out":      {policy: rules(private(policy.Enforce)), cluster: cluster(public("")), want: both("0.0.0.0/0")},
		"an empty list on IPv6 too":         {policy: rules(private(policy.Enforce)), cluster: cluster6(public("")), want: both(world6)},
		"disabled closes":                   {policy: rules(disabled(policy.Enforce)), cluster: cluster(public("9.9.9.0/24")), want: closed("9.9.9.0/24"), dropped: "9.9.9.0/24"},
		"disabled wins over restricted":     {policy: rules(allowed(policy.Enforce, "9.9.9.0/24"), disabled(policy.Enforce)), cluster: cluster(both("9.9.9.0/24")), want: closed("9.9.9.0/24"), dropped: "9.9.9.0/24"},
		"the world is cut to the allowed":   {policy: rules(allowed(policy.Enforce, "8.8.8.0/24 9.9.9.9/32")), cluster: cluster(public("0.0.0.0/0")), want: both("8.8.8.0/24 9.9.9.9/32"), dropped: "0.0.0.0/0"},
		"an empty list is cut to them too":  {policy: rules(allowed(policy.Enforce, "8.8.8.0/24")), cluster: cluster(public("")), want: both("8.8.8.0/24"), dropped: "0.0.0.0/0"},
		"inside stays, outside goes":        {policy: rules(allowed(policy.Enforce, "8.8.8.0/24")), cluster: cluster(both("9.9.9.0/24 8.8.8.8/32 8.8.8.0/28")), want: both("8.8.8.8/32 8.8.8.0/28"), dropped: "9.9.9.0/24"},
		"overlapping is cut in place":       {policy: rules(allowed(policy.Enforce, "8.8.8.0/24 9.9.9.0/24")), cluster: cluster(both("9.9.9.9/32 8.8.0.0/16")), want: both("9.9.9.9/32 8.8.8.0/24"), dropped: "8.8.0.0/16"},
		"cut to two parts":                  {policy: rules(allowed(policy.Enforce, "8.8.8.0/24 8.8.16.0/24")), cluster: cluster(both("8.8.0.0/16")), want: both("8.8.8.0/24 8.8.16.0/24"), dropped: "8.8.0.0/16"},
		"a part that is there already":      {policy: rules(allowed(policy.Enforce, "8.8.8.0/24")), cluster: cluster(both("0.0.0.0/0 8.8.8.0/24 8.8.0.0/16")), want: both("8.8.8.0/24"), dropped: "0.0.0.0/0 8.8.0.0/16"},
		"nested blocks are cut once":        {policy: rules(allowed(policy.Enforce, "8.8.8.0/24")), cluster: cluster(both("8.8.0.0/16 8.0.0.0/8")), want: both("8.8.8.0/24"), dropped: "8.8.0.0/16 8.0.0.0/8"},
		"nothing may stay":                  {policy: rules(allowed(policy.Enforce, "8.8.8.0/24")), cluster: cluster(public("9.9.9.0/24")), want: closed("9.9.9.0/24"), dropped: "9.9.9.0/24"},
		"rules in common":                   {policy: rules(allowed(policy.Enforce, "8.8.0.0/16"), allowed(policy.Revert, "8.8.8.0/24 9.9.9.0/24")), cluster: cluster(both("0.0.0.0/0")), want: both("8.8.8.0/24"), dropped: "0.0.0.0/0"},
		"rules with nothing in common":      {policy: rules(allowed(policy.Enforce, "8.8.8.0/24"), allowed(policy.Enforce, "9.9.9.0/24")), cluster: cluster(both("8.8.8.0/24")), want: closed("8.8.8.0/24"), dropped: "8.8.8.0/24"},
		"what alert rules want is left":     {policy: rules(allowed(policy.Alert, "8.8.8.0/24"), private(policy.Enforce)), cluster: cluster(public("9.9.9.0/24")), want: both("9.9.9.0/24"), left: []string{"allowed outside-allowed: 9.9.9.0/24 is outside the allowed CIDRs"}},
		"an alert rule on the rest":         {policy: rules(width(policy.Alert, 24, -1), allowed(policy.Enforce, "8.8.0.0/16")), cluster: cluster(both("0.0.0.0/0")), want: both("8.8.0.0/16"), dropped: "0.0.0.0/0", left: []string{"width too-wide: 8.8.0.0/16 is wider than /24"}},
		"too wide goes":                     {policy: rules(width(policy.Enforce, 16, -1)), cluster: cluster(both("8.0.0.0/8 9.9.9.0/24")), want: both("9.9.9.0/24"), dropped: "8.0.0.0/8"},
		"halves of the world":               {policy: rules(width(policy.Enforce, 1, -1)), cluster: cluster(both("0.0.0.0/1 128.0.0.0/1")), want: closed("0.0.0.0/1 128.0.0.0/1"), dropped: "0.0.0.0/1 128.0.0.0/1"},
		"all of a merged block goes":        {policy: rules(width(policy.Enforce, 24, -1)), cluster: cluster(both("8.8.2.0/24 8.8.3.0/24 8.8.3.7/32 8.8.4.0/24")), want: both("8.8.4.0/24"), dropped: "8.8.2.0/24 8.8.3.0/24 8.8.3.7/32"},
		"cut before it is measured":         {policy: rules(width(policy.Enforce, 16, -1), allowed(policy.Enforce, "8.8.8.0/24")), cluster: cluster(both("0.0.0.0/0")), want: both("8.8.8.0/24"), dropped: "0.0.0.0/0"},
		"the narrowest width counts":        {policy: rules(width(policy.Enforce, 8, -1), width(policy.Revert, 16, -1)), cluster: cluster(both("8.0.0.0/8 9.9.0.0/16")), want: both("9.9.0.0/16"), dropped: "8.0.0.0/8"},
		"a family that no width mentions":   {policy: rules(width(policy.Enforce, 16, -1)), cluster: cluster6(both("8.8.8.0/24 2600::/48")), want: both("8.8.8.0/24"), dropped: "2600::/48"},
		"IPv6 alone":                        {policy: rules(width(policy.Enforce, -1, 32)), cluster: cluster6(both(world6 + " 2600::/48")), want: closed(world6 + " 2600::/48"), dropped: world6 + " 2600::/48"},
		"IPv6 alone, cut":                   {policy: rules(allowed(policy.Enforce, "2600:1::/32")), cluster: cluster6(both(world6)), want: both("2600:1::/32"), dropped: world6},
		"no IPv6 on an IPv4 cluster":        {policy: rules(allowed(policy.Enforce, "8.8.8.0/24 2600::/32")), cluster: cluster(both("8.8.0.0/16 2600::/48")), want: both("8.8.8.0/24"), dropped: "8.8.0.0/16 2600::/48"},
		"a block twice":                     {policy: rules(private(policy.Enforce)), cluster: cluster(public("8.8.8.0/24 9.9.9.0/24 8.8.8.0/24")), want: both("8.8.8.0/24 9.9.9.0/24")},
		"41 blocks that merge":              {policy: rules(private(policy.Enforce)), cluster: cluster(public(many(40, "8.8.%d.0/24") + " 8.8.1.0/24")), want: both("8.8.0.0/23 " + strings.TrimPrefix(many(40, "8.8.%d.0/24"), "8.8.0.0/24 "))},
		"41 blocks, the widest stay":        {policy: rules(private(policy.Enforce)), cluster: cluster(public("8.9.0.1/32 " + many(40, "8.8.%d.0/24"))), want: both(many(40, "8.8.%d.0/24")), dropped: "8.9.0.1/32"},
		"41 blocks of two families":         {policy: rules(private(policy.Enforce)), cluster: cluster6(public(many(40, "8.8.%d.1/32") + " 2600:1::/48")), want: both(many(39, "8.8.%d.1/32") + " 2600:1::/48"), dropped: "8.8.78.1/32"},
		"the first of two wants private":    {policy: rules(private(policy.Enforce), width(policy.Enforce, 8, -1)), cluster: cluster(public("8.8.8.0/24")), want: both("8.8.8.0/24")},
		"the last of two wants private":     {policy: rules(width(policy.Enforce, 8, -1), private(policy.Enforce)), cluster: cluster(public("8.8.8.0/24")), want: both("8.8.8.0/24")},
		"the first has the narrowest width": {policy: rules(width(policy.Enforce, 16, 48), width(policy.Revert, 8, 32)), cluster: cluster6(both("8.0.0.0/8 9.9.0.0/16 2600::/32 2601::/48")), want: both("9.9.0.0/16 2601::/48"), dropped: "8.0.0.0/8 2600::/32"},
		"the last has the narrowest width":  {policy: rules(width(policy.Enforce, 8, 32), width(policy.Revert, 16, 48)), cluster: cluster6(both("8.0.0.0/8 9.9.0.0/16 2600::/32 2601::/48")), want: both("9.9.0.0/16 2601::/48"), dropped: "8.0.0.0/8 2600::/32"},
		"revert to what was":                {policy: rules(allowed(policy.Revert, "8.8.0.0/16")), cluster: cluster(both("0.0.0.0/0")), before: before(both("8.8.8.0/24")), want: both("8.8.8.0/24"), reverted: true, dropped: "0.0.0.0/0"},
		"revert opens what was open":        {policy: rules(allowed(policy.Revert, "8.8.0.0/16")), cluster: cluster(both("9.9.9.0/24")), before: before(both("8.8.8.0/24")), want: both("8.8.8.0/24"), reverted: true, opened: "8.8.8.0/24", dropped: "9.9.9.0/24"},
		"revert to private":                 {policy: rules(width(policy.Revert, 8, -1)), cluster: cluster(both("0.0.0.0/0")), before: before(closed("8.8.8.0/24")), want: closed("0.0.0.0/0"), reverted: true, dropped: "0.0.0.0/0"},
		"revert keeps private on":           {policy: rules(width(policy.Revert, 8, -1)), cluster: cluster(both("0.0.0.0/0")), before: before(public("8.8.8.0/24")), want: both("8.8.8.0/24"), reverted: true, dropped: "0.0.0.0/0"},
		"revert with private asked for":     {policy: rules(private(policy.Revert)), cluster: cluster(public("8.8.8.0/24")), before: before(public("8.8.8.0/24 9.9.9.0/24")), want: both("8.8.8.0/24 9.9.9.0/24"), reverted: true, opened: "9.9.9.0/24"},
		"revert to a broken one":            {policy: rules(allowed(policy.Revert, "8.8.0.0/16")), cluster: cluster(both("0.0.0.0/0")), before: before(both("9.9.9.0/24")), want: both("8.8.0.0/16"), dropped: "0.0.0.0/0"},
		"revert to an empty list":           {policy: rules(private(policy.Revert)), cluster: cluster(public("8.8.8.0/24")), before: before(both("")), want: both("0.0.0.0/0"), reverted: true, opened: "0.0.0.0/5 8.0.0.0/13 8.8.0.0/21 8.8.9.0/24 8.8.10.0/23 8.8.12.0/22 8.8.16.0/20 8.8.32.0/19 8.8.64.0/18 8.8.128.0/17 8.9.0.0/16 8.10.0.0/15 8.12.0.0/14 8.16.0.0/12 8.32.0.0/11 8.64.0.0/10 8.128.0.0/9 9.0.0.0/8 10.0.0.0/7 12.0.0.0/6 16.0.0.0/4 32.0.0.0/3 64.0.0.0/2 128.0.0.0/1"},
		"revert to what EKS can't take":     {policy: rules(width(policy.Revert, 8, -1)), cluster: cluster(both("0.0.0.0/0")), before: before(both(many(41, "8.8.%d.0/24"))), want: closed("0.0.0.0/0"), dropped: "0.0.0.0/0"},
		"revert to as many as EKS takes":    {policy: rules(width(policy.Revert, 8, -1)), cluster: cluster(both("0.0.0.0/0")), before: before(both(many(40, "8.8.%d.0/24"))), want: both(many(40, "8.8.%d.0/24")), reverted: true, dropped: "0.0.0.0/0"},
		"as many as EKS takes stay so":      {policy: rules(allowed(policy.Enforce, "8.0.0.0/8")), cluster: cluster(both("9.9.9.0/24 8.9.0.128/25 8.9.0.0/25 " + many(38, "8.8.%d.0/24"))), want: both("8.9.0.128/25 8.9.0.0/25 " + many(38, "8.8.%d.0/24")), dropped: "9.9.9.0/24"},
		"more are merged":                   {policy: rules(allowed(policy.Enforce, "8.0.0.0/8")), cluster: cluster(both("9.9.9.0/24 8.9.0.128/25 8.9.0.0/25 8.9.1.0/24 " + many(38, "8.8.%d.0/24"))), want: both(many(38, "8.8.%d.0/24") + " 8.9.0.0/23"), dropped: "9.9.9.0/24"},
		"revert to IPv6 on an IPv4 cluster": {policy: rules(width(policy.Revert, 8, 32)), cluster: cluster(both("0.0.0.0/0")), before: before(both("2600::/48")), want: closed("0.0.0.0/0"), dropped: "0.0.0.0/0"},
		"revert to nothing sendable":        {policy: rules(private(policy.Revert)), cluster: cluster(public("8.8.8.0/24")), before: before(both("2600::/48")), want: both("8.8.8.0/24")},
		"one revert among enforce":          {policy: rules(private(policy.Revert), width(policy.Enforce, 8, -1)), cluster: cluster(public("0.0.0.0/0")), before: before(both("9.9.9.0/24")), want: both("9.9.9.0/24"), reverted: true, dropped: "0.0.0.0/0"},
		"a revert that isn't violated":      {policy: rules(private(policy.Revert), width(policy.Enforce, 8, -1)), cluster: cluster(both("0.0.0.0/0 9.9.9.0/24")), before: before(both("9.9.9.0/24")), want: closed("0.0.0.0/0 9.9.9.0/24"), dropped: "0.0.0.0/0 9.9.9.0/24"},
		"enforce doesn't revert":            {policy: rules(allowed(policy.Enforce, "8.8.0.0/16")), cluster: cluster(both("9.9.9.0/24")), before: before(both("8.8.8.0/24")), want: closed("9.9.9.0/24"), dropped: "9.9.9.0/24"},
		"revert, and an alert rule is left": {policy: rules(private(policy.Revert), disabled(policy.Alert)), cluster: cluster(public("8.8.8.0/24")), before: before(both("8.8.8.0/24")), want: both("8.8.8.0/24"), reverted: true, left: []string{"disabled public-on: public access is on"}},
	} {
		t.Run(name, func(t *testing.T) {
			v := verdict.Judge(c.policy, c.cluster, now)
			d := verdict.Decide(v, c.before, healthy())
			if d.Action != verdict.Apply || d.Reverted != c.reverted || len(d.Missing)+len(d.Warnings)+len(d.Kept) > 0 {
				t.Errorf("%s, reverted %t, missing %v", d.Action, d.Reverted, d.Missing)
			}
			// The list is compared as written, in its order.
			if got, want := fmt.Sprintf("%t %t %v", d.Desired.Public, d.Desired.Private, d.Desired.CIDRs), fmt.Sprintf("%t %t %v", c.want.Public, c.want.Private, c.want.CIDRs); got != want {
				t.Errorf("desired %s\n   want %s", got, want)
			}
			if got := endpoint.JoinPrefixes(d.Opened, " "); got != c.opened {
				t.Errorf("opened %q, want %q", got, c.opened)
			}
			if got := endpoint.JoinPrefixes(d.Dropped, " "); got != c.dropped {
				t.Errorf("dropped %q, want %q", got, c.dropped)
			}
			if diff := cmp.Diff(c.left, reasonsOf(d.Left)); diff != "" {
				t.Errorf("left (-want +got)\n%s", diff)
			}
		})
	}
}

func TestDecideChangesNothingWithoutNeed(t *testing.T) {
	for name, c := range map[string]struct {
		policy *policy.Policy
		access endpoint.Access
		action verdict.Action
		left   int
	}{
		"compliant":   {rules(private(policy.Enforce)), both("0.0.0.0/0"), verdict.None, 0},
		"only alerts": {rules(private(policy.Alert), disabled(policy.Alert)), public("0.0.0.0/0"), verdict.Alert, 2},
	} {
		d := verdict.Decide(verdict.Judge(c.policy, cluster(c.access), now), &endpoint.Access{Private: true}, endpoint.Network{})
		if d.Action != c.action || len(d.Left) != c.left || d.Desired.String() != c.access.String() || d.Opened != nil || d.Dropped != nil {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestLockoutChecks(t *testing.T) {
	warn := func(r policy.Rule) policy.Rule { r.LockoutChecks = policy.LockoutWarn; return r }
	unread := endpoint.Network{}
	noDNS, unknown, noIngress, nothing := healthy(), healthy(), healthy(), endpoint.Network{Read: true, DHCPOptions: "default"}
	noDNS.DNSHostnames = endpoint.No
	unknown.AmazonDNS = endpoint.Unknown
	noIngress.Ingress443 = endpoint.Unknown
	was := closed("")
	restrictedAndPrivate := allowed(policy.Enforce, "9.9.9.0/24")
	restrictedAndPrivate.Require.PrivateAccess = true
	for name, c := range map[string]struct {
		policy   *policy.Policy
		access   endpoint.Access
		before   *endpoint.Access
		net      endpoint.Network
		action   verdict.Action
		want     endpoint.Access
		missing  string
		kept     int
		warnings int
		left     int
	}{
		"narrowing wants the facts":       {rules(width(policy.Enforce, 8, -1)), both("0.0.0.0/0"), nil, unread, verdict.NeedNetwork, both("0.0.0.0/0"), "", 0, 0, 1},
		"narrowing with warn too":         {rules(warn(width(policy.Enforce, 8, -1))), both("0.0.0.0/0"), nil, unread, verdict.NeedNetwork, both("0.0.0.0/0"), "", 0, 0, 1},
		"switching private on too":        {rules(private(policy.Enforce)), public("0.0.0.0/0"), nil, unread, verdict.NeedNetwork, public("0.0.0.0/0"), "", 0, 0, 1},
		"blocked, private on first":       {rules(width(policy.Enforce, 8, -1)), public("0.0.0.0/0 9.9.9.0/24"), nil, noDNS, verdict.Apply, both("0.0.0.0/0 9.9.9.0/24"), "enableDnsHostnames=no", 1, 0, 1},
		"blocked, an empty list":          {rules(width(policy.Enforce, 8, -1)), public(""), nil, noDNS, verdict.Apply, both("0.0.0.0/0"), "enableDnsHostnames=no", 1, 0, 1},
		"blocked, private is on":          {rules(width(policy.Enforce, 8, -1)), both("0.0.0.0/0"), nil, noDNS, verdict.Blocked, both("0.0.0.0/0"), "enableDnsHostnames=no", 1, 0, 1},
		"unknown blocks":                  {rules(disabled(policy.Revert)), both("0.0.0.0/0"), nil, unknown, verdict.Blocked, both("0.0.0.0/0"), "AmazonProvidedDNS=unknown", 1, 0, 1},
		"blocks a revert":                 {rules(disabled(policy.Revert)), both("0.0.0.0/0"), &was, noDNS, verdict.Blocked, both("0.0.0.0/0"), "enableDnsHostnames=no", 1, 0, 1},
		"blocked, without ingress":        {rules(width(policy.Enforce, 8, -1)), public("0.0.0.0/0"), nil, nothing, verdict.Apply, both("0.0.0.0/0"), "enableDnsSupport=unknown enableDnsHostnames=unknown AmazonProvidedDNS=unknown ingress on 443=unknown", 3, 1, 1},
		"warn does it and says so":        {rules(warn(disabled(policy.Enforce))), both("0.0.0.0/0"), nil, noDNS, verdict.Apply, closed("0.0.0.0/0"), "enableDnsHostnames=no", 0, 1, 0},
		"block wins":                      {rules(warn(disabled(policy.Enforce)), width(policy.Enforce, 8, -1)), both("0.0.0.0/0"), nil, noDNS, verdict.Blocked, both("0.0.0.0/0"), "enableDnsHostnames=no", 1, 0, 2},
		"warn and warn":                   {rules(warn(disabled(policy.Enforce)), warn(width(policy.Enforce, 8, -1))), both("0.0.0.0/0"), nil, noDNS, verdict.Apply, closed("0.0.0.0/0"), "enableDnsHostnames=no", 0, 1, 0},
		"private alone has no say":        {rules(warn(disabled(policy.Enforce)), private(policy.Enforce)), public("0.0.0.0/0"), nil, noDNS, verdict.Apply, closed("0.0.0.0/0"), "enableDnsHostnames=no", 0, 1, 0},
		"private alone, reverted, has":    {rules(private(policy.Revert)), public("0.0.0.0/0"), &was, noDNS, verdict.Apply, both("0.0.0.0/0"), "enableDnsHostnames=no", 1, 0, 0},
		"it blocks what was, not more":    {rules(warn(width(policy.Enforce, 8, -1)), private(policy.Revert)), public("0.0.0.0/0 9.9.9.0/24"), &was, noDNS, verdict.Apply, closed("0.0.0.0/0 9.9.9.0/24"), "enableDnsHostnames=no", 1, 1, 0},
		"blocked in private, not public":  {rules(warn(disabled(policy.Enforce)), restrictedAndPrivate), public("9.9.9.0/24"), nil, noDNS, verdict.Apply, closed("9.9.9.0/24"), "enableDnsHostnames=no", 0, 1, 0},
		"a block that isn't violated":     {rules(warn(width(policy.Enforce, 8, -1)), allowed(policy.Enforce, "0.0.0.0/0")), both("0.0.0.0/0"), nil, noDNS, verdict.Apply, closed("0.0.0.0/0"), "enableDnsHostnames=no", 0, 1, 0},
		"41 blocks and no rule":           {rules(private(policy.Enforce)), public("8.9.0.1/32 " + many(40, "8.8.%d.0/24")), nil, noDNS, verdict.Apply, both("8.9.0.1/32 " + many(40, "8.8.%d.0/24")), "enableDnsHostnames=no", 1, 0, 0},
		"a rule that alerts has no say":   {rules(warn(disabled(policy.Enforce)), width(policy.Alert, 8, -1)), both("0.0.0.0/0"), nil, noDNS, verdict.Apply, closed("0.0.0.0/0"), "enableDnsHostnames=no", 0, 1, 0},
		"private on is never blocked":     {rules(private(policy.Enforce)), public("0.0.0.0/0"), nil, noDNS, verdict.Apply, both("0.0.0.0/0"), "enableDnsHostnames=no", 0, 1, 0},
		"private on without ingress":      {rules(private(policy.Enforce)), public("0.0.0.0/0"), nil, noIngress, verdict.Apply, both("0.0.0.0/0"), "ingress on 443=unknown", 0, 1, 0},
		"narrowing without ingress":       {rules(disabled(policy.Enforce)), both("0.0.0.0/0"), nil, noIngress, verdict.Apply, closed("0.0.0.0/0"), "ingress on 443=unknown", 0, 1, 0},
		"nothing is kept from a good VPC": {rules(disabled(policy.Enforce)), both("0.0.0.0/0"), nil, healthy(), verdict.Apply, closed("0.0.0.0/0"), "", 0, 0, 0},
		"IPv6 alone on an IPv4 cluster":   {rules(width(policy.Enforce, 8, 32)), public("2000::/3"), nil, noDNS, verdict.Blocked, public("2000::/3"), "enableDnsHostnames=no", 1, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			v := verdict.Judge(c.policy, cluster(c.access), now)
			d := verdict.Decide(v, c.before, c.net)
			if d.Action != c.action || d.Reverted {
				t.Errorf("action %s, reverted %t", d.Action, d.Reverted)
			}
			if got, want := fmt.Sprintf("%t %t %v", d.Desired.Public, d.Desired.Private, d.Desired.CIDRs), fmt.Sprintf("%t %t %v", c.want.Public, c.want.Private, c.want.CIDRs); got != want {
				t.Errorf("desired %s\n   want %s", got, want)
			}
			var missing []string
			for _, g := range d.Missing {
				missing = append(missing, g.Name+"="+g.Fact.String())
				if g.Fix == "" {
					t.Errorf("%s without a fix", g.Name)
				}
			}
			if got := strings.Join(missing, " "); got != c.missing {
				t.Errorf("missing %q, want %q", got, c.missing)
			}
			if len(d.Kept) != c.kept || len(d.Warnings) != c.warnings || len(d.Left) != c.left {
				t.Errorf("kept %q\nwarnings %q\nleft %v", d.Kept, d.Warnings, reasonsOf(d.Left))
			}
		})
	}
}

func TestWarnLetsARevertNarrow(t *testing.T) {
	rule := private(policy.Revert)
	rule.LockoutChecks = policy.LockoutWarn
	was, net := closed(""), healthy()
	net.DNSSupport = endpoint.No
	d := verdict.Decide(verdict.Judge(rules(rule), cluster(public("0.0.0.0/0")), now), &was, net)
	if d.Action != verdict.Apply || !d.Reverted || !d.Desired.Equal(was) || len(d.Kept) > 0 || len(d.Warnings) != 1 {
		t.Errorf("%+v", d)
	}
}

// TestARevertThatNarrowsNothing: what was before is brought back, since nobody
// loses the API server by it.
func TestARevertThatNarrowsNothing(t *testing.T) {
	was, net := both("8.8.8.0/24 9.9.9.0/24"), healthy()
	net.DNSSupport = endpoint.No
	d := verdict.Decide(verdict.Judge(rules(private(policy.Revert)), cluster(public("8.8.8.0/24")), now), &was, net)
	if d.Action != verdict.Apply || !d.Reverted || !d.Desired.Equal(was) || len(d.Kept) > 0 {
		t.Errorf("%+v", d)
	}
}

// TestARevertThatIsKept: what is done instead is told by itself.
func TestARevertThatIsKept(t *testing.T) {
	was, net := closed(""), healthy()
	net.DNSSupport = endpoint.No
	d := verdict.Decide(verdict.Judge(rules(private(policy.Revert)), cluster(public("0.0.0.0/0")), now), &was, net)
	if d.Action != verdict.Apply || d.Reverted || !d.Desired.Equal(both("0.0.0.0/0")) || len(d.Dropped) > 0 {
		t.Errorf("%+v", d)
	}
	if len(d.Kept) != 1 || !strings.HasPrefix(d.Kept[0], "public access is not brought back to what it was before, ") {
		t.Errorf("kept %q", d.Kept)
	}
}

func TestWhatIsLeftIsViolated(t *testing.T) {
	d := verdict.Decide(verdict.Judge(rules(private(policy.Enforce), disabled(policy.Alert)), cluster(public("0.0.0.0/0")), now), nil, healthy())
	if len(d.Left) != 1 || !d.Left[0].Violated {
		t.Errorf("%+v", d.Left)
	}
}

// TestNearestCountsRulesThatAreHeld: as what they are, one that reverts among
// them, and without a change to the verdict.
func TestNearestCountsRulesThatAreHeld(t *testing.T) {
	c := cluster(public("0.0.0.0/0"))
	c.HybridNodes = true
	was := both("8.8.8.0/24")
	for name, tc := range map[string]struct {
		rule   policy.Rule
		before *endpoint.Access
		want   endpoint.Access
	}{
		"revert":                  {width(policy.Revert, 8, -1), &was, was},
		"revert to what broke it": {disabled(policy.Revert), &was, closed("0.0.0.0/0")},
		"revert to nothing known": {width(policy.Revert, 8, -1), nil, closed("0.0.0.0/0")},
		"enforce":                 {width(policy.Enforce, 8, -1), &was, closed("0.0.0.0/0")},
		"alert":                   {width(policy.Alert, 8, -1), &was, closed("0.0.0.0/0")},
	} {
		t.Run(name, func(t *testing.T) {
			v := verdict.Judge(rules(tc.rule), c, now)
			if got := verdict.Nearest(v, tc.before); !got.Equal(tc.want) {
				t.Errorf("%s, want %s", got, tc.want)
			}
			if r := v.Rules[0]; r.Response != policy.Alert {
				t.Errorf("the verdict says %s now", r.Response)
			}
		})
	}
}

func TestGapsSayWhatToFix(t *testing.T) {
	net := endpoint.Network{Read: true, DNSSupport: endpoint.No, DNSHostnames: endpoint.Unknown, AmazonDNS: endpoint.No, Ingress443: endpoint.No, DHCPOptions: "dopt-7"}
	v := verdict.Judge(rules(disabled(policy.Enforce)), cluster(public("0.0.0.0/0")), now)
	d := verdict.Decide(v, nil, net)
	want := []string{
		"public access is not narrowed, or nodes could lose the API server: enableDnsSupport is missing; turn on DNS resolution (enableDnsSupport) in vpc-0123456789abcdef0",
		"public access is not narrowed, or nodes could lose the API server: enableDnsHostnames is unknown, it could not be read; let the guardrail's role read it, or else turn on DNS hostnames (enableDnsHostnames) in vpc-0123456789abcdef0",
		"public access is not narrowed, or nodes could lose the API server: AmazonProvidedDNS is missing; give vpc-0123456789abcdef0 a DHCP options set that lists AmazonProvidedDNS instead of dopt-7",
	}
	if diff := cmp.Diff(want, d.Kept); diff != "" {
		t.Error(diff)
	}
	want = []string{"bastions, runners and self-managed nodes in the VPC may lose the API server, whose name resolves to private addresses there: ingress on 443 is missing; admit TCP 443 in a security group of the cluster for what must reach it"}
	if diff := cmp.Diff(want, d.Warnings); diff != "" {
		t.Error(diff)
	}
	for _, options := range []string{"", "default"} {
		net.DHCPOptions = options
		const want = "give vpc-0123456789abcdef0 a DHCP options set that lists AmazonProvidedDNS"
		if d := verdict.Decide(v, nil, net); d.Missing[2].Fix != want {
			t.Errorf("DHCP options %q: %s", options, d.Missing[2].Fix)
		}
	}
	c := cluster(public("0.0.0.0/0"))
	c.VPC = ""
	d = verdict.Decide(verdict.Judge(rules(disabled(policy.Enforce)), c, now), nil, net)
	if !strings.HasSuffix(d.Kept[0], "in the cluster's VPC") {
		t.Error(d.Kept[0])
	}
}

func TestDecideSharesNoMemory(t *testing.T) {
	c := cluster(public("0.0.0.0/0"))
	was := both("8.8.8.0/24")
	v := verdict.Judge(rules(private(policy.Revert)), c, now)
	for _, net := range []endpoint.Network{healthy(), {}} {
		d := verdict.Decide(v, &was, net)
		d.Desired.CIDRs[0] = netip.MustParsePrefix("1.1.1.1/32")
	}
	if got := c.Access.CIDRs[0].String() + " " + was.CIDRs[0].String(); got != "0.0.0.0/0 8.8.8.0/24" {
		t.Error(got)
	}
}

// big is a policy of 200 rules with 40 CIDRs each, which all match.
func big(b *testing.B) *policy.Policy {
	var doc strings.Builder
	doc.WriteString("version: 1\nrules:\n")
	for i := range 200 {
		fmt.Fprintf(&doc, "- {name: r%d, match: {regions: [eu-*], clusters: [demo-*]}, require: {publicAccess: restricted, notWiderThan: {ipv4: 8}, allowedCidrs: [", i)
		for j := range 40 {
			fmt.Fprintf(&doc, "20.%d.0.0/16,", 2*j)
		}
		doc.WriteString("]}, respond: enforce}\n")
	}
	p, problems := policy.Parse("big", []byte(doc.String()))
	if p == nil {
		b.Fatal(problems)
	}
	return p
}

func BenchmarkJudge200Rules(b *testing.B) {
	p := big(b)
	for name, c := range map[string]endpoint.Cluster{
		"compliant": cluster(both(many(40, "20.%d.1.0/24"))),
		"violation": cluster(both(many(39, "20.%d.1.0/24") + " 9.9.9.0/24")),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				verdict.Judge(p, c, now)
			}
		})
	}
}

func BenchmarkDecide200Rules(b *testing.B) {
	v := verdict.Judge(big(b), cluster(both(many(39, "20.%d.1.0/24")+" 9.9.9.0/24")), now)
	b.ReportAllocs()
	for b.Loop() {
		if d := verdict.Decide(v, nil, healthy()); d.Action != verdict.Apply {
			b.Fatal(d.Action)
		}
	}
}

// inSet is a slow, plain way to ask for one address, for the properties.
func inSet(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

// edges returns the addresses at which membership in any of the prefixes can
// change.
func edges(lists ...[]netip.Prefix) []netip.Addr {
	var out []netip.Addr
	for _, list := range lists {
		for _, p := range list {
			r := netipx.RangeOfPrefix(p)
			for _, a := range []netip.Addr{r.From().Prev(), r.From(), r.To(), r.To().Next()} {
				if a.IsValid() {
					out = append(out, a)
				}
			}
		}
	}
	return out
}
