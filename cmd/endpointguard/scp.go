package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/endpointguard/endpointguard/pkg/scp"
)

func newSCP() *cobra.Command {
	var policyPath, name string
	var roles, deployers []string
	var alerts, protect bool
	cmd := &cobra.Command{
		Use:   "scp [--policy FILE | --protect --deployer ARN]",
		Short: "Writes the service control policy that refuses what IAM can see",
		Long: `Scp writes the service control policy (SCP) for AWS Organizations that refuses,
at the call, what IAM can see of the policy: public access switched on and
private access left off. What it can't see is told on the standard error; the
standard output is the JSON alone. Without --policy it is policy.yaml of the
working directory, else the policy that ships with endpointguard.

IAM has condition keys for endpointPublicAccess and endpointPrivateAccess of
CreateCluster and UpdateClusterConfig, and none for publicAccessCidrs. Rules are
told apart by account and region, and by name for clusters that exist; where a
match, an exception or an exemption cannot be expressed the document refuses
less, and the guardrail does the rest. IAM sees no hybrid nodes, no Outposts and
no grace: there it refuses what the guardrail would let be. The standard error
says where. Rules that only alert are left out without --alerts.

The guardrail's own role must be exempt. --role takes its ARN, the output
GuardrailRoleArn of the deployment, with * for any text; it may be repeated. The
default is the role of any stack of the default name in any account; whoever can
create a role of that name there is then exempt, too.

With --protect it is another document, which has nothing to do with the policy:
it lets nobody but the roles of --deployer change the installation of that name,
its functions, queue, rules, ledger, topic, alarms, logs, roles and trail.

Exemptions that cannot all be told apart within the 10,240 characters that an
SCP may have make it refuse less. The exit status is 1 if there is nothing to
refuse, or if the rules take more all the same.`,
		Example: `  endpointguard scp --policy policy.yaml > scp.json
  endpointguard scp --role arn:aws:iam::111122223333:role/NAME
  endpointguard scp --protect --deployer 'arn:*:iam::*:role/cdk-hnb659fds-*'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if protect {
				for _, other := range []string{"policy", "role", "alerts"} {
					if cmd.Flags().Changed(other) {
						return usageError{"--" + other + " is not for --protect", "the installation is protected whatever its policy says: leave it out"}
					}
				}
				return writeProtection(cmd, scp.Installation{Name: name, Deployers: deployers})
			}
			if len(deployers) > 0 || cmd.Flags().Changed("name") {
				return usageError{"--deployer and --name are for --protect", "add --protect"}
			}
			if err := areRoles("--role", roles, "give the output GuardrailRoleArn of the deployment, like arn:aws:iam::111122223333:role/NAME"); err != nil {
				return err
			}
			if len(roles) == 0 {
				roles = []string{scp.AnyGuardrail}
			}
			doc, err := loadPolicy(policyPath, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			w := scp.Write(doc.policy, scp.Options{Roles: roles, Alerts: alerts, Now: time.Now()})
			tellLimits(cmd, w, fmt.Sprintf("for %s (%s)", doc.name, doc.policy.Hash))
			if len(w.Document.Statement) == 0 {
				return errors.New("there is nothing in the policy that a service control policy could refuse")
			}
			return writeDocument(cmd, w, "split the rules over several policy documents and write one for each")
		},
	}
	cmd.Flags().StringVar(&policyPath, "policy", "", "the policy `FILE`")
	cmd.Flags().StringArrayVar(&roles, "role", nil, "the `ARN` of the guardrail's role, with * for any text")
	cmd.Flags().BoolVar(&alerts, "alerts", false, "refuse what rules that only alert forbid, too")
	cmd.Flags().BoolVar(&protect, "protect", false, "protect the installation itself")
	cmd.Flags().StringArrayVar(&deployers, "deployer", nil, "the `ARN` of a role that may change it; with * for any text")
	cmd.Flags().StringVar(&name, "name", "endpointguard", "the `NAME` of the installation")
	return cmd
}

// installationName is what a deployment admits as its name.
var installationName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,28}[a-z0-9]$`)

func isInstallationName(name string) error {
	if !installationName.MatchString(name) {
		return usageError{fmt.Sprintf("--name: %q is no name of an installation", name), "give the setting name of the deployment, 2 to 30 lower-case letters, digits and hyphens"}
	}
	return nil
}

func writeProtection(cmd *cobra.Command, in scp.Installation) error {
	if err := isInstallationName(in.Name); err != nil {
		return err
	}
	const hint = "give the roles that deploy, like 'arn:*:iam::*:role/cdk-hnb659fds-*'; without any nobody could change the installation again"
	if len(in.Deployers) == 0 {
		return usageError{"--protect needs --deployer", hint}
	}
	if err := areRoles("--deployer", in.Deployers, hint); err != nil {
		return err
	}
	w := scp.Protect(in)
	tellLimits(cmd, w, "for the installation "+in.Name)
	return writeDocument(cmd, w, "name the deployers by fewer patterns")
}

// areRoles reports whether these are ARNs of roles, or patterns of such that are
// not every role's.
func areRoles(flag string, arns []string, hint string) error {
	for _, arn := range arns {
		if !strings.HasPrefix(arn, "arn:") || strings.Count(arn, ":") != 5 || !strings.Contains(arn, ":role/") || strings.TrimLeft(arn[strings.Index(arn, ":role/")+6:], "*") == "" {
			return usageError{fmt.Sprintf("%s: %q is no ARN of a role", flag, arn), hint}
		}
	}
	return nil
}

func tellLimits(cmd *cobra.Command, w scp.Written, what string) {
	if len(w.Limits) == 0 {
		return
	}
	var p page
	p.line("", fmt.Sprintf("endpointguard: what this service control policy does not do %s:", what))
	for _, limit := range w.Limits {
		p.field("", "- ", limit)
	}
	_, _ = fmt.Fprint(cmd.ErrOrStderr(), p.String())
}

func writeDocument(cmd *cobra.Command, w scp.Written, hint string) error {
	text, err := w.Document.JSON()
	if err != nil {
		return fmt.Errorf("%w: %s", err, hint)
	}
	if _, err := cmd.OutOrStdout().Write(text); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
