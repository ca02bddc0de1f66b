package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func policyFile(t *testing.T, text string) (root, file string) {
	t.Helper()
	root = t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "p.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return root, "p.yaml"
}

// TestDefaultPolicy: what is deployed without a word has nothing to be warned of.
func TestDefaultPolicy(t *testing.T) {
	document, err := loadPolicy("..", "policy.yaml", today)
	if err != nil {
		t.Fatal(err)
	}
	if len(document.Hash) != 12 || len(document.Warnings) != 0 {
		t.Errorf("hash %q, warnings %q", document.Hash, document.Warnings)
	}
}

func TestPolicyWarnings(t *testing.T) {
	document, err := loadPolicy(policyFileArgs(t, `version: 1
rules:
  - name: a
    match: {tags: {environment: prod}}
    require: {publicAccess: disabled}
    respond: enforce
exemptions:
  - name: over
    rules: [a]
    match: {accounts: ["111122223333"], regions: [eu-west-1], clusters: [demo-1]}
    until: 2026-01-31
    reason: SEC-1
    approvedBy: alice@example.com
`))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(document.Warnings, "\n")
	if len(document.Warnings) != 3 || !strings.Contains(text, "changes a new cluster") || !strings.Contains(text, `exemption "over" has ended`) || !strings.Contains(text, "p.yaml:4:") {
		t.Errorf("warnings: %s", text)
	}
}

func policyFileArgs(t *testing.T, text string) (root, file string, now time.Time) {
	root, file = policyFile(t, text)
	return root, file, today
}

// TestPolicyRefused: one line for each problem, with its place.
func TestPolicyRefused(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"a typo": {
			"version: 1\nrules:\n  - name: a\n    requires: {privateAccess: enabled}\n    respond: alert\n",
			"setting policyFile: p.yaml:4:",
		},
		"documentation ranges": {
			"version: 1\nrules:\n  - name: a\n    require: {publicAccess: restricted, allowedCidrs: [203.0.113.0/24]}\n    respond: alert\n",
			"setting policyFile: p.yaml:4:",
		},
		"documentation ranges of IPv6": {
			"version: 1\nrules:\n  - name: a\n    require: {publicAccess: restricted, allowedCidrs: ['2001:db8:10::/48']}\n    respond: alert\n",
			"it is not deployed",
		},
		"nothing": {"", "setting policyFile: p.yaml:1:"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := loadPolicy(policyFileArgs(t, test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error: %v\nwant it to say: %s", err, test.want)
			}
			for _, line := range strings.Split(err.Error(), "\n") {
				if !strings.HasPrefix(line, "setting policyFile: p.yaml:") {
					t.Errorf("the line %q has no place", line)
				}
			}
		})
	}
	if _, err := loadPolicy(t.TempDir(), "none.yaml", today); err == nil || !strings.Contains(err.Error(), "setting policyFile: open ") {
		t.Errorf("without a file: %v", err)
	}
}
