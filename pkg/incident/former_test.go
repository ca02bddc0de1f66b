package incident

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

// TestWhatIsDueFirst: of this cluster's debts and of what there is to do about a former
// one of its name.
func TestWhatIsDueFirst(t *testing.T) {
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	for name, tc := range map[string]struct {
		owed              bool
		due, former, want time.Time
	}{
		"nothing":                 {},
		"an old debt that is not": {due: at(1)},
		"a debt":                  {owed: true, due: at(1), want: at(1)},
		"a former cluster":        {former: at(1), want: at(1)},
		"the debt":                {owed: true, due: at(1), former: at(2), want: at(1)},
		"the former cluster":      {owed: true, due: at(2), former: at(1), want: at(1)},
	} {
		e := &evaluation{Record: Record{OwedDue: tc.due}, in: Input{Former: tc.former}}
		if tc.owed {
			e.Owed = []Debt{{Kind: NoticeDetected}}
		}
		if got := e.due(); !got.Equal(tc.want) {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// TestTheNextCheckIsInTimeForAFormerCluster: that of a cluster that waits, and of one
// that would need none.
func TestTheNextCheckIsInTimeForAFormerCluster(t *testing.T) {
	for name, tc := range map[string]struct {
		status endpoint.Status
		former time.Duration
		want   string
	}{
		"it waits longer":        {endpoint.StatusUpdating, 5 * time.Second, "waits 5s"},
		"it waits less long":     {endpoint.StatusUpdating, time.Hour, "waits 15s"},
		"it is done":             {endpoint.StatusActive, 5 * time.Minute, "waits 5m0s"},
		"it is done, and no one": {endpoint.StatusActive, 0, "compliant"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, tell, private)
			d.cluster.Status = tc.status
			if tc.former > 0 {
				d.former = d.now.Add(tc.former)
			}
			d.wakes().told(tc.want)
			if waits := tc.want != "compliant"; waits != (d.r.Check.Number == 1) {
				t.Errorf("%+v", d.r.Check)
			}
		})
	}
}

// TestAFormerClusterHasNoReCheckOfItsOwn: it says each time when it is to be looked at.
func TestAFormerClusterHasNoReCheckOfItsOwn(t *testing.T) {
	check := Check{Number: 3, Due: start.Add(time.Minute), From: "m"}
	for range 2 {
		e := &evaluation{Record: Record{Check: check}, in: Input{Gone: true, Replaced: true}, now: start}
		if diff := cmp.Diff(Step(Wait{Delay: 2 * time.Minute}), e.wait(2*time.Minute)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(check, e.Check); diff != "" {
			t.Errorf("the record waits for another (-want +got):\n%s", diff)
		}
	}
}
