package localaws

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// The statuses of clusters and updates, and the kinds of update, in EKS's
// spelling.
const (
	statusCreating = "CREATING"
	statusActive   = "ACTIVE"
	statusUpdating = "UPDATING"
	statusDeleting = "DELETING"
	statusFailed   = "FAILED"
	statusPending  = "PENDING"

	updateInProgress = "InProgress"
	updateFailed     = "Failed"
	updateSuccessful = "Successful"

	updateEndpointAccess = "EndpointAccessUpdate"
	updateVersion        = "VersionUpdate"

	familyIPv6 = "ipv6"
)

// cluster is an EKS cluster. What a look at it tells depends on the time: see
// settle and status.
type cluster struct {
	name, id  string
	createdAt time.Time
	visibleAt time.Time // reads know it from here on
	activeAt  time.Time // the end of CREATING
	deletedAt time.Time // the begin of DELETING; zero: not deleted
	goneAt    time.Time
	fixed     string // FAILED or PENDING, for good

	token, tokenDigest string // of its creation

	config config
	was    []era[config] // before each Successful update, oldest first

	family       string
	vpc, sg      string
	platform     string
	tags         map[string]string
	tagsWere     []era[map[string]string] // before each change, oldest first
	settings     map[string]any           // what never changes: outpostConfig, connectorConfig, …
	updates      []*update
	tokens       map[string]usedToken
	failures     map[int]UpdateError // by the ordinal of the update that is to fail
	busyUntil    time.Time           // EKS works on the cluster without saying so
	busyUpdateID string
	refusal      string    // why every update is refused, for now or for good
	refusedUntil time.Time // zero: for good
}

// era is what something was until it changed.
type era[T any] struct {
	until time.Time
	value T
}

// at is what something was at a time, now being what it is since the last era.
func at[T any](eras []era[T], now T, when time.Time) T {
	for _, e := range eras {
		if e.until.After(when) {
			return e.value
		}
	}
	return now
}

// config is what updates change.
type config struct {
	public, private bool
	cidrs           []string
	subnets, groups []string
	logging         []string // the types that are on, sorted
	version         string
	settings        map[string]any // as sent, by request member: accessConfig, computeConfig, …
}

func (c config) clone() config {
	c.cidrs = slices.Clone(c.cidrs)
	c.subnets = slices.Clone(c.subnets)
	c.groups = slices.Clone(c.groups)
	c.logging = slices.Clone(c.logging)
	c.settings = maps.Clone(c.settings)
	return c
}

// update is a change in progress, or one that is over.
type update struct {
	id, kind  string
	params    []updateParam
	createdAt time.Time
	endsAt    time.Time
	end       string // the status that it ends with
	errors    []UpdateError
	apply     func(*config)
	settled   bool
}

type updateParam struct{ name, value string }

type usedToken struct {
	digest string
	update *update
	at     time.Time
}

// UpdateError is one of the reasons that EKS gives for a failed update.
type UpdateError struct {
	Code        string // e.g. SecurityGroupNotFound
	Message     string
	ResourceIDs []string
}

// settle brings the cluster to the state of the time: every update that is
// over by then takes effect, or fails.
func (c *cluster) settle(now time.Time) {
	for _, u := range c.updates {
		if u.settled || u.endsAt.After(now) {
			continue
		}
		u.settled = true
		if u.end != updateSuccessful {
			continue
		}
		c.was = append(c.was, era[config]{u.endsAt, c.config})
		c.config = c.config.clone()
		u.apply(&c.config)
	}
}

// running returns the update in progress, nil if there is none.
func (c *cluster) running(now time.Time) *update {
	for _, u := range c.updates {
		if u.endsAt.After(now) && !u.createdAt.After(now) {
			return u
		}
	}
	return nil
}

// status is the cluster's status; an update shows in it once it has run for
// the lag.
func (c *cluster) status(now time.Time, lag time.Duration) string {
	switch u := c.running(now); {
	case !c.deletedAt.IsZero() && !c.deletedAt.After(now):
		return statusDeleting
	case c.fixed != "":
		return c.fixed
	case c.activeAt.After(now):
		return statusCreating
	case u != nil && !u.createdAt.Add(lag).After(now):
		return statusUpdating
	default:
		return statusActive
	}
}

// retag changes the tags, and keeps what they were.
func (c *cluster) retag(now time.Time, tags map[string]string) {
	c.tagsWere = append(c.tagsWere, era[map[string]string]{now, c.tags})
	c.tags = tags
}

// asOf is of which time each part of a read tells.
type asOf struct{ values, status, tags time.Time }

