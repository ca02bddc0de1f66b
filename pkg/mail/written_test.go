package mail

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTheCard holds one card to its golden file.
func TestTheCard(t *testing.T) {
	for _, name := range []string{"failed", "enforced"} {
		var pretty strings.Builder
		encoder := json.NewEncoder(&pretty)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(json.RawMessage(letter.Write(mails[name]).Card)); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", "en", name+".json"), pretty.String())
	}
}

// TestTheDocument: docs/mails.md shows the mails as they are.
func TestTheDocument(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "mails.md")
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)<!-- (?:en|ja)/([a-z0-9-]+)\\.txt -->\n```text\n(.*?)```\n")
	seen := map[string]bool{}
	out := regexp.MustCompile("(?s)<!-- ((?:en|ja)/[a-z0-9-]+\\.(?:txt|json)) -->\n(```[a-z]+\n).*?```\n").ReplaceAllStringFunc(string(document), func(block string) string {
		m := regexp.MustCompile("^<!-- (.*) -->\n(```[a-z]+\n)").FindStringSubmatch(block)
		golden, err := os.ReadFile(filepath.Join("testdata", m[1]))
		if err != nil {
			t.Error(err)
		}
		return "<!-- " + m[1] + " -->\n" + m[2] + strings.TrimSuffix(string(golden), "\n") + "\n```\n"
	})
	for _, m := range shown.FindAllStringSubmatch(out, -1) {
		seen[m[1]] = true
	}
	for name := range written(letter) {
		if !seen[name] && !slices.Contains([]string{"digest-500", "forty-cidrs", "detected-alert-only", "never-done", "unknown-caller", "held", "detected-updating", "enforced-inside"}, name) {
			t.Errorf("%s does not show %s", path, name)
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(out, string(document)); diff != "" {
		t.Errorf("%s is stale (-want +got; -update writes it anew):\n%s", path, diff)
	}
}
