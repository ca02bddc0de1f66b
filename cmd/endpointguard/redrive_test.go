package main

import (
	"strings"
	"testing"

	"github.com/endpointguard/endpointguard/pkg/redrive"
)

// TestLettersAreShown: a letter stays within the columns, and nothing of it
// acts on the terminal.
func TestLettersAreShown(t *testing.T) {
	got := told(redrive.Letter{ID: "1", Purpose: redrive.Unreadable, What: "not JSON: \x1b[31m" + strings.Repeat(" word", 40)})
	if !strings.HasPrefix(got, "cannot read  message 1\n             not JSON: \ufffd[31m word") {
		t.Errorf("%q", got)
	}
	for line := range strings.Lines(got) {
		if n := len([]rune(line)) - 1; n > columns {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if got := told(redrive.Letter{ID: "1", Purpose: redrive.Wake, Cluster: "demo", What: "re-check 7"}); got != "wake         demo\n             re-check 7\n" {
		t.Errorf("%q", got)
	}
}
