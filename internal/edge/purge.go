package edge

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

// Result is how the work on one object, or one pattern, ended.
type Result struct {
	Outcome freshet.Outcome
	Reason  freshet.Reason
	Detail  string
	Before  freshet.Copy
	After   freshet.Copy
	Removed int // stored variants that were removed

	FirstByte time.Duration // of a prefetch that asked upstream: until the header of the answer; 0: there was none
}

// purgeStep bounds how many objects a purge by pattern looks at, or removes,
// in one critical section.
const purgeStep = 1024

// Purge removes what the selector names and what was fetched before the purge
// at position at was first executed here, and detaches such fills in flight.
// When it answers done or already, that is on disk.
func (c *Cache) Purge(ctx context.Context, at freshet.Position, sel freshet.Selector) []Result {
	if sel.Kind == freshet.SelectExact {
		return c.purgeExact(ctx, at, sel)
	}
	return c.purgeMany(ctx, at, sel, (*shelf).remove)
}

// PurgeSoft is Purge for patterns, but what it finds stays stored: it is
// revalidated before it is served again, and fetched anew only if it changed.
// Result.Removed counts those, too.
func (c *Cache) PurgeSoft(ctx context.Context, at freshet.Position, sel freshet.Selector) []Result {
	return c.purgeMany(ctx, at, sel, (*shelf).soften)
}

// purgeMany does away with what a pattern names, in the way that is given. That
// is called with the lock held.
func (c *Cache) purgeMany(ctx context.Context, at freshet.Position, sel freshet.Selector, away func(*shelf, *object, *variant)) []Result {
	p, err := newPattern(at, sel)
	if err != nil {
		return []Result{failed(freshet.ReasonRefused, err)}
	}
	if ctx.Err() != nil {
		return []Result{cancelled(ctx)}
	}
	return []Result{c.purgePattern(ctx, p, away)}
}

func (c *Cache) purgeExact(ctx context.Context, at freshet.Position, sel freshet.Selector) []Result {
	results := make([]Result, len(sel.URLs))
	if ctx.Err() != nil {
		return fill(results, cancelled(ctx))
	}
	raised := fenceRow{at: at, kind: freshet.SelectExact}
	s := c.shelf
	s.mu.Lock()
	for i, url := range sel.URLs {
		host, _ := freshet.SplitURL(url)
		if len(sel.Hosts) > 0 && !slices.Contains(sel.Hosts, host) {
			results[i] = failed(freshet.ReasonRefused, errors.New("the URL is outside the selector's hosts"))
			continue
		}
		if s.fence.raise(url, at) && !strings.Contains(url, "\n") { // no request names an object with a line break
			raised.urls = append(raised.urls, url)
		}
		results[i] = s.purgeObject(host, url, func(*variant) bool { return true }, (*shelf).remove, at)
		if s.detach(host, url, at) {
			results[i].Outcome = freshet.OutcomeDone
		}
	}
	s.mu.Unlock()
	var ch change
	if len(raised.urls) > 0 {
		ch.fences = []*fenceRow{&raised}
	}
	if err := c.settle(ctx, ch); err != nil {
		for i := range results {
			if results[i].Outcome != freshet.OutcomeFailed {
				results[i] = c.unsettled(ctx, results[i], err)
			}
		}
	}
	return results
}

// purgePattern first raises the fence and detaches fills, in one critical
// section. From then on nothing that the purge is about can get onto the
// shelf, so the search may take its time and let viewers in between.
func (c *Cache) purgePattern(ctx context.Context, p *pattern, away func(*shelf, *object, *variant)) Result {
	var ch change
	r := Result{Outcome: freshet.OutcomeAlready}
	s := c.shelf
	s.mu.Lock()
	if s.fence.raisePattern(p) {
		ch.fences = append(ch.fences, &fenceRow{at: p.at, kind: p.kind, text: p.text, hosts: p.hosts})
	}
	found := make(map[string][]string, len(p.hosts))
	for _, host := range p.hosts {
		urls := make([]string, 0, len(s.hosts[host]))
		for url := range s.hosts[host] {
			urls = append(urls, url)
		}
		found[host] = urls
	}
	if s.detachMatching(p) {
		r.Outcome = freshet.OutcomeDone
	}
	s.mu.Unlock()

	for host, urls := range found {
		s.sweep(p, host, urls, away, &r)
	}
	if r.Removed > 0 {
		r.Outcome = freshet.OutcomeDone
	}
	if r.Removed != 1 {
		r.Before = freshet.Copy{} // of many, none speaks for all
	}
	if err := c.settle(ctx, ch); err != nil {
		return c.unsettled(ctx, r, err)
	}
	return r
}

// detachMatching takes the fills that a pattern names out of everybody's
// reach. The caller holds mu.
func (s *shelf) detachMatching(p *pattern) bool {
	cut := false
	for f := range s.flights {
		host := f.rq.site.name
		if f.detached || !f.generation.Before(p.at) || !slices.Contains(p.hosts, host) {
			continue
		}
		// Which tags an object carries is unknown until its header is there.
		unknown := p.kind == freshet.SelectTag && f.phase == phaseAsking
		if unknown || p.matchURL(host, f.rq.url) || f.phase == phaseFilling && p.matchTags(host, f.v.Tags) {
			s.cutLoose(f)
			cut = true
		}
	}
	return cut
}

