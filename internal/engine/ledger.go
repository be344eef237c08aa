package engine

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// ledger holds the folds of entries that are not closed, in memory. It can be
// made again from the store at any time.
type ledger struct {
	mu      sync.Mutex // guards what follows, and every fold in it
	entries map[freshet.Position]*openEntry
	closing map[freshet.Position]*openEntry // closed, but not yet saved as such
	// prefetches are the entries that prefetch, by account
	prefetches map[string]map[freshet.Position]*openEntry
	members    *members
	sets       map[string]*targetSet // target lists, kept once
}

type openEntry struct {
	meta  entryMeta
	fold  *fold
	place map[string]int // of each POP in meta.Targets; shared
}

// targetSet is a list of POPs with the place of each.
type targetSet struct {
	pops  []string
	place map[string]int
}

func newTargetSet(pops []string) *targetSet {
	s := &targetSet{pops: pops, place: make(map[string]int, len(pops))}
	for t, pop := range pops {
		s.place[pop] = t
	}
	return s
}

func newLedger(m *members) *ledger {
	return &ledger{
		entries: map[freshet.Position]*openEntry{}, closing: map[freshet.Position]*openEntry{}, prefetches: map[string]map[freshet.Position]*openEntry{}, members: m, sets: map[string]*targetSet{},
	}
}

// open adds entries without evidence. It is called before an entry is shown
// to any agent, so no evidence can have come before.
func (l *ledger) open(entries ...*freshet.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		// An entry for nobody is complete, and no evidence would ever close it.
		if e.Kind != freshet.EntryMembership && len(e.Targets) > 0 && l.entries[e.At] == nil {
			l.put(metaOf(e), newFold(e.Len(), len(e.Targets)))
		}
	}
}

// put adds an entry with its fold; the caller holds mu.
func (l *ledger) put(meta entryMeta, f *fold) {
	// Entries of one moment share their target set; keep one list for all.
	key := strings.Join(meta.Targets, "\x00")
	set := l.sets[key]
	if set == nil {
		if len(l.sets) >= maxSets {
			clear(l.sets)
		}
		set = newTargetSet(meta.Targets)
		l.sets[key] = set
	}
	meta.Targets = set.pops
	l.add(&openEntry{meta: meta, fold: f, place: set.place})
}

// add makes an entry open; the caller holds mu.
func (l *ledger) add(o *openEntry) {
	l.entries[o.meta.At] = o
	if o.meta.Kind != freshet.EntryPrefetch {
		return
	}
	if l.prefetches[o.meta.Account] == nil {
		l.prefetches[o.meta.Account] = map[freshet.Position]*openEntry{}
	}
	l.prefetches[o.meta.Account][o.meta.At] = o
}

// drop makes an entry open no more; the caller holds mu.
func (l *ledger) drop(o *openEntry) {
	delete(l.entries, o.meta.At)
	of := l.prefetches[o.meta.Account]
	delete(of, o.meta.At)
	if len(of) == 0 {
		delete(l.prefetches, o.meta.Account)
	}
}

// size returns how many entries are open.
func (l *ledger) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries)
}

// maxSets bounds the target lists that are remembered for sharing.
const maxSets = 256

// view returns an entry that is open, or not yet saved as closed, as it stands
// now.
func (l *ledger) view(at freshet.Position) (view, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.entries[at]
	if o == nil {
		o = l.closing[at]
	}
	if o == nil {
		return view{}, false
	}
	return l.members.view(o.meta, o.fold.clone()), true
}

// apply folds one entry's facts of a message. known is false if the entry must
// be folded anew from the store: it is not open here, its fold lost the detail,
// or the message is a repeat. A repeat comes after an answer that did not
// arrive, or that was a failure after the message was stored; then nothing says
// whether it was folded, and what is stored, not what is repeated, counts.
func (l *ledger) apply(msg *store.Received, facts freshet.EntryFacts) (meta entryMeta, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.entries[facts.At]
	if o == nil {
		return entryMeta{}, false
	}
	t, target := o.place[msg.POP]
	if !target {
		return o.meta, true // not a target: its word counts for nothing
	}
	if msg.Duplicate || !o.fold.apply(t, facts.Facts, msg.Stream, msg.Number) {
		return o.meta, false
	}
	o.fold.compact()
	return o.meta, true
}

// replace puts a fold that was made anew.
func (l *ledger) replace(meta entryMeta, f *fold) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.put(meta, f)
}

// debtors returns the targets of an open entry from which something may come:
// nothing did so far, and they are not excused.
func (l *ledger) debtors(at freshet.Position) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.entries[at]
	if o == nil {
		return nil
	}
	var pops []string
	for t := l.members.debtor(o.meta, o.fold, 0, nil); t < len(o.meta.Targets); t = l.members.debtor(o.meta, o.fold, t+1, nil) {
		pops = append(pops, o.meta.Targets[t])
	}
	return pops
}

// debtor returns the place of the first of an open entry's debtors that is not
// before from and that skip does not name; false if there is none.
func (l *ledger) debtor(at freshet.Position, from int, skip map[string]bool) (int, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.entries[at]
	if o == nil {
		return 0, false
	}
	t := l.members.debtor(o.meta, o.fold, from, skip)
	return t, t < len(o.meta.Targets)
}

