package incident

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// TestTheFactsAreThoseOfTheLastLook, and another look at the same changes nothing.
func TestTheFactsAreThoseOfTheLastLook(t *testing.T) {
	c := endpoint.Cluster{Name: "demo", VPC: "vpc", ClusterSecurityGroup: "sg", SecurityGroups: []string{"a", "b"}, AuditLogs: true}
	noted := Facts{VPC: "vpc", ClusterSecurityGroup: "sg", SecurityGroups: []string{"a", "b"}, AuditLogs: true}
	for name, change := range map[string]func(*Facts){
		"none before":            nil,
		"the same":               func(*Facts) {},
		"another VPC":            func(f *Facts) { f.VPC = "other" },
		"another security group": func(f *Facts) { f.ClusterSecurityGroup = "" },
		"fewer of the others":    func(f *Facts) { f.SecurityGroups = []string{"a"} },
		"no audit logs":          func(f *Facts) { f.AuditLogs = false },
	} {
		e := &evaluation{in: Input{Cluster: c}}
		e.Incident = &Incident{}
		var before *Facts
		if change != nil {
			f := noted
			change(&f)
			before = &f
		}
		e.Incident.Facts = before
		e.facts()
		if diff := cmp.Diff(&noted, e.Incident.Facts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if (e.Incident.Facts == before) != (name == "the same") {
			t.Errorf("%s: written anew: %t", name, e.Incident.Facts != before)
		}
	}
	e := &evaluation{}
	e.facts()
	e.Incident = &Incident{Facts: &noted}
	if e.facts(); e.Incident.Facts != &noted {
		t.Error("a look at nothing is noted")
	}
}

// TestSinceWhenAClusterIsLeftAlone: for as long as it is for the same reason, whatever
// exemptions come and go.
func TestSinceWhenAClusterIsLeftAlone(t *testing.T) {
	exempt := func(names ...string) verdict.Verdict {
		var v verdict.Verdict
		for _, name := range names {
			v.Rules = append(v.Rules, verdict.RuleVerdict{Rule: policy.Rule{Name: "rule-" + name}, Violated: true, Exemption: &policy.Exemption{Name: name, Until: start.Add(time.Hour)}})
		}
		return v
	}
	e := &evaluation{now: start}
	e.aside(exempt("a"))
	if a := e.Aside; a.Kind != AsideExempt || !a.Since.Equal(start) {
		t.Fatalf("%+v", a)
	}
	e.now = start.Add(time.Minute)
	e.aside(exempt("a", "b"))
	if a := e.Aside; !a.Since.Equal(start) || len(a.Waivers) != 2 || a.Waivers[1].Name != "b" || !slices.Equal(a.Waivers[1].Rules, []string{"rule-b"}) {
		t.Errorf("%+v", a)
	}
	was := e.Aside
	if e.aside(exempt("a", "b")); e.Aside != was {
		t.Errorf("%+v", e.Aside)
	}
	e.aside(verdict.Verdict{Cluster: endpoint.Cluster{Connected: true}})
	if a := e.Aside; a.Kind != AsideConnected || !a.Since.Equal(e.now) || len(a.Waivers) != 0 {
		t.Errorf("%+v", a)
	}
	if e.aside(verdict.Verdict{}); e.Aside != nil {
		t.Errorf("%+v", e.Aside)
	}
}

func TestWhichWaiversAreTheSame(t *testing.T) {
	w := Waiver{Name: "a", Rules: []string{"1", "2"}, Until: start}
	for name, tc := range map[string]struct {
		o    Waiver
		want bool
	}{
		"the same":      {Waiver{Name: "a", Rules: []string{"1", "2"}, Until: start.In(time.FixedZone("", 3600))}, true},
		"another name":  {Waiver{Name: "b", Rules: []string{"1", "2"}, Until: start}, false},
		"another end":   {Waiver{Name: "a", Rules: []string{"1", "2"}, Until: start.Add(1)}, false},
		"other rules":   {Waiver{Name: "a", Rules: []string{"1"}, Until: start}, false},
		"only the name": {Waiver{Name: "a"}, false},
		"only the end":  {Waiver{Until: start}, false},
		"only rules":    {Waiver{Rules: []string{"1", "2"}}, false},
	} {
		if got := w.equal(tc.o); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestWhatIsMissingInTheNetwork: what is known not to be so, and what is not known.
func TestWhatIsMissingInTheNetwork(t *testing.T) {
	e := &evaluation{in: Input{Network: endpoint.Network{DHCPOptions: "dopt-1"}}}
	got := e.missing([]verdict.Gap{
		{Name: "enableDnsSupport", Fact: endpoint.No}, {Name: "enableDnsHostnames", Fact: endpoint.Unknown}, {Name: "AmazonProvidedDNS", Fact: endpoint.No},
	})
	want := []Gap{{Name: "enableDnsSupport"}, {Name: "enableDnsHostnames", Unknown: true}, {Name: "AmazonProvidedDNS", DHCPOptions: "dopt-1"}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}
