package doctor

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/endpointguard/endpointguard/pkg/settings"
)

// Functions is the part of Lambda that the doctor needs.
type Functions interface {
	GetFunction(ctx context.Context, in *lambda.GetFunctionInput, options ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error)
	GetFunctionRecursionConfig(ctx context.Context, in *lambda.GetFunctionRecursionConfigInput, options ...func(*lambda.Options)) (*lambda.GetFunctionRecursionConfigOutput, error)
	GetPolicy(ctx context.Context, in *lambda.GetPolicyInput, options ...func(*lambda.Options)) (*lambda.GetPolicyOutput, error)
	ListEventSourceMappings(ctx context.Context, in *lambda.ListEventSourceMappingsInput, options ...func(*lambda.Options)) (*lambda.ListEventSourceMappingsOutput, error)
}

// runs judges whether a function can run at all. Its second result is false when
// there is nothing more to say of it.
func (d Doctor) runs(ctx context.Context, check, name string) (*lambda.GetFunctionOutput, Finding, bool) {
	got, err := d.Functions.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
	switch {
	case isCode(err, "ResourceNotFound"):
		return nil, wrong(check, revert, "the function %s is gone", name), false
	case err != nil:
		return nil, unknown(check, "lambda:GetFunction", err), false
	}
	c := got.Configuration
	switch {
	// Lambda puts a function to sleep that nothing called for weeks; the next
	// call wakes it.
	case c.State != "" && c.State != types.StateActive && c.State != types.StateInactive:
		return got, wrong(check, deploy, "its state is %s: %s", c.State, aws.ToString(c.StateReason)), true
	case c.LastUpdateStatus == types.LastUpdateStatusFailed:
		return got, wrong(check, deploy, "its last update failed: %s", aws.ToString(c.LastUpdateStatusReason)), true
	case got.Concurrency != nil && aws.ToInt32(got.Concurrency.ReservedConcurrentExecutions) == 0:
		return got, wrong(check, "aws lambda delete-function-concurrency --function-name "+name, "its reserved concurrency is 0: it never runs"), true
	}
	return got, fine(check, "%s, changed %s", state(c), aws.ToString(c.LastModified)), true
}

func state(c *types.FunctionConfiguration) string {
	if c.State == "" {
		return string(types.StateActive) // what Lambda leaves out is so
	}
	return string(c.State)
}

func (d Doctor) sweep(ctx context.Context, in Installation, t *deployed) []Finding {
	got, first, there := d.runs(ctx, "function sweep", in.Sweep)
	if !there {
		return []Finding{first}
	}
	return append([]Finding{first}, d.asItWasDeployed(ctx, in, t, "Sweep", in.Sweep, got.Configuration)...)
}

// guardrail judges the function guardrail: that it can run, its loop setting, its
// mode and its policy. It returns the function's environment, too.
func (d Doctor) guardrail(ctx context.Context, in Installation, t *deployed) ([]Finding, map[string]string) {
	got, first, there := d.runs(ctx, "function guardrail", in.Guardrail)
	if !there {
		return []Finding{first}, nil
	}
	environment := map[string]string{}
	if e := got.Configuration.Environment; e != nil {
		environment = e.Variables
	}
	out := []Finding{first, d.loop(ctx, in), mode(in, environment[settings.Mode]), d.policy(ctx, in, got.Code)}
	return append(out, d.asItWasDeployed(ctx, in, t, "Guardrail", in.Guardrail, got.Configuration)...), environment
}

// loop judges what Lambda does to a function that wakes itself through its queue.
func (d Doctor) loop(ctx context.Context, in Installation) Finding {
	const check = "re-checks"
	if strings.HasPrefix(in.Region, "us-gov-") {
		return Finding{Check: check, State: Skipped, What: "Lambda has no recursive loop setting here"}
	}
	got, err := d.Functions.GetFunctionRecursionConfig(ctx, &lambda.GetFunctionRecursionConfigInput{FunctionName: &in.Guardrail})
	switch {
	case err != nil:
		return unknown(check, "lambda:GetFunctionRecursionConfig", err)
	case got.RecursiveLoop != types.RecursiveLoopAllow:
		return wrong(check, "aws lambda put-function-recursion-config --recursive-loop Allow --function-name "+in.Guardrail,
			"Lambda stops them after some 16: the function's recursive loop setting is %s", got.RecursiveLoop)
	}
	return fine(check, "Lambda lets the function wake itself")
}

func mode(in Installation, is string) Finding {
	const check = "mode"
	says := map[string]string{settings.ModeAlert: "alert: people are told, nothing is changed", settings.ModeEnforce: "enforce: the policy's responses are in force"}[is]
	switch {
	case in.Mode != "" && is != in.Mode:
		return wrong(check, revert, "it is %q, and %q was deployed", is, in.Mode)
	case says == "":
		return wrong(check, deploy, "%q is none", is)
	}
	return fine(check, "%s", says)
}

// policy compares the document that the function reads with the file. It is in
// the function's code; the stack's output only tells what was once deployed.
func (d Doctor) policy(ctx context.Context, in Installation, code *types.FunctionCodeLocation) Finding {
	const check = "policy"
	fix := deploy + ", or name the deployed document with --policy"
	deployed, err := d.deployedPolicy(ctx, code)
	switch {
	case err == nil && bytes.Equal(deployed, d.Policy.Text):
		return fine(check, "%s (%s)", d.Policy.Name, d.Policy.Hash)
	case err == nil:
		return wrong(check, fix, "the function has another document than %s (%s)", d.Policy.Name, d.Policy.Hash)
	case in.PolicyHash == "":
		return Finding{check, Unknown, fmt.Sprintf("not known: %v, and the stack has no output PolicyHash", err), "run it again, with access to S3 and credentials that may lambda:GetFunction"}
	case in.PolicyHash != d.Policy.Hash:
		return wrong(check, fix, "%s was deployed, %s is %s", in.PolicyHash, d.Policy.Name, d.Policy.Hash)
	}
	return fine(check, "%s (%s), as the stack says: %v", d.Policy.Name, d.Policy.Hash, err)
}

// policyInCode is what the document is called in the function's code. Source:
// infra/bundle.
const policyInCode = "policy.yaml"

// maxPolicy bounds what is read of the document, in bytes.
const maxPolicy = 4 << 20

func (d Doctor) deployedPolicy(ctx context.Context, code *types.FunctionCodeLocation) ([]byte, error) {
	if code == nil || !strings.HasPrefix(aws.ToString(code.Location), "http") {
		return nil, errors.New("where the function's code is was not told")
	}
	data, err := d.Download(ctx, *code.Location)
	if err != nil {
		return nil, fmt.Errorf("the function's code could not be read: %w", err)
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("the function's code could not be read: %w", err)
	}
	f, err := archive.Open(policyInCode)
	if err != nil {
		return nil, fmt.Errorf("the function's code has no %s: %w", policyInCode, err)
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxPolicy))
}

const (
	// maxCode bounds what is downloaded of a function, in bytes: Lambda takes
	// no larger zip file. Source: the Lambda developer guide, "Lambda quotas".
	maxCode = 250 << 20
	// downloadTime bounds how long that may take.
	downloadTime = 30 * time.Second
)

// Download gets what is at the URL. The URL is signed: it never gets into an error.
func Download(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, downloadTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, errors.New("its address is no URL")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s does not answer", request.URL.Host)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", request.URL.Host, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxCode))
}
