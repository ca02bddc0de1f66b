package simulation

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/function"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/settings"
)

const strictPolicy = `version: 1
rules:
  - name: inside
    require: {privateAccess: enabled}
    respond: enforce
    graceAfterCreation: 25m
  - name: office-only
    match: {clusters: [office-*, exempt-*]}
    require:
      publicAccess: restricted
      allowedCidrs: [198.51.100.0/24]
    respond: revert
  - name: closed
    match: {clusters: [closed-*, told-*]}
    require: {publicAccess: disabled}
    respond: enforce
`

const laxPolicy = `version: 1
rules:
  - name: office-only
    match: {clusters: [office-*, exempt-*]}
    require:
      publicAccess: restricted
      allowedCidrs: [198.51.0.0/16, 203.0.113.0/24]
    respond: enforce
  - name: closed
    match: {clusters: [closed-*]}
    require: {publicAccess: disabled}
    respond: alert
  - name: secret
    match: {tags: {secret: "yes"}}
    require: {publicAccess: disabled}
    respond: enforce
exemptions:
  - name: demo
    rules: [office-only]
    match: {accounts: ["111122223333"], regions: [eu-west-1], clusters: [exempt-a]}
    until: 2000-01-01T01:00:00Z
    reason: a demo
    approvedBy: alice@example.com
`

// history is one seeded run of a world.
type history struct {
	t    *testing.T
	w    *world
	gate *localaws.Gate
	seed uint64
	poke chan struct{} // something may have changed that the driver waits for

	options localaws.Options
	rate    int             // how many of a thousand calls go wrong
	wanted  endpoint.Access // what the controller holds one cluster to
	held    string          // that cluster, "" for none

	mu          sync.Mutex
	rand        *rand.Rand
	calm        bool // no more faults
	calmSince   time.Time
	outage      time.Time                  // the end of the present one
	down        string                     // the service that is out until then
	cutOff      bool                       // the VPC's DNS is off
	cutAt       time.Time                  // when it was last switched
	illegible   time.Time                  // until then the policy cannot be read
	swept       bool                       // for the last time
	asks        map[string]endpoint.Access // by the id of the update that asks for it
	acting      *worker                    // the last whose call reached the AWS
	counts      map[string]int             // how often what happened
	busy        int                        // invocations under way
	troubles    int                        // whatever went wrong so far
	harmed      map[string]int
	arrival     time.Time // of the last event that was delivered, zero: lost
	lastArrival time.Time // of the last that was not lost
	changes     map[string]int
	story       []line
	claims      claims
	times       times
	weather     *weather // nil for none
}

type line struct {
	at   time.Time
	text string
}

// newHistory is the history of a seed; a plain one has no weather.
func newHistory(t *testing.T, seed uint64, plain bool) *history {
	h := &history{
		t: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 7)), gate: localaws.NewGate(), poke: make(chan struct{}, 1),
		changes: map[string]int{}, harmed: map[string]int{}, counts: map[string]int{}, asks: map[string]endpoint.Access{},
	}
	h.rate = [...]int{0, 15, 40, 90}[h.pick(4)]
	o := localaws.Options{Seed: seed, DeliverEvent: h.deliver, Durations: localaws.Durations{
		Create: 2*time.Minute + h.upTo(14*time.Minute), EndpointUpdate: 40*time.Second + h.upTo(5*time.Minute),
		VersionUpdate: 5*time.Minute + h.upTo(10*time.Minute), Delete: time.Minute + h.upTo(5*time.Minute),
	}}
	if h.chance(600) {
		o.StatusLag, o.StaleReads, o.NotFoundAfterCreate = h.upTo(45*time.Second), h.upTo(25*time.Second), h.upTo(30*time.Second)
	}
	o.CreatingError = [...]string{"", "ResourceInUseException"}[h.pick(2)]
	if !plain {
		h.weather = newWeather(seed, &o)
		h.weather.chance(500) // keeps the numbers that follow what they were
	}
	h.options = o
	h.w = newWorld(t, o)
	h.w.onGuard, h.w.dark, h.w.updateLag = h.watch, h.weather != nil && h.weather.dark, o.UpdateLag
	if h.chance(30) {
		h.w.brake = 2
	}
	for _, l := range h.laws() {
		h.w.guards[guardKey(l)] = l
		h.w.aws.AddRole(guardKey(l), "endpointguard", "endpointguard")
	}
	return h
}

