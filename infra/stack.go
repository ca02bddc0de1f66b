package main

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudtrail"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	cdkevents "github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/endpointguard/endpointguard/pkg/function"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/settings"
)

// The functions' logical ids, with which their names go on after the stack's.
const guardrailID, sweepID = "Guardrail", "Sweep"

const (
	// guardrailSeconds is one check's time; the longest known makes some thirty
	// calls.
	guardrailSeconds = 60
	// visibilitySeconds is how long a message is hidden while it is handled:
	// six times the function's time. Source: the Lambda developer guide, "Using
	// Lambda with Amazon SQS".
	visibilitySeconds = 6 * guardrailSeconds
	// maxReceives is how often a message is tried before it is a dead letter.
	maxReceives = 5
	// maxConcurrency bounds how many clusters are looked at together, so that EKS
	// doesn't throttle the guardrail, and people with it.
	maxConcurrency = 5
	sweepSeconds   = 120
	megabytes      = 256
	keepDays       = 14 // messages, SQS's longest
	trailDays      = 90
)

// stack is one region's.
type stack struct {
	awscdk.Stack
	deployment Deployment
	region     string

	key         awskms.IKey // nil: AWS's own keys
	table       awsdynamodb.Table
	queue       awssqs.Queue
	deadLetters awssqs.Queue
	topic       awssns.Topic
	guardrail   awslambda.Function
	sweep       awslambda.Function
	ledgerRule  cdkevents.CfnRule
}

// newStack puts the stack of a region into the app.
func newStack(app constructs.Construct, d Deployment, region string, document Document, bundles Bundles) awscdk.Stack {
	id := d.Name + "-" + region
	s := &stack{
		Stack: awscdk.NewStack(app, &id, &awscdk.StackProps{
			StackName:             &id,
			Description:           jsii.String("Endpoint Guard " + function.Version + ": keeps the endpoint access of EKS clusters within a policy"),
			TerminationProtection: &d.Retain,
			// The account is that of the credentials it is deployed with.
			Env: &awscdk.Environment{Region: &region},
		}),
		deployment: d,
		region:     region,
	}
	s.newKey()
	s.newTable()
	s.newQueues()
	s.newTopic()

	logs := s.newLogGroup("GuardrailLogs")
	role := s.newGuardrailRole(logs)
	s.newGuardrail(role, logs, bundles.Guardrail)
	sweepLogs := s.newLogGroup("SweepLogs")
	sweepRole := s.newSweepRole(sweepLogs)
	s.newSweep(sweepRole, sweepLogs, bundles.Sweep, document.Hash)

	rules := s.newRules()
	s.guardQueue(rules, role, sweepRole)
	s.guardTopic(role, sweepRole)
	s.newAlarms()
	if d.Dashboard {
		s.newDashboard()
	}
	if d.CreateTrail {
		s.newTrail()
	}
	s.outputs(document, bundles, role)
	return s.Stack
}

// arn is that of something in the stack's account and region.
func (s *stack) arn(service, resource string) string {
	return strings.Join([]string{"arn", *awscdk.Aws_PARTITION(), service, s.region, *awscdk.Aws_ACCOUNT_ID(), resource}, ":")
}

func (s *stack) newKey() {
	if arn := s.deployment.KeyARNs[s.region]; arn != "" {
		s.key = awskms.Key_FromKeyArn(s.Stack, jsii.String("Key"), &arn)
	}
	if !s.deployment.CreateKey {
		return
	}
	key := awskms.NewKey(s.Stack, jsii.String("Key"), &awskms.KeyProps{
		Description:       jsii.String("Endpoint Guard: its queue, topic and ledger"),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     awscdk.RemovalPolicy_DESTROY,
	})
	// The services that publish in nobody's name; the functions have theirs in
	// their roles.
	sameAccount := map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": awscdk.Aws_ACCOUNT_ID()}}
	key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("WithoutItEventsDoNotReachTheQueue"),
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil)},
		Actions:    jsii.Strings("kms:GenerateDataKey", "kms:Decrypt"),
		Resources:  jsii.Strings("*"),
		Conditions: &sameAccount,
	}), nil)
	key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("WithoutItAlarmsFailSilently"),
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)},
		Actions:    jsii.Strings("kms:GenerateDataKey", "kms:Decrypt"),
		Resources:  jsii.Strings("*"),
	}), nil)
	s.key = key
}

