package incident

import (
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// TestADeletedClustersUpdateIsNotLeftOpen: one that EKS does not let be read is waited for
// until the cluster is gone, though nothing was known of the cluster before.
func TestADeletedClustersUpdateIsNotLeftOpen(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.refused = "denied"
	e := d.asks("u1", world)
	d.cluster.Status = endpoint.StatusDeleting
	d.comes(e).told("waits 15m0s")
	if !d.r.Open() {
		t.Error("nothing is waited for")
	}
}

// TestACreationThatWasToldIsNotToldAgain: CloudTrail tells of it after the incident over what
// was seen while EKS created the cluster has ended.
func TestACreationThatWasToldIsNotToldAgain(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.cluster.Status, d.cluster.CreatedAt = endpoint.StatusCreating, start
	created := &cloudtrail.Event{ID: "e1", Time: start, Name: cloudtrail.CreateCluster, Cluster: "demo", CreatedAt: start, Asked: request(world)}
	d.wakes().told("mails detected", "waits 15s")
	d.becomes(private) // by somebody else, before any look at it as ACTIVE
	for range 12 {
		d.after(s15).recheck()
	}
	if len(d.mails) != 2 || d.outcome() != AlreadyUndone {
		t.Fatalf("%q", d.log)
	}
	d.log = nil
	d.after(time.Minute).comes(created)
	d.after(s15).recheck().after(s15).recheck()
	if len(d.mails) != 2 {
		t.Errorf("told again: %q", d.log)
	}
}

// TestWhatStandsIsOverOnceLooksSaySo: whatever EKS lets be read of its updates, looks of two
// minutes at a cluster at rest end what was told, and what is opened after that is told anew.
func TestWhatStandsIsOverOnceLooksSaySo(t *testing.T) {
	unread := map[string]UpdateRead{"u1": {Unread: true}}
	for name, tc := range map[string]struct {
		status  endpoint.Status
		updates map[string]UpdateRead
		steady  time.Duration
		outcome verdict.Outcome
		over    bool
	}{
		"for two minutes":     {endpoint.StatusActive, unread, staleFor, verdict.Compliant, true},
		"for less":            {endpoint.StatusActive, unread, staleFor - 1, verdict.Compliant, false},
		"it is exempt by now": {endpoint.StatusActive, unread, staleFor, verdict.Exempt, true},
		"it is still there":   {endpoint.StatusActive, unread, staleFor, verdict.Violation, false},
		"it is being updated": {endpoint.StatusUpdating, unread, staleFor, verdict.Compliant, false},
		"an update is under way": {endpoint.StatusActive, map[string]UpdateRead{"u1": {Update: endpoint.Update{ID: "u1", Status: endpoint.UpdateInProgress}}},
			staleFor, verdict.Compliant, false},
	} {
		c := endpoint.Cluster{Status: tc.status, Access: private}
		e := &evaluation{
			Record: Record{Standing: &Standing{Ref: "EG-1"}, Steady: &Seen{Access: private, At: start.Add(-tc.steady)}},
			in:     Input{Cluster: c, Updates: tc.updates}, now: start,
		}
		e.standingOver(verdict.Verdict{Outcome: tc.outcome, Cluster: c})
		if over := e.Standing == nil; over != tc.over {
			t.Errorf("%s: over: %t", name, over)
		}
	}
}
