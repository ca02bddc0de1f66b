package localaws

import (
	"encoding/json"
	"strings"
	"time"
)

// trail is CloudTrail's record of a write to EKS, in the envelope in which
// EventBridge delivers it. The caller holds a.mu.
func (a *AWS) trail(r *request, body []byte, failed *apiError) []byte {
	at := r.now.UTC().Format(time.RFC3339)
	record := map[string]any{
		"eventVersion":       "1.11",
		"userIdentity":       a.identity(r),
		"eventTime":          at,
		"eventSource":        "eks.amazonaws.com",
		"eventName":          r.operation,
		"awsRegion":          a.opts.Region,
		"sourceIPAddress":    r.caller.SourceIP,
		"userAgent":          r.caller.UserAgent,
		"requestParameters":  params(r),
		"responseElements":   nil,
		"requestID":          r.id,
		"eventID":            a.uuid(),
		"readOnly":           false,
		"eventType":          "AwsApiCall",
		"managementEvent":    true,
		"recipientAccountId": a.opts.Account,
		"eventCategory":      "Management",
		"tlsDetails": map[string]any{
			"tlsVersion":               "TLSv1.3",
			"cipherSuite":              "TLS_AES_128_GCM_SHA256",
			"clientProvidedHostHeader": "eks." + a.opts.Region + ".amazonaws.com",
		},
	}
	if r.caller.InvokedBy != "" {
		record["sourceIPAddress"], record["userAgent"] = r.caller.InvokedBy, r.caller.InvokedBy
	}
	switch {
	case failed == nil:
		record["responseElements"] = trailElements(body)
	case failed.Type == errAccessDenied:
		// A call that IAM refuses is recorded without its parameters.
		record["errorCode"], record["errorMessage"] = "AccessDenied", failed.Message
		record["requestParameters"] = nil
	default:
		record["errorCode"], record["errorMessage"] = failed.Type, failed.Message
	}
	return a.event("aws.eks", "AWS API Call via CloudTrail", r.now, record)
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

func (a *AWS) identity(r *request) map[string]any {
	c := r.caller
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
	set("accountId", a.opts.Account)
	set("accessKeyId", r.accessKeyID)
	set("userName", c.UserName)
	issuer := map[string]any{}
	if c.SessionIssuerARN != "" {
		principal, _, _ := strings.Cut(c.PrincipalID, ":")
		issuer = map[string]any{
			"type":        "Role",
			"principalId": principal,
			"arn":         c.SessionIssuerARN,
			"accountId":   a.opts.Account,
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
				"creationDate":     r.now.UTC().Truncate(time.Hour).Format(time.RFC3339),
				"mfaAuthenticated": mfa,
			},
		}
	}
	return out
}

// event puts a detail into EventBridge's envelope. The caller holds a.mu.
func (a *AWS) event(source, detailType string, at time.Time, detail any) []byte {
	return mustJSON(map[string]any{
		"version":     "0",
		"id":          a.uuid(),
		"detail-type": detailType,
		"source":      source,
		"account":     a.opts.Account,
		"time":        at.UTC().Format(time.RFC3339),
		"region":      a.opts.Region,
		"resources":   []string{},
		"detail":      detail,
	})
}
