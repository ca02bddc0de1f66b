package localaws_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

func TestFaults(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault localaws.Fault
		want  []string // the error type of each of four reads
	}{
		{"once", localaws.Fault{Status: 500}, []string{"ServerException", "", "", ""}},
		{"skipped", localaws.Fault{Skip: 1, Times: 2, Status: 503}, []string{"", "ServiceUnavailableException", "ServiceUnavailableException", ""}},
		{"for ever", localaws.Fault{Times: -1, Status: 429}, []string{"ThrottlingException", "ThrottlingException", "ThrottlingException", "ThrottlingException"}},
		{"by type", localaws.Fault{Type: "ClientException", Message: "No cluster found for name: c."}, []string{"ClientException", "", "", ""}},
		{"another service", localaws.Fault{Service: "ec2", Times: -1, Status: 500}, []string{"", "", "", ""}},
		{"another operation", localaws.Fault{Service: "eks", Operation: "ListUpdates", Times: -1, Status: 500}, []string{"", "", "", ""}},
		{"another caller", localaws.Fault{Caller: "AKIDBOB", Times: -1, Status: 500}, []string{"", "", "", ""}},
		{"all that is given", localaws.Fault{Service: "eks", Operation: "DescribeCluster", Caller: key, Status: 403}, []string{"AccessDeniedException", "", "", ""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := localaws.New(localaws.Options{})
			a.PutCluster(localaws.Cluster{Name: "c", Public: true})
			hits := a.Inject(tc.fault)
			c := eksClient(a)
			failed := 0
			for i, want := range tc.want {
				_, err := c.DescribeCluster(ctx(t), &eks.DescribeClusterInput{Name: aws.String("c")})
				if want == "" {
					must(t, err)
				} else {
					failed++
					wantError(t, err, want, "")
				}
				if got := a.Calls()[i].Error; got != want {
					t.Errorf("call %d is noted with the error %q, want %q", i, got, want)
				}
			}
			if hits() != failed {
				t.Errorf("%d hits are told, want %d", hits(), failed)
			}
		})
	}
}

func TestDroppedConnections(t *testing.T) {
	for _, tc := range []struct {
		name    string
		drop    localaws.Drop
		private bool // whether the call took effect
	}{
		{"before", localaws.DropBefore, false},
		{"after", localaws.DropAfter, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := watched(t, localaws.Options{})
				a.PutCluster(localaws.Cluster{Name: "c", Public: true})
				done := 0
				a.Inject(localaws.Fault{Operation: "UpdateClusterConfig", Drop: tc.drop, Do: func() {
					if c, _ := a.Cluster("c"); (len(c.Updates) > 0) != tc.private {
						t.Errorf("the hook sees %d updates", len(c.Updates))
					}
					done++
				}})
				_, err := setAccess(eksClient(a), t, "c", nil, on, nil)
				if !errors.Is(err, syscall.ECONNRESET) || done != 1 {
					t.Errorf("got %v, hook ran %d times", err, done)
				}
				if !a.Calls()[0].Dropped {
					t.Error("the call is not noted as dropped")
				}
				if got := len(events(t, a)) == 1; got != tc.private {
					t.Errorf("the call is recorded: %t", got)
				}
				sleep(10 * time.Minute)
				if c, _ := a.Cluster("c"); c.Private != tc.private {
					t.Errorf("private access is %t", c.Private)
				}
				// A retry by the SDK carries the same token: one update, not two.
				a.Inject(localaws.Fault{Operation: "UpdateClusterConfig", Drop: tc.drop})
				_, err = setAccess(eks.NewFromConfig(patient(a)), t, "c", nil, on, []string{"203.0.113.0/24"})
				must(t, err)
				want := 1
				if tc.private {
					want = 2
				}
				if c, _ := a.Cluster("c"); len(c.Updates) != want {
					t.Errorf("%d updates, want %d", len(c.Updates), want)
				}
			})
		})
	}
}

func TestDelayAndLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{Latency: 100 * time.Millisecond})
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		a.Inject(localaws.Fault{Delay: time.Second})
		c := eksClient(a)
		began := time.Now()
		describe(t, c, "c")
		describe(t, c, "c")
		if d := time.Since(began); d != 1200*time.Millisecond {
			t.Errorf("two calls took %v", d)
		}
	})
}

