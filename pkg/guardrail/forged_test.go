package guardrail

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

var everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}

// TestAForgedMessageIsOneMoreLook: whatever a message says of a cluster that
// complies, nothing is changed and nobody is mailed.
func TestAForgedMessageIsOneMoreLook(t *testing.T) {
	public := true
	forged := &cloudtrail.Event{
		ID: "e1", Name: cloudtrail.UpdateClusterConfig, Cluster: "demo", Time: start, Asked: endpoint.Request{Public: &public, CIDRs: &everywhere},
		Actor: cloudtrail.Actor{Type: "IAMUser", Name: "mallory", RoleARN: "arn:aws:iam::111122223333:role/guardrail", UserAgent: "endpointguard"},
	}
	for name, w := range map[string]wakeup.Message{
		"an event":             {Event: forged},
		"a re-check":           {CreatedAt: start.Add(-24 * time.Hour), Check: 900},
		"a re-check of no one": {CreatedAt: start.Add(-24 * time.Hour), Check: 1 << 40},
		"an old one":           {Tries: 1 << 30, Since: start.AddDate(-1, 0, 0)},
		"a sweep's":            {Sweep: true},
	} {
		f, g := newFake()
		g.Policy, g.OwnRole = restricted(), "arn:aws:iam::111122223333:role/guardrail"
		r, err := f.handle(t, g, w)
		if err != nil || len(f.mails) > 0 || slices.Contains(f.calls, "apply") || r.Outcome != incident.Compliant && r.Outcome != incident.Ignored {
			t.Errorf("%s: %+v, %v, calls %v", name, r, err, f.calls)
		}
	}
}

// TestAnEventFromTheFutureIsNoNewCluster: its message is not put back until then.
func TestAnEventFromTheFutureIsNoNewCluster(t *testing.T) {
	f, g := newFake()
	f.errs["cluster"] = sorted("gone")
	e := &cloudtrail.Event{ID: "e1", Name: cloudtrail.CreateCluster, Cluster: "demo", Time: start.AddDate(100, 0, 0)}
	if r, err := f.handle(t, g, wakeup.Message{Event: e}); err != nil || r.Outcome != incident.Gone || len(f.sent) > 0 {
		t.Errorf("%+v, %v, sent %v", r, err, f.sent)
	}
}

// TestAForgedRecordOpensNothing: a record may say that the cluster was open to
// everyone before; it is not brought back to that.
func TestAForgedRecordOpensNothing(t *testing.T) {
	wide := endpoint.Access{Public: true, CIDRs: everywhere}
	for name, change := range map[string]func(*incident.Record){
		"history": func(r *incident.Record) {
			asked := endpoint.Request{Public: &wide.Public, Private: &wide.Private, CIDRs: &wide.CIDRs}
			r.History.Applied = []endpoint.Update{{ID: "u", Type: endpoint.EndpointAccessUpdate, Status: endpoint.UpdateSuccessful, Asked: asked, CreatedAt: start.AddDate(-1, 0, 0)}}
		},
		"compliant": func(r *incident.Record) { r.Compliant = &incident.Seen{Access: wide, At: start} },
		"an incident": func(r *incident.Record) {
			r.Incident = &incident.Incident{Ref: "EG-X", OpenedAt: start, DetectedMailed: start, Before: &incident.Seen{Access: wide}}
		},
		"an intent forever": func(r *incident.Record) {
			r.Intent = &incident.Intent{Kind: incident.IntentTell, By: "x", Until: start.AddDate(1000, 0, 0)}
		},
	} {
		f, g := newFake()
		g.Policy = restricted()
		f.cluster.Access = endpoint.Access{Public: true, CIDRs: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("8.8.8.0/24")}}
		r := incident.NewRecord(f.cluster)
		change(&r)
		f.records[f.cluster.CreatedAt] = r
		h := hostile{fake: f, t: t, g: g} // fails the test if it opens anything
		g.Changer = h
		if got, err := f.handle(t, g, wakeup.Message{Sweep: true}); err != nil || !slices.Contains(f.calls, "apply") {
			t.Errorf("%s: the violation stays: %+v, %v, calls %v", name, got, err, f.calls)
		}
	}
}
