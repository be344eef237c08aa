package wire

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
)

// MaxFacts bounds the facts of one message. An encoder given more makes a
// message that no decoder takes: agents send several.
const MaxFacts = 1 << 18

// PackFacts packs the facts of one evidence message in columns, compressed;
// dict returns the Dict of an entry, to which new validators are added.
func PackFacts(entries []freshet.EntryFacts, dict func(freshet.Position) *Dict) []byte {
	var w writer
	w.facts(kindFacts.newest(), entries, dict)
	return seal(kindFacts, kindFacts.newest(), w.b, compression.small)
}

// UnpackFacts unpacks the facts of one evidence message. dict returns the Dict
// of an entry as it was after the message was packed, or later.
func UnpackFacts(b []byte, dict func(freshet.Position) (*Dict, error)) ([]freshet.EntryFacts, error) {
	r, err := unseal(kindFacts, b)
	if err != nil {
		return nil, err
	}
	entries := r.facts(dict)
	if err := finish(kindFacts, r); err != nil {
		return nil, err
	}
	return entries, nil
}

// facts writes the positions and lengths of the entries, a table of all other
// positions, and then one column for each field of all facts, so that like
// stands by like and the compressor sees runs.
func (w *writer) facts(v Version, entries []freshet.EntryFacts, dict func(freshet.Position) *Dict) {
	all := make([]*freshet.Fact, 0, 64)
	w.count(len(entries))
	at := freshet.Position{}
	for i := range entries {
		e := &entries[i]
		w.positionAfter(e.At, at)
		at = e.At
		w.count(len(e.Facts))
		for j := range e.Facts {
			all = append(all, &e.Facts[j])
		}
	}
	table := newPositions(all)
	w.positions(table)

	vals, ts := make([]uint64, len(all)), make([]time.Time, len(all))
	column := func(get func(f *freshet.Fact) uint64) {
		for i, f := range all {
			vals[i] = get(f)
		}
		w.column(vals)
	}
	times := func(get func(f *freshet.Fact) time.Time) {
		for i, f := range all {
			ts[i] = get(f)
		}
		w.times(ts, vals)
	}
	w.itemColumn(entries, vals)
	column(func(f *freshet.Fact) uint64 { return uint64(f.Outcome) })
	column(func(f *freshet.Fact) uint64 { return uint64(f.Reason) })
	column(func(f *freshet.Fact) uint64 { return uint64(f.Verified) })
	column(func(f *freshet.Fact) uint64 { return zigzag(int64(f.Attempts)) })
	column(func(f *freshet.Fact) uint64 { return table.number(f.CoveredBy) })
	times(func(f *freshet.Fact) time.Time { return f.ExecutedAt })
	for _, side := range sides() {
		times(func(f *freshet.Fact) time.Time { return side(f).FetchedAt })
		column(func(f *freshet.Fact) uint64 { return table.number(side(f).Generation) })
		w.bodyColumn(entries, side, dict, vals)
	}
	if v >= Version2 {
		column(func(f *freshet.Fact) uint64 { return clamp(int64(f.Rounds), maxRounds) })
		column(func(f *freshet.Fact) uint64 { return clamp(f.Window.Milliseconds(), maxWindow) })
	}
}

// The ranges of a fact's rounds, and of its window in milliseconds: as much as
// a program of 32 bits can count, and as long as a duration can be.
const (
	maxRounds = math.MaxInt32
	maxWindow = math.MaxInt64 / int64(time.Millisecond)
)

// clamp keeps a number that cannot be negative within its range.
func clamp(v, most int64) uint64 { return uint64(min(max(v, 0), most)) } //nolint:gosec // not negative

// sides returns access to the two copies that a fact describes.
func sides() []func(*freshet.Fact) *freshet.Copy {
	return []func(*freshet.Fact) *freshet.Copy{
		func(f *freshet.Fact) *freshet.Copy { return &f.Before },
		func(f *freshet.Fact) *freshet.Copy { return &f.After },
	}
}

