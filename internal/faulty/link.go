package faulty

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
)

// Bounds of what is under way in one direction of a connection.
const (
	chunkBytes = 32 << 10
	chunksHeld = 256
)

// link is a connection and its continuation to the target.
type link struct {
	p     *Proxy
	ends  [2]*net.TCPConn // where each direction comes from
	done  chan struct{}   // closed when the link is over
	once  sync.Once
	over  atomic.Int32 // directions whose end has passed
	ended atomic.Bool  // by EndAfter: what else is said goes nowhere
}

// join makes a link of two connections. A reset since they were begun is for
// them, too: whoever resets need not know how far they have come.
func (p *Proxy) join(ctx context.Context, client, target *net.TCPConn, resets uint64) {
	l := &link{p: p, ends: [2]*net.TCPConn{Up: client, Down: target}, done: make(chan struct{})}
	p.mu.Lock()
	p.links[l] = true
	p.number++
	number, late := p.number, p.resets != resets
	p.mu.Unlock()
	if late {
		l.reset()
	}
	stop := context.AfterFunc(ctx, l.close)
	var wg sync.WaitGroup
	for _, d := range []Direction{Up, Down} {
		u := &pump{
			l: l, dir: d, src: l.ends[d], dst: l.ends[1-d],
			queue: make(chan item, chunksHeld), cut: splitter{raw: !p.o.NATS},
			// Each has its own dice, so that what becomes of one direction does
			// not hang on the other's pace.
			dice: rand.New(rand.NewPCG(p.o.Seed, number*2+uint64(d))), //nolint:gosec // faults, not secrets
		}
		u.mix.dice = rand.New(rand.NewPCG(^p.o.Seed, number*2+uint64(d))) //nolint:gosec // faults, not secrets
		wg.Go(u.read)
		wg.Go(u.write)
	}
	wg.Wait()
	stop()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// reset ends both connections with a reset.
func (l *link) reset() {
	l.once.Do(func() {
		l.p.count(func(c *Counts) { c.Resets++ })
		close(l.done)
		abort(l.ends[Up])
		abort(l.ends[Down])
	})
}

func (l *link) close() {
	l.once.Do(func() {
		close(l.done)
		_ = l.ends[Up].Close()
		_ = l.ends[Down].Close()
	})
}

// finish notes that the end of one direction has passed.
func (l *link) finish() {
	if l.over.Add(1) == 2 || l.ended.Load() {
		l.close()
	}
}

// breakOff ends a stream early: in good order for the receiver, who may take
// its time to read what has come.
func (l *link) breakOff(src, dst *net.TCPConn) {
	l.p.count(func(c *Counts) { c.Ended++ })
	l.ended.Store(true)
	_ = dst.CloseWrite() // it fails only if the receiver has gone
	abort(src)
	if l.over.Load() > 0 { // the receiver says nothing more that would tell when it has gone
		l.close()
	}
}
