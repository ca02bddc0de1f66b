package localaws

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// The limits of SQS. Source: the SQS developer guide, "Message quotas".
const (
	maxDelay      = 900 * time.Second
	maxVisibility = 12 * time.Hour
	maxMessage    = 1 << 20
	maxBatch      = 10
)

// QueueOptions are a queue's settings.
type QueueOptions struct {
	VisibilityTimeout time.Duration // default 30 seconds
	Delay             time.Duration // of messages sent without one
	Retention         time.Duration // default 4 days
	// DeadLetters is the queue that takes a message once it has been received
	// MaxReceives times without being deleted; it must be there.
	DeadLetters string
	MaxReceives int
}

type queue struct {
	name     string
	opts     QueueOptions
	messages []*message    // in the order in which they came
	changed  chan struct{} // closed when a message comes or becomes visible early
}

type message struct {
	id         string
	body       string
	attributes map[string]messageAttribute
	sender     string
	sent       time.Time
	visibleAt  time.Time
	first      time.Time // of the receives
	receives   int
	receipt    string
}

type messageAttribute struct {
	DataType    string `json:"DataType"`
	StringValue string `json:"StringValue,omitempty"`
	BinaryValue []byte `json:"BinaryValue,omitempty"`
}

// CreateQueue makes a queue and returns its URL.
func (a *AWS) CreateQueue(name string, o QueueOptions) (url string, err error) {
	if o.VisibilityTimeout == 0 {
		o.VisibilityTimeout = 30 * time.Second
	}
	if o.Retention == 0 {
		o.Retention = 4 * 24 * time.Hour
	}
	a.account.Lock()
	defer a.account.Unlock()
	switch {
	case a.queues[name] != nil:
		return "", fmt.Errorf("localaws: there is already a queue named %s", name)
	case o.DeadLetters != "" && a.queues[o.DeadLetters] == nil:
		return "", fmt.Errorf("localaws: queue %s: there is no queue named %s for its dead letters", name, o.DeadLetters)
	case o.DeadLetters != "" && o.MaxReceives < 1:
		return "", fmt.Errorf("localaws: queue %s: dead letters need MaxReceives of at least 1", name)
	}
	a.queues[name] = &queue{name: name, opts: o, changed: make(chan struct{})}
	return a.queueURL(name), nil
}

// QueueURL returns the URL of the queue of the name.
func (a *AWS) QueueURL(name string) string { return a.queueURL(name) }

// QueueARN returns the ARN of the queue of the name.
func (a *AWS) QueueARN(name string) string { return a.account.ARN("sqs", name) }

func (a *AWS) queueURL(name string) string {
	return "https://sqs." + a.account.Region + ".amazonaws.com/" + a.account.ID + "/" + name
}

// Message is a message in a queue.
type Message struct {
	ID         string
	Body       string
	Attributes map[string]string // the message attributes that are text
	SentAt     time.Time
	VisibleAt  time.Time // until then it is delayed or in somebody's hands
	Receives   int
}

// Messages returns the messages of a queue, visible or not, oldest first.
func (a *AWS) Messages(queue string) []Message {
	a.account.Lock()
	defer a.account.Unlock()
	q := a.queues[queue]
	if q == nil {
		return nil
	}
	a.settleQueues(a.account.Now())
	var out []Message
	for _, m := range q.messages {
		told := Message{ID: m.id, Body: m.body, Attributes: map[string]string{}, SentAt: m.sent, VisibleAt: m.visibleAt, Receives: m.receives}
		for name, attribute := range m.attributes {
			told.Attributes[name] = attribute.StringValue
		}
		out = append(out, told)
	}
	return out
}

// Send puts a message into a queue after a delay, without a call.
func (a *AWS) Send(queue, body string, delay time.Duration) error {
	a.account.Lock()
	defer a.account.Unlock()
	q := a.queues[queue]
	if q == nil {
		return fmt.Errorf("localaws: there is no queue named %s", queue)
	}
	now := a.account.Now()
	a.put(q, body, nil, now, now.Add(delay), "")
	return nil
}

// Purge empties a queue.
func (a *AWS) Purge(queue string) {
	a.account.Lock()
	defer a.account.Unlock()
	if q := a.queues[queue]; q != nil {
		q.messages = nil
	}
}

// Next tells when the next message of a queue can be received: a time that is
// not after now if there is one already, and false if the queue is empty.
func (a *AWS) Next(queue string) (time.Time, bool) {
	a.account.Lock()
	defer a.account.Unlock()
	q := a.queues[queue]
	if q == nil {
		return time.Time{}, false
	}
	a.settleQueues(a.account.Now())
	return q.next()
}

