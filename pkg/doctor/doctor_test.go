package doctor

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	stacktypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	alarmtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	tabletypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ruletypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	roletypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	functiontypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	topictypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/events"
	"github.com/endpointguard/endpointguard/pkg/settings"
)

const (
	stackName = "endpointguard-eu-west-1"
	queueURL  = "https://sqs.eu-west-1.amazonaws.com/111122223333/wakeups"
	deadURL   = "https://sqs.eu-west-1.amazonaws.com/111122223333/dead"
	queueARN  = "arn:aws:sqs:eu-west-1:111122223333:wakeups"
	deadARN   = "arn:aws:sqs:eu-west-1:111122223333:dead"
	sweepARN  = "arn:aws:lambda:eu-west-1:111122223333:function:sweeper"
	topicARN  = "arn:aws:sns:eu-west-1:111122223333:alerts"
	confirmed = topicARN + ":1"
	document  = "version: 1\n"
)

// account is an AWS with one installation, as its parts answer. A test changes
// what it wants to be wrong; errs are the errors of calls, by name.
type account struct {
	stack         *stacktypes.Stack
	template      string            // of the stack
	resources     map[string]string // logical id to physical
	types         map[string]string
	rules         map[string]*eventbridge.DescribeRuleOutput
	targets       map[string][]ruletypes.Target
	trails        []trailtypes.Trail
	logging       bool
	selectors     *cloudtrail.GetEventSelectorsOutput
	queues        map[string]map[string]string
	function      map[string]*lambda.GetFunctionOutput
	loop          functiontypes.RecursiveLoop
	mappings      []functiontypes.EventSourceMappingConfiguration
	subscriptions []topictypes.Subscription
	attributes    map[string]map[string]string // of subscriptions
	code          []byte
	policies      map[string]string // of functions
	role          *iam.GetRoleOutput
	inline        map[string]map[string]string // of roles, the policies by name
	attached      []roletypes.AttachedPolicy
	alarms        map[string]alarmtypes.MetricAlarm
	table         *tabletypes.TableDescription
	topic         map[string]string // attributes
	errs          map[string]error
}

// golden is the template that gets deployed.
const golden = "../../infra/testdata/alert.template.json"

func healthy(t *testing.T) *account {
	t.Helper()
	a := &account{
		stack: &stacktypes.Stack{
			StackId:     aws.String("arn:aws:cloudformation:eu-west-1:111122223333:stack/" + stackName + "/1"),
			StackStatus: stacktypes.StackStatusUpdateComplete,
		},
		resources: map[string]string{
			"WakeUpsF7772DAC": queueURL, "DeadLettersBBF8BAAB": deadURL, "Alerts91F83244": topicARN,
			"Guardrail91D61981": "guard", "Sweep576358E8": "sweeper",
		},
		types: map[string]string{
			"WakeUpsF7772DAC": "AWS::SQS::Queue", "DeadLettersBBF8BAAB": "AWS::SQS::Queue", "Alerts91F83244": "AWS::SNS::Topic",
			"Guardrail91D61981": "AWS::Lambda::Function", "Sweep576358E8": "AWS::Lambda::Function",
		},
		rules: map[string]*eventbridge.DescribeRuleOutput{}, targets: map[string][]ruletypes.Target{},
		trails:  []trailtypes.Trail{{Name: aws.String("all"), TrailARN: aws.String("arn:all"), HomeRegion: aws.String("us-east-1"), IsMultiRegionTrail: aws.Bool(true)}},
		logging: true,
		selectors: &cloudtrail.GetEventSelectorsOutput{EventSelectors: []trailtypes.EventSelector{
			{IncludeManagementEvents: aws.Bool(true), ReadWriteType: trailtypes.ReadWriteTypeAll, ExcludeManagementEventSources: []string{"kms.amazonaws.com"}},
		}},
		queues: map[string]map[string]string{
			queueURL: {
				"RedrivePolicy":     `{"deadLetterTargetArn":"` + deadARN + `","maxReceiveCount":5}`,
				"VisibilityTimeout": "360", "MessageRetentionPeriod": "1209600", "DelaySeconds": "0", "SqsManagedSseEnabled": "true",
				counts[0]: "2", counts[1]: "1", counts[2]: "3",
			},
			deadURL: {"VisibilityTimeout": "30", "MessageRetentionPeriod": "1209600", "DelaySeconds": "0", "SqsManagedSseEnabled": "true", counts[0]: "0", counts[1]: "0", counts[2]: "0"},
		},
		function: map[string]*lambda.GetFunctionOutput{
			"guard": {
				Configuration: &functiontypes.FunctionConfiguration{
					State: functiontypes.StateActive, LastUpdateStatus: functiontypes.LastUpdateStatusSuccessful, LastModified: aws.String("2026-11-23T10:00:00.000+0000"),
				},
				Code: &functiontypes.FunctionCodeLocation{Location: aws.String("https://code.example.com/zip?signature=secret")},
			},
			"sweeper": {Configuration: &functiontypes.FunctionConfiguration{State: functiontypes.StateInactive, LastModified: aws.String("2026-11-23T10:00:00.000+0000")}},
		},
		loop: functiontypes.RecursiveLoopAllow,
		mappings: []functiontypes.EventSourceMappingConfiguration{{
			State: aws.String("Enabled"), UUID: aws.String("the-uuid"), EventSourceArn: aws.String(queueARN), BatchSize: aws.Int32(1),
			FunctionResponseTypes: []functiontypes.FunctionResponseType{functiontypes.FunctionResponseTypeReportBatchItemFailures},
			ScalingConfig:         &functiontypes.ScalingConfig{MaximumConcurrency: aws.Int32(5)}, MaximumBatchingWindowInSeconds: aws.Int32(0),
		}},
		subscriptions: []topictypes.Subscription{{Protocol: aws.String("email"), Endpoint: aws.String("alice@example.com"), SubscriptionArn: aws.String(confirmed)}},
		attributes:    map[string]map[string]string{confirmed: {"PendingConfirmation": "false", "ConfirmationWasAuthenticated": "true"}},
		code:          zipped(t, map[string]string{"bootstrap": "code", "policy.yaml": document}),
		policies:      map[string]string{},
		role:          &iam.GetRoleOutput{Role: &roletypes.Role{}},
		inline:        map[string]map[string]string{},
		alarms:        map[string]alarmtypes.MetricAlarm{},
		table:         &tabletypes.TableDescription{TableStatus: tabletypes.TableStatusActive},
		topic:         map[string]string{},
		errs:          map[string]error{},
	}
	for key, value := range map[string]string{
		"Mode": "alert", "Version": "1.2.3", "PolicyHash": "abc", "Other": "x",
	} {
		a.stack.Outputs = append(a.stack.Outputs, stacktypes.Output{OutputKey: aws.String(key), OutputValue: aws.String(value)})
	}
	for id, file := range map[string]string{"EndpointAccess": events.EndpointAccess, "ClusterTags": events.ClusterTags, "SweepSchedule": "", "SweepAfterDeployment": "", "LedgerGone": ""} {
		name, target := "rule-"+id, sweepARN
		a.resources[id], a.types[id] = name, "AWS::Events::Rule"
		a.rules[name] = &eventbridge.DescribeRuleOutput{State: ruletypes.RuleStateEnabled}
		if file != "" {
			pattern, err := fs.ReadFile(events.Rules(), file)
			if err != nil {
				t.Fatal(err)
			}
			a.rules[name].EventPattern, target = aws.String(string(pattern)), queueARN
		}
		a.targets[name] = []ruletypes.Target{{Id: aws.String("endpointguard"), Arn: &target, DeadLetterConfig: &ruletypes.DeadLetterConfig{Arn: aws.String(deadARN)}}}
	}
	a.deploy(t)
	return a
}

