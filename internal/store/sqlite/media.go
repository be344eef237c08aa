package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
)

// PutMedia implements [store.Catalog]. It sets Updated of what it stores to
// now, and Created and Modified where they are zero.
func (s *Store) PutMedia(ctx context.Context, now time.Time, media []*freshet.Media) error {
	b := s.newBatch(now, media)
	return s.w.submit(ctx, &op{
		do: b.put,
		done: func(*tx) {
			for _, m := range media {
				s.known.add(m.Account, m.ID)
			}
			for k, scope := range b.found {
				s.scopes.learn(k, scope)
			}
		},
	})
}

// putMedia writes one media.
func (t *tx) putMedia(ctx context.Context, m *freshet.Media, now time.Time) error {
	old, err := t.oldMedia(ctx, m.Account, m.ID)
	if err != nil {
		return err
	}
	if old.media == nil {
		c, body, _ := dated(m, nil, now)
		res, err := t.run(ctx, `INSERT INTO media (account, id, updated, body) VALUES (?, ?, ?, ?)`, m.Account, m.ID, millis(now), body)
		if err != nil {
			return err
		}
		old := storedMedia{}
		if old.key, err = res.LastInsertId(); err != nil {
			return fmt.Errorf("reading the key of a media: %w", err)
		}
		return t.index(ctx, old, c)
	}
	return t.replaceMedia(ctx, m, old, now)
}

// replaceMedia writes a media in the place of one that is stored.
func (t *tx) replaceMedia(ctx context.Context, m *freshet.Media, old storedMedia, now time.Time) (err error) {
	before := old.media
	if m.Status == freshet.StatusBlocked && before.Status != freshet.StatusBlocked {
		// Who read it while it was taken down, and writes it back, has not blocked it.
		if m, err = t.withOwnStatus(ctx, m, before.Status); err != nil {
			return err
		}
	}
	c, body, unchanged := dated(m, before, now)
	if unchanged { // most of what a repeated import brings
		return t.exec(ctx, `UPDATE media SET updated = ? WHERE key = ?`, millis(now), old.key)
	}
	if err := t.exec(ctx, `UPDATE media SET updated = ?, body = ? WHERE key = ?`, millis(now), body, old.key); err != nil {
		return err
	}
	if err := t.index(ctx, old, c); err != nil {
		return err
	}
	var dropped []string
	for _, old := range before.Streams {
		if !slices.ContainsFunc(m.Streams, func(s freshet.Stream) bool { return s.URL == old.URL }) {
			dropped = append(dropped, old.URL)
		}
	}
	return t.remember(ctx, m.Account, m.ID, now, distinct(dropped))
}

// index brings what a media is found by from what it was to what it is; nil if
// it is deleted.
func (t *tx) index(ctx context.Context, old storedMedia, after *freshet.Media) error {
	of := after
	if of == nil {
		of = old.media
	}
	if err := t.rename(ctx, of.Account, of.ID, old.media, after); err != nil {
		return err
	}
	return t.place(ctx, old.key, old.place, old.media, after)
}

// storedMedia is a media and where it stands; media is nil if there is none.
type storedMedia struct {
	key, place int64
	media      *freshet.Media
}

// oldMedia returns a media as it is stored.
func (t *tx) oldMedia(ctx context.Context, account, id string) (storedMedia, error) {
	var old storedMedia
	var updated int64
	var body []byte
	exists, err := t.get(ctx, []any{&old.key, &old.place, &updated, &body},
		`SELECT key, coalesce(place, 0), updated, body FROM media WHERE account = ? AND id = ?`, account, id)
	if err != nil || !exists {
		return storedMedia{}, err
	}
	old.media, err = readMedia(account, id, updated, body)
	return old, err
}

// readMedia makes a media of a row.
func readMedia(account, id string, updated int64, body []byte) (*freshet.Media, error) {
	m, err := decodeMedia(body)
	if err != nil {
		return nil, fmt.Errorf("media %s: %w", id, err)
	}
	m.Account, m.ID, m.Updated = account, id, fromMillis(updated)
	if m.Created.IsZero() { // of a release that did not keep it
		m.Created = firstCreated(m.Streams, m.Updated)
		m.Modified = m.Created
	}
	return m, nil
}

// firstCreated is when the oldest stream was made, or else if none tells.
func firstCreated(streams []freshet.Stream, otherwise time.Time) time.Time {
	var first time.Time
	for _, s := range streams {
		if !s.Created.IsZero() && (first.IsZero() || s.Created.Before(first)) {
			first = s.Created
		}
	}
	if first.IsZero() {
		return otherwise
	}
	return first
}

// dated packs a media with its times: those that it brings, else those that
// it had. A change that brings no time of its own is made now. It returns the
// media with them, and tells whether it is what was stored before.
func dated(m, before *freshet.Media, now time.Time) (c *freshet.Media, body []byte, unchanged bool) {
	c = new(*m)
	if before == nil {
		if c.Created.IsZero() {
			c.Created = firstCreated(c.Streams, now)
		}
		if c.Modified.IsZero() {
			c.Modified = c.Created
		}
		return c, encodeMedia(c), false
	}
	if c.Created.IsZero() {
		c.Created = before.Created
	}
	if c.Modified.IsZero() {
		c.Modified = before.Modified
	}
	if body = encodeMedia(c); bytes.Equal(body, encodeMedia(before)) {
		return c, body, true
	}
	if m.Modified.IsZero() {
		c.Modified = now
		body = encodeMedia(c)
	}
	return c, body, false
}

// mediaColumns are what scanMedia reads. A takedown is laid over the status of
// the media's own: what is imported meanwhile changes nothing of it, and
// counts again once it ends.
const mediaColumns = `id, updated, EXISTS (SELECT 1 FROM takedown t WHERE t.account = media.account
	AND t.media = media.id AND t.ended = 0), body FROM media `

// scanMedia reads mediaColumns, and before them what into takes.
func scanMedia(rows *sql.Rows, account string, into ...any) (*freshet.Media, error) {
	var id string
	var updated int64
	var blocked bool
	var body sql.RawBytes // of which decoding makes its own copy
	if err := rows.Scan(append(into, &id, &updated, &blocked, &body)...); err != nil {
		return nil, err
	}
	m, err := readMedia(account, id, updated, body)
	if err == nil && blocked {
		m.Status = freshet.StatusBlocked
	}
	return m, err
}
