package cloudtrail

import (
	"fmt"
	"regexp"
	"strings"
)

// Actor is who made a call, from the record's userIdentity. All but MFA and
// Console is text of others: Decode cuts each to 1 KiB and takes control
// characters out, and nothing else is promised of it.
type Actor struct {
	Type string `json:"type,omitempty"` // userIdentity.type: IAMUser, AssumedRole, Root, …
	// Name is the person or thing behind the call: the IAM user; the source
	// identity or else the session of a role (with SSO that is the person); the
	// federated user; the service; "root"; "unknown" if the record doesn't tell.
	Name           string `json:"name,omitempty"`
	ARN            string `json:"arn,omitempty"`
	Role           string `json:"role,omitempty"`           // the name of the assumed role
	RoleARN        string `json:"roleArn,omitempty"`        // the ARN of the assumed role, its path included
	Session        string `json:"session,omitempty"`        // the name of the role session, chosen by who assumed the role
	SourceIdentity string `json:"sourceIdentity,omitempty"` // set by the identity provider, if it does that
	InvokedBy      string `json:"invokedBy,omitempty"`      // the AWS service that made the call for the caller
	SourceIP       string `json:"sourceIp,omitempty"`       // sourceIPAddress: an address, or a service's name
	UserAgent      string `json:"userAgent,omitempty"`      // free text of the caller
	AccessKeyID    string `json:"accessKeyId,omitempty"`
	MFA            *bool  `json:"mfa,omitempty"`     // whether the session was opened with MFA; nil if the record doesn't tell
	Console        bool   `json:"console,omitempty"` // sessionCredentialFromConsole; records before 2023 and of some services lack it
}

const unknown = "unknown"

// ssoRole is how IAM Identity Center names the roles of its permission sets:
// AWSReservedSSO_SET_HASH.
var ssoRole = regexp.MustCompile(`^AWSReservedSSO_(.+)_[0-9a-f]{16}$`)

// readActor reads userIdentity and what else a record tells of the caller.
// Source for the shapes: the CloudTrail user guide, "CloudTrail userIdentity
// element".
func readActor(record object) Actor {
	id := record.object("userIdentity")
	session := id.object("sessionContext")
	issuer := session.object("sessionIssuer")
	a := Actor{
		Type:           id.text("type"),
		ARN:            id.text("arn"),
		SourceIdentity: session.text("sourceIdentity"),
		InvokedBy:      id.text("invokedBy"),
		SourceIP:       record.text("sourceIPAddress"),
		UserAgent:      record.text("userAgent"),
		AccessKeyID:    id.text("accessKeyId"),
	}
	if mfa, ok := session.object("attributes")["mfaAuthenticated"].boolean(); ok {
		a.MFA = &mfa
	}
	a.Console, _ = record["sessionCredentialFromConsole"].boolean()

	user, principal := id.text("userName"), id.text("principalId")
	_, afterColon, _ := strings.Cut(principal, ":")
	caller, _ := parseARN(a.ARN)
	kind, rest, _ := strings.Cut(caller.resource, "/")
	switch {
	case a.Type == "AssumedRole" || kind == "assumed-role":
		if kind == "assumed-role" {
			a.Role, a.Session, _ = strings.Cut(rest, "/")
		}
		a.Role = first(issuer.text("userName"), a.Role)
		a.RoleARN = issuer.text("arn")
		a.Session = first(a.Session, afterColon)
		a.Name = first(a.SourceIdentity, a.Session, a.Role)
	case a.Type == "Root":
		a.Name = "root"
	case a.Type == "AWSService":
		a.Name = a.InvokedBy
	case a.Type == "IdentityCenterUser":
		a.Name = first(user, id.object("onBehalfOf").text("userId"))
	}
	// The last word of the ARN is the name, for IAM users behind their path.
	a.Name = first(a.Name, user, rest[strings.LastIndexByte(rest, '/')+1:], afterColon, principal, a.InvokedBy, unknown)
	return a
}

// first returns the first text that isn't empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// String is a short phrase for people: "alice (IAM user)", "alice via SSO
// AdministratorAccess", "CloudFormation for role/deployer", "unknown caller".
func (a Actor) String() string {
	caller := a.caller()
	if a.InvokedBy == "" {
		return caller
	}
	service := serviceName(a.InvokedBy)
	switch {
	case a.Type == "AWSService" || a.Name == unknown || a.Name == a.InvokedBy:
		return service
	case a.Role != "" && a.SourceIdentity == "" && !ssoRole.MatchString(a.Role):
		// Services number their sessions: the role says more.
		return service + " for role/" + a.Role
	default:
		return service + " for " + caller
	}
}

func (a Actor) caller() string {
	switch {
	case a.Name == "" || a.Name == unknown:
		return "unknown caller"
	case a.Type == "Root":
		return "the root user"
	case a.Type == "IAMUser":
		return a.Name + " (IAM user)"
	case a.Type == "FederatedUser":
		return a.Name + " (federated user)"
	case a.Type == "IdentityCenterUser":
		return a.Name + " (IAM Identity Center user)"
	case a.Type == "AWSService":
		return serviceName(a.Name)
	case a.Role != "":
		if set := ssoRole.FindStringSubmatch(a.Role); set != nil {
			return a.Name + " via SSO " + set[1]
		}
		if a.Name == a.Role {
			return "role/" + a.Role
		}
		return a.Name + " as role/" + a.Role
	case a.Type != "":
		return fmt.Sprintf("%s (%s)", a.Name, a.Type)
	default:
		return a.Name
	}
}

// serviceName is a service principal as people say it.
func serviceName(principal string) string {
	switch principal {
	case "cloudformation.amazonaws.com":
		return "CloudFormation"
	case "servicecatalog.amazonaws.com":
		return "Service Catalog"
	case "ssm.amazonaws.com":
		return "Systems Manager"
	default:
		return principal
	}
}

// Tool is the tool that the caller used, by its user agent, which is foreign text: the product
// that is not merely a library or a platform. "" when there is none.
func (a Actor) Tool() string {
	for _, name := range []string{"Terraform", "OpenTofu", "Pulumi", "eksctl", "aws-cli", "Boto3", "kubectl", "crossplane", "Ansible", "cloudformation.amazonaws.com"} {
		for _, word := range strings.Fields(a.UserAgent) {
			if len(word) >= len(name) && strings.EqualFold(word[:len(name)], name) {
				return word
			}
		}
	}
	first, _, _ := strings.Cut(a.UserAgent, " ")
	return first
}
