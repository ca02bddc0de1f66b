package bench

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/settings"
)

// program is a built function, and what was measured of it.
type program struct {
	name, path string
	queue      string
	binary     string
	function   *localaws.Function

	starts   []time.Duration // process start to the first call of next
	answers  []time.Duration // process start to the first answer
	warm     []time.Duration // an event delivered to its answer
	resident []int64         // most memory of one process, bytes
}

const (
	rounds     = 31  // processes of each program
	warmEvents = 100 // for each process

	// What is aimed at, as ratios to the minimal function.
	coldAim, warmAim, memoryAim = 1.2, 1.15, 1.3

	zipAim    = 6 << 20
	sweepSize = 10_000
	sweepAim  = 120 * time.Second // the function's time
)

// services are those whose endpoints are told apart, to count connections.
var services = []string{"EKS", "DYNAMODB", "SQS", "SNS", "EC2"}

// TestFigures measures the built function beside a bare one and one that makes
// the same calls, and holds the ratios to what is aimed at. Make bench sets BENCH.
func TestFigures(t *testing.T) {
	if os.Getenv("BENCH") == "" {
		t.Skip("make bench measures; figures that are taken beside other tests say nothing")
	}
	b := &binaries{dir: t.TempDir()}
	s := newStage(t, stageOptions{visibility: time.Minute, maxReceives: 5})
	s.aws.PutCluster(localaws.Cluster{Name: "closed-1", Private: true, CreatedAt: time.Now().Add(-24 * time.Hour)})
	hosts := newHosts(t, s.aws)
	watch := &watch{}
	s.onRuntime = watch.request

	programs := []*program{
		{name: "bare", path: "./pkg/bench/bare"},
		{name: "minimal", path: "./pkg/bench/minimal"},
		{name: "guardrail", path: "./functions/guardrail"},
	}
	for _, p := range programs {
		p.queue, p.binary = p.name, b.build(t, p.path)
		if _, err := s.aws.CreateQueue(p.queue, localaws.QueueOptions{VisibilityTimeout: time.Minute}); err != nil {
			t.Fatal(err)
		}
		p.function = s.function(p.name, p.queue, time.Minute, 1)
	}
	// Once without measuring: the ledger then knows the cluster, and the files
	// are in the system's memory.
	for _, p := range slices.Backward(programs) {
		s.measure(p, watch, hosts, 1)
		p.starts, p.answers, p.warm, p.resident = nil, nil, nil, nil
	}
	for range rounds {
		for _, p := range programs {
			s.measure(p, watch, hosts, warmEvents)
		}
	}
	bare, minimal, guardrail := programs[0], programs[1], programs[2]

	table := &figures{}
	table.row("median of %d processes", "bare", "minimal", "guardrail", "ratio", "aim", rounds)
	table.times("start to the first next", bare.starts, minimal.starts, guardrail.starts, 0)
	table.times("start to the first answer", bare.answers, minimal.answers, guardrail.answers, coldAim)
	table.times("warm, event to answer", bare.warm, minimal.warm, guardrail.warm, warmAim)
	table.bytes("most memory resident", bare.resident, minimal.resident, guardrail.resident, memoryAim)
	s.calls(t, table, guardrail, watch, hosts)
	for _, name := range []string{"guardrail.zip", "sweep.zip"} {
		info, err := os.Stat(filepath.Join("..", "..", "dist", name))
		if err != nil {
			t.Fatalf("make bench builds the bundles first: %v", err)
		}
		table.one(name, fmt.Sprintf("%.2f MB", float64(info.Size())/(1<<20)), fmt.Sprintf("below %d MB", zipAim>>20), info.Size() < zipAim)
	}
	sweep(t, table, b)
	fmt.Printf("%s, %s/%s, %d processors\n\n%s", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), table)
	if table.missed > 0 {
		t.Errorf("%d aims are missed", table.missed)
	}
}

