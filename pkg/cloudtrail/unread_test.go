package cloudtrail_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/events"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
)

// omitted is what CloudTrail writes in place of what is too large.
const omitted = `{"omitted":true,"originalSize":200000,"reason":"x"}`

// TestNothingThatIsLeftOutIsNothingAsked: whatever part of a record CloudTrail
// leaves out that tells the endpoint access, the request is unreadable, unless
// another part tells every setting; and the part is named.
func TestNothingThatIsLeftOutIsNothingAsked(t *testing.T) {
	const (
		open     = "update-open-sso"
		create   = "create-open-iam-user"
		request  = "detail.requestParameters"
		response = "detail.responseElements"
		sent     = request + ".resourcesVpcConfig"
	)
	type edits = map[string]string
	for name, tc := range map[string]struct {
		sample string
		edits  edits
		want   string // what was asked for
		unread string // the fields, with blanks between
	}{
		"the configuration that was sent":             {open, edits{sent: omitted, response: "null"}, "unreadable", "requestParameters.resourcesVpcConfig"},
		"written as text":                             {open, edits{sent: `{"omitted":"true"}`, response: "null"}, "unreadable", "requestParameters.resourcesVpcConfig"},
		"and the update":                              {open, edits{sent: omitted, response + ".update": omitted}, "unreadable", "requestParameters.resourcesVpcConfig responseElements.update"},
		"and the whole answer":                        {open, edits{sent: omitted, response: omitted}, "unreadable", "requestParameters.resourcesVpcConfig responseElements"},
		"and the parameters":                          {open, edits{sent: omitted, response + ".update.params": omitted}, "unreadable", "requestParameters.resourcesVpcConfig responseElements.update.params"},
		"one parameter":                               {open, edits{response + ".update.params": `[{"type":"EndpointPublicAccess","value":"true"},` + omitted + `]`}, "public=true cidrs=0.0.0.0/0 unreadable", "responseElements.update.params[1]"},
		"the value of a parameter":                    {open, edits{response + ".update.params": `[{"type":"PublicAccessCidrs","value":` + omitted + `}]`}, "public=true unreadable", "responseElements.update.params[PublicAccessCidrs]"},
		"the list that was sent":                      {open, edits{sent + ".publicAccessCidrs": omitted, response: "null"}, "public=true unreadable", "requestParameters.resourcesVpcConfig.publicAccessCidrs"},
		"an item of it":                               {open, edits{sent + ".publicAccessCidrs": `["192.0.2.0/24",` + omitted + `]`, response: "null"}, "public=true unreadable", "requestParameters.resourcesVpcConfig.publicAccessCidrs"},
		"a switch":                                    {open, edits{sent + ".endpointPublicAccess": omitted, response: "null"}, "cidrs=0.0.0.0/0 unreadable", "requestParameters.resourcesVpcConfig.endpointPublicAccess"},
		"what was sent, and EKS tells it":             {open, edits{sent: omitted}, "public=true private=true cidrs=0.0.0.0/0", ""},
		"the answer, of a part":                       {open, edits{response: omitted}, "public=true cidrs=0.0.0.0/0 unreadable", "responseElements"},
		"the answer, of subnets alone":                {open, edits{sent: `{"subnetIds":["subnet-1"]}`, response: omitted}, "unreadable", "responseElements"},
		"the answer, and all was sent":                {open, edits{sent + ".endpointPrivateAccess": "true", response: omitted}, "public=true private=true cidrs=0.0.0.0/0", ""},
		"of a creation, all":                          {create, edits{sent: omitted, response + ".cluster.resourcesVpcConfig": omitted}, "unreadable", "requestParameters.resourcesVpcConfig responseElements.cluster.resourcesVpcConfig"},
		"of a creation, and the answer":               {create, edits{sent: `{"omitted":true}`, response: `{"omitted":true}`}, "unreadable", "requestParameters.resourcesVpcConfig responseElements"},
		"of a creation, the cluster":                  {create, edits{sent: omitted, response + ".cluster": omitted}, "unreadable", "requestParameters.resourcesVpcConfig responseElements.cluster"},
		"of a creation, the answer":                   {create, edits{sent: `{"endpointPublicAccess":true}`, response: omitted}, "public=true unreadable", "responseElements"},
		"of a creation, the whole request, no answer": {create, edits{request: omitted, response: `{"cluster":{"name":"demo-1"}}`}, "unreadable", "requestParameters"},
		"of a creation, the whole request, and the answer has no Outposts": {create, edits{request: omitted, response + ".cluster.kubernetesNetworkConfig": `{"ipFamily":"ipv4"}`}, "public=true private=false cidrs=0.0.0.0/0", "requestParameters"},
		"of a creation, its tags":            {create, edits{request + ".tags": omitted, response: "null"}, "public=true private=false cidrs=0.0.0.0/0", "requestParameters.tags"},
		"of a creation, its family":          {create, edits{request + ".kubernetesNetworkConfig": omitted, response: "null"}, "public=true private=false cidrs=0.0.0.0/0", "requestParameters.kubernetesNetworkConfig"},
		"of a creation, whether on Outposts": {create, edits{request + ".outpostConfig": omitted, response: "null"}, "public=true private=false cidrs=0.0.0.0/0", "requestParameters.outpostConfig"},
		"of a creation, the hybrid nodes":    {create, edits{response + ".cluster.remoteNetworkConfig": omitted}, "public=true private=false cidrs=0.0.0.0/0", "responseElements.cluster.remoteNetworkConfig"},
		"of a change of tags, the tags":      {"tag-cluster", edits{request + ".tags": omitted}, "nothing", "requestParameters.tags"},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := cloudtrail.Decode(edited(t, tc.sample, tc.edits))
			if err != nil {
				t.Fatal(err)
			}
			if got := asked(e.Asked); got != tc.want {
				t.Errorf("asked %s, want %s", got, tc.want)
			}
			if got := fields(e); got != tc.unread {
				t.Errorf("unread %q, want %q", got, tc.unread)
			}
			if _, ok := e.Created(); ok && e.Asked.Unreadable {
				t.Error("a cluster was created of what cannot be read")
			}
		})
	}
}

