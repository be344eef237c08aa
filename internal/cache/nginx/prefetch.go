package nginx

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/door"
)

const (
	// maxAsks bounds the requests for one object that is not stored:
	// proxy_cache_min_uses admits it at a later one.
	maxAsks = 4
	// storedWithin bounds the wait from the last byte at the front door until
	// nginx has put the file into its place; then it is asked.
	storedWithin = 20 * time.Millisecond
)

func isShort(err error) bool { return errors.Is(err, errShort) }

// Prefetch implements cache.Driver.
func (d *Driver) Prefetch(ctx context.Context, objs []cache.Object) []cache.Result {
	out := make([]cache.Result, len(objs))
	each(len(objs), d.o.Fillers, func(i int) { out[i] = d.prefetch(ctx, objs[i].URL, objs[i].Header) })
	return out
}

// prefetch fills each representation of an object that nginx would keep. Where
// several declared variants are one to nginx, because it tells them apart for
// playlists only, it is filled once.
func (d *Driver) prefetch(ctx context.Context, url string, header http.Header) cache.Result {
	if ctx.Err() != nil {
		return canceled(ctx)
	}
	if !d.complete() {
		if err := d.index.refresh(ctx, false, d.sweep); err != nil {
			return d.failure(ctx, err)
		}
	}
	wants, err := d.wanted(ctx, url, header)
	if err != nil {
		return d.failure(ctx, err)
	}
	r := cache.Result{Outcome: freshet.OutcomeAlready, Before: d.goodCopy(url)}
	for _, w := range wants {
		if d.whole(url, w.key) {
			continue
		}
		d.cleanUp(ctx, url) // an error that is still stored says nothing of now
		f := d.fill(ctx, url, w)
		if f.Outcome != freshet.OutcomeDone {
			f.Before = r.Before
			return f
		}
		r.Outcome = freshet.OutcomeDone
		if r.FirstByte == 0 {
			r.FirstByte = f.FirstByte
		}
	}
	r.After = d.goodCopy(url)
	if !r.After.Stored() {
		// It was purged, or expired, in the very moment after it was seen.
		return cache.Failed(freshet.ReasonMismatch, "the object went again right after it was stored")
	}
	return r
}

// goodCopy returns what is stored of an object, unless it is an error.
func (d *Driver) goodCopy(url string) freshet.Copy {
	if c := d.collect(look{url: url, now: time.Now()}); c.good {
		return c.copied
	}
	return freshet.Copy{}
}

// wanted is a representation that is to be stored.
type wanted struct {
	key    string // of its file, or of its first slice
	header http.Header
}

// wanted asks nginx which key each declared variant of an object has, for a viewer
// with this header: what that sets, no variant chooses for itself. With a key of
// the operator's own it is the other way round, as its variants are not to be
// asked for.
func (d *Driver) wanted(ctx context.Context, url string, header http.Header) ([]wanted, error) {
	host, path := freshet.SplitURL(url)
	var qs []question
	var of []Variant
	for _, v := range d.o.Variants {
		if v.Label == "" || len(v.Header) > 0 {
			v.Header = asked(v.Header, header, d.template.closed())
			qs, of = append(qs, question{host: host, path: path, header: v.Header}), append(of, v)
		}
	}
	var all []wanted
	seen := map[string]bool{}
	for i, r := range d.quick.ask(ctx, qs) {
		if r.err != nil {
			return nil, r.err
		}
		key := r.key
		if !d.template.closed() {
			// Another key than the supplied one: what it would be is computed.
			key = d.template.keys(url, *d.domains.Load(), []string{of[i].Label}, []string{""})[0]
		}
		if rd, ok := d.template.read(key, *d.domains.Load()); !ok || rd.url != url {
			return nil, fmt.Errorf("%w: it stores %s as %q, which is another object; do the maps of hosts and ignored parameters say the same as the domain?", errOdd, url, key)
		} else if !slices.Contains(d.labels, rd.variant) {
			return nil, fmt.Errorf("%w: it stores %s as variant %q, which is not declared", errOdd, url, rd.variant)
		}
		if !seen[key] {
			seen[key] = true
			all = append(all, wanted{key: key, header: of[i].Header})
		}
	}
	return all, nil
}

// asked is the header of a request for a variant: its own, and that of the
// prefetch, which comes first if it may choose the variant.
func asked(own, header http.Header, chooses bool) http.Header {
	if len(header) == 0 {
		return own
	}
	out := header.Clone()
	for name, values := range own {
		if _, set := out[name]; !set || !chooses {
			out[name] = values
		}
	}
	return out
}

