package sqlfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/freshet-vod/freshet"
)

// errLocked is what lockFile returns when another process holds the file.
var errLocked = errors.New("held by another process")

// Lock is the exclusive use of a directory.
type Lock struct{ file *os.File }

// LockDir makes dir if there is none, with mode 0700, and takes it for this
// process alone. If another process has it, the error is a CodeConflict one
// that names the directory.
func LockDir(dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making data directory: %w", err)
	}
	f, err := lockFile(filepath.Join(dir, "lock"))
	if errors.Is(err, errLocked) {
		return nil, freshet.Errorf(freshet.CodeConflict, "The data directory %s is in use by another process: end that one, or choose another directory.", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	return &Lock{file: f}, nil
}

// Release gives the directory up. The file stays: removing it would let two
// processes hold locks on two files of one name.
func (l *Lock) Release() error {
	// Closing alone is not enough: a program that this process is just starting
	// holds a copy of the file until it runs, and the lock with it.
	if err := errors.Join(unlockFile(l.file), l.file.Close()); err != nil {
		return fmt.Errorf("releasing lock: %w", err)
	}
	return nil
}
