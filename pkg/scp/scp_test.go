package scp_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/scp"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func options() scp.Options {
	return scp.Options{Roles: []string{"arn:aws:iam::111122223333:role/guardrail"}, Now: now}
}

func parse(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, problems := policy.Parse("test.yaml", []byte(text))
	if problems.Errors() {
		t.Fatal(problems)
	}
	return p
}

// TestGolden writes the document and the limits of whole policies.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			w := scp.Write(parse(t, string(data)), options())
			text, err := w.Document.JSON()
			if err != nil {
				t.Fatal(err)
			}
			got := string(text) + "\n" + strings.Join(w.Limits, "\n") + "\n"
			path := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// call is a call as IAM sees it; a key that the caller left out is "".
type call struct {
	action, account, region, cluster, principal string
	public, private                             string
}

// denies evaluates a document as IAM does, as far as Write uses it.
func denies(d scp.Document, c call) bool {
	return slices.ContainsFunc(d.Statement, func(s scp.Statement) bool {
		if s.Effect != "Deny" || !slices.Equal(s.Action, []string{c.action}) {
			return false
		}
		// CreateCluster names no resource, so it is "*", which a NotResource
		// of clusters doesn't take out.
		resource := "*"
		if c.action == "eks:UpdateClusterConfig" {
			resource = endpoint.ARN("aws", c.region, c.account, c.cluster)
		}
		if len(s.Resource) > 0 && !like(s.Resource, resource) || len(s.NotResource) > 0 && like(s.NotResource, resource) {
			return false
		}
		for operator, condition := range s.Condition {
			for key, values := range condition {
				if !holds(operator, values, c.key(key)) {
					return false
				}
			}
		}
		return true
	})
}

func (c call) key(name string) string {
	switch name {
	case "aws:PrincipalAccount":
		return c.account
	case "aws:PrincipalARN":
		return c.principal
	case "aws:RequestedRegion":
		return c.region
	case "eks:endpointPublicAccess":
		return c.public
	case "eks:endpointPrivateAccess":
		return c.private
	default:
		panic("IAM knows no key " + name)
	}
}

func holds(operator string, values []string, value string) bool {
	switch operator {
	case "Bool":
		return value != "" && slices.Contains(values, value)
	case "BoolIfExists":
		return value == "" || slices.Contains(values, value)
	case "StringEquals":
		return slices.Contains(values, value)
	case "StringNotEquals":
		return !slices.Contains(values, value)
	case "StringLike":
		return like(values, value)
	case "StringNotLike", "ArnNotLike":
		return !like(values, value)
	default:
		panic("IAM knows no operator " + operator)
	}
}

// like matches * and ? the slow way.
func like(patterns []string, text string) bool {
	var match func(p, s string) bool
	match = func(p, s string) bool {
		switch {
		case p == "":
			return s == ""
		case p[0] == '*':
			return match(p[1:], s) || s != "" && match(p, s[1:])
		default:
			return s != "" && (p[0] == '?' || p[0] == s[0]) && match(p[1:], s[1:])
		}
	}
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, text) })
}

// asked is the endpoint access that a call makes of a cluster that complied
// before, private only.
func (c call) asked() endpoint.Access {
	a := endpoint.Access{Private: true}
	if c.action == "eks:CreateCluster" {
		a = endpoint.Access{Public: true}
	}
	if c.public != "" {
		a.Public = c.public == "true"
	}
	if c.private != "" {
		a.Private = c.private == "true"
	}
	return a
}

func draw[T any](t *rapid.T, label string, of ...T) T { return rapid.SampledFrom(of).Draw(t, label) }

func anyMatch(t *rapid.T, label string, tags bool) *policy.Match {
	m := &policy.Match{
		Accounts: draw(t, label+" accounts", nil, []string{"111122223333"}, []string{"111122223333", "444455556666"}),
		Regions:  draw(t, label+" regions", nil, []string{"eu-*"}, []string{"eu-west-?", "us-east-1"}, []string{"*"}),
		Clusters: draw(t, label+" clusters", nil, []string{"prod-*"}, []string{"demo-1", "prod-?"}, []string{"*"}),
	}
	if tags && rapid.IntRange(0, 4).Draw(t, label+" tagged") == 0 {
		m.Tags = map[string]string{"environment": "prod"}
	}
	if len(m.Accounts)+len(m.Regions)+len(m.Clusters)+len(m.Tags) == 0 {
		m.Accounts = []string{"444455556666"}
	}
	return m
}

