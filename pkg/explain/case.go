package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/policytest"
)

// Result is what became of one case.
type Result struct {
	Case   policytest.Case
	Answer Answer
	// Differences are what is not as expected, nil if all is.
	Differences []Difference
}

// Difference is one thing that is not as a case expects it: a line for each part.
type Difference struct {
	What          string // outcome, rules or desired
	Expected, Got []string
}

// Check runs a case. The time is that of cases that have none of their own.
func Check(p *policy.Policy, c policytest.Case, now time.Time) Result {
	at := c.Given.At
	if at.IsZero() {
		at = now
	}
	r := Result{Case: c, Answer: Of(p, c.Given.Cluster, c.Given.Before, c.Given.Network, at)}
	differs := func(what string, expected, got []string) {
		r.Differences = append(r.Differences, Difference{what, expected, got})
	}
	if got := string(r.Answer.Outcome); got != c.Expect.Outcome {
		differs("outcome", []string{c.Expect.Outcome}, []string{got})
	}
	if c.Expect.Rules != nil {
		expected, got := slices.Compact(sorted(c.Expect.Rules)), sorted(r.Answer.Violated())
		if !slices.Equal(expected, got) {
			differs("rules", orNone(expected), orNone(got))
		}
	}
	if desired := r.Answer.Desired(); c.Expect.Unchanged && desired != nil || c.Expect.Desired != nil && !same(c.Expect.Desired, desired) {
		differs("desired", inLines(c.Expect.Desired), inLines(desired))
	}
	return r
}

func sorted(words []string) []string { return slices.Sorted(slices.Values(words)) }

func orNone(words []string) []string {
	if len(words) == 0 {
		return []string{"(none)"}
	}
	return words
}

func same(a, b *endpoint.Access) bool { return b != nil && a.Equal(*b) }

func inLines(a *endpoint.Access) []string {
	if a == nil {
		return []string{"unchanged"}
	}
	out := []string{fmt.Sprintf("public: %t", a.Public), fmt.Sprintf("private: %t", a.Private)}
	if a.Public {
		out = append(out, "cidrs:")
		for _, cidr := range sorted(strings.Fields(endpoint.JoinPrefixes(a.CIDRs, " "))) {
			out = append(out, "- "+cidr)
		}
	}
	return out
}
