package doctor

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/endpointguard/endpointguard/pkg/settings"
)

// Topics is the part of SNS that the doctor needs.
type Topics interface {
	ListSubscriptionsByTopic(ctx context.Context, in *sns.ListSubscriptionsByTopicInput, options ...func(*sns.Options)) (*sns.ListSubscriptionsByTopicOutput, error)
	GetTopicAttributes(ctx context.Context, in *sns.GetTopicAttributesInput, options ...func(*sns.Options)) (*sns.GetTopicAttributesOutput, error)
	GetSubscriptionAttributes(ctx context.Context, in *sns.GetSubscriptionAttributesInput, options ...func(*sns.Options)) (*sns.GetSubscriptionAttributesOutput, error)
}

// more is where the commands are that are too long for a table.
const more = `: docs/operations.md, "Subscriptions", has the commands`

func (d Doctor) topicAttributes(ctx context.Context, arn string) (map[string]string, error) {
	out, err := d.Topics.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &arn})
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

// subscriber is an address that was deployed, and its filter policy.
type subscriber struct {
	address string
	filter  any
}

// subscribers are those of the topic of the alarms that were deployed.
func (d *deployed) subscribers() []subscriber {
	if d == nil {
		return nil
	}
	var out []subscriber
	for _, id := range sortedKeys(d.Resources) {
		if d.Resources[id].Type == "AWS::SNS::Subscription" {
			p := d.Resources[id].Properties
			out = append(out, subscriber{fmt.Sprint(p["Endpoint"]), plain(p["FilterPolicy"])})
		}
	}
	return out
}

// topics judges the topics that the alarms, mails and cards go to. Environment is
// that of the function guardrail, which knows them.
func (d Doctor) topics(ctx context.Context, in Installation, t *deployed, environment map[string]string) []Finding {
	own := t.subscribers()
	mails := cmp.Or(environment[settings.TopicARN], in.AlertTopic)
	if mails == in.AlertTopic {
		return append(d.topic(ctx, in, "mails", in.AlertTopic, own), d.cards(ctx, in, environment[settings.ChatTopic])...)
	}
	out := append(d.topic(ctx, in, "mails", mails, nil), d.topic(ctx, in, "alarms", in.AlertTopic, own)...)
	return append(out, d.cards(ctx, in, environment[settings.ChatTopic])...)
}

func (d Doctor) cards(ctx context.Context, in Installation, topic string) []Finding {
	if topic == "" {
		return nil
	}
	return d.topic(ctx, in, "chat", topic, nil)
}

// topic judges the subscriptions of a topic, to which those that were deployed must
// belong: one finding for each that something is wrong with, one for all when nothing
// is.
func (d Doctor) topic(ctx context.Context, in Installation, check, topic string, own []subscriber) []Finding {
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
	filtered, others := 0, 0
	for _, s := range all {
		i := slices.IndexFunc(own, func(o subscriber) bool { return o.address == aws.ToString(s.Endpoint) })
		var deployed *subscriber
		if i >= 0 {
			deployed = &own[i]
		} else {
			others++
		}
		f, narrowed, ok := d.subscription(ctx, check, s, deployed)
		if narrowed {
			filtered++
		}
		if !ok {
			out = append(out, f)
		}
	}
	for _, o := range own {
		if !slices.ContainsFunc(all, func(s types.Subscription) bool { return aws.ToString(s.Endpoint) == o.address }) {
			out = append(out, wrong(check, "subscribe whoever is missing"+more, "%s was deployed and is not subscribed any more", o.address))
		}
	}
	if len(out) > 0 {
		return out
	}
	if filtered == len(all) {
		return []Finding{wrong(check, "subscribe somebody without a filter policy"+more, "every subscription has a filter policy: nobody gets every mail, and nobody an alarm")}
	}
	what := fmt.Sprintf("%d subscribed and confirmed", len(all))
	if len(own) > 0 && others > 0 {
		what += fmt.Sprintf(", %d of them not by the deployment", others)
	}
	if filtered > 0 {
		what += fmt.Sprintf(", %d with a filter policy", filtered)
	}
	return []Finding{fine(check, "%s", what)}
}

// subscription is true at the end for one with which nothing is wrong, and before that
// for one that gets only some of what is published. Own is what was deployed, nil for
// one that was not.
func (d Doctor) subscription(ctx context.Context, check string, s types.Subscription, own *subscriber) (f Finding, narrowed, ok bool) {
	who, arn := aws.ToString(s.Endpoint), aws.ToString(s.SubscriptionArn)
	byMail := strings.HasPrefix(aws.ToString(s.Protocol), "email")
	switch {
	case !strings.HasPrefix(arn, "arn:") && strings.Contains(strings.ToLower(arn), "pending"):
		return wrong(check, "confirm it from the mail that AWS sent; after two days subscribe anew"+more, "%s has not confirmed: no mail gets there", who), false, false
	case !strings.HasPrefix(arn, "arn:"):
		return wrong(check, "subscribe anew"+more, "%s is %s: no mail gets there", who, arn), false, false
	}
	got, err := d.Topics.GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: &arn})
	if err != nil {
		return unknown(check, "sns:GetSubscriptionAttributes", err), false, false
	}
	filter := filterOf(got.Attributes["FilterPolicy"])
	switch {
	case got.Attributes["PendingConfirmation"] == "true":
		return wrong(check, "confirm it from the mail that AWS sent; after two days subscribe anew"+more, "%s has not confirmed: no mail gets there", who), false, false
	case own != nil && !reflect.DeepEqual(filter, own.filter):
		// An alarm has no attributes, so that hardly any filter lets one pass.
		return wrong(check, "aws sns set-subscription-attributes --attribute-name FilterPolicy --attribute-value '{}' --subscription-arn "+arn,
			"%s has the filter policy %s, which was not deployed: it gets only some mails and no alarm", who, shown(filter)), true, false
	case byMail && got.Attributes["ConfirmationWasAuthenticated"] != "true":
		return wrong(check, "confirm it anew with --authenticate-on-unsubscribe"+more,
			"anyone, a link scanner too, ends the subscription of %s with one click", who), false, false
	}
	return Finding{}, filter != nil, true
}