// deploy makes what the template describes and the above does not spell out.
func (a *account) deploy(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.Repeat("A", 43) + "="
	a.template = strings.ReplaceAll(string(data), `"Value": "HASH"`, `"Value": "`+hash+`"`)
	d := &deployed{in: Installation{
		Stack: stackName, ID: *a.stack.StackId, Partition: "aws", Region: "eu-west-1", Account: "111122223333", Resources: a.resources,
	}}
	if err := json.Unmarshal([]byte(a.template), d); err != nil {
		t.Fatal(err)
	}
	for id, r := range d.Resources {
		if a.resources[id] == "" {
			a.resources[id], a.types[id] = "the-"+id, r.Type
		}
	}
	for id, r := range d.Resources {
		p, err := d.resolved(id)
		if err != nil {
			t.Fatal(err)
		}
		name := a.resources[id]
		switch r.Type {
		case "AWS::Lambda::Function":
			c := a.function[name].Configuration
			decode(t, p, c, "Role", "Handler", "Runtime", "Architectures", "Timeout", "MemorySize", "Environment")
			c.CodeSha256 = &hash
		case "AWS::Lambda::Permission":
			a.policies["sweeper"] = strings.TrimPrefix(a.policies["sweeper"]+","+asText(map[string]any{
				"Sid": id, "Effect": "Allow", "Principal": map[string]any{"Service": p["Principal"]}, "Action": p["Action"], "Resource": p["FunctionName"],
				"Condition": map[string]any{"ArnLike": map[string]any{"AWS:SourceArn": p["SourceArn"]}},
			}), ",")
		case "AWS::IAM::Role":
			a.role.Role.AssumeRolePolicyDocument = aws.String(url.PathEscape(asText(p["AssumeRolePolicyDocument"])))
			a.inline[name] = map[string]string{"function": url.PathEscape(asText(at(p["Policies"].([]any)[0], "PolicyDocument")))}
		case "AWS::CloudWatch::Alarm":
			alarm := alarmtypes.MetricAlarm{AlarmName: &name, ActionsEnabled: aws.Bool(true)}
			decode(t, p, &alarm, alarmProperties...)
			a.alarms[name] = alarm
		case "AWS::SQS::QueuePolicy":
			a.queues[asText(p["Queues"].([]any)[0])]["Policy"] = asText(p["PolicyDocument"])
		case "AWS::SNS::TopicPolicy":
			a.topic["Policy"] = asText(p["PolicyDocument"])
		case "AWS::Events::Rule":
			if schedule, ok := p["ScheduleExpression"].(string); ok {
				a.rules[name].ScheduleExpression = &schedule
			} else {
				a.rules[name].EventPattern = aws.String(asText(p["EventPattern"]))
			}
			var targets []ruletypes.Target
			if err := json.Unmarshal([]byte(asText(p["Targets"])), &targets); err != nil {
				t.Fatal(err)
			}
			a.targets[name] = targets
		case "AWS::DynamoDB::Table":
			protected, _ := p["DeletionProtectionEnabled"].(bool)
			a.table.DeletionProtectionEnabled = &protected
		}
	}
	a.policies["sweeper"] = `{"Statement":[` + a.policies["sweeper"] + `]}`
}

// decode puts some of the properties of a template into what an SDK returns.
func decode(t *testing.T, properties map[string]any, into any, names ...string) {
	t.Helper()
	some := map[string]any{}
	for _, name := range names {
		if properties[name] != nil {
			some[name] = properties[name]
		}
	}
	if err := json.Unmarshal([]byte(asText(some)), into); err != nil {
		t.Fatal(err)
	}
}

func zipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, text := range files {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (a *account) output(key, value string) {
	for i, o := range a.stack.Outputs {
		if *o.OutputKey == key {
			a.stack.Outputs[i].OutputValue = &value
		}
	}
}

func (a *account) environment(name, value string) {
	a.function["guard"].Configuration.Environment.Variables[name] = value
}

func refused(code string) error { return &smithy.GenericAPIError{Code: code, Message: "no"} }

func (a *account) doctor() Doctor {
	return Doctor{
		Stacks: a, Rules: a, Trails: a, Queues: a, Functions: a, Topics: a, Roles: a, Alarms: a, Tables: a, Version: "1.2.3",
		Policy: Policy{Name: "policy.yaml", Text: []byte(document), Hash: "abc"},
		Download: func(context.Context, string) ([]byte, error) {
			return a.code, a.errs["Download"]
		},
	}
}

func (a *account) DescribeStacks(_ context.Context, in *cloudformation.DescribeStacksInput, _ ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error) {
	if *in.StackName != stackName {
		return nil, &smithy.GenericAPIError{Code: "ValidationError", Message: "Stack with id " + *in.StackName + " does not exist"}
	}
	return &cloudformation.DescribeStacksOutput{Stacks: []stacktypes.Stack{*a.stack}}, a.errs["DescribeStacks"]
}

func (a *account) DescribeStackResources(context.Context, *cloudformation.DescribeStackResourcesInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStackResourcesOutput, error) {
	out := &cloudformation.DescribeStackResourcesOutput{}
	for id, physical := range a.resources {
		out.StackResources = append(out.StackResources, stacktypes.StackResource{LogicalResourceId: aws.String(id), PhysicalResourceId: aws.String(physical), ResourceType: aws.String(a.types[id])})
	}
	return out, a.errs["DescribeStackResources"]
}

func (a *account) GetTemplate(context.Context, *cloudformation.GetTemplateInput, ...func(*cloudformation.Options)) (*cloudformation.GetTemplateOutput, error) {
	return &cloudformation.GetTemplateOutput{TemplateBody: &a.template}, a.errs["GetTemplate"]
}

func (a *account) GetPolicy(_ context.Context, in *lambda.GetPolicyInput, _ ...func(*lambda.Options)) (*lambda.GetPolicyOutput, error) {
	if a.policies[*in.FunctionName] == "" && a.errs["GetPolicy"] == nil {
		return nil, refused("ResourceNotFoundException")
	}
	return &lambda.GetPolicyOutput{Policy: aws.String(a.policies[*in.FunctionName])}, a.errs["GetPolicy"]
}

func (a *account) GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error) {
	return a.role, a.errs["GetRole"]
}

func (a *account) ListRolePolicies(_ context.Context, in *iam.ListRolePoliciesInput, _ ...func(*iam.Options)) (*iam.ListRolePoliciesOutput, error) {
	return &iam.ListRolePoliciesOutput{PolicyNames: sortedKeys(a.inline[*in.RoleName])}, a.errs["ListRolePolicies"]
}

func (a *account) GetRolePolicy(_ context.Context, in *iam.GetRolePolicyInput, _ ...func(*iam.Options)) (*iam.GetRolePolicyOutput, error) {
	return &iam.GetRolePolicyOutput{PolicyDocument: aws.String(a.inline[*in.RoleName][*in.PolicyName])}, a.errs["GetRolePolicy"]
}

func (a *account) ListAttachedRolePolicies(context.Context, *iam.ListAttachedRolePoliciesInput, ...func(*iam.Options)) (*iam.ListAttachedRolePoliciesOutput, error) {
	return &iam.ListAttachedRolePoliciesOutput{AttachedPolicies: a.attached}, a.errs["ListAttachedRolePolicies"]
}

func (a *account) DescribeAlarms(_ context.Context, in *cloudwatch.DescribeAlarmsInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error) {
	out := &cloudwatch.DescribeAlarmsOutput{}
	if alarm, ok := a.alarms[in.AlarmNames[0]]; ok {
		out.MetricAlarms = append(out.MetricAlarms, alarm)
	}
	return out, a.errs["DescribeAlarms"]
}

func (a *account) DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	return &dynamodb.DescribeTableOutput{Table: a.table}, a.errs["DescribeTable"]
}

func (a *account) GetTopicAttributes(context.Context, *sns.GetTopicAttributesInput, ...func(*sns.Options)) (*sns.GetTopicAttributesOutput, error) {
	return &sns.GetTopicAttributesOutput{Attributes: a.topic}, a.errs["GetTopicAttributes"]
}

func (a *account) DescribeRule(_ context.Context, in *eventbridge.DescribeRuleInput, _ ...func(*eventbridge.Options)) (*eventbridge.DescribeRuleOutput, error) {
	if a.rules[*in.Name] == nil {
		return nil, refused("ResourceNotFoundException")
	}
	return a.rules[*in.Name], a.errs["DescribeRule"]
}

func (a *account) ListTargetsByRule(_ context.Context, in *eventbridge.ListTargetsByRuleInput, _ ...func(*eventbridge.Options)) (*eventbridge.ListTargetsByRuleOutput, error) {
	return &eventbridge.ListTargetsByRuleOutput{Targets: a.targets[*in.Rule]}, a.errs["ListTargetsByRule"]
}

func (a *account) DescribeTrails(context.Context, *cloudtrail.DescribeTrailsInput, ...func(*cloudtrail.Options)) (*cloudtrail.DescribeTrailsOutput, error) {
	return &cloudtrail.DescribeTrailsOutput{TrailList: a.trails}, a.errs["DescribeTrails"]
}

func (a *account) GetTrailStatus(context.Context, *cloudtrail.GetTrailStatusInput, ...func(*cloudtrail.Options)) (*cloudtrail.GetTrailStatusOutput, error) {
	return &cloudtrail.GetTrailStatusOutput{IsLogging: &a.logging}, a.errs["GetTrailStatus"]
}

func (a *account) GetEventSelectors(context.Context, *cloudtrail.GetEventSelectorsInput, ...func(*cloudtrail.Options)) (*cloudtrail.GetEventSelectorsOutput, error) {
	return a.selectors, a.errs["GetEventSelectors"]
}

func (a *account) GetQueueAttributes(_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	if a.queues[*in.QueueUrl] == nil {
		return nil, refused("AWS.SimpleQueueService.NonExistentQueue")
	}
	return &sqs.GetQueueAttributesOutput{Attributes: a.queues[*in.QueueUrl]}, a.errs["GetQueueAttributes"]
}

