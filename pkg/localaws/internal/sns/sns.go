// Package sns is the embedded SNS: topics, and who reads them. Start with [New];
// elsewhere.go has the topics of other accounts. All methods want the account's
// lock held.
package sns

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/account"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/iam"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/sqs"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// maxPublish is how large a message may be, its attributes included. Source:
// the SNS API reference, Publish.
const maxPublish = 256 << 10

type topic struct {
	name          string
	mails         []Mail
	subscriptions []subscription

	// elsewhere says that it is of another account; its name is its ARN then.
	elsewhere bool
	policy    iam.Policy
	key       string
}

type subscription struct {
	queue string
	raw   bool
}

// Mail is a message published to a topic.
type Mail struct {
	ID         string
	At         time.Time
	Topic      string // ARN
	Subject    string
	Message    string
	Attributes map[string]string // the message attributes that are text
}

// Queues are where a topic's subscribers read.
type Queues interface {
	Has(queue string) bool
	Put(queue, body string, attributes map[string]sqs.Attribute, now time.Time, delay time.Duration)
}

// Service is SNS in one account and region.
type Service struct {
	account *account.Account
	queues  Queues
	topics  map[string]*topic
	keys    map[string]iam.Policy // of keys, by ARN
	// identities are the policies of those that sign with an access key.
	identities map[string]iam.Policy
}

// New returns SNS without a topic.
func New(a *account.Account, queues Queues) *Service {
	return &Service{
		account: a, queues: queues,
		topics: map[string]*topic{}, keys: map[string]iam.Policy{}, identities: map[string]iam.Policy{},
	}
}

// Operations are what can be called.
func (s *Service) Operations() map[string]wire.Operation {
	return map[string]wire.Operation{"Publish": s.publish}
}

// Create makes a topic and returns its ARN.
func (s *Service) Create(name string) (arn string, err error) {
	if s.topics[name] != nil {
		return "", fmt.Errorf("localaws: there is already a topic named %s", name)
	}
	s.topics[name] = &topic{name: name}
	return s.ARN(name), nil
}

// ARN returns the ARN of the topic of the name.
func (s *Service) ARN(name string) string { return s.account.ARN("sns", name) }

// Subscribe sends what is published to a topic on to a queue, in SNS's
// envelope or raw.
func (s *Service) Subscribe(topic, queue string, raw bool) error {
	t := s.topics[topic]
	if t == nil {
		return fmt.Errorf("localaws: there is no topic named %s", topic)
	}
	if !s.queues.Has(queue) {
		return fmt.Errorf("localaws: there is no queue named %s", queue)
	}
	t.subscriptions = append(t.subscriptions, subscription{queue, raw})
	return nil
}

// Mails returns what was published to a topic, oldest first.
func (s *Service) Mails(topic string) []Mail {
	t := s.topics[topic]
	if t == nil {
		return nil
	}
	return append([]Mail(nil), t.mails...)
}

func (s *Service) publish(r *wire.Request) (any, *wire.Error) {
	arn := r.Form.Get("TopicArn")
	if arn == "" {
		arn = r.Form.Get("TargetArn")
	}
	r.Resources = []string{arn}
	name, ours := strings.CutPrefix(arn, s.ARN(""))
	t := s.topics[name]
	if t != nil && t.elsewhere {
		if e := s.admit(r, t); e != nil {
			return nil, e
		}
		ours = true
	}
	if !ours || name == "" {
		return nil, badPublish("Invalid parameter: TopicArn or TargetArn")
	}
	if t == nil {
		return nil, wire.Refuse(http.StatusNotFound, "NotFound", "Topic does not exist")
	}
	message, subject := r.Form.Get("Message"), r.Form.Get("Subject")
	attributes, size, e := publishAttributes(r)
	switch {
	case e != nil:
		return nil, e
	case message == "":
		return nil, badPublish("Invalid parameter: Empty message")
	case len(message)+size > maxPublish:
		return nil, badPublish("Invalid parameter: Message too long")
	case r.Form.Has("Subject") && !subjectFits(subject):
		return nil, badPublish("Invalid parameter: Subject")
	}
	mail := Mail{ID: s.account.UUID(), At: r.Now, Topic: arn, Subject: subject, Message: message, Attributes: map[string]string{}}
	for name, attribute := range attributes {
		mail.Attributes[name] = attribute.StringValue
	}
	t.mails = append(t.mails, mail)
	for _, to := range t.subscriptions {
		if to.raw {
			s.queues.Put(to.queue, message, attributes, r.Now, 0)
			continue
		}
		s.queues.Put(to.queue, string(envelope(mail, attributes)), nil, r.Now, 0)
	}
	return wire.Elem("MessageId", mail.ID), nil
}

func badPublish(message string) *wire.Error {
	return wire.Refuse(http.StatusBadRequest, "InvalidParameter", message)
}

// subjectFits holds a subject to SNS's rules: ASCII without control characters
// or line breaks, under 100 characters, the first of them no space.
func subjectFits(subject string) bool {
	if subject == "" || len(subject) >= 100 || subject[0] == ' ' {
		return false
	}
	for i := range len(subject) {
		if subject[i] < ' ' || subject[i] > '~' {
			return false
		}
	}
	return true
}

// publishAttributes reads the message attributes of a form and their size.
func publishAttributes(r *wire.Request) (map[string]sqs.Attribute, int, *wire.Error) {
	attributes := map[string]sqs.Attribute{}
	size := 0
	for i := 1; ; i++ {
		entry := fmt.Sprintf("MessageAttributes.entry.%d.", i)
		name := r.Form.Get(entry + "Name")
		if name == "" {
			return attributes, size, nil
		}
		attribute := sqs.Attribute{
			DataType:    r.Form.Get(entry + "Value.DataType"),
			StringValue: r.Form.Get(entry + "Value.StringValue"),
		}
		if binary, err := base64.StdEncoding.DecodeString(r.Form.Get(entry + "Value.BinaryValue")); err == nil {
			attribute.BinaryValue = binary
		}
		if attribute.StringValue == "" && len(attribute.BinaryValue) == 0 {
			return nil, 0, wire.Refuse(http.StatusBadRequest, "ParameterValueInvalid",
				"The message attribute '"+name+"' must contain non-empty message attribute value for message attribute type '"+attribute.DataType+"'.")
		}
		attributes[name] = attribute
		size += len(name) + len(attribute.DataType) + len(attribute.StringValue) + len(attribute.BinaryValue)
	}
}

func envelope(mail Mail, attributes map[string]sqs.Attribute) []byte {
	out := map[string]any{
		"Type":      "Notification",
		"MessageId": mail.ID,
		"TopicArn":  mail.Topic,
		"Message":   mail.Message,
		"Timestamp": mail.At.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
	if mail.Subject != "" {
		out["Subject"] = mail.Subject
	}
	if len(attributes) > 0 {
		told := map[string]any{}
		for name, attribute := range attributes {
			value := attribute.StringValue
			if strings.HasPrefix(attribute.DataType, "Binary") {
				value = base64.StdEncoding.EncodeToString(attribute.BinaryValue)
			}
			told[name] = map[string]any{"Type": attribute.DataType, "Value": value}
		}
		out["MessageAttributes"] = told
	}
	return wire.JSON(out)
}