func fields(e cloudtrail.Event) string {
	var names []string
	for _, u := range e.Unread {
		names = append(names, u.Field)
	}
	return strings.Join(names, " ")
}

// TestOmittedOfAnotherKind: what tells plainly that the endpoint access was not
// asked for stays no concern, whatever else was left out.
func TestOmittedOfAnotherKind(t *testing.T) {
	for name, edits := range map[string]map[string]string{
		"the configuration, and EKS names the kind": {"detail.requestParameters.resourcesVpcConfig": omitted, "detail.responseElements.update.type": `"VpcConfigUpdate"`, "detail.responseElements.update.params": "[]"},
		"and the parameters":                        {"detail.requestParameters.resourcesVpcConfig": omitted, "detail.responseElements.update.type": `"VpcConfigUpdate"`, "detail.responseElements.update.params": omitted},
		"the answer, and no configuration was sent": {"detail.requestParameters.resourcesVpcConfig": "", "detail.responseElements": omitted},
	} {
		_, err := cloudtrail.Decode(edited(t, "update-open-sso", edits))
		if got := summary(cloudtrail.Event{}, err); !strings.HasPrefix(got, "no concern: an update ") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestWhatCannotBeReadIsNamed: the field, what stands there, and what is wrong
// with it.
func TestWhatCannotBeReadIsNamed(t *testing.T) {
	const sent = "detail.requestParameters.resourcesVpcConfig"
	long := `"` + strings.Repeat("x", 500) + "\u202e" + `"`
	for raw, want := range map[string]string{
		`{"endpointPublicAccess":"yes","publicAccessCidrs":["0.0.0.0/0"]}`:        `requestParameters.resourcesVpcConfig.endpointPublicAccess is neither true nor false: "yes"`,
		`{"endpointPublicAccess":1,"publicAccessCidrs":[5]}`:                      `requestParameters.resourcesVpcConfig.endpointPublicAccess is neither true nor false: 1; requestParameters.resourcesVpcConfig.publicAccessCidrs is not a list of CIDRs: [5]`,
		`{"endpointPublicAccess":true,"publicAccessCidrs":["999.1.1.1/8"]}`:       `requestParameters.resourcesVpcConfig.publicAccessCidrs is not a list of CIDRs: ["999.1.1.1/8"]`,
		`{"endpointPublicAccess":true,"publicAccessCidrs":["192.0.2.0/24","x"]}`:  `requestParameters.resourcesVpcConfig.publicAccessCidrs is not a list of CIDRs: ["192.0.2.0/24","x"]`,
		`"{endpointPublicAccess=true"`:                                            `requestParameters.resourcesVpcConfig is not a JSON object: "{endpointPublicAccess=true"`,
		`[true]`:                                                                  `requestParameters.resourcesVpcConfig is not a JSON object: [true]`,
		omitted:                                                                   `requestParameters.resourcesVpcConfig was left out of the record by CloudTrail: ` + omitted,
		`{"endpointPublicAccess":true,"EndpointPublicAccess":false}`:              `requestParameters.resourcesVpcConfig.endpointPublicAccess contradicts another value: true`,
		`{"publicAccessCidrs":["192.0.2.0/24"],"PublicAccessCidrs":["::/0"]}`:     `requestParameters.resourcesVpcConfig.publicAccessCidrs contradicts another value: ["192.0.2.0/24"]`,
		`{"endpointPrivateAccess":` + long + `}`:                                  `requestParameters.resourcesVpcConfig.endpointPrivateAccess is neither true nor false: "` + strings.Repeat("x", 79) + "…",
		`{"endpointPrivateAccess":"a\nb"}`:                                        `requestParameters.resourcesVpcConfig.endpointPrivateAccess is neither true nor false: "a\nb"`,
		`{"ENDPOINTPUBLICACCESS":true,"endpointprivateaccess":"?"}`:               `requestParameters.resourcesVpcConfig.endpointprivateaccess is neither true nor false: "?"`,
		`{"endpointPublicAccess":` + omitted + `}`:                                `requestParameters.resourcesVpcConfig.endpointPublicAccess was left out of the record by CloudTrail: ` + omitted,
		`{"endpointPublicAccess":true,"publicAccessCidrs":"HIDDEN_FOR_SECURITY"}`: `requestParameters.resourcesVpcConfig.publicAccessCidrs is not a list of CIDRs: "HIDDEN_FOR_SECURITY"`,
	} {
		e, err := cloudtrail.Decode(edited(t, "update-open-sso", map[string]string{sent: raw, "detail.responseElements": "null"}))
		var got []string
		for _, u := range e.Unread {
			got = append(got, u.String())
		}
		if diff := cmp.Diff(want, strings.Join(got, "; ")); err != nil || diff != "" || !e.Asked.Unreadable {
			t.Errorf("%s: %v, unreadable %t (-want +got):\n%s", raw, err, e.Asked.Unreadable, diff)
		}
	}
	for raw, want := range map[string]string{
		`"x"`: `responseElements.update.params is not a list: "x"`,
		`[{"type":"EndpointPublicAccess","value":"perhaps"}]`:                                              `responseElements.update.params[EndpointPublicAccess] is neither true nor false: "perhaps"`,
		`[{"type":"EndpointPublicAccess","value":"true"},{"type":"EndpointPublicAccess","value":"false"}]`: `responseElements.update.params[EndpointPublicAccess] contradicts another value: "false"`,
		`[{"type":"PublicAccessCidrs","value":"[\"192.0.2.0/24\""}]`:                                       `responseElements.update.params[PublicAccessCidrs] is not a list of CIDRs: "[\"192.0.2.0/24\""`,
		`[{"value":"true"}]`: `responseElements.update.params[0] has no type: {"value":"true"}`,
		`[` + omitted + `]`:  `responseElements.update.params[0] was left out of the record by CloudTrail: ` + omitted,
		// Of several the first is named, but what says something before what was left out.
		`[{"type":"EndpointPublicAccess","value":"perhaps"},{"type":"endpointPublicAccess","value":"no"}]`: `responseElements.update.params[EndpointPublicAccess] is neither true nor false: "perhaps"`,
		`[{"value":"true"},{"value":"false"}]`: `responseElements.update.params[0] has no type: {"value":"true"}`,
		`[{"value":"true"},` + omitted + `]`:   `responseElements.update.params[0] has no type: {"value":"true"}`,
		`[` + omitted + `,{"value":"true"}]`:   `responseElements.update.params[1] has no type: {"value":"true"}`,
		`[` + omitted + `,{"omitted":true}]`:   `responseElements.update.params[0] was left out of the record by CloudTrail: ` + omitted,
	} {
		e, err := cloudtrail.Decode(edited(t, "update-open-sso", map[string]string{"detail.responseElements.update.params": raw}))
		var got []string
		for _, u := range e.Unread {
			got = append(got, u.String())
		}
		if diff := cmp.Diff(want, strings.Join(got, "; ")); err != nil || diff != "" || !e.Asked.Unreadable {
			t.Errorf("%s: %v, unreadable %t (-want +got):\n%s", raw, err, e.Asked.Unreadable, diff)
		}
	}
	for raw, want := range map[string]string{
		`7`:                  "requestParameters.tags is not a JSON object: 7",
		`{"a":"b","c":7}`:    "requestParameters.tags.c is not text: 7",
		`{"b":8,"a":7}`:      "requestParameters.tags.a is not text: 7", // one says enough
		`{"omitted":"true"}`: "",                                        // a tag may be called so
		`{"a":null}`:         "",
	} {
		e, err := cloudtrail.Decode(edited(t, "create-open-iam-user", map[string]string{"detail.requestParameters.tags": raw, "detail.responseElements": "null"}))
		got := unread(e)
		if got != want || err != nil || e.Asked.Unreadable {
			t.Errorf("tags %s: %q, %v; want %q", raw, got, err, want)
		}
	}
	for raw, want := range map[string]string{
		`["a"]`:     "",
		`["a",7]`:   "requestParameters.tagKeys is not text: 7",
		`"a"`:       `requestParameters.tagKeys is not a list: "a"`,
		`{"a":"b"}`: `requestParameters.tagKeys is not a list: {"a":"b"}`,
		omitted:     "requestParameters.tagKeys was left out of the record by CloudTrail: " + omitted,
	} {
		e, err := cloudtrail.Decode(edited(t, "untag-cluster", map[string]string{"detail.requestParameters.tagKeys": raw}))
		got := unread(e)
		if got != want || err != nil {
			t.Errorf("keys of tags %s: %q, %v; want %q", raw, got, err, want)
		}
	}
	for raw, want := range map[string]string{
		`{"ipFamily":"ipv6"}`: "",
		`{"ipFamily":null}`:   "",
		`{"ipFamily":"ipv5"}`: `requestParameters.kubernetesNetworkConfig.ipFamily is neither ipv4 nor ipv6: "ipv5"`,
		`{"ipFamily":6}`:      `requestParameters.kubernetesNetworkConfig.ipFamily is neither ipv4 nor ipv6: 6`,
	} {
		e, err := cloudtrail.Decode(edited(t, "create-open-iam-user", map[string]string{"detail.requestParameters.kubernetesNetworkConfig": raw, "detail.responseElements": "null"}))
		got := unread(e)
		if got != want || err != nil {
			t.Errorf("network %s: %q, %v; want %q", raw, got, err, want)
		}
	}
}

// unread is what an event says of the values that could not be read.
func unread(e cloudtrail.Event) (out string) {
	for _, u := range e.Unread {
		out += u.String()
	}
	return out
}

// TestAnEmptyRequestOfATable: tables have a request as a text. Nothing was sent where it is
// empty; any other text may have said anything, and is named.
func TestAnEmptyRequestOfATable(t *testing.T) {
	const isText = "requestParameters is text and not JSON: export the records as JSON; CloudTrail Lake has them in the column eventJson: "
	for raw, want := range map[string]string{
		`""`:              "",
		`" "`:             "",
		`"{name=demo-1}"`: isText + `"{name=demo-1}"`,
		`7`:               "requestParameters is not a JSON object: 7",
	} {
		e, err := cloudtrail.Decode(edited(t, "create-open-iam-user", map[string]string{"detail.requestParameters": raw}))
		got := unread(e)
		if got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", raw, got, err, want)
		}
	}
}

// TestLeavingOutNeverShrinksARequest: of every sample each part of the request and
// of the answer is left out in turn, and what is read of the rest is the same as
// before, or it is said that it cannot be read. A call that concerned a cluster never
// becomes one that does not.
func TestLeavingOutNeverShrinksARequest(t *testing.T) {
	entries, err := fs.ReadDir(events.Samples(), ".")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name(), ".json")
		whole, err := cloudtrail.Decode(sample(t, name))
		if err != nil {
			continue
		}
		var record any
		if err := json.Unmarshal(detail(t, name), &record); err != nil {
			t.Fatal(err)
		}
		for _, path := range paths(record) {
			if !strings.HasPrefix(path, ".requestParameters") && !strings.HasPrefix(path, ".responseElements") {
				continue
			}
			tried++
			data, err := json.Marshal(without(record, "", path))
			if err != nil {
				t.Fatal(err)
			}
			e, err := cloudtrail.Decode(data)
			if _, none := errors.AsType[cloudtrail.NoConcern](err); none {
				t.Errorf("%s without %s: %v", name, path, err)
			}
			if err != nil || len(e.Unread) > 0 {
				continue
			}
			said := func(e cloudtrail.Event) string {
				return fmt.Sprint(asked(e.Asked), e.Tags, e.Family, e.OutpostsLocal, e.HybridNodes, e.ChangedTags, e.RemovedTags)
			}
			if diff := cmp.Diff(said(whole), said(e)); diff != "" {
				t.Errorf("%s without %s (-whole +rest):\n%s", name, path, diff)
			}
		}
	}
	if tried < 300 {
		t.Errorf("only %d parts were left out", tried)
	}
}

