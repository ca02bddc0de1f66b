// Package topic hands mails to the SNS topic that the security team reads.
package topic

import (
	"context"
	"encoding/json"

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

// Post hands the mail's card over, for a topic that Amazon Q Developer in chat
// applications reads: it drops whatever is no card.
func (t *Topic) Post(ctx context.Context, m mail.Mail) error {
	_, err := t.sns.Publish(ctx, &sns.PublishInput{TopicArn: &t.arn, Message: &m.Card, MessageAttributes: attributes(m)})
	if err != nil {
		return awstrouble.Sort("sns:Publish", err, "")
	}
	return nil
}

// Publish hands the mail over. After it returns without an error SNS has it.
func (t *Topic) Publish(ctx context.Context, m mail.Mail) error {
	_, err := t.sns.Publish(ctx, &sns.PublishInput{TopicArn: &t.arn, Subject: &m.Subject, Message: &m.Text, MessageAttributes: attributes(m)})
	if err != nil {
		return awstrouble.Sort("sns:Publish", err, "")
	}
	return nil
}

func attributes(m mail.Mail) map[string]types.MessageAttributeValue {
	out := make(map[string]types.MessageAttributeValue, len(m.Attributes))
	for name, value := range m.Attributes {
		if value == "" {
			continue // SNS refuses empty ones
		}
		out[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
	}
	if len(m.Rules) > 0 {
		// A filter policy matches any of an array. Nothing in it can fail to be encoded.
		list, _ := json.Marshal(m.Rules)
		out["rule"] = types.MessageAttributeValue{DataType: aws.String("String.Array"), StringValue: aws.String(string(list))}
	}
	return out
}