// itemColumn writes each item as its distance from the one that usually comes
// next, which makes a column of zeros of the items 0 to n-1.
func (w *writer) itemColumn(entries []freshet.EntryFacts, vals []uint64) {
	n := 0
	for _, e := range entries {
		next := 0
		for i := range e.Facts {
			vals[n] = zigzag(int64(e.Facts[i].Item) - int64(next))
			next = e.Facts[i].Item + 1
			n++
		}
	}
	w.column(vals)
}

func (w *writer) bodyColumn(entries []freshet.EntryFacts, side func(*freshet.Fact) *freshet.Copy,
	dict func(freshet.Position) *Dict, vals []uint64,
) {
	n := 0
	for _, e := range entries {
		d := dict(e.At)
		for i := range e.Facts {
			c := side(&e.Facts[i])
			vals[n] = d.code(e.Facts[i].Item, body{validator: c.Validator, size: c.Size})
			n++
		}
	}
	w.column(vals)
}

// positions is a table of the positions that facts name: generations and
// covering entries. Thousands of facts share a few of them.
type positions struct {
	list  []freshet.Position // distinct and in order; the zero Position is not listed
	index map[freshet.Position]uint64

	last       freshet.Position // what number was asked last; at first the zero Position
	lastNumber uint64
}

func newPositions(facts []*freshet.Fact) positions {
	index := map[freshet.Position]uint64{{}: 0}
	var list []freshet.Position
	add := func(p freshet.Position) {
		if p.IsZero() {
			return
		}
		if _, ok := index[p]; !ok {
			index[p] = 0
			list = append(list, p)
		}
	}
	covered := freshet.Position{} // most facts say what the one before says
	for _, f := range facts {
		if f.CoveredBy != covered {
			covered = f.CoveredBy
			add(covered)
		}
		add(f.Before.Generation)
		add(f.After.Generation)
	}
	slices.SortFunc(list, freshet.Position.Compare)
	for i, p := range list {
		index[p] = uint64(i) + 1
	}
	return positions{list: list, index: index}
}

// number returns the line of a position. Most facts say what the one before
// says, so the last answer is kept.
func (t *positions) number(p freshet.Position) uint64 {
	if p != t.last {
		t.last, t.lastNumber = p, t.index[p]
	}
	return t.lastNumber
}

func (w *writer) positions(t positions) {
	w.count(len(t.list))
	prev := freshet.Position{}
	for _, p := range t.list {
		w.positionAfter(p, prev)
		prev = p
	}
}

// positions reads the table; its first line is the zero Position.
func (r *reader) positions() []freshet.Position {
	n := r.count(2)
	list := make([]freshet.Position, 1, n+1)
	for i := range n {
		list = append(list, r.positionAfter(list[i]))
	}
	return list
}

