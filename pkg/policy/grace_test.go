package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/endpointguard/endpointguard/pkg/policy"
)

// Rules that change a cluster as soon as it is created are warned of once for the whole
// document, and the document is used all the same.
func TestNoGraceIsWarnedOfOnce(t *testing.T) {
	rule := func(name, respond, more string) string {
		return fmt.Sprintf("  - {name: %s, require: {privateAccess: enabled}, respond: %s%s}\n", name, respond, more)
	}
	many := ""
	for i := range 7 {
		many += rule(fmt.Sprintf("r%d", i), "enforce", "")
	}
	for name, c := range map[string]struct {
		rules, want string
		line        int
	}{
		"only told":            {rule("a", "alert", ""), "", 0},
		"a grace":              {rule("a", "enforce", ", graceAfterCreation: 60m"), "", 0},
		"none is meant":        {rule("a", "revert", ", graceAfterCreation: 0s"), "", 0},
		"none is meant, alert": {rule("a", "alert", ", graceAfterCreation: 0h"), "", 0},
		"one":                  {rule("a", "enforce", ""), `rule "a" changes a new cluster`, 3},
		"the first has a grace": {rule("a", "enforce", ", graceAfterCreation: 1h") + rule("b", "revert", ""),
			`rule "b" changes a new cluster`, 4},
		"two":   {rule("a", "enforce", "") + rule("b", "alert", "") + rule("c", "revert", ""), `rules "a" and "c" change a new cluster`, 3},
		"seven": {many, `rules "r0", "r1", "r2", "r3", "r4" and 2 more change a new cluster`, 3},
	} {
		t.Run(name, func(t *testing.T) {
			p, problems := policy.Parse("f", []byte("version: 1\nrules:\n"+c.rules))
			if p == nil || problems.Errors() {
				t.Fatalf("refused: %s", problems)
			}
			if c.want == "" {
				if len(problems) > 0 {
					t.Errorf("warned of: %s", problems)
				}
				return
			}
			if len(problems) != 1 || problems[0].Kind != policy.KindNoGrace || problems[0].Severity != policy.Warning ||
				problems[0].Line != c.line || !strings.HasPrefix(problems[0].What, c.want) {
				t.Errorf("want %q in line %d, once, got: %s", c.want, c.line, problems)
			}
		})
	}
	// What is wrong with a grace is told, and not that there is none.
	_, problems := policy.Parse("f", []byte("version: 1\nrules:\n"+rule("a", "enforce", ", graceAfterCreation: soon")))
	if len(problems) != 1 || problems[0].Severity != policy.Error {
		t.Errorf("got: %s", problems)
	}
}
