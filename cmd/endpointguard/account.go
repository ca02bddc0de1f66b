package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/pflag"
)

// account is where the live account is found: the standard AWS settings, or
// what the command line says instead.
type account struct{ profile, region string }

func (a *account) flags(set *pflag.FlagSet) {
	set.StringVar(&a.profile, "profile", "", "the `PROFILE` of the AWS settings, if not the usual one")
	set.StringVar(&a.region, "region", "", "the `REGION`, if not that of the AWS settings")
}

// config loads the standard AWS settings.
func (a *account) config(ctx context.Context) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{
		config.WithRetryer(patient),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(callTime)),
		// What the SDK would say of its connections is nothing to act on; an error
		// that matters is returned.
		config.WithLogger(logging.Nop{}),
	}
	if a.profile != "" {
		options = append(options, config.WithSharedConfigProfile(a.profile))
	}
	if a.region != "" {
		options = append(options, config.WithRegion(a.region))
	}
	if a.region != "" && !regionName.MatchString(a.region) {
		return aws.Config{}, usageError{fmt.Sprintf("--region: %q is no region", a.region), "give one like eu-west-1"}
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, usageError{fmt.Sprintf("the AWS settings cannot be used: %v", err), "look at --profile, AWS_PROFILE and ~/.aws/config"}
	}
	if cfg.Region == "" {
		return cfg, usageError{"no AWS region is set", "give it with --region, or set AWS_REGION"}
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil && ctx.Err() == nil {
		return cfg, usageError{fmt.Sprintf("there are no AWS credentials: %v", err), "sign in, then set AWS_PROFILE or give --profile"}
	}
	return cfg, nil
}

var regionName = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)

const (
	maxAttempts = 25
	maxBackoff  = 20 * time.Second
	// callTime is how long one attempt may take. AWS answers reads in well under
	// a second; a connection that a firewall swallowed never does.
	callTime = 30 * time.Second
)

// unreachable says that an address that does not exist, or where nobody listens,
// is not tried again: whoever waits for minutes had rather know at once.
func unreachable(err error) aws.Ternary {
	if name, ok := errors.AsType[*net.DNSError](err); ok && name.IsNotFound || errors.Is(err, syscall.ECONNREFUSED) {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

// patient tries calls that AWS throttles or fails again, for minutes. Nobody
// gets in the way meanwhile: whoever waits makes no other calls. (The SDK's
// adaptive mode holds a lock while it waits, so that an interrupt would wait, too.)
func patient() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff = maxAttempts, maxBackoff
		o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(unreachable)}, o.Retryables...)
		// Its bucket of retries would give up in the middle of a long scan.
		o.RateLimiter = ratelimit.None
	})
}
