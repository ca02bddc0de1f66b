package sqs

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// The limits of SQS. Source: the SQS developer guide, "Message quotas".
const (
	maxDelay      = 900 * time.Second
	maxVisibility = 12 * time.Hour
	maxMessage    = 1 << 20
	maxBatch      = 10
)

// Options are a queue's settings.
type Options struct {
	VisibilityTimeout time.Duration // default 30 seconds
	Delay             time.Duration // of messages sent without one
	Retention         time.Duration // default 4 days
	// DeadLetters is the queue that takes a message once it has been received
	// MaxReceives times without being deleted; it must be there.
	DeadLetters string
	MaxReceives int
}

// Message is a message in a queue.
type Message struct {
	ID         string
	Body       string
	Attributes map[string]string // the message attributes that are text
	SentAt     time.Time
	VisibleAt  time.Time // until then it is delayed or in somebody's hands
	Receives   int
}

type queue struct {
	name     string
	opts     Options
	messages []*message    // in the order in which they came
	changed  chan struct{} // closed when a message comes or becomes visible early
}

// message is a message in a queue, in nobody's hands or somebody's.
type message struct {
	id         string
	body       string
	attributes map[string]Attribute
	sender     string
	sent       time.Time
	visibleAt  time.Time
	first      time.Time // of the receives
	receives   int
	receipt    string
}

// Attribute is a message attribute.
type Attribute struct {
	DataType    string `json:"DataType"`
	StringValue string `json:"StringValue,omitempty"`
	BinaryValue []byte `json:"BinaryValue,omitempty"`
}

func (q *queue) next() (at time.Time, ok bool) {
	for _, m := range q.messages {
		if !ok || m.visibleAt.Before(at) {
			at, ok = m.visibleAt, true
		}
	}
	return at, ok
}

func (q *queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// settle brings every queue to the state of the time.
func (s *Service) settle(now time.Time) {
	for _, name := range slices.Sorted(maps.Keys(s.queues)) {
		s.settleOne(s.queues[name], now)
	}
}

// settleOne takes away what has been kept too long, and moves to the dead
// letters what was received too often and would be visible again.
func (s *Service) settleOne(q *queue, now time.Time) {
	dead := s.queues[q.opts.DeadLetters]
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool {
		if !m.sent.Add(q.opts.Retention).After(now) {
			return true
		}
		if dead == nil || m.receives < q.opts.MaxReceives || m.visibleAt.After(now) {
			return false
		}
		m.receipt = ""
		m.receives = 0
		dead.messages = append(dead.messages, m)
		dead.wake()
		return true
	})
}

// held returns the message of a receipt handle: nil if it is gone or a later
// receive has a newer handle, an error if the handle is none of the queue's.
func (q *queue) held(receipt string) (*message, *wire.Error) {
	parts := strings.Split(wire.Untoken(receipt), "/")
	if len(parts) != 3 || parts[0] != q.name {
		return nil, wire.Refuse(http.StatusBadRequest, "ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
	}
	for _, m := range q.messages {
		if m.receipt == receipt {
			return m, nil
		}
	}
	return nil, nil
}

func (q *queue) remove(receipt string) *wire.Error {
	m, e := q.held(receipt)
	if e != nil {
		return e
	}
	q.messages = slices.DeleteFunc(q.messages, func(other *message) bool { return other == m })
	return nil
}
