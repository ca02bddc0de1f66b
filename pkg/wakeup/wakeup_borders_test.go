package wakeup

import (
	"strings"
	"testing"
)

// TestWhichMessagesAreWakeUps, and what is said of those that can't be understood:
// they are the guardrail's own all the same, and not to be taken for another's.
func TestWhichMessagesAreWakeUps(t *testing.T) {
	for text, want := range map[string]string{
		`{"endpointguard":1,"wakeUp":{"cluster":"demo"}}`:                     "",
		`{"endpointguard":1,"wakeUp":{"cluster":"demo","tries":1,"check":1}}`: "",
		`{"endpointguard":1,"wakeUp":{"cluster":"demo","tries":-1}}`:          "wake-up of cluster demo counts -1 tries and is check 0",
		`{"endpointguard":1,"wakeUp":{"cluster":"demo","check":-1}}`:          "wake-up of cluster demo counts 0 tries and is check -1",
		`{"endpointguard":1,"wakeUp":{"cluster":"demo","check":"1"}}`:         "wake-up: json: cannot unmarshal",
		`{"endpointguard":2,"wakeUp":{"cluster":"demo"}}`:                     "wake-up of version 2, this guardrail reads version 1",
		`{"endpointguard":1}`:                              `wake-up without "wakeUp"`,
		`{"endpointguard":1,"wakeUp":{"cluster":"-"}}`:     `wake-up for "-", which is no cluster name that EKS admits`,
		`{"endpointguard":1,"wakeUp":{}}`:                  `wake-up for "", which is no cluster name that EKS admits`,
		`{"endpointguard":-1,"wakeUp":{"cluster":"demo"}}`: "wake-up of version -1",
	} {
		w, ours, err := Decode([]byte(text))
		if !ours || (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: ours %t, %v", text, ours, err)
		}
		if err == nil && w.Cluster != "demo" || err != nil && w != (Message{}) {
			t.Errorf("%s: %+v", text, w)
		}
	}
	for _, text := range []string{`{}`, `[]`, ``, `{"detail":{}}`, `{"endpointguard":0,"wakeUp":{"cluster":"demo"}}`} {
		if _, ours, err := Decode([]byte(text)); ours || err != nil {
			t.Errorf("%s: ours %t, %v", text, ours, err)
		}
	}
}
