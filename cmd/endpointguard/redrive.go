package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/cobra"

	"github.com/endpointguard/endpointguard/pkg/doctor"
	"github.com/endpointguard/endpointguard/pkg/redrive"
	"github.com/endpointguard/endpointguard/pkg/text"
)

func newRedrive() *cobra.Command {
	var where installed
	var dry bool
	cmd := &cobra.Command{
		Use:   "redrive [--name NAME] [--dry-run]",
		Short: "Puts dead letters back as fresh wake-ups",
		Long: `Redrive reads the dead letters of an installation, those of the queue and those
of the rules, and has the clusters that they are about looked at again. It tells
of each letter what it is and whose call it came from. A letter is removed once
its wake-up is on the queue; one that cannot be read stays, and is named.

The queue takes messages from the rules and the functions only, so redrive asks
the function sweep to wake the clusters. A wake-up says which cluster to look
at and nothing else: the guardrail judges the cluster as it is now.

With --dry-run the letters are only shown; each is hidden from others for as
long as that takes. The exit status is 1 if letters stay that should not. It
needs cloudformation:DescribeStacks and DescribeStackResources, of the dead
letters sqs:ReceiveMessage, DeleteMessage and ChangeMessageVisibility, and
lambda:InvokeFunction of the function sweep.`,
		Example: `  endpointguard redrive --dry-run
  endpointguard redrive --region eu-west-1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			cfg, err := where.config(ctx, telling(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			in, err := doctor.Find(ctx, cloudformation.NewFromConfig(cfg), doctor.StackName(where.name, cfg.Region))
			switch {
			case ctx.Err() != nil:
				return errors.New("interrupted")
			case err != nil:
				return notInstalled(err, cfg.Region)
			}
			out := cmd.OutOrStdout()
			r := redrive.Redrive{
				Letters: sqs.NewFromConfig(cfg), Functions: lambda.NewFromConfig(cfg, func(o *lambda.Options) {
					// The function may take its time; asked twice it would
					// only wake everyone twice.
					o.Retryer = aws.NopRetryer{}
				}),
				URL: in.DeadLetters, Sweep: in.Sweep, Account: in.Account, Region: in.Region, Dry: dry, Wait: 2,
				Tell: func(l redrive.Letter) {
					// A writer that fails stops the command.
					_, _ = io.WriteString(out, told(l))
				},
			}
			report, err := r.Run(ctx)
			_, _ = fmt.Fprintln(out, report)
			switch {
			case ctx.Err() != nil:
				return errors.New("interrupted")
			case err == nil && report.Unreadable > 0 && !dry:
				return errFindings
			}
			return err
		},
	}
	where.flags(cmd.Flags())
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show the dead letters, change nothing")
	return cmd
}

// told is a letter for people.
func told(l redrive.Letter) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-11s  %s\n", l.Purpose, text.Reveal(cmp.Or(l.Cluster, "message "+l.ID)))
	for _, line := range text.Lines(text.Reveal(l.What), columns-13) {
		fmt.Fprintf(&b, "%-13s%s\n", "", line)
	}
	return b.String()
}
