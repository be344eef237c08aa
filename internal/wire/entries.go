package wire

import (
	"github.com/freshet-vod/freshet"
)

// EntryBatch is a run of entries of one subject. Prev is the last position
// sent on the subject before them, so that a receiver sees a gap.
type EntryBatch struct {
	Subject string
	Prev    freshet.Position
	Entries []*freshet.Entry
	// Forgotten, in an answer to a pull, is where the log begins for the POP
	// that asked: purges and prefetches of the subject up to there are told no
	// more, though what lasts is. Zero: it begins at or before what was asked
	// for.
	Forgotten freshet.Position
}

// MaxEntries bounds the entries of one message, of log entries and of
// evidence. An encoder given more makes a message that no decoder takes.
const MaxEntries = 1 << 15

// Fits reports whether a decoder takes the batch. Packed URLs say little about
// it: a numbered segment takes a fifth of a byte, so that 256 KB can hold more
// than MaxURLs of them.
func (b EntryBatch) Fits() bool {
	urls, size := 0, 0
	for _, e := range b.Entries {
		urls += len(e.Selector.URLs)
		for _, u := range e.Selector.URLs {
			size += len(u)
		}
	}
	return len(b.Entries) <= MaxEntries && urls <= MaxURLs && size <= MaxURLBytes
}

// minEntry is the least number of bytes that an entry takes.
const minEntry = 18

// EncodeEntries encodes a batch in the first version that can say it: the
// third if an entry changes the deny list or is traced, or something was
// forgotten, so that agents of the releases before read everything else.
func EncodeEntries(b EntryBatch) []byte {
	if !b.Forgotten.IsZero() {
		return EncodeEntriesAs(Version3, b)
	}
	for _, e := range b.Entries {
		if e.Kind.Lists() || !e.Trace.IsZero() {
			return EncodeEntriesAs(Version3, b)
		}
	}
	return EncodeEntriesAs(Version1, b)
}

// EncodeEntriesAs encodes a batch for a receiver that knows v at most; target
// sets that entries share are encoded once. Before version 3, an entry that
// changes the deny list is told as a change of membership that concerns
// nobody: its position is passed, and nothing is done. Whoever sends that
// answers for it that the POP did not do it. Nor can what was forgotten be told
// before version 3.
func EncodeEntriesAs(v Version, b EntryBatch) []byte {
	v = Version3.orFirst(v)
	if v < Version3 {
		b.Entries = withoutLists(b.Entries)
	}
	var w writer
	w.str(b.Subject)
	w.position(b.Prev)
	sets, index := targetSets(b.Entries)
	w.count(len(sets))
	for _, s := range sets {
		w.strs(s)
	}
	w.count(len(b.Entries))
	at := b.Prev
	for i, e := range b.Entries {
		w.entry(v, e, at, index[i])
		at = e.At
	}
	if v >= Version3 {
		w.position(b.Forgotten)
	}
	return seal(kindEntries, v, w.b, compression.fast)
}

// orFirst returns v of a kind that has the first layout and one since since.
func (since Version) orFirst(v Version) Version {
	if v >= since {
		return since
	}
	return Version1
}

func withoutLists(entries []*freshet.Entry) []*freshet.Entry {
	out := make([]*freshet.Entry, len(entries))
	for i, e := range entries {
		if e.Kind.Lists() {
			e = &freshet.Entry{At: e.At, Kind: freshet.EntryMembership, Created: e.Created}
		}
		out[i] = e
	}
	return out
}

// targetSets returns the distinct target sets of entries and, per entry, the
// number of its set; 0 means no targets.
func targetSets(entries []*freshet.Entry) (sets [][]string, index []int) {
	seen := map[string]int{}
	index = make([]int, len(entries))
	for i, e := range entries {
		if len(e.Targets) == 0 {
			continue
		}
		var key writer
		key.strs(e.Targets)
		n, ok := seen[string(key.b)]
		if !ok {
			sets = append(sets, e.Targets)
			n = len(sets)
			seen[string(key.b)] = n
		}
		index[i] = n
	}
	return sets, index
}

func (w *writer) entry(v Version, e *freshet.Entry, before freshet.Position, targets int) {
	w.positionAfter(e.At, before)
	w.byte(byte(e.Kind))
	w.str(e.Account)
	w.str(e.Job)
	w.varint(int64(e.Row))
	w.str(e.Domain)
	w.uvarint(e.FirstTask)
	w.count(targets)
	w.position(e.LastPurge)
	w.time(e.FinishBy)
	w.time(e.Created)
	w.extra(e)
	w.selector(e.Selector)
	if v >= Version3 {
		w.statusAndTrace(e)
	}
}

const (
	maxStatus = 999  // the greatest status of HTTP
	traced    = 1024 // added to the status of an entry whose trace follows
)

// statusAndTrace writes the two in one: an entry that nobody traces, which is
// nearly every one, takes no byte more for it.
func (w *writer) statusAndTrace(e *freshet.Entry) {
	status := clamp(int64(e.Status), maxStatus)
	if e.Trace.IsZero() {
		w.uvarint(status)
		return
	}
	w.uvarint(status | traced)
	w.b = append(append(w.b, e.Trace.ID[:]...), e.Trace.Span[:]...)
}

