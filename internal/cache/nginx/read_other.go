//go:build !linux

package nginx

import (
	"errors"
	"io"
	"os"
	"time"
)

// readStart reads the first bytes of a file, and tells its size and when it was
// written to last.
func readStart(path string, buf []byte) (n int, size int64, written time.Time, err error) {
	f, err := os.Open(path) //nolint:gosec // a file of the cache's own folder
	if err != nil {
		return 0, 0, written, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return 0, 0, written, err
	}
	n, err = f.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, 0, written, err
	}
	return n, st.Size(), st.ModTime(), nil
}
