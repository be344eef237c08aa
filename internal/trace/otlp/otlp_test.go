package otlp_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/freshet-vod/freshet/internal/trace"
	"github.com/freshet-vod/freshet/internal/trace/otlp"
)

// receiver is a collector.
type receiver struct {
	*httptest.Server

	answer atomic.Int32 // another status than 200
	asked  atomic.Int32
	mu     sync.Mutex
	got    []*collector.ExportTraceServiceRequest
	header http.Header
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	c := &receiver{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.asked.Add(1)
		if status := c.answer.Load(); status != 0 {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(int(status))
			return
		}
		body, _ := io.ReadAll(r.Body)
		m := &collector.ExportTraceServiceRequest{}
		if err := proto.Unmarshal(body, m); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s %v: %v", r.Method, r.Header, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.got, c.header = append(c.got, m), r.Header.Clone()
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *receiver) spans() []*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*tracepb.Span
	for _, m := range c.got {
		for _, r := range m.ResourceSpans {
			for _, s := range r.ScopeSpans {
				out = append(out, s.Spans...)
			}
		}
	}
	return out
}

// run sends until the test ends, or the function that it returns is called.
func run(t *testing.T, s *otlp.Sender) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { defer close(over); _ = s.Run(ctx) }()
	end = sync.OnceFunc(func() { cancel(); <-over })
	t.Cleanup(end)
	return end
}

func record(t *testing.T, s *otlp.Sender, n int) {
	t.Helper()
	tr := trace.New(trace.Options{Sample: 1, Spans: s})
	for range n {
		ctx, request := tr.Request(t.Context(), http.Header{}, "POST /v1/jobs")
		request.Str(trace.Account, "acme")
		request.Int(trace.Rows, 3)
		_, child := trace.Start(ctx, trace.Accept)
		child.Fail("invalid")
		child.End(nil)
		request.End(nil)
	}
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	late := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s did not happen", what)
		}
	}
}

func TestSender_TellsTheCollectorEverything(t *testing.T) {
	t.Parallel()
	c := newReceiver(t)
	s := otlp.New(otlp.Options{
		Endpoint: c.URL + "/v1/traces", Header: http.Header{"X-Key": {"k"}},
		Resource: map[string]string{"service.name": "freshet", "service.version": "v1", "nothing": ""},
	})
	end := run(t, s)
	record(t, s, 1)
	end() // what is left is sent at the end
	if n := s.Counts(); n != (otlp.Counts{Sent: 2}) {
		t.Fatalf("%+v", n)
	}
	if c.header.Get("X-Key") != "k" {
		t.Errorf("%v", c.header)
	}
	r := c.got[0].ResourceSpans[0]
	if a := r.Resource.Attributes; len(a) != 2 || a[0].Key != "service.name" || a[0].Value.GetStringValue() != "freshet" {
		t.Errorf("%v", a)
	}
	if n := r.ScopeSpans[0].Scope.Name; n != "github.com/freshet-vod/freshet" {
		t.Errorf("the scope is %q", n)
	}
	list := c.spans()
	child, parent := list[0], list[1]
	if string(child.TraceId) != string(parent.TraceId) || string(child.ParentSpanId) != string(parent.SpanId) || len(parent.ParentSpanId) != 0 ||
		len(parent.TraceId) != 16 || len(parent.SpanId) != 8 {
		t.Errorf("%v\n%v", child, parent)
	}
	if child.Name != "accept" || child.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR || child.Status.Message != "invalid" || parent.Status != nil ||
		parent.Kind != tracepb.Span_SPAN_KIND_SERVER || child.Kind != tracepb.Span_SPAN_KIND_INTERNAL {
		t.Errorf("%v\n%v", child, parent)
	}
	if child.StartTimeUnixNano < parent.StartTimeUnixNano || child.EndTimeUnixNano > parent.EndTimeUnixNano || child.StartTimeUnixNano == 0 {
		t.Errorf("%v\n%v", child, parent)
	}
	if a := parent.Attributes; len(a) != 2 || a[0].Value.GetStringValue() != "acme" || a[1].Value.GetIntValue() != 3 {
		t.Errorf("%v", a)
	}
}

// TestSender_NobodyWaitsForACollectorThatIsAway holds that spans are counted and
// forgotten when there is no room for them, at once.
func TestSender_NobodyWaitsForACollectorThatIsAway(t *testing.T) {
	t.Parallel()
	// It takes connections and never answers.
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := otlp.New(otlp.Options{Endpoint: "http://" + l.Addr().String()})
	end := run(t, s)
	const requests = 10_000
	record(t, s, requests) // hangs, if anybody waits
	n := s.Counts()
	if n.Sent != 0 || n.Failed != 0 || n.Dropped == 0 {
		t.Errorf("%+v", n)
	}
	end()
	n = s.Counts()
	if n.Sent != 0 || n.Dropped+n.Failed != 2*requests {
		t.Errorf("after the end %+v, want %d in all", n, 2*requests)
	}
}

// TestSender_TriesAgainWhereThatHelps holds that a collector that is busy gets
// the same spans later, and one that refuses them does not.
func TestSender_TriesAgainWhereThatHelps(t *testing.T) {
	t.Parallel()
	c := newReceiver(t)
	s := otlp.New(otlp.Options{Endpoint: c.URL})
	run(t, s)
	c.answer.Store(http.StatusServiceUnavailable)
	record(t, s, 1)
	until(t, "the first attempt", func() bool { return c.asked.Load() > 0 })
	c.answer.Store(0)
	until(t, "the second attempt", func() bool { return s.Counts() == otlp.Counts{Sent: 2} })
	for _, status := range []int32{http.StatusUnauthorized, http.StatusTemporaryRedirect} {
		before := c.asked.Load()
		c.answer.Store(status)
		failed := s.Counts().Failed
		record(t, s, 1)
		until(t, "the refusal", func() bool { return s.Counts().Failed == failed+2 })
		if n := c.asked.Load() - before; n != 1 {
			t.Errorf("%d: asked %d times", status, n)
		}
	}
}
