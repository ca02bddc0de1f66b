package doctor

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	stacktypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ruletypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	functiontypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	topictypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
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
	errs          map[string]error
}

func healthy(t *testing.T) *account {
	t.Helper()
	a := &account{
		stack: &stacktypes.Stack{
			StackId:     aws.String("arn:aws:cloudformation:eu-west-1:111122223333:stack/" + stackName + "/1"),
			StackStatus: stacktypes.StackStatusUpdateComplete,
		},
		resources: map[string]string{
			"Alice": confirmed, "WakeUpsF7772DAC": queueURL, "DeadLettersBBF8BAAB": deadURL, "Alerts91F83244": topicARN,
			"Guardrail91D61981": "guard", "Sweep576358E8": "sweeper",
		},
		types: map[string]string{
			"Alice": "AWS::SNS::Subscription", "WakeUpsF7772DAC": "AWS::SQS::Queue", "DeadLettersBBF8BAAB": "AWS::SQS::Queue", "Alerts91F83244": "AWS::SNS::Topic",
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
				"RedrivePolicy": `{"deadLetterTargetArn":"` + deadARN + `","maxReceiveCount":5}`,
				"Policy": `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"sqs:*","Condition":{"Bool":{"aws:SecureTransport":"false"}}},
					{"Effect":"Deny","Principal":"*","Action":"sqs:SendMessage","Condition":{"ArnNotEquals":{"aws:SourceArn":["a"]}}}]}`,
				counts[0]: "2", counts[1]: "1", counts[2]: "3",
			},
			deadURL: {counts[0]: "0", counts[1]: "0", counts[2]: "0"},
		},
		function: map[string]*lambda.GetFunctionOutput{
			"guard": {
				Configuration: &functiontypes.FunctionConfiguration{
					State: functiontypes.StateActive, LastUpdateStatus: functiontypes.LastUpdateStatusSuccessful, LastModified: aws.String("2026-11-23T10:00:00.000+0000"),
					Environment: &functiontypes.EnvironmentResponse{Variables: map[string]string{settings.Mode: settings.ModeAlert, settings.TopicARN: topicARN}},
				},
				Code: &functiontypes.FunctionCodeLocation{Location: aws.String("https://code.example.com/zip?signature=secret")},
			},
			"sweeper": {Configuration: &functiontypes.FunctionConfiguration{State: functiontypes.StateInactive, LastModified: aws.String("2026-11-23T10:00:00.000+0000")}},
		},
		loop:          functiontypes.RecursiveLoopAllow,
		mappings:      []functiontypes.EventSourceMappingConfiguration{{State: aws.String("Enabled"), UUID: aws.String("the-uuid")}},
		subscriptions: []topictypes.Subscription{{Protocol: aws.String("email"), Endpoint: aws.String("alice@example.com"), SubscriptionArn: aws.String(confirmed)}},
		attributes:    map[string]map[string]string{confirmed: {"PendingConfirmation": "false", "ConfirmationWasAuthenticated": "true"}},
		code:          zipped(t, map[string]string{"bootstrap": "code", "policy.yaml": document}),
		errs:          map[string]error{},
	}
	for key, value := range map[string]string{
		"Mode": "alert", "Version": "1.2.3", "PolicyHash": "abc", "Other": "x",
	} {
		a.stack.Outputs = append(a.stack.Outputs, stacktypes.Output{OutputKey: aws.String(key), OutputValue: aws.String(value)})
	}
	for id, file := range map[string]string{"EndpointAccess": events.EndpointAccess, "ClusterTags": events.ClusterTags, "SweepSchedule": "", "SweepAfterDeployment": ""} {
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
		a.targets[name] = []ruletypes.Target{{Arn: &target, DeadLetterConfig: &ruletypes.DeadLetterConfig{Arn: aws.String(deadARN)}}}
	}
	return a
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
		Stacks: a, Rules: a, Trails: a, Queues: a, Functions: a, Topics: a, Version: "1.2.3",
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
	if *in.FunctionName != "guard" || *in.EventSourceArn != queueARN {
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
		{"trail", Fine, "all logs the calls", ""},
		{"rule EndpointAccess", Fine, "enabled, with its target", ""},
		{"rule ClusterTags", Fine, "enabled, with its target", ""},
		{"rule SweepSchedule", Fine, "enabled, with its target", ""},
		{"rule SweepAfterDeployment", Fine, "enabled, with its target", ""},
		{"queue", Fine, "there, 6 messages wait or are handled", ""},
		{"queue wakes function", Fine, "the event source mapping is enabled", ""},
		{"function guardrail", Fine, "Active, changed 2026-11-23T10:00:00.000+0000", ""},
		{"re-checks", Fine, "Lambda lets the function wake itself", ""},
		{"mode", Fine, "alert: people are told, nothing is changed", ""},
		{"policy", Fine, "policy.yaml (abc)", ""},
		{"function sweep", Fine, "Inactive, changed 2026-11-23T10:00:00.000+0000", ""},
		{"mails", Fine, "1 subscribed and confirmed", ""},
		{"dead letters", Fine, "none", ""},
	}
	if diff := cmp.Diff(want, findings); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !Healthy(findings) || in.Account != "111122223333" || in.Region != "eu-west-1" || in.Partition != "aws" {
		t.Errorf("healthy %v, %s %s %s", Healthy(findings), in.Partition, in.Account, in.Region)
	}
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
		}, "queue", Wrong, "keep others from sending", "--revert-drift"},
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
		"one has left":          {func(a *account) { a.resources["Bob"], a.types["Bob"] = "x", "AWS::SNS::Subscription" }, "mails", Wrong, "2 e-mail addresses were deployed, 1 are left", "subscribe whoever"},
		"the second page": {func(a *account) {
			a.subscriptions = append(a.subscriptions, topictypes.Subscription{Protocol: aws.String("https"), Endpoint: aws.String("https://chat.example.com"), SubscriptionArn: aws.String("PendingConfirmation")})
		}, "mails", Wrong, "https://chat.example.com has not confirmed", "Subscriptions"},
		"topic gone":       {func(a *account) { a.errs["ListSubscriptionsByTopic"] = refused("NotFound") }, "mails", Wrong, "topic is gone", "--revert-drift"},
		"topic unknown":    {func(a *account) { a.errs["ListSubscriptionsByTopic"] = refused("AuthorizationError") }, "mails", Unknown, "not known", "sns:ListSubscriptionsByTopic"},
		"unsure":           {func(a *account) { a.errs["GetSubscriptionAttributes"] = refused("AuthorizationError") }, "mails", Unknown, "not known", "sns:GetSubscriptionAttributes"},
		"letters":          {func(a *account) { a.queues[deadURL][counts[0]], a.queues[deadURL][counts[1]] = "2", "1" }, "dead letters", Wrong, "3 of them", "endpointguard redrive"},
		"letters unknown":  {func(a *account) { a.queues[deadURL] = map[string]string{"X": "y"} }, "dead letters", Unknown, "no number", "again"},
		"letter box gone":  {func(a *account) { delete(a.queues, deadURL) }, "dead letters", Wrong, "gone", "--revert-drift"},
		"loop unknown":     {func(a *account) { a.errs["GetFunctionRecursionConfig"] = refused("AccessDeniedException") }, "re-checks", Unknown, "not known", "lambda:GetFunctionRecursionConfig"},
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
	closed := 0
	for _, r := range template.Resources {
		var p struct{ PolicyDocument json.RawMessage }
		if r.Type == "AWS::SQS::QueuePolicy" && json.Unmarshal(r.Properties, &p) == nil && keepsOthersOut(string(p.PolicyDocument)) {
			closed++
		}
	}
	if closed != 1 {
		t.Errorf("%d queues keep others out, want the one", closed)
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
