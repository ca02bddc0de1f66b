package redrive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/events"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/function"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/settings"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

// sweeping is the function sweep as Lambda invokes it: its own code, over the
// embedded AWS.
type sweeping struct {
	sweeper  *function.Sweeper
	payloads []string
	fails    error
}

func (s *sweeping) Invoke(ctx context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	s.payloads = append(s.payloads, string(in.Payload))
	if s.fails != nil {
		return nil, s.fails
	}
	out, err := s.sweeper.Invoke(ctx, in.Payload)
	if err != nil {
		return &lambda.InvokeOutput{FunctionError: aws.String("Unhandled"), Payload: fmt.Appendf(nil, `{"errorMessage":%q}`, err)}, nil
	}
	return &lambda.InvokeOutput{Payload: out}, nil
}

const deadQueue, liveQueue, tableName = "dead", "wakeups", "ledger"

// sorting is an installation whose queues are the embedded AWS's, and a redrive
// of it.
func sorting(t *testing.T) (*localaws.AWS, *Redrive, *sweeping, *bytes.Buffer) {
	t.Helper()
	a := localaws.New(localaws.Options{Seed: 1})
	for _, queue := range []string{deadQueue, liveQueue} {
		if _, err := a.CreateQueue(queue, localaws.QueueOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.CreateTable(tableName, ledger.PartitionKey, ledger.SortKey); err != nil {
		t.Fatal(err)
	}
	sweeper, err := function.NewSweeper(settings.Sweep{
		Account: a.Account(), Region: a.Region(), QueueURL: a.QueueURL(liveQueue), Table: tableName, LogLevel: "error",
	}, a.Config("SWEEP"), &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	functions, out := &sweeping{sweeper: sweeper}, &bytes.Buffer{}
	return a, &Redrive{
		Letters: sqs.NewFromConfig(a.Config("OPERATOR")), Functions: functions, URL: a.QueueURL(deadQueue), Sweep: "sweeper",
		Account: a.Account(), Region: a.Region(), Tell: func(l Letter) { fmt.Fprintln(out, l.Purpose, l.Cluster, l.What) },
	}, functions, out
}

func put(t *testing.T, a *localaws.AWS, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		if err := a.Send(deadQueue, body, 0); err != nil {
			t.Fatal(err)
		}
	}
}

func sample(t *testing.T, name string) string {
	t.Helper()
	data, err := fs.ReadFile(events.Samples(), name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func encoded(t *testing.T, w wakeup.Message) string {
	t.Helper()
	data, err := w.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// ofSample is the cluster that a sample is about.
func ofSample(t *testing.T, name string) string {
	t.Helper()
	event, err := cloudtrail.Decode([]byte(sample(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	return event.Cluster
}

func wokenOn(t *testing.T, a *localaws.AWS) []string {
	t.Helper()
	var out []string
	for _, m := range a.Messages(liveQueue) {
		w, ok, err := wakeup.Decode([]byte(m.Body))
		if !ok || err != nil || w.Check != 0 || w.Event != nil {
			t.Errorf("%s is no fresh wake-up: %v", m.Body, err)
		}
		out = append(out, w.Cluster)
	}
	slices.Sort(out)
	return out
}

// letters puts one of every kind into the dead letters, some clusters twice.
func letters(t *testing.T, a *localaws.AWS) (clusters []string) {
	t.Helper()
	recheck := wakeup.Message{Cluster: "payments", Account: a.Account(), Region: a.Region(), Check: 7}
	put(t, a,
		sample(t, "update-open-sso.json"), sample(t, "update-open-sso.json"), sample(t, "create-open-iam-user.json"),
		encoded(t, recheck), encoded(t, recheck),
		sample(t, "update-logging-only.json"),
		`{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}`,
		"nonsense",
		encoded(t, wakeup.Message{Cluster: "far", Account: a.Account(), Region: "us-east-1"}),
	)
	clusters = []string{"payments", ofSample(t, "update-open-sso.json"), ofSample(t, "create-open-iam-user.json")}
	slices.Sort(clusters)
	return slices.Compact(clusters)
}

// TestRedrive: every cluster is woken once and its letters are gone; what can't
// be read stays for others to see, and is named.
func TestRedrive(t *testing.T) {
	a, r, functions, out := sorting(t)
	clusters := letters(t, a)
	report, err := r.Run(t.Context())
	if err != nil || report.Unreadable != 2 {
		t.Errorf("%v, %v; want two that cannot be read", report, err)
	}
	fmt.Fprintln(out, report)
	if diff := cmp.Diff(clusters, wokenOn(t, a)); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
	if len(functions.payloads) != 2 || functions.payloads[1] != "{}" {
		t.Errorf("the function was asked for %v, want the clusters and a sweep", functions.payloads)
	}
	var left []string
	for _, m := range a.Messages(deadQueue) {
		left = append(left, m.Body)
		if m.VisibleAt.After(time.Now()) {
			t.Errorf("%s stays hidden until %v", m.Body, m.VisibleAt)
		}
	}
	if len(left) != 2 || left[0] != "nonsense" || !strings.Contains(left[1], "far") {
		t.Errorf("left: %q", left)
	}
	for _, want := range []string{
		"cannot read", "UpdateClusterConfig by ", "re-check 7", "not this installation's",
		fmt.Sprintf("9 dead letters: 5 put back (clusters: %d); 1 started a sweep; 1 removed as no concern; 2 stay: they cannot be read.", len(clusters)),
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
}

// TestDryRun: everything is shown, nothing changed.
func TestDryRun(t *testing.T) {
	a, r, functions, out := sorting(t)
	letters(t, a)
	r.Dry = true
	report, err := r.Run(t.Context())
	if err != nil || strings.Count(out.String(), "\n") != 9 {
		t.Fatalf("%v, told of:\n%s", err, out)
	}
	left := a.Messages(deadQueue)
	if len(left) != 9 || len(wokenOn(t, a)) != 0 || len(functions.payloads) != 0 {
		t.Errorf("%d letters left, %d woken, asked for %v", len(left), len(wokenOn(t, a)), functions.payloads)
	}
	for _, m := range left {
		if m.VisibleAt.After(time.Now()) {
			t.Errorf("%s stays hidden", m.Body)
		}
	}
	if said := report.String(); !strings.HasPrefix(said, "9 dead letters: 5 would be put back") || !strings.Contains(said, "2 would stay") {
		t.Errorf("%s", said)
	}
}

// TestNothingIsLost: a letter is removed only once SQS has its wake-up.
func TestNothingIsLost(t *testing.T) {
	forbidden := localaws.Fault{Service: "sqs", Times: -1, Status: http.StatusForbidden, Type: "AccessDenied"}
	for name, test := range map[string]struct {
		trouble func(*localaws.AWS, *sweeping)
		want    string
		left    int
	}{
		"the function may not be invoked": {func(_ *localaws.AWS, s *sweeping) { s.fails = errors.New("AccessDenied") }, "nothing was put back: lambda:InvokeFunction", 2},
		"the function cannot send": {func(a *localaws.AWS, _ *sweeping) {
			f := forbidden
			f.Operation = "SendMessageBatch"
			a.Inject(f)
		}, "the function sweeper failed, the letters stay: Unhandled: 2 of 2 clusters were not woken", 2},
		"letters cannot be removed": {func(a *localaws.AWS, _ *sweeping) {
			f := forbidden
			f.Operation = "DeleteMessage"
			a.Inject(f)
		}, "which was put back: sqs:DeleteMessage", 2},
		"letters cannot be read": {func(a *localaws.AWS, _ *sweeping) {
			f := forbidden
			f.Operation = "ReceiveMessage"
			a.Inject(f)
		}, "read the dead letters: sqs:ReceiveMessage", 2},
	} {
		t.Run(name, func(t *testing.T) {
			a, r, functions, _ := sorting(t)
			put(t, a, sample(t, "update-open-sso.json"), encoded(t, wakeup.Message{Cluster: "payments", Account: a.Account(), Region: a.Region()}))
			test.trouble(a, functions)
			_, err := r.Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
			left := a.Messages(deadQueue)
			if len(left) != test.left {
				t.Errorf("%d letters are left, want %d", len(left), test.left)
			}
			for _, m := range left {
				if m.VisibleAt.After(time.Now()) {
					t.Errorf("%s stays hidden", m.Body)
				}
			}
		})
	}
}

// TestManyLetters: more than a round holds.
func TestManyLetters(t *testing.T) {
	a, r, functions, _ := sorting(t)
	const n = roundSize + 25
	for i := range n {
		put(t, a, encoded(t, wakeup.Message{Cluster: fmt.Sprintf("cluster-%03d", i), Account: a.Account(), Region: a.Region()}))
	}
	report, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if woken := wokenOn(t, a); len(slices.Compact(woken)) != n || len(a.Messages(deadQueue)) != 0 || len(functions.payloads) != 2 {
		t.Errorf("%d woken, %d left, %d invocations", len(woken), len(a.Messages(deadQueue)), len(functions.payloads))
	}
	if want := fmt.Sprintf("%d dead letters: %d put back (clusters: %d).", n, n, n); report.String() != want {
		t.Errorf("%q, want %q", report, want)
	}
}

func TestNoLetters(t *testing.T) {
	_, r, functions, out := sorting(t)
	if report, err := r.Run(t.Context()); err != nil || out.Len() > 0 || report.String() != "No dead letters." || len(functions.payloads) != 0 {
		t.Errorf("%v, %q, %v", err, out.String(), functions.payloads)
	}
}

// TestWhyNotDelivered: what a rule could not deliver says why.
func TestWhyNotDelivered(t *testing.T) {
	l := open(types.Message{
		MessageId: aws.String("1"), ReceiptHandle: aws.String("r"), Body: aws.String(sample(t, "update-open-sso.json")),
		MessageAttributes: map[string]types.MessageAttributeValue{"ERROR_CODE": {StringValue: aws.String("NO_PERMISSIONS")}},
	}, "111122223333", "eu-west-1")
	if l.Purpose != Wake || !strings.HasSuffix(l.What, ", not delivered: NO_PERMISSIONS") {
		t.Errorf("%+v", l)
	}
}

// TestASweepThatLambdaGaveUp is put back by sweeping again, whatever it was to do.
func TestASweepThatLambdaGaveUp(t *testing.T) {
	for _, condition := range []string{"RetriesExhausted", "EventAgeExceeded"} {
		letter := `{"version":"1.0","timestamp":"2026-11-23T10:00:00.000Z","requestContext":{"requestId":"1","functionArn":"arn:aws:lambda:eu-west-1:111122223333:function:s:$LATEST",
			"condition":"` + condition + `","approximateInvokeCount":3},"requestPayload":{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}}`
		if p, cluster, what := meaning([]byte(letter), "111122223333", "eu-west-1"); p != Sweep || cluster != "" || !strings.Contains(what, condition) {
			t.Errorf("%s: %s %q %q", condition, p, cluster, what)
		}
	}
}
