package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

const popColumns = `id, added, parents, key, since, revoked, token, expires, spent`

// popRow is a record as a row has it.
type popRow struct {
	p                       store.POP
	parents                 string
	since, revoked, expires int64
	token                   []byte
}

func (r *popRow) dest() []any {
	return []any{&r.p.ID, &r.p.Added, &r.parents, &r.p.Key, &r.since, &r.revoked, &r.token, &r.expires, &r.p.Spent}
}

func (r *popRow) record() (store.POP, error) {
	p := r.p
	if err := json.Unmarshal([]byte(r.parents), &p.Parents); err != nil {
		return p, fmt.Errorf("unpacking the parents of POP %s: %w", p.ID, err)
	}
	if len(p.Parents) == 0 {
		p.Parents = nil
	}
	p.Since, p.Revoked, p.Expires = fromMillis(r.since), fromMillis(r.revoked), fromMillis(r.expires)
	copy(p.Token[:], r.token)
	return p, nil
}

// changePOP applies a change to a POP's record, which is a new one if there is
// none, in one transaction. An error of change leaves nothing behind.
func (s *Store) changePOP(ctx context.Context, id string, change func(*store.POP) error) (store.POP, error) {
	var p store.POP
	err := s.write(ctx, func(ctx context.Context, t *tx) error {
		var r popRow
		found, err := t.get(ctx, r.dest(), `SELECT `+popColumns+` FROM pop WHERE id = ?`, id)
		if err != nil {
			return fmt.Errorf("reading POP %s: %w", id, err)
		}
		p = store.POP{ID: id}
		if found {
			if p, err = r.record(); err != nil {
				return err
			}
		}
		if err := change(&p); err != nil {
			return err
		}
		return t.putPOP(ctx, p)
	})
	return p, err
}

func (t *tx) putPOP(ctx context.Context, p store.POP) error {
	parents, err := json.Marshal(append([]string{}, p.Parents...))
	if err != nil {
		return fmt.Errorf("packing the parents of POP %s: %w", p.ID, err)
	}
	token := p.Token[:]
	if p.Token == (store.Digest{}) {
		token = []byte{}
	}
	err = t.exec(ctx, `INSERT OR REPLACE INTO pop (`+popColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		p.ID, p.Added, string(parents), p.Key, millis(p.Since), millis(p.Revoked), token, millis(p.Expires), p.Spent)
	if err != nil {
		return fmt.Errorf("storing POP %s: %w", p.ID, err)
	}
	return nil
}

// InvitePOP implements [store.POPs].
func (s *Store) InvitePOP(ctx context.Context, i store.Invitation) (store.POP, error) {
	return s.changePOP(ctx, i.ID, func(p *store.POP) error {
		if i.Added {
			p.Added, p.Parents = true, i.Parents
		}
		p.Token, p.Expires, p.Spent = i.Token, i.Expires, ""
		return nil
	})
}

// EnrolPOP implements [store.POPs].
func (s *Store) EnrolPOP(ctx context.Context, e store.Enrolment) (store.POP, error) {
	return s.changePOP(ctx, e.ID, func(p *store.POP) error {
		switch {
		case p.Token == (store.Digest{}) || !p.Token.Equal(e.Token):
			return freshet.Errorf(freshet.CodeForbidden, "The POP %s has no such token.", e.ID)
		case !e.Now.Before(p.Expires):
			return freshet.Errorf(freshet.CodeUnauthenticated, "The token of POP %s expired.", e.ID)
		case p.Spent != "" && p.Spent != e.Key:
			return freshet.Errorf(freshet.CodeConflict, "The token of POP %s was exchanged already.", e.ID)
		case p.Spent != "": // the answer was lost
			return nil
		}
		p.Key, p.Since, p.Revoked, p.Spent = e.Key, e.Now, time.Time{}, e.Key
		return nil
	})
}

// RevokePOP implements [store.POPs].
func (s *Store) RevokePOP(ctx context.Context, id string, now time.Time, forget bool) (store.POP, error) {
	return s.changePOP(ctx, id, func(p *store.POP) error {
		p.Token, p.Expires, p.Spent = store.Digest{}, time.Time{}, ""
		if p.Revoked.IsZero() {
			p.Revoked = now
		}
		if forget {
			p.Added, p.Parents, p.Key, p.Since = false, nil, "", time.Time{}
		}
		return nil
	})
}

// ListPOPs implements [store.POPs].
func (s *Store) ListPOPs(ctx context.Context) ([]store.POP, error) {
	var list []store.POP
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var r popRow
		if err := rows.Scan(r.dest()...); err != nil {
			return err
		}
		p, err := r.record()
		list = append(list, p)
		return err
	}, `SELECT `+popColumns+` FROM pop ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("reading POPs: %w", err)
	}
	return list, nil
}
