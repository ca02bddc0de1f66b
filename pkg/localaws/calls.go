package localaws

import (
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/eks"
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
type EndpointParams = eks.EndpointParams

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
		c.Endpoint = eks.EndpointParamsOf(r.Request)
	}
	a.account.Lock()
	a.calls = append(a.calls, c)
	a.account.Unlock()
	if a.opts.OnCall != nil {
		a.opts.OnCall(c)
	}
}
