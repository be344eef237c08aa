package agent

import (
	"log/slog"
	"maps"
	"slices"

	"github.com/freshet-vod/freshet"
)

// exceptions are the purges that failed for good. Each entry with one is kept
// in the journal, because its URLs must be known: a later prefetch of such an
// object fails, and a later purge of it makes the exception good.
type exceptions struct {
	at    map[freshet.Position]*exception
	byURL map[string]map[freshet.Position]int // exact URLs: the item of each excepted entry
	list  []freshet.Exception                 // as published; nil: to be made again
	cut   bool                                // the last heartbeat had no room for all
}

type exception struct {
	entry  *freshet.Entry
	items  map[int]bool
	sorted []int // the items as published; nil: to be made again
}

func newExceptions() exceptions {
	return exceptions{at: map[freshet.Position]*exception{}, byURL: map[string]map[freshet.Position]int{}}
}

// except lists an item of an entry.
func (l *life) except(entry *freshet.Entry, item int) {
	x := l.excepts.at[entry.At]
	if x == nil {
		if len(l.excepts.at) >= maxExceptions {
			l.forgetOldest()
		}
		x = &exception{entry: entry, items: map[int]bool{}}
		l.excepts.at[entry.At] = x
	}
	x.items[item] = true
	x.sorted, l.excepts.list = nil, nil
	if entry.Selector.Kind == freshet.SelectExact {
		u := entry.URL(item)
		if l.excepts.byURL[u] == nil {
			l.excepts.byURL[u] = map[freshet.Position]int{}
		}
		l.excepts.byURL[u][entry.At] = item
	}
	l.keepPurge(entry)
}

// unexcept takes an item off the list.
func (l *life) unexcept(at freshet.Position, item int) {
	if len(l.excepts.at) == 0 {
		return
	}
	x := l.excepts.at[at]
	if x == nil || !x.items[item] {
		return
	}
	delete(x.items, item)
	x.sorted, l.excepts.list = nil, nil
	if x.entry.Selector.Kind == freshet.SelectExact {
		u := x.entry.URL(item)
		delete(l.excepts.byURL[u], at)
		if len(l.excepts.byURL[u]) == 0 {
			delete(l.excepts.byURL, u)
		}
	}
	if len(x.items) == 0 {
		delete(l.excepts.at, at)
	}
	l.keepPurge(x.entry)
}

func (l *life) forgetOldest() {
	var oldest *exception
	for _, x := range l.excepts.at {
		if oldest == nil || x.entry.At.Before(oldest.entry.At) {
			oldest = x
		}
	}
	e := oldest.entry
	l.log.Warn("list of failed purges is full, the oldest is forgotten",
		slog.String("account", e.Account), slog.String("job", e.Job), slog.String("position", e.At.String()))
	for item := range oldest.items {
		l.unexcept(oldest.entry.At, item)
	}
}

// redeem makes good what failed for an object below a position, now that a
// later purge of it was carried out.
func (l *life) redeem(url string, at freshet.Position) {
	for p, item := range l.excepts.byURL[url] {
		if p.Before(at) {
			l.unexcept(p, item)
			l.ledger.fact(p, freshet.Fact{Item: item, Outcome: freshet.OutcomeCovered, CoveredBy: at}, true)
		}
	}
}

// redeemPattern does the same for everything that a pattern names.
func (l *life) redeemPattern(entry *freshet.Entry) {
	match := matcher(entry.Selector)
	for url := range l.excepts.byURL {
		if match(url) {
			l.redeem(url, entry.At)
		}
	}
	for p, x := range l.excepts.at {
		if p.Before(entry.At) && sameSelector(x.entry.Selector, entry.Selector) {
			l.unexcept(p, 0)
			l.ledger.fact(p, freshet.Fact{Outcome: freshet.OutcomeCovered, CoveredBy: entry.At}, true)
		}
	}
}

// purgeFailed reports whether a purge of the object before a position failed
// for good, so that a prefetch might find, or store, an older body.
func (l *life) purgeFailed(url string, before freshet.Position) bool {
	for p := range l.excepts.byURL[url] {
		if p.Before(before) {
			return true
		}
	}
	for p, x := range l.excepts.at {
		if x.entry.Selector.Kind != freshet.SelectExact && p.Before(before) && matcher(x.entry.Selector)(url) {
			return true
		}
	}
	return false
}

// exceptionList returns the list for the state and the heartbeat, in order.
func (l *life) exceptionList() []freshet.Exception {
	if l.excepts.list != nil || len(l.excepts.at) == 0 {
		return l.excepts.list
	}
	list := make([]freshet.Exception, 0, len(l.excepts.at))
	for at, x := range l.excepts.at {
		if x.sorted == nil && len(x.items) < x.entry.Len() {
			x.sorted = slices.Sorted(maps.Keys(x.items))
		}
		list = append(list, freshet.Exception{At: at, Items: x.sorted})
	}
	slices.SortFunc(list, func(a, b freshet.Exception) int { return a.At.Compare(b.At) })
	l.excepts.list = list
	return list
}
