package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/explain"
	"github.com/endpointguard/endpointguard/pkg/policytest"
	"github.com/endpointguard/endpointguard/pkg/text"
)

func newTest() *cobra.Command {
	t := policyTest{policies: map[string]document{}}
	cmd := &cobra.Command{
		Use:   "test [--policy FILE] [--json] FILE...",
		Short: "Runs the unit tests of a policy",
		Long: `Test runs the cases of policy tests: each gives a cluster and says what the
policy must make of it. "-" is the standard input. docs/policy.md tells all
keys.

  version: 1
  policy: policy.yaml            # beside this file; this is the default
  cases:
    - name: production opened to the world
      given:
        access: {public: true, private: false, cidrs: [0.0.0.0/0]}
        name: shop
        tags: {environment: prod}
      expect:
        outcome: would-enforce   # as explain says it
        rules: [nodes-stay-inside, production-is-private]
        desired: {public: false, private: true}

Of expect only outcome is needed; desired can be "unchanged". A case that gives
no date is judged as of now.

The exit status is 1 if a case fails. --json prints one object a line for each
case: file, line, name, passed, expected, got (both: outcome, rules, desired,
null when nothing would change; expected has only what the case says).`,
		Example: `  endpointguard test policy_test.yaml
  endpointguard test --policy draft.yaml policy_test.yaml`,
		Args: func(_ *cobra.Command, files []string) error {
			if len(files) == 0 {
				return usageError{"test needs a file with cases", "try 'endpointguard test policy_test.yaml', or 'endpointguard test --help'"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			t.in, t.out, t.errs, t.now = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr(), time.Now()
			for _, file := range files {
				if err := t.file(file); err != nil {
					return err
				}
			}
			return t.end()
		},
	}
	cmd.Flags().StringVar(&t.policyPath, "policy", "", "the policy `FILE` to test, not the one that the tests name")
	cmd.Flags().BoolVar(&t.asJSON, "json", false, "print one JSON object a case")
	return cmd
}

// policyTest is one run.
type policyTest struct {
	policyPath string
	asJSON     bool
	in         io.Reader
	out, errs  io.Writer
	now        time.Time

	policies    map[string]document // by path
	ran, failed int
	broken      bool // whether a file could not be run
}

func outcomeWords() []string {
	var out []string
	for _, o := range explain.Outcomes() {
		out = append(out, string(o))
	}
	return out
}

// file runs the cases of a file. Only what ends the whole run is an error.
func (t *policyTest) file(file string) error {
	data, err := fileOrInput(file, t.in, maxDocument)
	if err != nil {
		return usageError{fmt.Sprintf("cannot read %s: %v", text.Reveal(file), err), "give the paths of policy tests"}
	}
	cases, problems := policytest.Parse(text.Reveal(file), data, outcomeWords())
	if cases == nil {
		t.broken = true
		_, _ = fmt.Fprintln(t.errs, problems)
		return nil
	}
	path := t.policyPath
	if path == "" {
		path = cases.Policy
		if !filepath.IsAbs(path) && file != "-" {
			path = filepath.Join(filepath.Dir(file), path)
		}
	}
	doc, known := t.policies[path]
	if !known {
		// What is wrong with a policy is told once; the files that are about
		// another one are run all the same.
		if doc, err = loadPolicy(path, t.errs); err != nil {
			usage, ok := errors.AsType[usageError](err)
			if !ok {
				return err
			}
			_, _ = fmt.Fprintf(t.errs, "%s: %s\nhint: %s\n", text.Reveal(file), oneLine(usage.what), oneLine(usage.hint))
		}
		t.policies[path] = doc
	}
	if doc.policy == nil {
		t.broken = true
		return nil
	}
	if missing := cases.Missing(doc.policy); len(missing) > 0 {
		t.broken = true
		_, _ = fmt.Fprintln(t.errs, missing)
		return nil
	}
	for _, c := range cases.Cases {
		r := explain.Check(doc.policy, c, t.now)
		t.ran++
		if len(r.Differences) > 0 {
			t.failed++
		}
		if err := t.print(text.Reveal(file), r); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}

func (t *policyTest) end() error {
	if !t.asJSON && t.ran > 0 {
		summary := fmt.Sprintf("%s, all passed", count(t.ran, "case"))
		if t.failed > 0 {
			summary = fmt.Sprintf("%s, %d failed", count(t.ran, "case"), t.failed)
		}
		if _, err := fmt.Fprintln(t.out, summary); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	if t.broken {
		what := "not all files could be run"
		if t.ran == 0 {
			what = "no case was run"
		}
		return usageError{what, "put right what is marked above"}
	}
	if t.failed > 0 {
		return errFindings
	}
	return nil
}

// testedJSON is one case for programs.
type testedJSON struct {
	File     string     `json:"file"`
	Line     int        `json:"line"`
	Name     string     `json:"name"`
	Passed   bool       `json:"passed"`
	Expected expected   `json:"expected"`
	Got      sideOfTest `json:"got"`
}

// expected is what a case says; what it doesn't say is left out.
type expected struct {
	Outcome string          `json:"outcome"`
	Rules   []string        `json:"rules,omitzero"`
	Desired json.RawMessage `json:"desired,omitzero"` // null: nothing would change
}

type sideOfTest struct {
	Outcome string           `json:"outcome"`
	Rules   []string         `json:"rules"`
	Desired *endpoint.Access `json:"desired"` // null: nothing would change
}

func (t *policyTest) print(file string, r explain.Result) error {
	if t.asJSON {
		want := expected{Outcome: r.Case.Expect.Outcome, Rules: r.Case.Expect.Rules}
		if e := r.Case.Expect; e.Unchanged || e.Desired != nil {
			var err error
			if want.Desired, err = json.Marshal(e.Desired); err != nil {
				return fmt.Errorf("%s:%d: %w", file, r.Case.Line, err)
			}
		}
		enc := json.NewEncoder(t.out)
		enc.SetEscapeHTML(false)
		return enc.Encode(testedJSON{
			File: file, Line: r.Case.Line, Name: r.Case.Name, Passed: len(r.Differences) == 0,
			Expected: want,
			Got:      sideOfTest{string(r.Answer.Outcome), r.Answer.Violated(), r.Answer.Desired()},
		})
	}
	_, err := io.WriteString(t.out, tested(file, r))
	return err
}

// tested is a case that failed, for people: expected and got side by side.
func tested(file string, r explain.Result) string {
	if len(r.Differences) == 0 {
		return ""
	}
	var p page
	p.line("", fmt.Sprintf("%s:%d: FAILED: %s", file, r.Case.Line, r.Case.Name))
	const label = 10
	side := (columns - 2 - label - 2) / 2
	row := func(what, left, right string) {
		lefts, rights := text.Lines(left, side), text.Lines(right, side)
		for i := range max(len(lefts), len(rights)) {
			line := fmt.Sprintf("  %-*s%-*s  %s", label, what, side, at(lefts, i), at(rights, i))
			p.WriteString(strings.TrimRight(line, " ") + "\n")
			what = ""
		}
	}
	row("", "expected", "got")
	for _, d := range r.Differences {
		for i := range max(len(d.Expected), len(d.Got)) {
			what := ""
			if i == 0 {
				what = d.What
			}
			row(what, at(d.Expected, i), at(d.Got, i))
		}
	}
	for i := range r.Answer.Verdict.Rules {
		rule := &r.Answer.Verdict.Rules[i]
		for _, reason := range rule.Reasons {
			p.line("  ", "because "+rule.Rule.Name+": "+reason.Text)
		}
	}
	p.WriteString("\n")
	return p.String()
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return text.Reveal(lines[i])
	}
	return ""
}
