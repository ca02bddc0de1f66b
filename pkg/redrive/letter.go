package redrive

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

// Letter is a dead letter, and what is to become of it.
type Letter struct {
	ID      string // SQS's, of the message
	Purpose Purpose
	Cluster string // its name, of Wake
	What    string // what it is, and whose call it came from, for people; foreign text

	receipt string
}

// Purpose is what is done about a letter.
type Purpose string

// The purposes.
const (
	Wake       Purpose = "wake"        // its cluster
	Sweep      Purpose = "sweep"       // what starts the sweep was not delivered
	Drop       Purpose = "no concern"  // there is nothing to do about it
	Unreadable Purpose = "cannot read" // it stays
)

// open reads a dead letter as the guardrail would.
func open(m types.Message, account, region string) Letter {
	l := Letter{ID: aws.ToString(m.MessageId), receipt: aws.ToString(m.ReceiptHandle)}
	l.Purpose, l.Cluster, l.What = meaning([]byte(aws.ToString(m.Body)), account, region)
	// EventBridge says why it could not deliver. Source: the EventBridge user
	// guide, "Using dead-letter queues".
	if a, ok := m.MessageAttributes["ERROR_CODE"]; ok {
		l.What += ", not delivered: " + aws.ToString(a.StringValue)
	}
	return l
}

func meaning(body []byte, account, region string) (p Purpose, cluster, what string) {
	w, ours, err := wakeup.Decode(body)
	switch {
	case err != nil:
		return Unreadable, "", err.Error()
	case ours && (w.Account != account || w.Region != region):
		return Unreadable, "", fmt.Sprintf("wake-up of %s in account %s, %s, not this installation's", w.Cluster, w.Account, w.Region)
	case ours && w.Event != nil:
		return Wake, w.Cluster, tell(*w.Event)
	case ours && w.Sweep:
		return Wake, w.Cluster, "wake-up of the sweep"
	case ours:
		return Wake, w.Cluster, fmt.Sprintf("re-check %d", w.Check)
	}
	var envelope struct {
		Source string `json:"source"`
		Type   string `json:"detail-type"`
		// Of an invocation that Lambda gave up. Source: the Lambda developer guide,
		// "Adding a destination".
		Context struct {
			Function  string `json:"functionArn"`
			Condition string `json:"condition"`
		} `json:"requestContext"`
	}
	if json.Unmarshal(body, &envelope) == nil {
		if envelope.Context.Function != "" && envelope.Context.Condition != "" {
			return Sweep, "", "a sweep that Lambda gave up: " + envelope.Context.Condition
		}
		switch envelope.Type {
		case "Scheduled Event", "CloudFormation Stack Status Change":
			return Sweep, "", envelope.Type + " of " + envelope.Source
		}
	}
	event, err := cloudtrail.Decode(body)
	if none, ok := errors.AsType[cloudtrail.NoConcern](err); ok {
		return Drop, "", none.Error()
	}
	switch {
	case err != nil:
		return Unreadable, "", err.Error()
	case event.Account != account || event.Region != region:
		return Unreadable, "", fmt.Sprintf("%s of %s in account %s, %s, not this installation's", event.Name, event.Cluster, event.Account, event.Region)
	}
	return Wake, event.Cluster, tell(event)
}

// tell says of an event whose call it was: a fresh wake-up does not.
func tell(e cloudtrail.Event) string {
	s := e.Name + " by " + e.Actor.String()
	if !e.Time.IsZero() {
		s += " at " + e.Time.Format("2006-01-02 15:04:05 UTC")
	}
	return s
}
