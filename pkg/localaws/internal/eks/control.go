package eks

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// GivenUpdate is an EndpointAccessUpdate that somebody's call began, as the
// record of that call tells it: all three values that it leads to.
type GivenUpdate struct {
	ID      string // made up when empty
	Public  bool
	Private bool
	CIDRs   []string // nil with public access on: the world
}

// PutUpdate begins an update of a cluster without a call, nothing of it
// checked, and returns its id. It takes the usual time from now on.
func (s *Service) PutUpdate(name string, in GivenUpdate) (id string, err error) {
	err = s.change(name, func(c *cluster, now time.Time) error {
		if u := c.running(now); u != nil {
			return fmt.Errorf("localaws: cluster %s has update %s in progress", name, u.id)
		}
		cidrs := slices.Clone(in.CIDRs)
		if in.Public && len(cidrs) == 0 {
			cidrs = world(c.family)
		}
		u := s.begin(c, now, updateEndpointAccess, []updateParam{
			{"EndpointPublicAccess", strconv.FormatBool(in.Public)},
			{"EndpointPrivateAccess", strconv.FormatBool(in.Private)},
			{"PublicAccessCidrs", string(wire.JSON(nonNil(cidrs)))},
		}, func(cfg *config) { cfg.public, cfg.private, cfg.cidrs = in.Public, in.Private, cidrs })
		if in.ID != "" {
			u.id = in.ID
		}
		id = u.id
		return nil
	})
	return id, err
}

// SetTags replaces a cluster's tags without a call.
func (s *Service) SetTags(name string, tags map[string]string) error {
	return s.change(name, func(c *cluster, now time.Time) error {
		c.retag(now, nonNilTags(tags))
		return nil
	})
}

// FailNextUpdate makes the next update of a cluster end as Failed, for the
// reason of the code and message. Asked again before an update began, it does
// so for one update more.
func (s *Service) FailNextUpdate(name, code, message string) error {
	return s.change(name, func(c *cluster, _ time.Time) error {
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
func (s *Service) FailUpdate(name string, n int, why UpdateError) error {
	return s.change(name, func(c *cluster, _ time.Time) error {
		if n < 1 {
			return fmt.Errorf("localaws: updates are counted from 1, not %d", n)
		}
		c.failures[len(c.updates)+n] = why
		return nil
	})
}

// EndUpdate ends the running update of a cluster now, with a status of EKS's
// (Successful, Failed or Cancelled) and the reasons for it.
func (s *Service) EndUpdate(name, status string, errors ...UpdateError) error {
	return s.change(name, func(c *cluster, now time.Time) error {
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
func (s *Service) EndAt(name string, end time.Time) error {
	return s.change(name, func(c *cluster, now time.Time) error {
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
func (s *Service) StartUpdate(name, kind string, d time.Duration) (id string, err error) {
	err = s.change(name, func(c *cluster, now time.Time) error {
		if u := c.running(now); u != nil {
			return fmt.Errorf("localaws: cluster %s has update %s in progress", name, u.id)
		}
		u := s.begin(c, now, kind, nil, func(*config) {})
		u.endsAt = now.Add(d)
		id = u.id
		return nil
	})
	return id, err
}

// Busy makes EKS work on a cluster without showing it: for so long every
// update is refused as in use while the status reads ACTIVE and no update is
// listed.
func (s *Service) Busy(name string, d time.Duration) error {
	return s.change(name, func(c *cluster, now time.Time) error {
		c.busyUntil, c.busyUpdateID = now.Add(d), s.account.UUID()
		return nil
	})
}

// RefuseUpdates makes EKS refuse every update of a cluster with an
// InvalidRequestException and the reason, for so long; a negative duration
// means for good, and an empty reason takes a refusal back. Some states that
// nothing in the cluster shows pass by themselves, others never do.
func (s *Service) RefuseUpdates(name, reason string, d time.Duration) error {
	return s.change(name, func(c *cluster, now time.Time) error {
		c.refusal, c.refusedUntil = reason, time.Time{}
		if d >= 0 {
			c.refusedUntil = now.Add(d)
		}
		return nil
	})
}

// Remove takes a cluster away at once, without a call.
func (s *Service) Remove(name string) {
	delete(s.clusters, name)
}

func (s *Service) change(name string, f func(*cluster, time.Time) error) error {
	now := s.account.Now()
	c := s.find(name, now)
	if c == nil {
		return fmt.Errorf("localaws: there is no cluster named %s", name)
	}
	return f(c, now)
}
