package policy

import (
	"net/netip"
	"path"
	"strings"
	"testing"
	"time"

	"go4.org/netipx"
	"pgregory.net/rapid"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

func cluster() endpoint.Cluster {
	return endpoint.Cluster{Account: "111122223333", Region: "eu-west-1", Name: "prod-1", Tags: map[string]string{"environment": "production", "empty": ""}}
}

func TestMatches(t *testing.T) {
	for name, c := range map[string]struct {
		match *Match
		want  bool
	}{
		"nil":                    {nil, true},
		"account":                {&Match{Accounts: []string{"444455556666", "111122223333"}}, true},
		"another account":        {&Match{Accounts: []string{"444455556666"}}, false},
		"accounts are no globs":  {&Match{Accounts: []string{"*"}}, false},
		"region":                 {&Match{Regions: []string{"us-*", "eu-*"}}, true},
		"another region":         {&Match{Regions: []string{"eu-?"}}, false},
		"cluster":                {&Match{Clusters: []string{"prod-?"}}, true},
		"another cluster":        {&Match{Clusters: []string{"PROD-*"}}, false},
		"tag":                    {&Match{Tags: map[string]string{"environment": "prod*"}}, true},
		"another value":          {&Match{Tags: map[string]string{"environment": "prod"}}, false},
		"empty value":            {&Match{Tags: map[string]string{"empty": ""}}, true},
		"no such tag":            {&Match{Tags: map[string]string{"team": "*"}}, false},
		"one of two tags":        {&Match{Tags: map[string]string{"environment": "*", "team": "*"}}, false},
		"all that is given":      {&Match{Accounts: []string{"111122223333"}, Regions: []string{"eu-*"}, Clusters: []string{"*"}, Tags: map[string]string{"environment": "*"}}, true},
		"all but one of several": {&Match{Accounts: []string{"111122223333"}, Regions: []string{"us-*"}, Clusters: []string{"*"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.match.Matches(cluster()); got != c.want {
				t.Errorf("got %t", got)
			}
			if got := (Rule{Match: c.match}).Applies(cluster()); got != c.want {
				t.Errorf("as a rule's match: %t", got)
			}
			if c.match != nil {
				if got := (Rule{Except: c.match}).Applies(cluster()); got == c.want {
					t.Errorf("as a rule's exception: %t", got)
				}
			}
		})
	}
}

func TestNamesClusters(t *testing.T) {
	for name, c := range map[string]struct {
		match *Match
		want  bool
	}{
		"no match":     {nil, false},
		"region":       {&Match{Regions: []string{"eu-*"}}, false},
		"name":         {&Match{Clusters: []string{"prod-*"}}, true},
		"every name":   {&Match{Clusters: []string{"*", "**"}}, false},
		"one of names": {&Match{Clusters: []string{"*", "a"}}, true},
		"tag":          {&Match{Tags: map[string]string{"hybrid": "*"}}, true},
	} {
		if got := (Rule{Match: c.match}).NamesClusters(); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestExemption(t *testing.T) {
	end := time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)
	match := Match{Accounts: []string{"111122223333"}, Regions: []string{"eu-*"}, Clusters: []string{"prod-1"}}
	p := &Policy{Exemptions: []Exemption{
		{Name: "short", Rules: []string{"a"}, Match: match, Until: end.Add(-time.Hour)},
		{Name: "long", Rules: []string{"b", "a"}, Match: match, Until: end},
		{Name: "other", Rules: []string{"a"}, Match: Match{Clusters: []string{"other"}}, Until: end.AddDate(1, 0, 0)},
	}}
	last := end.Add(-time.Nanosecond)
	if e := p.Exemption("a", cluster(), end.AddDate(0, 0, -1)); e == nil || e.Name != "long" {
		t.Errorf("the one that lasts longest: %+v", e)
	}
	if e := p.Exemption("b", cluster(), last); e == nil || e.Name != "long" || !e.Waives("b", cluster(), last) {
		t.Errorf("in its last moment: %+v", e)
	}
	if e := p.Exemption("a", cluster(), end); e != nil {
		t.Errorf("at its end: %+v", e)
	}
	if e := p.Exemption("c", cluster(), last); e != nil {
		t.Errorf("another rule: %+v", e)
	}
}

func TestAlertOnlyLeavesTheOriginal(t *testing.T) {
	p := &Policy{Rules: []Rule{{Name: "a", Respond: Revert}, {Name: "b", Respond: Enforce}}}
	q := p.AlertOnly()
	for i := range q.Rules {
		if q.Rules[i].Respond != Alert || p.Rules[i].Respond == Alert {
			t.Errorf("rule %d: %s, originally %s", i, q.Rules[i].Respond, p.Rules[i].Respond)
		}
	}
}

func TestAdmitted(t *testing.T) {
	w := func(bits int) *int { return &bits }
	prefixes := func(list ...string) (out []netip.Prefix) {
		for _, s := range list {
			out = append(out, netip.MustParsePrefix(s))
		}
		return out
	}
	for name, c := range map[string]struct {
		require  Requirement
		in, out  []string
		ipv4, v6 bool
	}{
		"disabled":   {Requirement{PublicAccess: PublicDisabled}, nil, []string{"8.8.8.8", "2600::1"}, false, false},
		"cidrs":      {Requirement{PublicAccess: PublicRestricted, AllowedCIDRs: prefixes("8.8.8.0/24")}, []string{"8.8.8.8"}, []string{"8.8.9.8", "2600::1"}, true, false},
		"width":      {Requirement{PublicAccess: PublicRestricted, NotWiderThan: &Width{IPv4: w(16)}}, []string{"8.8.8.8"}, []string{"2600::1"}, true, false},
		"IPv6 width": {Requirement{PublicAccess: PublicRestricted, NotWiderThan: &Width{IPv6: w(16)}}, []string{"2600::1"}, []string{"8.8.8.8"}, false, true},
		"both":       {Requirement{PublicAccess: PublicRestricted, AllowedCIDRs: prefixes("8.8.8.0/24", "2600::/32"), NotWiderThan: &Width{IPv6: w(16)}}, []string{"2600::1"}, []string{"8.8.8.8"}, false, true},
		"invalid":    {Requirement{PublicAccess: PublicRestricted, AllowedCIDRs: []netip.Prefix{{}}}, nil, []string{"8.8.8.8"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			rule := Rule{Require: c.require}
			a := rule.Admitted()
			if a.IPv4 != c.ipv4 || a.IPv6 != c.v6 {
				t.Errorf("families %t %t", a.IPv4, a.IPv6)
			}
			has := func(s string) bool {
				for _, r := range a.Ranges() {
					if netipx.IPRangeFrom(r.From, r.To).Contains(netip.MustParseAddr(s)) {
						return true
					}
				}
				return false
			}
			for _, s := range c.in {
				if !has(s) {
					t.Errorf("%s is not admitted", s)
				}
			}
			for _, s := range c.out {
				if has(s) {
					t.Errorf("%s is admitted", s)
				}
			}
		})
	}
	if rule := (Rule{Require: Requirement{PrivateAccess: true}}); rule.Admitted() != nil {
		t.Error("a rule that doesn't restrict has a set")
	}
	p, problems := Parse("f", []byte("version: 1\nrules: [{name: a, require: {publicAccess: restricted, allowedCidrs: [8.8.8.0/24]}, respond: alert}]"))
	if p == nil {
		t.Fatal(problems)
	}
	if a := p.Rules[0].Admitted(); a != p.Rules[0].Admitted() || !a.IPv4 {
		t.Error("the set is not worked out once")
	}
}

// glob agrees with path.Match on what both know.
func TestGlobAgreesWithPathMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.SampledFrom([]rune("ab*?ü")), 0, 8, -1).Draw(t, "pattern")
		text := rapid.StringOfN(rapid.SampledFrom([]rune("abü")), 0, 10, -1).Draw(t, "text")
		want, err := path.Match(pattern, text)
		if err != nil {
			t.Fatal(err)
		}
		if got := glob(pattern, text); got != want {
			t.Fatalf("glob(%q, %q) = %t", pattern, text, got)
		}
	})
}

