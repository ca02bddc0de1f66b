package eks

import (
	"fmt"
	"net/http"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// visible returns the cluster that the path names, if reads know it already.
func (s *Service) visible(r *wire.Request) (*cluster, *wire.Error) {
	c := s.find(r.Path[1], r.Now)
	if c == nil || c.visibleAt.After(r.Now) {
		return nil, noCluster(r.Path[1])
	}
	return c, nil
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

// inUse returns the id of the update that keeps others out, "" if there is none.
func (s *Service) inUse(c *cluster, now time.Time) string {
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
func (s *Service) changeable(c *cluster, kind string, now time.Time) *wire.Error {
	refused := func(why string) *wire.Error {
		return &wire.Error{Type: wire.InvalidRequest, Message: why, Members: map[string]any{"clusterName": c.name}}
	}
	switch status := c.status(now, 0); {
	case c.settings["connectorConfig"] != nil:
		return refused("Cluster " + c.name + " is a connected cluster and cannot be updated.")
	case status == statusCreating:
		e := refused("Cluster " + c.name + " has the status CREATING and cannot be updated yet.")
		e.Type = s.opts.CreatingError
		if e.Type == wire.ResourceInUse {
			e.Status = http.StatusConflict
		}
		return e
	case status == statusDeleting, status == statusFailed, status == statusPending:
		return refused("Cluster " + c.name + " has the status " + status + " and cannot be updated.")
	}
	if u := s.inUse(c, now); u != "" {
		return busy(kind, c, u)
	}
	if c.refusal != "" && (c.refusedUntil.IsZero() || c.refusedUntil.After(now)) {
		return refused(c.refusal)
	}
	return nil
}
