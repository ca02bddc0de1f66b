// Package cloudtrail is what the embedded CloudTrail writes down of a call, see
// [Record].
package cloudtrail

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/account"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/eventbridge"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// Record is CloudTrail's record of a write to EKS, in the envelope in which
// EventBridge delivers it.
func Record(a *account.Account, r *wire.Request, body []byte, failed *wire.Error) []byte {
	at := r.Now.UTC().Format(time.RFC3339)
	record := map[string]any{
		"eventVersion":       "1.11",
		"userIdentity":       identity(a, r),
		"eventTime":          at,
		"eventSource":        "eks.amazonaws.com",
		"eventName":          r.Operation,
		"awsRegion":          a.Region,
		"sourceIPAddress":    r.Caller.SourceIP,
		"userAgent":          r.Caller.UserAgent,
		"requestParameters":  r.Params(),
		"responseElements":   nil,
		"requestID":          r.ID,
		"eventID":            a.UUID(),
		"readOnly":           false,
		"eventType":          "AwsApiCall",
		"managementEvent":    true,
		"recipientAccountId": a.ID,
		"eventCategory":      "Management",
		"tlsDetails": map[string]any{
			"tlsVersion":               "TLSv1.3",
			"cipherSuite":              "TLS_AES_128_GCM_SHA256",
			"clientProvidedHostHeader": "eks." + a.Region + ".amazonaws.com",
		},
	}
	if r.Caller.InvokedBy != "" {
		record["sourceIPAddress"], record["userAgent"] = r.Caller.InvokedBy, r.Caller.InvokedBy
	}
	switch {
	case failed == nil:
		record["responseElements"] = elements(body)
	case failed.Type == wire.AccessDenied:
		// A call that IAM refuses is recorded without its parameters.
		record["errorCode"], record["errorMessage"] = "AccessDenied", failed.Message
		record["requestParameters"] = nil
	default:
		record["errorCode"], record["errorMessage"] = failed.Type, failed.Message
	}
	return eventbridge.Envelope(a, "aws.eks", "AWS API Call via CloudTrail", r.Now, record)
}

// elements is an answer as CloudTrail keeps it. An empty one is null.
func elements(body []byte) any {
	var elements map[string]any
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	if err := dec.Decode(&elements); err != nil || len(elements) == 0 {
		return nil
	}
	return elements
}

func identity(a *account.Account, r *wire.Request) map[string]any {
	c := r.Caller
	out := map[string]any{"type": c.Type}
	set := func(name, value string) {
		if value != "" {
			out[name] = value
		}
	}
	set("invokedBy", c.InvokedBy)
	if c.Type == "AWSService" {
		return out
	}
	set("principalId", c.PrincipalID)
	set("arn", c.ARN)
	set("accountId", a.ID)
	set("accessKeyId", r.AccessKeyID)
	set("userName", c.UserName)
	issuer := map[string]any{}
	if c.SessionIssuerARN != "" {
		principal, _, _ := strings.Cut(c.PrincipalID, ":")
		issuer = map[string]any{
			"type":        "Role",
			"principalId": principal,
			"arn":         c.SessionIssuerARN,
			"accountId":   a.ID,
			"userName":    c.SessionIssuerName,
		}
	}
	mfa := "false"
	if c.MFA {
		mfa = "true"
	}
	if len(issuer) > 0 || c.MFA {
		out["sessionContext"] = map[string]any{
			"sessionIssuer":       issuer,
			"webIdFederationData": map[string]any{},
			"attributes": map[string]any{
				"creationDate":     r.Now.UTC().Truncate(time.Hour).Format(time.RFC3339),
				"mfaAuthenticated": mfa,
			},
		}
	}
	return out
}
