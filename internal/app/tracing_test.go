package app_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/trace"
)

// told is a span as a collector got it.
type told struct {
	*tracepb.Span

	service string
}

func (s told) attribute(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// collecting is an OpenTelemetry collector.
type collecting struct {
	*httptest.Server

	mu     sync.Mutex
	spans  []told
	bodies []byte
	keys   map[string]bool
}

func newCollector(t *testing.T) *collecting {
	t.Helper()
	c := &collecting{keys: map[string]bool{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		m := &collector.ExportTraceServiceRequest{}
		if err == nil {
			err = proto.Unmarshal(body, m)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.bodies = append(c.bodies, body...)
		c.keys[r.Header.Get("X-Collector-Key")] = true
		for _, res := range m.ResourceSpans {
			service := ""
			for _, a := range res.Resource.Attributes {
				if a.Key == "service.name" {
					service = a.Value.GetStringValue()
				}
			}
			for _, s := range res.ScopeSpans {
				for _, span := range s.Spans {
					c.spans = append(c.spans, told{span, service})
				}
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collecting) have() []told {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

const (
	callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	callersSpan  = "00f067aa0ba902b7"
)

// purgeFilm submits a purge as a caller does who traces.
func (p *place) purgeFilm(traceparent string) (job string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, "http://"+p.server.Addr()+"/v1/jobs",
		strings.NewReader(`{"type":"purge","media":["film-1"]}`))
	if err != nil {
		p.t.Fatal(err)
	}
	r.SetBasicAuth("FKenv", "the secret of the environment")
	r.Header.Set("Content-Type", "application/json")
	if traceparent != "" {
		r.Header.Set("traceparent", traceparent)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	var receipt freshet.Receipt
	b, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(b, &receipt)
	}
	if err != nil || receipt.JobID == "" {
		p.t.Fatalf("%v: %s", err, b)
	}
	return receipt.JobID
}

// TestTracing_OneTraceFromTheCallToTheCache purges a media at a POP of another
// process, and holds that a collector gets one connected trace of it: the
// caller's. What nobody traced is not told, nor is any secret.
func TestTracing_OneTraceFromTheCallToTheCache(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	p := newPlace(t, func(conf *config.Config) {
		file := filepath.Join(filepath.Dir(conf.Data), "headers")
		if err := os.WriteFile(file, []byte("# for the collector\nX-Collector-Key: the collector's key\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		conf.Tracing = config.Tracing{Endpoint: config.URL(c.URL), HeadersFile: file, Sample: 0}
	})
	token := p.add("edge-1")
	edge := p.runs("edge-1", "edge-1", token)
	p.ready("edge-1")
	film := `{"MediaId":"film-1","Title":"t","Status":"Normal","Streams":[{"Format":"m3u8","Definition":"HD","StreamType":"video","PlayURL":"http://` +
		popDomain + `/film/hd.m3u8?auth_key=4102444800-0-0-signature"}]}`
	if _, err := p.client.Import(t.Context(), strings.NewReader(film), nil); err != nil {
		t.Fatal(err)
	}
	untraced := p.purgeFilm("")
	p.until("a purge that nobody traces", func() bool { return p.report(untraced).Done })
	job := p.purgeFilm("00-" + callersTrace + "-" + callersSpan + "-01")
	p.until("the purge", func() bool { return p.report(job).Done })

	wanted := []string{
		"POST /v1/jobs", trace.Accept, trace.Commit, trace.Plan, "resolve", "address", "expand", "remember", "dedupe",
		trace.Fetch, trace.Append, trace.Push, trace.Deliver, trace.Driver, trace.Evidence, trace.Fold,
	}
	p.until("the whole trace at the collector", func() bool {
		names := map[string]bool{}
		for _, s := range c.have() {
			names[s.Name] = true
		}
		return !slices.ContainsFunc(wanted, func(n string) bool { return !names[n] })
	})
	connected(t, c.have(), job)
	edge.end()
	for _, secret := range []string{"signature", "the secret of the environment", token, "the collector's key", "auth_key"} {
		if strings.Contains(string(c.bodies), secret) {
			t.Errorf("spans tell %q", secret)
		}
	}
	if !c.keys["the collector's key"] || len(c.keys) != 1 {
		t.Errorf("the collector is shown %v", c.keys)
	}
	text := page(t.Context(), t, p.privateAddr(), "/metrics")
	if !strings.Contains(text, `freshet_trace_spans_total{result="dropped"} 0`) || strings.Contains(text, `freshet_trace_spans_total{result="sent"} 0`) {
		t.Error("spans are not counted")
	}
}

func (p *place) privateAddr() string { return p.server.PrivateAddr() }

// connected holds that spans are one tree below the caller's span, and are what
// they say.
func connected(t *testing.T, spans []told, job string) {
	t.Helper()
	parents := map[string]string{
		"POST /v1/jobs": "", trace.Accept: "POST /v1/jobs", trace.Commit: trace.Accept, trace.Plan: trace.Accept,
		"expand": trace.Plan, trace.Fetch: "expand", trace.Append: trace.Plan, trace.Push: trace.Plan,
		trace.Deliver: trace.Plan, trace.Driver: trace.Deliver, trace.Evidence: trace.Plan, trace.Fold: trace.Evidence,
	}
	byID := map[string]told{}
	for _, s := range spans {
		byID[string(s.SpanId)] = s
	}
	for _, s := range spans {
		if hex.EncodeToString(s.TraceId) != callersTrace {
			t.Errorf("%s is in trace %x: nobody asked for that", s.Name, s.TraceId)
		}
		parent, known := byID[string(s.ParentSpanId)]
		if !known && hex.EncodeToString(s.ParentSpanId) != callersSpan {
			t.Errorf("%s hangs in the air", s.Name)
		}
		if want, ok := parents[s.Name]; ok && known != (want != "") || known && ok && parent.Name != want {
			t.Errorf("%s is below %v, want %q", s.Name, parent.Span, want)
		}
		service := "freshet"
		if s.Name == trace.Deliver || s.Name == trace.Driver {
			service = "freshet-pop"
		}
		if s.service != service {
			t.Errorf("%s is of %q", s.Name, s.service)
		}
		switch s.Name {
		case trace.Accept, trace.Plan, trace.Deliver, trace.Evidence, trace.Push:
			if got := s.attribute(trace.Job); got != job {
				t.Errorf("%s is of job %q", s.Name, got)
			}
		}
		if s.Name == trace.Deliver && s.attribute(trace.POP) != "edge-1" {
			t.Errorf("it is delivered at %q", s.attribute(trace.POP))
		}
	}
}

// TestTracing_WrongSettingsAreNamed holds that a start fails where spans would
// get lost, with what is wrong, and without the file's secrets.
func TestTracing_WrongSettingsAreNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, []byte("a: b\nsecret without a name\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]app.Options{
		"Line 2 of tracing.headers_file is not of the form": {Config: &config.Config{Tracing: config.Tracing{Endpoint: "http://127.0.0.1:1", HeadersFile: bad}}},
		"reading tracing.headers_file":                      {Config: &config.Config{Tracing: config.Tracing{Endpoint: "http://127.0.0.1:1", HeadersFile: filepath.Join(dir, "none")}}},
		"OTEL_EXPORTER_OTLP_ENDPOINT is not a URL": {Config: &config.Config{}, Env: func(k string) string {
			return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}[k]
		}},
	} {
		o.Config.Data, o.Config.Listen = filepath.Join(dir, fmt.Sprint(len(want))), "127.0.0.1:0"
		_, err := app.NewServer(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
