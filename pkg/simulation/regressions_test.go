package simulation

import (
	"testing"
	"testing/synctest"
)

// regressions are seeds that failed before something was mended, and fail again
// when it is taken out. A seed is a history only as long as newHistory draws the
// same: they are plain ones, without weather, so that they last; after a change
// there, look for the seeds anew with -plain -first.
var regressions = map[string]struct {
	seed   uint64
	taught string
}{
	"an old first look": {517, "What the first look of an update shows is what was before it, old look or not: without it a revert only narrows."},
	"closed and opened at once": {254, "The end of an incident is the new compliant state, even if a crash comes before the next look: " +
		"else what follows is judged against a state that is long gone."},
	"an old look at a worse violation": {40, "A look that breaks only an alert rule may be an old one, and hide that an enforcing rule is broken: " +
		"EKS's history is asked before anything is concluded."},
	"an old look before a change": {151, "Somebody may have put it right while the look was under way: EKS's history is asked before every change."},
	"killed with a mail in hand":  {91, "Only SNS's answer tells that a mail was sent: an intent to tell that was left behind is told again."},
	"overtaken":                   {43, "ResourceInUse is no answer to the change: nothing is done, and it is asked again."},
	"two at once":                 {105, "Who loses the race for the ledger stops: else the other's incident, and its mail, is written over."},
	"not told by EC2":             {32, "What EC2 does not tell of a VPC is not good: a network that could not be read blocks a narrowing."},
	"done before it is seen":      {406, "An accepted update is not a successful one, and may fail minutes later."},
}

// TestRegressions plays the histories that taught something.
func TestRegressions(t *testing.T) {
	for name, r := range regressions {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				newHistory(t, r.seed, true).play()
			})
			if t.Failed() {
				t.Log(r.taught)
			}
		})
	}
}