func (a *account) GetFunction(_ context.Context, in *lambda.GetFunctionInput, _ ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error) {
	if a.function[*in.FunctionName] == nil {
		return nil, refused("ResourceNotFoundException")
	}
	return a.function[*in.FunctionName], a.errs["GetFunction"]
}

func (a *account) GetFunctionRecursionConfig(context.Context, *lambda.GetFunctionRecursionConfigInput, ...func(*lambda.Options)) (*lambda.GetFunctionRecursionConfigOutput, error) {
	return &lambda.GetFunctionRecursionConfigOutput{RecursiveLoop: a.loop}, a.errs["GetFunctionRecursionConfig"]
}

func (a *account) ListEventSourceMappings(_ context.Context, in *lambda.ListEventSourceMappingsInput, _ ...func(*lambda.Options)) (*lambda.ListEventSourceMappingsOutput, error) {
	if *in.FunctionName != "guard" || in.EventSourceArn != nil {
		return &lambda.ListEventSourceMappingsOutput{}, nil
	}
	return &lambda.ListEventSourceMappingsOutput{EventSourceMappings: a.mappings}, a.errs["ListEventSourceMappings"]
}

// ListSubscriptionsByTopic has one on each page.
func (a *account) ListSubscriptionsByTopic(_ context.Context, in *sns.ListSubscriptionsByTopicInput, _ ...func(*sns.Options)) (*sns.ListSubscriptionsByTopicOutput, error) {
	if err := a.errs["ListSubscriptionsByTopic"]; err != nil {
		return nil, err
	}
	page := len(aws.ToString(in.NextToken))
	if page >= len(a.subscriptions) {
		return &sns.ListSubscriptionsByTopicOutput{}, nil
	}
	out := &sns.ListSubscriptionsByTopicOutput{Subscriptions: a.subscriptions[page : page+1]}
	if page+1 < len(a.subscriptions) {
		out.NextToken = aws.String(strings.Repeat("x", page+1))
	}
	return out, nil
}

func (a *account) GetSubscriptionAttributes(_ context.Context, in *sns.GetSubscriptionAttributesInput, _ ...func(*sns.Options)) (*sns.GetSubscriptionAttributesOutput, error) {
	return &sns.GetSubscriptionAttributesOutput{Attributes: a.attributes[*in.SubscriptionArn]}, a.errs["GetSubscriptionAttributes"]
}

func TestAllIsWell(t *testing.T) {
	in, findings, err := healthy(t).doctor().Examine(t.Context(), stackName)
	if err != nil {
		t.Fatal(err)
	}
	want := []Finding{
		{"deployment", Fine, "version 1.2.3, UPDATE_COMPLETE", ""},
		{"template", Fine, "compared with the stack's own; --template compares with one that you have made", ""},
		{"trail", Fine, "all logs the calls", ""},
		{"rule EndpointAccess", Fine, "enabled, with its target", ""},
		{"rule ClusterTags", Fine, "enabled, with its target", ""},
		{"rule SweepSchedule", Fine, "enabled, with its target", ""},
		{"rule SweepAfterDeployment", Fine, "enabled, with its target", ""},
		{"rule LedgerGone", Fine, "enabled, with its target", ""},
		{"queue", Fine, "there, 6 messages wait or are handled", ""},
		{"queue settings", Fine, "as deployed", ""},
		{"queue wakes function", Fine, "the event source mapping is enabled", ""},
		{"function guardrail", Fine, "Active, changed 2026-11-23T10:00:00.000+0000", ""},
		{"re-checks", Fine, "Lambda lets the function wake itself", ""},
		{"mode", Fine, "alert: people are told, nothing is changed", ""},
		{"policy", Fine, "policy.yaml (abc)", ""},
		{"settings guardrail", Fine, "as deployed", ""},
		{"code guardrail", Fine, "as deployed", ""},
		{"role guardrail", Fine, "the-GuardrailRole58EF8344 and its policies are as deployed", ""},
		{"callers guardrail", Fine, "as deployed", ""},
		{"function sweep", Fine, "Inactive, changed 2026-11-23T10:00:00.000+0000", ""},
		{"settings sweep", Fine, "as deployed", ""},
		{"code sweep", Fine, "as deployed", ""},
		{"role sweep", Fine, "the-SweepRole19075C26 and its policies are as deployed", ""},
		{"callers sweep", Fine, "as deployed", ""},
		{"ledger", Fine, "as deployed", ""},
		{"topic settings", Fine, "as deployed", ""},
		{"alarm actions", Fine, "10 alarms, as deployed", ""},
		{"mails", Fine, "1 subscribed and confirmed", ""},
		{"dead letters' queue", Fine, "as deployed", ""},
		{"dead letters", Fine, "none", ""},
	}
	if diff := cmp.Diff(want, findings); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !Healthy(findings) || in.Account != "111122223333" || in.Region != "eu-west-1" || in.Partition != "aws" {
		t.Errorf("healthy %v, %s %s %s", Healthy(findings), in.Partition, in.Account, in.Region)
	}
}

// seenToo are the checks that may see a fault beside the one that is about it.
var seenToo = map[string][]string{
	"queue": {"queue settings"}, "dead letters": {"dead letters' queue"}, "rule ClusterTags": {"queue settings", "dead letters' queue"},
	"role guardrail": {"role sweep"}, "callers guardrail": {"callers sweep"},
}

