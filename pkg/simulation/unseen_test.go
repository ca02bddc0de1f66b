package simulation

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// Nothing may be blind without anybody knowing. Who looks at no cluster any more says so
// with each check that is refused, and with each sweep from the third on; and when it
// sees again, no more.
func TestWhoIsBlindSaysSo(t *testing.T) {
	for name, fault := range map[string]localaws.Fault{
		"a service control policy denies DescribeCluster": localaws.Denied("eks", "DescribeCluster"),
		"EKS throttles it": {Service: "eks", Operation: "DescribeCluster", Type: "ThrottlingException", Status: 429},
		"EKS is down":      {Service: "eks", Operation: "DescribeCluster", Status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, localaws.Options{Seed: 1})
				w.put("closed-1", closed)
				w.put("office-1", office)
				w.remember()
				s := w.sweeper(false)
				said := func(metric string) int { return strings.Count(w.log.String(), `"`+metric+`":`) }
				hours := func(n int) (unseen, trouble int) {
					u, t := said("ClustersUnseen"), said("Trouble")
					for range n {
						w.sweeps(s)
					}
					return said("ClustersUnseen") - u, said("Trouble") - t
				}
				if unseen, trouble := hours(3); unseen != 0 || trouble != 0 {
					t.Errorf("undisturbed, %d sweeps tell of clusters that are not seen, %d checks of trouble", unseen, trouble)
				}
				w.faulty(fault)
				// The sweep at its beginning still finds what the last one's checks judged.
				if unseen, trouble := hours(72); unseen != 70 || trouble < 72*2 {
					t.Errorf("in 72 hours %d sweeps tell of clusters that are not seen, %d checks of trouble", unseen, trouble)
				}
				w.aws.ClearFaults()
				w.sweeps(s) // finds what was so before it
				if unseen, _ := hours(5); unseen != 0 {
					t.Errorf("since it sees again, %d sweeps say that it does not", unseen)
				}
			})
		})
	}
}
