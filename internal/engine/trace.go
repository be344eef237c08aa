package engine

import (
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/trace"
)

// tracePush begins a span for each entry that is traced, nearly always none.
func (e *Engine) tracePush(entries []*freshet.Entry) []*trace.Span {
	if e.o.Tracer == nil {
		return nil
	}
	var spans []*trace.Span
	for _, entry := range entries {
		s := e.o.Tracer.Continue(entry.Trace, trace.Push, time.Time{})
		if s == nil {
			continue
		}
		s.Str(trace.Job, entry.Job)
		s.Str(trace.Position, entry.At.String())
		s.Int(trace.URLs, entry.Len())
		spans = append(spans, s)
	}
	return spans
}

// traceEvidence records what was said of a traced entry: when it came, when it
// was on disk, and until it was folded, which is now.
func (e *Engine) traceEvidence(meta *entryMeta, msg *store.Received, facts freshet.EntryFacts, stored time.Time) {
	if e.o.Tracer == nil || meta.Trace.IsZero() {
		return
	}
	s := e.o.Tracer.Continue(meta.Trace, trace.Evidence, msg.ReceivedAt)
	s.Str(trace.POP, msg.POP)
	s.Str(trace.Job, meta.Job)
	s.Str(trace.Position, facts.At.String())
	s.Int(trace.URLs, len(facts.Facts))
	e.o.Tracer.Continue(s.At(), trace.Fold, stored).End(nil)
	s.End(nil)
}
