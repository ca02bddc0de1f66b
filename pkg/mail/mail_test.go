package mail

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	letter = Letter{Version: "1.2.3", PolicyHash: "0123456789ab"}
	start  = time.Date(2026, 3, 2, 22, 10, 0, 0, time.UTC)
	office = endpoint.Access{Public: true, Private: true, CIDRs: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}
	world  = endpoint.Access{Public: true, CIDRs: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("128.0.0.0/1")}}
)

func asked(a endpoint.Access) endpoint.Request {
	return endpoint.Request{Public: &a.Public, Private: &a.Private, CIDRs: &a.CIDRs}
}

// base is an incident as it stands when it was just detected.
func base() *incident.Incident {
	return &incident.Incident{
		Ref: "EG-ABCDEFGH", OpenedAt: start.Add(40 * time.Second), Stage: incident.Waiting, Status: endpoint.StatusUpdating, Family: endpoint.IPv4,
		Causes: []incident.Cause{{
			Call: "UpdateClusterConfig", EventID: "c0ffee00-0000-4000-8000-000000000001", UpdateID: "u1", At: start, Asked: asked(world),
			Actor: cloudtrail.Actor{Type: "IAMUser", Name: "alice", SourceIP: "203.0.113.9", UserAgent: "aws-cli/2.17.0 Python/3.11"},
		}},
		Before: &incident.Seen{Access: office, At: start}, Asked: &world, Opening: world,
		Rules: []incident.RuleNote{{
			Name: "office-only", Description: "Only the office may reach the API.", Respond: policy.Revert,
			Reasons: []string{"0.0.0.0/1 is outside the allowed CIDRs.", "128.0.0.0/1 is outside the allowed CIDRs."},
		}},
	}
}

func attempt(number int, status endpoint.UpdateStatus) incident.Attempt {
	return incident.Attempt{Number: number, From: world, Desired: office, At: start.Add(5 * time.Minute), UpdateID: "0ff1ce00-0000-4000-8000-000000000002", Status: status, Reverted: true}
}

func final(i *incident.Incident, outcome incident.Outcome, now endpoint.Access, why string) {
	i.Final = &incident.Final{Outcome: outcome, Why: why, At: start.Add(9 * time.Minute), Now: now}
}

func notice(kind incident.NoticeKind, change func(*incident.Incident)) incident.Notice {
	i := base()
	change(i)
	return incident.Notice{Kind: kind, At: start.Add(9 * time.Minute), Record: incident.Record{
		Name: "payments", Account: "111122223333", Region: "eu-west-1", Incident: i,
	}}
}

var mails = map[string]incident.Notice{
	"detected": notice(incident.NoticeDetected, func(*incident.Incident) {}),
	"detected-created": notice(incident.NoticeDetected, func(i *incident.Incident) {
		i.Status, i.Asked, i.Before, i.Causes[0].Call = endpoint.StatusCreating, nil, nil, "CreateCluster"
	}),
	"detected-updating": notice(incident.NoticeDetected, func(i *incident.Incident) {
		i.Stage, i.Attempts, i.Asked = incident.Updating, []incident.Attempt{attempt(1, endpoint.UpdateInProgress)}, nil
	}),
	"detected-alert-only": notice(incident.NoticeDetected, func(i *incident.Incident) { i.AlertOnly = true; i.Rules[0].Respond = policy.Alert }),
	"stuck":               notice(incident.NoticeStuck, func(*incident.Incident) {}),
	"enforced": notice(incident.NoticeOutcome, func(i *incident.Incident) {
		i.Attempts = []incident.Attempt{attempt(1, endpoint.UpdateSuccessful)}
		final(i, incident.Enforced, office, "")
	}),
	"partly-enforced": notice(incident.NoticeOutcome, func(i *incident.Incident) {
		a := attempt(1, endpoint.UpdateSuccessful)
		a.Reverted, a.Dropped, a.Warnings = false, world.CIDRs[:1], []string{"No ingress on 443 from outside the cluster's own security group."}
		i.Attempts = []incident.Attempt{a}
		final(i, incident.PartlyEnforced, office, "")
		i.Final.Left = []incident.RuleNote{{Name: "closed", Respond: policy.Alert, Reasons: []string{"Public access is on."}}}
	}),
	"violation": notice(incident.NoticeOutcome, func(i *incident.Incident) {
		final(i, incident.Violation, world, "")
		i.Final.Left = i.Rules
	}),
	"blocked": notice(incident.NoticeOutcome, func(i *incident.Incident) {
		i.Causes = nil
		final(i, incident.Blocked, world, "")
		i.Final.Left, i.Final.Kept = i.Rules, []string{"Nothing was narrowed: enableDnsHostnames is off in vpc-1. Turn it on."}
	}),
	"failed": notice(incident.NoticeOutcome, func(i *incident.Incident) {
		for n := range 3 {
			a := attempt(n+1, endpoint.UpdateFailed)
			a.Errors = []endpoint.UpdateError{{Code: "IpNotAvailable", Message: "no address is left in subnet-1"}}
			i.Attempts = append(i.Attempts, a)
		}
		i.Attempts[2].UpdateID = ""
		final(i, incident.Failed, world, "")
	}),
	"already-undone": notice(incident.NoticeOutcome, func(i *incident.Incident) {
		final(i, incident.AlreadyUndone, office, "somebody undid it before the guardrail could")
	}),
	"tug-of-war": notice(incident.NoticeOutcome, func(i *incident.Incident) {
		i.Attempts = []incident.Attempt{attempt(1, endpoint.UpdateSuccessful)}
		final(i, incident.Enforced, office, "")
		i.Final.Tug = &incident.TugOfWar{InAnHour: 3, Days: 2, Others: []string{"alice (IAM user) with aws-cli/2.17.0", "terraform as role/pipeline with Terraform/1.9"}}
	}),
	"left": {Kind: incident.NoticeLeft, At: start, Record: incident.Record{
		Name: "payments", Account: "111122223333", Region: "eu-west-1", Left: &incident.Departure{
			Ref: "EG-ABCDEFGH", At: start, Rules: []string{"production-is-private"}, Now: world, Family: endpoint.IPv4,
			By: &incident.Cause{Call: "UntagResource", EventID: "c0ffee00-0000-4000-8000-000000000003", At: start, Actor: cloudtrail.Actor{Type: "IAMUser", Name: "alice"}},
		},
	}},
	"gone":      notice(incident.NoticeOutcome, func(i *incident.Incident) { final(i, incident.Gone, world, "the cluster was deleted") }),
	"compliant": notice(incident.NoticeOutcome, func(i *incident.Incident) { final(i, incident.Compliant, world, "no rule forbids it any more") }),
}

