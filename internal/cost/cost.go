// Package cost measures what a piece of work costs, for tests that hold bounds.
//
// It counts processor time and bytes allocated, not time on a clock: those hold
// on a machine that is busy. Both are of the whole process, so a test that
// measures must not be parallel, and what its other goroutines do counts too. It
// must not be imported by anything but tests.
package cost

import (
	"fmt"
	"math"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// Runs is how often Refusal calls its function.
const Runs = 3

// The bounds of a refusal (promise P10): whatever is refused costs no more.
const (
	RefusalCPU   = 50 * time.Millisecond
	RefusalBytes = 16 << 20
)

// Cost is what a piece of work took.
type Cost struct {
	CPU   time.Duration // user and system
	Bytes uint64        // allocated in all, freed or not
}

// String implements fmt.Stringer.
func (c Cost) String() string {
	return fmt.Sprintf("%v of a processor, %d KiB allocated", c.CPU.Round(10*time.Microsecond), c.Bytes>>10)
}

// Of returns the least that f costs in a few runs, each figure by itself: what
// more it took in another was the collector's, or somebody else's.
func Of(runs int, f func()) Cost {
	least := Cost{CPU: math.MaxInt64, Bytes: math.MaxUint64}
	for range runs {
		var before, after runtime.MemStats
		runtime.GC() // what the run before left is not this one's to sweep
		runtime.ReadMemStats(&before)
		begun := cpu()
		f()
		least.CPU = min(least.CPU, cpu()-begun)
		runtime.ReadMemStats(&after)
		least.Bytes = min(least.Bytes, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

// Refusal fails the test if f, which is refused, costs more than a refusal may.
// With the race detector processor time counts ten times less, and bytes half: it
// makes code that much dearer.
func Refusal(tb testing.TB, f func()) {
	tb.Helper()
	c := Of(Runs, f)
	tb.Logf("%v", c)
	if limit := RefusalCPU * slower; c.CPU > limit {
		tb.Errorf("the refusal took %v of a processor, the limit is %v", c.CPU, limit)
	}
	if limit := uint64(RefusalBytes * larger); c.Bytes > limit {
		tb.Errorf("the refusal allocated %d KiB, the limit is %d", c.Bytes>>10, limit>>10)
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic("cost: reading the processor's time: " + err.Error())
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
