package engine

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/trace"
)

// planBatch is how many rows one planner claims at once: enough that a claim
// costs little beside the planning, few enough that the planners share a
// burst of work evenly.
const planBatch = 8

// greet waits at the start until every POP has said how much of the log it
// knows, or has had time to. If the store was restored from an older copy,
// nothing else tells; and a position that is given out before the epoch is
// raised is one that a POP may have passed already: it would never carry out
// what stands there, and its old evidence would be taken for new.
func (e *Engine) greet(ctx context.Context, tell bool) {
	limit := time.NewTimer(e.o.GreetFor)
	defer limit.Stop()
	select {
	case <-e.members.allHeard:
	case <-ctx.Done():
	case <-limit.C:
		if tell {
			e.log.LogAttrs(ctx, slog.LevelWarn, "planning begins without having heard from every POP",
				slog.Any("pops", e.members.silent()))
		}
	}
}

// planRows is the loop of one planner: it claims rows and plans them. Rows
// that it holds when the process dies are planned by another once the lease
// ends.
func (e *Engine) planRows(ctx context.Context, n int) error {
	worker := fmt.Sprintf("%d-%d-%d", os.Getpid(), time.Now().UnixNano(), n)
	poll := time.NewTicker(time.Second)
	defer poll.Stop()
	for {
		if e.o.Room() != nil { // a plan takes room, and what is left is for evidence
			select {
			case <-ctx.Done():
				return nil
			case <-poll.C:
			}
			continue
		}
		rows, err := e.store.Jobs.Claim(ctx, store.Claim{
			Worker: worker, Now: now(), Lease: e.o.PlanLease, Limit: planBatch,
		})
		if err != nil && ctx.Err() == nil {
			e.log.LogAttrs(ctx, slog.LevelError, "rows could not be claimed", slog.Any("error", err))
		}
		if len(rows) > 0 {
			wake(e.planNow) // there may be more than one planner's share
		}
		begun := time.Now()
		for i, r := range rows {
			if i > 0 && (time.Since(begun) > e.o.PlanLease/4 || e.o.Room() != nil) {
				// What begins now might end after the lease, when another
				// planner has the row: it would be planned in vain. Or the disk
				// has become nearly full meanwhile.
				e.release(ctx, r)
				continue
			}
			e.planRow(ctx, r)
		}
		if len(rows) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-e.planNow:
		case <-poll.C:
		}
	}
}

// planRow plans one claimed row and puts its entries into the log. A row
// whose planning could not be done now goes back.
func (e *Engine) planRow(ctx context.Context, claim store.Claimed) {
	attrs := aboutRow(claim)
	begun := time.Now()
	p, err := e.planAndSave(ctx, claim)
	if err != nil {
		if ctx.Err() == nil {
			e.log.LogAttrs(ctx, slog.LevelWarn, "row could not be planned", append(attrs, slog.Any("error", err))...)
			pause(ctx, time.Second) // the fault is the store's or the process's; do not spin on it
		}
		e.release(ctx, claim)
		return
	}
	urls := 0
	for _, entry := range p.Entries {
		urls += entry.Len()
	}
	e.o.Observer.Planned(claim.Job.Type, p.Row.Fault, urls, time.Since(begun))
	e.settle(1)
	e.changes.touch(claim.Job.ID)
	e.ends.touch(store.JobRef{Account: claim.Job.Account, Job: claim.Job.ID})
	if len(p.Entries) > 0 {
		wake(e.pushNow)
	}
	wake(e.planNow) // a later row of the same media may go ahead
}

// planAndSave is what is traced of the planning of a row.
func (e *Engine) planAndSave(ctx context.Context, claim store.Claimed) (*store.Plan, error) {
	ctx, span := e.o.Tracer.Resume(ctx, claim.Job.Trace, trace.Plan)
	span.Str(trace.Job, claim.Job.ID)
	span.Str(trace.Media, claim.Row.Media)
	span.Str(trace.Type, string(claim.Job.Type))
	p, media, err := e.planOne(ctx, claim)
	if err == nil {
		for _, entry := range p.Entries {
			entry.Trace = span.At()
		}
		saving, waits := trace.Start(ctx, trace.Append)
		p, err = e.savePlan(saving, p, media)
		waits.End(err)
	}
	if err == nil {
		span.Int(trace.Entries, len(p.Entries))
		span.Str(trace.Reason, p.Row.Fault)
	}
	span.End(err)
	return p, err
}

// aboutRow says in the log which row something is about.
func aboutRow(claim store.Claimed) []slog.Attr {
	return []slog.Attr{slog.String("account", claim.Job.Account), slog.String("job", claim.Job.ID), slog.String("media", claim.Row.Media)}
}

// release gives a claimed row back; should that fail, its lease will end.
func (e *Engine) release(ctx context.Context, claim store.Claimed) {
	if err := e.store.Jobs.Release(context.WithoutCancel(ctx), claim); err != nil {
		e.log.LogAttrs(ctx, slog.LevelWarn, "row could not be released",
			append(aboutRow(claim), slog.Any("error", err))...)
	}
}

// planOne plans a claimed row; the media is nil if there is none.
func (e *Engine) planOne(ctx context.Context, claim store.Claimed) (*store.Plan, *freshet.Media, error) {
	job, row := claim.Job, claim.Row
	var media *freshet.Media
	if job.Direct == nil {
		found, err := e.store.Catalog.Media(ctx, job.Account, []string{row.Media})
		if err != nil {
			return nil, nil, err
		}
		if len(found) > 0 { // else it was deleted since; the plan says what can be done
			media = found[0]
		}
	}
	planned, err := e.planURLs(ctx, job, row, media)
	if err != nil {
		return nil, nil, err
	}
	return e.outcome(claim, media, planned), media, nil
}

// outcome is what becomes of a row with its plan.
func (e *Engine) outcome(claim store.Claimed, media *freshet.Media, planned freshet.PlannedRow) *store.Plan {
	job, row := claim.Job, claim.Row
	row.State, row.Modified = freshet.RowPlanned, now()
	row.Fault, row.Message, row.Problems = planned.Fault, planned.Message, planned.Problems
	if row.Fault != "" {
		row.State = freshet.RowFailed
	}
	entries := e.o.Planner.Entries(job, row, planned, row.Modified)
	for _, entry := range entries {
		entry.Account, entry.Job, entry.Row = job.Account, job.ID, row.Index
		if job.Direct != nil && entry.Kind == freshet.EntryPrefetch {
			entry.Among = e.members.among(job, entry.Domain)
		}
	}
	p := &store.Plan{Claim: claim, Row: row, Entries: entries, Remember: planned.Remember, Now: row.Modified}
	if e.o.Events != nil {
		p.Events = e.o.Events(job, row, media)
	}
	return p
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
