package eks

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

func (s *Service) updateClusterConfig(r *wire.Request) (any, *wire.Error) {
	c, e := s.visible(r)
	if e != nil {
		return nil, e
	}
	var in clusterInput
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	digest := in.digest(r.Operation)
	if s.opts.RepeatedToken == SameUpdate {
		if out, e, done := s.again(c, &in, digest, r.Now); done {
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
		if e := s.checkCIDRs(*in.VPCConfig.CIDRs, c.family, public); e != nil {
			e.Members = map[string]any{"clusterName": c.name}
			return nil, e
		}
	}
	if e := s.changeable(c, kind, r.Now); e != nil {
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
	if out, e, done := s.again(c, &in, digest, r.Now); done {
		return out, e
	}
	u := s.begin(c, r.Now, kind, params, apply)
	c.remember(&in, digest, u, r.Now)
	return map[string]any{"update": updateOutput(u, r.Now, 0)}, nil
}

func (s *Service) updateClusterVersion(r *wire.Request) (any, *wire.Error) {
	c, e := s.visible(r)
	if e != nil {
		return nil, e
	}
	var in clusterInput
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	digest := in.digest(r.Operation)
	if s.opts.RepeatedToken == SameUpdate {
		if out, e, done := s.again(c, &in, digest, r.Now); done {
			return out, e
		}
	}
	if e := s.changeable(c, updateVersion, r.Now); e != nil {
		return nil, e
	}
	if in.Version == c.config.version {
		return nil, badParameter(c, "Cluster is already on the version "+in.Version+".")
	}
	if out, e, done := s.again(c, &in, digest, r.Now); done {
		return out, e
	}
	params := []updateParam{{"Version", in.Version}, {"PlatformVersion", c.platform}}
	u := s.begin(c, r.Now, updateVersion, params, func(cfg *config) { cfg.version = in.Version })
	c.remember(&in, digest, u, r.Now)
	return map[string]any{"update": updateOutput(u, r.Now, 0)}, nil
}

// again answers a call whose token was used before. The digest is kept with
// the token, so that the same token with other parameters is refused.
func (s *Service) again(c *cluster, in *clusterInput, digest string, now time.Time) (any, *wire.Error, bool) {
	used, found := c.tokens[in.Token]
	switch {
	case in.Token == "" || !found:
		return nil, nil, false
	case s.opts.TokenMemory > 0 && !used.at.Add(s.opts.TokenMemory).After(now):
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
			"Cluster is already at the desired configuration with endpointPrivateAccess: %t , endpointPublicAccess: %t, "+
				"and Public Endpoint Restrictions: [%s]",
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
