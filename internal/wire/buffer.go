package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/freshet-vod/freshet"
)

// The range of times that messages carry: the years 0 to 9999, in Unix
// milliseconds. A clock beyond it is broken, and arithmetic on such times
// would overflow somewhere else.
const (
	minMillis = -62167219200000
	maxMillis = 253402300799999
)

// A writer appends fields to a message. Appending never fails.
type writer struct{ b []byte }

func (w *writer) byte(c byte)      { w.b = append(w.b, c) }
func (w *writer) uvarint(v uint64) { w.b = binary.AppendUvarint(w.b, v) }
func (w *writer) varint(v int64)   { w.b = binary.AppendVarint(w.b, v) }
func (w *writer) count(n int)      { w.uvarint(uint64(n)) } //nolint:gosec // lengths are not negative

func (w *writer) bool(v bool) {
	if v {
		w.byte(1)
		return
	}
	w.byte(0)
}

func (w *writer) str(s string) {
	w.count(len(s))
	w.b = append(w.b, s...)
}

func (w *writer) strs(list []string) {
	w.count(len(list))
	for _, s := range list {
		w.str(s)
	}
}

// time writes t to the millisecond: 0 for the zero time, so that it stays
// zero, and the zigzag of its Unix milliseconds plus 1 otherwise.
func (w *writer) time(t time.Time) {
	if t.IsZero() {
		w.uvarint(0)
		return
	}
	w.uvarint(zigzag(millis(t)) + 1)
}

func (w *writer) position(p freshet.Position) {
	w.uvarint(uint64(p.Epoch))
	w.uvarint(p.Pos)
}

// positionAfter writes p as its distance from prev: two bytes for neighbours.
func (w *writer) positionAfter(p, prev freshet.Position) {
	w.varint(int64(p.Epoch) - int64(prev.Epoch))
	w.varint(int64(p.Pos - prev.Pos)) //nolint:gosec // the difference wraps around, and back in the reader
}

// millis returns t in Unix milliseconds, within the range that messages carry.
func millis(t time.Time) int64 { return min(max(t.UnixMilli(), minMillis), maxMillis) }

func zigzag(v int64) uint64     { return uint64(v)<<1 ^ uint64(v>>63) } //nolint:gosec // bits, not a number
func unzigzag(v uint64) int64   { return int64(v>>1) ^ -int64(v&1) }
func asInt(v int64) (int, bool) { n := int(v); return n, int64(n) == v } // false where an int has 32 bits and v does not fit

var (
	errShort    = errors.New("message ends too early")
	errTrailing = errors.New("message goes on after its end")
	errVarint   = errors.New("number is malformed")
	errCount    = errors.New("count is greater than what can follow")
)

// Limits of lists of texts, such as the POPs of a target set: an empty text takes
// one byte on the wire and sixteen in memory.
const (
	maxStrings    = 1 << 16 // of one list
	maxAllStrings = 1 << 21 // of a message
)

// A reader takes fields off a message. Its error sticks: after the first one
// every field reads as zero, and callers look once, at the end. No count is
// believed before the bytes that it promises are known to be there.
type reader struct {
	b []byte
	v Version // of the message

	strings int // in lists so far
	err     error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err, r.b = err, nil
	}
}

func (r *reader) failf(format string, args ...any) { r.fail(fmt.Errorf(format, args...)) }

// end returns the reader's error, or a fault if anything is left.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail(errTrailing)
	}
	return r.err
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail(errShort)
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) bool() bool {
	switch r.byte() {
	case 0:
		return false
	case 1:
		return true
	}
	r.failf("flag is neither 0 nor 1")
	return false
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	switch {
	case n == 0:
		r.fail(errShort)
		return 0
	case n < 0:
		r.fail(errVarint)
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 { return unzigzag(r.uvarint()) }

func (r *reader) int() int {
	n, ok := asInt(r.varint())
	if !ok {
		r.failf("number does not fit")
	}
	return n
}

// count reads how many things follow, each of which takes at least size
// bytes.
func (r *reader) count(size int) int {
	v := r.uvarint()
	if v > uint64(len(r.b)/size) { //nolint:gosec // lengths are not negative
		r.fail(errCount)
		return 0
	}
	return int(v) //nolint:gosec // no more than a length
}

// take returns the next n bytes without copying them.
func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.fail(errShort)
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) bytes() []byte { return r.take(r.count(1)) }
func (r *reader) str() string   { return string(r.bytes()) }

// maxShort bounds the texts by which a POP says who it is and how it is reached:
// they are kept in memory for each, stored with each message, and shown.
const maxShort = 4096

// short reads such a text.
func (r *reader) short() string {
	b := r.bytes()
	if len(b) > maxShort {
		r.failf("text is longer than %d bytes", maxShort)
		return ""
	}
	return string(b)
}

func (r *reader) strs() []string {
	n := r.count(1)
	if n > maxStrings {
		r.failf("list holds more than %d texts", maxStrings)
		return nil
	}
	if r.strings += n; r.strings > maxAllStrings {
		r.failf("lists hold more than %d texts", maxAllStrings)
		return nil
	}
	if n == 0 {
		return nil
	}
	// All of them share one copy: a list names a hundred POPs in every message.
	whole := r.b
	for range n {
		r.bytes()
	}
	if r.err != nil {
		return nil
	}
	text := string(whole[:len(whole)-len(r.b)])
	again := reader{b: whole}
	list := make([]string, n)
	for i := range list {
		word := again.bytes()
		end := len(whole) - len(again.b)
		list[i] = text[end-len(word) : end]
	}
	return list
}

func (r *reader) time() time.Time {
	v := r.uvarint()
	if v == 0 {
		return time.Time{}
	}
	return r.millis(unzigzag(v - 1))
}

func (r *reader) millis(ms int64) time.Time {
	if ms < minMillis || ms > maxMillis {
		r.failf("time is outside the years 0 to 9999")
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func (r *reader) position() freshet.Position {
	return freshet.Position{Epoch: r.epoch(int64(r.uvarint())), Pos: r.uvarint()} //nolint:gosec // epoch checks the range
}

func (r *reader) positionAfter(prev freshet.Position) freshet.Position {
	d := r.varint()
	if d < -math.MaxUint32 || d > math.MaxUint32 {
		r.failf("epoch is out of range")
		return freshet.Position{}
	}
	return freshet.Position{
		Epoch: r.epoch(int64(prev.Epoch) + d),
		Pos:   prev.Pos + uint64(r.varint()), //nolint:gosec // wraps around as in the writer
	}
}

func (r *reader) epoch(v int64) uint32 {
	if v < 0 || v > math.MaxUint32 {
		r.failf("epoch is out of range")
		return 0
	}
	return uint32(v)
}
