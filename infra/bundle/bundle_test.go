package bundle_test

import (
	"archive/zip"
	"bytes"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/infra/bundle"
)

// TestPack: the bytes hang on the content alone, and Lambda can start it.
func TestPack(t *testing.T) {
	files := bundle.Files{bundle.Policy: []byte("version: 1\n"), bundle.Bootstrap: bytes.Repeat([]byte("code"), 1000), bundle.Command: []byte("code")}
	first, err := bundle.Pack(files)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		again, err := bundle.Pack(files)
		if err != nil || !bytes.Equal(first, again) {
			t.Fatalf("packed again it differs (%v)", err)
		}
	}
	r, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]string{}
	for _, f := range r.File {
		modes[f.Name] = f.Mode().String()
	}
	want := map[string]string{"bootstrap": "-rwxr-xr-x", "endpointguard": "-rwxr-xr-x", "policy.yaml": "-rw-r--r--"}
	if diff := cmp.Diff(want, modes); diff != "" {
		t.Errorf("modes (-want +got):\n%s", diff)
	}
}

func TestReadWhatWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.zip")
	want := bundle.Files{bundle.Policy: []byte("version: 1\n"), bundle.Bootstrap: []byte("code")}
	if err := bundle.Write(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := bundle.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
