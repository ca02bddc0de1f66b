package policytest_test

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/policytest"
)

var update = flag.Bool("update", false, "write the golden files anew")

var words = []string{"compliant", "violation"}

func TestCases(t *testing.T) {
	const text = `
version: 1
policy: ../other.yaml
cases:
  - name: everything
    given:
      access: {public: true, private: false, cidrs: [0.0.0.0/1, "2001:db8::/32"]}
      before: {public: false, private: true}
      name: shop
      account: "111122223333"
      region: eu-west-1
      tags: {environment: prod}
      date: 2026-11-23
      createdAt: 2026-11-01T10:00:00+01:00
      ipFamily: ipv6
      hybridNodes: true
      network: [no-dns-support, no-ingress]
    expect:
      outcome: violation
      rules: [inside]
      desired: {public: false, private: true, cidrs: []}
  - name: little
    given: {access: {public: false, private: true}}
    expect: {outcome: compliant, rules: [], desired: unchanged}
  - name: least
    given: {access: {public: true, private: true, cidrs: ["::/0"]}, network: unknown}
    expect: {outcome: compliant}
`
	got, problems := policytest.Parse("cases.yaml", []byte(text), words)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	yes := policytest.NetworkInOrder()
	lacks := yes
	lacks.DNSSupport, lacks.Ingress443 = endpoint.No, endpoint.No
	want := []policytest.Case{
		{
			Name: "everything", Line: 5,
			Given: policytest.Given{
				Cluster: endpoint.Cluster{
					ID:        endpoint.ID{ARN: "arn:aws:eks:eu-west-1:111122223333:cluster/shop", CreatedAt: time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)},
					Partition: "aws", Account: "111122223333", Region: "eu-west-1", Name: "shop", Status: endpoint.StatusActive,
					Access: endpoint.Access{Public: true, CIDRs: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("2001:db8::/32")}},
					Family: endpoint.IPv6, Tags: map[string]string{"environment": "prod"}, HybridNodes: true,
				},
				Before: &endpoint.Access{Private: true}, Network: lacks, At: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC),
			},
			Expect: policytest.Expect{Outcome: "violation", Rules: []string{"inside"}, Desired: &endpoint.Access{Private: true}},
		},
		{
			Name: "little", Line: 22,
			Given: policytest.Given{
				Cluster: endpoint.Cluster{ID: endpoint.ID{ARN: "arn:aws:eks:::cluster/"}, Partition: "aws", Status: endpoint.StatusActive, Access: endpoint.Access{Private: true}, Family: endpoint.IPv4},
				Network: yes,
			},
			Expect: policytest.Expect{Outcome: "compliant", Rules: []string{}, Unchanged: true},
		},
		{
			Name: "least", Line: 25,
			Given: policytest.Given{
				Cluster: endpoint.Cluster{ID: endpoint.ID{ARN: "arn:aws:eks:::cluster/"}, Partition: "aws", Status: endpoint.StatusActive, Family: endpoint.IPv6,
					Access: endpoint.Access{Public: true, Private: true, CIDRs: []netip.Prefix{netip.MustParsePrefix("::/0")}}},
				Network: endpoint.Network{Read: true},
			},
			Expect: policytest.Expect{Outcome: "compliant"},
		},
	}
	if diff := cmp.Diff(want, got.Cases, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Policy != "../other.yaml" {
		t.Errorf("the policy is %q", got.Policy)
	}
	p, problems := policy.Parse("policy.yaml", []byte("version: 1\nrules:\n  - {name: insid, require: {privateAccess: enabled}, respond: alert}\n"))
	if problems.Errors() {
		t.Fatal(problems)
	}
	const missing = `cases.yaml:20:15: error: the policy has no rule called "inside"
          rules: [inside]
                  ^
hint: did you mean insid?`
	if diff := cmp.Diff(missing, got.Missing(p).String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.Rules[0].Name = "inside"
	if missing := got.Missing(p); len(missing) > 0 {
		t.Error(missing)
	}
}

// TestBadCases are the golden problems of tests that are no good.
func TestBadCases(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "cases", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			c, problems := policytest.Parse(filepath.Base(path), data, words)
			if c != nil || !problems.Errors() {
				t.Errorf("it was taken: %+v", c)
			}
			golden := strings.TrimSuffix(path, ".yaml") + ".txt"
			got := problems.Error() + "\n"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got, -update writes it anew):\n%s", golden, diff)
			}
		})
	}
}

func TestNetworkInWords(t *testing.T) {
	yes := policytest.NetworkInOrder()
	for text, change := range map[string]func(*endpoint.Network){
		"ok":                              func(*endpoint.Network) {},
		"unknown":                         func(n *endpoint.Network) { *n = endpoint.Network{Read: true} },
		"no-dns-support":                  func(n *endpoint.Network) { n.DNSSupport = endpoint.No },
		"no-dns-hostnames, no-amazon-dns": func(n *endpoint.Network) { n.DNSHostnames, n.AmazonDNS = endpoint.No, endpoint.No },
		"unknown,no-ingress":              func(n *endpoint.Network) { *n = endpoint.Network{Read: true, Ingress443: endpoint.No} },
	} {
		want := yes
		change(&want)
		if got, err := policytest.ParseNetwork(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "fine", "ok,", "no-dns"} {
		if got, err := policytest.ParseNetwork(text); err == nil {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
}

// FuzzParseCases holds that no document makes the reader panic, and that one is
// either taken or refused with an error.
func FuzzParseCases(f *testing.F) {
	for _, dir := range []string{"testdata/cases", "../policy/testdata/bad/yaml"} {
		files, err := filepath.Glob(filepath.Join(filepath.FromSlash(dir), "*.yaml"))
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range files {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, problems := policytest.Parse("f", data, words)
		if (c == nil) != problems.Errors() {
			t.Errorf("taken %t, problems %s", c != nil, problems)
		}
	})
}
