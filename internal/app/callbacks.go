package app

import (
	"net/netip"

	"github.com/freshet-vod/freshet/internal/callback"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/guard"
	"github.com/freshet-vod/freshet/internal/store"
)

// eventFacts are what the bodies of events are made of.
type eventFacts struct {
	store.Jobs
	*engine.Engine
}

func (s *Server) buildCallbacks(o Options) error {
	c := o.Config.Callbacks
	allow := make([]netip.Prefix, len(c.Allow))
	for i, n := range c.Allow {
		allow[i] = n.Prefix()
	}
	var err error
	s.callbacks, err = callback.New(callback.Options{
		Queue: s.queue, Receivers: s.store, Jobs: eventFacts{s.store, s.engine},
		Guard: guard.New(allow...), Workers: c.Workers, PerHost: c.PerHost, Log: o.Log,
	})
	return err
}