func anyPolicy(t *rapid.T) *policy.Policy {
	p := &policy.Policy{}
	for i := range rapid.IntRange(1, 3).Draw(t, "rules") {
		r := policy.Rule{Name: fmt.Sprintf("rule-%d", i), Respond: draw(t, "respond", policy.Enforce, policy.Revert, policy.Alert)}
		r.Require.PrivateAccess = rapid.Bool().Draw(t, "private")
		r.Require.PublicAccess = draw(t, "public", policy.PublicDisabled, policy.PublicDisabled, "")
		if !r.Require.PrivateAccess && r.Require.PublicAccess == "" {
			r.Require.PrivateAccess = true
		}
		if rapid.Bool().Draw(t, "matches") {
			r.Match = anyMatch(t, "match", true)
		}
		if rapid.IntRange(0, 3).Draw(t, "excepts") == 0 {
			r.Except = anyMatch(t, "except", true)
		}
		p.Rules = append(p.Rules, r)
	}
	for i := range draw(t, "exemptions", 0, 0, 0, 1, 2, 3, 12) {
		e := policy.Exemption{Name: fmt.Sprintf("exemption-%d", i), Rules: []string{draw(t, "waives", "rule-0", "rule-1")}, Match: *anyMatch(t, "exemption", false)}
		e.Until = draw(t, "until", now.Add(time.Hour), now.Add(-time.Hour))
		p.Exemptions = append(p.Exemptions, e)
	}
	return p
}

func anyCall(t *rapid.T) call {
	return call{
		action:  draw(t, "action", "eks:CreateCluster", "eks:UpdateClusterConfig"),
		account: draw(t, "account", "111122223333", "444455556666", "777788889999"),
		region:  draw(t, "region", "eu-west-1", "eu-west-12", "us-east-1", "ap-south-1"),
		cluster: draw(t, "cluster", "demo-1", "prod-1", "prod-12", "other"),
		public:  draw(t, "asks public", "", "true", "false"), private: draw(t, "asks private", "", "true", "false"),
		principal: "arn:aws:iam::111122223333:role/someone",
	}
}

// TestRefusesNothingThatThePolicyAdmits holds that every refused call asks for
// what an enforcing rule forbids; and that where names and exceptions are not in
// the way, every call that asks for it is refused.
func TestRefusesNothingThatThePolicyAdmits(t *testing.T) {
	refused, forbidden := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		p, c := anyPolicy(t), anyCall(t)
		tags := map[string]string{}
		if rapid.Bool().Draw(t, "is tagged") {
			tags["environment"] = "prod"
		}
		v := verdict.Judge(p, endpoint.Cluster{
			ID:      endpoint.ID{ARN: endpoint.ARN("aws", c.region, c.account, c.cluster)},
			Account: c.account, Region: c.region, Name: c.cluster, Tags: tags, Family: endpoint.IPv4, Access: c.asked(),
		}, now)
		d := scp.Write(p, options()).Document
		said := denies(d, c)
		if said && !v.Enforcing() {
			t.Fatalf("refused: %+v\nby %+v\nwhich no rule of %+v forbids", c, d, p)
		}
		if said {
			refused++
		}
		plain := !slices.ContainsFunc(p.Rules, func(r policy.Rule) bool {
			return r.Except != nil || r.Match != nil && (len(r.Match.Clusters) > 0 || len(r.Match.Tags) > 0)
		}) && len(p.Exemptions) == 0
		if plain && v.Enforcing() {
			forbidden++
			if !denies(d, c) {
				t.Fatalf("not refused: %+v\nby %+v\nwhich %+v forbids", c, d, p)
			}
		}
		c.principal = options().Roles[0]
		if denies(d, c) {
			t.Fatalf("the guardrail itself is refused: %+v", d)
		}
	})
	if refused == 0 || forbidden == 0 {
		t.Errorf("%d calls refused, %d forbidden: the property says nothing", refused, forbidden)
	}
}

func TestUnrelatedUpdatesPass(t *testing.T) {
	d := scp.Write(parse(t, "version: 1\nrules:\n  - {name: a, require: {publicAccess: disabled}, respond: revert}\n"), options()).Document
	c := call{action: "eks:UpdateClusterConfig", account: "111122223333", region: "eu-west-1", cluster: "demo-1"}
	if denies(d, c) {
		t.Error("an update that says nothing of the endpoint is refused")
	}
	c.action = "eks:CreateCluster"
	if !denies(d, c) {
		t.Error("a CreateCluster that leaves EKS its defaults passes")
	}
}

