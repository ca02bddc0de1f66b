package policy_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"github.com/endpointguard/endpointguard/pkg/cputest"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

// today is the day that the dated warnings are asked for.
var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func documents(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no documents in %s: %v", dir, err)
	}
	out := map[string][]byte{}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out[p] = data
	}
	return out
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got, -update writes it anew):\n%s", path, diff)
	}
}

func TestGoodDocuments(t *testing.T) {
	for path, data := range documents(t, "good") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			p, problems := policy.Parse(path, data)
			if problems.Errors() || p == nil {
				t.Fatalf("refused:\n%s", problems)
			}
			if len(p.Hash) != 12 {
				t.Errorf("hash %q", p.Hash)
			}
		})
	}
}

func TestBadDocuments(t *testing.T) {
	for _, dir := range []string{"bad/structure", "bad/beyond", "bad/yaml", "warn"} {
		for path, data := range documents(t, dir) {
			t.Run(path, func(t *testing.T) {
				p, problems := policy.Parse(filepath.Base(path), data)
				bad := dir != "warn"
				if problems.Errors() != bad || (p == nil) != bad || len(problems) == 0 {
					t.Errorf("policy %v, errors %t", p, problems.Errors())
				}
				if p != nil {
					problems = append(problems, p.WarningsAt(today)...)
				}
				for _, pr := range problems {
					if pr.Line < 1 || pr.Column < 1 || pr.What == "" || pr.File == "" {
						t.Errorf("a problem without its place: %+v", pr)
					}
				}
				golden(t, strings.TrimSuffix(path, ".yaml")+".txt", problems.Error()+"\n")
			})
		}
	}
}

