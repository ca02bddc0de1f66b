package incident

import (
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

func TestPace(t *testing.T) {
	const never = time.Duration(-1)
	for name, tc := range map[string]struct {
		waited time.Duration
		status endpoint.Status
		want   time.Duration
	}{
		"updating":                                  {0, endpoint.StatusUpdating, 15 * time.Second},
		"updating, almost half an hour":             {30*time.Minute - 1, endpoint.StatusUpdating, 15 * time.Second},
		"updating, half an hour":                    {30 * time.Minute, endpoint.StatusUpdating, time.Minute},
		"updating, almost two hours":                {2*time.Hour - 1, endpoint.StatusUpdating, time.Minute},
		"updating, two hours":                       {2 * time.Hour, endpoint.StatusUpdating, 15 * time.Minute},
		"creating":                                  {0, endpoint.StatusCreating, 15 * time.Second},
		"creating, two minutes":                     {2 * time.Minute, endpoint.StatusCreating, 30 * time.Second},
		"creating, six minutes":                     {6 * time.Minute, endpoint.StatusCreating, time.Minute},
		"creating, almost nine minutes":             {9*time.Minute - 1, endpoint.StatusCreating, time.Minute},
		"creating, nine minutes: it may be any now": {9 * time.Minute, endpoint.StatusCreating, 15 * time.Second},
		"creating, half an hour":                    {30 * time.Minute, endpoint.StatusCreating, time.Minute},
		"creating, two hours":                       {2 * time.Hour, endpoint.StatusCreating, 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			c := endpoint.Cluster{ID: endpoint.ID{CreatedAt: start.Add(-24 * time.Hour)}, Status: tc.status}
			since := start.Add(-tc.waited)
			if tc.status == endpoint.StatusCreating {
				// Of a cluster that is being created, its own age counts.
				c.CreatedAt, since = since, start.Add(never)
			}
			if got := pace(c, since, start, false); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func TestTroubleDelayGrowsUpToAQuarterOfAnHour(t *testing.T) {
	for trouble, want := range map[int]time.Duration{
		0: 5 * time.Second, 1: 10 * time.Second, 7: 640 * time.Second, 8: 15 * time.Minute, 1000: 15 * time.Minute,
	} {
		if got := troubleDelay(trouble); got != want {
			t.Errorf("after %d: %s, want %s", trouble, got, want)
		}
	}
}

func TestAnUpdateThatEKSDoesNotKnowIsForgotten(t *testing.T) {
	for after, want := range map[time.Duration]int{5 * time.Minute: 1, 5*time.Minute + time.Second: 0} {
		d := newDesk(t, enforce, private)
		e := d.asks("u1", world)
		d.ends("u1", endpoint.UpdateFailed)
		delete(d.updates, "u1")
		d.comes(e)
		d.after(after).wakes()
		if got := len(d.r.Watch); got != want {
			t.Errorf("after %s, %d updates are waited for, want %d: %v", after, got, want, d.log)
		}
	}
}

func TestARecheckThatIsOverdueIsTakenForLost(t *testing.T) {
	for late, want := range map[time.Duration]string{2*time.Minute - 1: "rests", 2 * time.Minute: "waits 15s"} {
		d := newDesk(t, enforce, private)
		d.comes(d.asks("u1", world)).told("mails detected", "waits 15s")
		d.after(s15 + late).wakes().told(want)
	}
}

// TestAnIntentThatClaimsMoreThanAnInvocationLastsIsNobodys: a forged one must
// not keep the guardrail from its work.
func TestAnIntentThatClaimsMoreThanAnInvocationLastsIsNobodys(t *testing.T) {
	for claim, heeded := range map[time.Duration]bool{15 * time.Minute: true, 15*time.Minute + time.Second: false} {
		d := newDesk(t, enforce, private)
		d.r.Intent = &Intent{Kind: IntentTell, By: "somebody else", Until: d.now.Add(claim)}
		d.wakes()
		if got := d.log[0] == "later 15m1s"; got != heeded {
			t.Errorf("of %s: %v", claim, d.log)
		}
	}
}