func TestAlertRules(t *testing.T) {
	p := parse(t, "version: 1\nrules:\n  - {name: a, require: {privateAccess: enabled}, respond: alert}\n")
	w := scp.Write(p, options())
	if len(w.Document.Statement) != 0 || len(w.Limits) != 1 || !strings.HasPrefix(w.Limits[0], "a only alerts") {
		t.Errorf("%+v", w)
	}
	o := options()
	o.Alerts = true
	if w := scp.Write(p, o); len(w.Document.Statement) != 2 {
		t.Errorf("%+v", w)
	}
}

func TestSids(t *testing.T) {
	text := "version: 1\nrules:\n"
	for i, name := range []string{"a rule", "a-rule", "αβγ", "ARule", strings.Repeat("long ", 20)} {
		text += fmt.Sprintf("  - {name: %q, match: {regions: [eu-west-%d]}, require: {privateAccess: enabled}, respond: enforce}\n", strings.TrimSpace(name), i)
	}
	seen := map[string]bool{}
	for _, s := range scp.Write(parse(t, text), options()).Document.Statement {
		if seen[s.Sid] || s.Sid == "" || strings.ContainsFunc(s.Sid, func(c rune) bool {
			return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", c)
		}) {
			t.Errorf("Sid %q", s.Sid)
		}
		seen[s.Sid] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d statements", len(seen))
	}
}

func TestSize(t *testing.T) {
	text := func(n int) string {
		s := "version: 1\nrules:\n"
		for i := range n {
			s += fmt.Sprintf("  - {name: rule-%d, match: {accounts: [\"%012d\"]}, require: {privateAccess: enabled}, respond: enforce}\n", i, i)
		}
		return s
	}
	for n, want := range map[int]struct{ fits, indented bool }{2: {true, true}, 15: {true, false}, 30: {false, false}} {
		out, err := scp.Write(parse(t, text(n)), options()).Document.JSON()
		if (err == nil) != want.fits || errors.Is(err, scp.ErrTooLong) == want.fits {
			t.Errorf("%d rules: %v", n, err)
		}
		if err == nil && (!json.Valid(out) || len(out) > scp.MaxCharacters+1 || strings.Contains(string(out), "\n  ") != want.indented) {
			t.Errorf("%d rules: %s", n, out)
		}
	}
}

// TestManyExemptions holds that a rule with more exceptions than can be taken
// apart still refuses where none of them could apply, and nothing that one waives.
func TestManyExemptions(t *testing.T) {
	p := parse(t, "version: 1\nrules:\n  - {name: a, require: {privateAccess: enabled}, respond: enforce}\n")
	for i := range 40 {
		p.Exemptions = append(p.Exemptions, policy.Exemption{
			Name: fmt.Sprint(i), Rules: []string{"a"}, Until: now.Add(time.Hour),
			Match: policy.Match{Accounts: []string{fmt.Sprintf("%012d", i)}, Regions: []string{fmt.Sprintf("eu-west-%d", i%3)}, Clusters: []string{fmt.Sprintf("demo-%d", i)}},
		})
	}
	w := scp.Write(p, options())
	if _, err := w.Document.JSON(); err != nil {
		t.Error(err)
	}
	if !slices.ContainsFunc(w.Limits, func(s string) bool { return strings.Contains(s, "not all could be told apart") }) {
		t.Errorf("it is not said that less is refused: %q", w.Limits)
	}
	if n := len(w.Limits); n > 8 {
		t.Errorf("%d limits, one for each exemption", n)
	}
	for _, action := range []string{"eks:CreateCluster", "eks:UpdateClusterConfig"} {
		c := call{action: action, account: "999999999999", region: "eu-west-1", cluster: "demo-1", private: "false", principal: "arn:aws:iam::999999999999:role/x"}
		if !denies(w.Document, c) {
			t.Errorf("an account without an exemption may make %+v", c)
		}
		c.account, c.region, c.cluster = "000000000039", "eu-west-0", "demo-39"
		if denies(w.Document, c) {
			t.Errorf("what an exemption waives is refused: %+v", c)
		}
	}
}