// measure runs one process of a program: its start, then so many events.
func (s *stage) measure(p *program, w *watch, hosts *hosts, events int) {
	s.t.Helper()
	send := func() {
		if err := s.aws.Send(p.queue, wakeUp(s.t, "closed-1"), 0); err != nil {
			s.t.Fatal(err)
		}
	}
	w.begin()
	send()
	began := time.Now()
	c := s.start(p.binary, s.environ(p.function, hosts.environ()...))
	defer func() {
		p.resident = append(p.resident, c.peak())
		c.kill()
	}()
	w.answer(s.t, c)
	p.starts, p.answers = append(p.starts, w.firstNext().Sub(began)), append(p.answers, w.firstAnswer().Sub(began))
	for range events {
		send()
		p.warm = append(p.warm, w.answer(s.t, c))
	}
}

// calls counts what one event about a compliant cluster costs, and the
// connections that a process opens however many events come.
func (s *stage) calls(t *testing.T, table *figures, p *program, w *watch, hosts *hosts) {
	t.Helper()
	hosts.forget()
	s.measure(p, w, hosts, warmEvents)
	opened := hosts.opened()
	var most int
	var names []string
	for _, service := range services {
		if n := opened[service]; n > 0 {
			names = append(names, fmt.Sprintf("%s %d", service, n))
			most = max(most, n)
		}
	}
	s.aws.ForgetCalls()
	s.measure(p, w, hosts, 1) // two events: the first and a warm one
	perEvent := map[string]int{}
	for _, c := range s.aws.Calls() {
		perEvent[c.Action]++
	}
	text, err := json.Marshal(perEvent)
	if err != nil {
		t.Fatal(err)
	}
	two := len(perEvent) == 2 && perEvent["dynamodb:Query"] == 2 && perEvent["eks:DescribeCluster"] == 2
	table.one("calls of two compliant events", strings.Trim(string(text), "{}"), "one read each", two)
	table.one(fmt.Sprintf("connections, %d events", warmEvents+1), strings.Join(names, ", "), "one a host", most == 1)
}

// sweep measures one sweep of many clusters, of which the ledger has a record each.
func sweep(t *testing.T, table *figures, b *binaries) {
	t.Helper()
	s := newStage(t, stageOptions{visibility: time.Minute, maxReceives: 5})
	l := ledger.New(dynamodb.NewFromConfig(s.aws.Config(guard)), tableName)
	for n := range sweepSize {
		c := localaws.Cluster{Name: fmt.Sprint("cluster-", n), Private: true, CreatedAt: time.Now().Add(-time.Hour)}
		s.aws.PutCluster(c)
		r := incident.NewRecord(endpoint.Cluster{
			ID:   endpoint.ID{ARN: endpoint.ARN("aws", region, account, c.Name), CreatedAt: c.CreatedAt},
			Name: c.Name, Account: account, Region: region,
		})
		r.Compliant = &incident.Seen{Access: endpoint.Access{Private: true}, At: c.CreatedAt}
		if _, err := l.Save(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	s.aws.ForgetCalls()
	f := s.function("sweep", "", 2*time.Minute, 1)
	c := s.start(b.build(t, "./functions/sweep"), []string{
		"AWS_ENDPOINT_URL=http://" + s.host(), "AWS_REGION=" + region, "AWS_ACCESS_KEY_ID=" + guard, "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_LAMBDA_RUNTIME_API=" + f.RuntimeAPI(s.host()), "AWS_LAMBDA_FUNCTION_NAME=sweep",
		settings.Account + "=" + account, settings.QueueURL + "=" + s.aws.QueueURL(queueName), settings.Table + "=" + tableName,
		settings.LogLevel + "=info",
	})
	defer c.kill()
	began := time.Now()
	if _, err := f.Invoke(t.Context(), []byte(`{}`)); err != nil {
		t.Fatalf("%v\n%s", err, c.out.String())
	}
	took := time.Since(began)
	if got := len(s.aws.Messages(queueName)); got != sweepSize {
		t.Fatalf("%d clusters were woken of %d", got, sweepSize)
	}
	table.one(fmt.Sprintf("sweep of %d clusters", sweepSize), fmt.Sprintf("%.1f s, %d calls, %.1f MB", took.Seconds(), len(s.aws.Calls()), float64(c.peak())/(1<<20)),
		fmt.Sprintf("within %.0f s", sweepAim.Seconds()), took < sweepAim)
}

// hosts are the embedded AWS under an address for each service, as AWS has it.
type hosts struct {
	servers map[string]*httptest.Server

	mu    sync.Mutex
	count map[string]int
}

func newHosts(t testing.TB, a *localaws.AWS) *hosts {
	h := &hosts{servers: map[string]*httptest.Server{}, count: map[string]int{}}
	for _, service := range services {
		server := httptest.NewUnstartedServer(a)
		server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				h.mu.Lock()
				h.count[service]++
				h.mu.Unlock()
			}
		}
		server.Start()
		t.Cleanup(func() {
			server.CloseClientConnections()
			server.Close()
		})
		h.servers[service] = server
	}
	return h
}

