package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/infra/bundle"
)

// runWith runs the app as the CDK's command line does, as far as it gets without
// the CDK.
func runWith(t *testing.T, root string, context map[string]any) error {
	t.Helper()
	text, err := json.Marshal(context)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CDK_CONTEXT_JSON", string(text))
	t.Setenv("CONTEXT_OVERFLOW_LOCATION_ENV", "")
	t.Setenv("CDK_DEFAULT_REGION", "")
	return run(root)
}

// TestRunRefuses: what is wrong is told in one line, before the CDK starts.
func TestRunRefuses(t *testing.T) {
	root, file := policyFile(t, "version: 2\nrules:\n  - name: a\n    require: {privateAccess: enabled}\n    respond: alert\n")
	for name, test := range map[string]struct {
		root    string
		context map[string]any
		want    string
	}{
		"a setting": {"..", with(map[string]any{keyMode: "off"}), `setting mode is "off"`},
		"a region":  {"..", with(map[string]any{keyRegions: ""}), "setting regions is missing"},
		"a policy":  {root, with(map[string]any{keyPolicyFile: file}), "setting policyFile: p.yaml:1:"},
		"no policy": {root, minimal(), "setting policyFile: open "},
	} {
		t.Run(name, func(t *testing.T) {
			err := runWith(t, test.root, test.context)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error: %v\nwant the one line: %s…", err, test.want)
			}
		})
	}
	t.Setenv("CDK_CONTEXT_JSON", "{")
	if err := run(".."); err == nil || !strings.Contains(err.Error(), "CDK_CONTEXT_JSON") {
		t.Errorf("a broken context: %v", err)
	}
}

func TestRunWithoutBuild(t *testing.T) {
	root, _ := policyFile(t, "version: 1\nrules:\n  - name: a\n    require: {privateAccess: enabled}\n    respond: alert\n")
	err := runWith(t, root, with(map[string]any{keyPolicyFile: "p.yaml"}))
	if err == nil || !strings.Contains(err.Error(), "run make build first") {
		t.Errorf("error: %v", err)
	}
}

// TestBundles: the function gets the policy of its deployment.
func TestBundles(t *testing.T) {
	root, folder := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "dist"), 0o755); err != nil {
		t.Fatal(err)
	}
	built := bundle.Files{bundle.Bootstrap: []byte("code"), bundle.Policy: []byte("the default")}
	for _, zip := range []string{"guardrail.zip", "sweep.zip"} {
		if err := bundle.Write(filepath.Join(root, "dist", zip), built); err != nil {
			t.Fatal(err)
		}
	}
	b, err := bundles(root, folder, Document{Text: []byte("mine")})
	if err != nil {
		t.Fatal(err)
	}
	got, err := bundle.Read(b.Guardrail)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(bundle.Files{bundle.Bootstrap: []byte("code"), bundle.Policy: []byte("mine")}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReproducible: the same code makes the same bytes, in whatever folder it is.
func TestReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the functions twice")
	}
	copied := t.TempDir()
	for _, folder := range []string{"pkg", "functions", "events", filepath.Join("infra", "bundle"), filepath.Join("infra", "cmd")} {
		if err := os.CopyFS(filepath.Join(copied, folder), os.DirFS(filepath.Join("..", folder))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum", "Makefile", "policy.yaml", filepath.Join("infra", "go.mod"), filepath.Join("infra", "go.sum")} {
		data, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(copied, file), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sums := map[string][]string{}
	for _, root := range []string{"..", copied} {
		dist := t.TempDir()
		out, err := exec.CommandContext(t.Context(), "make", "-C", root, "functions", "DIST="+dist).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, zip := range []string{"guardrail.zip", "sweep.zip"} {
			data, err := os.ReadFile(filepath.Join(dist, zip))
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(data)
			sums[zip] = append(sums[zip], hex.EncodeToString(sum[:]))
		}
	}
	for zip, of := range sums {
		if of[0] != of[1] {
			t.Errorf("%s differs: %v", zip, of)
		}
	}
}
