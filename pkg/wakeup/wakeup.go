// Package wakeup is the guardrail's message to itself: look at this cluster. What waits, waits
// as such a message in the queue. Begin at Message.
package wakeup

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

// Message asks for a look at a cluster. A
// re-check carries its number, a message that came too early its event.
type Message struct {
	Cluster string `json:"cluster"` // the name
	Account string `json:"account"`
	Region  string `json:"region"`
	// CreatedAt tells which cluster of the name a re-check is about.
	CreatedAt time.Time         `json:"createdAt,omitzero"`
	Check     int               `json:"check,omitempty"`
	Sweep     bool              `json:"sweep,omitempty"`
	Event     *cloudtrail.Event `json:"event,omitempty"`
	// Tries counts how often the message was put back before it could be
	// handled, Since is when that was first, and Origin the queue's id of the
	// message that was.
	Tries  int       `json:"tries,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	Origin string    `json:"origin,omitempty"`
	// Began is the update that EKS said it began for us, in a check whose record could
	// not be written after that.
	Began string `json:"began,omitempty"`
}

// ByHand reports whether somebody asked for the look: it is neither the schedule's,
// nor a re-check of any cluster of the name, nor because of a call.
func (w Message) ByHand() bool {
	return w.Event == nil && w.Check == 0 && w.CreatedAt.IsZero() && !w.Sweep
}

// version is the version of the message's form.
const version = 1

type envelope struct {
	Version int      `json:"endpointguard"`
	WakeUp  *Message `json:"wakeUp"`
}

// Encode writes the message.
func (w Message) Encode() ([]byte, error) {
	return json.Marshal(envelope{Version: version, WakeUp: &w})
}

// Decode reads a message. It is false for anything that is no wake-up,
// and an error for a wake-up that cannot be understood.
func Decode(data []byte) (Message, bool, error) {
	var e envelope
	err := json.Unmarshal(data, &e)
	switch {
	case e.Version == 0:
		return Message{}, false, nil
	case err != nil:
		return Message{}, true, fmt.Errorf("wake-up: %w", err)
	case e.Version != version:
		return Message{}, true, fmt.Errorf("wake-up of version %d, this guardrail reads version %d", e.Version, version)
	case e.WakeUp == nil:
		return Message{}, true, fmt.Errorf(`wake-up without "wakeUp"`)
	case !endpoint.NamePattern.MatchString(e.WakeUp.Cluster):
		return Message{}, true, fmt.Errorf("wake-up for %.120q, which is no cluster name that EKS admits", e.WakeUp.Cluster)
	case e.WakeUp.Tries < 0 || e.WakeUp.Check < 0:
		return Message{}, true, fmt.Errorf("wake-up of cluster %s counts %d tries and is check %d", e.WakeUp.Cluster, e.WakeUp.Tries, e.WakeUp.Check)
	}
	return *e.WakeUp, true, nil
}
