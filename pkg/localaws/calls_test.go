package localaws_test

import (
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

func TestCallsTellWhatWasAsked(t *testing.T) {
	var told []localaws.Call
	a := localaws.New(localaws.Options{OnCall: func(c localaws.Call) { told = append(told, c) }})
	a.AddRole(key, "guardrail", "run")
	a.PutCluster(localaws.Cluster{Name: "c", Public: true, Tags: map[string]string{"a": "b"}})
	c := eksClient(a)
	_, err := setAccess(c, t, "c", nil, on, []string{"203.0.113.0/24"})
	must(t, err)
	_, err = c.UpdateClusterConfig(ctx(t), &eks.UpdateClusterConfigInput{
		Name: aws.String("c"), ResourcesVpcConfig: &types.VpcConfigRequest{EndpointPublicAccess: off, PublicAccessCidrs: []string{}},
		Logging: &types.Logging{},
	})
	wantError(t, err, "InvalidParameterException", "Only one type of update can be allowed.")
	describe(t, c, "c")

	calls := a.Calls()
	if len(calls) != 3 || len(told) != 3 {
		t.Fatalf("%d calls noted, %d told", len(calls), len(told))
	}
	if d := cmp.Diff(calls, told); d != "" {
		t.Errorf("noted and told differ:\n%s", d)
	}
	first, second, third := calls[0], calls[1], calls[2]
	if first.ID == "" || first.ID == second.ID {
		t.Errorf("the SDK's ids are %q and %q", first.ID, second.ID)
	}
	if d := cmp.Diff(&localaws.EndpointParams{Cluster: "c", Private: on, CIDRs: &[]string{"203.0.113.0/24"}}, first.Endpoint); d != "" {
		t.Errorf("first (-want +got):\n%s", d)
	}
	if d := cmp.Diff(&localaws.EndpointParams{Cluster: "c", Public: off, CIDRs: &[]string{}, Others: []string{"LoggingUpdate"}}, second.Endpoint); d != "" {
		t.Errorf("second (-want +got):\n%s", d)
	}
	if first.Error != "" || second.Error != "InvalidParameterException" || third.Endpoint != nil {
		t.Errorf("errors %q, %q; endpoint of a read %v", first.Error, second.Error, third.Endpoint)
	}
	if first.Before == nil || first.Before.Private || len(first.Before.Updates) != 0 || second.Before.Status != "UPDATING" || third.Before.Tags["a"] != "b" {
		t.Errorf("before the first call: %+v", first.Before)
	}
	if first.Caller.SessionIssuerName != "guardrail" || first.Params["name"] != "c" || first.Params["resourcesVpcConfig"] == nil {
		t.Errorf("caller %+v, params %v", first.Caller, first.Params)
	}
	a.ForgetCalls()
	if n := len(a.Calls()); n != 0 {
		t.Errorf("%d calls are still there", n)
	}
}

func TestBatchesNeedTheActionOfTheSingleCall(t *testing.T) {
	a := localaws.New(localaws.Options{})
	url, err := a.CreateQueue("work", localaws.QueueOptions{})
	must(t, err)
	_, err = sqs.NewFromConfig(once(a)).SendMessageBatch(ctx(t), &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: []sqstypes.SendMessageBatchRequestEntry{{Id: aws.String("a"), MessageBody: aws.String("x")}}})
	must(t, err)
	if got := a.Calls()[0].Action; got != "sqs:SendMessage" {
		t.Errorf("action %s", got)
	}
}

// All tries of one call have one id.
func TestTriesOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{})
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		a.Inject(localaws.Fault{Status: 503, Times: 2})
		c := eks.NewFromConfig(patient(a))
		describe(t, c, "c")
		describe(t, c, "c")
		calls := a.Calls()
		if len(calls) != 4 || calls[0].ID != calls[1].ID || calls[0].ID != calls[2].ID || calls[0].ID == calls[3].ID {
			t.Errorf("calls: %+v", calls)
		}
	})
}
