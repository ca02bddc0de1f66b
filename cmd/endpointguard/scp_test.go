package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/endpointguard/endpointguard/pkg/scp"
)

// TestProtect: the standard output is the document alone, and whoever would lock
// everybody out is told.
func TestProtect(t *testing.T) {
	const role = "arn:*:iam::*:role/cdk-*"
	var out, errs strings.Builder
	if status := run(t.Context(), []string{"scp", "--protect", "--name", "shop", "--deployer", role}, nil, &out, &errs); status != statusFine {
		t.Fatal(status, errs.String())
	}
	if !json.Valid([]byte(out.String())) || len(out.String()) > scp.MaxCharacters+1 || !strings.Contains(out.String(), "stack/shop-*/*") || strings.Contains(out.String(), "endpointguard") {
		t.Errorf("%s", out.String())
	}
	if !strings.Contains(errs.String(), "does not do for the") || !strings.Contains(errs.String(), role) {
		t.Errorf("it does not tell its limits: %s", errs.String())
	}
	for args, want := range map[string]string{
		"--protect": "--protect needs --deployer",
		"--protect --deployer arn:aws:iam::1:user/alice": "no ARN of a role",
		"--protect --deployer arn:*:iam::*:role/*":       "no ARN of a role",
		"--protect --deployer " + role + " --name Shop":  "no name of an installation",
		"--protect --deployer " + role + " --alerts":     "--alerts is not for --protect",
		"--deployer " + role:                             "are for --protect",
	} {
		var out, errs strings.Builder
		if status := run(t.Context(), append([]string{"scp"}, strings.Fields(args)...), nil, &out, &errs); status != statusUsage || out.Len() > 0 || !strings.Contains(errs.String(), want) || !strings.Contains(errs.String(), "hint: ") {
			t.Errorf("%s: %d, %q, %q", args, status, out.String(), errs.String())
		}
	}
}
