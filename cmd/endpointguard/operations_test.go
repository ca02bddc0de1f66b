package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func fromRoot(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// section is the text under a heading of docs/operations.md, up to the next one.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, text, ok := strings.Cut(fromRoot(t, "docs", "operations.md"), heading+"\n")
	if !ok {
		t.Fatalf("docs/operations.md has no %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n#")
	return text
}

// rows are the cells of a section's table, without its head.
func rows(t *testing.T, heading string) [][]string {
	t.Helper()
	var out [][]string
	for line := range strings.Lines(section(t, heading)) {
		if strings.HasPrefix(line, "|") {
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			out = append(out, cells)
		}
	}
	if len(out) < 3 {
		t.Fatalf("%q has no table", heading)
	}
	return out[2:]
}

// TestSettingsAreDocumented holds the table to the settings that there are and
// their defaults in cdk.json.
func TestSettingsAreDocumented(t *testing.T) {
	var cdk struct{ Context map[string]any }
	if err := json.Unmarshal([]byte(fromRoot(t, "cdk.json")), &cdk); err != nil {
		t.Fatal(err)
	}
	var keys, documented []string
	for _, m := range regexp.MustCompile(`(?m)^\tkey[A-Z]\w*\s+= "(\w+)"`).FindAllStringSubmatch(fromRoot(t, "infra", "settings.go"), -1) {
		keys = append(keys, m[1])
	}
	for _, row := range rows(t, "## Settings") {
		key, fallback := strings.Trim(row[0], "`"), strings.Trim(row[1], "`")
		documented = append(documented, key)
		want := fmt.Sprint(cdk.Context[key])
		if want == "" || want == "[]" {
			want = "none"
		}
		if fallback != want {
			t.Errorf("the default of %s is documented as %s, and is %s in cdk.json", key, fallback, want)
		}
	}
	slices.Sort(keys)
	slices.Sort(documented)
	if len(keys) == 0 || !slices.Equal(keys, documented) {
		t.Errorf("documented: %v\nwant:       %v", documented, keys)
	}
}
