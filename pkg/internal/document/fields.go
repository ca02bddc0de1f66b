package document

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// IsNull reports whether a value is empty.
func IsNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// IsText reports whether a value is text. What YAML 1.1 takes for a date is, as in
// JSON.
func IsText(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && (n.ShortTag() == "!!str" || n.ShortTag() == "!!timestamp")
}

// typeName is what a value is, for people.
func typeName(n *yaml.Node) string {
	if n.Kind == yaml.MappingNode {
		return "a mapping"
	}
	if n.Kind == yaml.SequenceNode {
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

// WrongType tells that a value is not what it must be. Aliases have been told
// before.
func (r *Reader) WrongType(n *yaml.Node, name, want string) {
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
		hint = DateHint
	}
	r.WrongTypeHint(n, hint, name, want)
}

// WrongTypeHint is wrongType with a hint for what isn't empty.
func (r *Reader) WrongTypeHint(n *yaml.Node, hint, name, want string) {
	if n.Kind == yaml.AliasNode {
		return
	}
	if IsNull(n) {
		hint = "give it a value or remove the key"
	}
	r.ErrorAt(n, hint, "%s must be %s, not %s", name, want, typeName(n))
}

// DateHint is the hint for what must be a date.
const DateHint = "write a day like 2027-01-31 or a time like 2027-01-31T18:00:00Z"

// Field is one key of a mapping with its value.
type Field struct{ Key, Value *yaml.Node }

// Home is where keys belong, to help with a key in the wrong place.
type Home struct {
	Place string
	Keys  []string
}

// Fields reads a mapping that knows only the given keys and needs the first so
// many that required lists. The result is nil if n is no mapping.
func (r *Reader) Fields(n *yaml.Node, name string, known, required []string) map[string]Field {
	if n.Kind != yaml.MappingNode {
		r.WrongType(n, name, "a mapping")
		return nil
	}
	out := make(map[string]Field, len(n.Content)/2)
	merged := false // whether keys may come from elsewhere
	seen := make(map[string]int, len(n.Content)/2)
	given := make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		given[n.Content[i].Value] = true
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.ShortTag() == "!!merge" {
			r.ErrorAt(key, "write the keys out where they are needed", "YAML merge keys are not used in a %s", r.form.Noun)
			merged = merged || value.Kind == yaml.AliasNode
			continue
		}
		if key.Kind == yaml.ScalarNode && !IsText(key) {
			// In quotes it would be an unknown key: it is one.
			r.WrongTypeHint(key, r.keyHint(key.Value, known, given), "a key of "+name, "text")
			continue
		}
		if !IsText(key) {
			r.WrongType(key, "a key of "+name, "text")
			continue
		}
		if line, ok := seen[key.Value]; ok {
			r.ErrorAt(key, fmt.Sprintf("the first one is on line %d: keep one", line), "key %q is given twice", key.Value)
			continue
		}
		seen[key.Value] = key.Line
		if slices.Contains(known, key.Value) {
			out[key.Value] = Field{key, value}
		} else {
			r.ErrorAt(key, r.keyHint(key.Value, known, given), "unknown key %q in %s", key.Value, name)
		}
	}
	for _, k := range required {
		if _, ok := out[k]; !ok && !merged {
			r.ErrorAt(n, fmt.Sprintf("add %s", r.example(k)), "%s lacks %s", name, k)
		}
	}
	return out
}

// example is a key with what a value of it looks like.
func (r *Reader) example(key string) string {
	for _, e := range r.form.Examples {
		if strings.HasPrefix(e, key+":") {
			return e
		}
	}
	return key
}

// keyHint helps with a key that isn't known in a mapping with the given keys.
func (r *Reader) keyHint(key string, known []string, given map[string]bool) string {
	if near := Nearest(key, known); given[near] {
		return fmt.Sprintf("remove it: %s is given, too", near)
	} else if near != "" {
		return "did you mean " + near + "?"
	}
	for _, h := range r.form.Homes {
		if slices.Contains(h.Keys, key) {
			return key + " belongs in " + h.Place
		}
	}
	return "known here: " + strings.Join(known, ", ")
}

// Nearest returns the word that text most likely means, "" if none is near.
func Nearest(text string, words []string) string {
	if len(text) > 2*MaxName {
		return ""
	}
	best, least := "", max(2, len(text)/3)+1
	for _, w := range words {
		if d := Distance(strings.ToLower(text), strings.ToLower(w)); d < least && d < len(w) {
			best, least = w, d
		}
	}
	return best
}

