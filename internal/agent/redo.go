package agent

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"github.com/freshet-vod/freshet"
)

// redos are the purges that ran without waiting for an excused parent. Should
// that parent not have been cut off after all, the POP may have filled an old
// body from it; once the parent is back and has the purge behind it, the
// purge is repeated.
//
// Each is kept in memory and in the journal, and a parent may be away for
// weeks. Over their limit all of them give way to one mark for each parent: the
// last purge that it missed. When the parent is back and past the mark, the
// whole cache is made to revalidate once instead, which covers every purge
// before it.
type redos struct {
	at    map[freshet.Position]*redo
	bytes int
	look  bool                        // something happened that may make one due
	marks map[string]freshet.Position // by parent: purges up to here are made good by a flush
	flush bool                        // one is running
	// doubt is set when the journal was lost and the content was not: up to here
	// purges may have run without waiting for a parent, and nobody remembers.
	doubt freshet.Position
}

type redo struct {
	entry   *freshet.Entry
	parents []string // still to be made good
	running bool
}

// maxRedoBytes bounds the memory of purges that are kept to be redone, beside
// the option for their number.
const maxRedoBytes = 32 << 20

func newRedos(marks map[string]freshet.Position) redos {
	r := redos{at: map[freshet.Position]*redo{}, marks: maps.Clone(marks), look: true}
	if r.marks == nil {
		r.marks = map[string]freshet.Position{}
	}
	r.doubt = r.marks[anyParent]
	delete(r.marks, anyParent)
	return r
}

// anyParent stands in the journal for parents of which it is not known yet who
// they are.
const anyParent = ""

// kept is what the journal keeps of the marks.
func (r *redos) kept() map[string]freshet.Position {
	kept := maps.Clone(r.marks)
	if !r.doubt.IsZero() {
		kept[anyParent] = r.doubt
	}
	return kept
}

func (r *redos) add(at freshet.Position, entry *freshet.Entry, parents []string) *redo {
	d := &redo{entry: entry, parents: parents}
	r.at[at] = d
	r.bytes += selectorSize(entry.Selector)
	return d
}

func (r *redos) remove(at freshet.Position) {
	if d := r.at[at]; d != nil {
		r.bytes -= selectorSize(d.entry.Selector)
		delete(r.at, at)
	}
}

// mark notes that a flush is to make good what a parent missed up to here.
func (r *redos) mark(parent string, at freshet.Position) {
	r.marks[parent] = freshet.Later(r.marks[parent], at)
}

// redoFinished takes in the end of a work: one that bypassed parents is kept
// for them, one that was done again is over.
func (l *life) redoFinished(w *work) {
	at := w.entry.At
	if w.again != nil {
		r := l.redos.at[at]
		r.running = false
		l.redos.look = true
		r.parents = slices.DeleteFunc(r.parents, func(p string) bool { return slices.Contains(w.again, p) })
		if len(r.parents) == 0 {
			l.redos.remove(at)
		}
		l.keepPurge(r.entry)
		return
	}
	// An entry that is wholly covered needs nothing: the later purge is kept.
	if !w.executed || len(w.bypassed) == 0 {
		return
	}
	// Where a parent has a mark, one purge more or less is all the same to the
	// flush.
	left := slices.DeleteFunc(slices.Clone(w.bypassed), func(p string) bool {
		_, marked := l.redos.marks[p]
		if marked {
			l.redos.mark(p, at)
			l.ledger.lazy = true
		}
		return marked
	})
	if len(left) == 0 {
		return
	}
	r := l.redos.at[at]
	if r == nil {
		r = l.redos.add(at, w.entry, nil)
	}
	for _, p := range left {
		if !slices.Contains(r.parents, p) {
			r.parents = append(r.parents, p)
		}
	}
	l.redos.look = true
	l.keepPurge(w.entry)
	if len(l.redos.at) > l.o.RedoLimit || l.redos.bytes > maxRedoBytes {
		l.markRedos()
	}
}

// markRedos replaces the purges to redo by marks.
func (l *life) markRedos() {
	l.log.Warn("too many purges are to be redone for parents that are away; the cache will revalidate everything instead",
		slog.Int("purges", len(l.redos.at)))
	for at, r := range l.redos.at {
		if r.running {
			continue // it ends by itself, as a redo
		}
		for _, p := range r.parents {
			l.redos.mark(p, at)
		}
		l.redos.remove(at)
		l.keepPurge(r.entry)
	}
}

// keepPurge keeps or drops a purge in the journal as its exceptions and redos
// demand. The kept copy's Targets name the parents that it must be redone
// for; who else was a target does not matter any more.
func (l *life) keepPurge(entry *freshet.Entry) {
	r, x := l.redos.at[entry.At], l.excepts.at[entry.At]
	if r == nil && x == nil {
		l.ledger.drop(entry.At)
		return
	}
	kept := *entry
	kept.Targets = nil
	if r != nil {
		kept.Targets = slices.Clone(r.parents)
	}
	l.ledger.keep(&kept)
}

// startDueRedos starts what is due: the parent is back and past the entry, or
// no parent any more.
func (l *life) startDueRedos(ctx context.Context) {
	if !l.redos.look {
		return
	}
	mine, known := l.parents()
	if !known {
		return
	}
	l.redos.look = false
	if !l.redos.doubt.IsZero() {
		for _, p := range mine {
			l.redos.mark(p, l.redos.doubt)
		}
		l.redos.doubt, l.ledger.lazy = freshet.Position{}, true
	}
	l.startFlush(ctx, mine)
	var works []*work
	for at, r := range l.redos.at {
		if r.running {
			continue
		}
		var due []string
		for _, p := range r.parents {
			if l.isBack(p, at, mine) {
				due = append(due, p)
			}
		}
		if len(due) > 0 {
			r.running = true
			works = append(works, &work{entry: r.entry, left: r.entry.Len(), again: due})
		}
	}
	slices.SortFunc(works, func(a, b *work) int { return a.entry.At.Compare(b.entry.At) })
	for _, w := range works {
		l.schedule(w)
	}
}

// isBack reports whether a parent has a position behind it, or is none of mine
// any more.
func (l *life) isBack(parent string, at freshet.Position, mine []string) bool {
	down, removed := l.standing(parent)
	return removed || !slices.Contains(mine, parent) || !down && l.covers(parent, at)
}

// startFlush makes the cache revalidate for the parents that are past their
// marks. Whatever was filled from them before they got there is older than the
// flush.
func (l *life) startFlush(ctx context.Context, mine []string) {
	if l.redos.flush {
		return
	}
	due := map[string]freshet.Position{}
	for p, at := range l.redos.marks {
		if l.isBack(p, at, mine) {
			due[p] = at
		}
	}
	if len(due) == 0 {
		return
	}
	l.redos.flush = true
	l.work(ctx, func() func() {
		err := l.flush(ctx)
		return func() {
			l.redos.flush, l.redos.look = false, true
			for p, at := range due {
				// Meanwhile it may have been excused again and missed more.
				if err == nil && l.redos.marks[p] == at {
					delete(l.redos.marks, p)
					l.ledger.lazy = true
				}
			}
		}
	})
}
