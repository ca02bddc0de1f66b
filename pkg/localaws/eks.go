package localaws

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/account"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// maxCIDRs is EKS's quota of public CIDRs for one cluster.
const maxCIDRs = 40

var clusterName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$`)

// eksOperation tells the operation by the route. Source: the EKS service model.
func eksOperation(method string, path []string) string {
	route := method
	for i, part := range path {
		if i == 1 || i == 3 {
			part = "*"
		}
		route += "/" + part
	}
	switch route {
	case "POST/clusters":
		return "CreateCluster"
	case "GET/clusters":
		return "ListClusters"
	case "GET/clusters/*":
		return "DescribeCluster"
	case "DELETE/clusters/*":
		return "DeleteCluster"
	case "POST/clusters/*/update-config":
		return "UpdateClusterConfig"
	case "POST/clusters/*/updates":
		return "UpdateClusterVersion"
	case "GET/clusters/*/updates":
		return "ListUpdates"
	case "GET/clusters/*/updates/*":
		return "DescribeUpdate"
	case "POST/tags/*":
		return "TagResource"
	case "DELETE/tags/*":
		return "UntagResource"
	case "GET/tags/*":
		return "ListTagsForResource"
	default:
		return ""
	}
}

// mutates tells whether CloudTrail counts the operation as a write.
func mutates(operation string) bool {
	switch operation {
	case "CreateCluster", "UpdateClusterConfig", "UpdateClusterVersion", "DeleteCluster", "TagResource", "UntagResource":
		return true
	default:
		return false
	}
}

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

func noCluster(name string) *wire.Error {
	return &wire.Error{
		Status:  http.StatusNotFound,
		Type:    wire.ResourceNotFound,
		Message: "No cluster found for name: " + name + ".",
		Members: map[string]any{"clusterName": name},
	}
}

func badParameter(c *cluster, message string) *wire.Error {
	e := wire.Refuse(http.StatusBadRequest, wire.InvalidParameter, message)
	if c != nil {
		e.Members = map[string]any{"clusterName": c.name}
	}
	return e
}

// look notes the cluster that a call is about and how it is before the call.
// The caller holds the account's lock.
func (a *AWS) look(r *call) {
	if r.Service != wire.EKS {
		return
	}
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
		return
	}
	r.Resources = []string{a.ClusterARN(name)}
	if c := a.find(name, r.Now); c != nil {
		before := a.view(c, r.Now)
		r.before = &before
	}
}

// visible returns the cluster that the path names, if reads know it already.
func (a *AWS) visible(r *wire.Request) (*cluster, *wire.Error) {
	c := a.find(r.Path[1], r.Now)
	if c == nil || c.visibleAt.After(r.Now) {
		return nil, noCluster(r.Path[1])
	}
	return c, nil
}

func (a *AWS) eksCreateCluster(r *wire.Request) (any, *wire.Error) {
	var in clusterInput
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	digest := in.digest(r.Operation)
	if c := a.find(in.Name, r.Now); c != nil {
		if in.Token != "" && in.Token == c.token {
			if digest != c.tokenDigest {
				return nil, badParameter(c, "The client request token "+in.Token+" was used with other parameters.")
			}
			return map[string]any{"cluster": a.describe(c, r.Now, asOf{r.Now, r.Now, r.Now})}, nil
		}
		e := wire.Refuse(http.StatusConflict, wire.ResourceInUse, "Cluster already exists with name: "+in.Name)
		e.Members = map[string]any{"clusterName": in.Name}
		return nil, e
	}
	if !clusterName.MatchString(in.Name) {
		return nil, badParameter(nil, "The cluster name "+strconv.Quote(in.Name)+" is not valid: 1 to 100 characters, letters, digits, - and _, the first a letter or a digit.")
	}
	family := "ipv4"
	if in.Network != nil && in.Network.Family != "" {
		family = in.Network.Family
	}
	vpc := in.VPCConfig
	if vpc == nil {
		vpc = &vpcInput{}
	}
	cfg := config{public: true, version: in.Version, settings: map[string]any{}}
	if cfg.version == "" {
		cfg.version = "1.33"
	}
	if in.members["outpostConfig"] != nil {
		cfg.public, cfg.private = false, true
	}
	if vpc.Public != nil {
		cfg.public = *vpc.Public
	}
	if vpc.Private != nil {
		cfg.private = *vpc.Private
	}
	if vpc.Subnets != nil {
		cfg.subnets = *vpc.Subnets
	}
	if vpc.Groups != nil {
		cfg.groups = *vpc.Groups
	}
	if vpc.CIDRs != nil {
		if e := a.checkCIDRs(*vpc.CIDRs, family, cfg.public); e != nil {
			return nil, e
		}
	}
	if !cfg.public && !cfg.private {
		return nil, badParameter(nil, "Both private and public endpoint access cannot be false")
	}
	if cfg.public {
		cfg.cidrs = world(family)
		if vpc.CIDRs != nil && len(*vpc.CIDRs) > 0 {
			cfg.cidrs = *vpc.CIDRs
		}
	}
	cfg.logging = in.Logging.over(nil)

	c := &cluster{
		name:        in.Name,
		id:          a.clusterID(),
		createdAt:   r.Now,
		visibleAt:   r.Now.Add(a.opts.NotFoundAfterCreate),
		activeAt:    r.Now.Add(a.durations.Create),
		token:       in.Token,
		tokenDigest: digest,
		family:      family,
		vpc:         a.ec2.VPCOf(cfg.subnets),
		sg:          a.account.ResourceID("sg"),
		platform:    "eks.1",
		tags:        maps.Clone(in.Tags),
		settings:    map[string]any{},
		tokens:      map[string]usedToken{},
		failures:    map[int]UpdateError{},
	}
	if c.tags == nil {
		c.tags = map[string]string{}
	}
	for member, value := range in.members {
		switch member {
		case "roleArn", "outpostConfig", "encryptionConfig":
			c.settings[member] = value
		case "name", "clientRequestToken", "version", "resourcesVpcConfig", "logging", "tags", "kubernetesNetworkConfig", "bootstrapSelfManagedAddons":
		default:
			cfg.settings[member] = value
		}
	}
	network, _ := in.members["kubernetesNetworkConfig"].(map[string]any)
	network = maps.Clone(network)
	if network == nil {
		network = map[string]any{}
	}
	network["ipFamily"] = family
	if family == familyIPv6 {
		network["serviceIpv6Cidr"] = "fd00:10:100::/108"
	} else if network["serviceIpv4Cidr"] == nil {
		network["serviceIpv4Cidr"] = "172.20.0.0/16"
	}
	c.settings["kubernetesNetworkConfig"] = network
	c.config = cfg.clone()
	a.clusters[c.name] = c
	// The answer to the call itself shows the cluster, even while reads don't
	// know it yet.
	return map[string]any{"cluster": a.describe(c, r.Now, asOf{r.Now, r.Now, r.Now})}, nil
}

func (a *AWS) eksDescribeCluster(r *wire.Request) (any, *wire.Error) {
	c, e := a.visible(r)
	if e != nil {
		return nil, e
	}
	return map[string]any{"cluster": a.describe(c, r.Now, a.behind(r.Now))}, nil
}

// describe is a cluster as a read tells it.
func (a *AWS) describe(c *cluster, now time.Time, seen asOf) map[string]any {
	out := map[string]any{
		"name":      c.name,
		"arn":       a.ClusterARN(c.name),
		"createdAt": epoch(c.createdAt),
		"status":    c.status(seen.status, a.opts.StatusLag),
		"tags":      at(c.tagsWere, c.tags, seen.tags),
	}
	cfg := at(c.was, c.config, seen.values)
	maps.Copy(out, c.settings)
	if c.settings["connectorConfig"] != nil {
		delete(out, "kubernetesNetworkConfig")
		delete(out, "roleArn")
		return out
	}
	maps.Copy(out, cfg.settings)
	if network, ok := cfg.settings["kubernetesNetworkConfig"].(map[string]any); ok {
		merged := maps.Clone(c.settings["kubernetesNetworkConfig"].(map[string]any))
		maps.Copy(merged, network)
		out["kubernetesNetworkConfig"] = merged
	}
	vpc := map[string]any{
		"subnetIds":             nonNil(cfg.subnets),
		"securityGroupIds":      nonNil(cfg.groups),
		"vpcId":                 c.vpc,
		"endpointPublicAccess":  cfg.public,
		"endpointPrivateAccess": cfg.private,
		"publicAccessCidrs":     nonNil(a.account.Shuffled(cfg.cidrs)),
	}
	if mode := cfg.settings["controlPlaneEgressMode"]; mode != nil {
		delete(out, "controlPlaneEgressMode")
		vpc["controlPlaneEgressMode"] = mode
	}
	out["version"] = cfg.version
	out["platformVersion"] = c.platform
	out["certificateAuthority"] = map[string]any{}
	out["resourcesVpcConfig"] = vpc
	out["logging"] = loggingOutput(cfg.logging)
	if !c.activeAt.After(now) && c.fixed == "" {
		vpc["clusterSecurityGroupId"] = c.sg
		host := c.id + ".gr7." + a.account.Region + ".eks.amazonaws.com"
		if a.account.Partition == "aws-cn" {
			host += ".cn"
		}
		issuer := "https://oidc.eks." + a.account.Region + ".amazonaws.com/id/" + c.id
		if c.family == familyIPv6 {
			host = c.id + ".gr7.eks-cluster." + a.account.Region + ".api.aws"
		}
		out["endpoint"] = "https://" + host
		out["identity"] = map[string]any{"oidc": map[string]any{"issuer": issuer}}
		out["certificateAuthority"] = map[string]any{"data": wire.Token("certificate of " + c.name)}
	}
	return out
}

func (a *AWS) eksListClusters(r *wire.Request) (any, *wire.Error) {
	size, e := pageSize(r)
	if e != nil {
		return nil, e
	}
	all := slices.Contains(r.Query["include"], "all")
	var names []string
	for _, name := range slices.Sorted(maps.Keys(a.clusters)) {
		c := a.find(name, r.Now)
		if c == nil || c.visibleAt.After(r.Now) || c.settings["connectorConfig"] != nil && !all {
			continue
		}
		names = append(names, name)
	}
	part, next := wire.Page(names, r.Query.Get("nextToken"), size)
	return paged("clusters", part, next), nil
}

func paged(member string, part []string, next string) map[string]any {
	out := map[string]any{member: nonNil(part)}
	if next != "" {
		out["nextToken"] = next
	}
	return out
}

func pageSize(r *wire.Request) (int, *wire.Error) {
	text := r.Query.Get("maxResults")
	if text == "" {
		return 100, nil
	}
	size, err := strconv.Atoi(text)
	if err != nil || size < 1 || size > 100 {
		return 0, badParameter(nil, "maxResults must lie between 1 and 100, not "+text)
	}
	return size, nil
}

func (a *AWS) eksDeleteCluster(r *wire.Request) (any, *wire.Error) {
	c, e := a.visible(r)
	if e != nil {
		return nil, e
	}
	if u := a.inUse(c, r.Now); u != "" {
		return nil, busy("DeleteCluster", c, u)
	}
	if c.config.settings["deletionProtection"] == true {
		return nil, wire.Refuse(http.StatusBadRequest, wire.InvalidRequest, "Cluster "+c.name+" has deletion protection on.")
	}
	if status := c.status(r.Now, 0); status == statusCreating || status == statusDeleting {
		e := wire.Refuse(http.StatusConflict, wire.ResourceInUse, "Cluster "+c.name+" has the status "+status+".")
		e.Members = map[string]any{"clusterName": c.name}
		return nil, e
	}
	c.deletedAt, c.goneAt = r.Now, r.Now.Add(a.durations.Delete)
	return map[string]any{"cluster": a.describe(c, r.Now, asOf{r.Now, r.Now, r.Now})}, nil
}

// inUse returns the id of the update that keeps others out, "" if there is none.
func (a *AWS) inUse(c *cluster, now time.Time) string {
	if u := c.running(now); u != nil {
		return u.id
	}
	if c.busyUntil.After(now) {
		return c.busyUpdateID
	}
	return ""
}

func busy(what string, c *cluster, updateID string) *wire.Error {
	return &wire.Error{
		Status:  http.StatusConflict,
		Type:    wire.ResourceInUse,
		Message: fmt.Sprintf("Cannot %s because cluster %s currently has update %s in progress", what, c.name, updateID),
		Members: map[string]any{"clusterName": c.name},
	}
}

// changeable refuses an update of the kind in the cluster's present state.
func (a *AWS) changeable(c *cluster, kind string, now time.Time) *wire.Error {
	members := map[string]any{"clusterName": c.name}
	switch status := c.status(now, 0); {
	case c.settings["connectorConfig"] != nil:
		return &wire.Error{Type: wire.InvalidRequest, Message: "Cluster " + c.name + " is a connected cluster and cannot be updated.", Members: members}
	case status == statusCreating:
		e := &wire.Error{Type: a.opts.CreatingError, Message: "Cluster " + c.name + " has the status CREATING and cannot be updated yet.", Members: members}
		if e.Type == wire.ResourceInUse {
			e.Status = http.StatusConflict
		}
		return e
	case status == statusDeleting, status == statusFailed, status == statusPending:
		return &wire.Error{Type: wire.InvalidRequest, Message: "Cluster " + c.name + " has the status " + status + " and cannot be updated.", Members: members}
	}
	if u := a.inUse(c, now); u != "" {
		return busy(kind, c, u)
	}
	if c.refusal != "" && (c.refusedUntil.IsZero() || c.refusedUntil.After(now)) {
		return &wire.Error{Type: wire.InvalidRequest, Message: c.refusal, Members: members}
	}
	return nil
}

func (in *clusterInput) digest(operation string) string {
	rest := maps.Clone(in.members)
	delete(rest, "clientRequestToken")
	sum := sha256.Sum256(append([]byte(operation), wire.JSON(rest)...))
	return hex.EncodeToString(sum[:])
}

// again answers a call whose token was used before. The digest is kept with
// the token, so that the same token with other parameters is refused.
func (a *AWS) again(c *cluster, in *clusterInput, digest string, now time.Time) (any, *wire.Error, bool) {
	used, found := c.tokens[in.Token]
	switch {
	case in.Token == "" || !found:
		return nil, nil, false
	case a.opts.TokenMemory > 0 && !used.at.Add(a.opts.TokenMemory).After(now):
		return nil, nil, false
	case used.digest != digest:
		return nil, badParameter(c, "The client request token "+in.Token+" was used with other parameters."), true
	default:
		return map[string]any{"update": updateOutput(used.update, now, 0)}, nil, true
	}
}

// remember keeps the token of a call that began an update.
func (c *cluster) remember(in *clusterInput, digest string, u *update, now time.Time) {
	if in.Token != "" {
		c.tokens[in.Token] = usedToken{digest, u, now}
	}
}

func (a *AWS) eksUpdateClusterConfig(r *wire.Request) (any, *wire.Error) {
	c, e := a.visible(r)
	if e != nil {
		return nil, e
	}
	var in clusterInput
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	digest := in.digest(r.Operation)
	if a.opts.RepeatedToken == SameUpdate {
		if out, e, done := a.again(c, &in, digest, r.Now); done {
			return out, e
		}
	}
	kinds := in.kinds()
	switch len(kinds) {
	case 0:
		return nil, badParameter(c, "The type for cluster update was not provided.")
	case 1:
	default:
		return nil, badParameter(c, "Only one type of update can be allowed.")
	}
	kind := kinds[0]
	if kind == updateEndpointAccess && in.VPCConfig.CIDRs != nil {
		public := c.config.public
		if in.VPCConfig.Public != nil {
			public = *in.VPCConfig.Public
		}
		if e := a.checkCIDRs(*in.VPCConfig.CIDRs, c.family, public); e != nil {
			e.Members = map[string]any{"clusterName": c.name}
			return nil, e
		}
	}
	if e := a.changeable(c, kind, r.Now); e != nil {
		return nil, e
	}

	var params []updateParam
	var apply func(*config)
	switch kind {
	case updateEndpointAccess:
		params, apply, e = c.endpointUpdate(in.VPCConfig)
	case "VpcConfigUpdate":
		params, apply, e = c.vpcUpdate(in.VPCConfig)
	case "LoggingUpdate":
		params, apply, e = c.loggingUpdate(in.Logging)
	default:
		params, apply, e = c.settingsUpdate(&in, kind)
	}
	if e != nil {
		return nil, e
	}
	if out, e, done := a.again(c, &in, digest, r.Now); done {
		return out, e
	}
	u := a.begin(c, r.Now, kind, params, apply)
	c.remember(&in, digest, u, r.Now)
	return map[string]any{"update": updateOutput(u, r.Now, 0)}, nil
}

func (c *cluster) endpointUpdate(in *vpcInput) ([]updateParam, func(*config), *wire.Error) {
	if c.settings["outpostConfig"] != nil {
		return nil, nil, badParameter(c, "The endpoint access of the local cluster "+c.name+" cannot be changed.")
	}
	desired := c.config.clone()
	if in.Public != nil {
		desired.public = *in.Public
	}
	if in.Private != nil {
		desired.private = *in.Private
	}
	if !desired.public && !desired.private {
		return nil, nil, badParameter(c, "Both private and public endpoint access cannot be false")
	}
	// While public access is off, the list that is sent is ignored and the old
	// one kept; an empty list means the world.
	if desired.public && in.CIDRs != nil {
		desired.cidrs = slices.Clone(*in.CIDRs)
	}
	if desired.public && len(desired.cidrs) == 0 {
		desired.cidrs = world(c.family)
	}
	if desired.public == c.config.public && desired.private == c.config.private && sameSet(desired.cidrs, c.config.cidrs) {
		return nil, nil, badParameter(c, fmt.Sprintf(
			"Cluster is already at the desired configuration with endpointPrivateAccess: %t , endpointPublicAccess: %t, and Public Endpoint Restrictions: [%s]",
			c.config.private, c.config.public, strings.Join(c.config.cidrs, ", ")))
	}
	params := []updateParam{
		{"EndpointPublicAccess", strconv.FormatBool(desired.public)},
		{"EndpointPrivateAccess", strconv.FormatBool(desired.private)},
		{"PublicAccessCidrs", string(wire.JSON(nonNil(desired.cidrs)))},
	}
	return params, func(cfg *config) {
		cfg.public, cfg.private, cfg.cidrs = desired.public, desired.private, desired.cidrs
	}, nil
}

func (c *cluster) vpcUpdate(in *vpcInput) ([]updateParam, func(*config), *wire.Error) {
	var params []updateParam
	subnets, groups := c.config.subnets, c.config.groups
	if in.Subnets != nil {
		subnets = slices.Clone(*in.Subnets)
		params = append(params, updateParam{"Subnets", string(wire.JSON(subnets))})
	}
	if in.Groups != nil {
		groups = slices.Clone(*in.Groups)
		params = append(params, updateParam{"SecurityGroups", string(wire.JSON(groups))})
	}
	if sameSet(subnets, c.config.subnets) && sameSet(groups, c.config.groups) {
		return nil, nil, badParameter(c, "Cluster is already at the desired VPC configuration.")
	}
	return params, func(cfg *config) { cfg.subnets, cfg.groups = subnets, groups }, nil
}

func (c *cluster) loggingUpdate(in *loggingInput) ([]updateParam, func(*config), *wire.Error) {
	types := in.over(c.config.logging)
	if slices.Equal(types, c.config.logging) {
		return nil, nil, badParameter(c, "No changes needed for the logging config provided")
	}
	params := []updateParam{{"ClusterLogging", string(wire.JSON(loggingOutput(types)))}}
	return params, func(cfg *config) { cfg.logging = types }, nil
}

func (c *cluster) settingsUpdate(in *clusterInput, kind string) ([]updateParam, func(*config), *wire.Error) {
	changed := map[string]any{}
	var params []updateParam
	if kind == "ControlPlaneEgressUpdate" {
		changed["controlPlaneEgressMode"] = *in.VPCConfig.Egress
		params = append(params, updateParam{"ControlPlaneEgressMode", *in.VPCConfig.Egress})
	}
	for _, other := range otherKinds {
		value := in.members[other.member]
		if other.kind != kind || value == nil {
			continue
		}
		text := string(wire.JSON(value))
		if access, ok := value.(map[string]any); ok && other.member == "accessConfig" {
			text, _ = access["authenticationMode"].(string)
			merged, _ := c.config.settings["accessConfig"].(map[string]any)
			merged = maps.Clone(merged)
			if merged == nil {
				merged = map[string]any{}
			}
			maps.Copy(merged, access)
			value = merged
		}
		changed[other.member] = value
		params = append(params, updateParam{other.param, text})
	}
	same := true
	for member, value := range changed {
		same = same && reflect.DeepEqual(c.config.settings[member], value)
	}
	if same {
		return nil, nil, badParameter(c, "Cluster is already at the desired configuration.")
	}
	return params, func(cfg *config) {
		if cfg.settings == nil {
			cfg.settings = map[string]any{}
		}
		maps.Copy(cfg.settings, changed)
	}, nil
}

func (a *AWS) eksUpdateClusterVersion(r *wire.Request) (any, *wire.Error) {
	c, e := a.visible(r)
	if e != nil {
		return nil, e
	}
	var in clusterInput
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	digest := in.digest(r.Operation)
	if a.opts.RepeatedToken == SameUpdate {
		if out, e, done := a.again(c, &in, digest, r.Now); done {
			return out, e
		}
	}
	if e := a.changeable(c, updateVersion, r.Now); e != nil {
		return nil, e
	}
	if in.Version == c.config.version {
		return nil, badParameter(c, "Cluster is already on the version "+in.Version+".")
	}
	if out, e, done := a.again(c, &in, digest, r.Now); done {
		return out, e
	}
	params := []updateParam{{"Version", in.Version}, {"PlatformVersion", c.platform}}
	u := a.begin(c, r.Now, updateVersion, params, func(cfg *config) { cfg.version = in.Version })
	c.remember(&in, digest, u, r.Now)
	return map[string]any{"update": updateOutput(u, r.Now, 0)}, nil
}

func (a *AWS) eksListUpdates(r *wire.Request) (any, *wire.Error) {
	c, e := a.visible(r)
	if e != nil {
		return nil, e
	}
	size, e := pageSize(r)
	if e != nil {
		return nil, e
	}
	var ids []string
	// Node groups, add-ons and capabilities have updates of their own; there
	// are none here.
	if !r.Query.Has("nodegroupName") && !r.Query.Has("addonName") && !r.Query.Has("capabilityName") {
		for _, u := range c.updates {
			if !u.createdAt.Add(a.opts.ListLag).After(r.Now) {
				ids = append(ids, u.id)
			}
		}
	}
	// The token carries the listing's order: whoever pages sees each id once,
	// also when an update begins between two pages.
	salt, token := strconv.FormatUint(a.account.Seed, 10), wire.Untoken(r.Query.Get("nextToken"))
	if a.opts.ListReorder {
		if token == "" {
			a.listings++
			salt += "-" + strconv.FormatUint(a.listings, 10)
		} else {
			salt, token, _ = strings.Cut(token, "/")
		}
	}
	if token != "" {
		token = wire.Token(token)
	}
	part, next := wire.Page(account.ShuffledBy(salt, ids), token, size)
	if next != "" && a.opts.ListReorder {
		next = wire.Token(salt + "/" + wire.Untoken(next))
	}
	return paged("updateIds", part, next), nil
}

func (a *AWS) eksDescribeUpdate(r *wire.Request) (any, *wire.Error) {
	c, e := a.visible(r)
	if e != nil {
		return nil, e
	}
	for _, u := range c.updates {
		if u.id == r.Path[3] {
			return map[string]any{"update": updateOutput(u, r.Now, a.opts.UpdateLag)}, nil
		}
	}
	return nil, &wire.Error{
		Status:  http.StatusNotFound,
		Type:    wire.ResourceNotFound,
		Message: "No update found for ID: " + r.Path[3],
		Members: map[string]any{"clusterName": c.name},
	}
}

// updateOutput is an update as EKS tells it, its end late by the lag.
func updateOutput(u *update, now time.Time, lag time.Duration) map[string]any {
	params := []any{}
	for _, p := range u.params {
		params = append(params, map[string]any{"type": p.name, "value": p.value})
	}
	failures := []any{}
	status := u.status(now.Add(-lag))
	if status != updateInProgress {
		for _, f := range u.errors {
			failures = append(failures, map[string]any{
				"errorCode": f.Code, "errorMessage": f.Message, "resourceIds": nonNil(f.ResourceIDs),
			})
		}
	}
	return map[string]any{
		"id":        u.id,
		"type":      u.kind,
		"status":    status,
		"params":    params,
		"createdAt": epoch(u.createdAt),
		"errors":    failures,
	}
}

// tagged returns the cluster that a tagging call's ARN names.
func (a *AWS) tagged(r *wire.Request) (*cluster, *wire.Error) {
	name, ok := strings.CutPrefix(r.Path[1], a.ClusterARN(""))
	if !ok {
		return nil, wire.Refuse(http.StatusBadRequest, "BadRequestException", "The ARN "+r.Path[1]+" names no cluster of this account and region.")
	}
	c := a.find(name, r.Now)
	if c == nil || c.visibleAt.After(r.Now) {
		return nil, wire.Refuse(http.StatusNotFound, "NotFoundException", "No cluster found for name: "+name+".")
	}
	return c, nil
}

func (a *AWS) eksTagResource(r *wire.Request) (any, *wire.Error) {
	c, e := a.tagged(r)
	if e != nil {
		return nil, e
	}
	var in clusterInput
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	if len(in.Tags) == 0 {
		return nil, wire.Refuse(http.StatusBadRequest, "BadRequestException", "There are no tags in the request.")
	}
	tags := maps.Clone(c.tags)
	maps.Copy(tags, in.Tags)
	if len(tags) > 50 {
		return nil, wire.Refuse(http.StatusBadRequest, "BadRequestException", "A cluster has at most 50 tags.")
	}
	c.retag(r.Now, tags)
	return map[string]any{}, nil
}

func (a *AWS) eksUntagResource(r *wire.Request) (any, *wire.Error) {
	c, e := a.tagged(r)
	if e != nil {
		return nil, e
	}
	tags := maps.Clone(c.tags)
	for _, key := range r.Query["tagKeys"] {
		delete(tags, key)
	}
	c.retag(r.Now, tags)
	return map[string]any{}, nil
}

func (a *AWS) eksListTagsForResource(r *wire.Request) (any, *wire.Error) {
	c, e := a.tagged(r)
	if e != nil {
		return nil, e
	}
	return map[string]any{"tags": c.tags}, nil
}

// world is what EKS fills in for a public endpoint without CIDRs.
func world(family string) []string {
	if family == familyIPv6 {
		return []string{"0.0.0.0/0", "::/0"}
	}
	return []string{"0.0.0.0/0"}
}

// reserved are the blocks that EKS does not take for public addresses: what a
// client on the internet cannot have. Documentation ranges are admitted.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/128"),
	netip.MustParsePrefix("::1/128"),
	netip.MustParsePrefix("::ffff:0:0/96"),
	netip.MustParsePrefix("fc00::/7"),
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("ff00::/8"),
}

// checkCIDRs refuses a list that EKS refuses.
func (a *AWS) checkCIDRs(cidrs []string, family string, public bool) *wire.Error {
	if len(cidrs) == 0 && public && a.opts.RefuseEmptyCIDRs {
		return badParameter(nil, "The publicAccessCidrs list should not be empty")
	}
	if len(cidrs) > maxCIDRs {
		return badParameter(nil, fmt.Sprintf("There are %d CIDRs in publicAccessCidrs; at most %d are allowed.", len(cidrs), maxCIDRs))
	}
	var invalid []string
	seen := map[netip.Prefix]bool{}
	for _, text := range cidrs {
		p, err := netip.ParsePrefix(text)
		switch {
		case err != nil, p != p.Masked(), p.Addr().Is6() && family != familyIPv6, seen[p]:
			invalid = append(invalid, text)
			continue
		}
		seen[p] = true
		for _, block := range reserved {
			if block.Bits() <= p.Bits() && block.Contains(p.Addr()) {
				invalid = append(invalid, text)
				break
			}
		}
	}
	if len(invalid) > 0 {
		return badParameter(nil, "The following CIDRs are invalid in publicAccessCidrs: ["+strings.Join(invalid, ", ")+"]")
	}
	return nil
}

// sameSet compares lists as EKS does, as sets.
func sameSet(x, y []string) bool {
	normal := func(list []string) []string {
		out := make([]string, len(list))
		for i, text := range list {
			out[i] = text
			if p, err := netip.ParsePrefix(text); err == nil {
				out[i] = p.String()
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return slices.Equal(normal(x), normal(y))
}

// over returns the log types that are on after the change.
func (in *loggingInput) over(types []string) []string {
	on := map[string]bool{}
	for _, t := range types {
		on[t] = true
	}
	if in != nil {
		for _, group := range in.ClusterLogging {
			for _, t := range group.Types {
				on[t] = group.Enabled != nil && *group.Enabled
			}
		}
	}
	maps.DeleteFunc(on, func(_ string, enabled bool) bool { return !enabled })
	return slices.Sorted(maps.Keys(on))
}

func loggingOutput(on []string) map[string]any {
	var off []string
	for _, t := range []string{"api", "audit", "authenticator", "controllerManager", "scheduler"} {
		if !slices.Contains(on, t) {
			off = append(off, t)
		}
	}
	groups := []any{}
	if len(on) > 0 {
		groups = append(groups, map[string]any{"types": on, "enabled": true})
	}
	if len(off) > 0 {
		groups = append(groups, map[string]any{"types": off, "enabled": false})
	}
	return map[string]any{"clusterLogging": groups}
}

// clusterID is the hexadecimal name in a cluster's endpoint. The caller holds the account's lock.
func (a *AWS) clusterID() string {
	return fmt.Sprintf("%016X%016X", a.account.Uint64(), a.account.Uint64())
}

// epoch is a time as rest-json writes it: seconds, with milliseconds.
func epoch(t time.Time) json.Number {
	ms := t.UnixMilli()
	return json.Number(fmt.Sprintf("%d.%03d", ms/1000, ms%1000))
}

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
