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
func newProbe(group *lifecycle.Group, pop string, w worked) (cache.Prober, error) {
	through, err := door.New(door.Options{URL: w.front})
	if err != nil {
		return nil, err
	}
	origins := fetch.New(fetch.Options{Retries: -1})
	group.OnStop("probes of "+pop, func(context.Context) error {
		through.Close()
		origins.Close()
		return nil
	})
	return probe.New(probe.Options{Door: through, Origins: origins, InPath: w.site != nil}).Probe, nil
}
