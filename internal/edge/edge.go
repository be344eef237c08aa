// Package edge is the built-in cache: an HTTP caching reverse proxy for video
// that keeps bodies on disk, streams while it fills, and fences every fill
// with a generation, so that a purge can never be undone by an answer that was
// already on its way.
//
// It must not know the log, the agent, the bus or the driver contract; it
// knows URLs, positions and HTTP. Package cache/edge drives it, and app mounts
// it as an HTTP handler. If its fence is wrong, a purged body comes back and
// every "complete" of the product is a lie.
package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/room"
)

// Options configures a [Cache]. Only Dir and POP are required.
type Options struct {
	Dir     string // holds bodies and the index; one cache at a time
	POP     string // ID of the POP that the cache belongs to
	PeerKey []byte // HMAC key shared by the POPs; nil: there are no peers

	MaxBytes    int64         // of bodies on disk; default 10 GiB
	MinFree     int64         // of the file system, left to others; default 1 % but at least 64 MiB, at most an eighth
	MaxObject   int64         // larger bodies are streamed, not stored; default MaxBytes/4
	FillTimeout time.Duration // an upstream that sends nothing for so long has failed; default 30 s
	DefaultTTL  time.Duration // freshness of a 200 that states none; default 1 h
	FlushRate   int           // revalidations a second that a Flush may cause; default 500

	Trusted bool // only other caches reach it: no URL needs a signature

	// Guard decides at the last moment whether an address may be connected to
	// for a domain that a tenant declared, as the Control of a net.Dialer; nil:
	// none may.
	Guard func(network, address string, c syscall.RawConn) error

	Transport http.RoundTripper                              // nil: an own one, without proxies from the environment
	Disk      func(dir string) (free, size int64, err error) // space of the file system; nil: asks it
	Log       *slog.Logger                                   // nil: silence
}

// Defaults of Options.
const (
	DefaultMaxBytes    = 10 << 30
	DefaultFillTimeout = 30 * time.Second
	DefaultFreshness   = time.Hour
	DefaultFlushRate   = 500
)

