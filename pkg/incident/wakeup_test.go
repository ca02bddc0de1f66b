package incident

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
)

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
			w, ours, err := DecodeWakeUp([]byte(tc.body))
			if !ours || err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("ours %t, %v, want one about %s", ours, err, tc.want)
			}
			if diff := cmp.Diff(WakeUp{}, w); diff != "" {
				t.Errorf("something of it is used (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsNoWakeUp(t *testing.T) {
	for _, body := range []string{"", "{", "{}", "null", `{"detail":{}}`, `{"endpointguard":"1"}`} {
		if _, ours, err := DecodeWakeUp([]byte(body)); ours || err != nil {
			t.Errorf("%q: ours %t, %v", body, ours, err)
		}
	}
}

func TestWakeUpsComeBackAsTheyWere(t *testing.T) {
	for name, w := range map[string]WakeUp{
		"a sweep's":  {Cluster: "demo", Account: "111122223333", Region: "eu-west-1", Sweep: true},
		"a re-check": {Cluster: "demo", Account: "111122223333", Region: "eu-west-1", CreatedAt: start, Check: 1},
		"put back":   {Cluster: "demo", Account: "111122223333", Region: "eu-west-1", Tries: 1, Since: start},
	} {
		body, err := w.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, ours, err := DecodeWakeUp(body)
		if diff := cmp.Diff(w, got); !ours || err != nil || diff != "" {
			t.Errorf("%s: ours %t, %v (-want +got):\n%s", name, ours, err, diff)
		}
	}
}

// TestWhoAsksForALookByHand: neither a call, nor a re-check of whichever cluster of the
// name, nor the schedule does.
func TestWhoAsksForALookByHand(t *testing.T) {
	for name, tc := range map[string]struct {
		w    WakeUp
		want bool
	}{
		"somebody":                      {WakeUp{}, true},
		"somebody, and it was put back": {WakeUp{Tries: 1, Since: start, Origin: "m"}, true},
		"a call":                        {WakeUp{Event: &cloudtrail.Event{}}, false},
		"a re-check":                    {WakeUp{Check: 1}, false},
		"a former cluster's debt":       {WakeUp{CreatedAt: start}, false},
		"the schedule":                  {WakeUp{Sweep: true}, false},
	} {
		if got := tc.w.ByHand(); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
