//go:build !race

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

// suppression is a finding of cdk-nag's that is as it should be.
type suppression struct {
	path, rule, finding, reason string
}

// TestNag: cdk-nag's AwsSolutions find nothing but what has a reason, and every
// reason still has its finding.
func TestNag(t *testing.T) {
	account := "arn:<AWS::Partition>:%s:eu-west-1:<AWS::AccountId>:%s"
	alert := []suppression{
		{"GuardrailRole", "AwsSolutions-IAM5", "Resource::" + fmt.Sprintf(account, "eks", "cluster/*"),
			"It guards every cluster of the account and region; which of them is the policy's to say, and changes without a deployment of roles."},
		{"SweepRole", "AwsSolutions-IAM5", "Resource::*",
			"eks:ListClusters knows no resources in IAM; it is narrowed to the region."},
	}
	enforce := append(alert[:len(alert):len(alert)], []suppression{
		{"GuardrailRole", "AwsSolutions-IAM5", "Resource::" + fmt.Sprintf(account, "ec2", "vpc/*"),
			"A cluster may lie in any VPC of the account; two attributes of it are read, nothing changed."},
		{"GuardrailRole", "AwsSolutions-IAM5", "Resource::*",
			"The three Describe calls on VPCs, DHCP options and security group rules know no resources in IAM; they are narrowed to the region."},
	}...)
	everythingOn := append(enforce[:len(enforce):len(enforce)], suppression{
		"TrailBucket", "AwsSolutions-S1", "",
		"The bucket holds CloudTrail's own records; access logs of it would need a second bucket, and it is only made where there was no trail at all.",
	})
	for _, role := range []string{"GuardrailRole", "SweepRole"} {
		for _, action := range []string{"kms:ReEncrypt*", "kms:GenerateDataKey*"} {
			everythingOn = append(everythingOn, suppression{
				role, "AwsSolutions-IAM5", "Action::" + action,
				"DynamoDB asks it of the users of a table with a customer key, in all its forms; narrowed to this key through DynamoDB.",
			})
		}
	}
	for name, test := range map[string]struct {
		context      map[string]any
		suppressions []suppression
	}{
		"alert":      {minimal(), alert},
		"enforce":    {with(map[string]any{keyMode: "enforce"}), enforce},
		"everything": {everything(), everythingOn},
	} {
		t.Run(name, func(t *testing.T) {
			found := findings(t, test.context, nil)
			for _, s := range test.suppressions {
				if len(s.reason) < 30 {
					t.Errorf("the suppression of %s on %s has no reason", s.rule, s.path)
				}
				if !strings.Contains(found, "/"+s.path+"/Resource: "+s.rule+bracket(s.finding)) {
					t.Errorf("nothing to suppress: %s%s on %s in\n%s", s.rule, bracket(s.finding), s.path, found)
				}
			}
			if left := findings(t, test.context, test.suppressions); left != "" {
				t.Errorf("findings:\n%s", left)
			}
		})
	}
}

func bracket(finding string) string {
	if finding == "" {
		return ""
	}
	return "[" + finding + "]"
}

// findings returns cdk-nag's, one a line, with the suppressions in force.
func findings(t *testing.T, context map[string]any, suppressions []suppression) string {
	t.Helper()
	app, stack := newApp(t, context)
	for _, s := range suppressions {
		nag := &cdknag.NagPackSuppression{Id: jsii.String(s.rule), Reason: jsii.String(s.reason)}
		if s.finding != "" {
			nag.AppliesTo = &[]any{s.finding}
		}
		cdknag.NagSuppressions_AddResourceSuppressionsByPath(stack, jsii.String("/"+*stack.StackName()+"/"+s.path+"/Resource"),
			&[]*cdknag.NagPackSuppression{nag}, nil)
	}
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{}), nil)
	annotations := assertions.Annotations_FromStack(stack)
	messages := *annotations.FindError(jsii.String("*"), assertions.Match_AnyValue())
	messages = append(messages, *annotations.FindWarning(jsii.String("*"), assertions.Match_AnyValue())...)
	var out strings.Builder
	for _, m := range messages {
		//nolint:staticcheck // The place that the type has moved to has no Go module.
		path, data := *m.Id, m.Entry.Data
		text, _, _ := strings.Cut(fmt.Sprint(data), "\n")
		if strings.HasPrefix(text, "AwsSolutions") || strings.HasPrefix(text, "CdkNag") {
			fmt.Fprintf(&out, "%s: %s\n", path, text)
		}
	}
	return out.String()
}
