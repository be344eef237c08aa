package faulty

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// dialTimeout bounds the connection to the target, which is on this machine or
// near it.
const dialTimeout = 5 * time.Second

// backlog is how many connections the kernel keeps for a proxy that was closed
// for a while.
const backlog = 128

// Options say what a proxy stands in front of.
type Options struct {
	Target string // HOST:PORT
	Seed   uint64 // of everything that is left to chance
	NATS   bool   // the connections carry NATS: whole messages can be mixed up
}

// Proxy passes connections on to its target, as well as its faults let it.
// Linux only: elsewhere a port cannot be closed and kept.
type Proxy struct {
	o        Options
	listener *net.TCPListener
	stop     func() // ends everything, does not wait
	wg       sync.WaitGroup

	mu      sync.Mutex // guards what follows
	fault   Fault
	sets    [2]uint64     // how often each flow was set
	resets  uint64        // how often Reset was called
	changed chan struct{} // closed when the fault changes, and by Reset
	links   map[*link]bool
	number  uint64 // of the last link
	counts  Counts
}

// New starts a healthy proxy on a free port of the loopback. It ends with ctx
// or with Close.
func New(ctx context.Context, o Options) (*Proxy, error) {
	l, err := listen(ctx)
	if err != nil {
		return nil, fmt.Errorf("starting a faulty proxy: %w", err)
	}
	p := &Proxy{o: o, listener: l, changed: make(chan struct{}), links: map[*link]bool{}}
	ctx, cancel := context.WithCancel(ctx)
	p.stop = sync.OnceFunc(func() {
		cancel()
		_ = l.Close()
	})
	context.AfterFunc(ctx, p.stop)
	p.wg.Go(func() { p.serve(ctx) })
	return p, nil
}

// listen listens on a port that is bound by its number: the kernel takes away
// one that it chose itself when it stops to listen for a while.
func listen(ctx context.Context) (*net.TCPListener, error) {
	var lc net.ListenConfig
	var faults []error
	for range 10 { // another process may take the port in between
		l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		addr := l.Addr().String()
		_ = l.Close()
		if l, err = lc.Listen(ctx, "tcp", addr); err == nil {
			return l.(*net.TCPListener), nil
		}
		faults = append(faults, err)
	}
	return nil, errors.Join(faults...)
}

// Addr returns the address to connect to, HOST:PORT. It stays the same.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Close ends the proxy and its connections, and waits until they are gone. It
// may be called more than once.
func (p *Proxy) Close() {
	p.stop()
	p.wg.Wait()
}

// Counts returns what happened so far.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

// Fault returns what is wrong now.
func (p *Proxy) Fault() Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault
}

// Apply sets everything at once, for open connections and for new ones.
func (p *Proxy) Apply(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.apply(f)
}

// Set sets what becomes of the bytes of one direction.
func (p *Proxy) Set(d Direction, f Flow) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.fault
	if d == Up {
		next.Up = f
	} else {
		next.Down = f
	}
	p.apply(next)
}

// Heal ends every fault. Connections that lost bytes are reset, others go on.
func (p *Proxy) Heal() { p.Apply(Fault{}) }

// BlackHole swallows everything: what open connections carry, and new ones.
func (p *Proxy) BlackHole() {
	p.Apply(Fault{Up: Flow{Swallow: true}, Down: Flow{Swallow: true}, Door: Hang})
}

// Refuse closes the port and resets every connection, as if the target had
// ended.
func (p *Proxy) Refuse() {
	p.Apply(Fault{Door: Refuse})
	p.Reset()
}

// Reset resets every connection now. New ones can be made at once.
func (p *Proxy) Reset() {
	p.mu.Lock()
	p.resets++
	p.tell()
	open := make([]*link, 0, len(p.links))
	for l := range p.links {
		open = append(open, l)
	}
	p.mu.Unlock()
	for _, l := range open {
		l.reset()
	}
}

func (p *Proxy) apply(f Fault) {
	if f.Up != p.fault.Up {
		p.sets[Up]++
	}
	if f.Down != p.fault.Down {
		p.sets[Down]++
	}
	if (f.Door == Refuse) != (p.fault.Door == Refuse) {
		p.listen(f.Door != Refuse)
	}
	p.fault = f
	p.tell()
}

func (p *Proxy) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// listen opens or closes the port without giving it away: the demo of a server
// that is started again must not lose its port to another process.
func (p *Proxy) listen(open bool) {
	raw, err := p.listener.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { // it fails only when the proxy ends
		if open {
			_ = syscall.Listen(int(fd), backlog)
		} else {
			_ = syscall.Shutdown(int(fd), syscall.SHUT_RD)
		}
	})
}

// now returns the flow of one direction, how often it was set, and what is
// closed when that changes.
func (p *Proxy) now(d Direction) (f Flow, set uint64, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d == Up {
		return p.fault.Up, p.sets[Up], p.changed
	}
	return p.fault.Down, p.sets[Down], p.changed
}

// door returns what becomes of new connections, how often all were reset, and
// what is closed when either changes.
func (p *Proxy) door() (d Door, resets uint64, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault.Door, p.resets, p.changed
}

func (p *Proxy) count(add func(*Counts)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	add(&p.counts)
}

func (p *Proxy) serve(ctx context.Context) {
	for {
		conn, err := p.listener.AcceptTCP()
		if err == nil {
			door, resets, _ := p.door()
			p.count(func(c *Counts) { c.Connections++ })
			p.wg.Go(func() { p.admit(ctx, conn, door, resets) })
			continue
		}
		door, _, changed := p.door()
		wait := time.NewTimer(time.Millisecond) // the port is open again, or it is something that passes
		again := wait.C
		if door == Refuse {
			again = nil
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-again:
		}
		wait.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// admit lets a connection in, or does to it what the door said when it came.
func (p *Proxy) admit(ctx context.Context, client *net.TCPConn, door Door, resets uint64) {
	switch door {
	case Refuse: // it came while the port was being closed
		abort(client)
		return
	case Hang:
		p.hang(ctx, client, resets)
		return
	case Open:
	}
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, "tcp", p.o.Target)
	if err != nil {
		abort(client) // the nearest thing to a refusal that is left
		return
	}
	p.join(ctx, client, conn.(*net.TCPConn), resets)
}

// hang reads what a connection has to say and never answers.
func (p *Proxy) hang(ctx context.Context, client *net.TCPConn, resets uint64) {
	gone := make(chan struct{})
	p.wg.Go(func() {
		defer close(gone)
		n, _ := io.Copy(io.Discard, client)
		p.count(func(c *Counts) { c.Swallowed += n })
	})
	for {
		door, now, changed := p.door()
		if door != Hang || now != resets || ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-gone:
			_ = client.Close()
			return
		case <-changed:
		}
	}
	p.count(func(c *Counts) { c.Resets++ })
	abort(client)
}

// abort ends a connection with a reset.
func abort(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}
