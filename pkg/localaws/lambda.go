package localaws

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/sqs"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// runtimePrefix is where the runtime APIs of functions are mounted: a process
// with AWS_LAMBDA_RUNTIME_API=HOST:PORT/runtimes/NAME is the function NAME.
const runtimePrefix = "/runtimes/"

// apiPrefix starts every path of the runtime API. Source: the Lambda developer
// guide, "Using the Lambda runtime API".
const apiPrefix = "/2018-06-01/runtime/"

// FunctionOptions are a function's settings and those of its queue's event
// source mapping.
type FunctionOptions struct {
	Timeout   time.Duration // default 3 seconds
	BatchSize int           // default 10
	// WholeBatches leaves ReportBatchItemFailures out of the mapping: what the
	// function answers is then not looked at.
	WholeBatches bool
	// Gate, when set, lets the poller take a batch, and settle it, only when
	// it is released. The labels are "poll NAME" and "settle NAME".
	Gate *Gate
}

// Function is a Lambda function: its own runtime API for the processes that
// run it, and the poller of its queue.
type Function struct {
	aws   *AWS
	name  string
	queue string
	opts  FunctionOptions

	// Below, guarded by the AWS's mutex.
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

// Function makes a function that gets its events from a queue, which must be
// there, or none if queue is empty. It is the runtime API for processes whose
// AWS_LAMBDA_RUNTIME_API is the address that it is served at; the AWS's own
// handler serves it under /runtimes/NAME.
func (a *AWS) Function(name, queue string, o FunctionOptions) (*Function, error) {
	o = o.withDefaults()
	a.account.Lock()
	defer a.account.Unlock()
	switch {
	case a.functions[name] != nil:
		return nil, fmt.Errorf("localaws: there is already a function named %s", name)
	case queue != "" && !a.sqs.Has(queue):
		return nil, fmt.Errorf("localaws: function %s: there is no queue named %s", name, queue)
	}
	f := &Function{aws: a, name: name, queue: queue, opts: o, running: map[string]*invocation{}, changed: make(chan struct{})}
	a.functions[name] = f
	return f, nil
}

func (o FunctionOptions) withDefaults() FunctionOptions {
	if o.Timeout == 0 {
		o.Timeout = 3 * time.Second
	}
	if o.BatchSize == 0 {
		o.BatchSize = 10
	}
	return o
}

// RuntimeAPI returns what AWS_LAMBDA_RUNTIME_API must be where the AWS listens
// at host, e.g. 127.0.0.1:4566.
func (f *Function) RuntimeAPI(host string) string { return host + runtimePrefix + f.name }

// ARN returns the function's ARN.
func (f *Function) ARN() string { return f.aws.account.ARN("lambda", "function:"+f.name) }

// Invocations returns all runs so far, oldest first.
func (f *Function) Invocations() []Invocation {
	f.aws.account.Lock()
	defer f.aws.account.Unlock()
	return slices.Clone(f.invocations)
}

// InitErrors returns what processes reported when they could not start.
func (f *Function) InitErrors() []string {
	f.aws.account.Lock()
	defer f.aws.account.Unlock()
	return slices.Clone(f.initErrors)
}

// InvokeAgain makes the poller invoke the function once more with the very
// batch of one of its invocations, the same messages with the same receive
// counts, so long after that one ended or, if its process died, its deadline.
// Source: the Lambda developer guide, "How Lambda processes records from
// stream and queue-based event sources": each event is processed at least
// once, and a batch may come twice.
func (f *Function) InvokeAgain(id string, after time.Duration) error {
	f.aws.account.Lock()
	defer f.aws.account.Unlock()
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
	f.aws.account.Lock()
	defer f.aws.account.Unlock()
	return f.next()
}

// next is Next. The caller holds the mutex.
func (f *Function) next() (first time.Time, ok bool) {
	first, ok = f.aws.sqs.Next(f.queue)
	for _, g := range f.again {
		if at := g.at(); !ok || at.Before(first) {
			first, ok = at, true
		}
	}
	return first, ok
}

func runtimePath(path string) (function, rest string, ok bool) {
	after, ok := strings.CutPrefix(path, runtimePrefix)
	if !ok {
		return "", "", false
	}
	function, rest, _ = strings.Cut(after, "/")
	return function, "/" + rest, true
}

// ServeHTTP is the runtime API of this function alone.
func (f *Function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ans, err := f.answer(r, r.URL.Path)
	if err != nil {
		wire.Drop(w)
		return
	}
	ans.Write(w)
}

func (f *Function) answer(r *http.Request, path string) (wire.Answer, error) {
	rest, ok := strings.CutPrefix(path, apiPrefix)
	parts := strings.Split(rest, "/")
	switch {
	case !ok:
	case r.Method == http.MethodGet && rest == "invocation/next":
		return f.nextInvocation(r.Context())
	case r.Method == http.MethodPost && rest == "init/error":
		body, err := wire.ReadBody(r)
		if err != nil {
			return wire.Answer{}, err
		}
		f.aws.account.Lock()
		f.initErrors = append(f.initErrors, string(body))
		f.aws.account.Unlock()
		return accepted(), nil
	case r.Method == http.MethodPost && len(parts) == 3 && parts[0] == "invocation" && (parts[2] == "response" || parts[2] == "error"):
		return f.finish(r, parts[1], parts[2] == "error")
	}
	return wire.Answer{Status: http.StatusNotFound, Body: []byte("no such route of the runtime API: " + path)}, nil
}

func accepted() wire.Answer {
	return wire.Answer{
		Status: http.StatusAccepted,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   []byte(`{"status":"OK"}`),
	}
}

func (f *Function) nextInvocation(ctx context.Context) (wire.Answer, error) {
	inv, err := f.wait(ctx, f.opts.Gate)
	if err != nil {
		return wire.Answer{}, err
	}
	return wire.Answer{
		Status: http.StatusOK,
		Header: http.Header{
			"Content-Type":                        {"application/json"},
			"Lambda-Runtime-Aws-Request-Id":       {inv.id},
			"Lambda-Runtime-Deadline-Ms":          {strconv.FormatInt(inv.deadline.UnixMilli(), 10)},
			"Lambda-Runtime-Invoked-Function-Arn": {f.ARN()},
			"Lambda-Runtime-Trace-Id":             {"Root=1-" + inv.id[:8] + "-" + strings.ReplaceAll(inv.id, "-", "")[8:]},
		},
		Body: inv.payload,
	}, nil
}

var errClosed = errors.New("localaws: the AWS was closed")

// wait returns the next invocation: one that was asked for directly, or a
// batch of the queue.
func (f *Function) wait(ctx context.Context, gate *Gate) (*invocation, error) {
	a := f.aws
	a.account.Lock()
	defer a.account.Unlock()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-a.account.Closed:
			return nil, errClosed
		default:
		}
		if f.ready() {
			if gate != nil {
				a.account.Unlock()
				err := gate.Park(ctx, "poll "+f.name)
				a.account.Lock()
				if err != nil {
					return nil, err
				}
			}
			if inv := f.begin(); inv != nil {
				return inv, nil
			}
			continue
		}
		if err := f.sleep(ctx); err != nil {
			return nil, err
		}
	}
}

