package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/endpointguard/endpointguard/pkg/awsconfig"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/explain"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// TestAccountScripts are the commands that read an account, against an AWS of
// two regions on the loopback interface.
func TestAccountScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "account"),
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			near, err := furnished()
			if err != nil {
				return err
			}
			far := localaws.New(localaws.Options{Region: "us-east-1"})
			far.PutCluster(localaws.Cluster{Name: "far", Private: true})
			far.PutCluster(localaws.Cluster{Name: "far-connected", Connector: "OTHER"})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.Header.Get("Authorization"), "/cloudformation/") {
					stacks(w, r)
					return
				}
				if strings.Contains(r.Header.Get("Authorization"), "/us-east-1/") {
					far.ServeHTTP(w, r)
					return
				}
				near.ServeHTTP(w, r)
			}))
			e.Defer(server.Close)
			e.Vars = append(e.Vars, near.Environ(server.URL, "AKIDPEOPLE")...)
			e.Vars = append(e.Vars, "AWS_CONFIG_FILE="+filepath.Join(e.WorkDir, "config"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(e.WorkDir, "credentials"))
			return layOut(e.WorkDir)
		},
	})
}

// stacks answers as CloudFormation in eu-west-1, where the installation "security"
// is, whose ledger is the table "ledger"; that of "other" is none of Endpoint Guard's,
// and "locked" may not be read.
func stacks(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code, message string) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", code, message)
	}
	if err := r.ParseForm(); err != nil {
		refuse(http.StatusBadRequest, "MalformedInput", err.Error())
		return
	}
	name, action := r.Form.Get("StackName"), r.Form.Get("Action")
	resources := [][2]string{{"WakeUps", "AWS::SQS::Queue"}, {"DeadLetters", "AWS::SQS::Queue"}, {"Alerts", "AWS::SNS::Topic"},
		{"Guardrail", "AWS::Lambda::Function"}, {"Sweep", "AWS::Lambda::Function"}, {"Ledger", "AWS::DynamoDB::Table"}}
	switch name {
	case "security-eu-west-1":
	case "other-eu-west-1":
		resources = resources[:1]
	case "locked-eu-west-1":
		refuse(http.StatusForbidden, "AccessDenied", "alice may not")
		return
	default:
		refuse(http.StatusBadRequest, "ValidationError", "Stack with id "+name+" does not exist")
		return
	}
	var members strings.Builder
	if action == "DescribeStacks" {
		fmt.Fprintf(&members, "<Stacks><member><StackName>%[1]s</StackName><StackStatus>CREATE_COMPLETE</StackStatus>"+
			"<StackId>arn:aws:cloudformation:eu-west-1:111122223333:stack/%[1]s/1</StackId></member></Stacks>", name)
	} else {
		members.WriteString("<StackResources>")
		for _, res := range resources {
			fmt.Fprintf(&members, "<member><LogicalResourceId>%s12345678</LogicalResourceId><PhysicalResourceId>%s</PhysicalResourceId>"+
				"<ResourceType>%s</ResourceType><ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>", res[0], strings.ToLower(res[0]), res[1])
		}
		members.WriteString("</StackResources>")
	}
	_, _ = fmt.Fprintf(w, "<%[1]sResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", action, members.String())
}

