//go:build race

package hls_test

import "time"

// slower allows for the race detector, which makes parsing ten times slower.
func slower(d time.Duration) time.Duration { return 10 * d }
