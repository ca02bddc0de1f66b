package eks

import (
	"maps"
	"slices"
	"time"
)

// Cluster is a cluster's state in plain values, to put it there and to look at
// it. Access is what EKS holds as in force, whatever its reads still tell.
type Cluster struct {
	Name string
	ARN  string // only told
	// Status is ACTIVE when empty. CREATING and DELETING take their usual time
	// from now on; UPDATING starts a VersionUpdate.
	Status    string
	CreatedAt time.Time // now, when zero

	Public  bool
	Private bool
	CIDRs   []string // nil with public access on: the world

	IPFamily       string // ipv4 when empty
	Version        string
	RoleARN        string
	VPC            string
	Subnets        []string
	SecurityGroups []string
	// ClusterSecurityGroup is made up when empty.
	ClusterSecurityGroup string
	Tags                 map[string]string
	Logging              []string // the log types that are on: api, audit, …

	OutpostARNs        []string // a local cluster on Outposts
	Connector          string   // the provider of a connected cluster, e.g. OTHER
	RemoteNodeNetworks []string // CIDRs of hybrid nodes

	Updates []Update // only told, oldest first
}

// Update is one update of a cluster.
type Update struct {
	ID, Type, Status string
	CreatedAt        time.Time
	EndsAt           time.Time
	Params           map[string]string
	Errors           []UpdateError
}

// Put makes a cluster, or replaces the one of its name, without a call:
// nothing is told to EventBridge.
func (s *Service) Put(in Cluster) {
	now := s.account.Now()
	s.fillIn(&in, now)
	c := &cluster{
		name:      in.Name,
		id:        s.clusterID(),
		createdAt: in.CreatedAt,
		visibleAt: in.CreatedAt,
		activeAt:  in.CreatedAt,
		family:    in.IPFamily,
		vpc:       in.VPC,
		sg:        in.ClusterSecurityGroup,
		platform:  "eks.1",
		tags:      nonNilTags(in.Tags),
		settings:  map[string]any{"roleArn": in.RoleARN, "kubernetesNetworkConfig": map[string]any{"ipFamily": in.IPFamily}},
		tokens:    map[string]usedToken{},
		failures:  map[int]UpdateError{},
		config: config{
			public:   in.Public,
			private:  in.Private,
			cidrs:    slices.Clone(in.CIDRs),
			subnets:  slices.Clone(in.Subnets),
			groups:   slices.Clone(in.SecurityGroups),
			logging:  slices.Sorted(slices.Values(in.Logging)),
			version:  in.Version,
			settings: map[string]any{},
		},
	}
	if in.Public && len(in.CIDRs) == 0 {
		c.config.cidrs = world(in.IPFamily)
	}
	if len(in.OutpostARNs) > 0 {
		c.settings["outpostConfig"] = map[string]any{"outpostArns": in.OutpostARNs, "controlPlaneInstanceType": "m5.large"}
	}
	if in.Connector != "" {
		c.settings["connectorConfig"] = map[string]any{"provider": in.Connector}
	}
	if len(in.RemoteNodeNetworks) > 0 {
		c.config.settings["remoteNetworkConfig"] = map[string]any{
			"remoteNodeNetworks": []any{map[string]any{"cidrs": in.RemoteNodeNetworks}},
		}
	}
	s.clusters[in.Name] = c
	switch in.Status {
	case statusCreating:
		c.activeAt = now.Add(s.opts.Durations.Create)
	case statusDeleting:
		c.deletedAt, c.goneAt = now, now.Add(s.opts.Durations.Delete)
	case statusFailed, statusPending:
		c.fixed = in.Status
	case statusUpdating:
		s.begin(c, now, updateVersion, []updateParam{{"Version", in.Version}, {"PlatformVersion", c.platform}}, func(*config) {})
	}
}

// fillIn makes up what was left empty.
func (s *Service) fillIn(in *Cluster, now time.Time) {
	if in.CreatedAt.IsZero() {
		in.CreatedAt = now
	}
	if in.Version == "" {
		in.Version = "1.33"
	}
	if in.RoleARN == "" {
		in.RoleARN = s.account.GlobalARN("iam", "role/eks-"+in.Name)
	}
	if in.ClusterSecurityGroup == "" {
		in.ClusterSecurityGroup = s.account.ResourceID("sg")
	}
	if len(in.Subnets) == 0 {
		in.Subnets = []string{s.account.ResourceID("subnet"), s.account.ResourceID("subnet")}
	}
	if in.VPC == "" {
		in.VPC = s.network.VPCOf(in.Subnets)
	}
	if in.IPFamily == "" {
		in.IPFamily = "ipv4"
	}
}

// Cluster returns a cluster's true current state.
func (s *Service) Cluster(name string) (Cluster, bool) {
	now := s.account.Now()
	c := s.find(name, now)
	if c == nil {
		return Cluster{}, false
	}
	return s.view(c, now), true
}

// Clusters returns the names of all clusters, sorted.
func (s *Service) Clusters() []string {
	now := s.account.Now()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(s.clusters)) {
		if s.find(name, now) != nil {
			names = append(names, name)
		}
	}
	return names
}

func (s *Service) view(c *cluster, now time.Time) Cluster {
	out := Cluster{
		Name:                 c.name,
		ARN:                  s.ARN(c.name),
		Status:               c.status(now, 0),
		CreatedAt:            c.createdAt,
		Public:               c.config.public,
		Private:              c.config.private,
		CIDRs:                slices.Clone(c.config.cidrs),
		IPFamily:             c.family,
		Version:              c.config.version,
		VPC:                  c.vpc,
		Subnets:              slices.Clone(c.config.subnets),
		SecurityGroups:       slices.Clone(c.config.groups),
		ClusterSecurityGroup: c.sg,
		Tags:                 maps.Clone(c.tags),
		Logging:              slices.Clone(c.config.logging),
	}
	out.RoleARN, _ = c.settings["roleArn"].(string)
	out.OutpostARNs = stringsAt(c.settings, "outpostConfig", "outpostArns")
	if connector, ok := c.settings["connectorConfig"].(map[string]any); ok {
		out.Connector, _ = connector["provider"].(string)
	}
	if remote, ok := c.config.settings["remoteNetworkConfig"].(map[string]any); ok {
		networks, _ := remote["remoteNodeNetworks"].([]any)
		for _, network := range networks {
			if n, ok := network.(map[string]any); ok {
				out.RemoteNodeNetworks = append(out.RemoteNodeNetworks, asStrings(n["cidrs"])...)
			}
		}
	}
	for _, u := range c.updates {
		params := map[string]string{}
		for _, p := range u.params {
			params[p.name] = p.value
		}
		told := Update{ID: u.id, Type: u.kind, Status: u.status(now), CreatedAt: u.createdAt, EndsAt: u.endsAt, Params: params}
		if told.Status != updateInProgress {
			told.Errors = slices.Clone(u.errors)
		}
		out.Updates = append(out.Updates, told)
	}
	return out
}

func stringsAt(settings map[string]any, member, list string) []string {
	m, _ := settings[member].(map[string]any)
	return asStrings(m[list])
}

func asStrings(v any) []string {
	switch list := v.(type) {
	case []string:
		return slices.Clone(list)
	case []any:
		var out []string
		for _, e := range list {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	default:
		return nil
	}
}
