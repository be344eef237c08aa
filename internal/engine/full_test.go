package engine_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/engine"
)

// full is a disk that tests fill and clear.
type full struct{ low atomic.Bool }

func (f *full) room() error {
	if f.low.Load() {
		return &freshet.Error{Code: freshet.CodeUnavailable, Kind: freshet.KindDisk, RetryAfter: time.Minute, Message: "Full."}
	}
	return nil
}

// jobs counts what the account has in the store.
func (w *world) jobs() int {
	w.t.Helper()
	list, err := w.ListJobs(w.t.Context(), account, time.Time{}, 500)
	must(w.t, err)
	return len(list)
}

// gated plans nothing while its gate is shut.
type gated struct {
	engine.Planner

	gate    *sync.RWMutex
	entered chan struct{} // gets something when a plan is asked for
}

func (g gated) Plan(ctx context.Context, job *freshet.Job, row freshet.Row, m *freshet.Media) (freshet.PlannedRow, error) {
	select {
	case g.entered <- struct{}{}:
	default:
	}
	g.gate.RLock()
	defer g.gate.RUnlock()
	return g.Planner.Plan(ctx, job, row, m)
}

// TestP10_AFullDiskStopsAcceptingBeforeItStopsFinishing fills the disk under a
// job that is in the log and under one that is not planned yet.
func TestP10_AFullDiskStopsAcceptingBeforeItStopsFinishing(t *testing.T) {
	t.Parallel()
	disk := &full{}
	var gate sync.RWMutex // held: nothing is planned
	entered := make(chan struct{}, 1)
	w := newWorld(t, func(o *engine.Options) {
		o.Planners = 1
		o.Room = disk.room
		o.Deadline = 200 * time.Millisecond
		o.Planner = gated{o.Planner, &gate, entered}
	}, "a", "b")
	inLog := w.submit(freshet.Purge, "m1")
	gate.Lock()
	<-entered
	first := w.accept(freshet.Purge, "m1") // keeps the planner, so that the next is not even claimed
	<-entered
	waiting := w.accept(freshet.Purge, "m2")

	disk.low.Store(true)
	for _, s := range []freshet.Submission{
		{Account: account, Type: freshet.Purge, Media: []string{"m3"}, Filter: freshet.Filter{Everything: true}},
		{Account: account, Type: freshet.Prefetch, Direct: &freshet.Direct{URLs: []string{"http://" + domain + "/x"}}},
		{Account: account, Type: freshet.Takedown, Media: []string{"m3"}, Denial: &freshet.Denial{Status: http.StatusUnavailableForLegalReasons}},
	} {
		r, err := w.Submit(t.Context(), s)
		e, ok := errors.AsType[*freshet.Error](err)
		if !ok || e.Kind != freshet.KindDisk || e.RetryAfter == 0 || r.JobID != "" {
			t.Errorf("%s on a full disk: %+v, %v", s.Type, r, err)
		}
	}
	if n := w.jobs(); n != 3 {
		t.Errorf("there are %d jobs", n)
	}
	gate.Unlock()
	w.until(first, "planned", func(r *freshet.JobReport) bool { return r.Tally.Total() == 3 })
	// What is in the log ends: a's evidence is taken, b's deadline is recorded.
	for _, at := range inLog.Rows[0].Entries {
		w.pops["a"].entry(at)
		w.pops["a"].say(at, freshet.OutcomeDone, 0, 1, 2)
	}
	w.until(inLog.ID, "overdue at b", func(r *freshet.JobReport) bool { return r.Tally.Failed == 3 })
	if row := w.row(waiting, 0); row.State.Final() {
		t.Fatalf("a row was planned on a full disk: %+v", row)
	}

	disk.low.Store(false)
	w.until(waiting, "planned", func(r *freshet.JobReport) bool { return r.Tally.Total() == 3 })
	if row := w.row(waiting, 10*time.Second); row.State != freshet.RowPlanned {
		t.Errorf("what waited ended as %+v", row)
	}
	w.submit(freshet.Purge, "m3")
}

// accept submits a job and does not wait for its plan.
func (w *world) accept(kind freshet.TaskType, media ...string) string {
	w.t.Helper()
	r, err := w.Submit(w.t.Context(), freshet.Submission{Account: account, Type: kind, Media: media, Native: true})
	must(w.t, err)
	return r.JobID
}

// row returns the first row of a job, after waiting so long for its plan.
func (w *world) row(id string, atMost time.Duration) freshet.Row {
	w.t.Helper()
	job, err := w.WaitPlanned(w.t.Context(), account, id, "", atMost)
	must(w.t, err)
	return job.Rows[0]
}

// TestP10_WhatTheQueueRefusesIsNotThereAndWhatItTakesIsPlanned submits from many
// sides into a queue of a few places, and looks at what became of each call.
func TestP10_WhatTheQueueRefusesIsNotThereAndWhatItTakesIsPlanned(t *testing.T) {
	t.Parallel()
	const places = 4
	var gate sync.RWMutex
	w := newWorld(t, func(o *engine.Options) {
		o.MaxUnplanned, o.Planners, o.Planner = places, 2, gated{o.Planner, &gate, nil}
	}, "a")
	jobs := 0
	for round := range 20 {
		dice := rand.New(rand.NewPCG(1, uint64(round)))
		sizes := make([]int, 1+dice.IntN(12)) // media of each call
		for i := range sizes {
			sizes[i] = 1 + dice.IntN(3)
		}
		gate.Lock()
		media := []string{"m1", "m2", "m3"}
		var mu sync.Mutex // guards what follows
		accepted, rows, refused := map[string]int{}, 0, 0
		var calls sync.WaitGroup
		for _, n := range sizes {
			calls.Go(func() {
				r, err := w.Submit(t.Context(), freshet.Submission{Account: account, Type: freshet.Purge, Media: media[:n], Native: true})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					accepted[r.JobID], rows = n, rows+n
					return
				}
				refused++
				if e, ok := errors.AsType[*freshet.Error](err); !ok || e.Code != freshet.CodeUnavailable || e.Kind != freshet.KindQueue ||
					e.RetryAfter <= 0 || r.JobID != "" || len(r.Tasks) > 0 {
					t.Errorf("refused with %+v, %v", r, err)
				}
			})
		}
		calls.Wait()
		if rows > places || rows == 0 || refused != len(sizes)-len(accepted) || refused > 0 && rows+3 <= places {
			gate.Unlock()
			t.Fatalf("%d rows in %d places, %d of %d calls refused", rows, places, refused, len(sizes))
		}
		gate.Unlock()
		for id, n := range accepted {
			w.until(id, "planned", func(r *freshet.JobReport) bool { return r.Tally.Total() == 3*n })
			job, err := w.WaitPlanned(t.Context(), account, id, "", 10*time.Second)
			must(t, err)
			for _, row := range job.Rows {
				if row.State != freshet.RowPlanned || len(row.Entries) == 0 {
					t.Fatalf("half planned: %+v", job.Rows)
				}
			}
		}
		if jobs += len(accepted); w.jobs() != min(jobs, 500) {
			t.Fatalf("%d jobs are there, and %d were accepted", w.jobs(), jobs)
		}
	}
}