func (s *stack) newTable() {
	props := &awsdynamodb.TableProps{
		PartitionKey: &awsdynamodb.Attribute{Name: jsii.String(ledger.PartitionKey), Type: awsdynamodb.AttributeType_STRING},
		SortKey:      &awsdynamodb.Attribute{Name: jsii.String(ledger.SortKey), Type: awsdynamodb.AttributeType_STRING},
		BillingMode:  awsdynamodb.BillingMode_PAY_PER_REQUEST,
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(true),
		},
		TimeToLiveAttribute: jsii.String(ledger.Expires),
		DeletionProtection:  jsii.Bool(s.deployment.Retain),
		RemovalPolicy:       s.evidence(),
	}
	if s.key != nil {
		props.Encryption, props.EncryptionKey = awsdynamodb.TableEncryption_CUSTOMER_MANAGED, s.key
	}
	s.table = awsdynamodb.NewTable(s.Stack, jsii.String("Ledger"), props)
}

func (s *stack) newQueues() {
	// On SQS's own key, whatever the queue has: a key that does not work any
	// more must not lose the dead letters, too.
	s.deadLetters = awssqs.NewQueue(s.Stack, jsii.String("DeadLetters"), &awssqs.QueueProps{
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(keepDays)),
	})
	props := &awssqs.QueueProps{
		Encryption:        awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:        jsii.Bool(true),
		VisibilityTimeout: awscdk.Duration_Seconds(jsii.Number(visibilitySeconds)),
		RetentionPeriod:   awscdk.Duration_Days(jsii.Number(keepDays)),
		DeadLetterQueue:   &awssqs.DeadLetterQueue{Queue: s.deadLetters, MaxReceiveCount: jsii.Number(maxReceives)},
	}
	if s.key != nil {
		props.Encryption, props.EncryptionMasterKey = awssqs.QueueEncryption_KMS, s.key
	}
	s.queue = awssqs.NewQueue(s.Stack, jsii.String("WakeUps"), props)
}

// newTopic makes the topic of the alarms, and of the mails unless they go to a
// topic elsewhere.
func (s *stack) newTopic() {
	s.topic = awssns.NewTopic(s.Stack, jsii.String("Alerts"), &awssns.TopicProps{
		DisplayName: jsii.String("Endpoint Guard"),
		EnforceSSL:  jsii.Bool(true),
		MasterKey:   s.key,
	})
	for _, address := range s.deployment.AlertEmails {
		s.topic.AddSubscription(awssnssubscriptions.NewEmailSubscription(&address, nil))
	}
}

// mailTopicARN is the topic of the mails.
func (s *stack) mailTopicARN() string {
	if arn := s.deployment.TopicARNs[s.region]; arn != "" {
		return arn
	}
	return *s.topic.TopicArn()
}

func (s *stack) newLogGroup(id string) awslogs.LogGroup {
	return awslogs.NewLogGroup(s.Stack, &id, &awslogs.LogGroupProps{
		Retention:     retentionDays(s.deployment.LogRetention),
		RemovalPolicy: s.evidence(),
	})
}

// evidence is what becomes of the ledger and the logs when the stack goes.
func (s *stack) evidence() awscdk.RemovalPolicy {
	if s.deployment.Retain {
		return awscdk.RemovalPolicy_RETAIN
	}
	return awscdk.RemovalPolicy_DESTROY
}

func (s *stack) newFunction(id, description, zip string, seconds float64, role awsiam.Role, logs awslogs.ILogGroup, environment ...map[string]string) awslambda.Function {
	values := map[string]*string{}
	for _, part := range environment {
		for name, value := range part {
			values[name] = &value
		}
	}
	made := awslambda.NewFunction(s.Stack, &id, &awslambda.FunctionProps{
		Description:  &description,
		Runtime:      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture: awslambda.Architecture_ARM_64(),
		Handler:      jsii.String("bootstrap"),
		Code:         awslambda.Code_FromAsset(&zip, nil),
		MemorySize:   jsii.Number(megabytes),
		Timeout:      awscdk.Duration_Seconds(&seconds),
		// The roles say all that a function may; the CDK is to add nothing.
		Role:        role.WithoutPolicyUpdates(nil),
		LogGroup:    logs,
		Environment: &values,
	})
	// The role is a property of the function, so that it is there first anyway.
	resource(made).AddDeletionOverride(jsii.String("DependsOn"))
	return made
}

