package incident

import "slices"

// Facts are what a reader of the mails needs of a cluster. Nothing is decided
// by them.
type Facts struct {
	VPC                  string   `json:"vpc,omitempty"`
	ClusterSecurityGroup string   `json:"clusterSecurityGroup,omitempty"` // "" while EKS is creating the cluster
	SecurityGroups       []string `json:"securityGroups,omitempty"`       // the additional ones
	AuditLogs            bool     `json:"auditLogs,omitempty"`            // they go to CloudWatch Logs
}

// facts notes what the mails need of the cluster of the open incident.
func (t *evaluation) facts() {
	if t.Incident == nil || t.in.Cluster.Name == "" {
		return
	}
	c := t.in.Cluster
	now := Facts{VPC: c.VPC, ClusterSecurityGroup: c.ClusterSecurityGroup, SecurityGroups: c.SecurityGroups, AuditLogs: c.AuditLogs}
	if was := t.Incident.Facts; was != nil && was.VPC == now.VPC && was.ClusterSecurityGroup == now.ClusterSecurityGroup &&
		slices.Equal(was.SecurityGroups, now.SecurityGroups) && was.AuditLogs == now.AuditLogs {
		return
	}
	t.Incident.Facts = &now
}
