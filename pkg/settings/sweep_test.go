package settings_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/settings"
)

func TestForSweep(t *testing.T) {
	values := map[string]string{
		settings.Account: "111122223333", settings.Region: "eu-west-1",
		settings.QueueURL: "https://sqs.eu-west-1.amazonaws.com/111122223333/endpointguard", settings.Table: "endpointguard",
	}
	got, err := settings.ForSweep(func(name string) string { return values[name] })
	if err != nil {
		t.Fatal(err)
	}
	want := settings.Sweep{
		Account: "111122223333", Region: "eu-west-1", LogLevel: "info", FunctionName: "sweep",
		QueueURL: "https://sqs.eu-west-1.amazonaws.com/111122223333/endpointguard", Table: "endpointguard",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestForSweepNamesAll: every setting that is wrong is named at once.
func TestForSweepNamesAll(t *testing.T) {
	values := map[string]string{settings.Account: "1111", settings.LogLevel: "loud"}
	_, err := settings.ForSweep(func(name string) string { return values[name] })
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		settings.Account + ` is "1111": it must be 12 digits`, settings.Region + " is missing", settings.QueueURL + " is missing",
		settings.Table + " is missing", settings.LogLevel + ` is "loud"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error %q doesn't say %q", err, want)
		}
	}
}

// TestForSweepWithADigest: its settings are read, and missed, only when an hour
// is set; midnight is an hour.
func TestForSweepWithADigest(t *testing.T) {
	values := map[string]string{
		settings.Account: "111122223333", settings.Region: "eu-west-1", settings.QueueURL: "https://sqs.eu-west-1.amazonaws.com/111122223333/endpointguard",
		settings.DigestHour: "0", settings.Table: "endpointguard", settings.TopicARN: "arn:aws:sns:eu-west-1:111122223333:mails",
		settings.ChatTopic: "arn:aws:sns:eu-west-1:111122223333:cards", settings.Language: "ja", settings.AccountName: "shop-prod",
		settings.FunctionName: "guard-sweep", settings.Mode: "enforce", settings.PolicyHash: "0123456789ab",
	}
	get := func(name string) string { return values[name] }
	got, err := settings.ForSweep(get)
	if err != nil {
		t.Fatal(err)
	}
	want := settings.Sweep{
		Account: "111122223333", Region: "eu-west-1", LogLevel: "info", QueueURL: values[settings.QueueURL],
		FunctionName: "guard-sweep", Mode: "enforce", PolicyHash: "0123456789ab",
		Table: "endpointguard", TopicARN: values[settings.TopicARN], ChatTopic: values[settings.ChatTopic], Language: "ja", AccountName: "shop-prod",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, wrong := range map[string]string{settings.DigestHour: "24", settings.Table: "", settings.TopicARN: "", settings.Language: "fr", settings.Mode: "off"} {
		was := values[name]
		values[name] = wrong
		if _, err := settings.ForSweep(get); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%q: %v", name, wrong, err)
		}
		values[name] = was
	}
}
