package audit

import (
	"context"
	"log/slog"
	"time"
)

// pruneEvery is how often old records are looked for. A look that deleted
// pruneMore or more is followed by another at once.
const (
	pruneEvery = time.Hour
	pruneMore  = 1000
)

// Keep deletes records that are older than a span, now and every hour, until
// ctx ends.
func (t *Trail) Keep(ctx context.Context, span time.Duration, log *slog.Logger) error {
	for {
		n, err := t.store.PruneAudit(ctx, time.Now().Add(-span))
		if err != nil && ctx.Err() == nil {
			log.LogAttrs(ctx, slog.LevelError, "old audit records could not be deleted", slog.Any("error", err))
		}
		pause := pruneEvery
		if n >= pruneMore {
			pause = time.Second
		}
		wait := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case <-wait.C:
		}
	}
}
