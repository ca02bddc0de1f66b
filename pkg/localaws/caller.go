package localaws

import (
	"strings"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// Caller is who makes the calls that are signed with an access key: what
// CloudTrail writes down as userIdentity, and where the calls come from.
type Caller = wire.Caller

// AddCaller makes known who signs with the access key id. Calls with an
// unknown key are made by an IAM user named like the key.
func (a *AWS) AddCaller(accessKeyID string, c Caller) {
	a.account.Lock()
	defer a.account.Unlock()
	a.callers[accessKeyID] = c
}

// AddRole makes known that the access key id belongs to a session of the role,
// e.g. a Lambda function's: AssumedRole, with the session as its last part.
func (a *AWS) AddRole(accessKeyID, role, session string) {
	a.AddCaller(accessKeyID, Caller{
		Type:              "AssumedRole",
		ARN:               a.account.GlobalARN("sts", "assumed-role/"+role+"/"+session),
		PrincipalID:       "AROA" + strings.ToUpper(accessKeyID) + ":" + session,
		SessionIssuerARN:  a.account.GlobalARN("iam", "role/"+role),
		SessionIssuerName: role,
	})
}

// caller returns the identity behind a key with its defaults filled in. The
// caller of caller holds the account's lock.
func (a *AWS) caller(accessKeyID, userAgent string) Caller {
	c, known := a.callers[accessKeyID]
	if !known {
		name := "user-" + accessKeyID
		if accessKeyID == "" {
			name = "anonymous"
		}
		c = Caller{UserName: name, ARN: a.account.GlobalARN("iam", "user/"+name)}
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
