package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/wire"
)

// rememberedDays is how many days after it was last seen a URL is forgotten,
// and two for the days that have begun at either end.
const rememberedDays = 30 + 2

// forgetBatch is how many rows of other media are forgotten at a time, so that
// media that nobody touches any more do not keep their URLs for ever and
// nobody waits for that.
const forgetBatch = 8

func dayNumber(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }

// distinct sorts URLs and drops repeats; the result is a new list.
func distinct(urls []string) []string {
	out := slices.Clone(urls)
	slices.Sort(out)
	return slices.Compact(out)
}

// rememberedRow is a row of the table remembered.
type rememberedRow struct {
	key, day     int64
	digest, urls []byte
}

// remember notes that URLs, sorted and distinct, were seen of a media. Each
// stands in the row of the day on which it was last seen.
func (t *tx) remember(ctx context.Context, account, media string, now time.Time, urls []string) error {
	if len(urls) == 0 {
		return nil
	}
	if err := t.rememberURLs(ctx, account, media, dayNumber(now), urls); err != nil {
		return fmt.Errorf("remembering URLs: %w", err)
	}
	return nil
}

func (t *tx) rememberURLs(ctx context.Context, account, media string, day int64, urls []string) error {
	err := t.exec(ctx, `DELETE FROM remembered WHERE key IN (SELECT key FROM remembered WHERE day < ? LIMIT ?)`,
		day-rememberedDays, forgetBatch)
	if err != nil {
		return err
	}
	var rows []rememberedRow
	err = t.each(ctx, func(r *sql.Rows) error {
		var row rememberedRow
		err := r.Scan(&row.key, &row.day, &row.digest, &row.urls)
		rows = append(rows, row)
		return err
	}, `SELECT key, day, digest, urls FROM remembered WHERE account = ? AND media = ?`, account, media)
	if err != nil {
		return err
	}
	digest := digestOf(urls)
	if len(rows) == 1 && bytes.Equal(rows[0].digest, digest) {
		// The same URLs as last time: the usual case.
		return t.exec(ctx, `UPDATE remembered SET day = max(day, ?) WHERE key = ?`, day, rows[0].key)
	}
	for _, row := range rows {
		had, err := unpackURLs(row.urls)
		if err != nil {
			return err
		}
		if row.day >= day { // of today, or of a clock that was ahead: they merge
			urls = distinct(append(urls, had...))
			day = row.day
			if err := t.exec(ctx, `DELETE FROM remembered WHERE key = ?`, row.key); err != nil {
				return err
			}
			continue
		}
		if err := t.thin(ctx, row, had, urls); err != nil {
			return err
		}
	}
	return t.exec(ctx, `INSERT INTO remembered (account, media, day, digest, urls) VALUES (?, ?, ?, ?, ?)`,
		account, media, day, digestOf(urls), packURLs(urls))
}

// thin takes URLs that were seen again out of the row of an earlier day.
func (t *tx) thin(ctx context.Context, row rememberedRow, had, seen []string) error {
	left := slices.DeleteFunc(slices.Clone(had), func(u string) bool {
		_, again := slices.BinarySearch(seen, u)
		return again
	})
	switch len(left) {
	case len(had):
		return nil
	case 0:
		return t.exec(ctx, `DELETE FROM remembered WHERE key = ?`, row.key)
	}
	return t.exec(ctx, `UPDATE remembered SET digest = ?, urls = ? WHERE key = ?`, digestOf(left), packURLs(left), row.key)
}

func packURLs(urls []string) []byte {
	return wire.PackSelector(freshet.Selector{Kind: freshet.SelectExact, URLs: urls})
}

func unpackURLs(b []byte) ([]string, error) {
	sel, err := wire.UnpackSelector(b)
	if err != nil {
		return nil, fmt.Errorf("unpacking remembered URLs: %w", err)
	}
	return sel.URLs, nil
}

func digestOf(urls []string) []byte {
	h := sha256.New()
	for _, u := range urls {
		_, _ = h.Write(appendString(nil, u))
	}
	return h.Sum(nil)[:16]
}

// Remembered implements [store.Catalog]. Days are whole: what was seen on the
// day of since is in the answer. URLs come sorted.
func (s *Store) Remembered(ctx context.Context, account, id string, since time.Time) ([]string, error) {
	var packed [][]byte
	day := int64(0)
	if !since.IsZero() {
		day = dayNumber(since)
	}
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var b []byte
		err := rows.Scan(&b)
		packed = append(packed, b)
		return err
	}, `SELECT urls FROM remembered WHERE account = ? AND media = ? AND day >= ?`, account, id, day)
	if err != nil {
		return nil, fmt.Errorf("reading remembered URLs: %w", err)
	}
	var urls []string
	for _, b := range packed {
		had, err := unpackURLs(b)
		if err != nil {
			return nil, err
		}
		urls = append(urls, had...)
	}
	return distinct(urls), nil
}
