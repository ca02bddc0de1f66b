package policy_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"github.com/endpointguard/endpointguard/pkg/policy"
)

// proseHints begin those hints that name no value to write, but a kind of value.
// Whatever else begins with "write" must be a value that the next run takes.
var proseHints = []string{
	"write an address and a prefix length", "write a whole number", "write keys with values", "write the text alone", "write a day like",
	"write hours, minutes", "write the items within", "write its keys", "write it as an IPv4 CIDR", "write them without", "write the value out",
	"write the keys out", "write disabled, or restricted with", "write a colon", "write a blank", "write a plain space",
	"write {ipv4: 16, ipv6: 32}; a family",
}

var offers = []*regexp.Regexp{
	regexp.MustCompile(`^put it in quotes: (.+)$`),
	regexp.MustCompile(`^did you mean (.+)\?$`),
	regexp.MustCompile(`^write the unit: (.+)$`),
	regexp.MustCompile(`^write (.+?)(?:, without .*|; .*| for the one address| for this one address)?$`),
}

// offered are the values that a hint offers to stand where the problem is.
func offered(hint string) []string {
	for _, p := range proseHints {
		if strings.HasPrefix(hint, p) {
			return nil
		}
	}
	for _, re := range offers {
		if m := re.FindStringSubmatch(hint); m != nil {
			return choices(m[1])
		}
	}
	return nil
}

// choices splits "a, b or c" where no brackets or quotes are open.
func choices(text string) []string {
	var out []string
	depth, quoted, from := 0, false, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' && (i == 0 || text[i-1] != '\\'):
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case depth == 0:
			for _, sep := range []string{", or ", " or ", ", "} {
				if strings.HasPrefix(text[i:], sep) {
					out = append(out, text[from:i])
					i += len(sep) - 1
					from = i + 1
					break
				}
			}
		}
	}
	return append(out, text[from:])
}

func TestOffered(t *testing.T) {
	for hint, want := range map[string]string{
		"write alert, enforce or revert":                                     "alert|enforce|revert",
		"write 8.8.8.0/24, or 8.8.8.8/32 for the one address":                "8.8.8.0/24|8.8.8.8/32",
		`write ["111122223333", "444455556666"]`:                             `["111122223333", "444455556666"]`,
		"did you mean require?":                                              "require",
		"write an address and a prefix length, like 198.51.100.0/24 or ::/0": "",
		"write 1, without quotes":                                            "1",
	} {
		if got := strings.Join(offered(hint), "|"); got != want {
			t.Errorf("%q: %s, want %s", hint, got, want)
		}
	}
}

