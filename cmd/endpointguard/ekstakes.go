package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/smithy-go"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/policytest"
)

// narrowest is the shortest prefix that somebody who wrote a CIDR with host bits
// can have meant.
const narrowest = 8

// refusedByEKS says why EKS has no cluster with this endpoint access, in its words,
// and what to write instead; "" if it can have. The embedded EKS is asked, so that
// it is the same here as in replay and in the demo.
func refusedByEKS(access endpoint.Access) (what, hint string) {
	what = answerOfEKS(access)
	switch {
	case what == "":
		return "", ""
	case !access.Public && !access.Private:
		return what, "one of the two is always on: write private=true, or public=true"
	}
	for _, p := range access.CIDRs {
		if p == p.Masked() {
			continue
		}
		one, err := p.Addr().Prefix(p.Addr().BitLen())
		if err != nil || answerOfEKS(endpoint.Access{Public: true, CIDRs: []netip.Prefix{one}}) != "" {
			continue // what is right can't be told from it
		}
		if block := p.Masked(); block.Bits() >= narrowest && answerOfEKS(endpoint.Access{Public: true, CIDRs: []netip.Prefix{block}}) == "" {
			return what, fmt.Sprintf("%s has host bits set: write %s, or %s for the one address", p, block, one)
		}
		return what, fmt.Sprintf("%s has host bits set: write %s for the one address", p, one)
	}
	return what, fmt.Sprintf("EKS takes addresses of the internet, none that are private or reserved; each once, %d at most", endpoint.MaxCIDRs)
}

// answerOfEKS is what EKS says when it is asked for a cluster with this access, ""
// if it makes it.
func answerOfEKS(access endpoint.Access) string {
	cfg := localaws.New(localaws.Options{}).Config(guardrailKey)
	_, err := eks.NewFromConfig(cfg).CreateCluster(context.Background(), &eks.CreateClusterInput{
		Name: aws.String("c"), RoleArn: aws.String("r"),
		KubernetesNetworkConfig: &types.KubernetesNetworkConfigRequest{IpFamily: types.IpFamily(policytest.FamilyOf(access))},
		ResourcesVpcConfig: &types.VpcConfigRequest{
			EndpointPublicAccess: &access.Public, EndpointPrivateAccess: &access.Private, PublicAccessCidrs: texts(access.CIDRs),
		},
	})
	if err == nil {
		return ""
	}
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		return answer.ErrorMessage()
	}
	return err.Error()
}
