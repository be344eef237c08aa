// Package nginx is the driver of nginx 1.22 and later without any module: it
// removes the files of the cache, finds them by the keys written in them, and
// asks nginx itself, by a location that fetches nothing, whether a fill is in
// flight (deploy/nginx).
//
// It must not know the agent or the log. App makes one per nginx and hands it
// to an agent. nginx is not told that a file went, and stores what it was
// fetching all the same: if this package took a file for another, a film would
// be fetched anew for nothing; if it missed one, or a fill, viewers would get
// the old body after Complete.
package nginx

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/denyfolder"
	"github.com/freshet-vod/freshet/internal/cache/door"
)

const (
	// maxBatch bounds the objects of a call: their files, and one request of a
	// few hundred bytes each and variant.
	maxBatch = 1000
	// sweepEvery is how long a file that landed too late may lie, where nobody
	// could wait for its fill.
	sweepEvery = time.Second
	// calmEvery is the same for a second look where they were waited for.
	calmEvery = 10 * time.Second
	// idleEvery keeps the index warm when nothing is purged.
	idleEvery = 30 * time.Second
)

// DefaultKey is the proxy_cache_key of the supplied configuration.
const DefaultKey = "$freshet_host$freshet_uri|$freshet_variant$slice_range"

// Options are the options of New.
type Options struct {
	Path     string    // the folder of proxy_cache_path
	Levels   string    // its parameter levels; empty: all files lie in one folder
	Key      string    // proxy_cache_key; default DefaultKey
	Slice    int64     // bytes of a slice; zero without the directive
	Variants []Variant // what $freshet_variant may be; default: "" alone
	Control  string    // the inspect listener: http://HOST:PORT, or unix:/PATH
	URL      string    // where nginx answers viewers: http://HOST:PORT, or unix:/PATH

	// DenyFolder is where nginx looks for what it must refuse, as in
	// deploy/nginx/freshet.conf; empty: it cannot refuse anything.
	DenyFolder string

	Fillers   int // prefetches of one call that run at a time; default 16
	FlushRate int // files a second that Flush reads and removes; default 5000
	Log       *slog.Logger
}

// Variant is one representation that nginx keeps of an object.
type Variant struct {
	Label  string      // the value of $freshet_variant
	Header http.Header // what a viewer sends who gets it; with a label and none, it is not prefetched
}

// Driver implements cache.Driver over the cache of one nginx. Run must run for
// it to work.
type Driver struct {
	o        Options
	template *template
	layout   layout
	labels   []string
	index    *index
	fences   fences
	purging  sync.RWMutex // held in parts while exact purges remove files, whole while sweep does
	notes    notes
	door     *door.Door
	quick    *asker // requests that nginx answers at once
	slow     *asker // requests that wait for fills
	holds    *holds
	denied   *denyfolder.Folder
	busy     busy
	domains  atomic.Pointer[[]freshet.Domain]
	topology sync.Mutex // held while the domains change
	heads    sync.Pool
	hurry    chan struct{} // holds a value when there are fences that nobody waits for
}

var (
	_ cache.Driver   = (*Driver)(nil)
	_ cache.Follower = (*Driver)(nil)
	_ cache.Denier   = (*Driver)(nil)
)

