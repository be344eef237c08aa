package nginx

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
)

// notesFile is where the cursor is kept with the content. nginx's loader
// removes what it does not know from the folder, except temporary files, which
// it takes by a dot and ten digits at the end of a path of 43 bytes or more.
const (
	notesFile = "freshet-keeps-its-cursor-in-this-file.0000000001"
	notesNew  = "freshet-keeps-its-cursor-in-this-file.0000000002"
)

// notes keep what belongs to the content, in the cache's folder.
type notes struct {
	d *Driver

	mu      sync.Mutex // held from reading the file to writing it
	known   string     // incarnation that this driver works with
	written freshet.Position
}

// note is the file.
type note struct {
	Incarnation string           `json:"incarnation"`
	Cursor      freshet.Position `json:"cursor"`
	Flushed     time.Time        `json:"flushed,omitzero"`
	Patterns    []patternFence   `json:"patterns,omitempty"`
}

func (n *notes) read() (note, error) {
	b, err := os.ReadFile(filepath.Join(n.d.o.Path, notesFile))
	if errors.Is(err, os.ErrNotExist) {
		return note{}, nil
	}
	if err != nil {
		return note{}, unavailable("reading the cursor in nginx's cache", err)
	}
	var v note
	if err := json.Unmarshal(b, &v); err != nil || v.Incarnation == "" {
		// A note that cannot be read is none: what lies there is not known to
		// reflect any purge.
		return note{}, nil //nolint:nilerr // see above
	}
	return v, nil
}

// write replaces the file, durably. Since it syncs a file that was made after
// earlier removals, those are on disk too, on file systems that log their
// changes in order (ext4, XFS).
func (n *notes) write(v note) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := replaceFile(n.d.o.Path, b); err != nil {
		return unavailable("writing the cursor into nginx's cache", err)
	}
	return nil
}

func replaceFile(dir string, b []byte) (err error) {
	next := filepath.Join(dir, notesNew)
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // the cache's own folder
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, filepath.Join(dir, notesFile)); err != nil {
		return err
	}
	folder, err := os.Open(dir) //nolint:gosec // see above
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// own returns the note, made if there is none: content without one is not
// known to reflect any purge.
func (n *notes) own() (note, error) {
	v, err := n.read()
	if err != nil {
		return v, err
	}
	if v.Incarnation == "" {
		v = note{Incarnation: rand.Text()}
		if err := n.write(v); err != nil {
			return v, err
		}
	}
	if n.known == "" {
		n.known, n.written = v.Incarnation, v.Cursor
		n.d.fences.restore(v.Patterns, v.Flushed)
		n.d.watch()
	}
	return v, nil
}

// Incarnation implements cache.Driver.
func (d *Driver) Incarnation(context.Context) (string, error) {
	d.notes.mu.Lock()
	defer d.notes.mu.Unlock()
	v, err := d.notes.own()
	return v.Incarnation, err
}

// ReadCursor implements cache.Driver.
func (d *Driver) ReadCursor(context.Context) (freshet.Position, error) {
	d.notes.mu.Lock()
	defer d.notes.mu.Unlock()
	v, err := d.notes.own()
	return v.Cursor, err
}

// WriteCursor implements cache.Driver.
func (d *Driver) WriteCursor(_ context.Context, at freshet.Position) error {
	n := &d.notes
	n.mu.Lock()
	defer n.mu.Unlock()
	v, err := n.read()
	if err != nil {
		return err
	}
	if n.known == "" {
		if v, err = n.own(); err != nil {
			return err
		}
	}
	if v.Incarnation != n.known || v.Cursor.Before(n.written) {
		n.known = "" // whoever asks next learns what is there now
		return conflict("The content of nginx's cache is not the one that was known.")
	}
	if at.Before(v.Cursor) {
		return conflict(fmt.Sprintf("The cursor %v is below %v, which nginx's cache holds.", at, v.Cursor))
	}
	v.Cursor = at
	if err := n.write(v); err != nil {
		return err
	}
	n.written = at
	return nil
}

func conflict(message string) error {
	return &freshet.Error{Code: freshet.CodeConflict, Message: message}
}

// keepPattern raises the fence of a pattern and keeps it with the content.
func (n *notes) keepPattern(p patternFence) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	v, err := n.own()
	if err != nil {
		return err
	}
	v.Patterns = n.d.fences.raisePattern(p)
	defer n.d.watch()
	return n.write(v)
}

// keepFlush raises the fence of a flush and keeps it with the content.
func (n *notes) keepFlush(before time.Time) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	v, err := n.own()
	if err != nil {
		return err
	}
	n.d.fences.raiseFlush(before)
	defer n.d.watch()
	if v.Flushed.Before(before) {
		v.Flushed = before
	}
	return n.write(v)
}

// unavailable is the error of a call without objects.
func unavailable(doing string, err error) error {
	return &freshet.Error{Code: freshet.CodeUnavailable, Message: "nginx's cache could not be worked.", Err: fmt.Errorf("%s: %w", doing, err)}
}
