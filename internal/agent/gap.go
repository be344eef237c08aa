package agent

import (
	"context"
	"log/slog"

	"github.com/freshet-vod/freshet"
)

// crossGap goes on where the log begins, if that is later than where this POP
// stopped: it was away for longer than the log is replayed, or its disk is an
// older copy. Which objects were purged meanwhile nobody tells it, so its whole
// cache must revalidate (P5). That stands in the queue in place of the purges
// that it missed, and like them it waits for the parents: what is revalidated
// at one that is behind itself would be as old as before.
//
// What lasts, changes of membership and of the deny list, was told and read
// before. Prefetches that were missed are worth nothing any more. The control
// plane has recorded both as not done.
func (l *life) crossGap(s *subject) {
	at := s.gap
	if !s.cursor.Before(at) {
		s.gap = freshet.Position{}
		return
	}
	l.log.Warn("the log begins after what this POP has read: its cache must revalidate all that it holds",
		slog.String("subject", s.name), slog.String("read", s.cursor.String()), slog.String("begins_after", at.String()))
	s.cursor, s.gap = at, freshet.Position{}
	l.reader.known = freshet.Later(l.reader.known, at)
	l.ledger.lazy = true
	if s.name != freshet.SubjectPurge {
		return
	}
	l.purges.queue = append(l.purges.queue, &work{
		entry: &freshet.Entry{At: at, Kind: freshet.EntryPurge}, left: 1, size: workSize, flush: true,
	})
	l.purges.bytes += workSize
	l.mustReach(at)
}

// startFlushWork makes the cache revalidate in place of purges that this POP was
// not told of: it was away for too long, or no member in between. It waits for
// the parents, and the watermark waits for it. False: not yet.
func (l *life) startFlushWork(ctx context.Context, w *work) bool {
	bypassed, ok := l.passes(w.entry.At)
	if !ok {
		return false
	}
	for _, p := range bypassed {
		// Back and past it, the parent is asked again for all that it gave meanwhile.
		l.redos.mark(p, w.entry.At)
		l.redos.look, l.ledger.lazy = true, true
	}
	l.work(ctx, func() func() {
		err := l.flush(ctx)
		return func() {
			if err == nil {
				w.left = 0
				l.flushed()
				l.advance()
			}
		}
	})
	return true
}
