package localaws

import (
	"net/http"
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
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
	a.account.Lock()
	defer a.account.Unlock()
	a.faults = append(slices.DeleteFunc(a.faults, (*fault).spent), added)
	return func() int {
		a.account.Lock()
		defer a.account.Unlock()
		return added.hits
	}
}

// ClearFaults removes every fault.
func (a *AWS) ClearFaults() {
	a.account.Lock()
	defer a.account.Unlock()
	a.faults = nil
}

// takeFault returns the fault that hits the call. The caller holds the account's lock.
func (a *AWS) takeFault(r *wire.Request) Fault {
	for _, f := range a.faults {
		if f.Service != "" && f.Service != r.Service ||
			f.Operation != "" && f.Operation != r.Operation ||
			f.Caller != "" && f.Caller != r.AccessKeyID {
			continue
		}
		if !f.Until.IsZero() && !f.Until.After(a.account.Now()) {
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
func (f Fault) failure(service string) *wire.Error {
	if f.Status == 0 && f.Type == "" {
		return nil
	}
	e := &wire.Error{Status: f.Status, Type: f.Type, Message: f.Message}
	if e.Type == "" {
		switch {
		case e.Status == http.StatusTooManyRequests:
			e = wire.Throttled(service, 1)
		case e.Status == http.StatusForbidden:
			e.Type, e.Status = wire.Denied(service)
		case e.Status == http.StatusServiceUnavailable:
			e.Type = "ServiceUnavailableException"
		case e.Status >= http.StatusInternalServerError && service == wire.EKS:
			e.Type = "ServerException"
		case e.Status >= http.StatusInternalServerError:
			e.Type = "InternalServerError"
		default:
			e.Type = wire.Validation
		}
	}
	if e.Status == 0 {
		e.Status = wire.StatusOf(service, e.Type)
	}
	if e.Message == "" {
		e.Message = "injected fault"
	}
	return e
}

// Denied is a fault of every call of an operation, or of a whole service if
// operation is empty, as if the caller's role had lost the right to it. It
// lasts until the faults are cleared or its Until, as KeyRefused and Missing do.
func Denied(service, operation string) Fault {
	typ, status := wire.Denied(service)
	action := wire.Action(service, operation)
	if operation == "" {
		action = service + ":*"
	}
	return Fault{
		Service: service, Operation: operation, Times: -1, Status: status, Type: typ,
		Message: "The caller is not authorized to perform: " + action + " because no identity-based policy allows the " + action + " action",
	}
}

// KeyState is what keeps a service from the KMS key that it encrypts with.
type KeyState = wire.KeyState

// The key's policy, or the caller's role, no longer admits the caller; the key
// is disabled; it waits for its deletion.
const (
	KeyDenied          = wire.KeyDenied
	KeyDisabled        = wire.KeyDisabled
	KeyPendingDeletion = wire.KeyPendingDeletion
)

// KeyRefused is a fault of every call of a service whose topic, queue or table
// is encrypted with a key in such a state.
func KeyRefused(service string, state KeyState) Fault {
	e := wire.KeyRefused(service, state)
	return Fault{Service: service, Times: -1, Status: e.Status, Type: e.Type, Message: e.Message}
}

// Missing is a fault of every call of a service as if what it names, the
// topic, queue, table or cluster, had been deleted.
func Missing(service string) Fault {
	f := Fault{Service: service, Times: -1}
	switch service {
	case wire.SNS:
		f.Type, f.Message = "NotFound", "Topic does not exist"
	case wire.SQS:
		f.Type, f.Message = "QueueDoesNotExist", "The specified queue does not exist."
	case wire.DynamoDB:
		f.Type, f.Message = wire.ResourceNotFound, "Requested resource not found"
	default:
		f.Type, f.Message = wire.ResourceNotFound, "No cluster found."
	}
	return f
}
