package nginx

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// maxRanges bounds the slices of one object that are asked about.
const maxRanges = 1 << 14

// Inspect implements cache.Driver. It tells of the oldest file of each object.
func (d *Driver) Inspect(ctx context.Context, objs []cache.Object, mode cache.InspectMode) []cache.State {
	out := make([]cache.State, len(objs))
	stop := func(err error) []cache.State {
		for i := range out {
			out[i] = cache.State{Fault: d.fault(ctx, err)}
		}
		return out
	}
	if err := ctx.Err(); err != nil {
		return stop(err)
	}
	if !d.complete() {
		if err := d.index.refresh(ctx, false, d.sweep); err != nil {
			return stop(err)
		}
	}
	var said []answers
	if mode == cache.InspectJoin {
		var err error
		if said, err = d.join(ctx, objs, out); err != nil {
			return stop(err)
		}
		if !d.complete() {
			if err := d.index.refresh(ctx, false, d.sweep); err != nil {
				return stop(err)
			}
		}
	} else {
		said = make([]answers, len(objs))
	}
	now := time.Now()
	for i := range objs {
		if out[i].Fault == freshet.ReasonNone {
			d.look(ctx, &out[i], look{url: objs[i].URL, now: now, said: said[i]})
		}
	}
	return out
}

func (d *Driver) fault(ctx context.Context, err error) freshet.Reason {
	if ctx.Err() != nil {
		return freshet.ReasonTimeout
	}
	return d.failure(ctx, err).Reason
}

// answers are what nginx said of the keys of one object.
type answers struct {
	// none says that nothing is stored at any place that can be computed: nginx
	// itself has looked there, after it had waited for what was in flight. What
	// lands there later was asked for later. Only with the supplied key, where
	// nginx ignores Vary: else it would pass over a file that is for others.
	none  bool
	keys  map[string]struct{} // those of which something is stored
	asked time.Time
}

// join waits for fills and refreshes in flight of the objects' keys.
func (d *Driver) join(ctx context.Context, objs []cache.Object, out []cache.State) ([]answers, error) {
	said := make([]answers, len(objs))
	qs := make([]question, 0, len(objs)*len(d.labels))
	of := make([]int, 0, cap(qs))
	asked := time.Now()
	for i := range objs {
		said[i] = answers{none: d.complete(), asked: asked}
		for _, k := range d.keys(objs[i].URL, d.ranges(objs[i].URL)) {
			if !sendable(k) {
				said[i].none = false
				continue
			}
			qs, of = append(qs, question{key: k}), append(of, i)
		}
	}
	for n, r := range d.slow.ask(ctx, qs) {
		a := &said[of[n]]
		if r.err != nil {
			out[of[n]].Fault = d.fault(ctx, r.err)
		}
		if r.err != nil || r.status != saysMiss {
			a.none = false
			if a.keys == nil {
				a.keys = map[string]struct{}{}
			}
			a.keys[qs[n].key] = struct{}{}
		}
	}
	if d.busy.none() {
		return said, nil
	}
	for i := range objs {
		for _, done := range d.busy.of(d.paths(objs[i].URL)) {
			select {
			case <-done:
				out[i].Joined = true
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
	}
	return said, nil
}

func (d *Driver) paths(url string) []string {
	targets := d.targets(url, time.Time{})
	paths := make([]string, len(targets))
	for i := range targets {
		paths[i] = targets[i].path
	}
	return paths
}

// look is how one object is looked at.
type look struct {
	url  string
	now  time.Time
	said answers // zero: nginx was not asked
}

// look reads what is stored of an object.
func (d *Driver) look(ctx context.Context, st *cache.State, l look) {
	c := d.collect(l)
	if c.err != nil {
		st.Fault = d.fault(ctx, c.err)
		return
	}
	st.Copy, st.Fresh = c.copied, c.fresh && c.good
	st.Joined = st.Joined || c.landed
	st.Filling = !d.busy.none() && len(d.busy.of(d.paths(l.url))) > 0
}

// collection is all files of an object.
type collection struct {
	copied freshet.Copy // the oldest, with the size of the whole if it is there
	found  bool
	fresh  bool // all are
	good   bool // none is an error or a redirect, and no slice is missing
	landed bool // one came while nginx was being asked about its key
	err    error
}

func (d *Driver) collect(l look) collection {
	c := collection{fresh: true, good: true}
	var size, total int64
	var targets []target
	if l.said.none {
		targets = d.others(l.url)
	} else {
		targets = d.targets(l.url, time.Time{})
	}
	for _, t := range targets {
		h, err := d.head(t.path)
		if os.IsNotExist(err) || err == nil && !d.mine(&t, &h) || isShort(err) {
			continue
		}
		if err != nil {
			c.err = err
			return c
		}
		c.found = true
		c.fresh = c.fresh && h.fresh(l.now)
		c.good = c.good && h.good()
		if h.slice {
			size, total = size+h.size, max(total, h.total)
		}
		if _, ok := l.said.keys[t.key]; ok && h.written.After(l.said.asked) {
			c.landed = true
		}
		c.copied = older(c.copied, h.copied())
	}
	if total > 0 { // sliced: the variants of a large file are one
		c.copied.Size = size
		c.good = c.good && size == total
	}
	return c
}

// ranges returns the values that $slice_range may have for an object: of each
// slice, if its length is known from one that is stored, or else of the first.
func (d *Driver) ranges(url string) []string {
	if d.o.Slice == 0 {
		return []string{""}
	}
	total := d.o.Slice
	for _, n := range d.index.of(url) {
		if h, err := d.head(d.pathOf(n)); err == nil && h.slice {
			total = max(total, h.total)
			break
		}
	}
	count := min((total+d.o.Slice-1)/d.o.Slice, maxRanges)
	all := make([]string, 0, count+1)
	for i := range count {
		all = append(all, fmt.Sprintf("bytes=%d-%d", i*d.o.Slice, (i+1)*d.o.Slice-1))
	}
	return append(all, "") // a location of the same cache that is not sliced
}
