package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// result is how a mutant fared.
type result struct {
	*mutant
	noticed bool
	said    string // what its tests said
}

const (
	// patience is how many times as long as the unchanged package's tests a
	// mutant's may take on the clock, and thrift how much more of the processor's
	// time, on which a busy machine has no say. Longer is an endless loop.
	patience = 20
	thrift   = 5
	// memory in KiB is what a mutant's tests may take before they are ended.
	memory = 8 << 20
	// told is how often it is told how far the trying is.
	told = 10 * time.Second
)

// limits are what a mutant's tests may take.
type limits struct {
	clock     time.Duration
	processor int // seconds
}

// try runs the tests of the package on its mutants, and returns the results in
// the mutants' order.
func (p *pkg) try(ctx context.Context, o options, progress io.Writer) ([]result, error) {
	var results []result
	for _, m := range p.mutants {
		if o.picks(m) {
			results = append(results, result{mutant: m})
		}
	}
	if len(results) == 0 {
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	tests, blocks, err := p.survey(ctx, o.at, dir)
	if err != nil {
		return nil, err
	}
	all := filepath.Join(dir, "all.test")
	if err := p.compile(ctx, dir, p.choice().files, all); err != nil {
		return nil, err
	}
	if said, _, err := p.run(ctx, all, 0, patient()); err != nil {
		return nil, fmt.Errorf("the tests fail without any mistake: %w\n%s", err, said)
	}
	var (
		lock       sync.Mutex
		done, live int
		next       = time.Now().Add(told)
		errs       []error
	)
	each(o.at, len(results), func(i, worker int) {
		if ctx.Err() != nil {
			return
		}
		r := &results[i]
		err := p.tryOne(ctx, r, r.reaching(tests, blocks), filepath.Join(dir, strconv.Itoa(worker)), all)
		lock.Lock()
		defer lock.Unlock()
		if err != nil {
			errs = append(errs, err)
		}
		done++
		if !r.noticed {
			live++
		}
		if time.Now().After(next) {
			next = time.Now().Add(told)
			fmt.Fprintf(progress, "%s: %d of %d tried, %d not noticed\n", p.dir, done, len(results), live)
		}
	})
	return results, errors.Join(append(errs, ctx.Err())...)
}

// tryOne runs the tests that reach a mutant on it. One outside of functions is
// compiled for itself.
func (p *pkg) tryOne(ctx context.Context, r *result, tests []test, dir, binary string) error {
	if len(tests) == 0 {
		return nil
	}
	if r.fn == nil {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		binary = filepath.Join(dir, "one.test")
		err := p.compile(ctx, dir, map[string][]byte{r.file.name: r.apply(0, len(r.file.text))}, binary)
		switch {
		case err != nil && strings.Contains(err.Error(), "_test.go:"):
			// The package compiles with it, its tests do not, as where two keys of a
			// map are the same then: who makes that mistake cannot miss it.
			r.noticed, r.said = true, err.Error()+"\n"
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", r.name(), err)
		}
	}
	var clock, processor time.Duration
	var names []string
	for _, t := range tests {
		clock, processor, names = clock+t.clock, processor+t.processor, append(names, t.name)
	}
	limit := limits{clock: patience*clock + 10*time.Second, processor: int((thrift * processor).Seconds()) + 2}
	said, _, err := p.run(ctx, binary, r.number, limit, "-test.run=^("+strings.Join(names, "|")+")$")
	r.noticed, r.said = err != nil, said
	return nil
}

// compile makes the test binary with some files replaced.
func (p *pkg) compile(ctx context.Context, dir string, files map[string][]byte, binary string) error {
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, text := range files {
		file := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
		overlay.Replace[name] = file
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, text, 0o644); err != nil {
		return err
	}
	// Not optimised: most of it never runs.
	_, err = goCommand(ctx, "test", "-c", "-vet=off", "-gcflags="+p.path+"=-N -l", "-ldflags=-s -w", "-overlay", list, "-o", binary, p.path)
	return err
}

// patient are the limits of tests without a mistake.
func patient() limits { return limits{clock: 10 * time.Minute, processor: 600} }

// run runs the tests of a binary as one mutant, and returns what they said and
// the processor's time that they took.
func (p *pkg) run(ctx context.Context, binary string, number int, limit limits, more ...string) (string, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, limit.clock)
	defer cancel()
	args := append([]string{
		"-c", `ulimit -t "$1"; ulimit -v "$2" 2>/dev/null; shift 2; exec "$@"`, "sh",
		strconv.Itoa(limit.processor), strconv.Itoa(memory), binary, "-test.failfast", "-test.short", "-test.timeout=0",
	}, more...)
	if p.rapid {
		// The same draws each time, and nothing made of what failed.
		args = append(args, "-rapid.seed=1", "-rapid.nofailfile", "-rapid.shrinktime=1ms")
	}
	var out bytes.Buffer
	c := exec.CommandContext(ctx, "sh", args...)
	c.Dir, c.Stdout, c.Stderr = p.abs, &out, &out
	c.Env = append(os.Environ(), chosen+"="+strconv.Itoa(number))
	c.WaitDelay = time.Second
	err := c.Run()
	if c.ProcessState == nil {
		return out.String(), 0, err
	}
	return out.String(), c.ProcessState.UserTime() + c.ProcessState.SystemTime(), err
}
