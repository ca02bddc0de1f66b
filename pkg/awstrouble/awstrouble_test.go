package awstrouble

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// TestSort: what somebody must act on is refused, what passes by itself is not.
func TestSort(t *testing.T) {
	for code, want := range map[string]trouble.Sort{
		"AccessDenied": trouble.Refused, "AccessDeniedException": trouble.Refused, "AuthorizationError": trouble.Refused,
		"AuthorizationErrorException": trouble.Refused, "NotFound": trouble.Refused, "NotFoundException": trouble.Refused,
		"ResourceNotFoundException": trouble.Refused, "QueueDoesNotExist": trouble.Refused, "AWS.SimpleQueueService.NonExistentQueue": trouble.Refused,
		"KMSDisabled": trouble.Refused, "KMSDisabledException": trouble.Refused, "KMSAccessDenied": trouble.Refused, "KmsDisabled": trouble.Refused,
		"KMSInvalidState": trouble.Refused, "KMSNotFound": trouble.Refused, "KMSOptInRequired": trouble.Refused, "KmsAccessDenied": trouble.Refused,
		"ValidationException": trouble.Refused, "ExpiredTokenException": trouble.Refused, "UnrecognizedClientException": trouble.Refused,
		"KMSThrottling": trouble.Transient, "KMSThrottlingException": trouble.Transient, "KmsThrottled": trouble.Transient,
		"KMSInternalException": trouble.Transient, "ThrottlingException": trouble.Transient, "TooManyRequestsException": trouble.Transient,
		"ProvisionedThroughputExceededException": trouble.Transient, "InternalServerError": trouble.Transient, "ServiceUnavailable": trouble.Transient,
		"RequestTimeout": trouble.Transient, "SomethingNew": trouble.Transient,
	} {
		err := &smithy.GenericAPIError{Code: code, Message: "text"}
		got := Sort("op", err, "")
		if got.Sort != want || got.Code != code || got.Err.Error() != code+": text" {
			t.Errorf("%s is %s, want %s: %v", code, got.Sort, want, got)
		}
		if got := Sort("op", err, trouble.Gone); got.Sort != trouble.Gone {
			t.Errorf("%s, sorted by its adapter, is %s", code, got.Sort)
		}
	}
	for _, err := range []error{errors.New("connection reset"), context.DeadlineExceeded} {
		if got := Sort("op", err, ""); got.Sort != trouble.Transient || got.Code != "" || !errors.Is(got, err) {
			t.Errorf("%v is %s", err, got.Sort)
		}
	}
}
