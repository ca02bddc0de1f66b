package mail

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/text"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	letter = Letter{Version: "1.2.3", PolicyHash: "0123456789ab", AccountName: "shop-prod"}
	start  = time.Date(2026, 3, 2, 22, 10, 0, 0, time.UTC)
	office = endpoint.Access{Public: true, Private: true, CIDRs: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}
	wide   = endpoint.Access{Public: true, CIDRs: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("128.0.0.0/1")}}
)

var (
	no    = false
	alice = cloudtrail.Actor{
		Type: "AssumedRole", Name: "alice", Role: "AWSReservedSSO_PlatformAdmin_0123456789abcdef", Session: "alice", SourceIP: "203.0.113.9",
		UserAgent: "aws-cli/2.17.0 md/awscrt#0.20.11 ua/2.0 os/linux#6.8 md/arch#x86_64 lang/python#3.11.8", MFA: &no,
	}
)

func asked(a endpoint.Access) endpoint.Request {
	return endpoint.Request{Public: &a.Public, Private: &a.Private, CIDRs: &a.CIDRs}
}

// shut is private access only.
var shut = endpoint.Access{Private: true}

var mails, lateMails = stories(), lateStories()

// written are all mails there are, by the name of their golden file.
func written(l Letter) map[string]Mail {
	out := map[string]Mail{"brake": l.Brake(braked(), 20, "111122223333", "eu-west-1", start.Add(time.Minute))}
	for name, n := range mails {
		out[name] = l.Write(n)
	}
	for name, n := range lateMails {
		out[name] = l.Write(n)
	}
	out["test"] = l.Test("TEST-2VHNIYTQ", "111122223333", "eu-west-1", start)
	for name, d := range digests() {
		out[name] = l.Digest(d, "111122223333", "eu-west-1")
	}
	return out
}

func TestMails(t *testing.T) {
	for _, language := range Languages() {
		l := letter
		l.Language = language
		for name, m := range written(l) {
			t.Run(string(language)+"/"+name, func(t *testing.T) {
				golden(t, filepath.Join("testdata", string(language), name+".txt"), "Subject: "+m.Subject+"\n\n"+m.Text)
				promises(t, m)
				if n, ok := mails[name]; ok && (m.Attributes["reference"] != reference(n) || !strings.Contains(m.Text, reference(n)) || n.Record.Name != m.Attributes["cluster"]) {
					t.Errorf("the mail does not carry its incident's reference: %v", m.Attributes)
				}
				for _, attribute := range []string{"outcome", "severity", "account", "region"} {
					if m.Attributes[attribute] == "" {
						t.Errorf("no attribute %s: %v", attribute, m.Attributes)
					}
				}
			})
		}
	}
}

func reference(n incident.Notice) string {
	if n.Kind == incident.NoticeLeft {
		return n.Record.Left.Ref
	}
	return n.Record.Incident.Ref
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", path, diff)
	}
}

// TestOnlyDoneIsSaidToBeDone: a mail says that something was closed only with
// the outcomes that mean it, and that nothing is open only where nothing is.
func TestOnlyDoneIsSaidToBeDone(t *testing.T) {
	done := map[Language][]string{English: {"Closed:", "Fixed:", "EKS confirmed"}, "ja": {"閉じました。EKS", "是正しました。EKS", "EKS が完了を確認"}}
	for _, language := range Languages() {
		l := letter
		l.Language = language
		for name, n := range mails {
			m := l.Write(n)
			said := strings.HasPrefix(m.Subject, "Closed") || strings.HasPrefix(m.Subject, "Fixed") || strings.Contains(m.Text, done[language][2])
			for _, word := range done[language][:2] {
				said = said || strings.HasPrefix(m.Text, word)
			}
			enforced := n.Kind == incident.NoticeOutcome && (n.Outcome() == incident.Enforced && n.Record.Incident.Final.Tug == nil || n.Record.Incident.Final.Why == incident.WhyClosed)
			if said != enforced {
				t.Errorf("%s %s: says that it is done: %t\n%s", language, name, said, m.Text)
			}
			if n.Kind == incident.NoticeLeft {
				continue
			}
			stays := strings.HasPrefix(m.Subject, "OPEN") || strings.HasPrefix(m.Subject, "STILL OPEN") || strings.HasPrefix(m.Subject, "PRIVATE")
			remains := admitted(n) && !onlyInside(n) && world(n.Record.Incident.Final.Now, n.Record.Incident.Family)
			if stays != (stands(n) || remains) {
				t.Errorf("%s: the subject's first word is wrong: %s", name, m.Subject)
			}
			no := map[Language]*regexp.Regexp{English: regexp.MustCompile(`(?m)^Open now +no\b`), "ja": regexp.MustCompile(`(?m)^公開状態 +(非公開|限定公開|変更なし|なし)`)}[language]
			if no.MatchString(m.Text) == (stands(n) || admitted(n)) {
				t.Errorf("%s %s: stands: %t, yet the mail says otherwise:\n%s", language, name, stands(n), m.Text)
			}
		}
	}
}

