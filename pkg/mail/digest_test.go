package mail

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/digest"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

func digests() map[string]digest.Digest {
	now := start.Add(9 * time.Hour)
	rules := func(respond policy.Response) []incident.RuleNote {
		return []incident.RuleNote{{Name: "office-only", Respond: respond, Found: []incident.Finding{{Kind: verdict.OutsideAllowed}}}}
	}
	standing := func(name string, outcome incident.Outcome, a endpoint.Access, respond policy.Response, hours int) digest.Standing {
		return digest.Standing{
			Cluster: name, Ref: fmt.Sprintf("EG-2VHNIY%02d", hours%22+22), Since: now.Add(-time.Duration(hours) * time.Hour), Outcome: outcome, Access: &a, Family: endpoint.IPv4, Rules: rules(respond),
		}
	}
	small := digest.Digest{
		Now:  now,
		Open: []digest.Open{{Cluster: "search", Ref: "EG-MZXW6YTB", Since: now.Add(-3 * time.Minute), Stage: incident.Updating, Access: wide, Family: endpoint.IPv4, Rules: rules(policy.Enforce)}},
		Standing: []digest.Standing{
			standing("payments", incident.Violation, wide, policy.Alert, 50), standing("orders", incident.Blocked, wide, policy.Enforce, 3),
			standing("stock", incident.Failed, wide, policy.Enforce, 7), standing("reports", incident.PartlyEnforced, office, policy.Alert, 400),
		},
		Tugs: []digest.Tug{{Cluster: "ci", Closings: 7, Last: now.Add(-time.Hour)}},
		Exempt: []digest.Exemption{
			{Name: "partner-demo", Until: now.Add(5 * 24 * time.Hour), Clusters: []string{"demo-1"}}, {Name: "migration", Until: now.AddDate(0, 2, 0), Clusters: []string{"old-1", "old-2"}},
		},
		Ending: []digest.Exemption{{Name: "partner-demo", Until: now.Add(5 * 24 * time.Hour), Clusters: []string{"demo-1"}}},
		Aside:  map[incident.AsideKind][]string{incident.AsideOutposts: {"factory"}, incident.AsideHybrid: {"shopfloor"}},
	}
	large := digest.Digest{Now: now, Aside: map[incident.AsideKind][]string{}, Unreadable: 2}
	for n := range 500 {
		name := fmt.Sprintf("team-%03d-%s", n, strings.Repeat("x", n%90))
		switch access := wide; n % 3 {
		case 0:
			large.Standing = append(large.Standing, digest.Standing{Cluster: name, Ref: "EG-2VHNIYTQ", Since: now.Add(-time.Duration(n) * time.Hour), Outcome: incident.Blocked, Access: &access, Family: endpoint.IPv4, Rules: rules(policy.Enforce)})
		case 1:
			large.Exempt = append(large.Exempt, digest.Exemption{Name: fmt.Sprintf("exemption-%d", n), Until: now.AddDate(0, 1, 0), Clusters: []string{name}})
		default:
			large.Aside[incident.AsideConnected] = append(large.Aside[incident.AsideConnected], name)
		}
	}
	return map[string]digest.Digest{"digest": small, "digest-500": large}
}

// TestManyClustersMakeAReadableDigest: not a wall of names.
func TestManyClustersMakeAReadableDigest(t *testing.T) {
	for _, language := range Languages() {
		l := letter
		l.Language = language
		m := l.Digest(digests()["digest-500"], "111122223333", "eu-west-1")
		if n := strings.Count(m.Text, "\n"); n > 70 {
			t.Errorf("%s: %d lines", language, n)
		}
	}
}

// TestNothingTwiceInTheDigest: each cluster is named once, whatever its record has.
func TestNothingTwiceInTheDigest(t *testing.T) {
	now := start.Add(9 * time.Hour)
	aside := func(name string, days int) *incident.Aside {
		return &incident.Aside{Kind: incident.AsideExempt, Waivers: []incident.Waiver{{Name: name, Rules: []string{"office-only"}, Until: now.AddDate(0, 0, days)}}}
	}
	var records []incident.Record
	add := func(name string, change func(*incident.Record)) {
		r := mails["detected"].Record
		r.Cluster.ARN, r.Name, r.Incident = endpoint.ARN("aws", "eu-west-1", "111122223333", name), name, nil
		change(&r)
		records = append(records, r)
	}
	for n, days := range []int{3, 30} {
		exemption := fmt.Sprintf("waiver-%d", days)
		add(fmt.Sprintf("exempt-%d", n), func(r *incident.Record) { r.Aside = aside(exemption, days) })
		add(fmt.Sprintf("standing-%d", n), func(r *incident.Record) {
			r.Aside, r.Standing = aside(exemption, days), &incident.Standing{Ref: "EG-2VHNIYTQ", Outcome: incident.Violation, Since: start, Now: &wide}
		})
		add(fmt.Sprintf("open-%d", n), func(r *incident.Record) {
			r.Aside, r.Incident, r.TugSince = aside(exemption, days), mails["detected"].Record.Incident, start
		})
		add(fmt.Sprintf("tug-%d", n), func(r *incident.Record) { r.Aside, r.TugSince = aside(exemption, days), start })
		add(fmt.Sprintf("outpost-%d", n), func(r *incident.Record) { r.Aside = &incident.Aside{Kind: incident.AsideOutposts} })
	}
	d, ok := digest.Of(records, 0, now)
	if !ok {
		t.Fatal("nothing stands")
	}
	for _, language := range Languages() {
		l := letter
		l.Language = language
		m := l.Digest(d, "111122223333", "eu-west-1")
		for _, r := range records {
			if n := strings.Count(m.Text, r.Name); n != 1 {
				t.Errorf("%s: %s is named %d times:\n%s", language, r.Name, n, m.Text)
			}
		}
		for _, name := range []string{"waiver-3", "waiver-30"} {
			if n := len(regexp.MustCompile(name+`\b`).FindAllString(m.Text, -1)); n != 1 {
				t.Errorf("%s: %s is named %d times:\n%s", language, name, n, m.Text)
			}
		}
	}
}

// TestTheDigestLeavesItsInputAlone: it sorts copies.
func TestTheDigestLeavesItsInputAlone(t *testing.T) {
	d := digests()["digest-500"]
	first := d.Standing[0].Cluster
	letter.Digest(d, "111122223333", "eu-west-1")
	if d.Standing[0].Cluster != first {
		t.Error("the list was sorted in place")
	}
}
