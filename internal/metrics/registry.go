package metrics

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Registry holds the metrics of a process.
type Registry struct{ reg *prometheus.Registry }

// New makes a registry with the metrics of the Go runtime and the process.
func New() *Registry {
	r := &Registry{reg: prometheus.NewRegistry()}
	r.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Handler answers scrapes. What cannot be read is left out and logged: half of
// the figures are better than none.
func (r *Registry) Handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(r.reg, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	})
}

func (r *Registry) counter(d Desc) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.Name, Help: d.Help}, d.Labels)
	r.reg.MustRegister(v)
	return v
}

func (r *Registry) histogram(d Desc) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: d.Name, Help: d.Help, Buckets: prometheus.ExponentialBuckets(0.0005, 2, 18), // 0.5 ms to a minute
	}, d.Labels)
	r.reg.MustRegister(v)
	return v
}

func describe(d Desc) *prometheus.Desc { return prometheus.NewDesc(d.Name, d.Help, d.Labels, nil) }

func gauge(out chan<- prometheus.Metric, d Desc, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(describe(d), prometheus.GaugeValue, v, labels...)
}

func count(out chan<- prometheus.Metric, d Desc, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(describe(d), prometheus.CounterValue, v, labels...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
