package nginx

import (
	"encoding/binary"
	"fmt"
	"os"
	"syscall"
)

// The record of getdents64: inode (8), offset (8), length (2), type (1), name.
const (
	direntLen  = 16
	direntName = 19
)

// readDir calls do for each name in a folder with its inode, which changes when
// a file is replaced. os.ReadDir would need another call per file for it. buf
// is scratch space.
func readDir(path string, buf []byte, do func(name string, inode uint64)) error {
	f, err := os.Open(path) //nolint:gosec // a folder of the cache's own
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		n, err := syscall.ReadDirent(int(f.Fd()), buf)
		if err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
		if n <= 0 {
			return nil
		}
		for b := buf[:n]; len(b) > direntName; {
			size := int(binary.NativeEndian.Uint16(b[direntLen:]))
			if size < direntName || size > len(b) {
				return fmt.Errorf("reading %s: odd entry", path)
			}
			text := b[direntName:size]
			for i, c := range text {
				if c == 0 {
					text = text[:i]
					break
				}
			}
			if s := string(text); s != "." && s != ".." {
				do(s, binary.NativeEndian.Uint64(b))
			}
			b = b[size:]
		}
	}
}
