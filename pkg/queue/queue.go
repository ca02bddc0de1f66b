// Package queue puts messages on the guardrail's SQS queue.
package queue

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
)

// Queue is the queue that wakes the guardrail.
type Queue struct {
	sqs *sqs.Client
	url string
}

// New returns the queue with the URL.
func New(client *sqs.Client, url string) *Queue { return &Queue{sqs: client, url: url} }

// Send puts a message on the queue that is delivered after the delay, at most 15
// minutes; it is rounded up to seconds.
func (q *Queue) Send(ctx context.Context, body []byte, delay time.Duration) error {
	seconds := int32((delay + time.Second - 1) / time.Second)
	_, err := q.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: aws.String(string(body)), DelaySeconds: seconds})
	if err != nil {
		return awstrouble.Sort("sqs:SendMessage", err, "")
	}
	return nil
}
