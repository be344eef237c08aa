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
	"github.com/freshet-vod/freshet/internal/lifecycle"
	"github.com/freshet-vod/freshet/internal/store/journal"
)

// maxViewerHeader bounds the header of a viewer's request in bytes.
const maxViewerHeader = 64 << 10

// popSpec is what one POP is made of, in whichever process it runs.
type popSpec struct {
	id      string
	dir     string
	cache   config.Cache
	bus     bus.Agent
	peerKey []byte
	limits  config.Limits
	release string
	log     *slog.Logger
}

// pop is one POP: the built-in cache with its front door, and the agent that
// works it.
type pop struct {
	id    string
	site  *site
	agent *agent.Agent
}

// newPOP opens a POP's cache and journal and binds its front door. What it
// opened is closed by the group, in reverse.
func newPOP(ctx context.Context, group *lifecycle.Group, s popSpec) (*pop, error) {
	if s.cache.Driver != config.DriverEdge {
		return nil, fmt.Errorf("pop %s: there is no driver %q", s.id, s.cache.Driver)
	}
	log := s.log.With(slog.String("pop", s.id))
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("pop %s: %w", s.id, err)
	}
	cache, err := edge.Open(ctx, edge.Options{
		Dir: filepath.Join(s.dir, "cache"), POP: s.id, PeerKey: s.peerKey,
		MaxBytes: s.cache.MaxBytes.Bytes(), MaxObject: s.cache.MaxObjectBytes.Bytes(),
		DefaultTTL: s.cache.DefaultTTL.Std(), Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("pop %s: %w", s.id, err)
	}
	group.OnStop("cache of "+s.id, func(context.Context) error { return cache.Close() })
	diary, err := journal.Open(ctx, filepath.Join(s.dir, "agent.db"))
	if err != nil {
		return nil, fmt.Errorf("pop %s: %w", s.id, err)
	}
	group.OnStop("journal of "+s.id, func(context.Context) error { return diary.Close() })
	l, err := listen(ctx, "POP "+s.id, "the key caches[].listen of the configuration", string(s.cache.Listen))
	if err != nil {
		return nil, err
	}
	door := newSite(ctx, l, cache, maxViewerHeader, log)
	group.OnStop("front door of "+s.id, door.stop)
	missing := &stranger{pop: s.id, log: log}
	worker, err := agent.New(agent.Options{
		POP: s.id, Bus: s.bus, Driver: cacheedge.New(cache), Journal: diary, Log: s.log, // it adds its own name

		Release: s.release, URL: publicURL(s.cache, l), PrefetchWorkers: s.limits.PrefetchWorkers,
		PrefetchRate: int(s.limits.PrefetchRate.Bytes()), PrefetchPerOrigin: s.limits.PrefetchPerOrigin,
		OnTopology: func(t freshet.Topology) { cache.SetTopology(t); missing.look(ctx, t) }, OnReady: cache.SetReady,
	})
	if err != nil {
		return nil, fmt.Errorf("pop %s: %w", s.id, err)
	}
	return &pop{id: s.id, site: door, agent: worker}, nil
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

func (p *pop) start(group *lifecycle.Group) {
	group.Go("front door of "+p.id, p.site.run)
	group.Go("agent of "+p.id, p.agent.Run)
}

// publicURL is where viewers and child POPs reach the cache.
func publicURL(c config.Cache, l net.Listener) string {
	if c.URL != "" {
		return string(c.URL)
	}
	return "http://" + l.Addr().String()
}
