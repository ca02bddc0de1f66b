package localaws

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
func (a *AWS) PutUpdate(name string, in GivenUpdate) (id string, err error) {
	err = a.change(name, func(c *cluster, now time.Time) error {
		if u := c.running(now); u != nil {
			return fmt.Errorf("localaws: cluster %s has update %s in progress", name, u.id)
		}
		cidrs := slices.Clone(in.CIDRs)
		if in.Public && len(cidrs) == 0 {
			cidrs = world(c.family)
		}
		u := a.begin(c, now, updateEndpointAccess, []updateParam{
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
