package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
)

// PutMedia implements [store.Catalog]. It sets Updated of what it stores to
// now.
func (s *Store) PutMedia(ctx context.Context, now time.Time, media []*freshet.Media) error {
	bodies := make([][]byte, len(media))
	for i, m := range media {
		var err error
		if bodies[i], err = encodeMedia(m); err != nil {
			return err
		}
	}
	return s.w.submit(ctx, &op{
		do: func(ctx context.Context, t *tx) error {
			for i, m := range media {
				if err := t.putMedia(ctx, m, bodies[i], now); err != nil {
					return fmt.Errorf("storing media %s: %w", m.ID, err)
				}
			}
			return nil
		},
		done: func(*tx) {
			for _, m := range media {
				s.known.add(m.Account, m.ID)
			}
		},
	})
}

func (t *tx) putMedia(ctx context.Context, m *freshet.Media, body []byte, now time.Time) error {
	var key int64
	var old []byte
	exists, err := t.get(ctx, []any{&key, &old}, `SELECT key, body FROM media WHERE account = ? AND id = ?`, m.Account, m.ID)
	switch {
	case err != nil:
		return err
	case !exists:
		return t.exec(ctx, `INSERT INTO media (account, id, updated, body) VALUES (?, ?, ?, ?)`, m.Account, m.ID, millis(now), body)
	case bytes.Equal(old, body): // most of what a repeated import brings
		return t.exec(ctx, `UPDATE media SET updated = ? WHERE key = ?`, millis(now), key)
	}
	var before freshet.Media
	if err := json.Unmarshal(old, &before); err != nil {
		return fmt.Errorf("unpacking media: %w", err)
	}
	if err := t.exec(ctx, `UPDATE media SET updated = ?, body = ? WHERE key = ?`, millis(now), body, key); err != nil {
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

// encodeMedia packs what the media's own columns do not hold.
func encodeMedia(m *freshet.Media) ([]byte, error) {
	c := *m
	c.Updated = time.Time{}
	c.Streams = slices.Clone(m.Streams)
	for i := range c.Streams {
		st := &c.Streams[i]
		st.Created, st.Modified = fromMillis(millis(st.Created)), fromMillis(millis(st.Modified))
	}
	b, err := json.Marshal(&c)
	if err != nil {
		return nil, fmt.Errorf("packing media %s: %w", m.ID, err)
	}
	return b, nil
}

func scanMedia(rows *sql.Rows, account string) (*freshet.Media, error) {
	m := &freshet.Media{}
	var id string
	var updated int64
	var body []byte
	if err := rows.Scan(&id, &updated, &body); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, m); err != nil {
		return nil, fmt.Errorf("unpacking media %s: %w", id, err)
	}
	m.Account, m.ID, m.Updated = account, id, fromMillis(updated)
	return m, nil
}

// idList is a list of IDs as the one parameter of a statement.
func idList(ids []string) (string, error) {
	b, err := json.Marshal(ids)
	if err != nil {
		return "", fmt.Errorf("packing IDs: %w", err)
	}
	return string(b), nil
}

// Media implements [store.Catalog].
func (s *Store) Media(ctx context.Context, account string, ids []string) ([]*freshet.Media, error) {
	list, err := idList(ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*freshet.Media, len(ids))
	err = s.read.each(ctx, func(rows *sql.Rows) error {
		m, err := scanMedia(rows, account)
		if err == nil {
			byID[m.ID] = m
		}
		return err
	}, `SELECT id, updated, body FROM media WHERE account = ? AND id IN (SELECT value FROM json_each(?))`, account, list)
	if err != nil {
		return nil, fmt.Errorf("reading media: %w", err)
	}
	out := make([]*freshet.Media, 0, len(byID))
	for _, id := range ids {
		if m := byID[id]; m != nil {
			out = append(out, m)
		}
	}
	return out, nil
}

// ListMedia implements [store.Catalog].
func (s *Store) ListMedia(ctx context.Context, account, after string, limit int) ([]*freshet.Media, error) {
	var out []*freshet.Media
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		m, err := scanMedia(rows, account)
		out = append(out, m)
		return err
	}, `SELECT id, updated, body FROM media WHERE account = ? AND id > ? ORDER BY id LIMIT ?`, account, after, max(limit, 0))
	if err != nil {
		return nil, fmt.Errorf("listing media: %w", err)
	}
	return out, nil
}

// HaveMedia implements [store.Catalog]. It is on the path of every call that
// names media, so what was seen to exist is kept in memory.
func (s *Store) HaveMedia(ctx context.Context, account string, ids []string) ([]bool, error) {
	have, missing := s.known.check(account, ids)
	if len(missing) == 0 {
		return have, nil
	}
	list, err := idList(missing)
	if err != nil {
		return nil, err
	}
	var found []string
	err = s.read.each(ctx, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		found = append(found, id)
		return err
	}, `SELECT id FROM media WHERE account = ? AND id IN (SELECT value FROM json_each(?))`, account, list)
	if err != nil {
		return nil, fmt.Errorf("looking for media: %w", err)
	}
	s.known.add(account, found...)
	for i, id := range ids {
		have[i] = have[i] || slices.Contains(found, id)
	}
	return have, nil
}

// PutDomain implements [store.Catalog].
func (s *Store) PutDomain(ctx context.Context, d freshet.Domain) error {
	body, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("packing domain: %w", err)
	}
	hosts := distinct(append([]string{d.Name}, d.Aliases...))
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		var account string
		exists, err := t.get(ctx, []any{&account}, `SELECT account FROM domain WHERE name = ?`, d.Name)
		if err != nil {
			return fmt.Errorf("looking for domain: %w", err)
		}
		if exists && account != d.Account {
			return taken(d.Name)
		}
		for _, host := range hosts {
			var owner string
			used, err := t.get(ctx, []any{&owner}, `SELECT domain FROM domain_host WHERE host = ?`, host)
			if err != nil {
				return fmt.Errorf("looking for domain: %w", err)
			}
			if used && owner != d.Name {
				return taken(host)
			}
		}
		return t.putDomain(ctx, d, hosts, body)
	})
}

// taken does not say whose the name is: that is another tenant's business.
func taken(host string) error {
	return freshet.Errorf(freshet.CodeConflict, "The name %s is taken by another domain.", host)
}

func (t *tx) putDomain(ctx context.Context, d freshet.Domain, hosts []string, body []byte) error {
	err := t.exec(ctx, `INSERT INTO domain (name, account, body) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET body = excluded.body`, d.Name, d.Account, body)
	if err != nil {
		return fmt.Errorf("storing domain: %w", err)
	}
	if err := t.exec(ctx, `DELETE FROM domain_host WHERE domain = ?`, d.Name); err != nil {
		return fmt.Errorf("storing names of domain: %w", err)
	}
	for _, host := range hosts {
		if err := t.exec(ctx, `INSERT INTO domain_host (host, domain) VALUES (?, ?)`, host, d.Name); err != nil {
			return fmt.Errorf("storing names of domain: %w", err)
		}
	}
	return nil
}

// Domains implements [store.Catalog].
func (s *Store) Domains(ctx context.Context, account string) ([]freshet.Domain, error) {
	var list []freshet.Domain
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return err
		}
		var d freshet.Domain
		if err := json.Unmarshal(body, &d); err != nil {
			return fmt.Errorf("unpacking domain: %w", err)
		}
		list = append(list, d)
		return nil
	}, `SELECT body FROM domain WHERE ? = '' OR account = ? ORDER BY name`, account, account)
	if err != nil {
		return nil, fmt.Errorf("reading domains: %w", err)
	}
	return list, nil
}
