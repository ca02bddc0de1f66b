package mail

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// run gives lines to a shell in which aws prints its arguments, one a line.
func run(t interface {
	Fatalf(string, ...any)
}, lines []string) []string {
	script := "aws() { for a in \"$@\"; do printf '%s\\0' \"$a\"; done; }\n" + strings.Join(lines, "\n") + "\n"
	out, err := exec.Command("sh", "-c", script).Output()
	if err != nil {
		t.Fatalf("sh: %v\n%s", err, script)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// TestACommandIsExact: a shell makes of it what was meant, whatever the name
// and the list, and no line is too long.
func TestACommandIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[0-9A-Za-z][0-9A-Za-z_-]{0,99}`).Draw(t, "name")
		a := endpoint.Access{Public: rapid.Bool().Draw(t, "public"), Private: true, CIDRs: prefixes(t, "cidrs")}
		lines := updateCommand("eu-west-1", name, a, endpoint.IPv6)
		for _, line := range lines {
			if len(line) > Columns {
				t.Errorf("%d columns: %s", len(line), line)
			}
		}
		args := run(t, lines)
		want := []string{"eks", "update-cluster-config", "--region", "eu-west-1", "--name", name, "--resources-vpc-config"}
		if diff := cmp.Diff(want, args[:len(args)-1]); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		var got struct {
			EndpointPublicAccess, EndpointPrivateAccess bool
			PublicAccessCidrs                           []string
		}
		if err := json.Unmarshal([]byte(args[len(args)-1]), &got); err != nil {
			t.Fatalf("%v: %s", err, args[len(args)-1])
		}
		var cidrs []string
		if a.Public {
			cidrs = texts(a.Effective(endpoint.IPv6))
		}
		if got.EndpointPublicAccess != a.Public || !got.EndpointPrivateAccess || !slices.Equal(got.PublicAccessCidrs, cidrs) {
			t.Fatalf("asks for %+v, want %s", got, a)
		}
		if a.Public && len(got.PublicAccessCidrs) == 0 {
			t.Fatal("asks for public access without a list: that is the whole world")
		}
	})
}

func TestNoCommandOfWhatIsNoName(t *testing.T) {
	if got := updateCommand("eu-west-1", "a; rm -rf /", shut, endpoint.IPv4); got != nil {
		t.Errorf("%v", got)
	}
	if got := updateCommand("eu-west-1 --x", "a", shut, endpoint.IPv4); got != nil {
		t.Errorf("%v", got)
	}
	if got := updateCommand("eu-west-1", "a", endpoint.Access{}, endpoint.IPv4); got != nil {
		t.Errorf("EKS refuses both off: %v", got)
	}
	if got := lookup("eu-west-1", "x$(id)"); got != nil {
		t.Errorf("%v", got)
	}
	want := []string{"cloudtrail", "lookup-events", "--region", "eu-west-1", "--lookup-attributes", "AttributeKey=EventId,AttributeValue=c0ffee00-0000-4000-8000-000000000001"}
	if diff := cmp.Diff(want, run(t, lookup("eu-west-1", "c0ffee00-0000-4000-8000-000000000001"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFixesAreExact: a shell makes of the commands what was meant.
func TestFixesAreExact(t *testing.T) {
	const vpc, group = "vpc-0a1b2c3d4e5f60718", "sg-0123456789abcdef0"
	for _, tc := range []struct {
		gap        incident.Gap
		look, want string
	}{
		{incident.Gap{Name: "enableDnsSupport"}, "", `ec2 modify-vpc-attribute --region eu-west-1 --vpc-id ` + vpc + ` --enable-dns-support {"Value":true}`},
		{incident.Gap{Name: "enableDnsHostnames"}, "", `ec2 modify-vpc-attribute --region eu-west-1 --vpc-id ` + vpc + ` --enable-dns-hostnames {"Value":true}`},
		{
			incident.Gap{Name: "enableDnsHostnames", Unknown: true}, "ec2 describe-vpc-attribute --region eu-west-1 --vpc-id " + vpc + " --attribute enableDnsHostnames",
			`ec2 modify-vpc-attribute --region eu-west-1 --vpc-id ` + vpc + ` --enable-dns-hostnames {"Value":true}`,
		},
		{
			incident.Gap{Name: "AmazonProvidedDNS", DHCPOptions: "dopt-0123456789abcdef0"}, "ec2 describe-dhcp-options --region eu-west-1 --dhcp-options-ids dopt-0123456789abcdef0",
			"ec2 associate-dhcp-options --region eu-west-1 --vpc-id " + vpc +
				" --dhcp-options-id <ec2 create-dhcp-options --region eu-west-1 --dhcp-configurations Key=domain-name-servers,Values=AmazonProvidedDNS --query DhcpOptions.DhcpOptionsId --output text>",
		},
		{
			incident.Gap{Name: "AmazonProvidedDNS", Unknown: true}, "ec2 describe-dhcp-options --region eu-west-1 --dhcp-options-ids <ec2 describe-vpcs --region eu-west-1 --vpc-ids " + vpc +
				" --query Vpcs[0].DhcpOptionsId --output text>",
			"ec2 associate-dhcp-options --region eu-west-1 --vpc-id " + vpc +
				" --dhcp-options-id <ec2 create-dhcp-options --region eu-west-1 --dhcp-configurations Key=domain-name-servers,Values=AmazonProvidedDNS --query DhcpOptions.DhcpOptionsId --output text>",
		},
		{incident.Gap{Name: "ingress on 443"}, "", "ec2 authorize-security-group-ingress --region eu-west-1 --group-id " + group + " --protocol tcp --port 443 --cidr 10.0.0.0/16"},
	} {
		say := func(lines []string) string {
			if lines == nil {
				return ""
			}
			script := append([]string{"FROM=10.0.0.0/16", `told() { echo "$*"; }`}, lines...)
			for _, line := range lines {
				if len(line) > Columns {
					t.Errorf("%d columns: %s", len(line), line)
				}
			}
			return strings.Join(run(t, script), " ")
		}
		nested := strings.NewReplacer("$(aws", "\"<$(told", "text)", "text)>\"") // what is in $( ) shows in < >
		quoted := func(lines []string) []string {
			var out []string
			for _, line := range lines {
				out = append(out, nested.Replace(line))
			}
			return out
		}
		if got := say(quoted(lookAtNetwork("eu-west-1", vpc, tc.gap))); got != tc.look {
			t.Errorf("%+v: looks with\n%s, want\n%s", tc.gap, got, tc.look)
		}
		if got := say(quoted(fixNetwork("eu-west-1", vpc, group, tc.gap))); got != tc.want {
			t.Errorf("%+v: is put right with\n%s, want\n%s", tc.gap, got, tc.want)
		}
		for _, hostile := range []string{"", "vpc-1; id", "$(id)"} {
			if got := fixNetwork("eu-west-1", hostile, hostile, tc.gap); got != nil {
				t.Errorf("%q: %v", hostile, got)
			}
		}
	}
	if got := lookAtNetwork("eu-west-1", vpc, incident.Gap{Name: "AmazonProvidedDNS", DHCPOptions: "dopt-1; id"}); got != nil {
		t.Errorf("a command of a foreign id: %v", got)
	}
}

func TestLinksByPartition(t *testing.T) {
	const event = "c0ffee00-0000-4000-8000-000000000001"
	for arn, want := range map[string]string{
		endpoint.ARN("aws", "eu-west-1", "111122223333", "a"):           "https://console.aws.amazon.com/cloudtrailv2/home?region=eu-west-1",
		endpoint.ARN("aws-cn", "eu-west-1", "111122223333", "a"):        "https://console.amazonaws.cn/cloudtrailv2/home?region=eu-west-1",
		endpoint.ARN("aws-us-gov", "eu-west-1", "111122223333", "a"):    "https://console.amazonaws-us-gov.com/cloudtrailv2/home?region=eu-west-1",
		endpoint.ARN("aws-elsewhere", "eu-west-1", "111122223333", "a"): "",
		"nonsense": "",
	} {
		if got := history(arn, "eu-west-1"); got != want {
			t.Errorf("%s: %s, want %s", arn, got, want)
		}
		if got := eventLink(arn, "eu-west-1", event); want != "" && got != strings.Replace(want, "//", "//eu-west-1.", 1)+"#/events/"+event || want == "" && got != "" {
			t.Errorf("%s: %s", arn, got)
		}
		if got := eventLink(arn, "eu-west-1", "../../x"); got != "" {
			t.Errorf("a link of a foreign id: %s", got)
		}
	}
}

// TestLanguagesAreComplete: every language says everything, with the same values in it,
// and hardly anything as English does.
func TestLanguagesAreComplete(t *testing.T) {
	value := regexp.MustCompile(`\{[^{}]*\}`)
	values := func(s string) []string {
		out := value.FindAllString(s, -1)
		slices.Sort(out)
		return slices.Compact(out)
	}
	en := said(&english)
	for language, phrases := range languages {
		same := 0
		for name, here := range said(phrases) {
			if slices.Contains([]string{"PrivateOff", "PublicOn", "OutsideAllowed", "TooWide", "FamilyNotAdmitted"}, name) {
				if (here == "") != (language == English) {
					t.Errorf("%s: %s: %q; the judgement says it in English", language, name, here)
				}
				continue
			}
			if here == "" || en[name] == "" {
				t.Errorf("%s: %s: missing: %q, %q", language, name, here, en[name])
			}
			if diff := cmp.Diff(values(en[name]), values(here)); diff != "" {
				t.Errorf("%s: %s: other values (-en +%[1]s):\n%s", language, name, diff)
			}
			if here == en[name] {
				same++
			}
		}
		if language != English && same > 6 {
			t.Errorf("%s: %d phrases are the same as in English", language, same)
		}
	}
}

// said is all that a language says, by the name of the phrase.
func said(phrases *phrases) map[string]string {
	out := map[string]string{}
	all := reflect.ValueOf(*phrases)
	for k := range all.NumField() {
		if all.Field(k).Kind() == reflect.String {
			out[all.Type().Field(k).Name] = all.Field(k).String()
		}
	}
	for k, headline := range phrases.Headlines {
		out[fmt.Sprintf("the headline of situation %d", k)] = headline.Open
		if headline.Inside != "" || english.Headlines[k].Inside != "" {
			out[fmt.Sprintf("the headline of situation %d, inside", k)] = headline.Inside
		}
	}
	return out
}

// TestEverySituationIsTold: a golden file shows each of them.
func TestEverySituationIsTold(t *testing.T) {
	told := map[situation]bool{}
	for _, n := range mails {
		if n.Record.Incident != nil && n.Kind != incident.NoticeLeft && n.Kind != incident.NoticeBacklog {
			told[classify(putRight(n))] = true
		}
	}
	for s := range situations {
		if !told[s] {
			t.Errorf("no mail tells of situation %d", s)
		}
	}
}

// TestEnglishNamesCallersAsTheLogsDo: a mail and a log line name one caller alike.
func TestEnglishNamesCallersAsTheLogsDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"", "alice", "deployer", "unknown", "AWSReservedSSO_Admin_0123456789abcdef", "cloudformation.amazonaws.com"})
		a := cloudtrail.Actor{
			Type: rapid.SampledFrom([]string{"", "IAMUser", "AssumedRole", "Root", "FederatedUser", "AWSService", "IdentityCenterUser", "Strange"}).Draw(t, "type"),
			Name: word.Draw(t, "name"), Role: word.Draw(t, "role"), InvokedBy: word.Draw(t, "by"), SourceIdentity: word.Draw(t, "identity"),
		}
		if got := english.actor(a); got != a.String() {
			t.Fatalf("%+v: %q, want %q", a, got, a)
		}
	})
}

func TestSeverity(t *testing.T) {
	rule := func(respond policy.Response, kind verdict.ReasonKind) []incident.RuleNote {
		return []incident.RuleNote{{Respond: respond, Found: []incident.Finding{{Kind: kind}}}}
	}
	some := endpoint.Access{Public: true, CIDRs: office.CIDRs}
	for name, tc := range map[string]struct {
		a     endpoint.Access
		rules []incident.RuleNote
		want  Severity
	}{
		"world, enforcing":        {wide, rule(policy.Revert, verdict.OutsideAllowed), Critical},
		"world, alert":            {wide, rule(policy.Alert, verdict.PublicOn), High},
		"an empty list":           {endpoint.Access{Public: true}, rule(policy.Enforce, verdict.TooWide), Critical},
		"some, enforcing":         {some, rule(policy.Enforce, verdict.PublicOn), High},
		"some, alert":             {some, rule(policy.Alert, verdict.OutsideAllowed), Medium},
		"private off, enforcing":  {some, rule(policy.Enforce, verdict.PrivateOff), Medium},
		"private off, alert":      {some, rule(policy.Alert, verdict.PrivateOff), Low},
		"world, only private off": {wide, rule(policy.Enforce, verdict.PrivateOff), Medium},
		"the worst counts":        {wide, append(rule(policy.Alert, verdict.PublicOn), rule(policy.Enforce, verdict.PublicOn)...), Critical},
		"an older record":         {wide, []incident.RuleNote{{Respond: policy.Enforce}}, Critical},
		"no rule":                 {wide, nil, Low},
	} {
		if got := severityOf(tc.a, endpoint.IPv4, tc.rules); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	for name, want := range map[string]Severity{
		"detected": Critical, "stuck": Critical, "blocked": Critical, "failed": Critical, "violation": High, "partly-enforced": Medium,
		"enforced": Medium, "already-undone": Medium, "never-done": Low, "compliant": Low, "enforced-inside": Low, "tug-of-war": Medium, "left": High, "left-private": Medium, "blocked-half-done": Critical, "violation-inside": Low, "exempt": Low,
	} {
		if got := letter.Write(mails[name]).Attributes["severity"]; got != string(want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
