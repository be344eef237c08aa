// Package engine is the control plane's core: it accepts submissions, has
// them planned, pushes the log, collects evidence and answers what became of
// every task.
//
// It must not know HTTP, SQL or any cache: it names ports (store, bus, plan)
// and package app fits them. The vendor's API, the native API and the console
// call it. If it is wrong, Freshet says Complete when it is not.
package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/trace"
)

// Planner turns a row into URLs; see package plan.
type Planner interface {
	// Plan returns the plan of one row, and leaves no trace. media is nil for a
	// job by URL, prefix or tag, and for a media that was deleted since the job
	// was accepted. An error means that it should be tried
	// again later; what is wrong with the media itself is in the plan.
	Plan(ctx context.Context, job *freshet.Job, row freshet.Row, media *freshet.Media) (freshet.PlannedRow, error)
	// Entries packs a planned row into entries of the log.
	Entries(job *freshet.Job, row freshet.Row, planned freshet.PlannedRow, now time.Time) []*freshet.Entry
}

// Store is what the engine keeps its state in.
type Store struct {
	Jobs     store.Jobs
	Log      store.Log
	Tasks    store.Tasks
	States   store.States
	Evidence store.Evidence
	Catalog  store.Catalog

	Takedowns store.Takedowns
	// Duties keeps who is drained, and who may leave in silence; nil: nothing of
	// that outlasts the engine.
	Duties store.Duties
	// Retention forgets what Keep is over for; nil: nothing is forgotten.
	Retention store.Retention
}

// Options configure an Engine. Zero durations and counts take the defaults
// named beside them.
type Options struct {
	Store   Store
	Bus     bus.Control
	Planner Planner
	Limits  Limits // nil: accounts may do what they like
	// Events returns what becomes true when a row is planned; nil: nothing that
	// anybody is told.
	Events func(job *freshet.Job, row freshet.Row, media *freshet.Media) []store.Event
	// Ends and Finished tell the end of a job, the second in which words; nil:
	// nobody is told.
	Ends     Ends
	Finished func(report *freshet.JobReport, at time.Time) []byte
	// Room is nil while there is room for more, and else the error with which
	// submissions are refused: the disk is nearly full. What was accepted before
	// is pushed and collected meanwhile; rows that are not planned wait. Nil:
	// there always is.
	Room func() error
	POPs []freshet.POP // as declared; enrolled and removed at start to match
	// Silence is what POPs do about silence that have no rule of their own;
	// NotReady is how many of those that are to be not ready may be.
	Silence  freshet.Silence
	NotReady int
	Log      *slog.Logger
	// Observer hears what is done; nil: nobody.
	Observer Observer
	// Tracer records what comes of submissions whose trace is recorded; nil:
	// nobody does.
	Tracer *trace.Tracer

	Planners      int           // rows planned at once; 4
	PlanLease     time.Duration // how long a planner may hold a row; 3 min
	Deadline      time.Duration // a POP without progress for so long is overdue; 10 min
	FinishBy      time.Duration // prefetches without a finish-by time are given up after it; 24 h
	SweepEvery    time.Duration // how often deadlines are looked at; a twentieth of Deadline, 30 s at most
	HeadEvery     time.Duration // how often heads are pushed; 1 s
	TasksKept     time.Duration // how far back task lists reach; 72 h
	LostAfter     time.Duration // a POP without heartbeats for so long is shown as lost; 5 s
	MaxUnplanned  int           // rows that may wait to be planned; more are refused; 200,000
	CollectLinger time.Duration // how long a commit of evidence waits for more, and each time more came; 2 ms
	Keep          time.Duration // how long the log, jobs and evidence are kept; 0: for ever
	Replay        time.Duration // how long a POP may be away and be told all that it missed; 0: as long as that is kept
	FlushTurn     time.Duration // how long a POP that makes its whole cache revalidate has its tier to itself; 0: all at once
	RetainEvery   time.Duration // how often what is older is looked for; 1 h
	GreetFor      time.Duration // how long planning waits at start to hear from every POP; 10 s
}

func (o *Options) defaults() {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.PlanLease, 3*time.Minute)
	def(&o.Deadline, 10*time.Minute)
	def(&o.FinishBy, 24*time.Hour)
	// Each look may record one fact for each absent POP: often enough that a
	// deadline is exact to a twentieth, and no oftener.
	def(&o.SweepEvery, min(max(o.Deadline/20, 100*time.Millisecond), 30*time.Second))
	def(&o.HeadEvery, time.Second)
	def(&o.TasksKept, 72*time.Hour)
	def(&o.LostAfter, 5*time.Second)
	def(&o.CollectLinger, 2*time.Millisecond)
	def(&o.RetainEvery, time.Hour)
	def(&o.GreetFor, 10*time.Second)
	if o.Planners <= 0 {
		o.Planners = 4
	}
	if o.MaxUnplanned <= 0 {
		o.MaxUnplanned = 200_000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Room == nil {
		o.Room = func() error { return nil }
	}
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
}

