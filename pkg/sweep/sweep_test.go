package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/sweep"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

const queue = "endpointguard"

// account is an AWS with n clusters, and the sweep of it.
func account(t *testing.T, n int) (*localaws.AWS, sweep.Sweep) {
	t.Helper()
	a := localaws.New(localaws.Options{Seed: 1})
	url, err := a.CreateQueue(queue, localaws.QueueOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		a.PutCluster(localaws.Cluster{Name: name(i)})
	}
	cfg := a.Config("SWEEP")
	return a, sweep.Sweep{
		EKS: eks.NewFromConfig(cfg), SQS: sqs.NewFromConfig(cfg), Ledger: ledger{}, QueueURL: url, Account: a.Account(), Region: a.Region(),
	}
}

// ledger waits for clusters, and perhaps cannot tell them all.
type ledger struct {
	arns []string
	err  error
}

func (l ledger) WithoutEnd(ctx context.Context) ([]string, error) {
	return l.arns, errors.Join(l.err, ctx.Err())
}

func arn(name string) string { return endpoint.ARN("aws", "eu-west-1", "111122223333", name) }

func name(i int) string { return fmt.Sprintf("cluster-%04d", i) }

func names(from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, name(i))
	}
	return out
}

// woken returns whom the queue's messages wake and when, sorted by name.
func woken(t *testing.T, a *localaws.AWS, scheduled bool) (clusters []string, delays []time.Duration) {
	t.Helper()
	at := map[string]time.Duration{}
	for _, m := range a.Messages(queue) {
		w, ok, err := wakeup.Decode([]byte(m.Body))
		if !ok || err != nil {
			t.Fatalf("%s is no wake-up: %v", m.Body, err)
		}
		want := wakeup.Message{Cluster: w.Cluster, Account: "111122223333", Region: "eu-west-1", Sweep: scheduled}
		if diff := cmp.Diff(want, w); diff != "" {
			t.Fatalf("wake-up (-want +got):\n%s", diff)
		}
		if _, twice := at[w.Cluster]; twice {
			t.Errorf("%s is woken twice", w.Cluster)
		}
		at[w.Cluster] = m.VisibleAt.Sub(m.SentAt)
		clusters = append(clusters, w.Cluster)
	}
	slices.Sort(clusters)
	for _, cluster := range clusters {
		delays = append(delays, at[cluster])
	}
	return clusters, delays
}

// TestAll: every cluster of every page is woken once, a second apart.
func TestAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, s := account(t, 234)
		report, err := s.All(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sweep.Report{Pages: 3, Clusters: 234, Woken: 234, Over: 233 * time.Second, Listed: names(0, 234)}, report); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
		clusters, delays := woken(t, a, true)
		if diff := cmp.Diff(names(0, 234), clusters); diff != "" {
			t.Errorf("woken (-want +got):\n%s", diff)
		}
		for i, d := range delays {
			if d != time.Duration(i)*time.Second {
				t.Fatalf("%s is woken after %v", clusters[i], d)
			}
		}
	})
}

// TestManyClusters: more than fit at a second's distance are spread evenly
// over what SQS can delay.
func TestManyClusters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, s := account(t, 2000)
		if _, err := s.All(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, delays := woken(t, a, true)
		at := map[time.Duration]int{}
		for _, d := range delays {
			at[d]++
			if d > 15*time.Minute {
				t.Fatalf("a delay of %v, which SQS refuses", d)
			}
		}
		for d, n := range at {
			if n > 3 {
				t.Errorf("%d clusters are woken after %v", n, d)
			}
		}
	})
}

// TestUnlisted: those that the ledger waits for and EKS does not list are woken
// after those that it lists, each once.
func TestUnlisted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, s := account(t, 3)
		s.Ledger = ledger{arns: []string{arn("gone"), arn(name(1)), arn("a-gone"), arn("gone"), arn(name(0))}}
		report, err := s.All(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sweep.Report{Pages: 1, Clusters: 5, Woken: 5, Unlisted: 2, Over: 4 * time.Second, Listed: names(0, 3)}, report); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
		clusters, delays := woken(t, a, true)
		if diff := cmp.Diff([]string{"a-gone", name(0), name(1), name(2), "gone"}, clusters); diff != "" {
			t.Errorf("woken (-want +got):\n%s", diff)
		}
		second := time.Second
		if diff := cmp.Diff([]time.Duration{3 * second, 0, second, 2 * second, 4 * second}, delays); diff != "" {
			t.Errorf("after (-want +got):\n%s", diff)
		}
	})
}

