package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/endpointguard/endpointguard/events"
)

var update = flag.Bool("update", false, "rewrite the golden files, and the copy of the shipped policy")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"endpointguard": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			return layOut(e.WorkDir)
		},
	})
}

// run executes a command line as one that is installed does.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	return runAs(ctx, ownName, args, in, out, errs)
}

// execute runs a command line as main does.
func execute(t *testing.T, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	status = run(t.Context(), args, strings.NewReader(""), &o, &e)
	return status, o.String(), e.String()
}

// layOut puts the samples into a folder in all the forms that people have:
// enveloped in samples, bare in bare, all of them in log.json and log.json.gz as
// CloudTrail writes them, in array.json and in lines.jsonl; and the policy of the
// tests as policy.yaml.
func layOut(dir string) error {
	names, err := fs.Glob(events.Samples(), "*.json")
	if err != nil {
		return err
	}
	var bare, enveloped []json.RawMessage
	files := map[string][]byte{}
	for _, name := range names {
		data, err := fs.ReadFile(events.Samples(), name)
		if err != nil {
			return err
		}
		var event struct {
			Detail json.RawMessage `json:"detail"`
		}
		if err := json.Unmarshal(data, &event); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		files["samples/"+name], files["bare/"+name] = data, event.Detail
		bare, enveloped = append(bare, event.Detail), append(enveloped, data)
	}
	if files["log.json"], err = json.Marshal(map[string]any{"Records": bare}); err != nil {
		return err
	}
	if files["array.json"], err = json.Marshal(enveloped); err != nil {
		return err
	}
	for _, record := range bare {
		var line bytes.Buffer
		if err := json.Compact(&line, record); err != nil {
			return err
		}
		files["lines.jsonl"] = append(files["lines.jsonl"], append(line.Bytes(), '\n')...)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(files["log.json"]); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	files["log.json.gz"] = zipped.Bytes()
	files["policy.yaml"], err = os.ReadFile(testPolicy)
	if err != nil {
		return err
	}
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

var testPolicy = filepath.Join("testdata", "policy.yaml")

// inSamples changes into a folder with the samples laid out.
func inSamples(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := layOut(dir); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
}

// golden compares what was got with a golden file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run the test with -update to write it", err)
	}
	if diff := diffText(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
