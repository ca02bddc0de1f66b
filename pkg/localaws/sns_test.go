package localaws_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

func TestPublish(t *testing.T) {
	a := localaws.New(localaws.Options{})
	arn, err := a.CreateTopic("alerts")
	must(t, err)
	for _, q := range []string{"raw", "wrapped"} {
		_, err := a.CreateQueue(q, localaws.QueueOptions{})
		must(t, err)
		must(t, a.Subscribe("alerts", q, q == "raw"))
	}
	c := sns.NewFromConfig(once(a))
	out, err := c.Publish(ctx(t), &sns.PublishInput{
		TopicArn: &arn, Subject: aws.String("[endpointguard] c: enforced"), Message: aws.String("line one\nline <two> & ümlaut"),
		MessageAttributes: map[string]types.MessageAttributeValue{"outcome": {DataType: aws.String("String"), StringValue: aws.String("enforced")}},
	})
	must(t, err)
	mails := a.Mails("alerts")
	if len(mails) != 1 || mails[0].ID != *out.MessageId || mails[0].Subject != "[endpointguard] c: enforced" ||
		mails[0].Message != "line one\nline <two> & ümlaut" || mails[0].Attributes["outcome"] != "enforced" || mails[0].Topic != arn {
		t.Errorf("mails: %+v", mails)
	}
	if got := a.Messages("raw"); len(got) != 1 || got[0].Body != mails[0].Message || got[0].Attributes["outcome"] != "enforced" {
		t.Errorf("raw: %+v", got)
	}
	var wrapped struct{ Type, Message, Subject, TopicArn string }
	if err := json.Unmarshal([]byte(a.Messages("wrapped")[0].Body), &wrapped); err != nil || wrapped.Message != mails[0].Message || wrapped.Type != "Notification" || wrapped.TopicArn != arn {
		t.Errorf("wrapped: %+v, %v", wrapped, err)
	}
}

func TestPublishRefusals(t *testing.T) {
	for _, tc := range []struct {
		name           string
		subject        *string
		message        string
		attribute      *string
		topic          string
		code, message2 string
	}{
		{name: "100 characters", subject: aws.String(strings.Repeat("x", 100)), message: "m", code: "InvalidParameter", message2: "Invalid parameter: Subject"},
		{name: "a line break", subject: aws.String("a\nb"), message: "m", code: "InvalidParameter", message2: "Invalid parameter: Subject"},
		{name: "a control character", subject: aws.String("a\x07b"), message: "m", code: "InvalidParameter", message2: "Invalid parameter: Subject"},
		{name: "not ASCII", subject: aws.String("geändert"), message: "m", code: "InvalidParameter", message2: "Invalid parameter: Subject"},
		{name: "empty subject", subject: aws.String(""), message: "m", code: "InvalidParameter", message2: "Invalid parameter: Subject"},
		{name: "empty message", code: "InvalidParameter", message2: "Invalid parameter: Empty message"},
		{name: "too long", message: strings.Repeat("x", 256<<10+1), code: "InvalidParameter", message2: "Invalid parameter: Message too long"},
		{name: "empty attribute", message: "m", attribute: aws.String(""), code: "ParameterValueInvalid"},
		{name: "no topic", message: "m", topic: "other", code: "NotFound", message2: "Topic does not exist"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := localaws.New(localaws.Options{})
			arn, err := a.CreateTopic("alerts")
			must(t, err)
			if tc.topic != "" {
				arn = a.TopicARN(tc.topic)
			}
			in := &sns.PublishInput{TopicArn: &arn, Subject: tc.subject, Message: &tc.message}
			if tc.attribute != nil {
				in.MessageAttributes = map[string]types.MessageAttributeValue{"x": {DataType: aws.String("String"), StringValue: tc.attribute}}
			}
			_, err = sns.NewFromConfig(once(a)).Publish(ctx(t), in)
			wantError(t, err, tc.code, tc.message2)
			if got := a.Mails("alerts"); len(got) != 0 {
				t.Errorf("a refused message was published: %+v", got)
			}
		})
	}
	a := localaws.New(localaws.Options{})
	arn, err := a.CreateTopic("alerts")
	must(t, err)
	_, err = sns.NewFromConfig(once(a)).Publish(ctx(t), &sns.PublishInput{TopicArn: &arn, Subject: aws.String(strings.Repeat("x", 99)), Message: aws.String("m")})
	must(t, err)
}
