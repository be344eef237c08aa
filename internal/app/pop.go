package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
	"github.com/freshet-vod/freshet/internal/bus"
	cacheedge "github.com/freshet-vod/freshet/internal/cache/edge"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/edge"
	"github.com/freshet-vod/freshet/internal/guard"
	"github.com/freshet-vod/freshet/internal/lifecycle"
	"github.com/freshet-vod/freshet/internal/metrics"
	"github.com/freshet-vod/freshet/internal/room"
	"github.com/freshet-vod/freshet/internal/store/journal"
	"github.com/freshet-vod/freshet/internal/trace"
)

// maxViewerHeader bounds the header of a viewer's request in bytes.
const maxViewerHeader = 64 << 10

// popSpec is what one POP is made of, in whichever process it runs.
type popSpec struct {
	id     string
	dir    string
	caches []config.Cache
	via    config.URL // prefetch_via
	// agentless: nothing of ours runs beside the caches
	agentless bool
	bus       bus.Agent
	disk      *room.Gauge  // that holds dir
	guard     *guard.Guard // of origins that tenants declared
	peerKey   []byte
	limits    config.Limits
	flush     config.Flush
	release   string
	metrics   *metrics.Registry
	tracer    *trace.Tracer
	log       *slog.Logger
}

// pop is one POP: its agent, and the front door of the built-in cache if that
// is what it works.
type pop struct {
	id    string
	site  *site
	agent *agent.Agent
	runs  []func(context.Context) error
}

// newPOP opens a POP's caches and its journal. What it opened is closed by the
// group, in reverse.
func newPOP(ctx context.Context, group *lifecycle.Group, s popSpec) (*pop, error) {
	log := s.log.With(slog.String("pop", s.id))
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("pop %s: %w", s.id, err)
	}
	open := newForeign
	if s.caches[0].Driver == config.DriverEdge {
		open = newEdge
	}
	w, err := open(ctx, group, s)
	if err != nil {
		return nil, err
	}
	diary, err := journal.Open(ctx, filepath.Join(s.dir, "agent.db"))
	if err != nil {
		return nil, fmt.Errorf("pop %s: %w", s.id, err)
	}
	group.OnStop("journal of "+s.id, func(context.Context) error { return diary.Close() })
	missing := &stranger{pop: s.id, log: log}
	probe, err := newProbe(group, s, w)
	if err != nil {
		return nil, fmt.Errorf("pop %s: %w", s.id, err)
	}
	p := &pop{id: s.id, site: w.site, runs: w.runs}
	worker, err := agent.New(agent.Options{
		POP: s.id, Bus: s.bus, Driver: w.driver, Journal: diary, Log: s.log, // it adds its own name

		DiskLow: s.disk.Low, Tracer: s.tracer,
		Release: s.release, URL: w.url, Probe: probe, PrefetchWorkers: s.limits.PrefetchWorkers,
		PrefetchRate: int(s.limits.PrefetchRate.Bytes()), PrefetchPerOrigin: s.limits.PrefetchPerOrigin, TurnWait: s.flush.Wait.Std(),
		OnTopology: func(t freshet.Topology) { w.onTopology(t); missing.look(ctx, t) }, OnReady: w.onReady,
		OnObstacle: w.onObstacle, OnVigil: w.onVigil, Traffic: w.traffic,
	})
	if err != nil {
		return nil, fmt.Errorf("pop %s: %w", s.id, err)
	}
	p.agent = worker
	return p, nil
}

// newEdge opens the built-in cache and binds its front door.
func newEdge(ctx context.Context, group *lifecycle.Group, s popSpec) (worked, error) {
	k := s.caches[0]
	log := s.log.With(slog.String("pop", s.id))
	cache, err := edge.Open(ctx, edge.Options{
		Dir: filepath.Join(s.dir, "cache"), POP: s.id, PeerKey: s.peerKey, Trusted: k.Trusted, Guard: s.guard.Control,
		MaxBytes: k.MaxBytes.Bytes(), MaxObject: k.MaxObjectBytes.Bytes(),
		DefaultTTL: k.DefaultTTL.Std(), FlushRate: s.flush.Rate, Log: log,
	})
	if err != nil {
		return worked{}, fmt.Errorf("pop %s: %w", s.id, err)
	}
	s.metrics.AddCache(s.id, func() metrics.CacheCounts { return cacheCounts(cache.Counts()) })
	group.OnStop("cache of "+s.id, func(context.Context) error { return cache.Close() })
	l, err := listen(ctx, "POP "+s.id, "the key caches[].listen of the configuration", string(k.Listen))
	if err != nil {
		return worked{}, err
	}
	door := newSite(ctx, l, cache, maxViewerHeader, log)
	group.OnStop("front door of "+s.id, door.stop)
	return worked{
		driver: cacheedge.New(cache), url: publicURL(k, l), front: "http://" + l.Addr().String(), site: door,
		onReady: cache.SetReady, onTopology: cache.SetTopology, onObstacle: cache.SetObstacle, onVigil: cache.SetVigilant, traffic: cache.Quiet,
	}, nil
}

// stranger says in the log when the control plane does not know this POP: such
// a one gets no work and never becomes ready, and nothing else would tell.
type stranger struct {
	pop  string
	log  *slog.Logger
	told bool
}

// look takes in a topology; calls do not overlap.
func (s *stranger) look(ctx context.Context, t freshet.Topology) {
	_, known := t.POP(s.pop)
	if !known && !s.told {
		s.log.LogAttrs(ctx, slog.LevelError,
			"the control plane knows no POP of this ID: check pop.id here, and pops there; until then it takes no traffic")
	}
	s.told = !known
}

// addr is the address of the front door, empty if that is not ours.
func (p *pop) addr() string {
	if p.site == nil {
		return ""
	}
	return p.site.listener.Addr().String()
}

func (p *pop) start(group *lifecycle.Group) {
	if p.site != nil {
		group.Go("front door of "+p.id, p.site.run)
	}
	for _, run := range p.runs {
		group.Go("driver of "+p.id, run)
	}
	group.Go("agent of "+p.id, p.agent.Run)
}

// publicURL is where viewers and child POPs reach the cache.
func publicURL(c config.Cache, l net.Listener) string {
	if c.URL != "" {
		return string(c.URL)
	}
	return "http://" + l.Addr().String()
}
