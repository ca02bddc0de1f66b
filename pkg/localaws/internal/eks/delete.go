package eks

import (
	"net/http"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

func (s *Service) deleteCluster(r *wire.Request) (any, *wire.Error) {
	c, e := s.visible(r)
	if e != nil {
		return nil, e
	}
	if u := s.inUse(c, r.Now); u != "" {
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
	c.deletedAt, c.goneAt = r.Now, r.Now.Add(s.opts.Durations.Delete)
	return map[string]any{"cluster": s.describe(c, r.Now, asOf{r.Now, r.Now, r.Now})}, nil
}
