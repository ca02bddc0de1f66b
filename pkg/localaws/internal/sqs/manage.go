package sqs

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

func (s *Service) deleteMessage(r *wire.Request) (any, *wire.Error) {
	var in struct {
		QueueURL string `json:"QueueUrl"`
		Receipt  string `json:"ReceiptHandle"`
	}
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	q, e := s.queueOf(r, in.QueueURL)
	if e != nil {
		return nil, e
	}
	if e := q.remove(in.Receipt); e != nil {
		return nil, e
	}
	return map[string]any{}, nil
}

func (s *Service) deleteMessageBatch(r *wire.Request) (any, *wire.Error) {
	type entry struct {
		ID      string `json:"Id"`
		Receipt string `json:"ReceiptHandle"`
	}
	var in struct {
		QueueURL string  `json:"QueueUrl"`
		Entries  []entry `json:"Entries"`
	}
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	q, e := s.queueOf(r, in.QueueURL)
	if e != nil {
		return nil, e
	}
	return batch(in.Entries, func(e entry) string { return e.ID }, func(e entry) (map[string]any, *wire.Error) {
		return map[string]any{}, q.remove(e.Receipt)
	})
}

func (s *Service) changeMessageVisibility(r *wire.Request) (any, *wire.Error) {
	var in struct {
		QueueURL          string `json:"QueueUrl"`
		Receipt           string `json:"ReceiptHandle"`
		VisibilityTimeout int    `json:"VisibilityTimeout"`
	}
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	q, e := s.queueOf(r, in.QueueURL)
	if e != nil {
		return nil, e
	}
	visibility := time.Duration(in.VisibilityTimeout) * time.Second
	if visibility < 0 || visibility > maxVisibility {
		return nil, invalidValue(fmt.Sprintf("Value %d for parameter VisibilityTimeout is invalid. "+
			"Reason: VisibilityTimeout must be an integer between 0 and 43200.", in.VisibilityTimeout))
	}
	m, e := q.held(in.Receipt)
	if e != nil {
		return nil, e
	}
	if m == nil || !m.visibleAt.After(r.Now) {
		return nil, wire.Refuse(http.StatusBadRequest, "MessageNotInflight", "The message referred to is not in flight.")
	}
	m.visibleAt = r.Now.Add(visibility)
	q.wake()
	return map[string]any{}, nil
}

func (s *Service) getQueueURL(r *wire.Request) (any, *wire.Error) {
	var in struct {
		Name string `json:"QueueName"`
	}
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	q, e := s.queueOf(r, s.URL(in.Name))
	if e != nil {
		return nil, e
	}
	return map[string]any{"QueueUrl": s.URL(q.name)}, nil
}

func (s *Service) getQueueAttributes(r *wire.Request) (any, *wire.Error) {
	var in struct {
		QueueURL string   `json:"QueueUrl"`
		Names    []string `json:"AttributeNames"`
	}
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	q, e := s.queueOf(r, in.QueueURL)
	if e != nil {
		return nil, e
	}
	visible, delayed, inFlight := 0, 0, 0
	for _, m := range q.messages {
		switch {
		case !m.visibleAt.After(r.Now):
			visible++
		case m.receives == 0:
			delayed++
		default:
			inFlight++
		}
	}
	seconds := func(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
	all := map[string]string{
		"QueueArn":                              s.ARN(q.name),
		"VisibilityTimeout":                     seconds(q.opts.VisibilityTimeout),
		"DelaySeconds":                          seconds(q.opts.Delay),
		"MessageRetentionPeriod":                seconds(q.opts.Retention),
		"MaximumMessageSize":                    strconv.Itoa(maxMessage),
		"ApproximateNumberOfMessages":           strconv.Itoa(visible),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(delayed),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(inFlight),
	}
	if q.opts.DeadLetters != "" {
		all["RedrivePolicy"] = string(wire.JSON(map[string]any{
			"deadLetterTargetArn": s.ARN(q.opts.DeadLetters),
			"maxReceiveCount":     q.opts.MaxReceives,
		}))
	}
	maps.DeleteFunc(all, func(name, _ string) bool {
		return !slices.Contains(in.Names, "All") && !slices.Contains(in.Names, name)
	})
	return map[string]any{"Attributes": all}, nil
}