// ready tells whether there is something to begin. The caller holds the mutex.
func (f *Function) ready() bool {
	if len(f.direct) > 0 {
		return true
	}
	at, ok := f.next()
	return ok && !at.After(f.aws.account.Now())
}

// sleep waits until there may be something. The caller holds the mutex, which
// is given away meanwhile.
func (f *Function) sleep(ctx context.Context) error {
	a := f.aws
	var timer <-chan time.Time
	if at, ok := f.next(); ok {
		t := time.NewTimer(at.Sub(a.account.Now()))
		defer t.Stop()
		timer = t.C
	}
	arrived, asked := a.sqs.Changed(f.queue), f.changed
	a.account.Unlock()
	defer a.account.Lock()
	select {
	case <-timer:
	case <-arrived:
	case <-asked:
	case <-ctx.Done():
		return ctx.Err()
	case <-a.account.Closed:
		return errClosed
	}
	return nil
}

// begin takes what there is and starts an invocation with it; nil if another
// poller was faster. The caller holds the mutex.
func (f *Function) begin() *invocation {
	a := f.aws
	now := a.account.Now()
	var inv *invocation
	if taken := a.sqs.Take(f.queue, now, f.opts.BatchSize); len(taken) > 0 {
		inv = &invocation{id: a.account.UUID(), messages: taken, payload: f.batchEvent(taken)}
	}
	due := slices.IndexFunc(f.again, func(g again) bool { return !g.at().After(now) })
	switch {
	case inv != nil:
	case due >= 0:
		first := f.again[due].first
		inv = &invocation{id: a.account.UUID(), messages: first.messages, payload: first.payload}
		f.again = slices.Delete(f.again, due, due+1)
	case len(f.direct) > 0:
		inv = f.direct[0]
		f.direct = f.direct[1:]
	default:
		return nil
	}
	inv.began, inv.deadline = now, now.Add(f.opts.Timeout)
	noted := Invocation{ID: inv.id, At: now}
	for _, m := range inv.messages {
		noted.Messages = append(noted.Messages, m.ID)
	}
	inv.note = len(f.invocations)
	f.invocations = append(f.invocations, noted)
	f.running[inv.id] = inv
	if inv.done == nil {
		f.batches = append(f.batches, inv)
	}
	return inv
}

