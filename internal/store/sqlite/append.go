package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/wire"
)

// prepared is an entry with all that can be worked out before the transaction:
// the writer's goroutine is the one thing that all callers share.
type prepared struct {
	*freshet.Entry
	packed []byte
	hashes []itemHash
}

// itemHash is the place of one item in url_index.
type itemHash struct {
	hash int64
	item int
}

func prepare(entries []*freshet.Entry, account string) ([]prepared, error) {
	list := make([]prepared, len(entries))
	for i, e := range entries {
		switch {
		case e.Kind < freshet.EntryPurge || e.Kind > freshet.EntryAllow:
			return nil, freshet.Invalid("kind", "Entries of kind %d cannot be stored.", e.Kind)
		case account != "" && e.Account != account:
			return nil, freshet.Invalid("account", "An entry belongs to another account than its job.")
		}
		list[i] = prepared{Entry: e}
		if e.Kind == freshet.EntryMembership {
			continue
		}
		list[i].packed = wire.PackSelector(e.Selector)
		list[i].hashes = make([]itemHash, e.Len())
		for k := range list[i].hashes {
			list[i].hashes[k] = itemHash{hash: urlHash(e.Account, e.URL(k)), item: k}
		}
		slices.SortFunc(list[i].hashes, func(a, b itemHash) int { return cmp.Compare(a.hash, b.hash) })
	}
	return list, nil
}

// urlHash is the place of an account's URL in url_index. Its upper half comes
// from the directory alone, so that the segments of a rendition stand together
// and an entry touches a page or two of the index instead of one for each URL;
// that is worth ten times the throughput of planning. It is stored, so it must
// never change. Having no seed, it lets an attacker slow down lookups of their
// own: the account is hashed too.
func urlHash(account, url string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(account))
	_, _ = h.Write([]byte{0})
	dir := strings.LastIndexByte(url, '/') + 1 // a slash in a query only scatters
	_, _ = h.Write([]byte(url[:dir]))
	upper := h.Sum64() >> 32 << 32
	_, _ = h.Write([]byte(url[dir:]))
	return int64(upper | h.Sum64()&math.MaxUint32) //nolint:gosec // bits, not a number
}

// SavePlan implements [store.Jobs].
func (s *Store) SavePlan(ctx context.Context, p *store.Plan) error {
	if !p.Row.State.Final() {
		return freshet.Invalid("state", "A plan must leave its row planned or failed, not %s.", p.Row.State)
	}
	entries, err := prepare(p.Entries, p.Claim.Job.Account)
	if err != nil {
		return err
	}
	urls := distinct(p.Remember)
	var row *queuedRow
	return s.w.submit(ctx, &op{
		do: func(ctx context.Context, t *tx) error {
			q, err := t.queue(ctx)
			if err != nil {
				return err
			}
			row = q.holding(rowKey{job: p.Claim.Row.Job, idx: p.Claim.Row.Index}, p.Claim.Worker)
			if row == nil || row.job.account != p.Claim.Job.Account {
				return freshet.Errorf(freshet.CodeConflict, "Row %d of job %s is not held by this worker any more.",
					p.Claim.Row.Index, p.Claim.Row.Job)
			}
			if err := t.charge(ctx, p.Charges); err != nil {
				return err
			}
			entries, err := t.stillAllowed(ctx, row.media, entries)
			if err != nil {
				return err
			}
			if err := s.appendEntries(ctx, t, p.Now, entries); err != nil {
				return err
			}
			if err := t.keepDenied(ctx, s.epochs.Load(), row.media, entries); err != nil {
				return err
			}
			p.Row.Entries = make([]freshet.Position, len(entries))
			for i := range entries {
				p.Row.Entries[i] = entries[i].At
			}
			t.moved = true
			row.final = true
			if err := t.putOutcome(ctx, row, p.Row); err != nil {
				return err
			}
			if err := t.queueEvents(ctx, row.job.account, p.Now, p.Events); err != nil {
				return err
			}
			if err := t.watch(ctx, row.job.account, row.job.id); err != nil {
				return err
			}
			return t.remember(ctx, row.job.account, row.media, p.Now, urls)
		},
		done: func(t *tx) { t.rows.finish(row) },
	})
}

