// Package awstrouble sorts the errors that all AWS services share; the adapters
// sort what is peculiar to theirs before they ask it.
package awstrouble

import (
	"errors"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// Code returns AWS's error code and text, "" for an error that is no answer of
// AWS's.
func Code(err error) (code, text string) {
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		return answer.ErrorCode(), answer.ErrorMessage()
	}
	return "", err.Error()
}

// Sort sorts an error of the call op: with the sort given, or as all services
// mean it when that is "".
func Sort(op string, err error, sort trouble.Sort) *trouble.Error {
	code, text := Code(err)
	if sort == "" {
		sort = common(code)
	}
	cause := err
	if code != "" {
		cause = errors.New(code + ": " + text)
		if trouble.TimeUp(err) {
			cause = err
		}
	}
	return &trouble.Error{Sort: sort, Op: op, Code: code, Err: cause}
}

// refusals are the codes, beside those that name it, that say that a call will not do
// until somebody acts: of a missing right, a wrong signature, an impossible request, a
// key that is disabled, denied or gone, or of a topic, table or queue of our own that is
// not there. Sources: the API references of SNS (Publish), SQS (SendMessage) and
// DynamoDB (PutItem), "Errors".
var refusals = []string{"AuthorizationError", "NotFound", "QueueDoesNotExist", "NonExistentQueue", "KMS", "AccessDenied", "NotAuthorized", "Unauthorized", "Forbidden", "AuthFailure", "InvalidClientToken", "ExpiredToken", "UnrecognizedClient", "ValidationError", "ValidationException", "InvalidParameter", "OptInRequired"}

func common(code string) trouble.Sort {
	if code == "" {
		// No answer, or one that could not be read: it may have taken effect.
		return trouble.Transient
	}
	code = strings.Replace(code, "Kms", "KMS", 1) // SQS's spelling
	for _, passing := range []string{"Throttl", "KMSInternal"} {
		if strings.Contains(code, passing) {
			return trouble.Transient
		}
	}
	for _, refusal := range refusals {
		if strings.Contains(code, refusal) {
			return trouble.Refused
		}
	}
	return trouble.Transient
}
