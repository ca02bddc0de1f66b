// Package ec2 is the embedded EC2: the networks that private endpoints depend on.
// Start with [New]; all methods want the account's lock held.
package ec2

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/account"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// VPC is a VPC as far as a private endpoint depends on it. The zero value of
// each field is what is in order; so is a VPC that was never put.
type VPC struct {
	ID      string
	Subnets []string // clusters made in these subnets are in this VPC

	NoDNSSupport   bool
	NoDNSHostnames bool
	// DHCPOptions is the id of the DHCP options set; "default" means that
	// there is none, empty one with NameServers.
	DHCPOptions string
	NameServers []string // nil: AmazonProvidedDNS
	Gone        bool     // the VPC is not found
}

// SecurityGroupRule is a rule of a security group.
type SecurityGroupRule struct {
	Egress            bool
	Protocol          string // tcp, udp, … or -1 for all; default tcp
	FromPort, ToPort  int32
	CIDRv4, CIDRv6    string
	Group, PrefixList string // the group or list that is referred to
	Description       string
	GroupAccount      string // the account of Group, when it is another
}

// Service is EC2 in one account and region.
type Service struct {
	account *account.Account
	regions []string // that the account has enabled
	vpcs    map[string]*VPC
	groups  map[string][]SecurityGroupRule
}

// New returns EC2 without a network; regions are those that the account has enabled.
func New(a *account.Account, regions []string) *Service {
	return &Service{account: a, regions: regions, vpcs: map[string]*VPC{}, groups: map[string][]SecurityGroupRule{}}
}

// Operations are what can be called.
func (s *Service) Operations() map[string]wire.Operation {
	return map[string]wire.Operation{
		"DescribeVpcAttribute":       s.describeVpcAttribute,
		"DescribeVpcs":               s.describeVpcs,
		"DescribeDhcpOptions":        s.describeDhcpOptions,
		"DescribeSecurityGroupRules": s.describeSecurityGroupRules,
		"DescribeRegions":            s.describeRegions,
	}
}

// PutVPC makes a VPC, or replaces the one of its id.
func (s *Service) PutVPC(v VPC) {
	if v.DHCPOptions == "" {
		v.DHCPOptions = "dopt-" + digits(v.ID)
	}
	if v.NameServers == nil {
		v.NameServers = []string{"AmazonProvidedDNS"}
	}
	s.vpcs[v.ID] = &v
}

// PutSecurityGroup sets the rules of a security group. A group that was never
// put lets itself in, and its VPC on port 443, and everything out.
func (s *Service) PutSecurityGroup(id string, rules ...SecurityGroupRule) {
	s.groups[id] = slices.Clone(rules)
}

// digits makes the second half of an EC2 id out of a text, always the same.
func digits(text string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return fmt.Sprintf("0%016x", h.Sum64())
}

// VPCOf is the VPC of subnets, always the same one if none has them.
func (s *Service) VPCOf(subnets []string) string {
	for id, v := range s.vpcs {
		if len(subnets) > 0 && slices.Contains(v.Subnets, subnets[0]) {
			return id
		}
	}
	return "vpc-" + digits(strings.Join([]string{s.account.ID, s.account.Region}, "/"))
}

func (s *Service) vpc(id string) (*VPC, *wire.Error) {
	v := s.vpcs[id]
	if v == nil {
		v = &VPC{ID: id, DHCPOptions: "dopt-" + digits(id), NameServers: []string{"AmazonProvidedDNS"}}
	}
	if v.Gone || !strings.HasPrefix(id, "vpc-") {
		return nil, wire.Refuse(http.StatusBadRequest, "InvalidVpcID.NotFound", "The vpc ID '"+id+"' does not exist")
	}
	return v, nil
}

