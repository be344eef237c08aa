//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package sqlfile

import (
	"fmt"
	"os"
)

// lockFile holds the file open and no more: without flock, that only one
// process uses the directory is left to the operator.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the directory
	if err != nil {
		return nil, fmt.Errorf("opening lock file: %w", err)
	}
	return f, nil
}

func unlockFile(*os.File) error { return nil }
