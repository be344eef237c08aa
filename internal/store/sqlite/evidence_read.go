package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/wire"
)

func (d *dayReader) positions(ctx context.Context, r *posRange) error {
	if empty, err := d.empty(ctx); err != nil || empty {
		return err
	}
	for query, p := range map[string]*freshet.Position{
		`SELECT epoch, pos FROM part ORDER BY epoch, pos LIMIT 1`:           &r.lo,
		`SELECT epoch, pos FROM part ORDER BY epoch DESC, pos DESC LIMIT 1`: &r.hi,
	} {
		if _, err := d.get(ctx, []any{&p.Epoch, &p.Pos}, query); err != nil {
			return fmt.Errorf("reading evidence: %w", err)
		}
	}
	return nil
}

// empty tells whether a crash left the file before its tables were made.
func (d *dayReader) empty(ctx context.Context) (bool, error) {
	var version int
	if _, err := d.get(ctx, []any{&version}, `PRAGMA user_version`); err != nil {
		return false, fmt.Errorf("reading evidence: %w", err)
	}
	return version == 0, nil
}

// evidencePage is how many messages are read at a time. The consumer runs
// between reads: it may take its time without holding up checkpoints.
const evidencePage = 64

const messageColumns = `SELECT m.id, w.text, s.number, m.number, m.received, i.text, m.facts
	FROM message m JOIN stream s ON s.id = m.stream JOIN word w ON w.id = s.pop JOIN word i ON i.id = m.incarnation `

// EvidenceOf implements [store.Evidence].
func (s *Store) EvidenceOf(ctx context.Context, at freshet.Position) iter.Seq2[*store.Received, error] {
	files := s.evidence.files
	return func(yield func(*store.Received, error) bool) {
		if at.Pos > math.MaxInt64 {
			return
		}
		for _, day := range files.from("") {
			ok, err := files.covers(ctx, day, at)
			if err != nil {
				yield(nil, err)
				return
			}
			if ok && !files.pages(ctx, day, 0, &at, yield) {
				return
			}
		}
	}
}

// EvidenceSince implements [store.Evidence].
func (s *Store) EvidenceSince(ctx context.Context, after store.EvidenceCursor) iter.Seq2[*store.Received, error] {
	files := s.evidence.files
	return func(yield func(*store.Received, error) bool) {
		for _, day := range files.from(after.Day) {
			row := int64(0)
			if day == after.Day {
				row = after.Row
			}
			if !files.pages(ctx, day, row, nil, yield) {
				return
			}
		}
	}
}

// pages yields a day's messages after a row, or those about one entry. It
// returns false if the consumer has enough or there was an error.
func (f *dayFiles) pages(ctx context.Context, day string, row int64, at *freshet.Position,
	yield func(*store.Received, error) bool,
) bool {
	for {
		var page []*store.Received
		err := f.with(ctx, day, func(d *dayReader) (err error) {
			page, err = d.page(ctx, row, at)
			return err
		})
		if err != nil {
			yield(nil, fmt.Errorf("reading evidence of %s: %w", day, err))
			return false
		}
		for _, m := range page {
			row = m.Cursor.Row
			m.Cursor.Day = day
			if !yield(m, nil) {
				return false
			}
		}
		if len(page) < evidencePage {
			return true
		}
	}
}

// page reads messages after a row. Dictionaries are read afterwards: they only
// grow, so they hold what the messages need.
func (d *dayReader) page(ctx context.Context, row int64, at *freshet.Position) ([]*store.Received, error) {
	if empty, err := d.empty(ctx); err != nil || empty {
		return nil, err
	}
	query, args := messageColumns+`WHERE m.id > ? ORDER BY m.id LIMIT ?`, []any{row, evidencePage}
	if at != nil {
		query = messageColumns + `JOIN part p ON p.message = m.id WHERE p.epoch = ? AND p.pos = ? AND p.message > ?
			ORDER BY p.message LIMIT ?`
		args = []any{at.Epoch, int64(at.Pos), row, evidencePage} //nolint:gosec // checked by the caller
	}
	var page []*store.Received
	var packed [][]byte
	err := d.each(ctx, func(rows *sql.Rows) error {
		m, facts, err := scanMessage(rows)
		page, packed = append(page, m), append(packed, facts)
		return err
	}, query, args...)
	if err != nil {
		return nil, err
	}
	dicts := map[freshet.Position]*wire.Dict{}
	dict := func(at freshet.Position) (*wire.Dict, error) {
		if have := dicts[at]; have != nil {
			return have, nil
		}
		made, err := loadDict(at, d.indexed, func(row func(*sql.Rows) error, query string, args ...any) error {
			return d.each(ctx, row, query, args...)
		})
		dicts[at] = made
		return made, err
	}
	for i, m := range page {
		if m.Entries, err = wire.UnpackFacts(packed[i], dict); err != nil {
			return nil, fmt.Errorf("unpacking message %d: %w", m.Cursor.Row, err)
		}
		if at != nil {
			m.Entries = slices.DeleteFunc(m.Entries, func(f freshet.EntryFacts) bool { return f.At != *at })
		}
	}
	return page, nil
}

func scanMessage(rows *sql.Rows) (*store.Received, []byte, error) {
	m := &store.Received{}
	var received int64
	var facts []byte
	err := rows.Scan(&m.Cursor.Row, &m.POP, &m.Stream, &m.Number, &received, &m.Incarnation, &facts)
	m.ReceivedAt = fromMillis(received)
	return m, facts, err
}
