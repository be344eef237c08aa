package wire

import (
	"math/bits"
	"time"
)

// A column is the values of one field over all facts of a message. It is
// written in one of two forms, which its first byte tells apart:
//
//   - byte planes (1 to 8, the width in bytes of the greatest value): the
//     lowest bytes of all values, then the next bytes, and so on. The upper
//     planes of most columns are constant, and compress to nothing.
//   - packed bits (packedBits plus the width in bits of the greatest value), for
//     noise such as the milliseconds of fetches by viewers, which does not
//     compress; a plane of a few noisy bits would cost nearly a byte.
//
// Either way every value takes at least one byte before compression, which
// bounds what a forged count can allocate.

const (
	packedBits    = 0x80
	minPackedBits = 8
	maxPackedBits = 56 // so that a value and a rest of 7 bits fit into 64
)

func (w *writer) column(vals []uint64) {
	if len(vals) == 0 {
		return
	}
	var all uint64
	for _, v := range vals {
		all |= v
	}
	width := bits.Len64(all)
	if noise(vals, width) {
		w.byte(byte(packedBits + width)) //nolint:gosec // at most packedBits and maxPackedBits
		w.packed(vals, width)
		return
	}
	planes := max(1, (width+7)/8)
	w.byte(byte(planes)) //nolint:gosec // 8 at most
	for plane := range planes {
		for _, v := range vals {
			w.byte(byte(v >> (8 * plane))) //nolint:gosec // one byte of it is wanted
		}
	}
}

// noise reports whether values look like random numbers of a width that is not
// whole bytes: nearly all differ from their neighbour, and on average they
// lack no more than two of the bits.
func noise(vals []uint64, width int) bool {
	if width%8 == 0 || width < minPackedBits || width > maxPackedBits {
		return false
	}
	changes, filled, prev := 0, 0, vals[0]
	for _, v := range vals[1:] {
		if v != prev {
			changes++
		}
		filled += bits.Len64(v)
		prev = v
	}
	n := len(vals) - 1
	return 4*changes >= 3*n && filled >= n*(width-2)
}

func (w *writer) packed(vals []uint64, width int) {
	var acc uint64
	have := 0
	for _, v := range vals {
		acc |= v << have
		for have += width; have >= 8; have -= 8 {
			w.byte(byte(acc))
			acc >>= 8
		}
	}
	if have > 0 {
		w.byte(byte(acc))
	}
}

// column reads as many values as vals has room for.
func (r *reader) column(vals []uint64) {
	clear(vals)
	if len(vals) == 0 {
		return
	}
	width := int(r.byte())
	switch {
	case r.err != nil:
	case width >= packedBits+minPackedBits && width <= packedBits+maxPackedBits:
		r.packed(vals, width-packedBits)
	case width >= 1 && width <= 8:
		for plane := range width {
			for i, c := range r.take(len(vals)) {
				vals[i] |= uint64(c) << (8 * plane)
			}
		}
	default:
		r.failf("form %d of a column is unknown", width)
	}
}

func (r *reader) packed(vals []uint64, width int) {
	p := r.take((len(vals)*width + 7) / 8)
	if r.err != nil {
		return
	}
	var acc uint64
	have, next := 0, 0
	for i := range vals {
		for ; have < width; have += 8 {
			acc |= uint64(p[next]) << have
			next++
		}
		vals[i] = acc & (1<<width - 1)
		acc >>= width
		have -= width
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
