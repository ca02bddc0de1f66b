package doctor

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Queues is the part of SQS that the doctor needs.
type Queues interface {
	GetQueueAttributes(ctx context.Context, in *sqs.GetQueueAttributesInput, options ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

func (d Doctor) attributes(ctx context.Context, url string) (map[string]string, error) {
	out, err := d.Queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

func noQueue(err error) bool {
	return isCode(err, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")
}

func (d Doctor) queue(ctx context.Context, in Installation) Finding {
	const check = "queue"
	attributes, err := d.attributes(ctx, in.Queue)
	switch {
	case err != nil && noQueue(err):
		return wrong(check, revert, "the queue is gone")
	case err != nil:
		return unknown(check, "sqs:GetQueueAttributes", err)
	}
	var redrive struct {
		Target string `json:"deadLetterTargetArn"`
	}
	// What cannot be read is no redrive policy.
	_ = json.Unmarshal([]byte(attributes["RedrivePolicy"]), &redrive)
	if redrive.Target != in.queueARN(in.DeadLetters) {
		return wrong(check, revert, "what cannot be handled is lost: the queue has not the installation's dead letters")
	}
	return fine(check, "there, %s messages wait or are handled", total(attributes))
}

// queueSettings judges who may use a queue, and what it does with messages, by what
// was deployed.
func (d Doctor) queueSettings(ctx context.Context, t *deployed, check, construct, url string) Finding {
	if t == nil {
		return notCompared(check)
	}
	want, err := t.properties("AWS::SQS::Queue", construct)
	if err != nil {
		return notUnderstood(check, err)
	}
	policy, err := t.properties("AWS::SQS::QueuePolicy", construct+"Policy")
	if err != nil {
		return notUnderstood(check, err)
	}
	got, err := d.attributes(ctx, url)
	switch {
	case err != nil && noQueue(err):
		return wrong(check, revert, "the queue is gone")
	case err != nil:
		return unknown(check, "sqs:GetQueueAttributes", err)
	}
	document, err := policyDocument(got["Policy"])
	if err != nil {
		return wrong(check, revert, "its policy cannot be read: %v", err)
	}
	differs := policyDifferences(policy["PolicyDocument"], document)
	is := map[string]any{}
	for name, value := range got {
		is[name] = value
	}
	// SQS knows numbers and true as text, and the redrive policy as JSON.
	for name, value := range want {
		if name != "RedrivePolicy" {
			want[name] = asText(value)
		}
	}
	// What a queue has unless it is told otherwise. Source: the SQS API reference,
	// SetQueueAttributes.
	for name, value := range map[string]string{"DelaySeconds": "0", "VisibilityTimeout": "30"} {
		if want[name] == nil {
			want[name] = value
		}
	}
	if want["KmsMasterKeyId"] != nil {
		delete(is, "SqsManagedSseEnabled") // SQS turns its own off, and says so.
	}
	if policy := got["RedrivePolicy"]; policy != "" {
		var redrive any
		_ = json.Unmarshal([]byte(policy), &redrive) // What cannot be read is not what was deployed.
		is["RedrivePolicy"] = redrive
	}
	differs = append(differs, differences(want, is, "VisibilityTimeout", "MessageRetentionPeriod", "DelaySeconds", "KmsMasterKeyId", "SqsManagedSseEnabled", "RedrivePolicy")...)
	return asDeployed(check, revert, differs)
}

// counts are the attributes that say how many messages a queue has, all of them
// approximate.
var counts = []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"}

// total is how many messages a queue has, "?" when SQS tells no number.
func total(attributes map[string]string) string {
	sum := 0
	for _, name := range counts {
		n, err := strconv.Atoi(attributes[name])
		if err != nil {
			return "?"
		}
		sum += n
	}
	return strconv.Itoa(sum)
}

func (d Doctor) deadLetters(ctx context.Context, in Installation) Finding {
	const check = "dead letters"
	attributes, err := d.attributes(ctx, in.DeadLetters)
	switch {
	case err != nil && noQueue(err):
		return wrong(check, revert, "their queue is gone")
	case err != nil:
		return unknown(check, "sqs:GetQueueAttributes", err)
	}
	switch n := total(attributes); n {
	case "0":
		return fine(check, "none")
	case "?":
		return Finding{Check: check, State: Unknown, What: "not known: SQS told no number", Fix: "run it again"}
	default:
		return wrong(check, "endpointguard redrive --dry-run shows them, endpointguard redrive puts them back", "%s of them", n)
	}
}

// mapping judges what lets the queue wake the function, and that nothing else does.
func (d Doctor) mapping(ctx context.Context, in Installation, t *deployed) Finding {
	const check = "queue wakes function"
	var all []lambdatypes.EventSourceMappingConfiguration
	pager := lambda.NewListEventSourceMappingsPaginator(d.Functions, &lambda.ListEventSourceMappingsInput{FunctionName: &in.Guardrail})
	for pager.HasMorePages() {
		page, err := pager.NextPage(ctx)
		if isCode(err, "ResourceNotFound") {
			break
		}
		if err != nil {
			return unknown(check, "lambda:ListEventSourceMappings", err)
		}
		all = append(all, page.EventSourceMappings...)
	}
	var ours *lambdatypes.EventSourceMappingConfiguration
	for i := range all {
		if source := aws.ToString(all[i].EventSourceArn); source != in.queueARN(in.Queue) {
			return wrong(check, "aws lambda delete-event-source-mapping --uuid "+aws.ToString(all[i].UUID), "%s wakes the function, too, which was not deployed", source)
		}
		ours = &all[i]
	}
	if ours == nil {
		return wrong(check, revert, "the function has no event source mapping of the queue: nothing is handled")
	}
	// While it changes the state is another word for a moment.
	if state := aws.ToString(ours.State); state != "Enabled" && state != "Updating" && state != "Enabling" {
		return wrong(check, "aws lambda update-event-source-mapping --enabled --uuid "+aws.ToString(ours.UUID), "the event source mapping is %s: nothing is handled", state)
	}
	if t == nil {
		return notCompared(check)
	}
	want, err := t.properties("AWS::Lambda::EventSourceMapping", "GuardrailWakeUps")
	if err != nil {
		return notUnderstood(check, err)
	}
	if want["MaximumBatchingWindowInSeconds"] == nil {
		want["MaximumBatchingWindowInSeconds"] = 0
	}
	is, _ := plain(ours).(map[string]any)
	if is["MaximumBatchingWindowInSeconds"] == nil {
		is["MaximumBatchingWindowInSeconds"] = 0
	}
	if differs := differences(want, is, "BatchSize", "FilterCriteria", "FunctionResponseTypes", "ScalingConfig", "MaximumBatchingWindowInSeconds"); len(differs) > 0 {
		return asDeployed(check, revert, differs)
	}
	return fine(check, "the event source mapping is enabled")
}
