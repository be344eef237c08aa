// Package lane runs functions in order per key and concurrently across keys.
//
// Both buses hand messages to handlers through it: what one POP sends stays in
// order, and no POP waits for another. It must not know what a message is. If
// it is wrong, evidence is folded out of order, or one slow POP stops all.
package lane

import "sync"

// maxResting bounds the goroutines that rest: enough for a burst from a
// hundred POPs, at some kilobytes each.
const maxResting = 128

// Lanes is a set of queues, one per key. A lane has a goroutine only while it
// has something to do; some then rest and wait for another lane, because a new
// one costs more than most functions: its stack has to grow first. The zero
// value is not usable; see New.
type Lanes[K comparable] struct {
	limit int
	calls chan start[K] // to goroutines that rest
	quit  chan struct{} // closed when stopped
	idle  chan struct{} // closed when stopped and the last goroutine is gone

	mu      sync.Mutex // guards what follows; never held while a function runs
	waiting map[K][]func()
	resting int
	running int // goroutines, the resting ones included
	stopped bool
}

// start is the first function of a lane that begins.
type start[K comparable] struct {
	key K
	run func()
}

// New makes Lanes. At most limit functions wait in each lane, besides the one
// that runs.
func New[K comparable](limit int) *Lanes[K] {
	return &Lanes[K]{
		limit: limit, calls: make(chan start[K]), quit: make(chan struct{}), idle: make(chan struct{}),
		waiting: map[K][]func(){},
	}
}

// Add puts a function at the end of a lane and returns at once. It reports
// false, and the function will not run, if the lane is full or Stop was called.
func (l *Lanes[K]) Add(key K, run func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	queue, busy := l.waiting[key]
	if !busy {
		l.waiting[key] = nil
		l.begin(start[K]{key, run})
		return true
	}
	if len(queue) >= l.limit {
		return false
	}
	l.waiting[key] = append(queue, run)
	return true
}

// begin gives a lane a goroutine; the caller holds mu.
func (l *Lanes[K]) begin(s start[K]) {
	select {
	case l.calls <- s:
		l.resting--
	default:
		l.running++
		go l.work(s)
	}
}

// work runs one lane until it is empty, then rests until there is another.
func (l *Lanes[K]) work(s start[K]) {
	for {
		for run := s.run; run != nil; {
			run()
			run = l.next(s.key)
		}
		if !l.rest() {
			return
		}
		select {
		case s = <-l.calls:
		case <-l.quit:
			l.end()
			return
		}
	}
}

// rest reports whether the caller, which has nothing to do, may rest.
func (l *Lanes[K]) rest() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped || l.resting >= maxResting {
		l.gone()
		return false
	}
	l.resting++
	return true
}

func (l *Lanes[K]) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone()
}

// gone counts a goroutine that ends; the caller holds mu.
func (l *Lanes[K]) gone() {
	if l.running--; l.stopped && l.running == 0 {
		close(l.idle)
	}
}

func (l *Lanes[K]) next(key K) func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue := l.waiting[key]
	if len(queue) > 0 && !l.stopped {
		run := queue[0]
		queue[0] = nil // let go of what it holds
		l.waiting[key] = queue[1:]
		return run
	}
	delete(l.waiting, key)
	return nil
}

// Stop drops what waits, takes nothing more, and waits for the functions that
// run. It may be called more than once, but not from such a function.
func (l *Lanes[K]) Stop() {
	l.mu.Lock()
	if !l.stopped {
		l.stopped = true
		close(l.quit)
		if l.running == 0 {
			close(l.idle)
		}
	}
	l.mu.Unlock()
	<-l.idle
}
