package main

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"github.com/endpointguard/endpointguard/pkg/settings"
)

// The Sids say what breaks without the statement, for whoever reads the role in
// the console.

// newGuardrailRole makes the role of the function guardrail. It stands for
// itself, apart from the function: its ARN is a setting of the function, by which
// the guardrail knows its own calls in CloudTrail.
func (s *stack) newGuardrailRole(logs awslogs.ILogGroup) awsiam.Role {
	statements := []awsiam.PolicyStatement{
		// No cluster is judged. ListUpdates and DescribeUpdate tell whose
		// change a violation is, and whether our own one has succeeded.
		allow("WithoutItNoClusterIsJudged", []string{s.arn("eks", "cluster/*")},
			"eks:DescribeCluster", "eks:ListUpdates", "eks:DescribeUpdate"),
		// The ledger is the guardrail's only memory.
		allow("WithoutItNothingIsRemembered", []string{*s.table.TableArn()}, "dynamodb:Query", "dynamodb:PutItem"),
		// Lambda reads the queue in the function's name, and the function puts
		// re-checks on it.
		allow("WithoutItNothingWakesTheGuardrail", []string{*s.queue.QueueArn()},
			"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:SendMessage"),
		s.mail(),
		writeLogs(logs),
	}
	if s.deployment.Mode == settings.ModeEnforce {
		// In mode alert the guardrail could not change a cluster if it wanted to.
		statements = append(statements,
			allow("WithoutItNothingIsEnforced", []string{s.arn("eks", "cluster/*")}, "eks:UpdateClusterConfig"),
			// The lockout checks: what is unknown of a VPC's DNS blocks every
			// narrowing. These three know no resource that IAM could tell apart.
			s.inRegion(allow("WithoutItLockoutChecksBlockChanges", []string{"*"},
				"ec2:DescribeVpcs", "ec2:DescribeDhcpOptions", "ec2:DescribeSecurityGroupRules")),
			allow("WithoutItVpcDnsIsUnknown", []string{s.arn("ec2", "vpc/*")}, "ec2:DescribeVpcAttribute"),
		)
	}
	if s.key != nil {
		statements = append(statements, s.useKey("sqs", "sns"), s.useKeyForTable())
	}
	statements = append(statements, s.useTopicKeys()...)
	return newRole(s.Stack, "GuardrailRole", "Endpoint Guard: looks at EKS clusters and brings their endpoint access back to the policy", statements)
}

// newSweepRole makes the role of the function sweep, which can look at no
// cluster and change none. It mails the digest, if there is one.
func (s *stack) newSweepRole(logs awslogs.ILogGroup) awsiam.Role {
	statements := []awsiam.PolicyStatement{
		// ListClusters knows no resource.
		s.inRegion(allow("WithoutItNoClusterIsFound", []string{"*"}, "eks:ListClusters")),
		allow("WithoutItNoClusterIsWoken", []string{*s.queue.QueueArn()}, "sqs:SendMessage"),
		// Which clusters there were only the ledger knows. The heartbeat and the digest
		// are made from it, too.
		allow("WithoutItDeletedClustersStay", []string{*s.table.TableArn()}, "dynamodb:Scan"),
		// Who was judged by the last sweep, and when the last digest was sent.
		allow("WithoutItThereIsNoHeartbeat", []string{*s.table.TableArn()}, "dynamodb:Query", "dynamodb:PutItem"),
		writeLogs(logs),
	}
	services := []string{"sqs"}
	if s.deployment.DigestHour >= 0 {
		services = append(services, "sns")
		statements = append(statements, s.mail())
		statements = append(statements, s.useTopicKeys()...)
	}
	if s.key != nil {
		statements = append(statements, s.useKeyForTable(), s.useKey(services...))
	}
	return newRole(s.Stack, "SweepRole", "Endpoint Guard: wakes the guardrail for every EKS cluster", statements)
}

func newRole(stack awscdk.Stack, id, description string, statements []awsiam.PolicyStatement) awsiam.Role {
	return awsiam.NewRole(stack, &id, &awsiam.RoleProps{
		Description: &description,
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"function": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
		},
	})
}

func allow(sid string, resources []string, actions ...string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: &sid, Actions: jsii.Strings(actions...), Resources: jsii.Strings(resources...),
	})
}

// mail admits the topics of the mails and of the chat cards.
func (s *stack) mail() awsiam.PolicyStatement {
	topics := []string{s.mailTopicARN()}
	if arn := s.deployment.ChatTopicARNs[s.region]; arn != "" {
		topics = append(topics, arn)
	}
	return allow("WithoutItNobodyIsTold", topics, "sns:Publish")
}

// useTopicKeys admits the keys of topics elsewhere. Their own policies must, too.
func (s *stack) useTopicKeys() []awsiam.PolicyStatement {
	var keys []string
	for _, arn := range []string{s.deployment.TopicKeys[s.region], s.deployment.ChatTopicKeys[s.region]} {
		if arn != "" && !slices.Contains(keys, arn) {
			keys = append(keys, arn)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	statement := allow("WithoutItEncryptedTopicsElsewhereRefuse", keys, "kms:GenerateDataKey", "kms:Decrypt")
	statement.AddCondition(jsii.String("StringEquals"), map[string]any{"kms:ViaService": s.viaServices("sns")})
	return []awsiam.PolicyStatement{statement}
}

// inRegion narrows what knows no resources to the stack's region.
func (s *stack) inRegion(statement awsiam.PolicyStatement) awsiam.PolicyStatement {
	statement.AddCondition(jsii.String("StringEquals"), map[string]any{"aws:RequestedRegion": s.region})
	return statement
}

func writeLogs(logs awslogs.ILogGroup) awsiam.PolicyStatement {
	return allow("WithoutItNothingIsLoggedOrMeasured", []string{*logs.LogGroupArn()}, "logs:CreateLogStream", "logs:PutLogEvents")
}

// useKey admits what a publisher to an encrypted queue or topic needs, and a
// reader of the queue, through these services only.
func (s *stack) useKey(services ...string) awsiam.PolicyStatement {
	statement := allow("WithoutItEncryptedMessagesFail", []string{*s.key.KeyArn()}, "kms:GenerateDataKey", "kms:Decrypt")
	statement.AddCondition(jsii.String("StringEquals"), map[string]any{"kms:ViaService": s.viaServices(services...)})
	return statement
}

// useKeyForTable admits what DynamoDB asks of the users of a table with a
// customer key. Source: the DynamoDB developer guide, "Encryption at rest".
func (s *stack) useKeyForTable() awsiam.PolicyStatement {
	statement := allow("WithoutItTheLedgerCannotBeRead", []string{*s.key.KeyArn()},
		"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey")
	statement.AddCondition(jsii.String("StringEquals"), map[string]any{"kms:ViaService": s.viaServices("dynamodb")})
	return statement
}

func (s *stack) viaServices(services ...string) []string {
	out := make([]string, len(services))
	for i, service := range services {
		out[i] = service + "." + s.region + "." + *awscdk.Aws_URL_SUFFIX()
	}
	return out
}
