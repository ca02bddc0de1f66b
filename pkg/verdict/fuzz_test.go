package verdict_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// FuzzPolicy judges a cluster by any document that can be read, and holds what
// would be done to what is never done.
func FuzzPolicy(f *testing.F) {
	paths, err := filepath.Glob("../policy/testdata/good/*.yaml")
	if err != nil || len(paths) == 0 {
		f.Fatal(paths, err)
	}
	for _, path := range append(paths, "../../policy.yaml") {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "0.0.0.0/0", "203.0.113.0/24", byte(0b111))
		f.Add(data, "8.8.8.0/24", "", byte(0b1010101))
	}
	f.Fuzz(func(t *testing.T, document []byte, now, before string, bits byte) {
		p, problems := policy.Parse("f", document)
		if problems.Errors() {
			return
		}
		flag := func(n int) bool { return bits>>n&1 == 1 }
		access := func(cidr string, public bool) endpoint.Access {
			a := endpoint.Access{Public: public, Private: flag(1) || !public}
			if p, err := netip.ParsePrefix(cidr); err == nil {
				a.CIDRs = []netip.Prefix{p}
			}
			return a
		}
		c := endpoint.Cluster{
			ID:      endpoint.ID{ARN: endpoint.ARN("aws", "eu-west-1", "111122223333", "demo-1"), CreatedAt: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)},
			Account: "111122223333", Region: "eu-west-1", Name: "demo-1", Status: endpoint.StatusActive, Family: endpoint.IPv4,
			Access: access(now, flag(0)), OutpostsLocal: flag(2), Tags: map[string]string{"environment": "prod"},
		}
		if flag(3) {
			c.Family = endpoint.IPv6
		}
		was := access(before, flag(4))
		facts := endpoint.Network{Read: true}
		if flag(5) {
			facts.DNSSupport, facts.DNSHostnames, facts.AmazonDNS = endpoint.Yes, endpoint.Yes, endpoint.Yes
		}
		v := verdict.Judge(p, c, time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
		d := verdict.Decide(v, &was, facts)
		if d.Action != verdict.Apply {
			if !d.Desired.Equal(c.Access) {
				t.Fatalf("%s, yet desired is %s", d.Action, d.Desired)
			}
			return
		}
		open := endpoint.Set(append(append([]netip.Prefix{}, c.Access.Effective(c.Family)...), was.Effective(c.Family)...))
		then := d.Desired.Reachable(c.Family)
		switch {
		case v.Outcome != verdict.Violation || !v.Enforcing() || c.OutpostsLocal:
			t.Fatalf("changed: %+v", v)
		case d.Desired.Public && len(d.Desired.CIDRs) == 0:
			t.Fatal("public access with an empty list")
		case !d.Desired.Public && !d.Desired.Private:
			t.Fatal("both off")
		case !endpoint.Subset(then, open):
			t.Fatalf("opens %s, from %s, before %s", d.Desired, c.Access, was)
		case !d.Desired.Private && !endpoint.Subset(c.Access.Reachable(c.Family), then):
			t.Fatalf("narrowed without private access: %s to %s", c.Access, d.Desired)
		case len(d.Desired.CIDRs) > endpoint.MaxCIDRs && d.Desired.Public:
			t.Fatalf("%d blocks", len(d.Desired.CIDRs))
		}
		c.Access = d.Desired
		if again := verdict.Judge(p, c, time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)); len(d.Kept) == 0 && again.Enforcing() {
			t.Fatalf("%s still breaks what it should satisfy: %+v", d.Desired, again.Violations())
		}
	})
}
