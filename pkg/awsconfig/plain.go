package awsconfig

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// Plainly says what went wrong with calls to AWS for people: without the words
// that the guardrail sorts errors by, and without the SDK's own. The hint, of the
// first call that has one, is "" where there is nothing to advise.
func Plainly(err error) (what, hint string) {
	what = err.Error()
	for _, failed := range failedCalls(err) {
		cause, advice := plainCall(failed)
		what = strings.Replace(what, failed.Error(), failed.Op+": "+cause, 1)
		hint = cmp.Or(hint, advice)
	}
	return what, hint
}

// failedCalls are the calls that an error is about, joined ones each.
func failedCalls(err error) []*trouble.Error {
	if failed, ok := err.(*trouble.Error); ok { //nolint:errorlint // the whole tree is walked here
		return []*trouble.Error{failed}
	}
	switch e := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() error }:
		return failedCalls(e.Unwrap())
	case interface{ Unwrap() []error }:
		var out []*trouble.Error
		for _, one := range e.Unwrap() {
			out = append(out, failedCalls(one)...)
		}
		return out
	}
	return nil
}

// plainCall says why one call failed, and what to do about it.
func plainCall(failed *trouble.Error) (cause, hint string) {
	action, _, _ := strings.Cut(failed.Op, " ")
	cause = failed.Err.Error()
	switch {
	case failed.Code == "":
		return unconnected(failed.Err)
	case signedOut(failed.Code):
		hint = "the credentials are not valid, or not any more: sign in again, then set AWS_PROFILE or give --profile"
	case anyOf(failed.Code, "AccessDenied", "Unauthorized", "NotAuthorized", "Forbidden"):
		hint = fmt.Sprintf("the credentials need the right %s", action)
	}
	return cause, hint
}

// signedOut reports whether AWS does not know the credentials, or not any more.
func signedOut(code string) bool {
	return anyOf(code, "ExpiredToken", "RequestExpired", "InvalidClientToken", "UnrecognizedClient", "AuthFailure",
		"SignatureDoesNotMatch", "InvalidSignature", "InvalidAccessKeyId", "MissingAuthenticationToken", "IncompleteSignature")
}

// anyOf reports whether the code contains one of the parts: services write them
// with a prefix, or with "Exception" behind.
func anyOf(code string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(code, part) })
}

// unconnected says why there was no answer.
func unconnected(err error) (what, hint string) {
	what, found := awstrouble.NoAnswer(err)
	switch {
	case !found:
		return what, ""
	case os.Getenv("AWS_ENDPOINT_URL") != "":
		return what, "look at AWS_ENDPOINT_URL, which is set, and the network"
	default:
		return what, "look at the network, a proxy and --region"
	}
}
