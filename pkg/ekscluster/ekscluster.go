// Package ekscluster looks at EKS clusters and changes their endpoint access.
// It sorts EKS's errors once (package trouble) and holds, as the last before the
// wire, what no request may ever ask for.
package ekscluster

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// listPage is the most updates that ListUpdates returns at once. Source: EKS API
// reference, ListUpdates.
const listPage = 100

// Clusters looks at and changes the clusters of one account and region.
type Clusters struct{ eks *eks.Client }

// New returns the clusters that the client sees.
func New(client *eks.Client) *Clusters { return &Clusters{eks: client} }

// Cluster describes one.
func (c *Clusters) Cluster(ctx context.Context, name string) (endpoint.Cluster, error) {
	op := "eks:DescribeCluster " + name
	out, err := c.eks.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &name})
	if err != nil {
		return endpoint.Cluster{}, sortError(op, err)
	}
	cluster, err := fromEKS(out.Cluster)
	if err != nil {
		return endpoint.Cluster{}, &trouble.Error{Sort: trouble.Unreadable, Op: op, Err: err}
	}
	return cluster, nil
}

func fromEKS(c *types.Cluster) (endpoint.Cluster, error) {
	if c == nil || c.Arn == nil || c.Name == nil || c.CreatedAt == nil {
		return endpoint.Cluster{}, fmt.Errorf("the answer lacks the cluster's arn, name or creation time")
	}
	id, err := arn.Parse(*c.Arn)
	if err != nil {
		return endpoint.Cluster{}, fmt.Errorf("arn %q: %w", *c.Arn, err)
	}
	out := endpoint.Cluster{
		ID:            endpoint.ID{ARN: *c.Arn, CreatedAt: c.CreatedAt.UTC()},
		Partition:     id.Partition,
		Account:       id.AccountID,
		Region:        id.Region,
		Name:          *c.Name,
		Status:        endpoint.Status(c.Status),
		Family:        endpoint.IPv4,
		Tags:          c.Tags,
		OutpostsLocal: c.OutpostConfig != nil,
		Connected:     c.ConnectorConfig != nil,
		HybridNodes:   c.RemoteNetworkConfig != nil && len(c.RemoteNetworkConfig.RemoteNodeNetworks) > 0,
	}
	if c.KubernetesNetworkConfig != nil && c.KubernetesNetworkConfig.IpFamily == types.IpFamilyIpv6 {
		out.Family = endpoint.IPv6
	}
	if c.Logging != nil {
		for _, setup := range c.Logging.ClusterLogging {
			out.AuditLogs = out.AuditLogs || aws.ToBool(setup.Enabled) && slices.Contains(setup.Types, types.LogTypeAudit)
		}
	}
	vpc := c.ResourcesVpcConfig
	if vpc == nil {
		if out.Connected {
			return out, nil
		}
		return out, fmt.Errorf("the answer lacks resourcesVpcConfig")
	}
	out.VPC = aws.ToString(vpc.VpcId)
	out.ClusterSecurityGroup = aws.ToString(vpc.ClusterSecurityGroupId)
	out.SecurityGroups = vpc.SecurityGroupIds
	out.Access = endpoint.Access{Public: vpc.EndpointPublicAccess, Private: vpc.EndpointPrivateAccess}
	for _, cidr := range vpc.PublicAccessCidrs {
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil {
			return out, fmt.Errorf("publicAccessCidrs: %w", err)
		}
		out.Access.CIDRs = append(out.Access.CIDRs, prefix)
	}
	return out, nil
}

// Update describes an update of a cluster.
func (c *Clusters) Update(ctx context.Context, cluster, id string) (endpoint.Update, error) {
	op := "eks:DescribeUpdate " + cluster + " " + id
	out, err := c.eks.DescribeUpdate(ctx, &eks.DescribeUpdateInput{Name: &cluster, UpdateId: &id})
	if err != nil {
		return endpoint.Update{}, sortError(op, err)
	}
	return updateFrom(op, out.Update)
}

