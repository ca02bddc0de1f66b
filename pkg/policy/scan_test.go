package policy

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// node draws a value of a document, in any of the ways to write it.
func node(t *rapid.T, depth int) *yaml.Node {
	text := func() *yaml.Node {
		n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str"}
		n.Value = rapid.SampledFrom([]string{
			"a", "", "word and word", "it's", `say "x"`, "a: b", "#no", "a #no", "::/0", "2001:db8::/32", "*x", "&x", "eu-?", "- a", "-", "[a", "b}", "@a", "`", "%x",
			"two\nlines\n", "  padded", "tab\there", "日本", strings.Repeat("long text that may be folded ", 6), "key:value", "a,b", "?", "? a", "|", ">", "!x", "---", "...", "<<", "\n\n",
		}).Draw(t, "text")
		n.Style = rapid.SampledFrom([]yaml.Style{0, yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle, yaml.LiteralStyle, yaml.FoldedStyle}).Draw(t, "style")
		return n
	}
	kind := rapid.IntRange(0, 2).Draw(t, "kind")
	if depth == 0 || kind == 0 {
		return text()
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: rapid.SampledFrom([]yaml.Style{0, 0, yaml.FlowStyle}).Draw(t, "flow")}
	if kind == 2 {
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "items") {
		if kind == 2 {
			key := text()
			if key.Style == yaml.LiteralStyle || key.Style == yaml.FoldedStyle || len(key.Value) > 20 || strings.Contains(key.Value, "\n") {
				key = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.Repeat("k", i+1)}
			}
			n.Content = append(n.Content, key)
		}
		n.Content = append(n.Content, node(t, depth-1))
	}
	if rapid.IntRange(0, 4).Draw(t, "comment") == 0 {
		n.HeadComment = "# a: [comment, *x"
	}
	return n
}

// A document that is well written has no mistakes for the scanner to find.
func TestScanTakesWhatIsWellWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		enc := yaml.NewEncoder(&b)
		enc.SetIndent(rapid.IntRange(2, 5).Draw(t, "indent"))
		if rapid.Bool().Draw(t, "compact") {
			enc.CompactSeqIndent()
		}
		if err := enc.Encode(&yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{node(t, 4)}}); err != nil {
			t.Skip("no YAML")
		}
		if _, err := decode([]byte(b.String())); err != nil {
			t.Skip("the encoder wrote what it cannot read")
		}
		repairs, ok := scan(splitLines(b.String()), "policy", func(line, column int, what, _ string) {
			t.Errorf("%d:%d: %s", line, column, what)
		})
		if !ok || len(repairs) > 0 {
			t.Fatalf("%d repairs, well written %t:\n%s", len(repairs), ok, b.String())
		}
	})
}
