package wire

import "net/http"

// Error is an error in AWS's form.
type Error struct {
	Status  int // 400 when zero
	Type    string
	Message string
	Members map[string]any // further members of the error's body
}

// The error types that more than one place answers with.
const (
	InvalidRequest   = "InvalidRequestException"
	InvalidParameter = "InvalidParameterException"
	ResourceInUse    = "ResourceInUseException"
	ResourceNotFound = "ResourceNotFoundException"
	Throttling       = "ThrottlingException"
	TooManyRequests  = "TooManyRequestsException"
	AccessDenied     = "AccessDeniedException"
	Validation       = "ValidationException"
	UnknownOperation = "UnknownOperationException"
)

// Refuse returns an error.
func Refuse(status int, typ, message string) *Error {
	return &Error{Status: status, Type: typ, Message: message}
}

// Unknown is how a service refuses an operation that it does not have.
func Unknown(r *Request) *Error {
	switch r.Service {
	case EC2, SNS:
		return Refuse(http.StatusBadRequest, "InvalidAction", "The action "+r.Operation+" is not valid for this web service.")
	case DynamoDB, SQS:
		return Refuse(http.StatusBadRequest, UnknownOperation, "localaws does not know the operation "+r.Operation+" of "+r.Service+".")
	case EKS:
		return Refuse(http.StatusNotFound, UnknownOperation, "localaws does not know this route of EKS.")
	default:
		return Refuse(http.StatusNotFound, UnknownOperation, "localaws does not know the service "+r.Service+".")
	}
}

// Throttled is how a service refuses the n-th call that is too much.
func Throttled(service string, n int) *Error {
	switch service {
	case EKS:
		if n%2 == 0 {
			return Refuse(http.StatusTooManyRequests, TooManyRequests, "Too Many Requests")
		}
		return Refuse(http.StatusTooManyRequests, Throttling, "Rate exceeded")
	case EC2:
		return Refuse(http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded.")
	case SNS:
		return Refuse(http.StatusTooManyRequests, "Throttled", "Rate exceeded")
	case SQS:
		return Refuse(http.StatusForbidden, "RequestThrottled", "Request is throttled.")
	default:
		return Refuse(http.StatusBadRequest, Throttling, "Rate exceeded")
	}
}

// StatusOf is the HTTP status that a service gives to an error.
func StatusOf(service, typ string) int {
	// DynamoDB and SQS say 400 to whatever the caller is to blame for.
	rest := service == EKS || service == SNS || service == ""
	switch {
	case typ == "AccessDenied" || typ == "AuthorizationError" || typ == "UnauthorizedOperation":
		return http.StatusForbidden
	case typ == Throttling || typ == TooManyRequests:
		if rest {
			return http.StatusTooManyRequests
		}
		return Throttled(service, 1).Status
	case typ == "ServerException" || typ == "InternalServerError":
		return http.StatusInternalServerError
	case typ == "ServiceUnavailableException":
		return http.StatusServiceUnavailable
	case !rest:
		return http.StatusBadRequest
	case typ == AccessDenied:
		return http.StatusForbidden
	case typ == ResourceInUse:
		return http.StatusConflict
	case typ == ResourceNotFound || typ == "NotFound" || typ == "NotFoundException":
		return http.StatusNotFound
	default:
		return http.StatusBadRequest
	}
}

// Denied is how a service says that IAM admits no such call. Sources: the
// "Common errors" of each API reference, and what the SDKs report of SQS.
func Denied(service string) (typ string, status int) {
	switch service {
	case EC2:
		return "UnauthorizedOperation", http.StatusForbidden
	case SNS:
		return "AuthorizationError", http.StatusForbidden
	case SQS:
		return "AccessDenied", http.StatusForbidden
	case DynamoDB:
		return AccessDenied, http.StatusBadRequest
	default:
		return AccessDenied, http.StatusForbidden
	}
}

// KeyState is what keeps a service from the KMS key that it encrypts with.
type KeyState int

// The key's policy, or the caller's role, no longer admits the caller; the key
// is disabled; it waits for its deletion.
const (
	KeyDenied KeyState = iota
	KeyDisabled
	KeyPendingDeletion
)

// KeyRefused is how a service says that it cannot use the key of its topic,
// queue or table. DynamoDB has no error of its own for it. Sources: the SNS and
// SQS API references, and the DynamoDB developer guide, "DynamoDB encryption at
// rest: usage notes".
func KeyRefused(service string, state KeyState) *Error {
	message := [...]string{
		"The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.",
		"The key is disabled.",
		"The key is pending deletion.",
	}[state]
	switch service {
	case SNS:
		return Refuse(http.StatusBadRequest, [...]string{"KMSAccessDenied", "KMSDisabled", "KMSInvalidState"}[state], message)
	case SQS:
		return Refuse(http.StatusBadRequest, [...]string{"KmsAccessDenied", "KmsDisabled", "KmsInvalidState"}[state], message)
	default:
		return Refuse(http.StatusBadRequest, AccessDenied, "KMS key access denied error: "+message)
	}
}
