package localaws

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
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
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// ForgetCalls empties what Calls returns.
func (a *AWS) ForgetCalls() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = nil
}

func (a *AWS) note(r *request, failed *apiError, dropped bool) {
	c := Call{
		Time:        r.now,
		ID:          r.sdkID,
		AccessKeyID: r.accessKeyID,
		Caller:      r.caller,
		Service:     r.service,
		Operation:   r.operation,
		Action:      action(r.service, r.operation),
		Resources:   r.resources,
		Params:      params(r),
		Before:      r.before,
		Dropped:     dropped,
	}
	if c.Time.IsZero() {
		c.Time = a.now()
	}
	if len(c.Resources) == 0 {
		c.Resources = []string{"*"}
	}
	if failed != nil {
		c.Error, c.Message = failed.Type, failed.Message
	}
	if r.service == serviceEKS && (r.operation == "UpdateClusterConfig" || r.operation == "CreateCluster") {
		c.Endpoint = endpointParams(r)
	}
	a.mu.Lock()
	a.calls = append(a.calls, c)
	a.mu.Unlock()
	if a.opts.OnCall != nil {
		a.opts.OnCall(c)
	}
}

// action is the IAM action that a call needs. Source: the service
// authorization reference; SQS's batches need the action of the single call.
func action(service, operation string) string {
	if service == serviceSQS {
		operation = strings.TrimSuffix(operation, "Batch")
	}
	return service + ":" + operation
}

// params reads the parameters again, on their own: they are noted also of a
// call that failed before anything read them.
func params(r *request) map[string]any {
	out := map[string]any{}
	switch {
	case r.form != nil:
		for name, values := range r.form {
			if name != "Action" && name != "Version" {
				out[name] = values[0]
			}
		}
		return out
	case len(bytes.TrimSpace(r.body)) > 0:
		dec := json.NewDecoder(bytes.NewReader(r.body))
		dec.UseNumber()
		if err := dec.Decode(&out); err != nil {
			return map[string]any{"unreadable": string(r.body)}
		}
	}
	for name, values := range r.query {
		if len(values) == 1 {
			out[name] = values[0]
		} else {
			out[name] = values
		}
	}
	if r.service == serviceEKS && len(r.path) > 1 {
		switch r.path[0] {
		case "clusters":
			out["name"] = r.path[1]
			if len(r.path) > 3 && r.path[2] == "updates" {
				out["updateId"] = r.path[3]
			}
		case "tags":
			out["resourceArn"] = r.path[1]
		}
	}
	return out
}

func endpointParams(r *request) *EndpointParams {
	var in clusterInput
	if decode(r, &in) != nil {
		return nil
	}
	out := &EndpointParams{Cluster: in.Name}
	if len(r.path) > 1 {
		out.Cluster = r.path[1]
	}
	if vpc := in.VPCConfig; vpc != nil {
		out.Public, out.Private, out.CIDRs = vpc.Public, vpc.Private, vpc.CIDRs
	}
	if r.operation == "UpdateClusterConfig" {
		for _, kind := range in.kinds() {
			if kind != updateEndpointAccess {
				out.Others = append(out.Others, kind)
			}
		}
	}
	return out
}
