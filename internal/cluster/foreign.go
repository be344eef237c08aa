package cluster

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/freshet-vod/freshet/internal/freeport"
)

// Foreign starts a cache that is a program of its own, for one POP.
type Foreign func(ctx context.Context, site Site) (ForeignCache, error)

// Site is what a foreign cache is told.
type Site struct {
	Dir      string   // an empty folder of its own
	Domain   string   // the host name of all objects
	Upstream []string // HOST:PORT of what it fills from, in order of preference
}

// ForeignCache is a cache that is a program of its own.
type ForeignCache interface {
	// Door is the HOST:PORT where it answers viewers.
	Door() string
	// Config is the list `caches` of the POP's configuration.
	Config() string
	// Stop ends it.
	Stop()
}

// cacheOf starts what a POP needs beside Freshet, notes its front door, and
// returns the list of its caches.
func (c *Cluster) cacheOf(ctx context.Context, p POP) (config string, err error) {
	c.ids = append(c.ids, p.ID)
	if p.Foreign == nil {
		door, err := freeport.Addr(ctx)
		c.doors[p.ID] = door
		return fmt.Sprintf("[{driver: edge, listen: %s}]", door), err
	}
	site := Site{Dir: c.path(p.ID + "-cache"), Domain: Domain}
	for _, parent := range p.Parents {
		site.Upstream = append(site.Upstream, c.doors[parent])
	}
	if len(site.Upstream) == 0 {
		site.Upstream = []string{strings.TrimPrefix(c.Origin.URL(), "http://")}
	}
	if err := os.MkdirAll(site.Dir, 0o755); err != nil { //nolint:gosec // the cache's workers may run as another user
		return "", err
	}
	k, err := p.Foreign(ctx, site)
	if err != nil {
		return "", fmt.Errorf("starting the cache of %s: %w", p.ID, err)
	}
	c.Caches[p.ID], c.doors[p.ID] = k, k.Door()
	return k.Config(), nil
}
