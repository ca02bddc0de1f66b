// Package trouble names the ways in which a call to AWS can go wrong, as far as
// the guardrail acts on them differently. The adapters sort each error once;
// everything else asks for the sort and never for a text or a status code.
package trouble

import (
	"context"
	"errors"
	"fmt"
)

// Sort is what a failed call means for what to do next.
type Sort string

// The sorts of trouble.
const (
	// Transient trouble passes by itself: throttling, 5xx, a broken connection,
	// a time-out. Whether the call took effect is not known.
	Transient Sort = "transient"
	// NotNow: the cluster is being created or changed and refuses a change.
	NotNow Sort = "not now"
	// NothingToDo: EKS says that the cluster is as the call wants it already.
	NothingToDo Sort = "nothing to do"
	// Gone: what the call is about does not exist.
	Gone Sort = "gone"
	// Refused: AWS understood the call and will not do it (access denied, a
	// parameter it does not admit). Repeating it does not help.
	Refused Sort = "refused"
	// LostRace: somebody else wrote the record since it was read.
	LostRace Sort = "lost race"
	// Unreadable: AWS answered with something that cannot be understood.
	Unreadable Sort = "unreadable"
)

// Error is a sorted error.
type Error struct {
	Sort Sort
	// Op is the call as IAM names it, with what it was about:
	// "eks:DescribeCluster demo".
	Op string
	// Code is AWS's error code, "" when there was no answer.
	Code string
	// Repeated is set when the answer is not to the first sending of the call:
	// an earlier one may have taken effect, and this be what came of it.
	Repeated bool
	Err      error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.Op, e.Sort, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Of returns the sort of an error. One that no adapter has sorted, a context's
// end among them, is Transient: nothing is known of what it did.
func Of(err error) Sort {
	if sorted, ok := errors.AsType[*Error](err); ok {
		return sorted.Sort
	}
	return Transient
}

// TimeUp reports whether err came from the invocation's own time running out.
func TimeUp(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
