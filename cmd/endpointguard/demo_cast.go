package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// The access keys of those who change clusters.
const (
	keyAlice     = "ALICE"
	keyBob       = "BOB"
	keyTerraform = "TERRAFORM"
	keyStack     = "CLOUDFORMATION"
	keyPartner   = "FEDERATED"
)

const browser = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"

// addCallers makes known who signs with which key.
func addCallers(aws *localaws.AWS) {
	iam, sts := "arn:aws:iam::"+aws.Account()+":", "arn:aws:sts::"+aws.Account()+":"
	aws.AddCaller(keyAlice, localaws.Caller{
		Type: "IAMUser", ARN: iam + "user/platform/alice", UserName: "alice", PrincipalID: "AIDACKCEVSQ6C2EXAMPLE",
		SourceIP: "198.51.100.24", UserAgent: browser, MFA: true,
	})
	const sso = "AWSReservedSSO_AdministratorAccess_89abcdef01234567"
	aws.AddCaller(keyBob, localaws.Caller{
		Type: "AssumedRole", ARN: sts + "assumed-role/" + sso + "/bob@example.com", PrincipalID: "AROAIDPPEZS35WEXAMPLE:bob@example.com",
		SessionIssuerARN: iam + "role/aws-reserved/sso.amazonaws.com/eu-west-1/" + sso, SessionIssuerName: sso,
		SourceIP: "192.0.2.71", UserAgent: browser,
	})
	aws.AddCaller(keyTerraform, localaws.Caller{
		Type: "AssumedRole", ARN: sts + "assumed-role/pipeline/terraform", PrincipalID: "AROAJ2UCCR6DPCEXAMPLE:terraform",
		SessionIssuerARN: iam + "role/pipeline", SessionIssuerName: "pipeline",
		SourceIP: "192.0.2.140", UserAgent: "APN/1.0 HashiCorp/1.0 Terraform/1.13.5 terraform-provider-aws/6.20.0",
	})
	aws.AddCaller(keyStack, localaws.Caller{
		Type: "AssumedRole", ARN: sts + "assumed-role/stack-deployer/AWSCloudFormation", PrincipalID: "AROAQRSTUVWX22EXAMPLE:AWSCloudFormation",
		SessionIssuerARN: iam + "role/stack-deployer", SessionIssuerName: "stack-deployer", InvokedBy: "cloudformation.amazonaws.com",
	})
	aws.AddCaller(keyPartner, localaws.Caller{
		Type: "FederatedUser", ARN: sts + "federated-user/carol", PrincipalID: aws.Account() + ":carol",
		SourceIP: "192.0.2.199", UserAgent: "aws-cli/2.31.0",
	})
}

// role is one cluster of the demo: how it is, who changes it, and how it must end.
type role struct {
	at     time.Duration // when it happens
	key    string        // who does it
	does   string        // what they do, for people
	create bool
	tags   map[string]string
	before endpoint.Access
	asked  endpoint.Access
	fails  *localaws.UpdateError // of the guardrail's first update

	name    string
	says    string // what the policy makes of it, for people
	want    endpoint.Access
	outcome incident.Outcome
	updates int // by the guardrail
	mails   []string
	shown   bool // its last mail is the one that is shown on a terminal
}

var world = netip.MustParsePrefix("0.0.0.0/0")

