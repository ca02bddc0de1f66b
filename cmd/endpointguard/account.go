package main

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/pflag"

	"github.com/endpointguard/endpointguard/pkg/awsconfig"
	"github.com/endpointguard/endpointguard/pkg/text"
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
	return awsconfig.Settings{Profile: a.profile, Region: a.region}.Load(ctx, tell)
}

// telling writes what a person should know while a command runs.
func telling(errs io.Writer) func(string) {
	return func(line string) { _, _ = fmt.Fprintln(errs, "endpointguard: "+text.Reveal(line)) }
}
