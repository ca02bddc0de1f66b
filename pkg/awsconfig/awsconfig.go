// Package awsconfig is how the commands reach AWS: with the standard settings of its
// tools, patiently, and with words for people where that fails. Start at
// Settings.Load; Plainly says what went wrong with a call. What is deployed has its
// settings from pkg/settings instead, and must not be this patient.
package awsconfig

import (
	"context"
	"errors"
	"fmt"
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

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// Settings say which of the standard AWS settings are meant. The zero value is the
// usual ones.
type Settings struct {
	Profile string // "" for that of the environment
	Region  string // "" for that of the settings
}

// Unusable is the error of settings that no call can be made with.
type Unusable struct {
	What string
	Hint string // what to do
}

func (u Unusable) Error() string { return u.What }

// Load reads the standard AWS settings, and credentials. What people should know while
// they wait is told: once that an answer takes long, and that nobody knows the region.
// Its error is an Unusable.
func (s Settings) Load(ctx context.Context, tell func(string)) (aws.Config, error) {
	waits := &notice{tell: tell}
	options := []func(*config.LoadOptions) error{
		config.WithRetryer(Retryer),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(callTime).WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTime })),
		config.WithAPIOptions([]func(*middleware.Stack) error{waits.watch}),
		// What the SDK would say of its connections is nothing to act on; an error
		// that matters is returned.
		config.WithLogger(logging.Nop{}),
	}
	if s.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(s.Profile))
	}
	if s.Region != "" {
		options = append(options, config.WithRegion(s.Region))
	}
	if s.Region != "" && !regionName.MatchString(s.Region) {
		return aws.Config{}, Unusable{fmt.Sprintf("--region: %q is no region", s.Region), "give one like eu-west-1"}
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, unusable(err)
	}
	if address := aws.ToString(cfg.BaseEndpoint); address != "" && !isAddress(address) {
		return cfg, Unusable{fmt.Sprintf("the address %q for AWS is no URL of a host", address), "write AWS_ENDPOINT_URL like http://127.0.0.1:4566, or unset it"}
	}
	if cfg.Region == "" {
		return cfg, Unusable{"no AWS region is set", "give it with --region, or set AWS_REGION"}
	}
	if unknown := policy.UnknownRegion(cfg.Region); unknown != "" {
		tell(unknown)
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil && ctx.Err() == nil {
		return cfg, noCredentials(err)
	}
	return cfg, nil
}

// unusable says why the AWS settings cannot be used.
func unusable(err error) Unusable {
	what := fmt.Sprintf("the AWS settings cannot be used: %v", err)
	if none, ok := errors.AsType[config.SharedConfigProfileNotExistError](err); ok {
		what = fmt.Sprintf("the AWS settings have no profile %q", none.Profile)
	}
	return Unusable{what, "look at --profile, AWS_PROFILE and ~/.aws/config"}
}

// isAddress reports whether calls can be sent to a URL.
func isAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// noCredentials says why there are none. Without any settings the SDK ends at
// the machine's own, and tells of nothing else.
func noCredentials(err error) Unusable {
	const none, hint = "there are no AWS credentials", "sign in, then set AWS_PROFILE or give --profile"
	_, ended := errors.AsType[*ssocreds.InvalidTokenError](err)
	file, noFile := errors.AsType[*fs.PathError](err)
	call, called := errors.AsType[*smithy.OperationError](err)
	code, text := awstrouble.Code(err)
	switch {
	case strings.Contains(err.Error(), "EC2 IMDS"):
		return Unusable{none, hint}
	case ended, noFile && strings.Contains(filepath.ToSlash(file.Path), "/sso/cache/"):
		return Unusable{none + ": nobody is signed in with SSO", "sign in with 'aws sso login', and set AWS_PROFILE or give --profile"}
	case called && code != "":
		return Unusable{fmt.Sprintf("%s: %s:%s: %s: %s", none, strings.ToLower(call.ServiceID), call.OperationName, code, text), hint}
	case called:
		what, _ := awstrouble.NoAnswer(call)
		return Unusable{fmt.Sprintf("%s: %s:%s: %s", none, strings.ToLower(call.ServiceID), call.OperationName, what), hint}
	}
	return Unusable{none + ": " + strings.TrimPrefix(err.Error(), "failed to refresh cached credentials, "), hint}
}

var regionName = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
