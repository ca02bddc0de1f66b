package policy

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// isText tells whether a value is text. What YAML 1.1 takes for a date is, as in
// JSON.
func isText(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && (n.ShortTag() == "!!str" || n.ShortTag() == "!!timestamp")
}

// typeName is what a value is, for people.
func typeName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "empty"
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	case "!!merge":
		return "a merge key"
	default:
		return "text"
	}
}

// wrongType tells that a value is not what it must be. Aliases have been told
// before.
func (r *reader) wrongType(n *yaml.Node, name, want string) {
	hint := ""
	switch {
	case want == "text" && n.Kind == yaml.ScalarNode:
		hint = inQuotes(n.Value)
	case want == "text":
		hint = "write the text alone, without brackets, braces or keys"
	case want == "a list" && n.Kind != yaml.SequenceNode:
		hint = `begin each item with a dash: "- "`
	case want == "a mapping" && n.Kind == yaml.SequenceNode:
		hint = "write its keys without dashes and square brackets"
	case want == "a mapping":
		hint = `write keys with values: "key: value"`
	case want == "the number 1":
		hint = "write 1, without quotes"
	case want == "true or false":
		hint = "write true or false"
	case want == "a date":
		hint = dateHint
	}
	r.wrongTypeHint(n, hint, name, want)
}

// wrongTypeHint is wrongType with a hint for what isn't empty.
func (r *reader) wrongTypeHint(n *yaml.Node, hint, name, want string) {
	if n.Kind == yaml.AliasNode {
		return
	}
	if isNull(n) {
		hint = "give it a value or remove the key"
	}
	r.errorAt(n, hint, "%s must be %s, not %s", name, want, typeName(n))
}

const dateHint = "write a day like 2027-01-31 or a time like 2027-01-31T18:00:00Z"

// field is one key of a mapping with its value.
type field struct{ key, value *yaml.Node }

// home is where keys belong, to help with a key in the wrong place.
type home struct {
	place string
	keys  []string
}

var policyHomes = []home{
	{"the document", documentKeys},
	{"a rule", ruleKeys},
	{"require", requireKeys},
	{"match or except", matchKeys},
	{"an exemption", exemptionKeys},
}

var (
	documentKeys  = []string{"version", "rules", "exemptions"}
	ruleKeys      = []string{"name", "description", "match", "except", "require", "respond", "graceAfterCreation", "lockoutChecks", "hybridNodes"}
	matchKeys     = []string{"accounts", "regions", "clusters", "tags"}
	requireKeys   = []string{"privateAccess", "publicAccess", "allowedCidrs", "notWiderThan"}
	widthKeys     = []string{"ipv4", "ipv6"}
	exemptionKeys = []string{"name", "rules", "match", "until", "reason", "approvedBy"}
)

// fields reads a mapping that knows only the given keys and needs the first so
// many that required lists. The result is nil if n is no mapping.
func (r *reader) fields(n *yaml.Node, name string, known, required []string) map[string]field {
	if n.Kind != yaml.MappingNode {
		r.wrongType(n, name, "a mapping")
		return nil
	}
	out := make(map[string]field, len(n.Content)/2)
	merged := false // whether keys may come from elsewhere
	seen := make(map[string]int, len(n.Content)/2)
	given := make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		given[n.Content[i].Value] = true
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.ShortTag() == "!!merge" {
			r.errorAt(key, "write the keys out where they are needed", "YAML merge keys are not used in a %s", r.noun)
			merged = merged || value.Kind == yaml.AliasNode
			continue
		}
		if key.Kind == yaml.ScalarNode && !isText(key) {
			// In quotes it would be an unknown key: it is one.
			r.wrongTypeHint(key, r.keyHint(key.Value, known, given), "a key of "+name, "text")
			continue
		}
		if !isText(key) {
			r.wrongType(key, "a key of "+name, "text")
			continue
		}
		if line, ok := seen[key.Value]; ok {
			r.errorAt(key, fmt.Sprintf("the first one is on line %d: keep one", line), "key %q is given twice", key.Value)
			continue
		}
		seen[key.Value] = key.Line
		if contains(known, key.Value) {
			out[key.Value] = field{key, value}
		} else {
			r.errorAt(key, r.keyHint(key.Value, known, given), "unknown key %q in %s", key.Value, name)
		}
	}
	for _, k := range required {
		if _, ok := out[k]; !ok && !merged {
			r.errorAt(n, fmt.Sprintf("add %s", example(k)), "%s lacks %s", name, k)
		}
	}
	return out
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// example is a key with what a value of it looks like.
func example(key string) string {
	for _, e := range []string{
		"version: 1", "rules: and a list of rules", "name: and a name of its own", "require: with privateAccess or publicAccess",
		"respond: alert, enforce or revert", "match: with accounts, regions and clusters", "until: and the last day, like 2027-01-31",
		"reason: and why", "approvedBy: and who did", `accounts: ["111122223333"]`, "regions: [eu-west-1]", "clusters: [demo-1]",
		"cases: and a list of cases", "given: with the cluster's access", "expect: with the outcome", "outcome: compliant, violation or another one",
		"access: {public: true, private: false, cidrs: [0.0.0.0/0]}", "public: true or false", "private: true or false",
	} {
		if strings.HasPrefix(e, key+":") {
			return e
		}
	}
	return key
}

