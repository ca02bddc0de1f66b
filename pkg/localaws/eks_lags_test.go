package localaws_test

import (
	"fmt"
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

// quick are EKS's durations with endpoint updates of so long.
func quick(d time.Duration) localaws.Durations { return localaws.Durations{EndpointUpdate: d} }

// listing reads all pages of the updates of c and calls between before each
// page but the first.
func listing(t *testing.T, c *eks.Client, size int32, between func()) []string {
	t.Helper()
	var ids []string
	pages := eks.NewListUpdatesPaginator(c, &eks.ListUpdatesInput{Name: aws.String("c"), MaxResults: &size})
	for n := 0; pages.HasMorePages(); n++ {
		if n > 0 {
			between()
		}
		out, err := pages.NextPage(ctx(t))
		must(t, err)
		ids = append(ids, out.UpdateIds...)
	}
	return ids
}

func TestListUpdatesPagesOnce(t *testing.T) {
	for _, reorder := range []bool{false, true} {
		t.Run(fmt.Sprint(reorder), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := localaws.New(localaws.Options{ListReorder: reorder, Seed: 3})
				c := eksClient(a)
				a.PutCluster(localaws.Cluster{Name: "c", Public: true})
				begin := func() string {
					id, err := a.StartUpdate("c", "LoggingUpdate", time.Second)
					must(t, err)
					sleep(2 * time.Second)
					return id
				}
				var want []string
				for range 230 {
					want = append(want, begin())
				}
				first := listing(t, c, 100, func() { begin() })
				seen := map[string]int{}
				for _, id := range first {
					seen[id]++
				}
				for _, id := range want {
					if seen[id] != 1 {
						t.Errorf("update %s came %d times", id, seen[id])
					}
				}
				again := listing(t, c, 100, func() {})
				if slices.Equal(again[:len(want)], want) {
					t.Error("the updates come in the order of their making")
				}
				third := listing(t, c, 100, func() {})
				if got := !slices.Equal(again, third); got != reorder {
					t.Errorf("another listing has another order: %t", got)
				}
				if d := cmp.Diff(again, third, cmpopts.SortSlices(strings.Compare)); d != "" {
					t.Errorf("two listings differ:\n%s", d)
				}
			})
		})
	}
}

func TestListLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{ListLag: 20 * time.Second})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		u, err := setAccess(c, t, "c", nil, on, nil)
		must(t, err)
		sleep(20*time.Second - time.Millisecond)
		if got := mustUpdates(t, c); len(got) != 0 {
			t.Errorf("listed too early: %v", got)
		}
		if s := updateStatus(t, c, "c", *u.Id); s != types.UpdateStatusInProgress {
			t.Errorf("asked by its id it is %s", s)
		}
		sleep(time.Millisecond)
		if got := mustUpdates(t, c); !slices.Equal(got, []string{*u.Id}) {
			t.Errorf("listed %v", got)
		}
	})
}

func TestUpdateLag(t *testing.T) {
	for _, end := range []types.UpdateStatus{types.UpdateStatusSuccessful, types.UpdateStatusFailed} {
		t.Run(string(end), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := localaws.New(localaws.Options{UpdateLag: 15 * time.Second, Durations: quick(time.Minute)})
				c := eksClient(a)
				a.PutCluster(localaws.Cluster{Name: "c", Public: true})
				if end == types.UpdateStatusFailed {
					must(t, a.FailNextUpdate("c", "IpNotAvailable", "no address left"))
				}
				u, err := setAccess(c, t, "c", nil, on, nil)
				must(t, err)
				sleep(75*time.Second - time.Millisecond)
				out, err := c.DescribeUpdate(ctx(t), &eks.DescribeUpdateInput{Name: aws.String("c"), UpdateId: u.Id})
				must(t, err)
				if out.Update.Status != types.UpdateStatusInProgress || len(out.Update.Errors) != 0 {
					t.Errorf("before the lag is over: %s, %v", out.Update.Status, out.Update.Errors)
				}
				got, took := describe(t, c, "c"), end == types.UpdateStatusSuccessful
				if got.Status != types.ClusterStatusActive || got.ResourcesVpcConfig.EndpointPrivateAccess != took {
					t.Errorf("the cluster is %s, private access %t", got.Status, got.ResourcesVpcConfig.EndpointPrivateAccess)
				}
				sleep(time.Millisecond)
				if s := updateStatus(t, c, "c", *u.Id); s != end {
					t.Errorf("after the lag: %s, want %s", s, end)
				}
			})
		})
	}
}

