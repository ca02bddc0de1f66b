package scp

import (
	"fmt"
	"slices"
	"strings"
)

// Installation is what Protect protects.
type Installation struct {
	// Name begins the names of its stacks, one for each region.
	Name string
	// Deployers are patterns of the ARNs of the roles that may change it.
	Deployers []string
}

// longestPrefix is how much of a stack's name surely stands at the beginning of
// the names of its resources: CloudFormation shortens it where a service's names
// must be short.
const longestPrefix = 20

// Protect writes the service control policy that lets nobody but the deployers
// change an installation. Its resources are known by their names, which
// CloudFormation begins with the stack's; a key has none, and is known by
// CloudFormation's tag. Reading is refused to nobody.
func Protect(in Installation) Written {
	prefix := in.Name + "-"
	prefix = prefix[:min(len(prefix), longestPrefix)] + "*"
	arn := func(service, resource string) string { return "arn:*:" + service + ":*:*:" + resource }
	function := arn("lambda", "function:"+prefix)
	// The roles of the functions; others of such names cannot be made.
	roles := []string{"arn:*:iam::*:role/" + prefix + "-GuardrailRole*", "arn:*:iam::*:role/" + prefix + "-SweepRole*"}

	d := Document{Version: "2012-10-17"}
	deny := func(sid, service, actions string, resources ...string) *Statement {
		s := Statement{Sid: sid, Effect: "Deny", Resource: resources, Condition: map[string]Condition{
			"ArnNotLike": {"aws:PrincipalARN": slices.Clone(in.Deployers)},
		}}
		for action := range strings.FieldsSeq(actions) {
			s.Action = append(s.Action, service+":"+action)
		}
		d.Statement = append(d.Statement, s)
		return &d.Statement[len(d.Statement)-1]
	}
	functionsToo := func(s *Statement) {
		s.Condition["ArnNotLike"] = Condition{"aws:PrincipalARN": slices.Concat(in.Deployers, roles)}
	}

	deny("Stacks", "cloudformation", "Cancel* Continue* Create* Delete* Execute* Rollback* Set* Signal* Tag* Untag* Update*",
		arn("cloudformation", "stack/"+prefix+"/*"))
	deny("Functions", "lambda", "Add* Create* Delete* Publish* Put* Remove* Tag* Untag* Update*", function)
	// Whoever invokes it himself goes past the queue and its policy.
	deny("GuardrailIsWokenByItsQueue", "lambda", "Invoke*", function+"-Guardrail*")
	// A mapping's ARN has no name in it.
	mapping := deny("QueueWakesTheGuardrail", "lambda", "CreateEventSourceMapping DeleteEventSourceMapping UpdateEventSourceMapping", "*")
	mapping.Condition["ArnLike"] = Condition{"lambda:FunctionArn": {function}}
	deny("Rules", "events", "Delete* Disable* Enable* Put* Remove* Tag* Untag*", arn("events", "rule/"+prefix))
	deny("Queues", "sqs", "AddPermission CreateQueue DeleteQueue PurgeQueue RemovePermission SetQueueAttributes StartMessageMoveTask TagQueue UntagQueue",
		arn("sqs", prefix))
	functionsToo(deny("WakeUps", "sqs", "ChangeMessageVisibility DeleteMessage ReceiveMessage SendMessage", arn("sqs", prefix+"-WakeUps*")))
	functionsToo(deny("Ledger", "dynamodb", "BatchWriteItem CreateTable Delete* Import* PartiQLDelete PartiQLInsert PartiQLUpdate Put* Restore* Tag* Untag* Update*",
		arn("dynamodb", "table/"+prefix)))
	deny("Topic", "sns", "AddPermission CreateTopic DeleteTopic PutDataProtectionPolicy RemovePermission Set* Subscribe Tag* Unsubscribe Untag*",
		arn("sns", prefix))
	deny("Alarms", "cloudwatch", "DeleteAlarms DisableAlarmActions EnableAlarmActions Put* SetAlarmState Tag* Untag*", arn("cloudwatch", "alarm:"+prefix))
	functionsToo(deny("Logs", "logs", "Associate* Create* Delete* Disassociate* Put* Tag* Untag*", arn("logs", "log-group:"+prefix)))
	own := deny("Roles", "iam", "Attach* Create* Delete* Detach* PassRole Put* Tag* Untag* Update*", "arn:*:iam::*:role/"+prefix)
	own.Action = append(own.Action, "sts:AssumeRole")
	// Or anyone could make himself a deployer. Who may assume or pass one stays
	// IAM's matter.
	deny("Deployers", "iam", "Attach* Create* Delete* Detach* Put* Tag* Untag* Update*", in.Deployers...)
	deny("Trail", "cloudtrail", "Add* Create* Delete* Put* Remove* Stop* Update*", arn("cloudtrail", "trail/"+prefix))
	deny("TrailRecords", "s3", "Create* Delete* Put*", "arn:*:s3:::"+prefix+"-trailbucket*")
	key := deny("Key", "kms", "Delete* Disable* Put* Revoke* Schedule* Tag* Untag* Update*", "*")
	key.Condition["StringLike"] = Condition{"aws:ResourceTag/aws:cloudformation:stack-name": {prefix}}

	return Written{Document: d, Limits: []string{
		fmt.Sprintf("Whoever may use these roles may change everything: %s. With the CDK they are the role that deploys and the one that CloudFormation uses, and everyone who may assume the one or pass the other to CloudFormation. They alone may change roles of these names, so bootstrap before you attach it.", strings.Join(in.Deployers, ", ")),
		fmt.Sprintf("Resources are known by names that begin with %s; whatever else has such a name is protected, too.", strings.TrimSuffix(prefix, "*")),
		"It cannot protect what the installation only uses: a trail, topic or key of your own, the clusters and their tags, and the VPCs.",
		"Who follows the unsubscribe link of a mail has no identity that IAM could see: confirm subscriptions with authenticate-on-unsubscribe.",
		"A dashboard is left out: it shows, and nothing depends on it.",
		"A service control policy does not bind the organization's management account, and no service-linked role.",
	}}
}
