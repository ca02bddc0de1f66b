package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestCalledAs: what is proposed can be typed where it was called.
func TestCalledAs(t *testing.T) {
	for program, want := range map[string]string{
		"endpointguard":                          "endpointguard",
		"endpointguard.exe":                      "endpointguard",
		"eg":                                     "eg",
		"bin/endpointguard":                      "bin/endpointguard",
		"./endpointguard":                        "./endpointguard",
		"/opt/a b/eg":                            `"/opt/a b/eg"`,
		"/tmp/go-build12/b001/exe/endpointguard": "go run github.com/endpointguard/endpointguard/cmd/endpointguard",
	} {
		if got := calledAs(program); got != want {
			t.Errorf("%s: %q, want %q", program, got, want)
		}
	}
}

// TestProposalsAreAsItWasCalled: every hint with a command names the program as it
// was called.
func TestProposalsAreAsItWasCalled(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range [][]string{nil, {"replai"}, {"--nope"}, {"replay"}, {"test"}, {"validate"}, {"explain"}, {"incident"}, {"help", "nope"}, {"grant"}, {"demo", "--function", "none"}} {
		var out, errs bytes.Buffer
		status := runAs(t.Context(), "bin/endpointguard", args, strings.NewReader(""), &out, &errs)
		_, hint, _ := strings.Cut(errs.String(), "hint: ")
		if status != statusUsage || !strings.Contains(hint, "'bin/endpointguard ") || strings.Contains(hint, "'endpointguard ") {
			t.Errorf("%v: status %d, hint %q", args, status, hint)
		}
	}
	var out, errs bytes.Buffer
	if runAs(t.Context(), "bin/endpointguard", []string{"replay", "--help"}, strings.NewReader(""), &out, &errs); !strings.Contains(out.String(), "\n  bin/endpointguard replay [") {
		t.Errorf("the help:\n%s", out.String())
	}
}
