package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/trace"
)

// Submit accepts a submission. When it returns a job ID, the job is on disk.
// Media that do not exist for the account, or that the caller may not touch, are
// in the receipt; if none is left, there is no job (contract §4.1 U1). A full queue and a full disk are
// CodeUnavailable errors, and leave nothing.
func (e *Engine) Submit(ctx context.Context, s freshet.Submission) (freshet.Receipt, error) {
	ctx, span := trace.Start(ctx, trace.Accept)
	receipt, err := e.submit(ctx, s)
	span.Str(trace.Type, string(s.Type))
	span.Str(trace.Job, receipt.JobID)
	span.End(err)
	return receipt, err
}

func (e *Engine) submit(ctx context.Context, s freshet.Submission) (freshet.Receipt, error) {
	var receipt freshet.Receipt
	if err := e.o.Room(); err != nil {
		e.o.Observer.Refused(refusedDisk)
		return receipt, err
	}
	media := []string{""} // the one row of a job by URL, prefix or tag
	if s.Direct == nil {
		ids := s.Lookup()
		have, err := e.haveMedia(ctx, s, ids)
		if err != nil {
			return receipt, err
		}
		media = make([]string, 0, len(s.Media))
		for i, id := range s.Media {
			switch {
			case ids[i] == "":
				receipt.Forbidden = append(receipt.Forbidden, id)
			case have[i]:
				media = append(media, id)
			default:
				receipt.NonExistent = append(receipt.NonExistent, id)
			}
		}
		if len(media) == 0 {
			return receipt, nil
		}
	}
	if !e.admit(len(media)) {
		e.o.Observer.Refused(refusedQueue)
		return freshet.Receipt{}, &freshet.Error{
			Code: freshet.CodeUnavailable, Kind: freshet.KindQueue, RetryAfter: time.Second,
			Message: "The queue of work waiting to be planned is full; try again later.",
		}
	}
	job := e.newJob(s, media)
	job.Trace = trace.At(ctx)
	err := e.accept(ctx, job, store.Nonce{Fingerprint: s.Nonce, Expires: s.NonceExpires})
	if err != nil {
		e.settle(len(media))
		return freshet.Receipt{}, err
	}
	e.o.Observer.Accepted(s.Type, len(media))
	receipt.JobID = job.ID
	if job.Direct != nil {
		for _, g := range job.Direct.Groups {
			receipt.Tasks = append(receipt.Tasks, g.ID)
		}
	}
	wake(e.planNow)
	return receipt, nil
}

func (e *Engine) newJob(s freshet.Submission, media []string) *freshet.Job {
	now := now()
	job := &freshet.Job{
		Account: s.Account, ID: newJobID(), Type: s.Type, Filter: s.Filter, Direct: s.Direct,
		UserData: s.UserData, Policy: s.Policy, Native: s.Native, Denial: s.Denial, Created: now,
	}
	if s.Direct != nil { // the store fills in its groups
		direct := *s.Direct
		job.Direct = &direct
	}
	if s.Type == freshet.Prefetch {
		job.FinishBy = s.FinishBy
		if job.FinishBy.IsZero() {
			job.FinishBy = now.Add(e.o.FinishBy)
		}
	}
	job.Rows = make([]freshet.Row, len(media))
	for i, id := range media {
		job.Rows[i] = freshet.Row{Job: job.ID, Index: i, Media: id, State: freshet.RowAccepted, Modified: now}
	}
	return job
}

// DryRun plans a submission and does nothing.
func (e *Engine) DryRun(ctx context.Context, s freshet.Submission) (freshet.DryRun, error) {
	var run freshet.DryRun
	if s.Direct != nil {
		job := e.newJob(s, []string{""})
		row, err := e.o.Planner.Plan(ctx, job, job.Rows[0], nil)
		run.Rows = []freshet.PlannedRow{row}
		return run, err
	}
	ids := s.Lookup()
	media, err := e.store.Catalog.Media(ctx, s.Account, ids)
	if err != nil {
		return run, err
	}
	job := e.newJob(s, s.Media)
	for i, id := range s.Media {
		if ids[i] == "" {
			run.Forbidden = append(run.Forbidden, id)
			continue
		}
		at := slices.IndexFunc(media, func(m *freshet.Media) bool { return m.ID == id })
		if at < 0 {
			run.NonExistent = append(run.NonExistent, id)
			continue
		}
		row, err := e.o.Planner.Plan(ctx, job, job.Rows[i], media[at])
		if err != nil {
			return run, err
		}
		run.Rows = append(run.Rows, row)
	}
	return run, nil
}

// admit counts n more rows as waiting, unless the queue is full.
func (e *Engine) admit(n int) bool {
	e.unplanned.Lock()
	defer e.unplanned.Unlock()
	if e.waiting+n > e.o.MaxUnplanned {
		return false
	}
	e.waiting += n
	return true
}

// settle counts n rows as not waiting any more.
func (e *Engine) settle(n int) {
	e.unplanned.Lock()
	defer e.unplanned.Unlock()
	e.waiting -= n
}

// newJobID returns 16 hex digits (contract §4.1).
func newJobID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// now is the present to the millisecond, which is what stores keep.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
