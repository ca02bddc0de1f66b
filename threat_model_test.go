package endpointguard_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestThreatModel: every test that the document names exists, and every fuzz
// target is named in it.
func TestThreatModel(t *testing.T) {
	document, err := os.ReadFile(filepath.Join("docs", "threat-model.md"))
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err = filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range function.FindAllSubmatch(source, -1) {
			there[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllSubmatch(document, -1) {
		named[string(m[1])] = true
	}
	if len(named) < 20 {
		t.Fatalf("it names %d tests", len(named))
	}
	for name := range named {
		if !there[name] {
			t.Errorf("there is no %s", name)
		}
	}
	for name := range there {
		if strings.HasPrefix(name, "Fuzz") && name != "FuzzReplay" && name != "FuzzWrap" && !named[name] {
			t.Errorf("%s is not named", name)
		}
	}
	// Rows of the tables are whole: five cells, and a test for each.
	for line := range strings.SplitSeq(string(document), "\n") {
		if strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "|--") && !strings.HasPrefix(line, "| who") &&
			(strings.Count(line, "|") != 6 || !strings.Contains(line, "`Test")) {
			t.Errorf("row without its five cells or a test: %s", line)
		}
	}
	architecture, err := os.ReadFile(filepath.Join("docs", "architecture.md"))
	if err != nil || !strings.Contains(string(architecture), "(threat-model.md)") {
		t.Errorf("architecture.md does not link it: %v", err)
	}
}