func TestMails(t *testing.T) {
	for name, n := range mails {
		t.Run(name, func(t *testing.T) {
			m := letter.Write(n)
			got := "Subject: " + m.Subject + "\n\n" + m.Text
			path := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got; -update writes it anew):\n%s", diff)
			}
			promises(t, m)
			if m.Attributes["reference"] != "EG-ABCDEFGH" || !strings.Contains(m.Text, "EG-ABCDEFGH") {
				t.Error("the mail does not carry its incident's reference")
			}
		})
	}
}

// TestOnlyDoneIsSaidToBeDone: a mail says that something was closed only with
// the outcomes that mean it.
func TestOnlyDoneIsSaidToBeDone(t *testing.T) {
	for name, n := range mails {
		m := letter.Write(n)
		if name == "tug-of-war" {
			continue
		}
		if said := strings.Contains(m.Subject, "Closed") || strings.Contains(m.Text, "EKS confirmed"); said != (name == "enforced") {
			t.Errorf("%s: says that it is done: %t\n%s", name, said, m.Text)
		}
	}
}

type failer interface {
	Errorf(format string, args ...any)
}

// promises are what every mail keeps, whatever is in it.
func promises(t failer, m Mail) {
	if len(m.Subject) >= 100 {
		t.Errorf("the subject is %d characters long", len(m.Subject))
	}
	for _, r := range m.Subject {
		if r < ' ' || r > '~' {
			t.Errorf("the subject has %q", r)
		}
	}
	if !utf8.ValidString(m.Text) {
		t.Errorf("the text is not UTF-8")
	}
	for _, line := range strings.Split(m.Text, "\n") {
		if n := utf8.RuneCountInString(line); n > Columns {
			t.Errorf("%d columns: %s", n, line)
		}
		for _, r := range line {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
				t.Errorf("%q in: %q", r, line)
			}
		}
	}
}

func TestHostileText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		name := rapid.StringMatching(`[0-9A-Za-z][0-9A-Za-z_-]{0,99}`).Draw(t, "name")
		n := mails[rapid.SampledFrom([]string{"detected", "failed", "enforced", "partly-enforced"}).Draw(t, "mail")]
		i := *n.Record.Incident
		i.Causes = append([]incident.Cause{}, i.Causes...)
		i.Causes[0].Actor = cloudtrail.Actor{
			Type: text.Draw(t, "type"), Name: text.Draw(t, "actor"), UserAgent: text.Draw(t, "agent"), SourceIP: text.Draw(t, "ip"),
		}
		i.Rules = []incident.RuleNote{{Name: "r", Description: text.Draw(t, "description"), Reasons: []string{"x"}}}
		n.Record.Name, n.Record.Incident = name, &i
		m := letter.Write(n)
		promises(t, m)
		if count := strings.Count(m.Text, "\nReference "); count != 1 {
			t.Errorf("%d lines look like the reference's", count)
		}
	})
}

func TestForeign(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                 "plain",
		"two\r\nlines":          "two  lines",
		"\u202eevil\u2066":      "evil",
		"\x1b[31mred":           "[31mred",
		strings.Repeat("x", 30): "xxxxxxxxxxxxxxxxxxxx...",
		"\xff":                  "?",
		" \u00a0padded\u2003 ":  "padded",
	} {
		if got := foreign(in, 20); got != want {
			t.Errorf("foreign(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	got := wrap("- ", "  ", "one two "+strings.Repeat("x", 25)+" three", 12)
	want := "- one two\n  xxxxxxxxxx\n  xxxxxxxxxx\n  xxxxx\n  three\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBrake(t *testing.T) {
	b := incident.Brake{Since: start, Waiting: map[string]incident.Held{}}
	for n := range 30 {
		b.Waiting[fmt.Sprint(n)] = incident.Held{Name: fmt.Sprintf("cluster-%02d", n), Rules: []string{"closed"}}
	}
	m := letter.Brake(b, 20, "111122223333", "eu-west-1", start.Add(time.Minute))
	got := "Subject: " + m.Subject + "\n\n" + m.Text
	path := filepath.Join("testdata", "brake.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	promises(t, m)
}
