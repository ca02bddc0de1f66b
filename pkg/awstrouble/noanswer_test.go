package awstrouble

import (
	"errors"
	"net/http"
	"testing"

	smithyhttp "github.com/aws/smithy-go/transport/http"
)

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
		{errors.New("something else"), "something else", false},
	} {
		if what, found := NoAnswer(tc.err); what != tc.want || found != tc.found {
			t.Errorf("%v: %q, %t", tc.err, what, found)
		}
	}
}