func (q *queue) next() (at time.Time, ok bool) {
	for _, m := range q.messages {
		if !ok || m.visibleAt.Before(at) {
			at, ok = m.visibleAt, true
		}
	}
	return at, ok
}

// put adds a message. The caller holds the account's lock.
func (a *AWS) put(q *queue, body string, attributes map[string]messageAttribute, sent, visibleAt time.Time, sender string) *message {
	m := &message{id: a.account.UUID(), body: body, attributes: attributes, sender: sender, sent: sent, visibleAt: visibleAt}
	q.messages = append(q.messages, m)
	q.wake()
	return m
}

func (q *queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// settleQueues brings every queue to the state of the time. The caller holds the account's lock.
func (a *AWS) settleQueues(now time.Time) {
	for _, name := range slices.Sorted(maps.Keys(a.queues)) {
		a.settleQueue(a.queues[name], now)
	}
}

// settleQueue takes away what has been kept too long, and moves to the dead
// letters what was received too often and would be visible again.
func (a *AWS) settleQueue(q *queue, now time.Time) {
	dead := a.queues[q.opts.DeadLetters]
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool {
		if !m.sent.Add(q.opts.Retention).After(now) {
			return true
		}
		if dead == nil || m.receives < q.opts.MaxReceives || m.visibleAt.After(now) {
			return false
		}
		m.receipt = ""
		m.receives = 0
		dead.messages = append(dead.messages, m)
		dead.wake()
		return true
	})
}

// take receives up to n visible messages, oldest first. The caller holds the account's lock.
func (a *AWS) take(q *queue, now time.Time, n int, visibility time.Duration) []*message {
	a.settleQueue(q, now)
	var taken []*message
	for _, m := range q.messages {
		if len(taken) == n {
			break
		}
		if m.visibleAt.After(now) {
			continue
		}
		m.receives++
		if m.receives == 1 {
			m.first = now
		}
		m.visibleAt = now.Add(visibility)
		m.receipt = wire.Token(q.name + "/" + m.id + "/" + a.account.UUID())
		// A receive tells what is true at the time; a later one changes it.
		copied := *m
		taken = append(taken, &copied)
	}
	return taken
}

// await waits until something in the queue may have become visible, or until
// the time. It tells false when there is nothing more to wait for. The caller
// holds the account's lock, which is given away meanwhile.
func (a *AWS) await(ctx context.Context, q *queue, until time.Time) bool {
	now := a.account.Now()
	wake := until
	if at, ok := q.next(); ok && (wake.IsZero() || at.Before(wake)) {
		wake = at
	}
	var timer <-chan time.Time
	if !wake.IsZero() {
		t := time.NewTimer(wake.Sub(now))
		defer t.Stop()
		timer = t.C
	}
	changed := q.changed
	a.account.Unlock()
	defer a.account.Lock()
	select {
	case <-changed:
	case <-timer:
	case <-ctx.Done():
		return false
	case <-a.account.Closed:
		return false
	}
	return until.IsZero() || a.account.Now().Before(until)
}

func (a *AWS) queueOf(r *wire.Request, queueURL string) (*queue, *wire.Error) {
	name := queueURL
	if u, err := url.Parse(queueURL); err == nil {
		name = u.Path[strings.LastIndex(u.Path, "/")+1:]
	}
	r.Resources = []string{a.QueueARN(name)}
	q := a.queues[name]
	if q == nil {
		return nil, wire.Refuse(http.StatusBadRequest, "QueueDoesNotExist", "The specified queue does not exist.")
	}
	a.settleQueues(r.Now)
	return q, nil
}

type sendInput struct {
	ID           string                      `json:"Id"`
	QueueURL     string                      `json:"QueueUrl"`
	MessageBody  string                      `json:"MessageBody"`
	DelaySeconds *int                        `json:"DelaySeconds"`
	Attributes   map[string]messageAttribute `json:"MessageAttributes"`
}

