package localaws_test

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

func TestMatchPattern(t *testing.T) {
	const event = `{
		"source": "aws.eks", "account": "111122223333", "resources": [],
		"detail": {
			"eventName": "UpdateClusterConfig", "count": 300, "ok": true, "nothing": null,
			"userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/Admin/alice"},
			"tags": ["prod", "eu"],
			"steps": [{"name": "a"}, {"name": "b"}]
		}
	}`
	for _, tc := range []struct {
		pattern string
		want    bool
	}{
		{`{"source": ["aws.eks"]}`, true},
		{`{"source": ["aws.ec2", "aws.eks"]}`, true},
		{`{"source": ["aws.ec2"]}`, false},
		{`{"source": ["aws.eks"], "account": ["444455556666"]}`, false},
		{`{"detail": {"eventName": ["CreateCluster", "UpdateClusterConfig"]}}`, true},
		{`{"detail": {"eventName": ["CreateCluster"]}}`, false},
		{`{"detail": {"errorCode": [{"exists": false}]}}`, true},
		{`{"detail": {"eventName": [{"exists": false}]}}`, false},
		{`{"detail": {"eventName": [{"exists": true}]}}`, true},
		{`{"detail": {"errorCode": [{"exists": true}]}}`, false},
		{`{"detail": {"userIdentity": [{"exists": true}]}}`, false}, // only leaves exist
		{`{"detail": {"nothing": [null]}}`, true},
		{`{"detail": {"nothing": [{"exists": true}]}}`, true},
		{`{"resources": [{"exists": false}]}`, true},
		{`{"detail": {"none": {"deeper": [{"exists": false}]}}}`, true},
		{`{"detail": {"none": {"deeper": ["x"]}}}`, false},
		{`{"detail": {"userIdentity": {"arn": [{"prefix": "arn:aws:sts::"}]}}}`, true},
		{`{"detail": {"userIdentity": {"arn": [{"suffix": "/bob"}]}}}`, false},
		{`{"detail": {"userIdentity": {"arn": [{"wildcard": "arn:*:assumed-role/*/alice"}]}}}`, true},
		{`{"detail": {"userIdentity": {"arn": [{"wildcard": "arn:*:assumed-role/*/al"}]}}}`, false},
		{`{"detail": {"eventName": [{"equals-ignore-case": "updateclusterconfig"}]}}`, true},
		{`{"detail": {"eventName": [{"anything-but": ["CreateCluster"]}]}}`, true},
		{`{"detail": {"eventName": [{"anything-but": "UpdateClusterConfig"}]}}`, false},
		{`{"detail": {"eventName": [{"anything-but": {"prefix": "Update"}}]}}`, false},
		{`{"detail": {"errorCode": [{"anything-but": "x"}]}}`, false}, // nothing there to differ
		{`{"detail": {"count": [{"numeric": [">", 299, "<=", 300]}]}}`, true},
		{`{"detail": {"count": [{"numeric": ["<", 300]}]}}`, false},
		{`{"detail": {"count": [300]}}`, true},
		{`{"detail": {"count": ["300"]}}`, false},
		{`{"detail": {"ok": [true]}}`, true},
		{`{"detail": {"tags": ["eu"]}}`, true},
		{`{"detail": {"tags": ["us"]}}`, false},
		{`{"detail": {"steps": {"name": ["b"]}}}`, true},
		{`{"$or": [{"source": ["aws.ec2"]}, {"account": ["111122223333"]}]}`, true},
		{`{"detail": {"$or": [{"eventName": ["x"]}, {"count": [1]}]}}`, false},
	} {
		got, err := localaws.MatchPattern([]byte(tc.pattern), []byte(event))
		must(t, err)
		if got != tc.want {
			t.Errorf("%s: %t, want %t", tc.pattern, got, tc.want)
		}
	}
	for _, pattern := range []string{
		``, `{}`, `[]`, `{"source": "aws.eks"}`, `{"source": []}`, `{"detail": {}}`, `{"source": [["x"]]}`,
		`{"source": [{"exists": "no"}]}`, `{"source": [{"cidr": "10.0.0.0/8"}]}`, `{"source": [{"prefix": "a", "suffix": "b"}]}`,
	} {
		if _, err := localaws.MatchPattern([]byte(pattern), []byte(event)); err == nil {
			t.Errorf("the pattern %s was accepted", pattern)
		}
	}
}

