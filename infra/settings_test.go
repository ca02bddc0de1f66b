package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// minimal is what a deployment must say.
func minimal() map[string]any {
	return map[string]any{keyMode: "alert", keyAlertEmails: []any{"alice@example.com"}, keyRegions: []any{"eu-west-1"}}
}

func with(changes map[string]any) map[string]any {
	context := minimal()
	for key, value := range changes {
		context[key] = value
	}
	return context
}

func TestSettings(t *testing.T) {
	standard := func(change func(*Deployment)) Deployment {
		d := Deployment{
			Mode: "alert", AlertEmails: []string{"alice@example.com"}, Name: "endpointguard", Regions: []string{"eu-west-1"},
			PolicyFile: "policy.yaml", SweepEvery: "rate(1 hour)", SweepInterval: time.Hour, LogRetention: 90,
			Brake: 20, TugPerHour: 3, TugDays: 5, Language: "en", DigestHour: 7, DenyOtherUpdates: true,
		}
		change(&d)
		return d
	}
	tests := map[string]struct {
		context map[string]any
		want    Deployment
	}{
		"minimal": {minimal(), standard(func(*Deployment) {})},
		"as JSON": {
			with(map[string]any{
				keyMode: "enforce", keyAlertEmails: []any{"alice@example.com", "bob@example.com"}, keyName: "guard-2",
				keyRegions: []any{"eu-west-1", "us-gov-west-1"}, keyPolicyFile: "policies/strict.yaml", keySweepSchedule: "rate(15 minutes)",
				keyLogRetention: float64(365), keyCreateTrail: true, keyDashboard: true, keyKMSKey: "create",
				keyBrake: 0.0, keyTugPerHour: 7.0, keyTugDays: 0.0, keyLanguage: "ja", keyAccountName: "本番", keyDigestHour: 0.0,
				keyChatTopicARN: []any{"arn:aws:sns:eu-west-1:444455556666:chat", "arn:aws-us-gov:sns:us-gov-west-1:444455556666:chat"},
				keyTopicARN:     []any{"arn:aws:sns:eu-west-1:444455556666:mails", "arn:aws-us-gov:sns:us-gov-west-1:444455556666:mails"},
			}),
			Deployment{
				Mode: "enforce", AlertEmails: []string{"alice@example.com", "bob@example.com"}, Name: "guard-2",
				Regions: []string{"eu-west-1", "us-gov-west-1"}, PolicyFile: "policies/strict.yaml", SweepEvery: "rate(15 minutes)",
				SweepInterval: 15 * time.Minute, LogRetention: 365, CreateTrail: true, Dashboard: true, Retain: true, DenyOtherUpdates: true, CreateKey: true,
				TugPerHour: 7, Language: "ja", AccountName: "本番",
				ChatTopicARNs: map[string]string{
					"eu-west-1": "arn:aws:sns:eu-west-1:444455556666:chat", "us-gov-west-1": "arn:aws-us-gov:sns:us-gov-west-1:444455556666:chat",
				},
				TopicARNs: map[string]string{
					"eu-west-1": "arn:aws:sns:eu-west-1:444455556666:mails", "us-gov-west-1": "arn:aws-us-gov:sns:us-gov-west-1:444455556666:mails",
				},
			},
		},
		"as -c gives it": {
			map[string]any{
				keyMode: "alert", keyAlertEmails: "alice@example.com, bob@example.com", keyRegions: "eu-west-1,eu-central-1",
				keyLogRetention: "30", keyCreateTrail: "true", keyDashboard: "false", keyBrake: "50", keyDigestHour: "off",
				keyKMSKey: "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab,arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
			},
			standard(func(d *Deployment) {
				d.AlertEmails, d.Regions = []string{"alice@example.com", "bob@example.com"}, []string{"eu-west-1", "eu-central-1"}
				d.LogRetention, d.CreateTrail, d.Brake, d.DigestHour = 30, true, 50, -1
				d.KeyARNs = map[string]string{
					"eu-west-1": "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", "eu-central-1": "arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
				}
			}),
		},
		"a region that doesn't exist": {with(map[string]any{keyRegions: []any{"eu-wset-1", "eu-west-1"}}), standard(func(d *Deployment) {
			d.Regions = []string{"eu-wset-1", "eu-west-1"}
			d.Warnings = []string{`setting regions: no AWS region is called "eu-wset-1", as far as this version knows (did you mean eu-west-1?)`}
		})},
		"a region that may be new": {with(map[string]any{keyRegions: []any{"nz-southwest-1"}}), standard(func(d *Deployment) {
			d.Regions = []string{"nz-southwest-1"}
			d.Warnings = []string{`setting regions: no AWS region is called "nz-southwest-1", as far as this version knows`}
		})},
		"the profile's region":   {with(map[string]any{keyRegions: []any{}}), standard(func(d *Deployment) { d.Regions = []string{"ap-south-1"} })},
		"the CDK's own settings": {with(map[string]any{"@aws-cdk/core:x": true, "aws:cdk:y": "z", "cli-telemetry": false, "hosted-zone:a": "b"}), standard(func(*Deployment) {})},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseSettings(test.context, "ap-south-1")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestSettingsRefused: one line, which names the key, what it is and what it
// must be.
func TestSettingsRefused(t *testing.T) {
	tests := map[string]struct {
		change map[string]any
		want   string
	}{
		"no mode":                     {map[string]any{keyMode: ""}, "setting mode is missing: it must be alert (tell"},
		"wrong mode":                  {map[string]any{keyMode: "Enforce"}, `setting mode is "Enforce": it must be alert (tell`},
		"mode of a wrong type":        {map[string]any{keyMode: true}, `setting mode is "true": it must be alert`},
		"no emails":                   {map[string]any{keyAlertEmails: []any{}}, "setting alertEmails is missing: it must be a list of the e-mail addresses"},
		"no address":                  {map[string]any{keyAlertEmails: "alice"}, `setting alertEmails is "alice"`},
		"an address with a name":      {map[string]any{keyAlertEmails: "Alice <alice@example.com>"}, `setting alertEmails is "Alice <alice@example.com>"`},
		"a local address":             {map[string]any{keyAlertEmails: "alice@localhost"}, `setting alertEmails is "alice@localhost"`},
		"an address twice":            {map[string]any{keyAlertEmails: "alice@example.com,alice@example.com"}, "there only once"},
		"emails of a wrong type":      {map[string]any{keyAlertEmails: []any{1.0}}, "setting alertEmails is"},
		"a name for DNS":              {map[string]any{keyName: "Guard_1"}, `setting name is "Guard_1"`},
		"a region":                    {map[string]any{keyRegions: "Ireland"}, `setting regions is "Ireland"`},
		"a region twice":              {map[string]any{keyRegions: "eu-west-1,eu-west-1"}, "there only once"},
		"regions of a wrong type":     {map[string]any{keyRegions: map[string]any{}}, "setting regions is"},
		"a cron schedule":             {map[string]any{keySweepSchedule: "cron(0 * * * ? *)"}, `setting sweepSchedule is "cron(0 * * * ? *)"`},
		"too often":                   {map[string]any{keySweepSchedule: "rate(5 minutes)"}, `setting sweepSchedule is "rate(5 minutes)"`},
		"too seldom":                  {map[string]any{keySweepSchedule: "rate(25 hours)"}, `setting sweepSchedule is "rate(25 hours)"`},
		"plural of one":               {map[string]any{keySweepSchedule: "rate(1 hours)"}, `setting sweepSchedule is "rate(1 hours)"`},
		"singular of two":             {map[string]any{keySweepSchedule: "rate(2 hour)"}, `setting sweepSchedule is "rate(2 hour)"`},
		"days of no sense":            {map[string]any{keyLogRetention: 91.0}, `setting logRetentionDays is "91"`},
		"days in words":               {map[string]any{keyLogRetention: "a year"}, `setting logRetentionDays is "a year"`},
		"half days":                   {map[string]any{keyLogRetention: 30.5}, `setting logRetentionDays is "30.5"`},
		"a queue as topic":            {map[string]any{keyTopicARN: "arn:aws:sqs:eu-west-1:444455556666:mails"}, "setting topicArn is"},
		"a FIFO topic":                {map[string]any{keyTopicARN: "arn:aws:sns:eu-west-1:444455556666:mails.fifo"}, "setting topicArn is"},
		"a topic elsewhere":           {map[string]any{keyTopicARN: "arn:aws:sns:us-east-1:444455556666:mails"}, "there is none for eu-west-1"},
		"a key's alias":               {map[string]any{keyKMSKey: "arn:aws:kms:eu-west-1:111122223333:alias/mine"}, "setting kmsKey is"},
		"a key of no topic elsewhere": {map[string]any{keyTopicKey: "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"}, "there only with topicArn"},
		"a chat key's alias":          {map[string]any{keyChatTopicARN: "arn:aws:sns:eu-west-1:444455556666:chat", keyChatTopicKey: "alias/x"}, "setting chatTopicKey is"},
		"a key elsewhere":             {map[string]any{keyKMSKey: "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"}, "there is none for eu-west-1"},
		"maybe a trail":               {map[string]any{keyCreateTrail: "maybe"}, `setting createTrail is "maybe": it must be true or false`},
		"a negative number":           {map[string]any{keyBrake: -1.0}, `setting brake is "-1": it must be a number from 0 to 1000`},
		"more days than a week":       {map[string]any{keyTugDays: "8"}, `setting tugDays is "8": it must be a number from 0 to 7`},
		"a number in words":           {map[string]any{keyTugPerHour: "three"}, `setting tugPerHour is "three"`},
		"another language":            {map[string]any{keyLanguage: "de"}, `setting language is "de": it must be en or ja`},
		"a long name":                 {map[string]any{keyAccountName: strings.Repeat("x", 61)}, "setting accountName is"},
		"an hour of no day":           {map[string]any{keyDigestHour: 24.0}, `setting digestHour is "24": it must be the hour of the day in UTC, 0 to 23, or off`},
		"cards among mails": {
			map[string]any{keyTopicARN: "arn:aws:sns:eu-west-1:444455556666:mails", keyChatTopicARN: "arn:aws:sns:eu-west-1:444455556666:mails"},
			"it must be another topic than topicArn",
		},
		"a singular":        {map[string]any{"alertEmail": "bob@example.com"}, "setting alertEmail is not known: write alertEmails"},
		"a hyphen":          {map[string]any{"policy-file": "x"}, "setting policy-file is not known: write policyFile"},
		"half a key":        {map[string]any{"logRetention": 30.0}, "setting logRetention is not known: write logRetentionDays"},
		"too much of a key": {map[string]any{"topicArns": "x"}, "setting topicArns is not known: write topicArn"},
		"lines in a value":  {map[string]any{keyPolicyFile: 3.0, keyName: "a\nb"}, `setting name is "a\nb"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := parseSettings(with(test.change), "")
			if err == nil {
				t.Fatal("it is admitted")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error: %v\nwant it to say: %s", err, test.want)
			}
			for _, line := range strings.Split(err.Error(), "\n") {
				if !strings.HasPrefix(line, "setting ") {
					t.Errorf("the line %q names no setting", line)
				}
			}
		})
	}
}

// TestEverySettingIsShown: cdk.json shows every setting with its default, and
// leaves the two open that whoever deploys must choose.
func TestEverySettingIsShown(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "cdk.json"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Context map[string]any `json:"context"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if _, shown := config.Context[key]; !shown {
			t.Errorf("cdk.json does not show %s", key)
		}
	}
	_, err = parseSettings(config.Context, "eu-west-1")
	if err == nil || strings.Count(err.Error(), "\n") != 1 || !strings.Contains(err.Error(), "setting mode is missing") || !strings.Contains(err.Error(), "setting alertEmails is missing") {
		t.Fatalf("cdk.json as it is: %v", err)
	}
	config.Context[keyMode], config.Context[keyAlertEmails] = "alert", "alice@example.com"
	shown, err := parseSettings(config.Context, "eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	silent, err := parseSettings(map[string]any{keyMode: "alert", keyAlertEmails: "alice@example.com"}, "eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(silent, shown); diff != "" {
		t.Errorf("cdk.json shows other values than the defaults (-default +shown):\n%s", diff)
	}
}

// TestEverySettingIsDocumented: docs/operations.md has a row for each.
func TestEverySettingIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if !strings.Contains(string(text), "| `"+key+"` |") {
			t.Errorf("docs/operations.md has no row for the setting %s", key)
		}
	}
}

func TestReadContext(t *testing.T) {
	file := filepath.Join(t.TempDir(), "context.json")
	if err := os.WriteFile(file, []byte(`{"b": 2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{"CDK_CONTEXT_JSON": `{"a": "1"}`, "CONTEXT_OVERFLOW_LOCATION_ENV": file}
	got, err := readContext(func(name string) string { return environment[name] })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"a": "1", "b": 2.0}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
