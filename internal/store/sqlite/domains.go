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
func (s *Store) putDomainKeys(ctx context.Context, t *tx, d freshet.Domain) error {
	main := s.hide(domainMainKey(), d.Name, string(d.URLAuth.MainKey))
	backup := s.hide(domainBackupKey(), d.Name, string(d.URLAuth.BackupKey))
	var err error
	if main == "" && backup == "" {
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

func domainMainKey() secretColumn   { return secretColumn{"domain_auth", "domain", "main"} }
func domainBackupKey() secretColumn { return secretColumn{"domain_auth", "domain", "backup"} }

func (s *Store) scanDomain(rows *sql.Rows) (freshet.Domain, error) {
	var d freshet.Domain
	var body []byte
	var main, backup sql.NullString
	if err := rows.Scan(&body, &main, &backup); err != nil {
		return d, err
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return d, fmt.Errorf("unpacking domain: %w", err)
	}
	mainKey, err := s.reveal(domainMainKey(), d.Name, main.String)
	if err != nil {
		return d, err
	}
	backupKey, err := s.reveal(domainBackupKey(), d.Name, backup.String)
	d.URLAuth.MainKey, d.URLAuth.BackupKey = freshet.AuthKey(mainKey), freshet.AuthKey(backupKey)
	return d, err
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
