package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/endpointguard/endpointguard/pkg/policy"
)

// A mistake in the syntax is told where it was made, in words of its own, not
// where the YAML library noticed it.
func TestSyntaxMistakes(t *testing.T) {
	rule := func(text string) string { return "version: 1\nrules:\n  - name: a\n" + text + "    respond: alert\n" }
	for name, c := range map[string]struct {
		doc  string
		want string // LINE:COLUMN: what is wrong, the beginning of it
	}{
		"a bracket":                    {rule("    match: {regions: [eu-*}\n"), "4:22: the [ that opens here is not closed"},
		"a bracket over lines":         {rule("    match:\n      regions: [eu-*,\n        us-*\n    require: {privateAccess: enabled}\n"), "5:16: the [ that opens here is not closed"},
		"a brace":                      {rule("    require: {privateAccess: enabled\n"), "4:14: the { that opens here is not closed"},
		"a brace at the end":           {"version: {", "1:10: the { that opens here is not closed"},
		"a brace before lists":         {"version: {1\nrules:\n  - name: a\n", "1:10: the { that opens here is not closed"},
		"a brace before another value": {rule("    match: {t\nags: {env: a}}\n"), "4:12: the { that opens here is not closed"},
		"a bracket in a text":          {rule("    description: see\n      [1\n    respond alert\n"), "6:5: a key without a colon"},
		"a double quote":               {rule("    description: \"a\n"), "4:18: the \" that opens here is not closed"},
		"a single quote":               {rule("    description: 'a\n"), "4:18: the ' that opens here is not closed"},
		"a quote before another one":   {rule("    description: \"a\n    owner: \"b\"\n"), "4:18: the \" that opens here is not closed"},
		"a quote before one in braces": {"version: \"1\nrules:\n  - {name: \"a\", respond: alert}\n", "1:10: the \" that opens here is not closed"},
		"a quote in braces":            {rule("    require: {privateAccess: \"enabled'}\n"), "4:30: the \" that opens here is not closed"},
		"an apostrophe":                {rule("    description: 'it's mine'\n"), "4:22: text follows the closing '"},
		"quotes in quotes":             {rule("    description: \"say \"hi\"\"\n"), "4:24: text follows the closing \""},
		"text behind brackets":         {rule("    match: {regions: [eu-*]} too\n"), "4:30: text follows the closing }"},
		"a comma":                      {rule("    match: {regions: [\"eu-*\" \"us-*\"]}\n"), "4:30: text stands where a comma or the closing ] must"},
		"a comma over lines":           {rule("    match:\n      regions: [\n        \"eu-*\"\n        \"us-*\"\n      ]\n"), "7:9: text stands where a comma or the closing ] must"},
		"a comma between keys":         {rule("    require: {privateAccess: enabled publicAccess: disabled}\n"), "4:50: a second colon stands where a comma or the closing } must"},
		"a colon":                      {rule("    description\n    require: {privateAccess: enabled}\n"), "4:5: a key without a colon"},
		"a colon before a list":        {"version: 1\nrules\n  - name: a\n", "2:1: a key without a colon"},
		"a colon before braces":        {"version: 1\nrules\n  - {name: a}\n", "2:1: a key without a colon"},
		"a colon at the end":           {"version: 1\nrules:\n  - name: a\n    respond alert\n", "4:5: a key without a colon"},
		"a blank behind a colon":       {rule("    require:\n      publicAccess:restricted\n      allowedCidrs: []\n"), "5:7: the colon of a key has no blank behind it"},
		"a blank behind a dash":        {"version: 1\nrules:\n  -name: a\n    respond: alert\n", "3:3: the dash of an item has no blank behind it"},
		"a blank behind a dash, later": {"version: 1\nrules:\n  - name: a\n  -name: b\n", "4:3: the dash of an item has no blank behind it"},
		"a second colon":               {rule("    description: a: b: c\n"), "4:19: a second colon in the line"},
		"a list in the line of a key":  {"version: 1\nrules: - name: a\n", "2:8: a list cannot begin in the line of its key"},
		"text behind a block's sign":   {rule("    description: | a\n"), "4:20: text follows the | or >"},
		"a block's line too far left":  {rule("    description: >\n      one\n     two\n"), "6:6: the line is indented"},
		"a line too far right":         {rule("      require: {privateAccess: enabled}\n"), "4:7: the line is indented more than the one above, which is complete"},
		"a line too far left":          {rule("   require: {privateAccess: enabled}\n"), "4:4: the line is indented like none of those above"},
		"a dash too far left":          {rule("    require: {}\n    respond: alert\n - name: b\n"), "6:2: the line is indented like none of those above"},
		"a tab":                        {rule("\trequire: {privateAccess: enabled}\n"), "4:1: the line is indented with a tab"},
		"a tab behind spaces":          {rule("  \trequire: {privateAccess: enabled}\n"), "4:3: the line is indented with a tab"},
		"an at sign":                   {rule("    description: @office\n"), "4:18: a value cannot begin with @"},
		"a star":                       {rule("    match: {regions: [*]}\n"), "4:23: a value cannot begin with *"},
		"a star outside of brackets":   {rule("    description: * a\n"), "4:18: a value cannot begin with *"},
		"an ampersand":                 {rule("    description: & a\n"), "4:18: a value cannot begin with &"},
		"a percent sign":               {rule("    description: %a\n"), "4:18: a value cannot begin with %"},
		"a bracket that closes none":   {rule("    ] require: {privateAccess: enabled}\n"), "4:5: "},
		"an unknown escape":            {rule("    description: \"\\d\"\n"), "4:19: an escape that YAML doesn't know"},
		"an unknown tag":               {rule("    description: !x!y a\n"), "4:18: a tag that YAML doesn't know"},
		"a directive":                  {"%YAML 1.2\nversion: 1\n", "1:1: a directive"},
		"an unclosed second document":  {"version: 1\nrules: []\n---\na: [\n", "3:1: "},
	} {
		t.Run(name, func(t *testing.T) {
			p, problems := policy.Parse("f", []byte(c.doc))
			if p != nil || !problems.Errors() {
				t.Fatalf("it was taken:\n%s", c.doc)
			}
			first := problems[0]
			got := fmt.Sprintf("%d:%d: %s", first.Line, first.Column, strings.TrimPrefix(first.What, "this is not YAML: "))
			if !strings.HasPrefix(got, c.want) || first.Hint == "" {
				t.Errorf("got %s, want %s\n%s\nin\n%s", got, c.want, problems, c.doc)
			}
		})
	}
}