// batchEvent is the event that a batch of messages makes. Source: the Lambda
// developer guide, "Using Lambda with Amazon SQS".
func (f *Function) batchEvent(taken []sqs.Received) []byte {
	records := []any{}
	for _, m := range taken {
		record := map[string]any{
			"messageId":         m.ID,
			"receiptHandle":     m.Receipt,
			"body":              m.Body,
			"attributes":        m.System,
			"messageAttributes": lambdaAttributes(m.Attributes),
			"md5OfBody":         m.MD5,
			"eventSource":       "aws:sqs",
			"eventSourceARN":    f.aws.sqs.ARN(f.queue),
			"awsRegion":         f.aws.account.Region,
		}
		if len(m.Attributes) > 0 {
			record["md5OfMessageAttributes"] = sqs.AttributesMD5(m.Attributes)
		}
		records = append(records, record)
	}
	return wire.JSON(map[string]any{"Records": records})
}

func (f *Function) finish(r *http.Request, id string, failed bool) (wire.Answer, error) {
	body, err := wire.ReadBody(r)
	if err != nil {
		return wire.Answer{}, err
	}
	if gate := f.opts.Gate; gate != nil {
		if err := gate.Park(r.Context(), "settle "+f.name); err != nil {
			return wire.Answer{}, err
		}
	}
	var failure error
	switch {
	case failed:
		failure = functionError(body)
	case r.Trailer.Get("Lambda-Runtime-Function-Error-Type") != "":
		// A function whose answer broke off says so behind the body.
		failure = errors.New(r.Trailer.Get("Lambda-Runtime-Function-Error-Type"))
	}
	f.aws.account.Lock()
	defer f.aws.account.Unlock()
	inv := f.running[id]
	if inv == nil {
		return refusedInvocation("there is no invocation " + id), nil
	}
	if !f.aws.account.Now().Before(inv.deadline) {
		f.end(inv, nil, f.timedOut(inv))
		return refusedInvocation("the invocation " + id + " is past its deadline"), nil
	}
	f.end(inv, body, failure)
	return accepted(), nil
}

func (f *Function) timedOut(inv *invocation) error {
	return fmt.Errorf("%s Task timed out after %.2f seconds", inv.id, f.opts.Timeout.Seconds())
}

func refusedInvocation(why string) wire.Answer {
	return wire.Answer{
		Status: http.StatusBadRequest,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   wire.JSON(map[string]any{"errorMessage": why, "errorType": "InvalidRequestID"}),
	}
}

// functionError is the error that a function reported.
func functionError(body []byte) error {
	var told struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal(body, &told) != nil || told.Type == "" && told.Message == "" {
		return errors.New(string(body))
	}
	return errors.New(told.Type + ": " + told.Message)
}

// end settles an invocation: what the function is done with leaves the queue,
// the rest stays in it and is visible again after the visibility timeout. The
// caller holds the mutex.
func (f *Function) end(inv *invocation, result []byte, failure error) {
	delete(f.running, inv.id)
	noted := &f.invocations[inv.note]
	noted.Over, noted.Answer = true, result
	inv.ended = f.aws.account.Now()
	inv.result, inv.failure = result, failure
	left := map[string]bool{}
	switch {
	case failure != nil:
		noted.Error = failure.Error()
		for _, m := range inv.messages {
			left[m.ID] = true
		}
	case !f.opts.WholeBatches:
		left = itemFailures(result, inv.messages)
	}
	for _, m := range inv.messages {
		if left[m.ID] {
			noted.Failed = append(noted.Failed, m.ID)
			continue
		}
		// Another receive may have taken the message over, then it stays.
		f.aws.sqs.Remove(f.queue, m.Receipt)
	}
	if inv.done != nil {
		close(inv.done)
	}
}

