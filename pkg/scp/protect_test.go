package scp_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/endpointguard/endpointguard/pkg/scp"
)

const (
	deployer = "arn:aws:iam::111122223333:role/cdk-hnb659fds-cfn-exec-role-111122223333-eu-west-1"
	stranger = "arn:aws:iam::111122223333:role/administrator"
)

func installation(name string) scp.Installation {
	return scp.Installation{Name: name, Deployers: []string{"arn:*:iam::*:role/cdk-hnb659fds-*", "arn:*:iam::*:role/platform/deployer"}}
}

// attempt is a call as Protect's statements see it.
type attempt struct {
	action, resource, principal string
	keys                        map[string]string
}

// refused evaluates a document as IAM does, as far as Protect uses it.
func refused(d scp.Document, a attempt) bool {
	return slices.ContainsFunc(d.Statement, func(s scp.Statement) bool {
		if s.Effect != "Deny" || !like(s.Action, a.action) || !like(s.Resource, a.resource) {
			return false
		}
		for operator, condition := range s.Condition {
			for key, values := range condition {
				value, there := a.keys[key], a.keys[key] != ""
				switch key + " " + operator {
				case "aws:PrincipalARN ArnNotLike":
					if like(values, a.principal) {
						return false
					}
				case "lambda:FunctionArn ArnLike", "aws:ResourceTag/aws:cloudformation:stack-name StringLike":
					if !there || !like(values, value) {
						return false
					}
				default:
					panic("the test does not know " + key + " " + operator)
				}
			}
		}
		return true
	})
}

// kinds are the resources of a stack as AWS knows them: their ARN with the name
// in the place of NAME, a call that would change them, and one that only reads.
var kinds = map[string]struct{ arn, change, read string }{
	"AWS::CloudFormation::Stack": {"arn:aws:cloudformation:eu-west-1:111122223333:stack/STACK/1b2c", "cloudformation:UpdateStack", "cloudformation:DescribeStacks"},
	"AWS::CloudTrail::Trail":     {"arn:aws:cloudtrail:eu-west-1:111122223333:trail/NAME", "cloudtrail:StopLogging", "cloudtrail:GetTrailStatus"},
	"AWS::CloudWatch::Alarm":     {"arn:aws:cloudwatch:eu-west-1:111122223333:alarm:NAME", "cloudwatch:DisableAlarmActions", "cloudwatch:DescribeAlarms"},
	"AWS::DynamoDB::Table":       {"arn:aws:dynamodb:eu-west-1:111122223333:table/NAME", "dynamodb:PutItem", "dynamodb:Query"},
	"AWS::Events::Rule":          {"arn:aws:events:eu-west-1:111122223333:rule/NAME", "events:DisableRule", "events:DescribeRule"},
	"AWS::IAM::Role":             {"arn:aws:iam::111122223333:role/NAME", "iam:PassRole", "iam:GetRolePolicy"},
	"AWS::KMS::Key":              {"arn:aws:kms:eu-west-1:111122223333:key/1b2c", "kms:ScheduleKeyDeletion", "kms:DescribeKey"},
	"AWS::Lambda::Function":      {"arn:aws:lambda:eu-west-1:111122223333:function:NAME", "lambda:UpdateFunctionCode", "lambda:GetFunction"},
	"AWS::Lambda::EventSourceMapping": {
		"arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:1b2c", "lambda:UpdateEventSourceMapping", "lambda:GetEventSourceMapping",
	},
	"AWS::Logs::LogGroup": {"arn:aws:logs:eu-west-1:111122223333:log-group:NAME", "logs:DeleteLogGroup", "logs:FilterLogEvents"},
	"AWS::S3::Bucket":     {"arn:aws:s3:::LOWER", "s3:PutBucketPolicy", "s3:GetObject"},
	"AWS::SNS::Topic":     {"arn:aws:sns:eu-west-1:111122223333:NAME", "sns:SetTopicAttributes", "sns:GetTopicAttributes"},
	"AWS::SNS::Subscription": {
		"arn:aws:sns:eu-west-1:111122223333:TOPIC:1b2c", "sns:Unsubscribe", "sns:GetSubscriptionAttributes",
	},
	"AWS::SQS::Queue": {"arn:aws:sqs:eu-west-1:111122223333:NAME", "sqs:SetQueueAttributes", "sqs:GetQueueAttributes"},
}

