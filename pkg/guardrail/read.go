package guardrail

import (
	"context"
	"time"

	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// look describes the cluster.
func (c *check) look(in *incident.Input) {
	cluster, err := c.Clusters.Cluster(c.ctx, c.wake.Cluster)
	switch {
	case err == nil:
		in.Cluster, in.Gone, in.LookedAt = cluster, false, c.Now()
	case trouble.Of(err) == trouble.Gone:
		in.Gone = true
	default:
		c.trouble(in, err)
	}
}

func (c *check) trouble(in *incident.Input, err error) {
	in.Trouble = err.Error()
	c.failed(err)
}

// failed reports that AWS did not let something be done.
func (c *check) failed(err error) {
	c.report.Trouble = err.Error()
	c.report.Refused = c.report.Refused || trouble.Of(err) == trouble.Refused || trouble.Of(err) == trouble.Unreadable
}

// readUpdates reads the updates of the ids. That one can't be read is no reason to
// leave a cluster open: incident.Next goes on without it.
func (c *check) readUpdates(in *incident.Input, ids []string, afterLook bool) {
	for _, id := range ids {
		if c.unread {
			in.Updates[id] = incident.UpdateRead{Unread: true, AfterLook: afterLook}
			continue // what EKS has just refused it is not asked for again
		}
		u, err := c.Updates.Update(c.ctx, c.wake.Cluster, id)
		switch {
		case err == nil:
			in.Updates[id] = incident.UpdateRead{Update: u, AfterLook: afterLook}
		case trouble.Of(err) == trouble.Gone:
			in.Updates[id] = incident.UpdateRead{Missing: true, AfterLook: afterLook}
		default:
			in.Updates[id] = incident.UpdateRead{Unread: true, AfterLook: afterLook}
			in.HistoryTrouble, c.unread = err.Error(), true
			c.failed(err)
		}
	}
}

func (c *check) read(in *incident.Input, known incident.History, r incident.Read) {
	c.readUpdates(in, r.Updates, true)
	if r.History {
		c.readHistory(in, known)
	}
	if r.Network {
		c.readNetwork(in)
	}
	if r.Look {
		c.look(in)
	}
}

// readNetwork reads the facts of the cluster's VPC. One that can't be read is unknown,
// which incident.Next knows what to do about.
func (c *check) readNetwork(in *incident.Input) {
	ctx, cancel := c.sharing()
	defer cancel()
	facts, err := c.Networks.Network(ctx, in.Cluster)
	in.Network, in.NetworkTrouble = facts, ""
	in.Network.Read = true
	if err == nil {
		return
	}
	c.failed(err)
	if trouble.Of(err) == trouble.Transient {
		in.NetworkTrouble = err.Error()
	}
}

// sharing is the check's context for a read that the check can do without.
func (c *check) sharing() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.ctx, time.Duration(float64(c.deadline.Sub(c.Now()))*readShare))
}

// readHistory reads EKS's list of updates as far as its share of the time goes. That
// it can't be read is no reason to leave a cluster open: incident.Next goes on more
// carefully then.
func (c *check) readHistory(in *incident.Input, known incident.History) {
	ctx, cancel := c.sharing()
	defer cancel()
	history, err := c.Updates.History(ctx, c.wake.Cluster, known.Knows)
	in.History, in.HistoryRead = history, true
	if err != nil && trouble.Of(err) != trouble.Gone {
		in.History.Whole, in.HistoryTrouble = false, err.Error()
		c.failed(err)
	}
}
