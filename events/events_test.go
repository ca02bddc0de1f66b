package events_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/events"
	"github.com/endpointguard/endpointguard/pkg/localaws"
)

func files(t *testing.T, folder fs.FS) []string {
	t.Helper()
	names, err := fs.Glob(folder, "*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files: %v", err)
	}
	return names
}

// event is what every sample has, as EventBridge and CloudTrail promise it.
type event struct {
	Version    string   `json:"version"`
	ID         string   `json:"id"`
	DetailType string   `json:"detail-type"`
	Source     string   `json:"source"`
	Account    string   `json:"account"`
	Time       string   `json:"time"`
	Region     string   `json:"region"`
	Resources  []string `json:"resources"`
	Detail     struct {
		EventSource        string `json:"eventSource"`
		EventName          string `json:"eventName"`
		EventID            string `json:"eventID"`
		EventTime          string `json:"eventTime"`
		EventVersion       string `json:"eventVersion"`
		AWSRegion          string `json:"awsRegion"`
		RecipientAccountID string `json:"recipientAccountId"`
		UserIdentity       struct {
			Type string `json:"type"`
		} `json:"userIdentity"`
		ErrorCode string `json:"errorCode"`
	} `json:"detail"`
}

func read(t *testing.T, name string) event {
	t.Helper()
	data, err := fs.ReadFile(events.Samples(), name)
	if err != nil {
		t.Fatal(err)
	}
	var e event
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return e
}

// TestSamplesAreWhole: an envelope and a record that agree with each other, and
// ids that are nobody's twice.
func TestSamplesAreWhole(t *testing.T) {
	uuid := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	ids := map[string]string{}
	identities := map[string]bool{}
	for _, name := range files(t, events.Samples()) {
		e := read(t, name)
		d := e.Detail
		if e.Version != "0" || e.Source != "aws.eks" || e.DetailType != "AWS API Call via CloudTrail" || e.Resources == nil {
			t.Errorf("%s: the envelope is %+v", name, e)
		}
		if e.Account != "111122223333" || e.Account != d.RecipientAccountID || e.Region == "" || e.Region != d.AWSRegion || e.Time == "" || e.Time != d.EventTime {
			t.Errorf("%s: envelope and record disagree on account, region or time", name)
		}
		if d.EventSource != "eks.amazonaws.com" || d.EventVersion == "" {
			t.Errorf("%s: the record is %+v", name, d)
		}
		for _, id := range []string{e.ID, d.EventID} {
			if other, used := ids[id]; used || !uuid.MatchString(id) {
				t.Errorf("%s: id %q is no UUID or that of %s", name, id, other)
			}
			ids[id] = name
		}
		identities[d.UserIdentity.Type] = true
	}
	for _, kind := range []string{"IAMUser", "AssumedRole", "Root", "FederatedUser", "AWSService", "IdentityCenterUser"} {
		if !identities[kind] {
			t.Errorf("no sample of a caller of type %s", kind)
		}
	}
}

// TestSamplesAreSafe: no address or account that could be someone's.
func TestSamplesAreSafe(t *testing.T) {
	address := regexp.MustCompile(`\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b`)
	account := regexp.MustCompile(`:(\d{12}):`)
	for _, name := range files(t, events.Samples()) {
		data, err := fs.ReadFile(events.Samples(), name)
		if err != nil {
			t.Fatal(err)
		}
		// The browser's version looks like an address.
		text := regexp.MustCompile(`Chrome/[\d.]+`).ReplaceAllString(string(data), "")
		for _, a := range address.FindAllString(text, -1) {
			if !regexp.MustCompile(`^(192\.0\.2|198\.51\.100|203\.0\.113|10\.\d+|172\.20)\.`).MatchString(a) && a != "0.0.0.0" && a != "128.0.0.0" {
				t.Errorf("%s: %s is no documentation or private address", name, a)
			}
		}
		for _, a := range account.FindAllStringSubmatch(text, -1) {
			if a[1] != "111122223333" {
				t.Errorf("%s: account %s", name, a[1])
			}
		}
	}
}

