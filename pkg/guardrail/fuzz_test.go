package guardrail

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/mail"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

// hostile is a fake whose every call is held to what is never done.
type hostile struct {
	*fake
	t    *testing.T
	g    *Guardrail
	bits uint32
}

var admitted = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}

func (h hostile) flag(n int) bool { return h.bits>>n&1 == 1 }

func (h hostile) Apply(ctx context.Context, name string, a endpoint.Access, token string) (endpoint.Update, error) {
	now := h.cluster.Access
	open := endpoint.Set(append(append([]netip.Prefix{}, now.Effective(h.cluster.Family)...), admitted...))
	narrowed := !endpoint.Subset(now.Reachable(h.cluster.Family), a.Reachable(h.cluster.Family))
	switch {
	case name != h.cluster.Name:
		h.t.Fatalf("another cluster is changed: %q", name)
	case a.Public && len(a.CIDRs) == 0 || !a.Public && !a.Private:
		h.t.Fatalf("asks for %s", a)
	case h.cluster.OutpostsLocal || h.cluster.Name == "exempt" || h.cluster.Status != endpoint.StatusActive:
		h.t.Fatalf("changes a cluster that is not to be changed: %+v", h.cluster)
	case !endpoint.Subset(a.Reachable(h.cluster.Family), open):
		h.t.Fatalf("opens what neither is open nor admitted: %s to %s", now, a)
	case narrowed && !a.Private:
		h.t.Fatalf("narrows without private access: %s to %s", now, a)
	case now.Private && endpoint.Subset(now.Reachable(h.cluster.Family), endpoint.Set(admitted)):
		h.t.Fatalf("changes a cluster that complies: %s to %s", now, a)
	}
	return h.fake.Apply(ctx, name, a, token)
}

func (h hostile) Publish(ctx context.Context, m mail.Mail) error {
	if m.Subject == "" || len(m.Subject) >= 100 || strings.ContainsFunc(m.Subject, func(r rune) bool { return r < ' ' || r > '~' }) || len(m.Text) > 200<<10 {
		h.t.Fatalf("mail of %d bytes with the subject %q", len(m.Text), m.Subject)
	}
	return h.fake.Publish(ctx, m)
}

func (h hostile) Update(_ context.Context, _, id string) (endpoint.Update, error) {
	status := endpoint.UpdateInProgress
	if h.flag(8) {
		status = endpoint.UpdateSuccessful
	}
	return endpoint.Update{ID: id, Type: endpoint.EndpointAccessUpdate, Status: status, CreatedAt: start, Asked: endpoint.Request{Unreadable: h.flag(9)}}, nil
}

// restricted admits the documentation range above, from everywhere but exempt clusters.
func restricted() *policy.Policy {
	return &policy.Policy{Hash: "0123456789ab", Rules: []policy.Rule{{
		Name: "office", Respond: policy.Revert, Except: &policy.Match{Clusters: []string{"exempt"}},
		Require: policy.Requirement{PublicAccess: policy.PublicRestricted, AllowedCIDRs: admitted, PrivateAccess: true},
	}}}
}

// lifeOf returns records of a cluster's life as the guardrail writes them.
func lifeOf(tb testing.TB) []string {
	tb.Helper()
	var out []string
	f, g := newFake()
	g.Policy = restricted()
	keep := func() {
		for _, r := range f.records {
			text, err := json.Marshal(r)
			if err != nil {
				tb.Fatal(err)
			}
			out = append(out, string(text))
		}
	}
	look := func(w wakeup.Message) {
		w.Cluster, w.Account, w.Region = "demo", "111122223333", "eu-west-1"
		body, err := w.Encode()
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := g.Handle(tb.Context(), body, delivery); err != nil {
			tb.Fatal(err)
		}
		keep()
	}
	look(wakeup.Message{Sweep: true})
	f.cluster.Status, f.cluster.Access.Public = endpoint.StatusUpdating, true
	everyone := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
	public := true
	look(wakeup.Message{Event: &cloudtrail.Event{
		ID: "e1", Name: cloudtrail.UpdateClusterConfig, Time: start, Cluster: "demo", UpdateID: "u1", Actor: cloudtrail.Actor{Type: "IAMUser", Name: "alice"},
		Asked: endpoint.Request{Public: &public, CIDRs: &everyone},
	}})
	f.now, f.cluster.Status, f.cluster.Access.CIDRs = f.now.Add(time.Minute), endpoint.StatusActive, everyone
	look(wakeup.Message{Sweep: true})
	f.now = f.now.Add(3 * time.Hour)
	look(wakeup.Message{Sweep: true})
	return out
}

