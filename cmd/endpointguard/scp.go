package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/endpointguard/endpointguard/pkg/scp"
)

func newSCP() *cobra.Command {
	var policyPath string
	var roles []string
	var alerts bool
	cmd := &cobra.Command{
		Use:   "scp [--policy FILE] [--role ARN]... [--alerts]",
		Short: "Writes the service control policy that refuses what IAM can see",
		Long: `Scp writes the service control policy (SCP) for AWS Organizations that refuses,
at the call, what IAM can see of the policy: public access switched on and
private access left off. What it can't see is told on the standard error; the
standard output is the JSON alone. Without --policy it is policy.yaml of the
working directory, else the policy that ships with endpointguard.

IAM has condition keys for endpointPublicAccess and endpointPrivateAccess of
CreateCluster and UpdateClusterConfig, and none for publicAccessCidrs. Rules are
told apart by account and region, and by name for clusters that exist; where a
rule's reach cannot be expressed the document refuses less, never more, and the
guardrail does the rest. Rules that only alert are left out without --alerts.

The guardrail's own role must be exempt. --role takes its ARN, the output
GuardrailRoleArn of the deployment, with * for any text; it may be repeated. The
default is the role of any stack of the default name in any account; whoever can
create a role of that name there is then exempt, too.

The exit status is 1 if there is nothing to refuse, or if the document would be
longer than the 5,120 characters that an SCP may have.`,
		Example: `  endpointguard scp --policy policy.yaml > scp.json
  endpointguard scp --role arn:aws:iam::111122223333:role/NAME`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, role := range roles {
				if !strings.HasPrefix(role, "arn:") || strings.Count(role, ":") != 5 || !strings.Contains(role, ":role/") || strings.TrimLeft(role[strings.Index(role, ":role/")+6:], "*") == "" {
					return usageError{fmt.Sprintf("--role: %q is no ARN of a role", role), "give the output GuardrailRoleArn of the deployment, like arn:aws:iam::111122223333:role/NAME"}
				}
			}
			if len(roles) == 0 {
				roles = []string{scp.AnyGuardrail}
			}
			doc, err := loadPolicy(policyPath, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			w := scp.Write(doc.policy, scp.Options{Roles: roles, Alerts: alerts, Now: time.Now()})
			if len(w.Limits) > 0 {
				var p page
				p.line("", fmt.Sprintf("endpointguard: what this service control policy does not do for %s (%s):", doc.name, doc.policy.Hash))
				for _, limit := range w.Limits {
					p.field("", "- ", limit)
				}
				_, _ = fmt.Fprint(cmd.ErrOrStderr(), p.String())
			}
			if len(w.Document.Statement) == 0 {
				return errors.New("there is nothing in the policy that a service control policy could refuse")
			}
			text, err := w.Document.JSON()
			if err != nil {
				return fmt.Errorf("%w: split the rules over several policy documents and write one for each", err)
			}
			if _, err := cmd.OutOrStdout().Write(text); err != nil {
				return fmt.Errorf("write: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&policyPath, "policy", "", "the policy `FILE`")
	cmd.Flags().StringArrayVar(&roles, "role", nil, "the `ARN` of the guardrail's role, with * for any text")
	cmd.Flags().BoolVar(&alerts, "alerts", false, "refuse what rules that only alert forbid, too")
	return cmd
}