// furnished is an account with clusters of every kind and a ledger.
func furnished() (*localaws.AWS, error) {
	a := localaws.New(localaws.Options{Regions: []string{"eu-west-1", "us-east-1"}})
	long := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a.PutVPC(localaws.VPC{ID: "vpc-broken", NoDNSHostnames: true})
	for _, c := range []localaws.Cluster{
		{Name: "open", Public: true},
		{Name: "closed", Private: true},
		{Name: "office", Public: true, Private: true, CIDRs: []string{"203.0.113.0/24", "2001:db8:10::/48"}, IPFamily: "ipv6"},
		{Name: "first-steps", Public: true, Private: true, CIDRs: []string{"0.0.0.0/1", "128.0.0.0/1"}},
		{Name: "stuck-in-a-vpc", Public: true, Private: true, CIDRs: []string{"198.51.100.0/24"}, VPC: "vpc-broken"},
		{Name: "outpost", Private: true, OutpostARNs: []string{"arn:aws:outposts:eu-west-1:111122223333:outpost/op-1"}},
	} {
		c.CreatedAt = long
		a.PutCluster(c)
	}
	if err := a.CreateTable("ledger", ledger.PartitionKey, ledger.SortKey); err != nil {
		return nil, err
	}
	if err := a.CreateTable("empty", ledger.PartitionKey, ledger.SortKey); err != nil {
		return nil, err
	}
	book := ledger.New(dynamodb.NewFromConfig(a.Config("AKIDGUARDRAIL")), "ledger")
	for _, r := range remembered(a) {
		if _, err := book.Save(context.Background(), r); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// remembered are records of every kind.
func remembered(a *localaws.AWS) []incident.Record {
	at := func(minutes int) time.Time {
		return time.Date(2026, 11, 20, 9, minutes, 0, 0, time.UTC)
	}
	record := func(name string) incident.Record {
		return incident.NewRecord(endpoint.Cluster{
			ID:   endpoint.ID{ARN: a.ClusterARN(name), CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
			Name: name, Account: a.Account(), Region: a.Region(),
		})
	}
	world := endpoint.Access{Public: true, CIDRs: endpoint.World(endpoint.IPv4)}
	office := endpoint.Access{Public: true, Private: true, CIDRs: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}
	notes := []incident.RuleNote{{Name: "office-only", Respond: policy.Revert, Reasons: []string{"0.0.0.0/0 reaches beyond the allowed CIDRs"}}}

	open := record("open")
	open.Opened = 2
	open.Closings = []incident.Closing{{Ref: "EG-AAAAAAAA", Outcome: incident.Enforced, Opened: at(0), At: at(5), By: "bob with Terraform/1.9"}}
	open.Incident = &incident.Incident{
		Ref: "EG-BBBBBBBB", OpenedAt: at(21), Stage: incident.Updating, Before: &incident.Seen{Access: office, At: at(20)},
		Asked: &world, Opening: world, SettledAt: at(25), Rules: notes, Status: endpoint.StatusUpdating, Family: endpoint.IPv4,
		Causes: []incident.Cause{{
			Call: "UpdateClusterConfig", EventID: "1b6e2c4a-0000-4000-8000-000000000001", UpdateID: "11111111-2222-4333-8444-555555555555",
			Actor: cloudtrail.Actor{Type: "IAMUser", Name: "alice", SourceIP: "198.51.100.7", UserAgent: "aws-cli/2.31\x1b[31m"}, At: at(20), Status: endpoint.UpdateSuccessful,
		}},
		Attempts: []incident.Attempt{
			{Number: 1, From: world, Desired: office, At: at(26), UpdateID: "aaaaaaaa-2222-4333-8444-555555555555", Status: endpoint.UpdateFailed, OverAt: at(28), Reverted: true, Errors: []endpoint.UpdateError{{Code: "IpNotAvailable", Message: "no address left."}}},
			{Number: 2, From: world, Desired: office, At: at(30), UpdateID: "bbbbbbbb-2222-4333-8444-555555555555", Status: endpoint.UpdateInProgress},
		},
		DetectedMailed: at(22),
	}

	blocked := record("stuck-in-a-vpc")
	blocked.Closings = []incident.Closing{{Ref: "EG-CCCCCCCC", Outcome: incident.Blocked, Opened: at(10), At: at(11)}}
	blocked.Standing = &incident.Standing{Ref: "EG-CCCCCCCC", Outcome: incident.Blocked, Since: at(11), Rules: notes}

	told := record("told")
	was := *open.Incident
	was.Ref, was.Attempts = "EG-EEEEEEEE", slices.Clone(was.Attempts[1:])
	was.Attempts[0].Status, was.Attempts[0].OverAt = endpoint.UpdateSuccessful, at(31)
	was.Attempts[0].Dropped = world.CIDRs
	was.Final = &incident.Final{
		Outcome: incident.PartlyEnforced, At: at(32), Now: office, Tug: &incident.TugOfWar{InAnHour: 3},
		Left: []incident.RuleNote{{Name: "first-steps", Respond: policy.Alert}}, Warn: []string{"no ingress on 443"},
	}
	folded := was
	folded.Ref, folded.OpenedAt, folded.Folded = "EG-FFFFFFFF", at(40), []incident.NoticeKind{incident.NoticeDetected, incident.NoticeOutcome}
	undoer := was.Causes[0]
	undoer.EventID, undoer.At = "1b6e2c4a-0000-4000-8000-000000000002", at(41)
	folded.Final = &incident.Final{Outcome: incident.AlreadyUndone, At: at(42), Now: office, UndoneBy: &undoer}
	told.Closings = []incident.Closing{
		{Ref: was.Ref, Outcome: incident.PartlyEnforced, Opened: at(21), At: at(32), Story: &was},
		{Ref: folded.Ref, Outcome: incident.AlreadyUndone, Opened: at(40), At: at(42), Story: &folded},
	}

	gone := record("gone")
	gone.Closings = []incident.Closing{{Ref: "EG-DDDDDDDD", Outcome: incident.Gone, Opened: at(1), At: at(2)}}
	gone.GoneAt = at(2)
	return []incident.Record{open, blocked, gone, told, record("closed")}
}

// TestNothingIsChanged holds that the commands that read an account only read.
func TestNothingIsChanged(t *testing.T) {
	a, err := furnished()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(a)
	defer server.Close()
	for _, setting := range a.Environ(server.URL, "AKIDPEOPLE") {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, value)
	}
	document, err := filepath.Abs(testPolicy)
	if err != nil {
		t.Fatal(err)
	}
	a.ForgetCalls()
	for _, args := range [][]string{
		{"explain", "--policy", document, "--cluster", "open"},
		{"scan", "--policy", document, "--all-regions"},
		{"incidents", "--table", "ledger"},
		{"incident", "--table", "ledger", "EG-BBBBBBBB"},
	} {
		if status, out, errs := execute(t, args...); status == statusUsage || out == "" {
			t.Errorf("%v: status %d, standard error %q", args, status, errs)
		}
	}
	operations := map[string]int{}
	for _, call := range a.Calls() {
		operations[call.Operation]++
		if !strings.HasPrefix(call.Operation, "Describe") && !strings.HasPrefix(call.Operation, "List") && call.Operation != "Scan" {
			t.Errorf("%s was called", call.Operation)
		}
	}
	for _, operation := range []string{"DescribeRegions", "ListClusters", "DescribeCluster", "DescribeVpcAttribute", "Scan"} {
		if operations[operation] == 0 {
			t.Errorf("%s was not called: %v", operation, operations)
		}
	}
}

// TestThousandClusters holds that a scan of a thousand clusters reads all of
// them though EKS and EC2 admit few calls a second and fail some.
func TestThousandClusters(t *testing.T) {
	p, problems := policy.Parse("policy.yaml", shippedPolicy)
	if problems.Errors() {
		t.Fatal(problems)
	}
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{
			Throttle: map[string]int{"eks:DescribeCluster": 10, "eks:ListClusters": 2, "ec2:DescribeVpcAttribute": 8},
			Latency:  30 * time.Millisecond,
		})
		const many = 1000
		for i := range many {
			// Half of them lack private access, for which the VPC is looked at.
			a.PutCluster(localaws.Cluster{
				Name: fmt.Sprintf("cluster-%04d", i), CreatedAt: time.Now().Add(-24 * time.Hour),
				Public: true, Private: i%2 == 0, CIDRs: []string{"198.51.100.0/24"},
			})
		}
		a.Inject(localaws.Fault{Service: "eks", Operation: "DescribeCluster", Status: 503, Skip: 100, Times: 3})
		cfg := a.Config("AKIDPEOPLE")
		cfg.Retryer = awsconfig.Retryer
		began := time.Now()
		found := scan{policy: p, at: time.Now(), config: cfg, bar: newProgress(nil)}.run(t.Context(), []string{a.Region()})
		outcomes := map[explain.Outcome]int{}
		for i, s := range found {
			outcomes[s.outcome()]++
			if s.err != nil {
				t.Error(s.name, s.err)
			}
			if want := fmt.Sprintf("cluster-%04d", i); s.name != want {
				t.Fatalf("number %d is %s", i, s.name)
			}
			if len(s.answer.Decision.Missing) > 0 {
				t.Errorf("%s: a fact on the network was not read: %v", s.name, s.answer.Decision.Missing)
			}
		}
		if diff := cmp.Diff(map[explain.Outcome]int{explain.Compliant: many / 2, explain.WouldEnforce: many / 2}, outcomes); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		throttled := 0
		for _, c := range a.Calls() {
			if c.Error != "" {
				throttled++
			}
		}
		t.Logf("%d calls, %d of them refused, in %s", len(a.Calls()), throttled, time.Since(began))
		if throttled == 0 || time.Since(began) > 15*time.Minute {
			t.Errorf("%d calls were throttled, it took %s", throttled, time.Since(began))
		}
	})
}

