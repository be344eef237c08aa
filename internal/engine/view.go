package engine

import (
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

// entryMeta is an entry without its URLs.
type entryMeta struct {
	At        freshet.Position
	Kind      freshet.EntryKind
	Account   string
	Job       string
	Row       int
	FirstTask uint64
	Len       int
	Targets   []string
	FinishBy  time.Time
	Created   time.Time
	Type      string
	Trace     freshet.Trace
}

func metaOf(e *freshet.Entry) entryMeta {
	return entryMeta{
		At: e.At, Kind: e.Kind, Account: e.Account, Job: e.Job, Row: e.Row, FirstTask: e.FirstTask, Len: e.Len(),
		Targets: e.Targets, FinishBy: e.FinishBy, Created: e.Created, Type: e.ObjectType(), Trace: e.Trace,
	}
}

// view is an entry with its fold and the standing of its targets at one
// moment: everything that status follows from.
type view struct {
	entryMeta
	fold    *fold
	excuses []excuse // by target
}

func (m *members) view(meta entryMeta, f *fold) view {
	v := view{entryMeta: meta, fold: f, excuses: make([]excuse, len(meta.Targets))}
	m.mu.RLock()
	defer m.mu.RUnlock()
	for t := range f.done.missing(len(meta.Targets)) {
		v.excuses[t] = m.excused(meta.Targets[t], meta)
	}
	return v
}

// debtor returns the first target, not before from, that nothing is known of
// and that nothing excuses, and that skip does not name; the number of targets
// if there is none.
func (m *members) debtor(meta entryMeta, f *fold, from int, skip map[string]bool) int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for t := from; t < len(meta.Targets); t++ {
		if f.done.has(t) || skip[meta.Targets[t]] {
			continue
		}
		if _, begun := f.part[t]; !begun && m.excused(meta.Targets[t], meta) == excuseNone {
			return t
		}
	}
	return len(meta.Targets)
}

// taskState counts the deliveries of one task.
type taskState struct {
	final, failed, overdue int
}

// status follows the rules of the vendor's words: Pending = no delivery is
// final; Refreshing = some are; Complete = all are and none failed; Failed =
// one failed for good, or its deadline passed.
func (s taskState) status(targets int) freshet.TaskStatus {
	switch {
	case s.failed > 0 || s.overdue > 0:
		return freshet.TaskFailed
	case s.final >= targets:
		return freshet.TaskComplete
	case s.final > 0:
		return freshet.TaskRefreshing
	}
	return freshet.TaskPending
}

// target returns how one item stands at one target.
func (v view) target(t, item int) taskState {
	if final, failed := v.fold.at(t, item); final {
		if failed {
			return taskState{final: 1, failed: 1}
		}
		return taskState{final: 1}
	}
	switch v.excuses[t] {
	case excuseDown, excuseRemoved:
		return taskState{final: 1}
	case excuseOverdue:
		return taskState{overdue: 1}
	case excuseNone:
	}
	return taskState{}
}

// task returns how one item stands over all targets.
func (v view) task(item int) taskState {
	var sum taskState
	for t := range v.Targets {
		s := v.target(t, item)
		sum.final += s.final
		sum.failed += s.failed
		sum.overdue += s.overdue
	}
	return sum
}

// each yields the state of every item. Targets without partial evidence
// count alike for all items, so they are counted once.
func (v view) each(yield func(item int, s taskState)) {
	var base taskState
	var partial []int
	for t := range v.Targets {
		if _, ok := v.fold.part[t]; ok {
			partial = append(partial, t)
			continue
		}
		s := v.target(t, 0)
		base.final += s.final
		base.overdue += s.overdue
	}
	for item := range v.Len {
		s := base
		for _, t := range partial {
			one := v.target(t, item)
			s.final += one.final
			s.failed += one.failed
			s.overdue += one.overdue
		}
		yield(item, s)
	}
}

// tally counts the entry's tasks by status.
func (v view) tally() freshet.Tally {
	var sum freshet.Tally
	v.each(func(_ int, s taskState) { sum.Add(s.status(len(v.Targets)), 1) })
	return sum
}

// closed tells whether every delivery is final, and how many tasks failed.
func (v view) closed() (bool, int) {
	for t := range v.Targets {
		// A target of which nothing is known answers for every item at once.
		if _, begun := v.fold.part[t]; !begun && v.Len > 0 && v.target(t, 0).final == 0 {
			return false, 0
		}
	}
	closed, failed := true, 0
	v.each(func(_ int, s taskState) {
		closed = closed && s.final >= len(v.Targets)
		if s.failed > 0 {
			failed++
		}
	})
	return closed, failed
}

// popTally counts the entry's deliveries at one target.
func (v view) popTally(t int) freshet.POPTally {
	p := freshet.POPTally{POP: v.Targets[t], Targets: v.Len}
	if v.fold.done.has(t) {
		p.Final = v.Len
		return p
	}
	for _, r := range v.fold.part[t] { // which do not overlap
		p.Final += r.hi - r.lo
		if r.failed {
			p.Failed += r.hi - r.lo
		}
	}
	switch rest := v.Len - p.Final; v.excuses[t] {
	case excuseDown:
		p.Final, p.Excused = v.Len, rest
	case excuseRemoved:
		p.Final = v.Len
	case excuseOverdue:
		p.Overdue = rest
	case excuseNone:
	}
	return p
}

// describe says in words why a task failed: which POPs, and how.
func (v view) describe(item int) string {
	var failed, late []string
	for t, pop := range v.Targets {
		switch s := v.target(t, item); {
		case s.failed > 0:
			failed = append(failed, pop)
		case s.overdue > 0:
			late = append(late, pop)
		}
	}
	var parts []string
	if len(failed) > 0 {
		parts = append(parts, "failed at "+names(failed))
	}
	if len(late) > 0 {
		parts = append(parts, "no answer in time from "+names(late))
	}
	return strings.Join(parts, "; ")
}

// maxNamed bounds the POPs named in a description.
const maxNamed = 10

func names(pops []string) string {
	if len(pops) > maxNamed {
		return strings.Join(pops[:maxNamed], ", ") + ", …"
	}
	return strings.Join(pops, ", ")
}