func TestShippedPolicy(t *testing.T) {
	data, err := os.ReadFile("../../policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, problems := policy.Parse("policy.yaml", data)
	if len(problems) > 0 {
		t.Fatalf("problems:\n%s", problems)
	}
	got := map[string]policy.Response{}
	for _, r := range p.Rules {
		got[r.Name] = r.Respond
	}
	want := map[string]policy.Response{"nodes-stay-inside": policy.Enforce, "not-the-whole-world": policy.Alert, "production-is-private": policy.Alert}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	doc, err := asJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := compiledSchema(t).Validate(doc); err != nil {
		t.Error(err)
	}

	// The rules and exemptions that the comments offer work once uncommented.
	text := string(data)
	text = uncomment(t, text, "  # - name: office-only", "  # ", "  ")
	text = uncomment(t, text, "# exemptions:", "# ", "")
	p, problems = policy.Parse("policy.yaml", []byte(text))
	if problems.Errors() || len(p.Rules) != 4 || len(p.Exemptions) != 1 {
		t.Errorf("uncommented:\n%s\n%s", problems, text)
	}
}

// uncomment takes the comment signs off the block that starts with the line.
func uncomment(t *testing.T, text, start, prefix, replacement string) string {
	t.Helper()
	before, block, ok := strings.Cut(text, start)
	if !ok {
		t.Fatalf("no line %q", start)
	}
	lines := strings.Split(start+block, "\n")
	for i, l := range lines {
		rest, ok := strings.CutPrefix(l, prefix)
		if !ok {
			break
		}
		lines[i] = replacement + rest
	}
	return before + strings.Join(lines, "\n")
}

func compiledSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(policy.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON turns a document into what a schema validator sees: keys as text, dates
// as text.
func asJSON(data []byte) (any, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, err
	}
	return nodeAsJSON(root.Content[0]), nil
}

func nodeAsJSON(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if n.Content[i].Kind != yaml.ScalarNode {
				key = "(not text)"
			}
			m[key] = nodeAsJSON(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		l := []any{}
		for _, c := range n.Content {
			l = append(l, nodeAsJSON(c))
		}
		return l
	default:
		var v any
		if n.ShortTag() == "!!timestamp" || n.Decode(&v) != nil {
			return n.Value
		}
		if i, ok := v.(int); ok {
			return json.Number(strconv.Itoa(i))
		}
		return v
	}
}

// The schema and Parse agree on structure; what lies beyond it, only Parse knows.
func TestSchemaAgrees(t *testing.T) {
	s := compiledSchema(t)
	for dir, accepted := range map[string]bool{"good": true, "warn": true, "bad/beyond": true, "bad/structure": false} {
		for path, data := range documents(t, dir) {
			doc, err := asJSON(bytes.TrimPrefix(data, []byte("\ufeff")))
			if err != nil {
				t.Fatal(err)
			}
			err = s.Validate(doc)
			if (err == nil) != accepted {
				t.Errorf("%s: schema says %v", path, err)
			}
		}
	}
}

// A good document with one change in its structure: the schema and Parse refuse
// the same ones.
func TestSchemaAgreesOnChangedDocuments(t *testing.T) {
	s := compiledSchema(t)
	data, err := os.ReadFile("testdata/good/all-keys.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		var root yaml.Node
		if err := yaml.Unmarshal(data, &root); err != nil {
			t.Fatal(err)
		}
		var nodes []*yaml.Node
		var collect func(n *yaml.Node)
		collect = func(n *yaml.Node) {
			nodes = append(nodes, n)
			for _, c := range n.Content {
				collect(c)
			}
		}
		collect(root.Content[0])
		n := rapid.SampledFrom(nodes).Draw(t, "node")
		switch change := rapid.IntRange(0, 3).Draw(t, "change"); {
		case change == 0 && len(n.Content) > 0: // take one out
			step := 1
			if n.Kind == yaml.MappingNode {
				step = 2
			}
			i := step * rapid.IntRange(0, len(n.Content)/step-1).Draw(t, "at")
			n.Content = append(n.Content[:i:i], n.Content[i+step:]...)
		case change == 1 && n.Kind == yaml.MappingNode: // a key of another mapping
			key := rapid.SampledFrom([]string{"name", "match", "require", "accounts", "privateAccess", "ipv4", "until", "rules", "x"}).Draw(t, "key")
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, &yaml.Node{Kind: yaml.ScalarNode, Value: "a"})
		case change == 2: // empty it
			n.Content = nil
			if n.Kind == yaml.ScalarNode {
				n.Value, n.Tag, n.Style = "", "!!str", yaml.DoubleQuotedStyle
			}
		default: // another type
			value := rapid.SampledFrom([]string{"null", "true", "12", "word", "[]", "[a]", "{}", "{a: b}", "1.5", "2027-01-31"}).Draw(t, "value")
			var other yaml.Node
			if err := yaml.Unmarshal([]byte(value), &other); err != nil {
				t.Fatal(err)
			}
			*n = *other.Content[0]
		}
		changed, err := yaml.Marshal(&root)
		if err != nil {
			t.Skip("no longer YAML")
		}
		doc, err := asJSON(changed)
		if err != nil {
			t.Skip("no longer YAML")
		}
		refused := s.Validate(doc) != nil
		p, problems := policy.Parse("f", changed)
		if refused && p != nil {
			t.Fatalf("the schema refuses it, Parse takes it:\n%s", changed)
		}
		if !refused && p == nil && !strings.Contains(problems.Error(), "given twice") && !beyond(problems) {
			t.Fatalf("Parse refuses it, the schema takes it:\n%s\n%s", changed, problems)
		}
	})
}

// beyond reports whether only what no schema can know is wrong.
func beyond(problems policy.Problems) bool {
	for _, p := range problems {
		if p.Severity == policy.Warning {
			continue
		}
		known := false
		for _, s := range []string{"there is no rule called", "is not a CIDR", "two rules are called", "key must be text", "a key of", "is no duration", "is no date", "document is empty"} {
			known = known || strings.Contains(p.What, s)
		}
		if !known {
			return false
		}
	}
	return true
}

