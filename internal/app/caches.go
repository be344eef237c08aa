package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/door"
	"github.com/freshet-vod/freshet/internal/cache/nginx"
	"github.com/freshet-vod/freshet/internal/cache/purgeport"
	"github.com/freshet-vod/freshet/internal/cache/varnish"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/lifecycle"
)

// How long one call to a cache outside this process may take. A purge that
// waits for a slow fill gives its place to others and comes back.
const (
	purgeWithin   = time.Minute
	inspectWithin = 30 * time.Second
	otherWithin   = time.Minute
)

// worked is what an agent works: the caches of a POP as one driver.
type worked struct {
	driver     cache.Driver
	url        string // where viewers ask
	front      string // the same as this process reaches it, for probes
	site       *site  // the front door, if it is ours
	onReady    func(ready bool)
	onObstacle func(why string)     // nil: the caches tell balancers nothing
	onVigil    func(on bool)        // nil: they cannot be made to ask before they serve
	traffic    func() time.Duration // nil: they do not tell
	onTopology func(freshet.Topology)
	runs       []func(context.Context) error // what drivers do between calls
}

// newForeign makes the driver of caches that are programs of their own.
func newForeign(ctx context.Context, group *lifecycle.Group, s popSpec) (worked, error) {
	layers := map[int][]cache.Driver{}
	inner := slices.MinFunc(s.caches, byLayer).Layer
	var followers []cache.Follower
	var runs []func(context.Context) error
	for _, k := range s.caches {
		d, err := newDriver(ctx, s, k)
		if err != nil {
			return worked{}, fmt.Errorf("pop %s: %w", s.id, err)
		}
		if c, ok := d.(io.Closer); ok {
			group.OnStop("driver of "+s.id, func(context.Context) error { return c.Close() })
		}
		if r, ok := d.(interface {
			Run(ctx context.Context) error
		}); ok {
			runs = append(runs, r.Run)
		}
		if f, ok := d.(cache.Follower); ok {
			followers = append(followers, f)
		}
		d = cache.Timeout(d, cache.Timeouts{Purge: purgeWithin, Inspect: inspectWithin, Other: otherWithin})
		if k.Layer == inner { // further out a fence says nothing: see cache.Group
			fenced, file, err := cache.Fence(d, filepath.Join(s.dir, "fence-"+short(string(k.Control))))
			if err != nil {
				return worked{}, fmt.Errorf("pop %s: %w", s.id, err)
			}
			group.OnStop("times of purges at "+s.id, func(context.Context) error { return file.Close() })
			d = fenced
		}
		layers[k.Layer] = append(layers[k.Layer], d)
	}
	w := worked{
		url: string(outermost(s.caches).URL), onReady: func(bool) {}, runs: runs,
		onTopology: func(t freshet.Topology) {
			for _, f := range followers {
				f.SetTopology(t)
			}
		},
	}
	o := cache.GroupOptions{}
	for _, n := range slices.Sorted(maps.Keys(layers)) {
		o.Layers = append(o.Layers, layers[n])
	}
	if s.via != "" {
		via, err := door.New(door.Options{URL: string(s.via)})
		if err != nil {
			return worked{}, fmt.Errorf("pop %s: prefetch_via: %w", s.id, err)
		}
		group.OnStop("door of "+s.id, func(context.Context) error { via.Close(); return nil })
		o.Via, w.url = via, string(s.via)
		followers = append(followers, via)
	}
	w.front = w.url
	if len(s.caches) == 1 && o.Via == nil {
		w.driver = o.Layers[0][0]
		return w, nil
	}
	g, err := cache.NewGroup(o)
	w.driver = g
	return w, err
}

func newDriver(ctx context.Context, s popSpec, k config.Cache) (cache.Driver, error) {
	switch {
	case s.agentless:
		return purgeport.New(purgeport.Options{Driver: k.Driver, URL: string(k.URL), Purge: string(k.Control)})
	case k.Driver == config.DriverVarnish:
		return varnish.New(ctx, varnish.Options{
			Control: string(k.Control), URL: string(k.URL), Soft: k.Soft, DenyFolder: k.DenyFolder,
		})
	case k.Driver == config.DriverNginx:
		return newNginx(ctx, s, k)
	}
	return nil, fmt.Errorf("there is no driver %q", k.Driver)
}

func newNginx(ctx context.Context, s popSpec, k config.Cache) (cache.Driver, error) {
	n := k.Nginx
	o := nginx.Options{
		Path: n.Path, Levels: n.Levels, Key: n.Key, Slice: n.Slice.Bytes(),
		Control: string(k.Control), URL: string(k.URL), DenyFolder: k.DenyFolder, Log: s.log.With(slog.String("pop", s.id)),
	}
	for _, v := range n.Variants {
		header := http.Header{}
		for _, line := range v.Headers {
			name, value, _ := strings.Cut(line, ":")
			header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		}
		o.Variants = append(o.Variants, nginx.Variant{Label: v.Label, Header: header})
	}
	return nginx.New(ctx, o)
}

// outermost returns a cache of the layer that viewers reach first.
func outermost(caches []config.Cache) config.Cache {
	return slices.MaxFunc(caches, byLayer)
}

func byLayer(a, b config.Cache) int { return a.Layer - b.Layer }

// short names a file after an address.
func short(address string) string {
	sum := sha256.Sum256([]byte(address))
	return hex.EncodeToString(sum[:4])
}
