package room

import (
	"fmt"
	"math"
	"syscall"
)

// Space asks the file system that holds dir how much of it is free, for
// users without privileges, and how large it is.
func Space(dir string) (free, size int64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("ask for the free space of %s: %w", dir, err)
	}
	const most = math.MaxInt32 // blocks; more than that is plenty
	block := st.Bsize
	return int64(min(st.Bavail, most)) * block, int64(min(st.Blocks, most)) * block, nil
}
