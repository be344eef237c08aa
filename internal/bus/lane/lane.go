// Package lane runs functions in order per key and concurrently across keys.
//
// Both buses hand messages to handlers through it: what one POP sends stays in
// order, and no POP waits for another. It must not know what a message is. If
// it is wrong, evidence is folded out of order, or one slow POP stops all.
package lane

import "sync"

// Lanes is a set of queues, one per key. A lane has a goroutine only while it
// has something to do. The zero value is not usable; see New.
type Lanes[K comparable] struct {
	limit int
	idle  chan struct{} // closed when stopped and the last goroutine is gone

	mu      sync.Mutex // guards what follows; never held while a function runs
	waiting map[K][]func()
	stopped bool
}

// New makes Lanes. At most limit functions wait in each lane, besides the one
// that runs.
func New[K comparable](limit int) *Lanes[K] {
	return &Lanes[K]{limit: limit, idle: make(chan struct{}), waiting: map[K][]func(){}}
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
		go l.drive(key, run)
		return true
	}
	if len(queue) >= l.limit {
		return false
	}
	l.waiting[key] = append(queue, run)
	return true
}

// drive runs a lane until it is empty.
func (l *Lanes[K]) drive(key K, run func()) {
	for run != nil {
		run()
		run = l.next(key)
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
	if l.stopped && len(l.waiting) == 0 {
		close(l.idle)
	}
	return nil
}

// Stop drops what waits, takes nothing more, and waits for the functions that
// run. It may be called more than once, but not from such a function.
func (l *Lanes[K]) Stop() {
	l.mu.Lock()
	if !l.stopped {
		l.stopped = true
		if len(l.waiting) == 0 {
			close(l.idle)
		}
	}
	l.mu.Unlock()
	<-l.idle
}
