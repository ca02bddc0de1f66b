package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// messages is what the world notes of the queue: what others put there about
// each cluster, and what may have doubled a message.
type messages struct {
	events  map[string][]time.Time // copies that EventBridge delivered
	sweeps  map[string][]time.Time
	extra   map[string]int // redeliveries, sends whose answer was lost, kills
	runs    []*invocation
	whose   map[string]*invocation // by the SDK's call that is under way
	crowded map[string]bool        // clusters that had too many, which was said
	names   map[string]string      // that messages are about, by their ids
	flooded bool                   // the queue had to be emptied
	doubled map[string]bool        // clusters of which a check sent two, which was said
}

func newMessages() messages {
	return messages{
		events: map[string][]time.Time{}, sweeps: map[string][]time.Time{}, extra: map[string]int{},
		whose: map[string]*invocation{}, crowded: map[string]bool{}, doubled: map[string]bool{}, names: map[string]string{},
	}
}

// invocation is one run of the guardrail, as its calls tell it.
type invocation struct {
	id     string // Lambda's, "" if Lambda knows nothing of it
	about  string // the cluster
	began  time.Time
	killed bool
	failed bool           // it said so itself
	sends  map[string]int // how often SQS took each message of its, by the SDK's call
	lost   int            // of these, how many answers did not get through
	sentAt time.Time      // when SQS took the last
	told   []string       // the updates that EKS answered with, and nothing was written down since
}

// process is a handler with a connection of its own to the AWS. It runs one
// invocation after the other.
type process struct {
	w   *world
	run *invocation // the present one
}

// namedIn finds the cluster that a message is about.
var namedIn = regexp.MustCompile(`"(?:cluster|name|resourceArn)":"(?:arn:[^"]*:cluster/)?([0-9A-Za-z][0-9A-Za-z_-]*)"`)

// about is the name of the cluster that a message is about, "" for none.
func about(body string) string {
	if found := namedIn.FindStringSubmatch(body); found != nil {
		return found[1]
	}
	return ""
}

// concerns is about for a message that may be looked at many times.
func (m *messages) concerns(one localaws.Message) string {
	name, known := m.names[one.ID]
	if !known {
		name = about(one.Body)
		m.names[one.ID] = name
	}
	return name
}

// bodies are those of a batch.
func bodies(event []byte) []string {
	var batch struct {
		Records []struct {
			Body string `json:"body"`
		}
	}
	if json.Unmarshal(event, &batch) != nil {
		return nil
	}
	var out []string
	for _, r := range batch.Records {
		out = append(out, r.Body)
	}
	return out
}

// handler notes each invocation of a handler.
func (p *process) handler(h localaws.Handler) localaws.Handler {
	return func(ctx context.Context, event []byte) ([]byte, error) {
		run := &invocation{began: time.Now(), sends: map[string]int{}}
		if lc, ok := lambdacontext.FromContext(ctx); ok {
			run.id = lc.AwsRequestID
		}
		if list := bodies(event); len(list) > 0 {
			run.about = about(list[0])
		}
		p.w.mu.Lock()
		p.run = run
		p.w.messages.runs = append(p.w.messages.runs, run)
		p.w.mu.Unlock()
		answer, err := h(ctx, event)
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		run.failed = err != nil || bytes.Contains(answer, []byte(`"itemIdentifier"`))
		for _, id := range run.told {
			delete(p.w.heard, id) // neither the table nor the queue took what it knew
		}
		p.run = nil
		return answer, err
	}
}

// wrap, the outermost of the process's transport, notes what gets through.
func (p *process) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		id, w := r.Header.Get("Amz-Sdk-Invocation-Id"), p.w
		w.mu.Lock()
		run := p.run
		if run == nil {
			w.mu.Unlock()
			return next.RoundTrip(r)
		}
		w.messages.whose[id] = run
		before := run.sends[id]
		w.mu.Unlock()
		answer, err := next.RoundTrip(r)
		through := err == nil && answer.StatusCode == http.StatusOK && answer.Header.Get(cutShort) == ""
		if through && strings.HasSuffix(r.URL.Path, "/update-config") {
			w.answered(run, answer)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if through && keeps(r) {
			run.told = nil
		}
		if run.sends[id] > before && !through {
			run.lost++
			w.messages.extra[run.about]++
		}
		if errors.Is(err, errKilled) && !run.killed {
			run.killed = true
			w.messages.extra[run.about]++
		}
		return answer, err
	})
}

// answered notes the update that an answer tells an invocation of.
func (w *world) answered(run *invocation, answer *http.Response) {
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	var told struct {
		Update struct {
			ID string `json:"id"`
		} `json:"update"`
	}
	if json.Unmarshal(body, &told) == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.heard[told.Update.ID] = time.Now()
		run.told = append(run.told, told.Update.ID)
	}
}