// paths are the places of all values in v, as .a.b.0.
func paths(v any) []string {
	var out []string
	add := func(key string, item any) {
		out = append(out, "."+key)
		for _, path := range paths(item) {
			out = append(out, "."+key+path)
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			add(key, v[key])
		}
	case []any:
		for i, item := range v {
			add(strconv.Itoa(i), item)
		}
	}
	return out
}

// without is v, found at the place at, with what stands at the place path left
// out by CloudTrail.
func without(v any, at, path string) any {
	if at == path {
		return map[string]any{"omitted": true, "originalSize": 200000, "reason": "x"}
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, item := range v {
			out[key] = without(item, at+"."+key, path)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = without(item, at+"."+strconv.Itoa(i), path)
		}
		return out
	default:
		return v
	}
}

// TestSamplesAreReadWhole: no record as AWS writes it holds what cannot be read.
func TestSamplesAreReadWhole(t *testing.T) {
	entries, err := fs.ReadDir(events.Samples(), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name(), ".json")
		e, _ := cloudtrail.Decode(sample(t, name))
		if len(e.Unread) > 0 {
			t.Errorf("%s: %v", name, e.Unread)
		}
	}
}

// TestUnreadStaysHere: a message to ourselves carries an event; why a part of it
// could not be read is for people, and not in it.
func TestUnreadStaysHere(t *testing.T) {
	out, err := json.Marshal(cloudtrail.Event{Unread: []cloudtrail.Unread{{Field: "f", Value: "v", Why: "w"}}})
	if err != nil || strings.Contains(string(out), "Unread") && strings.Contains(string(out), `"w"`) {
		t.Errorf("%s, %v", out, err)
	}
}
