package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// Roles is the part of IAM that the doctor needs.
type Roles interface {
	GetRole(ctx context.Context, in *iam.GetRoleInput, options ...func(*iam.Options)) (*iam.GetRoleOutput, error)
	ListRolePolicies(ctx context.Context, in *iam.ListRolePoliciesInput, options ...func(*iam.Options)) (*iam.ListRolePoliciesOutput, error)
	GetRolePolicy(ctx context.Context, in *iam.GetRolePolicyInput, options ...func(*iam.Options)) (*iam.GetRolePolicyOutput, error)
	ListAttachedRolePolicies(ctx context.Context, in *iam.ListAttachedRolePoliciesInput, options ...func(*iam.Options)) (*iam.ListAttachedRolePoliciesOutput, error)
}

// role judges the role of a function: that the function has it, who may assume it,
// and all that its policies say. Construct is the role's, has what the function says.
func (d Doctor) role(ctx context.Context, in Installation, t *deployed, check, construct, has string) Finding {
	if t == nil {
		return notCompared(check)
	}
	want, err := t.properties("AWS::IAM::Role", construct)
	if err != nil {
		return notUnderstood(check, err)
	}
	name := in.Resources[t.id("AWS::IAM::Role", construct)]
	if has != in.roleARN(name) {
		return wrong(check, revert, "the function has the role %s, and %s was deployed", has, in.roleARN(name))
	}
	got, err := d.Roles.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	switch {
	case isCode(err, "NoSuchEntity"):
		return wrong(check, revert, "the role %s is gone", name)
	case err != nil:
		return unknown(check, "iam:GetRole", err)
	}
	trust, err := policyDocument(aws.ToString(got.Role.AssumeRolePolicyDocument))
	if err != nil {
		return notUnderstood(check, err)
	}
	if differs := policyDifferences(want["AssumeRolePolicyDocument"], trust); len(differs) > 0 {
		return asDeployed(check, revert, prefixed("who may assume it: ", differs))
	}
	if b := got.Role.PermissionsBoundary; b != nil {
		return wrong(check, "aws iam delete-role-permissions-boundary --role-name "+name, "it has the permissions boundary %s, which was not deployed", aws.ToString(b.PermissionsBoundaryArn))
	}
	attached, err := d.Roles.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: &name})
	if err != nil {
		return unknown(check, "iam:ListAttachedRolePolicies", err)
	}
	for _, p := range attached.AttachedPolicies {
		arn := aws.ToString(p.PolicyArn)
		return wrong(check, fmt.Sprintf("aws iam detach-role-policy --role-name %s --policy-arn %s", name, arn), "it has the policy %s, which was not deployed", arn)
	}
	return d.inlinePolicies(ctx, check, name, want)
}

func (d Doctor) inlinePolicies(ctx context.Context, check, role string, want map[string]any) Finding {
	wanted := map[string]any{}
	policies, _ := want["Policies"].([]any)
	for _, one := range policies {
		if p, ok := one.(map[string]any); ok {
			wanted[fmt.Sprint(p["PolicyName"])] = p["PolicyDocument"]
		}
	}
	list, err := d.Roles.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &role})
	if err != nil {
		return unknown(check, "iam:ListRolePolicies", err)
	}
	for _, name := range list.PolicyNames {
		if wanted[name] == nil {
			return wrong(check, fmt.Sprintf("aws iam delete-role-policy --role-name %s --policy-name %s", role, name), "it has the policy %s, which was not deployed", name)
		}
	}
	for _, name := range sortedKeys(wanted) {
		if !slices.Contains(list.PolicyNames, name) {
			return wrong(check, revert, "its policy %s is gone", name)
		}
		got, err := d.Roles.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
		if err != nil {
			return unknown(check, "iam:GetRolePolicy", err)
		}
		document, err := policyDocument(aws.ToString(got.PolicyDocument))
		if err != nil {
			return notUnderstood(check, err)
		}
		if differs := policyDifferences(wanted[name], document); len(differs) > 0 {
			return asDeployed(check, revert, differs)
		}
	}
	return fine(check, "%s and its policies are as deployed", role)
}

func prefixed(prefix string, lines []string) []string {
	out := make([]string, len(lines))
	for i := range lines {
		out[i] = prefix + lines[i]
	}
	return out
}
