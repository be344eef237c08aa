package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/freshet-vod/freshet/internal/health"
)

// vitals are a process's checks: what it needs to live, and to get traffic.
type vitals struct{ alive, ready health.Board }

func (v *vitals) healthz() http.Handler { return health.Handler(&v.alive, "not well") }

func (v *vitals) readyz() http.Handler { return health.Handler(&v.ready, "not ready") }

// storeLook is how often the database is asked whether it answers: anybody may
// call /readyz.
const storeLook = time.Second

// buildVitals lists a control plane's checks. What a POP of this process lacks
// is told and decides nothing: its front door refuses viewers by itself, and
// the API may get calls all the same.
func (s *Server) buildVitals() {
	s.vitals.ready.Need(health.Engine, func(context.Context) error { return s.engine.Ready() })
	s.vitals.ready.Need(health.Store, health.Held(storeLook, func(ctx context.Context) error {
		if _, err := s.store.Heads(ctx); err != nil {
			s.log.LogAttrs(ctx, slog.LevelWarn, "the database does not answer a check", slog.Any("error", err))
			return errors.New("the database does not answer; the log says why")
		}
		return nil
	}))
	s.vitals.ready.Needs(connection(s.control))
	s.vitals.ready.Notes("", hasRoom(s.disk))
	for _, p := range s.pops {
		s.vitals.alive.Needs(p.alive)
		s.vitals.ready.Notes(p.id, p.standing)
	}
}

// connection is the check of a connection to the bus.
func connection(c interface{ Connected() bool }) func(context.Context) []health.Result {
	return func(context.Context) []health.Result {
		if c.Connected() {
			return []health.Result{{Check: health.Bus, OK: true}}
		}
		return []health.Result{{Check: health.Bus, Why: "there is no connection to the bus; the log says why"}}
	}
}

// alive is whether the POP's agent does anything at all.
func (p *pop) alive(ctx context.Context) []health.Result {
	r := health.Result{Check: health.Agent, OK: true, Where: p.id}
	if err := p.agent.Alive(ctx); err != nil {
		r.OK, r.Why = false, err.Error()
	}
	return []health.Result{r}
}

// standing is what keeps the POP from taking traffic, and what does not.
func (p *pop) standing(context.Context) []health.Result {
	found := p.agent.Obstacles()
	var list []health.Result
	for _, check := range []string{
		health.Agent, health.Cache, health.Contact, health.Known, health.Standing, health.Drained, health.Silence, health.Denials, health.CaughtUp, health.Turn,
	} {
		r := health.Result{Check: check, OK: true}
		for _, o := range found {
			if o.Check == check {
				r.OK, r.Why = false, o.Why
			}
		}
		list = append(list, r)
	}
	return list
}
