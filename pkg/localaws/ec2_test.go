package localaws_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// network reads what a private endpoint depends on, as the guardrail does.
func network(t *testing.T, c *ec2.Client, vpc string) (support, hostnames bool, servers []string) {
	t.Helper()
	attribute := func(name types.VpcAttributeName) *ec2.DescribeVpcAttributeOutput {
		out, err := c.DescribeVpcAttribute(ctx(t), &ec2.DescribeVpcAttributeInput{VpcId: &vpc, Attribute: name})
		must(t, err)
		return out
	}
	support = *attribute(types.VpcAttributeNameEnableDnsSupport).EnableDnsSupport.Value
	hostnames = *attribute(types.VpcAttributeNameEnableDnsHostnames).EnableDnsHostnames.Value
	vpcs, err := c.DescribeVpcs(ctx(t), &ec2.DescribeVpcsInput{VpcIds: []string{vpc}})
	must(t, err)
	id := *vpcs.Vpcs[0].DhcpOptionsId
	if id == "default" {
		_, err := c.DescribeDhcpOptions(ctx(t), &ec2.DescribeDhcpOptionsInput{DhcpOptionsIds: []string{id}})
		wantError(t, err, "InvalidDhcpOptionsID.NotFound", "")
		return support, hostnames, nil
	}
	options, err := c.DescribeDhcpOptions(ctx(t), &ec2.DescribeDhcpOptionsInput{DhcpOptionsIds: []string{id}})
	must(t, err)
	for _, option := range options.DhcpOptions[0].DhcpConfigurations {
		if *option.Key == "domain-name-servers" {
			for _, value := range option.Values {
				servers = append(servers, *value.Value)
			}
		}
	}
	return support, hostnames, servers
}

func TestVPCs(t *testing.T) {
	for _, tc := range []struct {
		name               string
		vpc                localaws.VPC
		support, hostnames bool
		servers            []string
	}{
		{"never put", localaws.VPC{ID: "vpc-other"}, true, true, []string{"AmazonProvidedDNS"}},
		{"in order", localaws.VPC{ID: "vpc-1"}, true, true, []string{"AmazonProvidedDNS"}},
		{"no names", localaws.VPC{ID: "vpc-1", NoDNSHostnames: true}, true, false, []string{"AmazonProvidedDNS"}},
		{"no support", localaws.VPC{ID: "vpc-1", NoDNSSupport: true}, false, true, []string{"AmazonProvidedDNS"}},
		{"own servers", localaws.VPC{ID: "vpc-1", NameServers: []string{"10.0.0.2", "10.0.0.3"}}, true, true, []string{"10.0.0.2", "10.0.0.3"}},
		{"no options set", localaws.VPC{ID: "vpc-1", DHCPOptions: "default"}, true, true, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := localaws.New(localaws.Options{})
			if tc.vpc.ID == "vpc-1" {
				a.PutVPC(tc.vpc)
			}
			support, hostnames, servers := network(t, ec2.NewFromConfig(once(a)), tc.vpc.ID)
			if support != tc.support || hostnames != tc.hostnames {
				t.Errorf("support %t, host names %t; want %t, %t", support, hostnames, tc.support, tc.hostnames)
			}
			if d := cmp.Diff(tc.servers, servers); d != "" {
				t.Errorf("name servers (-want +got):\n%s", d)
			}
		})
	}
}

func TestVPCOfACluster(t *testing.T) {
	a := localaws.New(localaws.Options{})
	a.PutVPC(localaws.VPC{ID: "vpc-1", Subnets: []string{"subnet-1"}, Gone: true})
	a.PutCluster(localaws.Cluster{Name: "c", Private: true, Subnets: []string{"subnet-1"}})
	vpc := describe(t, eksClient(a), "c").ResourcesVpcConfig.VpcId
	if *vpc != "vpc-1" {
		t.Errorf("VPC %s", *vpc)
	}
	_, err := ec2.NewFromConfig(once(a)).DescribeVpcs(ctx(t), &ec2.DescribeVpcsInput{VpcIds: []string{*vpc}})
	wantError(t, err, "InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist")
}

func TestSecurityGroupRules(t *testing.T) {
	a := localaws.New(localaws.Options{})
	c := ec2.NewFromConfig(once(a))
	a.PutSecurityGroup("sg-1",
		localaws.SecurityGroupRule{FromPort: 443, ToPort: 443, Group: "sg-9", GroupAccount: "444455556666"},
		localaws.SecurityGroupRule{Protocol: "-1", Egress: true, CIDRv6: "::/0"})
	var many []localaws.SecurityGroupRule
	for i := range 7 {
		many = append(many, localaws.SecurityGroupRule{FromPort: 443, ToPort: 443, CIDRv4: fmt.Sprintf("10.0.%d.0/24", i)})
	}
	a.PutSecurityGroup("sg-2", many...)
	var got []types.SecurityGroupRule
	pages := ec2.NewDescribeSecurityGroupRulesPaginator(c, &ec2.DescribeSecurityGroupRulesInput{
		MaxResults: aws.Int32(5), Filters: []types.Filter{{Name: aws.String("group-id"), Values: []string{"sg-1", "sg-2"}}},
	})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx(t))
		must(t, err)
		got = append(got, out.SecurityGroupRules...)
	}
	if len(got) != 9 {
		t.Fatalf("%d rules, want 9", len(got))
	}
	if r := got[0]; *r.GroupId != "sg-1" || *r.IsEgress || *r.FromPort != 443 || *r.ReferencedGroupInfo.GroupId != "sg-9" || *r.ReferencedGroupInfo.UserId != "444455556666" || r.CidrIpv4 != nil {
		t.Errorf("rule %+v", r)
	}
	if r := got[1]; !*r.IsEgress || *r.IpProtocol != "-1" || *r.FromPort != -1 || *r.CidrIpv6 != "::/0" {
		t.Errorf("rule %+v", r)
	}
	// A group that was never put lets port 443 in from elsewhere.
	out, err := c.DescribeSecurityGroupRules(ctx(t), &ec2.DescribeSecurityGroupRulesInput{Filters: []types.Filter{{Name: aws.String("group-id"), Values: []string{"sg-x"}}}})
	must(t, err)
	open := false
	for _, r := range out.SecurityGroupRules {
		open = open || !*r.IsEgress && *r.FromPort == 443 && r.CidrIpv4 != nil
	}
	if !open {
		t.Errorf("rules of an unknown group: %+v", out.SecurityGroupRules)
	}
}

func TestRegions(t *testing.T) {
	for name, tc := range map[string]struct {
		options localaws.Options
		want    []string
	}{
		"its own":     {localaws.Options{Region: "eu-central-1"}, []string{"eu-central-1"}},
		"several":     {localaws.Options{Regions: []string{"us-east-1", "eu-west-1"}}, []string{"eu-west-1", "us-east-1"}},
		"the default": {localaws.Options{}, []string{"eu-west-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := ec2.NewFromConfig(localaws.New(tc.options).Config("AKID")).DescribeRegions(ctx(t), &ec2.DescribeRegionsInput{})
			must(t, err)
			var got []string
			for _, r := range out.Regions {
				got = append(got, *r.RegionName)
			}
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
