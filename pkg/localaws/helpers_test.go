package localaws_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/smithy-go"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

const key = "AKIDALICE"

// once is a configuration that does not retry, so that a test sees each answer.
func once(a *localaws.AWS) aws.Config { return onceAs(a, key) }

func onceAs(a *localaws.AWS, key string) aws.Config {
	cfg := a.Config(key)
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	return cfg
}

// patient retries for as long as a test may want.
func patient(a *localaws.AWS) aws.Config {
	cfg := a.Config(key)
	cfg.Retryer = func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), 50) }
	return cfg
}

func eksClient(a *localaws.AWS) *eks.Client { return eks.NewFromConfig(once(a)) }

// wantError checks the type and, unless it is empty, the text of an AWS error.
func wantError(t *testing.T, err error, code, message string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want the AWS error %s", err, code)
	}
	if e.ErrorCode() != code {
		t.Errorf("got the error %s (%s), want %s", e.ErrorCode(), e.ErrorMessage(), code)
	}
	if message != "" && e.ErrorMessage() != message {
		t.Errorf("error text:\n got %s\nwant %s", e.ErrorMessage(), message)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ctx(t *testing.T) context.Context { return t.Context() }

func describe(t *testing.T, c *eks.Client, name string) *types.Cluster {
	t.Helper()
	out, err := c.DescribeCluster(t.Context(), &eks.DescribeClusterInput{Name: &name})
	must(t, err)
	return out.Cluster
}

func updateStatus(t *testing.T, c *eks.Client, name, id string) types.UpdateStatus {
	t.Helper()
	out, err := c.DescribeUpdate(t.Context(), &eks.DescribeUpdateInput{Name: &name, UpdateId: &id})
	must(t, err)
	return out.Update.Status
}

func setAccess(c *eks.Client, t *testing.T, name string, public, private *bool, cidrs []string) (*types.Update, error) {
	t.Helper()
	out, err := c.UpdateClusterConfig(t.Context(), &eks.UpdateClusterConfigInput{
		Name: &name,
		ResourcesVpcConfig: &types.VpcConfigRequest{
			EndpointPublicAccess:  public,
			EndpointPrivateAccess: private,
			PublicAccessCidrs:     cidrs,
		},
	})
	if err != nil {
		return nil, err
	}
	return out.Update, nil
}

var on, off = aws.Bool(true), aws.Bool(false)

// sleep lets time pass inside a bubble.
func sleep(d time.Duration) { <-time.After(d) }