// Distance counts the letters to add, drop, change or swap with the next one to
// get from a to b.
func Distance(a, b string) int {
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

// Text reads a text that isn't blank.
func (r *Reader) Text(n *yaml.Node, name string) (string, bool) {
	if !IsText(n) {
		r.WrongType(n, name, "text")
		return "", false
	}
	if strings.TrimSpace(n.Value) == "" {
		r.ErrorAt(n, "", "%s is empty", name)
		return "", false
	}
	if c, ok := FirstHidden(n.Value); ok {
		r.ErrorAt(n, "remove it", "%s holds %s", name, CharacterName(c))
		return n.Value, false
	}
	return n.Value, true
}

// FirstHidden returns the first character of a text that can't be seen, such as
// an escape in quotes makes; a long text may have line breaks.
func FirstHidden(text string) (rune, bool) {
	i := strings.IndexFunc(text, func(c rune) bool { return hidden(c) && c != '\n' })
	if i < 0 {
		return 0, false
	}
	c, _ := utf8.DecodeRuneInString(text[i:])
	return c, true
}

// Name reads what a rule or an exemption is called: one line, since it goes
// into subjects and log lines.
func (r *Reader) Name(n *yaml.Node, of string) string {
	s, ok := r.Text(n, "the name of "+of)
	if !ok {
		return ""
	}
	switch {
	case utf8.RuneCountInString(s) > MaxName:
		r.ErrorAt(n, "", "the name of %s is longer than %d characters", of, MaxName)
	case s != strings.TrimSpace(s) || strings.ContainsAny(s, "\t\n"):
		r.ErrorAt(n, "keep it on one line, without tabs, and without blanks around it",
			"the name of %s has a line break, a tab or a blank at its end", of)
	}
	return s
}

// Choice reads one of a few words.
func (r *Reader) Choice(n *yaml.Node, name string, words ...string) string {
	return r.ChoiceOf(n, name, "write "+OneOf(words), "", words...)
}

// ChoiceOf is choice with a hint of its own, and with what more is said of a word
// that was meant.
func (r *Reader) ChoiceOf(n *yaml.Node, name, hint, more string, words ...string) string {
	if n.Kind == yaml.ScalarNode && !IsText(n) && !IsNull(n) {
		r.ErrorAt(n, hint, "%s cannot be %s", name, n.Value)
		return ""
	}
	s, ok := r.Text(n, name)
	if !ok || slices.Contains(words, s) {
		return s
	}
	if near := Nearest(s, words); near != "" && len(words) > 1 {
		hint = "did you mean " + near + "?" + more
	}
	r.ErrorAt(n, hint, "%s cannot be %q", name, s)
	return ""
}

// OneOf is a choice in words: a, b or c.
func OneOf(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return strings.Join(words, "")
}

// ListOf reads a list of texts. One text alone is refused and read as the only
// item, so that what is wrong with it is told, too; the item's own function says
// how it is written within brackets, false if it can't be.
func (r *Reader) ListOf(n *yaml.Node, name string, item func(text string) (string, bool)) []*yaml.Node {
	switch {
	case n.Kind == yaml.ScalarNode && !IsNull(n):
		hint := "write the items within square brackets"
		text, ok := item(n.Value)
		if ok && text == Brief(text) {
			hint = "write [" + text + "]"
		}
		r.WrongTypeHint(n, hint, name, "a list")
		if ok {
			return nil
		}
		return []*yaml.Node{n}
	case n.Kind == yaml.MappingNode:
		r.WrongTypeHint(n, "write the items within square brackets, without keys", name, "a list")
		return nil
	}
	return r.List(n, name)
}

// List reads a list that isn't empty and returns its items.
func (r *Reader) List(n *yaml.Node, name string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		r.WrongType(n, name, "a list")
		return nil
	}
	if len(n.Content) == 0 {
		r.ErrorAt(n, "give it an item or remove the key", "%s is an empty list", name)
	}
	return n.Content
}

// Unique refuses a name that is taken.
func (r *Reader) Unique(n *yaml.Node, name, what string, names map[string]int) {
	if name == "" {
		return
	}
	if line, ok := names[name]; ok {
		r.ErrorAt(n, fmt.Sprintf("the first one is on line %d: give this one another name", line), "two %ss are called %q", what, name)
		return
	}
	names[name] = n.Line
}