type failer interface {
	Errorf(format string, args ...any)
}

// promises are what every mail keeps, whatever is in it.
func promises(t failer, m Mail) {
	if len(m.Subject) >= 100 || m.Subject == "" {
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
	if len(m.Text) > 200<<10 {
		t.Errorf("the text is %d bytes long", len(m.Text))
	}
	for _, line := range strings.Split(m.Text, "\n") {
		if n := columns(line); n > Columns {
			t.Errorf("%d columns: %s", n, line)
		}
		for _, r := range line {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
				t.Errorf("%q in: %q", r, line)
			}
		}
		if strings.HasPrefix(line, "From ") {
			t.Errorf("a mailbox file would quote: %q", line)
		}
	}
	if placeholder.MatchString(m.Text) {
		t.Errorf("a value was not put in: %s", placeholder.FindString(m.Text))
	}
	for name, value := range m.Attributes {
		if value == "" || len(value) > 256 {
			t.Errorf("attribute %s=%q", name, value)
		}
	}
	var c cardJSON
	if err := json.Unmarshal([]byte(m.Card), &c); err != nil {
		t.Errorf("the card: %v: %s", err, m.Card)
		return
	}
	if c.Version != "1.0" || c.Source != "custom" || c.Content.TextType != "client-markdown" || c.Metadata.ThreadID == "" ||
		m.Attributes["reference"] != "" && c.Metadata.ThreadID != m.Attributes["reference"] {
		t.Errorf("the card's envelope: %+v", c)
	}
	if len([]rune(c.Content.Title)) > 250 || len([]rune(c.Content.Description)) > 8000 {
		t.Errorf("the card is too long: %s", m.Card)
	}
	for _, text := range append([]string{c.Content.Title, c.Content.Description, c.Metadata.Summary}, c.Content.NextSteps...) {
		text = labels.ReplaceAllString(text, "")
		if strings.ContainsAny(text, "<>`@*~[]|&\\") || markup.MatchString(links.ReplaceAllString(text, "")) {
			t.Errorf("the card's text can mention, link or set in type: %s", text)
		}
	}
	if len(m.Rules) > maxRules {
		t.Errorf("%d rules in an attribute", len(m.Rules))
	}
	for _, rule := range m.Rules {
		if rule == "" || len([]rune(rule)) > maxName+3 || text.Clean(rule, maxName+3) != rule {
			t.Errorf("a rule of the attribute: %q", rule)
		}
	}
}

var (
	labels = regexp.MustCompile(`(?m)^\*[^*\n]+\*`) // ours, in bold
	links  = regexp.MustCompile(`https://[a-z0-9.-]+/cloudtrailv2/home\S*`)
	markup = regexp.MustCompile(`(^|[^\pL\pN_])_|_([^\pL\pN_]|$)|:[0-9a-z_+-]*[g-z][0-9a-z_+-]*:|#`)
)

var placeholder = regexp.MustCompile(`[{][a-z0-9]+[}]`)

