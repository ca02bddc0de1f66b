package main

import (
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"

	"github.com/endpointguard/endpointguard/pkg/grant"
)

func newGrant() *cobra.Command {
	var to grant.To
	var topic string
	var key bool
	cmd := &cobra.Command{
		Use:   "grant --topic ARN (--account ID | --organization ID)",
		Short: "Writes the policy that a topic elsewhere, or its key, needs",
		Long: `Grant writes the policy with the statement that a topic elsewhere (the settings
topicArn and chatTopicArn) needs, so that the functions of installations may
mail to it; with --key that of the key which encrypts the topic (topicKey and
chatTopicKey). Add the statement to the policy that is there.

It is for the installations of one name, in one account or in all accounts of an
organization. The functions' roles are known by how their names begin; roles of
such names that others make there may mail to the topic, too.`,
		Example: `  endpointguard grant --account 111122223333 \
      --topic arn:aws:sns:eu-west-1:444455556666:security
  endpointguard grant --key --organization o-a1b2c3d4e5 \
      --topic arn:aws:sns:eu-west-1:444455556666:security`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write := grant.Topic
			if key {
				write = grant.Key
			}
			document, err := write(topic, to)
			if err != nil {
				return usageError{strings.TrimSpace(err.Error()), "'endpointguard grant --help' shows an example"}
			}
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			return enc.Encode(document)
		},
	}
	cmd.Flags().StringVar(&topic, "topic", "", "the `ARN` of the topic")
	cmd.Flags().StringVar(&to.Account, "account", "", "the `ID` of the installation's account")
	cmd.Flags().StringVar(&to.Organization, "organization", "", "the `ID` of the organization")
	cmd.Flags().StringVar(&to.Name, "name", defaultName, "their `NAME`")
	cmd.Flags().BoolVar(&key, "key", false, "write the policy of the topic's key")
	return cmd
}