// parts are resources that have no ARN of their own, by what they are a part of.
var parts = map[string]string{
	"AWS::Lambda::EventInvokeConfig": "AWS::Lambda::Function",
	"AWS::Lambda::Permission":        "AWS::Lambda::Function",
	"AWS::S3::BucketPolicy":          "AWS::S3::Bucket",
	"AWS::SNS::TopicPolicy":          "AWS::SNS::Topic",
	"AWS::SQS::QueuePolicy":          "AWS::SQS::Queue",
}

// TestProtectsTheWholeStack: every resource of the template with everything in
// it can be changed by the deployers alone, and be read by everyone.
func TestProtectsTheWholeStack(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "infra", "testdata", "everything.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct{ Type string }
	}
	if err := json.Unmarshal(data, &template); err != nil {
		t.Fatal(err)
	}
	type resource struct{ Type string }
	all := map[string]resource{"Stack": {"AWS::CloudFormation::Stack"}}
	for id, r := range template.Resources {
		all[id] = resource(r)
	}
	// As CloudFormation names things, shortened for the longest name too.
	for name, stack := range map[string]string{"endpointguard": "endpointguard-eu-west-1", "eg": "eg-us-gov-west-1", "a-name-of-thirty-characters-xyz": "a-name-of-thirty-charac"} {
		d := scp.Protect(installation(name)).Document
		for id, r := range all {
			if r.Type == "AWS::CloudWatch::Dashboard" {
				continue // it only shows
			}
			kind, ok := kinds[r.Type]
			if of := parts[r.Type]; of != "" {
				kind, ok = kinds[of]
			}
			if !ok {
				t.Errorf("%s: the test does not know %s: is it protected?", id, r.Type)
				continue
			}
			physical := stack + "-" + id + "-1ABCDEF2GHIJ"
			arn := strings.NewReplacer("NAME", physical, "LOWER", strings.ToLower(physical), "STACK", stack, "TOPIC", stack+"-Alerts91F83244-1ABC").Replace(kind.arn)
			a := attempt{action: kind.change, resource: arn, principal: stranger, keys: map[string]string{
				"lambda:FunctionArn":                            "arn:aws:lambda:eu-west-1:111122223333:function:" + stack + "-Guardrail91D61981-1ABC",
				"aws:ResourceTag/aws:cloudformation:stack-name": stack,
			}}
			if !refused(d, a) {
				t.Errorf("%s of %s is not refused", a.action, a.resource)
			}
			a.principal = deployer
			if refused(d, a) {
				t.Errorf("%s of %s is refused to the deployer", a.action, a.resource)
			}
			a.principal, a.action = stranger, kind.read
			if refused(d, a) {
				t.Errorf("%s of %s is refused", a.action, a.resource)
			}
		}
	}
}