func (o *Options) check() error {
	var faults []error
	if o.Dir == "" {
		faults = append(faults, errors.New("edge: Dir is empty"))
	}
	if o.POP == "" {
		faults = append(faults, errors.New("edge: POP is empty"))
	}
	if strings.ContainsFunc(o.POP, func(r rune) bool { return r <= ' ' || r > '~' || r == ';' || r == '|' }) {
		faults = append(faults, fmt.Errorf("edge: POP %q holds a character that no ID may hold", o.POP))
	}
	if o.MaxBytes < 0 || o.MinFree < 0 || o.MaxObject < 0 || o.FillTimeout < 0 || o.DefaultTTL < 0 || o.FlushRate < 0 {
		faults = append(faults, errors.New("edge: a limit is negative"))
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.MaxObject == 0 {
		o.MaxObject = max(o.MaxBytes/4, 1)
	}
	if o.MaxObject > o.MaxBytes {
		faults = append(faults, fmt.Errorf("edge: MaxObject %d is greater than MaxBytes %d", o.MaxObject, o.MaxBytes))
	}
	if o.FillTimeout == 0 {
		o.FillTimeout = DefaultFillTimeout
	}
	if o.DefaultTTL == 0 {
		o.DefaultTTL = DefaultFreshness
	}
	if o.FlushRate == 0 {
		o.FlushRate = DefaultFlushRate
	}
	if o.Disk == nil {
		o.Disk = room.Space
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return errors.Join(faults...)
}

// Cache is the built-in cache of one POP. Its methods may be called
// concurrently.
type Cache struct {
	opt       Options
	name      string // in Cache-Status and Via
	transport http.RoundTripper
	guarded   *http.Transport // to origins that tenants declared; it shares no connection with the other
	routes    atomic.Pointer[routes]
	ready     atomic.Bool
	obstacle  atomic.Pointer[string] // why balancers are to send nobody; nil or empty: nothing
	opened    time.Time
	asked     atomic.Int64 // when somebody asked last, after opened
	lastID    atomic.Int64
	shelf     *shelf
	denied    denials
	index     *index
	incarn    string
	flushRate *rate.Limiter
	counts    counts
	fills     sync.WaitGroup // every flight, and what watches the disk; Close waits for it
	stop      chan struct{}  // closed by Close
	stopOnce  sync.Once
	closeErr  error
}

// Open opens the cache in o.Dir, or creates it there. It forgets bodies that
// have no row in the index and rows whose body is missing or cut short, so
// what a crash left behind is never served. The cache serves nobody until
// SetReady(true).
func Open(ctx context.Context, o Options) (*Cache, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(o.Dir, bodyDir), 0o750); err != nil {
		return nil, fmt.Errorf("make cache directory: %w", err)
	}
	c := &Cache{
		opt:       o,
		opened:    time.Now(),
		name:      "freshet-" + token(o.POP),
		transport: o.Transport,
		shelf:     newShelf(o.MaxBytes),
		flushRate: rate.NewLimiter(rate.Limit(o.FlushRate), 2*o.FlushRate),
		stop:      make(chan struct{}),
	}
	if c.transport == nil {
		c.transport = newTransport(o.FillTimeout, nil)
	}
	c.guarded = newTransport(o.FillTimeout, guardOf(o.Guard))
	ix, saved, err := openIndex(ctx, o.Dir, o.Log)
	if err != nil {
		return nil, err
	}
	if err := c.restore(saved); err != nil {
		return nil, errors.Join(err, ix.db.Close())
	}
	c.index = ix
	c.SetTopology(freshet.Topology{})
	ctx = context.WithoutCancel(ctx)
	ix.start(ctx, c.shelf)
	c.fills.Go(func() { c.keepRoom(ctx) })
	return c, nil
}

// restore puts what the index knows and the disk confirms on the shelf.
func (c *Cache) restore(saved *savedState) error {
	c.incarn = saved.incarnation
	known := make(map[int64]*variant, len(saved.variants))
	last := time.Now().UnixNano()
	for _, v := range saved.variants {
		known[v.id] = v
		last = max(last, v.id)
	}
	// IDs name body files. They start above the clock and above every row, so
	// that a file that a crash left behind is never mistaken for a new one.
	c.lastID.Store(last)
	whole, err := sweepBodies(c.opt.Dir, known)
	if err != nil {
		return err
	}
	for _, v := range saved.variants {
		if whole[v.id] {
			c.shelf.restore(v)
		} else {
			c.shelf.condemn(v.id, 0)
		}
	}
	if _, err := c.measure(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	c.shelf.evict(0)
	c.shelf.fence = saved.fence
	c.shelf.flushed = saved.flushed
	return nil
}

// SetTopology replaces the domains that are served and the parents that fills
// come from. Requests in progress keep what they began with.
func (c *Cache) SetTopology(t freshet.Topology) { c.routes.Store(newRoutes(t, c.opt.POP)) }

// Close ends every fill, waits for them, and closes the index. The server that
// uses the cache as its handler must have ended before.
func (c *Cache) Close() error {
	c.stopOnce.Do(func() {
		close(c.stop)
		c.shelf.close(errClosed)
		c.fills.Wait()
		c.closeErr = c.index.close()
		if t, ok := c.transport.(*http.Transport); ok && c.opt.Transport == nil {
			t.CloseIdleConnections()
		}
		c.guarded.CloseIdleConnections()
	})
	return c.closeErr
}

// newTransport makes the transport to origins and parents: no proxies from the
// environment (they could steer it elsewhere), no transparent decompression
// (bodies are stored as they were sent), no redirects (RoundTrip follows none).
func newTransport(timeout time.Duration, control func(string, string, syscall.RawConn) error) *http.Transport {
	dialer := &net.Dialer{Timeout: min(timeout, 10*time.Second), KeepAlive: 30 * time.Second, Control: control}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           512,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		ReadBufferSize:         64 << 10,
	}
}

// token makes s fit to stand in Cache-Status and Via.
func token(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, s)
}