// Whichever bracket or quote of a good document is left open, its line is the one
// that is pointed at.
func TestWhatIsLeftOpenIsPointedAt(t *testing.T) {
	const doc = `version: 1
rules:
  - name: first
    description: "in double quotes"
    match: {regions: [eu-*, us-*], accounts: ["111122223333"], tags: {team: 'web'}}
    require: {publicAccess: restricted, allowedCidrs: [8.8.8.0/24, 9.9.9.0/24]}
    respond: alert
  - name: 'second'
    require:
      publicAccess: restricted
      allowedCidrs: [
        8.8.8.0/24,
        9.9.9.0/24
      ]
    respond: "alert"
exemptions: []
`
	if p, problems := policy.Parse("f", []byte(doc)); p == nil {
		t.Fatal(problems)
	}
	var ends []int
	for i, c := range []byte(doc) {
		switch c {
		case ']', '}':
			ends = append(ends, i)
		case '"', '\'':
			if strings.Count(doc[:i], string(c))%2 == 1 {
				ends = append(ends, i)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		end := rapid.SampledFrom(ends).Draw(t, "end")
		changed := doc[:end] + doc[end+1:]
		_, problems := policy.Parse("f", []byte(changed))
		if !problems.Errors() {
			t.Fatalf("it was taken:\n%s", changed)
		}
		first, last := 1+strings.Count(doc[:end], "\n"), 1+strings.Count(doc[:end], "\n")
		if doc[end] == ']' && strings.TrimSpace(doc[strings.LastIndexByte(doc[:end], '\n'):end]) == "" {
			first -= 3 // the list that begins in a line of its own
		}
		if got := problems[0].Line; got < first || got > last {
			t.Errorf("line %d, want %d to %d\n%s\nin\n%s", got, first, last, problems, changed)
		}
	})
}
