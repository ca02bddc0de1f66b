package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/endpointguard/endpointguard/pkg/doctor"
)

var found = []doctor.Finding{
	{Check: "deployment", State: doctor.Fine, What: "version 0.1.0, UPDATE_COMPLETE"},
	{Check: "rule EndpointAccess", State: doctor.Wrong, What: "the rule is disabled", Fix: "aws events enable-rule --name endpointguard-eu-west-1-EndpointAccess-1ABCDEFGHIJKL"},
	{Check: "re-checks", State: doctor.Unknown, What: "not known: lambda:GetFunctionRecursionConfig: refused: AccessDeniedException: alice may not", Fix: "run it again, with credentials that may lambda:GetFunctionRecursionConfig"},
	{Check: "mails", State: doctor.Skipped, What: "arn:aws:sns:eu-west-1:444455556666:" + strings.Repeat("long", 30) + " is of account 444455556666"},
	{Check: "mails", State: doctor.Wrong, What: "alice\x1b[31m@example.com has not confirmed: no mail gets there", Fix: "subscribe anew"},
}

var examined = doctor.Installation{Stack: "endpointguard-eu-west-1", Account: "111122223333", Region: "eu-west-1"}

func TestDiagnosis(t *testing.T) {
	got := diagnosis(examined, found, false)
	for line := range strings.Lines(got) {
		if n := len([]rune(line)) - 1; n > columns {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	golden(t, "testdata/golden/doctor.txt", got)
	if strings.Contains(got, "\x1b") {
		t.Error("there are escapes without colours")
	}
	coloured := diagnosis(examined, found, true)
	if strings.Count(coloured, "\x1b") != 8 {
		t.Errorf("the signs of four findings are coloured, each on and off:\n%q", coloured)
	}
	for _, code := range []string{"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"} {
		coloured = strings.ReplaceAll(coloured, code, "")
	}
	if diff := diffText(got, coloured); diff != "" {
		t.Errorf("colours change the text (-without +with):\n%s", diff)
	}
	if well := diagnosis(examined, found[:1], false); !strings.HasSuffix(well, "\nAll is well.\n") {
		t.Errorf("%s", well)
	}
}

func TestDiagnosisAsJSON(t *testing.T) {
	var out bytes.Buffer
	if err := printDiagnosis(&out, examined, found); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Stack    string
		Healthy  *bool
		Findings []doctor.Finding
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Stack != examined.Stack || got.Healthy == nil || *got.Healthy || len(got.Findings) != len(found) || got.Findings[1] != found[1] {
		t.Errorf("%s", out.String())
	}
}

func TestColours(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	// It is a device of characters, as a terminal is.
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = device.Close() }()
	for _, test := range []struct {
		name, value string
		out         *os.File
		want        bool
	}{{"", "", device, true}, {"NO_COLOR", "1", device, false}, {"TERM", "dumb", device, false}, {"", "", file, false}} {
		getenv := func(name string) string {
			if name == test.name {
				return test.value
			}
			return ""
		}
		if got := colours(getenv, test.out); got != test.want {
			t.Errorf("%s=%s to %s: %v", test.name, test.value, test.out.Name(), got)
		}
	}
}