// TestScanInterrupted holds that a scan that is interrupted ends at once.
func TestScanInterrupted(t *testing.T) {
	p, _ := policy.Parse("policy.yaml", shippedPolicy)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		a := localaws.New(localaws.Options{Latency: time.Second})
		for i := range 300 {
			a.PutCluster(localaws.Cluster{Name: fmt.Sprintf("cluster-%d", i), Private: true})
		}
		time.AfterFunc(5*time.Second, cancel)
		began := time.Now()
		scan{policy: p, at: time.Now(), config: a.Config("AKIDPEOPLE"), bar: newProgress(nil)}.run(ctx, []string{"eu-west-1", "us-east-1"})
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("it ended after %s", took)
		}
	})
}

func TestProgress(t *testing.T) {
	var b strings.Builder
	p := &progress{w: &b}
	p.more(2)
	p.done()
	p.done()
	p.end()
	want := "\r[" + strings.Repeat(".", 40) + "] 0 of 2 clusters" +
		"\r[" + strings.Repeat("#", 20) + strings.Repeat(".", 20) + "] 1 of 2 clusters" +
		"\r[" + strings.Repeat("#", 40) + "] 2 of 2 clusters" +
		"\r" + strings.Repeat(" ", 58) + "\r"
	if diff := diffText(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "no-terminal"))
	if err != nil {
		t.Fatal(err)
	}
	p = newProgress(file)
	p.more(1)
	p.done()
	p.end()
	if info, err := file.Stat(); err != nil || info.Size() > 0 {
		t.Errorf("a bar was written to a file: %v, %v", info, err)
	}
}

