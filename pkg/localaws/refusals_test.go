package localaws_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// Each service refuses in words of its own: what the SDK's client reports of it.
func TestRefusals(t *testing.T) {
	for _, tc := range []struct {
		name    string
		service string
		fault   localaws.Fault
		code    string
		status  int
	}{
		{"EKS denies", "eks", localaws.Denied("eks", ""), "AccessDeniedException", 403},
		{"EC2 denies", "ec2", localaws.Denied("ec2", "DescribeVpcs"), "UnauthorizedOperation", 403},
		{"DynamoDB denies", "dynamodb", localaws.Denied("dynamodb", "Scan"), "AccessDeniedException", 400},
		{"SQS denies", "sqs", localaws.Denied("sqs", "SendMessage"), "AccessDenied", 403},
		{"SNS denies", "sns", localaws.Denied("sns", "Publish"), "AuthorizationError", 403},

		{"the topic's key is denied", "sns", localaws.KeyRefused("sns", localaws.KeyDenied), "KMSAccessDenied", 400},
		{"the topic's key is disabled", "sns", localaws.KeyRefused("sns", localaws.KeyDisabled), "KMSDisabled", 400},
		{"the topic's key is about to go", "sns", localaws.KeyRefused("sns", localaws.KeyPendingDeletion), "KMSInvalidState", 400},
		{"the queue's key is denied", "sqs", localaws.KeyRefused("sqs", localaws.KeyDenied), "KMS.AccessDeniedException", 400},
		{"the queue's key is disabled", "sqs", localaws.KeyRefused("sqs", localaws.KeyDisabled), "KMS.DisabledException", 400},
		{"the queue's key is about to go", "sqs", localaws.KeyRefused("sqs", localaws.KeyPendingDeletion), "KMS.InvalidStateException", 400},
		{"the table's key is denied", "dynamodb", localaws.KeyRefused("dynamodb", localaws.KeyDenied), "AccessDeniedException", 400},
		{"the table's key is disabled", "dynamodb", localaws.KeyRefused("dynamodb", localaws.KeyDisabled), "AccessDeniedException", 400},

		{"there is no topic", "sns", localaws.Missing("sns"), "NotFound", 404},
		{"there is no queue", "sqs", localaws.Missing("sqs"), "AWS.SimpleQueueService.NonExistentQueue", 400},
		{"there is no table", "dynamodb", localaws.Missing("dynamodb"), "ResourceNotFoundException", 400},
		{"there is no cluster", "eks", localaws.Missing("eks"), "ResourceNotFoundException", 404},

		{"403 of EC2", "ec2", localaws.Fault{Status: 403}, "UnauthorizedOperation", 403},
		{"403 of DynamoDB is a 400", "dynamodb", localaws.Fault{Status: 403}, "AccessDeniedException", 400},
		{"a type alone, of EKS", "eks", localaws.Fault{Type: "ResourceInUseException"}, "ResourceInUseException", 409},
		{"a type alone, that passes", "eks", localaws.Fault{Type: "InvalidRequestException"}, "InvalidRequestException", 400},
		{"a type alone, of DynamoDB", "dynamodb", localaws.Fault{Type: "RequestLimitExceeded"}, "RequestLimitExceeded", 400},
		{"EKS is out", "eks", localaws.Fault{Type: "ServiceUnavailableException"}, "ServiceUnavailableException", 503},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, calls := account(t)
			hits := a.Inject(tc.fault)
			err := calls[tc.service](once(a))
			wantError(t, err, tc.code, "")
			var answer *awshttp.ResponseError
			if !errors.As(err, &answer) || answer.HTTPStatusCode() != tc.status {
				t.Errorf("%v, want the status %d", err, tc.status)
			}
			if hits() != 1 {
				t.Errorf("%d hits", hits())
			}
			for service, call := range calls {
				if service != tc.service && tc.fault.Service != "" {
					must(t, call(once(a)))
				}
			}
		})
	}
}

// The typed errors of the SDK are recognized, too.
func TestRefusalsHaveTheSDKsTypes(t *testing.T) {
	a, calls := account(t)
	a.Inject(localaws.KeyRefused("sns", localaws.KeyDisabled))
	a.Inject(localaws.KeyRefused("sqs", localaws.KeyDisabled))
	var topic *snstypes.KMSDisabledException
	if err := calls["sns"](once(a)); !errors.As(err, &topic) {
		t.Errorf("SNS: %v", err)
	}
	var queue *sqstypes.KmsDisabled
	if err := calls["sqs"](once(a)); !errors.As(err, &queue) {
		t.Errorf("SQS: %v", err)
	}
}

// A right is lost for one caller and one action, and comes back after a while.
func TestRefusalsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, calls := account(t)
		lost := localaws.Denied("dynamodb", "Scan")
		lost.Caller, lost.Until = key, time.Now().Add(2*time.Hour)
		hits := a.Inject(lost)
		wantError(t, calls["dynamodb"](once(a)), "AccessDeniedException", "")
		must(t, calls["dynamodb"](onceAs(a, "AKIDBOB")))
		sleep(2*time.Hour - time.Millisecond)
		wantError(t, calls["dynamodb"](once(a)), "AccessDeniedException", "")
		sleep(time.Millisecond)
		must(t, calls["dynamodb"](once(a)))
		if hits() != 2 {
			t.Errorf("%d hits, want 2", hits())
		}
	})
}

// account is an AWS with a thing of each service, and a call to each.
func account(t *testing.T) (*localaws.AWS, map[string]func(aws.Config) error) {
	t.Helper()
	a := localaws.New(localaws.Options{})
	a.PutCluster(localaws.Cluster{Name: "c", Public: true})
	must(t, a.CreateTable("ledger", "pk", "sk"))
	url, err := a.CreateQueue("work", localaws.QueueOptions{})
	must(t, err)
	arn, err := a.CreateTopic("alerts")
	must(t, err)
	return a, map[string]func(aws.Config) error{
		"eks": func(cfg aws.Config) error {
			_, err := eks.NewFromConfig(cfg).DescribeCluster(ctx(t), &eks.DescribeClusterInput{Name: aws.String("c")})
			return err
		},
		"ec2": func(cfg aws.Config) error {
			_, err := ec2.NewFromConfig(cfg).DescribeVpcs(ctx(t), &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-1"}})
			return err
		},
		"dynamodb": func(cfg aws.Config) error {
			_, err := dynamodb.NewFromConfig(cfg).Scan(ctx(t), &dynamodb.ScanInput{TableName: aws.String("ledger")})
			return err
		},
		"sqs": func(cfg aws.Config) error {
			_, err := sqs.NewFromConfig(cfg).SendMessage(ctx(t), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x")})
			return err
		},
		"sns": func(cfg aws.Config) error {
			_, err := sns.NewFromConfig(cfg).Publish(ctx(t), &sns.PublishInput{TopicArn: &arn, Message: aws.String("x")})
			return err
		},
	}
}
