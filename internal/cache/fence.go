package cache

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
)

// maxFences bounds what a Fence remembers; the oldest go first. An order that
// is repeated after that removes newer bodies too: it costs a fetch, and
// serves nothing old.
const maxFences = 100_000

// fenceSize is a record of the file: epoch, position, nanoseconds, and a sum of
// those.
const fenceSize = 4 + 8 + 8 + 4

// Fence makes repeated purges harmless at a cache that stamps its copies and
// keeps no generations (P2): it remembers when each position was first carried
// out here, and gives later orders at or below it that time as Since. What was
// fetched after a later purge ran was fetched after every earlier one was
// accepted, so that it may stay.
//
// The memory is kept in a file, which is appended to and not synced: what a
// power cut, or a full disk, loses of it costs a fetch. A time that is not what
// was written would cost more, so that each record has a sum. Orders with Again are carried out anew
// and replace what was remembered. d is returned as it is if it does not stamp.
// The closer closes the file.
func Fence(d Driver, path string) (Driver, io.Closer, error) {
	if !d.Powers().Stamps {
		return d, io.NopCloser(nil), nil
	}
	f := &fenced{Driver: d}
	if err := f.open(path); err != nil {
		return nil, nil, err
	}
	return f, f, nil
}

type fenced struct {
	Driver

	mu    sync.Mutex // guards what follows
	marks []fenceMark
	file  *os.File
	torn  bool // a record was written in part: what came after it could not be read
}

// fenceMark says when a position was first carried out. Marks are in the order
// of their positions and, since one says nothing if a later position ran before
// it, in the order of their times.
type fenceMark struct {
	at   freshet.Position
	time time.Time
}

// SetTopology implements Follower, if the driver does.
func (f *fenced) SetTopology(t freshet.Topology) {
	if d, ok := f.Driver.(Follower); ok {
		d.SetTopology(t)
	}
}

// Purge implements Driver.
func (f *fenced) Purge(ctx context.Context, o Order) []Result {
	o = f.order(o)
	results := exactly(o.Len(), f.Driver.Purge(ctx, o))
	f.note(o, results)
	return results
}

// Settle implements Settler.
func (f *fenced) Settle(ctx context.Context, o Order, mode freshet.Verify) []Result {
	o = f.order(o)
	results := Settle(ctx, f.Driver, o, mode)
	f.note(o, results)
	return results
}

// order gives an order its Since: the earliest time at which its position or a
// later one was carried out.
func (f *fenced) order(o Order) Order {
	if o.Again || !o.Since.IsZero() {
		return o
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if i, _ := f.find(o.At); i < len(f.marks) {
		o.Since = f.marks[i].time
	}
	return o
}

// note remembers an order that was carried out whole. One that failed in part
// is not remembered: its repeat removes what is stored then, newer or not.
func (f *fenced) note(o Order, results []Result) {
	if len(results) == 0 || !o.Since.IsZero() && !o.Again {
		return
	}
	// The first of them to run counts: what was fetched after it may be older
	// than another's, but never than the acceptance of the order.
	var first time.Time
	for _, r := range results {
		if r.Outcome != freshet.OutcomeDone && r.Outcome != freshet.OutcomeAlready || r.Executed.IsZero() {
			return
		}
		if first.IsZero() || r.Executed.Before(first) {
			first = r.Executed
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.add(fenceMark{o.At, first})
	if f.torn {
		return
	}
	_, err := f.file.Write(encodeFence(fenceMark{o.At, first}))
	f.torn = err != nil
}

// find returns the place of the first mark at a position or above it.
func (f *fenced) find(at freshet.Position) (i int, found bool) {
	return slices.BinarySearchFunc(f.marks, at, func(m fenceMark, at freshet.Position) int { return m.at.Compare(at) })
}

func (f *fenced) add(m fenceMark) {
	i, found := f.find(m.at)
	switch {
	case found && !f.marks[i].time.Before(m.time):
		return
	case found:
		// An order that took several calls, or one that was carried out again.
		// The later time removes more.
		f.marks = slices.Delete(f.marks, i, i+1)
	}
	if i < len(f.marks) && !m.time.Before(f.marks[i].time) {
		return // a later position ran before: its time holds for this one too
	}
	keep := i
	for keep > 0 && !f.marks[keep-1].time.Before(m.time) {
		keep--
	}
	f.marks = slices.Replace(f.marks, keep, i, m)
	if len(f.marks) > maxFences {
		f.marks = slices.Delete(f.marks, 0, len(f.marks)-maxFences)
	}
}

func encodeFence(m fenceMark) []byte {
	b := binary.BigEndian.AppendUint32(nil, m.at.Epoch)
	b = binary.BigEndian.AppendUint64(b, m.at.Pos)
	b = binary.BigEndian.AppendUint64(b, uint64(m.time.UnixNano()))
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func decodeFence(b []byte) (m fenceMark, ok bool) {
	m.at = freshet.Position{Epoch: binary.BigEndian.Uint32(b), Pos: binary.BigEndian.Uint64(b[4:])}
	m.time = time.Unix(0, int64(binary.BigEndian.Uint64(b[12:]))) //nolint:gosec // as it was written
	return m, binary.BigEndian.Uint32(b[20:]) == crc32.ChecksumIEEE(b[:20])
}

// open reads the file and writes it anew, so that it does not grow for ever.
func (f *fenced) open(path string) error {
	old, err := os.ReadFile(path) //nolint:gosec // a file of the POP's own folder
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading the times of purges: %w", err)
	}
	for ; len(old) >= fenceSize; old = old[fenceSize:] {
		m, ok := decodeFence(old)
		if !ok {
			break // the end of what is known to be whole
		}
		f.add(m)
	}
	var b []byte
	for _, m := range f.marks {
		b = append(b, encodeFence(m)...)
	}
	next := path + ".new"
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return fmt.Errorf("writing the times of purges: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("writing the times of purges: %w", err)
	}
	f.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // see above
	return err
}

// Close implements io.Closer.
func (f *fenced) Close() error { return f.file.Close() }