// itemFailures reads which messages a function failed at. What Lambda cannot
// make sense of counts as all of them. Source: the Lambda developer guide,
// "Implementing partial batch responses".
func itemFailures(result []byte, messages []sqs.Received) map[string]bool {
	left := map[string]bool{}
	all := map[string]bool{}
	for _, m := range messages {
		all[m.ID] = true
	}
	text := strings.TrimSpace(string(result))
	if text == "" || text == "null" {
		return left
	}
	var told struct {
		Failures []map[string]any `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(result, &told); err != nil {
		// A plain value is a success; a list that does not parse is not.
		if strings.HasPrefix(text, "{") || !json.Valid(result) {
			return all
		}
		return left
	}
	for _, failure := range told.Failures {
		id, _ := failure["itemIdentifier"].(string)
		if !all[id] {
			return all
		}
		left[id] = true
	}
	return left
}

// Invoke runs the function once with a payload, in one of the processes that
// ask its runtime API for work, and waits for what it answers. What is visible
// in the queue comes first: with one process, the batches of all messages that
// were sent before are settled by then.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	a := f.aws
	a.account.Lock()
	inv := &invocation{id: a.account.UUID(), payload: payload, done: make(chan struct{})}
	f.direct = append(f.direct, inv)
	close(f.changed)
	f.changed = make(chan struct{})
	a.account.Unlock()
	select {
	case <-inv.done:
	case <-ctx.Done():
		a.account.Lock()
		defer a.account.Unlock()
		f.direct = slices.DeleteFunc(f.direct, func(other *invocation) bool { return other == inv })
		return nil, ctx.Err()
	case <-a.account.Closed:
		return nil, errClosed
	}
	a.account.Lock()
	defer a.account.Unlock()
	return inv.result, inv.failure
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

// RunOnce is one round of Run with what is there now. It tells whether there
// was anything.
func (f *Function) RunOnce(ctx context.Context, handler Handler) (bool, error) {
	f.aws.account.Lock()
	var inv *invocation
	if f.ready() {
		inv = f.begin()
	}
	f.aws.account.Unlock()
	if inv == nil {
		return false, nil
	}
	return true, f.run(ctx, inv, handler)
}

func (f *Function) run(ctx context.Context, inv *invocation, handler Handler) error {
	inner, cancel := ctx, func() {}
	if f.aws.opts.Clock == nil {
		inner, cancel = context.WithDeadline(ctx, inv.deadline)
	}
	defer cancel()
	inner = lambdacontext.NewContext(inner, &lambdacontext.LambdaContext{
		AwsRequestID:       inv.id,
		InvokedFunctionArn: f.ARN(),
	})
	result, failure := handler(inner, inv.payload)
	if gate := f.opts.Gate; gate != nil {
		if err := gate.Park(ctx, "settle "+f.name); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		// The process was ended before it could answer.
		return err
	}
	f.aws.account.Lock()
	defer f.aws.account.Unlock()
	if f.running[inv.id] == nil {
		return nil
	}
	if !f.aws.account.Now().Before(inv.deadline) {
		result, failure = nil, f.timedOut(inv)
	}
	f.end(inv, result, failure)
	return nil
}

// Poll makes a function without a name of its own out of a queue and a
// handler, and runs it; see Run.
func (a *AWS) Poll(ctx context.Context, queue string, o FunctionOptions, handler Handler) error {
	a.account.Lock()
	there := a.sqs.Has(queue)
	f := &Function{aws: a, name: queue, queue: queue, opts: o.withDefaults(), running: map[string]*invocation{}, changed: make(chan struct{})}
	a.account.Unlock()
	if !there {
		return fmt.Errorf("localaws: there is no queue named %s", queue)
	}
	return f.Run(ctx, handler)
}

// lambdaAttributes are message attributes as a Lambda event carries them.
func lambdaAttributes(attributes map[string]sqs.Attribute) map[string]any {
	out := map[string]any{}
	for name, attribute := range attributes {
		told := map[string]any{
			"dataType":         attribute.DataType,
			"stringListValues": []string{},
			"binaryListValues": []string{},
		}
		if strings.HasPrefix(attribute.DataType, "Binary") {
			told["binaryValue"] = base64.StdEncoding.EncodeToString(attribute.BinaryValue)
		} else {
			told["stringValue"] = attribute.StringValue
		}
		out[name] = told
	}
	return out
}
