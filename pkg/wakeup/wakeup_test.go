package wakeup

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
)

var start = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

func TestWakeUpsThatCannotBeUnderstoodAreOurs(t *testing.T) {
	for name, tc := range map[string]struct{ body, want string }{
		"no JSON after all":       {`{"endpointguard":1,"wakeUp":{"cluster":"demo","sweep":"yes"}}`, "wake-up: json:"},
		"a later version":         {`{"endpointguard":2,"wakeUp":{"cluster":"demo"}}`, "version 2"},
		"nothing in it":           {`{"endpointguard":1}`, `without "wakeUp"`},
		"a name that EKS has not": {`{"endpointguard":1,"wakeUp":{"cluster":"../demo"}}`, `"../demo"`},
		"tries below none":        {`{"endpointguard":1,"wakeUp":{"cluster":"demo","tries":-1}}`, "counts -1 tries"},
		"a check below none":      {`{"endpointguard":1,"wakeUp":{"cluster":"demo","check":-1}}`, "is check -1"},
	} {
		t.Run(name, func(t *testing.T) {
			w, ours, err := Decode([]byte(tc.body))
			if !ours || err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("ours %t, %v, want one about %s", ours, err, tc.want)
			}
			if diff := cmp.Diff(Message{}, w); diff != "" {
				t.Errorf("something of it is used (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsNoWakeUp(t *testing.T) {
	for _, body := range []string{"", "{", "{}", "null", `{"detail":{}}`, `{"endpointguard":"1"}`} {
		if _, ours, err := Decode([]byte(body)); ours || err != nil {
			t.Errorf("%q: ours %t, %v", body, ours, err)
		}
	}
}

func TestWakeUpsComeBackAsTheyWere(t *testing.T) {
	for name, w := range map[string]Message{
		"a sweep's":  {Cluster: "demo", Account: "111122223333", Region: "eu-west-1", Sweep: true},
		"a re-check": {Cluster: "demo", Account: "111122223333", Region: "eu-west-1", CreatedAt: start, Check: 1},
		"put back":   {Cluster: "demo", Account: "111122223333", Region: "eu-west-1", Tries: 1, Since: start},
	} {
		body, err := w.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, ours, err := Decode(body)
		if diff := cmp.Diff(w, got); !ours || err != nil || diff != "" {
			t.Errorf("%s: ours %t, %v (-want +got):\n%s", name, ours, err, diff)
		}
	}
}

// TestWhoAsksForALookByHand: neither a call, nor a re-check of whichever cluster of the
// name, nor the schedule does.
func TestWhoAsksForALookByHand(t *testing.T) {
	for name, tc := range map[string]struct {
		w    Message
		want bool
	}{
		"somebody":                      {Message{}, true},
		"somebody, and it was put back": {Message{Tries: 1, Since: start, Origin: "m"}, true},
		"a call":                        {Message{Event: &cloudtrail.Event{}}, false},
		"a re-check":                    {Message{Check: 1}, false},
		"a former cluster's debt":       {Message{CreatedAt: start}, false},
		"the schedule":                  {Message{Sweep: true}, false},
	} {
		if got := tc.w.ByHand(); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestDecode(t *testing.T) {
	w := Message{Cluster: "demo", Account: "111122223333", Region: "eu-west-1", Check: 3, Event: &cloudtrail.Event{ID: "e"}}
	data, err := w.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, ours, err := Decode(data)
	if err != nil || !ours || got.Check != 3 || got.Event.ID != "e" {
		t.Errorf("decoded %+v %v %v", got, ours, err)
	}
	for text, want := range map[string]string{
		`{"detail":{}}`: "",
		`{`:             "",
		`{"endpointguard":2,"wakeUp":{"cluster":"demo"}}`:   "version 2",
		`{"endpointguard":1}`:                               "without",
		`{"endpointguard":1,"wakeUp":{"cluster":"../etc"}}`: "no cluster name",
		`{"endpointguard":1,"wakeUp":{"cluster":7}}`:        "wake-up",
	} {
		_, ours, err := Decode([]byte(text))
		if want == "" && (ours || err != nil) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v %v, want %q", text, ours, err, want)
		}
	}
}
