package localaws

import (
	"net/http"
	"slices"
	"time"
)

// Drop says whether a call's connection breaks.
type Drop int

// How a connection breaks: not at all, before the call took effect, or after
// it did but before the answer got through.
const (
	NoDrop Drop = iota
	DropBefore
	DropAfter
)

// Fault is something that goes wrong with the calls that it matches.
type Fault struct {
	Service   string    // e.g. "eks"; empty matches every service
	Operation string    // e.g. "UpdateClusterConfig"; empty matches every operation
	Caller    string    // access key id; empty matches every caller
	Skip      int       // how many matching calls go well first
	Times     int       // how many calls it hits then; 0 means one, negative all
	Until     time.Time // from then on it hits none any more; zero: without an end

	// Status, Type and Message make the call fail without an effect. Status
	// alone gets the type that the service gives to it, Type alone the status.
	Status  int
	Type    string
	Message string

	Delay time.Duration // before anything happens
	Drop  Drop
	// Do runs right before the call takes effect, with DropAfter right after.
	Do func()
}

// fault is a Fault and how often it matched.
type fault struct {
	Fault
	seen, hits int
}

// spent reports whether the fault has nothing to do any more.
func (f *fault) spent() bool { return f.Times > 0 && f.hits >= f.Times }

// Inject adds a fault and returns a function that tells how many calls it has
// hit so far. Of several faults that match a call, the first that still has
// something to do hits it.
func (a *AWS) Inject(f Fault) (hits func() int) {
	if f.Times == 0 {
		f.Times = 1
	}
	added := &fault{Fault: f}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(slices.DeleteFunc(a.faults, (*fault).spent), added)
	return func() int {
		a.mu.Lock()
		defer a.mu.Unlock()
		return added.hits
	}
}

// ClearFaults removes every fault.
func (a *AWS) ClearFaults() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = nil
}

// takeFault returns the fault that hits the call. The caller holds a.mu.
func (a *AWS) takeFault(r *request) Fault {
	for _, f := range a.faults {
		if f.Service != "" && f.Service != r.service ||
			f.Operation != "" && f.Operation != r.operation ||
			f.Caller != "" && f.Caller != r.accessKeyID {
			continue
		}
		if !f.Until.IsZero() && !f.Until.After(a.now()) {
			continue
		}
		f.seen++
		if f.seen <= f.Skip || f.Times > 0 && f.hits >= f.Times {
			continue
		}
		f.hits++
		return f.Fault
	}
	return Fault{}
}

// failure is the error that the fault answers with, nil if it has none.
func (f Fault) failure(service string) *apiError {
	if f.Status == 0 && f.Type == "" {
		return nil
	}
	e := &apiError{Status: f.Status, Type: f.Type, Message: f.Message}
	if e.Type == "" {
		switch {
		case e.Status == http.StatusTooManyRequests:
			e = throttling(service, 1)
		case e.Status == http.StatusForbidden:
			e.Type, e.Status = denied(service)
		case e.Status == http.StatusServiceUnavailable:
			e.Type = "ServiceUnavailableException"
		case e.Status >= http.StatusInternalServerError && service == serviceEKS:
			e.Type = "ServerException"
		case e.Status >= http.StatusInternalServerError:
			e.Type = "InternalServerError"
		default:
			e.Type = errValidation
		}
	}
	if e.Status == 0 {
		e.Status = statusOf(service, e.Type)
	}
	if e.Message == "" {
		e.Message = "injected fault"
	}
	return e
}

// statusOf is the HTTP status that a service gives to an error.
func statusOf(service, typ string) int {
	// DynamoDB and SQS say 400 to whatever the caller is to blame for.
	rest := service == serviceEKS || service == serviceSNS || service == ""
	switch {
	case typ == "AccessDenied" || typ == "AuthorizationError" || typ == "UnauthorizedOperation":
		return http.StatusForbidden
	case typ == errThrottling || typ == errTooManyRequests:
		if rest {
			return http.StatusTooManyRequests
		}
		return throttling(service, 1).Status
	case typ == "ServerException" || typ == "InternalServerError":
		return http.StatusInternalServerError
	case typ == "ServiceUnavailableException":
		return http.StatusServiceUnavailable
	case !rest:
		return http.StatusBadRequest
	case typ == errAccessDenied:
		return http.StatusForbidden
	case typ == errResourceInUse:
		return http.StatusConflict
	case typ == errResourceNotFound || typ == "NotFound" || typ == "NotFoundException":
		return http.StatusNotFound
	default:
		return http.StatusBadRequest
	}
}

// denied is how a service says that IAM admits no such call. Sources: the
// "Common errors" of each API reference, and what the SDKs report of SQS.
func denied(service string) (typ string, status int) {
	switch service {
	case serviceEC2:
		return "UnauthorizedOperation", http.StatusForbidden
	case serviceSNS:
		return "AuthorizationError", http.StatusForbidden
	case serviceSQS:
		return "AccessDenied", http.StatusForbidden
	case serviceDynamoDB:
		return errAccessDenied, http.StatusBadRequest
	default:
		return errAccessDenied, http.StatusForbidden
	}
}

// Denied is a fault of every call of an operation, or of a whole service if
// operation is empty, as if the caller's role had lost the right to it. It
// lasts until the faults are cleared or its Until, as KeyRefused and Missing do.
func Denied(service, operation string) Fault {
	typ, status := denied(service)
	action := action(service, operation)
	if operation == "" {
		action = service + ":*"
	}
	return Fault{
		Service: service, Operation: operation, Times: -1, Status: status, Type: typ,
		Message: "The caller is not authorized to perform: " + action + " because no identity-based policy allows the " + action + " action",
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

// KeyRefused is a fault of every call of a service whose topic, queue or table
// is encrypted with a key in such a state. DynamoDB has no error of its own for
// it. Sources: the SNS and SQS API references, and the DynamoDB developer
// guide, "DynamoDB encryption at rest: usage notes".
func KeyRefused(service string, state KeyState) Fault {
	f := Fault{Service: service, Times: -1, Status: http.StatusBadRequest}
	switch state {
	case KeyDenied:
		f.Message = "The ciphertext refers to a customer master key that does not exist, does not exist in this region, " +
			"or you are not allowed to access."
	case KeyDisabled:
		f.Message = "The key is disabled."
	case KeyPendingDeletion:
		f.Message = "The key is pending deletion."
	}
	switch service {
	case serviceSNS:
		f.Type = [...]string{"KMSAccessDenied", "KMSDisabled", "KMSInvalidState"}[state]
	case serviceSQS:
		f.Type = [...]string{"KmsAccessDenied", "KmsDisabled", "KmsInvalidState"}[state]
	default:
		f.Type, f.Message = errAccessDenied, "KMS key access denied error: "+f.Message
	}
	return f
}

// Missing is a fault of every call of a service as if what it names, the
// topic, queue, table or cluster, had been deleted.
func Missing(service string) Fault {
	f := Fault{Service: service, Times: -1}
	switch service {
	case serviceSNS:
		f.Type, f.Message = "NotFound", "Topic does not exist"
	case serviceSQS:
		f.Type, f.Message = "QueueDoesNotExist", "The specified queue does not exist."
	case serviceDynamoDB:
		f.Type, f.Message = errResourceNotFound, "Requested resource not found"
	default:
		f.Type, f.Message = errResourceNotFound, "No cluster found."
	}
	return f
}