const everyCall = `{"source": ["aws.eks"], "detail-type": ["AWS API Call via CloudTrail"], "detail": {"eventSource": ["eks.amazonaws.com"]}}`

type envelope struct {
	ID         string `json:"id"`
	Source     string
	DetailType string `json:"detail-type"`
	Account    string
	Region     string
	Time       time.Time
	Detail     struct {
		EventName          string
		EventTime          time.Time
		UserIdentity       map[string]any
		RequestParameters  map[string]any
		ResponseElements   map[string]any
		ErrorCode          string
		ErrorMessage       string
		SourceIPAddress    string
		UserAgent          string
		RecipientAccountID string
	}
}

func watched(t *testing.T, o localaws.Options) *localaws.AWS {
	t.Helper()
	a := localaws.New(o)
	_, err := a.CreateQueue("events", localaws.QueueOptions{})
	must(t, err)
	must(t, a.PutRule("every-call", everyCall, "events"))
	return a
}

func events(t *testing.T, a *localaws.AWS) []envelope {
	t.Helper()
	var out []envelope
	for _, m := range a.Messages("events") {
		var e envelope
		must(t, json.Unmarshal([]byte(m.Body), &e))
		out = append(out, e)
	}
	return out
}

func TestCallsAreRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := watched(t, localaws.Options{EventDelay: 90 * time.Second})
		a.AddRole("AKIDROLE", "Admin", "alice@example.com")
		cfg := a.Config("AKIDROLE")
		cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
		c := eks.NewFromConfig(cfg)
		began := time.Now()
		created, err := c.CreateCluster(ctx(t), &eks.CreateClusterInput{Name: aws.String("c"), RoleArn: aws.String("r"), ResourcesVpcConfig: &types.VpcConfigRequest{SubnetIds: []string{"subnet-1"}}})
		must(t, err)
		sleep(20 * time.Minute)
		u, err := setAccess(c, t, "c", on, on, []string{"203.0.113.0/24"})
		must(t, err)
		_, err = setAccess(c, t, "c", nil, off, nil)
		wantError(t, err, "ResourceInUseException", "")
		_, err = c.TagResource(ctx(t), &eks.TagResourceInput{ResourceArn: created.Cluster.Arn, Tags: map[string]string{"a": "b"}})
		must(t, err)
		describe(t, c, "c")

		got := events(t, a)
		var names []string
		for _, e := range got {
			names = append(names, e.Detail.EventName)
		}
		if d := cmp.Diff([]string{"CreateCluster", "UpdateClusterConfig", "UpdateClusterConfig", "TagResource"}, names); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
		for i, m := range a.Messages("events") {
			if want := got[i].Time.Add(90 * time.Second); !m.VisibleAt.Equal(want) {
				t.Errorf("%s is visible at %v, want %v", names[i], m.VisibleAt, want)
			}
		}
		create, update, refused, tag := got[0].Detail, got[1].Detail, got[2].Detail, got[3].Detail
		if e := got[0]; e.Source != "aws.eks" || e.DetailType != "AWS API Call via CloudTrail" || e.Account != "111122223333" || e.Region != "eu-west-1" || !e.Time.Equal(began) || e.ID == "" || e.ID == got[1].ID {
			t.Errorf("envelope: %+v", e)
		}
		if create.RequestParameters["name"] != "c" || create.ResponseElements["cluster"].(map[string]any)["createdAt"] != float64(began.UnixMilli())/1000 {
			t.Errorf("CreateCluster: %v", create)
		}
		vpc := create.ResponseElements["cluster"].(map[string]any)["resourcesVpcConfig"].(map[string]any)
		if vpc["endpointPublicAccess"] != true || !slices.Equal(vpc["publicAccessCidrs"].([]any), []any{"0.0.0.0/0"}) {
			t.Errorf("the defaults are not filled in: %v", vpc)
		}
		if update.RequestParameters["name"] != "c" || update.RequestParameters["clientRequestToken"] == nil ||
			update.ResponseElements["update"].(map[string]any)["id"] != *u.Id || update.ErrorCode != "" {
			t.Errorf("UpdateClusterConfig: %v", update)
		}
		if refused.ErrorCode != "ResourceInUseException" || refused.ErrorMessage == "" || refused.ResponseElements != nil || refused.RequestParameters["name"] != "c" {
			t.Errorf("the refused call: %v", refused)
		}
		if tag.RequestParameters["resourceArn"] != *created.Cluster.Arn || tag.ResponseElements != nil {
			t.Errorf("TagResource: %v", tag)
		}
		who := update.UserIdentity
		issuer := who["sessionContext"].(map[string]any)["sessionIssuer"].(map[string]any)
		if who["type"] != "AssumedRole" || who["arn"] != "arn:aws:sts::111122223333:assumed-role/Admin/alice@example.com" || who["accessKeyId"] != "AKIDROLE" ||
			issuer["arn"] != "arn:aws:iam::111122223333:role/Admin" || issuer["userName"] != "Admin" {
			t.Errorf("identity: %v", who)
		}
	})
}

