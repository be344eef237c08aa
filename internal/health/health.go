// Package health tells whether a process may get traffic, and why not.
//
// Whoever owns a part adds a check to the Board of its process; package app
// makes the Board and serves it. It must not know what is checked. If it is
// wrong, a balancer sends viewers to a cache that must not serve yet, or an
// operator looks for the fault in the wrong place.
package health

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// lookWithin bounds what all checks of one look may take together.
const lookWithin = 3 * time.Second

// Result is what a check found.
type Result struct {
	Check string `json:"check"`           // its name, one of [Checks]; the POP's, with a note
	OK    bool   `json:"ok"`              // all is well
	Why   string `json:"why,omitempty"`   // why not, in one line
	Note  bool   `json:"note,omitempty"`  // it is told, and decides nothing
	Where string `json:"where,omitempty"` // the POP that it is about, where there are several
}

// Report is what all checks found.
type Report struct {
	OK bool `json:"ok"` // every check that is no note
	// Degraded tells that something is the matter with the process itself which
	// need not keep traffic away: a note that is about no POP in it.
	Degraded bool     `json:"degraded,omitempty"`
	Checks   []Result `json:"checks"`
}

// Look tells what is the matter, nil for nothing. What it says is shown to
// anybody: a sentence without secrets, URLs or addresses. It must return soon
// after ctx ends, and may be called concurrently.
type Look func(ctx context.Context) error

// Board is the list of a process's checks. The zero value is ready to use; its
// methods may be called concurrently.
type Board struct {
	mu    sync.Mutex // guards parts
	parts []func(context.Context) []Result
}

// Need adds a check without which the process must not get traffic.
func (b *Board) Need(name string, look Look) {
	b.add(func(ctx context.Context) []Result { return []Result{one(ctx, name, look)} })
}

// Needs adds checks that are answered together, for parts that know several
// things about themselves.
func (b *Board) Needs(look func(ctx context.Context) []Result) { b.add(look) }

// Notes adds what is told and decides nothing: the state of parts that tell it
// to their own callers, such as a POP that serves on another address.
func (b *Board) Notes(where string, look func(ctx context.Context) []Result) {
	b.add(func(ctx context.Context) []Result {
		list := look(ctx)
		for i := range list {
			list[i].Note, list[i].Where = true, where
		}
		return list
	})
}

func (b *Board) add(part func(context.Context) []Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.parts = append(b.parts, part)
}

// Look asks every check, in the order in which they were added.
func (b *Board) Look(ctx context.Context) Report {
	b.mu.Lock()
	parts := slices.Clip(b.parts)
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	r := Report{OK: true, Checks: []Result{}}
	for _, part := range parts {
		for _, c := range part(ctx) {
			r.OK = r.OK && (c.OK || c.Note)
			r.Degraded = r.Degraded || c.Note && !c.OK && c.Where == ""
			r.Checks = append(r.Checks, c)
		}
	}
	return r
}

// Held makes a check that is asked once in a while, whoever calls how often:
// what it found then is told until it is over. It is asked for all of them: one
// who hangs up does not end it, or the others would be told of that.
func Held(hold time.Duration, look Look) Look {
	var mu sync.Mutex
	var at time.Time
	var found error
	return func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if at.IsZero() || time.Since(at) >= hold {
			own, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookWithin)
			defer cancel()
			found = look(own)
			at = time.Now()
		}
		return found
	}
}

func one(ctx context.Context, name string, look Look) Result {
	err := look(ctx)
	switch {
	case err == nil:
		return Result{Check: name, OK: true}
	case errors.Is(err, context.DeadlineExceeded):
		return Result{Check: name, Why: "it gave no answer within " + lookWithin.String()}
	}
	return Result{Check: name, Why: err.Error()}
}
