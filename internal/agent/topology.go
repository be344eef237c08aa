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
	wire   wire.Version           // in which it came
	have   bool
	unsafe bool // newer than what the journal holds
	saving bool
}

// adopt takes in a topology if it is newer, or told in a newer version of the
// wire, which says more of the same.
func (l *life) adopt(t freshet.Topology, v wire.Version) {
	old := &l.topology
	if old.have && (t.Version < old.now.Version || t.Version == old.now.Version && v <= old.wire) {
		return
	}
	l.setTopology(t, v)
	l.topology.unsafe = true
}

// hearTopology understands a pushed topology. The control plane tells the same
// in every version that a POP may need, each on a channel of its own: one that
// speaks the newest is listened to there only.
func (l *life) hearTopology(ch bus.Channel, msg []byte) (func(), error) {
	if versionOf(ch) < l.dialect.now() {
		return nil, nil
	}
	t, err := wire.DecodeTopology(msg)
	if err != nil {
		return nil, err
	}
	v := wire.VersionOf(msg)
	if v > l.dialect.now() {
		l.dialect.heard(v)
	}
	return func() {
		l.adopt(t, v)
		l.spoken(v)
	}, nil
}

// versionOf returns the version in which topologies are told on a channel.
func versionOf(ch bus.Channel) wire.Version {
	switch ch { //nolint:exhaustive // the others tell no topology
	case bus.ChannelTopology3:
		return wire.Version3
	case bus.ChannelTopology2:
		return wire.Version2
	}
	return wire.Version1
}

func (l *life) setTopology(t freshet.Topology, v wire.Version) {
	l.topology.now, l.topology.wire, l.topology.have = t, v, true
	l.topology.pops = make(map[string]freshet.POP, len(t.POPs))
	for _, p := range t.POPs {
		l.topology.pops[p.ID] = p
	}
	me := l.topology.pops[l.o.POP]
	if l.ready.drained && !me.Drained {
		l.ready.undrain = l.reader.subjects[freshet.SubjectPurge].target
	}
	l.ready.drained = me.Drained
	l.bears.Store(0)
	if me.Silence.Acts() {
		l.bears.Store(int64(me.Silence.After))
	}
	l.version.Store(t.Version)
	l.follow(t)
	l.redos.look = true
	l.fetches.moved = true
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
	// In the version in which it came: the next life begins by speaking it.
	msg := wire.EncodeTopologyAs(l.topology.wire, l.topology.now)
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
		t, v, err := l.askTopology(ctx)
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
			l.post(ctx, func() {
				l.adopt(t, v)
				l.spoken(v)
			})
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}

// askTopology asks in the newest version, and hears from the answer which one
// the control plane speaks.
func (a *Agent) askTopology(ctx context.Context) (freshet.Topology, wire.Version, error) {
	t, v, err := a.askTopologyAs(ctx, wire.Newest)
	if err == nil && v < wire.Newest && t.Version < a.version.Load() {
		// A control plane of the release before could not read which topology
		// we have, and so did not make its own newer.
		t, v, err = a.askTopologyAs(ctx, v)
	}
	if err == nil {
		a.dialect.heard(v)
	}
	return t, v, err
}

func (a *Agent) askTopologyAs(ctx context.Context, v wire.Version) (freshet.Topology, wire.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, a.o.CallTimeout)
	defer cancel()
	// It says what version it has, in case the control plane's clock was set
	// back: the answer is then newer all the same.
	msg, err := a.o.Bus.Do(ctx, bus.CallTopology, wire.EncodeTopologyAs(v, freshet.Topology{Version: a.version.Load()}))
	if err != nil {
		return freshet.Topology{}, 0, err
	}
	t, err := wire.DecodeTopology(msg)
	return t, wire.VersionOf(msg), err
}
