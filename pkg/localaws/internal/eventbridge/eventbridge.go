// Package eventbridge is the embedded EventBridge: rules that send the events that
// their patterns match to queues. Start with [New]; pattern.go has what a pattern
// means. All methods want the account's lock held.
package eventbridge

import (
	"fmt"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/account"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/sqs"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// Queues are the rules' targets.
type Queues interface {
	Has(queue string) bool
	Put(queue, body string, attributes map[string]sqs.Attribute, now time.Time, delay time.Duration)
}

// Service is EventBridge in one account and region.
type Service struct {
	account *account.Account
	queues  Queues
	rules   []*rule
}

// New returns EventBridge without a rule.
func New(a *account.Account, queues Queues) *Service { return &Service{account: a, queues: queues} }

// rule sends the events that its pattern matches to a queue.
type rule struct {
	name    string
	pattern map[string]any
	queue   string
}

// PutRule makes a rule with a JSON pattern and a queue, which must be there, as
// its target. A rule of the same name is replaced.
func (s *Service) PutRule(name, pattern, queue string) error {
	parsed, err := parsePattern([]byte(pattern))
	if err != nil {
		return fmt.Errorf("localaws: rule %s: %w", name, err)
	}
	if !s.queues.Has(queue) {
		return fmt.Errorf("localaws: rule %s: there is no queue named %s", name, queue)
	}
	added := &rule{name: name, pattern: parsed, queue: queue}
	for i, r := range s.rules {
		if r.name == name {
			s.rules[i] = added
			return nil
		}
	}
	s.rules = append(s.rules, added)
	return nil
}

// Deliver puts copies of an event into the queues of the rules that match it, one
// after each of the delays. What is not a JSON object matches none.
func (s *Service) Deliver(event []byte, delays []time.Duration) {
	parsed, err := parseJSON(event)
	if err != nil {
		return
	}
	now := s.account.Now()
	for _, r := range s.rules {
		if !matchObject(r.pattern, parsed) {
			continue
		}
		for _, delay := range delays {
			s.queues.Put(r.queue, string(event), nil, now, delay)
		}
	}
}

// Envelope puts a detail into EventBridge's envelope.
func Envelope(a *account.Account, source, detailType string, at time.Time, detail any) []byte {
	return wire.JSON(map[string]any{
		"version":     "0",
		"id":          a.UUID(),
		"detail-type": detailType,
		"source":      source,
		"account":     a.ID,
		"time":        at.UTC().Format(time.RFC3339),
		"region":      a.Region,
		"resources":   []string{},
		"detail":      detail,
	})
}
