package localaws

import (
	"context"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/lambda"
)

// FunctionOptions are a function's settings and those of its queue's event
// source mapping.
type FunctionOptions = lambda.Options

// Function is a Lambda function: its own runtime API for the processes that
// run it, and the poller of its queue.
type Function = lambda.Function

// Invocation is one run of a function.
type Invocation = lambda.Invocation

// Handler is a function's code: it gets the event and answers, both JSON.
type Handler = lambda.Handler

// Function makes a function that gets its events from a queue, which must be
// there, or none if queue is empty. It is the runtime API for processes whose
// AWS_LAMBDA_RUNTIME_API is the address that it is served at; the AWS's own
// handler serves it under /runtimes/NAME.
func (a *AWS) Function(name, queue string, o FunctionOptions) (*Function, error) {
	return a.lambda.Create(name, queue, o)
}

// Poll makes a function without a name of its own out of a queue and a
// handler, and runs it; see Run.
func (a *AWS) Poll(ctx context.Context, queue string, o FunctionOptions, handler Handler) error {
	return a.lambda.Poll(ctx, queue, o, handler)
}