// TestIndex: README.md lists the files that there are.
func TestIndex(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+\\.json)`").FindAllStringSubmatch(string(readme), -1) {
		listed = append(listed, m[1])
	}
	there := append(files(t, events.Rules()), files(t, events.Samples())...)
	slices.Sort(listed)
	slices.Sort(there)
	if diff := cmp.Diff(there, listed); diff != "" {
		t.Errorf("README.md (-files +listed):\n%s", diff)
	}
}

func TestRules(t *testing.T) {
	if diff := cmp.Diff([]string{events.ClusterTags, events.EndpointAccess}, files(t, events.Rules())); diff != "" {
		t.Errorf("rules (-constants +files):\n%s", diff)
	}
	for _, name := range files(t, events.Rules()) {
		data, err := fs.ReadFile(events.Rules(), name)
		if err != nil {
			t.Fatal(err)
		}
		var pattern struct {
			Source     []string `json:"source"`
			DetailType []string `json:"detail-type"`
			Detail     struct {
				EventSource []string `json:"eventSource"`
				EventName   []string `json:"eventName"`
				ErrorCode   []struct {
					Exists *bool `json:"exists"`
				} `json:"errorCode"`
			} `json:"detail"`
		}
		d := json.NewDecoder(strings.NewReader(string(data)))
		d.DisallowUnknownFields()
		if err := d.Decode(&pattern); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c := pattern.Detail.ErrorCode; len(c) != 1 || c[0].Exists == nil || *c[0].Exists {
			t.Errorf("%s lets failed calls through", name)
		}
	}
}

// TestRulesPick: which rules pick which samples. Calls that failed wake nothing.
func TestRulesPick(t *testing.T) {
	want := map[string][]string{}
	for _, name := range files(t, events.Samples()) {
		switch {
		case name == "update-denied.json" || name == "update-refused-both-off.json":
			want[name] = nil
		case strings.HasPrefix(name, "create-") || strings.HasPrefix(name, "update-") || strings.HasPrefix(name, "delete-"):
			want[name] = []string{events.EndpointAccess}
		default:
			want[name] = []string{events.ClusterTags}
		}
	}
	got := map[string][]string{}
	for _, name := range files(t, events.Samples()) {
		sample, err := fs.ReadFile(events.Samples(), name)
		if err != nil {
			t.Fatal(err)
		}
		got[name] = picked(t, sample)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules that pick (-want +got):\n%s", diff)
	}
}

// TestRulesLeaveOut: a sample that is picked, changed in one place that the
// patterns name, is picked no more.
func TestRulesLeaveOut(t *testing.T) {
	sample, err := fs.ReadFile(events.Samples(), "update-open-sso.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"source": "aws.eks"`, `"source": "com.example"`},
		{`"AWS API Call via CloudTrail"`, `"AWS Service Event via CloudTrail"`},
		{`"eks.amazonaws.com"`, `"ecs.amazonaws.com"`},
		{`"UpdateClusterConfig"`, `"UpdateClusterVersion"`},
		{`"eventSource"`, `"errorCode": "AccessDenied", "eventSource"`},
	} {
		changed := strings.Replace(string(sample), change[0], change[1], 1)
		if changed == string(sample) {
			t.Fatalf("the sample has no %s", change[0])
		}
		if rules := picked(t, []byte(changed)); rules != nil {
			t.Errorf("with %s it is picked by %v", change[1], rules)
		}
	}
}

func picked(t *testing.T, event []byte) []string {
	t.Helper()
	var rules []string
	for _, name := range files(t, events.Rules()) {
		pattern, err := fs.ReadFile(events.Rules(), name)
		if err != nil {
			t.Fatal(err)
		}
		ok, err := localaws.MatchPattern(pattern, event)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if ok {
			rules = append(rules, name)
		}
	}
	return rules
}