// TestFaults: each fault is found by one check, which says what to do about it.
func TestFaults(t *testing.T) {
	advanced := func(fields ...trailtypes.AdvancedFieldSelector) *cloudtrail.GetEventSelectorsOutput {
		return &cloudtrail.GetEventSelectorsOutput{AdvancedEventSelectors: []trailtypes.AdvancedEventSelector{{FieldSelectors: fields}}}
	}
	field := func(name string, equals ...string) trailtypes.AdvancedFieldSelector {
		return trailtypes.AdvancedFieldSelector{Field: &name, Equals: equals}
	}
	for name, test := range map[string]struct {
		spoil     func(*account)
		check     string
		state     State
		what, fix string
	}{
		"rolled back":     {func(a *account) { a.stack.StackStatus = stacktypes.StackStatusUpdateRollbackComplete }, "deployment", Wrong, "UPDATE_ROLLBACK_COMPLETE", "deploy"},
		"another version": {func(a *account) { a.output("Version", "1.0.0") }, "deployment", Wrong, "version 1.0.0 is deployed, this is 1.2.3", "deploy"},
		"no trail":        {func(a *account) { a.trails = nil }, "trail", Wrong, "no trail in this region", "createTrail=true"},
		"trail elsewhere": {func(a *account) { a.trails[0].IsMultiRegionTrail = nil }, "trail", Wrong, "no trail in this region", "createTrail=true"},
		"trail stopped":   {func(a *account) { a.logging = false }, "trail", Wrong, "all does not log", "trail"},
		"trail read only": {func(a *account) { a.selectors.EventSelectors[0].ReadWriteType = trailtypes.ReadWriteTypeReadOnly }, "trail", Wrong, "no management events that write", "trail"},
		"trail of data":   {func(a *account) { a.selectors.EventSelectors[0].IncludeManagementEvents = aws.Bool(false) }, "trail", Wrong, "no management events", "trail"},
		"advanced data":   {func(a *account) { a.selectors = advanced(field("eventCategory", "Data")) }, "trail", Wrong, "no management events", "trail"},
		"advanced read only": {func(a *account) {
			a.selectors = advanced(field("eventCategory", "Management"), field("readOnly", "true"))
		}, "trail", Wrong, "by readOnly", "trail"},
		"advanced without EKS": {func(a *account) {
			a.selectors = advanced(field("eventCategory", "Management"), trailtypes.AdvancedFieldSelector{Field: aws.String("eventSource"), NotEquals: []string{"eks.amazonaws.com"}})
		}, "trail", Wrong, "by eventSource", "trail"},
		"advanced, some names": {func(a *account) {
			a.selectors = advanced(field("eventCategory", "Management"), trailtypes.AdvancedFieldSelector{Field: aws.String("eventName"), StartsWith: []string{"Create"}})
		}, "trail", Wrong, "by eventName", "trail"},
		"advanced, some people": {func(a *account) {
			a.selectors = advanced(field("eventCategory", "Management"), trailtypes.AdvancedFieldSelector{Field: aws.String("userIdentity.arn"), NotStartsWith: []string{"arn:"}})
		}, "trail", Wrong, "by userIdentity.arn", "trail"},
		"trail unknown":   {func(a *account) { a.errs["GetEventSelectors"] = refused("AccessDeniedException") }, "trail", Unknown, "not known: cloudtrail:GetEventSelectors: AccessDenied", "credentials that may cloudtrail:GetEventSelectors"},
		"status unknown":  {func(a *account) { a.errs["GetTrailStatus"] = refused("AccessDeniedException") }, "trail", Unknown, "not known: cloudtrail:GetTrailStatus", "credentials"},
		"trails unknown":  {func(a *account) { a.errs["DescribeTrails"] = errors.New("no route") }, "trail", Unknown, "no route", "credentials"},
		"rule not in it":  {func(a *account) { delete(a.resources, "ClusterTags") }, "rule ClusterTags", Wrong, "no such rule", "deploy"},
		"rule gone":       {func(a *account) { delete(a.rules, "rule-EndpointAccess") }, "rule EndpointAccess", Wrong, "is gone", "--revert-drift"},
		"rule disabled":   {func(a *account) { a.rules["rule-SweepSchedule"].State = ruletypes.RuleStateDisabled }, "rule SweepSchedule", Wrong, "disabled", "aws events enable-rule --name rule-SweepSchedule"},
		"rule edited":     {func(a *account) { a.rules["rule-ClusterTags"].EventPattern = aws.String(`{"source":["aws.ec2"]}`) }, "rule ClusterTags", Wrong, "events/rules/cluster-tags.json", "--revert-drift"},
		"rule aimed away": {func(a *account) { a.targets["rule-EndpointAccess"][0].Arn = aws.String(deadARN) }, "rule EndpointAccess", Wrong, queueARN + " is not among", "--revert-drift"},
		"rule loses":      {func(a *account) { a.targets["rule-EndpointAccess"][0].DeadLetterConfig = nil }, "rule EndpointAccess", Wrong, "is lost", "--revert-drift"},
		"targets unknown": {func(a *account) { a.targets = nil; a.errs["ListTargetsByRule"] = refused("AccessDenied") }, "rule EndpointAccess", Unknown, "ListTargetsByRule", "credentials"},
		"queue gone":      {func(a *account) { delete(a.queues, queueURL) }, "queue", Wrong, "gone", "--revert-drift"},
		"queue loses":     {func(a *account) { delete(a.queues[queueURL], "RedrivePolicy") }, "queue", Wrong, "is lost", "--revert-drift"},
		"queue open": {func(a *account) {
			a.queues[queueURL]["Policy"] = `{"Statement":[{"Effect":"Allow","Action":["sqs:SendMessage"]}]}`
		}, "queue settings", Wrong, "WithoutItAnyoneWithSqsRightsCouldSend is missing or changed", "--revert-drift"},
		"another may send": {func(a *account) {
			a.queues[queueURL]["Policy"] = strings.Replace(a.queues[queueURL]["Policy"], "the-SweepRole19075C26", "mallory", 1)
		}, "queue settings", Wrong, "WithoutItAnyoneWithSqsRightsCouldSend", "--revert-drift"},
		"dead letters open": {func(a *account) { delete(a.queues[deadURL], "Policy") }, "dead letters' queue", Wrong, "WithoutItRulesLoseWhatTheyCannotDeliver", "--revert-drift"},
		"filtered": {func(a *account) {
			a.mappings[0].FilterCriteria = &functiontypes.FilterCriteria{Filters: []functiontypes.Filter{{Pattern: aws.String(`{"body":["x"]}`)}}}
		}, "queue wakes function", Wrong, "FilterCriteria is", "--revert-drift"},
		"woken from elsewhere": {func(a *account) {
			a.mappings = append(a.mappings, functiontypes.EventSourceMappingConfiguration{EventSourceArn: aws.String(deadARN), UUID: aws.String("other")})
		}, "queue wakes function", Wrong, deadARN + " wakes the function, too", "delete-event-source-mapping --uuid other"},
		"a boundary": {func(a *account) {
			a.role.Role.PermissionsBoundary = &roletypes.AttachedPermissionsBoundary{PermissionsBoundaryArn: aws.String("arn:b")}
		}, "role guardrail", Wrong, "boundary arn:b", "delete-role-permissions-boundary --role-name the-GuardrailRole58EF8344"},
		"its policy gone": {func(a *account) { a.inline["the-SweepRole19075C26"] = nil }, "role sweep", Wrong, "its policy function is gone", "--revert-drift"},
		"role unreadable": {func(a *account) { a.inline["the-SweepRole19075C26"]["function"] = "{" }, "role sweep", Unknown, "read the policy", "deploy"},
		"in a VPC": {func(a *account) {
			a.function["guard"].Configuration.VpcConfig = &functiontypes.VpcConfigResponse{SubnetIds: []string{"s"}}
		}, "code guardrail", Wrong, "VpcConfig is", "--revert-drift"},
		"no settings":            {func(a *account) { a.function["sweeper"].Configuration.Environment = nil }, "settings sweep", Wrong, "ENDPOINTGUARD_ACCOUNT is not set", "--revert-drift"},
		"callers unknown":        {func(a *account) { a.errs["GetPolicy"] = refused("AccessDeniedException"); a.policies["guard"] = "x" }, "callers guardrail", Unknown, "lambda:GetPolicy", "credentials"},
		"ledger gone":            {func(a *account) { a.errs["DescribeTable"] = refused("ResourceNotFoundException") }, "ledger", Wrong, "is gone", "backup"},
		"ledger being deleted":   {func(a *account) { a.table.TableStatus = tabletypes.TableStatusDeleting }, "ledger", Wrong, "DELETING", "look at"},
		"ledger unknown":         {func(a *account) { a.errs["DescribeTable"] = refused("AccessDeniedException") }, "ledger", Unknown, "dynamodb:DescribeTable", "credentials"},
		"topic open":             {func(a *account) { a.topic["Policy"] = "" }, "topic settings", Wrong, "WithoutItAnyoneWithSnsRightsCouldMail", "--revert-drift"},
		"topic's key":            {func(a *account) { a.topic["KmsMasterKeyId"] = "k" }, "topic settings", Wrong, `KmsMasterKeyId is "k", and not set was deployed`, "--revert-drift"},
		"topic settings unknown": {func(a *account) { a.errs["GetTopicAttributes"] = refused("AuthorizationError") }, "topic settings", Unknown, "sns:GetTopicAttributes", "credentials"},
		"alarm without an action": {func(a *account) {
			alarm := a.alarms["the-BacklogAlarm1E83516A"]
			alarm.AlarmActions = nil
			a.alarms["the-BacklogAlarm1E83516A"] = alarm
		}, "alarm BacklogAlarm", Wrong, "AlarmActions is not set", "--revert-drift"},
		"another's address": {func(a *account) { a.subscriptions[0].Endpoint = aws.String("mallory@example.com") }, "mails", Wrong, "alice@example.com was deployed and is not subscribed any more", "subscribe whoever"},
		"all filtered": {func(a *account) {
			a.template = strings.Replace(a.template, `"Protocol": "email",`, `"Protocol": "email", "FilterPolicy": {"severity": ["critical"]},`, 1)
			a.attributes[confirmed]["FilterPolicy"] = `{"severity":["critical"]}`
		}, "mails", Wrong, "every subscription has a filter policy", "without a filter policy"},
		"no template":      {func(a *account) { a.template = "Resources:\n" }, "template", Unknown, "not JSON with resources", "deploy"},
		"template unknown": {func(a *account) { a.errs["GetTemplate"] = refused("AccessDenied") }, "template", Unknown, "cloudformation:GetTemplate", "credentials"},
		"mapping disabled": {func(a *account) { a.mappings[0].State = aws.String("Disabled") }, "queue wakes function", Wrong, "Disabled", "--uuid the-uuid"},
		"mapping gone":     {func(a *account) { a.mappings = nil }, "queue wakes function", Wrong, "no event source mapping", "--revert-drift"},
		"function gone":    {func(a *account) { delete(a.function, "guard") }, "function guardrail", Wrong, "guard is gone", "--revert-drift"},
		"function failed": {func(a *account) {
			a.function["guard"].Configuration.State = functiontypes.StateFailed
			a.function["guard"].Configuration.StateReason = aws.String("key disabled")
		}, "function guardrail", Wrong, "Failed: key disabled", "deploy"},
		"update failed": {func(a *account) {
			a.function["sweeper"].Configuration.LastUpdateStatus = functiontypes.LastUpdateStatusFailed
		}, "function sweep", Wrong, "its last update failed", "deploy"},
		"throttled to nothing": {func(a *account) {
			a.function["guard"].Concurrency = &functiontypes.Concurrency{ReservedConcurrentExecutions: aws.Int32(0)}
		}, "function guardrail", Wrong, "never runs", "delete-function-concurrency --function-name guard"},
		"loops stopped": {func(a *account) { a.loop = functiontypes.RecursiveLoopTerminate }, "re-checks", Wrong, "Terminate", "put-function-recursion-config --recursive-loop Allow --function-name guard"},
		"mode changed": {func(a *account) {
			a.environment(settings.Mode, settings.ModeEnforce)
		}, "mode", Wrong, `it is "enforce", and "alert" was deployed`, "--revert-drift"},
		"no outputs":            {func(a *account) { a.stack.Outputs = nil }, "deployment", Unknown, "no output Version", "deploy"},
		"no hash and no code":   {func(a *account) { a.output("PolicyHash", ""); a.errs["Download"] = errors.New("no answer") }, "policy", Unknown, "no answer, and the stack has no output PolicyHash", "lambda:GetFunction"},
		"another policy":        {func(a *account) { a.code = zipped(t, map[string]string{"policy.yaml": "version: 1\n# x\n"}) }, "policy", Wrong, "another document than policy.yaml", "--policy"},
		"other policy, by hash": {func(a *account) { a.errs["Download"] = errors.New("no answer"); a.output("PolicyHash", "def") }, "policy", Wrong, "def was deployed, policy.yaml is abc", "--policy"},
		"pending":               {func(a *account) { a.subscriptions[0].SubscriptionArn = aws.String("PendingConfirmation") }, "mails", Wrong, "alice@example.com has not confirmed", `docs/operations.md, "Subscriptions"`},
		"pending with an ARN":   {func(a *account) { a.attributes[confirmed]["PendingConfirmation"] = "true" }, "mails", Wrong, "alice@example.com has not confirmed", "Subscriptions"},
		"deleted":               {func(a *account) { a.subscriptions[0].SubscriptionArn = aws.String("Deleted") }, "mails", Wrong, "alice@example.com is Deleted", "subscribe anew"},
		"one click":             {func(a *account) { a.attributes[confirmed]["ConfirmationWasAuthenticated"] = "false" }, "mails", Wrong, "one click", "--authenticate-on-unsubscribe"},
		"nobody":                {func(a *account) { a.subscriptions = nil }, "mails", Wrong, "nobody has subscribed", "subscribe somebody"},
		"the second page": {func(a *account) {
			a.subscriptions = append(a.subscriptions, topictypes.Subscription{Protocol: aws.String("https"), Endpoint: aws.String("https://chat.example.com"), SubscriptionArn: aws.String("PendingConfirmation")})
		}, "mails", Wrong, "https://chat.example.com has not confirmed", "Subscriptions"},
		"topic gone":      {func(a *account) { a.errs["ListSubscriptionsByTopic"] = refused("NotFound") }, "mails", Wrong, "topic is gone", "--revert-drift"},
		"topic unknown":   {func(a *account) { a.errs["ListSubscriptionsByTopic"] = refused("AuthorizationError") }, "mails", Unknown, "not known", "sns:ListSubscriptionsByTopic"},
		"unsure":          {func(a *account) { a.errs["GetSubscriptionAttributes"] = refused("AuthorizationError") }, "mails", Unknown, "not known", "sns:GetSubscriptionAttributes"},
		"letters":         {func(a *account) { a.queues[deadURL][counts[0]], a.queues[deadURL][counts[1]] = "2", "1" }, "dead letters", Wrong, "3 of them", "endpointguard redrive"},
		"letters unknown": {func(a *account) { a.queues[deadURL] = map[string]string{"X": "y"} }, "dead letters", Unknown, "no number", "again"},
		"letter box gone": {func(a *account) { delete(a.queues, deadURL) }, "dead letters", Wrong, "gone", "--revert-drift"},
		"loop unknown":    {func(a *account) { a.errs["GetFunctionRecursionConfig"] = refused("AccessDeniedException") }, "re-checks", Unknown, "not known", "lambda:GetFunctionRecursionConfig"},
		"loop unanswered": {func(a *account) {
			a.errs["GetFunctionRecursionConfig"] = &smithyhttp.ResponseError{
				Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusNotFound}}, Err: errors.New("invalid character '<'"),
			}
		}, "re-checks", Unknown, "an answer of status 404 that cannot be read", "what answers lambda:GetFunctionRecursionConfig"},
		"mappings unknown": {func(a *account) { a.errs["ListEventSourceMappings"] = refused("AccessDeniedException") }, "queue wakes function", Unknown, "not known", "lambda:ListEventSourceMappings"},
	} {
		t.Run(name, func(t *testing.T) {
			a := healthy(t)
			test.spoil(a)
			_, findings, err := a.doctor().Examine(t.Context(), stackName)
			if err != nil {
				t.Fatal(err)
			}
			var amiss []Finding
			for _, f := range findings {
				// One fault may be seen by every check that needs the same.
				if f.State == Unknown && f.Fix == "see the check template" || slices.Contains(seenToo[test.check], f.Check) {
					continue
				}
				if f.State != Fine && (f.Check == test.check || !strings.HasPrefix(f.Check, "rule ")) {
					amiss = append(amiss, f)
				}
			}
			if Healthy(findings) || len(amiss) != 1 {
				t.Fatalf("healthy %v, findings %+v", Healthy(findings), amiss)
			}
			f := amiss[0]
			if f.Check != test.check || f.State != test.state || !strings.Contains(f.What, test.what) || !strings.Contains(f.Fix, test.fix) || f.Fix == "" {
				t.Errorf("%+v\nwant %s %s …%s… fix …%s…", f, test.check, test.state, test.what, test.fix)
			}
		})
	}
}

