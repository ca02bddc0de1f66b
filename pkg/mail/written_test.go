package mail

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTheCards holds every card to its golden file.
func TestTheCards(t *testing.T) {
	for _, language := range Languages() {
		l := letter
		l.Language = language
		for name, m := range written(l) {
			var pretty strings.Builder
			encoder := json.NewEncoder(&pretty)
			encoder.SetIndent("", "  ")
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(json.RawMessage(m.Card)); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", string(language), name+".json"), pretty.String())
		}
	}
}

// TestTheAttributes holds what filter policies match to one golden file. No
// attribute depends on the language.
func TestTheAttributes(t *testing.T) {
	var text strings.Builder
	mails := written(letter)
	for _, name := range slices.Sorted(maps.Keys(mails)) {
		m := mails[name]
		text.WriteString(name + ":")
		for _, attribute := range slices.Sorted(maps.Keys(m.Attributes)) {
			text.WriteString(" " + attribute + "=" + m.Attributes[attribute])
		}
		text.WriteString(" rule=[" + strings.Join(m.Rules, ", ") + "]\n")
	}
	golden(t, filepath.Join("testdata", "attributes.txt"), text.String())
	l := letter
	l.Language = "ja"
	for name, m := range written(l) {
		if diff := cmp.Diff(mails[name].Attributes, m.Attributes) + cmp.Diff(mails[name].Rules, m.Rules) + cmp.Diff(mails[name].Subject, m.Subject); diff != "" {
			t.Errorf("%s (-en +ja):\n%s", name, diff)
		}
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
	for _, name := range []string{
		"detected", "detected-created", "detected-inside", "detected-alert-only", "held", "stuck", "enforced", "enforced-private", "partly-enforced", "blocked",
		"blocked-dhcp", "blocked-half-done", "failed", "violation", "grace", "already-undone", "never-done", "gone", "compliant", "exempt", "out-of-scope",
		"tug-of-war", "left", "left-private", "brake", "digest", "test",
	} {
		if !seen[name] {
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
