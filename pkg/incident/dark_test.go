package incident

import (
	"slices"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
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

// TestWhatStandsIsOverOnceLooksSaySo: where EKS lets no update be read, looks of two minutes
// end what was told, and what is opened after that is told anew.
func TestWhatStandsIsOverOnceLooksSaySo(t *testing.T) {
	for name, tc := range map[string]struct {
		looks int // every 15 seconds, that show it closed
		again bool
	}{
		"for two minutes": {9, true},
		"for less":        {6, false},
	} {
		d := newDesk(t, tell, private)
		d.wakes().becomes(world)
		d.wakes().told("compliant", "mails violation", "violation")
		d.refused = "denied"
		d.after(time.Hour)
		e := d.asks("u1", private)
		d.cluster.Access, d.cluster.Status = private, endpoint.StatusActive
		d.comes(e)
		for range tc.looks - 1 {
			d.after(s15).recheck()
		}
		d.cluster.Access = world
		for range 20 {
			d.after(s15).recheck()
		}
		if told := len(d.mails) > 1; told != tc.again {
			t.Errorf("%s: %q", name, d.log)
		}
		if !slices.Contains(d.log, "violation") {
			t.Errorf("%s: never judged: %q", name, d.log)
		}
	}
}
