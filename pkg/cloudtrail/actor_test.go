package cloudtrail_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
)

func TestActor(t *testing.T) {
	const role = `"sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/team/deployer","userName":"deployer"}}`
	for _, tt := range []struct {
		name, identity string
		actor          string // Name
		phrase         string // String()
	}{
		{"IAM user", `{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/team/alice","userName":"alice"}`, "alice", "alice (IAM user)"},
		{"IAM user without userName", `{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/team/alice"}`, "alice", "alice (IAM user)"},
		{"IAM user with principal only", `{"type":"IAMUser","principalId":"AIDACKCEVSQ6C2EXAMPLE"}`, "AIDACKCEVSQ6C2EXAMPLE", "AIDACKCEVSQ6C2EXAMPLE (IAM user)"},
		{"IAM user through CloudFormation", `{"type":"IAMUser","userName":"alice","invokedBy":"cloudformation.amazonaws.com"}`, "alice", "CloudFormation for alice (IAM user)"},
		{"role", `{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/deployer/run-7",` + role + `}`, "run-7", "run-7 as role/deployer"},
		{"role without issuer", `{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/deployer/run-7"}`, "run-7", "run-7 as role/deployer"},
		{"role without ARN", `{"type":"AssumedRole","principalId":"AROADBQP57FF2AEXAMPLE:run-7",` + role + `}`, "run-7", "run-7 as role/deployer"},
		{"role without session", `{"type":"AssumedRole",` + role + `}`, "deployer", "role/deployer"},
		{"role of a service", `{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/deployer/8842","invokedBy":"servicecatalog.amazonaws.com",` + role + `}`, "8842", "Service Catalog for role/deployer"},
		{"role of a service, source identity", `{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/deployer/8842","invokedBy":"AWS Internal","sessionContext":{"sourceIdentity":"bob"}}`, "bob", "AWS Internal for bob as role/deployer"},
		{"SSO", `{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Read_Only_0123456789abcdef/alice@example.com"}`, "alice@example.com", "alice@example.com via SSO Read_Only"},
		{"SSO through CloudFormation", `{"type":"AssumedRole","invokedBy":"cloudformation.amazonaws.com","arn":"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/alice@example.com"}`, "alice@example.com", "CloudFormation for alice@example.com via SSO Admin"},
		{"a role that looks like SSO", `{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin/alice"}`, "alice", "alice as role/AWSReservedSSO_Admin"},
		{"root", `{"type":"Root","arn":"arn:aws:iam::111122223333:root"}`, "root", "the root user"},
		{"an IAM user named root", `{"type":"IAMUser","userName":"root"}`, "root", "root (IAM user)"},
		{"federated", `{"type":"FederatedUser","arn":"arn:aws:sts::111122223333:federated-user/bob"}`, "bob", "bob (federated user)"},
		{"federated without ARN", `{"type":"FederatedUser","principalId":"111122223333:bob"}`, "bob", "bob (federated user)"},
		{"service", `{"type":"AWSService","invokedBy":"autoscaling.amazonaws.com"}`, "autoscaling.amazonaws.com", "autoscaling.amazonaws.com"},
		{"service without a name", `{"type":"AWSService"}`, "unknown", "unknown caller"},
		{"Identity Center", `{"type":"IdentityCenterUser","onBehalfOf":{"userId":"544894e8"}}`, "544894e8", "544894e8 (IAM Identity Center user)"},
		{"Identity Center with a name", `{"type":"IdentityCenterUser","userName":"alice","onBehalfOf":{"userId":"544894e8"}}`, "alice", "alice (IAM Identity Center user)"},
		{"SAML", `{"type":"SAMLUser","principalId":"xyz=:alice","userName":"alice","identityProvider":"xyz="}`, "alice", "alice (SAMLUser)"},
		{"web identity", `{"type":"WebIdentityUser","principalId":"accounts.example.com:app:42","userName":"42"}`, "42", "42 (WebIdentityUser)"},
		{"another account", `{"type":"AWSAccount","principalId":"AROADBQP57FF2AEXAMPLE:carol","accountId":"444455556666"}`, "carol", "carol (AWSAccount)"},
		{"no type", `{"arn":"arn:aws:iam::111122223333:user/alice"}`, "alice", "alice"},
		{"only invokedBy", `{"invokedBy":"cloudformation.amazonaws.com"}`, "cloudformation.amazonaws.com", "CloudFormation"},
		{"a role whose ARN is none of a session", `{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:federated-user/bob/x","principalId":"AROADBQP57FF2AEXAMPLE:run-7"}`, "run-7", "run-7 (AssumedRole)"},
		{"a session with a colon", `{"arn":"arn:aws:sts::111122223333:assumed-role/deployer/run:7"}`, "run:7", "run:7 as role/deployer"},
		{"service with a principal", `{"type":"AWSService","invokedBy":"autoscaling.amazonaws.com","principalId":"x"}`, "autoscaling.amazonaws.com", "autoscaling.amazonaws.com"},
		{"IAM user on behalf of somebody", `{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/alice","onBehalfOf":{"userId":"544894e8"}}`, "alice", "alice (IAM user)"},
		{"an ARN that is none", `{"arn":"urn:aws:iam::111122223333:user/alice"}`, "unknown", "unknown caller"},
		{"an ARN cut short", `{"arn":"arn:aws"}`, "unknown", "unknown caller"},
		{"empty", `{}`, "unknown", "unknown caller"},
		{"null", `null`, "unknown", "unknown caller"},
		{"a text", `"alice"`, "unknown", "unknown caller"},
		{"wrong types", `{"type":["IAMUser"],"userName":7,"arn":{},"sessionContext":"x"}`, "unknown", "unknown caller"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := cloudtrail.Decode(edited(t, "update-open-sso", map[string]string{"detail.userIdentity": tt.identity}))
			if err != nil {
				t.Fatal(err)
			}
			if e.Actor.Name != tt.actor || e.Actor.String() != tt.phrase {
				t.Errorf("got  %q, %q\nwant %q, %q", e.Actor.Name, e.Actor, tt.actor, tt.phrase)
			}
		})
	}
}

