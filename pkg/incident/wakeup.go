package incident

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

// WakeUp is a message of the guardrail to itself: look at this cluster. A
// re-check carries its number, a message that came too early its event.
type WakeUp struct {
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
func (w WakeUp) ByHand() bool {
	return w.Event == nil && w.Check == 0 && w.CreatedAt.IsZero() && !w.Sweep
}

// wakeUpVersion is the version of the message's form.
const wakeUpVersion = 1

type wakeUpEnvelope struct {
	Version int     `json:"endpointguard"`
	WakeUp  *WakeUp `json:"wakeUp"`
}

// Encode writes the message.
func (w WakeUp) Encode() ([]byte, error) {
	return json.Marshal(wakeUpEnvelope{Version: wakeUpVersion, WakeUp: &w})
}

// DecodeWakeUp reads a message. It is false for anything that is no wake-up,
// and an error for a wake-up that cannot be understood.
func DecodeWakeUp(data []byte) (WakeUp, bool, error) {
	var envelope wakeUpEnvelope
	err := json.Unmarshal(data, &envelope)
	switch {
	case envelope.Version == 0:
		return WakeUp{}, false, nil
	case err != nil:
		return WakeUp{}, true, fmt.Errorf("wake-up: %w", err)
	case envelope.Version != wakeUpVersion:
		return WakeUp{}, true, fmt.Errorf("wake-up of version %d, this guardrail reads version %d", envelope.Version, wakeUpVersion)
	case envelope.WakeUp == nil:
		return WakeUp{}, true, fmt.Errorf(`wake-up without "wakeUp"`)
	case !endpoint.NamePattern.MatchString(envelope.WakeUp.Cluster):
		return WakeUp{}, true, fmt.Errorf("wake-up for %.120q, which is no cluster name that EKS admits", envelope.WakeUp.Cluster)
	case envelope.WakeUp.Tries < 0 || envelope.WakeUp.Check < 0:
		return WakeUp{}, true, fmt.Errorf("wake-up of cluster %s counts %d tries and is check %d", envelope.WakeUp.Cluster, envelope.WakeUp.Tries, envelope.WakeUp.Check)
	}
	return *envelope.WakeUp, true, nil
}