// behind is a read that is behind as the options say. The caller holds the account's lock.
func (a *AWS) behind(now time.Time) asOf {
	l := asOf{values: now.Add(-a.opts.StaleReads), status: now, tags: now.Add(-a.opts.TagLag)}
	if a.opts.ReadSkew && a.opts.StaleReads > 0 {
		l.values = now.Add(-time.Duration(a.skew.Int64N(int64(a.opts.StaleReads))))
		if a.skew.IntN(2) == 0 {
			l.status = l.values
		}
	}
	return l
}

func (u *update) status(now time.Time) string {
	if u.endsAt.After(now) {
		return updateInProgress
	}
	return u.end
}

// begin starts an update. The caller holds the account's lock and has made sure that none is
// running.
func (a *AWS) begin(c *cluster, now time.Time, kind string, params []updateParam, apply func(*config)) *update {
	took := a.durations.OtherUpdate
	switch kind {
	case updateEndpointAccess:
		took = a.durations.EndpointUpdate
	case updateVersion:
		took = a.durations.VersionUpdate
	}
	u := &update{
		id:        a.account.UUID(),
		kind:      kind,
		params:    params,
		createdAt: now,
		endsAt:    now.Add(took),
		end:       updateSuccessful,
		apply:     apply,
	}
	c.updates = append(c.updates, u)
	if why, fails := c.failures[len(c.updates)]; fails {
		u.end, u.errors = updateFailed, []UpdateError{why}
	}
	c.settle(now)
	return u
}

// find returns a cluster as it is now, nil if there is none of the name. The
// caller holds the account's lock.
func (a *AWS) find(name string, now time.Time) *cluster {
	c := a.clusters[name]
	if c == nil {
		return nil
	}
	if !c.deletedAt.IsZero() && !c.goneAt.After(now) {
		delete(a.clusters, name)
		return nil
	}
	c.settle(now)
	return c
}

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

