package ledger

import (
	"context"

	"github.com/endpointguard/endpointguard/pkg/heartbeat"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// LoadHeartbeat reads what is remembered of the last sweep, with strong consistency;
// of none it is empty.
func (l *Ledger) LoadHeartbeat(ctx context.Context) (heartbeat.Memory, error) {
	var m heartbeat.Memory
	if there, err := l.loadItem(ctx, beat, &m, &m.Schema); !there {
		return heartbeat.Memory{Schema: incident.Schema}, err
	}
	return m, nil
}

// SaveHeartbeat writes it over the version that it carries. trouble.LostRace says that
// the version in the table is another.
func (l *Ledger) SaveHeartbeat(ctx context.Context, m heartbeat.Memory) error {
	read := m.Version
	m.Version++
	return l.saveItem(ctx, beat, m, read)
}