func (o *Options) check() error {
	s := o.Store
	if s.Jobs == nil || s.Log == nil || s.Tasks == nil || s.States == nil || s.Evidence == nil || s.Catalog == nil || s.Takedowns == nil {
		return errors.New("engine: a store is missing")
	}
	if o.Bus == nil || o.Planner == nil {
		return errors.New("engine: a bus and a planner are needed")
	}
	return nil
}

// Engine is the control plane's core. Make one with New, then Run it; its
// other methods may be called while Run runs.
type Engine struct {
	o     Options
	store Store
	log   *slog.Logger

	members *members // who is enrolled, down, removed; what the POPs last said
	ledger  *ledger  // open entries and how far they are
	ends    *ends    // jobs that may have ended
	changes *changes // who waits for which job
	intake  chan *arrival
	folded  folding       // of the collect loop
	planNow chan struct{} // a row was accepted or became plannable
	pushNow chan struct{} // the log grew
	moved   chan struct{} // a POP has another address

	unpacked *semaphore.Weighted // see unpackedEvidence
	turns    turns               // whose cache may be made to revalidate as a whole
	horizon  horizon             // where the log begins for a POP that was away
	// reserved are places in the queues of prefetches
	reserved reserved

	serving   atomic.Bool // the bus is answered
	strangers strangers   // wrong set-ups that were told

	changing   sync.Mutex // one change of membership at a time
	entrusting sync.Mutex // one change of duties at a time; taken after changing

	unplanned sync.Mutex // guards waiting
	waiting   int        // rows accepted and not final
}

// New makes an Engine and brings it up to what the store holds: it enrols and
// removes POPs as declared, and folds the evidence of open entries.
func New(ctx context.Context, o Options) (*Engine, error) {
	o.defaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	e := &Engine{
		o: o, store: o.Store, log: o.Log,
		members: newMembers(o.POPs),
		changes: newChanges(),
		ends:    newEnds(), reserved: newReserved(),
		folded:  folding{touched: map[freshet.Position]bool{}},
		intake:  make(chan *arrival, 1024),
		planNow: make(chan struct{}, 1),
		pushNow: make(chan struct{}, 1), moved: make(chan struct{}, 1), unpacked: semaphore.NewWeighted(unpackedEvidence),
	}
	e.ledger = newLedger(e.members)
	if err := e.loadDuties(ctx); err != nil {
		return nil, err
	}
	if err := e.enrol(ctx); err != nil {
		return nil, err
	}
	if err := e.lookBack(ctx); err != nil {
		return nil, err
	}
	if err := e.load(ctx); err != nil {
		return nil, err
	}
	n, err := e.store.Jobs.Unplanned(ctx)
	if err != nil {
		return nil, err
	}
	e.waiting = n
	e.members.awaitAll()
	return e, nil
}

// Run does the engine's work until ctx ends, and returns when all of it has
// stopped. Work in hand is safe: it is in the store.
func (e *Engine) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sent, err := e.store.Log.Heads(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	var loops sync.WaitGroup
	defer loops.Wait()
	defer cancel()
	failed := make(chan error, 8+e.o.Planners)
	start := func(loop func(context.Context) error) {
		loops.Go(func() {
			if err := loop(ctx); err != nil && ctx.Err() == nil {
				failed <- err
			}
		})
	}
	start(e.collect)
	start(func(ctx context.Context) error { return e.push(ctx, sent) })
	start(e.tellMoves)
	start(e.sweep)
	start(e.retain)
	start(e.tellEnds)
	start(e.renewTakedowns)
	for i := range e.o.Planners {
		start(func(ctx context.Context) error {
			e.greet(ctx, i == 0)
			return e.planRows(ctx, i)
		})
	}
	stop, err := e.o.Bus.Serve(bus.ControlHandlers{Call: e.call, Heartbeat: e.heartbeat})
	if err != nil {
		return err
	}
	defer stop()
	e.serving.Store(true)
	defer e.serving.Store(false)
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// Ready tells whether the engine does its work; the error says why not.
func (e *Engine) Ready() error {
	if !e.serving.Load() {
		return errors.New("the engine is not running")
	}
	return nil
}

// wake sends on a channel of capacity one without blocking.
func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