func (a *AWS) send(r *wire.Request, q *queue, in sendInput) (map[string]any, *wire.Error) {
	delay := q.opts.Delay
	if in.DelaySeconds != nil {
		delay = time.Duration(*in.DelaySeconds) * time.Second
	}
	switch {
	case in.MessageBody == "":
		return nil, wire.Refuse(http.StatusBadRequest, "MissingParameter", "The request must contain the parameter MessageBody.")
	case len(in.MessageBody) > maxMessage:
		return nil, invalidValue(fmt.Sprintf("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", maxMessage))
	case delay < 0 || delay > maxDelay:
		return nil, invalidValue(fmt.Sprintf("Value %d for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.", int(delay/time.Second)))
	case len(in.Attributes) > 10:
		return nil, invalidValue("Number of message attributes exceeds the allowed maximum of 10.")
	}
	delay = time.Duration(float64(delay) * a.opts.DelayScale)
	m := a.put(q, in.MessageBody, in.Attributes, r.Now, r.Now.Add(delay), r.Caller.PrincipalID)
	out := map[string]any{"MessageId": m.id, "MD5OfMessageBody": md5Hex([]byte(m.body))}
	if len(in.Attributes) > 0 {
		out["MD5OfMessageAttributes"] = attributesMD5(in.Attributes)
	}
	return out, nil
}

func invalidValue(message string) *wire.Error {
	return wire.Refuse(http.StatusBadRequest, "InvalidParameterValue", message)
}

func (a *AWS) sqsSendMessage(r *wire.Request) (any, *wire.Error) {
	var in sendInput
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	q, e := a.queueOf(r, in.QueueURL)
	if e != nil {
		return nil, e
	}
	return a.sendOne(r, q, in)
}

// sendOne keeps a nil map from becoming an answer that is not nil.
func (a *AWS) sendOne(r *wire.Request, q *queue, in sendInput) (any, *wire.Error) {
	out, e := a.send(r, q, in)
	if e != nil {
		return nil, e
	}
	return out, nil
}

// batch handles the entries of a batch request one by one.
func batch[E any](entries []E, id func(E) string, each func(E) (map[string]any, *wire.Error)) (any, *wire.Error) {
	switch {
	case len(entries) == 0:
		return nil, wire.Refuse(http.StatusBadRequest, "EmptyBatchRequest", "There should be at least one entry in the request.")
	case len(entries) > maxBatch:
		return nil, wire.Refuse(http.StatusBadRequest, "TooManyEntriesInBatchRequest", fmt.Sprintf("Maximum number of entries per request are %d. You have sent %d.", maxBatch, len(entries)))
	}
	seen := map[string]bool{}
	for _, entry := range entries {
		if seen[id(entry)] {
			return nil, wire.Refuse(http.StatusBadRequest, "BatchEntryIdsNotDistinct", "Id "+id(entry)+" repeated.")
		}
		seen[id(entry)] = true
	}
	successful, failed := []any{}, []any{}
	for _, entry := range entries {
		out, e := each(entry)
		if e != nil {
			failed = append(failed, map[string]any{"Id": id(entry), "Code": wire.QueryErrorCode(e.Type), "Message": e.Message, "SenderFault": true})
			continue
		}
		out["Id"] = id(entry)
		successful = append(successful, out)
	}
	return map[string]any{"Successful": successful, "Failed": failed}, nil
}

