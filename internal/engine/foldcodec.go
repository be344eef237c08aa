package engine

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
)

// foldVersion is the first byte of an encoded fold. What is encoded can be
// made again from the evidence, so an unknown version is not an error but a
// reason to do that.
const foldVersion = 1

// Indexes are not negative and counts come from memory, so writing them as
// unsigned loses nothing; what is read is bounded by maxIndex.
const maxIndex = 1 << 31

func appendInt(b []byte, v int) []byte {
	return binary.AppendUvarint(b, uint64(v)) //nolint:gosec // see above
}

// encode returns the stored form of f: nil if every target is done, which is
// how nearly every entry ends.
func (f *fold) encode(targets int) []byte {
	if len(f.part) == 0 && f.done.count() == targets {
		return nil
	}
	b := []byte{foldVersion}
	for _, w := range f.done {
		b = binary.AppendUvarint(b, w)
	}
	b = appendInt(b, len(f.part))
	for _, t := range slices.Sorted(maps.Keys(f.part)) {
		b = appendInt(b, t)
		b = appendInt(b, len(f.part[t]))
		for _, r := range f.part[t] {
			flag := 0
			if r.failed {
				flag = 1
			}
			b = appendInt(appendInt(appendInt(b, r.lo), r.hi-r.lo), flag)
			b = binary.AppendUvarint(binary.AppendUvarint(b, r.stream), r.number)
		}
	}
	return b
}

var errFold = errors.New("engine: stored fold is unreadable")

// decodeFold reads the stored form.
func decodeFold(b []byte, n, targets int) (*fold, error) {
	f := newFold(n, targets)
	if len(b) == 0 {
		for t := range targets {
			f.done.set(t)
		}
		return f, nil
	}
	if b[0] != foldVersion {
		return nil, errFold
	}
	r := foldReader{b: b[1:]}
	for i := range f.done {
		f.done[i] = r.next()
	}
	for range r.next() {
		t := r.index()
		if r.bad || t >= targets {
			return nil, errFold
		}
		for range r.next() {
			lo, length, flag := r.index(), r.index(), r.next()
			run := run{lo: lo, hi: lo + length, failed: flag == 1, stream: r.next(), number: r.next()}
			if r.bad || run.hi > n {
				return nil, errFold
			}
			f.part[t] = append(f.part[t], run)
		}
	}
	if r.bad || len(r.b) != 0 {
		return nil, errFold
	}
	return f, nil
}

type foldReader struct {
	b   []byte
	bad bool
}

func (r *foldReader) next() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *foldReader) index() int {
	v := r.next()
	if v >= maxIndex {
		r.bad = true
		return 0
	}
	return int(v)
}