// TestNoticeAboveTheBar holds that what is told does not end up in the bar.
func TestNoticeAboveTheBar(t *testing.T) {
	var b strings.Builder
	p := &progress{w: &b, errs: &b}
	p.tell("first")
	p.more(2)
	b.Reset()
	p.tell("still waiting")
	bar := "[" + strings.Repeat(".", 40) + "] 0 of 2 clusters"
	if want := "\r" + strings.Repeat(" ", len(bar)) + "\rendpointguard: still waiting\n\r" + bar; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

// TestExplainAgreesWithTheFunction holds that explain says of every sample event
// what the function that is deployed does about it.
func TestExplainAgreesWithTheFunction(t *testing.T) {
	inSamples(t)
	samples, err := filepath.Glob(filepath.Join("samples", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[explain.Outcome][]incident.Outcome{
		explain.Compliant: {incident.Compliant}, explain.OutOfScope: {incident.OutOfScope, incident.Ignored}, explain.Exempt: {incident.Exempt},
		explain.Violation: {incident.Violation}, explain.WouldEnforce: {incident.Enforced, incident.PartlyEnforced}, explain.Blocked: {incident.Blocked},
	}
	compared := 0
	for _, sample := range samples {
		// Replay puts clusters that are changed in the state private only.
		args := []string{"explain", "--policy", "policy.yaml", "--json", "--event", sample}
		if strings.HasPrefix(filepath.Base(sample), "update-") {
			args = append(args, "--before", "public=false,private=true")
		}
		status, out, _ := execute(t, args...)
		replayed := replayJSON(t, "--policy", "policy.yaml", sample)[0]
		if status == statusUsage {
			silent := replayed.Outcome == incident.Ignored || replayed.Outcome == incident.Gone
			if name := filepath.Base(sample); !silent && !strings.HasPrefix(name, "tag-") && !strings.HasPrefix(name, "untag-") {
				t.Errorf("%s: nothing to explain, but the function says %s", sample, replayed.Outcome)
			}
			continue
		}
		compared++
		var said explain.JSON
		if err := json.Unmarshal([]byte(out), &said); err != nil {
			t.Fatal(err)
		}
		agrees := false
		for _, o := range want[said.Outcome] {
			agrees = agrees || o == replayed.Outcome
		}
		if !agrees {
			t.Errorf("%s: explain says %s, the function %s", sample, said.Outcome, replayed.Outcome)
		}
		if said.Desired != nil && !said.Desired.Equal(*replayed.After) {
			t.Errorf("%s: explain wants %s, the function made %s", sample, said.Desired, replayed.After)
		}
	}
	if compared < 8 {
		t.Errorf("%d of %d samples were compared", compared, len(samples))
	}
}

// TestShippedPolicyTests runs the tests of the policy that ships.
func TestShippedPolicyTests(t *testing.T) {
	status, out, errs := execute(t, "test", filepath.Join("..", "..", "policy_test.yaml"))
	if status != statusFine || !strings.HasSuffix(out, " cases, all passed\n") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
}

// TestAccessOnTheCommandLine holds that what an access is printed as is read as
// the same access.
func TestAccessOnTheCommandLine(t *testing.T) {
	for text, want := range map[string]endpoint.Access{
		"public=true,private=false":                                   {Public: true},
		"private=true,public=false,cidrs=":                            {Private: true},
		"public=true, private=true, cidrs=192.0.2.0/24+2001:db8::/32": {Public: true, Private: true, CIDRs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}},
		"cidrs=0.0.0.0/0,public=true,private=true":                    {Public: true, Private: true, CIDRs: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}},
		"cidrs=0.0.0.0/1+128.0.0.0/1,public=true,private=false":       {Public: true, CIDRs: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("128.0.0.0/1")}},
		"cidrs=0.0.0.0/0+::/0,public=true,private=true":               {Public: true, Private: true, CIDRs: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}},
	} {
		got, err := parseAccess("--access", text)
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
	for _, text := range []string{"", "public", "public=true,private=1", "public=true,public=true,private=true", "public=true,private=true,cidr=::/0", "public=true,private=true,cidrs=a+b", "public=true,private=true,cidrs=::ffff:192.0.2.0/120", "public=true,private=true,cidrs=192.0.2.0/24+", "cidrs=192.0.2.9/24,public=true,private=true"} {
		if got, err := parseAccess("--access", text); err == nil {
			t.Errorf("%q was read as %s", text, got)
		}
	}
}

