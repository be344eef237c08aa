// Package room tells when the disk under a folder is nearly full, so that what
// is new can be refused while there is room to finish what was accepted.
//
// It must not know what is kept there. If it is wrong, a disk fills up under
// work in hand, or calls are refused for nothing.
package room

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
)

// Options say which disk, and how much of it is to be left. Only Dir is needed.
type Options struct {
	Dir string
	// Reserve is how many bytes must be free; 0 is [Reserve] of the disk's size.
	Reserve int64
	// Space asks the file system that holds a folder; [Space].
	Space func(dir string) (free, size int64, err error)
	// Hold is how long an answer of Space holds; 1 second.
	Hold time.Duration
	Log  *slog.Logger // hears when the disk becomes low, and when it has room again
}

// Reserve is how much of a disk of size bytes is kept free to finish what was
// accepted: half a hundredth, 32 MiB at least and 1 GiB at most, and never more
// than a sixteenth of a small disk. It is half of what the built-in cache leaves
// at most, so that a cache on the same disk gives way before calls are refused.
func Reserve(size int64) int64 { return min(max(32<<20, size/200), size/16, 1<<30) }

// Reading is how a disk stands.
type Reading struct {
	Free    int64 // bytes, for users without privileges
	Reserve int64 // bytes that must be free
	Low     bool  // fewer are, or were and not much has changed
}

// Gauge watches one disk. Its methods may be called concurrently, and ask the
// file system once in a while only.
type Gauge struct {
	o Options

	mu   sync.Mutex // guards what follows
	at   time.Time
	last Reading
	err  error
}

// New makes a Gauge.
func New(o Options) *Gauge {
	if o.Space == nil {
		o.Space = Space
	}
	if o.Hold <= 0 {
		o.Hold = time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Gauge{o: o}
}

// Look returns how the disk stands. A file system that does not answer is not
// low: a write will tell. The error wraps [errors.ErrUnsupported] where nobody
// knows.
func (g *Gauge) Look() (Reading, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.at.IsZero() && time.Since(g.at) < g.o.Hold {
		return g.last, g.err
	}
	free, size, err := g.o.Space(g.o.Dir)
	g.at, g.err = time.Now(), err
	if err != nil {
		g.last = Reading{}
		return g.last, err
	}
	r := Reading{Free: free, Reserve: g.o.Reserve}
	if r.Reserve == 0 {
		r.Reserve = Reserve(size)
	}
	r.Low = free < r.Reserve
	if g.last.Low { // an eighth more, or calls would be refused and let in by turns
		r.Low = free < r.Reserve+r.Reserve/8
	}
	g.tell(r)
	g.last = r
	return r, nil
}

// tell logs a change.
func (g *Gauge) tell(r Reading) {
	attrs := []any{slog.String("dir", g.o.Dir), slog.Int64("free", r.Free), slog.Int64("reserve", r.Reserve)}
	switch {
	case r.Low && !g.last.Low:
		g.o.Log.Warn("the disk is nearly full, nothing new is taken", attrs...)
	case !r.Low && g.last.Low:
		g.o.Log.Info("the disk has room again", attrs...)
	}
}

// Low reports whether the disk is nearly full.
func (g *Gauge) Low() bool {
	r, err := g.Look()
	return err == nil && r.Low
}

// retryAfter is when a caller who was refused may ask again: somebody has to
// make room first.
const retryAfter = time.Minute

// Check is nil, or the error of a call that is refused because the disk is
// nearly full: CodeUnavailable, KindDisk.
func (g *Gauge) Check() error {
	r, err := g.Look()
	if err != nil || !r.Low {
		return nil //nolint:nilerr // a disk that cannot be asked tells when it is written
	}
	return &freshet.Error{
		Code: freshet.CodeUnavailable, Kind: freshet.KindDisk, RetryAfter: retryAfter,
		Message: fmt.Sprintf("The server's disk is nearly full, so that it accepts nothing new: %s are free and %s are needed.", Bytes(r.Free), Bytes(r.Reserve)),
	}
}

// Trouble is nil, or in a few words what is the matter, for who looks at the
// process's health.
func (g *Gauge) Trouble() error {
	switch r, err := g.Look(); {
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	case err != nil:
		return errors.New("the file system does not say how much of it is free")
	case r.Low:
		return fmt.Errorf("nearly full, so that nothing new is accepted: %s are free, %s are kept to finish what was", Bytes(r.Free), Bytes(r.Reserve))
	}
	return nil
}

// Bytes writes a size for people.
func Bytes(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
