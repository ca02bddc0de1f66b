// Bundle packs the zip file of a function, or one of a release:
//
//	bundle ZIP NAME=FILE …
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/endpointguard/endpointguard/infra/bundle"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: bundle ZIP NAME=FILE …")
	}
	files := bundle.Files{}
	for _, arg := range args[1:] {
		name, file, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q: it must be NAME=FILE", arg)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		files[name] = data
	}
	return bundle.Write(args[0], files)
}