// laws are the policies that a history knows.
func (h *history) laws() []law {
	if h.weather == nil {
		return []law{companys, strict, lax}
	}
	return laws()
}

// guardKey is the access key of the guardrail while a policy is in force, so
// that each call is held against the policy that it was made by.
func guardKey(l law) string { return fmt.Sprint(guard, int(l)) }

func (h *history) tell(format string, args ...any) {
	h.story = append(h.story, line{time.Now(), fmt.Sprintf(format, args...)})
}

func (h *history) pick(n int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rand.IntN(n)
}

// chance is true in n of a thousand cases.
func (h *history) chance(n int) bool { return h.pick(1000) < n }

// upTo is a whole number of seconds.
func (h *history) upTo(d time.Duration) time.Duration {
	return time.Duration(h.pick(int(d/time.Second))) * time.Second
}

func (h *history) count(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts[what]++
}

func (h *history) wake() {
	select {
	case h.poke <- struct{}{}:
	default:
	}
}

func (h *history) deliver(event []byte) []time.Duration {
	var delays []time.Duration
	late := func() time.Duration {
		if h.chance(80) {
			h.count("events: late")
			return h.upTo(30 * time.Minute)
		}
		return 5*time.Second + h.upTo(2*time.Minute)
	}
	h.mu.Lock()
	calm := h.calm
	h.mu.Unlock()
	switch {
	case h.weather != nil && bytes.Contains(event, []byte(`"eventName":"DeleteCluster"`)) && drawn(h, func(w *weather) bool { return w.chance(500) }):
		h.count("events: of a deletion lost")
	case h.weather != nil && drawn(h, func(w *weather) bool { return w.deaf }):
		h.count("events: lost")
	case calm || h.rate == 0:
		delays = []time.Duration{10*time.Second + h.upTo(20*time.Second)}
	case h.chance(80):
		h.count("events: lost")
	case h.chance(150):
		h.count("events: twice")
		delays = []time.Duration{late(), late()}
	default:
		delays = []time.Duration{late()}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.arrival = time.Time{}
	if len(delays) == 0 {
		h.troubles++
		h.tell("an event is lost")
		return nil
	}
	h.arrival = time.Now().Add(slices.Min(delays))
	if h.arrival.Before(h.lastArrival) {
		h.counts["events: overtake an earlier one"]++
	}
	h.lastArrival = h.arrival
	return delays
}

func (h *history) play() {
	w := h.w
	w.t.Cleanup(func() {
		if h.t.Failed() || *tellAll {
			again := ""
			if h.weather == nil {
				again = " -plain"
			}
			h.t.Logf("the history of seed %d, to be played again with\n  go test ./pkg/simulation -run TestHistories -args -from %d -seeds 1%s\n%s",
				h.seed, h.seed, again, h.tale())
		}
	})
	h.build()
	ctx, stop := context.WithCancel(h.t.Context())
	var processes sync.WaitGroup
	for n := range 2 {
		k := &worker{h: h, name: fmt.Sprint("process ", n)}
		f := w.function(fmt.Sprint("guardrail-", n), h.gate)
		k.f = f
		var handlers []localaws.Handler
		for _, l := range h.laws() {
			// What comes last is outermost: faults are dealt in the order of release.
			handlers = append(handlers, w.handlerAs(guardKey(l), l.document(), k.wrap, h.gate.Wrap, k.arrive))
		}
		processes.Go(func() { _ = f.Run(localaws.WithActor(ctx, k.name), k.handler(handlers)) })
	}
	sweeper := h.sweeper()
	began := time.Now()
	var at time.Duration
	for range 3 + h.pick(7) {
		at += h.upTo(8 * time.Minute)
		h.drive(began.Add(at))
		h.act(sweeper)
		h.control()
		at += h.turns([]string{"office-a", "closed-a", "told-a", "partner-a", "exempt-a", "closed-b", "office-b"})
	}
	h.mu.Lock()
	h.calm, h.calmSince = true, time.Now()
	h.tell("the world goes quiet")
	h.mu.Unlock()
	h.settle()
	h.checkChains()
	h.checkHeard()
	h.swept = true
	if left := time.Until(exemptUntil()); left > -time.Minute {
		h.drive(time.Now().Add(left + time.Minute)) // a sweep before that could not know
	}
	h.sweep(sweeper)
	h.settle()
	h.trySome(sweeper)
	h.check()
	stop()
	h.gate.Open()
	w.aws.Close()
	processes.Wait()
}

// trySome lets days of sweeps pass while a change that failed is still to be made:
// nothing is given up for good.
func (h *history) trySome(sweeper localaws.Handler) {
	for range 5 * 24 {
		if !slices.ContainsFunc(h.w.aws.Clusters(), func(name string) bool {
			c := h.w.cluster(name)
			_, enforced := h.w.law.judge(c, time.Now())
			mails := h.w.mailed(name)
			return enforced && len(mails) > 0 && mails[len(mails)-1] == "failed"
		}) {
			return
		}
		h.drive(time.Now().Add(time.Hour))
		h.sweep(sweeper)
		h.settle()
	}
}

// build puts the account's first clusters there.
func (h *history) build() {
	w := h.w
	w.aws.PutVPC(localaws.VPC{ID: "vpc-1", Subnets: []string{"subnet-1", "subnet-2"}})
	for _, name := range []string{"office-a", "closed-a", "told-a", "partner-a", "exempt-a"} {
		w.put(name, [...]endpoint.Access{closed, office, closed}[h.pick(3)])
	}
	w.aws.PutCluster(localaws.Cluster{Name: "closed-edge", VPC: "vpc-1", Private: true, Public: true, OutpostARNs: []string{"arn:aws:outposts:eu-west-1:111122223333:outpost/op-1"}, CreatedAt: time.Now().Add(-24 * time.Hour)})
	w.aws.PutCluster(localaws.Cluster{Name: "closed-far", VPC: "vpc-1", Public: true, Connector: "OTHER", CreatedAt: time.Now().Add(-24 * time.Hour)})
	w.remember()
	h.lived()
	if h.chance(300) {
		h.held = [...]string{"office-a", "closed-a", "told-a"}[h.pick(3)]
		h.wanted = h.anAccess()
		h.tell("a controller holds %s to %s", h.held, h.wanted)
	}
}

// drive releases calls in a seeded order until a time.
func (h *history) drive(until time.Time) {
	for {
		synctest.Wait()
		if h.w.flooded() {
			h.mu.Lock()
			h.calm = true
			h.mu.Unlock()
		}
		if parked := h.gate.Parked(); len(parked) > 0 {
			h.gate.Release(h.pick(len(parked)))
			continue
		}
		left := time.Until(until)
		if left <= 0 {
			return
		}
		// A poller wakes by itself when its message becomes visible.
		for _, next := range h.next() {
			if next.After(time.Now()) {
				left = min(left, time.Until(next))
			}
		}
		timer := time.NewTimer(left)
		select {
		case <-h.poke:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// settle drives until nothing is left to do.
func (h *history) settle() {
	for range 24 * 6 {
		h.drive(time.Now().Add(10 * time.Minute))
		if len(h.next()) == 0 && h.idle() {
			return
		}
	}
	h.t.Error("the world does not come to rest within a day")
}

// next are the times at which something can begin, as far as that is known.
func (h *history) next() []time.Time {
	var out []time.Time
	for _, f := range h.w.functions {
		if at, ok := f.Next(); ok {
			out = append(out, at)
		}
	}
	return out
}

func (h *history) idle() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.busy == 0
}

// sweeper is the deployed sweep behind a process that can die.
func (h *history) sweeper() localaws.Handler {
	k := &worker{h: h, name: "the sweep", sweeps: true}
	key := guard + "SWEEP"
	h.w.aws.AddRole(key, "endpointguard-sweep", "sweep")
	s, err := function.NewSweeper(settings.Sweep{
		QueueURL: h.w.aws.QueueURL(queueName), Table: tableName, Account: account, Region: region, LogLevel: "error",
	}, steady(h.w.aws.Config(key, k.wrap, h.gate.Wrap, k.arrive)), h.w.log)
	if err != nil {
		h.t.Fatal(err)
	}
	return k.handler([]localaws.Handler{s.Invoke})
}

// sweep starts a sweep, which then runs with everything else.
func (h *history) sweep(sweeper localaws.Handler) {
	ctx := localaws.WithActor(h.t.Context(), "sweep")
	go func() {
		_, _ = sweeper(ctx, []byte("{}"))
	}()
	h.drive(time.Now().Add(time.Second))
}

func (h *history) anAccess() endpoint.Access {
	list := accesses()
	a := list[h.pick(len(list))]
	if h.weather != nil && drawn(h, func(w *weather) bool { return w.chance(250) }) {
		list = apart()
		a = list[drawn(h, func(w *weather) int { return w.pick(len(list)) })]
	}
	return a
}

func accesses() []endpoint.Access {
	return []endpoint.Access{
		closed, world0, halves, office, exposed,
		access(true, true, "198.51.100.0/24", "203.0.113.0/24"), access(true, true, "198.0.0.0/8"), access(true, true, "198.51.100.7/32"),
	}
}

// apart are accesses that hold nothing of what some policies allow.
func apart() []endpoint.Access {
	return []endpoint.Access{
		access(true, true, "192.0.2.0/24", "203.0.113.0/24"), access(true, true, "203.0.113.0/24"),
		access(true, true, "192.0.2.0/24", "198.51.100.0/24"), access(true, false, "192.0.2.0/24"),
	}
}

// act is what somebody does.
func (h *history) act(sweeper localaws.Handler) {
	names := []string{"office-a", "closed-a", "told-a", "partner-a", "exempt-a", "closed-b", "office-b"}
	name := names[h.pick(len(names))]
	who := [...]string{alice, bob}[h.pick(2)]
	_, there := h.w.aws.Cluster(name)
	a := h.anAccess()
	ctx := h.t.Context()
	var what string
	var err error
	switch n := h.pick(26); {
	case !there:
		h.open(who, "creates", name, a, func() error { return h.w.create(who, name, &a) })
		return
	case n == 0:
		what = "deletes " + name
		_, err = h.w.people[who].DeleteCluster(ctx, &eks.DeleteClusterInput{Name: &name})
	case n == 1:
		what = "upgrades " + name
		version := "1.34"
		_, err = h.w.people[who].UpdateClusterVersion(ctx, &eks.UpdateClusterVersionInput{Name: &name, Version: &version})
	case n < 4:
		times := [...]int{1, 1, 4}[h.pick(3)]
		for range times {
			err = errors.Join(err, h.w.aws.FailNextUpdate(name, "IpNotAvailable", "no address left"))
		}
		who, what = "EKS", fmt.Sprintf("will fail the next updates of %s: %d", name, times)
	case n == 4:
		h.tell("the schedule sweeps")
		h.count("the schedule: sweeps")
		h.sweep(sweeper)
		return
	case n < 7:
		what, err = h.tag(ctx, who, name)
	case n == 7:
		l := law(h.pick(3))
		if h.w.law.alerts() {
			l += alertOnly
		}
		h.legislate(l)
		return
	case n == 8:
		h.mu.Lock()
		h.down, h.outage = [...]string{"eks", "dynamodb", "sqs", "sns", "ec2"}[h.rand.IntN(5)], time.Now().Add(time.Duration(1+h.rand.IntN(8))*time.Minute)
		h.counts["a service: goes out"]++
		h.tell("%s is out until %s", h.down, h.outage.UTC().Format(time.TimeOnly))
		h.mu.Unlock()
		return
	case n == 12 && h.chance(300):
		h.mu.Lock()
		h.illegible = time.Now().Add(time.Duration(1+h.rand.IntN(20)) * time.Minute)
		h.troubles++
		h.counts["somebody: breaks the policy"]++
		h.tell("the policy cannot be read until %s", h.illegible.UTC().Format(time.TimeOnly))
		h.mu.Unlock()
		return
	case n == 9:
		bodies := []string{"no JSON at all", `{"endpointguard":99,"wakeUp":{}}`, `{"detail-type":"AWS API Call via CloudTrail","detail":{}}`, `{"endpointguard":1,"wakeUp":{"cluster":"-"}}`}
		body := fmt.Sprintf("%s %d", bodies[h.pick(len(bodies))], len(h.w.poison))
		h.tell("somebody puts on the queue: %s", body)
		h.count("somebody: queues nonsense")
		h.w.poison = append(h.w.poison, body)
		must(h.w, h.w.aws.Send(queueName, body, 0))
		return
	case n == 10:
		v := localaws.VPC{ID: "vpc-1", Subnets: []string{"subnet-1", "subnet-2"}, NoDNSSupport: h.chance(400)}
		h.w.aws.PutVPC(v)
		h.mu.Lock()
		h.counts["somebody: switches the VPC's DNS"]++
		h.cutOff, h.cutAt = v.NoDNSSupport, time.Now()
		h.mu.Unlock()
		what = fmt.Sprintf("switches the VPC's DNS support: %t", !v.NoDNSSupport)
	case n == 11 && h.chance(600):
		d := time.Hour + h.upTo(3*time.Hour)
		what = fmt.Sprintf("works on %s for %s", name, d)
		who = "EKS"
		_, err = h.w.aws.StartUpdate(name, "VersionUpdate", d)
	default:
		h.open(who, "sets", name, a, func() error { return h.w.set(who, name, a) })
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.changes[name]++
		h.troubles++ // as far as times go: what was waited for may be another thing now
	}
	verb, _, _ := strings.Cut(what, " ")
	h.counts["somebody: "+verb]++
	h.tell("%s %s%s", who, what, failed(err))
}

// open is a call that asks for an endpoint access.
func (h *history) open(who, verb, name string, a endpoint.Access, call func() error) {
	h.mu.Lock()
	h.arrival = time.Time{}
	h.mu.Unlock()
	again := verb == "creates" && len(h.claims.looks[name]) > 0
	err := call()
	h.mu.Lock()
	defer h.mu.Unlock()
	if again && err == nil {
		h.counts["somebody: creates again"]++
	}
	h.tell("%s %s %s: %s%s", who, verb, name, a, failed(err))
	if err == nil {
		h.changes[name]++
		h.counts[cmp.Or(map[string]string{terraform: "the controller: "}[who], "somebody: ")+verb]++
		h.claims.asked(h, name)
		if c, ok := h.w.aws.Cluster(name); ok && len(c.Updates) > 0 {
			h.asks[c.Updates[len(c.Updates)-1].ID] = a
		}
	}
}

// control is a round of the controller.
func (h *history) control() {
	c, there := h.w.aws.Cluster(h.held)
	if !there || !h.chance(500) || truth(c).Access.Equal(h.wanted) {
		return
	}
	h.open(terraform, "sets", h.held, h.wanted, func() error { return h.w.set(terraform, h.held, h.wanted) })
}

func (h *history) tag(ctx context.Context, who, name string) (string, error) {
	c, _ := h.w.aws.Cluster(name)
	arn := c.ARN
	h.w.mu.Lock()
	h.w.retag[name] = retagged{time.Now(), c.Tags}
	h.w.mu.Unlock()
	if h.chance(500) {
		_, err := h.w.people[who].UntagResource(ctx, &eks.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"secret"}})
		return "takes the tag secret from " + name, err
	}
	_, err := h.w.people[who].TagResource(ctx, &eks.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"secret": "yes"}})
	return "tags " + name + " as secret", err
}