func TestParsedValues(t *testing.T) {
	data, err := os.ReadFile("testdata/good/all-keys.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, problems := policy.Parse("f", data)
	if p == nil {
		t.Fatal(problems)
	}
	zero, most := 0, 128
	want := &policy.Policy{
		Hash: p.Hash,
		Rules: []policy.Rule{{
			Name:        "everything",
			Description: "Two lines, with [brackets, *stars and &more\n  --- of it, # kept.\n",
			Match: &policy.Match{
				Accounts: []string{"111122223333", "444455556666"}, Regions: []string{"*-west-?", "us-*"},
				Clusters: []string{"prod-*", "?"}, Tags: map[string]string{"environment": "*", "cost center": ""},
			},
			Except: &policy.Match{Clusters: []string{"partner-*"}, Tags: map[string]string{"owner": "bob"}},
			Require: policy.Requirement{
				PrivateAccess: true, PublicAccess: policy.PublicRestricted,
				AllowedCIDRs: []netip.Prefix{netip.MustParsePrefix("8.8.8.0/24"), netip.MustParsePrefix("2600:1f00::/24")},
				NotWiderThan: &policy.Width{IPv4: &zero, IPv6: &most},
			},
			Respond: policy.Revert, GraceAfterCreation: time.Hour + 30*time.Minute + 10*time.Second, LockoutChecks: policy.LockoutWarn, Line: 6,
		}, {
			Name: "closed", Require: policy.Requirement{PublicAccess: policy.PublicDisabled}, Respond: policy.Enforce,
			GraceAfterCreation: policy.MaxGrace, LockoutChecks: policy.LockoutBlock, HybridNodes: policy.HybridEnforce, Line: 30,
		}, {
			Name: "long text", Description: "plain text that goes on * over lines & ends [here", Require: policy.Requirement{PrivateAccess: true},
			Respond: policy.Alert, LockoutChecks: policy.LockoutBlock, Line: 31,
		}},
		Exemptions: []policy.Exemption{{
			Name: "to-the-second", Rules: []string{"everything", "closed"}, Match: policy.Match{
				Accounts: []string{"111122223333"}, Regions: []string{"eu-*"}, Clusters: []string{"*"}, Tags: map[string]string{"team": "web"},
			},
			Until: time.Date(2027, 1, 31, 17, 0, 0, 0, time.UTC), Reason: `It's "needed"`, ApprovedBy: "alice@example.com", Line: 38,
		}},
	}
	opts := cmp.Options{cmpopts.IgnoreUnexported(policy.Policy{}, policy.Rule{}), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmpopts.EquateApproxTime(0)}
	if diff := cmp.Diff(want, p, opts); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}

	p, _ = policy.Parse("f", documents(t, "good")["testdata/good/quoted-day.yaml"])
	if until, want := p.Exemptions[0].Until, time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC); !until.Equal(want) {
		t.Errorf("a day ends at %s, want %s", until, want)
	}
}

// EKS's limit is one of a cluster, not of an organisation.
func TestAThousandCIDRsAreAdmitted(t *testing.T) {
	list := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "13.%d.%d.0/25, ", i/250, i%250)
		}
		return b.String()
	}
	doc := func(n int) []byte {
		return []byte("version: 1\nrules: [{name: a, require: {publicAccess: restricted, allowedCidrs: [" + list(n) + "]}, respond: alert}]")
	}
	for n, want := range map[int]string{
		40:   "",
		41:   `rule "a" admits 41 separate blocks; EKS admits 40 for one cluster`,
		1000: `rule "a" admits 1000 separate blocks; EKS admits 40 for one cluster`,
	} {
		p, problems := policy.Parse("f", doc(n))
		if p == nil || len(p.Rules[0].Require.AllowedCIDRs) != n || len(problems) > 1 || want != "" && (len(problems) != 1 || problems[0].What != want || problems[0].Kind != policy.KindOverLimit) {
			t.Errorf("%d: %v", n, problems)
		}
	}
	if p, problems := policy.Parse("f", doc(1001)); p != nil || !strings.Contains(problems.String(), "allowedCidrs has 1001 CIDRs, more than 1000") {
		t.Errorf("1001: %v", problems)
	}
}

func TestHashFollowsTheBytes(t *testing.T) {
	doc := documents(t, "good")["testdata/good/minimal.yaml"]
	a, _ := policy.Parse("one", doc)
	b, _ := policy.Parse("two", doc)
	c, _ := policy.Parse("one", append(bytes.Clone(doc), '\n'))
	if a.Hash != b.Hash || a.Hash == c.Hash {
		t.Errorf("hashes %s %s %s", a.Hash, b.Hash, c.Hash)
	}
}

