package agent

import (
	"context"
	"errors"
	"log/slog"
	"time"

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
	failed := 0
	for sleep(ctx, l.nextLook(failed)) {
		incarnation, err := l.o.Driver.Incarnation(ctx)
		l.cacheAway.Store(err != nil)
		if err != nil {
			failed++
			continue // whoever works with the cache sees it too
		}
		failed = 0
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

// nextLook is how long to wait before the cache is looked at. One that did not
// answer is looked at more often: viewers may be sent to it when it is back.
func (l *life) nextLook(failed int) time.Duration {
	if failed == 0 {
		return l.o.TopologyEvery
	}
	return min(l.pause(failed), l.o.TopologyEvery)
}

// replaced ends the life.
func (l *life) replaced(ctx context.Context) {
	l.log.LogAttrs(ctx, slog.LevelWarn, "cache has other content than before, beginning anew with what it is owed")
	l.end(errReplaced)
}
