package agent

import (
	"slices"

	"github.com/freshet-vod/freshet"
)

// redos are the purges that ran without waiting for an excused parent. Should
// that parent not have been cut off after all, the POP may have filled an old
// body from it; once the parent is back and has the purge behind it, the
// purge is repeated.
type redos struct {
	at   map[freshet.Position]*redo
	look bool // something happened that may make one due
}

type redo struct {
	entry   *freshet.Entry
	parents []string // still to be made good
	running bool
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
			delete(l.redos.at, at)
		}
		l.keepPurge(r.entry)
		return
	}
	// An entry that is wholly covered needs nothing: the later purge is kept.
	if !w.executed || len(w.bypassed) == 0 {
		return
	}
	r := l.redos.at[at]
	if r == nil {
		r = &redo{entry: w.entry}
		l.redos.at[at] = r
	}
	for _, p := range w.bypassed {
		if !slices.Contains(r.parents, p) {
			r.parents = append(r.parents, p)
		}
	}
	l.redos.look = true
	l.keepPurge(w.entry)
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
func (l *life) startDueRedos() {
	if !l.redos.look {
		return
	}
	mine, known := l.parents()
	if !known {
		return
	}
	l.redos.look = false
	var works []*work
	for at, r := range l.redos.at {
		if r.running {
			continue
		}
		var due []string
		for _, p := range r.parents {
			down, removed := l.standing(p)
			if removed || !slices.Contains(mine, p) || !down && l.covers(p, at) {
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
