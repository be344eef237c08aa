package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/freshet-vod/freshet"
)

// putDomainKeys stores the keys of a domain's signatures, which its body does
// not hold.
func (t *tx) putDomainKeys(ctx context.Context, d freshet.Domain) error {
	main, backup := []byte(d.URLAuth.MainKey), []byte(d.URLAuth.BackupKey)
	var err error
	if len(main) == 0 && len(backup) == 0 {
		err = t.exec(ctx, `DELETE FROM domain_auth WHERE domain = ?`, d.Name)
	} else {
		err = t.exec(ctx, `INSERT INTO domain_auth (domain, main, backup) VALUES (?, ?, ?)
			ON CONFLICT (domain) DO UPDATE SET main = excluded.main, backup = excluded.backup`, d.Name, main, backup)
	}
	if err != nil {
		return fmt.Errorf("storing keys of domain: %w", err)
	}
	return nil
}

func scanDomain(rows *sql.Rows) (freshet.Domain, error) {
	var d freshet.Domain
	var body, main, backup []byte
	if err := rows.Scan(&body, &main, &backup); err != nil {
		return d, err
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return d, fmt.Errorf("unpacking domain: %w", err)
	}
	d.URLAuth.MainKey, d.URLAuth.BackupKey = freshet.AuthKey(main), freshet.AuthKey(backup)
	return d, nil
}

// RemoveDomain implements [store.Catalog].
func (s *Store) RemoveDomain(ctx context.Context, name string) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		for _, stmt := range []string{
			`DELETE FROM domain_auth WHERE domain = ?`,
			`DELETE FROM domain_host WHERE domain = ?`,
			`DELETE FROM domain WHERE name = ?`,
		} {
			if err := t.exec(ctx, stmt, name); err != nil {
				return fmt.Errorf("removing domain: %w", err)
			}
		}
		return nil
	})
}
