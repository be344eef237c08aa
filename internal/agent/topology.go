package agent

import (
	"context"
	"log/slog"
	"slices"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/wire"
)

// topology is what the agent knows of the rest of the world.
type topology struct {
	now    freshet.Topology
	pops   map[string]freshet.POP // of now, by ID: they are looked up for every purge
	have   bool
	unsafe bool // newer than what the journal holds
	saving bool
}

// adopt takes in a topology if it is newer.
func (l *life) adopt(t freshet.Topology) {
	if l.topology.have && t.Version <= l.topology.now.Version {
		return
	}
	l.setTopology(t)
	l.topology.unsafe = true
}

func (l *life) setTopology(t freshet.Topology) {
	l.topology.now, l.topology.have = t, true
	l.topology.pops = make(map[string]freshet.POP, len(t.POPs))
	for _, p := range t.POPs {
		l.topology.pops[p.ID] = p
	}
	l.version.Store(t.Version)
	l.follow(t)
	l.redos.look = true
	l.o.OnTopology(t)
}

// follow makes the bus deliver the heartbeats of parents, whose watermarks
// open the gate, and of children, who make room for exceptions.
func (l *life) follow(t freshet.Topology) {
	var pops []string
	awaited := false
	for _, p := range t.POPs {
		switch {
		case p.ID == l.o.POP:
			pops = append(pops, p.Parents...)
		case slices.Contains(p.Parents, l.o.POP):
			pops = append(pops, p.ID)
			awaited = true
		}
	}
	l.awaited.Store(awaited)
	if err := l.o.Bus.Follow(pops); err != nil {
		// Only a connection that was closed refuses; then nothing is heard anyway.
		l.log.Warn("parents and children could not be followed", slog.Any("error", err))
	}
}

// saveTopology keeps the newest topology on disk, one write at a time.
func (l *life) saveTopology(ctx context.Context) {
	if !l.topology.unsafe || l.topology.saving {
		return
	}
	l.topology.unsafe, l.topology.saving = false, true
	msg := wire.EncodeTopology(l.topology.now)
	l.work(ctx, func() func() {
		err := l.o.Journal.SaveTopology(ctx, msg)
		return func() {
			l.topology.saving = false
			if err != nil && ctx.Err() == nil {
				// The next start asks the control plane anyway.
				l.log.LogAttrs(ctx, slog.LevelError, "topology could not be saved", slog.Any("error", err))
			}
		}
	})
}

// followTopology asks for the topology at the start, until there is an answer,
// and now and then, in case a pushed one got lost.
func (l *life) followTopology(ctx context.Context) {
	failed := 0
	for {
		wait := l.o.TopologyEvery
		t, err := l.askTopology(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failed++
			wait = l.pause(failed)
			if failed == 1 {
				l.log.LogAttrs(ctx, slog.LevelWarn, "topology could not be asked for, trying on", slog.Any("error", err))
			}
		default:
			failed = 0
			l.post(ctx, func() { l.adopt(t) })
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}

func (a *Agent) askTopology(ctx context.Context) (freshet.Topology, error) {
	ctx, cancel := context.WithTimeout(ctx, a.o.CallTimeout)
	defer cancel()
	// It says what version it has, in case the control plane's clock was set
	// back: the answer is then newer all the same.
	msg, err := a.o.Bus.Do(ctx, bus.CallTopology, wire.EncodeTopology(freshet.Topology{Version: a.version.Load()}))
	if err != nil {
		return freshet.Topology{}, err
	}
	return wire.DecodeTopology(msg)
}