// TestExemptionsOfAKind holds that exemptions which differ in one thing alone are
// told apart exactly, however many they are.
func TestExemptionsOfAKind(t *testing.T) {
	p := parse(t, "version: 1\nrules:\n  - {name: a, require: {privateAccess: enabled}, respond: enforce}\n")
	for i := range 40 {
		p.Exemptions = append(p.Exemptions, policy.Exemption{
			Name: fmt.Sprint(i), Rules: []string{"a"}, Until: now.Add(time.Hour),
			Match: policy.Match{Accounts: []string{fmt.Sprintf("%012d", i)}, Regions: []string{"eu-west-1"}, Clusters: []string{"demo-1"}},
		})
	}
	w := scp.Write(p, options())
	if slices.ContainsFunc(w.Limits, func(s string) bool { return strings.Contains(s, "told apart") }) {
		t.Errorf("less is refused: %q", w.Limits)
	}
	for _, c := range []call{
		{account: "000000000039", region: "eu-west-1", cluster: "other"},
		{account: "000000000039", region: "eu-west-2", cluster: "demo-1"},
		{account: "999999999999", region: "eu-west-1", cluster: "demo-1"},
	} {
		c.action, c.private, c.principal = "eks:UpdateClusterConfig", "false", "arn:aws:iam::999999999999:role/x"
		if !denies(w.Document, c) {
			t.Errorf("not refused: %+v", c)
		}
	}
	c := call{action: "eks:UpdateClusterConfig", account: "000000000039", region: "eu-west-1", cluster: "demo-1", private: "false"}
	if denies(w.Document, c) {
		t.Errorf("what an exemption waives is refused: %+v", c)
	}
}

// TestMoreExceptedAccountsThanFit holds that a rule which excepts more accounts
// than fit goes with a word, and takes no other with it.
func TestMoreExceptedAccountsThanFit(t *testing.T) {
	p := parse(t, "version: 1\nrules:\n  - {name: a, require: {privateAccess: enabled}, respond: enforce}\n  - {name: b, match: {regions: [eu-*]}, require: {publicAccess: disabled}, respond: enforce}\n")
	p.Rules[0].Except = &policy.Match{}
	for i := range 900 {
		p.Rules[0].Except.Accounts = append(p.Rules[0].Except.Accounts, fmt.Sprintf("%012d", i))
	}
	w := scp.Write(p, options())
	if _, err := w.Document.JSON(); err != nil || len(w.Document.Statement) == 0 {
		t.Fatalf("%v, %d statements", err, len(w.Document.Statement))
	}
	if !slices.ContainsFunc(w.Limits, func(s string) bool { return strings.HasPrefix(s, "a is left out: ") }) {
		t.Errorf("it is not said: %q", w.Limits)
	}
}

// TestMoreAccountsThanFit holds that exemptions of so many accounts that no list
// of them fits leave what can be told apart by region and by name.
func TestMoreAccountsThanFit(t *testing.T) {
	if testing.Short() {
		t.Skip("to fit 1,500 accounts takes seconds")
	}
	p := parse(t, "version: 1\nrules:\n  - {name: a, require: {privateAccess: enabled}, respond: enforce}\n")
	for i := range 5 {
		var accounts []string
		for k := range 300 {
			accounts = append(accounts, fmt.Sprintf("%012d", i*1000+k))
		}
		p.Exemptions = append(p.Exemptions, policy.Exemption{
			Name: fmt.Sprint(i), Rules: []string{"a"}, Until: now.Add(time.Hour),
			Match: policy.Match{Accounts: accounts, Regions: []string{"eu-west-1"}, Clusters: []string{fmt.Sprintf("demo-%d", i)}},
		})
	}
	w := scp.Write(p, options())
	if _, err := w.Document.JSON(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		action, region, cluster string
		refused                 bool
	}{
		{"eks:CreateCluster", "eu-west-2", "demo-1", true},
		{"eks:UpdateClusterConfig", "eu-west-2", "demo-1", true},
		{"eks:UpdateClusterConfig", "eu-west-1", "other", true},
		{"eks:UpdateClusterConfig", "eu-west-1", "demo-1", false},
		{"eks:CreateCluster", "eu-west-1", "demo-1", false},
	} {
		c := call{action: test.action, account: "000000001001", region: test.region, cluster: test.cluster, private: "false"}
		if got := denies(w.Document, c); got != test.refused {
			t.Errorf("%+v: refused %t", c, got)
		}
	}
}
