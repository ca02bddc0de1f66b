//go:build !race

package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/events"
	"github.com/endpointguard/endpointguard/pkg/function"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// everything switches on all that a deployment may have.
func everything() map[string]any {
	return with(map[string]any{
		keyMode: "enforce", keyCreateTrail: true, keyDashboard: true, keyKMSKey: "create",
		keyAlertEmails: []any{"alice@example.com", "bob@example.com"}, keyLanguage: "ja", keyAccountName: "production",
	})
}

// TestGolden: the whole template, so that a change of it is seen in review.
func TestGolden(t *testing.T) {
	for name, context := range map[string]map[string]any{"alert": minimal(), "everything": everything()} {
		text := string(synthesized(t, context).text) + "\n"
		text = regexp.MustCompile(`[0-9a-f]{64}`).ReplaceAllString(text, "HASH")
		text = regexp.MustCompile(`("(?:Guardrail|Sweep)CodeSha256": \{\s*"Value": ")[0-9A-Za-z+/]{43}=`).ReplaceAllString(text, "${1}HASH")
		text = regexp.MustCompile(`("PolicyHash": \{\s*"Value": ")[0-9a-f]{12}`).ReplaceAllString(text, "${1}HASH")
		file := filepath.Join("testdata", name+".template.json")
		if *update {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), text); diff != "" {
			t.Errorf("%s, go test -update writes it anew (-want +got):\n%s", file, diff)
		}
	}
}

// TestSynthesizedTwice: deploying twice changes nothing.
func TestSynthesizedTwice(t *testing.T) {
	if diff := cmp.Diff(string(synthesized(t, everything()).text), string(synthesize(t, everything()).text)); diff != "" {
		t.Errorf("synthesized again it differs (-first +second):\n%s", diff)
	}
}

func TestRules(t *testing.T) {
	x := synthesized(t, minimal())
	queue, _ := x.named(t, "AWS::SQS::Queue", "WakeUps")
	dead, _ := x.named(t, "AWS::SQS::Queue", "DeadLetters")
	sweep, _ := x.named(t, "AWS::Lambda::Function", "Sweep")
	if n := len(x.of("AWS::Events::Rule")); n != 5 {
		t.Errorf("there are %d rules", n)
	}
	for id, target := range map[string]string{"EndpointAccess": queue, "ClusterTags": queue, "SweepSchedule": sweep, "SweepAfterDeployment": sweep} {
		_, rule := x.named(t, "AWS::Events::Rule", id)
		if rule["State"] != "ENABLED" || rule["EventBusName"] != nil {
			t.Errorf("%s: %v on bus %v", id, rule["State"], rule["EventBusName"])
		}
		want := []any{map[string]any{
			"Id": "endpointguard", "Arn": getAtt(target, "Arn"), "DeadLetterConfig": map[string]any{"Arn": getAtt(dead, "Arn")},
		}}
		if diff := cmp.Diff(want, rule["Targets"]); diff != "" {
			t.Errorf("%s: targets (-want +got):\n%s", id, diff)
		}
	}
}

func getAtt(id, attribute string) map[string]any {
	return map[string]any{"Fn::GetAtt": []any{id, attribute}}
}

func ref(id string) map[string]any { return map[string]any{"Ref": id} }

// TestPatterns: the rules as they are deployed pick every sample that they should
// and none of the others.
func TestPatterns(t *testing.T) {
	x := synthesized(t, minimal())
	samples, err := fs.Glob(events.Samples(), "*.json")
	if err != nil || len(samples) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	failed := []string{"update-denied.json", "update-refused-both-off.json"}
	for _, sample := range samples {
		event, err := fs.ReadFile(events.Samples(), sample)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{"EndpointAccess": !strings.Contains(sample, "tag-") && !slices.Contains(failed, sample), "ClusterTags": strings.Contains(sample, "tag-")}
		for id, picks := range want {
			_, rule := x.named(t, "AWS::Events::Rule", id)
			pattern, err := json.Marshal(rule["EventPattern"])
			if err != nil {
				t.Fatal(err)
			}
			if got, err := localaws.MatchPattern(pattern, event); got != picks || err != nil {
				t.Errorf("%s picks %s: %v, %v", id, sample, got, err)
			}
		}
	}
}

// TestSweepTriggers: the schedule, and the end of the stack's own deployments.
func TestSweepTriggers(t *testing.T) {
	x := synthesized(t, with(map[string]any{keySweepSchedule: "rate(6 hours)"}))
	_, schedule := x.named(t, "AWS::Events::Rule", "SweepSchedule")
	if schedule["ScheduleExpression"] != "rate(6 hours)" {
		t.Errorf("schedule %v", schedule["ScheduleExpression"])
	}
	_, deployed := x.named(t, "AWS::Events::Rule", "SweepAfterDeployment")
	text, err := json.Marshal(deployed["EventPattern"])
	if err != nil {
		t.Fatal(err)
	}
	const own = "arn:aws:cloudformation:eu-west-1:111122223333:stack/endpointguard-eu-west-1/1"
	pattern := []byte(strings.ReplaceAll(string(text), `{"Ref":"AWS::StackId"}`, `"`+own+`"`))
	for _, test := range []struct {
		stack, status string
		want          bool
	}{
		{own, "CREATE_COMPLETE", true}, {own, "UPDATE_COMPLETE", true}, {own, "UPDATE_ROLLBACK_COMPLETE", true},
		{own, "UPDATE_IN_PROGRESS", false}, {own, "DELETE_IN_PROGRESS", false}, {own + "2", "CREATE_COMPLETE", false},
	} {
		event := fmt.Sprintf(`{"source":"aws.cloudformation","detail-type":"CloudFormation Stack Status Change","detail":{"stack-id":%q,"status-details":{"status":%q}}}`, test.stack, test.status)
		if got, err := localaws.MatchPattern(pattern, []byte(event)); got != test.want || err != nil {
			t.Errorf("%s of %s: %v, %v", test.status, test.stack, got, err)
		}
	}
	sweep, _ := x.named(t, "AWS::Lambda::Function", "Sweep")
	for _, rule := range []string{"SweepSchedule", "SweepAfterDeployment"} {
		_, permission := x.named(t, "AWS::Lambda::Permission", rule)
		want := map[string]any{
			"Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com", "FunctionName": getAtt(sweep, "Arn"), "SourceArn": getAtt(rule, "Arn"),
		}
		if diff := cmp.Diff(want, permission); diff != "" {
			t.Errorf("%s may invoke (-want +got):\n%s", rule, diff)
		}
	}
	if n := len(x.of("AWS::Lambda::Permission")); n != 2 {
		t.Errorf("there are %d permissions to invoke functions", n)
	}
}