// whole reports whether viewers get a representation without the origin.
func (d *Driver) whole(url, key string) bool {
	now := time.Now()
	if d.o.Slice > 0 {
		c := d.collect(look{url: url, now: now})
		return c.found && c.fresh && c.good
	}
	h, err := d.head(d.pathOf(nameOf(key)))
	return err == nil && h.key == key && h.good() && h.fresh(now)
}

// fill asks at the front door until a representation is stored whole.
func (d *Driver) fill(ctx context.Context, url string, w wanted) cache.Result {
	last := cache.Failed(freshet.ReasonRefused, fmt.Sprintf("nginx did not store the object after %d requests", maxAsks))
	var first time.Duration
	for n := range maxAsks {
		a := d.door.Fetch(ctx, url, w.header)
		if first == 0 {
			first = a.FirstByte
		}
		if r := a.Result(); r.Outcome != freshet.OutcomeDone {
			d.cleanUp(ctx, url)
			return r
		}
		if why := forbidden(a.Header); why != "" {
			return cache.Failed(freshet.ReasonRefused, why)
		}
		c, err := d.settled(ctx, url, w.key, n == maxAsks-1)
		switch {
		case err != nil:
			return d.failure(ctx, err)
		case !c.found || !c.good:
			continue // not admitted, or purged since
		}
		if why := c.differs(a); why != "" {
			last = cache.Failed(freshet.ReasonMismatch, why)
			continue // another fetch came in between
		}
		return cache.Result{Outcome: freshet.OutcomeDone, FirstByte: first}
	}
	return last
}

// stored is what lies at a key.
type stored struct {
	found, good bool
	size        int64
	validator   string
	encoding    string
}

// settled waits until nginx has put a file into its place. At last it waits for
// the fill of somebody else, which may be on its way; not before, since nginx
// counts the uses of a key that is not stored (proxy_cache_min_uses) anew after
// it was asked about.
func (d *Driver) settled(ctx context.Context, url, key string, last bool) (stored, error) {
	s := d.storedAt(ctx, url, key)
	if s.found && s.good {
		return s, nil
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(storedWithin)
	defer end.Stop()
	for !s.found || !s.good {
		select {
		case <-tick.C:
			s = d.storedAt(ctx, url, key)
		case <-ctx.Done():
			return s, context.Cause(ctx)
		case <-end.C:
			if !last {
				return s, nil
			}
			if r := d.slow.ask(ctx, []question{{key: key}})[0]; r.err != nil {
				return s, r.err
			}
			return d.storedAt(ctx, url, key), nil
		}
	}
	return s, nil
}

func (d *Driver) storedAt(ctx context.Context, url, key string) stored {
	if d.o.Slice > 0 {
		if err := d.index.refresh(ctx, false, d.sweep); err != nil {
			return stored{}
		}
		c := d.collect(look{url: url, now: time.Now()})
		return stored{found: c.found, good: c.good, size: c.copied.Size, validator: c.copied.Validator}
	}
	h, err := d.head(d.pathOf(nameOf(key)))
	if err != nil || h.key != key {
		return stored{}
	}
	return stored{found: true, good: h.good(), size: h.size, validator: h.validator, encoding: h.encoding}
}

// differs says how what is stored is not what the front door gave.
func (s *stored) differs(a door.Answer) string {
	switch {
	case s.encoding != a.Header.Get("Content-Encoding"):
		return "" // packed on its way out: neither length nor ETag are the same
	case s.size != a.Size:
		return fmt.Sprintf("%d bytes are stored, the answer had %d", s.size, a.Size)
	case s.validator != "" && a.Validator() != "" && s.validator != a.Validator():
		return "what is stored is not the version that was answered"
	}
	return ""
}

// forbidden says why nginx does not keep an answer, as far as that can be seen.
func forbidden(h http.Header) string {
	for _, cc := range h.Values("Cache-Control") {
		for part := range strings.SplitSeq(cc, ",") {
			switch name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(part)), "="); name {
			case "no-store", "private", "no-cache":
				return "the answer says Cache-Control: " + name
			}
		}
	}
	if h.Get("Set-Cookie") != "" {
		return "the answer sets a cookie"
	}
	for _, v := range h.Values("Vary") {
		if strings.Contains(v, "*") {
			return "the answer says Vary: *"
		}
	}
	return ""
}

// cleanUp removes errors and redirects that are stored under an object's keys.
// A good copy stays.
func (d *Driver) cleanUp(ctx context.Context, url string) {
	ctx = context.WithoutCancel(ctx)
	targets := d.targets(url, time.Time{})
	for i := range targets {
		t := &targets[i]
		h, err := d.head(t.path)
		if err != nil || h.good() || !d.mine(t, &h) {
			continue
		}
		// If it cannot be removed, what is reported stands anyhow.
		if f, h, _ := d.drop(t, false); f == stale {
			d.account(ctx, &cache.Result{}, *t, h.key, waiting, nil)
		}
	}
}
