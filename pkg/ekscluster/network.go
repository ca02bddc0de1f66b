package ekscluster

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// Networks reads what a private endpoint needs of a cluster's VPC.
type Networks struct{ ec2 *ec2.Client }

// NewNetworks returns the networks that the client sees.
func NewNetworks(client *ec2.Client) *Networks { return &Networks{ec2: client} }

// Network reads the facts of one cluster. A fact whose read fails is unknown, and the
// error says why: the worst of them, if there are several.
func (n *Networks) Network(ctx context.Context, c endpoint.Cluster) (endpoint.Network, error) {
	facts := endpoint.Network{Read: true}
	if c.VPC == "" {
		return facts, nil
	}
	var errs [4]error
	facts.DNSSupport, errs[0] = n.attribute(ctx, c.VPC, types.VpcAttributeNameEnableDnsSupport)
	facts.DNSHostnames, errs[1] = n.attribute(ctx, c.VPC, types.VpcAttributeNameEnableDnsHostnames)
	facts.DHCPOptions, facts.AmazonDNS, errs[2] = n.amazonDNS(ctx, c.VPC)
	facts.Ingress443, errs[3] = n.ingress443(ctx, c)
	return facts, worst(errs[:])
}

// worst returns the error that says most about what to do: one that does not pass by
// itself before one that does.
func worst(errs []error) error {
	var out error
	for _, err := range errs {
		if err != nil && (out == nil || trouble.Of(out) == trouble.Transient) {
			out = err
		}
	}
	return out
}

// failed sorts an error of EC2's about a VPC. What does not exist (any more) is no
// trouble: nothing is to be known of it.
func failed(call, about string, err error) error {
	if code, _ := awstrouble.Code(err); strings.HasSuffix(code, ".NotFound") {
		return nil
	}
	return awstrouble.Sort("ec2:"+call+" "+about, err, "")
}

func (n *Networks) attribute(ctx context.Context, vpc string, name types.VpcAttributeName) (endpoint.Fact, error) {
	out, err := n.ec2.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: &vpc, Attribute: name})
	if err != nil {
		return endpoint.Unknown, failed("DescribeVpcAttribute", vpc, err)
	}
	value := out.EnableDnsSupport
	if name == types.VpcAttributeNameEnableDnsHostnames {
		value = out.EnableDnsHostnames
	}
	if value == nil || value.Value == nil {
		return endpoint.Unknown, nil
	}
	return fact(*value.Value), nil
}

func fact(yes bool) endpoint.Fact {
	if yes {
		return endpoint.Yes
	}
	return endpoint.No
}

// amazonDNS tells the id of the VPC's DHCP options and whether they name
// AmazonProvidedDNS. The id "default" stands for no options set at all, without
// which no name server is handed out.
func (n *Networks) amazonDNS(ctx context.Context, vpc string) (string, endpoint.Fact, error) {
	vpcs, err := n.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{vpc}})
	if err != nil {
		return "", endpoint.Unknown, failed("DescribeVpcs", vpc, err)
	}
	if len(vpcs.Vpcs) != 1 || vpcs.Vpcs[0].DhcpOptionsId == nil {
		return "", endpoint.Unknown, nil
	}
	id := *vpcs.Vpcs[0].DhcpOptionsId
	if id == "default" {
		return id, endpoint.No, nil
	}
	sets, err := n.ec2.DescribeDhcpOptions(ctx, &ec2.DescribeDhcpOptionsInput{DhcpOptionsIds: []string{id}})
	if err != nil {
		return id, endpoint.Unknown, failed("DescribeDhcpOptions", id, err)
	}
	if len(sets.DhcpOptions) != 1 {
		return id, endpoint.Unknown, nil
	}
	for _, option := range sets.DhcpOptions[0].DhcpConfigurations {
		if aws.ToString(option.Key) != "domain-name-servers" {
			continue
		}
		return id, fact(slices.ContainsFunc(option.Values, func(v types.AttributeValue) bool {
			return aws.ToString(v.Value) == "AmazonProvidedDNS"
		})), nil
	}
	return id, endpoint.No, nil
}

// ingress443 reports whether the security groups of the control plane admit port
// 443 from anything but the cluster's own group.
func (n *Networks) ingress443(ctx context.Context, c endpoint.Cluster) (endpoint.Fact, error) {
	groups := c.SecurityGroups
	if c.ClusterSecurityGroup != "" {
		groups = append(slices.Clone(groups), c.ClusterSecurityGroup)
	}
	if len(groups) == 0 {
		return endpoint.Unknown, nil
	}
	pages := ec2.NewDescribeSecurityGroupRulesPaginator(n.ec2, &ec2.DescribeSecurityGroupRulesInput{
		Filters: []types.Filter{{Name: aws.String("group-id"), Values: groups}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return endpoint.Unknown, failed("DescribeSecurityGroupRules", strings.Join(groups, ","), err)
		}
		for _, rule := range page.SecurityGroupRules {
			if !aws.ToBool(rule.IsEgress) && admits443(rule) && !fromOwnGroup(rule, c.ClusterSecurityGroup) {
				return endpoint.Yes, nil
			}
		}
	}
	return endpoint.No, nil
}

func admits443(rule types.SecurityGroupRule) bool {
	switch aws.ToString(rule.IpProtocol) {
	case "-1":
		return true
	case "tcp", "6":
		return aws.ToInt32(rule.FromPort) <= 443 && 443 <= aws.ToInt32(rule.ToPort)
	default:
		return false
	}
}

func fromOwnGroup(rule types.SecurityGroupRule, group string) bool {
	return rule.ReferencedGroupInfo != nil && group != "" && aws.ToString(rule.ReferencedGroupInfo.GroupId) == group
}