// TestAccessThatEKSRefuses: no question is answered about a cluster that cannot
// be, and what is proposed instead is taken.
func TestAccessThatEKSRefuses(t *testing.T) {
	for text, want := range map[string]struct{ what, hint string }{
		"public=false,private=false":                                                         {"Both private and public endpoint access cannot be false", "one of the two is always on: write private=true, or public=true"},
		"public=false,private=false,cidrs=8.8.8.0/24":                                        {"Both private and public", "one of the two"},
		"public=true,private=true,cidrs=8.8.8.8/24":                                          {"[8.8.8.8/24]", "8.8.8.8/24 has host bits set: write 8.8.8.0/24, or 8.8.8.8/32 for the one address"},
		"public=true,private=true,cidrs=9.9.9.0/24+2600:1::1/32":                             {"[2600:1::1/32]", "2600:1::1/32 has host bits set: write 2600:1::/32, or 2600:1::1/128 for the one address"},
		"public=true,private=true,cidrs=8.8.8.8/4":                                           {"[8.8.8.8/4]", "8.8.8.8/4 has host bits set: write 8.8.8.8/32 for the one address"},
		"public=true,private=true,cidrs=10.0.0.0/8":                                          {"[10.0.0.0/8]", "none that are private or reserved"},
		"public=true,private=true,cidrs=10.1.2.3/8":                                          {"[10.1.2.3/8]", "none that are private or reserved"},
		"public=true,private=true,cidrs=192.168.1.0/24+fd00::/8":                             {"[192.168.1.0/24, fd00::/8]", "none that are private or reserved"},
		"public=true,private=true,cidrs=100.64.0.0/10+127.0.0.1/32":                          {"[100.64.0.0/10, 127.0.0.1/32]", "none that are private"},
		"public=true,private=true,cidrs=8.8.8.0/24+8.8.8.0/24":                               {"[8.8.8.0/24]", "each once"},
		"public=true,private=true,cidrs=" + strings.Repeat("8.8.8.0/24+", 40) + "9.9.9.9/32": {"41 CIDRs", "40 at most"},
	} {
		for _, flag := range []string{"--access", "--before"} {
			_, err := parseAccess(flag, text)
			wrong, ok := errors.AsType[usageError](err)
			if !ok || !strings.HasPrefix(wrong.what, flag+": EKS refuses it: ") || !strings.Contains(wrong.what, want.what) || !strings.Contains(wrong.hint, want.hint) {
				t.Errorf("%s %s: %+v, want %+v", flag, text, err, want)
			}
		}
	}
	// As replay and explain say it.
	inSamples(t)
	for _, args := range [][]string{
		{"replay", "--before", "public=false,private=false", "samples/update-open-sso.json"},
		{"explain", "--before", "public=false,private=false", "--event", "samples/update-open-sso.json"},
		{"explain", "--access", "public=true,private=true,cidrs=10.0.0.0/8"},
	} {
		if status, out, errs := execute(t, args...); status != statusUsage || out != "" || !strings.Contains(errs, "EKS refuses it: ") || !strings.Contains(errs, "hint: ") {
			t.Errorf("%v: status %d, %q, %q", args, status, out, errs)
		}
	}
}