func cidrs(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

// cast are the clusters of the demo, in the order in which they are changed.
func cast() []role {
	privateOnly := endpoint.Access{Private: true}
	public := func(texts ...string) endpoint.Access {
		return endpoint.Access{Public: true, Private: true, CIDRs: cidrs(texts...)}
	}
	both := []string{string(incident.NoticeDetected), string(incident.Enforced)}
	return []role{
		{
			name: "batch-jobs", key: keyTerraform, does: "a pipeline opens it to the world; EKS will fail the first repair",
			before: privateOnly, asked: public("0.0.0.0/0"),
			fails: &localaws.UpdateError{Code: "IpNotAvailable", Message: "A subnet has too few free addresses."},
			says:  "back to what it was", want: privateOnly,
			outcome: incident.Enforced, updates: 2, mails: both,
		},
		{
			at: 400 * time.Millisecond, name: "payments-prod", key: keyBob, does: "bob (SSO) opens it to the world in the console",
			tags: map[string]string{"environment": "prod"}, before: privateOnly, asked: public("0.0.0.0/0"),
			says: "back to private", want: privateOnly,
			outcome: incident.Enforced, updates: 1, mails: both, shown: true,
		},
		{
			at: 800 * time.Millisecond, name: "shop-dev", key: keyAlice, does: "alice (IAM user) creates it in the console, open",
			create: true, asked: endpoint.Access{Public: true, CIDRs: []netip.Prefix{world}},
			says: "new, so cut to the office", want: public("203.0.113.0/24", "198.51.100.0/25"),
			outcome: incident.Enforced, updates: 1, mails: both,
		},
		{
			at: 1200 * time.Millisecond, name: "data-stack", key: keyStack, does: "CloudFormation opens it to the world",
			before: public("203.0.113.0/24"), asked: public("0.0.0.0/0"),
			says: "back to the allowlist that it had", want: public("203.0.113.0/24"),
			outcome: incident.Enforced, updates: 1, mails: both,
		},
		{
			at: 1600 * time.Millisecond, name: "lab-ml", key: keyPartner, does: "carol (federated) lets in two halves of the world",
			before: public("203.0.113.128/25"), asked: public("0.0.0.0/1", "128.0.0.0/1"),
			says: "what is too much is cut off", want: public("203.0.113.0/24"),
			outcome: incident.Enforced, updates: 1, mails: both,
		},
		{
			at: 2000 * time.Millisecond, name: "edge-dev", key: keyTerraform, does: "a pipeline creates it for the office, private access off",
			create: true, asked: endpoint.Access{Public: true, CIDRs: cidrs("203.0.113.0/24")},
			says: "private access on, the list stays", want: public("203.0.113.0/24"),
			outcome: incident.Enforced, updates: 1, mails: both,
		},
		{
			at: 2400 * time.Millisecond, name: "analytics", key: keyTerraform, does: "a pipeline narrows it to a part of the office",
			before: public("203.0.113.0/24"), asked: public("203.0.113.64/26"),
			says: "nothing to do", want: public("203.0.113.64/26"),
			outcome: incident.Compliant,
		},
		{
			at: 2800 * time.Millisecond, name: "partner-portal", key: keyBob, does: "bob (SSO) opens it to the world in the console",
			before: public("203.0.113.0/24"), asked: public("0.0.0.0/0"),
			says: "office-only excepts partner-*", want: public("0.0.0.0/0"),
			outcome: incident.Compliant,
		},
	}
}

// put makes the cluster as it is before anybody changes it.
func (r role) put(aws *localaws.AWS) {
	if r.create {
		return
	}
	aws.PutCluster(localaws.Cluster{
		Name: r.name, CreatedAt: time.Now().Add(-olderBy).Truncate(time.Second), Tags: r.tags,
		Public: r.before.Public, Private: r.before.Private, CIDRs: texts(r.before.CIDRs),
	})
}

// act does what somebody does to the cluster, with their key.
func (r role) act(ctx context.Context, aws *localaws.AWS) error {
	client := eks.NewFromConfig(aws.Config(r.key))
	request := &types.VpcConfigRequest{
		EndpointPublicAccess: &r.asked.Public, EndpointPrivateAccess: &r.asked.Private, PublicAccessCidrs: texts(r.asked.CIDRs),
	}
	if r.create {
		roleARN := "arn:aws:iam::" + aws.Account() + ":role/eks-cluster"
		request.SubnetIds = []string{"subnet-0a1b2c3d4e5f60718", "subnet-0f9e8d7c6b5a49382"}
		if _, err := client.CreateCluster(ctx, &eks.CreateClusterInput{Name: &r.name, RoleArn: &roleARN, ResourcesVpcConfig: request, Tags: r.tags}); err != nil {
			return fmt.Errorf("create cluster %s: %w", r.name, err)
		}
		return nil
	}
	if r.fails != nil {
		// The first update is the one that opens it.
		if err := aws.FailUpdate(r.name, 2, *r.fails); err != nil {
			return err
		}
	}
	if _, err := client.UpdateClusterConfig(ctx, &eks.UpdateClusterConfigInput{Name: &r.name, ResourcesVpcConfig: request}); err != nil {
		return fmt.Errorf("update cluster %s: %w", r.name, err)
	}
	return nil
}
