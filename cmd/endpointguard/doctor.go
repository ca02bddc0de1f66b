package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/endpointguard/endpointguard/pkg/doctor"
	"github.com/endpointguard/endpointguard/pkg/function"
	"github.com/endpointguard/endpointguard/pkg/text"
)

// defaultName is the name of an installation unless its deployment has set
// another. Source: cdk.json.
const defaultName = "endpointguard"

// installed names an installation on the command line.
type installed struct {
	account
	name string
}

func (i *installed) flags(set *pflag.FlagSet) {
	i.account.flags(set)
	set.StringVar(&i.name, "name", defaultName, "the installation's `NAME`")
}

// config loads the standard AWS settings, once the name can be one.
func (i *installed) config(ctx context.Context, tell func(string)) (aws.Config, error) {
	if err := isInstallationName(i.name); err != nil {
		return aws.Config{}, err
	}
	return i.account.config(ctx, tell)
}

// notInstalled makes wrong use of what is no installation.
func notInstalled(err error, region string) error {
	if none, ok := errors.AsType[doctor.NotInstalled](err); ok {
		return usageError{fmt.Sprintf("no installation in %s: %v", region, none), "give its --name and --region, and set AWS_PROFILE to its account"}
	}
	return err
}

func newDoctor() *cobra.Command {
	var where installed
	var policyPath, templatePath string
	var asJSON, smoke bool
	cmd := &cobra.Command{
		Use:   "doctor [--template FILE] [--smoke] [--json]",
		Short: "Says what is wrong with an installation, and how to put it right",
		Long: `Doctor looks at a deployed installation in the account of the AWS credentials:
whether a trail tells of calls, the rules are enabled, the queue wakes the
function, the function can run and has this version and this policy, people have
confirmed their subscriptions, and no dead letters lie about. It compares what
there is with what was deployed: the functions' settings, code and layers, their
roles and all that these allow, who may invoke them, the rules, the policies of
the queues and the topic, the alarms and their actions, the subscriptions and
their filter policies. It only reads.

What was deployed it takes from the stack's template, as CloudFormation has it.
Whoever may deploy the stack may change that, too: --template compares with a
template of your own, such as cdk.out/endpointguard-eu-west-1.template.json of
the checkout that was reviewed.

--smoke also has the function guardrail send a marked test mail, over its own
topic, key and chat topic. Whether it arrives only people can tell.

Each line is fine (✓), wrong (✗) with what to do about it, could not be seen
(?), or is not for this account to tell (–).

Without --policy it is policy.yaml of the working directory, else the policy
that ships with endpointguard.

--json prints one object: stack, account, region, healthy, findings (check,
state, what, fix). The exit status is 1 unless all is fine. It needs
cloudformation:DescribeStacks, DescribeStackResources and GetTemplate,
cloudtrail:DescribeTrails, GetTrailStatus and GetEventSelectors,
events:DescribeRule and ListTargetsByRule, sqs:GetQueueAttributes,
lambda:GetFunction, GetFunctionRecursionConfig, GetPolicy and
ListEventSourceMappings, iam:GetRole, ListRolePolicies, GetRolePolicy and
ListAttachedRolePolicies, cloudwatch:DescribeAlarms, dynamodb:DescribeTable,
sns:GetTopicAttributes, ListSubscriptionsByTopic and GetSubscriptionAttributes,
and for --smoke lambda:InvokeFunction, which the document of scp --protect
leaves to the deployers.`,
		Example: `  endpointguard doctor
  endpointguard doctor --region eu-west-1 --policy policy.yaml --json
  endpointguard doctor --template cdk.out/endpointguard-eu-west-1.template.json
  endpointguard doctor --smoke`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			doc, err := loadPolicy(policyPath, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			template := doctor.Template{Name: templatePath}
			if templatePath != "" {
				if template.Text, err = os.ReadFile(templatePath); err != nil {
					return usageError{fmt.Sprintf("--template: %v", err), "name a template of cdk.out, where cdk synth and cdk deploy leave them"}
				}
			}
			cfg, err := where.config(ctx, telling(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			d := doctor.Doctor{
				Stacks: cloudformation.NewFromConfig(cfg), Rules: eventbridge.NewFromConfig(cfg), Trails: cloudtrail.NewFromConfig(cfg),
				Queues: sqs.NewFromConfig(cfg), Functions: lambda.NewFromConfig(cfg), Topics: sns.NewFromConfig(cfg),
				Roles: iam.NewFromConfig(cfg), Alarms: cloudwatch.NewFromConfig(cfg), Tables: dynamodb.NewFromConfig(cfg),
				Download: doctor.Download, Version: function.Version,
				Policy: doctor.Policy{Name: doc.name, Text: doc.data, Hash: doc.policy.Hash}, Template: template,
			}
			in, findings, err := d.Examine(ctx, doctor.StackName(where.name, cfg.Region))
			if err == nil && smoke {
				// Asked twice it would only send two mails.
				once := lambda.NewFromConfig(cfg, func(o *lambda.Options) { o.Retryer = aws.NopRetryer{} })
				findings = append(findings, doctor.Smoke(ctx, once, in))
			}
			switch {
			case ctx.Err() != nil:
				return errors.New("interrupted")
			case err != nil:
				return notInstalled(err, cfg.Region)
			case asJSON:
				err = printDiagnosis(cmd.OutOrStdout(), in, findings)
			default:
				_, err = io.WriteString(cmd.OutOrStdout(), diagnosis(in, findings, colours(os.Getenv, os.Stdout)))
			}
			if err == nil && !doctor.Healthy(findings) {
				err = errFindings
			}
			return err
		},
	}
	where.flags(cmd.Flags())
	cmd.Flags().StringVar(&policyPath, "policy", "", "the policy `FILE` that is to be deployed")
	cmd.Flags().StringVar(&templatePath, "template", "", "the template `FILE` to compare with")
	cmd.Flags().BoolVar(&smoke, "smoke", false, "send a marked test mail")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func printDiagnosis(w io.Writer, in doctor.Installation, findings []doctor.Finding) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Stack    string           `json:"stack"`
		Account  string           `json:"account"`
		Region   string           `json:"region"`
		Healthy  bool             `json:"healthy"`
		Findings []doctor.Finding `json:"findings"`
	}{in.Stack, in.Account, in.Region, doctor.Healthy(findings), findings})
}

