package trace_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/trace"
)

const sampled = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"

// tracer records everything that callers ask for, and a share of the rest.
func tracer(sample float64, caches bool) (*trace.Tracer, *tracetest.SpanRecorder) {
	spans := tracetest.NewSpanRecorder()
	return trace.New(trace.Options{Sample: sample, Caches: caches, Spans: spans}), spans
}

func header(traceparent string) http.Header {
	h := http.Header{}
	if traceparent != "" {
		h.Set("traceparent", traceparent)
	}
	return h
}

// TestTrace_IsOneOverTheStoreAndProcesses holds that what is taken up from a
// stored place is part of the caller's trace.
func TestTrace_IsOneOverTheStoreAndProcesses(t *testing.T) {
	t.Parallel()
	here, first := tracer(0, false)
	ctx, request := here.Request(t.Context(), header(sampled), "POST /v1/jobs")
	ctx, accept := trace.Start(ctx, trace.Accept)
	stored := trace.At(ctx)
	accept.End(nil)
	request.End(errors.New("something with a secret"))

	there, second := tracer(0, false)
	ctx, plan := there.Resume(t.Context(), stored, trace.Plan)
	_, fetch := trace.Start(ctx, trace.Fetch)
	fetch.URL(trace.Link, "http://vod.example.com/a.m3u8?auth_key=secret")
	fetch.End(nil)
	late := there.Continue(plan.At(), trace.Evidence, time.Unix(7, 0))
	late.End(nil)
	plan.End(nil)

	spans := append(first.Ended(), second.Ended()...)
	parents := map[string]string{}
	for _, s := range spans {
		if s.SpanContext().TraceID().String() != "0123456789abcdef0123456789abcdef" {
			t.Errorf("%s is in another trace", s.Name())
		}
		if text := fmt.Sprint(s.Attributes(), s.Status()); strings.Contains(text, "secret") {
			t.Errorf("%s tells %s", s.Name(), text)
		}
		for _, p := range spans {
			if p.SpanContext().SpanID() == s.Parent().SpanID() {
				parents[s.Name()] = p.Name()
			}
		}
	}
	for child, parent := range map[string]string{"accept": "POST /v1/jobs", "plan": "accept", "fetch": "plan", "evidence": "plan"} {
		if parents[child] != parent {
			t.Errorf("%s is a child of %q, want %q", child, parents[child], parent)
		}
	}
	if s := second.Ended()[1]; s.Name() != trace.Evidence || !s.StartTime().Equal(time.Unix(7, 0)) {
		t.Errorf("%s begins at %s", s.Name(), s.StartTime())
	}
}

// TestTrace_CallersDecideAndTheRestIsSampled holds whose word counts.
func TestTrace_CallersDecideAndTheRestIsSampled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sample      float64
		traceparent string
		want        int // of 1,000
	}{
		{0, "", 0},
		{0, sampled, 1000},
		{1, "", 1000},
		{1, sampled[:len(sampled)-2] + "00", 0}, // the caller records, and not this one
		{0, "00-nonsense", 0},
		{1, "00-nonsense", 1000},
	} {
		tr, spans := tracer(c.sample, false)
		for range 1000 {
			_, s := tr.Request(t.Context(), header(c.traceparent), "x")
			s.End(nil)
		}
		if got := len(spans.Ended()); got != c.want {
			t.Errorf("%+v: %d are recorded", c, got)
		}
	}
	tr, spans := tracer(0.1, false)
	for range 10_000 {
		_, s := tr.Request(t.Context(), http.Header{}, "x")
		s.End(nil)
	}
	if got := len(spans.Ended()); got < 800 || got > 1200 { // a one in 10^11 chance
		t.Errorf("of 10,000, a tenth is %d", got)
	}
}

// TestTrace_CachesAreToldOnlyIfConfigured holds that a trace does not leave the
// process unasked.
func TestTrace_CachesAreToldOnlyIfConfigured(t *testing.T) {
	t.Parallel()
	for _, told := range []bool{false, true} {
		tr, _ := tracer(0, told)
		ctx, _ := tr.Request(t.Context(), header(sampled), "x")
		h := http.Header{}
		trace.Tell(ctx, h)
		if got := strings.HasPrefix(h.Get("traceparent"), sampled[:35]); got != told {
			t.Errorf("configured %t: %v", told, h)
		}
		h = http.Header{}
		trace.Tell(t.Context(), h)
		if len(h) != 0 {
			t.Errorf("told of no trace: %v", h)
		}
	}
}

// TestP10_WhatNobodyRecordsCostsNothing holds that the paths of the work pay
// nothing for tracing that is off, or that does not record this request.
//
//nolint:paralleltest // allocations of others would be counted
func TestP10_WhatNobodyRecordsCostsNothing(t *testing.T) {
	var off *trace.Tracer
	on, _ := tracer(0, true)
	ctx, _ := on.Request(t.Context(), http.Header{}, "not sampled")
	h := http.Header{}
	for name, tr := range map[string]*trace.Tracer{"off": off, "not sampled": on} {
		work := func() {
			ctx, span := tr.Resume(ctx, freshet.Trace{}, trace.Plan)
			ctx, child := trace.Start(ctx, trace.Append)
			child.Str(trace.Job, "41d465e319570000")
			child.Int(trace.URLs, rand.IntN(1000))
			child.URL(trace.Link, "http://vod.example.com/a?b")
			trace.Tell(ctx, h)
			child.End(nil)
			span.Fail("no")
			span.End(context.Canceled)
			if !trace.At(ctx).IsZero() {
				t.Error("recorded")
			}
		}
		if n := testing.AllocsPerRun(1000, work); n != 0 {
			t.Errorf("%s: %.1f allocations", name, n)
		}
	}
	if n := testing.AllocsPerRun(1000, func() { _, s := off.Request(t.Context(), h, "x"); s.End(nil) }); n != 0 {
		t.Errorf("a request costs %.1f allocations", n)
	}
}

// BenchmarkOff is what a span costs that nobody records.
func BenchmarkOff(b *testing.B) {
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		_, s := trace.Start(ctx, trace.Plan)
		s.Str(trace.Job, "41d465e319570000")
		s.End(nil)
	}
}

// BenchmarkOn is what one costs that is recorded, and thrown away.
func BenchmarkOn(b *testing.B) {
	tr := trace.New(trace.Options{Sample: 1, Spans: tracetest.NewSpanRecorder()})
	ctx, _ := tr.Request(b.Context(), http.Header{}, "x")
	b.ReportAllocs()
	for b.Loop() {
		_, s := trace.Start(ctx, trace.Plan)
		s.Str(trace.Job, "41d465e319570000")
		s.End(nil)
	}
}
