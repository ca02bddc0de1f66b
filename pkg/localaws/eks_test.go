package localaws_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

func TestClusterIsCreated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{Durations: localaws.Durations{Create: 14 * time.Minute}})
		c := eksClient(a)
		began := time.Now()
		out, err := c.CreateCluster(ctx(t), &eks.CreateClusterInput{
			Name:               aws.String("demo-1"),
			RoleArn:            aws.String("arn:aws:iam::111122223333:role/eks"),
			ResourcesVpcConfig: &types.VpcConfigRequest{SubnetIds: []string{"subnet-1", "subnet-2"}},
			Tags:               map[string]string{"environment": "prod"},
			AccessConfig:       &types.CreateAccessConfigRequest{AuthenticationMode: types.AuthenticationModeApi},
		})
		must(t, err)
		got := out.Cluster
		if got.Status != types.ClusterStatusCreating || got.Endpoint != nil || got.ResourcesVpcConfig.ClusterSecurityGroupId != nil {
			t.Errorf("while it is created: status %s, endpoint %v, security group %v; want CREATING and neither",
				got.Status, got.Endpoint, got.ResourcesVpcConfig.ClusterSecurityGroupId)
		}
		if !got.CreatedAt.Equal(began.Truncate(time.Millisecond)) {
			t.Errorf("created at %v, want %v", got.CreatedAt, began)
		}
		if want := "arn:aws:eks:eu-west-1:111122223333:cluster/demo-1"; *got.Arn != want {
			t.Errorf("ARN %s, want %s", *got.Arn, want)
		}
		vpc := got.ResourcesVpcConfig
		if !vpc.EndpointPublicAccess || vpc.EndpointPrivateAccess || !slices.Equal(vpc.PublicAccessCidrs, []string{"0.0.0.0/0"}) {
			t.Errorf("defaults are public %t, private %t, CIDRs %v; want true, false, the world", vpc.EndpointPublicAccess, vpc.EndpointPrivateAccess, vpc.PublicAccessCidrs)
		}

		sleep(14*time.Minute - time.Millisecond)
		if s := describe(t, c, "demo-1").Status; s != types.ClusterStatusCreating {
			t.Errorf("a moment before: %s, want CREATING", s)
		}
		sleep(time.Millisecond)
		now := describe(t, c, "demo-1")
		if now.Status != types.ClusterStatusActive || now.Endpoint == nil || now.ResourcesVpcConfig.ClusterSecurityGroupId == nil {
			t.Errorf("after 14 minutes: %s, endpoint %v", now.Status, now.Endpoint)
		}
		if now.AccessConfig.AuthenticationMode != types.AuthenticationModeApi || now.Tags["environment"] != "prod" {
			t.Errorf("what was asked for is not shown: %+v, %v", now.AccessConfig, now.Tags)
		}
	})
}

func TestCreateDefaults(t *testing.T) {
	ipv6 := &types.KubernetesNetworkConfigRequest{IpFamily: types.IpFamilyIpv6}
	for _, tc := range []struct {
		name    string
		vpc     types.VpcConfigRequest
		network *types.KubernetesNetworkConfigRequest
		public  bool
		private bool
		cidrs   []string
	}{
		{name: "nothing said", public: true, cidrs: []string{"0.0.0.0/0"}},
		{name: "ipv6", network: ipv6, public: true, cidrs: []string{"0.0.0.0/0", "::/0"}},
		{name: "private only", vpc: types.VpcConfigRequest{EndpointPublicAccess: off, EndpointPrivateAccess: on}, private: true, cidrs: []string{}},
		{
			name:    "private only with CIDRs",
			vpc:     types.VpcConfigRequest{EndpointPublicAccess: off, EndpointPrivateAccess: on, PublicAccessCidrs: []string{"203.0.113.0/24"}},
			private: true, cidrs: []string{},
		},
		{
			name:    "both, limited",
			vpc:     types.VpcConfigRequest{EndpointPrivateAccess: on, PublicAccessCidrs: []string{"203.0.113.0/24", "2001:db8::/32"}},
			network: ipv6, public: true, private: true, cidrs: []string{"203.0.113.0/24", "2001:db8::/32"},
		},
		{name: "an empty list", vpc: types.VpcConfigRequest{PublicAccessCidrs: []string{}}, public: true, cidrs: []string{"0.0.0.0/0"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := localaws.New(localaws.Options{})
			out, err := eksClient(a).CreateCluster(ctx(t), &eks.CreateClusterInput{
				Name: aws.String("c"), RoleArn: aws.String("r"), ResourcesVpcConfig: &tc.vpc, KubernetesNetworkConfig: tc.network,
			})
			must(t, err)
			vpc := out.Cluster.ResourcesVpcConfig
			if vpc.EndpointPublicAccess != tc.public || vpc.EndpointPrivateAccess != tc.private {
				t.Errorf("public %t, private %t; want %t, %t", vpc.EndpointPublicAccess, vpc.EndpointPrivateAccess, tc.public, tc.private)
			}
			if d := cmp.Diff(tc.cidrs, vpc.PublicAccessCidrs, cmpopts.SortSlices(strings.Compare)); d != "" {
				t.Errorf("CIDRs (-want +got):\n%s", d)
			}
			if ipv6 := tc.network != nil; ipv6 != (out.Cluster.KubernetesNetworkConfig.IpFamily == types.IpFamilyIpv6) {
				t.Errorf("family %s", out.Cluster.KubernetesNetworkConfig.IpFamily)
			}
		})
	}
}

