package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// test is a test of the package, and what it takes and reaches.
type test struct {
	name      string
	processor time.Duration
	clock     time.Duration
	blocks    []block // that it runs through
}

// block is a piece of a file in which nothing branches.
type block struct {
	file     string // its base name
	from, to place
}

type place struct{ line, column int }

func (a place) before(b place) bool {
	return a.line < b.line || a.line == b.line && a.column < b.column
}

// survey runs every test of the package by itself, to know which code it
// reaches: no other needs to be tried on a mutant there.
func (p *pkg) survey(ctx context.Context, at int, dir string) ([]test, []block, error) {
	binary := filepath.Join(dir, "cover.test")
	if _, err := goCommand(ctx, "test", "-c", "-vet=off", "-cover", "-coverpkg="+p.path, "-o", binary, p.path); err != nil {
		return nil, nil, err
	}
	listed, _, err := p.run(ctx, binary, 0, patient(), "-test.list=^(Test|Fuzz|Example)")
	if err != nil {
		return nil, nil, err
	}
	var tests []test
	for _, name := range strings.Fields(listed) {
		if strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz") || strings.HasPrefix(name, "Example") {
			tests = append(tests, test{name: name})
		}
	}
	if len(tests) == 0 {
		return nil, nil, errors.New("there are no tests")
	}
	var all []block
	errs := make([]error, len(tests))
	each(at, len(tests), func(i, _ int) {
		t := &tests[i]
		profile := filepath.Join(dir, t.name+".cover")
		began := time.Now()
		said, used, err := p.run(ctx, binary, 0, patient(), "-test.run=^"+t.name+"$", "-test.coverprofile="+profile)
		if err != nil {
			errs[i] = fmt.Errorf("%s fails without any mistake: %w\n%s", t.name, err, said)
			return
		}
		t.processor, t.clock = used, time.Since(began)
		var whole []block
		t.blocks, whole, errs[i] = readProfile(profile)
		if i == 0 {
			all = whole
		}
	})
	return tests, all, errors.Join(errs...)
}

// readProfile returns the blocks of a coverage profile that were run, and all.
func readProfile(name string) (run, all []block, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		file, rest, ok := strings.Cut(lines.Text(), ".go:")
		if !ok {
			continue // the mode
		}
		b := block{file: path.Base(file) + ".go"}
		var statements, count int
		if _, err := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d", &b.from.line, &b.from.column, &b.to.line, &b.to.column, &statements, &count); err != nil {
			return nil, nil, fmt.Errorf("%s: %q: %w", name, lines.Text(), err)
		}
		all = append(all, b)
		if count > 0 {
			run = append(run, b)
		}
	}
	return run, all, lines.Err()
}

// reaching returns the tests that run through a mutant. Where it lies in no
// block, as the conditions of a switch do, those are meant that enter its
// function; outside of functions all.
func (m *mutant) reaching(tests []test, all []block) []test {
	if m.fn == nil {
		return tests
	}
	from, to := m.file.place(m.start), m.file.place(m.end)
	around := func(b block) bool {
		return b.file == path.Base(m.file.path) && !from.before(b.from) && !b.to.before(to)
	}
	if !slices.ContainsFunc(all, around) {
		from, to := m.file.place(m.file.at(m.fn.Pos())), m.file.place(m.file.at(m.fn.End()))
		around = func(b block) bool {
			return b.file == path.Base(m.file.path) && !b.from.before(from) && !to.before(b.to)
		}
	}
	var out []test
	for _, t := range tests {
		if slices.ContainsFunc(t.blocks, around) {
			out = append(out, t)
		}
	}
	return out
}

// place is where an offset of the file is.
func (s *source) place(offset int) place {
	before := s.text[:offset]
	return place{line: 1 + bytes.Count(before, []byte("\n")), column: offset - bytes.LastIndexByte(before, '\n')}
}

// each does something for every number below n, some at the same time; worker is
// different for those that are done at the same time.
func each(at, n int, do func(i, worker int)) {
	var work sync.WaitGroup
	next := make(chan int)
	for worker := range at {
		work.Go(func() {
			for i := range next {
				do(i, worker)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	work.Wait()
}
