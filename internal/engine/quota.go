package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/trace"
)

// Limits says what accounts may do; package limits has one.
type Limits interface {
	// PriceOfCall returns what a job costs when it is accepted.
	PriceOfCall(job *freshet.Job) []store.Charge
	// PriceOfRow returns what a row with so many URLs costs when its plan is
	// stored.
	PriceOfRow(job *freshet.Job, urls int) []store.Charge
	// PrefetchQueue returns how many prefetch tasks of an account may wait at a
	// time, 0 for any number.
	PrefetchQueue(account string) int
}

// The faults of a row for which the account has had its share (contract §3.4).
const (
	faultQuota       = "QuotaExceeded.Refresh"
	textQuotaRefresh = "You've exceeded the prescribed refresh limits."
	textQuotaPreload = "You've exceeded the prescribed preload limits."
	faultQueue       = "PreloadQueueFull"
	textQueue        = "Preload queue is full, please try again later!"
)

// reserved counts prefetch tasks that were let into an account's queue and are
// not in the ledger yet, by job. Only accounts whose queue is limited have any.
type reserved struct {
	mu  sync.Mutex // guards by; may be held when the ledger is asked
	by  map[string]map[string]int
	has map[string]string // account by job
}

func newReserved() reserved {
	return reserved{by: map[string]map[string]int{}, has: map[string]string{}}
}

// add counts n more tasks of a job; the caller holds mu.
func (r *reserved) add(account, job string, n int) {
	if r.by[account] == nil {
		r.by[account] = map[string]int{}
	}
	r.by[account][job] += n
	r.has[job] = account
	if r.by[account][job] <= 0 {
		delete(r.by[account], job)
		delete(r.has, job)
	}
	if len(r.by[account]) == 0 {
		delete(r.by, account)
	}
}

// settle counts tasks of a job as reserved no more: they are in the ledger, or
// will never be.
func (r *reserved) settle(job string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if account, ok := r.has[job]; ok {
		r.add(account, job, -min(n, r.by[account][job]))
	}
}

// enqueue lets n prefetch tasks of a job into its account's queue, or not. What
// is let in stays reserved until settled.
func (e *Engine) enqueue(job *freshet.Job, n int) error {
	if job.Type != freshet.Prefetch || e.o.Limits == nil || n == 0 {
		return nil
	}
	limit := e.o.Limits.PrefetchQueue(job.Account)
	if limit <= 0 {
		return nil
	}
	e.reserved.mu.Lock()
	defer e.reserved.mu.Unlock()
	waiting := e.ledger.prefetching(job.Account)
	for _, n := range e.reserved.by[job.Account] {
		waiting += n
	}
	if waiting+n > limit {
		return &freshet.Error{
			Code: freshet.CodeLimited, Kind: freshet.KindPrefetchQueue, RetryAfter: time.Minute, Err: freshet.ErrQueueFull,
			Message: "The account's queue of prefetches is full; try again later.",
		}
	}
	e.reserved.add(job.Account, job.ID, n)
	return nil
}

// accept commits a job: it takes its place in the queue, and pays.
func (e *Engine) accept(ctx context.Context, job *freshet.Job, nonce store.Nonce) error {
	ctx, span := trace.Start(ctx, trace.Commit)
	span.Int(trace.Rows, len(job.Rows))
	defer span.End(nil)
	if e.o.Limits == nil || job.Direct == nil {
		return e.store.Jobs.Accept(ctx, job, nonce)
	}
	n := len(job.Direct.URLs)
	if err := e.enqueue(job, n); err != nil {
		return err
	}
	err := e.store.Jobs.Accept(ctx, job, nonce, e.o.Limits.PriceOfCall(job)...)
	if err != nil {
		e.reserved.settle(job.ID, n)
	}
	return err
}

// savePlan stores the plan of a row, if the account's share covers it: else the
// row fails as a whole, and others keep their tasks (contract §4.1 U24).
func (e *Engine) savePlan(ctx context.Context, p *store.Plan, media *freshet.Media) (*store.Plan, error) {
	job := p.Claim.Job
	if e.o.Limits == nil {
		return p, e.store.Jobs.SavePlan(ctx, p)
	}
	n := 0
	for _, entry := range p.Entries {
		n += entry.Len()
	}
	let := 0 // into the queue; a job by URL is in it since it was accepted
	if job.Direct == nil {
		if err := e.enqueue(job, n); err != nil {
			p = e.refusedPlan(p, media, faultQueue, textQueue)
			return p, e.store.Jobs.SavePlan(ctx, p)
		}
		let = n
	}
	p.Charges = e.o.Limits.PriceOfRow(job, n)
	err := e.store.Jobs.SavePlan(ctx, p)
	switch {
	case err == nil && job.Direct != nil: // what was not planned of it will not come
		e.reserved.settle(job.ID, max(0, len(job.Direct.URLs)-n))
		return p, nil
	case err == nil:
		return p, nil
	}
	e.reserved.settle(job.ID, let)
	if !errors.Is(err, freshet.ErrQuotaExceeded) {
		return p, err
	}
	text := textQuotaRefresh
	if job.Type == freshet.Prefetch {
		text = textQuotaPreload
	}
	p = e.refusedPlan(p, media, faultQuota, text)
	return p, e.store.Jobs.SavePlan(ctx, p)
}

// refusedPlan is a plan of which nothing is submitted. What it found out stays
// remembered.
func (e *Engine) refusedPlan(p *store.Plan, media *freshet.Media, fault, text string) *store.Plan {
	return e.outcome(p.Claim, media, freshet.PlannedRow{
		Media: p.Row.Media, Fault: fault, Message: text, Problems: p.Row.Problems, Remember: p.Remember,
	})
}

// prefetching counts the account's prefetch tasks that are in the log and not
// final.
func (l *ledger) prefetching(account string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, o := range l.prefetches[account] {
		v := l.members.view(o.meta, o.fold)
		v.each(func(_ int, s taskState) {
			if st := s.status(len(o.meta.Targets)); st == freshet.TaskPending || st == freshet.TaskRefreshing {
				n++
			}
		})
	}
	return n
}
