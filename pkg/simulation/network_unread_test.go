package simulation

import (
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// One call that EC2 does not answer, or refuses for a minute, is no reason to leave a
// cluster open until the next sweep, and what is refused for long is told.
func TestWhatEC2DoesNotTellForAMoment(t *testing.T) {
	for name, fault := range map[string]localaws.Fault{
		"it throttles":       {Service: "ec2", Type: "RequestLimitExceeded"},
		"it fails":           {Service: "ec2", Status: 500},
		"one call is denied": {Service: "ec2", Status: 503, Operation: "DescribeDhcpOptions"},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, localaws.Options{}, func(w *world) {
				must(w, w.create(bob, "closed-1", &closed))
				w.runFor(20 * time.Minute)
				w.faulty(fault)
				w.mustSet(alice, "closed-1", world0)
				w.runFor(5 * time.Minute)
				w.aws.ClearFaults()
				w.runFor(15 * time.Minute)
				w.wantClosed("closed-1")
				w.wantTold("closed-1", "enforced")
				w.wantNone("closed-1", "blocked")
			})
		})
	}
	t.Run("and for long", func(t *testing.T) {
		story(t, localaws.Options{}, func(w *world) {
			must(w, w.create(bob, "closed-1", &closed))
			w.runFor(20 * time.Minute)
			w.faulty(localaws.Denied("ec2", ""))
			w.mustSet(alice, "closed-1", world0)
			w.runFor(15 * time.Minute)
			w.wantTold("closed-1", "blocked")
			w.aws.ClearFaults()
			w.sweep()
			w.runFor(10 * time.Minute)
			w.wantTold("closed-1", "enforced")
		})
	})
}
