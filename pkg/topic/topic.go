// Package topic hands mails to the SNS topic that the security team reads.
package topic

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
	"github.com/endpointguard/endpointguard/pkg/mail"
)

// Topic is an SNS topic.
type Topic struct {
	sns *sns.Client
	arn string
}

// New returns the topic with the ARN.
func New(client *sns.Client, arn string) *Topic { return &Topic{sns: client, arn: arn} }

// Publish hands the mail over. After it returns without an error SNS has it.
func (t *Topic) Publish(ctx context.Context, m mail.Mail) error {
	attributes := make(map[string]types.MessageAttributeValue, len(m.Attributes))
	for name, value := range m.Attributes {
		if value == "" {
			continue // SNS refuses empty ones
		}
		attributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
	}
	_, err := t.sns.Publish(ctx, &sns.PublishInput{TopicArn: &t.arn, Subject: &m.Subject, Message: &m.Text, MessageAttributes: attributes})
	if err != nil {
		return awstrouble.Sort("sns:Publish", err, "")
	}
	return nil
}