// legislate puts a policy in force for the invocations that begin from now on.
func (h *history) legislate(l law) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l == h.w.law {
		return
	}
	h.w.law = l
	h.w.mu.Lock()
	h.w.enacted = append(h.w.enacted, enacted{time.Now(), l})
	h.w.mu.Unlock()
	h.claims.legislated = time.Now()
	h.claims.laws++
	h.counts["somebody: changes the policy"]++
	h.troubles++
	h.tell("the %s policy comes into force", l)
}

func failed(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	if i := strings.LastIndex(text, "Exception: "); i >= 0 {
		text = text[i+len("Exception: "):]
	}
	return ", refused: " + text
}

// tale is the history as a story.
func (h *history) tale() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	names := strings.NewReplacer(alice, "alice", bob, "bob", terraform, "the controller")
	var b strings.Builder
	fmt.Fprintf(&b, "  of 1000 calls %d go wrong; updates take %s, creating %s; status late by %s, reads by %s; the brake is at %d\n",
		h.rate, h.options.Durations.EndpointUpdate, h.options.Durations.Create, h.options.StatusLag, h.options.StaleReads, h.w.brake)
	if o := h.options; h.weather != nil {
		fmt.Fprintf(&b, "  lists late by %s, updates by %s, tags by %s; reads skew: %t; repeated tokens: %d, known for %s\n",
			o.ListLag, o.UpdateLag, o.TagLag, o.ReadSkew, o.RepeatedToken, o.TokenMemory)
	}
	for _, l := range h.story {
		fmt.Fprintf(&b, "  %s  %s\n", l.at.UTC().Format(time.TimeOnly), names.Replace(l.text))
	}
	return b.String()
}

// transport of a worker that only says that a call is about to wait.
func (k *worker) arrive(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		k.h.mu.Lock()
		dead := k.dead
		k.h.mu.Unlock()
		if dead {
			return nil, errKilled
		}
		k.h.wake()
		return next.RoundTrip(r)
	})
}
