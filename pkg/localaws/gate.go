package localaws

import (
	"context"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/gate"
)

// Gate makes the order of concurrent calls a decision of the test: every call
// waits in it until it is released. A driver waits until nothing moves
// (synctest.Wait), picks one of Parked by a seeded choice, releases it, and
// starts again.
type Gate = gate.Gate

// NewGate returns a closed gate.
func NewGate() *Gate { return gate.New() }

// WithActor names who makes the calls of a context; the name is the first
// word of its calls' labels in a gate.
func WithActor(ctx context.Context, name string) context.Context { return gate.WithActor(ctx, name) }
