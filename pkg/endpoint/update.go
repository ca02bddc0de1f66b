package endpoint

import (
	"net/netip"
	"slices"
	"time"
)

// Request is an endpoint access as a caller asked for it: what was left out is
// nil and stays as it is.
type Request struct {
	Public  *bool           `json:"public,omitempty"`
	Private *bool           `json:"private,omitempty"`
	CIDRs   *[]netip.Prefix `json:"cidrs,omitempty"`
	// Unreadable is set when a value was given that could not be read: what was
	// asked for is then not known.
	Unreadable bool `json:"unreadable,omitempty"`
}

// Empty reports whether r asks for nothing.
func (r Request) Empty() bool {
	return r.Public == nil && r.Private == nil && r.CIDRs == nil && !r.Unreadable
}

// Untold are the settings that r leaves out, in EKS's names.
func (r Request) Untold() []string {
	var out []string
	if r.Public == nil {
		out = append(out, "endpointPublicAccess")
	}
	if r.Private == nil {
		out = append(out, "endpointPrivateAccess")
	}
	if r.CIDRs == nil {
		out = append(out, "publicAccessCidrs")
	}
	return out
}

// Over returns the access that r makes of base.
func (r Request) Over(base Access) Access {
	out := base.Clone()
	if r.Public != nil {
		out.Public = *r.Public
	}
	if r.Private != nil {
		out.Private = *r.Private
	}
	if r.CIDRs != nil {
		out.CIDRs = slices.Clone(*r.CIDRs)
	}
	return out
}

// UpdateStatus is the status of an update in EKS's spelling.
type UpdateStatus string

// The update statuses of the EKS API.
const (
	UpdateInProgress UpdateStatus = "InProgress"
	UpdateFailed     UpdateStatus = "Failed"
	UpdateCancelled  UpdateStatus = "Cancelled"
	UpdateSuccessful UpdateStatus = "Successful"
)

// EndpointAccessUpdate is the type of the updates that change the endpoint
// access; resourcesVpcConfig carries other types too.
const EndpointAccessUpdate = "EndpointAccessUpdate"

// Update is one look at an update of a cluster: what DescribeUpdate tells.
type Update struct {
	ID        string        `json:"id"`
	Type      string        `json:"type"`
	Status    UpdateStatus  `json:"status"`
	Asked     Request       `json:"asked"`
	CreatedAt time.Time     `json:"createdAt"`
	Errors    []UpdateError `json:"errors,omitempty"`
}

// UpdateError is one of the reasons that EKS gives for a failed update.
type UpdateError struct {
	Code    string `json:"code"` // e.g. SecurityGroupNotFound
	Message string `json:"message"`
}

// Over reports whether EKS has finished with the update, in whatever way.
func (u Update) Over() bool {
	switch u.Status {
	case UpdateSuccessful, UpdateFailed, UpdateCancelled:
		return true
	default:
		return false
	}
}
