package ledger

import (
	"context"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// LoadBrake reads the brake, with strong consistency; one that was never written
// is empty.
func (l *Ledger) LoadBrake(ctx context.Context) (brake.State, error) {
	var b brake.State
	if there, err := l.loadItem(ctx, brakeKey, &b, &b.Schema); !there {
		return brake.State{Schema: incident.Schema}, err
	}
	return b, nil
}

// SaveBrake writes the brake over the version that it carries. trouble.LostRace
// says that the version in the table is another.
func (l *Ledger) SaveBrake(ctx context.Context, b brake.State) error {
	read := b.Version
	b.Version++
	return l.saveItem(ctx, brakeKey, b, read)
}
