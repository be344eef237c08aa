package agent_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
	"github.com/freshet-vod/freshet/internal/bus"
)

// severed is a POP's end of the bus that has no connection while cut is set.
type severed struct {
	bus.Agent
	cut *atomic.Bool
}

var errSevered = errors.New("there is no connection")

func (s severed) Do(ctx context.Context, call bus.Call, req []byte) ([]byte, error) {
	if s.cut.Load() {
		return nil, errSevered
	}
	return s.Agent.Do(ctx, call, req)
}

func (s severed) Beat(ctx context.Context, msg []byte) error {
	if s.cut.Load() {
		return errSevered
	}
	return s.Agent.Beat(ctx, msg)
}

// TestContact_WhatFailedIsTriedAtOnceWhenItIsBack: after a long cut the pauses
// between attempts are long, and nobody waits for their end.
func TestContact_WhatFailedIsTriedAtOnceWhenItIsBack(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("e")), func(w *world) {
		t, e := w.t, w.sites["e"]
		var cut atomic.Bool
		e.opts = func(o *agent.Options) { o.Bus = severed{o.Bus, &cut} }
		e.start("", 0)
		pass(2 * time.Second)
		for range 5 { // the end of a pause may be near once
			cut.Store(true)
			heard := w.append(purge(u1))
			pass(time.Second) // it is carried out, and cannot be answered for
			w.weather.turn(faults{Lose: 1})
			missed := w.append(purge(u2))
			pass(time.Second)
			w.weather.turn(faults{}) // the heads tell that something is missing, and it cannot be pulled
			pass(10 * time.Minute)
			w.wantNone(t, "e", heard, 0)
			w.wantNone(t, "e", missed, 0)
			cut.Store(false)
			pass(2 * time.Second)
			w.want(t, "e", heard, 0, freshet.OutcomeAlready, freshet.ReasonNone)
			w.want(t, "e", missed, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		}
	})
}
