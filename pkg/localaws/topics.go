package localaws

import "github.com/endpointguard/endpointguard/pkg/localaws/internal/sns"

// Mail is a message published to a topic.
type Mail = sns.Mail

// TopicElsewhere is a topic that another account has, in the same region.
type TopicElsewhere = sns.Elsewhere

// CreateTopic makes a topic and returns its ARN.
func (a *AWS) CreateTopic(name string) (arn string, err error) {
	defer a.lock()()
	return a.sns.Create(name)
}

// TopicARN returns the ARN of the topic of the name.
func (a *AWS) TopicARN(name string) string { return a.sns.ARN(name) }

// Subscribe sends what is published to a topic on to a queue, in SNS's
// envelope or raw.
func (a *AWS) Subscribe(topic, queue string, raw bool) error {
	defer a.lock()()
	return a.sns.Subscribe(topic, queue, raw)
}

// Mails returns what was published to a topic, oldest first.
func (a *AWS) Mails(topic string) []Mail {
	defer a.lock()()
	return a.sns.Mails(topic)
}

// CreateTopicElsewhere makes a topic of another account. Whoever publishes to it must
// be allowed to by his own policies and by the topic's, and to use its key by his own
// and by the key's; Mails has what was published, by the topic's ARN.
func (a *AWS) CreateTopicElsewhere(t TopicElsewhere) error {
	defer a.lock()()
	return a.sns.CreateElsewhere(t)
}

// CreateKey makes a key of the ARN with the policy.
func (a *AWS) CreateKey(arn, policy string) error {
	defer a.lock()()
	return a.sns.CreateKey(arn, policy)
}

// Allow gives whoever signs with the access key id a policy of his own. It is only
// looked at for topics elsewhere.
func (a *AWS) Allow(accessKeyID, policy string) error {
	defer a.lock()()
	return a.sns.Allow(accessKeyID, policy)
}
