package faulty

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"time"
)

// pump carries one direction of a link.
type pump struct {
	l        *link
	dir      Direction
	src, dst *net.TCPConn
	queue    chan item
	cut      splitter   // of the reader
	dice     *rand.Rand // of the reader

	// What follows is the writer's.
	mix    mixer
	set    uint64    // the flow that passed counts for
	passed int64     // bytes since it was set
	free   time.Time // when Rate lets the next byte pass
	lost   bool      // the receiver misses something: it cannot go on
	shut   bool      // the receiver was told that the stream has ended
}

// item is a chunk under way, or how its stream ended.
type item struct {
	chunk
	arrived time.Time
	jitter  float64 // part of Flow.Jitter, 0 to 1
	end     error   // io.EOF: in good order; another: not
}

// read takes bytes in as they come.
func (u *pump) read() {
	buf := make([]byte, chunkBytes)
	for {
		n, err := u.src.Read(buf)
		chunks := u.cut.add(buf[:n])
		if err != nil {
			chunks = append(chunks, u.cut.rest()...)
		}
		for _, c := range chunks {
			if !u.push(item{chunk: c}) {
				return
			}
		}
		if err == nil {
			continue
		}
		switch {
		case errors.Is(err, net.ErrClosed): // by ourselves
		case u.l.ended.Load(): // whoever got a part of an answer has gone
			u.l.close()
		default:
			u.push(item{end: err})
		}
		return
	}
}

func (u *pump) push(it item) bool {
	it.arrived, it.jitter = time.Now(), u.dice.Float64()
	select {
	case u.queue <- it:
		return true
	case <-u.l.done:
		return false
	}
}

// write lets items go when their time has come.
func (u *pump) write() {
	for {
		it, ok := u.next()
		if !ok || it != nil && !u.pass(*it) {
			return
		}
	}
}

// next waits for an item, and does what else falls due meanwhile. It returns
// false when the link is over.
func (u *pump) next() (*item, bool) {
	_, changed, ok := u.flow()
	if !ok {
		return nil, false
	}
	var idle <-chan time.Time
	if u.mix.waits() {
		t := time.NewTimer(mixIdle)
		defer t.Stop()
		idle = t.C
	}
	select {
	case <-u.l.done:
		return nil, false
	case it := <-u.queue:
		return &it, true
	case <-idle:
		return nil, u.send(u.mix.rest())
	case <-changed:
		return nil, true
	}
}

// flow returns what holds now, after doing what it says about the connection
// as such. It returns false when the link is over.
func (u *pump) flow() (f Flow, changed <-chan struct{}, ok bool) {
	f, set, changed := u.l.p.now(u.dir)
	if set != u.set {
		u.set, u.passed = set, 0
	}
	switch {
	case u.lost && !f.loses():
		u.l.reset()
		return f, nil, false
	case f.Cut && !u.shut:
		u.lost, u.shut = true, true
		_ = u.dst.CloseWrite() // it fails only if the receiver has gone
	}
	return f, changed, true
}

func (f Flow) loses() bool { return f.Swallow || f.Cut }

// pass lets an item go when its time has come, or vanish. It returns false
// when the link is over.
func (u *pump) pass(it item) bool {
	f, ok := u.await(it)
	switch {
	case !ok:
		return false
	case it.end == nil:
		m := u.mix.add(it.chunk, f)
		u.l.p.count(func(c *Counts) {
			c.Repeated += m.repeated
			c.Swapped += m.swapped
			c.Dropped += m.dropped
		})
		return u.send(m.out)
	case !u.send(u.mix.rest()):
		return false
	case f.loses():
		u.lost = true
		u.l.p.count(func(c *Counts) { c.Unheard++ })
		return true
	case !errors.Is(it.end, io.EOF):
		u.l.reset()
		return false
	}
	u.shut = true
	_ = u.dst.CloseWrite() // it fails only if the receiver has gone
	u.l.finish()
	return true
}

// await waits until an item has been under way for long enough.
func (u *pump) await(it item) (Flow, bool) {
	for {
		f, changed, ok := u.flow()
		if !ok || f.loses() {
			return f, ok
		}
		left := time.Until(it.arrived.Add(f.Latency + time.Duration(it.jitter*float64(f.Jitter))))
		if !f.Stall && left <= 0 {
			return f, true
		}
		if f.Stall {
			left = -1
		}
		if !u.wait(left, changed) {
			return f, false
		}
	}
}

// wait waits for a time, for ever if it is negative, or for a change of the
// fault. It returns false when the link is over.
func (u *pump) wait(d time.Duration, changed <-chan struct{}) bool {
	var end <-chan time.Time
	if d >= 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		end = t.C
	}
	select {
	case <-u.l.done:
		return false
	case <-changed:
	case <-end:
	}
	return true
}

func (u *pump) send(list [][]byte) bool {
	for _, data := range list {
		if !u.put(data) {
			return false
		}
	}
	return true
}

// put sends bytes as fast as they may go. What was begun is not swallowed:
// that happens to whole chunks.
func (u *pump) put(data []byte) bool {
	begun := false
	for len(data) > 0 {
		f, changed, ok := u.flow()
		switch {
		case !ok:
			return false
		case u.l.ended.Load():
			return true
		case f.loses() && (!begun || u.shut):
			u.lost = true
			u.l.p.count(func(c *Counts) { c.Swallowed += int64(len(data)) })
			return true
		}
		piece := data
		if f.Rate > 0 {
			if left := time.Until(u.free); left > 0 {
				if !u.wait(left, changed) {
					return false
				}
				continue
			}
			piece = piece[:min(len(piece), max(1, f.Rate/50))]
		}
		end := f.end(u.passed)
		piece = piece[:min(int64(len(piece)), end)]
		n, err := u.dst.Write(piece)
		begun = true
		u.passed += int64(n)
		u.l.p.count(func(c *Counts) { c.Passed[u.dir] += int64(n) })
		if err != nil {
			return u.broken()
		}
		if int64(n) == end {
			return u.breakOff(f)
		}
		if f.Rate > 0 {
			u.free = time.Now().Add(time.Duration(n) * time.Second / time.Duration(f.Rate))
		}
		data = data[n:]
	}
	return true
}

// end returns how many more bytes pass before a flow breaks the link off.
func (f Flow) end(passed int64) int64 {
	left := int64(1) << 62
	for _, after := range []int64{f.ResetAfter, f.EndAfter} {
		if after > 0 {
			left = min(left, max(after-passed, 0))
		}
	}
	return left
}

// breakOff ends the link after the last byte that may pass.
func (u *pump) breakOff(f Flow) bool {
	if f.ResetAfter > 0 && (f.EndAfter <= 0 || f.ResetAfter <= f.EndAfter) {
		u.l.reset()
		return false
	}
	u.l.breakOff(u.src, u.dst)
	return false
}

// broken is called when the receiver has gone. The sender hears of it, unless
// nothing comes back to it.
func (u *pump) broken() bool {
	if u.l.ended.Load() {
		return true
	}
	if back, _, _ := u.l.p.now(1 - u.dir); back.loses() {
		u.lost = true
		return true
	}
	u.l.reset()
	return false
}
