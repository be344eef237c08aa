//go:build !race

package hls_test

import "time"

// slower returns d: there is no race detector to allow for.
func slower(d time.Duration) time.Duration { return d }