func TestCreateRefusals(t *testing.T) {
	for _, tc := range []struct {
		name          string
		in            eks.CreateClusterInput
		code, message string
	}{
		{
			name: "taken", in: eks.CreateClusterInput{Name: aws.String("taken"), ResourcesVpcConfig: &types.VpcConfigRequest{}},
			code: "ResourceInUseException", message: "Cluster already exists with name: taken",
		},
		{
			name: "no name", in: eks.CreateClusterInput{Name: aws.String("-x"), ResourcesVpcConfig: &types.VpcConfigRequest{}},
			code: "InvalidParameterException",
		},
		{
			name: "both off",
			in:   eks.CreateClusterInput{Name: aws.String("x"), ResourcesVpcConfig: &types.VpcConfigRequest{EndpointPublicAccess: off}},
			code: "InvalidParameterException", message: "Both private and public endpoint access cannot be false",
		},
		{
			name: "bad CIDR",
			in:   eks.CreateClusterInput{Name: aws.String("x"), ResourcesVpcConfig: &types.VpcConfigRequest{PublicAccessCidrs: []string{"10.0.0.0/8"}}},
			code: "InvalidParameterException", message: "The following CIDRs are invalid in publicAccessCidrs: [10.0.0.0/8]",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := localaws.New(localaws.Options{})
			a.PutCluster(localaws.Cluster{Name: "taken", Public: true})
			tc.in.RoleArn = aws.String("r")
			_, err := eksClient(a).CreateCluster(ctx(t), &tc.in)
			wantError(t, err, tc.code, tc.message)
		})
	}
}

func TestNewClusterIsNotFoundAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{NotFoundAfterCreate: 5 * time.Second})
		c := eksClient(a)
		_, err := c.CreateCluster(ctx(t), &eks.CreateClusterInput{Name: aws.String("c"), RoleArn: aws.String("r"), ResourcesVpcConfig: &types.VpcConfigRequest{}})
		must(t, err)
		_, err = c.DescribeCluster(ctx(t), &eks.DescribeClusterInput{Name: aws.String("c")})
		wantError(t, err, "ResourceNotFoundException", "No cluster found for name: c.")
		sleep(5 * time.Second)
		describe(t, c, "c")
	})
}

func TestUpdateLifeCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{Durations: localaws.Durations{EndpointUpdate: 4 * time.Minute}})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		u, err := setAccess(c, t, "c", nil, on, []string{"203.0.113.0/24"})
		must(t, err)
		got := map[string]string{}
		for _, p := range u.Params {
			got[string(p.Type)] = *p.Value
		}
		want := map[string]string{"EndpointPublicAccess": "true", "EndpointPrivateAccess": "true", "PublicAccessCidrs": `["203.0.113.0/24"]`}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("params (-want +got):\n%s", d)
		}
		if u.Type != types.UpdateTypeEndpointAccessUpdate || u.Status != types.UpdateStatusInProgress || u.CreatedAt == nil {
			t.Errorf("the answer is %s %s %v", u.Type, u.Status, u.CreatedAt)
		}

		sleep(4*time.Minute - time.Millisecond)
		now := describe(t, c, "c")
		if now.Status != types.ClusterStatusUpdating || now.ResourcesVpcConfig.EndpointPrivateAccess || !slices.Equal(now.ResourcesVpcConfig.PublicAccessCidrs, []string{"0.0.0.0/0"}) {
			t.Errorf("while it is updated: %s, %+v; want UPDATING and the old values", now.Status, now.ResourcesVpcConfig)
		}
		_, err = setAccess(c, t, "c", nil, on, nil)
		wantError(t, err, "ResourceInUseException", "Cannot EndpointAccessUpdate because cluster c currently has update "+*u.Id+" in progress")
		_, err = c.UpdateClusterConfig(ctx(t), &eks.UpdateClusterConfigInput{Name: aws.String("c"), Logging: &types.Logging{
			ClusterLogging: []types.LogSetup{{Types: []types.LogType{types.LogTypeAudit}, Enabled: on}},
		}})
		wantError(t, err, "ResourceInUseException", "Cannot LoggingUpdate because cluster c currently has update "+*u.Id+" in progress")

		sleep(time.Millisecond)
		now = describe(t, c, "c")
		if now.Status != types.ClusterStatusActive || !now.ResourcesVpcConfig.EndpointPrivateAccess || !slices.Equal(now.ResourcesVpcConfig.PublicAccessCidrs, []string{"203.0.113.0/24"}) {
			t.Errorf("after the update: %s, %+v; want ACTIVE and the new values", now.Status, now.ResourcesVpcConfig)
		}
		if s := updateStatus(t, c, "c", *u.Id); s != types.UpdateStatusSuccessful {
			t.Errorf("the update is %s", s)
		}
	})
}

func TestFailedUpdateChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		must(t, a.FailNextUpdate("c", "SecurityGroupNotFound", "sg-1 is gone"))
		u, err := setAccess(c, t, "c", nil, on, nil)
		must(t, err)
		if got, _ := c.DescribeUpdate(ctx(t), &eks.DescribeUpdateInput{Name: aws.String("c"), UpdateId: u.Id}); len(got.Update.Errors) != 0 {
			t.Errorf("errors while in progress: %+v", got.Update.Errors)
		}
		sleep(5 * time.Minute)
		got, err := c.DescribeUpdate(ctx(t), &eks.DescribeUpdateInput{Name: aws.String("c"), UpdateId: u.Id})
		must(t, err)
		if got.Update.Status != types.UpdateStatusFailed || len(got.Update.Errors) != 1 || got.Update.Errors[0].ErrorCode != types.ErrorCodeSecurityGroupNotFound {
			t.Errorf("update: %s %+v", got.Update.Status, got.Update.Errors)
		}
		now := describe(t, c, "c")
		if now.Status != types.ClusterStatusActive || now.ResourcesVpcConfig.EndpointPrivateAccess {
			t.Errorf("cluster: %s, private %t; want ACTIVE and unchanged", now.Status, now.ResourcesVpcConfig.EndpointPrivateAccess)
		}
		// Only the next one was to fail.
		u, err = setAccess(c, t, "c", nil, on, nil)
		must(t, err)
		sleep(5 * time.Minute)
		if s := updateStatus(t, c, "c", *u.Id); s != types.UpdateStatusSuccessful {
			t.Errorf("the second update is %s", s)
		}
	})
}

func TestFailUpdateCountsUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		must(t, a.FailUpdate("c", 2, localaws.UpdateError{Code: "Unknown"}))
		var got []types.UpdateStatus
		for _, private := range []*bool{on, off, off} {
			u, err := setAccess(c, t, "c", nil, private, nil)
			must(t, err)
			sleep(5 * time.Minute)
			got = append(got, updateStatus(t, c, "c", *u.Id))
		}
		want := []types.UpdateStatus{types.UpdateStatusSuccessful, types.UpdateStatusFailed, types.UpdateStatusSuccessful}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

func TestUpdateRefusals(t *testing.T) {
	many := make([]string, 41)
	for i := range many {
		many[i] = fmt.Sprintf("203.0.%d.0/24", i)
	}
	ipv4 := localaws.Cluster{Name: "c", Public: true, Private: true}
	limited := localaws.Cluster{Name: "c", Public: true, CIDRs: []string{"198.51.100.0/24"}}
	closed := localaws.Cluster{Name: "c", Private: true, CIDRs: []string{"0.0.0.0/0"}}
	audit := &types.Logging{ClusterLogging: []types.LogSetup{{Types: []types.LogType{types.LogTypeAudit}, Enabled: on}}}
	invalid := func(list string) string {
		return "The following CIDRs are invalid in publicAccessCidrs: [" + list + "]"
	}
	for _, tc := range []struct {
		name          string
		cluster       localaws.Cluster
		vpc           *types.VpcConfigRequest
		logging       *types.Logging
		code, message string
	}{
		{
			name: "nothing to change", cluster: ipv4, vpc: &types.VpcConfigRequest{EndpointPrivateAccess: on},
			code: "InvalidParameterException", message: "Cluster is already at the desired configuration with endpointPrivateAccess: true , endpointPublicAccess: true, and Public Endpoint Restrictions: [0.0.0.0/0]",
		},
		{
			name: "CIDRs while public access is off", cluster: closed, vpc: &types.VpcConfigRequest{PublicAccessCidrs: []string{"203.0.113.0/24"}},
			code: "InvalidParameterException", message: "Cluster is already at the desired configuration with endpointPrivateAccess: true , endpointPublicAccess: false, and Public Endpoint Restrictions: [0.0.0.0/0]",
		},
		{
			name: "both off", cluster: limited, vpc: &types.VpcConfigRequest{EndpointPublicAccess: off},
			code: "InvalidParameterException", message: "Both private and public endpoint access cannot be false",
		},
		{
			name: "no CIDR", cluster: ipv4, vpc: &types.VpcConfigRequest{PublicAccessCidrs: []string{"x"}},
			code: "InvalidParameterException", message: invalid("x"),
		},
		{
			name: "host bits", cluster: ipv4, vpc: &types.VpcConfigRequest{PublicAccessCidrs: []string{"203.0.113.1/24"}},
			code: "InvalidParameterException", message: invalid("203.0.113.1/24"),
		},
		{
			name: "twice", cluster: ipv4, vpc: &types.VpcConfigRequest{PublicAccessCidrs: []string{"203.0.113.0/24", "203.0.113.0/24"}},
			code: "InvalidParameterException", message: invalid("203.0.113.0/24"),
		},
		{
			name: "private addresses", cluster: ipv4, vpc: &types.VpcConfigRequest{PublicAccessCidrs: []string{"192.168.1.0/24", "203.0.113.0/24", "169.254.0.0/16"}},
			code: "InvalidParameterException", message: invalid("192.168.1.0/24, 169.254.0.0/16"),
		},
		{
			name: "IPv6 on an IPv4 cluster", cluster: ipv4, vpc: &types.VpcConfigRequest{PublicAccessCidrs: []string{"2001:db8::/32"}},
			code: "InvalidParameterException", message: invalid("2001:db8::/32"),
		},
		{
			name: "41 CIDRs", cluster: ipv4, vpc: &types.VpcConfigRequest{PublicAccessCidrs: many},
			code: "InvalidParameterException",
		},
		{
			name: "two kinds", cluster: limited, vpc: &types.VpcConfigRequest{EndpointPrivateAccess: on}, logging: audit,
			code: "InvalidParameterException", message: "Only one type of update can be allowed.",
		},
		{
			name: "endpoint and subnets", cluster: limited, vpc: &types.VpcConfigRequest{EndpointPrivateAccess: on, SubnetIds: []string{"subnet-9"}},
			code: "InvalidParameterException", message: "Only one type of update can be allowed.",
		},
		{
			name: "nothing asked", cluster: limited, code: "InvalidParameterException",
		},
		{
			name: "logging as it is", cluster: localaws.Cluster{Name: "c", Public: true, Logging: []string{"audit"}}, logging: audit,
			code: "InvalidParameterException",
		},
		{
			name: "no cluster", cluster: localaws.Cluster{Name: "other", Public: true}, vpc: &types.VpcConfigRequest{EndpointPrivateAccess: on},
			code: "ResourceNotFoundException", message: "No cluster found for name: c.",
		},
		{
			name: "being created", cluster: localaws.Cluster{Name: "c", Status: "CREATING", Public: true}, vpc: &types.VpcConfigRequest{EndpointPrivateAccess: on},
			code: "InvalidRequestException",
		},
		{
			name: "being deleted", cluster: localaws.Cluster{Name: "c", Status: "DELETING", Public: true}, vpc: &types.VpcConfigRequest{EndpointPrivateAccess: on},
			code: "InvalidRequestException",
		},
		{
			name: "failed for good", cluster: localaws.Cluster{Name: "c", Status: "FAILED", Public: true}, vpc: &types.VpcConfigRequest{EndpointPrivateAccess: on},
			code: "InvalidRequestException",
		},
		{
			name: "on Outposts", cluster: localaws.Cluster{Name: "c", Private: true, OutpostARNs: []string{"arn"}}, vpc: &types.VpcConfigRequest{EndpointPublicAccess: on},
			code: "InvalidParameterException",
		},
		{
			name: "connected", cluster: localaws.Cluster{Name: "c", Connector: "OTHER"}, vpc: &types.VpcConfigRequest{EndpointPublicAccess: on},
			code: "InvalidRequestException",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := localaws.New(localaws.Options{})
			a.PutCluster(tc.cluster)
			before, _ := a.Cluster(tc.cluster.Name)
			_, err := eksClient(a).UpdateClusterConfig(ctx(t), &eks.UpdateClusterConfigInput{
				Name: aws.String("c"), ResourcesVpcConfig: tc.vpc, Logging: tc.logging,
			})
			wantError(t, err, tc.code, tc.message)
			after, _ := a.Cluster(tc.cluster.Name)
			if d := cmp.Diff(before, after); d != "" {
				t.Errorf("a refused call changed the cluster (-before +after):\n%s", d)
			}
		})
	}
}

