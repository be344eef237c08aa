package engine_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/membus"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/plan"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
	"github.com/freshet-vod/freshet/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account = "default"
	domain  = "vod.example.com"
)

// world is an engine on a real store, with POPs played by the test.
type world struct {
	*engine.Engine

	t    *testing.T
	db   *sqlite.Store
	bus  *membus.Bus
	pops map[string]*popPlayed

	count atomic.Int64 // files of a media
}

// files plans every media as so many files, without a fetch.
type files struct {
	*plan.Planner

	n *atomic.Int64
}

func (f files) Plan(_ context.Context, job *freshet.Job, row freshet.Row, _ *freshet.Media) (freshet.PlannedRow, error) {
	p := freshet.PlannedRow{Media: row.Media}
	if job.Direct != nil {
		for _, u := range job.Direct.URLs {
			p.URLs = append(p.URLs, freshet.PlannedURL{URL: u, Kind: "file"})
		}
		return p, nil
	}
	for i := range f.n.Load() {
		p.URLs = append(p.URLs, freshet.PlannedURL{
			Media: row.Media, Kind: "file", URL: fmt.Sprintf("http://%s/%s/%d.mp4", domain, row.Media, i),
		})
	}
	return p, nil
}

func newWorld(t *testing.T, change func(*engine.Options), pops ...string) *world {
	t.Helper()
	w := &world{t: t, bus: membus.New(), pops: map[string]*popPlayed{}}
	w.start(t.TempDir(), change, pops...)
	return w
}

// newWorldIn makes a world on a store that may have had a life before.
func newWorldIn(t *testing.T, dir string, pops ...string) *world {
	t.Helper()
	w := &world{t: t, bus: membus.New(), pops: map[string]*popPlayed{}}
	w.start(dir, nil, pops...)
	return w
}

func (w *world) start(dir string, change func(*engine.Options), pops ...string) {
	w.t.Helper()
	ctx := w.t.Context()
	db, err := sqlite.Open(ctx, sqlite.Options{Dir: dir})
	must(w.t, err)
	w.db = db
	w.count.Store(3)
	d := freshet.Domain{Account: account, Name: domain, Origin: "http://127.0.0.1:9"}
	must(w.t, db.PutDomain(ctx, d))
	for _, id := range []string{"m1", "m2", "m3"} {
		must(w.t, db.PutMedia(ctx, time.Now(), []*freshet.Media{{Account: account, ID: id, Status: freshet.StatusNormal}}))
	}
	must(w.t, db.PutMedia(ctx, time.Now(), []*freshet.Media{{Account: "other", ID: "theirs", Status: freshet.StatusNormal}}))
	o := engine.Options{
		Store: engine.Store{Jobs: db, Log: db, Tasks: db, States: db, Evidence: db, Catalog: db, Takedowns: db},
		Bus:   w.bus.Control(), SweepEvery: 5 * time.Millisecond, GreetFor: time.Millisecond,
		Planner: files{plan.New(plan.Options{Domains: func(string) []freshet.Domain { return []freshet.Domain{d} }}), &w.count},
	}
	for _, id := range pops {
		o.POPs = append(o.POPs, freshet.POP{ID: id})
	}
	if change != nil {
		change(&o)
	}
	w.Engine, err = engine.New(ctx, o)
	must(w.t, err)
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- w.Run(run) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
		for _, p := range w.pops {
			p.stop()
		}
		if err := db.Close(); err != nil {
			w.t.Error(err)
		}
	})
	for _, id := range pops {
		w.play(id)
	}
}

// popPlayed is a POP that notes the entries it hears of, and says what it is
// told to say.
type popPlayed struct {
	w      *world
	id     string
	agent  bus.Agent
	stop   func()
	stream uint64
	number uint64

	mu      sync.Mutex
	entries map[freshet.Position]*freshet.Entry
	heard   chan struct{}
}

func (w *world) play(id string) {
	w.t.Helper()
	p := &popPlayed{
		w: w, id: id, agent: w.bus.Agent(id), stream: 1,
		entries: map[freshet.Position]*freshet.Entry{}, heard: make(chan struct{}, 1),
	}
	var err error
	p.stop, err = p.agent.Listen(func(ch bus.Channel, _ string, msg []byte) {
		if ch != bus.ChannelPurge && ch != bus.ChannelPrefetch {
			return
		}
		batch, err := wire.DecodeEntries(msg)
		if err != nil {
			w.t.Error(err)
		}
		p.take(batch.Entries)
	})
	must(w.t, err)
	w.pops[id] = p
}

