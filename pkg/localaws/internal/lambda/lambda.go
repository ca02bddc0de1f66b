// Package lambda is the embedded Lambda: the poller of a function's queue, and the
// runtime API for the processes that run it. Start with [New]; poller.go has what
// becomes of a batch, runtime.go the API, run.go functions in this process. Unlike
// the other services it takes the account's lock itself, since it waits.
package lambda

import (
	"fmt"
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/account"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/gate"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/sqs"
)

// Service is Lambda in one account and region.
type Service struct {
	account   *account.Account
	queues    *sqs.Service
	deadlines bool // whether a handler's context ends at the deadline
	functions map[string]*Function
}

// New returns Lambda without a function. The contexts that handlers get have
// deadlines only if the account's time goes by itself.
func New(a *account.Account, queues *sqs.Service, deadlines bool) *Service {
	return &Service{account: a, queues: queues, deadlines: deadlines, functions: map[string]*Function{}}
}

// Create makes a function that gets its events from a queue, which must be
// there, or none if queue is empty.
func (s *Service) Create(name, queue string, o Options) (*Function, error) {
	s.account.Lock()
	defer s.account.Unlock()
	switch {
	case s.functions[name] != nil:
		return nil, fmt.Errorf("localaws: there is already a function named %s", name)
	case queue != "" && !s.queues.Has(queue):
		return nil, fmt.Errorf("localaws: function %s: there is no queue named %s", name, queue)
	}
	f := s.function(name, queue, o)
	s.functions[name] = f
	return f, nil
}

func (s *Service) function(name, queue string, o Options) *Function {
	return &Function{
		service: s, name: name, queue: queue, opts: o.withDefaults(),
		running: map[string]*invocation{}, changed: make(chan struct{}),
	}
}

// Options are a function's settings and those of its queue's event
// source mapping.
type Options struct {
	Timeout   time.Duration // default 3 seconds
	BatchSize int           // default 10
	// WholeBatches leaves ReportBatchItemFailures out of the mapping: what the
	// function answers is then not looked at.
	WholeBatches bool
	// Gate, when set, lets the poller take a batch, and settle it, only when
	// it is released. The labels are "poll NAME" and "settle NAME".
	Gate *gate.Gate
}

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = 3 * time.Second
	}
	if o.BatchSize == 0 {
		o.BatchSize = 10
	}
	return o
}

// Function is a Lambda function: its own runtime API for the processes that
// run it, and the poller of its queue.
type Function struct {
	service *Service
	name    string
	queue   string
	opts    Options

	// Below, guarded by the account's lock.
	running     map[string]*invocation
	direct      []*invocation // asked for with Invoke, not taken yet
	again       []again       // batches that are to be invoked once more
	changed     chan struct{} // closed when direct or again grows
	batches     []*invocation // all so far
	invocations []Invocation
	initErrors  []string
}

// again is a batch that the poller invokes once more, so long after the first
// invocation ended.
type again struct {
	first *invocation
	after time.Duration
}

// at is when the batch is invoked once more, as far as that is known: a
// process that died is over by its deadline.
func (g again) at() time.Time {
	if g.first.ended.IsZero() {
		return g.first.deadline.Add(g.after)
	}
	return g.first.ended.Add(g.after)
}

type invocation struct {
	id       string
	payload  []byte
	began    time.Time
	deadline time.Time
	ended    time.Time
	messages []sqs.Received
	done     chan struct{} // of a direct one: closed when it is over
	result   []byte
	failure  error
	note     int // index into the function's invocations
}

// Invocation is one run of a function.
type Invocation struct {
	ID       string
	At       time.Time
	Messages []string // ids of the batch
	// Answer is what the function said; Error is set when it failed or was
	// not over by its deadline. Neither is set while it runs, nor when the
	// process died.
	Answer []byte
	Error  string
	Failed []string // ids that were left in the queue
	Over   bool
}

// ARN returns the function's ARN.
func (f *Function) ARN() string { return f.service.account.ARN("lambda", "function:"+f.name) }

// Invocations returns all runs so far, oldest first.
func (f *Function) Invocations() []Invocation {
	f.service.account.Lock()
	defer f.service.account.Unlock()
	return slices.Clone(f.invocations)
}

// InitErrors returns what processes reported when they could not start.
func (f *Function) InitErrors() []string {
	f.service.account.Lock()
	defer f.service.account.Unlock()
	return slices.Clone(f.initErrors)
}

// InvokeAgain makes the poller invoke the function once more with the very
// batch of one of its invocations, the same messages with the same receive
// counts, so long after that one ended or, if its process died, its deadline.
// Source: the Lambda developer guide, "How Lambda processes records from
// stream and queue-based event sources": each event is processed at least
// once, and a batch may come twice.
func (f *Function) InvokeAgain(id string, after time.Duration) error {
	f.service.account.Lock()
	defer f.service.account.Unlock()
	i := slices.IndexFunc(f.batches, func(inv *invocation) bool { return inv.id == id })
	if i < 0 {
		return fmt.Errorf("localaws: function %s: there was no batch with the invocation %s", f.name, id)
	}
	f.again = append(f.again, again{f.batches[i], after})
	close(f.changed)
	f.changed = make(chan struct{})
	return nil
}

// Next tells when the function has something to begin: a message of its
// queue, or a batch that is to be invoked once more. It is false if there is
// nothing to come.
func (f *Function) Next() (time.Time, bool) {
	f.service.account.Lock()
	defer f.service.account.Unlock()
	return f.next()
}

// next is Next. The caller holds the account's lock.
func (f *Function) next() (first time.Time, ok bool) {
	first, ok = f.service.queues.Next(f.queue)
	for _, g := range f.again {
		if at := g.at(); !ok || at.Before(first) {
			first, ok = at, true
		}
	}
	return first, ok
}
