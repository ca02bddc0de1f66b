package localaws

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/eventbridge"
)

// PutRule makes an EventBridge rule with a JSON pattern and a queue, which
// must be there, as its target. A rule of the same name is replaced.
func (a *AWS) PutRule(name, pattern, queue string) error {
	defer a.lock()()
	return a.eventbridge.PutRule(name, pattern, queue)
}

// PutEvent gives an event in EventBridge's envelope to the rules, as if AWS
// had sent it; the delivery options apply.
func (a *AWS) PutEvent(event []byte) error {
	if !json.Valid(event) {
		return errors.New("localaws: the event is not JSON")
	}
	a.deliver(event)
	return nil
}

// Event returns an event of this account and region in EventBridge's envelope,
// of now; detail is encoded as JSON.
func (a *AWS) Event(source, detailType string, detail any) []byte {
	defer a.lock()()
	return eventbridge.Envelope(a.account, source, detailType, a.account.Now(), detail)
}

// deliver gives an event to the rules, with the delays that the options give it.
func (a *AWS) deliver(event []byte) {
	delays := []time.Duration{a.opts.EventDelay}
	if a.opts.DeliverEvent != nil {
		delays = a.opts.DeliverEvent(bytes.Clone(event))
	}
	defer a.lock()()
	a.eventbridge.Deliver(event, delays)
}

// MatchPattern reports whether an event pattern of EventBridge's matches an
// event. It knows values in lists, nested objects, $or, and the filters
// exists, prefix, suffix, equals-ignore-case, anything-but, numeric and
// wildcard; a pattern with anything else, or that AWS would refuse, is an
// error. Source: the EventBridge user guide, "Event patterns".
func MatchPattern(pattern, event []byte) (bool, error) { return eventbridge.Match(pattern, event) }