func (a *AWS) sqsSendMessageBatch(r *wire.Request) (any, *wire.Error) {
	var in struct {
		QueueURL string      `json:"QueueUrl"`
		Entries  []sendInput `json:"Entries"`
	}
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	q, e := a.queueOf(r, in.QueueURL)
	if e != nil {
		return nil, e
	}
	size := 0
	for _, entry := range in.Entries {
		size += len(entry.MessageBody)
	}
	if size > maxMessage {
		return nil, wire.Refuse(http.StatusBadRequest, "BatchRequestTooLong", fmt.Sprintf("Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxMessage, size))
	}
	return batch(in.Entries, func(s sendInput) string { return s.ID }, func(s sendInput) (map[string]any, *wire.Error) {
		return a.send(r, q, s)
	})
}

func (a *AWS) sqsReceiveMessage(r *wire.Request) (any, *wire.Error) {
	var in struct {
		QueueURL          string   `json:"QueueUrl"`
		Max               *int     `json:"MaxNumberOfMessages"`
		VisibilityTimeout *int     `json:"VisibilityTimeout"`
		Wait              *int     `json:"WaitTimeSeconds"`
		Names             []string `json:"AttributeNames"`
		SystemNames       []string `json:"MessageSystemAttributeNames"`
		MessageNames      []string `json:"MessageAttributeNames"`
	}
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	q, e := a.queueOf(r, in.QueueURL)
	if e != nil {
		return nil, e
	}
	n, wait, visibility := 1, time.Duration(0), q.opts.VisibilityTimeout
	if in.Max != nil {
		n = *in.Max
	}
	if n < 1 || n > maxBatch {
		return nil, invalidValue(fmt.Sprintf("Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", n))
	}
	if in.Wait != nil {
		wait = time.Duration(*in.Wait) * time.Second
	}
	if wait < 0 || wait > 20*time.Second {
		return nil, invalidValue(fmt.Sprintf("Value %d for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.", *in.Wait))
	}
	if in.VisibilityTimeout != nil {
		visibility = time.Duration(*in.VisibilityTimeout) * time.Second
	}
	if visibility < 0 || visibility > maxVisibility {
		return nil, invalidValue("Value for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200, if provided.")
	}
	until := r.Now.Add(wait)
	taken := a.take(q, r.Now, n, visibility)
	for len(taken) == 0 && wait > 0 && a.await(r.Ctx, q, until) {
		taken = a.take(q, a.account.Now(), n, visibility)
	}
	names := slices.Concat(in.Names, in.SystemNames)
	messages := []any{}
	for _, m := range taken {
		out := map[string]any{"MessageId": m.id, "ReceiptHandle": m.receipt, "Body": m.body, "MD5OfBody": md5Hex([]byte(m.body))}
		attributes := m.systemAttributes()
		maps.DeleteFunc(attributes, func(name, _ string) bool {
			return !slices.Contains(names, "All") && !slices.Contains(names, name)
		})
		if len(attributes) > 0 {
			out["Attributes"] = attributes
		}
		asked := map[string]messageAttribute{}
		for name, attribute := range m.attributes {
			if slices.ContainsFunc(in.MessageNames, func(want string) bool {
				prefix, open := strings.CutSuffix(want, ".*")
				return want == "All" || want == name || open && strings.HasPrefix(name, prefix)
			}) {
				asked[name] = attribute
			}
		}
		if len(asked) > 0 {
			out["MessageAttributes"] = asked
			out["MD5OfMessageAttributes"] = attributesMD5(asked)
		}
		messages = append(messages, out)
	}
	if len(messages) == 0 {
		return map[string]any{}, nil
	}
	return map[string]any{"Messages": messages}, nil
}

func (m *message) systemAttributes() map[string]string {
	sender := m.sender
	if sender == "" {
		sender = "AIDAEVENTBRIDGE"
	}
	return map[string]string{
		"ApproximateReceiveCount":          strconv.Itoa(m.receives),
		"SentTimestamp":                    strconv.FormatInt(m.sent.UnixMilli(), 10),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.first.UnixMilli(), 10),
		"SenderId":                         sender,
	}
}

// held returns the message of a receipt handle: nil if it is gone or a later
// receive has a newer handle, an error if the handle is none of the queue's.
func (q *queue) held(receipt string) (*message, *wire.Error) {
	parts := strings.Split(wire.Untoken(receipt), "/")
	if len(parts) != 3 || parts[0] != q.name {
		return nil, wire.Refuse(http.StatusBadRequest, "ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
	}
	for _, m := range q.messages {
		if m.receipt == receipt {
			return m, nil
		}
	}
	return nil, nil
}

func (q *queue) remove(receipt string) *wire.Error {
	m, e := q.held(receipt)
	if e != nil {
		return e
	}
	q.messages = slices.DeleteFunc(q.messages, func(other *message) bool { return other == m })
	return nil
}

func (a *AWS) sqsDeleteMessage(r *wire.Request) (any, *wire.Error) {
	var in struct {
		QueueURL string `json:"QueueUrl"`
		Receipt  string `json:"ReceiptHandle"`
	}
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	q, e := a.queueOf(r, in.QueueURL)
	if e != nil {
		return nil, e
	}
	if e := q.remove(in.Receipt); e != nil {
		return nil, e
	}
	return map[string]any{}, nil
}

func (a *AWS) sqsDeleteMessageBatch(r *wire.Request) (any, *wire.Error) {
	type entry struct {
		ID      string `json:"Id"`
		Receipt string `json:"ReceiptHandle"`
	}
	var in struct {
		QueueURL string  `json:"QueueUrl"`
		Entries  []entry `json:"Entries"`
	}
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	q, e := a.queueOf(r, in.QueueURL)
	if e != nil {
		return nil, e
	}
	return batch(in.Entries, func(e entry) string { return e.ID }, func(e entry) (map[string]any, *wire.Error) {
		return map[string]any{}, q.remove(e.Receipt)
	})
}

func (a *AWS) sqsChangeMessageVisibility(r *wire.Request) (any, *wire.Error) {
	var in struct {
		QueueURL          string `json:"QueueUrl"`
		Receipt           string `json:"ReceiptHandle"`
		VisibilityTimeout int    `json:"VisibilityTimeout"`
	}
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	q, e := a.queueOf(r, in.QueueURL)
	if e != nil {
		return nil, e
	}
	visibility := time.Duration(in.VisibilityTimeout) * time.Second
	if visibility < 0 || visibility > maxVisibility {
		return nil, invalidValue(fmt.Sprintf("Value %d for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer between 0 and 43200.", in.VisibilityTimeout))
	}
	m, e := q.held(in.Receipt)
	if e != nil {
		return nil, e
	}
	if m == nil || !m.visibleAt.After(r.Now) {
		return nil, wire.Refuse(http.StatusBadRequest, "MessageNotInflight", "The message referred to is not in flight.")
	}
	m.visibleAt = r.Now.Add(visibility)
	q.wake()
	return map[string]any{}, nil
}

func (a *AWS) sqsGetQueueURL(r *wire.Request) (any, *wire.Error) {
	var in struct {
		Name string `json:"QueueName"`
	}
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	q, e := a.queueOf(r, a.queueURL(in.Name))
	if e != nil {
		return nil, e
	}
	return map[string]any{"QueueUrl": a.queueURL(q.name)}, nil
}

func (a *AWS) sqsGetQueueAttributes(r *wire.Request) (any, *wire.Error) {
	var in struct {
		QueueURL string   `json:"QueueUrl"`
		Names    []string `json:"AttributeNames"`
	}
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	q, e := a.queueOf(r, in.QueueURL)
	if e != nil {
		return nil, e
	}
	visible, delayed, inFlight := 0, 0, 0
	for _, m := range q.messages {
		switch {
		case !m.visibleAt.After(r.Now):
			visible++
		case m.receives == 0:
			delayed++
		default:
			inFlight++
		}
	}
	seconds := func(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
	all := map[string]string{
		"QueueArn":                              a.QueueARN(q.name),
		"VisibilityTimeout":                     seconds(q.opts.VisibilityTimeout),
		"DelaySeconds":                          seconds(q.opts.Delay),
		"MessageRetentionPeriod":                seconds(q.opts.Retention),
		"MaximumMessageSize":                    strconv.Itoa(maxMessage),
		"ApproximateNumberOfMessages":           strconv.Itoa(visible),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(delayed),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(inFlight),
	}
	if q.opts.DeadLetters != "" {
		all["RedrivePolicy"] = string(wire.JSON(map[string]any{
			"deadLetterTargetArn": a.QueueARN(q.opts.DeadLetters),
			"maxReceiveCount":     q.opts.MaxReceives,
		}))
	}
	maps.DeleteFunc(all, func(name, _ string) bool {
		return !slices.Contains(in.Names, "All") && !slices.Contains(in.Names, name)
	})
	return map[string]any{"Attributes": all}, nil
}

func md5Hex(data []byte) string {
	sum := md5.Sum(data)
	return hex.EncodeToString(sum[:])
}

// attributesMD5 is the checksum of message attributes. Source: the SQS
// developer guide, "Calculating the MD5 message digest for message attributes".
func attributesMD5(attributes map[string]messageAttribute) string {
	names := make([]string, 0, len(attributes))
	for name := range attributes {
		names = append(names, name)
	}
	sort.Strings(names)
	var buf []byte
	text := func(s string) {
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(s)))
		buf = append(buf, s...)
	}
	for _, name := range names {
		attribute := attributes[name]
		text(name)
		text(attribute.DataType)
		if strings.HasPrefix(attribute.DataType, "Binary") {
			buf = append(buf, 2)
			text(string(attribute.BinaryValue))
		} else {
			buf = append(buf, 1)
			text(attribute.StringValue)
		}
	}
	return md5Hex(buf)
}

// lambdaAttributes are message attributes as a Lambda event carries them.
func lambdaAttributes(attributes map[string]messageAttribute) map[string]any {
	out := map[string]any{}
	for name, attribute := range attributes {
		told := map[string]any{
			"dataType":         attribute.DataType,
			"stringListValues": []string{},
			"binaryListValues": []string{},
		}
		if strings.HasPrefix(attribute.DataType, "Binary") {
			told["binaryValue"] = base64.StdEncoding.EncodeToString(attribute.BinaryValue)
		} else {
			told["stringValue"] = attribute.StringValue
		}
		out[name] = told
	}
	return out
}