// What two patterns share, and what one takes in of another, holds for every text.
func TestGlobsMeetAndCover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		patterns := rapid.StringOfN(rapid.SampledFrom([]rune("ab*?")), 0, 5, -1)
		a, b := patterns.Draw(t, "a"), patterns.Draw(t, "b")
		texts := []string{""}
		shared, covered := glob(a, "") && glob(b, ""), true
		for range 6 { // every text of up to six letters
			var next []string
			for _, s := range texts {
				for _, c := range "ab" {
					s := s + string(c)
					next = append(next, s)
					shared = shared || glob(a, s) && glob(b, s)
					covered = covered && (!glob(b, s) || glob(a, s))
				}
			}
			texts = next
		}
		covered = covered && (!glob(b, "") || glob(a, ""))
		// Longer texts only matter to patterns with more letters than these have
		// together, so the short ones decide up to that length.
		if fixed := len(strings.ReplaceAll(a+b, "*", "")); fixed <= 6 && globsMeet(a, b) != shared {
			t.Fatalf("globsMeet(%q, %q) = %t", a, b, !shared)
		}
		if globCovers(a, b) && !covered {
			t.Fatalf("globCovers(%q, %q) is wrong", a, b)
		}
	})
	for _, c := range [][2]string{{"*", ""}, {"prod-*", "prod-eu-*"}, {"prod-?", "prod-1"}, {"a*", "a?"}, {"", ""}} {
		if !globCovers(c[0], c[1]) {
			t.Errorf("%q doesn't cover %q", c[0], c[1])
		}
	}
}