// The end of a cluster is told like every other call, in the name of who asked
// for it; a refused one, too.
func TestDeletionIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := watched(t, localaws.Options{})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		_, err := a.StartUpdate("c", "LoggingUpdate", time.Minute)
		must(t, err)
		_, err = c.DeleteCluster(ctx(t), &eks.DeleteClusterInput{Name: aws.String("c")})
		wantError(t, err, "ResourceInUseException", "")
		sleep(time.Minute)
		_, err = c.DeleteCluster(ctx(t), &eks.DeleteClusterInput{Name: aws.String("c")})
		must(t, err)
		got := events(t, a)
		if len(got) != 2 {
			t.Fatalf("%d events, want two", len(got))
		}
		refused, done := got[0].Detail, got[1].Detail
		if refused.EventName != "DeleteCluster" || refused.ErrorCode != "ResourceInUseException" {
			t.Errorf("the refused call: %+v", refused)
		}
		if done.EventName != "DeleteCluster" || done.ErrorCode != "" || done.RequestParameters["name"] != "c" || done.UserIdentity["accessKeyId"] != key ||
			done.ResponseElements["cluster"].(map[string]any)["status"] != "DELETING" {
			t.Errorf("DeleteCluster: %+v", done)
		}
	})
}

func TestIdentities(t *testing.T) {
	a := watched(t, localaws.Options{})
	a.AddCaller("AKIDALICE", localaws.Caller{UserName: "alice", ARN: "arn:aws:iam::111122223333:user/alice", SourceIP: "203.0.113.9", UserAgent: "console", MFA: true})
	a.AddCaller("AKIDROOT", localaws.Caller{Type: "Root", ARN: "arn:aws:iam::111122223333:root"})
	a.AddCaller("AKIDCFN", localaws.Caller{Type: "AWSService", InvokedBy: "cloudformation.amazonaws.com"})
	for i, key := range []string{"AKIDALICE", "AKIDROOT", "AKIDCFN", "AKIDNOBODY"} {
		a.PutCluster(localaws.Cluster{Name: key, Public: true})
		_, err := setAccess(eks.NewFromConfig(a.Config(key)), t, key, nil, on, nil)
		must(t, err)
		got := events(t, a)[i].Detail
		who := got.UserIdentity
		switch key {
		case "AKIDALICE":
			if who["type"] != "IAMUser" || who["userName"] != "alice" || got.SourceIPAddress != "203.0.113.9" || got.UserAgent != "console" ||
				who["sessionContext"].(map[string]any)["attributes"].(map[string]any)["mfaAuthenticated"] != "true" {
				t.Errorf("%s: %v", key, got)
			}
		case "AKIDROOT":
			if who["type"] != "Root" || who["userName"] != nil {
				t.Errorf("%s: %v", key, got)
			}
		case "AKIDCFN":
			if d := cmp.Diff(map[string]any{"type": "AWSService", "invokedBy": "cloudformation.amazonaws.com"}, who); d != "" || got.SourceIPAddress != "cloudformation.amazonaws.com" {
				t.Errorf("%s: %v", key, got)
			}
		default:
			if who["type"] != "IAMUser" || who["arn"] != "arn:aws:iam::111122223333:user/user-AKIDNOBODY" || got.UserAgent == "" {
				t.Errorf("%s: %v", key, got)
			}
		}
	}
}

