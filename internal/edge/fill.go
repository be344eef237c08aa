package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/freshet-vod/freshet"
)

const (
	copyBuffer = 128 << 10
	// minStep and growStep are how much space a fill of unknown length promises
	// itself at a time: as much as it has, in these bounds.
	minStep  = 64 << 10
	growStep = 1 << 20
)

// fill is the life of one flight. It runs on its own, so that a viewer who
// goes away does not stop what others, or the next viewer, will want.
func (c *Cache) fill(ctx context.Context, f *flight, flushed bool) {
	defer c.fills.Done()
	defer f.release()
	defer f.cancel(nil)
	c.fetch(ctx, f, flushed)
	c.land(f)
	if f.stored != nil {
		c.persist(ctx, f.stored)
	}
}

// fetch asks the upstream and does with its answer what is to be done.
func (c *Cache) fetch(ctx context.Context, f *flight, flushed bool) {
	if flushed {
		// The copy would be fresh but for a Flush, which may have met the whole
		// content: spare the upstream.
		if err := c.flushRate.Wait(ctx); err != nil {
			c.fail(f, upstreamFault(ctx, err))
			return
		}
	}
	dog := newWatchdog(c.opt.FillTimeout, f.cancel)
	defer dog.rest()
	asked := time.Now()
	resp, flt := c.ask(ctx, f, f.base)
	if flt == nil && resp.StatusCode == http.StatusNotModified {
		discard(resp)
		f.first = time.Since(asked)
		if f.base != nil && c.renew(f, resp, asked) {
			return
		}
		asked = time.Now()
		resp, flt = c.ask(ctx, f, nil)
		if flt == nil && resp.StatusCode == http.StatusNotModified {
			discard(resp)
			flt = &fault{status: http.StatusBadGateway, reason: freshet.ReasonMismatch, detail: "unasked-304", err: errTruncated}
		}
	}
	dog.rest()
	if flt != nil {
		c.fail(f, flt)
		return
	}
	f.status, f.first = resp.StatusCode, time.Since(asked)
	if f.status >= http.StatusInternalServerError && f.base != nil && f.base.staleOnError(time.Now()) {
		discard(resp)
		c.fail(f, &fault{status: f.status, reason: freshet.ReasonOrigin5xx, detail: "upstream-status", err: errors.New(resp.Status)})
		return
	}
	resp.Body = dog.body(resp.Body)
	v, why := c.judge(f, resp, asked)
	if why == "" {
		why = c.prepare(ctx, f, v, resp.ContentLength)
	}
	if why != "" {
		c.pass(f, resp, why)
		return
	}
	c.store(ctx, f, v, resp)
}

// judge makes the variant that a response would become, or says why it may not
// be stored.
func (c *Cache) judge(f *flight, resp *http.Response, asked time.Time) (*variant, string) {
	h, now := resp.Header, time.Now()
	d := parseCacheControl(h["Cache-Control"])
	if why := unstorable(resp, d, f.rq.auth, f.rq.noStore); why != "" {
		return nil, why
	}
	vary, ok := parseVary(h)
	if !ok {
		return nil, "vary-star"
	}
	tags, ok := parseTags(h)
	if !ok {
		return nil, "too-many-tags"
	}
	v := &variant{id: c.lastID.Add(1), meta: meta{
		URL: f.rq.url, Status: resp.StatusCode, Header: storedHeader(h), Vary: vary, Selecting: selecting(vary, f.rq.header),
		Tags: tags, Size: resp.ContentLength, Fetched: f.began,
	}}
	explicit := v.age0(d, asked, now, c.opt.DefaultTTL)
	switch {
	case !explicit && !heuristic(v.Status), f.rq.prefetch && !heuristic(v.Status),
		v.Status >= http.StatusInternalServerError && f.base != nil: // a fault pushes no film out
		return nil, "status"
	case (v.Lifetime <= v.InitialAge || v.NoCache) && v.validator() == "":
		return nil, "stale-at-birth"
	case v.Size > c.opt.MaxObject, v.Size < 0 && f.large:
		return nil, "too-large"
	}
	return v, ""
}

