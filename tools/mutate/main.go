// Mutate tries whether the tests of a package notice when its code is wrong. It
// makes every small mistake that it knows in the package's files, one at a time,
// runs the package's own tests on each, and tells which mistakes none of them
// noticed:
//
//	mutate [-at 2] [-least 95] [-run N | -only FILE[:LINE]] PACKAGE …
//
// A survivor is told as FILE:LINE, the line, the mistake and the line as it was
// then. What follows its line number, and a colon and a reason, is an entry of
// the file -equivalent: a mistake that no test could notice because the code
// means the same with it. An entry that fits no mistake any more, or one that is
// noticed, is an error. A mistake with which the package does not compile is
// none; one with which only its tests do not is noticed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

// options are what a run was asked for.
type options struct {
	at         int     // how many mutants are tried at the same time
	least      float64 // the share of mutants that must be noticed, in percent
	number     int     // the only mutant to try, 0 for all
	place      string  // the file, or line of one, whose mutants are tried, "" for all
	equivalent string  // the file of those that mean the same
}

// picks reports whether a mutant is to be tried.
func (o options) picks(m *mutant) bool {
	return (o.number == 0 || o.number == m.number) && (o.place == "" || o.place == m.place() || o.place == m.file.path)
}

func (o options) whole() bool { return o.number == 0 && o.place == "" }

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	var o options
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.IntVar(&o.at, "at", 2, "how many mutants are tried at the same time")
	flags.Float64Var(&o.least, "least", 95, "the `percent` of mutants that must be noticed or listed as equivalent")
	flags.IntVar(&o.number, "run", 0, "try only mutant `N`, and show what its tests say")
	flags.StringVar(&o.place, "only", "", "try only the mutants of a `FILE[:LINE]`")
	flags.StringVar(&o.equivalent, "equivalent", filepath.Join("tools", "mutate", "equivalent.txt"), "`FILE` of the mutants that mean the same")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 || o.at < 1 {
		return errors.New("usage: mutate [-at 2] [-least 95] [-run N | -only FILE[:LINE]] PACKAGE …")
	}
	listed, err := readEntries(o.equivalent)
	if err != nil {
		return err
	}
	var wrong []error
	for _, pattern := range flags.Args() {
		p, err := load(ctx, pattern)
		if err != nil {
			return err
		}
		results, err := p.try(ctx, o, progress)
		if err != nil {
			return fmt.Errorf("%s: %w", p.dir, err)
		}
		wrong = append(wrong, report(out, o, p, results, listed)...)
	}
	return errors.Join(wrong...)
}

// report tells how the mutants of a package fared, and returns what is wrong
// about it.
func report(out io.Writer, o options, p *pkg, results []result, listed []entry) []error {
	var noticed, equivalent int
	var wrong []error
	entries := within(listed, p.dir)
	seen := make([]sighting, len(entries))
	for _, m := range p.mutants {
		for i, e := range entries {
			seen[i].there = seen[i].there || e.covers(m)
		}
	}
	for _, r := range results {
		lists := false
		for i, e := range entries {
			if e.covers(r.mutant) {
				lists = true
				seen[i].tried, seen[i].survived = true, seen[i].survived || !r.noticed
			}
		}
		switch {
		case r.noticed:
			noticed++
		case lists:
			equivalent++
		default:
			fmt.Fprintf(out, "%s: %s\n\t- %s\n\t+ %s\n", r.place(), r.called(), r.line(), r.mutated())
		}
		if o.number != 0 {
			fmt.Fprintf(out, "%s: %s\n%s", r.place(), r.called(), r.said)
		}
	}
	for i, e := range entries {
		switch {
		case !seen[i].there:
			wrong = append(wrong, fmt.Errorf("%s:%d: no mutant is called so any more: %s", o.equivalent, e.number, e.text))
		case seen[i].tried && !seen[i].survived:
			wrong = append(wrong, fmt.Errorf("%s:%d: is noticed, so it does not mean the same: %s", o.equivalent, e.number, e.text))
		}
	}
	share := 100.0
	if len(results) > 0 {
		share = 100 * float64(noticed+equivalent) / float64(len(results))
	}
	fmt.Fprintf(out, "%s: %d mutants, %d noticed, %d equivalent, %d survive: %s %%\n",
		p.dir, len(results), noticed, equivalent, len(results)-noticed-equivalent, strconv.FormatFloat(share, 'f', 1, 64))
	if share < o.least && o.whole() {
		wrong = append(wrong, fmt.Errorf("%s: less than %v %% of the mutants are noticed", p.dir, o.least))
	}
	return wrong
}

// sighting is what was seen of the mutants of one entry.
type sighting struct{ there, tried, survived bool }

// entry is a line of the file of equivalent mutants.
type entry struct {
	text   string
	number int // of the line
}

// covers reports whether the entry is about the mutant, and gives a reason.
func (e entry) covers(m *mutant) bool {
	reason, ok := strings.CutPrefix(e.text, m.name()+": ")
	return ok && strings.TrimSpace(reason) != ""
}

func readEntries(path string) ([]entry, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []entry
	for i, line := range strings.Split(string(data), "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, entry{text: line, number: i + 1})
		}
	}
	return out, nil
}

// within returns the entries about the files of one directory.
func within(entries []entry, dir string) []entry {
	var out []entry
	for _, e := range entries {
		file, _, _ := strings.Cut(e.text, ":")
		if path.Dir(file) == dir {
			out = append(out, e)
		}
	}
	return out
}
