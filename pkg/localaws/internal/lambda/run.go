package lambda

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Poll makes a function without a name of its own out of a queue and a
// handler, and runs it; see Run.
func (s *Service) Poll(ctx context.Context, queue string, o Options, handler Handler) error {
	s.account.Lock()
	there := s.queues.Has(queue)
	s.account.Unlock()
	if !there {
		return fmt.Errorf("localaws: there is no queue named %s", queue)
	}
	return s.function(queue, queue, o).Run(ctx, handler)
}

// Handler is a function's code: it gets the event and answers, both JSON.
type Handler func(ctx context.Context, event []byte) ([]byte, error)

// Run gives the function's events to a handler in this goroutine, one after
// the other, as Lambda would, until the context ends or the AWS is closed. The
// handler's context has the function's deadline and its request id
// (lambdacontext). An answer after the deadline counts as none. A handler that
// panics, or during whose run the context ends, is a process that dies: its
// messages are visible again after their timeout. The panic goes on.
func (f *Function) Run(ctx context.Context, handler Handler) error {
	for {
		inv, err := f.wait(ctx, f.opts.Gate)
		if err != nil {
			return err
		}
		if err := f.run(ctx, inv, handler); err != nil {
			return err
		}
	}
}

// RunOnce is one round of Run with what is there now. It reports whether there
// was anything.
func (f *Function) RunOnce(ctx context.Context, handler Handler) (bool, error) {
	f.service.account.Lock()
	var inv *invocation
	if f.ready() {
		inv = f.begin()
	}
	f.service.account.Unlock()
	if inv == nil {
		return false, nil
	}
	return true, f.run(ctx, inv, handler)
}

func (f *Function) run(ctx context.Context, inv *invocation, handler Handler) error {
	inner, cancel := ctx, func() {}
	if f.service.deadlines {
		inner, cancel = context.WithDeadline(ctx, inv.deadline)
	}
	defer cancel()
	inner = lambdacontext.NewContext(inner, &lambdacontext.LambdaContext{
		AwsRequestID:       inv.id,
		InvokedFunctionArn: f.ARN(),
	})
	result, failure := handler(inner, inv.payload)
	if g := f.opts.Gate; g != nil {
		if err := g.Park(ctx, "settle "+f.name); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		// The process was ended before it could answer.
		return err
	}
	f.service.account.Lock()
	defer f.service.account.Unlock()
	if f.running[inv.id] == nil {
		return nil
	}
	if !f.service.account.Now().Before(inv.deadline) {
		result, failure = nil, f.timedOut(inv)
	}
	f.end(inv, result, failure)
	return nil
}

// Invoke runs the function once with a payload, in one of the processes that
// ask its runtime API for work, and waits for what it answers. What is visible
// in the queue comes first: with one process, the batches of all messages that
// were sent before are settled by then.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	a := f.service.account
	a.Lock()
	inv := &invocation{id: a.UUID(), payload: payload, done: make(chan struct{})}
	f.direct = append(f.direct, inv)
	close(f.changed)
	f.changed = make(chan struct{})
	a.Unlock()
	select {
	case <-inv.done:
	case <-ctx.Done():
		a.Lock()
		defer a.Unlock()
		f.direct = slices.DeleteFunc(f.direct, func(other *invocation) bool { return other == inv })
		return nil, ctx.Err()
	case <-a.Closed:
		return nil, errClosed
	}
	a.Lock()
	defer a.Unlock()
	return inv.result, inv.failure
}
