package explain

import (
	"slices"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

// Diff writes the way of a cluster of the family from one access to another in
// EKS's own terms, a line for each setting: "- " for what goes, "+ " for what comes,
// "  " for what stays. An empty list stands for everyone, so that naming everyone
// in its place is no change, and a list means nothing while public access is off.
func Diff(from, to endpoint.Access, f endpoint.Family) []string {
	var out []string
	setting := func(name string, before, after bool) {
		if before == after {
			out = append(out, "  "+name+": "+yesNo(before))
			return
		}
		out = append(out, "- "+name+": "+yesNo(before), "+ "+name+": "+yesNo(after))
	}
	setting("endpointPrivateAccess", from.Private, to.Private)
	setting("endpointPublicAccess", from.Public, to.Public)
	before, after := listed(from, f), listed(to, f)
	if len(before) == 0 && len(after) == 0 {
		return out
	}
	mark := "  "
	switch {
	case len(before) == 0:
		mark = "+ "
	case len(after) == 0:
		mark = "- "
	}
	out = append(out, mark+"publicAccessCidrs:")
	for _, cidr := range before {
		mark := "- "
		if slices.Contains(after, cidr) {
			mark = "  "
		}
		out = append(out, mark+"  "+cidr+untold(from))
	}
	for _, cidr := range after {
		if !slices.Contains(before, cidr) {
			out = append(out, "+   "+cidr+untold(to))
		}
	}
	return out
}

func yesNo(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// listed is the list as far as it means something, and what an empty one means.
func listed(a endpoint.Access, f endpoint.Family) []string {
	return strings.Fields(endpoint.JoinPrefixes(a.Effective(f), " "))
}

// untold says of a block that EKS shows none, where that is so.
func untold(a endpoint.Access) string {
	if len(a.CIDRs) > 0 {
		return ""
	}
	return " (none listed: everyone)"
}
