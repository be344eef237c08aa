package varnish

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/freshet-vod/freshet"
)

const (
	// answerWithin bounds the wait for one window of requests that need no
	// origin, for callers whose context has no end.
	answerWithin = 30 * time.Second
	// idleFor is below Varnish's timeout_idle of 5 s: a connection that it is
	// about to close is not worth a try.
	idleFor = 3 * time.Second
	// A window is written at once and then answered: small enough to fit into
	// the buffers of both ends, since Varnish reads nothing while it waits for
	// us to take its answers.
	windowRequests = 64
	windowBytes    = 32 << 10
	// splitAbove is how many requests make a second connection worth while.
	splitAbove = 128
	maxSplit   = 4
)

// lane is a few persistent connections over which requests are pipelined.
// Those that wait for fills have their own lane: behind a slow origin they
// would hold up every purge.
type lane struct {
	network, addr string
	within        time.Duration // longest wait for the answers of a window; 0: no bound
	turns         chan struct{} // a value per connection in use
	ids           atomic.Uint64

	mu   sync.Mutex // guards idle
	idle []*conn
}

type conn struct {
	net.Conn

	br   *bufio.Reader
	used time.Time // when it was last answered; zero: never
}

func newLane(network, addr string, conns int, within time.Duration) *lane {
	l := &lane{network: network, addr: addr, within: within, turns: make(chan struct{}, conns)}
	// An answer that was meant for an earlier life of the agent must not fit.
	l.ids.Store(rand.Uint64() >> 16) //nolint:gosec // tells answers apart, guards nothing
	return l
}

func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.idle {
		_ = c.Close()
	}
	l.idle = nil
}

// do makes requests and returns their replies in order. Each request is either
// answered or has an error; requests after a lost connection are made again on
// a new one if the connection had served before, since Varnish closes idle ones.
func (l *lane) do(ctx context.Context, reqs []request) []reply {
	out := make([]reply, len(reqs))
	if parts := min(maxSplit, len(reqs)/splitAbove); parts > 1 {
		each(parts, parts, func(i int) {
			from, to := i*len(reqs)/parts, (i+1)*len(reqs)/parts
			l.run(ctx, reqs[from:to], out[from:to])
		})
		return out
	}
	l.run(ctx, reqs, out)
	return out
}

func (l *lane) run(ctx context.Context, reqs []request, out []reply) {
	if len(reqs) == 0 {
		return
	}
	fail := func(from int, err error) {
		for i := from; i < len(out); i++ {
			out[i] = reply{err: err}
		}
	}
	if ctx.Err() != nil {
		fail(0, context.Cause(ctx))
		return
	}
	select {
	case l.turns <- struct{}{}:
		defer func() { <-l.turns }()
	case <-ctx.Done():
		fail(0, context.Cause(ctx))
		return
	}
	for done := 0; done < len(reqs); {
		c, err := l.get(ctx)
		if err != nil {
			fail(done, err)
			return
		}
		reused := !c.used.IsZero()
		n, err := l.exchange(ctx, c, reqs[done:], out[done:])
		done += n
		if err != nil && (!reused || ctx.Err() != nil || !errors.Is(err, errClosed) || reasonOf(err) == freshet.ReasonTimeout) {
			fail(done, err)
			return
		}
	}
}

// exchange makes requests on one connection until they are all answered, or the
// connection can take no more. It returns how many were answered; those that
// may not be sent count as answered, with errUnsafe.
func (l *lane) exchange(ctx context.Context, c *conn, reqs []request, out []reply) (done int, err error) {
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	keep := false
	defer func() {
		if stop() && keep {
			l.put(c)
			return
		}
		_ = c.Close()
	}()
	var w window
	for done < len(reqs) {
		l.fill(&w, reqs[done:])
		if l.within > 0 {
			_ = c.SetDeadline(time.Now().Add(l.within))
			if ctx.Err() != nil { // its end may have set an earlier one just before
				return done, context.Cause(ctx)
			}
		}
		if _, err := c.Write(w.buf); err != nil {
			return done, fmt.Errorf("%w: %w", errClosed, err)
		}
		for _, id := range w.ids {
			if id == 0 {
				out[done] = reply{err: errUnsafe}
				done++
				continue
			}
			r, more, err := readReply(c.br, id)
			if err != nil {
				return done, err
			}
			c.used = time.Now()
			out[done] = r
			done++
			if !more {
				return done, nil
			}
		}
	}
	keep = c.br.Buffered() == 0
	return done, nil
}

// window is what is written at once.
type window struct {
	buf []byte
	ids []uint64 // of its requests; 0: it may not be sent
}

// fill puts as many requests into a window as it holds, at least one.
func (l *lane) fill(w *window, reqs []request) {
	w.buf, w.ids = w.buf[:0], w.ids[:0]
	for i := range reqs {
		if len(w.ids) == windowRequests || len(w.buf) >= windowBytes {
			return
		}
		id := uint64(0)
		if reqs[i].safe() {
			id = l.ids.Add(1)
			w.buf = reqs[i].appendTo(w.buf, id)
		}
		w.ids = append(w.ids, id)
	}
}

func (l *lane) get(ctx context.Context) (*conn, error) {
	l.mu.Lock()
	for len(l.idle) > 0 {
		c := l.idle[len(l.idle)-1]
		l.idle = l.idle[:len(l.idle)-1]
		if time.Since(c.used) < idleFor {
			l.mu.Unlock()
			return c, nil
		}
		_ = c.Close()
	}
	l.mu.Unlock()
	d := net.Dialer{Timeout: 5 * time.Second}
	c, err := d.DialContext(ctx, l.network, l.addr)
	if err != nil {
		return nil, fmt.Errorf("reaching the control listener: %w", err)
	}
	return &conn{Conn: c, br: bufio.NewReaderSize(c, 16<<10)}, nil
}

func (l *lane) put(c *conn) {
	_ = c.SetDeadline(time.Time{})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = append(l.idle, c)
}
