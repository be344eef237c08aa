package agent

import (
	"errors"
	"log/slog"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/trace"
)

// Options are what an agent needs. POP, Bus, Driver and Journal must be set;
// zero values elsewhere mean the defaults named here.
type Options struct {
	POP     string
	Bus     bus.Agent
	Driver  cache.Driver
	Journal store.Journal
	Log     *slog.Logger // default: none
	Release string       // version of the program, for the heartbeat
	URL     string       // where the cache answers, for the heartbeat

	// OnTopology is called with each newer topology, or one that says more of
	// the same, and at the start with the saved one. OnReady is called when the
	// POP may take traffic, and when it may not any more; until its first call
	// it may not. Both are called by the agent's own loop, one call at a time,
	// and must return quickly.
	OnTopology func(freshet.Topology)
	OnReady    func(ready bool)

	// DiskLow tells that the journal's disk is nearly full. Prefetches that come
	// then fail (no_space) instead of being journalled; purges go on, and what is
	// left of the disk is for their evidence. Nil: it never is.
	DiskLow func() bool

	// Tracer records what is done about entries whose trace is recorded; nil:
	// nobody does.
	Tracer *trace.Tracer

	// OnObstacle is called in each turn of the loop with what keeps balancers from
	// sending viewers, "" for nothing: a POP that is drained, or fenced for the
	// control plane's silence, serves all the same. OnVigil is called when
	// everything that is stored must be revalidated before it is served, because
	// the control plane is silent, and when that is over; nil: the caches cannot.
	OnObstacle func(why string)
	OnVigil    func(on bool)
	// Traffic returns how long ago somebody asked who is no POP; nil: the caches
	// do not tell.
	Traffic func() time.Duration

	// Probe makes a request as a player does, for domains whose Verify is probe.
	// Nil: they are inspected, and the evidence says so.
	Probe cache.Prober

	PrefetchWorkers   int // objects prefetched at once, at most; default 8
	PrefetchPerOrigin int // of them, from one origin; 0: no bound of its own
	PrefetchRate      int // bytes prefetched a second, on average; 0: no bound

	PurgeWorkers   int           // purge calls at once; default 4
	PurgeBatch     int           // URLs per purge call, if the cache takes as many; default 256
	ReadAhead      int           // entries of purges held in memory; default 65536
	PrefetchAhead  int           // entries of prefetches held in memory; default 4096
	ReadAheadBytes int           // bytes of memory that either may take, about; default 64 MiB
	RedoLimit      int           // purges kept to be redone for parents that are away; default 4096
	PullLimit      int           // entries per pull; default 512
	ExceptionBytes int           // bytes of failed purges in one heartbeat; default 256 KiB
	HeartbeatEvery time.Duration // default 1 s
	HeartbeatMin   time.Duration // how long news waits that no child waits for; default 250 ms
	GatherFor      time.Duration // how long facts of prefetches are gathered; default 100 ms
	ReportEvery    time.Duration // how often it is told how the POP stands; default 2 s
	TopologyEvery  time.Duration // how often the topology is asked for again; default 30 s
	CallTimeout    time.Duration // of one call to the control plane; default 15 s
	TurnWait       time.Duration // how long a POP that was flushed waits for its turn if the control plane does not answer; default 1 min
	RetryMin       time.Duration // first pause after a failure; default 100 ms
	RetryMax       time.Duration // longest pause after failures; default 30 s
}

// maxExceptions bounds the list of purges that failed for good, because it is
// part of every durable step and of every heartbeat. 10,000 failing entries
// are months of an operator not looking; the oldest are forgotten first.
const maxExceptions = 10_000

// prefetchAttempts is how often a prefetch of one object is tried in all. An
// origin that fails three times over several seconds needs a person.
const prefetchAttempts = 3

func (o *Options) check() error {
	switch {
	case o.POP == "":
		return errors.New("agent: no POP is named")
	case o.Bus == nil || o.Driver == nil || o.Journal == nil:
		return errors.New("agent: a bus, a driver and a journal are needed")
	}
	return nil
}

func (o *Options) setDefaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OnTopology == nil {
		o.OnTopology = func(freshet.Topology) {}
	}
	if o.OnReady == nil {
		o.OnReady = func(bool) {}
	}
	if o.DiskLow == nil {
		o.DiskLow = func() bool { return false }
	}
	if o.OnObstacle == nil {
		o.OnObstacle = func(string) {}
	}
	orDefault(&o.PrefetchWorkers, 8)
	orDefault(&o.PurgeWorkers, 4)
	orDefault(&o.PurgeBatch, 256)
	orDefault(&o.ReadAhead, 1<<16)
	orDefault(&o.PrefetchAhead, 4096)
	orDefault(&o.ReadAheadBytes, 64<<20)
	orDefault(&o.RedoLimit, 4096)
	orDefault(&o.PullLimit, 512)
	orDefault(&o.ExceptionBytes, 256<<10)
	orDefault(&o.HeartbeatEvery, time.Second)
	orDefault(&o.HeartbeatMin, 250*time.Millisecond)
	orDefault(&o.GatherFor, 100*time.Millisecond)
	orDefault(&o.ReportEvery, 2*time.Second)
	orDefault(&o.TopologyEvery, 30*time.Second)
	orDefault(&o.CallTimeout, 15*time.Second)
	orDefault(&o.TurnWait, time.Minute)
	orDefault(&o.RetryMin, 100*time.Millisecond)
	orDefault(&o.RetryMax, 30*time.Second)
	// A cache that says nothing of its batch size takes one object at a time.
	o.PurgeBatch = min(o.PurgeBatch, max(1, o.Driver.Powers().MaxBatch))
}

func orDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}