// sweep removes what a pattern names among some objects of one host. A match
// by URL needs no lock; tags are on the variants, so theirs does.
func (s *shelf) sweep(p *pattern, host string, urls []string, away func(*shelf, *object, *variant), r *Result) {
	if p.kind != freshet.SelectTag {
		urls = slices.DeleteFunc(urls, func(u string) bool { return !p.matchURL(host, u) })
	}
	match := func(v *variant) bool { return p.kind != freshet.SelectTag || p.matchTags(host, v.Tags) }
	for chunk := range slices.Chunk(urls, purgeStep) {
		s.mu.Lock()
		for _, url := range chunk {
			one := s.purgeObject(host, url, match, away, p.at)
			r.Removed += one.Removed
			if one.Removed > 0 {
				r.Before = one.Before
			}
		}
		s.mu.Unlock()
	}
}

// purgeObject does away with the variants of one object that match and are older
// than at. The caller holds mu.
func (s *shelf) purgeObject(host, url string, match func(*variant) bool, away func(*shelf, *object, *variant), at freshet.Position) Result {
	r := Result{Outcome: freshet.OutcomeAlready}
	o := s.object(host, url, false)
	if o == nil {
		return r
	}
	r.Before = worst(o.variants).copy()
	for _, v := range slices.Clone(o.variants) {
		if v.Generation.Before(at) && match(v) {
			away(s, o, v)
			r.Removed++
		}
	}
	r.After = worst(o.variants).copy()
	if r.Removed > 0 {
		r.Outcome = freshet.OutcomeDone
	}
	s.tidy(host, url, o)
	return r
}

// detach takes fills of an object that began before a purge out of everybody's
// reach. The caller holds mu.
func (s *shelf) detach(host, url string, at freshet.Position) bool {
	o := s.object(host, url, false)
	if o == nil {
		return false
	}
	cut := false
	for _, f := range slices.Clone(o.flights) {
		if f.generation.Before(at) {
			s.cutLoose(f)
			cut = true
		}
	}
	return cut
}

// cutLoose detaches one flight.
func (s *shelf) cutLoose(f *flight) {
	if !f.detached {
		f.detached = true
		close(f.cut)
		s.unlink(f)
	}
}

// settle makes durable what a purge did to the shelf. Rows that another call
// condemned and has not deleted yet are deleted, too, and fences that it raised
// and rows that it changed and has not stored are stored, so that each call's answer stands by itself:
// a purge that is repeated after a failure finds its fence raised already.
func (c *Cache) settle(ctx context.Context, ch change) error {
	s := c.shelf
	s.mu.Lock()
	for _, f := range ch.fences {
		s.owed[f] = struct{}{}
	}
	ch.fences = slices.Collect(maps.Keys(s.owed))
	ch.softened = slices.Collect(maps.Keys(s.softened))
	idle := len(ch.fences)+len(ch.softened)+len(s.condemned) == 0
	s.mu.Unlock()
	if idle {
		return nil
	}
	if err := c.index.commit(ctx, ch); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range ch.fences {
		delete(s.owed, f)
	}
	for _, v := range ch.softened {
		delete(s.softened, v)
	}
	return nil
}

// unsettled is the result of a purge whose effect would not survive a crash.
func (c *Cache) unsettled(ctx context.Context, r Result, err error) Result {
	bad := failed(freshet.ReasonUnreachable, err)
	switch {
	case ctx.Err() != nil:
		bad = cancelled(ctx)
	case isFull(err):
		bad.Reason = freshet.ReasonNoSpace
	}
	bad.Before, bad.After, bad.Removed = r.Before, r.After, r.Removed
	return bad
}

// Flush makes all that was fetched before a time revalidate before it is
// served again. It costs the same whatever is stored. Only a later time than
// the last one changes anything.
func (c *Cache) Flush(ctx context.Context, before time.Time) error {
	s := c.shelf
	s.mu.Lock()
	if before.After(s.flushed) {
		s.flushed = before
	}
	flushed := s.flushed
	s.mu.Unlock()
	return c.index.commit(ctx, change{flushed: &flushed})
}

// Empty reports whether nothing is stored, nor on its way to be.
func (c *Cache) Empty() bool {
	c.shelf.mu.Lock()
	defer c.shelf.mu.Unlock()
	return c.shelf.lru.Len() == 0 && len(c.shelf.flights) == 0
}

// Incarnation names the content of the directory: it is chosen when the
// directory is made.
func (c *Cache) Incarnation() string { return c.incarn }

// Cursor returns the position up to which every purge was executed.
func (c *Cache) Cursor() freshet.Position {
	c.shelf.mu.Lock()
	defer c.shelf.mu.Unlock()
	return c.shelf.fence.cursor
}

// SetCursor stores that position and forgets the fences at or below it. A
// lower one than what is stored is an error: it would claim that purges are
// still to come whose fences are gone.
func (c *Cache) SetCursor(ctx context.Context, at freshet.Position) error {
	if now := c.Cursor(); at.Before(now) {
		return freshet.Errorf(freshet.CodeConflict, "The cursor %s is behind the stored one, %s.", at, now)
	}
	if err := c.index.commit(ctx, change{cursor: &at}); err != nil {
		return err
	}
	c.shelf.mu.Lock()
	defer c.shelf.mu.Unlock()
	if c.shelf.fence.cursor.Before(at) {
		c.shelf.fence.advance(at)
	}
	return nil
}

// worst returns the variant of the lowest generation, fetched first: what
// speaks for the whole object when one asks whether it is new enough.
func worst(list []*variant) *variant {
	var w *variant
	for _, v := range list {
		if w == nil || v.Generation.Before(w.Generation) || v.Generation == w.Generation && v.Fetched.Before(w.Fetched) {
			w = v
		}
	}
	return w
}
