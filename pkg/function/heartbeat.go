package function

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/endpointguard/endpointguard/pkg/heartbeat"
	"github.com/endpointguard/endpointguard/pkg/sweep"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// maxNamed is how many clusters that are not seen a heartbeat's line names.
const maxNamed = 20

// beat writes the heartbeat of a sweep that listed and woke all: a line and a metric,
// whose absence is an alarm. A sweep that did not says so itself.
func (s *Sweeper) beat(ctx context.Context, began time.Time, report sweep.Report) error {
	last, err := s.ledger.LoadHeartbeat(ctx)
	if err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	records, err := s.ledger.All(ctx)
	unreadable, err := countUnreadable(err)
	if err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	h, next := heartbeat.Take(last, heartbeat.Sweep{At: began, Over: report.Over, Listed: report.Listed}, records, unreadable)
	// Of two sweeps at once either may be the one that is remembered.
	if err := s.ledger.SaveHeartbeat(ctx, next); err != nil && trouble.Of(err) != trouble.LostRace {
		return fmt.Errorf("heartbeat: %w", err)
	}
	level, attrs := slog.LevelInfo, []slog.Attr{
		slog.String("version", Version), slog.String("policy", s.policy), slog.String("mode", s.mode),
		slog.Int("listed", h.Listed), slog.Int("judged", h.Judged), slog.Int("inTrouble", h.InTrouble),
		slog.Int("standing", h.Standing), slog.Int("open", h.Open), slog.Int("mailsOwed", h.Owed), slog.Int("unseen", len(h.Unseen)),
	}
	values := map[string]float64{MetricHeartbeat: 1}
	if len(h.Unseen) > 0 {
		level = slog.LevelError
		attrs = append(attrs, slog.Any("unseenClusters", h.Unseen[:min(len(h.Unseen), maxNamed)]))
		values[MetricUnseen] = float64(len(h.Unseen))
	}
	if h.Unreadable > 0 {
		level = slog.LevelError
		attrs = append(attrs, slog.Int("unreadableRecords", h.Unreadable))
	}
	s.log.LogAttrs(ctx, level, "heartbeat", attrs...)
	if err := emit(s.out, s.name, []string{DimensionFunction}, nil, values); err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	return nil
}