// TestProtectLeavesTheFunctionsAlone: the functions do what they do, the
// operators look and redrive, and nothing else in the account is touched.
func TestProtectLeavesTheFunctionsAlone(t *testing.T) {
	d := scp.Protect(installation("endpointguard")).Document
	const (
		prefix    = "endpointguard-eu-west-1-"
		guardrail = "arn:aws:iam::111122223333:role/" + prefix + "GuardrailRole58EF8344-1ABC"
		sweep     = "arn:aws:iam::111122223333:role/" + prefix + "SweepRole19075C26-1ABC"
		queue     = "arn:aws:sqs:eu-west-1:111122223333:" + prefix + "WakeUpsF7772DAC-1ABC"
		dead      = "arn:aws:sqs:eu-west-1:111122223333:" + prefix + "DeadLettersBBF8BAAB-1ABC"
		table     = "arn:aws:dynamodb:eu-west-1:111122223333:table/" + prefix + "LedgerB7379752-1ABC"
		stream    = "arn:aws:logs:eu-west-1:111122223333:log-group:" + prefix + "GuardrailLogsAE5961F2-1ABC:log-stream:x"
		function  = "arn:aws:lambda:eu-west-1:111122223333:function:" + prefix
	)
	for _, a := range []attempt{
		{action: "sqs:ReceiveMessage", resource: queue, principal: guardrail},
		{action: "sqs:DeleteMessage", resource: queue, principal: guardrail},
		{action: "sqs:SendMessage", resource: queue, principal: sweep},
		{action: "dynamodb:PutItem", resource: table, principal: guardrail},
		{action: "dynamodb:PutItem", resource: table, principal: sweep},
		{action: "logs:CreateLogStream", resource: stream, principal: guardrail},
		{action: "logs:PutLogEvents", resource: stream, principal: sweep},
		{action: "sns:Publish", resource: "arn:aws:sns:eu-west-1:111122223333:" + prefix + "Alerts91F83244-1ABC", principal: guardrail},
		{action: "lambda:InvokeFunction", resource: function + "Sweep576358E8-1ABC", principal: stranger},
		{action: "sqs:ReceiveMessage", resource: dead, principal: stranger},
		{action: "sqs:DeleteMessage", resource: dead, principal: stranger},
		{action: "lambda:UpdateEventSourceMapping", resource: "*", principal: stranger, keys: map[string]string{"lambda:FunctionArn": "arn:aws:lambda:eu-west-1:111122223333:function:shop"}},
		{action: "kms:ScheduleKeyDeletion", resource: "arn:aws:kms:eu-west-1:111122223333:key/9", principal: stranger},
		{action: "iam:CreateRole", resource: "arn:aws:iam::111122223333:role/shop", principal: stranger},
		{action: "sts:AssumeRole", resource: deployer, principal: stranger},
		{action: "iam:PassRole", resource: deployer, principal: stranger},
		{action: "s3:DeleteObject", resource: "arn:aws:s3:::endpointguard-website/index.html", principal: stranger},
		{action: "eks:UpdateClusterConfig", resource: "arn:aws:eks:eu-west-1:111122223333:cluster/endpointguard-demo", principal: stranger},
	} {
		if refused(d, a) {
			t.Errorf("refused: %+v", a)
		}
	}
	for _, a := range []attempt{
		{action: "lambda:InvokeFunction", resource: function + "Guardrail91D61981-1ABC", principal: stranger},
		{action: "sqs:SendMessage", resource: queue, principal: stranger},
		{action: "sqs:DeleteMessage", resource: queue, principal: stranger},
		{action: "sts:AssumeRole", resource: guardrail, principal: stranger},
		// Or anyone could make himself a role that is exempt.
		{action: "iam:CreateRole", resource: "arn:aws:iam::111122223333:role/endpointguard-x-GuardrailRole", principal: stranger},
		{action: "iam:CreateRole", resource: "arn:aws:iam::111122223333:role/cdk-hnb659fds-mine", principal: stranger},
		{action: "iam:UpdateAssumeRolePolicy", resource: deployer, principal: stranger},
		{action: "iam:PutRolePolicy", resource: guardrail, principal: guardrail},
		{action: "lambda:UpdateFunctionCode", resource: function + "Guardrail91D61981-1ABC", principal: guardrail},
		{action: "s3:DeleteObject", resource: "arn:aws:s3:::endpointguard-eu-west-1-trailbucketa831ce63-1abc/AWSLogs/1.json.gz", principal: stranger},
	} {
		if !refused(d, a) {
			t.Errorf("not refused: %+v", a)
		}
	}
}

// TestProtectFits: the document is one that Organizations takes, with many deployers too.
func TestProtectFits(t *testing.T) {
	in := installation(strings.Repeat("n", 30))
	for range 2 {
		in.Deployers = append(in.Deployers, "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_*")
	}
	w := scp.Protect(in)
	text, err := w.Document.JSON()
	if err != nil || !json.Valid(text) || len(text) > scp.MaxCharacters+1 {
		t.Fatalf("%d characters, %v", len(text), err)
	}
	seen := map[string]bool{}
	for _, s := range w.Document.Statement {
		if seen[s.Sid] || !regexp.MustCompile(`^[A-Za-z0-9]+$`).MatchString(s.Sid) || len(s.Condition["ArnNotLike"]["aws:PrincipalARN"]) < len(in.Deployers) {
			t.Errorf("statement %+v", s)
		}
		seen[s.Sid] = true
		for _, action := range s.Action {
			if strings.HasSuffix(action, ":*") {
				t.Errorf("%s refuses to read: %s", s.Sid, action)
			}
		}
	}
	if len(w.Limits) < 4 {
		t.Errorf("it does not say what it leaves: %q", w.Limits)
	}
}