// Every service answers over a socket too, told apart by the signature alone.
func TestOverTheNetwork(t *testing.T) {
	a := localaws.New(localaws.Options{})
	a.PutCluster(localaws.Cluster{Name: "c", Public: true})
	must(t, a.CreateTable("ledger", "pk", "sk"))
	url, err := a.CreateQueue("work", localaws.QueueOptions{})
	must(t, err)
	arn, err := a.CreateTopic("alerts")
	must(t, err)
	server := httptest.NewServer(a)
	defer server.Close()
	for name, value := range environment(a.Environ(server.URL, key)) {
		t.Setenv(name, value)
	}
	cfg, err := config.LoadDefaultConfig(ctx(t))
	must(t, err)

	describe(t, eks.NewFromConfig(cfg), "c")
	_, err = ec2.NewFromConfig(cfg).DescribeVpcs(ctx(t), &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-1"}})
	must(t, err)
	put(t, dynamodb.NewFromConfig(cfg), item{"pk": s("a"), "sk": s("1")})
	_, err = sqs.NewFromConfig(cfg).SendMessage(ctx(t), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x")})
	must(t, err)
	_, err = sns.NewFromConfig(cfg).Publish(ctx(t), &sns.PublishInput{TopicArn: &arn, Message: aws.String("x")})
	must(t, err)

	var got []string
	for _, c := range a.Calls() {
		got = append(got, c.Action+" "+c.Resources[0])
	}
	want := []string{
		"eks:DescribeCluster arn:aws:eks:eu-west-1:111122223333:cluster/c",
		"ec2:DescribeVpcs *",
		"dynamodb:PutItem arn:aws:dynamodb:eu-west-1:111122223333:table/ledger",
		"sqs:SendMessage arn:aws:sqs:eu-west-1:111122223333:work",
		"sns:Publish arn:aws:sns:eu-west-1:111122223333:alerts",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}

	// A dropped connection is closed, and the SDK tries again.
	a.Inject(localaws.Fault{Drop: localaws.DropBefore})
	describe(t, eks.NewFromConfig(cfg), "c")
	if n := len(a.Calls()); n != len(want)+2 {
		t.Errorf("%d calls, want a second try", n)
	}
}

func environment(settings []string) map[string]string {
	out := map[string]string{}
	for _, setting := range settings {
		for i := range setting {
			if setting[i] == '=' {
				out[setting[:i]] = setting[i+1:]
				break
			}
		}
	}
	return out
}

func TestUnsignedAndUnknown(t *testing.T) {
	a := localaws.New(localaws.Options{})
	a.PutCluster(localaws.Cluster{Name: "c", Public: true})
	get := func(path string) int {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w.Code
	}
	for path, want := range map[string]int{
		"/clusters/c":             http.StatusOK,
		"/clusters/x":             http.StatusNotFound,
		"/nothing":                http.StatusNotFound,
		"/runtimes/none/whatever": http.StatusNotFound,
	} {
		if got := get(path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	_, err := eksClient(a).ListNodegroups(ctx(t), &eks.ListNodegroupsInput{ClusterName: aws.String("c")})
	wantError(t, err, "UnknownOperationException", "")
}

// Each service throttles in its own words, and the SDK takes them all for a
// reason to try again.
func TestThrottlingOfEachService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{})
		a.PutCluster(localaws.Cluster{Name: "c", Public: true})
		must(t, a.CreateTable("ledger", "pk", "sk"))
		url, err := a.CreateQueue("work", localaws.QueueOptions{})
		must(t, err)
		arn, err := a.CreateTopic("alerts")
		must(t, err)
		hits := a.Inject(localaws.Fault{Times: -1, Status: 429})
		cfg := once(a)
		calls := map[string]func(aws.Config) error{
			"ThrottlingException": func(cfg aws.Config) error {
				_, err := dynamodb.NewFromConfig(cfg).Scan(ctx(t), &dynamodb.ScanInput{TableName: aws.String("ledger")})
				return err
			},
			"RequestLimitExceeded": func(cfg aws.Config) error {
				_, err := ec2.NewFromConfig(cfg).DescribeVpcs(ctx(t), &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-1"}})
				return err
			},
			"RequestThrottled": func(cfg aws.Config) error {
				_, err := sqs.NewFromConfig(cfg).SendMessage(ctx(t), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x")})
				return err
			},
			"Throttled": func(cfg aws.Config) error {
				_, err := sns.NewFromConfig(cfg).Publish(ctx(t), &sns.PublishInput{TopicArn: &arn, Message: aws.String("x")})
				return err
			},
		}
		for code, call := range calls {
			wantError(t, call(cfg), code, "")
		}
		if hits() != len(calls) {
			t.Errorf("%d hits, want %d", hits(), len(calls))
		}
		a.ClearFaults()
		for code, call := range calls {
			a.Inject(localaws.Fault{Status: 429})
			if err := call(a.Config(key)); err != nil {
				t.Errorf("%s is not tried again: %v", code, err)
			}
		}
	})
}
