package wire

import (
	"math/bits"
	"time"
)

// A column is the values of one field over all facts of a message. It is
// written as byte planes: the width of the greatest value, then the lowest
// bytes of all values, then the next bytes, and so on. The upper planes of
// most columns are constant, and a plane of noise does not spoil its
// neighbours for the compressor. Every value takes at least one byte before
// compression, which bounds what a forged count can allocate.

func (w *writer) column(vals []uint64) {
	if len(vals) == 0 {
		return
	}
	var all uint64
	for _, v := range vals {
		all |= v
	}
	width := max(1, (bits.Len64(all)+7)/8)
	w.byte(byte(width))
	for plane := range width {
		for _, v := range vals {
			w.byte(byte(v >> (8 * plane)))
		}
	}
}

// column reads as many values as vals has room for.
func (r *reader) column(vals []uint64) {
	clear(vals)
	if len(vals) == 0 {
		return
	}
	width := int(r.byte())
	if r.err == nil && (width < 1 || width > 8) {
		r.failf("column is %d bytes wide", width)
	}
	for plane := range width {
		for i, c := range r.take(len(vals)) {
			vals[i] |= uint64(c) << (8 * plane)
		}
	}
}

// The forms of a column of times.
const (
	timesOffset = 0 // milliseconds after the earliest
	timesDelta  = 1 // milliseconds after the one before, zigzag
)

// times writes a column of times. The zero time is 0, all others are 1 more
// than their distance: from the earliest, which is best for times in no
// order, or from the one before, which is best for a queue worked off; the
// form that needs fewer bits is taken. scratch has the length of ts.
func (w *writer) times(ts []time.Time, scratch []uint64) {
	base := int64(maxMillis)
	for _, t := range ts {
		if !t.IsZero() {
			base = min(base, millis(t))
		}
	}
	prev, offset, delta := base, 0, 0
	for _, t := range ts {
		if !t.IsZero() {
			ms := millis(t)
			offset += bits.Len64(uint64(ms - base)) //nolint:gosec // base is the least
			delta += bits.Len64(zigzag(ms - prev))
			prev = ms
		}
	}
	form := timesOffset
	if delta < offset {
		form = timesDelta
	}
	w.byte(byte(form))
	w.varint(base)
	prev = base
	for i, t := range ts {
		switch {
		case t.IsZero():
			scratch[i] = 0
		case form == timesDelta:
			ms := millis(t)
			scratch[i] = zigzag(ms-prev) + 1
			prev = ms
		default:
			scratch[i] = uint64(millis(t)-base) + 1 //nolint:gosec // base is the least
		}
	}
	w.column(scratch[:len(ts)])
}

// times reads a column of times; set is called with each.
func (r *reader) times(scratch []uint64, set func(i int, t time.Time)) {
	form, base := r.byte(), r.varint()
	r.millis(base) // checks the range
	if form > timesDelta {
		r.failf("form %d of a column of times is unknown", form)
	}
	r.column(scratch)
	prev := base
	for i, v := range scratch {
		if v == 0 || r.err != nil {
			continue
		}
		d := int64(v - 1) //nolint:gosec // the range is checked below
		if form == timesDelta {
			d = unzigzag(v - 1)
		}
		if d < -2*maxMillis || d > 2*maxMillis {
			r.failf("times are too far apart")
			return
		}
		t := r.millis(prev + d)
		if form == timesDelta {
			prev += d
		}
		set(i, t)
	}
}
