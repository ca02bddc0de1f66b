package ekscluster_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/endpointguard/endpointguard/pkg/ekscluster"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

var (
	private = endpoint.Access{Private: true}
	office  = endpoint.Access{Public: true, Private: true, CIDRs: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}
)

func open(t *testing.T) (*localaws.AWS, *ekscluster.Clusters, *ekscluster.Networks) {
	t.Helper()
	a := localaws.New(localaws.Options{})
	cfg := a.Config("AKIDGUARDRAIL")
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	return a, ekscluster.New(eks.NewFromConfig(cfg)), ekscluster.NewNetworks(ec2.NewFromConfig(cfg))
}

func TestCluster(t *testing.T) {
	a, clusters, _ := open(t)
	born := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	a.PutCluster(localaws.Cluster{
		Name: "demo", CreatedAt: born, Public: true, Private: true, CIDRs: []string{"198.51.100.0/24", "2001:db8::/32"}, IPFamily: "ipv6",
		VPC: "vpc-1", SecurityGroups: []string{"sg-1"}, ClusterSecurityGroup: "sg-own", Tags: map[string]string{"environment": "prod"},
		Logging: []string{"audit"}, RemoteNodeNetworks: []string{"10.1.0.0/16"},
	})
	got, err := clusters.Cluster(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	want := endpoint.Cluster{
		ID:        endpoint.ID{ARN: "arn:aws:eks:eu-west-1:111122223333:cluster/demo", CreatedAt: born},
		Partition: "aws", Account: "111122223333", Region: "eu-west-1", Name: "demo", Status: endpoint.StatusActive,
		Access: endpoint.Access{Public: true, Private: true, CIDRs: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8::/32")}},
		Family: endpoint.IPv6, Tags: map[string]string{"environment": "prod"}, VPC: "vpc-1", SecurityGroups: []string{"sg-1"},
		ClusterSecurityGroup: "sg-own", AuditLogs: true, HybridNodes: true,
	}
	byText := cmpopts.SortSlices(func(a, b netip.Prefix) bool { return a.String() < b.String() })
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{}), byText); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOtherKindsOfClusters(t *testing.T) {
	a, clusters, _ := open(t)
	a.PutCluster(localaws.Cluster{Name: "outpost", Private: true, OutpostARNs: []string{"arn:aws:outposts:eu-west-1:111122223333:outpost/op-1"}})
	a.PutCluster(localaws.Cluster{Name: "connected", Connector: "OTHER"})
	if c, err := clusters.Cluster(t.Context(), "outpost"); err != nil || !c.OutpostsLocal {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := clusters.Cluster(t.Context(), "connected"); err != nil || !c.Connected {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestEveryErrorIsSortedOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		fault localaws.Fault
		want  trouble.Sort
	}{
		"in use":      {localaws.Fault{Status: 409, Type: "ResourceInUseException", Message: "Cannot EndpointAccessUpdate because cluster demo currently has update 11111111-2222-4333-8444-555555555555 in progress"}, trouble.NotNow},
		"creating":    {localaws.Fault{Status: 400, Type: "InvalidRequestException", Message: "any text"}, trouble.NotNow},
		"desired":     {localaws.Fault{Status: 400, Type: "InvalidParameterException", Message: "Cluster is already at the desired configuration with endpointPrivateAccess: true"}, trouble.NothingToDo},
		"parameter":   {localaws.Fault{Status: 400, Type: "InvalidParameterException", Message: "The following CIDRs are invalid"}, trouble.Refused},
		"no cluster":  {localaws.Fault{Status: 404, Type: "ResourceNotFoundException", Message: "No cluster found for name: demo."}, trouble.Gone},
		"odd 404":     {localaws.Fault{Status: 400, Type: "ClientException", Message: "No cluster found for name: demo."}, trouble.Gone},
		"client":      {localaws.Fault{Status: 400, Type: "ClientException", Message: "something else"}, trouble.Transient},
		"no right":    {localaws.Fault{Status: 403, Type: "AccessDeniedException", Message: "not authorized"}, trouble.Refused},
		"bad token":   {localaws.Fault{Status: 403, Type: "UnrecognizedClientException", Message: "bad"}, trouble.Refused},
		"throttled":   {localaws.Fault{Status: 429, Type: "ThrottlingException", Message: "slow down"}, trouble.Transient},
		"many":        {localaws.Fault{Status: 429, Type: "TooManyRequestsException"}, trouble.Transient},
		"server":      {localaws.Fault{Status: 500, Type: "ServerException"}, trouble.Transient},
		"no answer":   {localaws.Fault{Drop: localaws.DropAfter}, trouble.Transient},
		"unavailable": {localaws.Fault{Status: 503}, trouble.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			a, clusters, _ := open(t)
			a.PutCluster(localaws.Cluster{Name: "demo", Public: true})
			a.Inject(tc.fault)
			_, err := clusters.Apply(t.Context(), "demo", private, "token")
			if got := trouble.Of(err); got != tc.want {
				t.Errorf("%v is sorted as %q, want %q", err, got, tc.want)
			}
			sorted, ok := err.(*trouble.Error) //nolint:errorlint // it is the adapter's own
			if !ok || !strings.Contains(sorted.Error(), "eks:UpdateClusterConfig demo") {
				t.Errorf("%#v", err)
			}
		})
	}
}

func TestApplyNeverSends(t *testing.T) {
	a, clusters, _ := open(t)
	a.PutCluster(localaws.Cluster{Name: "demo", Public: true, CIDRs: []string{"198.51.100.0/24"}})
	for _, access := range []endpoint.Access{{}, {Public: true}, {Public: true, Private: true}} {
		if _, err := clusters.Apply(t.Context(), "demo", access, "token"); trouble.Of(err) != trouble.Refused {
			t.Errorf("%s: %v", access, err)
		}
	}
	if calls := a.Calls(); len(calls) > 0 {
		t.Errorf("such a request went out: %+v", calls)
	}
}

func TestUpdatesAndHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, clusters, _ := open(t)
		a.PutCluster(localaws.Cluster{Name: "demo", Public: true})
		u, err := clusters.Apply(t.Context(), "demo", office, "token")
		if err != nil || u.Status != endpoint.UpdateInProgress || !u.Asked.Over(endpoint.Access{}).Equal(office) {
			t.Fatalf("%+v, %v", u, err)
		}
		again, err := clusters.Apply(t.Context(), "demo", office, "token")
		if err != nil || again.ID != u.ID {
			t.Errorf("the same token began another update: %+v, %v", again, err)
		}
		_, err = clusters.Apply(t.Context(), "demo", private, "other")
		if trouble.Of(err) != trouble.NotNow {
			t.Errorf("%v", err)
		}
		<-time.After(time.Hour)
		if err := a.FailNextUpdate("demo", "IpNotAvailable", "none left"); err != nil {
			t.Fatal(err)
		}
		if _, err := clusters.Apply(t.Context(), "demo", private, "other"); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Hour)
		history, err := clusters.History(t.Context(), "demo", none)
		if err != nil || len(history.Read) != 2 || len(history.Listed) != 2 || !history.Whole {
			t.Fatalf("%+v, %v", history, err)
		}
		for _, h := range history.Read {
			if h.ID == u.ID && (h.Status != endpoint.UpdateSuccessful || h.Type != endpoint.EndpointAccessUpdate) {
				t.Errorf("%+v", h)
			}
			if h.ID != u.ID && (h.Status != endpoint.UpdateFailed || len(h.Errors) != 1 || h.Errors[0].Code != "IpNotAvailable") {
				t.Errorf("%+v", h)
			}
		}
		if _, err := clusters.Update(t.Context(), "demo", "11111111-2222-4333-8444-555555555555"); trouble.Of(err) != trouble.Gone {
			t.Errorf("%v", err)
		}
		if _, err := clusters.History(t.Context(), "other", none); trouble.Of(err) != trouble.Gone {
			t.Errorf("%v", err)
		}
	})
}

