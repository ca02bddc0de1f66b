package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/text"
)

// maxDocument is how much is read of a document: more than enough to tell that
// it is too large.
const maxDocument = 16 << 20

func newValidate() *cobra.Command {
	var strict, asJSON bool
	var date string
	cmd := &cobra.Command{
		Use:   "validate [--strict] [--json] FILE...",
		Short: "Tells everything that is wrong with policy documents",
		Long: `Validate reads policy documents as the deployment does and tells all problems of
each at once: the place, the line itself, and what to do. "-" is the standard
input.

An error makes a document unusable. A warning is for what is allowed and
probably not meant: an exemption that has ended or ends more than a year away,
an enforcing rule that a tag or a name can step out of, enforcing rules without
a grace for new clusters, rules that together close an endpoint, a rule that can
never do anything, allowed CIDRs that take in most of the internet,
documentation ranges (which the deployment refuses).

The exit status is 1 if there is an error, and with --strict if there is a
warning.

--json prints one object a line for each problem: file, line, column, severity
(error or warning), kind, what, hint.`,
		Example: `  endpointguard validate policy.yaml
  endpointguard validate --strict --json *.yaml`,
		Args: func(_ *cobra.Command, files []string) error {
			if len(files) == 0 {
				return usageError{"validate needs a policy document", "try 'endpointguard validate policy.yaml', or 'endpointguard validate --help'"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			now := time.Now()
			if date != "" {
				var err error
				if now, err = instant("--date", date); err != nil {
					return err
				}
			}
			found := false
			for _, file := range files {
				data, err := fileOrInput(file, cmd.InOrStdin(), maxDocument)
				if err != nil {
					return usageError{fmt.Sprintf("cannot read %s: %v", text.Reveal(file), err), "give the paths of policy documents"}
				}
				p, problems := policy.Check(text.Reveal(file), data, now)
				found = found || problems.Errors() || strict && len(problems) > 0
				if asJSON {
					err = problemsJSON(cmd.OutOrStdout(), problems)
				} else {
					_, err = io.WriteString(cmd.OutOrStdout(), validated(text.Reveal(file), p, problems))
				}
				if err != nil {
					return fmt.Errorf("write: %w", err)
				}
			}
			if found {
				return errFindings
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "warnings count as findings, too")
	cmd.Flags().StringVar(&date, "date", "", "look at exemptions as of this `DATE`, not of today")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a problem")
	return cmd
}

// validated is what is wrong with a document, for people.
func validated(file string, p *policy.Policy, problems policy.Problems) string {
	text := ""
	if len(problems) > 0 {
		text = problems.String() + "\n"
	}
	if p == nil {
		return text
	}
	text += fmt.Sprintf("%s: valid, %s, %s", file, count(len(p.Rules), "rule"), count(len(p.Exemptions), "exemption"))
	if len(problems) > 0 {
		text += ", " + count(len(problems), "warning")
	}
	return text + fmt.Sprintf(" (%s)\n", p.Hash)
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

type problemJSON struct {
	File     string          `json:"file"`
	Line     int             `json:"line"`
	Column   int             `json:"column"`
	Severity policy.Severity `json:"severity"`
	Kind     policy.Kind     `json:"kind"` // empty for most
	What     string          `json:"what"`
	Hint     string          `json:"hint"`
}

func problemsJSON(w io.Writer, problems policy.Problems) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, p := range problems {
		if err := enc.Encode(problemJSON{p.File, p.Line, p.Column, p.Severity, p.Kind, p.What, p.Hint}); err != nil {
			return err
		}
	}
	return nil
}
