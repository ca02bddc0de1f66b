package simulation

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

var (
	seeds   = flag.Int("seeds", 200, "how many seeded histories to run")
	tellAll = flag.Bool("story", false, "tell the story of every seed, not only of those that fail")
	from    = flag.Uint64("from", 1, "the first seed")
)

// TestHistories plays seeded histories: people create, open, close and delete
// clusters, EKS throttles and fails, answers are lost, events come late, twice
// or never, processes are killed. Once the world is quiet, the never list held
// on every request, every cluster is as the policy says or a mail said why not,
// and nothing is left over.
func TestHistories(t *testing.T) {
	for seed := *from; seed < *from+uint64(*seeds); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newHistory(t, seed).play() })
		})
	}
}

// TestAHistoryRepeats: a seed is one history, to the last call.
func TestAHistoryRepeats(t *testing.T) {
	for seed := range uint64(3) {
		var traces []string
		for range 3 {
			synctest.Test(t, func(t *testing.T) {
				h := newHistory(t, 1000+seed)
				h.play()
				var b strings.Builder
				for _, c := range h.w.aws.Calls() {
					fmt.Fprintln(&b, c.Time, c.Action, c.Resources, c.Error)
				}
				traces = append(traces, b.String())
			})
		}
		if traces[0] != traces[1] || traces[1] != traces[2] {
			t.Errorf("seed %d makes different histories", 1000+seed)
		}
	}
}

// history is one seeded run of a world.
type history struct {
	t    *testing.T
	w    *world
	rand *rand.Rand
	gate *localaws.Gate
	seed uint64

	mu      sync.Mutex
	calm    bool // no more faults
	busy    int  // invocations under way
	kills   int
	lost    int            // calls or answers that did not get through
	changes map[string]int // of each cluster, by people
	story   []string
}

func newHistory(t *testing.T, seed uint64) *history {
	h := &history{t: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 7)), gate: localaws.NewGate(), changes: map[string]int{}}
	second := func(n int) time.Duration { return time.Duration(h.rand.IntN(n)) * time.Second }
	h.w = newWorld(t, companyPolicy, localaws.Options{
		Seed: seed, StatusLag: second(20), StaleReads: second(25), NotFoundAfterCreate: second(30), CreatingError: [...]string{"", "ResourceInUseException"}[h.rand.IntN(2)],
		DeliverEvent: h.deliver,
	})
	return h
}

func (h *history) tell(format string, args ...any) {
	h.story = append(h.story, time.Now().UTC().Format(time.TimeOnly)+" "+fmt.Sprintf(format, args...))
}

// chance is true in n of a thousand cases.
func (h *history) chance(n int) bool { return h.rand.IntN(1000) < n }

func (h *history) deliver([]byte) []time.Duration {
	if h.calm {
		return []time.Duration{10 * time.Second}
	}
	late := func() time.Duration {
		if h.chance(100) {
			return time.Duration(h.rand.IntN(1800)) * time.Second
		}
		return time.Duration(5+h.rand.IntN(120)) * time.Second
	}
	switch {
	case h.chance(100):
		h.tell("an event is lost")
		return nil
	case h.chance(150):
		return []time.Duration{late(), late()}
	default:
		return []time.Duration{late()}
	}
}

// worker is a process that can die.
type worker struct {
	h    *history
	name string
	dead bool
}

var errNoAnswer = errors.New("connection reset by peer")

func (k *worker) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		h := k.h
		h.mu.Lock()
		dead, calm := k.dead, h.calm
		n := h.rand.IntN(1000)
		h.mu.Unlock()
		after := func() (*http.Response, error) {
			h.mu.Lock()
			h.lost++
			h.mu.Unlock()
			if answer, err := next.RoundTrip(r); err == nil {
				_ = answer.Body.Close()
			}
			return nil, errNoAnswer
		}
		switch {
		case dead:
			return nil, errKilled
		case calm || n >= 60:
			return next.RoundTrip(r)
		case n < 10:
			k.die("before", r)
			return nil, errKilled
		case n < 20:
			k.die("after", r)
			return after()
		case n < 30:
			h.mu.Lock()
			h.lost++
			h.mu.Unlock()
			return nil, errNoAnswer
		case n < 40:
			return after()
		default:
			// Three in a row end a check, after a mail like a kill.
			h.mu.Lock()
			h.lost++
			h.mu.Unlock()
			return &http.Response{StatusCode: [...]int{500, 503}[n%2], Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		}
	})
}

