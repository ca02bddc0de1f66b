package simulation

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/term"
)

var (
	seeds   = flag.Uint64("seeds", 1000, "how many seeded histories to run")
	every   = flag.Uint64("every", 0, "where no bar can be drawn: a line of progress for every so many seeds, 0 for none")
	from    = flag.Uint64("from", 1, "the first seed")
	first   = flag.Bool("first", false, "stop at the first seed that fails")
	plain   = flag.Bool("plain", false, "play the histories without any weather, as the regressions are")
	tellAll = flag.Bool("story", false, "tell the story of every seed, not only of those that fail")
)

// shortSeeds are as many histories as a second or two has time for.
const shortSeeds = 10

func TestMain(m *testing.M) {
	flag.Parse()
	// A history makes much garbage and keeps little of it.
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// TestHistories plays seeded histories: people, tools and a controller create,
// open, narrow, close, tag and delete clusters, the policy changes, EKS throttles
// and fails, answers are lost, late or broken, events come late, twice or never,
// processes are killed. Once the world is quiet, all that the claims say held.
func TestHistories(t *testing.T) {
	count := *seeds
	if testing.Short() {
		count = min(count, shortSeeds)
	}
	run := &run{next: *from, end: *from + count, began: time.Now()}
	stop := run.progress()
	t.Run("seeds", func(t *testing.T) {
		for n := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint("worker ", n), func(t *testing.T) {
				t.Parallel()
				for seed, more := run.take(); more; seed, more = run.take() {
					ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							h := newHistory(t, seed, *plain)
							h.play()
							run.measured(h)
						})
					})
					run.finished(seed, ok)
				}
			})
		}
	})
	stop()
	run.report()
	if *from == 1 && count >= 1000 && !*first {
		run.missing(t)
	}
}

// missing: a run of some length has seen everything that can go wrong. A claim
// that nothing ever puts to the test would hold for nothing.
func (r *run) missing(t *testing.T) {
	for _, what := range []string{
		"calls: throttled", "calls: fails", "calls: the connection breaks before", "calls: the answer is lost of", "calls: the answer is cut short of",
		"calls: pass before", "calls: a race is lost", "calls: killed before", "calls: killed right after", "calls: the service is out", "a service: goes out",
		"events: late", "events: lost", "events: twice", "events: overtake an earlier one", "messages: delivered again", "looks: old",
		"to the guardrail: ResourceInUseException", "updates of the guardrail: fail", "the schedule: sweeps", "the controller: sets",
		"somebody: creates", "somebody: creates again", "somebody: sets", "somebody: deletes", "somebody: tags", "somebody: takes", "somebody: upgrades",
		"somebody: queues nonsense", "somebody: changes the policy", "somebody: breaks the policy", "somebody: switches the VPC's DNS",
		"mails: detected", "mails: enforced", "mails: partly-enforced", "mails: violation", "mails: already-undone", "mails: blocked",
		"mails: failed", "mails: stuck", "mails: gone", "mails: brake", "looks: an exemption in force", "looks: a grace in force",
	} {
		if r.times.counts[what] == 0 {
			t.Errorf("in %d histories this never happened: %s", r.done.Load(), what)
		}
	}
}

// TestAHistoryRepeats: a seed is one history, to the last call.
func TestAHistoryRepeats(t *testing.T) {
	for seed := range uint64(4) {
		var traces []string
		for range 3 {
			synctest.Test(t, func(t *testing.T) {
				h := newHistory(t, 1000+seed, false)
				h.play()
				var b strings.Builder
				for _, c := range h.w.aws.Calls() {
					fmt.Fprintln(&b, c.Time, c.Action, c.Resources, c.Error)
				}
				traces = append(traces, b.String()+h.tale())
			})
		}
		if traces[0] != traces[1] || traces[1] != traces[2] {
			t.Errorf("seed %d makes different histories", 1000+seed)
		}
	}
}

// run is a run of many seeds by several workers.
type run struct {
	began time.Time
	bar   bool // is drawn
	done  atomic.Uint64
	bad   atomic.Uint64

	mu        sync.Mutex
	next, end uint64
	times     times
}

func (r *run) take() (seed uint64, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seed = r.next
	r.next++
	return seed, seed < r.end && !(*first && r.bad.Load() > 0)
}

func (r *run) finished(seed uint64, ok bool) {
	done := r.done.Add(1)
	if ok {
		if *every > 0 && !r.bar && done%*every == 0 {
			fmt.Println(r.line())
		}
		return
	}
	r.bad.Add(1)
	if r.bar {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	fmt.Printf("seed %d failed\n", seed)
}

func (r *run) measured(h *history) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h.times.counts = h.counts
	r.times.add(h.times)
}

// progress draws a bar on the terminal, if there is one, until it is stopped.
func (r *run) progress() (stop func()) {
	if r.bar = term.IsTerminal(int(os.Stderr.Fd())); !r.bar {
		return func() {}
	}
	ticker, ended, over := time.NewTicker(200*time.Millisecond), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for {
			select {
			case <-ticker.C:
				fmt.Fprint(os.Stderr, "\r", r.line(), "\x1b[K")
			case <-ended:
				fmt.Fprint(os.Stderr, "\r\x1b[K")
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(ended)
		<-over
	}
}

// line is how far the run is, with a bar if one is drawn.
func (r *run) line() string {
	const width = 30
	done, all := r.done.Load(), r.end-*from
	if all == 0 {
		return ""
	}
	full := int(done * width / all)
	left := "?"
	if done > 0 {
		left = (time.Since(r.began) * time.Duration(all-done) / time.Duration(done)).Round(time.Second).String()
	}
	line := fmt.Sprintf("%d of %d histories, %s left", done, all, left)
	if r.bar {
		line = fmt.Sprintf("[%s%s] ", strings.Repeat("#", full), strings.Repeat("-", width-full)) + line
	}
	if bad := r.bad.Load(); bad > 0 {
		line += fmt.Sprintf(", %d failed", bad)
	}
	return line
}

// report tells of the whole run; of a small one, only what failed is of interest.
func (r *run) report() {
	fmt.Printf("%d histories from seed %d, %d failed, in %s\n%s\n", r.done.Load(), *from, r.bad.Load(), time.Since(r.began).Round(time.Second), r.times.String())
}
