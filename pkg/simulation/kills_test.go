package simulation

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// TestKilledAtEveryCall kills the process at each of its calls to AWS, before
// the call and right after it took effect: what is delivered again finishes the
// job, with one update that EKS took, and no mail is missing or untrue.
func TestKilledAtEveryCall(t *testing.T) {
	if testing.Short() {
		t.Skip("it plays three stories anew for each of their calls")
	}
	for _, tc := range []struct {
		name    string
		cluster string
		before  endpoint.Access
		asked   endpoint.Access
		want    endpoint.Access
		mails   []string
		updates int
	}{
		{"enforced", "office-1", office, world0, office, []string{"detected", "enforced"}, 1},
		{"partly enforced", "told-1", closed, exposed, world0, []string{"detected", "partly-enforced"}, 1},
		{"told", "told-1", closed, world0, world0, []string{"detected", "violation"}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			scene := func(t *testing.T, m *mortal) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, localaws.Options{Seed: 1})
					w.put(tc.cluster, tc.before)
					w.remember()
					// The ledger knows the cluster: a killed look may find the
					// update over, and with it what EKS showed before.
					w.sweep()
					w.runFor(time.Minute)
					w.mustSet(alice, tc.cluster, tc.asked)
					f := w.workers[0]
					w.run(f, m.handler(w.handler(companyPolicy, m.wrap)), time.Now().Add(3*time.Hour))
					w.sweep()
					w.run(f, m.handler(w.handler(companyPolicy, m.wrap)), time.Now().Add(time.Hour))
					if got := w.cluster(tc.cluster).Access; !got.Equal(tc.want) {
						t.Errorf("the endpoint ends as %s, want %s", got, tc.want)
					}
					if got := w.applied[tc.cluster]; got != tc.updates {
						t.Errorf("EKS took %d updates, want %d", got, tc.updates)
					}
					mailed := w.mailed(tc.cluster)
					// A kill may take so long that the first look finds it all settled.
					if got := slices.Compact(slices.Clone(mailed)); !slices.Equal(got, tc.mails) && !slices.Equal(got, tc.mails[1:]) {
						t.Errorf("mails %v, want %v (one of them perhaps twice)", mailed, tc.mails)
					}
					if len(mailed) > len(tc.mails)+1 {
						t.Errorf("mails %v: more than one came twice", mailed)
					}
					if refs := w.references(tc.cluster); len(refs) != 1 {
						t.Errorf("the mails carry the references %v, want one", refs)
					}
					w.quiet()
				})
			}
			whole := &mortal{}
			scene(t, whole)
			if whole.calls < 10 {
				t.Fatalf("the scene takes %d calls, too few to be the whole", whole.calls)
			}
			for at := 1; at <= whole.calls; at++ {
				for _, after := range []bool{false, true} {
					t.Run(fmt.Sprintf("call %d after=%t", at, after), func(t *testing.T) {
						scene(t, &mortal{at: at, after: after})
					})
				}
			}
		})
	}
}

// TestMessagesInAnyOrder: the same event three times, two events in the wrong
// order, a sweep in between.
func TestMessagesInAnyOrder(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				w := newWorld(t, localaws.Options{Seed: seed, DeliverEvent: func([]byte) []time.Duration {
					n++
					switch n {
					case 1: // the first of the two comes last, three times
						return []time.Duration{6*time.Minute + time.Duration(seed)*10*time.Second, 7 * time.Minute, 7*time.Minute + time.Second}
					default:
						return []time.Duration{time.Second, 2 * time.Second, time.Duration(seed) * time.Minute}
					}
				}})
				w.put("office-1", office)
				w.remember()
				w.mustSet(alice, "office-1", world0)
				w.sweep()
				w.runFor(5 * time.Minute)
				// Whether the guardrail is at it or not: EKS takes one update at a time.
				_ = w.set(bob, "office-1", halves)
				w.sweep()
				w.runFor(2 * time.Hour)
				w.sweep()
				w.runFor(time.Hour)
				if got := w.cluster("office-1").Access; !got.Equal(office) {
					t.Errorf("the endpoint ends as %s, want %s", got, office)
				}
				if refs := w.references("office-1"); len(w.mailed("office-1")) > 2*len(refs) {
					t.Errorf("mails %v for %d incidents", w.mailed("office-1"), len(refs))
				}
				w.quiet()
			})
		})
	}
}
