package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus/natsbus"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/lifecycle"
)

// POP is a process that runs one POP of a control plane elsewhere.
type POP struct {
	group *lifecycle.Group
	pop   *pop

	private *private
	vitals  vitals
	tracing tracing
}

// NewPOP makes the POP of a configuration whose key `pop` is set. It connects
// in the background: a control plane that is away delays nothing but news, and
// the first start of a POP, which needs it to enrol.
func NewPOP(ctx context.Context, o Options) (*POP, error) {
	c := o.Config
	if c.POP == nil || len(c.Caches) == 0 {
		return nil, freshet.Invalid("pop", "the configuration does not say which POP this is: it needs the keys pop and caches")
	}
	o.defaults()
	group := lifecycle.New(ctx, o.Log)
	p, err := newRemotePOP(ctx, group, o)
	if err != nil {
		group.Stop()
		_ = group.Wait() // the fault that counts is err
		return nil, err
	}
	return p, nil
}

func newRemotePOP(ctx context.Context, group *lifecycle.Group, o Options) (*POP, error) {
	c := o.Config
	dir := filepath.Join(c.Data, "pops", c.POP.ID)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	proof, err := join(ctx, o, dir)
	if err != nil {
		return nil, err
	}
	wire, err := natsbus.Connect(ctx, proof.connect)
	if err != nil {
		return nil, err
	}
	group.OnStop("bus", func(context.Context) error { wire.Close(); return nil })
	private := newPrivate(o.Log)
	tracing, err := newTracing(o, "freshet-pop", c.POP.ID, private.metrics)
	if err != nil {
		return nil, err
	}
	disk := watchDisk(o, dir, private)
	p, err := newPOP(ctx, group, popSpec{
		id: c.POP.ID, dir: dir, caches: c.Caches, via: c.POP.PrefetchVia, bus: wire, guard: sourceGuard(c),
		peerKey: proof.peerKey, limits: c.Limits, flush: c.Flush, release: o.Release, metrics: private.metrics, tracer: tracing.tracer, log: o.Log,
		disk: disk,
	})
	if err != nil {
		return nil, err
	}
	out := &POP{group: group, pop: p, private: private, tracing: tracing}
	out.vitals.alive.Needs(p.alive)
	out.vitals.ready.Needs(p.standing)
	out.vitals.ready.Notes("", connection(wire))
	out.vitals.ready.Notes("", hasRoom(disk))
	if err := private.open(ctx, group, string(c.Private.Listen), &out.vitals); err != nil {
		return nil, err
	}
	return out, nil
}

// Addr returns the address of the front door, empty if that is not ours.
func (p *POP) Addr() string { return p.pop.addr() }

// Run serves until ctx, which New got too, ends.
func (p *POP) Run() error {
	p.pop.start(p.group)
	p.private.start(p.group)
	p.tracing.start(p.group)
	return p.group.Wait()
}

// Options are what a process is made from.
type Options struct {
	Config  *config.Config
	Env     func(string) string // for the first access key; nil: an empty environment
	Log     *slog.Logger
	Release string
	// Space tells how much of the disk under a folder is free; nil: the system
	// is asked. For tests of full disks.
	Space func(dir string) (free, size int64, err error)
}

func (o *Options) defaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Env == nil {
		o.Env = func(string) string { return "" }
	}
}