func TestCreatingErrorCanBeInUse(t *testing.T) {
	a := localaws.New(localaws.Options{CreatingError: "ResourceInUseException"})
	a.PutCluster(localaws.Cluster{Name: "c", Status: "CREATING", Public: true})
	_, err := setAccess(eksClient(a), t, "c", nil, on, nil)
	wantError(t, err, "ResourceInUseException", "")
}

// What the list means when public access goes off and on again.
func TestPublicAccessOffAndOn(t *testing.T) {
	office := []string{"203.0.113.0/24"}
	for _, tc := range []struct {
		name  string
		start []string // of a cluster that is private only
		send  []string // with public access on
		want  []string
	}{
		{name: "the kept list comes back", start: office, want: office},
		{name: "a list replaces it", start: office, send: []string{"198.51.100.0/24"}, want: []string{"198.51.100.0/24"}},
		{name: "an empty list means the world", start: office, send: []string{}, want: []string{"0.0.0.0/0"}},
		{name: "nothing was kept", want: []string{"0.0.0.0/0"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := localaws.New(localaws.Options{})
				c := eksClient(a)
				a.PutCluster(localaws.Cluster{Name: "c", Private: true, CIDRs: tc.start})
				if got := describe(t, c, "c").ResourcesVpcConfig.PublicAccessCidrs; len(got) != len(tc.start) {
					t.Errorf("while public access is off: %v, want %v still told", got, tc.start)
				}
				_, err := setAccess(c, t, "c", on, nil, tc.send)
				must(t, err)
				sleep(5 * time.Minute)
				if d := cmp.Diff(tc.want, describe(t, c, "c").ResourcesVpcConfig.PublicAccessCidrs); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
				// Off again, with a list that is ignored.
				u, err := setAccess(c, t, "c", off, nil, []string{"192.0.2.0/24"})
				must(t, err)
				for _, p := range u.Params {
					if p.Type == types.UpdateParamTypePublicAccessCidrs && strings.Contains(*p.Value, "192.0.2.0") {
						t.Errorf("the update echoes a list that is ignored: %s", *p.Value)
					}
				}
				sleep(5 * time.Minute)
				if d := cmp.Diff(tc.want, describe(t, c, "c").ResourcesVpcConfig.PublicAccessCidrs); d != "" {
					t.Errorf("after it was turned off (-want +got):\n%s", d)
				}
			})
		})
	}
}

func TestListIsComparedAsSetAndToldUnsorted(t *testing.T) {
	a := localaws.New(localaws.Options{})
	c := eksClient(a)
	var cidrs []string
	for i := range 20 {
		cidrs = append(cidrs, fmt.Sprintf("203.0.%d.0/24", 100+i))
	}
	a.PutCluster(localaws.Cluster{Name: "c", Public: true, CIDRs: cidrs})
	got := describe(t, c, "c").ResourcesVpcConfig.PublicAccessCidrs
	if slices.Equal(got, cidrs) {
		t.Error("the list comes back in the order in which it was given")
	}
	if again := describe(t, c, "c").ResourcesVpcConfig.PublicAccessCidrs; !slices.Equal(got, again) {
		t.Error("the order is not the same twice")
	}
	slices.Reverse(cidrs)
	_, err := setAccess(c, t, "c", nil, nil, cidrs)
	wantError(t, err, "InvalidParameterException", "")
}

func TestStatusLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{StatusLag: 30 * time.Second})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		_, err := setAccess(c, t, "c", nil, on, nil)
		must(t, err)
		if s := describe(t, c, "c").Status; s != types.ClusterStatusActive {
			t.Errorf("right after the update began: %s, want ACTIVE for a while", s)
		}
		_, err = setAccess(c, t, "c", nil, on, []string{"203.0.113.0/24"})
		wantError(t, err, "ResourceInUseException", "")
		sleep(30 * time.Second)
		if s := describe(t, c, "c").Status; s != types.ClusterStatusUpdating {
			t.Errorf("after the lag: %s, want UPDATING", s)
		}
	})
}

func TestStaleReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{StaleReads: 20 * time.Second, Durations: localaws.Durations{EndpointUpdate: time.Minute}})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		u, err := setAccess(c, t, "c", nil, on, nil)
		must(t, err)
		sleep(time.Minute)
		if s := updateStatus(t, c, "c", *u.Id); s != types.UpdateStatusSuccessful {
			t.Fatalf("the update is %s", s)
		}
		if describe(t, c, "c").ResourcesVpcConfig.EndpointPrivateAccess {
			t.Error("the read is not stale")
		}
		if truth, _ := a.Cluster("c"); !truth.Private {
			t.Error("the truth is stale too")
		}
		sleep(20 * time.Second)
		if !describe(t, c, "c").ResourcesVpcConfig.EndpointPrivateAccess {
			t.Error("the read is stale for too long")
		}
	})
}

func TestBusyWithoutAnUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		must(t, a.Busy("c", time.Minute))
		if s := describe(t, c, "c").Status; s != types.ClusterStatusActive {
			t.Errorf("status %s, want ACTIVE", s)
		}
		_, err := setAccess(c, t, "c", nil, on, nil)
		wantError(t, err, "ResourceInUseException", "")
		sleep(time.Minute)
		_, err = setAccess(c, t, "c", nil, on, nil)
		must(t, err)
	})
}

func TestClientRequestToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		ask := func(private bool) (*eks.UpdateClusterConfigOutput, error) {
			return c.UpdateClusterConfig(ctx(t), &eks.UpdateClusterConfigInput{
				Name: aws.String("c"), ClientRequestToken: aws.String("token-1"),
				ResourcesVpcConfig: &types.VpcConfigRequest{EndpointPrivateAccess: &private},
			})
		}
		first, err := ask(true)
		must(t, err)
		second, err := ask(true)
		must(t, err)
		if *first.Update.Id != *second.Update.Id {
			t.Error("the same token made a second update")
		}
		_, err = ask(false)
		wantError(t, err, "InvalidParameterException", "")
		sleep(5 * time.Minute)
		third, err := ask(true)
		must(t, err)
		if *third.Update.Id != *first.Update.Id || third.Update.Status != types.UpdateStatusSuccessful {
			t.Errorf("later the token answers %s, %s", *third.Update.Id, third.Update.Status)
		}
	})
}

func TestOtherKindsOfUpdate(t *testing.T) {
	for _, tc := range []struct {
		name  string
		in    eks.UpdateClusterConfigInput
		kind  types.UpdateType
		param types.UpdateParamType
		check func(*types.Cluster) bool
	}{
		{
			name:  "logging",
			in:    eks.UpdateClusterConfigInput{Logging: &types.Logging{ClusterLogging: []types.LogSetup{{Types: []types.LogType{types.LogTypeAudit}, Enabled: on}}}},
			kind:  types.UpdateTypeLoggingUpdate,
			param: types.UpdateParamTypeClusterLogging,
			check: func(c *types.Cluster) bool {
				for _, l := range c.Logging.ClusterLogging {
					if *l.Enabled && slices.Contains(l.Types, types.LogTypeAudit) {
						return true
					}
				}
				return false
			},
		},
		{
			name:  "access config",
			in:    eks.UpdateClusterConfigInput{AccessConfig: &types.UpdateAccessConfigRequest{AuthenticationMode: types.AuthenticationModeApi}},
			kind:  types.UpdateTypeAccessConfigUpdate,
			param: types.UpdateParamTypeAuthenticationMode,
			check: func(c *types.Cluster) bool {
				return c.AccessConfig != nil && c.AccessConfig.AuthenticationMode == types.AuthenticationModeApi
			},
		},
		{
			name:  "subnets",
			in:    eks.UpdateClusterConfigInput{ResourcesVpcConfig: &types.VpcConfigRequest{SubnetIds: []string{"subnet-9"}}},
			kind:  types.UpdateTypeVpcConfigUpdate,
			param: types.UpdateParamTypeSubnets,
			check: func(c *types.Cluster) bool {
				return slices.Equal(c.ResourcesVpcConfig.SubnetIds, []string{"subnet-9"})
			},
		},
		{
			name:  "hybrid nodes",
			in:    eks.UpdateClusterConfigInput{RemoteNetworkConfig: &types.RemoteNetworkConfigRequest{RemoteNodeNetworks: []types.RemoteNodeNetwork{{Cidrs: []string{"10.9.0.0/16"}}}}},
			kind:  types.UpdateTypeRemoteNetworkConfigUpdate,
			param: types.UpdateParamTypeRemoteNetworkConfig,
			check: func(c *types.Cluster) bool {
				return c.RemoteNetworkConfig != nil && c.RemoteNetworkConfig.RemoteNodeNetworks[0].Cidrs[0] == "10.9.0.0/16"
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := localaws.New(localaws.Options{})
				c := eksClient(a)
				a.PutCluster(localaws.Cluster{Name: "c", Public: true})
				tc.in.Name = aws.String("c")
				out, err := c.UpdateClusterConfig(ctx(t), &tc.in)
				must(t, err)
				if out.Update.Type != tc.kind || len(out.Update.Params) != 1 || out.Update.Params[0].Type != tc.param {
					t.Errorf("update %s %+v, want %s with %s", out.Update.Type, out.Update.Params, tc.kind, tc.param)
				}
				if tc.check(describe(t, c, "c")) {
					t.Error("the change shows before the update is over")
				}
				sleep(2 * time.Minute)
				if !tc.check(describe(t, c, "c")) {
					t.Errorf("the change does not show: %+v", describe(t, c, "c"))
				}
				if !describe(t, c, "c").ResourcesVpcConfig.EndpointPublicAccess {
					t.Error("the endpoint access changed along")
				}
			})
		})
	}
}

func TestVersionUpdateTakesLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true, Version: "1.32"})
		out, err := c.UpdateClusterVersion(ctx(t), &eks.UpdateClusterVersionInput{Name: aws.String("c"), Version: aws.String("1.33")})
		must(t, err)
		sleep(20 * time.Minute)
		_, err = setAccess(c, t, "c", nil, on, nil)
		wantError(t, err, "ResourceInUseException", "Cannot EndpointAccessUpdate because cluster c currently has update "+*out.Update.Id+" in progress")
		sleep(5 * time.Minute)
		if v := *describe(t, c, "c").Version; v != "1.33" {
			t.Errorf("version %s", v)
		}
	})
}

func TestListUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{Durations: localaws.Durations{EndpointUpdate: time.Minute}})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		var want []string
		for i := range 7 {
			u, err := setAccess(c, t, "c", nil, aws.Bool(i%2 == 0), nil)
			must(t, err)
			want = append(want, *u.Id)
			sleep(time.Minute)
		}
		var got []string
		pages := eks.NewListUpdatesPaginator(c, &eks.ListUpdatesInput{Name: aws.String("c"), MaxResults: aws.Int32(3)})
		n := 0
		for pages.HasMorePages() {
			out, err := pages.NextPage(ctx(t))
			must(t, err)
			n++
			got = append(got, out.UpdateIds...)
		}
		if n != 3 {
			t.Errorf("%d pages, want 3", n)
		}
		if slices.Equal(got, want) {
			t.Error("the updates come in the order of their making")
		}
		if d := cmp.Diff(want, got, cmpopts.SortSlices(strings.Compare)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		out, err := c.ListUpdates(ctx(t), &eks.ListUpdatesInput{Name: aws.String("c"), NodegroupName: aws.String("n")})
		must(t, err)
		if len(out.UpdateIds) != 0 {
			t.Errorf("updates of a node group: %v", out.UpdateIds)
		}
		_, err = c.DescribeUpdate(ctx(t), &eks.DescribeUpdateInput{Name: aws.String("c"), UpdateId: aws.String("nope")})
		wantError(t, err, "ResourceNotFoundException", "")
	})
}

func TestListClusters(t *testing.T) {
	a := localaws.New(localaws.Options{})
	c := eksClient(a)
	var want []string
	for i := range 5 {
		name := fmt.Sprintf("c-%d", i)
		a.PutCluster(localaws.Cluster{Name: name, Public: true})
		want = append(want, name)
	}
	a.PutCluster(localaws.Cluster{Name: "a-connected", Connector: "OTHER"})
	all := func(include ...string) []string {
		var got []string
		pages := eks.NewListClustersPaginator(c, &eks.ListClustersInput{MaxResults: aws.Int32(2), Include: include})
		for pages.HasMorePages() {
			out, err := pages.NextPage(ctx(t))
			must(t, err)
			if len(out.Clusters) > 2 {
				t.Errorf("a page of %d", len(out.Clusters))
			}
			got = append(got, out.Clusters...)
		}
		return got
	}
	if d := cmp.Diff(want, all()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff(append([]string{"a-connected"}, want...), all("all")); d != "" {
		t.Errorf("with include=all (-want +got):\n%s", d)
	}
	connected := describe(t, c, "a-connected")
	if connected.ConnectorConfig == nil || *connected.ConnectorConfig.Provider != "OTHER" || connected.ResourcesVpcConfig != nil {
		t.Errorf("the connected cluster reads %+v", connected)
	}
	_, err := c.ListClusters(ctx(t), &eks.ListClustersInput{MaxResults: aws.Int32(101)})
	wantError(t, err, "InvalidParameterException", "")
}

func TestTags(t *testing.T) {
	a := localaws.New(localaws.Options{})
	c := eksClient(a)
	a.PutCluster(localaws.Cluster{Name: "c", Public: true, Tags: map[string]string{"a": "1"}})
	arn := aws.String(a.ClusterARN("c"))
	_, err := c.TagResource(ctx(t), &eks.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"b": "2"}})
	must(t, err)
	out, err := c.ListTagsForResource(ctx(t), &eks.ListTagsForResourceInput{ResourceArn: arn})
	must(t, err)
	if d := cmp.Diff(map[string]string{"a": "1", "b": "2"}, out.Tags); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	_, err = c.UntagResource(ctx(t), &eks.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a", "x"}})
	must(t, err)
	if d := cmp.Diff(map[string]string{"b": "2"}, describe(t, c, "c").Tags); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	_, err = c.TagResource(ctx(t), &eks.TagResourceInput{ResourceArn: aws.String(a.ClusterARN("x")), Tags: map[string]string{"b": "2"}})
	wantError(t, err, "NotFoundException", "")
}

func TestDeleteAndUseTheNameAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{Durations: localaws.Durations{Delete: time.Minute}})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		u, err := setAccess(c, t, "c", nil, on, nil)
		must(t, err)
		_, err = c.DeleteCluster(ctx(t), &eks.DeleteClusterInput{Name: aws.String("c")})
		wantError(t, err, "ResourceInUseException", "Cannot DeleteCluster because cluster c currently has update "+*u.Id+" in progress")
		sleep(5 * time.Minute)
		first := *describe(t, c, "c").CreatedAt
		_, err = c.DeleteCluster(ctx(t), &eks.DeleteClusterInput{Name: aws.String("c")})
		must(t, err)
		if s := describe(t, c, "c").Status; s != types.ClusterStatusDeleting {
			t.Errorf("status %s", s)
		}
		sleep(time.Minute)
		_, err = c.DescribeCluster(ctx(t), &eks.DescribeClusterInput{Name: aws.String("c")})
		wantError(t, err, "ResourceNotFoundException", "No cluster found for name: c.")
		out, err := c.CreateCluster(ctx(t), &eks.CreateClusterInput{Name: aws.String("c"), RoleArn: aws.String("r"), ResourcesVpcConfig: &types.VpcConfigRequest{}})
		must(t, err)
		if !out.Cluster.CreatedAt.After(first) {
			t.Error("the new cluster has the old one's creation time")
		}
		if len(mustUpdates(t, c)) != 0 {
			t.Error("the new cluster has the old one's updates")
		}
	})
}

func mustUpdates(t *testing.T, c *eks.Client) []string {
	t.Helper()
	out, err := c.ListUpdates(ctx(t), &eks.ListUpdatesInput{Name: aws.String("c")})
	must(t, err)
	return out.UpdateIds
}

func TestEndAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{Durations: localaws.Durations{Create: 24 * time.Hour, EndpointUpdate: 24 * time.Hour}})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "new", Status: "CREATING", Public: true})
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		must(t, a.FailUpdate("c", 1, localaws.UpdateError{Code: "IpNotAvailable"}))
		u, err := setAccess(c, t, "c", nil, on, nil)
		must(t, err)
		must(t, a.EndAt("new", time.Now().Add(time.Minute)))
		must(t, a.EndAt("c", time.Now().Add(time.Minute)))
		sleep(time.Minute - time.Nanosecond)
		if n, s := describe(t, c, "new").Status, updateStatus(t, c, "c", *u.Id); n != types.ClusterStatusCreating || s != types.UpdateStatusInProgress {
			t.Errorf("before the end: %s, %s", n, s)
		}
		sleep(time.Nanosecond)
		if n, s := describe(t, c, "new").Status, updateStatus(t, c, "c", *u.Id); n != types.ClusterStatusActive || s != types.UpdateStatusFailed {
			t.Errorf("at the end: %s, %s", n, s)
		}
		if err := a.EndAt("c", time.Now()); err == nil {
			t.Error("what has ended was ended again")
		}
		u, err = setAccess(c, t, "c", nil, on, nil)
		must(t, err)
		must(t, a.EndAt("c", time.Now().Add(-time.Hour)))
		if s := updateStatus(t, c, "c", *u.Id); s != types.UpdateStatusSuccessful || !describe(t, c, "c").ResourcesVpcConfig.EndpointPrivateAccess {
			t.Errorf("ended in the past: %s", s)
		}
	})
}

func TestEndUpdateAndStartUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		u, err := setAccess(c, t, "c", nil, on, nil)
		must(t, err)
		must(t, a.EndUpdate("c", "Cancelled"))
		if s := updateStatus(t, c, "c", *u.Id); s != types.UpdateStatusCancelled {
			t.Errorf("status %s", s)
		}
		if describe(t, c, "c").ResourcesVpcConfig.EndpointPrivateAccess {
			t.Error("a cancelled update took effect")
		}
		id, err := a.StartUpdate("c", "VendedLogsUpdate", time.Hour)
		must(t, err)
		if s := updateStatus(t, c, "c", id); s != types.UpdateStatusInProgress {
			t.Errorf("status %s", s)
		}
		sleep(time.Hour)
		if s := describe(t, c, "c").Status; s != types.ClusterStatusActive {
			t.Errorf("status %s", s)
		}
	})
}

func TestThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{Throttle: map[string]int{"eks:DescribeCluster": 3}})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		read := func() error {
			_, err := c.DescribeCluster(ctx(t), &eks.DescribeClusterInput{Name: aws.String("c")})
			return err
		}
		for range 3 {
			must(t, read())
		}
		wantError(t, read(), "ThrottlingException", "")
		wantError(t, read(), "TooManyRequestsException", "")
		if _, err := c.ListClusters(ctx(t), &eks.ListClustersInput{}); err != nil {
			t.Errorf("another operation: %v", err)
		}
		sleep(time.Second)
		must(t, read())

		// The SDK's own retries get everything through.
		through := eks.NewFromConfig(patient(a))
		for range 20 {
			_, err := through.DescribeCluster(ctx(t), &eks.DescribeClusterInput{Name: aws.String("c")})
			must(t, err)
		}
	})
}

// Every list that a cluster reports parses as CIDRs: what a property test of
// the guardrail builds on.
func TestPutClusterFillsIn(t *testing.T) {
	a := localaws.New(localaws.Options{Region: "cn-north-1"})
	a.PutCluster(localaws.Cluster{Name: "c", Public: true, IPFamily: "ipv6", OutpostARNs: []string{"o"}, RemoteNodeNetworks: []string{"10.1.0.0/16"}})
	got := describe(t, eksClient(a), "c")
	for _, cidr := range got.ResourcesVpcConfig.PublicAccessCidrs {
		if _, err := netip.ParsePrefix(cidr); err != nil {
			t.Error(err)
		}
	}
	if len(got.ResourcesVpcConfig.PublicAccessCidrs) != 2 || !strings.Contains(*got.Endpoint, ".api.aws") ||
		!strings.HasPrefix(*got.Arn, "arn:aws-cn:eks:cn-north-1:") || got.OutpostConfig == nil || got.RemoteNetworkConfig == nil || *got.ResourcesVpcConfig.VpcId == "" {
		t.Errorf("reads %+v", got)
	}
	again, _ := a.Cluster("c")
	if d := cmp.Diff([]string{"10.1.0.0/16"}, again.RemoteNodeNetworks); d != "" {
		t.Error(d)
	}
}

func TestPutUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Private: true})
		id, err := a.PutUpdate("c", localaws.GivenUpdate{ID: "given-1", Public: true, Private: true})
		must(t, err)
		if s := updateStatus(t, c, "c", "given-1"); id != "given-1" || s != types.UpdateStatusInProgress {
			t.Errorf("update %s is %s", id, s)
		}
		if _, err := a.PutUpdate("c", localaws.GivenUpdate{}); err == nil {
			t.Error("a second update began")
		}
		sleep(5 * time.Minute)
		if got := describe(t, c, "c").ResourcesVpcConfig; !got.EndpointPublicAccess || !slices.Equal(got.PublicAccessCidrs, []string{"0.0.0.0/0"}) {
			t.Errorf("it led to %+v", got)
		}
	})
}

func TestClockOfTheCaller(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a := watched(t, localaws.Options{Partition: "aws-iso", Clock: func() time.Time { return now }, EventDelay: time.Minute})
	c := eksClient(a)
	a.PutCluster(localaws.Cluster{Name: "c", Public: true})
	u, err := setAccess(c, t, "c", nil, on, nil)
	must(t, err)
	if !u.CreatedAt.Equal(now) || a.ClusterARN("c") != "arn:aws-iso:eks:eu-west-1:111122223333:cluster/c" {
		t.Errorf("created at %v, %s", u.CreatedAt, a.ClusterARN("c"))
	}
	if at, _ := a.Next("events"); !at.Equal(now.Add(time.Minute)) {
		t.Errorf("the event arrives at %v", at)
	}
	now = now.Add(5 * time.Minute)
	if s := updateStatus(t, c, "c", *u.Id); s != types.UpdateStatusSuccessful {
		t.Errorf("after five minutes on the clock: %s", s)
	}
}

func TestChangesWithoutACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := watched(t, localaws.Options{})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true, Tags: map[string]string{"a": "b"}})
		a.PutCluster(localaws.Cluster{Name: "b", Status: "UPDATING", Public: true})
		if d := cmp.Diff([]string{"b", "c"}, a.Clusters()); d != "" {
			t.Error(d)
		}
		if s := describe(t, c, "b").Status; s != types.ClusterStatusUpdating {
			t.Errorf("status %s", s)
		}
		must(t, a.SetTags("c", nil))
		if got := describe(t, c, "c").Tags; len(got) != 0 {
			t.Errorf("tags %v", got)
		}
		a.SetDurations(localaws.Durations{EndpointUpdate: -1})
		u, err := setAccess(c, t, "c", nil, on, nil)
		must(t, err)
		if s := updateStatus(t, c, "c", *u.Id); s != types.UpdateStatusSuccessful {
			t.Errorf("an update that takes no time is %s", s)
		}
		a.RemoveCluster("c")
		if err := a.SetTags("c", nil); err == nil {
			t.Error("a cluster that is gone was changed")
		}
		if n := len(events(t, a)); n != 1 {
			t.Errorf("%d events, want that of the one call", n)
		}
	})
}

func TestDeleteRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Status: "CREATING", Public: true})
		_, err := c.DeleteCluster(ctx(t), &eks.DeleteClusterInput{Name: aws.String("c")})
		wantError(t, err, "ResourceInUseException", "")
		sleep(time.Hour)
		_, err = c.UpdateClusterConfig(ctx(t), &eks.UpdateClusterConfigInput{Name: aws.String("c"), DeletionProtection: on})
		must(t, err)
		sleep(time.Hour)
		_, err = c.DeleteCluster(ctx(t), &eks.DeleteClusterInput{Name: aws.String("c")})
		wantError(t, err, "InvalidRequestException", "")
	})
}
