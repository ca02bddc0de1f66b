package explain_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/explain"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/policytest"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const document = `
version: 1
rules:
  - name: inside
    require: {privateAccess: enabled}
    respond: enforce
  - name: office
    except: {clusters: [open-*]}
    require: {publicAccess: restricted, allowedCidrs: [8.8.8.0/24]}
    respond: revert
  - name: told
    match: {tags: {environment: prod}}
    require: {publicAccess: disabled}
    respond: alert
exemptions:
  - name: launch
    rules: [inside, office]
    match: {accounts: ["111122223333"], regions: [eu-west-1], clusters: [launch]}
    until: 2026-12-01
    reason: Launch, SEC-1234
    approvedBy: alice@example.com
`

func parse(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, problems := policy.Parse("policy.yaml", []byte(text))
	if problems.Errors() {
		t.Fatal(problems)
	}
	return p
}

func cidrs(words ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, w := range words {
		out = append(out, netip.MustParsePrefix(w))
	}
	return out
}

func cluster(name string, a endpoint.Access) endpoint.Cluster {
	return endpoint.Cluster{
		ID:   endpoint.ID{ARN: endpoint.ARN("aws", "eu-west-1", "111122223333", name), CreatedAt: now.AddDate(-1, 0, 0)},
		Name: name, Account: "111122223333", Region: "eu-west-1", Family: endpoint.IPv4, Status: endpoint.StatusActive, Access: a,
	}
}

