// Package sqs is the embedded SQS: queues, their messages, and who has them in
// hand until when. Start with [New]; all methods want the account's lock held.
package sqs

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/account"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// Service is SQS in one account and region.
type Service struct {
	account    *account.Account
	delayScale float64 // how long a second of DelaySeconds is, in seconds
	queues     map[string]*queue
}

// New returns SQS without a queue.
func New(a *account.Account, delayScale float64) *Service {
	return &Service{account: a, delayScale: delayScale, queues: map[string]*queue{}}
}

// Operations are what can be called.
func (s *Service) Operations() map[string]wire.Operation {
	return map[string]wire.Operation{
		"SendMessage":             s.sendMessage,
		"SendMessageBatch":        s.sendMessageBatch,
		"ReceiveMessage":          s.receiveMessage,
		"DeleteMessage":           s.deleteMessage,
		"DeleteMessageBatch":      s.deleteMessageBatch,
		"ChangeMessageVisibility": s.changeMessageVisibility,
		"GetQueueUrl":             s.getQueueURL,
		"GetQueueAttributes":      s.getQueueAttributes,
	}
}

// Create makes a queue and returns its URL.
func (s *Service) Create(name string, o Options) (url string, err error) {
	if o.VisibilityTimeout == 0 {
		o.VisibilityTimeout = 30 * time.Second
	}
	if o.Retention == 0 {
		o.Retention = 4 * 24 * time.Hour
	}
	switch {
	case s.queues[name] != nil:
		return "", fmt.Errorf("localaws: there is already a queue named %s", name)
	case o.DeadLetters != "" && s.queues[o.DeadLetters] == nil:
		return "", fmt.Errorf("localaws: queue %s: there is no queue named %s for its dead letters", name, o.DeadLetters)
	case o.DeadLetters != "" && o.MaxReceives < 1:
		return "", fmt.Errorf("localaws: queue %s: dead letters need MaxReceives of at least 1", name)
	}
	s.queues[name] = &queue{name: name, opts: o, changed: make(chan struct{})}
	return s.URL(name), nil
}

// URL returns the URL of the queue of the name.
func (s *Service) URL(name string) string {
	return "https://sqs." + s.account.Region + ".amazonaws.com/" + s.account.ID + "/" + name
}

// ARN returns the ARN of the queue of the name.
func (s *Service) ARN(name string) string { return s.account.ARN("sqs", name) }

// Has reports whether there is a queue of the name.
func (s *Service) Has(name string) bool { return s.queues[name] != nil }

// Messages returns the messages of a queue, visible or not, oldest first.
func (s *Service) Messages(queue string) []Message {
	q := s.queues[queue]
	if q == nil {
		return nil
	}
	s.settle(s.account.Now())
	var out []Message
	for _, m := range q.messages {
		told := Message{ID: m.id, Body: m.body, Attributes: map[string]string{}, SentAt: m.sent, VisibleAt: m.visibleAt, Receives: m.receives}
		for name, attribute := range m.attributes {
			told.Attributes[name] = attribute.StringValue
		}
		out = append(out, told)
	}
	return out
}

// Purge empties a queue.
func (s *Service) Purge(queue string) {
	if q := s.queues[queue]; q != nil {
		q.messages = nil
	}
}

// Put puts a message into a queue, if there is one of the name, after a delay.
func (s *Service) Put(queue, body string, attributes map[string]Attribute, now time.Time, delay time.Duration) {
	if q := s.queues[queue]; q != nil {
		s.add(q, &message{body: body, attributes: attributes, sent: now, visibleAt: now.Add(delay)})
	}
}

// add gives the message an id and puts it into the queue.
func (s *Service) add(q *queue, m *message) {
	m.id = s.account.UUID()
	q.messages = append(q.messages, m)
	q.wake()
}

// Next tells when the next message of a queue can be received: a time that is
// not after now if there is one already, and false if the queue is empty.
func (s *Service) Next(queue string) (time.Time, bool) {
	q := s.queues[queue]
	if q == nil {
		return time.Time{}, false
	}
	s.settle(s.account.Now())
	return q.next()
}

// Changed returns what is closed when a message comes into a queue or becomes
// visible early, nil if there is no queue of the name.
func (s *Service) Changed(queue string) <-chan struct{} {
	q := s.queues[queue]
	if q == nil {
		return nil
	}
	return q.changed
}

// Take receives up to n visible messages of a queue, oldest first, for its
// visibility timeout.
func (s *Service) Take(queue string, now time.Time, n int) []Received {
	q := s.queues[queue]
	if q == nil {
		return nil
	}
	return s.take(q, now, n, q.opts.VisibilityTimeout)
}

// Remove deletes the message of a receipt handle, if the handle is still its
// newest.
func (s *Service) Remove(queue, receipt string) {
	if q := s.queues[queue]; q != nil {
		// A handle of another queue's removes nothing.
		_ = q.remove(receipt)
	}
}

func (s *Service) queueOf(r *wire.Request, queueURL string) (*queue, *wire.Error) {
	name := queueURL
	if u, err := url.Parse(queueURL); err == nil {
		name = u.Path[strings.LastIndex(u.Path, "/")+1:]
	}
	r.Resources = []string{s.ARN(name)}
	q := s.queues[name]
	if q == nil {
		return nil, wire.Refuse(http.StatusBadRequest, "QueueDoesNotExist", "The specified queue does not exist.")
	}
	s.settle(r.Now)
	return q, nil
}