// close returns the states of those entries that are closed now; the caller
// saves them and tells saved. With no positions it looks at all.
func (l *ledger) close(at ...freshet.Position) []store.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(at) == 0 {
		for p := range l.entries {
			at = append(at, p)
		}
		slices.SortFunc(at, freshet.Position.Compare)
	}
	var states []store.State
	for _, p := range at {
		o := l.entries[p]
		// Nearly every message leaves somebody to wait for.
		if o == nil || o.meta.Len > 0 && l.members.debtor(o.meta, o.fold, 0, nil) < len(o.meta.Targets) {
			continue
		}
		if closed, failed := l.members.view(o.meta, o.fold).closed(); closed {
			states = append(states, store.State{
				At: p, Closed: true, Failed: failed, Fold: o.fold.encode(len(o.meta.Targets)),
			})
			l.drop(o)
			l.closing[p] = o
		}
	}
	return states
}

// jobsOf returns the jobs of entries that were closed and not yet told saved.
func (l *ledger) jobsOf(states []store.State) []store.JobRef {
	l.mu.Lock()
	defer l.mu.Unlock()
	jobs := make([]store.JobRef, 0, len(states))
	for i := range states {
		if o := l.closing[states[i].At]; o != nil {
			jobs = append(jobs, store.JobRef{Account: o.meta.Account, Job: o.meta.Job})
		}
	}
	return jobs
}

// saved forgets entries whose states were saved. If they were not, they are
// open again, unless they were opened again meanwhile.
func (l *ledger) saved(states []store.State, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range states {
		at := states[i].At
		o := l.closing[at]
		delete(l.closing, at)
		if err != nil && o != nil && l.entries[at] == nil {
			l.add(o)
		}
	}
}

// owing yields every open entry with the targets that are not done with it.
func (l *ledger) owing(yield func(entryMeta, []string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range l.entries {
		var pops []string
		for t := range o.fold.done.missing(len(o.meta.Targets)) {
			pops = append(pops, o.meta.Targets[t])
		}
		yield(o.meta, pops)
	}
}

// unanswered yields every open entry with the targets from which an answer for
// some item is missing.
func (l *ledger) unanswered(yield func(entryMeta, []string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range l.entries {
		var pops []string
		for t := range o.fold.done.missing(len(o.meta.Targets)) {
			if !o.fold.final(t) {
				pops = append(pops, o.meta.Targets[t])
			}
		}
		yield(o.meta, pops)
	}
}

func (f *fold) clone() *fold {
	// The runs themselves are replaced, never changed.
	return &fold{n: f.n, done: slices.Clone(f.done), part: maps.Clone(f.part)}
}

// refold makes the fold of an entry from all its evidence.
func (e *Engine) refold(ctx context.Context, entry *freshet.Entry) (*fold, error) {
	f := newFold(entry.Len(), len(entry.Targets))
	place := newTargetSet(entry.Targets).place
	for msg, err := range e.store.Evidence.EvidenceOf(ctx, entry.At) {
		if err != nil {
			return nil, err
		}
		t, target := place[msg.POP]
		if !target {
			continue
		}
		for _, facts := range msg.Entries {
			if facts.At == entry.At {
				f.apply(t, facts.Facts, msg.Stream, msg.Number) // nothing is compacted yet: it cannot fail
			}
		}
	}
	f.compact()
	return f, nil
}

// load brings the ledger up to the store: open entries are folded from their
// evidence, and evidence that came after the last saved state is folded into
// closed ones.
func (e *Engine) load(ctx context.Context) error {
	deadlines, err := e.store.States.Deadlines(ctx)
	if err != nil {
		return err
	}
	e.members.addDeadlines(deadlines...)
	folded, err := e.store.States.Folded(ctx)
	if err != nil {
		return err
	}
	late := map[freshet.Position]bool{}
	last := folded
	for msg, err := range e.store.Evidence.EvidenceSince(ctx, folded) {
		if err != nil {
			return err
		}
		for _, facts := range msg.Entries {
			late[facts.At] = true
		}
		last = msg.Cursor
	}
	var after freshet.Position
	for {
		entries, err := e.store.States.Open(ctx, after, 500)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			f, err := e.refold(ctx, entry)
			if err != nil {
				return err
			}
			e.ledger.replace(metaOf(entry), f)
			delete(late, entry.At)
			after = entry.At
		}
		if len(entries) == 0 {
			break
		}
	}
	for at := range late {
		if _, err := e.refoldAt(ctx, at); err != nil {
			return err
		}
	}
	return e.saveAll(ctx, last)
}

// saveAll saves every entry that is closed now.
func (e *Engine) saveAll(ctx context.Context, folded store.EvidenceCursor) error {
	states := e.ledger.close()
	jobs := e.ledger.jobsOf(states)
	err := e.store.States.SaveStates(ctx, states, folded)
	e.ledger.saved(states, err)
	e.ends.touch(jobs...)
	return err
}

// refoldAt folds an entry anew that is not open, or whose fold lost its
// detail, and opens it: close decides whether it stays open.
func (e *Engine) refoldAt(ctx context.Context, at freshet.Position) (entryMeta, error) {
	entry, err := e.store.Log.Entry(ctx, at)
	if freshet.ErrorCode(err) == freshet.CodeNotFound {
		return entryMeta{}, nil // evidence about an entry that we do not have: another life of the log
	}
	if err != nil || entry.Kind == freshet.EntryMembership {
		return entryMeta{}, err
	}
	f, err := e.refold(ctx, entry)
	if err != nil {
		return entryMeta{}, err
	}
	meta := metaOf(entry)
	e.ledger.replace(meta, f)
	return meta, nil
}

// Refold deletes everything derived and folds it again from recorded facts
// (P7). Status is the same afterwards.
func (e *Engine) Refold(ctx context.Context) error {
	if err := e.store.States.ForgetStates(ctx); err != nil {
		return err
	}
	e.ledger.mu.Lock()
	clear(e.ledger.entries)
	clear(e.ledger.prefetches)
	clear(e.ledger.closing)
	e.ledger.mu.Unlock()
	return e.load(ctx)
}
