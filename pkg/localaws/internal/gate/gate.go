// Package gate makes the order of concurrent calls a decision of the test. Start
// with [New].
package gate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// Gate makes the order of concurrent calls a decision of the test: every call
// waits in it until it is released. A driver waits until nothing moves
// (synctest.Wait), picks one of Parked by a seeded choice, releases it, and
// starts again.
type Gate struct {
	mu      sync.Mutex
	arrived int
	parked  []*parked
	open    bool
}

type parked struct {
	label   string
	arrival int
	release chan struct{}
}

// New returns a closed gate.
func New() *Gate { return &Gate{} }

type actorKey struct{}

// WithActor names who makes the calls of a context; the name is the first
// word of its calls' labels in a gate.
func WithActor(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, actorKey{}, name)
}

// Wrap returns a round tripper whose calls wait in the gate before they go on
// to next. Its signature is that of Config's wraps.
func (g *Gate) Wrap(next http.RoundTripper) http.RoundTripper {
	return gated{gate: g, next: next}
}

type gated struct {
	gate *Gate
	next http.RoundTripper
}

func (t gated) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	sum := sha256.Sum256(body)
	seen := wire.Identify(r, body)
	label := fmt.Sprintf("%s %s:%s %s %x", seen.AccessKeyID, seen.Service, seen.Operation, r.URL.RequestURI(), sum[:6])
	if err := t.gate.Park(r.Context(), label); err != nil {
		return nil, err
	}
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	return t.next.RoundTrip(again)
}

// Park waits in the gate under a label until it is released or the context
// ends; then it returns the context's error. The actor of the context is put
// in front of the label.
func (g *Gate) Park(ctx context.Context, label string) error {
	if actor, ok := ctx.Value(actorKey{}).(string); ok {
		label = actor + " " + label
	}
	g.mu.Lock()
	if g.open {
		g.mu.Unlock()
		return ctx.Err()
	}
	g.arrived++
	p := &parked{label: label, arrival: g.arrived, release: make(chan struct{})}
	g.parked = append(g.parked, p)
	g.mu.Unlock()

	select {
	case <-p.release:
		return ctx.Err()
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		g.parked = slices.DeleteFunc(g.parked, func(q *parked) bool { return q == p })
		return ctx.Err()
	}
}

// Parked returns the labels of what waits, sorted, so that a pick by index
// does not depend on the order of arrival. Only calls with the same label,
// which ask the same thing, are told apart by their arrival.
func (g *Gate) Parked() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sort()
	labels := make([]string, len(g.parked))
	for i, p := range g.parked {
		labels[i] = p.label
	}
	return labels
}

// Release lets the i-th of Parked go on, and reports whether there was one.
func (g *Gate) Release(i int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i < 0 || i >= len(g.parked) {
		return false
	}
	g.sort()
	close(g.parked[i].release)
	g.parked = slices.Delete(g.parked, i, i+1)
	return true
}

// Open lets everything go on, now and from now on.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = true
	for _, p := range g.parked {
		close(p.release)
	}
	g.parked = nil
}

func (g *Gate) sort() {
	slices.SortFunc(g.parked, func(a, b *parked) int {
		if c := strings.Compare(a.label, b.label); c != 0 {
			return c
		}
		return a.arrival - b.arrival
	})
}