func (s *Service) describeVpcAttribute(r *wire.Request) (any, *wire.Error) {
	id := r.Form.Get("VpcId")
	r.Resources = []string{s.account.ARN("ec2", "vpc/"+id)}
	v, e := s.vpc(id)
	if e != nil {
		return nil, e
	}
	attribute := r.Form.Get("Attribute")
	on := false
	switch attribute {
	case "enableDnsSupport":
		on = !v.NoDNSSupport
	case "enableDnsHostnames":
		on = !v.NoDNSHostnames
	case "enableNetworkAddressUsageMetrics":
	default:
		return nil, wire.Refuse(http.StatusBadRequest, "InvalidParameterValue",
			"Value ("+attribute+") for parameter attribute is invalid. Unknown attribute.")
	}
	return []wire.Node{wire.Elem("vpcId", id), wire.Elem(attribute, wire.Elem("value", strconv.FormatBool(on)))}, nil
}

// list reads a form's list: prefix.1, prefix.2, …
func list(r *wire.Request, prefix string) []string {
	var out []string
	for i := 1; r.Form.Has(fmt.Sprintf("%s.%d", prefix, i)); i++ {
		out = append(out, r.Form.Get(fmt.Sprintf("%s.%d", prefix, i)))
	}
	return out
}

// filters reads a form's filters by their names.
func filters(r *wire.Request) map[string][]string {
	out := map[string][]string{}
	for i := 1; r.Form.Has(fmt.Sprintf("Filter.%d.Name", i)); i++ {
		out[r.Form.Get(fmt.Sprintf("Filter.%d.Name", i))] = list(r, fmt.Sprintf("Filter.%d.Value", i))
	}
	return out
}

func (s *Service) describeRegions(*wire.Request) (any, *wire.Error) {
	var items []wire.Node
	for _, region := range s.account.Shuffled(s.regions) {
		items = append(items, wire.Elem("item", []wire.Node{
			wire.Elem("regionName", region),
			wire.Elem("regionEndpoint", "ec2."+region+".amazonaws.com"),
			wire.Elem("optInStatus", "opt-in-not-required"),
		}))
	}
	return []wire.Node{wire.Elem("regionInfo", items)}, nil
}

