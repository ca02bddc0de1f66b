package localaws

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// trail is CloudTrail's record of a write to EKS, in the envelope in which
// EventBridge delivers it. The caller holds the account's lock.
func (a *AWS) trail(r *wire.Request, body []byte, failed *wire.Error) []byte {
	at := r.Now.UTC().Format(time.RFC3339)
	record := map[string]any{
		"eventVersion":       "1.11",
		"userIdentity":       a.identity(r),
		"eventTime":          at,
		"eventSource":        "eks.amazonaws.com",
		"eventName":          r.Operation,
		"awsRegion":          a.account.Region,
		"sourceIPAddress":    r.Caller.SourceIP,
		"userAgent":          r.Caller.UserAgent,
		"requestParameters":  r.Params(),
		"responseElements":   nil,
		"requestID":          r.ID,
		"eventID":            a.account.UUID(),
		"readOnly":           false,
		"eventType":          "AwsApiCall",
		"managementEvent":    true,
		"recipientAccountId": a.account.ID,
		"eventCategory":      "Management",
		"tlsDetails": map[string]any{
			"tlsVersion":               "TLSv1.3",
			"cipherSuite":              "TLS_AES_128_GCM_SHA256",
			"clientProvidedHostHeader": "eks." + a.account.Region + ".amazonaws.com",
		},
	}
	if r.Caller.InvokedBy != "" {
		record["sourceIPAddress"], record["userAgent"] = r.Caller.InvokedBy, r.Caller.InvokedBy
	}
	switch {
	case failed == nil:
		record["responseElements"] = trailElements(body)
	case failed.Type == wire.AccessDenied:
		// A call that IAM refuses is recorded without its parameters.
		record["errorCode"], record["errorMessage"] = "AccessDenied", failed.Message
		record["requestParameters"] = nil
	default:
		record["errorCode"], record["errorMessage"] = failed.Type, failed.Message
	}
	return a.event("aws.eks", "AWS API Call via CloudTrail", r.Now, record)
}

// trailElements is an answer as CloudTrail keeps it. An empty one is null.
func trailElements(body []byte) any {
	var elements map[string]any
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	if err := dec.Decode(&elements); err != nil || len(elements) == 0 {
		return nil
	}
	return elements
}

func (a *AWS) identity(r *wire.Request) map[string]any {
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
	set("accountId", a.account.ID)
	set("accessKeyId", r.AccessKeyID)
	set("userName", c.UserName)
	issuer := map[string]any{}
	if c.SessionIssuerARN != "" {
		principal, _, _ := strings.Cut(c.PrincipalID, ":")
		issuer = map[string]any{
			"type":        "Role",
			"principalId": principal,
			"arn":         c.SessionIssuerARN,
			"accountId":   a.account.ID,
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

// event puts a detail into EventBridge's envelope. The caller holds the account's lock.
func (a *AWS) event(source, detailType string, at time.Time, detail any) []byte {
	return wire.JSON(map[string]any{
		"version":     "0",
		"id":          a.account.UUID(),
		"detail-type": detailType,
		"source":      source,
		"account":     a.account.ID,
		"time":        at.UTC().Format(time.RFC3339),
		"region":      a.account.Region,
		"resources":   []string{},
		"detail":      detail,
	})
}
