// Package endpointguard_test holds the rules on who may know whom.
package endpointguard_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/endpointguard/endpointguard/"

// aws is where the services of the embedded AWS are, within pkg.
const aws = "localaws/internal/"

// pure are the rooms that decide: what they decide must follow from what they
// are given alone.
var pure = []string{"endpoint", "text", "internal/document", "policy", "policytest", "verdict", "cloudtrail", "brake", "wakeup", "incident", "digest", "heartbeat", "mail", "guardrail", "trouble"}

// forbidden packages, by prefix, and why they are.
var (
	forPure = map[string]string{
		"github.com/aws/":         "a decision must not depend on what AWS answers",
		"log":                     "a decision is told by its result; the shell logs it",
		"log/slog":                "a decision is told by its result; the shell logs it",
		"net/http":                "a decision makes no calls",
		module + "pkg/localaws":   "the embedded AWS is for tests and commands",
		module + "pkg/ekscluster": "a decision makes no calls",
		module + "pkg/awstrouble": "errors are sorted where they arise",
		"github.com/spf13/cobra":  "the command line is not part of any decision",
		"github.com/aws/jsii":     "what is deployed must not carry the deployment",
	}
	forDeployed = map[string]string{
		"github.com/aws/aws-cdk-go":   "what is deployed must not carry the deployment",
		"github.com/aws/jsii-runtime": "what is deployed must not carry the deployment",
		module + "infra":              "what is deployed must not carry the deployment",
		module + "pkg/localaws":       "the embedded AWS is for tests and commands",
		module + "pkg/redrive":        "it is for a command",
		module + "pkg/awsconfig":      "what is deployed has its own settings, and must not wait for minutes",
		"testing":                     "tests stay out of what is deployed",
	}
	// knows is who may be known at the most, of this module.
	knows = map[string][]string{
		"endpoint":   nil,
		"trouble":    nil,
		"policy":     {"internal/document", "endpoint", "text"},
		"policytest": {"policy", "internal/document", "endpoint", "text"},
		"verdict":    {"policy", "internal/document", "endpoint", "text"},
		"cloudtrail": {"endpoint", "text"},
		"brake":      nil,
		"wakeup":     {"cloudtrail", "endpoint", "text"},
		"incident":   {"brake", "verdict", "cloudtrail", "policy", "internal/document", "endpoint", "trouble", "text"},
		"digest":     {"brake", "incident", "verdict", "cloudtrail", "policy", "internal/document", "endpoint", "trouble", "text"},
		"heartbeat":  {"brake", "incident", "verdict", "cloudtrail", "policy", "internal/document", "endpoint", "trouble", "text"},
		"text":       nil,
		"settings":   {"brake", "mail", "digest", "incident", "verdict", "cloudtrail", "policy", "internal/document", "endpoint", "trouble", "text"},
		"mail":       {"brake", "digest", "incident", "verdict", "cloudtrail", "policy", "internal/document", "endpoint", "trouble", "text"},

		"awsconfig": {"awstrouble", "trouble", "policy", "internal/document", "endpoint", "text"},

		"localaws": {
			aws + "account", aws + "wire", aws + "eks", aws + "ec2", aws + "dynamodb", aws + "sqs", aws + "sns", aws + "lambda",
			aws + "iam", aws + "eventbridge", aws + "cloudtrail", aws + "gate",
		},
		aws + "account":     nil,
		aws + "wire":        nil,
		aws + "iam":         nil,
		aws + "gate":        {aws + "wire"},
		aws + "eks":         {aws + "account", aws + "wire"},
		aws + "ec2":         {aws + "account", aws + "wire"},
		aws + "dynamodb":    {aws + "account", aws + "wire"},
		aws + "sqs":         {aws + "account", aws + "wire"},
		aws + "sns":         {aws + "account", aws + "wire", aws + "iam", aws + "sqs"},
		aws + "eventbridge": {aws + "account", aws + "wire", aws + "sqs"},
		aws + "cloudtrail":  {aws + "account", aws + "wire", aws + "eventbridge", aws + "sqs"},
		aws + "lambda":      {aws + "account", aws + "wire", aws + "gate", aws + "sqs"},

		"internal/document": {"text"},
	}
	// imports is who may be imported by a few rooms alone, and by which.
	imports = map[string][]string{
		"internal/document":   {"policy", "policytest"}, // others ask those whose document it is
		"go.yaml.in/yaml/...": {"internal/document", "policy", "policytest"},
	}
)

