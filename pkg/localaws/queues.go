package localaws

import (
	"fmt"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/sqs"
)

// QueueOptions are a queue's settings.
type QueueOptions = sqs.Options

// Message is a message in a queue.
type Message = sqs.Message

// CreateQueue makes a queue and returns its URL.
func (a *AWS) CreateQueue(name string, o QueueOptions) (url string, err error) {
	defer a.lock()()
	return a.sqs.Create(name, o)
}

// QueueURL returns the URL of the queue of the name.
func (a *AWS) QueueURL(name string) string { return a.sqs.URL(name) }

// QueueARN returns the ARN of the queue of the name.
func (a *AWS) QueueARN(name string) string { return a.sqs.ARN(name) }

// Messages returns the messages of a queue, visible or not, oldest first.
func (a *AWS) Messages(queue string) []Message {
	defer a.lock()()
	return a.sqs.Messages(queue)
}

// Send puts a message into a queue after a delay, without a call.
func (a *AWS) Send(queue, body string, delay time.Duration) error {
	defer a.lock()()
	if !a.sqs.Has(queue) {
		return fmt.Errorf("localaws: there is no queue named %s", queue)
	}
	a.sqs.Put(queue, body, nil, a.account.Now(), delay)
	return nil
}

// Purge empties a queue.
func (a *AWS) Purge(queue string) {
	defer a.lock()()
	a.sqs.Purge(queue)
}

// Next tells when the next message of a queue can be received: a time that is
// not after now if there is one already, and false if the queue is empty.
func (a *AWS) Next(queue string) (time.Time, bool) {
	defer a.lock()()
	return a.sqs.Next(queue)
}