// keeps reports whether a call is one by which a process remembers: it writes to the
// table, or puts a message on the queue.
func keeps(r *http.Request) bool {
	target := r.Header.Get("X-Amz-Target")
	return strings.HasSuffix(target, ".PutItem") || strings.HasSuffix(target, ".SendMessage")
}

// delivered notes an event of which copies come to the queue.
func (w *world) delivered(event []byte, delays []time.Duration) {
	matches := false
	for _, pattern := range w.patterns {
		ok, err := localaws.MatchPattern(pattern, event)
		matches = matches || ok && err == nil
	}
	if !matches {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	name := about(string(event))
	for range delays {
		w.messages.events[name] = append(w.messages.events[name], time.Now())
	}
	var told struct {
		Detail struct {
			Elements struct {
				Update struct {
					ID string `json:"id"`
				} `json:"update"`
			} `json:"responseElements"`
		} `json:"detail"`
	}
	if json.Unmarshal(event, &told) == nil && len(delays) > 0 {
		if id := told.Detail.Elements.Update.ID; id != "" {
			w.announced[id] = time.Now().Add(slices.Min(delays))
		}
	}
}

// sent notes what a call put on the queue. The caller holds w.mu.
func (w *world) sent(c localaws.Call) {
	if c.Service != "sqs" || c.Error != "" {
		return
	}
	if _, ours := w.guards[c.AccessKeyID]; !ours {
		entries, _ := c.Params["Entries"].([]any)
		for _, entry := range entries {
			e, _ := entry.(map[string]any)
			body, _ := e["MessageBody"].(string)
			w.messages.sweeps[about(body)] = append(w.messages.sweeps[about(body)], c.Time)
		}
		return
	}
	body, _ := c.Params["MessageBody"].(string)
	if run := w.messages.whose[c.ID]; run != nil && body != "" {
		run.sends[c.ID]++
		run.sentAt = c.Time
		if n := len(run.sends); n == 2 && !w.messages.doubled[run.about] {
			w.messages.doubled[run.about] = true
			w.broken("one check of %s sends a second message", run.about)
		}
	}
	w.crowd(about(body))
}

// So many messages too many, or so many however they are explained, are the end
// of a history.
const (
	flood = 20
	sea   = 50
)

// crowd: however long things go wrong, the messages about a cluster stay few.
// The caller holds w.mu.
func (w *world) crowd(name string) {
	if name == "" || len(w.lives[name]) == 0 {
		return
	}
	n := 0
	for _, m := range w.aws.Messages(queueName) {
		if w.messages.concerns(m) == name {
			n++
		}
	}
	within := func(list []time.Time, d time.Duration) (n int) {
		for _, at := range list {
			if time.Since(at) <= d {
				n++
			}
		}
		return n
	}
	told, swept, extra := within(w.messages.events[name], 24*time.Hour), within(w.messages.sweeps[name], time.Hour), w.messages.extra[name]
	// One in the hands of each process is there beside what its check leaves.
	most := 2 + 2 + told + swept + extra
	if n > most && !w.messages.crowded[name] {
		w.messages.crowded[name] = true
		w.broken("%d messages about %s are in the queue; %d events of the last day, %d sweeps of the last hour and %d mishaps explain %d",
			n, name, told, swept, extra, most)
	}
	if n > most+flood || n > sea {
		// Messages that multiply would never end; the history is lost anyway.
		w.aws.Purge(queueName)
		w.messages.flooded = true
		w.broken("the messages about %s multiply; the queue was emptied", name)
	}
}

// checkCrowds is crowd for every cluster that there ever was.
func (w *world) checkCrowds() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name := range w.lives {
		w.crowd(name)
	}
}

// checkRuns: who fails leaves its own message to be delivered again, and no
// other beside it.
func (w *world) checkRuns() {
	lambda := map[string]localaws.Invocation{}
	for _, f := range w.functions {
		for _, i := range f.Invocations() {
			lambda[i.ID] = i
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	bad := 0
	for _, run := range w.messages.runs {
		failed, how := run.failed, "said that it failed"
		if i, ok := lambda[run.id]; ok && run.id != "" {
			failed = i.Error != "" || len(i.Failed) > 0
			if i.Error != "" {
				how = i.Error[strings.Index(i.Error, " ")+1:]
			}
		}
		if !failed || run.killed || run.lost > 0 || len(run.sends) == 0 {
			continue
		}
		// What SQS takes in the very second in which Lambda ends the invocation, nobody
		// can know of.
		if run.sentAt.Sub(run.began) >= timeout-time.Second {
			continue
		}
		if bad++; bad == 1 {
			w.broken("the check of %s that began at %s sent a message, and its own comes back: %s", run.about, run.began.UTC().Format(time.TimeOnly), how)
		}
	}
	if bad > 1 {
		w.broken("so did %d more", bad-1)
	}
}

// flooded reports whether the queue had to be emptied.
func (w *world) flooded() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.messages.flooded
}