// PutCluster makes a cluster, or replaces the one of its name, without a call:
// nothing is told to EventBridge.
func (a *AWS) PutCluster(in Cluster) {
	a.account.Lock()
	defer a.account.Unlock()
	now := a.account.Now()
	if in.CreatedAt.IsZero() {
		in.CreatedAt = now
	}
	if in.Version == "" {
		in.Version = "1.33"
	}
	if in.RoleARN == "" {
		in.RoleARN = a.account.GlobalARN("iam", "role/eks-"+in.Name)
	}
	if in.ClusterSecurityGroup == "" {
		in.ClusterSecurityGroup = a.account.ResourceID("sg")
	}
	if len(in.Subnets) == 0 {
		in.Subnets = []string{a.account.ResourceID("subnet"), a.account.ResourceID("subnet")}
	}
	if in.VPC == "" {
		in.VPC = a.ec2.VPCOf(in.Subnets)
	}
	if in.IPFamily == "" {
		in.IPFamily = "ipv4"
	}
	c := &cluster{
		name:      in.Name,
		id:        a.clusterID(),
		createdAt: in.CreatedAt,
		visibleAt: in.CreatedAt,
		activeAt:  in.CreatedAt,
		family:    in.IPFamily,
		vpc:       in.VPC,
		sg:        in.ClusterSecurityGroup,
		platform:  "eks.1",
		tags:      maps.Clone(in.Tags),
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
	if c.tags == nil {
		c.tags = map[string]string{}
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
	a.clusters[in.Name] = c
	switch in.Status {
	case statusCreating:
		c.activeAt = now.Add(a.durations.Create)
	case statusDeleting:
		c.deletedAt, c.goneAt = now, now.Add(a.durations.Delete)
	case statusFailed, statusPending:
		c.fixed = in.Status
	case statusUpdating:
		a.begin(c, now, updateVersion, []updateParam{{"Version", in.Version}, {"PlatformVersion", c.platform}}, func(*config) {})
	}
}

// Cluster returns a cluster's true current state.
func (a *AWS) Cluster(name string) (Cluster, bool) {
	a.account.Lock()
	defer a.account.Unlock()
	now := a.account.Now()
	c := a.find(name, now)
	if c == nil {
		return Cluster{}, false
	}
	return a.view(c, now), true
}

// Clusters returns the names of all clusters, sorted.
func (a *AWS) Clusters() []string {
	a.account.Lock()
	defer a.account.Unlock()
	now := a.account.Now()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(a.clusters)) {
		if a.find(name, now) != nil {
			names = append(names, name)
		}
	}
	return names
}

func (a *AWS) view(c *cluster, now time.Time) Cluster {
	out := Cluster{
		Name:                 c.name,
		ARN:                  a.ClusterARN(c.name),
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

// SetTags replaces a cluster's tags without a call.
func (a *AWS) SetTags(name string, tags map[string]string) error {
	return a.change(name, func(c *cluster, now time.Time) error {
		tags = maps.Clone(tags)
		if tags == nil {
			tags = map[string]string{}
		}
		c.retag(now, tags)
		return nil
	})
}

// FailNextUpdate makes the next update of a cluster end as Failed, for the
// reason of the code and message. Asked again before an update began, it does
// so for one update more.
func (a *AWS) FailNextUpdate(name, code, message string) error {
	return a.change(name, func(c *cluster, _ time.Time) error {
		n := len(c.updates) + 1
		for {
			if _, taken := c.failures[n]; !taken {
				break
			}
			n++
		}
		c.failures[n] = UpdateError{Code: code, Message: message}
		return nil
	})
}

// FailUpdate makes the n-th update from now on, counted from 1, end as Failed.
func (a *AWS) FailUpdate(name string, n int, why UpdateError) error {
	return a.change(name, func(c *cluster, _ time.Time) error {
		if n < 1 {
			return fmt.Errorf("localaws: updates are counted from 1, not %d", n)
		}
		c.failures[len(c.updates)+n] = why
		return nil
	})
}

// EndUpdate ends the running update of a cluster now, with a status of EKS's
// (Successful, Failed or Cancelled) and the reasons for it.
func (a *AWS) EndUpdate(name, status string, errors ...UpdateError) error {
	return a.change(name, func(c *cluster, now time.Time) error {
		u := c.running(now)
		if u == nil {
			return fmt.Errorf("localaws: cluster %s has no update in progress", name)
		}
		u.endsAt, u.end, u.errors = now, status, errors
		c.settle(now)
		return nil
	})
}

// EndAt moves the end of what EKS does at a cluster, creating it or an update, to
// another time, to now if that has passed. How it ends stays as it was.
func (a *AWS) EndAt(name string, end time.Time) error {
	return a.change(name, func(c *cluster, now time.Time) error {
		if end.Before(now) {
			end = now
		}
		switch u := c.running(now); {
		case c.activeAt.After(now):
			c.activeAt = end
		case u != nil:
			u.endsAt = end
		default:
			return fmt.Errorf("localaws: cluster %s is neither being created nor updated", name)
		}
		c.settle(now)
		return nil
	})
}

// StartUpdate begins an update that changes nothing, of any of EKS's kinds, as
// AWS does on its own account; it runs for the duration.
func (a *AWS) StartUpdate(name, kind string, d time.Duration) (id string, err error) {
	err = a.change(name, func(c *cluster, now time.Time) error {
		if u := c.running(now); u != nil {
			return fmt.Errorf("localaws: cluster %s has update %s in progress", name, u.id)
		}
		u := a.begin(c, now, kind, nil, func(*config) {})
		u.endsAt = now.Add(d)
		id = u.id
		return nil
	})
	return id, err
}

// Busy makes EKS work on a cluster without showing it: for so long every
// update is refused as in use while the status reads ACTIVE and no update is
// listed.
func (a *AWS) Busy(name string, d time.Duration) error {
	return a.change(name, func(c *cluster, now time.Time) error {
		c.busyUntil, c.busyUpdateID = now.Add(d), a.account.UUID()
		return nil
	})
}

// RefuseUpdates makes EKS refuse every update of a cluster with an
// InvalidRequestException and the reason, for so long; a negative duration
// means for good, and an empty reason takes a refusal back. Some states that
// nothing in the cluster shows pass by themselves, others never do.
func (a *AWS) RefuseUpdates(name, reason string, d time.Duration) error {
	return a.change(name, func(c *cluster, now time.Time) error {
		c.refusal, c.refusedUntil = reason, time.Time{}
		if d >= 0 {
			c.refusedUntil = now.Add(d)
		}
		return nil
	})
}

// RemoveCluster takes a cluster away at once, without a call.
func (a *AWS) RemoveCluster(name string) {
	a.account.Lock()
	defer a.account.Unlock()
	delete(a.clusters, name)
}

func (a *AWS) change(name string, f func(*cluster, time.Time) error) error {
	a.account.Lock()
	defer a.account.Unlock()
	now := a.account.Now()
	c := a.find(name, now)
	if c == nil {
		return fmt.Errorf("localaws: there is no cluster named %s", name)
	}
	return f(c, now)
}
