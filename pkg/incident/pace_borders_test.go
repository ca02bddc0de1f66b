package incident

import (
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

// TestHowSoonAClusterThatIsBusyIsLookedAt again.
func TestHowSoonAClusterThatIsBusyIsLookedAt(t *testing.T) {
	const (
		creating, updating, active, failed = endpoint.StatusCreating, endpoint.StatusUpdating, endpoint.StatusActive, endpoint.StatusFailed
		minute                             = time.Minute
	)
	for _, tc := range []struct {
		status endpoint.Status
		waited time.Duration
		wanted bool // a change is
		want   time.Duration
	}{
		{creating, 0, true, 15 * time.Second},
		{creating, 4 * minute, true, 45 * time.Second},
		{creating, 6 * minute, true, minute},
		{creating, 9*minute - 1, true, minute},
		{creating, 9 * minute, true, 15 * time.Second},
		{creating, 30*minute - 1, true, 15 * time.Second},
		{creating, 30 * minute, true, minute},
		{creating, 2*time.Hour - 1, true, minute},
		{creating, 2 * time.Hour, true, 15 * minute},
		{updating, 0, true, 15 * time.Second},
		{updating, 4 * minute, true, 15 * time.Second},
		{updating, 30*minute - 1, true, 15 * time.Second},
		{updating, 30 * minute, true, minute},
		{updating, 2 * time.Hour, true, minute},
		{updating, 2*time.Hour - 1, false, minute},
		{updating, 2 * time.Hour, false, 15 * minute},
		{active, 2 * time.Hour, true, minute},
		{active, 2 * time.Hour, false, 15 * minute},
		{failed, 2 * time.Hour, true, 15 * minute},
	} {
		c := endpoint.Cluster{ID: endpoint.ID{CreatedAt: start.Add(-100 * time.Hour)}, Status: tc.status}
		since := start.Add(-tc.waited)
		if tc.status == creating {
			c.CreatedAt, since = since, start
		}
		if got := pace(c, since, start, tc.wanted); got != tc.want {
			t.Errorf("%s for %s, a change is wanted: %t: %s, want %s", tc.status, tc.waited, tc.wanted, got, tc.want)
		}
	}
}

func TestHowSoonItIsTriedAgain(t *testing.T) {
	for n, want := range map[int]time.Duration{0: 15 * time.Second, 1: 15 * time.Second, 2: time.Minute, 3: 4 * time.Minute} {
		if got := retryAfter(n); got != want {
			t.Errorf("after %d tries: %s", n, got)
		}
	}
	for n, want := range map[int]time.Duration{0: time.Hour, 1: 2 * time.Hour, 4: 16 * time.Hour, 5: 24 * time.Hour, 6: 24 * time.Hour, 1000: 24 * time.Hour} {
		if got := retryLater(n); got != want {
			t.Errorf("given up %d times: %s", n+1, got)
		}
	}
	for n, want := range map[int]time.Duration{0: 5 * time.Second, 1: 10 * time.Second, 7: 640 * time.Second, 8: 15 * time.Minute, 1000: 15 * time.Minute} {
		if got := troubleDelay(n); got != want {
			t.Errorf("trouble for the %d. time: %s", n, got)
		}
	}
}