func TestQueues(t *testing.T) {
	x := synthesized(t, minimal())
	queue, wakeUps := x.named(t, "AWS::SQS::Queue", "WakeUps")
	dead, letters := x.named(t, "AWS::SQS::Queue", "DeadLetters")
	want := map[string]any{
		"VisibilityTimeout": 360.0, "MessageRetentionPeriod": 1209600.0, "SqsManagedSseEnabled": true,
		"RedrivePolicy": map[string]any{"deadLetterTargetArn": getAtt(dead, "Arn"), "maxReceiveCount": 5.0},
	}
	if diff := cmp.Diff(want, wakeUps); diff != "" {
		t.Errorf("the queue (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"MessageRetentionPeriod": 1209600.0, "SqsManagedSseEnabled": true}, letters); diff != "" {
		t.Errorf("the dead letters (-want +got):\n%s", diff)
	}
	_, guardrail := x.named(t, "AWS::Lambda::Function", "Guardrail")
	if timeout := guardrail["Timeout"].(float64); wakeUps["VisibilityTimeout"].(float64) < 6*timeout {
		t.Errorf("messages are hidden for less than six times the function's %v seconds", timeout)
	}
	_, mapping := x.named(t, "AWS::Lambda::EventSourceMapping", "Guardrail")
	function, _ := x.named(t, "AWS::Lambda::Function", "Guardrail")
	wantMapping := map[string]any{
		"BatchSize": 1.0, "EventSourceArn": getAtt(queue, "Arn"), "FunctionName": ref(function),
		"FunctionResponseTypes": []any{"ReportBatchItemFailures"}, "ScalingConfig": map[string]any{"MaximumConcurrency": 5.0},
	}
	if diff := cmp.Diff(wantMapping, mapping); diff != "" {
		t.Errorf("the mapping (-want +got):\n%s", diff)
	}
}

// request is what the policies of a queue or topic look at.
type request struct {
	action    string
	principal string // aws:PrincipalArn, or of a service its name
	source    string // aws:SourceArn
	plain     bool   // not over TLS
}

// decides tells how a resource's policy decides: "allow", "deny", or "" when it
// says nothing, and the caller's own policies count.
func decides(t *testing.T, r resolver, document any, q request) string {
	t.Helper()
	decision := ""
	for _, raw := range list(at(document, "Statement")) {
		s := raw.(map[string]any)
		service, _ := at(s, "Principal", "Service").(string)
		anyone := s["Principal"] == "*" || at(s, "Principal", "AWS") == "*"
		if !anyone && service != q.principal || !matchesAny(words(s["Action"]), q.action) {
			continue
		}
		if !holds(t, r, s["Condition"], q) {
			continue
		}
		if s["Effect"] == "Deny" {
			return "deny"
		}
		decision = "allow"
	}
	return decision
}

// holds works out the conditions of a statement. A negated one holds also for a
// key that the request lacks. Source: the IAM user guide, "Condition operators".
func holds(t *testing.T, r resolver, conditions any, q request) bool {
	t.Helper()
	values := map[string]string{"aws:SecureTransport": fmt.Sprint(!q.plain), "aws:SourceArn": q.source, "aws:SourceAccount": "111122223333"}
	if strings.HasPrefix(q.principal, "arn:") {
		values["aws:PrincipalArn"] = q.principal
		delete(values, "aws:SourceAccount")
	}
	all, _ := conditions.(map[string]any)
	for operator, keys := range all {
		for key, raw := range keys.(map[string]any) {
			var wanted []string
			for _, v := range list(raw) {
				wanted = append(wanted, r.text(t, v))
			}
			matched := values[key] != "" && matchesAny(wanted, values[key])
			switch operator {
			case "Bool", "StringEquals", "ArnEquals", "ArnLike":
			case "ArnNotEquals", "ArnNotLike":
				matched = !matched
			default:
				t.Fatalf("the test does not know the condition operator %s", operator)
			}
			if !matched {
				return false
			}
		}
	}
	return true
}

// matchesAny reports whether a text matches one of the patterns with * and ?.
func matchesAny(patterns []string, text string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		expression := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(p))
		return regexp.MustCompile("(?i)^" + expression + "$").MatchString(text)
	})
}

