package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/seal"
)

// secretColumn is a column of text that holds secrets: one for each row, by the
// row's ID; empty where a row has none.
type secretColumn struct{ table, id, column string }

// secretColumns lists every column that is sealed. One that is added here is
// sealed when the store is opened, whatever it held before; reads and writes of
// it go through hide and reveal.
func secretColumns() []secretColumn {
	return []secretColumn{accessKeySecret(), callbackSecret(), domainMainKey(), domainBackupKey()}
}

func accessKeySecret() secretColumn { return secretColumn{"access_key", "id", "secret"} }

// place is the context that a value is bound to: in another row or column it
// does not open.
func (c secretColumn) place(id string) string { return c.table + "/" + c.column + "/" + id }

// hide returns a secret as it is stored. Without keys it is stored as it is.
func (s *Store) hide(c secretColumn, id, plain string) string {
	if s.box == nil || plain == "" {
		return plain
	}
	return s.box.Seal(c.place(id), plain)
}

// reveal is the reverse of hide.
func (s *Store) reveal(c secretColumn, id, stored string) (string, error) {
	if !seal.Sealed(stored) {
		return stored, nil
	}
	if s.box == nil {
		return "", fmt.Errorf("opening %s of %s %s: there is no key", c.column, c.table, id)
	}
	plain, err := s.box.Open(c.place(id), stored)
	if err != nil {
		return "", fmt.Errorf("opening %s of %s %s: %w", c.column, c.table, id, err)
	}
	return plain, nil
}

// sealAll seals what was stored in clear, and seals again what an older key
// sealed. A secret that no key at hand opens is an error: the store would be
// useless without it, and new secrets would be sealed beside it with a key that
// may be a mistake.
func (s *Store) sealAll(ctx context.Context) error {
	if s.box == nil {
		return nil
	}
	// What is overwritten is wiped, or the database's file would go on to hold it.
	if _, err := s.db.ExecContext(ctx, `PRAGMA secure_delete = ON`); err != nil {
		return fmt.Errorf("sealing secrets: %w", err)
	}
	defer func() { _, _ = s.db.ExecContext(ctx, `PRAGMA secure_delete = OFF`) }() // only slower if it stays
	t, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("sealing secrets: %w", err)
	}
	defer func() { _ = t.Rollback() }() // after a commit it does nothing
	changed := false
	for _, c := range secretColumns() {
		again, err := s.sealColumn(ctx, t, c)
		if err != nil {
			return err
		}
		changed = changed || again
	}
	if err := t.Commit(); err != nil {
		return fmt.Errorf("sealing secrets: %w", err)
	}
	if !changed {
		return nil
	}
	if _, err := s.db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		return fmt.Errorf("wiping secrets: %w", err)
	}
	return nil
}

// sealColumn seals a column, and tells whether there was something to do. Then
// the whole table is written anew: rows that are changed where they are leave
// pieces of their past in the pages.
func (s *Store) sealColumn(ctx context.Context, t *sql.Tx, c secretColumn) (changed bool, err error) {
	columns, rows, err := wholeTable(ctx, t, c.table)
	if err != nil {
		return false, err
	}
	id, secret := slices.Index(columns, c.id), slices.Index(columns, c.column)
	for _, row := range rows {
		name, text := fmt.Sprint(row[id]), fmt.Sprint(row[secret])
		if text == "" || seal.Sealed(text) && s.box.Current(text) {
			continue
		}
		plain, err := s.reveal(c, name, text)
		if err != nil {
			return false, &freshet.Error{
				Code: freshet.CodeInvalid, Field: "secrets", Err: err,
				Message: fmt.Sprintf("The secrets in the database cannot be opened: %s. Keys at hand: %s. Put the right key back, or add it as another line of the key file.",
					err, strings.Join(s.box.Names(), ", ")),
			}
		}
		row[secret], changed = s.hide(c, name, plain), true
	}
	if !changed {
		return false, nil
	}
	if _, err := t.ExecContext(ctx, `DELETE FROM `+c.table); err != nil { //nolint:gosec // a name of ours
		return false, fmt.Errorf("wiping secrets: %w", err)
	}
	insert := `INSERT INTO ` + c.table + ` (` + strings.Join(columns, ", ") + `) VALUES (?` + strings.Repeat(", ?", len(columns)-1) + `)` //nolint:gosec // names of ours
	for _, row := range rows {
		if _, err := t.ExecContext(ctx, insert, row...); err != nil {
			return false, fmt.Errorf("sealing secrets: %w", err)
		}
	}
	return true, nil
}

// wholeTable reads a small table, in its own order.
func wholeTable(ctx context.Context, t *sql.Tx, table string) (columns []string, list [][]any, err error) {
	rows, err := t.QueryContext(ctx, `SELECT * FROM `+table+` NOT INDEXED`) //nolint:gosec // a name of ours
	if err != nil {
		return nil, nil, fmt.Errorf("reading secrets: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if columns, err = rows.Columns(); err != nil {
		return nil, nil, fmt.Errorf("reading secrets: %w", err)
	}
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, nil, fmt.Errorf("reading secrets: %w", err)
		}
		list = append(list, row)
	}
	return columns, list, rows.Err()
}
