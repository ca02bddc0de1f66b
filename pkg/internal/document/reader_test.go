package document

import (
	"slices"
	"strings"
	"testing"
)

// The lines are those of editors.
func TestSplitLines(t *testing.T) {
	got := splitLines("a\r\nb\rc\u0085d\u2028e\u2029\nf")
	if want := "a|b|c\u0085d\u2028e\u2029|f"; strings.Join(got, "|") != want {
		t.Errorf("got %q", got)
	}
}

// What looks like an anchor, an alias or another document and is text is taken.
func TestTextIsNotStructure(t *testing.T) {
	for name, c := range map[string]struct{ doc, want string }{
		"a star in quotes":                {`a: "*x"`, ""},
		"a star in a word":                {"a: prod*", ""},
		"a star in a comment":             {"a: b # *x\n# *y", ""},
		"a star in a flow comment":        {"a: [b, # *x\n c]", ""},
		"a star in a long text":           {"a: b\n  *c &d\n  [e\ng: h", ""},
		"a star in a block":               {"a: |\n  *c\n\n  &d: [\nb: >-\n  [*x\n", ""},
		"a block in a list":               {"a:\n- |\n *c\n- >\n &d\n", ""},
		"a block without a key":           {"|\n *c", "not a policy"},
		"quotes over lines":               {"a: \"b\n  *c \\\" [\n  d\"\ne: 'it''s\n *f'\n", ""},
		"quotes over lines in a list":     {"a: [\"b\n  *c [\n  d\", 'e\n [', f]\n", ""},
		"a quoted key":                    {"\"a\": *b", "aliases"},
		"a quoted key without a value":    {"\"a b\": \"c\"\n'a': e", ""},
		"an alias after a block":          {"a: |\n  *c\nb: *d", "aliases"},
		"an alias after a text":           {"a: b\n  c\nd: *e", "aliases"},
		"an alias as a key":               {"*a : b", "aliases"},
		"an alias in a mapping":           {"a: {b: *c}", "aliases"},
		"an alias next to a quote":        {`a: {"b":*c}`, "aliases"},
		"an anchor in a list":             {"a: [&b c]", "anchors"},
		"an anchor of a list":             {"a: [&b [c]]", "anchors"},
		"an anchor and a tag":             {"a: !!str &b c", "anchors, tag !!str"},
		"a bracket too many":              {"a: [b]]\nc: *d", "closing ]"},
		"an explicit key":                 {"? a\n: *b", "aliases"},
		"dashes in a text":                {"a: |\n  ---\n  ...\nb: c", ""},
		"a document that only ends":       {"a: b\n...\n", ""},
		"a document after the end":        {"a: b\n...\nc: d", "second document"},
		"a directive after the end":       {"a: b\n...\n%YAML 1.1\n---\n", "second document"},
		"a marker with a value":           {"--- {a: b}\n", ""},
		"a second marker with a value":    {"--- {a: b}\n--- {c: d}", "second document"},
		"a marker that is none":           {"---a: b\na: b\n---c: d\n", ""},
		"a colon in a flow text":          {"a: [b:c, d: *e]", "aliases"},
		"a comment right after a comment": {"#\n\n\t\n# x", "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := Read("f", []byte(c.doc), Form{Noun: "policy", Homes: []Home{{"the document", []string{"a"}}}})
			var got []string
			for _, p := range r.Problems() {
				got = append(got, p.What)
			}
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("%q: %s", c.doc, got)
			case c.want != "":
				want := strings.Split(c.want, ", ")
				if !slices.EqualFunc(got, want, strings.Contains) {
					t.Errorf("%q: %q, want %q", c.doc, got, want)
				}
			}
		})
	}
}
