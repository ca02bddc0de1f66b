package endpointguard_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestInstallsFromTheModule: go install gets the command from what a module proxy
// serves of this module: the committed files, without those of the modules within it.
// Go refuses a module with names that some system cannot write, and go install one
// with replacements. Nothing is compiled here: that each package and each embedded
// file is there is known before. Source: the Go Modules Reference, "Module zip files"
// and "go install".
func TestInstallsFromTheModule(t *testing.T) {
	const name, version = "github.com/endpointguard/endpointguard", "v0.0.1"
	proxy, cache := t.TempDir(), t.TempDir()
	served := filepath.Join(proxy, filepath.FromSlash(name), "@v")
	if err := os.MkdirAll(served, 0o755); err != nil {
		t.Fatal(err)
	}
	goMod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if directive := regexp.MustCompile(`(?m)^(replace|exclude)\b`).Find(goMod); directive != nil {
		t.Errorf("go.mod has the directive %s, with which go install refuses a module", directive)
	}
	for file, data := range map[string][]byte{
		version + ".info": fmt.Appendf(nil, `{"Version": %q}`, version),
		version + ".mod":  goMod,
		version + ".zip":  moduleZip(t, name+"@"+version),
	} {
		if err := os.WriteFile(filepath.Join(served, file), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	golang := func(folder string, env []string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir, cmd.Env = folder, append(os.Environ(), env...)
		if _, err := cmd.Output(); err != nil {
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, exit.Stderr)
			}
			t.Fatal(err)
		}
	}
	golang(proxy, []string{"GOPROXY=" + fileURL(proxy), "GOMODCACHE=" + cache, "GOSUMDB=off", "GOFLAGS=-modcacherw", "GOPRIVATE=", "GONOPROXY=none"},
		"mod", "download", name+"@"+version)
	golang(filepath.Join(cache, filepath.FromSlash(name)+"@"+version), []string{"GOWORK=off"},
		"list", "-deps", "./cmd/endpointguard")
}

// moduleZip is what a module proxy would serve of the module of this folder.
func moduleZip(t *testing.T, prefix string) []byte {
	t.Helper()
	list, err := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached").Output()
	if err != nil {
		t.Skipf("this is no checkout: %v", err)
	}
	files := strings.FieldsFunc(string(list), func(c rune) bool { return c == 0 })
	var within []string // the folders of other modules
	for _, file := range files {
		if folder, ok := strings.CutSuffix(file, "/go.mod"); ok {
			within = append(within, folder+"/")
		}
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, file := range files {
		if slices.ContainsFunc(within, func(folder string) bool { return strings.HasPrefix(file, folder) }) {
			continue
		}
		data, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		f, err := w.Create(prefix + "/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func fileURL(folder string) string {
	folder = filepath.ToSlash(folder)
	if !strings.HasPrefix(folder, "/") {
		folder = "/" + folder
	}
	return (&url.URL{Scheme: "file", Path: folder}).String()
}
