package cloudtrail_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/events"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/cputest"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

var update = flag.Bool("update", false, "write the golden files anew")

var comparePrefixes = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

// summary is what came of a record, on one line.
func summary(e cloudtrail.Event, err error) string {
	if n, ok := errors.AsType[cloudtrail.NoConcern](err); ok {
		return "no concern: " + n.Why
	}
	if u, ok := errors.AsType[cloudtrail.Unreadable](err); ok {
		return "unreadable: " + u.Why
	}
	return fmt.Sprintf("%s by %s, asked %s", e.ARN(), e.Actor, asked(e.Asked))
}

func asked(r endpoint.Request) string {
	var words []string
	if r.Public != nil {
		words = append(words, fmt.Sprintf("public=%t", *r.Public))
	}
	if r.Private != nil {
		words = append(words, fmt.Sprintf("private=%t", *r.Private))
	}
	if r.CIDRs != nil {
		words = append(words, "cidrs="+endpoint.JoinPrefixes(*r.CIDRs, ","))
	}
	if r.Unreadable {
		words = append(words, "unreadable")
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, " ")
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := fs.ReadFile(events.Samples(), name+".json")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSamples(t *testing.T) {
	const (
		west    = "arn:aws:eks:eu-west-1:111122223333:cluster/"
		central = "arn:aws:eks:eu-central-1:111122223333:cluster/"
	)
	want := map[string]string{
		"create-clustername-2018":                "arn:aws:eks:us-west-2:111122223333:cluster/first-steps by alice (IAM user), asked public=true private=false cidrs=0.0.0.0/0",
		"create-hybrid-nodes-sso":                west + "hybrid-lab by bob@example.com via SSO PlatformEngineer, asked public=true private=false cidrs=0.0.0.0/0",
		"create-ipv6-root":                       "arn:aws:eks:us-east-1:111122223333:cluster/edge-v6 by the root user, asked public=true private=false cidrs=0.0.0.0/0,::/0",
		"create-open-iam-user":                   west + "demo-1 by alice (IAM user), asked public=true private=false cidrs=0.0.0.0/0",
		"create-outposts-local":                  central + "factory-floor by ci-4712 as role/terraform, asked public=false private=true cidrs=",
		"create-private-cloudformation":          west + "batch by CloudFormation for role/deployer, asked public=false private=true cidrs=",
		"create-restricted-terraform":            central + "payments-prod by ci-4711 as role/terraform, asked public=true private=true cidrs=203.0.113.0/25,203.0.113.128/26",
		"delete-terraform":                       central + "payments-prod by ci-4733 as role/terraform, asked nothing",
		"tag-cluster":                            central + "payments-prod by CloudFormation for role/deployer, asked nothing",
		"tag-node-group":                         "no concern: the tags of another resource, nodegroup",
		"untag-cluster":                          central + "payments-prod by bob@example.com via SSO PlatformEngineer, asked nothing",
		"update-by-guardrail":                    west + "demo-1 by endpoint-guard-guardrail as role/endpoint-guard, asked public=true private=true cidrs=203.0.113.0/24",
		"update-denied":                          "no concern: the call failed with AccessDenied",
		"update-logging-only":                    "no concern: an update of another kind, LoggingUpdate",
		"update-open-aws-service":                "arn:aws:eks:us-east-1:111122223333:cluster/edge-v6 by Systems Manager, asked public=true private=false cidrs=::/0",
		"update-open-sso":                        west + "payments-prod by alice@example.com via SSO AdministratorAccess, asked public=true private=true cidrs=0.0.0.0/0",
		"update-private-only-role":               west + "demo-1 by bob@example.com as role/deployer, asked public=false private=true cidrs=0.0.0.0/0",
		"update-refused-both-off":                "no concern: the call failed with InvalidParameterException",
		"update-restricted-identity-center-user": west + "demo-1 by 544894e8-80c1-707f-60e3-3ba6510dfac1 (IAM Identity Center user), asked public=true private=true cidrs=203.0.113.5/32",
		"update-subnets":                         "no concern: an update of another kind, VpcConfigUpdate",
		"update-two-halves-federated":            west + "demo-1 by bob (federated user), asked public=true private=false cidrs=0.0.0.0/1,128.0.0.0/1",
	}
	got := map[string]string{}
	entries, err := fs.ReadDir(events.Samples(), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name(), ".json")
		got[name] = summary(cloudtrail.Decode(sample(t, name)))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

// TestGolden holds every field of every sample.
func TestGolden(t *testing.T) {
	entries, err := fs.ReadDir(events.Samples(), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name(), ".json")
		t.Run(name, func(t *testing.T) {
			e, err := cloudtrail.Decode(sample(t, name))
			if n, ok := errors.AsType[cloudtrail.NoConcern](err); ok {
				e = n.Event
			}
			got, err := json.MarshalIndent(e, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			file := filepath.Join("testdata", "golden", name+".json")
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err, "(run with -update once)")
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// TestDecode holds whole events, field by field, to what a reader of the record
// would say.
func TestDecode(t *testing.T) {
	office := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/25"), netip.MustParsePrefix("203.0.113.128/26")}
	create := cloudtrail.Event{
		Time:      time.Date(2026, 11, 20, 9, 31, 50, 0, time.UTC),
		Name:      cloudtrail.CreateCluster,
		Account:   "111122223333",
		Region:    "eu-central-1",
		Partition: "aws",
		Cluster:   "payments-prod",
		Asked:     endpoint.Request{Public: new(true), Private: new(true), CIDRs: &office},
		Actor: cloudtrail.Actor{
			Type:        "AssumedRole",
			Name:        "ci-4711",
			ARN:         "arn:aws:sts::111122223333:assumed-role/terraform/ci-4711",
			Role:        "terraform",
			RoleARN:     "arn:aws:iam::111122223333:role/automation/terraform",
			Session:     "ci-4711",
			SourceIP:    "192.0.2.41",
			UserAgent:   "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) terraform-provider-aws/5.76.0 aws-sdk-go-v2/1.32.5 ua/2.1 os/linux lang/go#1.23.3 api/eks#1.52.1",
			AccessKeyID: "ASIAI44QH8DHBEXAMPLE",
			MFA:         new(false),
		},
		CreatedAt:      time.Date(2026, 11, 20, 9, 31, 50, 312e6, time.UTC),
		Family:         endpoint.IPv4,
		Tags:           map[string]string{"environment": "prod", "team": "payments"},
		VPC:            "vpc-0fedcba9876543210",
		SecurityGroups: []string{"sg-0123456789abcdef0"},
		AuditLogs:      true,
	}
	got, err := cloudtrail.Decode(sample(t, "create-restricted-terraform"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.ID) != 36 {
		t.Errorf("ID = %q, want the record's UUID", got.ID)
	}
	create.ID = got.ID
	if diff := cmp.Diff(create, got, comparePrefixes); diff != "" {
		t.Errorf("CreateCluster (-want +got):\n%s", diff)
	}

	cluster, ok := got.Created()
	want := endpoint.Cluster{
		ID:             endpoint.ID{ARN: "arn:aws:eks:eu-central-1:111122223333:cluster/payments-prod", CreatedAt: create.CreatedAt},
		Partition:      "aws",
		Account:        "111122223333",
		Region:         "eu-central-1",
		Name:           "payments-prod",
		Status:         endpoint.StatusCreating,
		Access:         endpoint.Access{Public: true, Private: true, CIDRs: office},
		Family:         endpoint.IPv4,
		Tags:           create.Tags,
		VPC:            create.VPC,
		SecurityGroups: create.SecurityGroups,
		AuditLogs:      true,
	}
	if diff := cmp.Diff(want, cluster, comparePrefixes); !ok || diff != "" {
		t.Errorf("Created() is %t (-want +got):\n%s", ok, diff)
	}

	// The same record on its own: EventBridge's envelope adds nothing to it.
	bare, err := cloudtrail.Decode(detail(t, "create-restricted-terraform"))
	if diff := cmp.Diff(create, bare, comparePrefixes); err != nil || diff != "" {
		t.Errorf("bare record: %v (-want +got):\n%s", err, diff)
	}
}

func TestDecodeTags(t *testing.T) {
	set, err := cloudtrail.Decode(sample(t, "tag-cluster"))
	if diff := cmp.Diff(map[string]string{"environment": "sandbox", "team": "payments"}, set.ChangedTags); err != nil || diff != "" {
		t.Errorf("TagResource: %v (-want +got):\n%s", err, diff)
	}
	removed, err := cloudtrail.Decode(sample(t, "untag-cluster"))
	if diff := cmp.Diff([]string{"environment"}, removed.RemovedTags); err != nil || diff != "" {
		t.Errorf("UntagResource: %v (-want +got):\n%s", err, diff)
	}
	for _, e := range []cloudtrail.Event{set, removed} {
		if _, ok := e.Created(); ok || e.Tags != nil {
			t.Errorf("%s: Created() is %t and Tags are %v, want neither: the record doesn't tell the cluster's tags", e.Name, ok, e.Tags)
		}
	}
}

func TestDecodeVariants(t *testing.T) {
	outposts, err := cloudtrail.Decode(sample(t, "create-outposts-local"))
	if c, _ := outposts.Created(); err != nil || !c.OutpostsLocal || c.HybridNodes {
		t.Errorf("create-outposts-local: %v, %+v", err, c)
	}
	hybrid, err := cloudtrail.Decode(sample(t, "create-hybrid-nodes-sso"))
	if c, _ := hybrid.Created(); err != nil || c.OutpostsLocal || !c.HybridNodes {
		t.Errorf("create-hybrid-nodes-sso: %v, %+v", err, c)
	}
	console, err := cloudtrail.Decode(sample(t, "create-open-iam-user"))
	if a := console.Actor; err != nil || !a.Console || a.MFA == nil || !*a.MFA {
		t.Errorf("create-open-iam-user: %v, console=%t mfa=%v, want both", err, a.Console, a.MFA)
	}
}

// detail is the CloudTrail record in a sample.
func detail(t testing.TB, name string) []byte {
	t.Helper()
	var envelope struct{ Detail json.RawMessage }
	if err := json.Unmarshal(sample(t, name), &envelope); err != nil {
		t.Fatal(err)
	}
	return envelope.Detail
}

// edited is a sample with some values replaced, by path: "detail.eventName" →
// JSON, or "" to remove the member.
func edited(t testing.TB, name string, edits map[string]string) []byte {
	t.Helper()
	var top map[string]any
	if err := json.Unmarshal(sample(t, name), &top); err != nil {
		t.Fatal(err)
	}
	for path, raw := range edits {
		at := top
		keys := strings.Split(path, ".")
		for _, key := range keys[:len(keys)-1] {
			next, ok := at[key].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[key] = next
			}
			at = next
		}
		last := keys[len(keys)-1]
		if raw == "" {
			delete(at, last)
			continue
		}
		at[last] = json.RawMessage(raw)
	}
	out, err := json.Marshal(top)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDecodeEdited(t *testing.T) {
	const (
		open       = "update-open-sso"
		create     = "create-open-iam-user"
		deletion   = "delete-terraform"
		request    = "detail.requestParameters"
		response   = "detail.responseElements"
		sso        = "arn:aws:eks:eu-west-1:111122223333:cluster/payments-prod by alice@example.com via SSO AdministratorAccess, asked "
		alice      = "arn:aws:eks:eu-west-1:111122223333:cluster/demo-1 by alice (IAM user), asked "
		opened     = "public=true private=true cidrs=0.0.0.0/0"
		openCreate = "public=true private=false cidrs=0.0.0.0/0"
	)
	type edits = map[string]string
	for _, tt := range []struct {
		name   string
		sample string
		edits  edits
		want   string
	}{
		// What else the record may look like.
		{"moto leaves account out", open, edits{"account": ""}, sso + opened},
		{"account only of the caller", open, edits{"account": "", "detail.recipientAccountId": ""}, sso + opened},
		{"account null", open, edits{"account": "null"}, sso + opened},
		{"account empty", open, edits{"account": `""`}, sso + opened},
		{"unknown fields of all types", open, edits{"detail.next": "[[1]]", "extra": "7", "detail.addendum": "null"}, sso + opened},
		{"fields of what is no record", open, edits{"detail.s3Bucket": `"b"`, "detail.s3ObjectKey": `["k"]`, "detail.class_uid": "1", "detail.metadata": "{}"}, sso + opened},
		{"unneeded fields of wrong types", open, edits{"detail.eventID": "7", "detail.eventVersion": "1.11", "detail.readOnly": `"no"`, "detail.userAgent": "{}", "detail.tlsDetails": "3", "detail.eventTime": "[]", "time": "{}"}, sso + opened},
		{"no response", open, edits{response: "null"}, sso + "public=true cidrs=0.0.0.0/0"},
		{"no response, nothing sent but the name", open, edits{response: "null", request: `{"name":"payments-prod","resourcesVpcConfig":{"endpointPublicAccess":null}}`}, sso + "nothing"},
		{"moto answers {}", open, edits{response: "{}"}, sso + "public=true cidrs=0.0.0.0/0"},
		{"name as clusterName", open, edits{request: `{"clusterName":"payments-prod"}`}, sso + opened},
		{"China", open, edits{"region": `"cn-north-1"`, "detail.awsRegion": `"cn-north-1"`, "detail.userIdentity.arn": ""},
			"arn:aws-cn:eks:cn-north-1:111122223333:cluster/payments-prod by alice@example.com via SSO AdministratorAccess, asked " + opened},
		{"GovCloud, told by the caller's ARN", open, edits{"detail.userIdentity.arn": `"arn:aws-us-gov:sts::111122223333:assumed-role/deployer/run-1"`, "detail.userIdentity.sessionContext": ""},
			"arn:aws-us-gov:eks:eu-west-1:111122223333:cluster/payments-prod by run-1 as role/deployer, asked " + opened},
		{"a region as long as may be", open, edits{"region": `"a` + strings.Repeat("b", 62) + `"`, "detail.awsRegion": ""}, "arn:aws:eks:a" + strings.Repeat("b", 62) + ":111122223333:cluster/payments-prod by alice@example.com via SSO AdministratorAccess, asked " + opened},
		{"a partition as long as may be", open, edits{"detail.userIdentity": `{"arn":"arn:aws-` + strings.Repeat("x", 28) + `:iam::111122223333:user/alice"}`},
			"arn:aws-" + strings.Repeat("x", 28) + ":eks:eu-west-1:111122223333:cluster/payments-prod by alice, asked " + opened},
		{"a partition that is longer", open, edits{"detail.userIdentity": `{"arn":"arn:aws-` + strings.Repeat("x", 29) + `:iam::111122223333:user/alice"}`}, "arn:aws:eks:eu-west-1:111122223333:cluster/payments-prod by alice, asked " + opened},
		{"the caller's ARN ends too early", open, edits{"detail.userIdentity": `{"arn":"arn:aws-cn:iam::111122223333:"}`}, "arn:aws:eks:eu-west-1:111122223333:cluster/payments-prod by unknown caller, asked " + opened},
		{"no envelope region", open, edits{"region": ""}, sso + opened},
		{"no awsRegion", open, edits{"detail.awsRegion": ""}, sso + opened},
		{"empty errorCode", open, edits{"detail.errorCode": `""`}, sso + opened},
		{"no caller", open, edits{"detail.userIdentity": ""}, "arn:aws:eks:eu-west-1:111122223333:cluster/payments-prod by unknown caller, asked " + opened},

		// What was asked for.
		{"type absent, settings there", open, edits{response + ".update.type": ""}, sso + opened},
		{"type in another case", open, edits{response + ".update.type": `"endpointaccessupdate"`}, sso + opened},
		{"type absent, subnets only, no params", open, edits{response: "null", request + ".resourcesVpcConfig": `{"subnetIds":[]}`}, sso + "nothing"},
		{"type absent, no resourcesVpcConfig", open, edits{response: "null", request + ".resourcesVpcConfig": ""}, "no concern: an update without resourcesVpcConfig"},
		{"type absent, nothing sent but the name", open, edits{response: "null", request: `{"name":"payments-prod"}`}, "no concern: an update without resourcesVpcConfig"},
		{"another type, though settings were sent", open, edits{response + ".update.type": `"VpcConfigUpdate"`, response + ".update.params": "[]"}, sso + "public=true cidrs=0.0.0.0/0"},
		{"another type, though public access was asked for", open, edits{response + ".update.type": `"VpcConfigUpdate"`, response + ".update.params": "[]", request + ".resourcesVpcConfig": `{"endpointPublicAccess":true}`}, sso + "public=true"},
		{"another type, though private access was asked for", open, edits{response + ".update.type": `"VpcConfigUpdate"`, response + ".update.params": "[]", request + ".resourcesVpcConfig": `{"endpointPrivateAccess":false}`}, sso + "private=false"},
		{"another type, though CIDRs were asked for", open, edits{response + ".update.type": `"VpcConfigUpdate"`, response + ".update.params": "[]", request + ".resourcesVpcConfig": `{"publicAccessCidrs":["0.0.0.0/0"]}`}, sso + "cidrs=0.0.0.0/0"},
		{"params in lower case", open, edits{response + ".update.params": `[{"type":"publicAccessCidrs","value":"[\"203.0.113.5/32\"]"},{"type":"ENDPOINTPUBLICACCESS","value":"True"}]`}, sso + "public=true cidrs=203.0.113.5/32"},
		{"params as they should be sent", open, edits{response + ".update.params": `[{"type":"PublicAccessCidrs","value":["203.0.113.5/32"]},{"type":"EndpointPublicAccess","value":true}]`}, sso + "public=true cidrs=203.0.113.5/32"},
		{"the user guide's spoiled list", open, edits{response + ".update.params": `[{"type":"publicAccessCidrs","value":"[\\203.0.113.5/32\\\"]"}]`}, sso + "public=true cidrs=203.0.113.5/32"},
		{"a list cut off", open, edits{response + ".update.params": `[{"type":"PublicAccessCidrs","value":"[\"203.0.113.0/24\",\"0.0."}]`}, sso + "public=true unreadable"},
		{"a list cut off after a whole one", open, edits{response + ".update.params": `[{"type":"PublicAccessCidrs","value":"[\"203.0.113.0/24\""}]`}, sso + "public=true unreadable"},
		{"CIDRs hidden", open, edits{response + ".update.params": `[{"type":"PublicAccessCidrs","value":"HIDDEN_DUE_TO_SECURITY_REASONS"}]`}, sso + "public=true unreadable"},
		{"placeholders of the user guide", open, edits{response + ".update.params": `[{"type":"EndpointPublicAccess","value":"<true>"}]`}, sso + "cidrs=0.0.0.0/0 unreadable"},
		{"params is no array", open, edits{response + ".update.params": `"x"`}, sso + "public=true cidrs=0.0.0.0/0 unreadable"},
		{"a param without a type", open, edits{response + ".update.params": `[{"value":"true"}]`}, sso + "public=true cidrs=0.0.0.0/0 unreadable"},
		{"resourcesVpcConfig is a text", open, edits{response: "null", request + ".resourcesVpcConfig": `"x"`}, sso + "unreadable"},
		{"resourcesVpcConfig is a text, the answer is whole", open, edits{request + ".resourcesVpcConfig": `"x"`}, sso + opened},
		{"resourcesVpcConfig is a text, the answer lacks public", open, edits{request + ".resourcesVpcConfig": `"x"`, response + ".update.params": `[{"type":"EndpointPrivateAccess","value":"true"},{"type":"PublicAccessCidrs","value":"[]"}]`}, sso + "private=true cidrs= unreadable"},
		{"resourcesVpcConfig is a text, the answer lacks private", open, edits{request + ".resourcesVpcConfig": `"x"`, response + ".update.params": `[{"type":"EndpointPublicAccess","value":"true"},{"type":"PublicAccessCidrs","value":"[]"}]`}, sso + "public=true cidrs= unreadable"},
		{"resourcesVpcConfig is a text, the answer lacks CIDRs", open, edits{request + ".resourcesVpcConfig": `"x"`, response + ".update.params": `[{"type":"EndpointPublicAccess","value":"true"},{"type":"EndpointPrivateAccess","value":"true"}]`}, sso + "public=true private=true unreadable"},
		{"booleans as texts", create, edits{response + ".cluster.resourcesVpcConfig": `{"endpointPublicAccess":"false","endpointPrivateAccess":"true"}`}, alice + "public=false private=true cidrs="},
		{"a boolean as a number", create, edits{response + ".cluster.resourcesVpcConfig": `{"endpointPublicAccess":0}`}, alice + "unreadable"},
		{"CIDRs as a number", create, edits{response + ".cluster.resourcesVpcConfig.publicAccessCidrs": "0"}, alice + "public=true private=false unreadable"},
		{"create without an answer", create, edits{response: "null"}, alice + openCreate},
		{"create without an answer, IPv6", create, edits{response: "null", request + ".kubernetesNetworkConfig": `{"ipFamily":"ipv6"}`}, alice + openCreate + ",::/0"},
		{"create without a request", create, edits{request: "null"}, alice + openCreate},
		{"create, CIDRs sent but not answered", create, edits{response + ".cluster.resourcesVpcConfig.publicAccessCidrs": "", request + ".resourcesVpcConfig": `{"publicAccessCidrs":["203.0.113.0/24"]}`}, alice + "public=true private=false cidrs=203.0.113.0/24"},
		{"create, answer wins", create, edits{request + ".resourcesVpcConfig": `{"publicAccessCidrs":["203.0.113.0/24"],"endpointPublicAccess":false}`}, alice + openCreate},
		{"create, another name in cluster.name", create, edits{response + ".cluster.name": `"masked"`}, alice + openCreate},
		{"deletion without an answer", deletion, edits{response: "null"}, "arn:aws:eks:eu-central-1:111122223333:cluster/payments-prod by ci-4733 as role/terraform, asked nothing"},
		{"create, the ARN is empty", create, edits{response + ".cluster.arn": `""`}, alice + openCreate},
		{"create, IPv4 answered, IPv6 sent", create, edits{response + ".cluster.kubernetesNetworkConfig": `{"ipFamily":"ipv4"}`, request + ".kubernetesNetworkConfig": `{"ipFamily":"ipv6"}`, response + ".cluster.resourcesVpcConfig": "", request + ".resourcesVpcConfig": ""}, alice + openCreate},
		{"create, name only in the answer", create, edits{request: "null", response + ".cluster.arn": ""}, alice + openCreate},

		// No concern.
		{"another service", open, edits{"detail.eventSource": `"ec2.amazonaws.com"`}, "no concern: a call of ec2.amazonaws.com"},
		{"another call", open, edits{"detail.eventName": `"UpdateClusterVersion"`}, "no concern: a call that changes no endpoint access and no tags, and deletes no cluster"},
		{"another event", open, edits{"detail-type": `"EKS Add-on Status"`, "detail": "{}"}, `no concern: not a CloudTrail call but "EKS Add-on Status"`},
		{"an insight", open, edits{"detail.eventType": `"AwsCloudTrailInsight"`, "detail.eventSource": "", "detail.eventName": ""}, "no concern: a CloudTrail insight, not a call"},
		{"failed", open, edits{"detail.errorCode": `"ResourceInUseException"`}, "no concern: the call failed with ResourceInUseException"},
		{"failed, everything null", create, edits{"detail.errorCode": `"AccessDenied"`, request: "null", response: "null", "detail.userIdentity": "null"}, "no concern: the call failed with AccessDenied"},
		{"a deletion that failed", deletion, edits{"detail.errorCode": `"ResourceInUseException"`, response: "null"}, "no concern: the call failed with ResourceInUseException"},
		{"tags of an add-on", "untag-cluster", edits{request + ".resourceArn": `"arn:aws:eks:eu-central-1:111122223333:addon/payments-prod/vpc-cni/0"`}, "no concern: the tags of another resource, addon"},

		// Unreadable.
		{"no name", open, edits{request + ".name": ""}, "unreadable: no cluster name in requestParameters"},
		{"all null, not failed", open, edits{request: "null", response: "null"}, "unreadable: no cluster name in requestParameters"},
		{"name of a wrong type", open, edits{request + ".name": `["payments-prod"]`}, `unreadable: requestParameters.name is no cluster name: ["payments-prod"]`},
		{"name with a path", open, edits{request + ".name": `"../x"`}, `unreadable: requestParameters.name is no cluster name: "../x"`},
		{"name with a line break", open, edits{request + ".name": `"prod\n"`}, `unreadable: requestParameters.name is no cluster name: "prod\n"`},
		{"name with a NUL", open, edits{request + ".name": `"prod\u0000"`}, `unreadable: requestParameters.name is no cluster name: "prod\u0000"`},
		{"name too long", open, edits{request + ".name": `"` + strings.Repeat("a", 101) + `"`}, `unreadable: requestParameters.name is no cluster name: "` + strings.Repeat("a", 79) + "…"},
		{"two names", open, edits{request + ".clusterName": `"other"`}, "unreadable: requestParameters.name says payments-prod, requestParameters.clusterName says other"},
		{"deletion of no name", deletion, edits{request: "null", response: "null"}, "unreadable: no cluster name in requestParameters"},
		{"deletion of two names", deletion, edits{request + ".name": `"other"`}, "unreadable: requestParameters.name says other, responseElements.cluster.arn says payments-prod"},
		{"name against ARN", create, edits{request + ".name": `"other"`}, "unreadable: requestParameters.name says other, responseElements.cluster.arn says demo-1"},
		{"ARN of another account", create, edits{response + ".cluster.arn": `"arn:aws:eks:eu-west-1:444455556666:cluster/demo-1"`}, "unreadable: the record says 111122223333, responseElements.cluster.arn says 444455556666"},
		{"ARN of another region", create, edits{response + ".cluster.arn": `"arn:aws:eks:eu-west-2:111122223333:cluster/demo-1"`}, "unreadable: the record says eu-west-1, responseElements.cluster.arn says eu-west-2"},
		{"ARN of something else", create, edits{response + ".cluster.arn": `"arn:aws:iam::111122223333:role/x"`}, `unreadable: responseElements.cluster.arn is no cluster's ARN: "arn:aws:iam::111122223333:role/x"`},
		{"ARN of another service's cluster", create, edits{response + ".cluster.arn": `"arn:aws:ecs:eu-west-1:111122223333:cluster/demo-1"`}, `unreadable: responseElements.cluster.arn is no cluster's ARN: "arn:aws:ecs:eu-west-1:111122223333:cluster/demo-1"`},
		{"ARN of a node group", create, edits{response + ".cluster.arn": `"arn:aws:eks:eu-west-1:111122223333:nodegroup/demo-1"`}, `unreadable: responseElements.cluster.arn is no cluster's ARN: "arn:aws:eks:eu-west-1:111122223333:nodegroup/demo-1"`},
		{"two things wrong", open, edits{"account": `"1111"`, "region": `"eu/west"`}, `unreadable: account is no account: "1111"; region is no region: "eu/west"`},
		{"three things missing", open, edits{
			"account": "", "detail.recipientAccountId": "", "detail.userIdentity.accountId": "", "region": "", "detail.awsRegion": "", "detail.requestParameters.name": `""`,
			"detail.responseElements": "",
		}, "unreadable: no cluster name in requestParameters; no account: neither account, recipientAccountId nor userIdentity.accountId; no region: neither region nor awsRegion"},
		{"no eventSource and no name", open, edits{"detail.eventSource": "", "detail.requestParameters.name": `""`, "detail.responseElements": ""},
			"unreadable: not a CloudTrail record: no eventSource; no cluster name in requestParameters"},
		{"the request omitted, the answer too", open, edits{"detail.requestParameters": `{"omitted":true,"originalSize":264567,"reason":"x"}`, "detail.responseElements": `{"omitted":true}`},
			"unreadable: no cluster name in requestParameters, which CloudTrail left out of the record (omitted)"},
		{"the request omitted of an update of another kind", open, edits{"detail.requestParameters": `{"omitted":true}`, "detail.responseElements.update.type": `"LoggingUpdate"`, "detail.responseElements.update.params": "[]"},
			"no concern: an update of another kind, LoggingUpdate"},
		{"the request as text", open, edits{"detail.requestParameters": `"{name=demo-1}"`, "detail.responseElements": ""},
			"unreadable: no cluster name in requestParameters, which is text and not JSON: export the records as JSON; CloudTrail Lake has them in the column eventJson"},
		{"region too long", open, edits{"region": `"a` + strings.Repeat("b", 63) + `"`}, `unreadable: region is no region: "a` + strings.Repeat("b", 63) + `"`},
		{"accounts disagree", open, edits{"account": `"444455556666"`}, "unreadable: account says 444455556666, recipientAccountId says 111122223333"},
		{"regions disagree", open, edits{"region": `"eu-west-2"`}, "unreadable: region says eu-west-2, awsRegion says eu-west-1"},
		{"account too short", open, edits{"account": `"1111"`}, `unreadable: account is no account: "1111"`},
		{"account as a number", open, edits{"account": "111122223333"}, "unreadable: account is no account: 111122223333"},
		{"no account", open, edits{"account": "", "detail.recipientAccountId": "", "detail.userIdentity.accountId": ""}, "unreadable: no account: neither account, recipientAccountId nor userIdentity.accountId"},
		{"no region", open, edits{"region": "", "detail.awsRegion": ""}, "unreadable: no region: neither region nor awsRegion"},
		{"region with a slash", open, edits{"region": `"eu/west"`}, `unreadable: region is no region: "eu/west"`},
		{"no eventName", open, edits{"detail.eventName": ""}, "unreadable: not a CloudTrail record: no eventName"},
		{"no eventSource", open, edits{"detail.eventSource": ""}, "unreadable: not a CloudTrail record: no eventSource"},
		{"no eventName, failed", open, edits{"detail.eventName": "", "detail.errorCode": `"AccessDenied"`}, "unreadable: not a CloudTrail record: no eventName"},
		{"no eventSource, failed", open, edits{"detail.eventSource": "", "detail.errorCode": `"AccessDenied"`}, "unreadable: not a CloudTrail record: no eventSource"},
		{"errorCode of a wrong type", open, edits{"detail.errorCode": "403"}, "unreadable: errorCode is not a string: 403"},
		{"all that is wrong is told", open, edits{"account": `"x"`, "detail.recipientAccountId": "", "detail.userIdentity": "", "region": "", "detail.awsRegion": "", request + ".name": ""}, `unreadable: account is no account: "x"; no cluster name in requestParameters; no region: neither region nor awsRegion`},
		{"detail is a text", open, edits{"detail": `"x"`}, `unreadable: detail: not a JSON object: "x"`},
		{"detail is null", open, edits{"detail": "null"}, "unreadable: detail: not a JSON object: null"},
		{"tags without an ARN", "tag-cluster", edits{request: "null"}, "unreadable: no resourceArn in requestParameters"},
		{"tags of nonsense", "tag-cluster", edits{request + ".resourceArn": `"cluster/x"`}, `unreadable: requestParameters.resourceArn is no cluster's ARN: "cluster/x"`},
		{"tags of another account's cluster", "tag-cluster", edits{request + ".resourceArn": `"arn:aws:eks:eu-central-1:444455556666:cluster/x"`}, "unreadable: the record says 111122223333, requestParameters.resourceArn says 444455556666"},
		{"tags of a cluster with a bad name", "tag-cluster", edits{request + ".resourceArn": `"arn:aws:eks:eu-central-1:111122223333:cluster/a/b"`}, `unreadable: requestParameters.resourceArn is no cluster name: "a/b"`},
		{"tags of another service's resource", "tag-cluster", edits{request + ".resourceArn": `"arn:aws:ecs:eu-central-1:111122223333:service/x"`}, `unreadable: requestParameters.resourceArn is no cluster's ARN: "arn:aws:ecs:eu-central-1:111122223333:service/x"`},
		{"tags of a cluster with an escape in its name", "tag-cluster", edits{request + ".resourceArn": `"arn:aws:eks:eu-central-1:111122223333:cluster/a%62"`}, `unreadable: requestParameters.resourceArn is no cluster name: "a%62"`},
		{"ARN escaped wrongly", "tag-cluster", edits{request + ".resourceArn": `"arn%3Aaws%zz"`}, `unreadable: requestParameters.resourceArn is no cluster's ARN: "arn%3Aaws%zz"`},
		{"ARN still escaped", "tag-cluster", edits{request + ".resourceArn": `"arn%3Aaws%3Aeks%3Aeu-central-1%3A111122223333%3Acluster%2Fescaped"`},
			"arn:aws:eks:eu-central-1:111122223333:cluster/escaped by CloudFormation for role/deployer, asked nothing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := summary(cloudtrail.Decode(edited(t, tt.sample, tt.edits))); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestDecodeNotARecord(t *testing.T) {
	for _, tt := range []struct{ name, data, want string }{
		{"nothing", "", "unreadable: not JSON: unexpected end of JSON input"},
		{"text", "hello", "unreadable: not JSON: invalid character 'h' looking for beginning of value"},
		{"null", "null", "unreadable: not a JSON object: null"},
		{"array", "[]", "unreadable: not a JSON object: []"},
		{"array with blanks around it", " \n[]\n", "unreadable: not a JSON object: []"},
		{"empty object", "{}", "unreadable: not a CloudTrail record: no eventName, no eventSource"},
		{"two values", "{}{}", "unreadable: not JSON: invalid character '{' after top-level value"},
		{"cut off", `{"eventName":"CreateCl`, "unreadable: not JSON: unexpected end of JSON input"},
		{"raw NUL", "{\"eventName\":\"a\x00\"}", `unreadable: not JSON: invalid character '\x00' in string literal`},
		{"keys in other cases", `{"EventName":"CreateCluster","EVENTSOURCE":"eks.amazonaws.com"}`, "unreadable: not a CloudTrail record: no eventName, no eventSource"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := summary(cloudtrail.Decode([]byte(tt.data))); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestErrorsCarryTheEvent: replay prints what could be read of the others too.
func TestErrorsCarryTheEvent(t *testing.T) {
	_, err := cloudtrail.Decode(sample(t, "update-refused-both-off"))
	n, ok := errors.AsType[cloudtrail.NoConcern](fmt.Errorf("message 7: %w", err))
	if !ok {
		t.Fatalf("error is %T, want NoConcern", err)
	}
	if n.Cluster != "demo-1" || n.Account != "111122223333" || n.Region != "eu-west-1" || n.ID == "" || n.Actor.Name != "alice" {
		t.Errorf("NoConcern carries %+v", n.Event)
	}
	if want := "UpdateClusterConfig of cluster demo-1 is no concern: the call failed with InvalidParameterException"; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}

	_, err = cloudtrail.Decode(edited(t, "update-open-sso", map[string]string{"detail.requestParameters.name": ""}))
	u, ok := errors.AsType[cloudtrail.Unreadable](err)
	if !ok || u.Cluster != "" || u.Account != "111122223333" || u.Region != "eu-west-1" || u.Actor.Name != "alice@example.com" {
		t.Errorf("Unreadable carries %+v", u.Event)
	}
	if want := "UpdateClusterConfig is unreadable: no cluster name in requestParameters"; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if _, err := cloudtrail.Decode(nil); err.Error() != "event is unreadable: not JSON: unexpected end of JSON input" {
		t.Errorf("got %s", err)
	}
}

func TestUpdateID(t *testing.T) {
	const path = "detail.responseElements.update.id"
	for raw, want := range map[string]string{
		`"e6f0905f-a5d4-4a2a-8c49-EXAMPLE00000"`: "e6f0905f-a5d4-4a2a-8c49-EXAMPLE00000",
		`"../../clusters"`:                       "",
		`""`:                                     "",
		`7`:                                      "",
		`"` + strings.Repeat("a", 200) + `"`:     "",
		`"` + strings.Repeat("a", 128) + `"`:     strings.Repeat("a", 128),
		`"` + strings.Repeat("a", 129) + `"`:     "",
	} {
		e, err := cloudtrail.Decode(edited(t, "update-open-sso", map[string]string{path: raw}))
		if err != nil || e.UpdateID != want {
			t.Errorf("id %s: UpdateID = %q, %v; want %q", raw, e.UpdateID, err, want)
		}
	}
}

func TestTimes(t *testing.T) {
	want := time.Date(2025, 2, 9, 20, 29, 17, 0, time.UTC)
	fallback := time.Date(2026, 11, 20, 12, 10, 44, 0, time.UTC)
	for raw, want := range map[string]time.Time{
		`"2025-02-09T20:29:17Z"`:                want,
		`"2025-02-09T21:29:17+01:00"`:           want,
		`"2025-02-09 20:29:17.000000000"`:       want,
		`"2025-02-09 20:29:17Z"`:                want,
		`"2025-02-09T20:29:17"`:                 want,
		`"2025-02-09T20:29:17.25Z"`:             want.Add(250 * time.Millisecond),
		`1739132957`:                            want,
		`1739132957.25`:                         want.Add(250 * time.Millisecond),
		`0.5`:                                   time.UnixMilli(500),
		`"0001-06-01T00:00:00Z"`:                time.Date(1, 6, 1, 0, 0, 0, 0, time.UTC),
		`"9999-06-01T00:00:00Z"`:                time.Date(9999, 6, 1, 0, 0, 0, 0, time.UTC),
		`"0000-06-01T00:00:00Z"`:                fallback,
		`0`:                                     fallback,
		`1e11`:                                  fallback,
		`"yesterday"`:                           fallback,
		`-1`:                                    fallback,
		`1e300`:                                 fallback,
		`"9999-12-31T23:59:59-12:00"`:           fallback,
		`true`:                                  fallback,
		`null`:                                  fallback,
		`"2025-02-09T20:29:17Z of last spring"`: fallback,
	} {
		e, err := cloudtrail.Decode(edited(t, "update-open-sso", map[string]string{"detail.eventTime": raw}))
		if err != nil || !e.Time.Equal(want) || e.Time.Location() != time.UTC {
			t.Errorf("eventTime %s: Time = %v, %v; want %v", raw, e.Time, err, want)
		}
	}
}

func TestCreatedIsNotGuessed(t *testing.T) {
	e, err := cloudtrail.Decode(edited(t, "create-open-iam-user", map[string]string{
		"detail.responseElements.cluster.resourcesVpcConfig.publicAccessCidrs": `["203.0.113.0"]`,
	}))
	if c, ok := e.Created(); err != nil || ok {
		t.Errorf("Created() = %+v, true with a CIDR that cannot be read; %v", c, err)
	}
}

// TestCreateFromTheRequest: with no answer the cluster is told by what was sent.
func TestCreateFromTheRequest(t *testing.T) {
	e, err := cloudtrail.Decode(edited(t, "create-restricted-terraform", map[string]string{"detail.responseElements": "null"}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"environment": "prod", "team": "payments"}, e.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"sg-0123456789abcdef0"}, e.SecurityGroups); diff != "" {
		t.Errorf("security groups (-want +got):\n%s", diff)
	}
	if !e.AuditLogs || !e.CreatedAt.IsZero() {
		t.Errorf("AuditLogs = %t, CreatedAt = %v; want true and none", e.AuditLogs, e.CreatedAt)
	}
}

// TestCreateFromTheAnswer: what EKS answered is better than what was sent.
func TestCreateFromTheAnswer(t *testing.T) {
	const request, answer = "detail.requestParameters.", "detail.responseElements.cluster."
	e, err := cloudtrail.Decode(edited(t, "create-open-iam-user", map[string]string{
		request + "tags": `{"environment":"sent"}`, answer + "tags": `{"environment":"answered"}`,
		request + "resourcesVpcConfig.securityGroupIds": `["sg-sent"]`, answer + "resourcesVpcConfig.securityGroupIds": `["sg-answered"]`,
		request + "logging":       `{"clusterLogging":[{"types":["audit"],"enabled":true}]}`,
		answer + "logging":        `{"clusterLogging":[{"types":["audit"],"enabled":false},{"types":["api"],"enabled":true}]}`,
		request + "outpostConfig": `{}`, answer + "outpostConfig": `{"outpostArns":["arn:aws:outposts:eu-west-1:111122223333:outpost/op-1"]}`,
		request + "remoteNetworkConfig": `{}`, answer + "remoteNetworkConfig": `{"remoteNodeNetworks":[]}`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"environment": "answered"}, e.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"sg-answered"}, e.SecurityGroups); diff != "" {
		t.Errorf("security groups (-want +got):\n%s", diff)
	}
	if e.AuditLogs || !e.OutpostsLocal || !e.HybridNodes {
		t.Errorf("audit logs %t, on Outposts %t, hybrid nodes %t; want only the last two", e.AuditLogs, e.OutpostsLocal, e.HybridNodes)
	}
}

// TestForeignText: what a caller can write freely stays short and on one line.
func TestForeignText(t *testing.T) {
	long := strings.Repeat("é", 5000)
	e, err := cloudtrail.Decode(edited(t, "update-open-sso", map[string]string{
		"detail.userAgent":       `"a\r\nBcc: x\u0000\u202ey\u2028z"`,
		"detail.sourceIPAddress": `"` + long + `"`,
		"detail.eventID":         `"` + strings.Repeat(`\u0007`, 1000) + `"`,
		"detail.userIdentity":    `{"type":"IAMUser","userName":"x` + long + `"}`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	if want := "a\ufffd\ufffdBcc: x\ufffd\ufffdy\ufffdz"; e.Actor.UserAgent != want {
		t.Errorf("UserAgent = %q, want %q", e.Actor.UserAgent, want)
	}
	for name, s := range map[string]string{"SourceIP": e.Actor.SourceIP, "Name": e.Actor.Name, "ID": e.ID} {
		if len(s) > 1024 || len(s) < 1020 {
			t.Errorf("%s has %d bytes, want to be cut at 1024", name, len(s))
		}
	}
	if want := strings.Repeat("é", 512); e.Actor.SourceIP != want {
		t.Errorf("SourceIP is cut within a character: …%q", e.Actor.SourceIP[1000:])
	}
}

// TestDecodeIsQuick: a message is at most 1 MiB, and a hostile one must not
// cost much more than a decent one of that size. The bound is generous, as most of the
// decent one is passed over and some hostile ones are all lists: what it is for is to
// catch quadratic work.
func TestDecodeIsQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures what large records cost")
	}
	const size = 1 << 20
	decent := strings.Replace(string(sample(t, "update-open-sso")), "{", `{"additionalEventData":{"more":[`+strings.Repeat(`{"key":"value"},`, size/15)+`{}]},`, 1)
	base := cputest.Measure(func() {
		if _, err := cloudtrail.Decode([]byte(decent)); err != nil {
			t.Fatal(err)
		}
	})
	for name, data := range map[string]string{
		"nesting":          strings.Repeat("[", size),
		"object nesting":   strings.Repeat(`{"detail":`, size/10),
		"nested detail":    `{"detail":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`,
		"many params":      `{"eventName":"UpdateClusterConfig","eventSource":"eks.amazonaws.com","responseElements":{"update":{"params":[` + strings.Repeat(`{"type":"PublicAccessCidrs","value":"[\"0.0.0.0/0\"]"},`, size/60) + `{}]}}}`,
		"many CIDRs":       `{"eventName":"CreateCluster","eventSource":"eks.amazonaws.com","requestParameters":{"resourcesVpcConfig":{"publicAccessCidrs":[` + strings.Repeat(`"0.0.0.0/0",`, size/12) + `""]}}}`,
		"a long CIDR":      `{"eventName":"CreateCluster","eventSource":"eks.amazonaws.com","requestParameters":{"resourcesVpcConfig":{"publicAccessCidrs":"` + strings.Repeat(`\\`, size/2) + `"}}}`,
		"duplicate keys":   `{"eventName":"x"` + strings.Repeat(`,"eventName":"CreateCluster"`, size/30) + `}`,
		"a long text":      `{"eventName":"` + strings.Repeat("x", size) + `"}`,
		"many members":     `{"userIdentity":{` + strings.Repeat(`"a":1,`, size/6) + `"b":1}}`,
		"broken UTF-8":     `{"eventName":"` + strings.Repeat("\xff\xfe", size/2) + `"}`,
		"escaped controls": `{"userAgent":"` + strings.Repeat(`\u0001`, size/6) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			base.AtMost(t, 40, func() {
				if _, err := cloudtrail.Decode([]byte(data)); err == nil {
					t.Error("no error")
				}
			})
		})
	}
}

func TestDuplicateKeys(t *testing.T) {
	twice := strings.Replace(string(sample(t, "update-open-sso")), `"name": "payments-prod"`, `"name": "first", "name": "last"`, 1)
	e, err := cloudtrail.Decode([]byte(twice))
	if err != nil || e.Cluster != "last" {
		t.Errorf("Cluster = %q, %v; want the last of two", e.Cluster, err)
	}
}

func FuzzDecode(f *testing.F) {
	entries, err := fs.ReadDir(events.Samples(), ".")
	if err != nil {
		f.Fatal(err)
	}
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name(), ".json")
		f.Add(sample(f, name))
		f.Add(detail(f, name))
	}
	f.Add([]byte(`{"detail":null}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := cloudtrail.Decode(data)
		if err != nil {
			n, isNoConcern := errors.AsType[cloudtrail.NoConcern](err)
			u, isUnreadable := errors.AsType[cloudtrail.Unreadable](err)
			if isNoConcern == isUnreadable {
				t.Fatalf("error is neither: %T", err)
			}
			if n.Why+u.Why == "" || strings.ContainsAny(err.Error(), "\n\r\x00") {
				t.Fatalf("error tells nothing, or on several lines: %q", err)
			}
			e = n.Event
			if isUnreadable {
				e = u.Event
			}
		} else if !endpoint.NamePattern.MatchString(e.Cluster) || len(e.Account) != 12 || e.Region == "" || e.Partition == "" || e.Actor.Name == "" {
			t.Fatalf("event without a name, account, region, partition or actor: %+v", e)
		}
		if e.Cluster != "" && !endpoint.NamePattern.MatchString(e.Cluster) {
			t.Fatalf("cluster name %q", e.Cluster)
		}
		// The actor and the request are kept in the ledger.
		for _, v := range []any{e.Actor, e.Asked} {
			if _, err := json.Marshal(v); err != nil {
				t.Fatal(err)
			}
		}
		if first, again := summary(cloudtrail.Decode(data)), summary(cloudtrail.Decode(data)); first != again {
			t.Fatalf("decoded twice:\n%s\n%s", first, again)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"create-restricted-terraform", "update-open-sso", "tag-node-group"} {
		data := sample(b, name)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = cloudtrail.Decode(data)
			}
		})
	}
}
