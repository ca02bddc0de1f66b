// Package bundle packs the zip files of Lambda functions, and those of a release, so
// that the same content makes the same bytes: a deployment then changes only what changed.
package bundle

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"
)

// The names of a bundle's files.
const (
	Bootstrap = "bootstrap" // what Lambda's provided.al2023 starts
	Policy    = "policy.yaml"
	Command   = "endpointguard" // the command line, in a bundle of a release
)

// Files are the files of a bundle, by name.
type Files map[string][]byte

// epoch is the time of every file: the first that a zip file can hold.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Pack returns the files as a zip file, in the order of their names, with one
// time for all. The programs may be executed, all may be read by anyone: Lambda
// runs functions as a user of its own.
func Pack(files Files) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: epoch}
		header.SetMode(0o644)
		if name == Bootstrap || name == Command {
			header.SetMode(0o755)
		}
		f, err := w.CreateHeader(header)
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", name, err)
		}
		if _, err := f.Write(files[name]); err != nil {
			return nil, fmt.Errorf("pack %s: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return out.Bytes(), nil
}

// Read returns the files of the zip file at the path.
func Read(path string) (Files, error) {
	r, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("read the bundle %s: %w", path, err)
	}
	defer func() { _ = r.Close() }()
	files := Files{}
	for _, f := range r.File {
		if files[f.Name], err = content(f); err != nil {
			return nil, fmt.Errorf("read %s in the bundle %s: %w", f.Name, path, err)
		}
	}
	return files, nil
}

func content(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}

// Write packs the files into a zip file at the path.
func Write(path string, files Files) error {
	data, err := Pack(files)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
