//go:build !linux

package edge

import "errors"

// diskSpace is not known here: the cache fills the disk up to its own limit
// and makes room when a write fails.
func diskSpace(string) (free, size int64, err error) { return 0, 0, errors.ErrUnsupported }