func TestRefusedByIAMIsRecordedWithoutParameters(t *testing.T) {
	a := watched(t, localaws.Options{})
	a.PutCluster(localaws.Cluster{Name: "c", Public: true})
	a.Inject(localaws.Fault{Operation: "UpdateClusterConfig", Status: 403, Message: "User: x is not authorized"})
	_, err := setAccess(eksClient(a), t, "c", nil, on, nil)
	wantError(t, err, "AccessDeniedException", "User: x is not authorized")
	if got := events(t, a)[0].Detail; got.ErrorCode != "AccessDenied" || got.RequestParameters != nil || got.ResponseElements != nil {
		t.Errorf("%+v", got)
	}
}

func TestDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var next []time.Duration
		a := watched(t, localaws.Options{DeliverEvent: func([]byte) []time.Duration { return next }})
		c := eksClient(a)
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		touch := func(value string, delays ...time.Duration) {
			next = delays
			_, err := c.TagResource(ctx(t), &eks.TagResourceInput{ResourceArn: aws.String(a.ClusterARN("c")), Tags: map[string]string{"n": value}})
			must(t, err)
		}
		touch("lost")
		if got := len(a.Messages("events")); got != 0 {
			t.Errorf("a lost event arrives %d times", got)
		}
		touch("late and twice", time.Hour, 2*time.Hour)
		touch("soon", 0)
		if got := len(a.Messages("events")); got != 3 {
			t.Fatalf("%d copies, want 3", got)
		}
		if at, _ := a.Next("events"); !at.Equal(time.Now()) {
			t.Errorf("the later event does not come first, but at %v", at)
		}
	})
}

func TestPutEvent(t *testing.T) {
	a := watched(t, localaws.Options{})
	_, err := a.CreateQueue("failed", localaws.QueueOptions{})
	must(t, err)
	must(t, a.PutRule("failed", `{"detail": {"errorCode": [{"exists": true}]}}`, "failed"))
	must(t, a.PutEvent(a.Event("aws.eks", "AWS API Call via CloudTrail", map[string]any{"eventSource": "eks.amazonaws.com", "errorCode": "X"})))
	must(t, a.PutEvent(a.Event("aws.other", "Something", map[string]any{"eventSource": "eks.amazonaws.com"})))
	if len(a.Messages("events")) != 1 || len(a.Messages("failed")) != 1 {
		t.Errorf("%d and %d messages, want 1 and 1", len(a.Messages("events")), len(a.Messages("failed")))
	}
	for _, tc := range []struct{ pattern, queue string }{{"{}", "events"}, {everyCall, "nope"}} {
		if err := a.PutRule("bad", tc.pattern, tc.queue); err == nil {
			t.Errorf("the rule %s to %s was accepted", tc.pattern, tc.queue)
		}
	}
}
