package localaws

import "strings"

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

// AddCaller makes known who signs with the access key id. Calls with an
// unknown key are made by an IAM user named like the key.
func (a *AWS) AddCaller(accessKeyID string, c Caller) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.callers[accessKeyID] = c
}

// AddRole makes known that the access key id belongs to a session of the role,
// e.g. a Lambda function's: AssumedRole, with the session as its last part.
func (a *AWS) AddRole(accessKeyID, role, session string) {
	a.AddCaller(accessKeyID, Caller{
		Type:              "AssumedRole",
		ARN:               a.globalARN("sts", "assumed-role/"+role+"/"+session),
		PrincipalID:       "AROA" + strings.ToUpper(accessKeyID) + ":" + session,
		SessionIssuerARN:  a.globalARN("iam", "role/"+role),
		SessionIssuerName: role,
	})
}

func (a *AWS) globalARN(service, resource string) string {
	return "arn:" + a.partition + ":" + service + "::" + a.opts.Account + ":" + resource
}

// caller returns the identity behind a key with its defaults filled in. The
// caller of caller holds a.mu.
func (a *AWS) caller(accessKeyID, userAgent string) Caller {
	c, known := a.callers[accessKeyID]
	if !known {
		name := "user-" + accessKeyID
		if accessKeyID == "" {
			name = "anonymous"
		}
		c = Caller{UserName: name, ARN: a.globalARN("iam", "user/"+name)}
	}
	if c.Type == "" {
		c.Type = "IAMUser"
	}
	if c.PrincipalID == "" && c.Type != "AWSService" {
		c.PrincipalID = "AIDA" + strings.ToUpper(accessKeyID)
	}
	if c.SourceIP == "" {
		c.SourceIP = "192.0.2.10"
	}
	if c.UserAgent == "" {
		c.UserAgent = userAgent
	}
	return c
}
