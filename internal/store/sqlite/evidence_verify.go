package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/freshet-vod/freshet/internal/store"
)

// VerifyEvidence recomputes the chain over all evidence, and returns how many
// messages it holds together. The error names the first message that is not as
// it was stored, or the first day that does not continue the one before.
func (s *Store) VerifyEvidence(ctx context.Context) (int, error) {
	v, err := verifyFiles(ctx, s.evidence.files, nil)
	return v.Messages, err
}

// Verification is how far the evidence of a folder is as it was stored.
type Verification struct {
	Messages int    `json:"messages"`
	First    string `json:"first,omitempty"` // day, as in 2006-01-02
	Last     string `json:"last,omitempty"`
	// Chain is the link of the last message, SHA-256 in hex: with a copy of it
	// kept elsewhere, nobody can replace all of the evidence unseen.
	Chain string `json:"chain,omitempty"`
}

// VerifyDir recomputes the chain of the store in dir, which a server may be
// using. The error is as that of VerifyEvidence. told, unless it is nil, hears
// how many of how many messages were looked at.
func VerifyDir(ctx context.Context, dir string, told func(done, all int64)) (v Verification, err error) {
	days, err := listDays(filepath.Join(dir, evidenceDir))
	if err != nil {
		return v, err
	}
	files := newDayFiles(filepath.Join(dir, evidenceDir), days)
	defer func() { err = errors.Join(err, files.close()) }()
	return verifyFiles(ctx, files, told)
}

func verifyFiles(ctx context.Context, files *dayFiles, told func(done, all int64)) (v Verification, err error) {
	var chain []byte
	seen := func(int) {}
	if told != nil {
		all, err := countMessages(ctx, files)
		if err != nil {
			return v, err
		}
		seen = func(ofDay int) { told(int64(v.Messages+ofDay), all) }
	}
	for _, day := range files.from("") {
		err := files.with(ctx, day, func(d *dayReader) error {
			n, last, err := d.verify(ctx, day, chain, seen)
			v.Messages, chain = v.Messages+n, last
			return err
		})
		if err != nil {
			return v, err
		}
		if v.Last = day; v.First == "" {
			v.First = day
		}
		v.Chain = hex.EncodeToString(chain)
	}
	return v, nil
}

// countMessages adds up the messages of all days: their numbers have no gaps.
func countMessages(ctx context.Context, files *dayFiles) (int64, error) {
	var all int64
	for _, day := range files.from("") {
		err := files.with(ctx, day, func(d *dayReader) error {
			if empty, err := d.empty(ctx); err != nil || empty {
				return err
			}
			var last sql.NullInt64
			if _, err := d.get(ctx, []any{&last}, `SELECT max(id) FROM message`); err != nil {
				return fmt.Errorf("counting evidence of %s: %w", day, err)
			}
			all += last.Int64
			return nil
		})
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// verify checks one day, which must begin where prev ends, and tells seen how
// many of its messages it has looked at. A day whose predecessor was deleted
// after its time is taken at its word.
func (d *dayReader) verify(ctx context.Context, day string, prev []byte, seen func(int)) (int, []byte, error) {
	if empty, err := d.empty(ctx); err != nil || empty {
		return 0, prev, err
	}
	var chain []byte
	if _, err := d.get(ctx, []any{&chain}, `SELECT chain FROM origin`); err != nil {
		return 0, nil, fmt.Errorf("reading chain of %s: %w", day, err)
	}
	if prev != nil && !bytes.Equal(prev, chain) {
		return 0, nil, fmt.Errorf("evidence of %s does not continue the day before", day)
	}
	n := 0
	for row := int64(0); ; {
		var page []storedMessage
		err := d.each(ctx, func(rows *sql.Rows) error {
			var m storedMessage
			var received int64
			err := rows.Scan(&m.Cursor.Row, &m.POP, &m.Stream, &m.Number, &received, &m.Incarnation, &m.facts, &m.chain)
			m.ReceivedAt = fromMillis(received)
			page = append(page, m)
			return err
		}, `SELECT m.id, w.text, s.number, m.number, m.received, i.text, m.facts, m.chain FROM message m
			JOIN stream s ON s.id = m.stream JOIN word w ON w.id = s.pop JOIN word i ON i.id = m.incarnation
			WHERE m.id > ? ORDER BY m.id LIMIT ?`, row, evidencePage)
		if err != nil {
			return n, nil, fmt.Errorf("reading evidence of %s: %w", day, err)
		}
		for i := range page {
			added, err := d.added(ctx, page[i].Cursor.Row)
			if err != nil {
				return n, nil, err
			}
			chain = link(chain, &page[i].Received, page[i].facts, added)
			if page[i].Cursor.Row != row+1 || !bytes.Equal(chain, page[i].chain) {
				return n, nil, fmt.Errorf("evidence of %s is not as it was stored, from message %d on", day, row+1)
			}
			row++
			n++
		}
		if seen(n); len(page) < evidencePage {
			return n, chain, nil
		}
	}
}

type storedMessage struct {
	store.Received
	facts, chain []byte
}

// added is what a message added to dictionaries.
func (d *dayReader) added(ctx context.Context, message int64) ([]dictPart, error) {
	var list []dictPart
	err := d.each(ctx, func(rows *sql.Rows) error {
		var p dictPart
		err := rows.Scan(&p.at.Epoch, &p.at.Pos, &p.part)
		list = append(list, p)
		return err
	}, `SELECT epoch, pos, part FROM dict WHERE message = ? ORDER BY epoch, pos`, message)
	if err != nil {
		return nil, fmt.Errorf("reading dictionaries: %w", err)
	}
	return list, nil
}
