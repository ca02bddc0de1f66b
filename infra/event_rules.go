package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	cdkevents "github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/endpointguard/endpointguard/events"
)

// newRules makes the rules of events/ with the queue as their target, and those
// that start the sweep. It returns the ARNs of the former.
func (s *stack) newRules() (toQueue []string) {
	for _, file := range []string{events.EndpointAccess, events.ClusterTags} {
		rule := cdkevents.NewCfnRule(s.Stack, jsii.String(ruleID(file)), &cdkevents.CfnRuleProps{
			Description:  jsii.String("Endpoint Guard: the pattern of events/rules/" + file),
			EventPattern: pattern(file),
			State:        jsii.String("ENABLED"),
			Targets:      s.target(*s.queue.QueueArn()),
		})
		toQueue = append(toQueue, *rule.AttrArn())
	}
	all := slices.Clone(toQueue)

	schedule := cdkevents.NewCfnRule(s.Stack, jsii.String("SweepSchedule"), &cdkevents.CfnRuleProps{
		Description:        jsii.String("Endpoint Guard: the sweep of all clusters"),
		ScheduleExpression: &s.deployment.SweepEvery,
		State:              jsii.String("ENABLED"),
		Targets:            s.target(*s.sweep.FunctionArn()),
	})
	// A new policy is looked at with every cluster at once, and so is an account
	// that the guardrail is new to.
	deployed := cdkevents.NewCfnRule(s.Stack, jsii.String("SweepAfterDeployment"), &cdkevents.CfnRuleProps{
		Description: jsii.String("Endpoint Guard: the sweep after this stack was deployed"),
		EventPattern: map[string]any{
			"source":      []string{"aws.cloudformation"},
			"detail-type": []string{"CloudFormation Stack Status Change"},
			"detail": map[string]any{
				"stack-id":       []string{*awscdk.Aws_STACK_ID()},
				"status-details": map[string]any{"status": []string{"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}},
			},
		},
		State:   jsii.String("ENABLED"),
		Targets: s.target(*s.sweep.FunctionArn()),
	})
	all = append(all, *s.ledgerGone().AttrArn())
	for _, rule := range []cdkevents.CfnRule{schedule, deployed} {
		awslambda.NewCfnPermission(s.Stack, jsii.String(*rule.Node().Id()+"MayInvoke"), &awslambda.CfnPermissionProps{
			Action:       jsii.String("lambda:InvokeFunction"),
			FunctionName: s.sweep.FunctionArn(),
			Principal:    jsii.String("events.amazonaws.com"),
			SourceArn:    rule.AttrArn(),
		})
		all = append(all, *rule.AttrArn())
	}
	s.deadLetters.AddToResourcePolicy(fromRules("WithoutItRulesLoseWhatTheyCannotDeliver", s.deadLetters, all))
	return toQueue
}

// ledgerGone makes the rule that tells at once when somebody deletes the table of the
// ledger, or takes its protection off: nothing else would before the next cluster is
// looked at. It goes to the topic, since the functions can do nothing without a table.
func (s *stack) ledgerGone() cdkevents.CfnRule {
	table := []string{*s.table.TableName(), *s.table.TableArn()} // a call may have either
	s.ledgerRule = cdkevents.NewCfnRule(s.Stack, jsii.String("LedgerGone"), &cdkevents.CfnRuleProps{
		Description: jsii.String("Endpoint Guard: somebody deletes the table of the ledger, or takes its protection off"),
		EventPattern: map[string]any{
			"source":      []string{"aws.dynamodb"},
			"detail-type": []string{"AWS API Call via CloudTrail"},
			"detail": map[string]any{
				"eventSource": []string{"dynamodb.amazonaws.com"},
				"errorCode":   []any{map[string]any{"exists": false}},
				"$or": []any{
					map[string]any{"eventName": []string{"DeleteTable"}, "requestParameters": map[string]any{"tableName": table}},
					map[string]any{"eventName": []string{"UpdateTable"}, "requestParameters": map[string]any{"tableName": table, "deletionProtectionEnabled": []any{false}}},
				},
			},
		},
		State: jsii.String("ENABLED"),
		Targets: []any{&cdkevents.CfnRule_TargetProperty{
			Id:               jsii.String("endpointguard"),
			Arn:              s.topic.TopicArn(),
			DeadLetterConfig: &cdkevents.CfnRule_DeadLetterConfigProperty{Arn: s.deadLetters.QueueArn()},
			InputTransformer: &cdkevents.CfnRule_InputTransformerProperty{
				InputPathsMap: &map[string]*string{
					"call": jsii.String("$.detail.eventName"), "who": jsii.String("$.detail.userIdentity.arn"), "at": jsii.String("$.detail.eventTime"), "event": jsii.String("$.detail.eventID"),
				},
				InputTemplate: jsii.String(`"Endpoint Guard: the table of its ledger is being deleted, or can be now. Without it no cluster is closed and nobody is told. ` +
					`Call: <call> by <who> at <at>, CloudTrail event <event>. docs/operations.md, Alarms, says what to do."`),
			},
		}},
	})
	return s.ledgerRule
}

func (s *stack) target(arn string) []any {
	return []any{&cdkevents.CfnRule_TargetProperty{
		Id:               jsii.String("endpointguard"),
		Arn:              &arn,
		DeadLetterConfig: &cdkevents.CfnRule_DeadLetterConfigProperty{Arn: s.deadLetters.QueueArn()},
	}}
}

// ruleID is the rule's name in the template: EndpointAccess of endpoint-access.json.
func ruleID(file string) string {
	var id strings.Builder
	for word := range strings.SplitSeq(strings.TrimSuffix(file, ".json"), "-") {
		id.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return id.String()
}

func pattern(file string) map[string]any {
	data, err := fs.ReadFile(events.Rules(), file)
	var out map[string]any
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		panic(fmt.Sprintf("events/rules/%s, which is part of this program: %v", file, err))
	}
	return out
}

func fromRules(sid string, queue awssqs.Queue, rules []string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        &sid,
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sqs:SendMessage"),
		Resources:  jsii.Strings(*queue.QueueArn()),
		Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": rules}},
	})
}