func updateFrom(op string, u *types.Update) (endpoint.Update, error) {
	if u == nil || u.Id == nil {
		return endpoint.Update{}, &trouble.Error{Sort: trouble.Unreadable, Op: op, Err: fmt.Errorf("the answer lacks the update or its id")}
	}
	params := make([]cloudtrail.Param, len(u.Params))
	for i, p := range u.Params {
		params[i] = cloudtrail.Param{Type: string(p.Type), Value: aws.ToString(p.Value)}
	}
	out := endpoint.Update{
		ID: *u.Id, Type: string(u.Type), Status: endpoint.UpdateStatus(u.Status),
		Asked: cloudtrail.FromParams(params), CreatedAt: aws.ToTime(u.CreatedAt).UTC(),
	}
	for _, e := range u.Errors {
		out.Errors = append(out.Errors, endpoint.UpdateError{Code: string(e.ErrorCode), Message: aws.ToString(e.ErrorMessage)})
	}
	return out, nil
}

// History lists the updates of a cluster and describes those that are not known to
// be over. When the context's time is up before all are described, or EKS stops
// answering, it returns what was read until then, not Whole; an error only when
// nothing was.
func (c *Clusters) History(ctx context.Context, cluster string, over func(id string) bool) (endpoint.History, error) {
	var history endpoint.History
	pages := eks.NewListUpdatesPaginator(c.eks, &eks.ListUpdatesInput{Name: &cluster, MaxResults: aws.Int32(listPage)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return history, sortError("eks:ListUpdates "+cluster, err)
		}
		history.Listed = append(history.Listed, page.UpdateIds...)
	}
	history.Whole = true
	for _, id := range history.Listed {
		if over(id) {
			continue
		}
		u, err := c.Update(ctx, cluster, id)
		switch {
		case err == nil:
			history.Read = append(history.Read, u)
		case trouble.Of(err) == trouble.Gone:
			// Listed, and not to be described yet or any more: nothing is known of it.
			history.Whole = false
		case len(history.Read) > 0:
			history.Whole = false
			return history, nil
		default:
			return history, err
		}
	}
	return history, nil
}

// Apply asks EKS for the access, all three values in one call.
func (c *Clusters) Apply(ctx context.Context, cluster string, a endpoint.Access, token string) (endpoint.Update, error) {
	op := "eks:UpdateClusterConfig " + cluster
	request := &types.VpcConfigRequest{EndpointPublicAccess: &a.Public, EndpointPrivateAccess: &a.Private}
	switch {
	case !a.Public && !a.Private:
		return endpoint.Update{}, refuse(op, "both public and private access off")
	case a.Public && len(a.CIDRs) == 0:
		// EKS reads it as the whole world.
		return endpoint.Update{}, refuse(op, "public access on with an empty list of CIDRs")
	case a.Public:
		for _, cidr := range a.CIDRs {
			request.PublicAccessCidrs = append(request.PublicAccessCidrs, cidr.String())
		}
	}
	sent := 0
	out, err := c.eks.UpdateClusterConfig(ctx, &eks.UpdateClusterConfigInput{
		Name: &cluster, ClientRequestToken: &token, ResourcesVpcConfig: request,
	}, func(o *eks.Options) { o.APIOptions = append(o.APIOptions, counting(&sent)) })
	if err != nil {
		sorted := sortError(op, err)
		sorted.Repeated = sent > 1
		return endpoint.Update{}, sorted
	}
	return updateFrom(op, out.Update)
}

// counting counts how often the SDK sends a request.
func counting(sent *int) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		count := middleware.FinalizeMiddlewareFunc("CountRequests", func(
			ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
		) (middleware.FinalizeOutput, middleware.Metadata, error) {
			*sent++
			return next.HandleFinalize(ctx, in)
		})
		return stack.Finalize.Insert(count, "Retry", middleware.After)
	}
}

func refuse(op, what string) *trouble.Error {
	return &trouble.Error{Sort: trouble.Refused, Op: op, Code: "RefusedByGuardrail", Err: fmt.Errorf("%s: such a request is never sent", what)}
}

// sortError sorts an error of EKS's. The texts are as observed; where they are
// not known (a cluster that is being created) both candidates are "not now".
func sortError(op string, err error) *trouble.Error {
	code, text := awstrouble.Code(err)
	var sort trouble.Sort
	switch code {
	case "ResourceInUseException":
		sort = trouble.NotNow
	case "InvalidRequestException":
		sort = trouble.NotNow
	case "ResourceNotFoundException":
		sort = trouble.Gone
	case "ClientException":
		sort = trouble.Transient
		if strings.HasPrefix(text, "No cluster found for name") {
			sort = trouble.Gone
		}
	case "InvalidParameterException":
		sort = trouble.Refused
		if strings.Contains(text, "already at the desired configuration") {
			sort = trouble.NothingToDo
		}
	}
	return awstrouble.Sort(op, err, sort)
}