func none(string) bool { return false }

// TestALongHistory: more updates than a page lists, read as far as the time goes and
// gone on with, each described once.
func TestALongHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, clusters, _ := open(t)
		a.PutCluster(localaws.Cluster{Name: "demo"})
		const updates = 250
		for range updates {
			if _, err := a.StartUpdate("demo", "LoggingUpdate", time.Second); err != nil {
				t.Fatal(err)
			}
			<-time.After(2 * time.Second)
		}
		a.Inject(localaws.Fault{Operation: "DescribeUpdate", Delay: 300 * time.Millisecond, Times: -1})
		seen := map[string]bool{}
		checks := 0
		for whole := false; !whole; checks++ {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			history, err := clusters.History(ctx, "demo", func(id string) bool { return seen[id] })
			cancel()
			if err != nil || len(history.Listed) != updates {
				t.Fatalf("%d listed, %v", len(history.Listed), err)
			}
			for _, u := range history.Read {
				if seen[u.ID] {
					t.Errorf("update %s is described again", u.ID)
				}
				seen[u.ID] = true
			}
			whole = history.Whole
		}
		if len(seen) != updates || checks != 3 {
			t.Errorf("%d of %d updates were described in %d checks", len(seen), updates, checks)
		}
		a.Inject(localaws.Fault{Operation: "ListUpdates", Status: 403, Times: -1})
		if _, err := clusters.History(t.Context(), "demo", none); trouble.Of(err) != trouble.Refused {
			t.Errorf("%v", err)
		}
	})
}