// New makes the driver of an nginx, which need not run yet. The error names
// the option that is wrong; a key that cannot be read backwards is one.
func New(ctx context.Context, o Options) (*Driver, error) {
	if o.Key == "" {
		o.Key = DefaultKey
	}
	if o.Fillers <= 0 {
		o.Fillers = 16
	}
	if o.FlushRate <= 0 {
		o.FlushRate = 5000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if len(o.Variants) == 0 {
		o.Variants = []Variant{{}}
	}
	t, err := newTemplate(o.Key)
	if err != nil {
		return nil, err
	}
	l, err := parseLevels(o.Levels)
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(o.Path) {
		return nil, freshet.Invalid("path", "%q is not an absolute path", o.Path)
	}
	if o.Slice > 0 && !t.has[varSlice] && !t.lastIsVariant() {
		return nil, freshet.Invalid("key", "%q lacks $slice_range, which a sliced cache needs", o.Key)
	}
	front, err := door.New(door.Options{URL: o.URL, Idle: o.Fillers})
	if err != nil {
		return nil, err
	}
	network, addr, _, err := door.Target(o.Control)
	if err != nil {
		return nil, err
	}
	d := &Driver{
		o: o, template: t, layout: l, index: newIndex(o.Path, l), door: front,
		quick: newAsker(network, addr, 8), slow: newAsker(network, addr, 32),
		hurry: make(chan struct{}, 1),
		heads: sync.Pool{New: func() any { b := make([]byte, firstRead); return &b }},
	}
	for _, v := range o.Variants {
		d.labels = append(d.labels, v.Label)
	}
	d.notes.d = d
	if o.DenyFolder != "" {
		d.denied = denyfolder.New(o.DenyFolder, spelt)
	}
	d.setDomains(nil)
	if d.holds, err = newHolds(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// Close ends idle connections. Run must have returned.
func (d *Driver) Close() error {
	d.quick.close()
	d.slow.close()
	d.door.Close()
	return d.holds.close()
}

// Run takes in what lands in the cache's folder and removes what landed too
// late, until ctx ends.
func (d *Driver) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() { d.holds.serve(ctx) })
	wg.Go(func() { d.workBusy(ctx) })
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.hurry:
		case <-tick.C:
		}
		if err := d.index.refresh(ctx, true, d.sweep); err != nil && ctx.Err() == nil {
			d.o.Log.LogAttrs(ctx, slog.LevelWarn, "the cache's folder cannot be read", slog.Any("error", err))
		}
		next := idleEvery
		switch exact, others := d.fences.young(time.Now()); {
		case others, exact && !d.complete():
			next = sweepEvery
		case exact: // their fills were waited for
			next = calmEvery
		}
		tick.Reset(next)
	}
}

// Powers implements cache.Driver.
func (d *Driver) Powers() cache.Powers {
	return cache.Powers{
		Driver: "nginx", MaxBatch: maxBatch, Prefix: true, Regex: true, Soft: true, Prefetch: true,
		Inspect: true, Stamps: true, KeepsCursor: true, Survives: true, Counts: true, Denies: d.denied != nil,
	}
}

// SetTopology implements cache.Follower. If the domains' names or parameters
// changed, every file is read again before the next purge by pattern.
func (d *Driver) SetTopology(t freshet.Topology) {
	d.door.SetTopology(t)
	d.topology.Lock()
	defer d.topology.Unlock()
	if !slices.EqualFunc(t.Domains, *d.domains.Load(), sameNames) {
		d.setDomains(t.Domains)
	}
}

func sameNames(a, b freshet.Domain) bool {
	return a.Name == b.Name && a.Origin == b.Origin && slices.Equal(a.Aliases, b.Aliases) && slices.Equal(a.IgnoreParams, b.IgnoreParams)
}

func (d *Driver) setDomains(list []freshet.Domain) {
	domains := slices.Clone(list)
	d.domains.Store(&domains)
	d.index.reset(func(key string) (string, bool) {
		r, ok := d.template.read(key, domains)
		return r.url, ok
	})
}

// complete reports whether the files of an object are all at places that can
// be computed, so that an exact purge need not wait for the index.
func (d *Driver) complete() bool { return d.template.closed() && d.o.Slice == 0 }

// keys returns the keys that can be computed of an object, with the slices
// given.
func (d *Driver) keys(url string, ranges []string) []string {
	return d.template.keys(url, *d.domains.Load(), d.labels, ranges)
}

func (d *Driver) pathOf(n name) string { return filepath.Join(d.o.Path, d.layout.path(n)) }

// head reads the head of a file.
func (d *Driver) head(path string) (head, error) {
	buf, _ := d.heads.Get().(*[]byte)
	defer d.heads.Put(buf)
	return readHead(path, *buf)
}

// watch has Run look at once, and then often.
func (d *Driver) watch() {
	select {
	case d.hurry <- struct{}{}:
	default:
	}
}

// canceled is the result of what was not done because ctx ended.
func canceled(ctx context.Context) cache.Result {
	return cache.Result{Outcome: freshet.OutcomeCancelled, Detail: context.Cause(ctx).Error()}
}

// each calls do for 0 to n-1 on a few goroutines and waits for them.
func each(n, workers int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, workers) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}