// tame makes foreign text that has no braces: those that are left are ours.
func tame(s string) string { return strings.NewReplacer("{", "(", "}", ")").Replace(s) }

func prefixes(t *rapid.T, label string) []netip.Prefix {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) netip.Prefix {
		if rapid.Bool().Draw(t, "six") {
			var b [16]byte
			copy(b[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address"))
			b[0] = 0x20
			return netip.PrefixFrom(netip.AddrFrom16(b), rapid.IntRange(0, 128).Draw(t, "bits")).Masked()
		}
		var b [4]byte
		copy(b[:], rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address"))
		return netip.PrefixFrom(netip.AddrFrom4(b), rapid.IntRange(0, 32).Draw(t, "bits")).Masked()
	}), 0, endpoint.MaxCIDRs).Draw(t, label)
}

// TestHostileText: whatever names, agents, errors and lists there are, a mail
// keeps its promises, and no line of it that is ours can be made by others.
func TestHostileText(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"", "unknown", "x\nReference  EG-EVILEVIL\nOpen now   no: nothing", "--\nEndpoint Guard 9", "\u202eevil\u2066", "https://evil.example/click",
		strings.Repeat("a", 3000), strings.Repeat("重", 300), strings.Repeat("e\u0301\u0302\u0303\u0304", 50), "<!channel> @here *x* `y`", "\u2028\u2029\u0085\x1b[31m", "\xff\xfe",
	}))
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[0-9A-Za-z][0-9A-Za-z_-]{0,99}`).Draw(t, "name")
		names := slices.Sorted(maps.Keys(mails))
		n := mails[rapid.SampledFrom(names).Draw(t, "mail")]
		l := letter
		l.Language = rapid.SampledFrom(Languages()).Draw(t, "language")
		l.AccountName = tame(text.Draw(t, "account name"))
		hostile := func(label string) string { return tame(text.Draw(t, label)) }
		cause := incident.Cause{Call: "UpdateClusterConfig", EventID: hostile("event"), UpdateID: hostile("update"), At: start, Actor: cloudtrail.Actor{
			Type: rapid.SampledFrom([]string{"AssumedRole", "IAMUser", "AWSService", "Root", "", "Strange"}).Draw(t, "type"),
			Name: hostile("actor"), Role: hostile("role"), UserAgent: hostile("agent"), SourceIP: hostile("ip"), InvokedBy: hostile("invoked"),
		}}
		n.Record.Name = name
		if n.Record.Incident != nil {
			i := *n.Record.Incident
			i.Causes = []incident.Cause{cause}
			i.Family = endpoint.IPv6
			i.Opening = endpoint.Access{Public: true, CIDRs: prefixes(t, "opening")}
			if i.Asked != nil {
				i.Asked = &i.Opening
			}
			i.Rules = []incident.RuleNote{{
				Name: "r", Description: hostile("description"), Respond: policy.Enforce, Reasons: []string{hostile("reason")},
				Found: []incident.Finding{{Kind: verdict.OutsideAllowed, CIDRs: i.Opening.CIDRs}},
			}}
			i.Attempts = slices.Clone(i.Attempts)
			for k := range i.Attempts {
				i.Attempts[k].From, i.Attempts[k].Dropped = i.Opening, i.Opening.CIDRs
				i.Attempts[k].OverLimit = i.Opening.CIDRs[:min(12, len(i.Opening.CIDRs))]
				i.Attempts[k].OverLimitCount = rapid.IntRange(len(i.Attempts[k].OverLimit), 1000).Draw(t, "over the limit")
				i.Attempts[k].Errors = []endpoint.UpdateError{{Code: hostile("code"), Message: hostile("message")}}
			}
			i.Facts = &incident.Facts{VPC: hostile("vpc"), ClusterSecurityGroup: hostile("group"), SecurityGroups: []string{hostile("other group")}, AuditLogs: rapid.Bool().Draw(t, "audit")}
			i.Status = endpoint.Status(rapid.SampledFrom([]string{"ACTIVE", "UPDATING", "CREATING", "FAILED"}).Draw(t, "status"))
			gaps := []incident.Gap{{Name: "enableDnsSupport"}, {Name: "AmazonProvidedDNS", DHCPOptions: hostile("options")}, {Name: "ingress on 443", Unknown: true}}
			for k := range i.Attempts {
				i.Attempts[k].Missing, i.Attempts[k].Kept = gaps, nil
			}
			if i.Final != nil {
				f := *i.Final
				f.UndoneBy, f.Why, f.Missing = &cause, hostile("why"), gaps
				f.Now = endpoint.Access{Public: rapid.Bool().Draw(t, "public"), Private: true, CIDRs: prefixes(t, "now")}
				if f.Tug != nil {
					f.Tug = &incident.TugOfWar{InAnHour: 4, Days: 1, Others: []string{hostile("other")}}
				}
				i.Final = &f
			}
			n.Record.Incident = &i
		} else {
			d := *n.Record.Left
			d.By, d.Tags, d.Rules = &cause, []string{hostile("tag"), hostile("other tag")}, []string{"r", hostile("rule")}
			n.Record.Left = &d
		}
		m := l.Write(n)
		promises(t, m)
		says := in(l.Language)
		ours := func(label string) string { return "\n" + pad(label, says.labels()+1) }
		for _, label := range []string{
			"\n" + pad(says.Reference, 8), "\n--\n", "\nEndpoint Guard ", ours(says.Cluster), ours(says.OpenNow), ours(says.Severity), ours(says.ToDo), ours(says.Account), ours(says.Region),
		} {
			if count := strings.Count(m.Text, label); count != 1 {
				t.Errorf("%d lines look like %q", count, label)
			}
		}
		if strings.Contains(m.Text, "evil.example") && strings.Contains(m.Text, "https://evil") {
			t.Errorf("a link of others: %s", m.Text)
		}
	})
}

// TestEveryBlockedMailHasItsFix: of each thing that keeps an endpoint open there
// is the command that puts it right, and never one that closes it by hand.
func TestEveryBlockedMailHasItsFix(t *testing.T) {
	commands := map[string][]string{
		"enableDnsSupport": {"modify-vpc-attribute", "--enable-dns-support"}, "enableDnsHostnames": {"modify-vpc-attribute", "--enable-dns-hostnames"},
		"AmazonProvidedDNS": {"create-dhcp-options", "associate-dhcp-options"},
	}
	seen := map[string]int{}
	for _, language := range Languages() {
		l := letter
		l.Language = language
		for name, n := range mails {
			if n.Kind != incident.NoticeOutcome || !stands(n) || !held(n.Record.Incident) {
				continue
			}
			text := l.Write(n).Text
			for _, g := range n.Record.Incident.Final.Missing {
				for _, word := range commands[g.Name] {
					seen[word]++
					if !strings.Contains(text, word) {
						t.Errorf("%s %s: no %s for %+v", language, name, word, g)
					}
				}
			}
			if strings.Contains(text, "update-cluster-config") {
				t.Errorf("%s %s: tells how to cut the nodes off", language, name)
			}
		}
	}
	if len(seen) != 5 {
		t.Errorf("some gap has no example: %v", seen)
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"payments_eu_1 is open": "payments_eu_1 is open", "_emphasis_ and __bold__": "-emphasis- and --bold--", "a_ _b _": "a- -b -",
		":white_check_mark: done": ":white_check_mark; done", "2001:db8:10::/48 at 22:10:00": "2001:db8:10::/48 at 22:10:00",
		"<!channel> @here *x* `y` ~z~": "(!channel) (at)here ·x· 'y' -z-", "[a](b) #general": "(a)(b) no. general",
	} {
		if got := plain(in); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
}

func braked() brake.State {
	b := brake.State{Since: start, Waiting: map[string]brake.Waiting{}}
	for n := range 30 {
		b.Waiting[fmt.Sprint(n)] = brake.Waiting{Name: fmt.Sprintf("cluster-%02d", n), Rules: []string{"closed"}, World: n < 4}
	}
	return b
}
