package doctor

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/endpointguard/endpointguard/pkg/settings"
)

// Topics is the part of SNS that the doctor needs.
type Topics interface {
	ListSubscriptionsByTopic(ctx context.Context, in *sns.ListSubscriptionsByTopicInput, options ...func(*sns.Options)) (*sns.ListSubscriptionsByTopicOutput, error)
	GetSubscriptionAttributes(ctx context.Context, in *sns.GetSubscriptionAttributesInput, options ...func(*sns.Options)) (*sns.GetSubscriptionAttributesOutput, error)
}

// more is where the commands are that are too long for a table.
const more = `: docs/operations.md, "Subscriptions", has the commands`

// topics judges the topics that the alarms, mails and cards go to. Environment is
// that of the function guardrail, which knows them.
func (d Doctor) topics(ctx context.Context, in Installation, environment map[string]string) []Finding {
	own := 0
	for _, kind := range in.Types {
		if kind == "AWS::SNS::Subscription" {
			own++
		}
	}
	mails := cmp.Or(environment[settings.TopicARN], in.AlertTopic)
	if mails == in.AlertTopic {
		return append(d.topic(ctx, in, "mails", in.AlertTopic, own), d.cards(ctx, in, environment[settings.ChatTopic])...)
	}
	out := append(d.topic(ctx, in, "mails", mails, 0), d.topic(ctx, in, "alarms", in.AlertTopic, own)...)
	return append(out, d.cards(ctx, in, environment[settings.ChatTopic])...)
}

func (d Doctor) cards(ctx context.Context, in Installation, topic string) []Finding {
	if topic == "" {
		return nil
	}
	return d.topic(ctx, in, "chat", topic, 0)
}

// topic judges the subscriptions of a topic, of which there must be so many with
// an e-mail address: one finding for each that something is wrong with, one for
// all when nothing is.
func (d Doctor) topic(ctx context.Context, in Installation, check, topic string, emails int) []Finding {
	if account := strings.Split(topic+":::::", ":")[4]; account != in.Account {
		return []Finding{{Check: check, State: Skipped, What: fmt.Sprintf("%s is of account %s: look at its subscriptions there", topic, account)}}
	}
	var all []types.Subscription
	pager := sns.NewListSubscriptionsByTopicPaginator(d.Topics, &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	for pager.HasMorePages() {
		page, err := pager.NextPage(ctx)
		switch {
		case isCode(err, "NotFound"):
			return []Finding{wrong(check, revert, "the topic is gone: nobody is told")}
		case err != nil:
			return []Finding{unknown(check, "sns:ListSubscriptionsByTopic", err)}
		}
		all = append(all, page.Subscriptions...)
	}
	if len(all) == 0 {
		return []Finding{wrong(check, "subscribe somebody"+more, "nobody has subscribed to the topic: nobody is told")}
	}
	var out []Finding
	mail := 0
	for _, s := range all {
		if strings.HasPrefix(aws.ToString(s.Protocol), "email") {
			mail++
		}
		if f, ok := d.subscription(ctx, check, s); !ok {
			out = append(out, f)
		}
	}
	if mail < emails {
		out = append(out, wrong(check, "subscribe whoever is missing"+more, "%d e-mail addresses were deployed, %d are left: somebody has unsubscribed", emails, mail))
	}
	if len(out) == 0 {
		out = append(out, fine(check, "%d subscribed and confirmed", len(all)))
	}
	return out
}

// subscription is true for one with which nothing is wrong.
func (d Doctor) subscription(ctx context.Context, check string, s types.Subscription) (Finding, bool) {
	who, arn := aws.ToString(s.Endpoint), aws.ToString(s.SubscriptionArn)
	byMail := strings.HasPrefix(aws.ToString(s.Protocol), "email")
	switch {
	case !strings.HasPrefix(arn, "arn:") && strings.Contains(strings.ToLower(arn), "pending"):
		return wrong(check, "confirm it from the mail that AWS sent; after two days subscribe anew"+more, "%s has not confirmed: no mail gets there", who), false
	case !strings.HasPrefix(arn, "arn:"):
		return wrong(check, "subscribe anew"+more, "%s is %s: no mail gets there", who, arn), false
	}
	got, err := d.Topics.GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: &arn})
	switch {
	case err != nil:
		return unknown(check, "sns:GetSubscriptionAttributes", err), false
	case got.Attributes["PendingConfirmation"] == "true":
		return wrong(check, "confirm it from the mail that AWS sent; after two days subscribe anew"+more, "%s has not confirmed: no mail gets there", who), false
	case byMail && got.Attributes["ConfirmationWasAuthenticated"] != "true":
		return wrong(check, "confirm it anew with --authenticate-on-unsubscribe"+more,
			"anyone, a link scanner too, ends the subscription of %s with one click", who), false
	}
	return Finding{}, true
}
