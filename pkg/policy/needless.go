package policy

import (
	"fmt"
	"net/netip"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/endpointguard/endpointguard/pkg/internal/document"
)

// repeated warns of texts that a list has twice.
func (r *reader) repeated(list []*yaml.Node, what string) {
	lines := make(map[string]int, len(list))
	var needless []needlessItem
	for _, item := range list {
		if item.Kind != yaml.ScalarNode {
			continue
		}
		if line, ok := lines[item.Value]; ok {
			needless = append(needless, needlessItem{item, fmt.Sprintf("%s %q is listed twice", what,
				document.Brief(item.Value)), fmt.Sprintf("the first one is on line %d: keep one", line)})
			continue
		}
		lines[item.Value] = item.Line
	}
	r.tellNeedless(needless)
}

// needless warns of CIDRs that are listed twice or lie within another one.
func (r *reader) needless(cidrs []netip.Prefix, places []*yaml.Node) {
	order := make([]int, len(cidrs))
	for i := range order {
		order[i] = i
	}
	// Behind a block come those within it.
	slices.SortStableFunc(order, func(a, b int) int {
		if c := cidrs[a].Addr().Compare(cidrs[b].Addr()); c != 0 {
			return c
		}
		return cidrs[a].Bits() - cidrs[b].Bits()
	})
	var list []needlessItem
	around := -1
	for _, i := range order {
		switch {
		case around < 0 || !cidrs[around].Overlaps(cidrs[i]):
			around = i
		case cidrs[around] == cidrs[i]:
			list = append(list, needlessItem{places[i], fmt.Sprintf("%s is listed twice", cidrs[i]),
				fmt.Sprintf("the first one is on line %d: keep one", places[around].Line)})
		default:
			list = append(list, needlessItem{places[i],
				fmt.Sprintf("%s lies within %s, which is listed, too: it allows nothing more", cidrs[i], cidrs[around]),
				"remove it, or the wider one if that is not meant"})
		}
	}
	slices.SortStableFunc(list, func(a, b needlessItem) int {
		if a.at.Line != b.at.Line {
			return a.at.Line - b.at.Line
		}
		return a.at.Column - b.at.Column
	})
	r.tellNeedless(list)
}

type needlessItem struct {
	at         *yaml.Node
	what, hint string
}

func (r *reader) tellNeedless(list []needlessItem) {
	for i, item := range list {
		what, hint := item.what, item.hint
		if rest := len(list) - i; i == maxRepeated-1 && rest > 1 {
			what, hint = fmt.Sprintf("%s; %d more like it are in this list", what, rest-1), "keep one of each"
		}
		if i < maxRepeated {
			r.Add(item.at.Line, item.at.Column, Warning, KindRepeated, what, hint)
		}
	}
}
