package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
)

// Stacks is the part of CloudFormation that finding an installation needs.
type Stacks interface {
	DescribeStacks(ctx context.Context, in *cloudformation.DescribeStacksInput, options ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
	DescribeStackResources(ctx context.Context, in *cloudformation.DescribeStackResourcesInput, options ...func(*cloudformation.Options)) (*cloudformation.DescribeStackResourcesOutput, error)
	GetTemplate(ctx context.Context, in *cloudformation.GetTemplateInput, options ...func(*cloudformation.Options)) (*cloudformation.GetTemplateOutput, error)
}

// Installation is a deployed stack: its resources, and what its outputs say.
type Installation struct {
	Stack     string
	ID        string // ARN of the stack
	Status    types.StackStatus
	Partition string
	Region    string
	Account   string

	// What the outputs say was deployed; "" when they say nothing.
	Mode       string
	Version    string
	PolicyHash string

	Queue       string // URL
	DeadLetters string // URL
	AlertTopic  string // ARN, of the alarms
	Guardrail   string // function name
	Sweep       string // function name
	Table       string // name, of the ledger

	// Resources are the physical ids by logical id, Types what they are.
	Resources map[string]string
	Types     map[string]string
}

// StackName is the name of the stack of an installation in a region.
func StackName(installation, region string) string { return installation + "-" + region }

// NotInstalled is the error of Find for an account and region without the stack,
// or whose stack is none of Endpoint Guard's.
type NotInstalled struct{ Stack, Why string }

func (n NotInstalled) Error() string { return fmt.Sprintf("stack %s: %s", n.Stack, n.Why) }

// Find reads the stack of the name. Its error is a NotInstalled, or one of AWS's.
func Find(ctx context.Context, stacks Stacks, name string) (Installation, error) {
	in := Installation{Stack: name, Resources: map[string]string{}, Types: map[string]string{}}
	described, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		// A stack that isn't there is an error without a code of its own.
		if code, text := awstrouble.Code(err); code == "ValidationError" && strings.Contains(text, "does not exist") {
			return in, NotInstalled{name, "there is none in this account and region"}
		}
		return in, awstrouble.Sort("cloudformation:DescribeStacks", err, "")
	}
	if len(described.Stacks) == 0 {
		return in, NotInstalled{name, "there is none in this account and region"}
	}
	stack := described.Stacks[0]
	in.Status, in.ID = stack.StackStatus, aws.ToString(stack.StackId)
	// arn:aws:cloudformation:eu-west-1:111122223333:stack/NAME/ID
	arn := strings.SplitN(aws.ToString(stack.StackId), ":", 6)
	if len(arn) < 6 {
		return in, NotInstalled{name, fmt.Sprintf("its id %q is no ARN", aws.ToString(stack.StackId))}
	}
	in.Partition, in.Region, in.Account = arn[1], arn[3], arn[4]
	outputs := in.outputs()
	for _, o := range stack.Outputs {
		if place := outputs[aws.ToString(o.OutputKey)]; place != nil {
			*place = aws.ToString(o.OutputValue)
		}
	}
	// All of them: a stack without a page token has at most 100.
	resources, err := stacks.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &name})
	if err != nil {
		return in, awstrouble.Sort("cloudformation:DescribeStackResources", err, "")
	}
	for _, r := range resources.StackResources {
		if r.ResourceStatus == types.ResourceStatusDeleteComplete {
			continue
		}
		id := aws.ToString(r.LogicalResourceId)
		in.Resources[id], in.Types[id] = aws.ToString(r.PhysicalResourceId), aws.ToString(r.ResourceType)
	}
	for _, part := range in.parts() {
		if *part.place = in.resource(part.kind, part.construct); *part.place == "" {
			return in, NotInstalled{name, fmt.Sprintf("it has no %s %s: its status is %s, and it may be none of Endpoint Guard's", part.kind, part.construct, in.Status)}
		}
	}
	return in, nil
}

// outputs are where an installation keeps what the stack's outputs tell. Source:
// infra/stack.go.
func (in *Installation) outputs() map[string]*string {
	return map[string]*string{"Mode": &in.Mode, "Version": &in.Version, "PolicyHash": &in.PolicyHash}
}

// part is a resource that every installation has.
type part struct {
	kind, construct string
	place           *string // of its physical id
}

// parts are what an installation consists of. Source: infra/stack.go.
func (in *Installation) parts() []part {
	return []part{
		{"AWS::SQS::Queue", "WakeUps", &in.Queue}, {"AWS::SQS::Queue", "DeadLetters", &in.DeadLetters}, {"AWS::SNS::Topic", "Alerts", &in.AlertTopic},
		{"AWS::Lambda::Function", "Guardrail", &in.Guardrail}, {"AWS::Lambda::Function", "Sweep", &in.Sweep},
		{"AWS::DynamoDB::Table", "Ledger", &in.Table},
	}
}

// resource returns the physical id of the construct's resource, "" if there is
// none. Its logical id is the construct's, with the CDK's hash of 8 digits behind.
func (in *Installation) resource(kind, construct string) string {
	for id, physical := range in.Resources {
		if hash, ok := strings.CutPrefix(id, construct); ok && len(hash) == 8 && in.Types[id] == kind {
			return physical
		}
	}
	return ""
}

// queueARN is the ARN of the queue with the URL: its last two parts are the
// account and the name.
func (in Installation) queueARN(url string) string {
	return in.arn("sqs", url[strings.LastIndex(url, "/")+1:])
}

func (in Installation) functionARN(name string) string { return in.arn("lambda", "function:"+name) }

func (in Installation) roleARN(name string) string {
	return strings.Join([]string{"arn", in.Partition, "iam", "", in.Account, "role/" + name}, ":")
}

func (in Installation) arn(service, resource string) string {
	return strings.Join([]string{"arn", in.Partition, service, in.Region, in.Account, resource}, ":")
}

// stack judges the last deployment.
func (d Doctor) stack(in Installation) Finding {
	const check = "deployment"
	switch in.Status {
	case types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusImportComplete:
	default:
		return wrong(check, "look at the stack's events, then "+deploy, "the stack's status is %s", in.Status)
	}
	if in.Version == "" {
		return Finding{check, Unknown, fmt.Sprintf("its version is not known: the stack has no output Version (%s)", in.Status), deploy}
	}
	if in.Version != d.Version {
		return wrong(check, deploy+", from a checkout of "+d.Version, "version %s is deployed, this is %s", in.Version, d.Version)
	}
	return fine(check, "version %s, %s", in.Version, in.Status)
}
