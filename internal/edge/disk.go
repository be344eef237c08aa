package edge

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"os"
	"time"
)

const (
	// roomEvery is how often the file system is asked how much is free.
	roomEvery = time.Second
	// roomStep is how much may be promised to fills before it is asked again.
	roomStep = 16 << 20
	// roomUnknown is the room on a file system that does not say.
	roomUnknown = math.MaxInt64 / 4
	// makeStep is the least that is removed when a disk turns out to be full.
	makeStep = 256 << 10
)

// minFree is how much of a file system of size bytes is left to others: the
// index of this cache, which must be able to write a purge, and whoever shares
// the disk. On a tiny disk it is a share, so that some is left to store.
func minFree(size int64) int64 { return min(max(64<<20, size/100), size/8) }

// measure asks the file system for its free space and gives way to others if
// they need what is stored. It reports whether something was removed.
func (c *Cache) measure() (removed bool, err error) {
	free, size, err := c.opt.Disk(c.opt.Dir)
	s := c.shelf
	s.mu.Lock()
	defer s.mu.Unlock()
	s.promised = 0
	if err != nil {
		s.room = roomUnknown
		return false, err
	}
	keep := c.opt.MinFree
	if keep == 0 {
		keep = minFree(size)
	}
	s.room = free - keep + s.dying
	for f := range s.flights {
		s.room -= max(f.reserved-f.wrote.Load(), 0)
	}
	before := s.used
	s.evict(0)
	return s.used < before, nil
}

// keepRoom measures until the cache closes, so that it gives way also while it
// stores nothing itself.
func (c *Cache) keepRoom(ctx context.Context) {
	tick := time.NewTicker(roomEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-c.stop:
			return
		}
		switch removed, err := c.measure(); {
		case errors.Is(err, errors.ErrUnsupported):
			return
		case err != nil:
			c.opt.Log.LogAttrs(ctx, slog.LevelWarn, "free space of the cache's disk unknown", slog.String("error", err.Error()))
		case removed:
			c.opt.Log.LogAttrs(ctx, slog.LevelWarn, "the disk is nearly full, the cache gave way", slog.String("dir", c.opt.Dir))
			c.index.sweep()
		}
	}
}

// reserve promises n more bytes to a flight.
func (c *Cache) reserve(f *flight, n int64) bool {
	ok, due := c.shelf.reserve(f, n)
	if due {
		if _, err := c.measure(); err != nil {
			return ok // the next tick tells
		}
	}
	return ok
}

// makeRoom removes what was used least recently from a disk that turned out to
// be full, at least n bytes if there are so many; false if there is nothing.
// The bodies go before their rows: the caller needs the space at once, and a
// row without a body is dropped at the next start.
func (c *Cache) makeRoom(ctx context.Context, n int64) bool {
	ids := c.shelf.shrink(max(n, makeStep))
	c.index.unlink(ctx, ids)
	c.index.sweep()
	return len(ids) > 0
}

// writeBody appends to a body file and makes room as often as the disk is
// full.
func (c *Cache) writeBody(ctx context.Context, file io.Writer, piece []byte) error {
	for {
		n, err := file.Write(piece)
		if err == nil {
			return nil
		}
		piece = piece[n:]
		if err = diskError(err); !errors.Is(err, errNoSpace) || !c.makeRoom(ctx, int64(len(piece))) {
			return err
		}
	}
}

// newBody makes the file of a body and makes room if the disk has none even
// for its name.
func (c *Cache) newBody(ctx context.Context, id int64) (*os.File, error) {
	for {
		file, err := createBody(c.opt.Dir, id)
		if err == nil || !errors.Is(diskError(err), errNoSpace) || !c.makeRoom(ctx, makeStep) {
			return file, err
		}
	}
}
