package endpointguard_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are the pages for people, by their path from the root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	read := func(file string) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.ToSlash(file)] = string(data)
	}
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		read(page)
	}
	for _, root := range []string{"docs", ".github"} {
		err := filepath.WalkDir(root, func(file string, _ fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(file, ".md") {
				read(file)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(out) < 10 {
		t.Fatalf("only %d documents", len(out))
	}
	return out
}

// anchors are what the headings of a page are linked by. Source: GitHub's
// documentation, "Basic writing and formatting syntax", section links.
func anchors(page string) []string {
	var out []string
	for line := range strings.Lines(page) {
		if title, ok := strings.CutPrefix(line, "#"); ok {
			title = strings.ToLower(strings.TrimSpace(strings.TrimLeft(title, "#")))
			out = append(out, regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(strings.ReplaceAll(title, " ", "-"), ""))
		}
	}
	return out
}

// TestLinksLeadSomewhere: every link of a document within the repository leads to
// a file that there is, and to a section of it.
func TestLinksLeadSomewhere(t *testing.T) {
	pages := documents(t)
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for name, text := range pages {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, section, _ := strings.Cut(m[1], "#")
			target := name
			if file != "" {
				target = path.Join(path.Dir(name), file)
			}
			if _, err := os.Stat(filepath.FromSlash(target)); err != nil {
				t.Errorf("%s links %s: %v", name, m[1], err)
				continue
			}
			if section != "" && !slices.Contains(anchors(pages[target]), section) {
				t.Errorf("%s links %s: %s has no such section", name, m[1], target)
			}
		}
	}
}

// TestNamedFilesAreThere: a path of the repository that a document names as code
// is one.
func TestNamedFilesAreThere(t *testing.T) {
	named := regexp.MustCompile("`((?:pkg|cmd|functions|events|infra|tools|docs|\\.ci|\\.github)/[\\w./*-]*|[\\w]+_test\\.go)`")
	found := 0
	for name, text := range documents(t) {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			found++
			if there, err := filepath.Glob(filepath.FromSlash(strings.TrimSuffix(m[1], "/"))); err != nil || len(there) == 0 {
				t.Errorf("%s names %s, which is not there (%v)", name, m[1], err)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d paths found", found)
	}
}

// TestReadmeShowsAMail: the mail that the README shows begins as one of docs/mails.md
// does, which is held to what the guardrail writes.
func TestReadmeShowsAMail(t *testing.T) {
	pages := documents(t)
	_, mail, _ := strings.Cut(pages["README.md"], "\n```text\n")
	mail, _, ended := strings.Cut(mail, "```\n")
	if !ended || len(mail) < 300 {
		t.Fatalf("the README shows no mail: %q", mail)
	}
	if !strings.Contains(pages["docs/mails.md"], "\n```text\n"+mail) {
		t.Errorf("no mail of docs/mails.md begins so:\n%s", mail)
	}
}

// TestTargetsAreThere: what a document says to make, the Makefile has.
func TestTargetsAreThere(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile("(?m)(?:`|^    |^- run: |  run: |[ A-Z]=\\S+ )make ((?:[A-Z]+=\\S+ )*)([a-z0-9]+)")
	found := 0
	for name, text := range documents(t) {
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			found++
			if !regexp.MustCompile(`(?m)^` + m[2] + `:`).Match(makefile) {
				t.Errorf("%s says make %s, which the Makefile has not", name, m[2])
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d commands found", found)
	}
}

// TestChangesBeginWithThisVersion: the newest version that CHANGELOG.md tells of is
// the one that the code says it is.
func TestChangesBeginWithThisVersion(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("pkg", "function", "function.go"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^const Version = "([0-9]+\.[0-9]+\.[0-9]+)"$`).FindSubmatch(source)
	newest := regexp.MustCompile(`(?m)^## ([0-9]\S*)$`).FindStringSubmatch(documents(t)["CHANGELOG.md"])
	if version == nil || newest == nil || newest[1] != string(version[1]) {
		t.Errorf("CHANGELOG.md begins with %q, the code says %q", newest, version)
	}
}
