package nginx

import (
	"errors"
	"io/fs"
	"syscall"
	"time"
)

// readStart reads the first bytes of a file, and tells its size and when it was
// written to last. It does without os.File, which makes a descriptor ready to
// be waited for, in three calls more: files of a cache are read by the thousand,
// each once.
func readStart(path string, buf []byte) (n int, size int64, written time.Time, err error) {
	var fd int
	err = again(func() error {
		fd, err = syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return 0, 0, written, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if err := again(func() error { return syscall.Fstat(fd, &st) }); err != nil {
		return 0, 0, written, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	for n < len(buf) {
		var got int
		err := again(func() error {
			got, err = syscall.Pread(fd, buf[n:], int64(n))
			return err
		})
		if err != nil {
			return 0, 0, written, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		if n += got; got == 0 || int64(n) >= st.Size {
			break
		}
	}
	return n, st.Size, time.Unix(st.Mtim.Unix()), nil
}

// again repeats a call as long as signals interrupt it.
func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
