package buildflags_test

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/buildflags"
)

func TestOf(t *testing.T) {
	type answer struct{ Args, Env []string }
	for name, c := range map[string]struct {
		settings []debug.BuildSetting
		want     answer
	}{
		"nothing known": {},
		"no flags":      {[]debug.BuildSetting{{Key: "GOARCH", Value: "amd64"}}, answer{Args: []string{"-trimpath=false", "-race=false", "-tags="}}},
		"as make does it": {
			[]debug.BuildSetting{{Key: "-ldflags", Value: "-s -w"}, {Key: "-tags", Value: "lambda.norpc"}, {Key: "-trimpath", Value: "true"}, {Key: "CGO_ENABLED", Value: "0"}},
			answer{[]string{"-trimpath=true", "-race=false", "-tags=lambda.norpc"}, []string{"CGO_ENABLED=0"}},
		},
		"for races": {
			[]debug.BuildSetting{{Key: "-race", Value: "true"}, {Key: "CGO_ENABLED", Value: "1"}},
			answer{[]string{"-trimpath=false", "-race=true", "-tags="}, []string{"CGO_ENABLED=1"}},
		},
	} {
		args, env := buildflags.Of(&debug.BuildInfo{Settings: c.settings})
		if diff := cmp.Diff(c.want, answer{args, env}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if args, env := buildflags.Of(nil); args != nil || env != nil {
		t.Errorf("of nothing: %v, %v", args, env)
	}
}

// TestOwn holds that a program built as this test is one by whose settings nothing is
// compiled twice, whatever the environment says.
func TestOwn(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		t.Skip("this test has no build information")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module child\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args, env := buildflags.Own()
	child := exec.CommandContext(t.Context(), "go", slices.Concat([]string{"build", "-o", "child"}, args, []string{"."})...)
	child.Dir, child.Env = dir, append(os.Environ(), append(env, "GOFLAGS=-tags=other", "GOWORK=off")...)
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	built, err := buildinfo.ReadFile(filepath.Join(dir, "child"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(flags(info), flags(built)); diff != "" {
		t.Errorf("the child was compiled otherwise (-own +child):\n%s", diff)
	}
}

// flags are the settings by which Go's build cache tells packages apart.
func flags(info *debug.BuildInfo) map[string]string {
	out := map[string]string{}
	for _, s := range info.Settings {
		if slices.Contains([]string{"-trimpath", "-race", "-tags", "CGO_ENABLED", "GOARCH", "GOOS"}, s.Key) {
			out[s.Key] = s.Value
		}
	}
	return out
}
