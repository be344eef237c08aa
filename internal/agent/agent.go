// Package agent is the worker of one POP. It reads the log, carries out purges
// in order behind its parents, warms objects, and reports what happened, so
// that nothing is lost and a repeat is harmless (P2, P3, P5).
//
// It must not know any particular cache, transport or database: it names the
// interfaces of packages bus, cache and store. The wiring of a process makes
// one Agent for each POP and runs it. If it is wrong, a POP serves stale
// bodies after a task reads Complete, which is the one thing that Freshet
// promises will not happen.
//
// One goroutine, the loop of Run, owns all state of a life of the agent;
// everything that may wait (the cache, the disk, the wire) happens in workers
// that hand their findings back to the loop as functions.
package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/health"
)

// Agent is the worker of one POP.
type Agent struct {
	o      Options
	log    *slog.Logger
	powers cache.Powers
	beat   atomic.Pointer[freshet.Heartbeat]
	// version is that of the newest topology; it outlives a life, as the
	// journal's copy does.
	version atomic.Uint64
	dialect dialect // likewise

	hindrance atomic.Pointer[[]Obstacle] // nil: none
	cacheAway atomic.Bool                // it did not answer when it was looked at last
	loops     atomic.Pointer[turning]    // nil: no life has begun
}

// New makes an Agent. Nothing happens until Run.
func New(o Options) (*Agent, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.setDefaults()
	a := &Agent{o: o, log: o.Log.With(slog.String("pop", o.POP)), powers: o.Driver.Powers()}
	a.beat.Store(&freshet.Heartbeat{POP: o.POP, URL: o.URL, Release: o.Release})
	a.hindered([]Obstacle{{health.Agent, "it has not begun"}})
	return a, nil
}

// Heartbeat returns what the agent says of itself now. It claims nothing
// that is not durable. The caller must not change what it points to.
func (a *Agent) Heartbeat() freshet.Heartbeat { return *a.beat.Load() }

// Run works until ctx ends and then returns nil; everything it started has
// ended by then. It fails only if the journal cannot be read. It may be called
// again afterwards, but not twice at a time.
func (a *Agent) Run(ctx context.Context) error {
	for {
		err := a.live(ctx)
		if err != nil || !sleep(ctx, a.o.RetryMin) {
			return err
		}
	}
}

// live is one life: it ends with ctx, or when the cache turns out to have other
// content than at its start.
func (a *Agent) live(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	cancel := func() { end(nil) }
	defer cancel()
	l, err := a.start(ctx)
	if ctx.Err() != nil {
		return nil // being told to stop while starting is no fault
	}
	if err != nil {
		return err
	}
	l.end = end
	stop, err := a.o.Bus.Listen(l.hear(ctx))
	if err != nil {
		return err
	}
	// The order matters: whoever waits to hand something to the loop gives up
	// when ctx ends, and only then can be waited for.
	defer func() {
		cancel()
		stop()
		l.workers.Wait()
	}()
	l.workers.Go(func() { l.beatOften(ctx) })
	l.workers.Go(func() { a.sendEvidence(ctx, &l.outbox) })
	l.workers.Go(func() { l.followTopology(ctx) })
	l.workers.Go(func() { l.reportOften(ctx) })
	known := l.ledger.incarnation
	l.workers.Go(func() { l.watchContent(ctx, known) })
	a.loops.Store(&turning{l.events, ctx.Done()})
	l.loop(ctx)
	a.loops.Store(nil)
	a.hindered([]Obstacle{{health.Agent, "it begins anew with what the cache is owed"}})
	if errors.Is(context.Cause(ctx), errReplaced) && l.ready.told {
		a.o.OnReady(false) // until the next life knows what it is owed
	}
	return nil
}

// life is one life of an agent, from a start to its end. All fields but the
// channels belong to the goroutine that runs loop.
type life struct {
	*Agent
	events  chan func() // findings of workers, to be run by the loop
	jobs    chan func() func()
	beatNow chan struct{} // a heartbeat is wanted now
	outbox  outbox        // evidence that waits to be sent
	workers sync.WaitGroup
	idle    atomic.Int32            // workers that stay
	end     context.CancelCauseFunc // ends this life
	wake    time.Time               // when the loop must look again, though nothing happens

	gate     gate
	reader   reader
	purges   purges
	excepts  exceptions
	redos    redos
	fetches  prefetches
	ledger   ledger
	topology topology
	denials  denials
	awaited  atomic.Bool                      // some POP waits for this one's watermark
	written  atomic.Pointer[freshet.Position] // the cursor that this life wrote last to the cache, or found there
	ready    readiness
	rush     rush
	silence  silence

	reportNow chan struct{} // a report is wanted now
	report    atomic.Pointer[freshet.Report]
	bears     atomic.Int64 // how long the control plane may be silent, in nanoseconds; 0: for ever
}

// loop runs until ctx ends. Each turn does everything that can be done, then
// waits for news.
func (l *life) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		l.wake = time.Time{}
		l.turn(ctx)
		wait := time.Hour
		if !l.wake.IsZero() {
			wait = max(time.Until(l.wake), 0)
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case fn := <-l.events:
			fn()
			l.drain()
		}
	}
}

// drain takes in what else has arrived: one turn then serves many findings,
// which makes their durable step one step too.
func (l *life) drain() {
	for range 256 {
		select {
		case fn := <-l.events:
			fn()
		default:
			return
		}
	}
}

func (l *life) turn(ctx context.Context) {
	l.openGates(ctx)
	l.startDueRedos(ctx)
	l.startDenials(ctx)
	l.startPurges(ctx)
	l.startPrefetches(ctx)
	l.pull(ctx)
	l.commit(ctx)
	l.saveTopology(ctx)
	l.judgeSilence(ctx)
	l.judgeReady(ctx)
}

// wakeAt asks for a turn at a time at the latest.
func (l *life) wakeAt(t time.Time) {
	if l.wake.IsZero() || t.Before(l.wake) {
		l.wake = t
	}
}

// post hands a finding to the loop. It gives up when the life ends: what is
// lost then is found again in the next life.
func (l *life) post(ctx context.Context, fn func()) {
	select {
	case l.events <- fn:
	case <-ctx.Done():
	}
}

// maxIdle bounds the workers that wait for another job.
const maxIdle = 4

// work runs fn in a worker; what it returns is run by the loop. A few workers
// stay for the next job: a new one costs more than most jobs, because its
// stack has to grow first.
func (l *life) work(ctx context.Context, fn func() func()) {
	select {
	case l.jobs <- fn:
		return
	default:
	}
	l.workers.Go(func() {
		l.post(ctx, fn())
		if l.idle.Add(1) > maxIdle {
			l.idle.Add(-1)
			return
		}
		for {
			select {
			case next := <-l.jobs:
				l.post(ctx, next())
			case <-ctx.Done():
				return
			}
		}
	})
}
