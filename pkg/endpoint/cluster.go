package endpoint

import (
	"fmt"
	"regexp"
	"time"
)

// ID names one cluster for good: a name can be used again after a deletion,
// the creation time tells the two apart.
type ID struct {
	ARN       string    `json:"arn"`
	CreatedAt time.Time `json:"createdAt"`
}

// Status is a cluster's status in EKS's spelling.
type Status string

// The cluster statuses of the EKS API.
const (
	StatusCreating Status = "CREATING"
	StatusActive   Status = "ACTIVE"
	StatusDeleting Status = "DELETING"
	StatusFailed   Status = "FAILED"
	StatusUpdating Status = "UPDATING"
	StatusPending  Status = "PENDING"
)

// Cluster is one look at an EKS cluster: all that DescribeCluster tells and the
// guardrail judges by.
type Cluster struct {
	ID
	Partition string // aws, aws-cn, aws-us-gov
	Account   string // 12 digits
	Region    string
	Name      string
	Status    Status
	Access    Access
	Family    Family
	Tags      map[string]string

	// OutpostsLocal clusters (outpostConfig) are private-only by nature;
	// Connected ones (connectorConfig) have no endpoint of EKS's; HybridNodes
	// (remoteNetworkConfig) reach the endpoint from outside AWS.
	OutpostsLocal bool
	Connected     bool
	HybridNodes   bool

	VPC                  string
	ClusterSecurityGroup string   // empty while CREATING
	SecurityGroups       []string // the additional ones
	AuditLogs            bool     // the audit log type goes to CloudWatch Logs
}

// String names c as a reader looks for it: name, account, region.
func (c Cluster) String() string {
	return fmt.Sprintf("%s (%s, %s)", c.Name, c.Account, c.Region)
}

// Pattern is what a short text must look like. Its length is told apart from the
// expression: one that counts is a hundred times as long, and is made at each
// start.
type Pattern struct {
	expression *regexp.Regexp
	longest    int // bytes
}

// NewPattern returns the pattern of an expression, which must be a valid one.
func NewPattern(expression string, longest int) Pattern {
	return Pattern{regexp.MustCompile(expression), longest}
}

// MatchString reports whether s looks so.
func (p Pattern) MatchString(s string) bool {
	return len(s) <= p.longest && p.expression.MatchString(s)
}

// NamePattern is what EKS admits as a cluster's name, 1 to 100 characters.
// Source: the EKS API reference, CreateCluster.
var NamePattern = NewPattern(`^[0-9A-Za-z][0-9A-Za-z_-]*$`, 100)

// ARN returns the ARN of a cluster.
func ARN(partition, region, account, name string) string {
	return fmt.Sprintf("arn:%s:eks:%s:%s:cluster/%s", partition, region, account, name)
}

// Fact is what a read told of the network: yes, no, or that it is not known.
// The zero value is Unknown, and Unknown is never taken for either.
type Fact int

// What a read of the network can tell.
const (
	Unknown Fact = iota
	No
	Yes
)

func (f Fact) String() string {
	switch f {
	case Yes:
		return "yes"
	case No:
		return "no"
	default:
		return "unknown"
	}
}

// Network is what a private endpoint needs of the cluster's VPC. Source: the
// EKS user guide, "Cluster API server endpoint": the private hosted zone works
// only with DNS support, DNS hostnames and AmazonProvidedDNS.
type Network struct {
	Read bool // whether the facts were asked for at all

	DNSSupport   Fact
	DNSHostnames Fact
	AmazonDNS    Fact // the DHCP options list AmazonProvidedDNS
	Ingress443   Fact // some ingress on 443 from outside the cluster's own security group

	DHCPOptions string // the id of the VPC's DHCP options set, or "default"
}
