package simulation

import (
	"strings"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// A mail that was held up tells what is so when it comes: that it is late, what the
// cluster is by then, and nothing that is over as if there were something to be done.
func TestALateMailTellsWhatIsSoNow(t *testing.T) {
	for name, tc := range map[string]struct {
		cluster string
		play    func(w *world)
		stays   localaws.Fault // what goes on when the topic is back
		opening string         // how the subject begins
		want    []string
		wrong   []string
	}{
		"closed since": {"told-1", func(w *world) {
			w.mustSet(alice, "told-1", world0)
			w.runFor(30 * time.Minute)
			w.mustSet(bob, "told-1", closed)
			w.runFor(8 * time.Hour)
		}, localaws.Fault{}, "Over by now", []string{"Open now no: private access only", "LATE", "2000-01-01 00:05:05 UTC", "To do Nothing to close"}, []string{"To close it by hand", "so far"}},
		"still open": {"told-1", func(w *world) {
			w.mustSet(alice, "told-1", world0)
			w.runFor(8 * time.Hour)
		}, localaws.Fault{}, "OPEN, alert only", []string{"Open now YES, to the whole internet (as of 2000-01-01 08:", "LATE", "To close it by hand"}, nil},
		"closed, and open again": {"closed-1", func(w *world) {
			w.mustSet(alice, "closed-1", world0)
			w.runFor(30 * time.Minute)
			w.wantClosed("closed-1")
			w.faulty(localaws.Denied("eks", "UpdateClusterConfig"))
			w.mustSet(bob, "closed-1", world0)
			w.runFor(8 * time.Hour)
		}, localaws.Fault{}, "OPEN AGAIN", []string{"Open now YES, to the whole internet (as of 2000-01-01 08:", "LATE"}, []string{"To do Nothing"}},
		"deleted since": {"told-1", func(w *world) {
			w.mustSet(alice, "told-1", world0)
			w.runFor(30 * time.Minute)
			w.remove(bob, "told-1")
			w.runFor(8 * time.Hour)
		}, localaws.Fault{}, "Cluster deleted", []string{"Open now no: the cluster is deleted", "LATE", "To do Nothing"}, []string{"To close it by hand"}},
		"it cannot be looked at": {"told-1", func(w *world) {
			w.mustSet(alice, "told-1", world0)
			w.runFor(8 * time.Hour)
		}, localaws.Denied("eks", "DescribeCluster"), "NOT KNOWN", []string{"Open now not known", "LATE", "To do YES: look at the cluster"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, localaws.Options{}, func(w *world) {
				w.put(tc.cluster, closed)
				w.remember()
				w.sweep()
				w.runFor(time.Minute)
				w.faulty(localaws.Denied("sns", "Publish"))
				tc.play(w)
				if n := len(w.mailsOf(tc.cluster)); n > 0 {
					t.Fatalf("%d mails, and the topic takes none", n)
				}
				w.aws.ClearFaults()
				if tc.stays.Operation != "" {
					w.faulty(tc.stays)
				}
				w.runFor(time.Hour)
				all := w.mailsOf(tc.cluster)
				if len(all) == 0 {
					t.Fatal("no mail ever comes")
				}
				m := all[0]
				if !strings.HasPrefix(m.Subject, tc.opening) {
					t.Errorf("the subject is %q", m.Subject)
				}
				for _, want := range tc.want {
					if !strings.Contains(flat(m.Message), want) {
						t.Errorf("the mail does not say %q:\n%s", want, m.Message)
					}
				}
				for _, wrong := range tc.wrong {
					if strings.Contains(flat(m.Message), wrong) {
						t.Errorf("the mail says %q:\n%s", wrong, m.Message)
					}
				}
			})
		})
	}
}

// However often a cluster is opened while the topic takes nothing, each time is told of
// in the end, and what was first is not pushed out by what comes after it.
func TestNoOwedMailIsLost(t *testing.T) {
	for name, openings := range map[string]int{"as many as there is room for": 10, "sixteen": 16} {
		t.Run(name, func(t *testing.T) {
			story(t, localaws.Options{Durations: localaws.Durations{EndpointUpdate: time.Minute}}, func(w *world) {
				w.put("told-1", closed)
				w.remember()
				w.sweep()
				w.runFor(time.Minute)
				w.faulty(localaws.Denied("sns", "Publish"))
				refs := map[string]bool{}
				var first string
				for range openings {
					w.mustSet(alice, "told-1", world0)
					w.runFor(10 * time.Minute)
					for _, r := range w.records() {
						if s := r.Standing; s != nil {
							refs[s.Ref] = true
							if first == "" {
								first = s.Ref
							}
						}
					}
					w.mustSet(bob, "told-1", closed)
					w.runFor(10 * time.Minute)
				}
				if len(refs) != openings {
					t.Fatalf("%d incidents of %d openings", len(refs), openings)
				}
				w.aws.ClearFaults()
				w.runFor(3 * time.Hour)
				var told strings.Builder
				for _, m := range w.mailsOf("told-1") {
					told.WriteString(m.Message)
				}
				missing := 0
				for ref := range refs {
					if !strings.Contains(told.String(), ref) {
						missing++
					}
				}
				if mails := w.mailsOf("told-1"); len(mails) == 0 || mails[0].Attributes["reference"] != first || len(mails) > 12 {
					t.Errorf("%d mails, the first about %s, and the first opening was %s", len(mails), mails[0].Attributes["reference"], first)
				}
				// What not even a list has room for is counted.
				if counted := strings.Contains(flat(told.String()), "not listed"); missing > 0 && !counted || missing > 0 {
					t.Errorf("of %d incidents no mail names %d; said so: %t", openings, missing, counted)
				}
			})
		})
	}
}
