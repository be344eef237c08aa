package agent

import (
	"context"
	"log/slog"

	"github.com/freshet-vod/freshet"
)

// watchContent notices when the cache loses or replaces its content while the
// agent runs, such as when a cache in memory is restarted. What it holds then
// is of unknown age and must revalidate (P5).
func (l *life) watchContent(ctx context.Context, known string) {
	for sleep(ctx, l.o.TopologyEvery) {
		incarnation, err := l.o.Driver.Incarnation(ctx)
		if err != nil || incarnation == known {
			continue // a cache that does not answer is seen by everything else too
		}
		l.log.LogAttrs(ctx, slog.LevelWarn, "cache has other content than before",
			slog.String("incarnation", incarnation), slog.String("before", known))
		if l.flush(ctx) != nil {
			return
		}
		var cursor freshet.Position
		if l.powers.KeepsCursor {
			if cursor, err = l.o.Driver.ReadCursor(ctx); err != nil {
				continue
			}
		}
		known = incarnation
		l.post(ctx, func() {
			l.ledger.incarnation = incarnation
			l.ledger.written = cursor // below the watermark: it is written anew
			l.ledger.urgent = true
		})
	}
}
