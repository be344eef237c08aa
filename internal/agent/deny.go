package agent

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/wire"
)

// denials are the URLs that the caches must refuse. The list follows the log: an
// entry that denies is carried out as soon as it is read, whatever the parents
// do, and nothing that comes after it in the log is carried out before; one that
// allows waits for the parents, who would refuse too. Every change is in the
// journal before it is in the caches, and the caches have the list of the
// journal before the POP takes traffic.
//
// What the log does not tell any more, or told while it was read in an older
// version of the wire, comes as a whole from the control plane: once in each
// life. Entries up to the position of that list change nothing.
type denials struct {
	list    map[string]freshet.DeniedURL
	upTo    freshet.Position // every entry up to it is reflected in list
	have    bool             // a whole list was fetched, in this life or before
	version wire.Version     // in which the control plane spoke last in this life; 0: it was not heard yet

	queue   []*denial // changes to be made, in order
	running bool      // the first of them is being made
	fetched bool      // the whole list was asked for in this life
	failed  int       // attempts that failed in a row
	after   time.Time
}

// denial is one change of the list.
type denial struct {
	w     *work // nil: the whole list is fetched
	ready bool  // its turn has come
}

// recallDenied takes the list of the journal to the caches.
func (l *life) recallDenied(ctx context.Context) error {
	d := &l.denials
	d.list = map[string]freshet.DeniedURL{}
	list, upTo, have, err := l.o.Journal.LoadDenied(ctx)
	if err != nil {
		return errors.Join(errors.New("agent of "+l.o.POP+": reading the deny list"), err)
	}
	for _, u := range list {
		d.list[u.URL] = u
	}
	// What the watermark has passed is in the list, since both are in one journal.
	d.upTo, d.have = freshet.Later(upTo, l.ledger.durable), have
	return l.insist(ctx, "cache could not be told what it must refuse, trying on", func() error {
		return cache.SetDenied(ctx, l.o.Driver, list)
	})
}

// denialsKnown reports whether the POP knows what it must refuse, as far as it
// can: a control plane of a release before has nothing to tell.
func (l *life) denialsKnown() bool { return l.denials.have || l.dialect.now() < wire.Version3 }

// isDenied reports whether a URL must be refused.
func (l *life) isDenied(url string) bool {
	_, ok := l.denials.list[url]
	return ok
}

// spoken takes in which version the control plane speaks. From then on the log
// can be read, in it. The list is fetched at the first time in this life, and
// again if the log was read in a version that leaves denials out.
func (l *life) spoken(v wire.Version) {
	d := &l.denials
	if v >= wire.Version3 && d.version < wire.Version3 && (d.version > 0 || !d.fetched) {
		d.fetched = true
		d.queue = append(d.queue, &denial{ready: true})
	}
	d.version = v
}

// readDenial takes in an entry that changes the list.
func (l *life) readDenial(w *work) {
	w.left = 1 // it is carried out by whoever reads it, target or not
	if w.entry.TargetIndex(l.o.POP) >= 0 {
		w.left = w.entry.Len()
	}
	if w.entry.Kind == freshet.EntryDeny {
		w.denial = &denial{w: w, ready: true}
		l.denials.queue = append(l.denials.queue, w.denial)
	}
}

// denialDone reports whether a change is made, and has one made that waited for
// the parents, and for the purges before it, and need not any more.
func (l *life) denialDone(w *work) bool {
	if w.left == 0 {
		return true
	}
	l.advance()
	if _, ok := l.passes(w.entry.At); ok && w.denial == nil && l.purges.opened == 0 { // all that came before is done
		w.denial = &denial{w: w, ready: true}
		l.denials.queue = append(l.denials.queue, w.denial)
	}
	return false
}