func (k *worker) die(when string, r *http.Request) {
	k.h.mu.Lock()
	defer k.h.mu.Unlock()
	k.dead = true
	k.h.kills++
	k.h.tell("%s is killed %s %s %s", k.name, when, r.Header.Get("X-Amz-Target"), r.URL.Path)
}

func (k *worker) handler(h localaws.Handler) localaws.Handler {
	return func(ctx context.Context, event []byte) ([]byte, error) {
		k.h.mu.Lock()
		k.h.busy++
		k.dead = false
		k.h.mu.Unlock()
		answer, err := h(ctx, event)
		k.h.mu.Lock()
		defer k.h.mu.Unlock()
		k.h.busy--
		if k.dead {
			return nil, errKilled
		}
		return answer, err
	}
}

func (h *history) play() {
	w := h.w
	w.t.Cleanup(func() {
		if h.t.Failed() || *tellAll {
			h.t.Logf("the history of seed %d (again: go test ./pkg/simulation -run TestHistories -args -from %d -seeds 1)\n%s", h.seed, h.seed, strings.Join(h.story, "\n"))
		}
	})
	for _, name := range []string{"office-a", "closed-a", "told-a", "partner-a"} {
		w.put(name, [...]endpoint.Access{closed, office, closed}[h.rand.IntN(3)])
	}
	w.remember()
	ctx, stop := context.WithCancel(h.t.Context())
	var processes sync.WaitGroup
	for n := range 2 {
		k := &worker{h: h, name: fmt.Sprint("process ", n)}
		f := w.function(fmt.Sprint("guardrail-", n), h.gate)
		// The gate comes first, so that faults are dealt in the order of release.
		handler := k.handler(w.handler(companyPolicy, k.wrap, h.gate.Wrap))
		processes.Go(func() { _ = f.Run(localaws.WithActor(ctx, k.name), handler) })
	}
	began := time.Now()
	var at time.Duration
	for range 6 + h.rand.IntN(10) {
		at += time.Duration(h.rand.IntN(15*60)) * time.Second
		h.drive(began.Add(at))
		h.act()
		w.remember()
	}
	h.calm = true
	h.tell("the world goes quiet")
	h.settle()
	w.sweep()
	h.settle()
	h.check()
	for _, m := range w.aws.Mails(topicName) {
		h.story = append(h.story, m.At.UTC().Format(time.TimeOnly)+" mail "+m.Subject)
	}
	stop()
	h.gate.Open()
	w.aws.Close()
	processes.Wait()
}

// drive releases calls in a seeded order until a time.
func (h *history) drive(until time.Time) {
	for {
		synctest.Wait()
		if parked := h.gate.Parked(); len(parked) > 0 {
			h.gate.Release(h.rand.IntN(len(parked)))
			continue
		}
		left := time.Until(until)
		if left <= 0 {
			return
		}
		h.w.remember()
		h.mu.Lock()
		step := 100 * time.Millisecond // the SDK waits between two tries
		if h.busy == 0 {
			step = 10 * time.Minute
			if next, ok := h.w.aws.Next(queueName); ok {
				step = max(time.Until(next), time.Millisecond)
			}
		}
		h.mu.Unlock()
		pass(min(step, left))
	}
}

// settle drives until nothing is left to do.
func (h *history) settle() {
	for range 24 * 6 {
		h.drive(time.Now().Add(10 * time.Minute))
		if _, more := h.w.aws.Next(queueName); !more && h.busy == 0 {
			return
		}
	}
	h.t.Error("the world does not come to rest within a day")
}

