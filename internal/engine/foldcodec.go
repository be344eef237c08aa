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
	b = binary.AppendUvarint(b, uint64(len(f.part)))
	for _, t := range slices.Sorted(maps.Keys(f.part)) {
		b = binary.AppendUvarint(b, uint64(t))
		b = binary.AppendUvarint(b, uint64(len(f.part[t])))
		for _, r := range f.part[t] {
			flag := uint64(0)
			if r.failed {
				flag = 1
			}
			for _, v := range []uint64{uint64(r.lo), uint64(r.hi - r.lo), flag, r.stream, r.number} {
				b = binary.AppendUvarint(b, v)
			}
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
		t := int(r.next())
		if r.bad || t >= targets {
			return nil, errFold
		}
		for range r.next() {
			lo, length, flag := int(r.next()), int(r.next()), r.next()
			run := run{lo: lo, hi: lo + length, failed: flag == 1, stream: r.next(), number: r.next()}
			if r.bad || run.hi > n || run.lo < 0 || length < 0 {
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