func TestRulesThatMeet(t *testing.T) {
	names := func(list ...string) *Match { return &Match{Clusters: list} }
	for name, c := range map[string]struct {
		a, b Rule
		want bool
	}{
		"no match at all":         {Rule{}, Rule{}, true},
		"one is for all":          {Rule{}, Rule{Match: names("a")}, true},
		"names apart":             {Rule{Match: names("a", "b")}, Rule{Match: names("c")}, false},
		"names in common":         {Rule{Match: names("a*")}, Rule{Match: names("x", "*b")}, true},
		"accounts apart":          {Rule{Match: &Match{Accounts: []string{"111122223333"}}}, Rule{Match: &Match{Accounts: []string{"444455556666"}}}, false},
		"regions apart":           {Rule{Match: &Match{Regions: []string{"eu-*"}}}, Rule{Match: &Match{Regions: []string{"us-*"}}}, false},
		"tags apart":              {Rule{Match: &Match{Tags: map[string]string{"a": "x", "b": "*"}}}, Rule{Match: &Match{Tags: map[string]string{"a": "y"}}}, false},
		"different tags":          {Rule{Match: &Match{Tags: map[string]string{"a": "x"}}}, Rule{Match: &Match{Tags: map[string]string{"b": "y"}}}, true},
		"excepted":                {Rule{Except: names("p-*")}, Rule{Match: names("p-1", "p-eu-*")}, false},
		"excepted, other way":     {Rule{Match: names("p-1")}, Rule{Except: names("p-*")}, false},
		"excepted in part":        {Rule{Except: names("p-*")}, Rule{Match: names("p-1", "q")}, true},
		"exception of a tag":      {Rule{Except: &Match{Tags: map[string]string{"a": "*"}}}, Rule{Match: &Match{Tags: map[string]string{"a": "x"}}}, false},
		"exception of other tags": {Rule{Except: &Match{Tags: map[string]string{"a": "x"}}}, Rule{Match: &Match{Tags: map[string]string{"a": "*"}}}, true},
		"exception by region":     {Rule{Except: &Match{Regions: []string{"eu-*"}}}, Rule{Match: names("p-1")}, true},
	} {
		r := &reader{meetings: 1 << 20}
		if got := r.meet(&c.a, &c.b); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	spent := &reader{}
	if !spent.meet(&Rule{Match: names("a"), Except: names("b")}, &Rule{Match: names("b")}) {
		t.Error("without steps left, rules are taken for apart")
	}
}