// startDenials makes the next change.
func (l *life) startDenials(ctx context.Context) {
	d := &l.denials
	if d.running || len(d.queue) == 0 {
		return
	}
	if time.Now().Before(d.after) {
		l.wakeAt(d.after)
		return
	}
	d.running = true
	next := d.queue[0]
	if next.w == nil {
		l.fetchDenied(ctx)
		return
	}
	entry := next.w.entry
	change, left := l.changeOf(entry)
	l.work(ctx, func() func() {
		executed := now()
		results := make([]cache.Result, 0, len(change.Deny)+len(change.Allow))
		err := l.o.Journal.SaveDenied(ctx, change)
		if err == nil && entry.Kind == freshet.EntryDeny {
			results = append(results, cache.Deny(ctx, l.o.Driver, change.Deny)...)
		} else if err == nil {
			results = append(results, cache.Allow(ctx, l.o.Driver, change.Allow)...)
		}
		return func() { l.denied(ctx, next, change, left, results, executed, err) }
	})
}

// changeOf returns what an entry changes of the list, and the items of the
// entry that are meant, in the same order.
func (l *life) changeOf(entry *freshet.Entry) (c store.DenyChange, items []int) {
	passed := !l.denials.upTo.Before(entry.At)
	for i, u := range entry.Selector.URLs {
		have, listed := l.denials.list[u]
		newer := entry.At.Before(have.At) || passed && have.At != entry.At
		switch {
		case entry.Kind == freshet.EntryDeny && !newer:
			c.Deny = append(c.Deny, freshet.DeniedURL{URL: u, At: entry.At, Status: entry.Status})
		case entry.Kind == freshet.EntryAllow && listed && !newer:
			c.Allow = append(c.Allow, u)
		default:
			continue
		}
		items = append(items, i)
	}
	return c, items
}

// denied takes in how a change ended. What did not succeed for now is tried
// again, as a whole, until it does.
func (l *life) denied( //nolint:revive // all of it is what came of one change
	ctx context.Context, n *denial, c store.DenyChange, items []int, results []cache.Result, executed time.Time, err error,
) {
	d := &l.denials
	d.running = false
	if err == nil {
		for _, u := range c.Deny {
			d.list[u.URL] = u
		}
		for _, u := range c.Allow {
			delete(d.list, u)
		}
	}
	var bad *cache.Result
	for i := range results {
		if r := &results[i]; r.Outcome != freshet.OutcomeDone && r.Outcome != freshet.OutcomeAlready {
			if r.Outcome != freshet.OutcomeFailed {
				r.Reason = freshet.ReasonTimeout
			}
			r.Reason = orUnreachable(r.Reason)
			if bad == nil || r.Reason.Transient() {
				bad = r
			}
		}
	}
	if err != nil || bad != nil && bad.Reason.Transient() {
		d.failed++
		d.after = time.Now().Add(l.pause(d.failed))
		if d.failed == 1 {
			attrs := append(aboutEntry(n.w.entry), slog.Any("error", err))
			if bad != nil {
				attrs = append(attrs, slog.String("reason", bad.Reason.String()), slog.String("detail", bad.Detail))
			}
			l.log.LogAttrs(ctx, slog.LevelWarn, "deny list could not be changed for now, trying on", attrs...)
		}
		return
	}
	if bad != nil {
		l.log.LogAttrs(ctx, slog.LevelError, "cache cannot refuse what is denied",
			append(aboutEntry(n.w.entry), slog.String("reason", bad.Reason.String()), slog.String("detail", bad.Detail))...)
	}
	l.answerDenial(n.w, items, results, executed)
	d.queue, d.failed, d.after = d.queue[1:], 0, time.Time{}
	l.publish()
}

