package awsconfig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
)

const (
	maxAttempts = 25
	maxBackoff  = 20 * time.Second
	// callTime is how long one attempt may take, dialTime how long of it until
	// there is a connection. AWS answers reads in well under a second; a
	// connection that a firewall swallowed never does.
	callTime = 30 * time.Second
	dialTime = 10 * time.Second
	// maxUnanswered is how often a call is tried that nobody answers: a network
	// that lets nothing through does not come back like a service that is busy.
	maxUnanswered = 3
	// noticeAfter is how long people wait for an answer without being told.
	noticeAfter = 5 * time.Second
	// retriedFor is how long a call is tried again without people being told: a
	// large scan is throttled now and then, for seconds.
	retriedFor = 15 * time.Second
)

// retryer tries calls that AWS throttles or fails again, for minutes, and those
// that nobody answers a few times. Nobody gets in the way meanwhile: whoever
// waits makes no other calls. (The SDK's adaptive mode holds a lock while it
// waits, so that an interrupt would wait, too.)
type retryer struct{ *retry.Standard }

// Retryer is that of the commands.
func Retryer() aws.Retryer {
	return retryer{retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff = maxAttempts, maxBackoff
		o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(hopeless)}, o.Retryables...)
		// Its bucket of retries would give up in the middle of a long scan.
		o.RateLimiter = ratelimit.None
	})}
}

// RetryDelay returns the time until the next attempt, the error itself when
// there is none.
func (r retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if attempt >= maxUnanswered && unanswered(err) {
		return 0, err
	}
	return r.Standard.RetryDelay(attempt, err)
}

// hopeless says that an address that is none or does not exist, or where nobody
// listens, is not tried again: whoever waits for minutes had rather know at once.
func hopeless(err error) aws.Ternary {
	if name, ok := errors.AsType[*net.DNSError](err); ok && name.IsNotFound || errors.Is(err, syscall.ECONNREFUSED) || awstrouble.NoAddress(err) {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

// unanswered reports whether there was no connection, or no answer in time.
func unanswered(err error) bool {
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return true
	}
	_, lookup := errors.AsType[*net.DNSError](err)
	late, ok := errors.AsType[net.Error](err)
	return lookup || ok && late.Timeout()
}

// notice tells once that an answer takes long.
type notice struct {
	tell func(string)
	once sync.Once
}

// lastError is the middleware's own key of what a call's last attempt came to.
type lastError struct{}

// watch has every call, and every attempt of it, watched. It is an API option of
// the SDK.
func (n *notice) watch(stack *middleware.Stack) error {
	call := middleware.InitializeMiddlewareFunc("TellLongCalls", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		last := &atomic.Pointer[error]{}
		service, region := awsmiddleware.GetServiceID(ctx), awsmiddleware.GetRegion(ctx)
		timer := time.AfterFunc(retriedFor, func() {
			if err := last.Load(); err != nil {
				text, _ := awstrouble.Code(*err)
				if text == "" {
					text, _ = unconnected(*err)
				}
				n.say("%s in %s has not answered the same call well for %s (%s): trying on", service, region, retriedFor, text)
			}
		})
		defer timer.Stop()
		return next.HandleInitialize(middleware.WithStackValue(ctx, lastError{}, last), in)
	})
	attempt := middleware.DeserializeMiddlewareFunc("TellLongWaits", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
		if request, ok := in.Request.(*smithyhttp.Request); ok {
			host := request.URL.Host
			timer := time.AfterFunc(noticeAfter, func() { n.say("still waiting for an answer from %s", host) })
			defer timer.Stop()
		}
		out, metadata, err := next.HandleDeserialize(ctx, in)
		if last, ok := middleware.GetStackValue(ctx, lastError{}).(*atomic.Pointer[error]); ok && err != nil {
			last.Store(&err)
		}
		return out, metadata, err
	})
	return errors.Join(stack.Initialize.Add(call, middleware.After), stack.Deserialize.Add(attempt, middleware.Before))
}

func (n *notice) say(format string, args ...any) {
	n.once.Do(func() { n.tell(fmt.Sprintf(format, args...)) })
}
