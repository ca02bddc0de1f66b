package mail

import (
	"fmt"
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
	small := digest.Digest{
		Now:      now,
		Open:     []digest.Open{{Cluster: "search", Ref: "EG-OPENOPEN", Since: now.Add(-3 * time.Minute), Stage: incident.Updating, Access: wide, Family: endpoint.IPv4, Rules: rules(policy.Enforce)}},
		Standing: []digest.Standing{{Cluster: "payments", Ref: "EG-STANDING", Since: now.Add(-50 * time.Hour), Outcome: incident.Violation, Access: &wide, Family: endpoint.IPv4, Rules: rules(policy.Alert)}},
		Tugs:     []digest.Tug{{Cluster: "ci", Closings: 7, Last: now.Add(-time.Hour)}},
		Exempt:   []digest.Exemption{{Name: "partner-demo", Until: now.Add(5 * 24 * time.Hour), Clusters: []string{"demo-1"}}},
		Ending:   []digest.Exemption{{Name: "partner-demo", Until: now.Add(5 * 24 * time.Hour), Clusters: []string{"demo-1"}}},
		Aside:    map[incident.AsideKind][]string{incident.AsideOutposts: {"factory"}, incident.AsideHybrid: {"shopfloor"}},
	}
	large := digest.Digest{Now: now, Aside: map[incident.AsideKind][]string{}, Unreadable: 2}
	for n := range 500 {
		name := fmt.Sprintf("team-%03d-%s", n, strings.Repeat("x", n%90))
		switch access := wide; n % 3 {
		case 0:
			large.Standing = append(large.Standing, digest.Standing{Cluster: name, Ref: "EG-STANDING", Since: now.Add(-time.Duration(n) * time.Hour), Outcome: incident.Blocked, Access: &access, Family: endpoint.IPv4, Rules: rules(policy.Enforce)})
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
	for _, language := range languages {
		l := letter
		l.Language = language
		m := l.Digest(digests()["digest-500"], "111122223333", "eu-west-1")
		if n := strings.Count(m.Text, "\n"); n > 70 {
			t.Errorf("%s: %d lines", language, n)
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
