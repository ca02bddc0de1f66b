package eks

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

func (s *Service) createCluster(r *wire.Request) (any, *wire.Error) {
	var in clusterInput
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	if c := s.find(in.Name, r.Now); c != nil {
		return s.createAgain(c, &in, r)
	}
	if !clusterName.MatchString(in.Name) {
		return nil, badParameter(nil, "The cluster name "+strconv.Quote(in.Name)+
			" is not valid: 1 to 100 characters, letters, digits, - and _, the first a letter or a digit.")
	}
	family := "ipv4"
	if in.Network != nil && in.Network.Family != "" {
		family = in.Network.Family
	}
	cfg, e := s.firstConfig(&in, family)
	if e != nil {
		return nil, e
	}
	c := &cluster{
		name:        in.Name,
		id:          s.clusterID(),
		createdAt:   r.Now,
		visibleAt:   r.Now.Add(s.opts.NotFoundAfterCreate),
		activeAt:    r.Now.Add(s.opts.Durations.Create),
		token:       in.Token,
		tokenDigest: in.digest(r.Operation),
		config:      cfg,
		family:      family,
		vpc:         s.network.VPCOf(cfg.subnets),
		sg:          s.account.ResourceID("sg"),
		platform:    "eks.1",
		tags:        nonNilTags(in.Tags),
		settings:    in.settings(family),
		tokens:      map[string]usedToken{},
		failures:    map[int]UpdateError{},
	}
	s.clusters[c.name] = c
	// The answer to the call itself shows the cluster, even while reads don't
	// know it yet.
	return map[string]any{"cluster": s.describe(c, r.Now, asOf{r.Now, r.Now, r.Now})}, nil
}

// createAgain answers a call for a cluster whose name is taken.
func (s *Service) createAgain(c *cluster, in *clusterInput, r *wire.Request) (any, *wire.Error) {
	switch {
	case in.Token == "" || in.Token != c.token:
		e := wire.Refuse(http.StatusConflict, wire.ResourceInUse, "Cluster already exists with name: "+in.Name)
		e.Members = map[string]any{"clusterName": in.Name}
		return nil, e
	case in.digest(r.Operation) != c.tokenDigest:
		return nil, badParameter(c, "The client request token "+in.Token+" was used with other parameters.")
	default:
		return map[string]any{"cluster": s.describe(c, r.Now, asOf{r.Now, r.Now, r.Now})}, nil
	}
}

// firstConfig is the configuration that a cluster is created with.
func (s *Service) firstConfig(in *clusterInput, family string) (config, *wire.Error) {
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
		if e := s.checkCIDRs(*vpc.CIDRs, family, cfg.public); e != nil {
			return config{}, e
		}
	}
	if !cfg.public && !cfg.private {
		return config{}, badParameter(nil, "Both private and public endpoint access cannot be false")
	}
	if cfg.public {
		cfg.cidrs = world(family)
		if vpc.CIDRs != nil && len(*vpc.CIDRs) > 0 {
			cfg.cidrs = *vpc.CIDRs
		}
	}
	cfg.logging = in.Logging.over(nil)
	for member, value := range in.members {
		if !slices.Contains(fixedMembers, member) && !slices.Contains(readMembers, member) {
			cfg.settings[member] = value
		}
	}
	return cfg.clone(), nil
}

// The members of CreateCluster that never change, and those that are read one by
// one; updates change all others.
var (
	fixedMembers = []string{"roleArn", "outpostConfig", "encryptionConfig"}
	readMembers  = []string{
		"name", "clientRequestToken", "version", "resourcesVpcConfig", "logging", "tags",
		"kubernetesNetworkConfig", "bootstrapSelfManagedAddons",
	}
)

// settings are what no update of the cluster changes.
func (in *clusterInput) settings(family string) map[string]any {
	fixed := map[string]any{}
	for _, member := range fixedMembers {
		if value, ok := in.members[member]; ok {
			fixed[member] = value
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
	fixed["kubernetesNetworkConfig"] = network
	return fixed
}

func nonNilTags(tags map[string]string) map[string]string {
	if tags == nil {
		return map[string]string{}
	}
	return maps.Clone(tags)
}

var clusterName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$`)

// clusterID is the hexadecimal name in a cluster's endpoint.
func (s *Service) clusterID() string {
	return fmt.Sprintf("%016X%016X", s.account.Uint64(), s.account.Uint64())
}
