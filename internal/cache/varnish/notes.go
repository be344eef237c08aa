package varnish

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
)

// cursorPath is where the cursor and the incarnation are kept: an object of
// ours inside Varnish. It goes when the content goes, which is the point.
const cursorPath = "/cursor"

// notes is what the driver keeps inside Varnish.
type notes struct {
	d  *Driver
	mu sync.Mutex // held from reading a note to writing it
}

// note is what the object at cursorPath says.
type note struct {
	incarnation string
	at          freshet.Position
}

func (n note) String() string { return n.incarnation + " " + n.at.String() }

func parseNote(s string) (n note, err error) {
	id, at, ok := strings.Cut(s, " ")
	if !ok || id == "" {
		return note{}, fmt.Errorf("the note %.40q is not ours", s)
	}
	n.incarnation = id
	n.at, err = freshet.ParsePosition(at)
	return n, err
}

// read returns the note, or a zero one if there is none: the content is new, or
// it was there before Freshet came.
func (n *notes) read(ctx context.Context) (note, error) {
	r := n.d.one(ctx, request{op: opInspect, host: notesHost, path: cursorPath})
	switch {
	case r.err != nil:
		return note{}, unavailable("reading the cursor in Varnish", r.err)
	case r.verdict == saysMiss:
		return note{}, nil
	case r.verdict != saysHit:
		return note{}, unavailable("reading the cursor in Varnish", fmt.Errorf("%w: %s", errOdd, r.verdict))
	}
	got, err := parseNote(r.text)
	if err != nil {
		return note{}, unavailable("reading the cursor in Varnish", err)
	}
	return got, nil
}

func (n *notes) write(ctx context.Context, v note) error {
	r := n.d.one(ctx, request{op: opPut, host: notesHost, path: cursorPath, text: v.String()})
	if r.err == nil && (r.verdict != saysOK || r.text != v.String()) {
		r.err = errOdd
	}
	if r.err != nil {
		return unavailable("writing the cursor into Varnish", r.err)
	}
	return nil
}

// Incarnation implements cache.Driver. Content without a note of ours gets one:
// what lies there is not known to reflect any purge.
func (d *Driver) Incarnation(ctx context.Context) (string, error) {
	d.notes.mu.Lock()
	defer d.notes.mu.Unlock()
	n, err := d.notes.read(ctx)
	if err != nil || n.incarnation != "" {
		return n.incarnation, err
	}
	n.incarnation = rand.Text()
	if err := d.notes.write(ctx, n); err != nil {
		return "", err
	}
	return n.incarnation, nil
}

// ReadCursor implements cache.Driver.
func (d *Driver) ReadCursor(ctx context.Context) (freshet.Position, error) {
	n, err := d.notes.read(ctx)
	return n.at, err
}

// WriteCursor implements cache.Driver. If the note is gone, Varnish was started
// anew: what it has fetched since is younger than every purge up to at, and the
// new incarnation tells the caller.
func (d *Driver) WriteCursor(ctx context.Context, at freshet.Position) error {
	d.notes.mu.Lock()
	defer d.notes.mu.Unlock()
	n, err := d.notes.read(ctx)
	if err != nil {
		return err
	}
	if at.Before(n.at) {
		return &freshet.Error{Code: freshet.CodeConflict, Message: fmt.Sprintf("The cursor %v is below %v, which Varnish holds.", at, n.at)}
	}
	if n.incarnation == "" {
		n.incarnation = rand.Text()
	}
	n.at = at
	return d.notes.write(ctx, n)
}

// Flush implements cache.Driver. It is one ban, so that it costs Varnish
// nothing at once, and it is stronger than asked: what was fetched before goes.
// With the optional VCL it catches fills in flight as well.
func (d *Driver) Flush(ctx context.Context, before time.Time) error {
	r := d.bans.add(ctx, flushPattern(before))
	if r.Outcome == freshet.OutcomeDone || r.Outcome == freshet.OutcomeAlready {
		return nil
	}
	return unavailable("flushing Varnish", errors.New(r.Detail))
}
