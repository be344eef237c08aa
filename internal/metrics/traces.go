package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// SpanCounts is what became of spans since the start.
type SpanCounts struct{ Sent, Dropped, Failed uint64 }

// AddTraces registers the metrics of tracing. counts is asked at each scrape.
func (r *Registry) AddTraces(counts func() SpanCounts) {
	r.reg.MustRegister(&traceCollector{counts})
}

type traceCollector struct{ counts func() SpanCounts }

// Describe implements [prometheus.Collector].
func (*traceCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c *traceCollector) Collect(out chan<- prometheus.Metric) {
	n := c.counts()
	count(out, traceSpans(), float64(n.Sent), "sent")
	count(out, traceSpans(), float64(n.Dropped), "dropped")
	count(out, traceSpans(), float64(n.Failed), "failed")
}
