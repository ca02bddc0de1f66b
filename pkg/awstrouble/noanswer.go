package awstrouble

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// NoAnswer says in words why there was no answer to a call that can be read, without the
// SDK's own words; found is false where it does not know.
func NoAnswer(err error) (what string, found bool) {
	// What the SDK puts before an error of the credentials, as all its clients do.
	if _, credentials, ok := strings.Cut(err.Error(), "get credentials: "); ok {
		for inner := err; inner != nil; inner = errors.Unwrap(inner) {
			if inner.Error() == credentials {
				what, _ := NoAnswer(inner)
				return "there are no credentials for it: " + what, true
			}
		}
	}
	host := ""
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Addr != nil {
		host = dial.Addr.String()
	}
	name, noName := errors.AsType[*net.DNSError](err)
	late, timed := errors.AsType[net.Error](err)
	sent, unsent := errors.AsType[*smithyhttp.RequestSendError](err)
	answer, answered := errors.AsType[*smithyhttp.ResponseError](err)
	switch {
	case noName && name.IsNotFound:
		return fmt.Sprintf("there is no host %s", name.Name), true
	case noName:
		return fmt.Sprintf("the name %s cannot be looked up: %s", name.Name, name.Err), true
	case errors.Is(err, syscall.ECONNREFUSED) && host != "":
		return fmt.Sprintf("nobody listens at %s", host), true
	case timed && late.Timeout() && host != "":
		return fmt.Sprintf("no connection to %s", host), true
	case timed && late.Timeout():
		return "no answer in time", true
	case errors.Is(err, context.Canceled):
		return "it was interrupted", true
	case NoAddress(err):
		return "the address of the service is no URL of a host", true
	case unsent:
		return broken(sent.Err), true
	case answered:
		return fmt.Sprintf("an answer of status %d that cannot be read", answer.HTTPStatusCode()), true
	default:
		return bare(err).Error(), false
	}
}

// NoAddress reports whether a call was not sent since the address that is set for the
// service is none.
func NoAddress(err error) bool {
	text := err.Error()
	return strings.Contains(text, "unsupported protocol scheme") || strings.Contains(text, "no Host in request URL") ||
		strings.Contains(text, "failed to resolve service endpoint")
}

// broken says how a connection ended, without what was asked over it.
func broken(err error) string {
	asked, ok := errors.AsType[*url.Error](err)
	if !ok {
		return err.Error()
	}
	host := asked.URL
	if u, err := url.Parse(asked.URL); err == nil && u.Host != "" {
		host = u.Host
	}
	return fmt.Sprintf("the connection to %s broke: %v", host, asked.Err)
}

// bare is an error without what the SDK puts before it: which call it was is told
// already, as IAM names it.
func bare(err error) error {
	if call, ok := errors.AsType[*smithy.OperationError](err); ok {
		return call.Err
	}
	return err
}
