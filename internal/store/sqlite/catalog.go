package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/freshet-vod/freshet"
)

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
	}, `SELECT `+mediaColumns+`WHERE account = ? AND id IN (SELECT value FROM json_each(?))`, account, list)
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
	}, `SELECT `+mediaColumns+`WHERE account = ? AND id > ? ORDER BY id LIMIT ?`, account, after, max(limit, 0))
	if err != nil {
		return nil, fmt.Errorf("listing media: %w", err)
	}
	return out, nil
}

// HaveMedia implements [store.Catalog]. It is on the path of every call that
// names media, so what was seen to exist is kept in memory.
func (s *Store) HaveMedia(ctx context.Context, account string, ids []string) ([]bool, error) {
	have, missing, moment := s.known.check(account, ids)
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
	s.known.learn(moment, account, found...)
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
		if err := t.putDomain(ctx, d, hosts, body); err != nil {
			return err
		}
		return s.putDomainKeys(ctx, t, d)
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
		d, err := s.scanDomain(rows)
		list = append(list, d)
		return err
	}, `SELECT d.body, a.main, a.backup FROM domain d LEFT JOIN domain_auth a ON a.domain = d.name
		WHERE ? = '' OR d.account = ? ORDER BY d.name`, account, account)
	if err != nil {
		return nil, fmt.Errorf("reading domains: %w", err)
	}
	return list, nil
}
