package simulation

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// worker is a process that can die, and whose calls can go wrong.
type worker struct {
	h     *history
	name  string
	dead  bool
	mute  bool   // a message of its invocation could not be sent
	about string // the cluster that its invocation is about
	began time.Time
	f     *localaws.Function // that it runs, nil for the sweep
	// sweeps is set in the sweep's process, whose role is another.
	sweeps bool
	// vpc tells of each read of the VPC in this invocation whether its last
	// answer got through.
	vpc map[string]bool
}

// blind reports whether a fact about the VPC that a lockout check needs is unknown
// to the process.
func (k *worker) blind() bool {
	for read, ok := range k.vpc {
		if !ok && !strings.Contains(read, "DescribeSecurityGroup") {
			return true
		}
	}
	return false
}

// reach makes the call, as what the AWS tells of next.
func (k *worker) reach(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	k.h.mu.Lock()
	k.h.acting = k
	k.h.mu.Unlock()
	return next.RoundTrip(r)
}

// reads notes whether the answer to a read of the VPC gets through.
func (k *worker) reads(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	if serviceOf(r) != "ec2" || r.Body == nil {
		return k.deal(next, r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer, err := k.deal(next, r)
	ok := err == nil && answer.StatusCode == http.StatusOK && answer.Header.Get(cutShort) == ""
	k.h.mu.Lock()
	defer k.h.mu.Unlock()
	if k.vpc == nil {
		k.vpc = map[string]bool{}
	}
	k.vpc[string(body)] = ok
	return answer, err
}

// cutShort marks an answer that breaks off, for nobody but the claims.
const cutShort = "X-Cut-Short"

var (
	errNoAnswer  = errors.New("connection reset by peer")
	errIllegible = errors.New("the process does not start")
)

// clusterNamed finds the cluster in a message, which is escaped once or twice.
var clusterNamed = regexp.MustCompile(`\\"(?:cluster|name|resourceArn)\\+":\\+"(?:arn:[^"]*:cluster/)?([0-9A-Za-z_-]+)\\`)

// handler runs an invocation with the handler of the policy that is in force.
func (k *worker) handler(handlers []localaws.Handler) localaws.Handler {
	return func(ctx context.Context, event []byte) ([]byte, error) {
		h := k.h
		h.mu.Lock()
		h.busy++
		k.dead, k.mute, k.about, k.began, k.vpc = false, false, "", time.Now(), nil
		if found := clusterNamed.FindSubmatch(event); found != nil {
			k.about = string(found[1])
		}
		n := min(int(h.w.law), len(handlers)-1)
		if h.w.law.alerts() && len(handlers) == int(alertOnly) {
			n = int(h.w.law % alertOnly)
		}
		legible := time.Now().After(h.illegible)
		again := !h.calm && h.rate > 0 && h.rand.IntN(1000) < 20
		delay := time.Duration(h.rand.IntN(300)) * time.Second
		h.mu.Unlock()
		if again && len(handlers) > 1 {
			h.count("messages: delivered again")
			h.redeliver(event, delay)
		}
		k.twice(ctx)
		var answer []byte
		err := errIllegible
		if legible || len(handlers) == 1 {
			answer, err = handlers[n](ctx, event)
		} else if _, news := h.w.handlerOf(guardKey(companys), "version: 1\nrules: [{"); news == nil {
			h.w.fault("never 8: the guardrail starts with a policy that cannot be read")
		}
		h.wake()
		h.mu.Lock()
		defer h.mu.Unlock()
		h.busy--
		h.w.ended(event, k.about, !k.dead && !k.mute && !errors.Is(err, errIllegible))
		if k.dead {
			return nil, errKilled
		}
		return answer, err
	}
}

// ended notes whether a delivery came to its end.
func (w *world) ended(event []byte, cluster string, well bool) {
	var batch struct {
		Records []struct {
			MessageID string `json:"messageId"`
		}
	}
	if json.Unmarshal(event, &batch) != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range batch.Records {
		if well {
			w.done[r.MessageID] = true
			continue
		}
		w.failures[r.MessageID]++
		w.orphans[cluster] = w.orphans[cluster] || w.done[r.MessageID]
	}
}

// redeliver puts an invocation's message on the queue once more.
func (h *history) redeliver(event []byte, delay time.Duration) {
	var batch struct {
		Records []struct {
			Body string `json:"body"`
		}
	}
	if json.Unmarshal(event, &batch) != nil {
		return
	}
	for _, r := range batch.Records {
		// A copy of what is unreadable would have to be counted, too.
		if !strings.Contains(strings.Join(h.w.poison, "\n"), r.Body) {
			h.w.mu.Lock()
			h.w.messages.extra[about(r.Body)]++
			h.w.mu.Unlock()
			must(h.w, h.w.aws.Send(queueName, r.Body, delay))
		}
	}
}

func (k *worker) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) { return k.reads(next, r) })
}

