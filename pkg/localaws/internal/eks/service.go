// Package eks is the embedded EKS: clusters, their updates, and how late each of
// both shows. Start with [New]; cluster.go has what a cluster goes through, a file
// each what is asked of it. All methods want the account's lock held.
package eks

import (
	"math/rand/v2"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/account"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// Network tells the VPC of subnets.
type Network interface {
	VPCOf(subnets []string) string
}

// Service is EKS in one account and region.
type Service struct {
	account  *account.Account
	network  Network
	opts     Options
	skew     *rand.Rand // of how old each look is
	listings uint64     // of updates, so far
	clusters map[string]*cluster
}

// New returns EKS without a cluster.
func New(a *account.Account, network Network, o Options) *Service {
	if o.CreatingError == "" {
		o.CreatingError = wire.InvalidRequest
	}
	o.Durations = o.Durations.withDefaults()
	return &Service{
		account: a, network: network, opts: o,
		skew:     rand.New(rand.NewPCG(a.Seed, 0x736b6577)),
		clusters: map[string]*cluster{},
	}
}

// ARN returns the ARN of the cluster of the name.
func (s *Service) ARN(name string) string { return s.account.ARN("eks", "cluster/"+name) }

// SetDurations changes how long EKS takes from now on; what is under way ends
// when it would have.
func (s *Service) SetDurations(d Durations) { s.opts.Durations = d.withDefaults() }

// Operations are what can be called.
func (s *Service) Operations() map[string]wire.Operation {
	return map[string]wire.Operation{
		"CreateCluster":        s.createCluster,
		"ListClusters":         s.listClusters,
		"DescribeCluster":      s.describeCluster,
		"DeleteCluster":        s.deleteCluster,
		"UpdateClusterConfig":  s.updateClusterConfig,
		"UpdateClusterVersion": s.updateClusterVersion,
		"ListUpdates":          s.listUpdates,
		"DescribeUpdate":       s.describeUpdate,
		"TagResource":          s.tagResource,
		"UntagResource":        s.untagResource,
		"ListTagsForResource":  s.listTagsForResource,
	}
}

// Look notes the ARN of the cluster that a call is about, and returns how the
// cluster is before the call: nil if the call names none or there is none.
func (s *Service) Look(r *wire.Request) *Cluster {
	name := ""
	switch {
	case len(r.Path) > 1 && r.Path[0] == "clusters":
		name = r.Path[1]
	case len(r.Path) > 1 && r.Path[0] == "tags":
		name = r.Path[1][strings.LastIndex(r.Path[1], "/")+1:]
	case r.Operation == "CreateCluster":
		var in clusterInput
		if r.Decode(&in) == nil {
			name = in.Name
		}
	}
	if name == "" {
		return nil
	}
	r.Resources = []string{s.ARN(name)}
	c := s.find(name, r.Now)
	if c == nil {
		return nil
	}
	before := s.view(c, r.Now)
	return &before
}

// Mutates reports whether CloudTrail counts the operation as a write.
func Mutates(operation string) bool {
	switch operation {
	case "CreateCluster", "UpdateClusterConfig", "UpdateClusterVersion", "DeleteCluster", "TagResource", "UntagResource":
		return true
	default:
		return false
	}
}
