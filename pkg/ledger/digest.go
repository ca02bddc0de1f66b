package ledger

import (
	"context"

	"github.com/endpointguard/endpointguard/pkg/digest"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// LoadDigest reads which digest was sent last, with strong consistency; one that
// was never written is empty.
func (l *Ledger) LoadDigest(ctx context.Context) (digest.Sent, error) {
	var s digest.Sent
	if there, err := l.loadItem(ctx, digestSent, &s, &s.Schema); !there {
		return digest.Sent{Schema: incident.Schema}, err
	}
	return s, nil
}

// SaveDigest writes it over the version that it carries, and returns it as
// written. trouble.LostRace says that the version in the table is another.
func (l *Ledger) SaveDigest(ctx context.Context, s digest.Sent) (digest.Sent, error) {
	read := s.Version
	s.Version++
	return s, l.saveItem(ctx, digestSent, s, read)
}
