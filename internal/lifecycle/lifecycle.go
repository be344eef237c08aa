// Package lifecycle owns the long-lived goroutines of a process and what must
// be closed at its end.
//
// A Group starts loops by name, ends all of them as soon as one fails or the
// process is told to stop, waits for them, and then runs the cleanups in
// reverse order of their registration. It must not know what the loops do.
// Package app makes one Group for each process, and tests make many. If it is
// wrong, a process hangs at its end, or a store is closed under a loop that
// still writes.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// Bounds of stopping. A service manager waits 90 seconds before it kills;
// a handful of cleanups that all run into their limit stay below that.
const (
	// StopTimeout is what each cleanup may take: requests in hand get this
	// long.
	StopTimeout = 10 * time.Second
	// grace is what a cleanup gets on top, to return after its context ended,
	// before it is abandoned.
	grace = time.Second
	// patience is how often Wait tells which goroutines it is waiting for.
	patience = 10 * time.Second
)

// Group is a set of goroutines that end together, and of cleanups that run
// afterwards. Its methods may be called concurrently.
type Group struct {
	ctx    context.Context //nolint:containedctx // the group is the lifetime that the context stands for
	cancel context.CancelFunc
	log    *slog.Logger
	idle   chan struct{} // gets a token when the last goroutine ends
	ended  chan struct{} // closed when everything is over

	mu       sync.Mutex // guards what follows
	waiting  bool       // somebody is in Wait already
	drained  bool       // the goroutines are gone, and no new ones start
	closed   bool       // the cleanups have run too
	running  map[string]int
	errs     []error
	cleanups []cleanup
	result   error // once ended is closed
}

type cleanup struct {
	name string
	run  func(context.Context) error
}

// New makes a Group that ends with ctx, at the latest.
func New(ctx context.Context, log *slog.Logger) *Group {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(ctx)
	return &Group{ctx: ctx, cancel: cancel, log: log, running: map[string]int{}, idle: make(chan struct{}, 1), ended: make(chan struct{})}
}

// Go runs a function until the group ends, when its context does. An error of
// it ends the whole group and is part of what Wait returns, with the name in
// front; that the context was cancelled is no error once the group ends. A
// function may return nil early: its work is done. Once all goroutines of an
// ending group are gone, Go does nothing.
func (g *Group) Go(name string, run func(context.Context) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.drained {
		return
	}
	g.running[name]++
	go func() { g.finished(name, run(g.ctx)) }()
}

func (g *Group) finished(name string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running[name]--; g.running[name] == 0 {
		delete(g.running, name)
	}
	if len(g.running) == 0 {
		select {
		case g.idle <- struct{}{}:
		default: // a token is there already
		}
	}
	if err == nil || g.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return
	}
	g.errs = append(g.errs, fmt.Errorf("%s: %w", name, err))
	g.cancel()
}

// OnStop registers a cleanup, which runs after all goroutines have ended and
// after the cleanups registered later. Its context ends after StopTimeout; one
// that does not return soon after is abandoned, because a process that cannot
// end is worse. On a group that is over, the cleanup runs at once, so that
// what was acquired too late is released all the same.
func (g *Group) OnStop(name string, run func(context.Context) error) {
	c := cleanup{name: name, run: run}
	g.mu.Lock()
	late := g.closed
	if !late {
		g.cleanups = append(g.cleanups, c)
	}
	g.mu.Unlock()
	if !late {
		return
	}
	if err := g.clean(c); err != nil {
		g.log.LogAttrs(g.ctx, slog.LevelError, "late cleanup failed", slog.Any("error", err))
	}
}

// Stop ends the group; it does not wait. It may be called more than once.
func (g *Group) Stop() { g.cancel() }

// Wait waits until the group is told to end, or one of its goroutines fails;
// then it waits for all of them, runs the cleanups, and returns every error
// there was. Further calls wait too and return the same.
func (g *Group) Wait() error {
	g.mu.Lock()
	second := g.waiting
	g.waiting = true
	g.mu.Unlock()
	if second {
		<-g.ended
		return g.result
	}
	<-g.ctx.Done()
	g.drain()
	// Latest first. A cleanup may register others, which come next.
	for {
		c, ok := g.next()
		if !ok {
			break
		}
		if err := g.clean(c); err != nil {
			g.mu.Lock()
			g.errs = append(g.errs, err)
			g.mu.Unlock()
		}
	}
	g.result = errors.Join(g.errs...)
	close(g.ended)
	return g.result
}

// next takes the latest cleanup; when there is none left, the group is closed
// in the same step, so that no cleanup can be registered and not run.
func (g *Group) next() (cleanup, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := len(g.cleanups)
	if n == 0 {
		g.closed = true
		return cleanup{}, false
	}
	c := g.cleanups[n-1]
	g.cleanups = g.cleanups[:n-1]
	return c, true
}

// drain waits for the goroutines, and tells which ones it is waiting for if
// they take long. Whoever asks for a goroutine meanwhile still gets one, with
// a context that is over.
func (g *Group) drain() {
	tick := time.NewTicker(patience)
	defer tick.Stop()
	for {
		g.mu.Lock()
		names := slices.Sorted(maps.Keys(g.running))
		g.drained = len(names) == 0
		g.mu.Unlock()
		if len(names) == 0 {
			return
		}
		select {
		case <-g.idle:
		case <-tick.C:
			g.log.LogAttrs(g.ctx, slog.LevelWarn, "still waiting for goroutines to end", slog.Any("names", names))
		}
	}
}

// clean runs a cleanup with its limit.
func (g *Group) clean(c cleanup) error {
	// The group's own context is over by now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(g.ctx), StopTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.run(ctx) }()
	limit := time.NewTimer(StopTimeout + grace)
	defer limit.Stop()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("stopping %s: %w", c.name, err)
		}
		return nil
	case <-limit.C:
		return fmt.Errorf("stopping %s: no end after %s", c.name, StopTimeout+grace)
	}
}