func TestOf(t *testing.T) {
	both := func(words ...string) endpoint.Access {
		return endpoint.Access{Public: true, Private: true, CIDRs: cidrs(words...)}
	}
	noDNS := policytest.NetworkInOrder()
	noDNS.DNSHostnames = endpoint.No
	prod := cluster("shop", both("8.8.8.0/25"))
	prod.Tags = map[string]string{"environment": "prod"}
	connected := cluster("other", endpoint.Access{})
	connected.Connected = true
	for name, tc := range map[string]struct {
		cluster endpoint.Cluster
		before  *endpoint.Access
		network endpoint.Network
		want    string
	}{
		"compliant":    {cluster("shop", both("8.8.8.0/25")), nil, policytest.NetworkInOrder(), `{"outcome":"compliant","rules":[{"name":"inside","violated":false,"outcome":"compliant","reasons":[]},{"name":"office","violated":false,"outcome":"compliant","reasons":[]}],"desired":null,"dropped":[]}`},
		"out of scope": {connected, nil, policytest.NetworkInOrder(), `{"outcome":"out-of-scope","why":"connected cluster: its endpoint is not EKS's","rules":[],"desired":null,"dropped":[]}`},
		"exempt":       {cluster("launch", endpoint.Access{Public: true}), nil, policytest.NetworkInOrder(), `{"outcome":"exempt","rules":[{"name":"inside","violated":true,"outcome":"exempt","reasons":["private access is off"]},{"name":"office","violated":true,"outcome":"exempt","reasons":["0.0.0.0/0 reaches beyond the allowed CIDRs (no CIDRs are listed, which lets everyone in)"]}],"desired":null,"dropped":[]}`},
		"alert only":   {prod, nil, policytest.NetworkInOrder(), `{"outcome":"violation","rules":[{"name":"inside","violated":false,"outcome":"compliant","reasons":[]},{"name":"office","violated":false,"outcome":"compliant","reasons":[]},{"name":"told","violated":true,"outcome":"violation","reasons":["public access is on"]}],"desired":null,"dropped":[]}`},
		"enforced":     {cluster("shop", both("8.8.8.0/25", "9.9.9.0/24")), nil, policytest.NetworkInOrder(), `{"outcome":"would-enforce","rules":[{"name":"inside","violated":false,"outcome":"compliant","reasons":[]},{"name":"office","violated":true,"outcome":"would-enforce","reasons":["9.9.9.0/24 is outside the allowed CIDRs"]}],"desired":{"public":true,"private":true,"cidrs":["8.8.8.0/25"]},"dropped":[{"cidr":"9.9.9.0/24","why":"not-allowed"}]}`},
		"reverted":     {cluster("shop", both("9.9.9.0/24")), &endpoint.Access{Public: true, Private: true, CIDRs: cidrs("8.8.8.8/32")}, policytest.NetworkInOrder(), `{"outcome":"would-enforce","rules":[{"name":"inside","violated":false,"outcome":"compliant","reasons":[]},{"name":"office","violated":true,"outcome":"would-enforce","reasons":["9.9.9.0/24 is outside the allowed CIDRs"]}],"desired":{"public":true,"private":true,"cidrs":["8.8.8.8/32"]},"dropped":[{"cidr":"9.9.9.0/24","why":"not-allowed"}]}`},
		"blocked":      {cluster("shop", both("9.9.9.0/24")), nil, noDNS, `{"outcome":"blocked","rules":[{"name":"inside","violated":false,"outcome":"compliant","reasons":[]},{"name":"office","violated":true,"outcome":"blocked","reasons":["9.9.9.0/24 is outside the allowed CIDRs"]}],"desired":null,"dropped":[]}`},
		"not read":     {cluster("shop", both("9.9.9.0/24")), nil, endpoint.Network{}, `{"outcome":"blocked","rules":[{"name":"inside","violated":false,"outcome":"compliant","reasons":[]},{"name":"office","violated":true,"outcome":"blocked","reasons":["9.9.9.0/24 is outside the allowed CIDRs"]}],"desired":null,"dropped":[]}`},
		"in part":      {cluster("shop", endpoint.Access{Public: true, CIDRs: cidrs("9.9.9.0/24")}), nil, noDNS, `{"outcome":"would-enforce","rules":[{"name":"inside","violated":true,"outcome":"would-enforce","reasons":["private access is off"]},{"name":"office","violated":true,"outcome":"blocked","reasons":["9.9.9.0/24 is outside the allowed CIDRs"]}],"desired":{"public":true,"private":true,"cidrs":["9.9.9.0/24"]},"dropped":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(explain.Of(parse(t, document), tc.cluster, tc.before, tc.network, now).JSON())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestSaysWhatJudgeAndDecideSay holds that an answer is theirs in everything,
// and that the network is asked for exactly when Decide asks.
func TestSaysWhatJudgeAndDecideSay(t *testing.T) {
	p := parse(t, document)
	seen := map[explain.Outcome]int{}
	missing := func() bool {
		return slices.ContainsFunc(explain.Outcomes(), func(o explain.Outcome) bool { return seen[o] == 0 })
	}
	check := func(t *rapid.T) {
		pick := func(label string) endpoint.Access {
			return endpoint.Access{
				Public: rapid.Bool().Draw(t, label+" public"), Private: rapid.Bool().Draw(t, label+" private"),
				CIDRs: rapid.SampledFrom([][]netip.Prefix{nil, cidrs("8.8.8.0/25"), cidrs("8.8.0.0/16", "9.9.9.0/24"), cidrs("0.0.0.0/0")}).Draw(t, label+" list"),
			}
		}
		c := cluster(rapid.SampledFrom([]string{"shop", "launch", "open-1"}).Draw(t, "name"), pick("now"))
		c.HybridNodes = rapid.Bool().Draw(t, "hybrid")
		c.OutpostsLocal = rapid.IntRange(0, 9).Draw(t, "outposts") == 0
		c.Tags = map[string]string{"environment": rapid.SampledFrom([]string{"prod", "test"}).Draw(t, "environment")}
		var before *endpoint.Access
		if rapid.Bool().Draw(t, "knows before") {
			a := pick("before")
			before = &a
		}
		fact := func(label string) endpoint.Fact {
			return rapid.SampledFrom([]endpoint.Fact{endpoint.Yes, endpoint.Yes, endpoint.No, endpoint.Unknown}).Draw(t, label)
		}
		net := endpoint.Network{Read: true, DNSSupport: fact("support"), DNSHostnames: fact("hostnames"), AmazonDNS: fact("amazon"), Ingress443: fact("ingress")}

		v := verdict.Judge(p, c, now)
		d := verdict.Decide(v, before, net)
		a := explain.Of(p, c, before, net, now)
		seen[a.Outcome]++
		same := cmp.Options{cmpopts.IgnoreUnexported(policy.Rule{}), cmpopts.EquateComparable(netip.Prefix{})}
		if diff := cmp.Diff(v, a.Verdict, same) + cmp.Diff(d, a.Decision, same); diff != "" {
			t.Fatalf("not what Judge and Decide say:\n%s", diff)
		}
		want := map[verdict.Action]explain.Outcome{verdict.Apply: explain.WouldEnforce, verdict.Blocked: explain.Blocked, verdict.Alert: explain.Violation, verdict.None: explain.Outcome(v.Outcome)}[d.Action]
		if a.Outcome != want {
			t.Fatalf("action %s is told as %s", d.Action, a.Outcome)
		}
		if (a.Desired() != nil) != (d.Action == verdict.Apply) {
			t.Fatalf("action %s has the desired access %v", d.Action, a.Desired())
		}
		if asks := verdict.Decide(v, before, endpoint.Network{}).Action == verdict.NeedNetwork; asks != explain.NeedsNetwork(p, c, before, now) {
			t.Fatalf("Decide needs the network: %t", asks)
		}
		c.Access = d.Desired
		then := verdict.Judge(p, c, now)
		for i := range v.Rules {
			r := &v.Rules[i]
			outcome := a.RuleOutcome(r)
			if r.Exemption == nil && then.Rules[i].Violated != (outcome == explain.Violation || outcome == explain.Blocked) {
				t.Fatalf("%s is %s, and once %s is in force, violated: %t", r.Rule.Name, outcome, d.Desired, then.Rules[i].Violated)
			}
			if (outcome == explain.Exempt) != (r.Violated && r.Exemption != nil) || outcome == explain.Blocked && !r.Response.Enforcing() {
				t.Fatalf("%s (%s) is %s", r.Rule.Name, r.Response, outcome)
			}
		}
	}
	for range 20 { // a hundred cases each, of which some outcomes are rare
		if rapid.Check(t, check); !missing() {
			break
		}
	}
	for _, o := range explain.Outcomes() {
		if seen[o] == 0 {
			t.Errorf("no case was %s", o)
		}
	}
}

func TestFinding(t *testing.T) {
	var findings []string
	for _, o := range explain.Outcomes() {
		if o.Finding() {
			findings = append(findings, string(o))
		}
	}
	if got := strings.Join(findings, " "); got != "violation would-enforce blocked" {
		t.Error(got)
	}
}

func TestDiff(t *testing.T) {
	for name, tc := range map[string]struct {
		from, to endpoint.Access
		family   endpoint.Family
		want     string
	}{
		"nothing":                    {endpoint.Access{Private: true}, endpoint.Access{Private: true}, endpoint.IPv4, "  endpointPrivateAccess: true\n  endpointPublicAccess: false"},
		"closed":                     {endpoint.Access{Public: true, CIDRs: cidrs("0.0.0.0/0")}, endpoint.Access{Private: true, CIDRs: cidrs("0.0.0.0/0")}, endpoint.IPv4, "- endpointPrivateAccess: false\n+ endpointPrivateAccess: true\n- endpointPublicAccess: true\n+ endpointPublicAccess: false\n- publicAccessCidrs:\n-   0.0.0.0/0"},
		"opened":                     {endpoint.Access{Private: true}, endpoint.Access{Public: true, Private: true, CIDRs: cidrs("8.8.8.0/24")}, endpoint.IPv4, "  endpointPrivateAccess: true\n- endpointPublicAccess: false\n+ endpointPublicAccess: true\n+ publicAccessCidrs:\n+   8.8.8.0/24"},
		"narrowed":                   {endpoint.Access{Public: true, Private: true, CIDRs: cidrs("8.8.0.0/16", "9.9.9.0/24")}, endpoint.Access{Public: true, Private: true, CIDRs: cidrs("8.8.8.0/24", "9.9.9.0/24")}, endpoint.IPv4, "  endpointPrivateAccess: true\n  endpointPublicAccess: true\n  publicAccessCidrs:\n-   8.8.0.0/16\n    9.9.9.0/24\n+   8.8.8.0/24"},
		"from none":                  {endpoint.Access{Public: true, Private: true}, endpoint.Access{Public: true, Private: true, CIDRs: cidrs("8.8.8.0/24")}, endpoint.IPv4, "  endpointPrivateAccess: true\n  endpointPublicAccess: true\n  publicAccessCidrs:\n-   0.0.0.0/0 (none listed: everyone)\n+   8.8.8.0/24"},
		"everyone, named":            {endpoint.Access{Public: true}, endpoint.Access{Public: true, Private: true, CIDRs: cidrs("0.0.0.0/0")}, endpoint.IPv4, "- endpointPrivateAccess: false\n+ endpointPrivateAccess: true\n  endpointPublicAccess: true\n  publicAccessCidrs:\n    0.0.0.0/0 (none listed: everyone)"},
		"everyone of both, named":    {endpoint.Access{Public: true}, endpoint.Access{Public: true, CIDRs: cidrs("0.0.0.0/0", "::/0")}, endpoint.IPv6, "  endpointPrivateAccess: false\n  endpointPublicAccess: true\n  publicAccessCidrs:\n    0.0.0.0/0 (none listed: everyone)\n    ::/0 (none listed: everyone)"},
		"everyone but those of IPv6": {endpoint.Access{Public: true}, endpoint.Access{Public: true, CIDRs: cidrs("0.0.0.0/0")}, endpoint.IPv6, "  endpointPrivateAccess: false\n  endpointPublicAccess: true\n  publicAccessCidrs:\n    0.0.0.0/0 (none listed: everyone)\n-   ::/0 (none listed: everyone)"},
		"everyone, untold":           {endpoint.Access{Private: true}, endpoint.Access{Public: true, Private: true}, endpoint.IPv4, "  endpointPrivateAccess: true\n- endpointPublicAccess: false\n+ endpointPublicAccess: true\n+ publicAccessCidrs:\n+   0.0.0.0/0 (none listed: everyone)"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(strings.Split(tc.want, "\n"), explain.Diff(tc.from, tc.to, tc.family)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDiffOpensNothing: a "+" stands before a block only where the list of what is
// in force did not have it, however that list was written.
func TestDiffOpensNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom([]endpoint.Family{endpoint.IPv4, endpoint.IPv6}).Draw(t, "family")
		from := endpoint.Access{Public: true, CIDRs: rapid.SampledFrom([][]netip.Prefix{nil, endpoint.World(f), cidrs("8.8.8.0/24")}).Draw(t, "list")}
		to := endpoint.Access{Public: true, Private: true, CIDRs: rapid.SampledFrom([][]netip.Prefix{nil, from.Effective(f), from.Effective(f)[:1]}).Draw(t, "list then")}
		for _, line := range explain.Diff(from, to, f) {
			block, _, _ := strings.Cut(strings.TrimPrefix(line, "+   "), " ")
			if p, err := netip.ParsePrefix(block); err == nil && strings.HasPrefix(line, "+") && slices.Contains(from.Effective(f), p) {
				t.Errorf("%v to %v on %s: %q", from, to, f, line)
			}
		}
	})
}

func TestCheck(t *testing.T) {
	given := func(a endpoint.Access) policytest.Given {
		return policytest.Given{Cluster: cluster("shop", a), Network: policytest.NetworkInOrder()}
	}
	open := given(endpoint.Access{Public: true, Private: true, CIDRs: cidrs("9.9.9.0/24", "8.8.8.0/24")})
	office := endpoint.Access{Public: true, Private: true, CIDRs: cidrs("8.8.8.0/24")}
	closed := endpoint.Access{Private: true}
	late := given(endpoint.Access{Public: true})
	late.Cluster.Name = "launch"
	dated := late
	dated.At = now.AddDate(1, 0, 0)
	for name, tc := range map[string]struct {
		given  policytest.Given
		expect policytest.Expect
		want   []string // what differs
	}{
		"all as expected":    {open, policytest.Expect{Outcome: "would-enforce", Rules: []string{"office", "office"}, Desired: &office}, nil},
		"only the outcome":   {open, policytest.Expect{Outcome: "would-enforce"}, nil},
		"another outcome":    {open, policytest.Expect{Outcome: "compliant"}, []string{"outcome"}},
		"another rule":       {open, policytest.Expect{Outcome: "would-enforce", Rules: []string{"inside"}}, []string{"rules"}},
		"no rule":            {open, policytest.Expect{Outcome: "would-enforce", Rules: []string{}}, []string{"rules"}},
		"another desired":    {open, policytest.Expect{Outcome: "would-enforce", Desired: &closed}, []string{"desired"}},
		"unchanged":          {open, policytest.Expect{Outcome: "would-enforce", Unchanged: true}, []string{"desired"}},
		"changed":            {given(office), policytest.Expect{Outcome: "compliant", Desired: &office}, []string{"desired"}},
		"stays":              {given(office), policytest.Expect{Outcome: "compliant", Rules: []string{}, Unchanged: true}, nil},
		"everything":         {open, policytest.Expect{Outcome: "blocked", Rules: []string{"told"}, Unchanged: true}, []string{"outcome", "rules", "desired"}},
		"at its own date":    {dated, policytest.Expect{Outcome: "would-enforce"}, nil},
		"at the test's date": {late, policytest.Expect{Outcome: "exempt", Rules: []string{"office", "inside"}, Unchanged: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := explain.Check(parse(t, document), policytest.Case{Name: name, Given: tc.given, Expect: tc.expect}, now)
			var got []string
			for _, d := range r.Differences {
				got = append(got, d.What)
				if slices.Equal(d.Expected, d.Got) || len(d.Expected) == 0 || len(d.Got) == 0 {
					t.Errorf("%s: expected %q, got %q", d.What, d.Expected, d.Got)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
