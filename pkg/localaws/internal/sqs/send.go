package sqs

import (
	"fmt"
	"net/http"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

type sendInput struct {
	ID           string               `json:"Id"`
	QueueURL     string               `json:"QueueUrl"`
	MessageBody  string               `json:"MessageBody"`
	DelaySeconds *int                 `json:"DelaySeconds"`
	Attributes   map[string]Attribute `json:"MessageAttributes"`
}

func (s *Service) send(r *wire.Request, q *queue, in sendInput) (map[string]any, *wire.Error) {
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
		return nil, invalidValue(fmt.Sprintf("Value %d for parameter DelaySeconds is invalid. "+
			"Reason: DelaySeconds must be >= 0 and <= 900.", int(delay/time.Second)))
	case len(in.Attributes) > 10:
		return nil, invalidValue("Number of message attributes exceeds the allowed maximum of 10.")
	}
	delay = time.Duration(float64(delay) * s.delayScale)
	m := &message{body: in.MessageBody, attributes: in.Attributes, sent: r.Now, visibleAt: r.Now.Add(delay), sender: r.Caller.PrincipalID}
	s.add(q, m)
	out := map[string]any{"MessageId": m.id, "MD5OfMessageBody": md5Hex([]byte(m.body))}
	if len(in.Attributes) > 0 {
		out["MD5OfMessageAttributes"] = AttributesMD5(in.Attributes)
	}
	return out, nil
}

func (s *Service) sendMessage(r *wire.Request) (any, *wire.Error) {
	var in sendInput
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	q, e := s.queueOf(r, in.QueueURL)
	if e != nil {
		return nil, e
	}
	return s.sendOne(r, q, in)
}

// sendOne keeps a nil map from becoming an answer that is not nil.
func (s *Service) sendOne(r *wire.Request, q *queue, in sendInput) (any, *wire.Error) {
	out, e := s.send(r, q, in)
	if e != nil {
		return nil, e
	}
	return out, nil
}

func (s *Service) sendMessageBatch(r *wire.Request) (any, *wire.Error) {
	var in struct {
		QueueURL string      `json:"QueueUrl"`
		Entries  []sendInput `json:"Entries"`
	}
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	q, e := s.queueOf(r, in.QueueURL)
	if e != nil {
		return nil, e
	}
	size := 0
	for _, entry := range in.Entries {
		size += len(entry.MessageBody)
	}
	if size > maxMessage {
		return nil, wire.Refuse(http.StatusBadRequest, "BatchRequestTooLong",
			fmt.Sprintf("Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxMessage, size))
	}
	return batch(in.Entries, func(in sendInput) string { return in.ID }, func(in sendInput) (map[string]any, *wire.Error) {
		return s.send(r, q, in)
	})
}

// batch handles the entries of a batch request one by one.
func batch[E any](entries []E, id func(E) string, each func(E) (map[string]any, *wire.Error)) (any, *wire.Error) {
	switch {
	case len(entries) == 0:
		return nil, wire.Refuse(http.StatusBadRequest, "EmptyBatchRequest", "There should be at least one entry in the request.")
	case len(entries) > maxBatch:
		return nil, wire.Refuse(http.StatusBadRequest, "TooManyEntriesInBatchRequest",
			fmt.Sprintf("Maximum number of entries per request are %d. You have sent %d.", maxBatch, len(entries)))
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

func invalidValue(message string) *wire.Error {
	return wire.Refuse(http.StatusBadRequest, "InvalidParameterValue", message)
}
