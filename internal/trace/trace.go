// Package trace records where the time of a request goes, from the call to the
// caches, as spans in the sense of OpenTelemetry.
//
// A span travels in the context; [Start] makes a child of it, and costs nothing
// where nobody records. Between processes, and over the time that work waits
// in the store, a [freshet.Trace] stands for it. The package must not know what
// is recorded nor who is told: package otlp sends finished spans to a collector,
// package app joins the two, and everybody else calls Start. If it is wrong,
// operators look for time where it was not spent; nothing else depends on it.
//
// Attributes never hold secrets: URLs go through [Span.URL], which cuts
// signatures off.
package trace

import (
	"context"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/freshet-vod/freshet"
)

// scope names the instrumentation in what is recorded.
const scope = "github.com/freshet-vod/freshet"

// header is that of W3C Trace Context.
const header = "Traceparent"

// Tracer begins traces, and takes them up again where they come from outside
// the process or out of the store. A nil Tracer records nothing.
type Tracer struct {
	tracer trace.Tracer
	caches bool
}

// Options configure a Tracer.
type Options struct {
	// Sample is the share of requests that are recorded of those whose caller
	// does not say, from 0 to 1. A caller who says is heard.
	Sample float64
	// Caches says that caches are told the trace too, in requests that drivers
	// make of them.
	Caches bool
	// Spans takes in finished spans, at once: it is called on the paths of the
	// work itself.
	Spans sdk.SpanProcessor
}

// maxValue bounds the text of one attribute in bytes.
const maxValue = 512

// New makes a Tracer.
func New(o Options) *Tracer {
	limits := sdk.NewSpanLimits()
	limits.AttributeValueLengthLimit, limits.AttributeCountLimit, limits.EventCountLimit = maxValue, 32, 8
	provider := sdk.NewTracerProvider(
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(o.Sample))),
		sdk.WithRawSpanLimits(limits), sdk.WithSpanProcessor(o.Spans),
	)
	return &Tracer{tracer: provider.Tracer(scope), caches: o.Caches}
}

// Span is something that takes time. A nil Span is one that nobody records:
// its methods do nothing.
type Span struct {
	tracer *Tracer
	span   trace.Span
}

type key struct{}

func from(ctx context.Context) *Span {
	s, _ := ctx.Value(key{}).(*Span)
	return s
}

// Request begins the span of a request from outside; its header may name a
// span of the caller's.
func (t *Tracer) Request(ctx context.Context, h http.Header, name string) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	parent := ctx
	if h.Get(header) != "" {
		parent = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(h))
	}
	_, span := t.tracer.Start(parent, name, trace.WithSpanKind(trace.SpanKindServer))
	if !span.IsRecording() {
		return ctx, nil // whatever comes of it is not recorded either, and need not find that out
	}
	s := &Span{t, span}
	return s.In(ctx), s
}

// Resume begins a span as a child of one that ended before, or elsewhere.
func (t *Tracer) Resume(ctx context.Context, at freshet.Trace, name string) (context.Context, *Span) {
	s := t.Continue(at, name, time.Time{})
	return s.In(ctx), s
}

// Continue does the same for what has no context, and may have begun before
// now; the zero time is now.
func (t *Tracer) Continue(at freshet.Trace, name string, began time.Time) *Span {
	if t == nil || at.IsZero() {
		return nil
	}
	parent := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: at.ID, SpanID: at.Span, TraceFlags: trace.FlagsSampled, Remote: true,
	})
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer)}
	if !began.IsZero() {
		options = append(options, trace.WithTimestamp(began))
	}
	//nolint:spancheck // whoever gets it ends it
	_, span := t.tracer.Start(trace.ContextWithSpanContext(context.Background(), parent), name, options...)
	return &Span{t, span} //nolint:spancheck // likewise
}

// Start begins a child of the context's span; nothing if it has none.
func Start(ctx context.Context, name string) (context.Context, *Span) {
	parent := from(ctx)
	if parent == nil {
		return ctx, nil
	}
	_, span := parent.tracer.tracer.Start(ctx, name) //nolint:spancheck // whoever gets it ends it
	s := &Span{parent.tracer, span}
	return s.In(ctx), s //nolint:spancheck // likewise
}

// In returns a context whose span it is.
func (s *Span) In(ctx context.Context) context.Context {
	if s == nil {
		return ctx
	}
	return context.WithValue(trace.ContextWithSpan(ctx, s.span), key{}, s)
}

// At returns where the context's span is, for what is done of it elsewhere.
func At(ctx context.Context) freshet.Trace { return from(ctx).At() }

// At returns where the span is; zero if nobody records it.
func (s *Span) At() freshet.Trace {
	if s == nil {
		return freshet.Trace{}
	}
	c := s.span.SpanContext()
	return freshet.Trace{ID: c.TraceID(), Span: c.SpanID()}
}

// Tell puts the context's span into the header of a request to a cache, if
// caches are told.
func Tell(ctx context.Context, h http.Header) {
	if s := from(ctx); s != nil && s.tracer.caches {
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
	}
}

// Str adds an attribute, unless the text is empty.
func (s *Span) Str(name, v string) {
	if s != nil && v != "" {
		s.span.SetAttributes(attribute.String(name, strings.ToValidUTF8(v, "\uFFFD")))
	}
}

// Int adds an attribute.
func (s *Span) Int(name string, v int) {
	if s != nil {
		s.span.SetAttributes(attribute.Int(name, v))
	}
}

// URL adds a URL as an attribute, without its query: that may hold a signature.
func (s *Span) URL(name, u string) {
	if s != nil {
		u, _, _ = strings.Cut(u, "?")
		u, _, _ = strings.Cut(u, "#")
		s.Str(name, u)
	}
}

// Fail marks the span as failed. why is shown: a word or a reason, never an
// error's text, which may hold anything.
func (s *Span) Fail(why string) {
	if s != nil {
		s.span.SetStatus(codes.Error, why)
	}
}

// End ends the span, as failed if there is an error.
func (s *Span) End(err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.Fail(string(freshet.ErrorCode(err)))
	}
	s.span.End()
}