// reached are the packages that each of this module's packages reaches, itself
// too, by path. One call for all: each call of go list reads the whole module.
func reached(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.ImportPath}} {{join .Deps \" \"}}", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		paths := strings.Fields(line)
		all[paths[0]] = paths
	}
	return all
}

// breaks returns why the import is forbidden, "" if it is not.
func breaks(path string, rules map[string]string) string {
	for prefix, why := range rules {
		if path == prefix || strings.HasSuffix(prefix, "/") && strings.HasPrefix(path, prefix) || strings.HasPrefix(path, prefix+"/") {
			return why
		}
	}
	return ""
}

func TestImports(t *testing.T) {
	all := reached(t)
	deps := func(room string) []string {
		paths := all[module+"pkg/"+room]
		if paths == nil {
			t.Errorf("there is no pkg/%s", room)
		}
		return paths
	}
	for _, room := range pure {
		for _, path := range deps(room) {
			if why := breaks(path, forPure); why != "" {
				t.Errorf("pkg/%s reaches %s: %s", room, path, why)
			}
		}
	}
	functions := 0
	for name, paths := range all {
		if !strings.HasPrefix(name, module+"functions/") {
			continue
		}
		functions++
		for _, path := range paths {
			if why := breaks(path, forDeployed); why != "" {
				t.Errorf("%s reaches %s: %s", name, path, why)
			}
		}
	}
	if functions < 2 {
		t.Errorf("%d functions", functions)
	}
	for room, allowed := range knows {
		for _, path := range deps(room) {
			other, ours := strings.CutPrefix(path, module+"pkg/")
			if ours && other != room && !slices.Contains(allowed, other) {
				t.Errorf("pkg/%s knows pkg/%s, which it may not", room, other)
			}
		}
	}
}

// TestImportedByFew: what only a few rooms may import, no other one does.
func TestImportedByFew(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		paths := strings.Fields(line)
		room := strings.TrimPrefix(paths[0], module+"pkg/")
		for name, by := range imports {
			prefix, family := strings.CutSuffix(name, "...")
			for _, path := range paths[1:] {
				other := strings.TrimPrefix(path, module+"pkg/")
				if (other == name || family && strings.HasPrefix(other, prefix)) && !slices.Contains(by, room) {
					t.Errorf("%s imports %s, which only %v may", paths[0], path, by)
				}
			}
		}
	}
}

// TestPureRoomsNeverAskForTheTime: the time is given to them.
func TestPureRoomsNeverAskForTheTime(t *testing.T) {
	asking := []string{"Now", "Since", "Until", "After", "Sleep", "NewTimer", "NewTicker", "Tick", "AfterFunc"}
	for _, room := range pure {
		files := 0
		err := filepath.WalkDir(filepath.Join("pkg", room), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files++
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if pkg, ok := call.X.(*ast.Ident); ok && pkg.Name == "time" && slices.Contains(asking, call.Sel.Name) {
					t.Errorf("%s: time.%s: the time is an input here", path, call.Sel.Name)
				}
				return true
			})
			return nil
		})
		if err != nil || files == 0 {
			t.Errorf("pkg/%s: %d files, %v", room, files, err)
		}
	}
}

// TestArchitectureNamesEveryRoom: the table of docs/architecture.md has a row for
// every folder of code. The folders within one whose row ends with "/" may be
// named in that row's text instead.
func TestArchitectureNamesEveryRoom(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## Rooms\n")
	table, _, _ = strings.Cut(table, "\n## ")
	code := regexp.MustCompile("`([^`]+)`")
	named := map[string]bool{}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 {
			continue
		}
		for _, place := range code.FindAllStringSubmatch(cells[1], -1) {
			folder, family := strings.CutSuffix(place[1], "/")
			named[folder] = true
			for _, within := range code.FindAllStringSubmatch(cells[2], -1) {
				named[folder+"/"+within[1]] = family
			}
		}
	}
	rooms := map[string]bool{}
	for _, root := range []string{"cmd", "events", "functions", "infra", "pkg", "tools"} {
		err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && entry.Name() == "testdata":
				return fs.SkipDir
			case !entry.IsDir() && strings.HasSuffix(file, ".go"):
				rooms[filepath.ToSlash(filepath.Dir(file))] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(rooms) < 40 {
		t.Errorf("only %d rooms: %v", len(rooms), rooms)
	}
	for _, room := range slices.Sorted(maps.Keys(rooms)) {
		if !named[room] {
			t.Errorf("docs/architecture.md does not say what lives in %s", room)
		}
	}
}
