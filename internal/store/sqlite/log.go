package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/wire"
)

// The numbers under which subjects are kept.
const (
	numberPurge    = 0
	numberPrefetch = 1
)

func subjectNumber(subject string) int {
	if subject == freshet.SubjectPrefetch {
		return numberPrefetch
	}
	return numberPurge
}

// targetSets keeps target sets that were read. Sets never change and entries
// share them.
type targetSets struct {
	mu   sync.RWMutex // guards byID
	byID map[int64][]string
}

// maxSets bounds the cache. There is one set for each change of membership,
// and entries of today use one or two.
const maxSets = 128

func (c *targetSets) lookup(id int64) ([]string, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	pops, ok := c.byID[id]
	return pops, ok
}

func (c *targetSets) put(id int64, text string) ([]string, error) {
	var pops []string
	if err := json.Unmarshal([]byte(text), &pops); err != nil {
		return nil, fmt.Errorf("unpacking target set %d: %w", id, err)
	}
	if len(pops) == 0 {
		pops = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil || len(c.byID) >= maxSets {
		c.byID = map[int64][]string{}
	}
	c.byID[id] = pops
	return pops, nil
}

// get reads a set inside a transaction, which may have made it; so it is not
// kept, for the transaction may be rolled back and the number given out anew.
func (c *targetSets) get(ctx context.Context, t *tx, id int64) ([]string, error) {
	if pops, ok := c.lookup(id); ok {
		return pops, nil
	}
	var text string
	if _, err := t.get(ctx, []any{&text}, `SELECT pops FROM target_set WHERE id = ?`, id); err != nil {
		return nil, fmt.Errorf("reading target set: %w", err)
	}
	var pops []string
	if err := json.Unmarshal([]byte(text), &pops); err != nil {
		return nil, fmt.Errorf("unpacking target set %d: %w", id, err)
	}
	if len(pops) == 0 {
		pops = nil
	}
	return pops, nil
}

// targets sets an entry's targets: those of the POPs enrolled, whose set is
// numbered, that it is meant for. It returns the number of their set.
func (s *Store) targets(ctx context.Context, t *tx, enrolled int64, e *freshet.Entry) (int64, error) {
	pops, err := s.sets.get(ctx, t, enrolled)
	if err != nil {
		return 0, err
	}
	e.Targets = pops
	if e.Among == nil {
		return enrolled, nil
	}
	among := make(map[string]bool, len(e.Among))
	for _, p := range e.Among {
		among[p] = true
	}
	chosen := slices.DeleteFunc(slices.Clone(pops), func(p string) bool { return !among[p] })
	if len(chosen) == len(pops) {
		return enrolled, nil
	}
	if e.Targets = chosen; len(chosen) == 0 {
		e.Targets = nil
	}
	return t.targetSet(ctx, chosen)
}

// targetSet returns the number of a set of POPs, in order.
func (t *tx) targetSet(ctx context.Context, pops []string) (int64, error) {
	if pops == nil {
		pops = []string{}
	}
	text, err := json.Marshal(pops)
	if err != nil {
		return 0, fmt.Errorf("packing targets: %w", err)
	}
	if err := t.exec(ctx, `INSERT OR IGNORE INTO target_set (pops) VALUES (?)`, string(text)); err != nil {
		return 0, fmt.Errorf("storing targets: %w", err)
	}
	var id int64
	if _, err := t.get(ctx, []any{&id}, `SELECT id FROM target_set WHERE pops = ?`, string(text)); err != nil {
		return 0, fmt.Errorf("reading targets: %w", err)
	}
	return id, nil
}

// entryColumns are what scanEntry reads. The selector is packed and comes last.
const entryColumns = `l.seq, l.kind, l.account, l.job, l.idx, l.domain, l.first_task, l.targets, l.last_purge,
	l.finish_by, l.created, l.grp, l.type, l.soft, l.header, l.status, l.trace, m.change, m.pop, s.packed
	FROM log l LEFT JOIN log_selector s ON s.seq = l.seq LEFT JOIN log_membership m ON m.seq = l.seq `

// entryRow is an entry as it is kept.
type entryRow struct {
	seq, targets int64
	packed       []byte
	entry        *freshet.Entry
}

func scanEntry(rows *sql.Rows, known *epochs) (entryRow, error) {
	e := &freshet.Entry{}
	r := entryRow{entry: e}
	var job, trace []byte
	var firstTask, lastPurge, finishBy, created, group int64
	var change sql.NullInt16
	var pop sql.NullString
	err := rows.Scan(&r.seq, &e.Kind, &e.Account, &job, &e.Row, &e.Domain, &firstTask, &r.targets, &lastPurge,
		&finishBy, &created, &group, &e.Type, &e.Soft, &e.Header, &e.Status, &trace, &change, &pop, &r.packed)
	if err != nil {
		return r, err
	}
	e.At, e.LastPurge = known.position(r.seq), known.position(lastPurge)
	e.Job, e.FirstTask, e.Group = jobID(job), uint64(firstTask), uint64(group) //nolint:gosec // stored so
	e.FinishBy, e.Created, e.Trace = fromMillis(finishBy), fromMillis(created), unpackTrace(trace)
	if change.Valid {
		//nolint:gosec // stored so
		e.Membership = freshet.Membership{Change: freshet.MembershipChange(change.Int16), POP: pop.String}
	}
	return r, nil
}

// entries reads entries. maxBytes bounds their packed selectors, but for the
// first; 0 = no bound.
func (s *Store) entries(ctx context.Context, maxBytes int, query string, args ...any) ([]*freshet.Entry, error) {
	var list []entryRow
	total := 0
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		// Loaded now, the epochs are no older than what the query sees.
		r, err := scanEntry(rows, s.epochs.Load())
		if err != nil {
			return err
		}
		total += len(r.packed)
		if maxBytes > 0 && total > maxBytes && len(list) > 0 {
			return errEnough
		}
		list = append(list, r)
		return nil
	}, query, args...)
	if err != nil && !isEnough(err) {
		return nil, fmt.Errorf("reading log: %w", err)
	}
	out := make([]*freshet.Entry, len(list))
	for i, r := range list {
		if out[i], err = s.complete(ctx, r); err != nil {
			return nil, fmt.Errorf("reading entry %s: %w", r.entry.At, err)
		}
	}
	return out, nil
}

