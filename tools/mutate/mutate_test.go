package main

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden holds a text to what is in a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(got, "\n") {
		if lines := strings.Split(string(want), "\n"); i >= len(lines) || lines[i] != line {
			t.Fatalf("%s differs from line %d on: %s\n%s", path, i+1, line, got)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s has more lines than\n%s", path, got)
	}
}

// inTill runs a function in the directory of the package that is tried.
func inTill(t *testing.T, do func()) {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chdir(filepath.Join("testdata", "till")); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.Chdir(here); err != nil {
			t.Fatal(err)
		}
	}()
	do()
}

// mutate runs the tool on the package with a list of equivalent mutants.
func mutate(t *testing.T, listed string, args ...string) (string, error) {
	t.Helper()
	list := filepath.Join(t.TempDir(), "equivalent.txt")
	if err := os.WriteFile(list, []byte(listed), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, progress strings.Builder
	var err error
	inTill(t, func() {
		err = run(t.Context(), append(append([]string{"-equivalent", list}, args...), "."), &out, &progress)
	})
	return out.String(), err
}

// TestEveryMistakeIsFound holds the list of mutants: each kind of mistake is
// made wherever it can be, and none that does not compile.
func TestEveryMistakeIsFound(t *testing.T) {
	var out strings.Builder
	inTill(t, func() {
		p, err := load(t.Context(), ".")
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range p.mutants {
			if m.number != i+1 {
				t.Errorf("mutant %d has the number %d", i+1, m.number)
			}
			out.WriteString(m.place() + ": " + m.called() + "\n\t+ " + m.mutated() + "\n")
		}
	})
	golden(t, "mutants.golden", out.String())
}

func TestSurvivorsAreTold(t *testing.T) {
	out, err := mutate(t, "")
	golden(t, "survivors.golden", out)
	if err == nil || !strings.Contains(err.Error(), "less than 95 % of the mutants are noticed") {
		t.Errorf("the error is %v", err)
	}
}

func TestOneIsTriedAgain(t *testing.T) {
	out, err := mutate(t, "", "-only", "till.go:58", "-least", "80")
	if want := "till.go:58: \"if a > b {\" a > b -> a >= b\n\t- if a > b {\n\t+ if (a >= b) {\n" +
		".: 4 mutants, 3 noticed, 0 equivalent, 1 survive: 75.0 %\n"; err != nil || out != want {
		t.Errorf("%v\n%s\nwanted\n%s", err, out, want)
	}
	out, err = mutate(t, "", "-run", "2")
	if err != nil || !strings.Contains(out, "--- FAIL: TestTill") || !strings.Contains(out, "1 mutants, 1 noticed") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTestsThatDoNotCompileNotice: where a constant is a key of a map in a test, a
// mistake in it can make that two of the same.
func TestTestsThatDoNotCompileNotice(t *testing.T) {
	out, err := mutate(t, "", "-only", "till.go:11")
	if err != nil || !strings.Contains(out, ".: 1 mutants, 1 noticed,") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = mutate(t, "", "-run", "1")
	if err != nil || !strings.Contains(out, "duplicate key") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestEquivalentMutantsAreHonoured(t *testing.T) {
	o := options{at: 2, place: "till.go:58", equivalent: "equivalent.txt"}
	var p *pkg
	var results []result
	inTill(t, func() {
		var err error
		if p, err = load(t.Context(), "."); err != nil {
			t.Fatal(err)
		}
		if results, err = p.try(t.Context(), o, &strings.Builder{}); err != nil {
			t.Fatal(err)
		}
	})
	const larger = `till.go: "if a > b {" a > b -> a >= b`
	for name, tt := range map[string]struct{ listed, out, err string }{
		"listed":           {"# a comment\n\n" + larger + ": of two that are the same either is the larger\n", "1 equivalent, 0 survive: 100.0 %", ""},
		"without a reason": {larger + ": \n", "0 equivalent, 1 survive", `equivalent.txt:1: no mutant is called so any more: ` + larger + ":"},
		"stale":            {"\n" + `till.go: "if a > c {" a > c -> a >= c: it was so once`, "0 equivalent, 1 survive", "equivalent.txt:2: no mutant is called so any more"},
		"noticed":          {`till.go: "if a > b {" a > b -> a <= b: it is not`, "0 equivalent, 1 survive", "equivalent.txt:1: is noticed, so it does not mean the same"},
		"not tried":        {`till.go: "return true" true -> false: it is not`, "0 equivalent, 1 survive", ""},
		"another file's":   {`pkg/till.go: "if a > c {" a > c -> a >= c: no concern of this package`, "0 equivalent, 1 survive", ""},
	} {
		t.Run(name, func(t *testing.T) {
			list := filepath.Join(t.TempDir(), "equivalent.txt")
			if err := os.WriteFile(list, []byte(tt.listed), 0o644); err != nil {
				t.Fatal(err)
			}
			entries, err := readEntries(list)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			err = errors.Join(report(&out, o, p, results, entries)...)
			if !strings.Contains(out.String(), tt.out) {
				t.Errorf("%s\nlacks %s", out.String(), tt.out)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("the error is %v, wanted one about %q", err, tt.err)
			}
		})
	}
}

func TestWhatCannotBeTried(t *testing.T) {
	for name, args := range map[string][]string{
		"no package":         {},
		"none at a time":     {"-at", "0", "."},
		"unknown flag":       {"-fast", "."},
		"no such list":       {"-equivalent", "none.txt", "."},
		"no such package":    {"-equivalent", os.DevNull, "./none"},
		"more than one":      {"-equivalent", os.DevNull, "./..."},
		"tests that fail so": {"-equivalent", os.DevNull, "./failing"},
	} {
		t.Run(name, func(t *testing.T) {
			inTill(t, func() {
				if err := run(t.Context(), args, &strings.Builder{}, &strings.Builder{}); err == nil {
					t.Error("no error")
				}
			})
		})
	}
}