func (h *hosts) environ() (out []string) {
	for service, server := range h.servers {
		out = append(out, "AWS_ENDPOINT_URL_"+service+"="+server.URL)
	}
	return out
}

func (h *hosts) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.count)
}

func (h *hosts) opened() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string]int{}
	for service, n := range h.count {
		out[service] = n
	}
	return out
}

// watch takes the times of the requests to the runtime API.
type watch struct {
	mu        sync.Mutex
	next      time.Time // of the first call of next
	answered  time.Time // of the first answer
	delivered time.Time
	answers   chan time.Duration
}

func (w *watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next, w.answered, w.delivered, w.answers = time.Time{}, time.Time{}, time.Time{}, make(chan time.Duration, 1)
}

func (w *watch) request(r *http.Request) (answered func()) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, "/next"):
		if w.next.IsZero() {
			w.next = now
		}
		return func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.delivered = time.Now()
		}
	case strings.HasSuffix(r.URL.Path, "/response"):
		if w.answered.IsZero() {
			w.answered = now
		}
		took, answers := now.Sub(w.delivered), w.answers
		return func() { answers <- took }
	}
	return func() {}
}

func (w *watch) firstNext() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next
}

func (w *watch) firstAnswer() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.answered
}

// answer waits for the next answer, and returns how long it took since the
// event was delivered.
func (w *watch) answer(t testing.TB, c *child) time.Duration {
	t.Helper()
	w.mu.Lock()
	answers := w.answers
	w.mu.Unlock()
	select {
	case took := <-answers:
		return took
	case <-c.ended:
		t.Fatalf("the process ended: %s", c.out.String())
	case <-time.After(30 * time.Second):
		t.Fatalf("no answer for 30 s: %s", c.out.String())
	}
	return 0
}

// figures is the table that is printed.
type figures struct {
	strings.Builder
	missed int
}

func (f *figures) row(what, bare, minimal, guardrail, ratio, aim string, args ...any) {
	fmt.Fprintf(f, "%-29s %8s %8s %9s %6s  %s\n", fmt.Sprintf(what, args...), bare, minimal, guardrail, ratio, aim)
}

// times writes medians in milliseconds with the ratio to the minimal function.
func (f *figures) times(what string, bare, minimal, guardrail []time.Duration, aim float64) {
	ms := func(d []time.Duration) string { return fmt.Sprintf("%.2f ms", float64(median(d))/1e6) }
	ratio := float64(median(guardrail)) / float64(median(minimal))
	f.row(what, ms(bare), ms(minimal), ms(guardrail), fmt.Sprintf("%.2f", ratio), f.met(ratio, aim))
}

func (f *figures) bytes(what string, bare, minimal, guardrail []int64, aim float64) {
	mb := func(n []int64) string { return fmt.Sprintf("%.1f MB", float64(median(n))/(1<<20)) }
	ratio := float64(median(guardrail)) / float64(median(minimal))
	f.row(what, mb(bare), mb(minimal), mb(guardrail), fmt.Sprintf("%.2f", ratio), f.met(ratio, aim))
}

func (f *figures) met(ratio, aim float64) string {
	switch {
	case aim == 0:
		return ""
	case ratio > aim:
		f.missed++
		return fmt.Sprintf("%.2f MISSED", aim)
	}
	return fmt.Sprintf("%.2f met", aim)
}

func (f *figures) one(what, figure, aim string, met bool) {
	word := "met"
	if !met {
		word = "MISSED"
		f.missed++
	}
	fmt.Fprintf(f, "%-29s %s\n%29s   %s: %s\n", what, figure, "", aim, word)
}

func median[T ~int64](values []T) T {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}