// Of short updates, a look may be more than one behind.
func TestStaleReadsOverSeveralUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{StaleReads: time.Minute, Durations: quick(10 * time.Second)})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true, Private: true})
		lists := [][]string{{"192.0.2.0/24"}, {"198.51.100.0/24"}, {"203.0.113.0/24"}}
		for _, list := range lists {
			_, err := setAccess(c, t, "c", on, on, list)
			must(t, err)
			sleep(11 * time.Second)
		}
		shown := func() string { return describe(t, c, "c").ResourcesVpcConfig.PublicAccessCidrs[0] }
		var got []string
		for range 6 {
			got = append(got, shown())
			sleep(11 * time.Second)
		}
		sleep(30 * time.Second)
		got = append(got, shown())
		want := append(slices.Repeat([]string{"0.0.0.0/0"}, 4), "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

func TestReadSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := func(seed uint64) []string {
			a := localaws.New(localaws.Options{Seed: seed, ReadSkew: true, StaleReads: 30 * time.Second, Durations: quick(10 * time.Second)})
			c := eksClient(a)
			a.PutCluster(localaws.Cluster{Name: "c", Public: true, Private: true})
			_, err := setAccess(c, t, "c", on, on, []string{"192.0.2.0/24"})
			must(t, err)
			sleep(11 * time.Second)
			_, err = setAccess(c, t, "c", on, on, []string{"203.0.113.0/24"})
			must(t, err)
			var out []string
			for range 40 {
				sleep(500 * time.Millisecond)
				got := describe(t, c, "c")
				out = append(out, fmt.Sprint(got.Status, " ", got.ResourcesVpcConfig.PublicAccessCidrs[0]))
			}
			sleep(30 * time.Second)
			got := describe(t, c, "c")
			if got.Status != types.ClusterStatusActive || got.ResourcesVpcConfig.PublicAccessCidrs[0] != "203.0.113.0/24" {
				t.Errorf("a look is older than StaleReads: %s %v", got.Status, got.ResourcesVpcConfig.PublicAccessCidrs)
			}
			return out
		}
		first := looks(1)
		if d := cmp.Diff(first, looks(1)); d != "" {
			t.Errorf("the same seed gives other looks:\n%s", d)
		}
		if slices.Equal(first, looks(2)) {
			t.Error("another seed gives the same looks")
		}
		back, worlds, updating := 0, 0, 0
		newest := false
		for i, l := range first {
			switch {
			case strings.Contains(l, "203.0.113.0/24"):
				newest = true
			case newest:
				back++
			}
			if strings.Contains(l, "0.0.0.0/0") {
				worlds++
			}
			if i > 20 && strings.HasPrefix(l, "UPDATING") {
				updating++ // the update is over since the 20th
			}
		}
		if back == 0 || worlds == 0 || updating == 0 {
			t.Errorf("%d looks go back, %d are two updates behind, %d have an old status: %v", back, worlds, updating, first)
		}
	})
}

func TestTagLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{TagLag: 30 * time.Second})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true, Tags: map[string]string{"a": "0"}})
		arn := aws.String(a.ClusterARN("c"))
		_, err := c.TagResource(ctx(t), &eks.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"a": "1"}})
		must(t, err)
		sleep(10 * time.Second)
		must(t, a.SetTags("c", map[string]string{"a": "2"}))
		var got []string
		for range 3 {
			sleep(14 * time.Second)
			got = append(got, describe(t, c, "c").Tags["a"])
		}
		if d := cmp.Diff([]string{"0", "1", "2"}, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if truth, _ := a.Cluster("c"); truth.Tags["a"] != "2" {
			t.Errorf("the truth lags too: %v", truth.Tags)
		}
	})
}

func TestRepeatedTokenInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{RepeatedToken: localaws.InUse})
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
		_, err = ask(true)
		wantError(t, err, "ResourceInUseException",
			"Cannot EndpointAccessUpdate because cluster c currently has update "+*first.Update.Id+" in progress")
		sleep(5 * time.Minute)
		_, err = ask(true)
		wantError(t, err, "InvalidParameterException",
			"Cluster is already at the desired configuration with endpointPrivateAccess: true , endpointPublicAccess: true, "+
				"and Public Endpoint Restrictions: [0.0.0.0/0]")
		// Once there is something to change again, the token is known all the same.
		_, err = setAccess(c, t, "c", nil, off, nil)
		must(t, err)
		sleep(5 * time.Minute)
		again, err := ask(true)
		must(t, err)
		if *again.Update.Id != *first.Update.Id {
			t.Error("the same token made a second update")
		}
	})
}

