// Package cloudtrail reads CloudTrail records of EKS calls: who asked for what
// of which cluster, or why a record is no concern of the guardrail. It is pure:
// no clock, no logger, no AWS SDK.
package cloudtrail

import (
	"fmt"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

// The EKS calls that can open a cluster's endpoint, move the cluster out of a
// rule that is scoped by tags, or end it.
const (
	CreateCluster       = "CreateCluster"
	UpdateClusterConfig = "UpdateClusterConfig"
	DeleteCluster       = "DeleteCluster"
	TagResource         = "TagResource"
	UntagResource       = "UntagResource"
)

// Event is one successful EKS call that concerns a cluster's endpoint access, its
// tags or its end. It tells what was asked for, which need not be what the cluster is
// now: only EKS knows that.
type Event struct {
	ID   string    // eventID
	Time time.Time // eventTime in UTC, else EventBridge's; zero if neither can be read
	Name string    // CreateCluster, UpdateClusterConfig, DeleteCluster, TagResource or UntagResource

	Account   string // 12 digits: EventBridge's account, else recipientAccountId, else the caller's
	Region    string // EventBridge's region, else awsRegion
	Partition string // aws, aws-cn, …: the cluster ARN's, else the caller ARN's, else the region's
	Cluster   string // the cluster's name; matches endpoint.NamePattern

	// UpdateID is the id of the update that the call started; empty if the
	// record doesn't tell it, and for the other calls.
	UpdateID string
	// Asked is the endpoint access that the call asked for: what EKS answered
	// (it fills in what the caller left out), else what the caller sent. Of a
	// CreateCluster that tells neither, EKS's defaults.
	Asked endpoint.Request
	// Defaults are the settings of Asked that the record doesn't tell and EKS
	// fills in, in its names. Of CreateCluster alone.
	Defaults []string
	// Unread is what stands in the record, or was left out of it, and could not be
	// read, though what the call did hangs on it: all for which Asked is Unreadable, and
	// what a created cluster's tags, family and kind are told by. It is for people,
	// and no part of a message.
	Unread []Unread `json:"-"`
	Actor  Actor

	// Of CreateCluster: the cluster as it was ordered.
	CreatedAt      time.Time // cluster.createdAt in UTC, to the millisecond; zero if not told
	Family         endpoint.Family
	Tags           map[string]string
	VPC            string
	SecurityGroups []string
	OutpostsLocal  bool
	HybridNodes    bool
	AuditLogs      bool

	ChangedTags map[string]string // of TagResource: the tags that were set
	RemovedTags []string          // of UntagResource: the keys that were removed
}

// ARN returns the ARN of the cluster.
func (e Event) ARN() string {
	return endpoint.ARN(e.Partition, e.Region, e.Account, e.Cluster)
}

// Created returns the cluster that a CreateCluster ordered, CREATING, as far as
// the record tells it. It is false for the other calls, and when the endpoint
// access that was asked for could not be read.
func (e Event) Created() (endpoint.Cluster, bool) {
	if e.Name != CreateCluster || e.Asked.Unreadable {
		return endpoint.Cluster{}, false
	}
	return endpoint.Cluster{
		ID:             endpoint.ID{ARN: e.ARN(), CreatedAt: e.CreatedAt},
		Partition:      e.Partition,
		Account:        e.Account,
		Region:         e.Region,
		Name:           e.Cluster,
		Status:         endpoint.StatusCreating,
		Access:         e.Asked.Over(endpoint.Access{}),
		Family:         e.Family,
		Tags:           e.Tags,
		OutpostsLocal:  e.OutpostsLocal,
		HybridNodes:    e.HybridNodes,
		VPC:            e.VPC,
		SecurityGroups: e.SecurityGroups,
		AuditLogs:      e.AuditLogs,
	}, true
}

// label names the event as far as it is known, for the errors.
func (e Event) label() string {
	switch {
	case e.Name == "":
		return "event"
	case e.Cluster == "":
		return e.Name
	default:
		return fmt.Sprintf("%s of cluster %s", e.Name, e.Cluster)
	}
}

// NoConcern is the error of Decode for a record that was read and changes no
// cluster's endpoint access or tags, and ends none: a failed call, another service or call, an
// update of another kind. The embedded Event holds what the record tells
// otherwise; its fields may be empty.
type NoConcern struct {
	Event
	Why string // e.g. "the call failed with AccessDenied"
}

func (n NoConcern) Error() string {
	return n.label() + " is no concern: " + n.Why
}

// Unreadable is the error of Decode for data that is not a CloudTrail record,
// or lacks or garbles what is needed to know which cluster it is about. The
// embedded Event holds what could be read; its fields may be empty.
type Unreadable struct {
	Event
	Why string // e.g. "no cluster name in requestParameters"
}

func (u Unreadable) Error() string {
	return u.label() + " is unreadable: " + u.Why
}
