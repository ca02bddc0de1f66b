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
		s.onlyIn(guardrailID, allow("WithoutItNoClusterIsJudged", []string{s.arn("eks", "cluster/*")},
			"eks:DescribeCluster", "eks:ListUpdates", "eks:DescribeUpdate")),
		// The ledger is the guardrail's only memory.
		s.onlyIn(guardrailID, allow("WithoutItNothingIsRemembered", []string{*s.table.TableArn()}, "dynamodb:Query", "dynamodb:PutItem")),
		// Lambda reads the queue in the function's name, and so not from inside it.
		allow("WithoutItNothingWakesTheGuardrail", []string{*s.queue.QueueArn()},
			"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
		s.onlyIn(guardrailID, allow("WithoutItNothingIsLookedAtAgain", []string{*s.queue.QueueArn()}, "sqs:SendMessage")),
		s.onlyIn(guardrailID, s.mail()),
		writeLogs(logs),
	}
	if s.deployment.Mode == settings.ModeEnforce {
		// In mode alert the guardrail could not change a cluster if it wanted to.
		statements = append(statements,
			s.onlyIn(guardrailID, allow("WithoutItNothingIsEnforced", []string{s.arn("eks", "cluster/*")}, "eks:UpdateClusterConfig")),
			// The lockout checks: what is unknown of a VPC's DNS blocks every
			// narrowing. These three know no resource that IAM could tell apart.
			s.onlyIn(guardrailID, s.inRegion(allow("WithoutItLockoutChecksBlockChanges", []string{"*"},
				"ec2:DescribeVpcs", "ec2:DescribeDhcpOptions", "ec2:DescribeSecurityGroupRules"))),
			s.onlyIn(guardrailID, allow("WithoutItVpcDnsIsUnknown", []string{s.arn("ec2", "vpc/*")}, "ec2:DescribeVpcAttribute")),
		)
		if s.deployment.DenyOtherUpdates {
			statements = append(statements, s.denyOtherUpdates()...)
		}
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
		s.onlyIn(sweepID, s.inRegion(allow("WithoutItNoClusterIsFound", []string{"*"}, "eks:ListClusters"))),
		s.onlyIn(sweepID, allow("WithoutItNoClusterIsWoken", []string{*s.queue.QueueArn()}, "sqs:SendMessage")),
		// Which clusters there were only the ledger knows. The heartbeat and the digest
		// are made from it, too.
		s.onlyIn(sweepID, allow("WithoutItDeletedClustersStay", []string{*s.table.TableArn()}, "dynamodb:Scan")),
		// Who was judged by the last sweep, and when the last digest was sent.
		s.onlyIn(sweepID, allow("WithoutItThereIsNoHeartbeat", []string{*s.table.TableArn()}, "dynamodb:Query", "dynamodb:PutItem")),
		// Lambda sends it in the function's name.
		allow("WithoutItSweepsThatNeverRanLeaveNoTrace", []string{*s.deadLetters.QueueArn()}, "sqs:SendMessage"),
		writeLogs(logs),
	}
	services := []string{"sqs"}
	if s.deployment.DigestHour >= 0 {
		services = append(services, "sns")
		statements = append(statements, s.onlyIn(sweepID, s.mail()))
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

// onlyIn narrows a statement to calls that come from inside a function: the role is of
// no use to another function that somebody gives it to. What Lambda itself does with
// the role has no such key, and what KMS is asked by another service is not known to
// have it. A function is known by how its name begins: its ARN would need the function,
// which needs the role. Source: the Lambda developer guide, "Using source function ARN
// to control function access behavior".
func (s *stack) onlyIn(function string, statement awsiam.PolicyStatement) awsiam.PolicyStatement {
	prefix := *s.StackName()
	prefix = prefix[:min(len(prefix), longestPrefix)]
	statement.AddCondition(jsii.String("ArnLike"), map[string]any{"lambda:SourceFunctionArn": s.arn("lambda", "function:"+prefix+"*-"+function+"*")})
	return statement
}

// longestPrefix is how much of a stack's name surely begins the names that
// CloudFormation gives: it shortens it where names must be short.
const longestPrefix = 20

// otherUpdates are the condition keys of UpdateClusterConfig for what is none of the
// guardrail's business, by what is in the Sid. Source: the service authorization
// reference, "Actions, resources, and condition keys for Amazon Elastic Kubernetes
// Service". There is none for the subnets and security groups of resourcesVpcConfig and
// for remoteNetworkConfig.
var otherUpdates = []struct{ sid, key string }{
	{"AuthenticationMode", "eks:authenticationMode"},
	{"Compute", "eks:computeConfigEnabled"},
	{"BlockStorage", "eks:blockStorageEnabled"},
	{"LoadBalancing", "eks:elasticLoadBalancingEnabled"},
	{"Egress", "eks:controlPlaneEgressMode"},
	{"ScalingTier", "eks:controlPlaneScalingTier"},
	{"DeletionProtection", "eks:deletionProtection"},
	{"SupportType", "eks:supportType"},
	{"ZonalShift", "eks:zonalShiftEnabled"},
	{"LoggingApi", "eks:loggingType/api"},
	{"LoggingAudit", "eks:loggingType/audit"},
	{"LoggingAuthenticator", "eks:loggingType/authenticator"},
	{"LoggingControllerManager", "eks:loggingType/controllerManager"},
	{"LoggingScheduler", "eks:loggingType/scheduler"},
}

// componentConfigs are those that say themselves whether the request has such a part.
var componentConfigs = []struct{ sid, key string }{
	{"ApiServer", "eks:kubeApiServerConfig"}, {"ControllerManager", "eks:kubeControllerManagerConfig"}, {"Scheduler", "eks:kubeSchedulerConfig"},
}

// denyOtherUpdates refuses the role every update of a cluster but that of its endpoint
// access, as far as IAM can tell them apart: each key that a request has is denied.
func (s *stack) denyOtherUpdates() []awsiam.PolicyStatement {
	var out []awsiam.PolicyStatement
	deny := func(sid, operator, key, value string) {
		out = append(out, awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Sid: jsii.String("WithoutItTheRoleCouldChange" + sid), Effect: awsiam.Effect_DENY,
			Actions: jsii.Strings("eks:UpdateClusterConfig"), Resources: jsii.Strings("*"),
			Conditions: &map[string]any{operator: map[string]any{key: value}},
		}))
	}
	for _, u := range otherUpdates {
		deny(u.sid, "Null", u.key, "false")
	}
	for _, u := range componentConfigs {
		deny(u.sid, "Bool", u.key, "true")
	}
	return out
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
