package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/events"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// line is a line of replay --json.
type line struct {
	Event   string
	File    string
	Cluster string
	Outcome incident.Outcome
	Why     string
	Reasons []string
	Before  *endpoint.Access
	After   *endpoint.Access
	Updates int
	Mails   []struct{ Subject, Text string }
	Assumed []string
	Unread  []cloudtrail.Unread
}

func replayJSON(t *testing.T, args ...string) []line {
	t.Helper()
	status, out, errs := execute(t, append([]string{"replay", "--json"}, args...)...)
	if status != statusFine || errs != "" {
		t.Fatalf("status %d, standard error %q", status, errs)
	}
	return readLines(t, out)
}

func readLines(t *testing.T, out string) []line {
	t.Helper()
	var lines []line
	for text := range strings.Lines(out) {
		dec := json.NewDecoder(strings.NewReader(text))
		dec.DisallowUnknownFields()
		var l line
		if err := dec.Decode(&l); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		lines = append(lines, l)
	}
	return lines
}

// summary is a line without the texts of its mails.
func summary(l line) string {
	access := func(a *endpoint.Access) string {
		if a == nil {
			return "-"
		}
		return describe(*a)
	}
	s := fmt.Sprintf("%s | %s -> %s | %d updates, %d mails", l.Outcome, access(l.Before), access(l.After), l.Updates, len(l.Mails))
	if l.Why != "" {
		s += " | " + l.Why
	}
	return s
}

// TestReplayOfSamples says what must become of each sample under the policy of
// the tests.
func TestReplayOfSamples(t *testing.T) {
	want := map[string]string{
		"create-clustername-2018.json":                "partly-enforced | private off, public on: 0.0.0.0/0 -> private on, public on: 0.0.0.0/0 | 1 updates, 2 mails",
		"create-hybrid-nodes-sso.json":                "violation | private off, public on: 0.0.0.0/0 -> private off, public on: 0.0.0.0/0 | 0 updates, 2 mails",
		"create-ipv6-root.json":                       "exempt | private off, public on: 0.0.0.0/0 ::/0 -> private off, public on: 0.0.0.0/0 ::/0 | 0 updates, 0 mails",
		"create-open-iam-user.json":                   "enforced | private off, public on: 0.0.0.0/0 -> private on, public on: 203.0.113.0/24 | 1 updates, 2 mails",
		"create-outposts-local.json":                  "out-of-scope | private on, public off -> private on, public off | 0 updates, 0 mails | Outposts local cluster: its endpoint is private by nature",
		"create-private-cloudformation.json":          "compliant | private on, public off -> private on, public off | 0 updates, 0 mails",
		"create-restricted-terraform.json":            "compliant | private on, public on: 203.0.113.0/25 203.0.113.128/26 -> private on, public on: 203.0.113.0/25 203.0.113.128/26 | 0 updates, 0 mails",
		"tag-cluster.json":                            "compliant | private on, public off -> private on, public off | 0 updates, 0 mails",
		"tag-node-group.json":                         "ignored | - -> - | 0 updates, 0 mails | the tags of another resource, nodegroup",
		"untag-cluster.json":                          "compliant | private on, public off -> private on, public off | 0 updates, 0 mails",
		"delete-terraform.json":                       "gone | private on, public off -> private on, public off | 0 updates, 0 mails | the cluster is being deleted",
		"update-by-guardrail.json":                    "compliant | private on, public off -> private on, public on: 203.0.113.0/24 | 0 updates, 0 mails",
		"update-denied.json":                          "ignored | - -> - | 0 updates, 0 mails | the call failed with AccessDenied",
		"update-logging-only.json":                    "ignored | - -> - | 0 updates, 0 mails | an update of another kind, LoggingUpdate",
		"update-open-aws-service.json":                "enforced | private on, public off -> private on, public off | 1 updates, 2 mails",
		"update-open-sso.json":                        "enforced | private on, public off -> private on, public off | 1 updates, 2 mails",
		"update-private-only-role.json":               "compliant | private on, public off -> private on, public off | 0 updates, 0 mails",
		"update-refused-both-off.json":                "ignored | - -> - | 0 updates, 0 mails | the call failed with InvalidParameterException",
		"update-restricted-identity-center-user.json": "compliant | private on, public off -> private on, public on: 203.0.113.5/32 | 0 updates, 0 mails",
		"update-subnets.json":                         "ignored | - -> - | 0 updates, 0 mails | an update of another kind, VpcConfigUpdate",
		"update-two-halves-federated.json":            "enforced | private on, public off -> private on, public off | 1 updates, 2 mails",
	}
	inSamples(t)
	names, err := fs.Glob(events.Samples(), "*.json")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, name := range names {
		for _, l := range replayJSON(t, filepath.Join("samples", name)) {
			got[name] = summary(l)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReplayJSON holds one line to every field.
func TestReplayJSON(t *testing.T) {
	inSamples(t)
	lines := replayJSON(t, filepath.Join("samples", "update-two-halves-federated.json"))
	if len(lines) != 1 {
		t.Fatalf("%d lines, want 1", len(lines))
	}
	got := lines[0]
	private := endpoint.Access{Private: true, CIDRs: cidrs()}
	want := line{
		Event: "670c1cd3-5555-4e31-84be-37c1dfe6c55b", File: "samples/update-two-halves-federated.json",
		Cluster: "arn:aws:eks:eu-west-1:111122223333:cluster/demo-1", Outcome: incident.Enforced,
		Reasons: []string{
			"nodes-stay-inside: private access is off",
			"office-only: 0.0.0.0/1 is outside the allowed CIDRs",
			"office-only: 128.0.0.0/1 reaches beyond the allowed CIDRs",
			"not-the-whole-world: 0.0.0.0/1 and 128.0.0.0/1 together are 0.0.0.0/0, wider than /8",
		},
		Before: &private, After: &private, Updates: 1, Unread: []cloudtrail.Unread{},
		Assumed: []string{
			"before, the endpoint was private on, public off (--before)",
			"the cluster was 30 days old, had no tags, was an IPv4 cluster, no hybrid nodes, not on an Outpost: no record of this call tells",
			"EKS carries out every update, and the VPC is in order: its DNS, its DHCP options, ingress on 443",
		},
	}
	mails := got.Mails
	got.Mails = nil
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b endpoint.Access) bool { return a.Equal(b) })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, word := range []string{"OPENING, to be closed", "Closed"} {
		if i >= len(mails) || !strings.HasPrefix(mails[i].Subject, word) || !strings.Contains(mails[i].Subject, ": demo-1 (111122223333 eu-west-1)") || !strings.Contains(mails[i].Text, "EG-") {
			t.Errorf("mail %d of %v is not about %s", i+1, mails, word)
		}
	}
}

// TestReplayJSONFields holds the names of the fields, and that lists are never null.
func TestReplayJSONFields(t *testing.T) {
	inSamples(t)
	_, out, _ := execute(t, "replay", "--json", "samples/update-denied.json", "samples/update-open-sso.json")
	for text := range strings.Lines(out) {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &fields); err != nil {
			t.Fatal(err)
		}
		want := []string{"after", "assumed", "before", "cluster", "event", "file", "mails", "outcome", "reasons", "unread", "updates", "why"}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(fields))); diff != "" {
			t.Errorf("fields (-want +got):\n%s", diff)
		}
		for _, list := range []string{"mails", "reasons", "assumed", "unread"} {
			if !strings.HasPrefix(string(fields[list]), "[") {
				t.Errorf("%s is %s, want a list", list, fields[list])
			}
		}
	}
}