// follow returns the document with the value at the place of the problem
// replaced, false if nothing stands there.
func follow(doc []byte, p policy.Problem, value string) ([]byte, bool) {
	var root, v yaml.Node
	if yaml.Unmarshal(doc, &root) != nil {
		return nil, false
	}
	if err := yaml.Unmarshal([]byte(value), &v); err != nil || len(v.Content) != 1 {
		return []byte(value), true // no YAML: the next run says so
	}
	done := false
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if !done && n.Kind != yaml.DocumentNode && n.Line == p.Line && n.Column == p.Column {
			// A block mapping and its first key stand at the same place.
			if n.Kind != yaml.MappingNode || v.Content[0].Kind == yaml.MappingNode {
				*n, done = *v.Content[0], true
				return
			}
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(&root)
	out, err := yaml.Marshal(&root)
	return out, done && err == nil
}

// news are the problems of after that are of another kind than those of before:
// their place and what they quote aside. What was told before is no news, and
// nor is a warning of what the value may be meant to do.
func news(before, after policy.Problems) policy.Problems {
	told := map[string]int{}
	for _, p := range before {
		told[kindOf(p)]++
	}
	var out policy.Problems
	for _, p := range after {
		if p.Severity == policy.Warning && p.Kind != policy.KindDocumentationRange {
			continue
		}
		if told[kindOf(p)]--; told[kindOf(p)] < 0 {
			out = append(out, p)
		}
	}
	return out
}

var quotedText = regexp.MustCompile(`"(\\.|[^"\\])*"|line \d+|\d+%|[0-9a-f:.]+/\d+`)

func kindOf(p policy.Problem) string {
	return string(p.Severity) + quotedText.ReplaceAllString(p.What, "…")
}

// leadsOn tells of each hint of the document that leads into another problem.
func leadsOn(t interface {
	Helper()
	Errorf(string, ...any)
}, doc []byte) (followed int) {
	t.Helper()
	_, before := policy.Check("f", doc, today)
	for _, p := range before {
		for _, value := range offered(p.Hint) {
			changed, ok := follow(doc, p, value)
			if !ok {
				continue
			}
			followed++
			_, after := policy.Check("f", changed, today)
			if n := news(before, after); len(n) > 0 {
				t.Errorf("%s\nafter %s:\n%s\nin\n%s", p, value, n, changed)
			}
			same := 0
			for _, q := range after {
				if kindOf(q) == kindOf(p) {
					same++
				}
			}
			for _, q := range before {
				if kindOf(q) == kindOf(p) {
					same--
				}
			}
			if same >= 0 && p.Severity == policy.Error {
				t.Errorf("%s\nafter %s it is told again in\n%s", p, value, changed)
			}
		}
	}
	return followed
}

// A hint that is a value is one that the next run takes.
func TestNoHintLeadsIntoTheNextError(t *testing.T) {
	rule := func(text string) string {
		return "version: 1\nrules:\n  - name: a\n    respond: alert\n" + text
	}
	cidrs := func(list string) string {
		return rule("    require: {publicAccess: restricted, allowedCidrs: " + list + "}\n")
	}
	match := func(text string) string { return rule("    require: {privateAccess: enabled}\n    " + text + "\n") }
	exempt := func(text string) string {
		return match("description: d") + "exemptions:\n  - {name: x, reason: r, approvedBy: b, " + text + "}\n"
	}
	for name, c := range map[string]struct {
		doc  string
		want string // part of a hint, or of a problem
	}{
		"an account unquoted":             {match("match: {accounts: [111122223333]}"), `put it in quotes: "111122223333"`},
		"an account that is no list":      {match("match: {accounts: 111122223333}"), `write ["111122223333"]`},
		"two accounts in one text":        {match(`match: {accounts: "111122223333, 444455556666"}`), `write ["111122223333", "444455556666"]`},
		"an account as the console shows": {match("match: {accounts: [1111-2222-3333]}"), `it has dashes`},
		"an account with blanks":          {match("match: {accounts: ['1111 2222 3333']}"), `write "111122223333"`},
		"an account with underscores":     {match("match: {accounts: [1111_2222_3333]}"), `it has underscores`},
		"an account's ARN":                {match("match: {accounts: ['arn:aws:iam::065115117704:root']}"), `write "065115117704"`},
		"an account from a spreadsheet":   {match("match: {accounts: [1.11122223333e11, 111122223333.0]}"), `write "111122223333"`},
		"an account that lost its zero":   {match("match: {accounts: [65115117704]}"), `write "065115117704"`},
		"a number far too large":          {match("match: {accounts: [1e999999999]}"), `12 digits`},
		"a private block with host bits":  {cidrs("[10.2.0.0/8]"), "private (10.0.0.0/8)"},
		"a block around a private one":    {cidrs("[172.16.0.0/11]"), "private (172.16.0.0/12)"},
		"host bits":                       {cidrs("[8.8.8.8/24]"), "write 8.8.8.0/24, or 8.8.8.8/32"},
		"host bits of a very wide block":  {cidrs("[8.8.8.8/1]"), "write 8.8.8.8/32"},
		"host bits of everything":         {cidrs("[8.8.8.8/0]"), "write 8.8.8.8/32"},
		"host bits next to a private one": {cidrs("[172.15.1.1/11]"), "write 172.15.1.1/32"},
		"host bits of an example":         {cidrs("[203.0.113.7/24]"), "cannot be deployed"},
		"an address alone":                {cidrs("[8.8.8.8]"), "write 8.8.8.8/32"},
		"a private address alone":         {cidrs("[192.168.1.5]"), "private (192.168.0.0/16)"},
		"an IPv4 address as IPv6":         {cidrs("['::ffff:8.8.8.8']"), "write 8.8.8.8/32"},
		"a private block as IPv6":         {cidrs("['::ffff:10.0.0.0/104']"), "private (10.0.0.0/8)"},
		"a block as IPv6 with host bits":  {cidrs("['::ffff:8.8.8.8/120']"), "write 8.8.8.0/24"},
		"leading zeros":                   {cidrs("[008.008.004.0/24]"), "write 8.8.4.0/24"},
		"zeros that may be octal":         {cidrs("[010.1.1.0/24]"), "is not a CIDR"},
		"blanks in a CIDR":                {cidrs(`[8.8.8.0 / 24, "9.9.9.0/24 "]`), "write 9.9.9.0/24"},
		"a zero before the length":        {cidrs("[8.8.8.0/024]"), "write 8.8.8.0/24"},
		"a mask":                          {cidrs("[8.8.8.0/255.255.255.0]"), "write 8.8.8.0/24"},
		"a mask with a hole":              {cidrs("[8.8.8.0/255.0.255.0]"), "is not a CIDR"},
		"two CIDRs in one text":           {cidrs(`["8.8.8.0/24, 9.9.9.0/24"]`), "an item of its own"},
		"CIDRs that are no list":          {cidrs(`8.8.8.0/24`), "write [8.8.8.0/24]"},
		"CIDRs that are no list, refused": {cidrs(`10.0.0.0/8`), "private"},
		"a CIDR that is a number":         {cidrs(`[8.8]`), "is not a CIDR"},
		"an IPv6 CIDR that is no list":    {cidrs(`"2600:1f00::/24"`), "write ["},
		"a pattern that is no list":       {match(`match: {clusters: "*"}`), `write ["*"]`},
		"a region in capitals":            {match("match: {regions: [EU-West-1]}"), "write eu-west-1"},
		"a number with a point for names": {match("match: {clusters: [1.5]}"), "can never match"},
		"a number for names":              {match("match: {clusters: [12]}"), `put it in quotes: "12"`},
		"two exceptions":                  {match("except: [{clusters: [a]}, {clusters: [b, c]}]"), "write {clusters: [a, b, c]}"},
		"exceptions by two keys":          {match("except: [{clusters: [a]}, {regions: [eu-west-1]}]"), "all keys of one except must match"},
		"exceptions by tags":              {match("except: [{tags: {a: b}}, {tags: {c: d}}]"), "all keys of one except must match"},
		"two matches by account":          {match("match: [{accounts: [111122223333]}, {accounts: ['444455556666']}]"), `write {accounts: ["111122223333", "444455556666"]}`},
		"a key given rightly, too":        {match("responds: alert"), "respond is given, too"},
		"a key that is a number":          {match("12: x"), "known here"},
		"grace without its unit":          {match("graceAfterCreation: 30"), "write the unit: 30s or 30m"},
		"much grace without its unit":     {match("graceAfterCreation: 9000000"), "like 30m"},
		"no grace without its unit":       {match("graceAfterCreation: 0"), "like 30m"},
		"grace in hexadecimal":            {match("graceAfterCreation: 0x10"), "like 30m"},
		"version as text":                 {strings.Replace(match("description: d"), "version: 1", `version: "2"`, 1), "write 1"},
		"width as text":                   {rule("    require: {publicAccess: restricted, notWiderThan: {ipv4: /16}}\n"), "write 16"},
		"width as text, too wide":         {rule("    require: {publicAccess: restricted, notWiderThan: {ipv4: '99'}}\n"), "write a whole number"},
		"CIDRs with disabled":             {rule("    require: {publicAccess: disabled, allowedCidrs: [8.8.8.0/24]}\n"), "change publicAccess to restricted"},
		"CIDRs alone":                     {rule("    require: {allowedCidrs: [8.8.8.0/24]}\n"), "add publicAccess: restricted"},
		"a rule that is a number":         {exempt(`rules: [12], match: {accounts: ["111122223333"], regions: [eu-west-1], clusters: [x]}, until: 2027-01-31`), "there is no rule"},
		"rules that are no list":          {exempt(`rules: a, match: {accounts: ["111122223333"], regions: [eu-west-1], clusters: [x]}, until: 2027-01-31`), "write [a]"},
		"a leap day a year ago":           {exempt(`rules: [a], match: {accounts: ["111122223333"], regions: [eu-west-1], clusters: [x]}, until: 2024-02-29`), "later end"},
		"the first instant of a year":     {exempt(`rules: [a], match: {accounts: ["111122223333"], regions: [eu-west-1], clusters: [x]}, until: 2072-01-01T00:00:00Z`), "2027 meant"},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := policy.Check("f", []byte(c.doc), today)
			if !strings.Contains(problems.String(), c.want) {
				t.Errorf("%q is not told:\n%s", c.want, problems)
			}
			leadsOn(t, []byte(c.doc))
		})
	}
	for _, dir := range []string{"bad/structure", "bad/beyond", "warn"} {
		for path, doc := range documents(t, dir) {
			t.Run(path, func(t *testing.T) { leadsOn(t, doc) })
		}
	}
}