// putOutcome stores a final row.
func (t *tx) putOutcome(ctx context.Context, r *queuedRow, row freshet.Row) error {
	row.Modified = row.Modified.UTC().Truncate(time.Millisecond)
	outcome, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("packing row: %w", err)
	}
	if err := t.exec(ctx, `UPDATE job_row SET worker = '', until = 0, outcome = ? WHERE job = ? AND idx = ?`,
		outcome, r.job.seq, r.idx); err != nil {
		return fmt.Errorf("storing outcome of row: %w", err)
	}
	if err := t.exec(ctx, `UPDATE job_open SET left = left - 1 WHERE seq = ?`, r.job.seq); err != nil {
		return fmt.Errorf("counting rows: %w", err)
	}
	if err := t.exec(ctx, `DELETE FROM job_open WHERE seq = ? AND left <= 0`, r.job.seq); err != nil {
		return fmt.Errorf("counting rows: %w", err)
	}
	return nil
}

// Append implements [store.Log].
func (s *Store) Append(ctx context.Context, now time.Time, entries ...*freshet.Entry) error {
	list, err := prepare(entries, "")
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *tx) error { return s.appendEntries(ctx, t, now, list) })
}

// logHead is the end of the log.
type logHead struct{ seq, lastPurge, targets int64 }

// appendEntries gives entries their positions, task IDs and targets, and
// stores them.
func (s *Store) appendEntries(ctx context.Context, t *tx, now time.Time, entries []prepared) error {
	if len(entries) == 0 {
		return nil
	}
	var head logHead
	if _, err := t.get(ctx, []any{&head.seq, &head.lastPurge, &head.targets},
		`SELECT seq, last_purge, targets FROM log_head`); err != nil {
		return fmt.Errorf("reading log head: %w", err)
	}
	tasks := map[string]uint64{}
	for i := range entries {
		if err := s.appendEntry(ctx, t, &head, tasks, now, entries[i]); err != nil {
			return fmt.Errorf("appending entry: %w", err)
		}
	}
	for account, next := range tasks {
		if err := t.putNextTask(ctx, account, next); err != nil {
			return err
		}
	}
	if err := t.exec(ctx, `UPDATE log_head SET seq = ?, last_purge = ?, targets = ?`, head.seq, head.lastPurge, head.targets); err != nil {
		return fmt.Errorf("moving log head: %w", err)
	}
	return t.indexURLs(ctx, head.seq-int64(len(entries))+1, entries)
}

func (s *Store) appendEntry(ctx context.Context, t *tx, head *logHead, tasks map[string]uint64, now time.Time, p prepared) error {
	e, known := p.Entry, s.epochs.Load()
	head.seq++
	e.At = known.position(head.seq)
	if e.Created.IsZero() {
		e.Created = now
	}
	e.Created = e.Created.UTC().Truncate(time.Millisecond)
	lastPurge := int64(0)
	switch e.Kind {
	case freshet.EntryMembership:
		if err := t.changeMember(ctx, head, e.Membership); err != nil {
			return err
		}
	case freshet.EntryPrefetch:
		lastPurge = head.lastPurge
	case freshet.EntryPurge, freshet.EntryDeny, freshet.EntryAllow:
		head.lastPurge = head.seq
	}
	e.LastPurge = known.position(lastPurge)
	e.FirstTask = 0
	if e.Kind != freshet.EntryMembership {
		next, err := t.nextTask(ctx, tasks, e.Account, known.last().floor)
		if err != nil {
			return err
		}
		e.FirstTask = next
		tasks[e.Account] = next + uint64(e.Len()) //nolint:gosec // lengths are not negative
		if err := t.exec(ctx, `INSERT INTO log_selector (seq, packed) VALUES (?, ?)`, head.seq, p.packed); err != nil {
			return err
		}
	}
	targets, err := s.targets(ctx, t, head.targets, e)
	if err != nil {
		return err
	}
	return t.exec(ctx, `INSERT INTO log (seq, kind, subject, selector, n, account, job, idx, domain, first_task,
		targets, last_purge, finish_by, created, closed, failed, grp, type, soft, header, status, trace)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?)`,
		head.seq, e.Kind, subjectNumber(e.Subject()), e.Selector.Kind, e.Len(), e.Account, jobKey(e.Job), e.Row, e.Domain,
		int64(e.FirstTask), targets, lastPurge, millis(e.FinishBy), millis(e.Created), int64(e.Group), e.Type, e.Soft, e.Header, e.Status, packTrace(e.Trace)) //nolint:gosec // counts up from ten digits
}

