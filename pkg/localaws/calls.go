package localaws

import (
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// Call is one call as it was made and answered.
type Call struct {
	Time time.Time // when it took effect
	// ID is what an SDK calls the call by, "" without an SDK: the same for all
	// of its tries.
	ID          string
	AccessKeyID string
	Caller      Caller
	Service     string   // eks, ec2, dynamodb, sqs, sns
	Operation   string   // e.g. UpdateClusterConfig
	Action      string   // what IAM must allow, e.g. eks:UpdateClusterConfig
	Resources   []string // the ARNs that IAM would look at; "*" where it knows none
	// Params are the parameters as they were sent: a JSON body, a form or a query.
	Params map[string]any
	// Endpoint is what an UpdateClusterConfig or CreateCluster asks of the
	// endpoint access, nil in all other calls.
	Endpoint *EndpointParams
	// Before is the cluster's true state right before the call, nil if the call
	// names none or there is none.
	Before  *Cluster
	Error   string // the type of the error, empty if the call went well
	Message string // the text of the error
	Dropped bool   // the answer did not get through
}

// EndpointParams is what a call asks of a cluster's endpoint access; nil was
// left out.
type EndpointParams struct {
	Cluster string
	Public  *bool
	Private *bool
	CIDRs   *[]string
	// Others are the kinds of update that the same call asks for besides, by
	// EKS's update types.
	Others []string
}

// Calls returns all calls so far in the order in which they took effect. Calls
// dropped before their effect are among them.
func (a *AWS) Calls() []Call {
	a.account.Lock()
	defer a.account.Unlock()
	return slices.Clone(a.calls)
}

// ForgetCalls empties what Calls returns.
func (a *AWS) ForgetCalls() {
	a.account.Lock()
	defer a.account.Unlock()
	a.calls = nil
}

func (a *AWS) note(r *call, failed *wire.Error, dropped bool) {
	c := Call{
		Time:        r.Now,
		ID:          r.SDKID,
		AccessKeyID: r.AccessKeyID,
		Caller:      r.Caller,
		Service:     r.Service,
		Operation:   r.Operation,
		Action:      wire.Action(r.Service, r.Operation),
		Resources:   r.Resources,
		Params:      r.Params(),
		Before:      r.before,
		Dropped:     dropped,
	}
	if c.Time.IsZero() {
		c.Time = a.account.Now()
	}
	if len(c.Resources) == 0 {
		c.Resources = []string{"*"}
	}
	if failed != nil {
		c.Error, c.Message = failed.Type, failed.Message
	}
	if r.Service == wire.EKS && (r.Operation == "UpdateClusterConfig" || r.Operation == "CreateCluster") {
		c.Endpoint = endpointParams(r.Request)
	}
	a.account.Lock()
	a.calls = append(a.calls, c)
	a.account.Unlock()
	if a.opts.OnCall != nil {
		a.opts.OnCall(c)
	}
}

func endpointParams(r *wire.Request) *EndpointParams {
	var in clusterInput
	if r.Decode(&in) != nil {
		return nil
	}
	out := &EndpointParams{Cluster: in.Name}
	if len(r.Path) > 1 {
		out.Cluster = r.Path[1]
	}
	if vpc := in.VPCConfig; vpc != nil {
		out.Public, out.Private, out.CIDRs = vpc.Public, vpc.Private, vpc.CIDRs
	}
	if r.Operation == "UpdateClusterConfig" {
		for _, kind := range in.kinds() {
			if kind != updateEndpointAccess {
				out.Others = append(out.Others, kind)
			}
		}
	}
	return out
}
