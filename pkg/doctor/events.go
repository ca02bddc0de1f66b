package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ruletypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/endpointguard/endpointguard/events"
)

// Rules is the part of EventBridge that the doctor needs.
type Rules interface {
	DescribeRule(ctx context.Context, in *eventbridge.DescribeRuleInput, options ...func(*eventbridge.Options)) (*eventbridge.DescribeRuleOutput, error)
	ListTargetsByRule(ctx context.Context, in *eventbridge.ListTargetsByRuleInput, options ...func(*eventbridge.Options)) (*eventbridge.ListTargetsByRuleOutput, error)
}

// Trails is the part of CloudTrail that the doctor needs.
type Trails interface {
	DescribeTrails(ctx context.Context, in *cloudtrail.DescribeTrailsInput, options ...func(*cloudtrail.Options)) (*cloudtrail.DescribeTrailsOutput, error)
	GetTrailStatus(ctx context.Context, in *cloudtrail.GetTrailStatusInput, options ...func(*cloudtrail.Options)) (*cloudtrail.GetTrailStatusOutput, error)
	GetEventSelectors(ctx context.Context, in *cloudtrail.GetEventSelectorsInput, options ...func(*cloudtrail.Options)) (*cloudtrail.GetEventSelectorsOutput, error)
}

// rule is one that an installation has: its logical id in the stack, the file of
// its pattern if it is one of events/, and what it wakes.
type rule struct {
	id, file string
	target   string // ARN
}

// ruleIDs are the logical ids of the rules. Source: infra/stack.go.
var ruleIDs = []string{"EndpointAccess", "ClusterTags", "SweepSchedule", "SweepAfterDeployment", "LedgerGone"}

func (in Installation) rules() []rule {
	files := map[string]string{"EndpointAccess": events.EndpointAccess, "ClusterTags": events.ClusterTags}
	var out []rule
	for _, id := range ruleIDs {
		r := rule{id: id, file: files[id], target: in.functionARN(in.Sweep)}
		switch {
		case r.file != "":
			r.target = in.queueARN(in.Queue)
		case id == "LedgerGone":
			r.target = in.AlertTopic
		}
		out = append(out, r)
	}
	return out
}

func (d Doctor) rules(ctx context.Context, in Installation, t *deployed) []Finding {
	var out []Finding
	for _, r := range in.rules() {
		out = append(out, d.rule(ctx, in, t, r))
	}
	return out
}

func (d Doctor) rule(ctx context.Context, in Installation, t *deployed, r rule) Finding {
	check, name := "rule "+r.id, in.Resources[r.id]
	if name == "" {
		return wrong(check, deploy, "the stack has no such rule")
	}
	got, err := d.Rules.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &name})
	switch {
	case isCode(err, "ResourceNotFound"):
		return wrong(check, revert, "the rule %s is gone", name)
	case err != nil:
		return unknown(check, "events:DescribeRule", err)
	case got.State == ruletypes.RuleStateDisabled:
		return wrong(check, "aws events enable-rule --name "+name, "the rule is disabled")
	case r.file != "" && !samePattern(r.file, aws.ToString(got.EventPattern)):
		return wrong(check, revert, "its pattern is not that of events/rules/%s", r.file)
	}
	targets, err := d.Rules.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: &name})
	if err != nil {
		return unknown(check, "events:ListTargetsByRule", err)
	}
	i := slices.IndexFunc(targets.Targets, func(t ruletypes.Target) bool { return aws.ToString(t.Arn) == r.target })
	if i < 0 {
		return wrong(check, revert, "%s is not among its targets", r.target)
	}
	if dead := targets.Targets[i].DeadLetterConfig; dead == nil || aws.ToString(dead.Arn) != in.queueARN(in.DeadLetters) {
		return wrong(check, revert, "what it cannot deliver is lost: its target has not the installation's dead letters")
	}
	if t == nil {
		return notCompared(check)
	}
	want, err := t.properties("AWS::Events::Rule", r.id)
	if err != nil {
		return notUnderstood(check, err)
	}
	is := map[string]any{"ScheduleExpression": got.ScheduleExpression, "Targets": targets.Targets}
	if text := aws.ToString(got.EventPattern); text != "" {
		var pattern any
		_ = json.Unmarshal([]byte(text), &pattern) // What cannot be read is not what was deployed.
		is["EventPattern"] = pattern
	}
	if differs := differences(want, is, "EventPattern", "ScheduleExpression", "Targets"); len(differs) > 0 {
		return asDeployed(check, revert, differs)
	}
	return fine(check, "enabled, with its target")
}

