// Package wire is how AWS's services are called and how they answer: the call
// taken apart, the errors in each service's words, and the encodings of the
// three protocols. Start with [Request], [Error] and [Respond]; what a service
// does belongs to its own package.
package wire

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The services, as a signature's scope names them.
const (
	EKS      = "eks"
	EC2      = "ec2"
	DynamoDB = "dynamodb"
	SQS      = "sqs"
	SNS      = "sns"
)

// Request is one call, told apart but not yet judged.
type Request struct {
	Ctx         context.Context
	Now         time.Time // when the call takes effect
	ID          string
	SDKID       string // the same for all tries of a call
	Service     string
	Operation   string
	AccessKeyID string
	Caller      Caller
	Path        []string // unescaped, without empty parts
	Query       url.Values
	Body        []byte
	Form        url.Values // of the query protocols
	Target      string     // X-Amz-Target

	Resources []string // ARNs that the call touches, once they are known
}

// Caller is who makes the calls that are signed with an access key: what
// CloudTrail writes down as userIdentity, and where the calls come from.
type Caller struct {
	// Type is IAMUser, AssumedRole, Root, FederatedUser, AWSService or
	// IdentityCenterUser; empty means IAMUser.
	Type        string
	ARN         string
	UserName    string
	PrincipalID string
	// SessionIssuerARN and SessionIssuerName are the role behind an AssumedRole.
	SessionIssuerARN  string
	SessionIssuerName string
	InvokedBy         string // the AWS service that calls on the caller's behalf
	SourceIP          string // default 192.0.2.10
	UserAgent         string // default: what the request says
	MFA               bool
	// SourceFunctionARN is the Lambda function that the calls come from inside of.
	SourceFunctionARN string
}

// Operation handles one call with the account's lock held and returns what to
// encode. It may give the lock away while it waits.
type Operation func(*Request) (any, *Error)

// Action is the IAM action that a call needs. Source: the service
// authorization reference; SQS's batches need the action of the single call.
func Action(service, operation string) string {
	if service == SQS {
		operation = strings.TrimSuffix(operation, "Batch")
	}
	return service + ":" + operation
}

// Answer is what goes back over the wire; a dropped one never does.
type Answer struct {
	Status  int
	Header  http.Header
	Body    []byte
	Dropped bool
}

// Write sends the answer, or closes the connection if it is a dropped one.
func (ans Answer) Write(w http.ResponseWriter) {
	if ans.Dropped {
		Drop(w)
		return
	}
	for name, values := range ans.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(ans.Body)))
	w.WriteHeader(ans.Status)
	// The client may be gone; there is nobody to tell.
	_, _ = w.Write(ans.Body)
}

// Drop closes the connection without an answer.
func Drop(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if conn, _, err := h.Hijack(); err == nil {
			_ = conn.Close()
			return
		}
	}
	panic(http.ErrAbortHandler)
}