func TestTokensAreForgotten(t *testing.T) {
	for _, mode := range []localaws.RepeatedToken{localaws.SameUpdate, localaws.InUse} {
		t.Run(fmt.Sprint(mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := localaws.New(localaws.Options{RepeatedToken: mode, TokenMemory: 10 * time.Minute, Durations: quick(time.Minute)})
				c := eksClient(a)
				a.PutCluster(localaws.Cluster{Name: "c", Public: true})
				ask := func() *types.Update {
					out, err := c.UpdateClusterConfig(ctx(t), &eks.UpdateClusterConfigInput{
						Name: aws.String("c"), ClientRequestToken: aws.String("token-1"),
						ResourcesVpcConfig: &types.VpcConfigRequest{EndpointPrivateAccess: on},
					})
					must(t, err)
					return out.Update
				}
				first := ask()
				sleep(5 * time.Minute)
				_, err := setAccess(c, t, "c", nil, off, nil)
				must(t, err)
				sleep(5*time.Minute - time.Millisecond)
				if got := ask(); *got.Id != *first.Id {
					t.Errorf("the token is forgotten too early: %s", *got.Id)
				}
				sleep(time.Millisecond)
				if got := ask(); *got.Id == *first.Id || got.Status != types.UpdateStatusInProgress {
					t.Errorf("the token is not forgotten: %s, %s", *got.Id, got.Status)
				}
			})
		})
	}
}

func TestEmptyCIDRs(t *testing.T) {
	const refusal = "The publicAccessCidrs list should not be empty"
	for _, tc := range []struct {
		name   string
		public bool // before
		ask    *bool
		refuse bool
		code   string // of the refusal
	}{
		{"the world", true, nil, false, ""},
		{"refused", true, nil, true, "InvalidParameterException"},
		{"refused while it is switched on", false, on, true, "InvalidParameterException"},
		{"ignored while it is off", false, off, true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := localaws.New(localaws.Options{RefuseEmptyCIDRs: tc.refuse})
				c := eksClient(a)
				a.PutCluster(localaws.Cluster{Name: "c", Public: tc.public, CIDRs: []string{"203.0.113.0/24"}, Private: !tc.public})
				_, err := setAccess(c, t, "c", tc.ask, on, []string{})
				switch {
				case tc.code != "":
					wantError(t, err, tc.code, refusal)
					return
				case tc.ask == off:
					wantError(t, err, "InvalidParameterException", "") // nothing to change
					return
				}
				must(t, err)
				sleep(5 * time.Minute)
				if got := describe(t, c, "c").ResourcesVpcConfig.PublicAccessCidrs; !slices.Equal(got, []string{"0.0.0.0/0"}) {
					t.Errorf("it reads %v", got)
				}
			})
		})
	}
	a := localaws.New(localaws.Options{RefuseEmptyCIDRs: true})
	_, err := eksClient(a).CreateCluster(ctx(t), &eks.CreateClusterInput{
		Name: aws.String("c"), RoleArn: aws.String("r"), ResourcesVpcConfig: &types.VpcConfigRequest{PublicAccessCidrs: []string{}},
	})
	wantError(t, err, "InvalidParameterException", refusal)
}

// A state that nothing in the cluster shows keeps updates out, for a while or
// for good.
func TestRefuseUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		must(t, a.RefuseUpdates("c", "The cluster is being recovered.", time.Hour))
		ask := func() error {
			_, err := setAccess(c, t, "c", nil, on, nil)
			return err
		}
		wantError(t, ask(), "InvalidRequestException", "The cluster is being recovered.")
		if s := describe(t, c, "c").Status; s != types.ClusterStatusActive {
			t.Errorf("status %s", s)
		}
		_, err := c.UpdateClusterVersion(ctx(t), &eks.UpdateClusterVersionInput{Name: aws.String("c"), Version: aws.String("1.34")})
		wantError(t, err, "InvalidRequestException", "")
		sleep(time.Hour)
		must(t, ask())

		sleep(time.Hour)
		must(t, a.RefuseUpdates("c", "The cluster cannot be changed.", -1))
		sleep(365 * 24 * time.Hour)
		wantError(t, ask(), "InvalidRequestException", "The cluster cannot be changed.")
		must(t, a.RefuseUpdates("c", "", 0))
		_, err = setAccess(c, t, "c", nil, off, nil)
		must(t, err)
		if err := a.RefuseUpdates("x", "no", time.Hour); err == nil {
			t.Error("a cluster that is not there refuses")
		}

		// As a fault it is EKS's answer to one caller, or until a time.
		sleep(time.Hour)
		a.Inject(localaws.Fault{Operation: "UpdateClusterConfig", Type: "InvalidRequestException", Times: -1, Until: time.Now().Add(time.Minute)})
		wantError(t, ask(), "InvalidRequestException", "")
		sleep(time.Minute)
		must(t, ask())
	})
}

