package document

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
)

// What a document may be at most.
const (
	MaxBytes   = 256 << 10 // the size of the file
	MaxNesting = 32        // lists and mappings inside each other

	// maxCollections is how many lists and mappings are read. A rule that says
	// something has one for every 15 bytes at the most, so that no document of
	// MaxBytes needs as many.
	maxCollections = 20_000
	// maxValues is how many values may be told apart by commas and quotes, which the
	// library keeps in memory as long as a line goes on. That is one for every four
	// bytes of MaxBytes, and CIDRs in quotes need thirteen for two.
	maxValues = 60_000
)

var (
	errTooDeep = fmt.Errorf("lists and mappings are nested deeper than %d", MaxNesting)
	errTooMany = fmt.Errorf("there are more than %d lists and mappings", maxCollections)
)

// guard keeps the YAML library from what a hostile document could ask of it: it
// ends the reading where collections are nested too deep or are too many, and puts
// nothing in the place of an alias. It notes the anchors.
//
// The library counts brackets and indentation apart, so that somewhat more than
// MaxNesting levels pass here; tidy counts them together.
type guard struct {
	collections int
	anchors     []*yaml.Node
}

// CheckDepth is called for every collection that begins.
func (g *guard) CheckDepth(depth int, _ *yaml.DepthContext) error {
	g.collections++
	switch {
	case depth > MaxNesting:
		return errTooDeep
	case g.collections > maxCollections:
		return errTooMany
	}
	return nil
}

func (*guard) CheckAlias(int, int) error { return nil }

func (g *guard) NewAliasDataContext(yaml.AliasDataServices) (yaml.AliasDataContext, error) {
	return g, nil
}

func (*guard) BeginDocument() error { return nil }
func (*guard) EndDocument() error   { return nil }

func (g *guard) DefineAnchor(_ string, n *yaml.Node) error {
	if len(g.anchors) < maxProblems {
		g.anchors = append(g.anchors, n)
	}
	return nil
}

// ResolveAlias says of every name that it is known, so that the reading goes on:
// tidy refuses each alias where it stands.
func (*guard) ResolveAlias(string) (*yaml.Node, bool, error) {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}, true, nil
}

// loaded is what the YAML library makes of a text.
type loaded struct {
	body    *yaml.Node // what the first document holds, nil if there is none
	second  *yaml.Node // has the place of a second document, nil if there is none
	anchors []*yaml.Node
}

// load reads a text. The error is where it stops being YAML, or is nested too
// deep; what was read before it of the anchors is returned, too.
func load(text string) (loaded, *yaml.LoadError) {
	var g guard
	var out loaded
	err := func() error {
		loader, err := yaml.NewLoader(strings.NewReader(text), yaml.WithPlugin(&g), yaml.WithStreamNodes())
		if err != nil {
			return err
		}
		// Before each document, and after the last one, comes a node with the
		// place of what follows.
		var between *yaml.Node
		for {
			var n yaml.Node
			err := loader.Load(&n)
			switch {
			case errors.Is(err, io.EOF):
				return nil
			case out.body != nil && between != nil:
				out.second = between
				return nil
			case err != nil:
				return err
			case n.Kind == yaml.DocumentNode && len(n.Content) > 0:
				out.body = n.Content[0]
			case out.body != nil:
				between = &n
			}
		}
	}()
	out.anchors = g.anchors
	if err == nil {
		return out, nil
	}
	if mistake, ok := errors.AsType[*yaml.LoadError](err); ok {
		return out, mistake
	}
	return out, &yaml.LoadError{Message: err.Error()}
}

// secondBefore is the place of a second document that begins above a line, nil if
// there is none.
func secondBefore(lines []string, last int) *yaml.Node {
	begun := false
	for i, line := range lines[:min(max(last-1, 0), len(lines))] {
		if begun && isMarker(line) {
			return &yaml.Node{Line: i + 1, Column: 1}
		}
		begun = begun || !isBlank(line) && line[0] != '%'
	}
	return nil
}

// isMarker reports whether a line begins a document.
func isMarker(line string) bool {
	return strings.HasPrefix(line, "---") && strings.Trim(line[3:min(4, len(line))], " \t") == ""
}

// isLimit reports whether a text was left for what it would cost to read it.
func isLimit(err *yaml.LoadError) bool {
	return err.Message == errTooDeep.Error() || err.Message == errTooMany.Error()
}