// act is what somebody does.
func (h *history) act() {
	names := []string{"office-a", "closed-a", "told-a", "partner-a", "closed-b", "office-b"}
	name := names[h.rand.IntN(len(names))]
	who := [...]string{alice, bob}[h.rand.IntN(2)]
	_, there := h.w.aws.Cluster(name)
	accesses := []endpoint.Access{closed, world0, halves, office, exposed, access(true, true, "198.51.100.0/24", "203.0.113.0/24"), access(true, true, "198.0.0.0/8")}
	a := accesses[h.rand.IntN(len(accesses))]
	var what string
	var err error
	switch n := h.rand.IntN(20); {
	case !there:
		what, err = "creates "+name+" "+a.String(), h.w.create(who, name, &a)
	case n == 0:
		what = "deletes " + name
		_, err = h.w.people[who].DeleteCluster(h.t.Context(), &eks.DeleteClusterInput{Name: &name})
	case n == 1:
		what = "upgrades " + name
		version := "1.34"
		_, err = h.w.people[who].UpdateClusterVersion(h.t.Context(), &eks.UpdateClusterVersionInput{Name: &name, Version: &version})
	case n < 4:
		what, err = "makes the next update of "+name+" fail", h.w.aws.FailNextUpdate(name, "IpNotAvailable", "no address left")
	case n == 4:
		what = "sweeps"
		h.w.sweep()
	case n == 5:
		secret := [...]string{"yes", "no"}[h.rand.IntN(2)]
		what = "tags " + name + " secret=" + secret
		arn := h.w.aws.ClusterARN(name)
		_, err = h.w.people[who].TagResource(h.t.Context(), &eks.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"secret": secret}})
	default:
		what, err = "sets "+name+" "+a.String(), h.w.set(who, name, a)
	}
	if err == nil {
		h.changes[name]++
	}
	h.tell("%s %s: %v", who, what, err)
}

// check holds what must be so once the world is quiet.
func (h *history) check() {
	w := h.w
	for _, name := range w.aws.Clusters() {
		c := w.cluster(name)
		v := verdict.Judge(w.policy, c, time.Now())
		mails := w.mailed(name)
		last := ""
		if len(mails) > 0 {
			last = mails[len(mails)-1]
		}
		switch {
		case c.Status != endpoint.StatusActive:
		case w.atWar(name) && !v.Enforcing():
			// What an alert rule still forbids is left to the digest.
		case v.Enforcing() && last != "failed" && last != "blocked":
			h.t.Errorf("%s violates an enforcing rule in the end (%s), and the last mail says %q", name, c.Access, last)
		case v.Outcome == verdict.Violation && last != "violation" && last != "partly-enforced" && last != "failed":
			h.t.Errorf("%s violates a rule in the end (%s), and the last mail says %q", name, c.Access, last)
		}
		if n := w.applied[name]; n > 3*(h.changes[name]+1) {
			h.t.Errorf("%s was changed %d times by people and %d times by the guardrail", name, h.changes[name], n)
		}
	}
	byReference := map[string][]string{}
	for _, m := range w.aws.Mails(topicName) {
		ref := m.Attributes["cluster"] + " " + m.Attributes["reference"]
		byReference[ref] = append(byReference[ref], m.Attributes["outcome"])
	}
	twice := 0
	for ref, mails := range byReference {
		seen := map[string]int{}
		for _, outcome := range mails {
			seen[outcome]++
			if seen[outcome] > 1 {
				twice++
			}
		}
		if seen["out-of-scope"]+seen["left"] > 0 && len(seen) == 1 {
			continue
		}
		if len(seen) > 3 || len(seen) == 3 && seen["stuck"] == 0 {
			h.t.Errorf("%s: mails %v", ref, mails)
		}
	}
	if twice > h.kills+h.lost {
		h.t.Errorf("%d mails came twice, but only %d kills and lost calls", twice, h.kills+h.lost)
	}
	w.quiet()
}