// keyHint helps with a key that isn't known in a mapping with the given keys.
func (r *reader) keyHint(key string, known []string, given map[string]bool) string {
	if near := nearest(key, known); given[near] {
		return fmt.Sprintf("remove it: %s is given, too", near)
	} else if near != "" {
		return "did you mean " + near + "?"
	}
	for _, h := range r.homes {
		if contains(h.keys, key) {
			return key + " belongs in " + h.place
		}
	}
	return "known here: " + strings.Join(known, ", ")
}

// nearest returns the word that text most likely means, "" if none is near.
func nearest(text string, words []string) string {
	if len(text) > 2*maxName {
		return ""
	}
	best, least := "", max(2, len(text)/3)+1
	for _, w := range words {
		if d := distance(strings.ToLower(text), strings.ToLower(w)); d < least && d < len(w) {
			best, least = w, d
		}
	}
	return best
}

// distance counts the letters to add, drop, change or swap with the next one to
// get from a to b.
func distance(a, b string) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			cost := row[j]
			if a[i] != b[j] {
				cost++
			}
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				cost = min(cost, before[j-1]+1)
			}
			next[j+1] = min(cost, next[j]+1, row[j+1]+1)
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}

// text reads a text that isn't blank.
func (r *reader) text(n *yaml.Node, name string) (string, bool) {
	if !isText(n) {
		r.wrongType(n, name, "text")
		return "", false
	}
	if strings.TrimSpace(n.Value) == "" {
		r.errorAt(n, "", "%s is empty", name)
		return "", false
	}
	if c, ok := firstHidden(n.Value); ok {
		r.errorAt(n, "remove it", "%s holds %s", name, characterName(c))
		return n.Value, false
	}
	return n.Value, true
}

// firstHidden returns the first character of a text that can't be seen, such as
// an escape in quotes makes; a long text may have line breaks.
func firstHidden(text string) (rune, bool) {
	i := strings.IndexFunc(text, func(c rune) bool { return hidden(c) && c != '\n' })
	if i < 0 {
		return 0, false
	}
	c, _ := utf8.DecodeRuneInString(text[i:])
	return c, true
}

// name reads what a rule or an exemption is called: one line, since it goes
// into subjects and log lines.
func (r *reader) name(n *yaml.Node, of string) string {
	s, ok := r.text(n, "the name of "+of)
	if !ok {
		return ""
	}
	switch {
	case utf8.RuneCountInString(s) > maxName:
		r.errorAt(n, "", "the name of %s is longer than %d characters", of, maxName)
	case s != strings.TrimSpace(s) || strings.ContainsAny(s, "\t\n"):
		r.errorAt(n, "keep it on one line, without tabs, and without blanks around it", "the name of %s has a line break, a tab or a blank at its end", of)
	}
	return s
}

// choice reads one of a few words.
func (r *reader) choice(n *yaml.Node, name string, words ...string) string {
	return r.choiceOf(n, name, "write "+oneOf(words), "", words...)
}

// choiceOf is choice with a hint of its own, and with what more is said of a word
// that was meant.
func (r *reader) choiceOf(n *yaml.Node, name, hint, more string, words ...string) string {
	if n.Kind == yaml.ScalarNode && !isText(n) && !isNull(n) {
		r.errorAt(n, hint, "%s cannot be %s", name, n.Value)
		return ""
	}
	s, ok := r.text(n, name)
	if !ok || contains(words, s) {
		return s
	}
	if near := nearest(s, words); near != "" && len(words) > 1 {
		hint = "did you mean " + near + "?" + more
	}
	r.errorAt(n, hint, "%s cannot be %q", name, s)
	return ""
}

// oneOf is a choice in words: a, b or c.
func oneOf(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return strings.Join(words, "")
}

// listOf reads a list of texts. One text alone is refused and read as the only
// item, so that what is wrong with it is told, too; the item's own function says
// how it is written within brackets, false if it can't be.
func (r *reader) listOf(n *yaml.Node, name string, item func(text string) (string, bool)) []*yaml.Node {
	switch {
	case n.Kind == yaml.ScalarNode && !isNull(n):
		hint := "write the items within square brackets"
		text, ok := item(n.Value)
		if ok && text == brief(text) {
			hint = "write [" + text + "]"
		}
		r.wrongTypeHint(n, hint, name, "a list")
		if ok {
			return nil
		}
		return []*yaml.Node{n}
	case n.Kind == yaml.MappingNode:
		r.wrongTypeHint(n, "write the items within square brackets, without keys", name, "a list")
		return nil
	}
	return r.list(n, name)
}

// list reads a list that isn't empty and returns its items.
func (r *reader) list(n *yaml.Node, name string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		r.wrongType(n, name, "a list")
		return nil
	}
	if len(n.Content) == 0 {
		r.errorAt(n, "give it an item or remove the key", "%s is an empty list", name)
	}
	return n.Content
}