// TestRepeated: whether EKS's answer is to the first sending of a call.
func TestRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{})
		a.PutCluster(localaws.Cluster{Name: "demo", Public: true})
		clusters := ekscluster.New(eks.NewFromConfig(a.Config("AKIDGUARDRAIL")))
		busy := localaws.Fault{Operation: "UpdateClusterConfig", Type: "ResourceInUseException", Message: "Cannot EndpointAccessUpdate because cluster demo currently has update 11111111-2222-4333-8444-555555555555 in progress"}
		repeated := func() bool {
			_, err := clusters.Apply(t.Context(), "demo", private, "token")
			sorted, ok := errors.AsType[*trouble.Error](err)
			if !ok || sorted.Sort != trouble.NotNow {
				t.Fatalf("%v", err)
			}
			return sorted.Repeated
		}
		a.Inject(busy)
		if repeated() {
			t.Error("the answer to the first sending is taken for one to a repetition")
		}
		a.Inject(localaws.Fault{Operation: "UpdateClusterConfig", Status: 500})
		a.Inject(busy)
		if !repeated() {
			t.Error("the answer to a repetition is taken for one to the first sending")
		}
	})
}

func TestAnswersThatLackWhatIsNeeded(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":     `{}`,
		"no arn":      `{"cluster":{"name":"demo","createdAt":1}}`,
		"a bad arn":   `{"cluster":{"name":"demo","createdAt":1,"arn":"demo"}}`,
		"no config":   `{"cluster":{"name":"demo","createdAt":1,"arn":"arn:aws:eks:eu-west-1:111122223333:cluster/demo"}}`,
		"a bad block": `{"cluster":{"name":"demo","createdAt":1,"arn":"arn:aws:eks:eu-west-1:111122223333:cluster/demo","resourcesVpcConfig":{"publicAccessCidrs":["everywhere"]}}}`,
		"no update":   `{"update":{}}`,
	} {
		t.Run(name, func(t *testing.T) {
			clusters := ekscluster.New(eks.NewFromConfig(answering(body)))
			if _, err := clusters.Cluster(t.Context(), "demo"); trouble.Of(err) != trouble.Unreadable {
				t.Errorf("cluster: %v", err)
			}
			if _, err := clusters.Apply(t.Context(), "demo", private, "t"); trouble.Of(err) != trouble.Unreadable {
				t.Errorf("update: %v", err)
			}
		})
	}
}