// TestActorsFromElsewhere: a ledger's may be of another version.
func TestActorsFromElsewhere(t *testing.T) {
	for want, a := range map[string]cloudtrail.Actor{
		"unknown caller":  {},
		"Systems Manager": {Type: "AWSService", Name: "ssm.amazonaws.com"},
		"Service Catalog": {Type: "AWSService", Name: "a job", InvokedBy: "servicecatalog.amazonaws.com"},
	} {
		if got := a.String(); got != want {
			t.Errorf("%+v is %q, want %q", a, got, want)
		}
	}
}

// TestActorJSON: actors written today are read back from the ledger later.
func TestActorJSON(t *testing.T) {
	full := cloudtrail.Actor{
		Type: "AssumedRole", Name: "bob", ARN: "arn:aws:sts::111122223333:assumed-role/deployer/run-7",
		Role: "deployer", RoleARN: "arn:aws:iam::111122223333:role/deployer", Session: "run-7", SourceIdentity: "bob",
		InvokedBy: "cloudformation.amazonaws.com", SourceIP: "192.0.2.1", UserAgent: "x", AccessKeyID: "ASIAI44QH8DHBEXAMPLE",
		MFA: new(false), Console: true,
	}
	const want = `{"type":"AssumedRole","name":"bob","arn":"arn:aws:sts::111122223333:assumed-role/deployer/run-7",` +
		`"role":"deployer","roleArn":"arn:aws:iam::111122223333:role/deployer","session":"run-7","sourceIdentity":"bob",` +
		`"invokedBy":"cloudformation.amazonaws.com","sourceIp":"192.0.2.1","userAgent":"x","accessKeyId":"ASIAI44QH8DHBEXAMPLE",` +
		`"mfa":false,"console":true}`
	got, err := json.Marshal(full)
	if diff := cmp.Diff(want, string(got)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	var back cloudtrail.Actor
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestTool(t *testing.T) {
	for agent, want := range map[string]string{
		"": "", "APN/1.0 HashiCorp/1.0 Terraform/1.9.0 (+https://example.com)": "Terraform/1.9.0",
		"aws-cli/2.17.0 Python/3.11": "aws-cli/2.17.0", "cloudformation.amazonaws.com": "cloudformation.amazonaws.com",
		"Mozilla/5.0 (X11)": "Mozilla/5.0",
	} {
		if got := (cloudtrail.Actor{UserAgent: agent}).Tool(); got != want {
			t.Errorf("tool(%q) = %q, want %q", agent, got, want)
		}
	}
}

func TestToolsAreKnownByTheirWholeName(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 kubectl": "kubectl",
		"Mozilla/5.0 kubect":  "Mozilla/5.0",
		"x kubectl/1.31 y":    "kubectl/1.31",
	} {
		if got := (cloudtrail.Actor{UserAgent: agent}).Tool(); got != want {
			t.Errorf("tool(%q) = %q, want %q", agent, got, want)
		}
	}
}