// FuzzHandle gives the guardrail a record and a message that anybody may have
// written. Whatever they say, it does nothing that it never does.
func FuzzHandle(f *testing.F) {
	messages := []string{
		`{"endpointguard":1,"wakeUp":{"cluster":"demo","account":"111122223333","region":"eu-west-1","sweep":true}}`,
		`{"endpointguard":1,"wakeUp":{"cluster":"demo","account":"111122223333","region":"eu-west-1","check":3,"createdAt":"2026-03-01T10:00:00Z","tries":4}}`,
		`{"endpointguard":1,"wakeUp":{"cluster":"demo","account":"111122223333","region":"eu-west-1","event":{"ID":"e","Name":"UpdateClusterConfig","UpdateID":"u2","Asked":{"public":true,"cidrs":["0.0.0.0/0"]}}}}`,
		`{"endpointguard":1,"wakeUp":{"cluster":"exempt","account":"111122223333","region":"eu-west-1"}}`,
	}
	for i, record := range append(lifeOf(f), `{"schema":1}`, `{"schema":2}`) {
		for _, message := range messages {
			f.Add(record, message, uint32(i), "0.0.0.0/0")
			f.Add(record, message, uint32(0x1ff), "198.51.100.0/25")
		}
	}
	for _, record := range []string{
		`{"schema":1,"incident":{"ref":"EG-X","stage":"updating","opening":{"public":true,"private":false,"cidrs":[]}},"intent":{"kind":"tell","notice":"outcome","by":"x"}}`,
		`{"schema":1,"incident":{"ref":"EG-X","before":{"access":{"public":true,"private":false,"cidrs":["0.0.0.0/0"]}}}}`,
		`{"schema":1,"left":{"ref":"EG-X"},"intent":{"kind":"tell","notice":"left","by":"x"}}`,
		`{"schema":1,"incident":{"ref":"EG-X","final":{"outcome":"enforced"}}}`,
		`{"schema":1,"intent":{"kind":"apply","by":"x","until":"9999-01-01T00:00:00Z"}}`,
		`{"schema":1,"standing":{"fingerprint":"x","outcome":"failed"},"before":{"access":{"public":true,"private":true,"cidrs":["0.0.0.0/0"]}}}`,
	} {
		f.Add(record, messages[0], uint32(1), "0.0.0.0/0")
		f.Add(record, messages[0], uint32(3), "198.51.100.0/24")
	}
	f.Fuzz(func(t *testing.T, record, message string, bits uint32, cidr string) {
		world, g := newFake()
		h := hostile{fake: world, t: t, g: g, bits: bits}
		g.Policy, g.OwnRole = restricted(), "arn:aws:iam::111122223333:role/guardrail"
		g.Changer, g.Topic, g.Updates = h, h, h
		if w, ours, err := wakeup.Decode([]byte(message)); ours && err == nil {
			world.cluster.Name = w.Cluster
		}
		world.cluster.ARN = endpoint.ARN("aws", "eu-west-1", "111122223333", world.cluster.Name)
		world.cluster.Access = endpoint.Access{Public: h.flag(0), Private: h.flag(1) || !h.flag(0)}
		if p, err := netip.ParsePrefix(cidr); err == nil {
			world.cluster.Access.CIDRs = []netip.Prefix{p}
		}
		world.cluster.OutpostsLocal = h.flag(2)
		if h.flag(3) {
			world.cluster.Status = endpoint.StatusUpdating
		}
		world.now = start.Add(time.Duration(bits>>16) * time.Minute)
		var r incident.Record
		if json.Unmarshal([]byte(record), &r) == nil && r.Schema == incident.Schema {
			// What the ledger makes sure of.
			r.Cluster, r.Name, r.Account, r.Region = world.cluster.ID, world.cluster.Name, "111122223333", "eu-west-1"
			if r.Sound() == nil {
				world.records[r.Cluster.CreatedAt] = r
			}
		}
		for range 3 {
			if _, err := g.Handle(t.Context(), []byte(message), delivery); err != nil && strings.Contains(err.Error(), "still no end") {
				t.Fatal(err)
			}
			if len(world.calls) > 300 {
				t.Fatalf("%d calls", len(world.calls))
			}
			for _, delay := range world.delays {
				if delay < 0 || delay > 15*time.Minute {
					t.Fatalf("put back for %s", delay)
				}
			}
			world.now = world.now.Add(time.Minute)
		}
	})
}
