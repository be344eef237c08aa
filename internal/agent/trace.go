package agent

import (
	"context"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/trace"
)

// tracedItems is how many objects of one prefetch are recorded one by one: each
// is a call of its own, and a film has thousands.
const tracedItems = 16

// traceEntry begins the span of all that is done here about an entry, from its
// reading until its last item is answered. The end of the process loses it.
func (l *life) traceEntry(e *freshet.Entry) *trace.Span {
	if l.o.Tracer == nil || e.TargetIndex(l.o.POP) < 0 {
		return nil
	}
	s := l.o.Tracer.Continue(e.Trace, trace.Deliver, time.Time{})
	s.Str(trace.POP, l.o.POP)
	s.Str(trace.Job, e.Job)
	s.Str(trace.Type, e.Kind.String())
	s.Str(trace.Position, e.At.String())
	s.Int(trace.URLs, e.Len())
	return s
}

// traceFact marks the span of an entry of which an item failed.
func traceFact(s *trace.Span, f *freshet.Fact) {
	if s != nil && f.Outcome == freshet.OutcomeFailed {
		s.Fail(f.Reason.String())
	}
}

// spanAt is the span of the entry at a position that names the object.
func (o *object) spanAt(at freshet.Position) *trace.Span {
	for _, r := range o.refs {
		if r.w.entry.At == at && r.w.span != nil {
			return r.w.span
		}
	}
	return nil
}

// traced returns a context in which the first objects of a prefetch are
// recorded.
func (s wish) traced(ctx context.Context) context.Context {
	if s.item >= tracedItems {
		return ctx
	}
	return s.p.span.In(ctx)
}

// traceCall ends the span of a purge.
func traceCall(s *trace.Span, o cache.Order, results []cache.Result) {
	if s == nil {
		return
	}
	if o.Selector.Kind == freshet.SelectExact && len(o.Selector.URLs) > 0 {
		s.URL(trace.Link, o.Selector.URLs[0])
	}
	s.Str(trace.Position, o.At.String())
	traceResults(s, results)
	s.End(nil)
}

// traceResults says how many objects a call was about, and how it ended.
func traceResults(s *trace.Span, results []cache.Result) {
	if s == nil {
		return
	}
	s.Int(trace.URLs, len(results))
	for i := range results {
		if r := &results[i]; r.Outcome != freshet.OutcomeDone && r.Outcome != freshet.OutcomeAlready {
			s.Fail(r.Reason.String())
			return
		}
	}
}
