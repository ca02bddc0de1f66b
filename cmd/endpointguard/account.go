package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	"github.com/spf13/pflag"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
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
		return cfg, unusable(err)
	}
	if address := aws.ToString(cfg.BaseEndpoint); address != "" && !isAddress(address) {
		return cfg, usageError{fmt.Sprintf("the address %q for AWS is no URL of a host", address), "write AWS_ENDPOINT_URL like http://127.0.0.1:4566, or unset it"}
	}
	if cfg.Region == "" {
		return cfg, usageError{"no AWS region is set", "give it with --region, or set AWS_REGION"}
	}
	if unknown := unknownRegion(cfg.Region); unknown != "" {
		tell(unknown)
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil && ctx.Err() == nil {
		return cfg, noCredentials(err)
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

// unusable says why the AWS settings cannot be used.
func unusable(err error) usageError {
	what := fmt.Sprintf("the AWS settings cannot be used: %v", err)
	if none, ok := errors.AsType[config.SharedConfigProfileNotExistError](err); ok {
		what = fmt.Sprintf("the AWS settings have no profile %q", none.Profile)
	}
	return usageError{what, "look at --profile, AWS_PROFILE and ~/.aws/config"}
}

// isAddress reports whether calls can be sent to a URL.
func isAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// noCredentials says why there are none. Without any settings the SDK ends at
// the machine's own, and tells of nothing else.
func noCredentials(err error) usageError {
	const none, hint = "there are no AWS credentials", "sign in, then set AWS_PROFILE or give --profile"
	_, ended := errors.AsType[*ssocreds.InvalidTokenError](err)
	file, noFile := errors.AsType[*fs.PathError](err)
	call, called := errors.AsType[*smithy.OperationError](err)
	code, text := awstrouble.Code(err)
	switch {
	case strings.Contains(err.Error(), "EC2 IMDS"):
		return usageError{none, hint}
	case ended, noFile && strings.Contains(filepath.ToSlash(file.Path), "/sso/cache/"):
		return usageError{none + ": nobody is signed in with SSO", "sign in with 'aws sso login', and set AWS_PROFILE or give --profile"}
	case called && code != "":
		return usageError{fmt.Sprintf("%s: %s:%s: %s: %s", none, strings.ToLower(call.ServiceID), call.OperationName, code, text), hint}
	case called:
		what, _ := awstrouble.NoAnswer(call)
		return usageError{fmt.Sprintf("%s: %s:%s: %s", none, strings.ToLower(call.ServiceID), call.OperationName, what), hint}
	}
	return usageError{none + ": " + strings.TrimPrefix(err.Error(), "failed to refresh cached credentials, "), hint}
}

// telling writes what a person should know while a command runs.
func telling(errs io.Writer) func(string) {
	return func(text string) { _, _ = fmt.Fprintln(errs, "endpointguard: "+text) }
}

var regionName = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
