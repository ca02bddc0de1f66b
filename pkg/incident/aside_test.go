package incident

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// TestTheFactsOfTheClusterAreKeptUpToDate: the mails are written from them.
func TestTheFactsOfTheClusterAreKeptUpToDate(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.cluster.ClusterSecurityGroup, d.cluster.SecurityGroups, d.cluster.AuditLogs = "sg-1", []string{"sg-2"}, true
	d.comes(d.asks("u1", world)).told("mails detected", "waits 15s")
	want := Facts{VPC: "vpc-1", ClusterSecurityGroup: "sg-1", SecurityGroups: []string{"sg-2"}, AuditLogs: true}
	if diff := cmp.Diff(&want, d.mails[0].Record.Incident.Facts); diff != "" {
		t.Fatalf("as it was opened (-want +got):\n%s", diff)
	}
	for name, change := range map[string]func(*endpoint.Cluster, *Facts){
		"nothing":            func(*endpoint.Cluster, *Facts) {},
		"VPC":                func(c *endpoint.Cluster, f *Facts) { c.VPC, f.VPC = "vpc-2", "vpc-2" },
		"its security group": func(c *endpoint.Cluster, f *Facts) { c.ClusterSecurityGroup, f.ClusterSecurityGroup = "sg-3", "sg-3" },
		"more security groups": func(c *endpoint.Cluster, f *Facts) {
			c.SecurityGroups, f.SecurityGroups = []string{"sg-2", "sg-4"}, []string{"sg-2", "sg-4"}
		},
		"audit logs": func(c *endpoint.Cluster, f *Facts) { c.AuditLogs, f.AuditLogs = false, false },
	} {
		t.Run(name, func(t *testing.T) {
			d, want := *d, want
			d.t = t
			change(&d.cluster, &want)
			d.after(s15).recheck()
			if diff := cmp.Diff(&want, d.r.Incident.Facts); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	// What is known of a cluster is not forgotten when it is gone.
	d.gone, d.cluster = true, endpoint.Cluster{}
	d.after(10 * time.Minute).recheck()
	if diff := cmp.Diff(&want, d.r.Incident.Facts); diff != "" {
		t.Errorf("gone (-want +got):\n%s", diff)
	}
}

// TestAnotherExemptionIsNoOtherTime: since when a cluster is left alone stays,
// whatever of its exemptions changes.
func TestAnotherExemptionIsNoOtherTime(t *testing.T) {
	until := start.AddDate(0, 1, 0)
	waived := func(name string, until time.Time, rules ...string) verdict.Verdict {
		var v verdict.Verdict
		for _, rule := range rules {
			v.Rules = append(v.Rules, verdict.RuleVerdict{Rule: policy.Rule{Name: rule}, Violated: true, Exemption: &policy.Exemption{Name: name, Until: until}})
		}
		return v
	}
	for name, tc := range map[string]struct {
		then verdict.Verdict
		want *Aside
	}{
		"the same":     {waived("demo", until, "a"), &Aside{Kind: AsideExempt, Since: start, Waivers: []Waiver{{Name: "demo", Rules: []string{"a"}, Until: until}}}},
		"another name": {waived("other", until, "a"), &Aside{Kind: AsideExempt, Since: start, Waivers: []Waiver{{Name: "other", Rules: []string{"a"}, Until: until}}}},
		"a later end":  {waived("demo", until.Add(1), "a"), &Aside{Kind: AsideExempt, Since: start, Waivers: []Waiver{{Name: "demo", Rules: []string{"a"}, Until: until.Add(1)}}}},
		"more rules":   {waived("demo", until, "a", "b"), &Aside{Kind: AsideExempt, Since: start, Waivers: []Waiver{{Name: "demo", Rules: []string{"a", "b"}, Until: until}}}},
		"two of them": {
			verdict.Verdict{Rules: append(waived("demo", until, "a").Rules, waived("other", until, "b").Rules...)},
			&Aside{Kind: AsideExempt, Since: start, Waivers: []Waiver{{Name: "demo", Rules: []string{"a"}, Until: until}, {Name: "other", Rules: []string{"b"}, Until: until}}},
		},
		"another reason": {verdict.Verdict{Cluster: endpoint.Cluster{Connected: true}}, &Aside{Kind: AsideConnected, Since: start.Add(time.Hour)}},
		"none any more":  {verdict.Verdict{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			first := &evaluation{now: start}
			first.aside(waived("demo", until, "a"))
			again := &evaluation{Record: first.Record, now: start.Add(time.Hour)}
			again.aside(tc.then)
			if diff := cmp.Diff(tc.want, again.Aside); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if name == "the same" && again.Aside != first.Aside {
				t.Error("it is noted anew")
			}
		})
	}
}

// TestWhatTheNetworkLacksIsNoted: what is known not to be so, and what is not
// known, with the options set where that is to be changed.
func TestWhatTheNetworkLacksIsNoted(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.network.DNSHostnames, d.network.AmazonDNS, d.network.DHCPOptions = endpoint.No, endpoint.Unknown, "dopt-7"
	d.wakes().told("mails blocked", "blocked")
	want := []Gap{{Name: "enableDnsHostnames"}, {Name: "AmazonProvidedDNS", Unknown: true, DHCPOptions: "dopt-7"}}
	if diff := cmp.Diff(want, d.mails[0].Record.Incident.Final.Missing); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