// TestForeignKeys: what stands in the ledger's table and names no cluster of the
// account and region wakes nobody, and keeps nobody asleep.
func TestForeignKeys(t *testing.T) {
	a, s := account(t, 1)
	s.Ledger = ledger{arns: []string{
		"", "brake", "demo", arn(""), arn("-a"), arn("a b"), arn("a/b"), arn(strings.Repeat("a", 101)), arn("a\n"),
		endpoint.ARN("aws", "eu-west-2", "111122223333", "x"), endpoint.ARN("aws", "eu-west-1", "444455556666", "x"),
		"arn:aws:eks:eu-west-1:111122223333:nodegroup/x", "arn:aws:ecs:eu-west-1:111122223333:cluster/x",
		endpoint.ARN("aws-cn", "eu-west-1", "111122223333", "partition"),
	}}
	report, err := s.All(t.Context())
	if err != nil || report.Woken != 2 || report.Unlisted != 1 {
		t.Errorf("report %+v, error %v", report, err)
	}
	clusters, _ := woken(t, a, true)
	if diff := cmp.Diff([]string{name(0), "partition"}, clusters); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
}

// TestLedgerMissing: what EKS lists is woken whatever the ledger says, and so is
// what was read of the ledger; the error says that there is more.
func TestLedgerMissing(t *testing.T) {
	a, s := account(t, 3)
	s.Ledger = ledger{arns: []string{arn("gone")}, err: errors.New("dynamodb:Scan: refused")}
	report, err := s.All(t.Context())
	if err == nil || !strings.Contains(err.Error(), "deleted clusters are not looked for: dynamodb:Scan: refused") {
		t.Errorf("error: %v", err)
	}
	if clusters, _ := woken(t, a, true); len(clusters) != 4 || report.Woken != 4 || report.Unlisted != 1 {
		t.Errorf("woken %q, report %+v", clusters, report)
	}
}

// TestListMissing: without a list all that the ledger waits for are woken.
func TestListMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, s := account(t, 3)
		s.Ledger = ledger{arns: []string{arn(name(0)), arn("gone")}}
		a.Inject(localaws.Fault{Operation: "ListClusters", Times: -1, Status: http.StatusForbidden, Type: "AccessDeniedException"})
		report, err := s.All(t.Context())
		if err == nil || report.Woken != 2 || report.Unlisted != 2 {
			t.Errorf("report %+v, error %v", report, err)
		}
		woken(t, a, true)
	})
}

func TestNone(t *testing.T) {
	a, s := account(t, 0)
	report, err := s.All(t.Context())
	if err != nil || report.Pages != 1 || report.Clusters != 0 || len(a.Messages(queue)) != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestPageMissing: what was listed before the page that EKS would not give is
// woken, and the error says that there is more.
func TestPageMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, s := account(t, 234)
		a.Inject(localaws.Fault{Service: "eks", Operation: "ListClusters", Skip: 1, Times: -1, Status: http.StatusTooManyRequests, Type: "ThrottlingException"})
		report, err := s.All(t.Context())
		if err == nil || !strings.Contains(err.Error(), "page 2 and what follows is not swept: eks:ListClusters") {
			t.Errorf("error: %v", err)
		}
		if clusters, _ := woken(t, a, true); len(clusters) != 100 || report.Woken != 100 {
			t.Errorf("%d clusters were woken, report %+v", len(clusters), report)
		}
	})
}

// TestTimeForSending: a list that never comes leaves time to wake what is known.
func TestTimeForSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, s := account(t, 150)
		a.Inject(localaws.Fault{Service: "eks", Operation: "ListClusters", Skip: 1, Times: -1, Delay: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		report, err := s.All(ctx)
		if err == nil || report.Woken != 100 || ctx.Err() != nil {
			t.Errorf("report %+v, error %v, context %v", report, err, ctx.Err())
		}
	})
}

