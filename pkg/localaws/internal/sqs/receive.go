package sqs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// Received is a message in somebody's hands, as it was when he received it.
type Received struct {
	ID, Receipt, Body string
	MD5               string // of the body
	Attributes        map[string]Attribute
	System            map[string]string // ApproximateReceiveCount and the like
}

// take receives up to n visible messages, oldest first.
func (s *Service) take(q *queue, now time.Time, n int, visibility time.Duration) []Received {
	s.settleOne(q, now)
	var taken []Received
	for _, m := range q.messages {
		if len(taken) == n {
			break
		}
		if m.visibleAt.After(now) {
			continue
		}
		m.receives++
		if m.receives == 1 {
			m.first = now
		}
		m.visibleAt = now.Add(visibility)
		m.receipt = wire.Token(q.name + "/" + m.id + "/" + s.account.UUID())
		taken = append(taken, Received{
			ID: m.id, Receipt: m.receipt, Body: m.body, MD5: md5Hex([]byte(m.body)), Attributes: m.attributes, System: m.system(),
		})
	}
	return taken
}

func (m *message) system() map[string]string {
	sender := m.sender
	if sender == "" {
		sender = "AIDAEVENTBRIDGE"
	}
	return map[string]string{
		"ApproximateReceiveCount":          strconv.Itoa(m.receives),
		"SentTimestamp":                    strconv.FormatInt(m.sent.UnixMilli(), 10),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.first.UnixMilli(), 10),
		"SenderId":                         sender,
	}
}

type receiveInput struct {
	QueueURL          string   `json:"QueueUrl"`
	Max               *int     `json:"MaxNumberOfMessages"`
	VisibilityTimeout *int     `json:"VisibilityTimeout"`
	Wait              *int     `json:"WaitTimeSeconds"`
	Names             []string `json:"AttributeNames"`
	SystemNames       []string `json:"MessageSystemAttributeNames"`
	MessageNames      []string `json:"MessageAttributeNames"`
}

// limits are how many messages are asked for, how long the call waits for one,
// and for how long they are in the caller's hands.
func (in *receiveInput) limits(q *queue) (n int, wait, visibility time.Duration, e *wire.Error) {
	n, visibility = 1, q.opts.VisibilityTimeout
	if in.Max != nil {
		n = *in.Max
	}
	if in.Wait != nil {
		wait = time.Duration(*in.Wait) * time.Second
	}
	if in.VisibilityTimeout != nil {
		visibility = time.Duration(*in.VisibilityTimeout) * time.Second
	}
	switch {
	case n < 1 || n > maxBatch:
		e = invalidValue(fmt.Sprintf("Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", n))
	case wait < 0 || wait > 20*time.Second:
		e = invalidValue(fmt.Sprintf("Value %d for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.", *in.Wait))
	case visibility < 0 || visibility > maxVisibility:
		e = invalidValue("Value for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200, if provided.")
	}
	return n, wait, visibility, e
}

func (s *Service) receiveMessage(r *wire.Request) (any, *wire.Error) {
	var in receiveInput
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	q, e := s.queueOf(r, in.QueueURL)
	if e != nil {
		return nil, e
	}
	n, wait, visibility, e := in.limits(q)
	if e != nil {
		return nil, e
	}
	until := r.Now.Add(wait)
	taken := s.take(q, r.Now, n, visibility)
	for len(taken) == 0 && wait > 0 && s.await(r.Ctx, q, until) {
		taken = s.take(q, s.account.Now(), n, visibility)
	}
	messages := []any{}
	for _, m := range taken {
		messages = append(messages, in.told(m))
	}
	if len(messages) == 0 {
		return map[string]any{}, nil
	}
	return map[string]any{"Messages": messages}, nil
}

// told is a message with the attributes that were asked for.
func (in *receiveInput) told(m Received) map[string]any {
	out := map[string]any{"MessageId": m.ID, "ReceiptHandle": m.Receipt, "Body": m.Body, "MD5OfBody": m.MD5}
	names := slices.Concat(in.Names, in.SystemNames)
	maps.DeleteFunc(m.System, func(name, _ string) bool {
		return !slices.Contains(names, "All") && !slices.Contains(names, name)
	})
	if len(m.System) > 0 {
		out["Attributes"] = m.System
	}
	asked := map[string]Attribute{}
	for name, attribute := range m.Attributes {
		if slices.ContainsFunc(in.MessageNames, func(want string) bool {
			prefix, open := strings.CutSuffix(want, ".*")
			return want == "All" || want == name || open && strings.HasPrefix(name, prefix)
		}) {
			asked[name] = attribute
		}
	}
	if len(asked) > 0 {
		out["MessageAttributes"] = asked
		out["MD5OfMessageAttributes"] = AttributesMD5(asked)
	}
	return out
}

// await waits until something in the queue may have become visible, or until
// the time. It tells false when there is nothing more to wait for. The caller
// holds the account's lock, which is given away meanwhile.
func (s *Service) await(ctx context.Context, q *queue, until time.Time) bool {
	now := s.account.Now()
	wake := until
	if at, ok := q.next(); ok && (wake.IsZero() || at.Before(wake)) {
		wake = at
	}
	var timer <-chan time.Time
	if !wake.IsZero() {
		t := time.NewTimer(wake.Sub(now))
		defer t.Stop()
		timer = t.C
	}
	changed := q.changed
	s.account.Unlock()
	defer s.account.Lock()
	select {
	case <-changed:
	case <-timer:
	case <-ctx.Done():
		return false
	case <-s.account.Closed:
		return false
	}
	return until.IsZero() || s.account.Now().Before(until)
}