// TestVariants: what differs from the healthy account and is fine, too.
func TestVariants(t *testing.T) {
	for name, test := range map[string]struct {
		vary  func(*account)
		check string
		want  Finding
	}{
		"trail of the region": {func(a *account) {
			a.trails[0].IsMultiRegionTrail, a.trails[0].HomeRegion = nil, aws.String("eu-west-1")
		}, "trail", Finding{State: Fine, What: "all logs the calls"}},
		"advanced selectors": {func(a *account) {
			a.selectors = &cloudtrail.GetEventSelectorsOutput{AdvancedEventSelectors: []trailtypes.AdvancedEventSelector{
				{FieldSelectors: []trailtypes.AdvancedFieldSelector{{Field: aws.String("eventCategory"), Equals: []string{"Data"}}}},
				{FieldSelectors: []trailtypes.AdvancedFieldSelector{
					{Field: aws.String("eventCategory"), Equals: []string{"Management"}},
					{Field: aws.String("readOnly"), Equals: []string{"false"}},
					{Field: aws.String("eventSource"), NotEquals: []string{"kms.amazonaws.com", "rdsdata.amazonaws.com"}},
				}},
			}}
		}, "trail", Finding{State: Fine, What: "all logs the calls"}},
		"the second trail": {func(a *account) {
			a.trails = append([]trailtypes.Trail{{Name: aws.String("other"), HomeRegion: aws.String("us-west-2")}}, a.trails...)
		}, "trail", Finding{State: Fine, What: "all logs the calls"}},
		"code out of reach": {func(a *account) { a.errs["Download"] = errors.New("no answer") }, "policy",
			Finding{State: Fine, What: "policy.yaml (abc), as the stack says: the function's code could not be read: no answer"}},
		"code nowhere": {func(a *account) { a.function["guard"].Code = nil }, "policy",
			Finding{State: Fine, What: "policy.yaml (abc), as the stack says: where the function's code is was not told"}},
		"topic elsewhere": {func(a *account) { a.environment(settings.TopicARN, "arn:aws:sns:eu-west-1:444455556666:security") }, "mails",
			Finding{State: Skipped, What: "arn:aws:sns:eu-west-1:444455556666:security is of account 444455556666: look at its subscriptions there"}},
		"alarms apart": {func(a *account) { a.environment(settings.TopicARN, "arn:aws:sns:eu-west-1:444455556666:security") }, "alarms",
			Finding{State: Fine, What: "1 subscribed and confirmed"}},
		"chat": {func(a *account) {
			a.environment(settings.ChatTopic, "arn:aws:sns:eu-west-1:111122223333:chat")
		}, "chat", Finding{State: Fine, What: "1 subscribed and confirmed"}},
		"GovCloud": {func(a *account) {
			a.stack.StackId = aws.String("arn:aws-us-gov:cloudformation:us-gov-west-1:111122223333:stack/" + stackName + "/1")
		}, "re-checks", Finding{State: Skipped, What: "Lambda has no recursive loop setting here"}},
		"enforcing": {func(a *account) {
			a.output("Mode", settings.ModeEnforce)
			a.environment(settings.Mode, settings.ModeEnforce)
		}, "mode", Finding{State: Fine, What: "enforce: the policy's responses are in force"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := healthy(t)
			test.vary(a)
			_, findings, err := a.doctor().Examine(t.Context(), stackName)
			if err != nil {
				t.Fatal(err)
			}
			test.want.Check = test.check
			for _, f := range findings {
				if f.Check == test.check {
					if diff := cmp.Diff(test.want, f); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
					return
				}
			}
			t.Errorf("no finding of %s: %+v", test.check, findings)
		})
	}
}

