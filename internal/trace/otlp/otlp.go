// Package otlp sends finished spans to a collector, in the OpenTelemetry
// Protocol over HTTP.
//
// It must not know what the spans are about. Package app makes one Sender for
// each process that is configured to have one. Whoever ends a span never waits
// for it: what does not fit into the queue is counted and forgotten. If it is
// wrong, spans are missing and nothing else.
package otlp

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
)

// Bounds of the sender.
const (
	queueSize   = 4096 // spans that wait; about a kilobyte each
	batchSize   = 512
	gatherFor   = time.Second      // how long the first span of a batch waits for more
	sendWithin  = 10 * time.Second // one attempt
	lastWithin  = 2 * time.Second  // all that is left, when the process ends
	attempts    = 4                // of one batch
	firstPause  = time.Second      // after a failure; it doubles
	longestWait = 30 * time.Second
)

// Options configure a Sender.
type Options struct {
	// Endpoint is the whole URL of the collector's traces, such as
	// http://127.0.0.1:4318/v1/traces.
	Endpoint string
	Header   http.Header       // for the collector, such as its key
	Resource map[string]string // what the process is
	Log      *slog.Logger
}

// Counts is what became of spans.
type Counts struct {
	Sent    uint64 // the collector has them
	Dropped uint64 // the queue was full
	Failed  uint64 // the collector did not take them
}

// Sender takes in spans and sends them. It is a processor of the OpenTelemetry
// SDK.
type Sender struct {
	o        Options
	client   *http.Client
	resource *resource.Resource
	queue    chan sdk.ReadOnlySpan
	failing  bool // of Run's: told in the log

	sent, dropped, failed atomic.Uint64
}

// New makes a Sender; Run sends.
func New(o Options) *Sender {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Sender{
		o: o, queue: make(chan sdk.ReadOnlySpan, queueSize), resource: &resource.Resource{Attributes: texts(o.Resource)},
		client: &http.Client{
			Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: 2, IdleConnTimeout: time.Minute},
			// Headers hold the collector's key: they go where they were meant to.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Counts returns what became of spans since the start.
func (s *Sender) Counts() Counts {
	return Counts{Sent: s.sent.Load(), Dropped: s.dropped.Load(), Failed: s.failed.Load()}
}

// OnStart implements [sdk.SpanProcessor].
func (*Sender) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd implements [sdk.SpanProcessor].
func (s *Sender) OnEnd(span sdk.ReadOnlySpan) {
	select {
	case s.queue <- span:
	default:
		s.dropped.Add(1)
	}
}

// Shutdown implements [sdk.SpanProcessor]; the end of Run's context is what
// ends it.
func (*Sender) Shutdown(context.Context) error { return nil }

// ForceFlush implements [sdk.SpanProcessor].
func (*Sender) ForceFlush(context.Context) error { return nil }

// Run sends until ctx ends, then what is left, for a moment.
func (s *Sender) Run(ctx context.Context) error {
	defer s.client.CloseIdleConnections()
	for {
		batch := s.gather(ctx)
		if ctx.Err() != nil {
			s.last(context.WithoutCancel(ctx), batch)
			return nil
		}
		s.deliver(ctx, batch)
	}
}

// gather waits for a span, and a moment for more.
func (s *Sender) gather(ctx context.Context) []sdk.ReadOnlySpan {
	var batch []sdk.ReadOnlySpan
	var due <-chan time.Time
	for len(batch) < batchSize {
		select {
		case span := <-s.queue:
			batch = append(batch, span)
			if due == nil {
				t := time.NewTimer(gatherFor)
				defer t.Stop()
				due = t.C
			}
		case <-due:
			return batch
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}

// last sends what is left when the process ends.
func (s *Sender) last(ctx context.Context, batch []sdk.ReadOnlySpan) {
	ctx, cancel := context.WithTimeout(ctx, lastWithin)
	defer cancel()
	for {
		for len(batch) < batchSize && len(s.queue) > 0 {
			batch = append(batch, <-s.queue)
		}
		if len(batch) == 0 {
			return
		}
		if _, err := s.send(ctx, batch); err != nil {
			s.failed.Add(uint64(len(batch)) + uint64(len(s.queue)))
			return
		}
		s.sent.Add(uint64(len(batch)))
		batch = nil
	}
}

// deliver sends a batch, again if that may help, and gives it up then: newer
// spans are worth more.
func (s *Sender) deliver(ctx context.Context, batch []sdk.ReadOnlySpan) {
	pause := firstPause
	for n := 1; ; n++ {
		once, cancel := context.WithTimeout(ctx, sendWithin)
		again, err := s.send(once, batch)
		cancel()
		if err == nil {
			s.sent.Add(uint64(len(batch)))
			s.tell(ctx, nil)
			return
		}
		s.tell(ctx, err)
		if again < 0 || n == attempts || !sleep(ctx, min(max(pause, again), longestWait)) {
			s.failed.Add(uint64(len(batch)))
			return
		}
		pause *= 2
	}
}

// tell says in the log that spans are lost, and that they are no longer; once.
func (s *Sender) tell(ctx context.Context, err error) {
	if failing := err != nil; failing != s.failing && ctx.Err() == nil {
		s.failing = failing
		if failing {
			s.o.Log.LogAttrs(ctx, slog.LevelWarn, "spans could not be sent to the collector, trying on", slog.Any("error", err))
		} else {
			s.o.Log.LogAttrs(ctx, slog.LevelInfo, "spans reach the collector again")
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
