package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// State is what a control plane tells of its present, at each scrape.
type State struct {
	POPs      []freshet.POPStatus
	Heads     map[string]freshet.Position // by subject
	Unplanned int                         // rows
	Open      int                         // entries
	Callbacks store.CallbackBacklog
}

// Control counts what a control plane does. Its methods may be called
// concurrently and cost less than a microsecond.
type Control struct {
	acceptedRows, refused, plannedRows, plannedURLs, deliveries, evidence *prometheus.CounterVec
	callbacks                                                             *prometheus.CounterVec
	plan                                                                  prometheus.Histogram
	store                                                                 *prometheus.HistogramVec
}

// NewControl registers the metrics of a control plane. state is asked at each
// scrape, and must answer from memory.
func (r *Registry) NewControl(state func(context.Context) (State, error)) *Control {
	c := &Control{
		acceptedRows: r.counter(acceptedRows()), refused: r.counter(refusedCalls()), plannedRows: r.counter(plannedRows()),
		plannedURLs: r.counter(plannedURLs()), deliveries: r.counter(deliveries()), evidence: r.counter(evidenceMessages()),
		plan: r.histogram(planSeconds()).WithLabelValues().(prometheus.Histogram), store: r.histogram(storeSeconds()),
		callbacks: r.counter(callbackAttempts()),
	}
	for _, outcome := range []string{attemptDelivered, attemptFailed, attemptGivenUp} { // a rate needs a beginning
		c.callbacks.WithLabelValues(outcome)
	}
	r.reg.MustRegister(&controlCollector{state: state, now: time.Now})
	return c
}

// Accepted counts a submission that was stored.
func (c *Control) Accepted(kind freshet.TaskType, rows int) {
	c.acceptedRows.WithLabelValues(string(kind)).Add(float64(rows))
}

// Refused counts a submission that was not.
func (c *Control) Refused(reason string) { c.refused.WithLabelValues(reason).Inc() }

// Planned counts a row that is final, with the number of its URLs.
func (c *Control) Planned(kind freshet.TaskType, fault string, urls int, took time.Duration) {
	c.plannedRows.WithLabelValues(string(kind), fault).Inc()
	c.plannedURLs.WithLabelValues(string(kind)).Add(float64(urls))
	c.plan.Observe(took.Seconds())
}

// Delivered counts deliveries that a POP ended alike.
func (c *Control) Delivered(pop string, o freshet.Outcome, why freshet.Reason, n int) {
	c.deliveries.WithLabelValues(pop, o.String(), why.String()).Add(float64(n))
}

// Evidence counts a message.
func (c *Control) Evidence(pop string, repeat bool) {
	c.evidence.WithLabelValues(pop, yes(repeat)).Inc()
}

// Stored counts an operation of the store that ended, well or not.
func (c *Control) Stored(operation string, took time.Duration) {
	c.store.WithLabelValues(operation).Observe(took.Seconds())
}

// controlCollector reads the present at each scrape.
type controlCollector struct {
	state func(context.Context) (State, error)
	now   func() time.Time
}

// scrapeWithin bounds how long a scrape waits for the control plane.
const scrapeWithin = 5 * time.Second

// Describe implements [prometheus.Collector]: which POPs there are is known at
// a scrape only.
func (*controlCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c *controlCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	s, err := c.state(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(describe(unplannedRows()), err)
		return
	}
	gauge(out, unplannedRows(), float64(s.Unplanned))
	gauge(out, openEntries(), float64(s.Open))
	gauge(out, callbacksWaiting(), float64(s.Callbacks.Waiting))
	gauge(out, callbacksFailing(), float64(s.Callbacks.Failing))
	age := time.Duration(0)
	if !s.Callbacks.Oldest.IsZero() {
		age = max(c.now().Sub(s.Callbacks.Oldest), 0)
	}
	gauge(out, callbacksOldest(), age.Seconds())
	for subject, at := range s.Heads {
		gauge(out, logHead(), float64(at.Pos), subject)
	}
	for _, p := range s.POPs {
		for _, state := range []string{"up", "down", "lost", "never"} {
			gauge(out, popUp(), truth(p.State == state), p.ID, state)
		}
		gauge(out, popReady(), truth(p.Ready), p.ID)
		gauge(out, popDrained(), truth(!p.Drained.IsZero()), p.ID)
		gauge(out, popLag(), float64(p.Lag), p.ID)
		gauge(out, popLate(), p.LagSeconds, p.ID)
		gauge(out, popOwed(), float64(p.OwedPurges), p.ID, string(freshet.Purge))
		gauge(out, popOwed(), float64(p.OwedPrefetches), p.ID, string(freshet.Prefetch))
		gauge(out, popExceptions(), float64(p.Exceptions), p.ID)
		if !p.LastContact.IsZero() {
			gauge(out, popContact(), max(c.now().Sub(p.LastContact), 0).Seconds(), p.ID)
		}
	}
}