// TestNotInstalled: without an installation nothing else is asked.
func TestNotInstalled(t *testing.T) {
	a := healthy(t)
	_, findings, err := a.doctor().Examine(t.Context(), "other-eu-west-1")
	if _, ok := errors.AsType[NotInstalled](err); !ok || findings != nil || !strings.Contains(err.Error(), "stack other-eu-west-1: there is none") {
		t.Errorf("%v, %v", err, findings)
	}
	delete(a.resources, "Alerts91F83244")
	_, _, err = a.doctor().Examine(t.Context(), stackName)
	if _, ok := errors.AsType[NotInstalled](err); !ok || !strings.Contains(err.Error(), "no AWS::SNS::Topic Alerts") {
		t.Errorf("%v", err)
	}
	a.errs["DescribeStacks"] = refused("AccessDenied")
	_, _, err = a.doctor().Examine(t.Context(), stackName)
	if _, ok := errors.AsType[NotInstalled](err); ok || !strings.Contains(err.Error(), "cloudformation:DescribeStacks: refused: AccessDenied") {
		t.Errorf("%v", err)
	}
}

// TestTemplate holds what is looked for to the template that gets deployed.
func TestTemplate(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "infra", "testdata", "alert.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties json.RawMessage
		}
		Outputs map[string]any
	}
	if err := json.Unmarshal(data, &template); err != nil {
		t.Fatal(err)
	}
	for key := range new(Installation).outputs() {
		if template.Outputs[key] == nil {
			t.Errorf("the template has no output %s", key)
		}
	}
	rules := 0
	in := Installation{Resources: map[string]string{}, Types: map[string]string{}}
	for id, r := range template.Resources {
		in.Resources[id], in.Types[id] = id, r.Type
		if r.Type == "AWS::Events::Rule" {
			rules++
		}
	}
	for _, part := range in.parts() {
		if in.resource(part.kind, part.construct) == "" {
			t.Errorf("the template has no %s %s", part.kind, part.construct)
		}
	}
	for _, id := range ruleIDs {
		if template.Resources[id].Type != "AWS::Events::Rule" {
			t.Errorf("the template has no rule %s", id)
		}
	}
	if rules != len(ruleIDs) {
		t.Errorf("the template has %d rules, %d are looked at", rules, len(ruleIDs))
	}
}

func TestDownload(t *testing.T) {
	for _, url := range []string{"http://127.0.0.1:1/zip?signature=secret", "http://[", "s3://x"} {
		_, err := Download(t.Context(), url)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestNamedSectionsExist: what a fix points to is there.
func TestNamedSectionsExist(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, source := range sources {
		code, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`docs/operations\.md, "([^"]+)"`).FindAllStringSubmatch(string(code), -1) {
			named++
			if !strings.Contains(string(page), "\n## "+m[1]+"\n") {
				t.Errorf("%s names the section %q, which docs/operations.md lacks", source, m[1])
			}
		}
	}
	if named == 0 {
		t.Error("no section is named")
	}
}
