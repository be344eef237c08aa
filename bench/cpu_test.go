package bench_test

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processors are the processes of which the CPU time is counted: this one and
// some others. With two cores for a hundred POPs, CPU time is what limits a
// fan-out, and unlike elapsed time it hardly depends on what else runs.
type processors []int

// used returns the CPU time of all so far; 0 where it is not known.
func (p processors) used() time.Duration {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return 0
	}
	sum := time.Duration(own.Utime.Nano() + own.Stime.Nano())
	for _, pid := range p {
		sum += cpuOf(pid)
	}
	return sum
}

// cpuOf reads the CPU time of another process, which the kernel counts in
// hundredths of a second.
func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// share is the CPU time of one side of a benchmark.
type share struct {
	of    processors
	spent time.Duration
	n     int
}

func (s *share) measure(fn func()) {
	before := s.of.used()
	fn()
	s.spent += s.of.used() - before
	s.n++
}

// ms returns milliseconds of CPU a round.
func (s *share) ms() float64 {
	return float64(s.spent) / float64(time.Millisecond) / float64(max(s.n, 1))
}
