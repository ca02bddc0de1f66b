package localaws

import "github.com/endpointguard/endpointguard/pkg/localaws/internal/ec2"

// VPC is a VPC as far as a private endpoint depends on it. The zero value of
// each field is what is in order; so is a VPC that was never put.
type VPC = ec2.VPC

// SecurityGroupRule is a rule of a security group.
type SecurityGroupRule = ec2.SecurityGroupRule

// PutVPC makes a VPC, or replaces the one of its id.
func (a *AWS) PutVPC(v VPC) {
	defer a.lock()()
	a.ec2.PutVPC(v)
}

// PutSecurityGroup sets the rules of a security group. A group that was never
// put lets itself in, and its VPC on port 443, and everything out.
func (a *AWS) PutSecurityGroup(id string, rules ...SecurityGroupRule) {
	defer a.lock()()
	a.ec2.PutSecurityGroup(id, rules...)
}
