package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"time"
)

// knownPage is how many media, and rows of remembered URLs, are read at a time.
const knownPage = 200

// KnownURLs implements [store.Catalog]. What changes while it reads may or may
// not be in it, but nothing that was there before it began and is there still is
// left out.
func (s *Store) KnownURLs(ctx context.Context, account string, since time.Time) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		if s.catalogURLs(ctx, account, yield) {
			s.rememberedURLs(ctx, account, since, yield)
		}
	}
}

// catalogURLs yields the URLs of streams; false if that was the end of it.
func (s *Store) catalogURLs(ctx context.Context, account string, yield func([]string, error) bool) bool {
	after := ""
	for {
		media, err := s.ListMedia(ctx, account, after, knownPage)
		if err != nil {
			yield(nil, err)
			return false
		}
		var urls []string
		for _, m := range media {
			for _, st := range m.Streams {
				urls = append(urls, st.URL)
			}
			after = m.ID
		}
		if len(urls) > 0 && !yield(urls, nil) {
			return false
		}
		if len(media) < knownPage {
			return true
		}
	}
}

func (s *Store) rememberedURLs(ctx context.Context, account string, since time.Time, yield func([]string, error) bool) {
	day := int64(0)
	if !since.IsZero() {
		day = dayNumber(since)
	}
	media, last := "", int64(math.MinInt64)
	for {
		var packed [][]byte
		read := 0
		err := s.read.each(ctx, func(rows *sql.Rows) error {
			var b []byte
			if err := rows.Scan(&media, &last, &b); err != nil {
				return err
			}
			read++
			if last >= day {
				packed = append(packed, b)
			}
			return nil
		}, `SELECT media, day, urls FROM remembered WHERE account = ? AND (media, day) > (?, ?) ORDER BY media, day LIMIT ?`,
			account, media, last, knownPage)
		if err != nil {
			yield(nil, fmt.Errorf("reading remembered URLs: %w", err))
			return
		}
		for _, b := range packed {
			urls, err := unpackURLs(b)
			if !yield(urls, err) || err != nil {
				return
			}
		}
		if read < knownPage {
			return
		}
	}
}
