package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/text"
)

// maxFile bounds what is read of one file: CloudTrail's own stay far below.
const maxFile = 256 << 20

func newReplay() *cobra.Command {
	var policyPath string
	var asJSON bool
	var before string
	cmd := &cobra.Command{
		Use:   "replay [--policy FILE] [--before ACCESS] FILE...",
		Short: "Shows what the guardrail does about recorded events",
		Long: `Replay takes CloudTrail records and shows what the guardrail does about each, by
running the function's own code on an AWS inside this process. Nothing is read
from or changed in any account.

A FILE holds a record, an EventBridge event, an array of them, JSON lines, or a
CloudTrail log file ({"Records": [...]}), plain or gzipped; "-" is the standard
input. Answers of LookupEvents, CloudWatch Logs and its subscriptions, SQS and
SNS messages, exports of Elastic (event.original) and Splunk, and the rows of
Athena and CloudTrail Lake are unwrapped.

For each record there is a fresh AWS in the record's account and region, at the
record's time, with the cluster in the state that the record implies: being
created as asked for, or being updated. What a record doesn't tell is assumed,
and shown; --before says what the endpoint was before the calls on clusters that
exist, such as public=true,private=true,cidrs=198.51.100.0/24+203.0.113.0/24.
Without it, it was private only; or public, too, for one address when a call
that succeeded sends CIDRs alone, which EKS takes of public clusters alone.

A record that cannot be read is told with all that it lacks, and the exit status
is 1. So is one that tells its cluster, and not all that its call asked for:
a setting is no value, or CloudTrail left a part out ("omitted"). The function
then looks at the cluster as it is; replay has none, and judges nothing.

Without --policy it is policy.yaml of the working directory, else the policy
that ships with endpointguard. Its responses are in force (mode "enforce").

--json prints one object a line: event, file, cluster, outcome, why, reasons,
before, after, updates, mails, assumed, unread (field, value, why).`,
		Example: `  endpointguard replay event.json
  endpointguard replay --policy policy.yaml --json *_CloudTrail_*.json.gz`,
		Args: func(_ *cobra.Command, files []string) error {
			if len(files) == 0 {
				return usageError{"replay needs a file with events", "try 'endpointguard replay event.json', or 'endpointguard replay --help'"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			doc, err := loadPolicy(policyPath, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			var given *endpoint.Access
			if cmd.Flags().Changed("before") {
				access, err := parseAccess("--before", before)
				if err != nil {
					return err
				}
				given = &access
			}
			r := replay{before: given, doc: doc, in: cmd.InOrStdin(), errs: cmd.ErrOrStderr(), asJSON: asJSON}
			if asJSON {
				r.print = printJSON(cmd.OutOrStdout())
			} else {
				_, _ = fmt.Fprintf(r.errs, "endpointguard: the policy is %s (%s)\n", doc.name, doc.policy.Hash)
				r.print = printReplay(cmd.OutOrStdout())
			}
			failed := false
			for _, file := range files {
				if err := r.file(cmd.Context(), file); err != nil {
					if cmd.Context().Err() != nil {
						return errors.New("interrupted")
					}
					for line := range strings.Lines(err.Error()) {
						_, _ = fmt.Fprintf(r.errs, "endpointguard: %s: %s\n", text.Reveal(file), text.Reveal(strings.TrimSpace(line)))
					}
					failed = true
				}
			}
			if failed {
				return errFindings
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&policyPath, "policy", "", "the policy `FILE` to judge by")
	cmd.Flags().StringVar(&before, "before", "", "the `ACCESS` before the calls")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	return cmd
}

// records reads the records of a file; "-" is the standard input. Those before
// a place that cannot be read come with the error.
func records(file string, in io.Reader) ([]json.RawMessage, error) {
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			if path, ok := errors.AsType[*os.PathError](err); ok {
				err = path.Err // the path is told already
			}
			return nil, err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	switch {
	case err != nil:
		if path, ok := errors.AsType[*os.PathError](err); ok {
			err = path.Err
		}
		return nil, err
	case len(data) > maxFile:
		return nil, fmt.Errorf("larger than %d MiB: split it", maxFile>>20)
	}
	return cloudtrail.Records(data)
}
