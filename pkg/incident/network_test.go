package incident

import (
	"slices"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

// What EC2 does not tell for a moment is waited for, at growing delays, when it keeps
// something from being done; what it does not tell for minutes is unknown.
func TestHowLongEC2IsWaitedFor(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.wakes().becomes(world)
	d.network, d.untold = endpoint.Network{}, "EC2 throttles"
	d.log = nil
	d.wakes().told("waits 10s")
	d.after(10*time.Second).recheck().told("mails detected", "waits 20s")
	for _, delay := range []string{"40s", "1m20s", "2m40s"} {
		d.after(time.Minute).recheck().told("waits " + delay)
		if d.r.Incident == nil || d.r.Incident.Stage != Waiting {
			t.Fatalf("%+v", d.r.Incident)
		}
	}
	d.after(time.Minute).recheck().told("mails blocked", "blocked")
	// It stands as told, and is looked at once more at each sweep.
	d.after(time.Hour).wakes().told("blocked")
	d.untold, d.network = "", goodVPC
	d.after(time.Hour).wakes().told("asks for "+private.String()+": ours-1", "mails detected", "waits 15s")
	if d.r.Trouble != 0 {
		t.Errorf("%d troubles are counted", d.r.Trouble)
	}
}

// A moment in which EC2 does not tell whether what was blocked still is does not pass
// for the answer.
func TestABlockedClusterIsLookedAtUntilEC2Answers(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.wakes().becomes(world)
	d.network = endpoint.Network{}
	d.log = nil
	d.wakes().told("mails blocked", "blocked")
	d.untold = "EC2 throttles"
	d.after(time.Hour).wakes().told("waits 10s")
	d.untold, d.network = "", goodVPC
	d.after(10*time.Second).recheck().told("asks for "+private.String()+": ours-1", "mails detected", "waits 15s")
}

// What is unknown and keeps nothing from being done is not waited for.
func TestWhatKeepsNothingBackIsNotWaitedFor(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.wakes().becomes(world)
	d.network, d.untold = goodVPC, "EC2 throttles"
	d.network.Ingress443 = endpoint.Unknown
	d.log = nil
	d.wakes()
	if !slices.Contains(d.log, "asks for "+private.String()+": ours-1") {
		t.Errorf("%q", d.log)
	}
}
