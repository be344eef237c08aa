package app

import (
	"context"

	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/door"
	"github.com/freshet-vod/freshet/internal/fetch"
	"github.com/freshet-vod/freshet/internal/lifecycle"
	"github.com/freshet-vod/freshet/internal/probe"
)

// newProbe makes what probes a POP through its front door, for domains that
// want it. Origins are asked once a question: the agent tries again itself.
func newProbe(group *lifecycle.Group, s popSpec, w worked) (cache.Prober, error) {
	through, err := door.New(door.Options{URL: w.front})
	if err != nil {
		return nil, err
	}
	origins := fetch.New(fetch.Options{Retries: -1})
	guarded := fetch.New(fetch.Options{Retries: -1, Guard: s.guard.Control})
	group.OnStop("probes of "+s.id, func(context.Context) error {
		through.Close()
		origins.Close()
		guarded.Close()
		return nil
	})
	return probe.New(probe.Options{Door: through, Origins: origins, Guarded: guarded, InPath: w.site != nil}).Probe, nil
}
