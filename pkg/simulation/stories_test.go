package simulation

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/localaws"
)

var (
	closed  = access(false, true)
	world0  = access(true, true, "0.0.0.0/0")
	halves  = access(true, false, "0.0.0.0/1", "128.0.0.0/1")
	office  = access(true, true, "198.51.100.0/24")
	exposed = access(true, false, "0.0.0.0/0")
)

func TestStories(t *testing.T) {
	for name, tc := range map[string]struct {
		cluster string
		before  *endpoint.Access
		play    func(w *world, cluster string)
		want    endpoint.Access
		mails   []string
		updates int
	}{
		"opened from the console, reverted": {
			"office-1", &office, func(w *world, c string) { w.mustSet(alice, c, world0) }, office, []string{"detected", "enforced"}, 1,
		},
		"created open": {
			"closed-1", nil, func(w *world, c string) { must(w, w.create(bob, c, nil)) }, closed, []string{"detected", "enforced"}, 1,
		},
		"two halves of the world, private off": {
			"office-2", &office, func(w *world, c string) { w.mustSet(bob, c, halves) }, office, []string{"detected", "enforced"}, 1,
		},
		"only told": {
			"told-1", &closed, func(w *world, c string) { w.mustSet(alice, c, world0) }, world0, []string{"detected", "violation"}, 0,
		},
		"left alone": {
			"partner-1", &closed, func(w *world, c string) { w.mustSet(alice, c, exposed) }, exposed, nil, 0,
		},
		"complies": {
			"office-3", &office, func(w *world, c string) { w.mustSet(alice, c, closed) }, closed, nil, 0,
		},
		"our update fails once": {
			"closed-2", &closed, func(w *world, c string) {
				w.mustSet(alice, c, world0)
				pass(5 * time.Minute)
				must(w, w.aws.FailNextUpdate(c, "IpNotAvailable", "no address left"))
			}, closed, []string{"detected", "enforced"}, 2,
		},
		"undone by another": {
			"closed-3", &closed, func(w *world, c string) {
				w.mustSet(alice, c, world0)
				w.runFor(4*time.Minute + time.Second)
				must(w, w.set(bob, c, closed))
			}, closed, []string{"detected", "already-undone"}, 0,
		},
		"deleted half-way": {
			"closed-4", &closed, func(w *world, c string) { w.mustSet(alice, c, world0); w.runFor(time.Minute) }, closed, []string{"detected", "enforced"}, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, localaws.Options{Seed: 1})
				if tc.before != nil {
					w.put(tc.cluster, *tc.before)
				}
				w.remember()
				tc.play(w, tc.cluster)
				w.runFor(2 * time.Hour)
				w.sweep()
				w.runFor(time.Hour)
				if got := w.cluster(tc.cluster).Access; !got.Equal(tc.want) {
					t.Errorf("the endpoint ends as %s, want %s", got, tc.want)
				}
				if diff := cmp.Diff(tc.mails, w.mailed(tc.cluster)); diff != "" {
					t.Errorf("mails (-want +got):\n%s", diff)
				}
				if got := w.applied[tc.cluster]; got != tc.updates {
					t.Errorf("%d updates, want %d", got, tc.updates)
				}
				w.quiet()
			})
		})
	}
}

func must(w *world, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}
