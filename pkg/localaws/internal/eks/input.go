package eks

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// clusterInput is the body of CreateCluster, UpdateClusterConfig and
// UpdateClusterVersion.
type clusterInput struct {
	Name      string            `json:"name"`
	Token     string            `json:"clientRequestToken"`
	RoleARN   string            `json:"roleArn"`
	Version   string            `json:"version"`
	VPCConfig *vpcInput         `json:"resourcesVpcConfig"`
	Logging   *loggingInput     `json:"logging"`
	Tags      map[string]string `json:"tags"`
	Network   *struct {
		Family string `json:"ipFamily"`
	} `json:"kubernetesNetworkConfig"`

	members map[string]any // the whole body
}

type vpcInput struct {
	Public  *bool     `json:"endpointPublicAccess"`
	Private *bool     `json:"endpointPrivateAccess"`
	CIDRs   *[]string `json:"publicAccessCidrs"`
	Subnets *[]string `json:"subnetIds"`
	Groups  *[]string `json:"securityGroupIds"`
	Egress  *string   `json:"controlPlaneEgressMode"`
}

type loggingInput struct {
	ClusterLogging []struct {
		Types   []string `json:"types"`
		Enabled *bool    `json:"enabled"`
	} `json:"clusterLogging"`
}

func (in *clusterInput) UnmarshalJSON(data []byte) error {
	type plain clusterInput
	if err := json.Unmarshal(data, (*plain)(in)); err != nil {
		return err
	}
	return json.Unmarshal(data, &in.members)
}

// otherKinds are the members of UpdateClusterConfig outside resourcesVpcConfig,
// the update type and the parameter that each makes.
var otherKinds = []struct{ member, kind, param string }{
	{"logging", "LoggingUpdate", "ClusterLogging"},
	{"accessConfig", "AccessConfigUpdate", "AuthenticationMode"},
	{"upgradePolicy", "UpgradePolicyUpdate", "UpgradePolicy"},
	{"zonalShiftConfig", "ZonalShiftConfigUpdate", "ZonalShiftConfig"},
	{"computeConfig", "AutoModeUpdate", "ComputeConfig"},
	{"storageConfig", "AutoModeUpdate", "StorageConfig"},
	{"kubernetesNetworkConfig", "AutoModeUpdate", "KubernetesNetworkConfig"},
	{"remoteNetworkConfig", "RemoteNetworkConfigUpdate", "RemoteNetworkConfig"},
	{"deletionProtection", "DeletionProtectionUpdate", "DeletionProtection"},
	{"controlPlaneScalingConfig", "ControlPlaneScalingConfigUpdate", "UpdatedTier"},
	{"kubeApiServerConfig", "ControlPlaneComponentConfigUpdate", "KubeApiServerConfig"},
	{"kubeSchedulerConfig", "ControlPlaneComponentConfigUpdate", "KubeSchedulerConfig"},
	{"kubeControllerManagerConfig", "ControlPlaneComponentConfigUpdate", "KubeControllerManagerConfig"},
}

// kinds are the types of update that the body asks for.
func (in *clusterInput) kinds() []string {
	var kinds []string
	add := func(kind string) {
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	if vpc := in.VPCConfig; vpc != nil {
		if vpc.Public != nil || vpc.Private != nil || vpc.CIDRs != nil {
			add(updateEndpointAccess)
		}
		if vpc.Subnets != nil || vpc.Groups != nil {
			add("VpcConfigUpdate")
		}
		if vpc.Egress != nil {
			add("ControlPlaneEgressUpdate")
		}
	}
	for _, other := range otherKinds {
		if in.members[other.member] != nil {
			add(other.kind)
		}
	}
	return kinds
}

func (in *clusterInput) digest(operation string) string {
	rest := maps.Clone(in.members)
	delete(rest, "clientRequestToken")
	sum := sha256.Sum256(append([]byte(operation), wire.JSON(rest)...))
	return hex.EncodeToString(sum[:])
}

// EndpointParams is what a call asks of a cluster's endpoint access; nil was
// left out.
type EndpointParams struct {
	Cluster string
	Public  *bool
	Private *bool
	CIDRs   *[]string
	// Others are the kinds of update that the same call asks for besides, by
	// EKS's update types.
	Others []string
}

// EndpointParamsOf is what a CreateCluster or UpdateClusterConfig asks of the
// endpoint access, nil if it cannot be read.
func EndpointParamsOf(r *wire.Request) *EndpointParams {
	var in clusterInput
	if r.Decode(&in) != nil {
		return nil
	}
	out := &EndpointParams{Cluster: in.Name}
	if len(r.Path) > 1 {
		out.Cluster = r.Path[1]
	}
	if vpc := in.VPCConfig; vpc != nil {
		out.Public, out.Private, out.CIDRs = vpc.Public, vpc.Private, vpc.CIDRs
	}
	if r.Operation == "UpdateClusterConfig" {
		for _, kind := range in.kinds() {
			if kind != updateEndpointAccess {
				out.Others = append(out.Others, kind)
			}
		}
	}
	return out
}
