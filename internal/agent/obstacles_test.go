package agent_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/health"
)

// remoteCache is a cache that may not be there.
type remoteCache struct {
	cache.Driver
	away *atomic.Bool
}

func (r remoteCache) Incarnation(ctx context.Context) (string, error) {
	if r.away.Load() {
		return "", errors.New("dial tcp 10.1.2.3:6082: connection refused")
	}
	return r.Driver.Incarnation(ctx)
}

// hinders fails unless exactly these checks fail, and the words of the first
// contain say.
func (s *site) hinders(say string, checks ...string) {
	s.t.Helper()
	got := s.a.Obstacles()
	ok := len(got) == len(checks)
	for i := range min(len(got), len(checks)) {
		ok = ok && got[i].Check == checks[i]
	}
	if !ok || len(got) > 0 && !strings.Contains(got[0].Why, say) {
		s.t.Errorf("%s is hindered by %+v, want %v and %q", s.id, got, checks, say)
	}
	for _, o := range got {
		if strings.Contains(o.Why, "10.1.2.3") {
			s.t.Errorf("it is told where the cache is: %q", o.Why)
		}
	}
}

// TestP5_WhatKeepsAPOPFromTrafficIsTold goes through every reason for which a
// POP takes no traffic, and holds that it is told, and told no longer than it
// is true.
func TestP5_WhatKeepsAPOPFromTrafficIsTold(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("s"), pop("e", "s")), func(w *world) {
		e, s := w.sites["e"], w.sites["s"]
		var away atomic.Bool
		away.Store(true)
		e.opts = func(o *agent.Options) { o.Driver = remoteCache{o.Driver, &away} }
		w.weather.turn(faults{Mute: true, Cut: true})
		e.start("", 0)
		pass(10 * time.Second)
		e.hinders("cache could not be asked who it is", health.Cache)
		away.Store(false)
		pass(time.Minute)
		e.hinders("was not heard since the start", health.Contact)
		missed := w.append(purge(u1))
		w.weather.turn(faults{})
		pass(time.Minute)
		e.hinders("up to "+missed.At.String(), health.CaughtUp)
		s.start("", 0)
		pass(3 * time.Second)
		e.hinders("")
		w.append(member(freshet.MemberDown, "e"))
		pass(time.Second)
		e.hinders("marked down", health.Standing)
		w.append(member(freshet.MemberUp, "e"))
		pass(3 * time.Second)
		e.hinders("")
		away.Store(true)
		pass(time.Minute)
		e.hinders("does not answer", health.Cache)
		away.Store(false)
		pass(time.Minute)
		e.hinders("")
		if !e.isReady() {
			w.t.Error("not ready, though nothing hinders it")
		}
		w.append(member(freshet.MemberRemove, "e"))
		pass(time.Second)
		e.hinders("removed", health.Standing)
		if err := e.a.Alive(w.t.Context()); err != nil {
			w.t.Error(err)
		}
		e.kill()
		if err := e.a.Alive(w.t.Context()); err != nil {
			w.t.Errorf("an agent that has ended is stuck: %v", err)
		}
	})
}

// TestP5_ADenyListThatIsMissingIsTold holds that a POP says so when it waits for
// what it must refuse.
func TestP5_ADenyListThatIsMissingIsTold(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("e")), func(w *world) {
		e := w.sites["e"]
		e.opts = func(o *agent.Options) { o.Bus = silent{o.Bus} }
		e.start("", 0)
		pass(time.Minute)
		e.hinders("must be refused", health.Denials)
	})
}

// silent is a bus over which no deny list comes.
type silent struct{ bus.Agent }

func (s silent) Do(ctx context.Context, call bus.Call, req []byte) ([]byte, error) {
	if call == bus.CallDenied {
		return nil, errSevered
	}
	return s.Agent.Do(ctx, call, req)
}

// TestP5_APOPThatNobodyKnowsIsTold holds that a wrong ID is told as that.
func TestP5_APOPThatNobodyKnowsIsTold(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("s")), func(w *world) {
		e := newSite(w.t, w.control, "typo")
		e.cache = newCache(7, &w.ticks)
		e.start("", 0)
		defer e.kill()
		pass(time.Minute)
		e.hinders("knows no POP of this ID", health.Known)
		if e.isReady() {
			w.t.Error("it takes traffic")
		}
	})
}

// TestAlive_ALoopThatHangsIsTold holds that a loop that hangs does not go
// unseen: what the wiring was told of readiness never returns here.
func TestAlive_ALoopThatHangsIsTold(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("e")), func(w *world) {
		e := w.sites["e"]
		hang := make(chan struct{})
		e.opts = func(o *agent.Options) { o.OnReady = func(bool) { <-hang } }
		e.start("", 0)
		pass(5 * time.Second)
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		if err := e.a.Alive(ctx); err == nil || !strings.Contains(err.Error(), "does not turn") {
			w.t.Errorf("got %v", err)
		}
		close(hang)
		if err := e.a.Alive(w.t.Context()); err != nil {
			w.t.Error(err)
		}
	})
}
