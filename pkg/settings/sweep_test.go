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
		settings.QueueURL: "https://sqs.eu-west-1.amazonaws.com/111122223333/endpointguard",
	}
	got, err := settings.ForSweep(func(name string) string { return values[name] })
	if err != nil {
		t.Fatal(err)
	}
	want := settings.Sweep{
		Account: "111122223333", Region: "eu-west-1", LogLevel: "info",
		QueueURL: "https://sqs.eu-west-1.amazonaws.com/111122223333/endpointguard",
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
		settings.LogLevel + ` is "loud"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error %q doesn't say %q", err, want)
		}
	}
}