// placeholders resolve every reference to a text of its own.
func placeholders(x template) resolver {
	r := resolver{
		"Ref AWS::AccountId": "111122223333", "Ref AWS::Partition": "aws", "Ref AWS::URLSuffix": "amazonaws.com", "Ref AWS::Region": "eu-west-1",
		"Ref AWS::StackId": "arn:aws:cloudformation:eu-west-1:111122223333:stack/endpointguard-eu-west-1/1",
	}
	for id, res := range x.Resources {
		r["Ref "+id] = "ref:" + id
		r[id+".Arn"] = "arn:aws:service:eu-west-1:111122223333:" + id
		if res.Type == "AWS::SNS::Topic" {
			r["Ref "+id] = r[id+".Arn"]
		}
		if res.Type == "AWS::IAM::Role" {
			r[id+".Arn"] = "arn:aws:iam::111122223333:role/" + id
		}
	}
	return r
}

// TestWhoMaySend: to the queue the two rules and the two functions, and nobody
// else, whatever IAM allows them; to the dead letters the rules.
func TestWhoMaySend(t *testing.T) {
	x := synthesized(t, minimal())
	r := placeholders(x)
	arn := func(kind, name string) string {
		id, _ := x.named(t, kind, name)
		return r[id+".Arn"]
	}
	_, queue := x.named(t, "AWS::SQS::QueuePolicy", "WakeUps")
	_, dead := x.named(t, "AWS::SQS::QueuePolicy", "DeadLetters")
	const send, admin = "sqs:SendMessage", "arn:aws:iam::111122223333:role/admin"
	eventRule, sweepRule := arn("AWS::Events::Rule", "EndpointAccess"), arn("AWS::Events::Rule", "SweepSchedule")
	tests := []struct {
		name     string
		document any
		q        request
		want     string
	}{
		{"a rule", queue, request{action: send, principal: "events.amazonaws.com", source: eventRule}, "allow"},
		{"the rule for tags", queue, request{action: send, principal: "events.amazonaws.com", source: arn("AWS::Events::Rule", "ClusterTags")}, "allow"},
		{"a rule without TLS", queue, request{action: send, principal: "events.amazonaws.com", source: eventRule, plain: true}, "deny"},
		{"another rule", queue, request{action: send, principal: "events.amazonaws.com", source: eventRule + "x"}, "deny"},
		{"a sweep's rule", queue, request{action: send, principal: "events.amazonaws.com", source: sweepRule}, "deny"},
		{"another service", queue, request{action: send, principal: "s3.amazonaws.com", source: "arn:aws:s3:::bucket"}, "deny"},
		{"the guardrail", queue, request{action: send, principal: arn("AWS::IAM::Role", "Guardrail")}, ""},
		{"the sweep", queue, request{action: send, principal: arn("AWS::IAM::Role", "Sweep")}, ""},
		{"an administrator", queue, request{action: send, principal: admin}, "deny"},
		{"the account's root", queue, request{action: send, principal: "arn:aws:iam::111122223333:root"}, "deny"},
		{"somebody without TLS", queue, request{action: "sqs:ReceiveMessage", principal: admin, plain: true}, "deny"},
		{"an administrator who looks", queue, request{action: "sqs:GetQueueAttributes", principal: admin}, ""},
		{"a rule's dead letter", dead, request{action: send, principal: "events.amazonaws.com", source: eventRule}, "allow"},
		{"a sweep's dead letter", dead, request{action: send, principal: "events.amazonaws.com", source: sweepRule}, "allow"},
		{"another rule's dead letter", dead, request{action: send, principal: "events.amazonaws.com", source: eventRule + "x"}, ""},
		{"a dead letter without TLS", dead, request{action: send, principal: admin, plain: true}, "deny"},
	}
	for _, test := range tests {
		if got := decides(t, r, at(test.document, "PolicyDocument"), test.q); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestWhoMayPublish: CloudWatch's alarms of this account and the guardrail.
func TestWhoMayPublish(t *testing.T) {
	x := synthesized(t, minimal())
	r := placeholders(x)
	guardrail, _ := x.named(t, "AWS::IAM::Role", "Guardrail")
	sweep, _ := x.named(t, "AWS::IAM::Role", "Sweep")
	_, topic := x.named(t, "AWS::SNS::TopicPolicy", "Alerts")
	const publish, alarm = "sns:Publish", "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:some"
	for name, test := range map[string]struct {
		q    request
		want string
	}{
		"an alarm":                    {request{action: publish, principal: "cloudwatch.amazonaws.com", source: alarm}, "allow"},
		"an alarm without TLS":        {request{action: publish, principal: "cloudwatch.amazonaws.com", source: alarm, plain: true}, "deny"},
		"the ledger's rule":           {request{action: publish, principal: "events.amazonaws.com", source: r["LedgerGone.Arn"]}, "allow"},
		"another rule":                {request{action: publish, principal: "events.amazonaws.com", source: r["EndpointAccess.Arn"]}, "deny"},
		"another account's alarm":     {request{action: publish, principal: "cloudwatch.amazonaws.com", source: "arn:aws:cloudwatch:eu-west-1:444455556666:alarm:x"}, "deny"},
		"the guardrail":               {request{action: publish, principal: r[guardrail+".Arn"]}, ""},
		"the sweep, of the digest":    {request{action: publish, principal: r[sweep+".Arn"]}, ""},
		"an administrator":            {request{action: publish, principal: "arn:aws:iam::111122223333:role/admin"}, "deny"},
		"an administrator subscribes": {request{action: "sns:Subscribe", principal: "arn:aws:iam::111122223333:role/admin"}, ""},
	} {
		if got := decides(t, r, at(topic, "PolicyDocument"), test.q); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestNoDigest: without it the sweep does not mail; it reads and writes its heartbeat, and
// looks for clusters that were deleted.
func TestNoDigest(t *testing.T) {
	x := synthesized(t, with(map[string]any{keyDigestHour: off}))
	id, role := x.named(t, "AWS::IAM::Role", "Sweep")
	var may []string
	for _, s := range list(at(role, "Policies", 0, "PolicyDocument", "Statement")) {
		may = append(may, words(at(s, "Action"))...)
	}
	slices.Sort(may)
	want := []string{"dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan", "eks:ListClusters", "logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage", "sqs:SendMessage"}
	if diff := cmp.Diff(want, may); diff != "" {
		t.Errorf("it may (-want +got):\n%s", diff)
	}
	_, topic := x.named(t, "AWS::SNS::TopicPolicy", "Alerts")
	r := placeholders(x)
	if got := decides(t, r, at(topic, "PolicyDocument"), request{action: "sns:Publish", principal: r[id+".Arn"]}); got != "deny" {
		t.Errorf("the topic's policy: %q", got)
	}
}

func TestSubscriptions(t *testing.T) {
	x := synthesized(t, everything())
	topic, _ := x.named(t, "AWS::SNS::Topic", "Alerts")
	var got []string
	for _, s := range x.of("AWS::SNS::Subscription") {
		if s.Properties["Protocol"] != "email" || !cmp.Equal(s.Properties["TopicArn"], any(ref(topic))) {
			t.Errorf("subscription %v", s.Properties)
		}
		got = append(got, fmt.Sprint(s.Properties["Endpoint"]))
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"alice@example.com", "bob@example.com"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTopicElsewhere: mails go there, alarms to the stack's own topic, to which
// the guardrail may not publish.
func TestTopicElsewhere(t *testing.T) {
	const elsewhere = "arn:aws:sns:eu-west-1:444455556666:security-mails"
	x := synthesized(t, with(map[string]any{keyTopicARN: elsewhere}))
	_, guardrail := x.named(t, "AWS::Lambda::Function", "Guardrail")
	if got := at(guardrail, "Environment", "Variables", "ENDPOINTGUARD_TOPIC_ARN"); got != elsewhere {
		t.Errorf("mails go to %v", got)
	}
	if got := x.Outputs[outputMailTopic].Value; got != elsewhere {
		t.Errorf("output %v", got)
	}
	_, role := x.named(t, "AWS::IAM::Role", "Guardrail")
	for _, s := range list(at(role, "Policies", 0, "PolicyDocument", "Statement")) {
		if at(s, "Action") == "sns:Publish" && at(s, "Resource") != elsewhere {
			t.Errorf("it may publish to %v", at(s, "Resource"))
		}
	}
}

func TestLedger(t *testing.T) {
	_, table := synthesized(t, with(map[string]any{keyRetain: true})).named(t, "AWS::DynamoDB::Table", "Ledger")
	want := map[string]any{
		"BillingMode":                      "PAY_PER_REQUEST",
		"DeletionProtectionEnabled":        true,
		"KeySchema":                        []any{map[string]any{"AttributeName": ledger.PartitionKey, "KeyType": "HASH"}, map[string]any{"AttributeName": ledger.SortKey, "KeyType": "RANGE"}},
		"AttributeDefinitions":             []any{map[string]any{"AttributeName": ledger.PartitionKey, "AttributeType": "S"}, map[string]any{"AttributeName": ledger.SortKey, "AttributeType": "S"}},
		"PointInTimeRecoverySpecification": map[string]any{"PointInTimeRecoveryEnabled": true},
		"TimeToLiveSpecification":          map[string]any{"AttributeName": ledger.Expires, "Enabled": true},
	}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFunctions(t *testing.T) {
	x := synthesized(t, with(map[string]any{keyLogRetention: 30.0}))
	if n := len(x.of("AWS::Lambda::Function")); n != 2 {
		t.Errorf("there are %d functions", n)
	}
	for name, timeout := range map[string]float64{"Guardrail": 60, "Sweep": 120} {
		id, f := x.named(t, "AWS::Lambda::Function", name)
		role, _ := x.named(t, "AWS::IAM::Role", name)
		logs, group := x.named(t, "AWS::Logs::LogGroup", name)
		got := map[string]any{}
		for _, key := range []string{"Runtime", "Architectures", "Handler", "Timeout", "Role", "LoggingConfig"} {
			got[key] = f[key]
		}
		want := map[string]any{
			"Runtime": "provided.al2023", "Architectures": []any{"arm64"}, "Handler": "bootstrap", "Timeout": timeout,
			"Role": getAtt(role, "Arn"), "LoggingConfig": map[string]any{"LogGroup": ref(logs)},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if group["RetentionInDays"] != 30.0 {
			t.Errorf("%s: logs are kept for %v days", name, group["RetentionInDays"])
		}
		if x.Resources[id].DependsOn != nil {
			t.Errorf("%s depends on %v", name, x.Resources[id].DependsOn)
		}
	}
	if n := len(x.of("AWS::Logs::LogGroup")); n != 2 {
		t.Errorf("there are %d log groups", n)
	}
}

// TestRecursion: a message may wake the guardrail again and again, where the
// partition knows the setting.
func TestRecursion(t *testing.T) {
	for region, want := range map[string]any{"eu-west-1": "Allow", "cn-north-1": "Allow", "us-gov-west-1": nil} {
		x := synthesized(t, with(map[string]any{keyRegions: []any{region}}))
		_, guardrail := x.named(t, "AWS::Lambda::Function", "Guardrail")
		if guardrail["RecursiveLoop"] != want {
			t.Errorf("%s: %v", region, guardrail["RecursiveLoop"])
		}
		if _, sweep := x.named(t, "AWS::Lambda::Function", "Sweep"); sweep["RecursiveLoop"] != nil {
			t.Errorf("%s: the sweep has %v", region, sweep["RecursiveLoop"])
		}
	}
}

// TestPartitions: nothing of a template names a partition, an account or another
// region than its own.
func TestPartitions(t *testing.T) {
	for _, region := range []string{"eu-west-1", "cn-north-1", "us-gov-west-1"} {
		context := everything()
		context[keyRegions] = []any{region}
		text := string(synthesized(t, context).text)
		if m := regexp.MustCompile(`arn:aws[a-z-]*:|\b[0-9]{12}\b|amazonaws\.com(\.cn)?"`).FindAllString(text, -1); len(m) > 0 {
			for _, found := range m {
				// The principals of services are spelled the same everywhere.
				if found != `amazonaws.com"` {
					t.Errorf("%s: %s", region, found)
				}
			}
		}
		for _, found := range regexp.MustCompile(`\b(eu|us|cn|us-gov)-(west|north)-[0-9]\b`).FindAllString(text, -1) {
			if !strings.Contains(region, found) {
				t.Errorf("%s: it names %s", region, found)
			}
		}
	}
}

// TestSideBySide: installations of other names share nothing that is named.
func TestSideBySide(t *testing.T) {
	app, first := newApp(t, with(map[string]any{keyName: "second", keyRegions: []any{"eu-west-1", "eu-central-1"}}))
	if *first.StackName() != "second-eu-west-1" {
		t.Errorf("the stack is %s", *first.StackName())
	}
	if n := len(*app.Synth(nil).Stacks()); n != 2 {
		t.Errorf("%d stacks for two regions", n)
	}
	names := regexp.MustCompile(`^(Function|Queue|Topic|Table|Role|Rule|Alarm|LogGroup|Bucket|Trail|Dashboard|Alias)Name$|^Name$`)
	for id, r := range synthesized(t, everything()).Resources {
		for property := range r.Properties {
			if names.MatchString(property) && r.Type != "AWS::Lambda::Permission" && r.Type != "AWS::Lambda::EventSourceMapping" && r.Type != "AWS::Lambda::EventInvokeConfig" {
				t.Errorf("%s (%s) has the fixed name %v", id, r.Type, r.Properties[property])
			}
		}
	}
}

// TestDestroyed: the records of a trail stay, and with retain, which is on where the
// guardrail enforces, the ledger and the logs; nothing else does.
func TestDestroyed(t *testing.T) {
	discarded := everything()
	discarded[keyRetain] = "false"
	for name, test := range map[string]struct {
		context map[string]any
		kept    []string
	}{
		"enforce":           {everything(), []string{"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup"}},
		"enforce, discards": {discarded, []string{"AWS::S3::Bucket"}},
		"alert":             {minimal(), nil},
		"alert, keeps":      {with(map[string]any{keyRetain: true}), []string{"AWS::DynamoDB::Table", "AWS::Logs::LogGroup"}},
	} {
		x := synthesized(t, test.context)
		for id, r := range x.Resources {
			if want := slices.Contains(test.kept, r.Type); (r.DeletionPolicy == "Retain") != want {
				t.Errorf("%s: %s (%s): deletion policy %q", name, id, r.Type, r.DeletionPolicy)
			}
		}
		retain := slices.Contains(test.kept, "AWS::DynamoDB::Table")
		if _, table := x.named(t, "AWS::DynamoDB::Table", "Ledger"); table["DeletionProtectionEnabled"] != retain {
			t.Errorf("%s: the table's deletion protection is %v", name, table["DeletionProtectionEnabled"])
		}
		if _, stack := newApp(t, test.context); *stack.TerminationProtection() != retain {
			t.Errorf("%s: the stack's termination protection is %v", name, *stack.TerminationProtection())
		}
	}
}

// TestTheLedgerIsDeleted: whoever deletes the table, or takes its protection off, is
// told of at once, whether there is a digest or not; refused calls and other tables are
// nobody's business.
func TestTheLedgerIsDeleted(t *testing.T) {
	x := synthesized(t, with(map[string]any{keyDigestHour: off}))
	_, rule := x.named(t, "AWS::Events::Rule", "LedgerGone")
	d := deploy(t, x)
	text, err := json.Marshal(d.resolved(t, rule["EventPattern"]))
	if err != nil {
		t.Fatal(err)
	}
	ledger, _ := x.named(t, "AWS::DynamoDB::Table", "Ledger")
	for _, test := range []struct {
		call, parameters, more string
		want                   bool
	}{
		{"DeleteTable", `{"tableName": "` + ledger + `"}`, "", true},
		{"DeleteTable", `{"tableName": "` + d.aws.TableARN(ledger) + `"}`, "", true},
		{"UpdateTable", `{"tableName": "` + ledger + `", "deletionProtectionEnabled": false}`, "", true},
		{"UpdateTable", `{"tableName": "` + ledger + `", "deletionProtectionEnabled": true}`, "", false},
		{"UpdateTable", `{"tableName": "` + ledger + `", "billingMode": "PROVISIONED"}`, "", false},
		{"DeleteTable", `{"tableName": "` + ledger + `"}`, `, "errorCode": "AccessDenied"`, false},
		{"DeleteTable", `{"tableName": "other"}`, "", false},
	} {
		event := fmt.Sprintf(`{"source": "aws.dynamodb", "detail-type": "AWS API Call via CloudTrail",
			"detail": {"eventSource": "dynamodb.amazonaws.com", "eventName": %q, "requestParameters": %s%s}}`, test.call, test.parameters, test.more)
		if got, err := localaws.MatchPattern(text, []byte(event)); got != test.want || err != nil {
			t.Errorf("%s of %s%s: %v, %v", test.call, test.parameters, test.more, got, err)
		}
	}
	topic, _ := x.named(t, "AWS::SNS::Topic", "Alerts")
	if at(rule, "Targets", 0, "Arn", "Ref") != topic {
		t.Errorf("it goes to %v", at(rule, "Targets", 0, "Arn"))
	}
}

func TestTrail(t *testing.T) {
	if n := len(synthesized(t, minimal()).of("AWS::CloudTrail::Trail")); n != 0 {
		t.Errorf("%d trails without being asked", n)
	}
	x := synthesized(t, everything())
	_, trail := x.named(t, "AWS::CloudTrail::Trail", "Trail")
	if trail["IsLogging"] != true || at(trail, "EventSelectors", 0, "ReadWriteType") != "WriteOnly" ||
		at(trail, "EventSelectors", 0, "IncludeManagementEvents") == false || trail["EnableLogFileValidation"] != true {
		t.Errorf("%v", trail)
	}
	_, bucket := x.named(t, "AWS::S3::Bucket", "TrailBucket")
	if at(bucket, "VersioningConfiguration", "Status") != "Enabled" {
		t.Error("its bucket keeps no versions")
	}
	_, policy := x.named(t, "AWS::S3::BucketPolicy", "TrailBucket")
	// That CloudTrail may write at all has a condition on the object's owner.
	var denials []any
	for _, s := range list(at(policy, "PolicyDocument", "Statement")) {
		if at(s, "Effect") == "Deny" {
			denials = append(denials, s)
		}
	}
	for source, want := range map[string]string{
		"arn:aws:cloudtrail:eu-west-1:111122223333:trail/endpointguard-eu-west-1-Trail022F0CF2-1ABC": "",
		"arn:aws:cloudtrail:eu-west-1:444455556666:trail/endpointguard-eu-west-1-Trail022F0CF2-1ABC": "deny",
		"arn:aws:cloudtrail:eu-west-1:111122223333:trail/mallory":                                    "deny",
		"": "deny",
	} {
		q := request{action: "s3:PutObject", principal: "cloudtrail.amazonaws.com", source: source}
		if got := decides(t, placeholders(x), map[string]any{"Statement": denials}, q); got != want {
			t.Errorf("CloudTrail for %q: %q, want %q", source, got, want)
		}
	}
	for name, blocked := range at(bucket, "PublicAccessBlockConfiguration").(map[string]any) {
		if blocked != true {
			t.Errorf("%s: %v", name, blocked)
		}
	}
}

// TestKey: with a key of the stack's own every publisher has its grant, and the
// dead letters stay on SQS's.
func TestKey(t *testing.T) {
	x := synthesized(t, everything())
	key, made := x.named(t, "AWS::KMS::Key", "Key")
	_, queue := x.named(t, "AWS::SQS::Queue", "WakeUps")
	_, dead := x.named(t, "AWS::SQS::Queue", "DeadLetters")
	_, topic := x.named(t, "AWS::SNS::Topic", "Alerts")
	_, table := x.named(t, "AWS::DynamoDB::Table", "Ledger")
	if made["EnableKeyRotation"] != true {
		t.Error("the key is not rotated")
	}
	for name, used := range map[string]any{
		"queue": queue["KmsMasterKeyId"], "topic": topic["KmsMasterKeyId"], "table": at(table, "SSESpecification", "KMSMasterKeyId"),
	} {
		if diff := cmp.Diff(any(getAtt(key, "Arn")), used); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if dead["SqsManagedSseEnabled"] != true || dead["KmsMasterKeyId"] != nil {
		t.Errorf("the dead letters: %v", dead)
	}
	r := placeholders(x)
	for _, service := range []string{"events.amazonaws.com", "cloudwatch.amazonaws.com"} {
		for _, action := range []string{"kms:GenerateDataKey", "kms:Decrypt"} {
			if got := decides(t, r, made["KeyPolicy"], request{action: action, principal: service}); got != "allow" {
				t.Errorf("%s %s: %q", service, action, got)
			}
		}
	}
	silent := synthesized(t, with(map[string]any{keyKMSKey: "create", keyDigestHour: off}))
	for _, test := range []struct {
		x        template
		role     string
		services []string
	}{
		{x, "Guardrail", []string{"dynamodb", "sns", "sqs"}},
		{x, "Sweep", []string{"dynamodb", "sns", "sqs"}},
		{silent, "Sweep", []string{"dynamodb", "sqs"}},
	} {
		if diff := cmp.Diff(test.services, usesKeyVia(t, test.x, test.role)); diff != "" {
			t.Errorf("%s uses the key via (-want +got):\n%s", test.role, diff)
		}
	}
}

// usesKeyVia returns the services through which a role may use the stack's key.
func usesKeyVia(t *testing.T, x template, role string) []string {
	t.Helper()
	key, _ := x.named(t, "AWS::KMS::Key", "Key")
	_, properties := x.named(t, "AWS::IAM::Role", role)
	var via []string
	for _, s := range list(at(properties, "Policies", 0, "PolicyDocument", "Statement")) {
		if !cmp.Equal(at(s, "Resource"), any(getAtt(key, "Arn"))) {
			continue
		}
		for _, service := range list(at(s, "Condition", "StringEquals", "kms:ViaService")) {
			name, _, _ := strings.Cut(placeholders(x).text(t, service), ".")
			via = append(via, name)
		}
	}
	slices.Sort(via)
	return via
}

// TestKeyElsewhere: a key that the stack doesn't own is used all the same.
func TestKeyElsewhere(t *testing.T) {
	const arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	x := synthesized(t, with(map[string]any{keyKMSKey: arn}))
	_, queue := x.named(t, "AWS::SQS::Queue", "WakeUps")
	if queue["KmsMasterKeyId"] != arn || len(x.of("AWS::KMS::Key")) != 0 {
		t.Errorf("queue %v, %d keys", queue["KmsMasterKeyId"], len(x.of("AWS::KMS::Key")))
	}
}

// TestAlarms: at most ten, each is told, and none waits for data that only
// trouble makes.
func TestAlarms(t *testing.T) {
	x := synthesized(t, with(map[string]any{keySweepSchedule: "rate(6 hours)"}))
	topic, _ := x.named(t, "AWS::SNS::Topic", "Alerts")
	alarms := x.of("AWS::CloudWatch::Alarm")
	if len(alarms) > 10 {
		t.Errorf("there are %d alarms", len(alarms))
	}
	for id, a := range alarms {
		if diff := cmp.Diff([]any{ref(topic)}, a.Properties["AlarmActions"]); diff != "" {
			t.Errorf("%s: actions (-want +got):\n%s", id, diff)
		}
		want := "notBreaching"
		if strings.HasPrefix(id, "SweepMissing") {
			want = "breaching"
		}
		if a.Properties["TreatMissingData"] != want {
			t.Errorf("%s: missing data is %v", id, a.Properties["TreatMissingData"])
		}
	}
	metrics := func(name string) []string {
		_, a := x.named(t, "AWS::CloudWatch::Alarm", name)
		describe := func(m any, statistic any) string {
			var dimensions []string
			for _, d := range list(at(m, "Dimensions")) {
				value, ok := at(d, "Value").(string)
				if !ok {
					id := fmt.Sprint(at(d, "Value", "Ref"), at(d, "Value", "Fn::GetAtt", 0))
					value = regexp.MustCompile(`(<nil>)|[0-9A-F]{8}`).ReplaceAllString(id, "")
				}
				dimensions = append(dimensions, value)
			}
			return fmt.Sprintf("%v %v %v of %s", statistic, at(m, "Namespace"), at(m, "MetricName"), strings.Join(dimensions, " "))
		}
		if a["MetricName"] != nil {
			return []string{describe(a, a["Statistic"])}
		}
		var out []string
		for _, m := range list(a["Metrics"]) {
			if at(m, "MetricStat") != nil {
				out = append(out, describe(at(m, "MetricStat", "Metric"), at(m, "MetricStat", "Stat")))
			}
		}
		slices.Sort(out)
		return out
	}
	want := map[string][]string{
		"DeadLetters":    {"Maximum AWS/SQS ApproximateNumberOfMessagesVisible of DeadLetters"},
		"FunctionErrors": {"Sum AWS/Lambda Errors of Guardrail", "Sum AWS/Lambda Errors of Sweep"},
		"Throttled":      {"Sum AWS/Lambda Throttles of Guardrail", "Sum AWS/Lambda Throttles of Sweep"},
		"RefusedAlarm":   {"Sum " + function.Namespace + " " + function.MetricRefused + " of Guardrail"},
		"OwedMail":       {"Maximum " + function.Namespace + " " + function.MetricOwedAge + " of Guardrail"},
		"OpenTooLong":    {"Maximum " + function.Namespace + " " + function.MetricOpenAge + " of Guardrail"},
		"FailedOrStuck":  {"Sum " + function.Namespace + " " + function.MetricOutcome + " of Guardrail failed", "Sum " + function.Namespace + " " + function.MetricOutcome + " of Guardrail stuck"},
		"Backlog":        {"Maximum AWS/SQS ApproximateAgeOfOldestMessage of WakeUps"},
		"SweepMissing":   {"Sum " + function.Namespace + " " + function.MetricHeartbeat + " of Sweep"},
		"Unseen":         {"Maximum " + function.Namespace + " " + function.MetricUnseen + " of Sweep"},
	}
	got := map[string][]string{}
	for name := range want {
		got[name] = metrics(name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	_, missing := x.named(t, "AWS::CloudWatch::Alarm", "SweepMissing")
	if missing["EvaluationPeriods"] != 13.0 || missing["Period"] != 3600.0 || missing["ComparisonOperator"] != "LessThanOrEqualToThreshold" {
		t.Errorf("a sweep every six hours is missed after %v of %v s", missing["EvaluationPeriods"], missing["Period"])
	}
	_, unseen := x.named(t, "AWS::CloudWatch::Alarm", "Unseen")
	if unseen["EvaluationPeriods"] != 7.0 || unseen["DatapointsToAlarm"] != 1.0 || unseen["Period"] != 3600.0 {
		t.Errorf("what a sweep every six hours does not see is told for %v of %v periods of %v s", unseen["DatapointsToAlarm"], unseen["EvaluationPeriods"], unseen["Period"])
	}
}

func TestDashboard(t *testing.T) {
	if n := len(synthesized(t, minimal()).of("AWS::CloudWatch::Dashboard")); n != 0 {
		t.Errorf("%d dashboards without being asked", n)
	}
	if n := len(synthesized(t, everything()).of("AWS::CloudWatch::Dashboard")); n != 1 {
		t.Errorf("%d dashboards", n)
	}
}

// TestEveryStatementSaysWhy: each statement of a role has a Sid that tells what
// breaks without it, and none allows all of anything.
func TestEveryStatementSaysWhy(t *testing.T) {
	for _, role := range synthesized(t, everything()).of("AWS::IAM::Role") {
		if role.Properties["ManagedPolicyArns"] != nil {
			t.Errorf("managed policies %v", role.Properties["ManagedPolicyArns"])
		}
		for _, s := range list(at(role.Properties, "Policies", 0, "PolicyDocument", "Statement")) {
			sid := fmt.Sprint(at(s, "Sid"))
			if !strings.HasPrefix(sid, "WithoutIt") {
				t.Errorf("statement %q on %v", sid, at(s, "Action"))
			}
			for _, action := range words(at(s, "Action")) {
				if strings.Contains(action, "*") && !strings.HasPrefix(action, "kms:") {
					t.Errorf("%s allows %s", sid, action)
				}
			}
			if at(s, "Effect") != "Deny" && at(s, "Resource") == "*" && at(s, "Condition", "StringEquals", "aws:RequestedRegion") != "eu-west-1" {
				t.Errorf("%s is on everything, everywhere", sid)
			}
		}
	}
	for id := range synthesized(t, everything()).of("AWS::IAM::Policy") {
		t.Errorf("%s was added to a role behind its back", id)
	}
}

// TestAlertChangesNothing: in mode alert the role cannot change a cluster.
func TestAlertChangesNothing(t *testing.T) {
	const update = `"eks:UpdateClusterConfig"`
	if strings.Contains(string(synthesized(t, minimal()).text), update) {
		t.Error("in mode alert it may change clusters")
	}
	n := 0
	for _, role := range synthesized(t, everything()).of("AWS::IAM::Role") {
		for _, s := range list(at(role.Properties, "Policies", 0, "PolicyDocument", "Statement")) {
			if at(s, "Effect") == "Allow" && slices.Contains(words(at(s, "Action")), strings.Trim(update, `"`)) {
				n++
			}
		}
	}
	if n != 1 {
		t.Errorf("in mode enforce %d statements let it change clusters", n)
	}
}

// TestOutputs: what the command line finds an installation by.
func TestOutputs(t *testing.T) {
	got := slices.Sorted(maps.Keys(synthesized(t, minimal()).Outputs))
	want := []string{
		outputTopic, outputDeadLetters, outputGuardrail, outputRole, outputMailTopic, outputMode, outputPolicyHash, outputQueueURL,
		outputSweep, outputSweepRole, outputTable, outputVersion, outputCode, outputSweepCode,
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCfnLint: cfn-lint finds nothing.
func TestCfnLint(t *testing.T) {
	lint, err := exec.LookPath("cfn-lint")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI needs cfn-lint: pip install cfn-lint")
		}
		t.Skip("cfn-lint is not on this machine: pip install cfn-lint")
	}
	folder := t.TempDir()
	var files []string
	gov := everything()
	gov[keyRegions] = []any{"us-gov-west-1"}
	for name, context := range map[string]map[string]any{"alert": minimal(), "everything": everything(), "gov": gov} {
		file := filepath.Join(folder, name+".json")
		if err := os.WriteFile(file, synthesized(t, context).text, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	out, err := exec.CommandContext(t.Context(), lint, files...).CombinedOutput()
	if err != nil || len(strings.TrimSpace(string(out))) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestOtherUpdatesAreDenied: whoever uses the role can change nothing but the endpoint
// access, as far as IAM can tell: of what the calls of the guardrail have no key is
// denied, and each key is one of UpdateClusterConfig's.
func TestOtherUpdatesAreDenied(t *testing.T) {
	denied := func(x template) []string {
		_, role := x.named(t, "AWS::IAM::Role", "Guardrail")
		var keys []string
		for _, s := range list(at(role, "Policies", 0, "PolicyDocument", "Statement")) {
			if at(s, "Effect") == "Deny" {
				for _, condition := range at(s, "Condition").(map[string]any) {
					keys = append(keys, slices.Sorted(maps.Keys(condition.(map[string]any)))...)
				}
			}
		}
		slices.Sort(keys)
		return keys
	}
	want := []string{
		"eks:authenticationMode", "eks:blockStorageEnabled", "eks:computeConfigEnabled", "eks:controlPlaneEgressMode", "eks:controlPlaneScalingTier",
		"eks:deletionProtection", "eks:elasticLoadBalancingEnabled", "eks:kubeApiServerConfig", "eks:kubeControllerManagerConfig", "eks:kubeSchedulerConfig",
		"eks:loggingType/api", "eks:loggingType/audit", "eks:loggingType/authenticator", "eks:loggingType/controllerManager", "eks:loggingType/scheduler",
		"eks:supportType", "eks:zonalShiftEnabled",
	}
	x := synthesized(t, with(map[string]any{keyMode: "enforce"}))
	if diff := cmp.Diff(want, denied(x)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, context := range map[string]map[string]any{"alert": minimal(), "switched off": with(map[string]any{keyMode: "enforce", keyDenyOthers: false})} {
		if got := denied(synthesized(t, context)); got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	// What all inline policies of a role may have. Source: the IAM user guide, "IAM and
	// AWS STS quotas".
	for id, role := range synthesized(t, everything()).of("AWS::IAM::Role") {
		text, err := json.Marshal(at(role.Properties, "Policies", 0, "PolicyDocument"))
		if err != nil || len(text) > 10_240 {
			t.Errorf("%s: %d characters, %v", id, len(text), err)
		}
	}
}

// TestASweepThatNeverRan: it is a dead letter, which has an alarm, and redrive.
func TestASweepThatNeverRan(t *testing.T) {
	x := synthesized(t, minimal())
	dead, _ := x.named(t, "AWS::SQS::Queue", "DeadLetters")
	_, config := x.named(t, "AWS::Lambda::EventInvokeConfig", "Sweep")
	if diff := cmp.Diff(any(getAtt(dead, "Arn")), at(config, "DestinationConfig", "OnFailure", "Destination")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