// colours reports whether the terminal is to be coloured. Source: no-color.org.
func colours(getenv func(string) string, out *os.File) bool {
	if getenv("NO_COLOR") != "" || getenv("TERM") == "dumb" {
		return false
	}
	info, err := out.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// signs are how a state is shown, and the terminal's colour of it.
var signs = map[doctor.State]struct{ sign, colour string }{
	doctor.Fine: {"✓", "\x1b[32m"}, doctor.Wrong: {"✗", "\x1b[31m"}, doctor.Unknown: {"?", "\x1b[33m"}, doctor.Skipped: {"–", ""},
}

// diagnosis is the table for people.
func diagnosis(in doctor.Installation, findings []doctor.Finding, colour bool) string {
	var b strings.Builder
	for _, line := range text.Lines(fmt.Sprintf("%s in account %s, %s", in.Stack, in.Account, in.Region), columns) {
		fmt.Fprintln(&b, line)
	}
	fmt.Fprintln(&b)
	width, amiss := 0, 0
	for _, f := range findings {
		width = max(width, text.Columns(f.Check, text.InTerminal))
	}
	left := width + 4
	for _, f := range findings {
		s := signs[f.State]
		sign := s.sign
		if colour && s.colour != "" {
			sign = s.colour + sign + "\x1b[0m"
		}
		lines := text.Lines(text.Reveal(f.What), columns-left)
		fmt.Fprintf(&b, "%s %-*s  %s\n", sign, width, f.Check, lines[0])
		rest := lines[1:]
		if f.Fix != "" {
			amiss++
			for i, line := range text.Lines(text.Reveal(f.Fix), columns-left-len("-> ")) {
				rest = append(rest, []string{"-> ", "   "}[min(i, 1)]+line)
			}
		}
		for _, line := range rest {
			fmt.Fprintf(&b, "%*s%s\n", left, "", line)
		}
	}
	switch amiss {
	case 0:
		fmt.Fprintf(&b, "\nAll is well.\n")
	default:
		fmt.Fprintf(&b, "\n%d of %d need a look.\n", amiss, len(findings))
	}
	return b.String()
}
