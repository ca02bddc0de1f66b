package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	"github.com/spf13/pflag"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// account is where the live account is found: the standard AWS settings, or
// what the command line says instead.
type account struct{ profile, region string }

func (a *account) flags(set *pflag.FlagSet) {
	set.StringVar(&a.profile, "profile", "", "the `PROFILE` of the AWS settings, if not the usual one")
	set.StringVar(&a.region, "region", "", "the `REGION`, if not that of the AWS settings")
}

// config loads the standard AWS settings. An answer that takes long is told once.
func (a *account) config(ctx context.Context, tell func(string)) (aws.Config, error) {
	waits := &notice{tell: tell}
	options := []func(*config.LoadOptions) error{
		config.WithRetryer(patient),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(callTime).WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTime })),
		config.WithAPIOptions([]func(*middleware.Stack) error{waits.watch}),
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
	if unknown := unknownRegion(cfg.Region); unknown != "" {
		tell(unknown)
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil && ctx.Err() == nil {
		return cfg, usageError{noCredentials(err), "sign in, then set AWS_PROFILE or give --profile"}
	}
	return cfg, nil
}

// unknownRegion says of a region, as validate does, that none is known by that
// name, "" of one that is known. AWS opens new ones, so that it is nothing to
// refuse.
func unknownRegion(region string) string {
	if endpoint.KnownRegion(region) {
		return ""
	}
	hint := "regions are called like eu-west-1"
	if near := policy.NearestRegion(region); near != "" && !strings.Contains(near, "*") {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	return fmt.Sprintf("no AWS region is called %q, as far as this version knows; %s", region, hint)
}

// noCredentials says why there are none. Without any settings the SDK ends at
// the machine's own, and tells of nothing else.
func noCredentials(err error) string {
	const none = "there are no AWS credentials"
	if strings.Contains(err.Error(), "EC2 IMDS") {
		return none
	}
	return fmt.Sprintf("%s: %v", none, err)
}

// telling writes what a person should know while a command runs.
func telling(errs io.Writer) func(string) {
	return func(text string) { _, _ = fmt.Fprintln(errs, "endpointguard: "+text) }
}

var regionName = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