// decent is the processor time for a document that is nearly as large as one may be,
// and nothing but many rules with many CIDRs.
func decent(t *testing.T) cputest.Baseline {
	t.Helper()
	var b strings.Builder
	b.WriteString("version: 1\nrules:\n")
	for rule := range 40 {
		fmt.Fprintf(&b, "  - name: rule-%d\n    match: {clusters: [team-%d-*]}\n    require: {publicAccess: restricted, allowedCidrs: [", rule, rule)
		for block := range 370 {
			fmt.Fprintf(&b, "20.%d.%d.0/24, ", 2*rule+block/256, block%256)
		}
		b.WriteString("9.9.9.0/24]}\n    respond: enforce\n")
	}
	if b.Len() < policy.MaxBytes*7/8 {
		t.Fatalf("the decent document has only %d bytes", b.Len())
	}
	return cputest.Measure(func() {
		if p, problems := policy.Parse("f", []byte(b.String())); p == nil {
			t.Fatal(problems)
		}
	})
}

// What would keep a parser busy is refused at once: for little more than it takes to
// read what is decent.
func TestHostileDocumentsAreRefusedFast(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures what large documents cost")
	}
	base := decent(t)
	for name, c := range map[string]struct{ doc, want string }{
		"100 KB of brackets": {strings.Repeat("[", 100<<10), "nested deeper"},
		"100 KB of braces":   {strings.Repeat("{", 100<<10), "nested deeper"},
		"dashes":             {strings.Repeat("- ", 100<<10), "nested deeper"},
		"question marks":     {strings.Repeat("? ", 100<<10), "nested deeper"},
		"keys":               {"version: 1\n" + strings.Repeat("a: ", 80<<10), "second colon"},
		"empty mappings":     {"- " + strings.Repeat("{}", 120<<10), "more than 20000 lists"},
		"empty lists":        {"version: 1\nrules: [" + strings.Repeat("[],", 50<<10) + "]", "more than 20000 lists"},
		"a list of letters":  {"version: 1\nrules: [" + strings.Repeat("a,", 50<<10) + "]", "more problems"},
		"letters in quotes":  {"version: 1\nrules: [" + strings.Repeat("'a',", 60<<10) + "]", "more than 60000 values"},
		"one line of quotes": {"version: 1\nrules: [" + strings.Repeat(`"`, 200<<10) + "]", "more than 60000 values"},
		"a set of letters":   {"{" + strings.Repeat("a,", 120<<10) + "}", "more than 60000 values"},
		"comments":           {"version: 1\nrules:\n" + strings.Repeat("- a\n\n# b\n", 25<<10), "more problems"},
		"wide rules":         {"version: 1\nrules:\n" + strings.Repeat("- {name: a, require: {publicAccess: restricted, allowedCidrs: [8.8.8.0/24, '2600:1f00::/24']}, respond: revert}\n", 2200), "more problems"},
		"quotes":             {strings.Repeat(`"`, 100<<10), "not YAML"},
		"too large":          {strings.Repeat("#", policy.MaxBytes+1), "more than 256 KiB"},
		"laughs":             {"version: 1\na: &a [x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "aliases are not used"},
		"aliases":            {"version: 1\na: [" + strings.Repeat("*a,", 50<<10) + "]", "aliases are not used"},
		"a line of anchors":  {"version: " + strings.Repeat("&a ", 80<<10), "anchors are not used"},
		"lines of aliases":   {"version: 1\nrules:\n" + strings.Repeat("- *a\n", 50<<10), "aliases are not used"},
		"a long alias":       {"version: 1\na: *" + strings.Repeat("b", 200<<10), "aliases are not used"},
		"open quotes":        {"version: 1\n" + strings.Repeat("a: \"b\n", 40<<10), "not closed"},
		"open brackets":      {strings.Repeat("a: [b\n", 40<<10), "nested deeper"},
		"bad indentation":    {"version:\n" + strings.Repeat("  a:\n b:\n", 20<<10), "indented"},
		"control characters": {strings.Repeat("\x01", 200<<10), "control character"},
		"bytes":              {strings.Repeat("\xe4\n", 100<<10), "not UTF-8"},
		"a long key":         {"version: 1\n" + strings.Repeat("a", 200<<10) + ": b", "unknown key"},
		"a long word":        {"version: 1\nrules:\n  - name: a\n    respond: " + strings.Repeat("a", 200<<10), "respond cannot be"},
		"dots at the end":    {"version: 1\n" + strings.Repeat("a: b\n", 40<<10) + "'", "not closed"},
		"a mistake at last":  {"version: 1\nrules:\n" + strings.Repeat("  - {name: a}\n", 16<<10) + "  b: c\n", "not YAML"},
		"brackets in a list": {"version: 1\nrules:\n" + strings.Repeat("  - [\n", 40<<10), "nested deeper"},
	} {
		t.Run(name, func(t *testing.T) {
			var p *policy.Policy
			var problems policy.Problems
			base.AtMost(t, 4, func() { p, problems = policy.Parse("f", []byte(c.doc)) })
			if p != nil || !strings.Contains(problems.Error(), c.want) {
				t.Errorf("got %v, want %q", problems, c.want)
			}
			for _, pr := range problems {
				if len(pr.What) > 400 || len(pr.Hint) > 400 {
					t.Errorf("a message of %d and a hint of %d bytes", len(pr.What), len(pr.Hint))
				}
			}
		})
	}
	if _, problems := policy.Parse("f", append(bytes.Repeat([]byte("#"), policy.MaxBytes-1), '\n')); strings.Contains(problems.Error(), "KiB") {
		t.Error("256 KiB to the byte is too large")
	}
}