// samePattern reports whether a rule's pattern means that of the file.
func samePattern(file, pattern string) bool {
	want, err := fs.ReadFile(events.Rules(), file)
	if err != nil {
		panic(fmt.Sprintf("events/rules/%s, which is part of this program: %v", file, err))
	}
	var a, b any
	return json.Unmarshal(want, &a) == nil && json.Unmarshal([]byte(pattern), &b) == nil && reflect.DeepEqual(a, b)
}

// trail looks for one trail that records every call that the rules are about:
// without it EventBridge hears of none. Source: the EventBridge user guide, "AWS
// service events delivered via AWS CloudTrail".
func (d Doctor) trail(ctx context.Context, in Installation) Finding {
	const check = "trail"
	const fix = "have a trail log the management events that write, or deploy with -c createTrail=true"
	trails, err := d.Trails.DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{})
	if err != nil {
		return unknown(check, "cloudtrail:DescribeTrails", err)
	}
	var reasons []string
	var unsure *Finding
	for _, t := range trails.TrailList {
		name := aws.ToString(t.Name)
		if !aws.ToBool(t.IsMultiRegionTrail) && aws.ToString(t.HomeRegion) != in.Region {
			continue
		}
		// A name alone would be looked for in this region only.
		arn := t.TrailARN
		status, err := d.Trails.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: arn})
		if err != nil {
			unsure = new(unknown(check, "cloudtrail:GetTrailStatus", err))
			continue
		}
		if !aws.ToBool(status.IsLogging) {
			reasons = append(reasons, name+" does not log")
			continue
		}
		selectors, err := d.Trails.GetEventSelectors(ctx, &cloudtrail.GetEventSelectorsInput{TrailName: arn})
		if err != nil {
			unsure = new(unknown(check, "cloudtrail:GetEventSelectors", err))
			continue
		}
		if why := leavesOut(selectors); why != "" {
			reasons = append(reasons, name+" "+why)
			continue
		}
		return fine(check, "%s logs the calls", name)
	}
	switch {
	case unsure != nil:
		return *unsure
	case len(reasons) == 0:
		return wrong(check, fix, "no trail in this region, so no call is heard of")
	default:
		return wrong(check, fix, "no call is heard of: %s", strings.Join(reasons, "; "))
	}
}

// recorded is what a record must pass with for the rules to see it: of an EKS
// call that changes something.
var recorded = map[string][]string{
	"eventCategory": {"Management"},
	"readOnly":      {"false"},
	"eventSource":   {"eks.amazonaws.com"},
	"eventType":     {"AwsApiCall"},
	"eventName":     {"CreateCluster", "UpdateClusterConfig", "DeleteCluster", "TagResource", "UntagResource"},
}

// leavesOut says what of those calls the selectors of a trail leave out, "" for
// nothing. Source: the CloudTrail user guide, "Logging management events".
func leavesOut(s *cloudtrail.GetEventSelectorsOutput) string {
	for _, basic := range s.EventSelectors {
		if aws.ToBool(basic.IncludeManagementEvents) && basic.ReadWriteType != trailtypes.ReadWriteTypeReadOnly &&
			!slices.Contains(basic.ExcludeManagementEventSources, "eks.amazonaws.com") {
			return ""
		}
	}
	why := "logs no management events that write"
	for _, advanced := range s.AdvancedEventSelectors {
		field := narrows(advanced)
		if field == "" {
			return ""
		}
		if field != "eventCategory" {
			why = "leaves calls out by " + field
		}
	}
	return why
}

// narrows returns a field by which the selector leaves out some of the calls, ""
// if it takes them all. A field that isn't known here may leave out any.
func narrows(s trailtypes.AdvancedEventSelector) string {
	for _, f := range s.FieldSelectors {
		field := aws.ToString(f.Field)
		values := recorded[field]
		if len(values) == 0 {
			return field
		}
		for _, value := range values {
			if !admits(f, value) {
				return field
			}
		}
	}
	return ""
}

// admits reports whether every operator of a field lets the value pass.
func admits(f trailtypes.AdvancedFieldSelector, value string) bool {
	one := func(wanted []string, match func(s, part string) bool) bool {
		return slices.ContainsFunc(wanted, func(part string) bool { return match(value, part) })
	}
	equal := func(s, part string) bool { return s == part }
	return (len(f.Equals) == 0 || one(f.Equals, equal)) &&
		(len(f.StartsWith) == 0 || one(f.StartsWith, strings.HasPrefix)) &&
		(len(f.EndsWith) == 0 || one(f.EndsWith, strings.HasSuffix)) &&
		!one(f.NotEquals, equal) && !one(f.NotStartsWith, strings.HasPrefix) && !one(f.NotEndsWith, strings.HasSuffix)
}
