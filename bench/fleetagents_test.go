package bench_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
	"github.com/freshet-vod/freshet/internal/bus/natsbus"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/journal"
)

// agentFleet runs real agents over caches that hold nothing, until ctx ends.
func agentFleet(ctx context.Context, spec fleetSpec, ready func()) error {
	agents := make(chan *agent.Agent, len(spec.POPs))
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for range spec.POPs {
			for a := <-agents; !a.Heartbeat().Ready; {
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
			}
		}
		ready()
	}()
	return together(spec.POPs, func(p freshet.POP) error { return runAgent(ctx, spec, p, agents) })
}

func runAgent(ctx context.Context, spec fleetSpec, p freshet.POP, started chan<- *agent.Agent) (err error) {
	wire, err := natsbus.Connect(ctx, natsbus.ConnectOptions{URL: spec.URL, Token: spec.Token, POP: p.ID})
	if err != nil {
		return err
	}
	defer wire.Close()
	var diary store.Journal = journal.NewMemory()
	if spec.Journals != "" {
		j, err := journal.Open(ctx, filepath.Join(spec.Journals, p.ID+".db"))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, j.Close()) }()
		diary = j
	}
	a, err := agent.New(agent.Options{POP: p.ID, Bus: wire, Driver: &emptyCache{}, Journal: diary})
	if err != nil {
		return err
	}
	started <- a
	return a.Run(ctx)
}

// profile writes a CPU profile until stop is called.
func profile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, nil
}

// emptyCache is a cache that holds nothing and answers at once. Like the
// built-in one it can be inspected and keeps the agent's cursor.
type emptyCache struct {
	mu     sync.Mutex // guards cursor
	cursor freshet.Position
}

func (*emptyCache) Purge(_ context.Context, o cache.Order) []cache.Result {
	out := make([]cache.Result, o.Len())
	for i := range out {
		out[i].Outcome = freshet.OutcomeAlready
	}
	return out
}

func (*emptyCache) Prefetch(_ context.Context, objs []cache.Object) []cache.Result {
	out := make([]cache.Result, len(objs))
	for i := range out {
		out[i] = cache.Failed(freshet.ReasonUnsupported, "")
	}
	return out
}

func (*emptyCache) Inspect(_ context.Context, objs []cache.Object, _ cache.InspectMode) []cache.State {
	return make([]cache.State, len(objs))
}

func (*emptyCache) Flush(context.Context, time.Time) error { return nil }

func (*emptyCache) Incarnation(context.Context) (string, error) { return "0123456789abcdef", nil }

func (c *emptyCache) ReadCursor(context.Context) (freshet.Position, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cursor, nil
}

func (c *emptyCache) WriteCursor(_ context.Context, at freshet.Position) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cursor = at
	return nil
}

func (*emptyCache) Powers() cache.Powers {
	return cache.Powers{
		Driver: "empty", MaxBatch: 1000, Soft: true, Inspect: true, DefeatsFills: true, CancelsFills: true, KeepsCursor: true,
	}
}