// TestReplayOfEveryForm holds that the same records come to the same, in
// whatever form they are.
func TestReplayOfEveryForm(t *testing.T) {
	inSamples(t)
	samples, err := filepath.Glob(filepath.Join("samples", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	bare, err := filepath.Glob(filepath.Join("bare", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := replayJSON(t, samples...)
	if len(want) < 12 {
		t.Fatalf("only %d samples", len(want))
	}
	for _, files := range [][]string{bare, {"log.json"}, {"log.json.gz"}, {"array.json"}, {"lines.jsonl"}} {
		got := replayJSON(t, files...)
		for i := range got {
			got[i].File = want[min(i, len(want)-1)].File
		}
		same := cmp.Comparer(func(a, b endpoint.Access) bool { return a.Equal(b) })
		if diff := cmp.Diff(want, got, same); diff != "" {
			t.Errorf("%v (-want +got):\n%s", files, diff)
		}
	}
}

func TestReplayFromStandardInput(t *testing.T) {
	record := created(`"eventTime":"2026-01-01T00:00:00Z"`, `"resourcesVpcConfig":{"endpointPublicAccess":false,"endpointPrivateAccess":true}`)
	var out, errs strings.Builder
	status := run(t.Context(), []string{"replay", "--policy", testPolicy, "--json", "-"}, strings.NewReader(record), &out, &errs)
	lines := readLines(t, out.String())
	if status != statusFine || len(lines) != 1 || lines[0].Outcome != incident.Compliant || lines[0].File != "-" {
		t.Errorf("status %d, %q, %q", status, out.String(), errs.String())
	}
}

// TestReplayForPeople is the golden output of every sample.
func TestReplayForPeople(t *testing.T) {
	back, err := filepath.Abs(filepath.Join("testdata", "golden"))
	if err != nil {
		t.Fatal(err)
	}
	inSamples(t)
	samples, err := filepath.Glob(filepath.Join("samples", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, sample := range samples {
		status, out, _ := execute(t, "replay", sample)
		if status != statusFine {
			t.Errorf("%s: status %d", sample, status)
		}
		for text := range strings.Lines(out) {
			if strings.TrimRight(text, " \n")+"\n" != text {
				t.Errorf("%s: blanks at the end of %q", sample, text)
			}
		}
		golden(t, filepath.Join(back, strings.TrimSuffix(filepath.Base(sample), ".json")+".txt"), out)
	}
}

// TestReplayOfHostileRecords holds that each has an outcome, whatever is in it.
func TestReplayOfHostileRecords(t *testing.T) {
	want := map[string]string{
		"years":                "enforced",
		"before epoch":         "enforced",
		"no time":              "enforced",
		"times apart":          "enforced",
		"wrong types":          "unreadable",
		"both off":             "enforced",
		"private CIDR":         "enforced",
		"no update id":         "enforced",
		"no update id or time": "enforced",
		"odd update id":        "enforced",
		"failed update":        "enforced",
		"odd region":           "enforced",
		"far region":           "enforced",
		"bad region":           "unreadable",
		"left out in part":     "unreadable",
		"left out of a change": "unreadable",
		"a broken text":        "unreadable",
		"wake-up":              "gone",
		"bad wake-up":          "unreadable",
		"number":               "unreadable",
		"null":                 "unreadable",
		"text":                 "unreadable",
		"empty object":         "unreadable",
	}
	got := map[string]string{}
	dir := t.TempDir()
	for name, record := range hostile {
		path := filepath.Join(dir, "event.json")
		if err := os.WriteFile(path, []byte(record), 0o600); err != nil {
			t.Fatal(err)
		}
		status, out, errs := execute(t, "replay", "--policy", testPolicy, "--json", path)
		lines := readLines(t, out)
		wanted := statusFine
		if want[name] == "unreadable" {
			wanted = statusFindings
		}
		if status != wanted || len(lines) != 1 {
			t.Errorf("%s: status %d, %d lines, standard error %q", name, status, len(lines), errs)
			continue
		}
		got[name] = string(lines[0].Outcome)
		if _, _, errs := execute(t, "replay", "--policy", testPolicy, path); strings.ContainsAny(errs, "\x1b\u202e") {
			t.Errorf("%s: standard error %q", name, errs)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// TestReplayOfNesting holds that a megabyte of nesting is told at once.
func TestReplayOfNesting(t *testing.T) {
	t.Chdir(t.TempDir())
	const deep = 500_000
	nested := strings.Repeat("[", deep) + strings.Repeat("]", deep)
	for name, data := range map[string]string{
		"closed.json": nested,
		"open.json":   nested[:deep],
		"inside.json": `{"eventName":"CreateCluster","eventSource":` + nested + `}`,
	} {
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		status, out, errs := execute(t, "replay", "--json", name)
		if status != statusFindings || out != "" || !strings.HasPrefix(errs, "endpointguard: "+name+": not JSON") || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: status %d, output %q, standard error %.300q", name, status, out, errs)
		}
	}
}

// TestReplayInterrupted holds that an interrupted replay ends as a failure.
func TestReplayInterrupted(t *testing.T) {
	inSamples(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs strings.Builder
	status := run(ctx, []string{"replay", "log.json"}, strings.NewReader(""), &out, &errs)
	if status != statusFindings || out.String() != "" || !strings.Contains(errs.String(), "endpointguard: interrupted\n") {
		t.Errorf("status %d, output %q, standard error %q", status, out.String(), errs.String())
	}
}

// TestReplayLivesInTheTimeOfItsEvent holds that exemptions and graces are those
// of the event's time, not of today.
func TestReplayLivesInTheTimeOfItsEvent(t *testing.T) {
	dir := t.TempDir()
	doc := filepath.Join(dir, "grace.yaml")
	const grace = "version: 1\nrules:\n  - name: inside\n    require: {privateAccess: enabled}\n    respond: enforce\n    graceAfterCreation: 2h\n"
	if err := os.WriteFile(doc, []byte(grace), 0o600); err != nil {
		t.Fatal(err)
	}
	inSamples(t)
	got := replayJSON(t, "--policy", doc, "samples/create-open-iam-user.json")[0]
	if got.Outcome != incident.Enforced || len(got.Mails) < 3 {
		t.Fatalf("%s with %d mails, want enforced after a mail of the violation", got.Outcome, len(got.Mails))
	}
	// Created at 09:14:07, the grace ends at 11:14:07.
	if last := got.Mails[len(got.Mails)-1].Text; !strings.Contains(last, "2026-11-20 11:14:07 UTC, attempt 1") {
		t.Errorf("the last mail does not tell of an attempt at the end of the grace:\n%s", last)
	}
}
