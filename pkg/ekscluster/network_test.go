package ekscluster_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

type answer string

func (a answer) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(a))), Request: r,
	}, nil
}

// answering is an AWS that answers everything with the body.
func answering(body string) aws.Config {
	return aws.Config{
		Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
		HTTPClient: &http.Client{Transport: answer(body)}, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func TestNetwork(t *testing.T) {
	good := endpoint.Network{Read: true, DNSSupport: endpoint.Yes, DNSHostnames: endpoint.Yes, AmazonDNS: endpoint.Yes, Ingress443: endpoint.Yes}
	for name, tc := range map[string]struct {
		vpc  localaws.VPC
		fail string
		want func(*endpoint.Network)
	}{
		"all in order":          {vpc: localaws.VPC{}, want: func(*endpoint.Network) {}},
		"no DNS support":        {vpc: localaws.VPC{NoDNSSupport: true}, want: func(n *endpoint.Network) { n.DNSSupport = endpoint.No }},
		"no DNS hostnames":      {vpc: localaws.VPC{NoDNSHostnames: true}, want: func(n *endpoint.Network) { n.DNSHostnames = endpoint.No }},
		"own name servers":      {vpc: localaws.VPC{NameServers: []string{"192.0.2.53"}}, want: func(n *endpoint.Network) { n.AmazonDNS = endpoint.No }},
		"no options at all":     {vpc: localaws.VPC{DHCPOptions: "default"}, want: func(n *endpoint.Network) { n.AmazonDNS = endpoint.No }},
		"attributes unread":     {fail: "DescribeVpcAttribute", want: func(n *endpoint.Network) { n.DNSSupport, n.DNSHostnames = endpoint.Unknown, endpoint.Unknown }},
		"VPC unread":            {fail: "DescribeVpcs", want: func(n *endpoint.Network) { n.AmazonDNS = endpoint.Unknown }},
		"options unread":        {fail: "DescribeDhcpOptions", want: func(n *endpoint.Network) { n.AmazonDNS = endpoint.Unknown }},
		"security rules unread": {fail: "DescribeSecurityGroupRules", want: func(n *endpoint.Network) { n.Ingress443 = endpoint.Unknown }},
	} {
		t.Run(name, func(t *testing.T) {
			a, _, networks := open(t)
			tc.vpc.ID = "vpc-1"
			a.PutVPC(tc.vpc)
			a.PutSecurityGroup("sg-own", localaws.SecurityGroupRule{Protocol: "tcp", FromPort: 443, ToPort: 443, CIDRv4: "10.0.0.0/8"})
			if tc.fail != "" {
				a.Inject(localaws.Fault{Operation: tc.fail, Status: 403, Type: "UnauthorizedOperation", Times: -1})
			}
			got, err := networks.Network(t.Context(), endpoint.Cluster{VPC: "vpc-1", ClusterSecurityGroup: "sg-own"})
			if tc.fail == "" && err != nil {
				t.Error(err)
			}
			if tc.fail != "" && (trouble.Of(err) != trouble.Refused || err == nil || !strings.Contains(err.Error(), "ec2:"+tc.fail)) {
				t.Errorf("the trouble is %v, want a refusal that names ec2:%s", err, tc.fail)
			}
			want := good
			tc.want(&want)
			want.DHCPOptions = got.DHCPOptions
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	a, _, networks := open(t)
	for _, call := range []string{"DescribeVpcAttribute", "DescribeVpcs"} {
		a.Inject(localaws.Fault{Operation: call, Status: 400, Type: "InvalidVpcID.NotFound", Times: -1})
	}
	for about, c := range map[string]endpoint.Cluster{"a cluster without a VPC": {}, "a VPC that is gone": {VPC: "vpc-gone"}} {
		got, err := networks.Network(t.Context(), c)
		if diff := cmp.Diff(endpoint.Network{Read: true}, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", about, err, diff)
		}
	}
}

// TestTheWorstTroubleIsTold: one that does not pass by itself, whatever else there is.
func TestTheWorstTroubleIsTold(t *testing.T) {
	a, _, networks := open(t)
	a.PutVPC(localaws.VPC{ID: "vpc-1"})
	throttle := localaws.Fault{Operation: "DescribeVpcAttribute", Status: 503, Type: "RequestLimitExceeded", Times: -1}
	a.Inject(throttle)
	if _, err := networks.Network(t.Context(), endpoint.Cluster{VPC: "vpc-1"}); err == nil || trouble.Of(err) != trouble.Transient {
		t.Errorf("throttled: %v", err)
	}
	a.Inject(localaws.Denied("ec2", "DescribeVpcs"))
	a.Inject(localaws.Fault{Operation: "DescribeSecurityGroupRules", Status: 503, Type: "RequestLimitExceeded", Times: -1})
	if _, err := networks.Network(t.Context(), endpoint.Cluster{VPC: "vpc-1", ClusterSecurityGroup: "sg-1"}); trouble.Of(err) != trouble.Refused {
		t.Errorf("throttled, and denied: %v", err)
	}
}

func TestIngress443(t *testing.T) {
	for name, tc := range map[string]struct {
		rule localaws.SecurityGroupRule
		want endpoint.Fact
	}{
		"everything":         {localaws.SecurityGroupRule{Protocol: "-1", CIDRv4: "10.0.0.0/8"}, endpoint.Yes},
		"a range around it":  {localaws.SecurityGroupRule{Protocol: "tcp", FromPort: 400, ToPort: 500, CIDRv4: "10.0.0.0/8"}, endpoint.Yes},
		"another port":       {localaws.SecurityGroupRule{Protocol: "tcp", FromPort: 22, ToPort: 22, CIDRv4: "10.0.0.0/8"}, endpoint.No},
		"UDP":                {localaws.SecurityGroupRule{Protocol: "udp", FromPort: 443, ToPort: 443, CIDRv4: "10.0.0.0/8"}, endpoint.No},
		"outgoing":           {localaws.SecurityGroupRule{Egress: true, Protocol: "-1", CIDRv4: "0.0.0.0/0"}, endpoint.No},
		"from its own group": {localaws.SecurityGroupRule{Protocol: "-1", Group: "sg-own"}, endpoint.No},
		"from another group": {localaws.SecurityGroupRule{Protocol: "-1", Group: "sg-bastion"}, endpoint.Yes},
	} {
		t.Run(name, func(t *testing.T) {
			a, _, networks := open(t)
			a.PutVPC(localaws.VPC{ID: "vpc-1"})
			a.PutSecurityGroup("sg-own", tc.rule)
			got, err := networks.Network(t.Context(), endpoint.Cluster{VPC: "vpc-1", ClusterSecurityGroup: "sg-own"})
			if err != nil {
				t.Error(err)
			}
			if got.Ingress443 != tc.want {
				t.Errorf("ingress on 443: %s, want %s", got.Ingress443, tc.want)
			}
		})
	}
}