// complete fills in what stands in other tables. The row's connection must be
// free again.
func (s *Store) complete(ctx context.Context, r entryRow) (*freshet.Entry, error) {
	pops, ok := s.sets.lookup(r.targets)
	if !ok {
		var text string
		if _, err := s.read.get(ctx, []any{&text}, `SELECT pops FROM target_set WHERE id = ?`, r.targets); err != nil {
			return nil, fmt.Errorf("reading target set: %w", err)
		}
		var err error
		if pops, err = s.sets.put(r.targets, text); err != nil {
			return nil, err
		}
	}
	r.entry.Targets = pops
	if r.entry.Kind == freshet.EntryMembership {
		return r.entry, nil
	}
	var err error
	if r.entry.Selector, err = wire.UnpackSelector(r.packed); err != nil {
		return nil, fmt.Errorf("unpacking URLs: %w", err)
	}
	return r.entry, nil
}

// Read implements [store.Log].
func (s *Store) Read(ctx context.Context, subject string, after freshet.Position, limit, maxBytes int) ([]*freshet.Entry, error) {
	return s.entries(ctx, maxBytes, `SELECT `+entryColumns+`WHERE l.subject = ? AND l.seq > ? ORDER BY l.seq LIMIT ?`,
		subjectNumber(subject), s.epochs.Load().floor(after), max(limit, 0))
}

// Entry implements [store.Log].
func (s *Store) Entry(ctx context.Context, at freshet.Position) (*freshet.Entry, error) {
	seq, ok := s.epochs.Load().exact(at)
	if !ok {
		return nil, noEntry(at)
	}
	list, err := s.entries(ctx, 0, `SELECT `+entryColumns+`WHERE l.seq = ?`, seq)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, noEntry(at)
	}
	return list[0], nil
}

func noEntry(at freshet.Position) error {
	return freshet.Errorf(freshet.CodeNotFound, "There is no entry %s in the log.", at)
}

// Heads implements [store.Log].
func (s *Store) Heads(ctx context.Context) (map[string]freshet.Position, error) {
	heads := map[string]freshet.Position{}
	for _, subject := range freshet.Subjects() {
		var seq int64
		_, err := s.read.get(ctx, []any{&seq}, `SELECT seq FROM log WHERE subject = ? ORDER BY seq DESC LIMIT 1`, subjectNumber(subject))
		if err != nil {
			return nil, fmt.Errorf("reading head of %s: %w", subject, err)
		}
		forgotten, err := s.forgotten(ctx, subject) // the last one may be, and heads never go back
		if err != nil {
			return nil, err
		}
		heads[subject] = s.epochs.Load().position(max(seq, forgotten))
	}
	return heads, nil
}

// Members implements [store.Log].
func (s *Store) Members(ctx context.Context) ([]*freshet.Entry, error) {
	return s.entries(ctx, 0, `SELECT `+entryColumns+`WHERE l.seq IN (SELECT seq FROM log_membership) ORDER BY l.seq`)
}