func resource(f awslambda.Function) awslambda.CfnFunction {
	return f.Node().DefaultChild().(awslambda.CfnFunction)
}

// mailSettings are those that the functions' mails share.
func (s *stack) mailSettings() map[string]string {
	out := map[string]string{settings.Language: string(s.deployment.Language)}
	if s.deployment.AccountName != "" {
		out[settings.AccountName] = s.deployment.AccountName
	}
	if arn := s.deployment.ChatTopicARNs[s.region]; arn != "" {
		out[settings.ChatTopic] = arn
	}
	return out
}

func (s *stack) newGuardrail(role awsiam.Role, logs awslogs.ILogGroup, zip string) {
	s.guardrail = s.newFunction(guardrailID, "Endpoint Guard: looks at an EKS cluster and brings its endpoint access back to the policy",
		zip, guardrailSeconds, role, logs, map[string]string{
			settings.Mode:       s.deployment.Mode,
			settings.Account:    *awscdk.Aws_ACCOUNT_ID(),
			settings.Table:      *s.table.TableName(),
			settings.QueueURL:   *s.queue.QueueUrl(),
			settings.TopicARN:   s.mailTopicARN(),
			settings.RoleARN:    *role.RoleArn(),
			settings.PolicyFile: "/var/task/policy.yaml",
			settings.LogLevel:   "info",
			settings.Brake:      strconv.Itoa(s.deployment.Brake),
			settings.TugPerHour: strconv.Itoa(s.deployment.TugPerHour),
			settings.TugDays:    strconv.Itoa(s.deployment.TugDays),
		}, s.mailSettings())
	if !strings.HasPrefix(s.region, "us-gov-") { // which does not know the setting
		// A message may wake the guardrail again and again: so it waits for EKS.
		// Lambda stops such a chain after some 16 rounds otherwise.
		resource(s.guardrail).SetRecursiveLoop(jsii.String("Allow"))
	}
	awslambda.NewEventSourceMapping(s.Stack, jsii.String("GuardrailWakeUps"), &awslambda.EventSourceMappingProps{
		Target:                  s.guardrail,
		EventSourceArn:          s.queue.QueueArn(),
		BatchSize:               jsii.Number(1),
		MaxConcurrency:          jsii.Number(maxConcurrency),
		ReportBatchItemFailures: jsii.Bool(true),
	})
}

func (s *stack) newSweep(role awsiam.Role, logs awslogs.ILogGroup, zip, policyHash string) {
	digest := map[string]string{}
	if s.deployment.DigestHour >= 0 {
		digest = s.mailSettings()
		digest[settings.DigestHour] = strconv.Itoa(s.deployment.DigestHour)
		digest[settings.TopicARN] = s.mailTopicARN()
	}
	s.sweep = s.newFunction(sweepID, "Endpoint Guard: wakes the guardrail for every EKS cluster of the region",
		zip, sweepSeconds, role, logs, map[string]string{
			settings.Account:    *awscdk.Aws_ACCOUNT_ID(),
			settings.QueueURL:   *s.queue.QueueUrl(),
			settings.Table:      *s.table.TableName(),
			settings.LogLevel:   "info",
			settings.Mode:       s.deployment.Mode,
			settings.PolicyHash: policyHash,
		}, digest)
	s.sweep.ConfigureAsyncInvoke(&awslambda.EventInvokeConfigOptions{
		RetryAttempts: jsii.Number(2),
		MaxEventAge:   awscdk.Duration_Hours(jsii.Number(1)),
	})
	// One that failed three times, or that Lambda never came to run, is a dead letter:
	// the alarm on these tells, and redrive sweeps again. The role has the right.
	s.sweep.Node().FindChild(jsii.String("EventInvokeConfig")).Node().DefaultChild().(awslambda.CfnEventInvokeConfig).SetDestinationConfig(
		&awslambda.CfnEventInvokeConfig_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventInvokeConfig_OnFailureProperty{Destination: s.deadLetters.QueueArn()},
		})
}

