package edge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// bodyDir holds the bodies, in 256 × 256 directories by the low bits of their
// ID, which spread evenly.
const bodyDir = "bodies"

const partSuffix = ".part"

func bodyPath(dir string, id int64) string {
	name := fmt.Sprintf("%016x", id)
	return filepath.Join(dir, bodyDir, name[14:16], name[12:14], name)
}

// sweepBodies compares the disk with the index: it removes every file that no
// variant claims with its size, and returns the variants whose body is whole.
func sweepBodies(dir string, known map[int64]*variant) (map[int64]bool, error) {
	whole := make(map[int64]bool, len(known))
	err := filepath.WalkDir(filepath.Join(dir, bodyDir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		id, bad := strconv.ParseInt(d.Name(), 16, 64)
		if v := known[id]; bad == nil && v != nil {
			if info, err := d.Info(); err == nil && info.Size() == v.Size {
				whole[id] = true
				return nil
			}
		}
		return os.Remove(path) //nolint:gosec // the directory is the cache's own
	})
	if err != nil {
		return nil, fmt.Errorf("sweep bodies: %w", err)
	}
	return whole, nil
}

// createBody makes the file that a fill writes to.
func createBody(dir string, id int64) (*os.File, error) {
	path := bodyPath(dir, id) + partSuffix
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the path is made of our directory and a number
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o750); err == nil {
			f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // as above
		}
	}
	if err != nil {
		return nil, fmt.Errorf("create body: %w", err)
	}
	return f, nil
}

// openBody opens a stored body and checks its length.
func openBody(dir string, v *variant) (*os.File, error) {
	f, err := os.Open(bodyPath(dir, v.id))
	if err != nil {
		return nil, fmt.Errorf("open body: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() != v.Size {
		err = fmt.Errorf("body has %d bytes, not %d", info.Size(), v.Size)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// syncBody puts a stored body on disk for good, before its row says that it is
// there.
func syncBody(dir string, id int64) error {
	f, err := os.Open(bodyPath(dir, id))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// growing is a body in the making: one writer, many readers.
type growing struct {
	file *os.File

	mu      sync.Mutex
	written int64
	ended   bool
	err     error         // with ended: why it is not whole
	more    chan struct{} // closed at the next change; nil while nobody waits
}

// advance tells readers that n more bytes are in the file.
func (g *growing) advance(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.written += int64(n)
	g.wake()
}

// end tells readers of the last n bytes and that nothing will follow.
func (g *growing) end(n int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.written += int64(n)
	g.ended, g.err = true, err
	g.wake()
}

func (g *growing) wake() {
	if g.more != nil {
		close(g.more)
		g.more = nil
	}
}

// state returns how many bytes are there and whether more may follow.
func (g *growing) state() (written int64, ended bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.written, g.ended, g.err
}

// wait returns once there are bytes behind off, or none will follow.
func (g *growing) wait(ctx context.Context, off int64) (written int64, ended bool, err error) {
	for {
		g.mu.Lock()
		if g.written > off || g.ended {
			defer g.mu.Unlock()
			return g.written, g.ended, g.err
		}
		if g.more == nil {
			g.more = make(chan struct{})
		}
		more := g.more
		g.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return 0, false, context.Cause(ctx)
		}
	}
}
