package document

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// MaxName is how long a name and MaxPattern how long a pattern may be, in
// characters. An EKS cluster name has at most 100.
const (
	MaxName    = 100
	MaxPattern = 256
)

// IsNumber reports whether a value is a number.
func IsNumber(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && (n.ShortTag() == "!!int" || n.ShortTag() == "!!float")
}

// Integer reads a whole number in decimal. 16.0 is one, as in JSON; 016 isn't,
// which YAML 1.1 takes for octal and YAML 1.2 for decimal.
func Integer(n *yaml.Node) (int, bool) {
	if !IsNumber(n) {
		return 0, false
	}
	whole, zeros, _ := strings.Cut(n.Value, ".")
	if strings.Trim(zeros, "0") != "" || len(whole) > 1 && whole[0] == '0' {
		return 0, false
	}
	i, err := strconv.Atoi(whole)
	return i, err == nil && whole[0] != '+'
}

// Version refuses a document of another form than this.
func (r *Reader) Version(f map[string]Field) {
	v, ok := f["version"]
	if !ok {
		return
	}
	if !IsNumber(v.Value) {
		r.WrongType(v.Value, "version", "the number 1")
	} else if number, ok := Integer(v.Value); !ok || number != 1 {
		r.ErrorAt(v.Value, "this guardrail reads version 1", "version %s is unknown", v.Value.Value)
	}
}

// Boolean reads true or false.
func (r *Reader) Boolean(n *yaml.Node, name string) bool {
	var b bool
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(&b) != nil {
		r.WrongType(n, name, "true or false")
	}
	return b
}

// Tags reads tag patterns; unlike other mappings it has keys of the author's.
func (r *Reader) Tags(n *yaml.Node) map[string]string {
	if n.Kind != yaml.MappingNode {
		r.WrongType(n, "tags", "a mapping")
		return nil
	}
	if len(n.Content) == 0 {
		r.ErrorAt(n, "give it a tag or remove the key", "tags is empty")
	}
	out := make(map[string]string, len(n.Content)/2)
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, ok := r.Text(n.Content[i], "a tag's key")
		if line, taken := lines[key]; ok && taken {
			r.ErrorAt(n.Content[i], fmt.Sprintf("the first one is on line %d: keep one", line), "tag %q is given twice", key)
			continue
		}
		lines[key] = n.Content[i].Line
		value := n.Content[i+1]
		if !IsText(value) {
			r.WrongType(value, fmt.Sprintf("the value of tag %q", Brief(n.Content[i].Value)), "text")
			continue
		}
		if c, ok := FirstHidden(value.Value); ok {
			r.ErrorAt(value, "remove it", "the value of tag %q holds %s", n.Content[i].Value, CharacterName(c))
		}
		if utf8.RuneCountInString(value.Value) > MaxPattern {
			r.ErrorAt(value, "", "the pattern is longer than %d characters", MaxPattern)
		}
		out[key] = value.Value
	}
	return out
}

// Instant reads a day, which begins in UTC, or a time.
func (r *Reader) Instant(n *yaml.Node, name string) time.Time {
	if !IsText(n) {
		r.WrongType(n, name, "a date")
		return time.Time{}
	}
	t, err := ParseInstant(n.Value)
	if err != nil {
		r.ErrorAt(n, DateHint, "%s: %q is no date", name, n.Value)
	}
	return t
}

// ParseInstant reads a day (2027-01-31: its first instant in UTC) or an RFC 3339
// time.
func ParseInstant(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	return ParseTime(text)
}

// ParseTime reads an RFC 3339 time, which may have a lower-case t and z. It is
// stricter than time.Parse, which takes 1:00 for an hour and a comma for a point.
func ParseTime(text string) (time.Time, error) {
	upper := strings.ToUpper(text)
	if !wellFormed(upper) {
		return time.Time{}, fmt.Errorf("%q is no RFC 3339 time", text)
	}
	return time.Parse(time.RFC3339, upper)
}

// wellFormed reports whether digits and signs stand where RFC 3339 has them.
func wellFormed(text string) bool {
	const form = "0000-00-00T00:00:00"
	if len(text) <= len(form) || strings.Contains(text, ",") {
		return false
	}
	for i := range len(form) {
		if digit := text[i] >= '0' && text[i] <= '9'; form[i] == '0' && !digit || form[i] != '0' && text[i] != form[i] {
			return false
		}
	}
	return true
}

// RuleHint helps with the name of a rule that doesn't exist.
func RuleHint(name string, known []string, document string) string {
	if near := Nearest(name, known); near != "" {
		return "did you mean " + Scalar(near) + "?"
	}
	return "the rules of " + document + " have other names"
}
