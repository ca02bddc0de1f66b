package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/gate"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/sqs"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

var errClosed = errors.New("localaws: the AWS was closed")

// wait returns the next invocation: one that was asked for directly, or a
// batch of the queue.
func (f *Function) wait(ctx context.Context, g *gate.Gate) (*invocation, error) {
	a := f.service.account
	a.Lock()
	defer a.Unlock()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-a.Closed:
			return nil, errClosed
		default:
		}
		if f.ready() {
			if g != nil {
				a.Unlock()
				err := g.Park(ctx, "poll "+f.name)
				a.Lock()
				if err != nil {
					return nil, err
				}
			}
			if inv := f.begin(); inv != nil {
				return inv, nil
			}
			continue
		}
		if err := f.sleep(ctx); err != nil {
			return nil, err
		}
	}
}

// ready reports whether there is something to begin. The caller holds the account's lock.
func (f *Function) ready() bool {
	if len(f.direct) > 0 {
		return true
	}
	at, ok := f.next()
	return ok && !at.After(f.service.account.Now())
}

// sleep waits until there may be something. The caller holds the account's lock, which
// is given away meanwhile.
func (f *Function) sleep(ctx context.Context) error {
	a := f.service.account
	var timer <-chan time.Time
	if at, ok := f.next(); ok {
		t := time.NewTimer(at.Sub(a.Now()))
		defer t.Stop()
		timer = t.C
	}
	arrived, asked := f.service.queues.Changed(f.queue), f.changed
	a.Unlock()
	defer a.Lock()
	select {
	case <-timer:
	case <-arrived:
	case <-asked:
	case <-ctx.Done():
		return ctx.Err()
	case <-a.Closed:
		return errClosed
	}
	return nil
}

// begin takes what there is and starts an invocation with it; nil if another
// poller was faster. The caller holds the account's lock.
func (f *Function) begin() *invocation {
	a := f.service.account
	now := a.Now()
	var inv *invocation
	if taken := f.service.queues.Take(f.queue, now, f.opts.BatchSize); len(taken) > 0 {
		inv = &invocation{id: a.UUID(), messages: taken, payload: f.batchEvent(taken)}
	}
	due := slices.IndexFunc(f.again, func(g again) bool { return !g.at().After(now) })
	switch {
	case inv != nil:
	case due >= 0:
		first := f.again[due].first
		inv = &invocation{id: a.UUID(), messages: first.messages, payload: first.payload}
		f.again = slices.Delete(f.again, due, due+1)
	case len(f.direct) > 0:
		inv = f.direct[0]
		f.direct = f.direct[1:]
	default:
		return nil
	}
	inv.began, inv.deadline = now, now.Add(f.opts.Timeout)
	noted := Invocation{ID: inv.id, At: now}
	for _, m := range inv.messages {
		noted.Messages = append(noted.Messages, m.ID)
	}
	inv.note = len(f.invocations)
	f.invocations = append(f.invocations, noted)
	f.running[inv.id] = inv
	if inv.done == nil {
		f.batches = append(f.batches, inv)
	}
	return inv
}

// batchEvent is the event that a batch of messages makes. Source: the Lambda
// developer guide, "Using Lambda with Amazon SQS".
func (f *Function) batchEvent(taken []sqs.Received) []byte {
	records := []any{}
	for _, m := range taken {
		record := map[string]any{
			"messageId":         m.ID,
			"receiptHandle":     m.Receipt,
			"body":              m.Body,
			"attributes":        m.System,
			"messageAttributes": lambdaAttributes(m.Attributes),
			"md5OfBody":         m.MD5,
			"eventSource":       "aws:sqs",
			"eventSourceARN":    f.service.queues.ARN(f.queue),
			"awsRegion":         f.service.account.Region,
		}
		if len(m.Attributes) > 0 {
			record["md5OfMessageAttributes"] = sqs.AttributesMD5(m.Attributes)
		}
		records = append(records, record)
	}
	return wire.JSON(map[string]any{"Records": records})
}

// lambdaAttributes are message attributes as a Lambda event carries them.
func lambdaAttributes(attributes map[string]sqs.Attribute) map[string]any {
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

func (f *Function) timedOut(inv *invocation) error {
	return fmt.Errorf("%s Task timed out after %.2f seconds", inv.id, f.opts.Timeout.Seconds())
}

// end settles an invocation: what the function is done with leaves the queue,
// the rest stays in it and is visible again after the visibility timeout. The
// caller holds the account's lock.
func (f *Function) end(inv *invocation, result []byte, failure error) {
	delete(f.running, inv.id)
	noted := &f.invocations[inv.note]
	noted.Over, noted.Answer = true, result
	inv.ended = f.service.account.Now()
	inv.result, inv.failure = result, failure
	left := map[string]bool{}
	switch {
	case failure != nil:
		noted.Error = failure.Error()
		for _, m := range inv.messages {
			left[m.ID] = true
		}
	case !f.opts.WholeBatches:
		left = itemFailures(result, inv.messages)
	}
	for _, m := range inv.messages {
		if left[m.ID] {
			noted.Failed = append(noted.Failed, m.ID)
			continue
		}
		// Another receive may have taken the message over, then it stays.
		f.service.queues.Remove(f.queue, m.Receipt)
	}
	if inv.done != nil {
		close(inv.done)
	}
}

// itemFailures reads which messages a function failed at. What Lambda cannot
// make sense of counts as all of them. Source: the Lambda developer guide,
// "Implementing partial batch responses".
func itemFailures(result []byte, messages []sqs.Received) map[string]bool {
	left := map[string]bool{}
	all := map[string]bool{}
	for _, m := range messages {
		all[m.ID] = true
	}
	text := strings.TrimSpace(string(result))
	if text == "" || text == "null" {
		return left
	}
	var told struct {
		Failures []map[string]any `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(result, &told); err != nil {
		// A plain value is a success; a list that does not parse is not.
		if strings.HasPrefix(text, "{") || !json.Valid(result) {
			return all
		}
		return left
	}
	for _, failure := range told.Failures {
		id, _ := failure["itemIdentifier"].(string)
		if !all[id] {
			return all
		}
		left[id] = true
	}
	return left
}