func TestManyRulesThatMayMeetStayFast(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: 1\nrules:\n")
	for _, c := range []string{"a", "b"} {
		b.WriteString("  - {name: " + c + ", match: {clusters: [")
		for range 500 {
			b.WriteString(strings.Repeat(c+"*", 100) + ", ")
		}
		cidr := map[string]string{"a": "8.8.8.0/24", "b": "9.9.9.0/24"}[c]
		b.WriteString("x]}, require: {publicAccess: restricted, allowedCidrs: [" + cidr + "]}, respond: enforce}\n")
	}
	decent(t).AtMost(t, 4, func() {
		if p, problems := policy.Parse("f", []byte(b.String())); p == nil {
			t.Fatal(problems)
		}
	})
}

func TestWarningsAt(t *testing.T) {
	doc := documents(t, "good")["testdata/good/quoted-day.yaml"]
	p, _ := policy.Parse("policy.yaml", doc)
	end := p.Exemptions[0].Until
	for name, c := range map[string]struct {
		now  time.Time
		kind policy.Kind
	}{
		"ended":            {end, policy.KindExemptionEnded},
		"last second":      {end.Add(-time.Second), ""},
		"a year before":    {end.AddDate(-1, 0, 0), ""},
		"more than a year": {end.AddDate(-1, 0, -2), policy.KindExemptionFar},
	} {
		t.Run(name, func(t *testing.T) {
			got := p.WarningsAt(c.now)
			if c.kind == "" {
				if len(got) > 0 {
					t.Errorf("got %s", got)
				}
				return
			}
			if len(got) != 1 || got[0].Kind != c.kind || got[0].Severity != policy.Warning || got[0].Line != 10 || got[0].Column != 12 {
				t.Fatalf("got %+v", got)
			}
			if !strings.Contains(got.String(), `until: "2027-01-31"`+"\n               ^") {
				t.Errorf("the caret is not under the date:\n%s", got)
			}
		})
	}
	byHand := &policy.Policy{Exemptions: []policy.Exemption{{Name: "x", Until: today.AddDate(0, 0, -1), Line: 7}}}
	if got := byHand.WarningsAt(today); len(got) != 1 || got[0].Line != 7 {
		t.Errorf("built by hand: %+v", got)
	}
}