// TestInertCells: no cell is a formula for a spreadsheet or a command for a
// terminal.
func TestInertCells(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "demo-1": "demo-1", "=1+1": "'=1+1", "+1": "'+1", "-2+3": "'-2+3", "@SUM(1)": "'@SUM(1)",
		"\x1b[31mred": "\ufffd[31mred", "\u202e=x": "\ufffd=x", "0.0.0.0/0": "0.0.0.0/0",
	} {
		if got := inert(cell); got != want {
			t.Errorf("%q became %q, want %q", cell, got, want)
		}
	}
}

// TestTableWithLongNames: a name as long as EKS admits stands on its own line.
func TestTableWithLongNames(t *testing.T) {
	long := strings.Repeat("n", 100)
	var p page
	p.table([][]string{{"CLUSTER", "REGION", "VERDICT", "RULES"}, {"a", "eu-west-1", "compliant", ""}, {long, "eu-west-1", "violation", "office-only"}})
	want := "CLUSTER  REGION     VERDICT    RULES\n" +
		"a        eu-west-1  compliant\n" + long[:80] + "\n" + long[80:] + "\n" +
		"         eu-west-1  violation  office-only\n"
	if diff := diffText(want, p.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDeletingIsLeftAlone: scan and explain say what the function does.
func TestDeletingIsLeftAlone(t *testing.T) {
	p, _ := policy.Parse("policy.yaml", shippedPolicy)
	c := endpoint.Cluster{Name: "a", Status: endpoint.StatusDeleting, Access: endpoint.Access{Public: true}, Family: endpoint.IPv4}
	if a := explain.Of(p, c, nil, endpoint.Network{}, time.Now()); a.Outcome != explain.OutOfScope || a.Verdict.Why == "" || a.Desired() != nil {
		t.Errorf("%+v", a)
	}
}
