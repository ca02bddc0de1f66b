package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/incident"
)

// askedFor is a record of an UpdateClusterConfig that sent config.
func askedFor(config, answer string) string {
	return `{"eventSource":"eks.amazonaws.com","eventName":"UpdateClusterConfig","awsRegion":"eu-west-1","recipientAccountId":"111122223333","eventTime":"2026-11-20T10:00:00Z",` +
		`"requestParameters":{"name":"prod-1","resourcesVpcConfig":` + config + `},"responseElements":` + answer + `}`
}

// TestWhatReplayCannotReadIsUnreadable: what a record says, or lacks, that cannot
// be read is never judged as if nothing had been asked for; it is named, in every
// form of the answer, and the exit status is 1. So it is with explain.
func TestWhatReplayCannotReadIsUnreadable(t *testing.T) {
	const omitted = `{"omitted":true,"originalSize":200000,"reason":"too large"}`
	create := func(config, answer string) string {
		return strings.Replace(askedFor(config, answer), "UpdateClusterConfig", "CreateCluster", 1)
	}
	for name, tc := range map[string]struct{ record, field, value string }{
		"left out":                    {askedFor(omitted, "null"), "requestParameters.resourcesVpcConfig", omitted},
		"left out, and the update":    {askedFor(`{"omitted":true}`, `{"update":{"omitted":true}}`), "requestParameters.resourcesVpcConfig", `{"omitted":true}`},
		"left out of a creation":      {create(`{"omitted":true}`, `{"omitted":true}`), "requestParameters.resourcesVpcConfig", `{"omitted":true}`},
		"the list left out":           {askedFor(`{"endpointPublicAccess":true,"publicAccessCidrs":{"omitted":true}}`, "null"), "requestParameters.resourcesVpcConfig.publicAccessCidrs", `{"omitted":true}`},
		"neither true nor false":      {askedFor(`{"endpointPublicAccess":"yes","publicAccessCidrs":["0.0.0.0/0"]}`, "null"), "requestParameters.resourcesVpcConfig.endpointPublicAccess", `"yes"`},
		"nor in the answer":           {askedFor(`{"endpointPublicAccess":"maybe"}`, `{"update":{"id":"u-1","params":[{"type":"EndpointPublicAccess","value":"perhaps"}]}}`), "responseElements.update.params[EndpointPublicAccess]", `"perhaps"`},
		"no CIDR":                     {askedFor(`{"endpointPublicAccess":true,"publicAccessCidrs":["999.1.1.1/8"]}`, "null"), "requestParameters.resourcesVpcConfig.publicAccessCidrs", `["999.1.1.1/8"]`},
		"a broken text":               {askedFor(`"{endpointPublicAccess=true"`, "null"), "requestParameters.resourcesVpcConfig", `"{endpointPublicAccess=true"`},
		"numbers of a creation":       {create(`{"endpointPublicAccess":1,"publicAccessCidrs":[5]}`, "null"), "requestParameters.resourcesVpcConfig.endpointPublicAccess", "1"},
		"the tags of a creation":      {strings.Replace(create(`{"endpointPublicAccess":false,"endpointPrivateAccess":true,"publicAccessCidrs":[]}`, "null"), `"name":`, `"tags":{"omitted":true},"name":`, 1), "requestParameters.tags", `{"omitted":true}`},
		"a creation that may be ipv6": {strings.Replace(create(`{"endpointPublicAccess":false,"endpointPrivateAccess":true}`, "null"), `"name":`, `"kubernetesNetworkConfig":{"ipFamily":6},"name":`, 1), "requestParameters.kubernetesNetworkConfig.ipFamily", "6"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "event.json")
			if err := os.WriteFile(path, []byte(tc.record), 0o600); err != nil {
				t.Fatal(err)
			}
			status, out, errs := execute(t, "replay", "--policy", testPolicy, "--json", path)
			lines := readLines(t, out)
			if status != statusFindings || len(lines) != 1 || errs != "endpointguard: "+path+": unreadable: 1 of 1 records\n" {
				t.Fatalf("status %d, %q, %q", status, out, errs)
			}
			l := lines[0]
			if l.Outcome != incident.Unreadable || l.Before != nil || l.After != nil || l.Updates != 0 || len(l.Mails)+len(l.Reasons)+len(l.Assumed) > 0 {
				t.Errorf("of what cannot be read something is told: %s", out)
			}
			var fields []string
			for _, u := range l.Unread {
				fields = append(fields, u.Field+" = "+u.Value)
			}
			if len(fields) == 0 || fields[0] != tc.field+" = "+tc.value {
				t.Errorf("unread are %q, want first %s = %s", fields, tc.field, tc.value)
			}
			status, out, _ = execute(t, "replay", "--policy", testPolicy, path)
			if status != statusFindings || !strings.Contains(out, ": unreadable\n") || !strings.Contains(out, tc.field+" ") || !strings.Contains(out, tc.value) || strings.Contains(out, "before") || strings.Contains(out, "Subject") {
				t.Errorf("status %d, for people:\n%s", status, out)
			}
			status, out, errs = execute(t, "explain", "--policy", testPolicy, "--event", path)
			if status == statusFine || out != "" || !strings.Contains(errs, "cannot be read: ") || !strings.Contains(errs, tc.field+" ") || !strings.Contains(errs, tc.value) {
				t.Errorf("explain: status %d, %q, %q", status, out, errs)
			}
		})
	}
}

// TestWhatIsLeftOutBesideTheWhole: a record is replayed as long as one part of it
// tells each setting.
func TestWhatIsLeftOutBesideTheWhole(t *testing.T) {
	whole := `{"endpointPublicAccess":true,"endpointPrivateAccess":true,"publicAccessCidrs":["0.0.0.0/0"]}`
	for name, record := range map[string]string{
		"the answer":  askedFor(whole, `{"omitted":true}`),
		"the request": askedFor(`{"omitted":true}`, `{"update":{"id":"u-1","type":"EndpointAccessUpdate","params":[{"type":"EndpointPublicAccess","value":"true"},{"type":"EndpointPrivateAccess","value":"true"},{"type":"PublicAccessCidrs","value":"[\"0.0.0.0/0\"]"}]}}`),
	} {
		path := filepath.Join(t.TempDir(), "event.json")
		if err := os.WriteFile(path, []byte(record), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := replayJSON(t, "--policy", testPolicy, path); len(got) != 1 || got[0].Outcome != incident.Enforced || len(got[0].Unread) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestUnreadIsAList: never null, so that programs need not ask.
func TestUnreadIsAList(t *testing.T) {
	inSamples(t)
	_, out, _ := execute(t, "replay", "--json", "samples/update-open-sso.json", "samples/update-denied.json")
	for text := range strings.Lines(out) {
		var l map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("[]", string(l["unread"])); diff != "" {
			t.Error(diff)
		}
	}
}
