package awstrouble

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// call is what the SDK makes of an error.
func call(err error) error {
	return &smithy.OperationError{ServiceID: "SQS", OperationName: "SendMessage", Err: err}
}

// TestNoAnswer: why there was no answer is said without the SDK's own words.
func TestNoAnswer(t *testing.T) {
	unreadable := &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusNotFound}}, Err: errors.New("invalid character '<'")}
	for _, tc := range []struct {
		err   error
		want  string
		found bool
	}{
		{unreadable, "an answer of status 404 that cannot be read", true},
		{&smithyhttp.RequestSendError{Err: errors.New("EOF")}, "EOF", true},
		{&smithyhttp.RequestSendError{Err: &url.Error{Op: "Post", URL: "https://sqs.eu-west-1.amazonaws.com/", Err: errors.New("EOF")}}, "the connection to sqs.eu-west-1.amazonaws.com broke: EOF", true},
		{&smithyhttp.RequestSendError{Err: &url.Error{Op: "Post", URL: "/", Err: errors.New(`unsupported protocol scheme ""`)}}, "the address of the service is no URL of a host", true},
		{call(&aws.RequestCanceledError{Err: context.Canceled}), "it was interrupted", true},
		{call(context.DeadlineExceeded), "no answer in time", true},
		{call(fmt.Errorf("get identity: %w", fmt.Errorf("get credentials: %w", errors.New("the token is lost")))), "there are no credentials for it: the token is lost", true},
		{call(fmt.Errorf("get identity: %w", fmt.Errorf("get credentials: %w", fmt.Errorf("failed to refresh cached credentials, %w", call(&smithyhttp.RequestSendError{Err: errors.New("EOF")}))))), "there are no credentials for it: EOF", true},
		{call(errors.New("something else")), "something else", false},
		{errors.New("something else"), "something else", false},
	} {
		if what, found := NoAnswer(tc.err); what != tc.want || found != tc.found {
			t.Errorf("%v: %q, %t", tc.err, what, found)
		}
	}
}