// deal makes the call, or deals it a fault.
func (k *worker) deal(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	h := k.h
	h.mu.Lock()
	dead, n, kind, delay := k.dead, h.rand.IntN(1000), h.rand.IntN(10), time.Duration(1+h.rand.IntN(30))*time.Second
	wrong := !h.calm && n < h.rate
	out := !h.calm && time.Now().Before(h.outage) && serviceOf(r) == h.down && n < 700
	overtake := !h.calm && h.rate > 0 && !dead && strings.HasSuffix(r.URL.Path, "/update-config")
	h.mu.Unlock()
	if overtake {
		h.overtake(k.about)
	}
	if !dead {
		if answer, done, err := k.suffersWeather(next, r); done {
			return answer, err
		}
	}
	switch {
	case dead:
		return nil, errKilled
	case out:
		k.suffers(r, "")
		return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	case !wrong:
		answer, err := k.reach(next, r)
		if err != nil {
			return answer, err
		}
		return k.seen(r, answer)
	}
	switch kind {
	case 0:
		k.die("before", r)
		return nil, errKilled
	case 1:
		k.drain(next, r)
		k.die("right after", r)
		return nil, errKilled
	case 2:
		k.suffers(r, "the connection breaks before")
		return nil, errNoAnswer
	case 3:
		k.drain(next, r)
		k.suffers(r, "the answer is lost of")
		return nil, errNoAnswer
	case 4:
		answer, err := k.reach(next, r)
		if err != nil {
			return nil, err
		}
		k.suffers(r, "the answer is cut short of")
		body, _ := io.ReadAll(answer.Body)
		answer.Body = io.NopCloser(bytes.NewReader(body[:len(body)/2]))
		answer.Header.Set(cutShort, "yes")
		return answer, nil
	case 5:
		k.suffers(r, delay.String()+" pass before")
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
		answer, err := k.reach(next, r)
		if err != nil {
			return answer, err
		}
		return k.seen(r, answer)
	case 6:
		k.suffers(r, "throttled:")
		h.w.aws.Inject(localaws.Fault{Status: http.StatusTooManyRequests})
		return k.reach(next, r)
	case 7:
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".PutItem") {
			k.suffers(r, "a race is lost:")
			k.forgets("PutItem")
			h.w.aws.Inject(localaws.Fault{Service: "dynamodb", Status: http.StatusBadRequest, Type: "ConditionalCheckFailedException", Message: "The conditional request failed"})
			return k.reach(next, r)
		}
		fallthrough
	default:
		k.suffers(r, "fails:")
		return &http.Response{StatusCode: [...]int{500, 503}[n%2], Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	}
}

// overtake begins another change of a cluster right before the guardrail's, at
// times: EKS then refuses the guardrail's.
func (h *history) overtake(name string) {
	switch n := h.pick(16); n {
	case 0:
		d := time.Minute + h.upTo(4*time.Minute)
		_, err := h.w.aws.StartUpdate(name, "VersionUpdate", d)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.troubles++
		if err == nil {
			h.changes[name]++
		}
		h.tell("EKS begins to work on %s for %s%s", name, d, failed(err))
	case 1:
		a := h.anAccess()
		h.open(bob, "sets", name, a, func() error { return h.w.set(bob, name, a) })
	}
}

// drain makes a call whose answer does not get through.
func (k *worker) drain(next http.RoundTripper, r *http.Request) {
	if answer, err := k.reach(next, r); err == nil {
		_ = answer.Body.Close()
	}
}

// serviceOf reads the service out of the signature's scope.
func serviceOf(r *http.Request) string {
	parts := strings.SplitN(r.Header.Get("Authorization"), "/", 5)
	if len(parts) < 5 {
		return ""
	}
	return parts[3]
}

func callOf(r *http.Request) string {
	target := r.Header.Get("X-Amz-Target")
	_, op, _ := strings.Cut(target, ".")
	if op == "" && serviceOf(r) == "eks" {
		op = r.Method + " " + r.URL.Path
	}
	return strings.TrimSpace(serviceOf(r) + " " + op)
}

// suffers counts what goes wrong, against the cluster that it is about.
func (k *worker) suffers(r *http.Request, what string) {
	k.h.mu.Lock()
	defer k.h.mu.Unlock()
	k.h.troubles++
	k.h.harmed[k.about]++
	k.mute = k.mute || serviceOf(r) == "sqs"
	if serviceOf(r) == "sns" {
		k.h.w.mu.Lock()
		k.h.w.late = true
		k.h.w.mu.Unlock()
	}
	if what == "refused:" {
		k.h.counts["refused: "+serviceOf(r)]++
	}
	kind := what
	if i := strings.Index(what, " pass "); i > 0 {
		kind = what[i+1:]
	}
	k.h.counts["calls: "+strings.TrimRight(cmp.Or(kind, "the service is out"), ":")]++
	if what != "" {
		k.h.tell("%s, about %s: %s %s", k.name, k.about, what, callOf(r))
	}
}

func (k *worker) die(when string, r *http.Request) {
	k.suffers(r, "killed "+when)
	k.h.mu.Lock()
	defer k.h.mu.Unlock()
	k.dead = true
	k.lose()
}

// lose takes the looks of the present invocation so far for lost. The caller holds h.mu.
func (k *worker) lose() {
	k.h.w.mu.Lock()
	for id, at := range k.h.w.heard {
		if !at.Before(k.began) && !at.After(time.Now()) {
			delete(k.h.w.heard, id) // an answer that nobody remembers
		}
	}
	k.h.w.mu.Unlock()
	for _, looks := range k.h.claims.looks {
		for i := range looks {
			looks[i].lost = looks[i].lost || looks[i].by == k && !looks[i].at.Before(k.began)
		}
	}
}
