package localaws

import (
	"net/http"
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
	Service   string // e.g. "eks"; empty matches every service
	Operation string // e.g. "UpdateClusterConfig"; empty matches every operation
	Caller    string // access key id; empty matches every caller
	Skip      int    // how many matching calls go well first
	Times     int    // how many calls it hits then; 0 means one, negative all

	// Status, Type and Message make the call fail without an effect; Status
	// alone gets the type that the services give to it.
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
	a.faults = append(a.faults, added)
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
			e.Type = errAccessDenied
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
		switch e.Type {
		case errResourceInUse:
			e.Status = http.StatusConflict
		case errResourceNotFound:
			e.Status = http.StatusNotFound
		case errAccessDenied:
			e.Status = http.StatusForbidden
		case errTooManyRequests:
			e.Status = http.StatusTooManyRequests
		case errThrottling:
			e.Status = throttling(service, 1).Status
		case "ServerException", "InternalServerError":
			e.Status = http.StatusInternalServerError
		default:
			e.Status = http.StatusBadRequest
		}
	}
	if e.Message == "" {
		e.Message = "injected fault"
	}
	return e
}