// The caret stands under its place also where characters take two columns of a
// terminal, or none.
func TestCaretUnderWideCharacters(t *testing.T) {
	const doc = "version: 1\nrules:\n  - {name: \"日本 🦀 e\u0301\", respond: x, require: {privateAccess: enabled}}\n"
	_, problems := policy.Parse("f", []byte(doc))
	want := "    " + "  - {name: \"日本 🦀 e\u0301\", respond: x, require: {privateAccess: enabled}}\n" +
		"    " + strings.Repeat(" ", len("  - {name: '12 34 5 7', respond: ")) + "^\n"
	if got := problems.String(); len(problems) != 1 || problems[0].Column != 32 || !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What hangs on the date is told beside the errors.
func TestCheckTellsOfTheDateToo(t *testing.T) {
	const doc = `version: 1
rules:
  - {name: a, require: {privateAccess: enabled}, respond: nothing}
exemptions:
  - {name: over, rules: [a], match: {accounts: ["111122223333"], regions: [eu-west-1], clusters: [x]}, until: 2026-01-31, reason: r, approvedBy: b}
  - {name: far, rules: [a], match: {accounts: ["111122223333"], regions: [eu-west-1], clusters: [x]}, until: 2072-01-31, reason: r, approvedBy: b}
  - {name: none, rules: [a], match: {accounts: ["111122223333"], regions: [eu-west-1], clusters: [x]}, until: soon, reason: r, approvedBy: b}
`
	p, problems := policy.Check("f", []byte(doc), today)
	if p != nil {
		t.Error("it was taken")
	}
	type told struct {
		line int
		kind policy.Kind
		year bool
	}
	var got []told
	for _, pr := range problems {
		got = append(got, told{pr.Line, pr.Kind, strings.Contains(pr.Hint, "2027 meant")})
	}
	want := []told{{3, "", false}, {5, policy.KindExemptionEnded, true}, {6, policy.KindExemptionFar, true}, {7, "", false}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(told{})); diff != "" {
		t.Errorf("(-want +got)\n%s\n%s", diff, problems)
	}
	if p, problems := policy.Check("f", documents(t, "good")["testdata/good/minimal.yaml"], today); p == nil || len(problems) > 0 {
		t.Errorf("a good document: %v, %s", p, problems)
	}
}

func TestProblemKinds(t *testing.T) {
	docs := documents(t, "warn")
	for name, want := range map[string]policy.Kind{
		"documentation": policy.KindDocumentationRange, "stepping-out": policy.KindSteppedOut, "disjoint": policy.KindDisjoint,
		"idle": policy.KindIdle, "wide": policy.KindWide, "unknown-regions": policy.KindUnknownRegion, "repeated": policy.KindRepeated, "over-limit": policy.KindOverLimit, "blanket": policy.KindBlanket,
		"no-grace": policy.KindNoGrace,
	} {
		_, problems := policy.Parse("f", docs["testdata/warn/"+name+".yaml"])
		for _, p := range problems {
			if p.Kind != want {
				t.Errorf("%s: kind %q", name, p.Kind)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, dir := range []string{"good", "bad/structure", "bad/beyond", "bad/yaml", "warn"} {
		for _, data := range documents(f, dir) {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, problems := policy.Parse("f", data)
		if (p == nil) != problems.Errors() {
			t.Fatalf("policy %v with problems %s", p, problems)
		}
		if len(problems) > 101 {
			t.Fatalf("%d problems", len(problems))
		}
		lines := 1 + bytes.Count(data, []byte("\n")) + bytes.Count(data, []byte("\r")) +
			bytes.Count(data, []byte("\u0085")) + bytes.Count(data, []byte("\u2028")) + bytes.Count(data, []byte("\u2029"))
		for _, pr := range problems {
			if pr.Line < 1 || pr.Line > lines || pr.Column < 1 || len([]rune(pr.Source)) > 225 || strings.ContainsAny(pr.String(), "\x1b\r\u0085\u2028\u202e\u2066") {
				t.Fatalf("problem %+v of %d lines", pr, lines)
			}
		}
		if p != nil {
			_ = p.WarningsAt(today)
			p.AlertOnly()
		}
	})
}

func BenchmarkParse(b *testing.B) {
	data, err := os.ReadFile("../../policy.yaml")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if p, _ := policy.Parse("policy.yaml", data); p == nil {
			b.Fatal("refused")
		}
	}
}
