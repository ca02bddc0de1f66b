package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// pkg is a package whose tests are tried.
type pkg struct {
	path    string // to import it by
	name    string
	dir     string // from the module's root, with slashes
	abs     string
	sources []*source
	mutants []*mutant
	export  map[string]string // what the compiler made of each package it needs
	rapid   bool              // its tests draw with rapid
}

// load reads a package and finds its mutants.
func load(ctx context.Context, pattern string) (*pkg, error) {
	p := &pkg{export: map[string]string{}}
	var listed struct {
		ImportPath, Name, Dir, Export string
		GoFiles                       []string
		TestImports, XTestImports     []string
		Module                        struct{ Path, Dir string }
	}
	out, err := goCommand(ctx, "list", "-json", pattern)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(out, &listed); err != nil {
		return nil, fmt.Errorf("%s must be one package: %w", pattern, err)
	}
	p.path, p.name, p.abs = listed.ImportPath, listed.Name, listed.Dir
	p.dir = path.Join(".", strings.TrimPrefix(listed.ImportPath, listed.Module.Path))
	p.rapid = slices.Contains(append(listed.TestImports, listed.XTestImports...), "pgregory.net/rapid")
	// What chooses among the mutants imports os and strconv.
	out, err = goCommand(ctx, "list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}", pattern, "os", "strconv")
	if err != nil {
		return nil, err
	}
	for _, line := range strings.Fields(string(out)) {
		name, file, _ := strings.Cut(line, "=")
		p.export[name] = file
	}
	for _, name := range listed.GoFiles {
		file := filepath.Join(p.abs, name)
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		p.sources = append(p.sources, &source{path: path.Join(p.dir, name), name: file, text: text})
	}
	return p, p.find()
}

func goCommand(ctx context.Context, args ...string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, "go", args...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, exit.Stderr)
	}
	return out, err
}

// find finds the mutants of the package that compile, and numbers them.
func (p *pkg) find() error {
	fset := token.NewFileSet()
	info := &types.Info{
		Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{},
	}
	var trees []*ast.File
	for _, s := range p.sources {
		tree, err := parser.ParseFile(fset, s.name, s.text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		s.tree = tree
		trees = append(trees, tree)
	}
	if complaints := p.check(fset, trees, info); len(complaints) > 0 {
		return complaints[0]
	}
	for _, s := range p.sources {
		p.mutants = append(p.mutants, find(s, fset, info)...)
	}
	slices.SortStableFunc(p.mutants, func(a, b *mutant) int {
		return cmp.Or(cmp.Compare(a.file.path, b.file.path), cmp.Compare(a.start, b.start))
	})
	return p.compiling()
}

// check lets the type checker look at files, and returns what it complains of.
func (p *pkg) check(fset *token.FileSet, trees []*ast.File, info *types.Info) []error {
	var complaints []error
	conf := types.Config{
		Error: func(err error) { complaints = append(complaints, err) },
		Importer: importer.ForCompiler(fset, "gc", func(name string) (io.ReadCloser, error) {
			return os.Open(p.export[name])
		}),
	}
	// What it returns is the first of the complaints.
	_, _ = conf.Check(p.path, fset, trees, info)
	return complaints
}

// compiling keeps the mutants that compile.
func (p *pkg) compiling() error {
	broken := map[*mutant]bool{}
	for _, m := range p.mutants {
		if m.fn != nil {
			continue
		}
		fset, trees, err := parse(map[string][]byte{m.file.name: m.apply(0, len(m.file.text))}, p.sources)
		if err != nil || len(p.check(fset, trees, nil)) > 0 {
			broken[m] = true
		}
	}
	p.drop(broken)
	// A mistake can hide others: those of the first look are gone in the second.
	for {
		broken := map[*mutant]bool{}
		choice := p.choice()
		fset, trees, err := parse(choice.files, p.sources)
		if err != nil {
			return fmt.Errorf("with its mutants: %w", err)
		}
		for _, complaint := range p.check(fset, trees, nil) {
			wrong, ok := errors.AsType[types.Error](complaint)
			if !ok {
				return complaint
			}
			m := choice.mutant(fset.Position(wrong.Pos))
			if m == nil {
				return fmt.Errorf("with its mutants: %w", complaint)
			}
			broken[m] = true
		}
		if len(broken) == 0 {
			return nil
		}
		p.drop(broken)
	}
}

func (p *pkg) drop(broken map[*mutant]bool) {
	p.mutants = slices.DeleteFunc(p.mutants, func(m *mutant) bool { return broken[m] })
	for i, m := range p.mutants {
		m.number = i + 1
	}
}

// parse reads the sources anew, with some of them replaced and more added.
func parse(replaced map[string][]byte, sources []*source) (*token.FileSet, []*ast.File, error) {
	fset := token.NewFileSet()
	files := map[string][]byte{}
	for _, s := range sources {
		files[s.name] = s.text
	}
	for name, text := range replaced {
		files[name] = text
	}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var trees []*ast.File
	for _, name := range names {
		tree, err := parser.ParseFile(fset, name, files[name], parser.SkipObjectResolution)
		if err != nil {
			return nil, nil, err
		}
		trees = append(trees, tree)
	}
	return fset, trees, nil
}
