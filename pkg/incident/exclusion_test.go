package incident

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// TestAside: why a cluster is left alone, as the digest tells it.
func TestAside(t *testing.T) {
	until := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	e := &policy.Exemption{Name: "demo", Until: until}
	rule := func(name string) policy.Rule { return policy.Rule{Name: name} }
	for name, tc := range map[string]struct {
		v    verdict.Verdict
		want *Aside
	}{
		"nothing":         {verdict.Verdict{Rules: []verdict.RuleVerdict{{Rule: rule("a")}}}, nil},
		"violated":        {verdict.Verdict{Rules: []verdict.RuleVerdict{{Rule: rule("a"), Violated: true}}}, nil},
		"waived but kept": {verdict.Verdict{Rules: []verdict.RuleVerdict{{Rule: rule("a"), Exemption: e}}}, nil},
		"exempt": {
			verdict.Verdict{Rules: []verdict.RuleVerdict{{Rule: rule("a"), Violated: true, Exemption: e}, {Rule: rule("b"), Violated: true, Exemption: e}}},
			&Aside{Kind: AsideExempt, Waivers: []Waiver{{Name: "demo", Rules: []string{"a", "b"}, Until: until}}},
		},
		"hybrid":    {verdict.Verdict{Rules: []verdict.RuleVerdict{{Rule: rule("a"), Violated: true, Held: "hybrid nodes"}}}, &Aside{Kind: AsideHybrid}},
		"grace":     {verdict.Verdict{Rules: []verdict.RuleVerdict{{Rule: rule("a"), Violated: true, Held: "new", GraceUntil: until}}}, nil},
		"outposts":  {verdict.Verdict{Cluster: endpoint.Cluster{OutpostsLocal: true}}, &Aside{Kind: AsideOutposts}},
		"connected": {verdict.Verdict{Cluster: endpoint.Cluster{Connected: true}}, &Aside{Kind: AsideConnected}},
	} {
		if diff := cmp.Diff(tc.want, asideOf(tc.v)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestAsideIsStable: a second look changes nothing, so that it isn't written again.
func TestAsideIsStable(t *testing.T) {
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	v := verdict.Verdict{Cluster: endpoint.Cluster{Connected: true}}
	first := &evaluation{now: at}
	first.aside(v)
	again := &evaluation{Record: first.Record, now: at.Add(time.Hour)}
	again.aside(v)
	if again.Aside != first.Aside || !first.Aside.Since.Equal(at) {
		t.Errorf("%+v, %+v", first.Aside, again.Aside)
	}
	again.aside(verdict.Verdict{})
	if again.Aside != nil {
		t.Errorf("it is no longer left alone: %+v", again.Aside)
	}
}
