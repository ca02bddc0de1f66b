package policy

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/internal/document"
)

// UnknownRegion says of a region, as validate does, that none is known by that
// name, "" of one that is known. AWS opens new ones, so that it is nothing to
// refuse.
func UnknownRegion(region string) string {
	if endpoint.KnownRegion(region) {
		return ""
	}
	hint := "regions are called like eu-west-1"
	if near := NearestRegion(region); near != "" && !strings.Contains(near, "*") {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	return fmt.Sprintf("no AWS region is called %q, as far as this version knows; %s", region, hint)
}

// unknownRegions warns of patterns that no known region matches.
func (r *reader) unknownRegions(n *yaml.Node) {
	known := endpoint.Regions()
	for _, item := range n.Content {
		pattern := item.Value
		if item.Kind != yaml.ScalarNode || document.IsNull(item) || pattern == "" || len(pattern) > document.MaxPattern ||
			alien(pattern, regionCharacters) >= 0 ||
			slices.ContainsFunc(known, func(region string) bool { return glob(pattern, region) }) {
			continue
		}
		hint := "regions are called like eu-west-1"
		if near := NearestRegion(pattern); near != "" {
			hint = "did you mean " + document.Scalar(near) + "?"
		}
		what := fmt.Sprintf("no AWS region is called %q, as far as this version knows: it matches no cluster", document.Brief(pattern))
		if strings.ContainsAny(pattern, "*?") {
			what = fmt.Sprintf("no AWS region matches %q, as far as this version knows: it matches no cluster", document.Brief(pattern))
		}
		r.Add(item.Line, item.Column, Warning, KindUnknownRegion, what, hint)
	}
}

// NearestRegion is the region, or the pattern of several, that a name or pattern
// which matches none most likely means, "" if none is near.
func NearestRegion(pattern string) string {
	known := endpoint.Regions()
	if open := strings.TrimRight(pattern, "-") + "-*"; slices.ContainsFunc(known, func(region string) bool { return glob(open, region) }) {
		return open
	}
	if !strings.ContainsAny(pattern, "*?") {
		near := document.Nearest(pattern, known)
		if near == "" || document.Distance(pattern, near) > 2 {
			return "" // as far apart as two regions are
		}
		return near
	}
	// A slip in the part before an asterisk.
	stem, ok := strings.CutSuffix(pattern, "*")
	if !ok || strings.ContainsAny(stem, "*?") {
		return ""
	}
	var stems []string
	for _, region := range known {
		if cut := strings.LastIndexByte(region, '-') + 1; !slices.Contains(stems, region[:cut]) {
			stems = append(stems, region[:cut])
		}
		if cut := strings.IndexByte(region, '-') + 1; !slices.Contains(stems, region[:cut]) {
			stems = append(stems, region[:cut])
		}
	}
	if near := document.Nearest(stem, stems); near != "" {
		return near + "*"
	}
	return ""
}