// TestThrottled: a page and a batch that come at last are waited for.
func TestThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, s := account(t, 150)
		a.Inject(localaws.Fault{Service: "eks", Skip: 1, Times: 2, Status: http.StatusTooManyRequests, Type: "ThrottlingException"})
		a.Inject(localaws.Fault{Service: "sqs", Skip: 3, Times: 4, Status: http.StatusServiceUnavailable})
		report, err := s.All(t.Context())
		if err != nil || report.Woken != 150 {
			t.Errorf("report %+v, error %v", report, err)
		}
		woken(t, a, true)
	})
}

// refusing is an SQS that refuses some entries of a batch.
type refusing struct {
	sweep.Sender
	refuse func(body string) bool
}

func (r refusing) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, options ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	out := &sqs.SendMessageBatchOutput{}
	var rest []types.SendMessageBatchRequestEntry
	for _, entry := range in.Entries {
		if r.refuse(*entry.MessageBody) {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: entry.Id, Code: aws.String("InternalError"), Message: aws.String("try again")})
			continue
		}
		rest = append(rest, entry)
	}
	if len(rest) == 0 {
		return out, nil
	}
	in.Entries = rest
	_, err := r.Sender.SendMessageBatch(ctx, in, options...)
	return out, err
}

// TestEntriesRefused: single entries that SQS refuses are offered again; one
// that it always refuses is named, and all others are woken.
func TestEntriesRefused(t *testing.T) {
	a, s := account(t, 25)
	tries := map[string]int{}
	s.SQS = refusing{Sender: s.SQS, refuse: func(body string) bool {
		tries[body]++
		return strings.Contains(body, name(7)) || strings.Contains(body, "gone") || strings.Contains(body, name(13)) && tries[body] < 3
	}}
	s.Ledger = ledger{arns: []string{arn("gone")}}
	report, err := s.All(t.Context())
	if err == nil || !strings.Contains(err.Error(), "2 of 26 clusters were not woken: sqs:SendMessage: InternalError: try again") {
		t.Errorf("error: %v", err)
	}
	if diff := cmp.Diff([]string{name(7), "gone"}, report.Unsent); diff != "" || report.Woken != 24 || report.Unlisted != 0 {
		t.Errorf("woken %d, unsent (-want +got):\n%s", report.Woken, diff)
	}
	clusters, _ := woken(t, a, true)
	if diff := cmp.Diff(append(names(0, 7), names(8, 25)...), clusters); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
}

func TestQueueRefuses(t *testing.T) {
	a, s := account(t, 25)
	a.Inject(localaws.Fault{Service: "sqs", Times: -1, Status: http.StatusForbidden, Type: "AccessDenied"})
	report, err := s.All(t.Context())
	if err == nil || report.Woken != 0 || len(report.Unsent) != 25 {
		t.Errorf("report %+v, error %v", report, err)
	}
}

// TestWake: only the clusters that are asked for, each once.
func TestWake(t *testing.T) {
	a, s := account(t, 5)
	report, err := s.Wake(t.Context(), []string{name(3), name(1), name(3)})
	if err != nil || report.Clusters != 2 || report.Woken != 2 {
		t.Errorf("report %+v, error %v", report, err)
	}
	clusters, _ := woken(t, a, false)
	if diff := cmp.Diff([]string{name(1), name(3)}, clusters); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
}

func TestWakeRefusesNames(t *testing.T) {
	a, s := account(t, 0)
	for _, wrong := range []string{"", "-a", "a b", strings.Repeat("a", 101), "a\n"} {
		if _, err := s.Wake(t.Context(), []string{"fine", wrong}); err == nil {
			t.Errorf("%q is woken", wrong)
		}
	}
	if n := len(a.Messages(queue)); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
}

// TestCannotChange: all that a sweep ever calls, whatever goes wrong.
func TestCannotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, s := account(t, 120)
		a.Inject(localaws.Fault{Skip: 5, Times: -1, Status: http.StatusInternalServerError})
		_, err := s.All(t.Context())
		if err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("error: %v", err)
		}
		for _, call := range a.Calls() {
			if call.Action != "eks:ListClusters" && call.Action != "sqs:SendMessage" {
				t.Errorf("a sweep called %s", call.Action)
			}
		}
	})
}
