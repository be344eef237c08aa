package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/pprof"

	"github.com/freshet-vod/freshet/internal/edge"
	"github.com/freshet-vod/freshet/internal/lifecycle"
	"github.com/freshet-vod/freshet/internal/metrics"
)

// private is what operators look at: metrics, health and profiles, on a
// listener of its own. It tells of every account, so it is never on the API's.
type private struct {
	metrics *metrics.Registry
	site    *site // nil: not configured
	log     *slog.Logger
}

func newPrivate(log *slog.Logger) *private { return &private{metrics: metrics.New(), log: log} }

// open binds the listener, if there is to be one.
func (p *private) open(ctx context.Context, group *lifecycle.Group, addr string, v *vitals) error {
	if addr == "" {
		return nil
	}
	l, err := listen(ctx, "metrics and profiles", "the key private.listen of the configuration", addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", p.metrics.Handler(p.log))
	mux.Handle("GET /healthz", v.healthz())
	mux.Handle("GET /readyz", v.readyz())
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	p.site = newSite(ctx, l, mux, http.DefaultMaxHeaderBytes, p.log)
	group.OnStop("private listener", p.site.stop)
	return nil
}

func (p *private) start(group *lifecycle.Group) {
	if p.site != nil {
		group.Go("private listener", p.site.run)
	}
}

// addr is the address of the listener, empty if there is none.
func (p *private) addr() string {
	if p.site == nil {
		return ""
	}
	return p.site.listener.Addr().String()
}

// present is what the metrics show of the control plane's present.
func (s *Server) present(ctx context.Context) (metrics.State, error) {
	pops, err := s.engine.POPs(ctx)
	if err != nil {
		return metrics.State{}, err
	}
	p, err := s.engine.Present(ctx)
	if err != nil {
		return metrics.State{}, err
	}
	waiting, err := s.store.CallbackBacklog(ctx)
	return metrics.State{POPs: pops, Heads: p.Heads, Unplanned: p.Unplanned, Open: p.Open, Callbacks: waiting}, err
}

// PrivateAddr returns the address of the private listener, "" if there is none.
func (s *Server) PrivateAddr() string { return s.private.addr() }

// PrivateAddr returns the address of the private listener, "" if there is none.
func (p *POP) PrivateAddr() string { return p.private.addr() }

// cacheCounts puts the counts of a built-in cache into the words of metrics.
func cacheCounts(n edge.Counts) metrics.CacheCounts {
	out := metrics.CacheCounts{
		Requests: map[metrics.CacheResult]uint64{}, Bytes: map[string]uint64{},
		ViewerFills: n.ViewerFills, PrefetchFills: n.PrefetchFills, Prefetched: n.Prefetched, Served: n.Served,
		Stored: n.Stored, Objects: n.Objects,
	}
	for _, a := range edge.Answers() {
		out.Bytes[a.String()] = n.Bytes[a]
		for i, v := range n.Requests[a] {
			out.Requests[metrics.CacheResult{Result: a.String(), Prefetched: i == 1}] = v
		}
	}
	return out
}
