package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// plainly says what went wrong with a call to AWS for people: without the words
// that the guardrail sorts errors by, and without the SDK's own. The hint is ""
// where there is nothing to advise.
func plainly(err error) (what, hint string) {
	failed, ok := errors.AsType[*trouble.Error](err)
	if !ok {
		return err.Error(), ""
	}
	action, _, _ := strings.Cut(failed.Op, " ")
	cause := failed.Err.Error()
	switch {
	case failed.Code == "":
		cause, hint = unconnected(failed.Err)
	case signedOut(failed.Code):
		hint = "the credentials are not valid, or not any more: sign in again, then set AWS_PROFILE or give --profile"
	case anyOf(failed.Code, "AccessDenied", "Unauthorized", "NotAuthorized", "Forbidden"):
		hint = fmt.Sprintf("the credentials need the right %s", action)
	}
	return strings.Replace(err.Error(), failed.Error(), failed.Op+": "+cause, 1), hint
}

// signedOut tells whether AWS does not know the credentials, or not any more.
func signedOut(code string) bool {
	return anyOf(code, "ExpiredToken", "RequestExpired", "InvalidClientToken", "UnrecognizedClient", "AuthFailure",
		"SignatureDoesNotMatch", "InvalidSignature", "InvalidAccessKeyId", "MissingAuthenticationToken", "IncompleteSignature")
}

// anyOf tells whether the code contains one of the parts: services write them
// with a prefix, or with "Exception" behind.
func anyOf(code string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(code, part) })
}

// unconnected says why there was no answer.
func unconnected(err error) (what, hint string) {
	host := ""
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Addr != nil {
		host = dial.Addr.String()
	}
	hint = "look at the network, a proxy and --region"
	if os.Getenv("AWS_ENDPOINT_URL") != "" {
		hint = "look at AWS_ENDPOINT_URL, which is set, and the network"
	}
	name, noName := errors.AsType[*net.DNSError](err)
	late, timed := errors.AsType[net.Error](err)
	sent, unsent := errors.AsType[*smithyhttp.RequestSendError](err)
	answer, answered := errors.AsType[*smithyhttp.ResponseError](err)
	switch {
	case noName && name.IsNotFound:
		return fmt.Sprintf("there is no host %s", name.Name), hint
	case noName:
		return fmt.Sprintf("the name %s cannot be looked up: %s", name.Name, name.Err), hint
	case errors.Is(err, syscall.ECONNREFUSED) && host != "":
		return fmt.Sprintf("nobody listens at %s", host), hint
	case timed && late.Timeout() && host != "":
		return fmt.Sprintf("no connection to %s", host), hint
	case timed && late.Timeout():
		return "no answer in time", hint
	case unsent:
		return sent.Err.Error(), hint
	case answered:
		return fmt.Sprintf("an answer of status %d that cannot be read", answer.HTTPStatusCode()), hint
	default:
		return err.Error(), ""
	}
}
