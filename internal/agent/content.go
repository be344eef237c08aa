package agent

import (
	"context"
	"errors"
	"log/slog"

	"github.com/freshet-vod/freshet"
)

// errReplaced ends a life whose cache has other content than it had at the
// start of that life: the next one finds out what the new content is owed.
var errReplaced = errors.New("the cache has other content than before")

// watchContent notices when the cache loses or replaces its content while the
// agent runs, such as when a cache in memory is restarted, or its folder is
// restored from an older copy. What it holds then must be judged as at a start
// (P5). It looks now and then; a cursor that is written meanwhile is the
// driver's to refuse.
func (l *life) watchContent(ctx context.Context, known string) {
	for sleep(ctx, l.o.TopologyEvery) {
		incarnation, err := l.o.Driver.Incarnation(ctx)
		if err != nil {
			continue // a cache that does not answer is seen by everything else too
		}
		var cursor freshet.Position
		written := *l.written.Load() // before the cursor is read, which only grows
		if l.powers.KeepsCursor {
			if cursor, err = l.o.Driver.ReadCursor(ctx); err != nil {
				continue
			}
		}
		if incarnation != known || l.powers.KeepsCursor && cursor.Before(written) {
			l.replaced(ctx)
			return
		}
	}
}

// replaced ends the life.
func (l *life) replaced(ctx context.Context) {
	l.log.LogAttrs(ctx, slog.LevelWarn, "cache has other content than before, beginning anew with what it is owed")
	l.end(errReplaced)
}
