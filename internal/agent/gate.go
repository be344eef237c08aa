package agent

import (
	"context"
	"slices"

	"github.com/freshet-vod/freshet"
)

// gate knows how far the parents are and who is excused: it decides when a
// purge may run.
type gate struct {
	beats map[string]freshet.Heartbeat          // the latest of each POP
	words map[string]*freshet.Entry             // the log's last word on each POP, reading ahead
	kept  map[string]freshet.Position           // words that the journal keeps: who is down or removed
	lists map[string]map[freshet.Position][]int // exceptions of each POP; an empty list means the whole entry
}

func newGate() gate {
	return gate{
		beats: map[string]freshet.Heartbeat{},
		words: map[string]*freshet.Entry{},
		kept:  map[string]freshet.Position{},
		lists: map[string]map[freshet.Position][]int{},
	}
}

// standing tells whether a POP is excused or removed. The log's word counts
// before the topology's, which may be older; the topology helps an agent that
// lost its journal and does not read the log from its beginning, and one that
// has not read the log to its end: while it has no room to read on because a
// parent is away, the word that excuses that parent lies beyond. Should the
// topology be the older of the two, a parent is not waited for that could have
// been; what runs then is redone for it.
func (l *life) standing(pop string) (down, removed bool) {
	p := l.topology.pops[pop]
	w, ok := l.gate.words[pop]
	if !ok {
		return p.Down, false
	}
	if s := l.reader.subjects[freshet.SubjectPurge]; p.Down && s.cursor.Before(s.target) {
		return w.Membership.Change != freshet.MemberRemove, w.Membership.Change == freshet.MemberRemove
	}
	return w.Membership.Change == freshet.MemberDown, w.Membership.Change == freshet.MemberRemove
}

// parents returns the POP's own parents; false if it is not known yet who they
// are, and then nothing may run. A removed POP has none.
func (l *life) parents() ([]string, bool) {
	if _, removed := l.standing(l.o.POP); removed {
		return nil, true
	}
	me, ok := l.topology.pops[l.o.POP]
	return me.Parents, ok
}

// passes reports whether a purge at a position may run now, and the excused
// parents that it does not wait for.
func (l *life) passes(at freshet.Position) (bypassed []string, ok bool) {
	parents, known := l.parents()
	if !known {
		return nil, false
	}
	for _, p := range parents {
		down, removed := l.standing(p)
		switch {
		case removed || l.covers(p, at):
		case down:
			bypassed = append(bypassed, p)
		default:
			return nil, false
		}
	}
	return bypassed, true
}

// covers reports whether a POP said that its watermark has reached a position.
func (l *life) covers(pop string, at freshet.Position) bool {
	h, heard := l.gate.beats[pop]
	return heard && !h.Watermark.Before(at)
}

// blocked returns which items of an entry a parent could not carry out.
// A child cannot answer for them: it would fill again from that parent.
func (l *life) blocked(entry *freshet.Entry) func(item int) bool {
	parents, _ := l.parents()
	var whole bool
	var items []int
	for _, p := range parents {
		list, ok := l.gate.lists[p][entry.At]
		// One that was not waited for has not had its last word on the entry;
		// its exceptions count when the purge is redone.
		if _, removed := l.standing(p); !ok || removed || !l.covers(p, entry.At) {
			continue
		}
		whole = whole || len(list) == 0
		items = append(items, list...)
	}
	switch {
	case whole:
		return func(int) bool { return true }
	case len(items) == 0:
		return nil
	}
	return func(item int) bool { return slices.Contains(items, item) }
}

// heardBeat takes in another POP's heartbeat.
func (l *life) heardBeat(pop string, h freshet.Heartbeat) {
	if pop == l.o.POP {
		return
	}
	l.gate.beats[pop] = h
	l.redos.look = true
	if l.excepts.cut {
		l.publish() // a child that moved on makes room
	}
	delete(l.gate.lists, pop)
	if len(h.Exceptions) == 0 {
		return
	}
	list := make(map[freshet.Position][]int, len(h.Exceptions))
	for _, x := range h.Exceptions {
		list[x.At] = x.Items
	}
	l.gate.lists[pop] = list
}

// readMembership takes in a change of membership as soon as it is read: an
// excused parent stays excused for every purge that was not run yet, wherever
// that stands in the log.
func (l *life) readMembership(w *work) {
	m := w.entry.Membership
	if last, ok := l.gate.words[m.POP]; ok && !last.At.Before(w.entry.At) {
		return // read again after a restart; the journal kept a later word
	}
	if m.POP == l.o.POP {
		_, removed := l.standing(m.POP)
		switch m.Change {
		case freshet.MemberEnrol:
			// Back after a removal, it missed what happened in between.
			w.flush = removed
			if removed {
				w.left = 1
				l.mustReach(w.entry.At)
			}
		case freshet.MemberUp:
			l.mustReach(w.entry.At)
		case freshet.MemberDown, freshet.MemberRemove:
		}
	}
	l.gate.words[m.POP] = w.entry
	l.redos.look = true
}

// passMembership keeps in the journal what a later life must know once the
// watermark has passed the entry and it will not be read again.
func (l *life) passMembership(entry *freshet.Entry) {
	pop := entry.Membership.POP
	if old, ok := l.gate.kept[pop]; ok {
		if entry.At.Before(old) {
			return
		}
		l.ledger.drop(old)
		delete(l.gate.kept, pop)
	}
	switch entry.Membership.Change {
	case freshet.MemberDown, freshet.MemberRemove:
		l.gate.kept[pop] = entry.At
		l.ledger.keep(entry)
	case freshet.MemberUp, freshet.MemberEnrol:
	}
}

// openGates hands purges over to execution, in log order, as far as the
// parents allow.
func (l *life) openGates(ctx context.Context) {
	q := &l.purges
	for ; q.opened < len(q.queue); q.opened++ {
		w := q.queue[q.opened]
		switch {
		case w.flush:
			if !l.startFlushWork(ctx, w) {
				return
			}
		case w.entry.Kind.Lists():
			if !l.denialDone(w) {
				return // nothing that comes after it may overtake it
			}
		case w.left > 0:
			bypassed, ok := l.passes(w.entry.At)
			if !ok {
				return
			}
			w.bypassed = bypassed
			l.schedule(w)
		}
	}
	l.advance()
}
