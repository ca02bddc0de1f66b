package localaws

import (
	"context"
	"net/http"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/eks"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// call is a request while it is being answered.
type call struct {
	*wire.Request
	before *Cluster // the cluster as it was before the call
	events [][]byte // what EventBridge is told once the call is over
}

// ServeHTTP answers one call of any service; under /runtimes/NAME it is the
// runtime API of the function of that name.
func (a *AWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ans, err := a.answer(r)
	if err != nil {
		wire.Drop(w)
		return
	}
	ans.Write(w)
}

func (a *AWS) answer(r *http.Request) (wire.Answer, error) {
	if ans, ours, err := a.lambda.Answer(r); ours {
		return ans, err
	}
	return a.serve(r)
}

// serve answers a call. It fails only when the caller went away, or when the
// request could not be read.
func (a *AWS) serve(hr *http.Request) (wire.Answer, error) {
	body, err := wire.ReadBody(hr)
	if err != nil {
		return wire.Answer{}, err
	}
	r := &call{Request: wire.Identify(hr, body)}

	a.account.Lock()
	r.ID = a.account.UUID()
	r.Caller = a.caller(r.AccessKeyID, hr.UserAgent())
	throttled := a.throttle(r.Request)
	hit := a.takeFault(r.Request)
	a.account.Unlock()

	if err := pause(r.Ctx, a.opts.Latency+hit.Delay); err != nil {
		return wire.Answer{}, err
	}
	if hit.Do != nil && hit.Drop != DropAfter {
		hit.Do()
	}
	if hit.Drop == DropBefore {
		a.note(r, nil, true)
		return wire.Answer{Dropped: true}, nil
	}
	failed := hit.failure(r.Service)
	if failed == nil {
		failed = throttled
	}
	body, failed = a.carryOut(r, failed)

	for _, event := range r.events {
		a.deliver(event)
	}
	a.note(r, failed, hit.Drop == DropAfter)
	if hit.Drop == DropAfter {
		if hit.Do != nil {
			hit.Do()
		}
		return wire.Answer{Dropped: true}, nil
	}
	if err := r.Ctx.Err(); err != nil {
		return wire.Answer{}, err
	}
	return wire.Respond(r.Request, body, failed), nil
}

// carryOut lets the call take effect, unless it has failed already, and returns
// the encoded answer or the error.
func (a *AWS) carryOut(r *call, failed *wire.Error) ([]byte, *wire.Error) {
	op, known := a.operations[r.Service][r.Operation]
	if failed == nil && !known {
		failed = wire.Unknown(r.Request)
	}
	a.account.Lock()
	defer a.account.Unlock()
	r.Now = a.account.Now()
	if r.Service == wire.EKS {
		r.before = a.eks.Look(r.Request)
	}
	var out any
	if failed == nil {
		out, failed = op(r.Request)
	}
	var body []byte
	if failed == nil {
		body = wire.Encode(r.Request, out)
	}
	if r.Service == wire.EKS && eks.Mutates(r.Operation) {
		r.events = append(r.events, cloudtrail.Record(a.account, r.Request, body, failed))
	}
	return body, failed
}

// pause waits, or returns why the caller stopped waiting.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// allOperations are what each service can do here.
func (a *AWS) allOperations() map[string]map[string]wire.Operation {
	return map[string]map[string]wire.Operation{
		wire.EKS:      a.eks.Operations(),
		wire.EC2:      a.ec2.Operations(),
		wire.DynamoDB: a.dynamodb.Operations(),
		wire.SQS:      a.sqs.Operations(),
		wire.SNS:      a.sns.Operations(),
	}
}

// window counts the calls of one second.
type window struct {
	second int64
	count  int
}

// throttle reports whether the call exceeds a rate. The caller holds the account's lock.
func (a *AWS) throttle(r *wire.Request) *wire.Error {
	second := a.account.Now().Unix()
	over := false
	for _, key := range []string{r.Service, r.Service + ":" + r.Operation} {
		limit, set := a.opts.Throttle[key]
		if !set {
			continue
		}
		w := a.windows[key]
		if w == nil || w.second != second {
			w = &window{second: second}
			a.windows[key] = w
		}
		w.count++
		over = over || w.count > limit
	}
	if !over {
		return nil
	}
	a.throttled++
	return wire.Throttled(r.Service, a.throttled)
}
