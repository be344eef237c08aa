package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/catalog/jsonl"
)

// batchSize is how many media are stored in one transaction: enough that the
// sync to disk costs little per media, few enough that writers of other calls
// wait only milliseconds behind it.
const batchSize = 1000

// Store keeps media.
type Store interface {
	// PutMedia inserts or replaces media by (Account, ID), all or none.
	PutMedia(ctx context.Context, now time.Time, media []*freshet.Media) error
}

// Fault is a line that was refused.
type Fault struct {
	Line  int    `json:"line"`         // 1-based
	ID    string `json:"id,omitempty"` // of the media, if it could be read
	Error string `json:"error"`
}

// Summary counts the lines of an import.
type Summary struct {
	Imported int `json:"imported"`
	Refused  int `json:"refused"`
}

// Import is one import into one account.
type Import struct {
	Account string
	Domains []freshet.Domain // of the account
	Store   Store
	// Report is called for each refused line, in order. If it returns an
	// error the import ends with it.
	Report func(Fault) error
}

// Run reads media, one a line, until the end of r. A line that is refused is
// reported and the others are taken in; a media that exists is replaced, and
// of several lines with one ID the last good one wins. If an error ends the
// import, what was stored before stays: running it again is harmless.
func (im *Import) Run(ctx context.Context, r io.Reader) (Summary, error) {
	st := startStoring(ctx, im.Store)
	sum, err := im.read(r, st)
	imported, storeErr := st.end()
	sum.Imported = imported
	if errors.Is(err, errStopped) {
		err = nil // storeErr says why
	}
	return sum, errors.Join(err, storeErr)
}

// read reads and checks lines and hands what is good to st. What it read before
// an error is handed over too.
func (im *Import) read(r io.Reader, st *storing) (Summary, error) {
	var sum Summary
	b := newBatch()
	lines := jsonl.NewReader(r)
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return sum, st.put(b)
		}
		if err != nil {
			return sum, errors.Join(fmt.Errorf("reading media: %w", err), st.put(b))
		}
		m, err := im.media(line)
		if err != nil {
			sum.Refused++
			f := Fault{Line: line.Number, Error: err.Error()}
			if m != nil {
				f.ID = m.ID
			}
			if err := im.Report(f); err != nil {
				return sum, fmt.Errorf("reporting a refused line: %w", err)
			}
			continue
		}
		b.add(m)
		if b.lines >= batchSize {
			if err := st.put(b); err != nil {
				return sum, err
			}
			b = newBatch()
		}
	}
}

// media reads a line. With an error it returns the media too if its ID is
// known.
func (im *Import) media(line jsonl.Line) (*freshet.Media, error) {
	if line.TooLong {
		return nil, fmt.Errorf("the line is longer than %d bytes", jsonl.MaxLine)
	}
	m, err := Parse(line.Bytes, im.Domains)
	if m != nil {
		m.Account = im.Account
	}
	return m, err
}

// batch collects media until they are stored.
type batch struct {
	media []*freshet.Media
	at    map[string]int // of each ID in media
	lines int
}

func newBatch() *batch { return &batch{at: make(map[string]int, batchSize)} }

func (b *batch) add(m *freshet.Media) {
	b.lines++
	if i, ok := b.at[m.ID]; ok {
		b.media[i] = m
		return
	}
	b.at[m.ID] = len(b.media)
	b.media = append(b.media, m)
}
