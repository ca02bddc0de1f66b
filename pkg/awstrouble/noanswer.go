package awstrouble

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// NoAnswer says in words why there was no answer to a call that can be read, without the
// SDK's own words; found is false where it does not know.
func NoAnswer(err error) (what string, found bool) {
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
	case unsent:
		return sent.Err.Error(), true
	case answered:
		return fmt.Sprintf("an answer of status %d that cannot be read", answer.HTTPStatusCode()), true
	default:
		return err.Error(), false
	}
}