// facts reads what the writer's facts wrote.
func (r *reader) facts(dict func(freshet.Position) (*Dict, error)) []freshet.EntryFacts {
	entries, all := r.entryFacts()
	table := r.positions()
	vals := make([]uint64, len(all))
	column := func(set func(f *freshet.Fact, v uint64)) {
		r.column(vals)
		for i := range all {
			set(&all[i], vals[i])
		}
	}
	number := func(limit uint64, set func(f *freshet.Fact, v uint64)) {
		column(func(f *freshet.Fact, v uint64) {
			if v > limit {
				r.failf("number %d of a fact is out of range", v)
				return
			}
			set(f, v)
		})
	}
	last := uint64(len(table) - 1) //nolint:gosec // the table has a first line
	r.itemColumn(entries, vals)
	// What an outcome does must be known; reasons and ways of verification are
	// only shown, so that an older program passes on what a newer one says.
	number(uint64(freshet.OutcomeExcused), func(f *freshet.Fact, v uint64) { f.Outcome = freshet.Outcome(v) }) //nolint:gosec // within the limit
	number(255, func(f *freshet.Fact, v uint64) { f.Reason = freshet.Reason(v) })                              //nolint:gosec // within the limit
	number(255, func(f *freshet.Fact, v uint64) { f.Verified = freshet.Verified(v) })                          //nolint:gosec // within the limit
	column(func(f *freshet.Fact, v uint64) { f.Attempts = r.fit(unzigzag(v)) })
	number(last, func(f *freshet.Fact, v uint64) { f.CoveredBy = table[v] })
	r.times(vals, func(i int, t time.Time) { all[i].ExecutedAt = t })
	for _, side := range sides() {
		r.times(vals, func(i int, t time.Time) { side(&all[i]).FetchedAt = t })
		number(last, func(f *freshet.Fact, v uint64) { side(f).Generation = table[v] })
		r.column(vals)
		r.bodies(entries, side, dict, vals)
	}
	if r.v >= Version2 {
		number(maxRounds, func(f *freshet.Fact, v uint64) { f.Rounds = int(v) })                                      //nolint:gosec // within the limit
		number(uint64(maxWindow), func(f *freshet.Fact, v uint64) { f.Window = time.Duration(v) * time.Millisecond }) //nolint:gosec // within the limit
	}
	return entries
}

// entryFacts makes room for the facts of each entry; all is the same room
// without the borders between entries.
func (r *reader) entryFacts() (entries []freshet.EntryFacts, all []freshet.Fact) {
	n := r.count(3)
	if n > MaxEntries {
		r.failf("message holds facts of more than %d entries", MaxEntries)
	}
	if n == 0 || r.err != nil {
		return nil, nil
	}
	// A fact has at least a byte in each of its columns: a dozen, and two more
	// since the second version.
	columns := 12
	if r.v >= Version2 {
		columns = 14
	}
	entries = make([]freshet.EntryFacts, n)
	lens, total := make([]int, n), 0
	at := freshet.Position{}
	for i := range entries {
		at = r.positionAfter(at)
		entries[i].At = at
		lens[i] = r.count(columns)
		total += lens[i]
	}
	if total > min(MaxFacts, len(r.b)/columns) {
		r.fail(errCount)
		return nil, nil
	}
	all = make([]freshet.Fact, total)
	for i, rest := 0, all; i < n; i++ {
		if lens[i] > 0 {
			entries[i].Facts, rest = rest[:lens[i]:lens[i]], rest[lens[i]:]
		}
	}
	return entries, all
}

func (r *reader) itemColumn(entries []freshet.EntryFacts, vals []uint64) {
	r.column(vals)
	n := 0
	for _, e := range entries {
		next := 0
		for i := range e.Facts {
			e.Facts[i].Item = next + r.fit(unzigzag(vals[n]))
			next = e.Facts[i].Item + 1
			n++
		}
	}
}

func (r *reader) fit(v int64) int {
	n, ok := asInt(v)
	if !ok {
		r.failf("number does not fit")
	}
	return n
}

// errDict means that facts name a body that the entry's Dict does not have:
// the two were not kept together.
var errDict = errors.New("fact names a body that is not in the dictionary of its entry")

func (r *reader) bodies(entries []freshet.EntryFacts, side func(*freshet.Fact) *freshet.Copy,
	dict func(freshet.Position) (*Dict, error), vals []uint64,
) {
	n := 0
	for _, e := range entries {
		if r.err != nil {
			return
		}
		codes := vals[n : n+len(e.Facts)]
		n += len(e.Facts)
		if !slices.ContainsFunc(codes, func(v uint64) bool { return v != 0 }) {
			continue // needs no dictionary
		}
		d, err := dict(e.At)
		if err != nil {
			r.fail(fmt.Errorf("dictionary of entry %s: %w", e.At, err))
			return
		}
		for i, code := range codes {
			b, ok := d.lookup(e.Facts[i].Item, code)
			if !ok {
				r.fail(errDict)
				return
			}
			c := side(&e.Facts[i])
			c.Validator, c.Size = b.validator, b.size
		}
	}
}
