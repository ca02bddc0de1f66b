package eks

import (
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

// behind is a read that is behind as the options say.
func (s *Service) behind(now time.Time) asOf {
	l := asOf{values: now.Add(-s.opts.StaleReads), status: now, tags: now.Add(-s.opts.TagLag)}
	if s.opts.ReadSkew && s.opts.StaleReads > 0 {
		l.values = now.Add(-time.Duration(s.skew.Int64N(int64(s.opts.StaleReads))))
		if s.skew.IntN(2) == 0 {
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

// begin starts an update.
func (s *Service) begin(c *cluster, now time.Time, kind string, params []updateParam, apply func(*config)) *update {
	took := s.opts.Durations.OtherUpdate
	switch kind {
	case updateEndpointAccess:
		took = s.opts.Durations.EndpointUpdate
	case updateVersion:
		took = s.opts.Durations.VersionUpdate
	}
	u := &update{
		id:        s.account.UUID(),
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

// find returns a cluster as it is now, nil if there is none of the name.
func (s *Service) find(name string, now time.Time) *cluster {
	c := s.clusters[name]
	if c == nil {
		return nil
	}
	if !c.deletedAt.IsZero() && !c.goneAt.After(now) {
		delete(s.clusters, name)
		return nil
	}
	c.settle(now)
	return c
}