// The same for a good document in which a value was replaced by what hands write
// there by mistake.
func TestNoHintLeadsIntoTheNextErrorAnywhere(t *testing.T) {
	data, err := os.ReadFile("testdata/good/hints.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, problems := policy.Check("f", data, today); len(problems) > 0 {
		t.Fatal(problems)
	}
	octet := rapid.SampledFrom([]string{"0", "7", "8", "08", "010", "10", "100", "127", "172", "16", "192", "168", "203", "113", "255"})
	address := rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"", " ", "::ffff:"}).Draw(t, "before") +
			strings.Join([]string{octet.Draw(t, "a"), octet.Draw(t, "b"), octet.Draw(t, "c"), octet.Draw(t, "d")}, ".")
	})
	cidr := rapid.Custom(func(t *rapid.T) string {
		return address.Draw(t, "address") + rapid.SampledFrom([]string{"", "/0", "/1", "/8", "/11", "/024", "/24", "/32", "/33", "/104", "/128", " / 16", "/255.255.0.0"}).Draw(t, "length")
	})
	account := rapid.StringMatching(`0?[0-9]{4}[- _]?[0-9]{4}[- _]?[0-9]{2,4}(\.0|e1)?`)
	word := rapid.SampledFrom([]string{"a", "alert", "Enforce", "enabld", "true", "12", "1.5", "0x10", "null", "~", "", " ", "*", "?", "a: b", "a, b", "eu-west-1", "EU-WEST-1", "eu-wset-1",
		"web", "web servers", "2027-01-31", "2024-02-29", "2072-12-31T23:00:00Z", "30", "1800", "48h", "name", "respond", "match", "regions", "restricted"})
	text := rapid.OneOf(cidr, account, word)
	followed := 0
	rapid.Check(t, func(t *rapid.T) {
		var root yaml.Node
		if err := yaml.Unmarshal(data, &root); err != nil {
			t.Fatal(err)
		}
		var nodes []*yaml.Node
		var collect func(n *yaml.Node)
		collect = func(n *yaml.Node) {
			for _, c := range n.Content {
				nodes = append(nodes, c)
				collect(c)
			}
		}
		collect(root.Content[0])
		n := rapid.SampledFrom(nodes).Draw(t, "node")
		value := func(label string) *yaml.Node {
			v := &yaml.Node{Kind: yaml.ScalarNode, Value: text.Draw(t, label)}
			if rapid.Bool().Draw(t, label+" quoted") {
				v.Style = yaml.DoubleQuotedStyle
			}
			return v
		}
		switch rapid.IntRange(0, 3).Draw(t, "change") {
		case 0, 1:
			*n = *value("value")
		case 2:
			*n = yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: []*yaml.Node{value("first"), value("second")}}
		default:
			original := *n
			*n = yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: []*yaml.Node{&original, value("more")}}
		}
		doc, err := yaml.Marshal(&root)
		if err != nil {
			t.Skip("no YAML")
		}
		followed += leadsOn(t, doc)
	})
	if followed == 0 {
		t.Error("no hint was followed")
	}
}
