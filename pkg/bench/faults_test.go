package bench

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// TestTheBuiltFunctionWithstands: processes are killed at random moments, AWS
// answers slowly, wrongly, cut short or not at all, and unreadable messages lie
// between good ones. Nothing is lost, and nothing unreadable is kept. SEED draws
// other faults, CALLS says for how many calls they go on.
func TestTheBuiltFunctionWithstands(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the function and mistreats it in real time")
	}
	calls, seed := 700, uint64(1)
	if given, err := strconv.Atoi(os.Getenv("CALLS")); err == nil {
		calls = given
	}
	if given, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		seed = given
	}
	b := &binaries{dir: t.TempDir()}
	binary := b.build(t, "./functions/guardrail")
	// Real time, but for the waits: what takes 15 s takes 150 ms here.
	s := newStage(t, stageOptions{
		aws: localaws.Options{
			Seed: seed, DelayScale: 0.01, EventDelay: 50 * time.Millisecond,
			Durations: localaws.Durations{EndpointUpdate: 300 * time.Millisecond},
		},
		visibility: time.Second, maxReceives: maxReceives,
	})
	weather := &weather{rand: rand.New(rand.NewPCG(seed, 1)), next: s.aws, bad: calls, clear: make(chan struct{})}
	s.wrap = func(http.Handler) http.Handler { return weather }

	const clusters = 16
	var names []string
	poison := map[string]bool{}
	for n := range clusters {
		name := fmt.Sprintf("%s-%02d", [...]string{"closed", "closed", "told", "free"}[n%4], n)
		names = append(names, name)
		s.aws.PutCluster(localaws.Cluster{Name: name, Private: true, CreatedAt: time.Now().Add(-24 * time.Hour)})
		yes := true
		_, err := eks.NewFromConfig(s.aws.Config(alice)).UpdateClusterConfig(t.Context(), &eks.UpdateClusterConfigInput{
			Name: &name, ResourcesVpcConfig: &types.VpcConfigRequest{EndpointPublicAccess: &yes, PublicAccessCidrs: []string{"0.0.0.0/0"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		body := "no message at all, beside " + name
		poison[body] = true
		if err := s.aws.Send(queueName, body, 0); err != nil {
			t.Fatal(err)
		}
	}

	began := time.Now()
	// Of a check's time the function keeps 5 s to put the message back.
	f := s.function("guardrail", queueName, 6500*time.Millisecond, 1)
	var keepers []*keeper
	for range 3 {
		keepers = append(keepers, s.keep(binary, s.environ(f, "AWS_MAX_ATTEMPTS=2")))
	}
	killer := rand.New(rand.NewPCG(seed, 2))
	kills := 0
	for over := false; !over; {
		strike := weather.after(10 + killer.IntN(30))
		over = !within(30*time.Second, func() bool { return closed(strike) || closed(weather.clear) }) || closed(weather.clear)
		if !over {
			keepers[killer.IntN(len(keepers))].kill()
			kills++
		}
	}
	weather.clears()
	empty := func() bool { return len(s.aws.Messages(queueName)) == 0 }
	quiet := within(hang, empty)
	// What EC2 did not tell blocked a change, and was mailed so: the sweep tries again.
	for _, name := range names {
		if err := s.aws.Send(queueName, wakeUp(t, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	quiet = within(hang, empty) && quiet
	starts, peak, last := 0, int64(0), ""
	for _, k := range keepers {
		k.stop()
		starts, peak, last = starts+k.starts, max(peak, k.peak), last+k.last
	}
	t.Logf("%d kills, %d starts; %s; at most %.1f MB resident; over after %s", kills, starts, weather, float64(peak)/(1<<20), time.Since(began).Round(100*time.Millisecond))
	if !quiet {
		for _, m := range s.aws.Messages(queueName) {
			t.Errorf("left in the queue after %d receives: %.300s", m.Receives, m.Body)
		}
	}
	told := map[string][]string{}
	for _, m := range s.aws.Mails(topicName) {
		told[m.Attributes["cluster"]] = append(told[m.Attributes["cluster"]], m.Attributes["outcome"])
	}
	for _, name := range names {
		there, _ := s.aws.Cluster(name)
		mails := told[name]
		switch kind, _, _ := strings.Cut(name, "-"); kind {
		case "closed":
			if there.Public || !slices.Contains(mails, "enforced") {
				t.Errorf("%s ends with public access %t and the mails %v", name, there.Public, mails)
			}
		case "told":
			if !there.Public || !slices.Contains(mails, "violation") {
				t.Errorf("%s ends with public access %t and the mails %v", name, there.Public, mails)
			}
		default:
			if !there.Public || len(mails) > 0 {
				t.Errorf("%s is no rule's, and ends with public access %t and the mails %v", name, there.Public, mails)
			}
		}
	}
	got := map[string]bool{}
	for _, m := range s.aws.Messages(deadLetters) {
		got[m.Body] = true
	}
	if !maps.Equal(got, poison) {
		t.Errorf("dead letters %q, want the unreadable messages %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(poison)))
	}
	if peak > 64<<20 {
		t.Errorf("%d bytes were resident", peak)
	}
	if t.Failed() {
		t.Logf("what the last processes said: %s", last)
	}
}

// hang is how long something may take that ends by itself: how fast is the machine's
// affair.
const hang = 30 * time.Minute

// maxReceives is how often a message is tried: the faults of this test hit one
// more often than AWS's would.
const maxReceives = 12

// TestTenThousandEventsAtOnce: what is readable is handled whatever lies before
// it, what is not ends in the dead letters, and the memory stays bounded.
func TestTenThousandEventsAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the function and sends it ten thousand events in real time")
	}
	const all, known = 10_000, 50
	b := &binaries{dir: t.TempDir()}
	binary := b.build(t, "./functions/guardrail")
	s := newStage(t, stageOptions{
		aws:        localaws.Options{Seed: 1, DelayScale: 0.01, Durations: localaws.Durations{EndpointUpdate: 100 * time.Millisecond}},
		visibility: 100 * time.Millisecond, maxReceives: 3,
	})
	f := s.function("guardrail", queueName, 10*time.Second, 10)
	for n := range known {
		s.aws.PutCluster(localaws.Cluster{Name: fmt.Sprint("free-", n), Public: true, Private: true, CreatedAt: time.Now().Add(-time.Hour)})
	}
	s.aws.PutCluster(localaws.Cluster{Name: "closed-1", Public: true, Private: true, CreatedAt: time.Now().Add(-time.Hour)})
	bad := 0
	for n := range all {
		body := wakeUp(t, fmt.Sprint("free-", n%known))
		switch {
		case n%100 == 50:
			body = fmt.Sprint("unreadable ", n)
			bad++
		case n == all/2:
			body = wakeUp(t, "closed-1")
		}
		if err := s.aws.Send(queueName, body, 0); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	c := s.start(binary, s.environ(f))
	defer c.kill()
	if !falls(hang, func() int { return len(s.aws.Messages(queueName)) }) {
		t.Errorf("%d messages are left", len(s.aws.Messages(queueName)))
	}
	t.Logf("%d messages in %s, at most %.1f MB resident", all, time.Since(began).Round(100*time.Millisecond), float64(c.peak())/(1<<20))
	if got := len(s.aws.Messages(deadLetters)); got != bad {
		t.Errorf("%d dead letters, %d messages were unreadable", got, bad)
	}
	if there, _ := s.aws.Cluster("closed-1"); there.Public {
		t.Error("the one open cluster among them was not closed")
	}
	if peak := c.peak(); peak > 64<<20 {
		t.Errorf("%d bytes were resident", peak)
	}
}

// weather stands before an AWS and lets answers go wrong, for so many calls.
type weather struct {
	next http.Handler
	bad  int

	mu      sync.Mutex
	rand    *rand.Rand
	count   [6]int
	clear   chan struct{} // closed when it is over
	waiting map[int][]chan struct{}
}

// after returns a channel that is closed when so many more calls have come.
func (w *weather) after(n int) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting == nil {
		w.waiting = map[int][]chan struct{}{}
	}
	come := make(chan struct{})
	w.waiting[w.count[0]+n] = append(w.waiting[w.count[0]+n], come)
	return come
}

// clears ends it, if it isn't over.
func (w *weather) clears() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bad = 0
	if !closed(w.clear) {
		close(w.clear)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (w *weather) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprintf("of %d calls %d slow, %d wrong, %d cut short, %d refused, %d not answered", w.count[0], w.count[1], w.count[2], w.count[3], w.count[4], w.count[5])
}

// The chances in a thousand that a call goes wrong in each way.
const (
	slowly, wrongly, cutShort, refused, never = 40, 30, 30, 50, 4
)

// draw decides what becomes of the next call.
func (w *weather) draw() (kind, n int, delay time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count[0]++
	for _, come := range w.waiting[w.count[0]] {
		close(come)
	}
	delete(w.waiting, w.count[0])
	if w.count[0] == w.bad {
		close(w.clear)
	}
	n, delay = w.rand.IntN(1000), time.Duration(w.rand.IntN(300))*time.Millisecond
	if w.count[0] < w.bad {
		below := 0
		for i, chance := range []int{slowly, wrongly, cutShort, refused, never} {
			if below += chance; kind == 0 && n < below {
				kind = i + 1
			}
		}
	}
	if kind > 0 {
		w.count[kind]++
	}
	return kind, n, delay
}

func (w *weather) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	kind, n, delay := w.draw()
	switch kind {
	case 1:
		timer := time.NewTimer(delay)
		defer timer.Stop()
		<-timer.C
		w.next.ServeHTTP(out, r)
	case 2, 3:
		answer := httptest.NewRecorder()
		w.next.ServeHTTP(answer, r)
		body := answer.Body.Bytes()
		if kind == 2 {
			wrong := []string{"<html>It works!</html>", "", `{"a": [1, 2`, `{"cluster":17,"update":[],"Items":{}}`}
			out.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
			_, _ = out.Write([]byte(wrong[n%len(wrong)]))
			return
		}
		for name, values := range answer.Header() {
			out.Header()[name] = values
		}
		out.Header().Set("Content-Length", strconv.Itoa(len(body)))
		out.WriteHeader(answer.Code)
		_, _ = out.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler)
	case 4:
		out.WriteHeader([...]int{http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusTooManyRequests}[n%3])
	case 5:
		// Until the caller gives up, which shows once the body is read.
		_, _ = io.Copy(io.Discard, r.Body)
		ctx, cancel := context.WithTimeout(r.Context(), 20*time.Second)
		defer cancel()
		<-ctx.Done()
		panic(http.ErrAbortHandler)
	default:
		w.next.ServeHTTP(out, r)
	}
}

func TestMain(m *testing.M) {
	// The SDK would read it at each start.
	_ = os.Unsetenv("AWS_CA_BUNDLE")
	os.Exit(m.Run())
}
