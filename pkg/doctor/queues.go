package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
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
	if !keepsOthersOut(attributes["Policy"]) {
		return wrong(check, revert, "its policy does not keep others from sending")
	}
	return fine(check, "there, %s messages wait or are handled", total(attributes))
}

// keepsOthersOut tells whether a queue's policy denies sending to all but those
// that it names.
func keepsOthersOut(policy string) bool {
	var document struct {
		Statement []struct {
			Effect    string
			Action    any
			Condition map[string]any
		}
	}
	if json.Unmarshal([]byte(policy), &document) != nil {
		return false
	}
	for _, s := range document.Statement {
		actions, isList := s.Action.([]any)
		if !isList {
			actions = []any{s.Action}
		}
		sends := slices.ContainsFunc(actions, func(a any) bool {
			action := strings.ToLower(fmt.Sprint(a))
			return action == "sqs:sendmessage" || action == "sqs:*"
		})
		if _, named := s.Condition["ArnNotEquals"]; s.Effect == "Deny" && sends && named {
			return true
		}
	}
	return false
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

// mapping judges what lets the queue wake the function.
func (d Doctor) mapping(ctx context.Context, in Installation) Finding {
	const check = "queue wakes function"
	out, err := d.Functions.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{
		FunctionName: &in.Guardrail, EventSourceArn: aws.String(in.queueARN(in.Queue)),
	})
	switch {
	case isCode(err, "ResourceNotFound"), err == nil && len(out.EventSourceMappings) == 0:
		return wrong(check, revert, "the function has no event source mapping of the queue: nothing is handled")
	case err != nil:
		return unknown(check, "lambda:ListEventSourceMappings", err)
	}
	m := out.EventSourceMappings[0]
	// While it changes the state is another word for a moment.
	if state := aws.ToString(m.State); state != "Enabled" && state != "Updating" && state != "Enabling" {
		return wrong(check, "aws lambda update-event-source-mapping --enabled --uuid "+aws.ToString(m.UUID), "the event source mapping is %s: nothing is handled", state)
	}
	return fine(check, "the event source mapping is enabled")
}