// guardQueue lets the rules send, and denies it to everyone but them and the
// functions: inside one account an allow in IAM would be enough to send.
func (s *stack) guardQueue(rules []string, roles ...awsiam.Role) {
	s.queue.AddToResourcePolicy(fromRules("WithoutItEventsDoNotWakeTheGuardrail", s.queue, rules))
	var senders []string
	for _, role := range roles {
		senders = append(senders, *role.RoleArn())
	}
	s.queue.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("WithoutItAnyoneWithSqsRightsCouldSend"),
		Effect:     awsiam.Effect_DENY,
		Principals: &[]awsiam.IPrincipal{awsiam.NewAnyPrincipal()},
		Actions:    jsii.Strings("sqs:SendMessage"),
		Resources:  jsii.Strings(*s.queue.QueueArn()),
		// Both must hold for the denial, and a key that a request lacks holds.
		Conditions: &map[string]any{"ArnNotEquals": map[string]any{"aws:SourceArn": rules, "aws:PrincipalArn": senders}},
	}))
}

// guardTopic admits CloudWatch's alarms, and denies publishing to everyone but
// them and the functions that mail: nobody else is to write mails that look like
// theirs.
func (s *stack) guardTopic(guardrail, sweep awsiam.Role) {
	alarms := s.arn("cloudwatch", "alarm:*")
	senders := []string{*guardrail.RoleArn()}
	if s.deployment.DigestHour >= 0 {
		senders = append(senders, *sweep.RoleArn())
	}
	s.topic.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("WithoutItAlarmsFailSilently"),
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sns:Publish"),
		Resources:  jsii.Strings(*s.topic.TopicArn()),
		Conditions: &map[string]any{
			"ArnLike":      map[string]any{"aws:SourceArn": alarms},
			"StringEquals": map[string]any{"aws:SourceAccount": awscdk.Aws_ACCOUNT_ID()},
		},
	}))
	ledgerGone := *s.ledgerRule.AttrArn()
	s.topic.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("WithoutItNobodyHearsThatTheLedgerGoes"),
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sns:Publish"),
		Resources:  jsii.Strings(*s.topic.TopicArn()),
		Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": ledgerGone}},
	}))
	s.topic.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("WithoutItAnyoneWithSnsRightsCouldMail"),
		Effect:     awsiam.Effect_DENY,
		Principals: &[]awsiam.IPrincipal{awsiam.NewAnyPrincipal()},
		Actions:    jsii.Strings("sns:Publish"),
		Resources:  jsii.Strings(*s.topic.TopicArn()),
		Conditions: &map[string]any{"ArnNotLike": map[string]any{"aws:SourceArn": []string{alarms, ledgerGone}, "aws:PrincipalArn": senders}},
	}))
}

// newTrail makes a trail of the management events that change something, for
// an account that has none: without one EventBridge hears of no call.
func (s *stack) newTrail() {
	bucket := awss3.NewBucket(s.Stack, jsii.String("TrailBucket"), &awss3.BucketProps{
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		EnforceSSL:        jsii.Bool(true),
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		// What is overwritten or deleted stays for as long as it would have.
		Versioned: jsii.Bool(true),
		LifecycleRules: &[]*awss3.LifecycleRule{{
			Expiration:                  awscdk.Duration_Days(jsii.Number(trailDays)),
			NoncurrentVersionExpiration: awscdk.Duration_Days(jsii.Number(trailDays)),
		}},
		// Records of what was done stay when the guardrail goes.
		RemovalPolicy: awscdk.RemovalPolicy_RETAIN,
	})
	// CloudTrail writes for whoever asks it to: for no other trail into this bucket.
	// The trail is known by how its name begins, since it needs the bucket's policy.
	prefix := *s.StackName()
	prefix = prefix[:min(len(prefix), longestPrefix)]
	bucket.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("WithoutItOtherTrailsCouldWrite"),
		Effect:     awsiam.Effect_DENY,
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("cloudtrail.amazonaws.com"), nil)},
		Actions:    jsii.Strings("s3:GetBucketAcl", "s3:PutObject"),
		Resources:  jsii.Strings(*bucket.BucketArn(), *bucket.BucketArn()+"/*"),
		Conditions: &map[string]any{"ArnNotLike": map[string]any{"aws:SourceArn": s.arn("cloudtrail", "trail/"+prefix+"*")}},
	}))
	awscloudtrail.NewTrail(s.Stack, jsii.String("Trail"), &awscloudtrail.TrailProps{
		Bucket:                     bucket,
		ManagementEvents:           awscloudtrail.ReadWriteType_WRITE_ONLY,
		EnableFileValidation:       jsii.Bool(true),
		IsMultiRegionTrail:         jsii.Bool(false),
		IncludeGlobalServiceEvents: jsii.Bool(false),
	})
}

