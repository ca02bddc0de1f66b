// Package grant writes the policies that a topic elsewhere, and its key, need so that
// installations may mail to it: the statements to add to what is there.
package grant

import (
	"fmt"
	"regexp"
	"strings"
)

// To is who gets the grant: the functions of the installations of one name, in one
// account or in every account of an organization.
type To struct {
	Name         string // of the installations
	Account      string // 12 digits, or
	Organization string // the organization's id, o-…
}

// Document is a policy in IAM's language.
type Document struct {
	Version   string
	Statement []Statement
}

// Statement is one of a policy.
type Statement struct {
	Sid       string
	Effect    string
	Principal map[string]string
	Action    []string
	Resource  string
	Condition map[string]map[string]any
}

var (
	topicARN     = regexp.MustCompile(`^arn:(aws[a-z-]*):sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_-]+$`)
	account      = regexp.MustCompile(`^[0-9]{12}$`)
	organization = regexp.MustCompile(`^o-[a-z0-9]{10,32}$`)
	installation = regexp.MustCompile(`^[a-z][a-z0-9-]{0,28}[a-z0-9]$`)
)

// longestPrefix is how much of a stack's name surely begins the names of its roles:
// CloudFormation shortens it where they must be short.
const longestPrefix = 20

// Topic writes what the policy of a topic lacks. The error names what is wrong with
// the topic or with whom it is to be granted to.
func Topic(topic string, to To) (Document, error) {
	s, _, _, err := statement(topic, to)
	if err != nil {
		return Document{}, err
	}
	s.Sid, s.Action, s.Resource = "EndpointGuardMayMail", []string{"sns:Publish"}, topic
	return Document{"2012-10-17", []Statement{s}}, nil
}

// Key writes what the policy of the topic's key lacks. SNS uses the key in the name of
// whoever publishes. Source: the SNS developer guide, "Securing Amazon SNS data with
// server-side encryption".
func Key(topic string, to To) (Document, error) {
	s, partition, region, err := statement(topic, to)
	if err != nil {
		return Document{}, err
	}
	suffix := "amazonaws.com"
	if partition == "aws-cn" {
		suffix = "amazonaws.com.cn"
	}
	s.Sid, s.Action, s.Resource = "EndpointGuardMayMail", []string{"kms:GenerateDataKey", "kms:Decrypt"}, "*"
	equals := s.Condition["StringEquals"]
	if equals == nil {
		equals = map[string]any{}
		s.Condition["StringEquals"] = equals
	}
	equals["kms:ViaService"] = "sns." + region + "." + suffix
	return Document{"2012-10-17", []Statement{s}}, nil
}

// statement is what both have in common: to whom. A role's name ends in letters that
// CloudFormation draws, so that it is known by its beginning, and a role of such a name
// that somebody else makes in the same account may mail, too.
func statement(topic string, to To) (s Statement, partition, region string, err error) {
	m := topicARN.FindStringSubmatch(topic)
	switch {
	case m == nil:
		return s, "", "", fmt.Errorf("%.100q is not the ARN of an SNS topic", topic)
	case !installation.MatchString(to.Name):
		return s, "", "", fmt.Errorf("%.100q is not the name of an installation: 2 to 30 lower-case letters, digits and hyphens", to.Name)
	case (to.Account == "") == (to.Organization == ""):
		return s, "", "", fmt.Errorf("it must be one of an account and an organization")
	case to.Account != "" && !account.MatchString(to.Account):
		return s, "", "", fmt.Errorf("%.100q is not an account: it has 12 digits", to.Account)
	case to.Organization != "" && !organization.MatchString(to.Organization):
		return s, "", "", fmt.Errorf("%.100q is not the id of an organization: it begins with o-", to.Organization)
	}
	partition, region = m[1], m[2]
	of := to.Account
	s = Statement{Effect: "Allow", Principal: map[string]string{"AWS": "*"}, Condition: map[string]map[string]any{}}
	if of == "" {
		of = "*"
		s.Condition["StringEquals"] = map[string]any{"aws:PrincipalOrgID": to.Organization}
	} else {
		s.Principal["AWS"] = "arn:" + partition + ":iam::" + of + ":root"
	}
	prefix := to.Name + "-"
	prefix = prefix[:min(len(prefix), longestPrefix)]
	role := strings.Join([]string{"arn", partition, "iam", "", of, "role/" + prefix}, ":")
	s.Condition["ArnLike"] = map[string]any{"aws:PrincipalArn": []string{role + "*-GuardrailRole*", role + "*-SweepRole*"}}
	return s, partition, region, nil
}