// What AWS works on for hours or days keeps every other change out meanwhile.
func TestLongUpdates(t *testing.T) {
	for kind, d := range map[string]time.Duration{
		"VersionRollback":                   7 * 24 * time.Hour,
		"ControlPlaneEgressUpdate":          3 * time.Hour,
		"ControlPlaneComponentConfigUpdate": 40 * time.Minute,
		"CertificateAuthorityUpdate":        24 * time.Hour,
	} {
		for _, end := range []types.UpdateStatus{types.UpdateStatusSuccessful, types.UpdateStatusFailed, types.UpdateStatusCancelled} {
			t.Run(kind+" "+string(end), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := localaws.New(localaws.Options{})
					c := eksClient(a)
					a.PutCluster(localaws.Cluster{Name: "c", Public: true})
					id, err := a.StartUpdate("c", kind, d)
					must(t, err)
					sleep(d - time.Minute)
					_, err = setAccess(c, t, "c", nil, on, nil)
					wantError(t, err, "ResourceInUseException", "Cannot EndpointAccessUpdate because cluster c currently has update "+id+" in progress")
					if s := describe(t, c, "c").Status; s != types.ClusterStatusUpdating {
						t.Errorf("status %s", s)
					}
					if end == types.UpdateStatusSuccessful {
						sleep(time.Minute)
					} else {
						must(t, a.EndUpdate("c", string(end), localaws.UpdateError{Code: "Unknown", Message: "ended early"}))
					}
					out, err := c.DescribeUpdate(ctx(t), &eks.DescribeUpdateInput{Name: aws.String("c"), UpdateId: &id})
					must(t, err)
					well := end == types.UpdateStatusSuccessful
					if out.Update.Status != end || string(out.Update.Type) != kind || (len(out.Update.Errors) == 0) != well {
						t.Errorf("the update ends as %s, %s, %v", out.Update.Type, out.Update.Status, out.Update.Errors)
					}
					if s := describe(t, c, "c").Status; s != types.ClusterStatusActive {
						t.Errorf("status %s", s)
					}
					_, err = setAccess(c, t, "c", nil, on, nil)
					must(t, err)
				})
			})
		}
	}
}

// A cancelled endpoint update leaves the values as they were.
func TestCancelledEndpointUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		u, err := setAccess(c, t, "c", off, on, nil)
		must(t, err)
		sleep(time.Minute)
		must(t, a.EndUpdate("c", "Cancelled"))
		sleep(time.Hour)
		if s := updateStatus(t, c, "c", *u.Id); s != types.UpdateStatusCancelled || !describe(t, c, "c").ResourcesVpcConfig.EndpointPublicAccess {
			t.Errorf("it is %s, public access %t", s, describe(t, c, "c").ResourcesVpcConfig.EndpointPublicAccess)
		}
	})
}

// EKS admits few calls a second for a whole account, whatever they ask.
func TestThrottlingOfTheAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{Throttle: map[string]int{"eks": 5}})
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		clients := []*eks.Client{eksClient(a), eks.NewFromConfig(onceAs(a, "AKIDBOB"))}
		refused := 0
		for second := range 3 {
			for i := range 8 {
				var err error
				if i%2 == 0 {
					_, err = clients[i/2%2].DescribeCluster(ctx(t), &eks.DescribeClusterInput{Name: aws.String("c")})
				} else {
					_, err = clients[i/2%2].ListClusters(ctx(t), &eks.ListClustersInput{})
				}
				if (err != nil) != (i >= 5) {
					t.Errorf("second %d, call %d: %v", second, i, err)
				}
				if err != nil {
					refused++
				}
			}
			sleep(time.Second)
		}
		if refused != 9 {
			t.Errorf("%d calls were refused, want 9", refused)
		}
		// In virtual time the SDK's retries get everything through.
		for range 20 {
			_, err := eks.NewFromConfig(patient(a)).ListClusters(ctx(t), &eks.ListClustersInput{})
			must(t, err)
		}
	})
}