// nextTask is the next task ID of an account.
func (t *tx) nextTask(ctx context.Context, tasks map[string]uint64, account string, floor uint64) (uint64, error) {
	if next, ok := tasks[account]; ok {
		return next, nil
	}
	var next int64
	if _, err := t.get(ctx, []any{&next}, `SELECT next_task FROM account WHERE name = ?`, account); err != nil {
		return 0, fmt.Errorf("reading task IDs: %w", err)
	}
	return max(uint64(next), floor), nil //nolint:gosec // never negative
}

// changeMember keeps the list of enrolled POPs, which the entry itself and all
// later ones have as their targets. Down POPs stay on it: they owe what they
// miss.
func (t *tx) changeMember(ctx context.Context, head *logHead, m freshet.Membership) error {
	if err := t.exec(ctx, `INSERT INTO log_membership (seq, change, pop) VALUES (?, ?, ?)`, head.seq, m.Change, m.POP); err != nil {
		return err
	}
	var err error
	switch m.Change {
	case freshet.MemberEnrol:
		err = t.exec(ctx, `INSERT OR IGNORE INTO member (pop) VALUES (?)`, m.POP)
	case freshet.MemberRemove:
		err = t.exec(ctx, `DELETE FROM member WHERE pop = ?`, m.POP)
	case freshet.MemberDown, freshet.MemberUp:
		return nil
	}
	if err != nil {
		return err
	}
	pops := []string{}
	err = t.each(ctx, func(rows *sql.Rows) error {
		var pop string
		err := rows.Scan(&pop)
		pops = append(pops, pop)
		return err
	}, `SELECT pop FROM member ORDER BY pop`)
	if err != nil {
		return err
	}
	head.targets, err = t.targetSet(ctx, pops)
	return err
}

// indexRows is how many rows of url_index one statement inserts: most of the
// cost of a small insert is the call.
const indexRows = 32

// indexURLs adds the URLs of entries, the first of which has number seq.
func (t *tx) indexURLs(ctx context.Context, seq int64, entries []prepared) error {
	args := make([]any, 0, 3*indexRows)
	flush := func() error {
		if len(args) == 0 {
			return nil
		}
		err := t.exec(ctx, indexStatement(len(args)/3), args...)
		args = args[:0]
		return err
	}
	for i := range entries {
		for _, h := range entries[i].hashes {
			args = append(args, h.hash, seq+int64(i), h.item)
			if len(args) < 3*indexRows {
				continue
			}
			if err := flush(); err != nil {
				return fmt.Errorf("indexing URLs: %w", err)
			}
		}
	}
	// What is left goes in one by one, so that there are two statements and
	// not thirty-two.
	rest := args
	for len(rest) > 0 {
		if err := t.exec(ctx, indexStatement(1), rest[:3]...); err != nil {
			return fmt.Errorf("indexing URLs: %w", err)
		}
		rest = rest[3:]
	}
	return nil
}

func indexStatement(rows int) string {
	const one, many = `INSERT INTO url_index (hash, seq, item) VALUES (?, ?, ?)`, `, (?, ?, ?)`
	if rows == 1 {
		return one
	}
	return one + strings.Repeat(many, rows-1)
}
