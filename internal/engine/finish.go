package engine

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// Ends tells whoever asked for it that a job has ended.
type Ends interface {
	// Watched returns jobs whose end is to be told, in order, after the given
	// one.
	Watched(ctx context.Context, after store.JobRef, limit int) ([]store.JobRef, error)
	// Watching tells whether a job is one of them.
	Watching(ctx context.Context, job store.JobRef) (bool, error)
	// FinishJob tells the end of a job, once.
	FinishJob(ctx context.Context, now time.Time, job store.JobRef, body []byte) (bool, error)
}

// Bounds of looking for jobs that ended.
const (
	endsLinger = 50 * time.Millisecond // a job's entries close one after the other
	endsEvery  = time.Minute           // how often some of all watched jobs are looked at again
	endsPage   = 200                   // how many of them at a time
	maxEnds    = 10_000                // jobs remembered as touched; more are left to the look at all
)

// ends are the jobs of which something may have been the last.
type ends struct {
	mu      sync.Mutex // guards touched
	touched map[store.JobRef]bool
	wake    chan struct{}
}

func newEnds() *ends { return &ends{touched: map[store.JobRef]bool{}, wake: make(chan struct{}, 1)} }

func (n *ends) touch(jobs ...store.JobRef) {
	if len(jobs) == 0 {
		return
	}
	n.mu.Lock()
	for _, job := range jobs {
		if len(n.touched) < maxEnds && job.Job != "" {
			n.touched[job] = true
		}
	}
	n.mu.Unlock()
	wake(n.wake)
}

func (n *ends) take() map[store.JobRef]bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	taken := n.touched
	n.touched = map[store.JobRef]bool{}
	return taken
}

// tellEnds is the loop that tells the ends of jobs. What it does not get to is
// not lost: the store knows which jobs are watched, and all of them are looked
// at when the engine starts, some again every minute.
func (e *Engine) tellEnds(ctx context.Context) error {
	if e.o.Ends == nil || e.o.Finished == nil {
		return nil
	}
	var at store.JobRef
	for {
		next, more := e.lookAtWatched(ctx, at)
		if at = next; !more || ctx.Err() != nil {
			break
		}
	}
	at = store.JobRef{}
	again := time.NewTicker(endsEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
			next, more := e.lookAtWatched(ctx, at)
			if at = next; !more {
				at = store.JobRef{}
			}
		case <-e.ends.wake:
			pause(ctx, endsLinger)
			for job := range e.ends.take() {
				if ctx.Err() != nil {
					return nil
				}
				e.lookAtEnd(ctx, job)
			}
		}
	}
}

// lookAtWatched looks at a page of watched jobs, and returns where the next one
// begins.
func (e *Engine) lookAtWatched(ctx context.Context, after store.JobRef) (next store.JobRef, more bool) {
	page, err := e.o.Ends.Watched(ctx, after, endsPage)
	if err != nil {
		if ctx.Err() == nil {
			e.log.LogAttrs(ctx, slog.LevelError, "watched jobs could not be read", slog.Any("error", err))
		}
		return after, false
	}
	for _, job := range page {
		e.lookAtEnd(ctx, job)
		after = job
	}
	return after, len(page) == endsPage
}

// lookAtEnd tells the end of a job if it is watched and has ended.
func (e *Engine) lookAtEnd(ctx context.Context, job store.JobRef) {
	err := e.tellEnd(ctx, job)
	if err != nil && ctx.Err() == nil {
		e.log.LogAttrs(ctx, slog.LevelError, "the end of a job could not be told",
			slog.String("account", job.Account), slog.String("job", job.Job), slog.Any("error", err))
	}
}

func (e *Engine) tellEnd(ctx context.Context, job store.JobRef) error {
	watched, err := e.o.Ends.Watching(ctx, job)
	if err != nil || !watched {
		return err
	}
	report, err := e.JobReport(ctx, job.Account, job.Job)
	if freshet.ErrorCode(err) == freshet.CodeNotFound {
		return nil // forgotten with age, before it ended
	}
	if err != nil || !ended(report) {
		return err
	}
	now := now()
	_, err = e.o.Ends.FinishJob(ctx, now, job, e.o.Finished(report, now))
	return err
}

// ended reports whether a job's rows are final and each of its POPs is done
// with it, or overdue. That is more than JobReport.Done, which does not wait
// for POPs that are at work once a task has failed elsewhere.
func ended(r *freshet.JobReport) bool {
	for i := range r.Rows {
		if !r.Rows[i].State.Final() {
			return false
		}
	}
	for _, p := range r.POPs {
		if p.Final+p.Overdue < p.Targets {
			return false
		}
	}
	return true
}
