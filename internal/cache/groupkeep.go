package cache

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

// Flush implements Driver, from the inside: what an outer cache asks about again
// is answered by inner ones that have been told, too.
func (g *Group) Flush(ctx context.Context, before time.Time) error {
	for _, layer := range g.layers {
		if err := errors.Join(concurrently(layer, func(_ int, d Driver) error { return d.Flush(ctx, before) })...); err != nil {
			return err
		}
	}
	return nil
}

// Empty implements Emptier: no cache holds anything.
func (g *Group) Empty() bool {
	return !slices.ContainsFunc(g.all, func(d Driver) bool {
		e, ok := d.(Emptier)
		return !ok || !e.Empty()
	})
}

// Incarnation implements Driver: it changes when that of any cache does. Before
// it answers, it takes in caches whose content is new to it (see adopt).
func (g *Group) Incarnation(ctx context.Context) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.powers.KeepsCursor && g.powers.Soft {
		if err := g.adopt(ctx); err != nil {
			return "", err
		}
	}
	ids := make([]string, len(g.all))
	errs := concurrently(g.all, func(n int, d Driver) (err error) {
		ids[n], err = d.Incarnation(ctx)
		return err
	})
	return strings.Join(ids, "+"), errors.Join(errs...)
}

// adopt makes caches without a cursor as old as the others: one that was
// restarted empty, or has just been added. Left alone, it would have the agent
// flush the whole POP, and one shard's restart would empty all of them. So the
// cache is flushed, after which nothing in it is older than now, and is given
// the lowest cursor of the others. Layers further out are flushed with it: they
// may have been filled from it meanwhile.
func (g *Group) adopt(ctx context.Context) error {
	if err := g.readCursors(ctx); err != nil {
		return err
	}
	low, known := g.lowest()
	if known.IsZero() || !low.IsZero() {
		return nil // all are new, which is the agent's to judge, or none is
	}
	now := time.Now()
	inside := false // a cache further in was flushed
	n := 0
	for _, layer := range g.layers {
		errs := concurrently(layer, func(s int, d Driver) error {
			if !inside && !g.kept[n+s].IsZero() {
				return nil
			}
			return d.Flush(ctx, now)
		})
		if err := errors.Join(errs...); err != nil {
			return err
		}
		for range layer {
			inside = inside || g.kept[n].IsZero()
			n++
		}
	}
	errs := concurrently(g.all, func(n int, d Driver) error {
		if !g.kept[n].IsZero() {
			return nil
		}
		return d.WriteCursor(ctx, known)
	})
	return errors.Join(errs...)
}

// readCursors reads the cursor of each cache.
func (g *Group) readCursors(ctx context.Context) error {
	errs := concurrently(g.all, func(n int, d Driver) error {
		at, err := d.ReadCursor(ctx)
		if err == nil {
			g.kept[n] = at
		}
		return err
	})
	return errors.Join(errs...)
}

// lowest returns the lowest cursor that was read, and the lowest of those caches
// that have one.
func (g *Group) lowest() (low, known freshet.Position) {
	low = g.kept[0]
	for _, at := range g.kept {
		low = freshet.Earlier(low, at)
		if known.IsZero() || !at.IsZero() && at.Before(known) {
			known = at
		}
	}
	return low, known
}

// ReadCursor implements Driver: the lowest of all.
func (g *Group) ReadCursor(ctx context.Context) (freshet.Position, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.readCursors(ctx); err != nil {
		return freshet.Position{}, err
	}
	low, _ := g.lowest()
	return low, nil
}

// WriteCursor implements Driver. One cache may be ahead of another after a
// crash between two writes; it is left as it is until the others have passed it.
func (g *Group) WriteCursor(ctx context.Context, at freshet.Position) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if low, _ := g.lowest(); at.Before(low) {
		return freshet.Errorf(freshet.CodeConflict, "the cursor %v is below %v, which every cache of the POP holds", at, low)
	}
	errs := concurrently(g.all, func(n int, d Driver) error {
		if at.Before(g.kept[n]) {
			return nil
		}
		err := d.WriteCursor(ctx, at)
		if err == nil {
			g.kept[n] = at
		}
		return err
	})
	for _, err := range errs {
		if freshet.ErrorCode(err) == freshet.CodeConflict {
			return err // it counts more than a cache that is away
		}
	}
	return errors.Join(errs...)
}
