package digest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

var now = time.Date(2026, 3, 2, 7, 0, 0, 0, time.UTC)

func record(name string, change func(*incident.Record)) incident.Record {
	r := incident.Record{Cluster: endpoint.ID{ARN: endpoint.ARN("aws", "eu-west-1", "111122223333", name), CreatedAt: now.AddDate(0, -1, 0)}, Name: name}
	change(&r)
	return r
}

func aside(kind incident.AsideKind, waivers ...incident.Waiver) *incident.Aside {
	return &incident.Aside{Kind: kind, Waivers: waivers}
}

func TestOf(t *testing.T) {
	soon, later := incident.Waiver{Name: "soon", Until: now.Add(24 * time.Hour)}, incident.Waiver{Name: "later", Until: now.AddDate(0, 1, 0)}
	ended := incident.Waiver{Name: "ended", Until: now}
	open := &incident.Incident{Ref: "EG-OPEN", OpenedAt: now, Stage: incident.Waiting}
	standing := &incident.Standing{Ref: "EG-STANDING", Outcome: incident.Violation}
	records := []incident.Record{
		record("compliant", func(r *incident.Record) {}),
		record("open", func(r *incident.Record) { r.Incident, r.Standing, r.TugSince = open, standing, now }),
		record("standing", func(r *incident.Record) { r.Standing, r.Aside = standing, aside(incident.AsideExempt, soon) }),
		record("tug", func(r *incident.Record) {
			r.TugSince = now.Add(-48 * time.Hour)
			r.Closings = []incident.Closing{
				{Outcome: incident.Enforced, At: now.Add(-30 * time.Hour)}, {Outcome: incident.Enforced, At: now.Add(-2 * time.Hour)},
				{Outcome: incident.PartlyEnforced, At: now.Add(-time.Hour)}, {Outcome: incident.Gone, At: now},
			}
		}),
		record("b-exempt", func(r *incident.Record) { r.Aside = aside(incident.AsideExempt, later, soon) }),
		record("a-exempt", func(r *incident.Record) { r.Aside = aside(incident.AsideExempt, later) }),
		record("was-exempt", func(r *incident.Record) { r.Aside = aside(incident.AsideExempt, ended) }),
		record("factory", func(r *incident.Record) { r.Aside = aside(incident.AsideOutposts) }),
		record("gone", func(r *incident.Record) { r.Standing, r.GoneAt = standing, now }),
		record("gone twice", func(r *incident.Record) { r.Standing = standing }),
		record("gone twice", func(r *incident.Record) { r.Cluster.CreatedAt, r.GoneAt, r.Incident = now, now, open }),
		record("again", func(r *incident.Record) { r.Standing = standing }),
		record("again", func(r *incident.Record) { r.Cluster.CreatedAt = now }),
	}
	got, stands := Of(records, 0, now)
	want := Digest{
		Now:      now,
		Open:     []Open{{Cluster: "open", Ref: "EG-OPEN", Since: now, Stage: incident.Waiting}},
		Standing: []Standing{{Cluster: "standing", Ref: "EG-STANDING", Outcome: incident.Violation}},
		Tugs:     []Tug{{Cluster: "tug", Closings: 2, Last: now.Add(-time.Hour)}},
		Exempt:   []Exemption{{Name: "soon", Until: soon.Until, Clusters: []string{"b-exempt"}}, {Name: "later", Until: later.Until, Clusters: []string{"a-exempt"}}},
		Ending:   []Exemption{{Name: "soon", Until: soon.Until, Clusters: []string{"b-exempt", "standing"}}},
		Aside:    map[incident.AsideKind][]string{incident.AsideOutposts: {"factory"}},
	}
	if diff := cmp.Diff(want, got); diff != "" || !stands {
		t.Errorf("stands: %t (-want +got):\n%s", stands, diff)
	}
}

func TestNothingStandsIsNoMail(t *testing.T) {
	for name, records := range map[string][]incident.Record{
		"no records": nil,
		"compliant":  {record("a", func(r *incident.Record) { r.Compliant = &incident.Seen{} })},
		"gone":       {record("a", func(r *incident.Record) { r.GoneAt, r.Standing = now, &incident.Standing{} })},
	} {
		if d, stands := Of(records, 0, now); stands {
			t.Errorf("%s: %+v stands", name, d)
		}
	}
	if _, stands := Of(nil, 1, now); !stands {
		t.Error("a record that cannot be read is told of")
	}
}

// TestNothingTwice: a cluster is in one list at the most, and one that is gone in none.
func TestNothingTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		yes := func(label string) bool { return rapid.Bool().Draw(t, label) }
		var records []incident.Record
		gone := map[string]bool{}
		for n := range rapid.IntRange(0, 8).Draw(t, "n") {
			records = append(records, record(string(rune('a'+n)), func(r *incident.Record) {
				if yes("open") {
					r.Incident = &incident.Incident{}
				}
				if yes("standing") {
					r.Standing = &incident.Standing{}
				}
				if yes("tug") {
					r.TugSince = now
				}
				if yes("aside") {
					r.Aside = aside(rapid.SampledFrom([]incident.AsideKind{incident.AsideExempt, incident.AsideHybrid}).Draw(t, "kind"),
						incident.Waiver{Name: "x", Until: now.AddDate(0, 1, 0)}, incident.Waiver{Name: "y", Until: now.AddDate(0, 0, 2)})
				}
				if yes("gone") {
					r.GoneAt = now
					gone[r.Name] = true
				}
			}))
		}
		d, _ := Of(records, 0, now)
		seen := map[string]int{}
		for _, o := range d.Open {
			seen[o.Cluster]++
		}
		for _, s := range d.Standing {
			seen[s.Cluster]++
		}
		for _, x := range d.Tugs {
			seen[x.Cluster]++
		}
		for _, e := range d.Exempt {
			for _, c := range e.Clusters {
				seen[c]++
			}
		}
		for _, names := range d.Aside {
			for _, c := range names {
				seen[c]++
			}
		}
		for _, e := range d.Ending {
			for _, c := range e.Clusters {
				if gone[c] {
					t.Fatalf("%s is told to end, which is gone: %+v", c, d)
				}
			}
		}
		for cluster, n := range seen {
			if n != 1 {
				t.Fatalf("%s is told %d times: %+v", cluster, n, d)
			}
			if gone[cluster] {
				t.Fatalf("%s is told, which is gone: %+v", cluster, d)
			}
		}
	})
}

func TestDue(t *testing.T) {
	for name, tc := range map[string]struct {
		sent Sent
		now  time.Time
		want bool
	}{
		"first":            {Sent{}, now, true},
		"before the hour":  {Sent{}, now.Add(-time.Minute), false},
		"after the hour":   {Sent{}, now.Add(9 * time.Hour), true},
		"sent today":       {Sent{Day: "2026-03-02"}, now.Add(9 * time.Hour), false},
		"sent yesterday":   {Sent{Day: "2026-03-01"}, now, true},
		"claimed":          {Sent{Claimed: now.Add(time.Second)}, now, false},
		"the claim is old": {Sent{Claimed: now}, now, true},
		"another zone":     {Sent{}, now.In(time.FixedZone("x", -5*3600)), true},
	} {
		if got := tc.sent.Due(tc.now, 7); got != tc.want {
			t.Errorf("%s: %t, want %t", name, got, tc.want)
		}
	}
	if s := (Sent{}).Claim(now.Add(time.Minute)).Done(now); s.Due(now.Add(time.Hour), 7) || !s.Due(now.Add(24*time.Hour), 7) {
		t.Errorf("%+v", s)
	}
}
