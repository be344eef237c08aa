package app

import (
	"bufio"
	"cmp"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"strings"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/lifecycle"
	"github.com/freshet-vod/freshet/internal/metrics"
	"github.com/freshet-vod/freshet/internal/trace"
	"github.com/freshet-vod/freshet/internal/trace/otlp"
)

// tracePath is where a collector takes spans, unless it says otherwise.
const tracePath = "/v1/traces"

// tracing is a process's way to a collector; both are nil without one.
type tracing struct {
	tracer *trace.Tracer
	sender *otlp.Sender
}

// newTracing makes what the configuration says, or the environment in the
// words of OpenTelemetry. service is what the process is.
func newTracing(o Options, service, instance string, m *metrics.Registry) (tracing, error) {
	c := o.Config.Tracing
	endpoint, err := collectorOf(c, o.Env)
	if err != nil || endpoint == "" {
		return tracing{}, err
	}
	header, err := collectorHeader(c, o.Env)
	if err != nil {
		return tracing{}, err
	}
	sender := otlp.New(otlp.Options{
		Endpoint: endpoint, Header: header, Log: o.Log,
		Resource: map[string]string{
			"service.name": cmp.Or(o.Env("OTEL_SERVICE_NAME"), service), "service.version": o.Release, "service.instance.id": instance,
		},
	})
	m.AddTraces(func() metrics.SpanCounts { return metrics.SpanCounts(sender.Counts()) })
	return tracing{trace.New(trace.Options{Sample: float64(c.Sample), Caches: c.Caches, Spans: sender}), sender}, nil
}

// start sends until the group ends.
func (t tracing) start(group *lifecycle.Group) {
	if t.sender != nil {
		group.Go("traces", t.sender.Run)
	}
}

// collectorOf returns the URL that spans go to, "" for none.
func collectorOf(c config.Tracing, env func(string) string) (string, error) {
	at, where := string(c.Endpoint), "tracing.endpoint"
	if at == "" {
		if at = env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"); at != "" {
			where = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
		} else if at = env("OTEL_EXPORTER_OTLP_ENDPOINT"); at != "" {
			where = "OTEL_EXPORTER_OTLP_ENDPOINT"
			at = strings.TrimSuffix(at, "/") + tracePath // as OpenTelemetry says
		}
	}
	if at == "" {
		return "", nil
	}
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", freshet.Invalid(where, "%s is not a URL such as http://127.0.0.1:4318.", where)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = tracePath
	}
	return u.String(), nil
}

// collectorHeader returns the headers that a collector wants to see, such as
// its key.
func collectorHeader(c config.Tracing, env func(string) string) (http.Header, error) {
	h := http.Header{}
	if c.HeadersFile == "" {
		list := cmp.Or(env("OTEL_EXPORTER_OTLP_TRACES_HEADERS"), env("OTEL_EXPORTER_OTLP_HEADERS"))
		for pair := range strings.SplitSeq(list, ",") {
			name, value, ok := strings.Cut(pair, "=")
			if text, err := url.PathUnescape(strings.TrimSpace(value)); ok && err == nil {
				h.Add(strings.TrimSpace(name), text)
			}
		}
		return h, nil
	}
	f, err := os.Open(c.HeadersFile)
	if err != nil {
		return nil, fmt.Errorf("reading tracing.headers_file: %w", err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || textproto.TrimString(name) == "" || strings.ContainsAny(name, " \t") { // the line may be a secret: it is not shown
			return nil, freshet.Invalid("tracing.headers_file", "Line %d of tracing.headers_file is not of the form NAME: VALUE.", n)
		}
		h.Add(name, textproto.TrimString(value))
	}
	return h, lines.Err()
}