// age0 sets what freshness is computed from, and reports whether the response
// said itself how long it is fresh. A missing Date is the time of receipt.
func (v *variant) age0(d directives, asked, received time.Time, byDefault time.Duration) bool {
	date, err := http.ParseTime(v.Header.Get("Date"))
	if err != nil {
		date = received
		v.Header.Set("Date", received.UTC().Format(http.TimeFormat))
	}
	var explicit bool
	v.Received = received
	v.Lifetime, explicit = lifetime(v.Status, v.Header, d, date, byDefault)
	v.InitialAge = initialAge(v.Header, date, asked, received)
	delete(v.Header, "Age")
	v.NoCache = d.noCache
	v.MustRevalidate = d.mustRevalidate || d.sMaxAge >= 0
	v.StaleIfError = max(d.staleIfError, 0)
	return explicit
}

// storedHeader is a response's header without what concerns one connection,
// one cache or one reply.
func storedHeader(h http.Header) http.Header {
	h = h.Clone()
	dropFields(h, hopByHop(h)...)
	dropFields(h, "Content-Length", "Cache-Status", headerPeer, headerGeneration)
	return h
}

// prepare makes room and a file for the body; it says why if it cannot.
func (c *Cache) prepare(ctx context.Context, f *flight, v *variant, length int64) string {
	if !c.reserve(f, max(length, 0)) {
		return "no-space"
	}
	file, err := c.newBody(ctx, v.id)
	if err != nil {
		c.opt.Log.LogAttrs(ctx, slog.LevelError, "body file not created", slog.String("error", err.Error()))
		return "no-space"
	}
	f.body = &growing{file: file}
	return ""
}

// announce makes the header known to those who wait for it.
func (c *Cache) announce(f *flight, p phase) {
	s := c.shelf
	s.mu.Lock()
	f.phase = p
	if p == phaseFilling {
		f.generation = f.settled(f.v.Tags)
	} else {
		s.unlink(f)
	}
	s.mu.Unlock()
	close(f.header)
}

// settled is the generation of what was fetched, once its tags and its parent
// are known. The caller holds shelf.mu.
func (f *flight) settled(tags []string) freshet.Position {
	gen := tagged(f.start, f.tags, f.rq.site.name, tags)
	if f.stated != nil {
		gen = freshet.Earlier(gen, *f.stated)
	}
	return gen
}

// unlink takes a flight off its object, so that nobody joins. The caller holds
// mu.
func (s *shelf) unlink(f *flight) {
	host, url := f.rq.site.name, f.rq.url
	if o := s.object(host, url, false); o != nil {
		if i := slices.Index(o.flights, f); i >= 0 {
			o.flights = slices.Delete(o.flights, i, i+1)
		}
		s.tidy(host, url, o)
	}
}

// fail ends a flight that has no header to show.
func (c *Cache) fail(f *flight, flt *fault) {
	f.fault = flt
	f.end = flt.err
	c.announce(f, phaseFailed)
}

// pass gives a response that cannot be stored to the leader alone. The flight
// keeps the connection until the leader has left.
func (c *Cache) pass(f *flight, resp *http.Response, why string) {
	f.resp, f.detail = resp, why
	if f.rq.prefetch {
		discard(resp)
		c.announce(f, phasePassing)
		return
	}
	if !f.alone {
		c.shelf.notePass(f.rq.url, time.Now(), why == "too-large" && resp.ContentLength < 0)
	}
	c.announce(f, phasePassing)
	select {
	case <-f.left:
	case <-c.stop:
	}
	_ = resp.Body.Close() // it is read or given up
}

// store writes the body to disk while readers follow, and puts it on the
// shelf if it is whole and no purge came between.
func (c *Cache) store(ctx context.Context, f *flight, v *variant, resp *http.Response) {
	f.v = v
	c.announce(f, phaseFilling)
	n, last, err := c.copyBody(ctx, f, resp)
	err = errors.Join(err, resp.Body.Close())
	part := bodyPath(c.opt.Dir, v.id)
	if err == nil {
		err = os.Rename(part+partSuffix, part)
	}
	if err == nil {
		c.publish(f, v, n)
		if f.stored == nil || f.stored.id != v.id {
			_ = os.Remove(part) // if it stays, the next start removes it
		}
	} else {
		f.end = err
		_ = os.Remove(part + partSuffix)
		c.noteEnd(ctx, f, err)
	}
	// Only now do readers get the end: whoever has read it all and asks again
	// finds it on the shelf.
	f.body.end(last, err)
}