func (s *Service) describeVpcs(r *wire.Request) (any, *wire.Error) {
	ids := list(r, "VpcId")
	for name, values := range filters(r) {
		if name != "vpc-id" {
			return nil, wire.Refuse(http.StatusBadRequest, "InvalidParameterValue", "The filter '"+name+"' is invalid")
		}
		ids = append(ids, values...)
	}
	if len(ids) == 0 {
		for id, v := range s.vpcs {
			if !v.Gone {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
	}
	var items []wire.Node
	for _, id := range ids {
		v, e := s.vpc(id)
		if e != nil {
			return nil, e
		}
		items = append(items, wire.Elem("item", []wire.Node{
			wire.Elem("vpcId", v.ID),
			wire.Elem("ownerId", s.account.ID),
			wire.Elem("state", "available"),
			wire.Elem("cidrBlock", "10.0.0.0/16"),
			wire.Elem("dhcpOptionsId", v.DHCPOptions),
			wire.Elem("instanceTenancy", "default"),
			wire.Elem("isDefault", "false"),
		}))
	}
	return []wire.Node{wire.Elem("vpcSet", items)}, nil
}

func (s *Service) describeDhcpOptions(r *wire.Request) (any, *wire.Error) {
	ids := list(r, "DhcpOptionsId")
	for name, values := range filters(r) {
		if name != "dhcp-options-id" {
			return nil, wire.Refuse(http.StatusBadRequest, "InvalidParameterValue", "The filter '"+name+"' is invalid")
		}
		ids = append(ids, values...)
	}
	known := map[string][]string{}
	for _, v := range s.vpcs {
		known[v.DHCPOptions] = v.NameServers
	}
	if len(ids) == 0 {
		for id := range known {
			ids = append(ids, id)
		}
		slices.Sort(ids)
	}
	var items []wire.Node
	for _, id := range ids {
		if !strings.HasPrefix(id, "dopt-") {
			return nil, wire.Refuse(http.StatusBadRequest, "InvalidDhcpOptionsID.NotFound", "The dhcpOption ID '"+id+"' does not exist")
		}
		servers, put := known[id]
		if !put {
			servers = []string{"AmazonProvidedDNS"}
		}
		items = append(items, wire.Elem("item", []wire.Node{
			wire.Elem("dhcpOptionsId", id),
			wire.Elem("ownerId", s.account.ID),
			wire.Elem("dhcpConfigurationSet", []wire.Node{
				dhcpOption("domain-name", []string{s.account.Region + ".compute.internal"}),
				dhcpOption("domain-name-servers", servers),
			}),
		}))
	}
	return []wire.Node{wire.Elem("dhcpOptionsSet", items)}, nil
}

func dhcpOption(key string, values []string) wire.Node {
	var items []wire.Node
	for _, value := range values {
		items = append(items, wire.Elem("item", wire.Elem("value", value)))
	}
	return wire.Elem("item", []wire.Node{wire.Elem("key", key), wire.Elem("valueSet", items)})
}

func (s *Service) describeSecurityGroupRules(r *wire.Request) (any, *wire.Error) {
	var ids []string
	for name, values := range filters(r) {
		if name != "group-id" {
			return nil, wire.Refuse(http.StatusBadRequest, "InvalidParameterValue", "The filter '"+name+"' is invalid")
		}
		ids = append(ids, values...)
	}
	var rules []wire.Node
	for _, id := range ids {
		group, put := s.groups[id]
		if !put {
			group = []SecurityGroupRule{
				{Protocol: "-1", Group: id},
				{FromPort: 443, ToPort: 443, CIDRv4: "10.0.0.0/16"},
				{Egress: true, Protocol: "-1", CIDRv4: "0.0.0.0/0"},
			}
		}
		for i, rule := range group {
			rules = append(rules, s.ruleNode(id, i, rule))
		}
	}
	size, start := 1000, 0
	if text := r.Form.Get("MaxResults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 5 || n > 1000 {
			return nil, wire.Refuse(http.StatusBadRequest, "InvalidMaxResults",
				"Value ("+text+") for parameter maxResults is invalid. Expecting a value between 5 and 1000.")
		}
		size = n
	}
	if token := r.Form.Get("NextToken"); token != "" {
		n, err := strconv.Atoi(wire.Untoken(token))
		if err != nil || n < 0 || n > len(rules) {
			return nil, wire.Refuse(http.StatusBadRequest, "InvalidNextToken", "The token '"+token+"' is invalid")
		}
		start = n
	}
	end := min(start+size, len(rules))
	out := []wire.Node{wire.Elem("securityGroupRuleSet", rules[start:end])}
	if end < len(rules) {
		out = append(out, wire.Elem("nextToken", wire.Token(strconv.Itoa(end))))
	}
	return out, nil
}

func (s *Service) ruleNode(group string, i int, rule SecurityGroupRule) wire.Node {
	protocol := rule.Protocol
	if protocol == "" {
		protocol = "tcp"
	}
	if protocol == "-1" {
		rule.FromPort, rule.ToPort = -1, -1
	}
	id := "sgr-" + digits(fmt.Sprintf("%s/%d", group, i))
	nodes := []wire.Node{
		wire.Elem("securityGroupRuleId", id),
		wire.Elem("securityGroupRuleArn", s.account.ARN("ec2", "security-group-rule/"+id)),
		wire.Elem("groupId", group),
		wire.Elem("groupOwnerId", s.account.ID),
		wire.Elem("isEgress", strconv.FormatBool(rule.Egress)),
		wire.Elem("ipProtocol", protocol),
		wire.Elem("fromPort", strconv.Itoa(int(rule.FromPort))),
		wire.Elem("toPort", strconv.Itoa(int(rule.ToPort))),
	}
	text := func(name, value string) {
		if value != "" {
			nodes = append(nodes, wire.Elem(name, value))
		}
	}
	text("cidrIpv4", rule.CIDRv4)
	text("cidrIpv6", rule.CIDRv6)
	text("prefixListId", rule.PrefixList)
	text("description", rule.Description)
	if rule.Group != "" {
		account := rule.GroupAccount
		if account == "" {
			account = s.account.ID
		}
		nodes = append(nodes, wire.Elem("referencedGroupInfo", []wire.Node{wire.Elem("groupId", rule.Group), wire.Elem("userId", account)}))
	}
	return wire.Elem("item", nodes)
}