// The outputs of a stack: endpointguard doctor reads them.
const (
	outputMode        = "Mode"
	outputVersion     = "Version"
	outputPolicyHash  = "PolicyHash"
	outputQueueURL    = "QueueUrl"
	outputDeadLetters = "DeadLettersUrl"
	outputTable       = "TableName"
	outputTopic       = "AlertTopicArn"
	outputMailTopic   = "MailTopicArn"
	outputGuardrail   = "GuardrailFunction"
	outputSweep       = "SweepFunction"
	outputRole        = "GuardrailRoleArn"
	outputSweepRole   = "SweepRoleArn"
	outputCode        = "GuardrailCodeSha256"
	outputSweepCode   = "SweepCodeSha256"
)

func (s *stack) outputs(document Document, bundles Bundles, role awsiam.Role) {
	values := map[string]string{
		outputMode:        s.deployment.Mode,
		outputVersion:     function.Version,
		outputPolicyHash:  document.Hash,
		outputQueueURL:    *s.queue.QueueUrl(),
		outputDeadLetters: *s.deadLetters.QueueUrl(),
		outputTable:       *s.table.TableName(),
		outputTopic:       *s.topic.TopicArn(),
		outputMailTopic:   s.mailTopicARN(),
		outputGuardrail:   *s.guardrail.FunctionName(),
		outputSweep:       *s.sweep.FunctionName(),
		outputRole:        *role.RoleArn(),
		outputSweepRole:   *s.sweep.Role().RoleArn(),
		outputCode:        bundles.GuardrailHash,
		outputSweepCode:   bundles.SweepHash,
	}
	for _, id := range slices.Sorted(maps.Keys(values)) {
		awscdk.NewCfnOutput(s.Stack, &id, &awscdk.CfnOutputProps{Value: jsii.String(values[id])})
	}
}

func retentionDays(days int) awslogs.RetentionDays {
	names := map[int]awslogs.RetentionDays{
		1: awslogs.RetentionDays_ONE_DAY, 3: awslogs.RetentionDays_THREE_DAYS, 5: awslogs.RetentionDays_FIVE_DAYS,
		7: awslogs.RetentionDays_ONE_WEEK, 14: awslogs.RetentionDays_TWO_WEEKS, 30: awslogs.RetentionDays_ONE_MONTH,
		60: awslogs.RetentionDays_TWO_MONTHS, 90: awslogs.RetentionDays_THREE_MONTHS, 120: awslogs.RetentionDays_FOUR_MONTHS,
		150: awslogs.RetentionDays_FIVE_MONTHS, 180: awslogs.RetentionDays_SIX_MONTHS, 365: awslogs.RetentionDays_ONE_YEAR,
		400: awslogs.RetentionDays_THIRTEEN_MONTHS, 545: awslogs.RetentionDays_EIGHTEEN_MONTHS, 731: awslogs.RetentionDays_TWO_YEARS,
		1096: awslogs.RetentionDays_THREE_YEARS, 1827: awslogs.RetentionDays_FIVE_YEARS, 2192: awslogs.RetentionDays_SIX_YEARS,
		2557: awslogs.RetentionDays_SEVEN_YEARS, 2922: awslogs.RetentionDays_EIGHT_YEARS, 3288: awslogs.RetentionDays_NINE_YEARS,
		3653: awslogs.RetentionDays_TEN_YEARS,
	}
	return names[days]
}
