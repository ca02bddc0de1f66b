package localaws

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
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
	policy    []policyStatement
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

// CreateTopic makes a topic and returns its ARN.
func (a *AWS) CreateTopic(name string) (arn string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.topics[name] != nil {
		return "", fmt.Errorf("localaws: there is already a topic named %s", name)
	}
	a.topics[name] = &topic{name: name}
	return a.TopicARN(name), nil
}

// TopicARN returns the ARN of the topic of the name.
func (a *AWS) TopicARN(name string) string { return a.arn("sns", name) }

// Subscribe sends what is published to a topic on to a queue, in SNS's
// envelope or raw.
func (a *AWS) Subscribe(topic, queue string, raw bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.topics[topic]
	if t == nil {
		return fmt.Errorf("localaws: there is no topic named %s", topic)
	}
	if a.queues[queue] == nil {
		return fmt.Errorf("localaws: there is no queue named %s", queue)
	}
	t.subscriptions = append(t.subscriptions, subscription{queue, raw})
	return nil
}

// Mails returns what was published to a topic, oldest first.
func (a *AWS) Mails(topic string) []Mail {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.topics[topic]
	if t == nil {
		return nil
	}
	return append([]Mail(nil), t.mails...)
}

func (a *AWS) snsPublish(r *request) (any, *apiError) {
	arn := r.form.Get("TopicArn")
	if arn == "" {
		arn = r.form.Get("TargetArn")
	}
	r.resources = []string{arn}
	name, ours := strings.CutPrefix(arn, a.TopicARN(""))
	t := a.topics[name]
	if t != nil && t.elsewhere {
		if e := a.admitElsewhere(r, t); e != nil {
			return nil, e
		}
		ours = true
	}
	if !ours || name == "" {
		return nil, badPublish("Invalid parameter: TopicArn or TargetArn")
	}
	if t == nil {
		return nil, refuse(http.StatusNotFound, "NotFound", "Topic does not exist")
	}
	message, subject := r.form.Get("Message"), r.form.Get("Subject")
	attributes, size, e := publishAttributes(r)
	switch {
	case e != nil:
		return nil, e
	case message == "":
		return nil, badPublish("Invalid parameter: Empty message")
	case len(message)+size > maxPublish:
		return nil, badPublish("Invalid parameter: Message too long")
	case r.form.Has("Subject") && !subjectFits(subject):
		return nil, badPublish("Invalid parameter: Subject")
	}
	mail := Mail{ID: a.uuid(), At: r.now, Topic: arn, Subject: subject, Message: message, Attributes: map[string]string{}}
	for name, attribute := range attributes {
		mail.Attributes[name] = attribute.StringValue
	}
	t.mails = append(t.mails, mail)
	for _, s := range t.subscriptions {
		q := a.queues[s.queue]
		if s.raw {
			a.put(q, message, attributes, r.now, r.now, "")
			continue
		}
		a.put(q, string(envelope(mail, attributes)), nil, r.now, r.now, "")
	}
	return xmlNode{"MessageId", mail.ID}, nil
}

func badPublish(message string) *apiError {
	return refuse(http.StatusBadRequest, "InvalidParameter", message)
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
func publishAttributes(r *request) (map[string]messageAttribute, int, *apiError) {
	attributes := map[string]messageAttribute{}
	size := 0
	for i := 1; ; i++ {
		entry := fmt.Sprintf("MessageAttributes.entry.%d.", i)
		name := r.form.Get(entry + "Name")
		if name == "" {
			return attributes, size, nil
		}
		attribute := messageAttribute{
			DataType:    r.form.Get(entry + "Value.DataType"),
			StringValue: r.form.Get(entry + "Value.StringValue"),
		}
		if binary, err := base64.StdEncoding.DecodeString(r.form.Get(entry + "Value.BinaryValue")); err == nil {
			attribute.BinaryValue = binary
		}
		if attribute.StringValue == "" && len(attribute.BinaryValue) == 0 {
			return nil, 0, refuse(http.StatusBadRequest, "ParameterValueInvalid",
				"The message attribute '"+name+"' must contain non-empty message attribute value for message attribute type '"+attribute.DataType+"'.")
		}
		attributes[name] = attribute
		size += len(name) + len(attribute.DataType) + len(attribute.StringValue) + len(attribute.BinaryValue)
	}
}

func envelope(mail Mail, attributes map[string]messageAttribute) []byte {
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
	return mustJSON(out)
}