// answerDenial answers every item of an entry. Items that were not meant are
// not overlooked: something later than the entry was done to them already.
func (l *life) answerDenial(w *work, items []int, results []cache.Result, executed time.Time) {
	w.left = 0
	l.ledger.lazy = true
	if w.entry.TargetIndex(l.o.POP) < 0 {
		return
	}
	facts := make([]freshet.Fact, w.entry.Len())
	for i := range facts {
		facts[i] = freshet.Fact{Item: i, Outcome: freshet.OutcomeAlready, Attempts: 1}
		if !l.powers.Denies && w.entry.Kind == freshet.EntryDeny {
			facts[i].Outcome, facts[i].Reason = freshet.OutcomeFailed, freshet.ReasonUnsupported
		}
	}
	for k, i := range items {
		f := &facts[i]
		f.Outcome, f.Reason = results[k].Outcome, results[k].Reason
		if f.Outcome != freshet.OutcomeFailed {
			f.Reason, f.ExecutedAt, f.Verified = freshet.ReasonNone, executed, max(results[k].Verified, freshet.VerifiedAnswer)
		}
	}
	for i := range facts {
		l.ledger.fact(w.entry.At, facts[i], true)
		traceFact(w.span, &facts[i])
	}
	w.span.End(nil)
}

// fetchDenied asks the control plane for the whole list.
func (l *life) fetchDenied(ctx context.Context) {
	able := l.powers.Denies
	l.work(ctx, func() func() {
		list, upTo, err := l.askDenied(ctx, able)
		return func() { l.gotDenied(ctx, list, upTo, err) }
	})
}

func (a *Agent) askDenied(ctx context.Context, able bool) (list []freshet.DeniedURL, upTo freshet.Position, err error) {
	q := wire.DenyPull{Able: able}
	for first := true; ; first = false {
		page, err := a.askDenyPage(ctx, q)
		if err != nil {
			return nil, upTo, err
		}
		if first {
			upTo = page.At // later pages may be newer: the log tells of what came between
		}
		list = append(list, page.URLs...)
		if !page.More || len(page.URLs) == 0 {
			return list, upTo, nil
		}
		q.After = page.URLs[len(page.URLs)-1].URL
	}
}

func (a *Agent) askDenyPage(ctx context.Context, q wire.DenyPull) (wire.DenyPage, error) {
	ctx, cancel := context.WithTimeout(ctx, a.o.CallTimeout)
	defer cancel()
	msg, err := a.o.Bus.Do(ctx, bus.CallDenied, wire.EncodeDenyPull(q))
	if err != nil {
		return wire.DenyPage{}, err
	}
	return wire.DecodeDenyPage(msg)
}

// gotDenied takes in the whole list: what was read of the log beyond it stays.
func (l *life) gotDenied(ctx context.Context, list []freshet.DeniedURL, upTo freshet.Position, err error) {
	if err != nil {
		l.deniedFailed(ctx, err)
		return
	}
	whole := make(map[string]freshet.DeniedURL, len(list))
	for _, u := range list {
		whole[u.URL] = u
	}
	for _, u := range l.denials.list {
		if upTo.Before(u.At) && whole[u.URL].At.Before(u.At) {
			whole[u.URL] = u
		}
	}
	list = slices.Collect(maps.Values(whole))
	upTo = freshet.Later(upTo, l.denials.upTo)
	l.work(ctx, func() func() {
		err := l.o.Journal.SaveDenied(ctx, store.DenyChange{Replace: true, UpTo: upTo, Deny: list})
		if err == nil {
			err = cache.SetDenied(ctx, l.o.Driver, list)
		}
		return func() {
			if err != nil {
				l.deniedFailed(ctx, err)
				return
			}
			d := &l.denials
			d.list, d.upTo, d.have = whole, upTo, true
			d.running, d.queue, d.failed, d.after = false, d.queue[1:], 0, time.Time{}
		}
	})
}

func (l *life) deniedFailed(ctx context.Context, err error) {
	d := &l.denials
	d.running = false
	d.failed++
	d.after = time.Now().Add(l.pause(d.failed))
	if d.failed == 1 && ctx.Err() == nil {
		l.log.LogAttrs(ctx, slog.LevelWarn, "deny list could not be fetched, trying on", slog.Any("error", err))
	}
}
