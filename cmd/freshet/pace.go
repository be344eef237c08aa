package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	// betweenLines is how often what takes long says so where bars cannot be
	// drawn.
	betweenLines = 10 * time.Second
	// settled is how long something must have gone on for its rate to mean
	// anything.
	settled = time.Second
)

// pace is how far something is, and how fast it got there.
type pace struct {
	mu    sync.Mutex
	since time.Time
	first int64 // what was done already then
	done  int64
	total int64 // 0 = unknown
}

func newPace(total int64) *pace { return &pace{since: time.Now(), total: total} }

// set moves it. What was done at the first time is no measure of the speed.
func (p *pace) set(done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.total = done, total
}

// begin says how much was done before.
func (p *pace) begin(done int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since, p.first, p.done = time.Now(), done, done
}

func (p *pace) add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
}

func (p *pace) now() (done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done, p.total
}

// speed words the rate and the remaining time, as far as they are known;
// amount words a number of whatever is counted.
func (p *pace) speed(amount func(int64) string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	gone := time.Since(p.since)
	if gone < settled || p.done <= p.first {
		return ""
	}
	perSecond := float64(p.done-p.first) / gone.Seconds()
	rate := amount(int64(perSecond))
	if perSecond < 10 && !strings.HasSuffix(rate, "B") {
		rate = fmt.Sprintf("%.1f", perSecond)
	}
	text := rate + "/s"
	switch left := time.Duration(float64(p.total-p.done) / perSecond * float64(time.Second)); {
	case p.total == 0:
		text += ", " + clock(gone)
	case p.done < p.total:
		text += ", " + clock(left) + " left"
	}
	return text
}

// clock is a length of time in minutes and seconds, or hours.
func clock(d time.Duration) string {
	d = d.Round(time.Second)
	if d >= time.Hour {
		return fmt.Sprintf("%d:%02d:%02d", d/time.Hour, d%time.Hour/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d:%02d", d/time.Minute, d%time.Minute/time.Second)
}

// thousands is a number as people read it.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
