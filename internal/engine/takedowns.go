package engine

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/wire"
)

const (
	denyPage       = 5000            // URLs of a page of the deny list
	renewEvery     = time.Second     // how often takedowns are looked for whose media changed
	renewAtOnce    = 20              // of them
	maxTakedowns   = 10_000          // listed at once
	passOverStream = uint64(1) << 32 // added to the epoch: streams of agents are nanoseconds, far above
)

// haveMedia tells of which media a submission can be: those of the catalog, and
// to end takedowns, those that are taken down.
func (e *Engine) haveMedia(ctx context.Context, s freshet.Submission, ids []string) ([]bool, error) {
	if s.Type != freshet.Reinstate {
		return e.store.Catalog.HaveMedia(ctx, s.Account, ids)
	}
	list, err := e.store.Takedowns.ListTakedowns(ctx, store.TakedownQuery{
		Account: s.Account, Media: ids, Active: true, Limit: len(ids),
	})
	if err != nil {
		return nil, err
	}
	down := map[string]bool{}
	for _, t := range list {
		down[t.Media] = true
	}
	have := make([]bool, len(ids))
	for i, id := range ids {
		have[i] = down[id]
	}
	return have, nil
}

// Takedowns returns takedowns of the account, newest first, 10,000 at most: the
// active ones, or all.
func (e *Engine) Takedowns(ctx context.Context, account string, active bool) ([]freshet.TakedownRecord, error) {
	return e.store.Takedowns.ListTakedowns(ctx, store.TakedownQuery{Account: account, Active: active, Limit: maxTakedowns})
}

// planURLs plans a row. What ends a takedown is not planned anew: it allows
// what was denied, whatever the media is now.
func (e *Engine) planURLs(
	ctx context.Context, job *freshet.Job, row freshet.Row, media *freshet.Media,
) (freshet.PlannedRow, error) {
	if job.Type != freshet.Reinstate {
		return e.o.Planner.Plan(ctx, job, row, media)
	}
	urls, err := e.store.Takedowns.DeniedOf(ctx, job.Account, row.Media)
	if err != nil {
		return freshet.PlannedRow{}, err
	}
	p := freshet.PlannedRow{Media: row.Media, URLs: make([]freshet.PlannedURL, len(urls))}
	for i, u := range urls {
		p.URLs[i] = freshet.PlannedURL{Media: row.Media, URL: u, Kind: "file"}
	}
	return p, nil
}

// renewTakedowns plans anew what is taken down and changed: a stream that an
// import adds must not be open.
func (e *Engine) renewTakedowns(ctx context.Context) error {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		list, err := e.store.Takedowns.StaleTakedowns(ctx, renewAtOnce)
		for _, t := range list {
			if err == nil {
				err = e.renewTakedown(ctx, t)
			}
		}
		if err != nil && ctx.Err() == nil {
			e.log.LogAttrs(ctx, slog.LevelWarn, "takedowns of media that changed could not be renewed, trying on", slog.Any("error", err))
		}
		if err == nil && len(list) == renewAtOnce {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (e *Engine) renewTakedown(ctx context.Context, t freshet.TakedownRecord) error {
	d := t.Denial
	d.Renew = true
	job := e.newJob(freshet.Submission{
		Account: t.Account, Type: freshet.Takedown, Filter: freshet.Filter{Everything: true}, Native: true, Denial: &d,
	}, []string{t.Media})
	if !e.admit(1) {
		return errors.New("the queue of work waiting to be planned is full")
	}
	if err := e.store.Jobs.Accept(ctx, job, store.Nonce{}); err != nil {
		e.settle(1)
		if freshet.ErrorCode(err) == freshet.CodeConflict {
			return nil // it ended meanwhile
		}
		return err
	}
	e.log.LogAttrs(ctx, slog.LevelInfo, "media that is taken down changed, it is denied anew",
		slog.String("account", t.Account), slog.String("job", job.ID), slog.String("media", t.Media))
	wake(e.planNow)
	return nil
}

// denied answers with a page of the deny list. How far it reflects the log is
// read first: what is denied meanwhile may be on the page or not.
func (e *Engine) denied(ctx context.Context, pop string, req []byte) ([]byte, error) {
	q, err := wire.DecodeDenyPull(req)
	if err != nil {
		return nil, err
	}
	e.members.able(pop, q.Able)
	page := wire.DenyPage{At: e.members.head(freshet.SubjectPurge)}
	limit := denyPage
	if q.Limit > 0 {
		limit = min(q.Limit, denyPage)
	}
	if page.URLs, err = e.store.Takedowns.Denied(ctx, q.After, limit+1); err != nil {
		return nil, err
	}
	if page.More = len(page.URLs) > limit; page.More {
		page.URLs = page.URLs[:limit]
	}
	for msg := wire.EncodeDenyPage(page); ; msg = wire.EncodeDenyPage(page) {
		if len(msg) <= bus.MaxMessage || len(page.URLs) < 2 {
			return msg, nil
		}
		page.URLs, page.More = page.URLs[:len(page.URLs)/2], true
	}
}

// passOver answers for an agent of a release before that it does not do what
// the entries that change the deny list say: it is about to be told that they
// concern nobody. Until it is known that the agent is such a one, it is not
// answered: a newer one that has not heard yet whom it speaks with will ask in
// its own version.
func (e *Engine) passOver(ctx context.Context, pop string, entries []*freshet.Entry) error {
	for _, entry := range entries {
		if !entry.Kind.Lists() {
			continue
		}
		switch v := e.members.spoken(pop); {
		case v == 0:
			return errors.New("the POP has not said yet which version it speaks")
		case v >= wire.Version3:
			return errors.New("the POP asks in an older version than it speaks")
		}
		if entry.TargetIndex(pop) < 0 {
			continue
		}
		facts := freshet.EntryFacts{At: entry.At, Facts: make([]freshet.Fact, entry.Len())}
		for i := range facts.Facts {
			facts.Facts[i] = freshet.Fact{Item: i, Outcome: freshet.OutcomeFailed, Reason: freshet.ReasonUnsupported}
		}
		// The name is that of the entry, so that asking again adds nothing, and
		// lower than any of the agent's own: what it says later holds.
		err := e.take(ctx, freshet.Evidence{
			POP: pop, Stream: passOverStream + uint64(entry.At.Epoch), Number: entry.At.Pos, Entries: []freshet.EntryFacts{facts},
		})
		if err != nil {
			return err
		}
		e.log.LogAttrs(ctx, slog.LevelWarn, "a POP of an older release cannot keep a deny list; upgrade it",
			slog.String("pop", pop), slog.String("account", entry.Account), slog.String("job", entry.Job), slog.String("position", entry.At.String()))
	}
	return nil
}

// speaks notes in which version a POP asked for the topology.
func (m *members) speaks(pop string, v wire.Version) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.contactOf(pop).speaks = v
}

// spoken returns it; 0: the POP has not asked.
func (m *members) spoken(pop string) wire.Version {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.contactOf(pop).speaks
}

// able notes whether a POP's caches can refuse objects.
func (m *members) able(pop string, able bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.contactOf(pop).unable = !able
}

// denyState tells how far a POP is with the deny list, which last changed at a
// position; empty: it is not known yet what the POP can do.
func (c *contact) denyState(last freshet.Position) freshet.DenyState {
	switch {
	case c.speaks == 0:
		return ""
	case c.speaks < wire.Version3 || c.unable:
		return freshet.DenyUnsupported
	case c.beat.Watermark.Before(last) || !c.beat.Ready && !c.serves():
		return freshet.DenyBehind
	}
	return freshet.DenyApplied
}