func (p *popPlayed) take(entries []*freshet.Entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range entries {
		p.entries[e.At] = e
	}
	select {
	case p.heard <- struct{}{}:
	default:
	}
}

// entry waits for an entry, as an agent does: what was not heard is pulled.
func (p *popPlayed) entry(at freshet.Position) *freshet.Entry {
	p.w.t.Helper()
	ctx, cancel := context.WithTimeout(p.w.t.Context(), 10*time.Second)
	defer cancel()
	for {
		p.mu.Lock()
		e := p.entries[at]
		p.mu.Unlock()
		if e != nil {
			return e
		}
		for _, subject := range freshet.Subjects() {
			answer, err := p.agent.Do(ctx, bus.CallPull, wire.EncodePull(wire.PullRequest{Subject: subject, Limit: 100}))
			must(p.w.t, err)
			batch, err := wire.DecodeEntries(answer)
			must(p.w.t, err)
			p.take(batch.Entries)
		}
		select {
		case <-p.heard:
		case <-ctx.Done():
			p.w.t.Fatalf("%s: entry %s did not come", p.id, at)
		}
	}
}

// say reports an outcome for items of an entry (all of them if none are
// named) and waits for the acknowledgement.
func (p *popPlayed) say(at freshet.Position, o freshet.Outcome, items ...int) {
	p.w.t.Helper()
	entry := p.entry(at)
	if len(items) == 0 {
		for i := range entry.Len() {
			items = append(items, i)
		}
	}
	p.number++
	ev := freshet.Evidence{POP: p.id, Stream: p.stream, Number: p.number, Incarnation: "i", Entries: []freshet.EntryFacts{{At: at}}}
	for _, i := range items {
		f := freshet.Fact{Item: i, Outcome: o, Attempts: 1, ExecutedAt: time.Now(), Verified: freshet.VerifiedInspect}
		if o == freshet.OutcomeFailed {
			f.Reason = freshet.ReasonRefused
		}
		ev.Entries[0].Facts = append(ev.Entries[0].Facts, f)
	}
	must(p.w.t, p.send(ev))
}

func (p *popPlayed) send(ev freshet.Evidence) error {
	_, err := p.agent.Do(p.w.t.Context(), bus.CallEvidence, wire.EncodeEvidence(ev))
	return err
}

// submit submits a job and returns it once it is planned.
func (w *world) submit(kind freshet.TaskType, media ...string) *freshet.Job {
	w.t.Helper()
	r, err := w.Submit(w.t.Context(), freshet.Submission{Account: account, Type: kind, Media: media, Native: true})
	must(w.t, err)
	job, err := w.WaitPlanned(w.t.Context(), account, r.JobID, "", 10*time.Second)
	must(w.t, err)
	for _, row := range job.Rows {
		if row.State != freshet.RowPlanned {
			w.t.Fatalf("row %+v", row)
		}
	}
	return job
}

// until waits for a report that satisfies a condition.
func (w *world) until(job, what string, ok func(*freshet.JobReport) bool) *freshet.JobReport {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	var since uint64
	var last *freshet.JobReport
	for {
		report, version, err := w.WaitJob(ctx, account, job, since)
		if err != nil {
			w.t.Fatalf("waiting until %s: %v; last %+v", what, err, last)
		}
		if ok(report) {
			return report
		}
		since, last = version, report
		if report.Done {
			since = 0 // it is told at once again; the deadline above bounds this
		}
	}
}

// status is satisfied when all three tasks of a media have a status.
func status(s freshet.TaskStatus) func(*freshet.JobReport) bool {
	return func(r *freshet.JobReport) bool {
		var want freshet.Tally
		want.Add(s, 3)
		return r.Tally == want
	}
}

// refolded checks that folding everything again changes nothing of a job.
func (w *world) refolded(job string) {
	w.t.Helper()
	before, err := w.JobReport(w.t.Context(), account, job)
	must(w.t, err)
	must(w.t, w.Refold(w.t.Context()))
	after, err := w.JobReport(w.t.Context(), account, job)
	must(w.t, err)
	if fmt.Sprintf("%+v", before) != fmt.Sprintf("%+v", after) {
		w.t.Errorf("folded again:\n%+v\nwas\n%+v", after, before)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