// DecodeEntries decodes a batch. Entries with the same targets share one
// slice of them, which is not to be changed. Empty lists come back as nil.
func DecodeEntries(b []byte) (EntryBatch, error) {
	r, err := unseal(kindEntries, b)
	if err != nil {
		return EntryBatch{}, err
	}
	batch := EntryBatch{Subject: r.str(), Prev: r.position()}
	all := r.count(1)
	if all > MaxEntries {
		r.failf("message holds more than %d target sets", MaxEntries)
		all = 0
	}
	sets := make([][]string, all)
	for i := range sets {
		sets[i] = r.strs()
	}
	n := r.count(minEntry)
	if n > MaxEntries {
		r.failf("message holds more than %d entries", MaxEntries)
		n = 0
	}
	if n > 0 {
		batch.Entries = make([]*freshet.Entry, 0, n)
	}
	at := batch.Prev
	budget := &urlBudget{urls: MaxURLs, bytes: MaxURLBytes}
	for range cap(batch.Entries) {
		e := r.entry(at, sets, budget)
		if r.err != nil {
			break
		}
		batch.Entries = append(batch.Entries, e)
		at = e.At
	}
	if r.v >= Version3 && r.err == nil {
		batch.Forgotten = r.position()
	}
	if err := finish(kindEntries, r); err != nil {
		return EntryBatch{}, err
	}
	return batch, nil
}

func (r *reader) entry(before freshet.Position, sets [][]string, budget *urlBudget) *freshet.Entry {
	e := &freshet.Entry{At: r.positionAfter(before), Kind: freshet.EntryKind(r.byte())}
	if last := lastKind(r.v); e.Kind < freshet.EntryPurge || e.Kind > last {
		r.failf("entry kind %d is unknown", e.Kind)
	}
	e.Account = r.str()
	e.Job = r.str()
	e.Row = r.int()
	e.Domain = r.str()
	e.FirstTask = r.uvarint()
	switch set := r.uvarint(); {
	case set > uint64(len(sets)):
		r.failf("target set %d does not exist", set)
	case set > 0:
		e.Targets = sets[set-1]
	}
	e.LastPurge = r.position()
	e.FinishBy = r.time()
	e.Created = r.time()
	r.extra(e)
	e.Selector = r.selector(budget)
	if r.v >= Version3 {
		r.statusAndTrace(e)
		if e.Status != 0 && e.Kind != freshet.EntryDeny {
			r.failf("entry of kind %s has a status", e.Kind)
		}
	}
	return e
}

func lastKind(v Version) freshet.EntryKind {
	if v >= Version3 {
		return freshet.EntryAllow
	}
	return freshet.EntryMembership
}

func (r *reader) status() int { return r.statusOf(r.uvarint()) }

func (r *reader) statusOf(v uint64) int {
	if v > maxStatus {
		r.failf("status %d is out of range", v)
		return 0
	}
	return int(v)
}

func (r *reader) statusAndTrace(e *freshet.Entry) {
	v := r.uvarint()
	if e.Status = r.statusOf(v &^ traced); v&traced == 0 {
		return
	}
	copy(e.Trace.ID[:], r.take(len(e.Trace.ID)))
	copy(e.Trace.Span[:], r.take(len(e.Trace.Span)))
	if r.err == nil && (e.Trace.ID == [16]byte{} || e.Trace.Span == [8]byte{}) {
		r.failf("a trace has no number")
	}
}

// The two fields of a membership mean something else in entries that change
// none. Programs of earlier releases read them there and do not look at them, so
// that one message serves POPs of both: an older one purges harder than it was
// asked to, and prefetches without the header.
//
// softPurge is the value of the first in a purge that revalidates.
const softPurge = 1

func (w *writer) extra(e *freshet.Entry) {
	switch {
	case e.Kind == freshet.EntryMembership:
		w.byte(byte(e.Membership.Change))
		w.str(e.Membership.POP)
		return
	case e.Kind == freshet.EntryPurge && e.Soft:
		w.byte(softPurge)
	default:
		w.byte(0)
	}
	if e.Kind == freshet.EntryPrefetch {
		w.str(e.Header)
		return
	}
	w.str("")
}

func (r *reader) extra(e *freshet.Entry) {
	number, text := r.byte(), r.str()
	switch {
	case e.Kind == freshet.EntryMembership:
		e.Membership = freshet.Membership{Change: freshet.MembershipChange(number), POP: text}
		if e.Membership.Change > freshet.MemberUp {
			r.failf("change of membership %d is unknown", number)
		}
	case number > softPurge || number == softPurge && e.Kind != freshet.EntryPurge:
		r.failf("an entry that changes no membership has %d for a change", number)
	case e.Kind == freshet.EntryPrefetch:
		e.Header = text
	case text != "":
		r.failf("a purge names a POP")
	default:
		e.Soft = number == softPurge
	}
}
