package main

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/endpointguard/endpointguard/pkg/policy"
)

// fence is a fenced block of a page.
type fence struct {
	kind string
	line int // of its first line, from 1
	text string
}

// fences are the fenced blocks of a page, and the page with the text of each
// replaced by what replace returns.
func fences(t *testing.T, page string, replace func(fence) string) string {
	t.Helper()
	var out strings.Builder
	var open *fence
	number := 0
	for line := range strings.Lines(page) {
		number++
		kind, marker := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "```")
		switch {
		case marker && open == nil:
			open = &fence{kind: kind, line: number + 1}
		case marker:
			out.WriteString(replace(*open))
			open = nil
		case open != nil:
			open.text += line
			continue
		}
		out.WriteString(line)
	}
	if open != nil {
		t.Fatalf("line %d: the block is not closed", open.line)
	}
	return out.String()
}

// TestPolicyPage runs the examples of docs/policy.md: each document is a file of
// the name in its first line, and after each "$ " stands what the command prints.
func TestPolicyPage(t *testing.T) {
	path, err := filepath.Abs(filepath.Join("..", "..", "docs", "policy.md"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	documents, shown, commands := map[string]int{}, map[string]bool{}, 0
	page := fences(t, string(data), func(f fence) string {
		if f.kind != "yaml" {
			return f.text
		}
		first, _, _ := strings.Cut(f.text, "\n")
		name, ok := strings.CutPrefix(first, "# ")
		if _, taken := documents[name]; !ok || taken || !strings.HasSuffix(name, ".yaml") {
			t.Errorf("line %d: the document doesn't begin with a name of its own", f.line)
			return f.text
		}
		if err := os.WriteFile(name, []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
		documents[name] = f.line
		return f.text
	})
	page = fences(t, page, func(f fence) string {
		switch f.kind {
		case "yaml":
			return f.text
		case "console":
		default:
			t.Errorf("line %d: a block of %q, which nothing checks", f.line, f.kind)
			return f.text
		}
		command, _, _ := strings.Cut(f.text, "\n")
		words := strings.Fields(command)
		if len(words) < 3 || words[0] != "$" || words[1] != "endpointguard" {
			t.Fatalf("line %d: %q runs no endpointguard", f.line, command)
		}
		status, out, errs := execute(t, words[2:]...)
		if status == statusUsage {
			t.Errorf("line %d: wrong use: %s", f.line, errs)
		}
		commands++
		if words[2] == "validate" || words[2] == "test" {
			shown[words[len(words)-1]] = true
		}
		got := command + "\n" + errs + out
		if diff := diffText(f.text, got); diff != "" && !*update {
			t.Errorf("line %d (-the page +got):\n%s", f.line, diff)
		}
		return got
	})
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Documents whose problems aren't shown have none but their documentation
	// ranges and what is told of a stepping out; tests pass.
	for name, line := range documents {
		if shown[name] {
			continue
		}
		command := "validate"
		if strings.HasSuffix(name, "_test.yaml") {
			command = "test"
		}
		if status, out, errs := execute(t, command, name); status != statusFine {
			t.Errorf("line %d: %s %s: status %d\n%s%s", line, command, name, status, out, errs)
		}
	}
	if len(documents) < 30 || commands < 30 {
		t.Errorf("%d documents, %d commands: the page was not understood", len(documents), commands)
	}
}

// TestPolicyPageHasEveryKey holds that the page has a section for each key of
// the schema, and that its links lead to sections.
func TestPolicyPageHasEveryKey(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "policy.md"))
	if err != nil {
		t.Fatal(err)
	}
	var schema any
	if err := json.Unmarshal([]byte(policy.Schema()), &schema); err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	var walk func(any)
	walk = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			for name, child := range node {
				if properties, ok := child.(map[string]any); ok && name == "properties" {
					for key := range properties {
						keys[key] = true
					}
				}
				walk(child)
			}
		case []any:
			for _, child := range node {
				walk(child)
			}
		}
	}
	walk(schema)
	if len(keys) < 20 {
		t.Errorf("the schema has the keys %v", slices.Sorted(maps.Keys(keys)))
	}
	anchors := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		if title, ok := strings.CutPrefix(line, "#"); ok {
			title = strings.TrimSpace(strings.TrimLeft(title, "#"))
			anchors[anchor(title)] = true
			if key, ok := strings.CutPrefix(title, "`"); ok && strings.HasSuffix(key, "`") {
				delete(keys, strings.TrimSuffix(key, "`"))
			}
		}
	}
	if len(keys) > 0 {
		t.Errorf("docs/policy.md has no section for %v", slices.Sorted(maps.Keys(keys)))
	}
	for _, part := range strings.Split(string(data), "](#")[1:] {
		link, _, _ := strings.Cut(part, ")")
		if !anchors[link] {
			t.Errorf("docs/policy.md has no section #%s", link)
		}
	}
}

// anchor is what a heading is linked by.
func anchor(title string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == ' ':
			return '-'
		case c == '-' || c == '_' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			return c
		default:
			return -1
		}
	}, strings.ToLower(title))
}

// TestReadmePolicy: the policy of the README is one, in ten lines.
func TestReadmePolicy(t *testing.T) {
	found := 0
	fences(t, fromRoot(t, "README.md"), func(f fence) string {
		if f.kind != "yaml" {
			return f.text
		}
		found++
		file := filepath.Join(t.TempDir(), "policy.yaml")
		if err := os.WriteFile(file, []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if status, out, errs := execute(t, "validate", file); status != statusFine {
			t.Errorf("line %d: status %d\n%s%s", f.line, status, out, errs)
		}
		if lines := strings.Count(f.text, "\n"); lines > 10 {
			t.Errorf("line %d: the policy has %d lines", f.line, lines)
		}
		return f.text
	})
	if found != 1 {
		t.Errorf("%d policies", found)
	}
}

// TestDocumentedCommands: what the documents type is a command that there is, with
// flags that it has and as many arguments as it takes.
func TestDocumentedCommands(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join("..", "..", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	within, err := filepath.Glob(filepath.Join("..", "..", "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	typed := regexp.MustCompile("(?m)(`| {4}|\\$ )endpointguard ([^`\n]+)")
	ends := regexp.MustCompile(` {2,}| > | \| `) // what it is for, or where its output goes
	found := 0
	for _, page := range append(pages, within...) {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range typed.FindAllStringSubmatch(string(data), -1) {
			found++
			words := strings.Fields(ends.Split(m[2], 2)[0])
			root := newRoot(io.Discard)
			cmd, rest, err := root.Find(words)
			if err == nil && cmd == root && !slices.Equal(words, []string{"--version"}) {
				err = errors.New("there is no such command")
			}
			if err == nil {
				cmd.InitDefaultVersionFlag()
				err = cmd.ParseFlags(rest)
			}
			if err == nil && m[1] != "`" { // a sentence may name a command without what it takes
				err = cmd.ValidateArgs(cmd.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: endpointguard %s: %v", filepath.Base(page), m[2], err)
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d commands found", found)
	}
}