// noteEnd records why a fill ended badly.
func (c *Cache) noteEnd(ctx context.Context, f *flight, err error) {
	if errors.Is(err, errTooLarge) || errors.Is(err, errNoSpace) {
		c.shelf.notePass(f.rq.url, time.Now(), true)
	}
	c.opt.Log.LogAttrs(ctx, slog.LevelWarn, "fill ended early",
		slog.String("url", f.rq.url), slog.String("error", err.Error()))
}

// copyBody copies the body to the file and returns its length. The last bytes
// of a body whose length is known are written but not yet shown to readers.
func (c *Cache) copyBody(ctx context.Context, f *flight, resp *http.Response) (n int64, last int, err error) {
	buf := make([]byte, copyBuffer)
	for {
		k, err := resp.Body.Read(buf)
		if k > 0 {
			if err := c.write(ctx, f, buf[:k], n); err != nil {
				return n, 0, err
			}
			n += int64(k)
			if n == resp.ContentLength {
				last = k
			} else {
				f.body.advance(k)
			}
		}
		switch {
		case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			if resp.ContentLength >= 0 && n != resp.ContentLength {
				return n, last, errTruncated
			}
			return n, last, nil
		case err != nil && ctx.Err() != nil:
			return n, last, fmt.Errorf("read body: %w", context.Cause(ctx))
		case err != nil:
			return n, last, fmt.Errorf("%w: %w", errTruncated, err)
		}
	}
}

// write appends a piece to the body, which has n bytes so far, within the
// limits of space.
func (c *Cache) write(ctx context.Context, f *flight, piece []byte, n int64) error {
	n += int64(len(piece))
	if n > c.opt.MaxObject {
		return errTooLarge
	}
	// A body of unknown length takes space in steps, and near the limit just
	// what it needs.
	step := min(growStep, max(minStep, f.reserved))
	if n > f.reserved && !c.reserve(f, max(step, n-f.reserved)) && !c.reserve(f, n-f.reserved) {
		return errNoSpace
	}
	if err := c.writeBody(ctx, f.body.file, piece); err != nil {
		return err
	}
	f.wrote.Store(n)
	return nil
}

func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", errNoSpace, err)
	}
	return fmt.Errorf("write body: %w", err)
}

// publish puts a whole body on the shelf, unless a purge detached its flight.
func (c *Cache) publish(f *flight, v *variant, size int64) {
	s := c.shelf
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.detached {
		return
	}
	w := &variant{id: v.id, meta: v.meta}
	w.Size, w.Generation = size, f.generation
	if w.Prefetched = f.rq.prefetch; w.Prefetched && size > 0 {
		c.counts.prefetched.Add(uint64(size))
	}
	s.release(f)
	s.unlink(f)
	f.stored = s.put(f.rq.site.name, w)
	s.evict(0)
}

// land ends a flight for everybody.
func (c *Cache) land(f *flight) {
	s := c.shelf
	s.mu.Lock()
	s.release(f)
	f.superseded = f.detached
	s.unlink(f)
	delete(s.flights, f)
	s.mu.Unlock()
	close(f.done)
	c.index.sweep() // fills push others off the shelf
}

// persist makes a stored variant survive a crash: first its body, then its
// row.
func (c *Cache) persist(ctx context.Context, v *variant) {
	if err := syncBody(c.opt.Dir, v.id); err != nil {
		if !errors.Is(err, os.ErrNotExist) { // purged or pushed out meanwhile
			c.shelf.drop(v) // what could not be written may read as anything later
			c.opt.Log.LogAttrs(ctx, slog.LevelWarn, "body not synced, dropped", slog.String("error", err.Error()))
		}
		return
	}
	c.index.save(v)
}
