package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/wire"
)

// errEnough ends the reading of rows early.
var errEnough = errors.New("enough")

func isEnough(err error) bool { return errors.Is(err, errEnough) }

// TaskEntry implements [store.Tasks].
func (s *Store) TaskEntry(ctx context.Context, account string, task uint64) (*freshet.Entry, int, error) {
	if task > math.MaxInt64 {
		return nil, 0, noTask(task)
	}
	list, err := s.entries(ctx, 0, `SELECT `+entryColumns+`WHERE l.account = ? AND l.first_task <= ? AND l.kind <> 3
		ORDER BY l.first_task DESC, l.seq DESC LIMIT 1`, account, int64(task))
	if err != nil {
		return nil, 0, err
	}
	if len(list) == 0 || task-list[0].FirstTask >= uint64(list[0].Len()) { //nolint:gosec // lengths are not negative
		return nil, 0, noTask(task)
	}
	return list[0], int(task - list[0].FirstTask), nil
}

func noTask(task uint64) error {
	return freshet.Errorf(freshet.CodeNotFound, "Task %d does not exist.", task)
}

// headPage is how many heads are read at a time. The consumer runs between
// reads, not during one: it may take its time, and read itself.
const headPage = 500

// EntryHeads implements [store.Tasks].
func (s *Store) EntryHeads(ctx context.Context, q store.TaskQuery) iter.Seq2[store.EntryHead, error] {
	since, until := int64(math.MinInt64), int64(math.MaxInt64)
	if !q.Since.IsZero() {
		since = q.Since.UnixMilli()
		if q.Since.After(time.UnixMilli(since)) {
			since++ // kept times are whole milliseconds
		}
	}
	if !q.Until.IsZero() {
		until = q.Until.UnixMilli()
	}
	kind, selector, typ, ok := objectKind(q.ObjectType)
	return func(yield func(store.EntryHead, error) bool) {
		lastCreated, lastSeq := until, int64(math.MaxInt64)
		for ok {
			page := make([]store.EntryHead, 0, 64)
			err := s.read.each(ctx, func(rows *sql.Rows) error {
				h, created, seq, err := scanHead(rows, s.epochs.Load())
				lastCreated, lastSeq = created, seq
				page = append(page, h)
				return err
			}, `SELECT seq, kind, selector, type, job, idx, domain, first_task, n, created, closed, failed FROM log
				WHERE account = ? AND kind <> 3 AND (created, seq) < (?, ?) AND created >= ?
				AND (? = '' OR domain = ?) AND (? = 0 OR kind = ?) AND (? = 0 OR selector = ?) AND (? = '*' OR type = ?)
				ORDER BY created DESC, seq DESC LIMIT ?`,
				q.Account, lastCreated, lastSeq, since, q.Domain, q.Domain, kind, kind, selector, selector, typ, typ, headPage)
			if err != nil {
				yield(store.EntryHead{}, fmt.Errorf("reading entries: %w", err))
				return
			}
			for _, h := range page {
				if !yield(h, nil) {
					return
				}
			}
			if len(page) < headPage {
				return
			}
		}
	}
}

// objectKind turns an object type into what is kept, 0 and * for anything; false
// if nothing has that type.
func objectKind(objectType string) (kind freshet.EntryKind, selector freshet.SelectorKind, typ string, ok bool) {
	if objectType == "" {
		return 0, 0, "*", true
	}
	for _, e := range []freshet.Entry{
		{Kind: freshet.EntryPurge, Type: freshet.TypeRegex},
		{Kind: freshet.EntryPurge, Type: freshet.TypeIgnoreParams},
		{Kind: freshet.EntryPurge, Selector: freshet.Selector{Kind: freshet.SelectExact}},
		{Kind: freshet.EntryPurge, Selector: freshet.Selector{Kind: freshet.SelectPrefix}},
		{Kind: freshet.EntryPurge, Selector: freshet.Selector{Kind: freshet.SelectTag}},
		{Kind: freshet.EntryPrefetch},
		{Kind: freshet.EntryDeny},
		{Kind: freshet.EntryAllow},
	} {
		if e.ObjectType() == objectType {
			return e.Kind, e.Selector.Kind, e.Type, true
		}
	}
	return 0, 0, "", false
}

func scanHead(rows *sql.Rows, known *epochs) (h store.EntryHead, created, seq int64, err error) {
	var e freshet.Entry
	var job []byte
	var firstTask int64
	err = rows.Scan(&seq, &e.Kind, &e.Selector.Kind, &e.Type, &job, &h.Row, &h.Domain, &firstTask, &h.Len, &created, &h.Closed, &h.Failed)
	h.At, h.Job, h.ObjectType = known.position(seq), jobID(job), e.ObjectType()
	h.FirstTask, h.Created = uint64(firstTask), fromMillis(created) //nolint:gosec // stored so
	return h, created, seq, err
}

// FindURL implements [store.Tasks].
func (s *Store) FindURL(ctx context.Context, account, url string, since time.Time) ([]store.TaskRef, error) {
	type place struct {
		seq  int64
		item int
	}
	var places []place
	var packed [][]byte
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var p place
		var b []byte
		err := rows.Scan(&p.seq, &p.item, &b)
		places, packed = append(places, p), append(packed, b)
		return err
	}, `SELECT u.seq, u.item, s.packed FROM url_index u JOIN log l ON l.seq = u.seq JOIN log_selector s ON s.seq = u.seq
		WHERE u.hash = ? AND l.account = ? AND l.created >= ? ORDER BY u.seq DESC, u.item DESC`,
		urlHash(account, url), account, millis(since))
	if err != nil {
		return nil, fmt.Errorf("finding URL: %w", err)
	}
	known := s.epochs.Load()
	var refs []store.TaskRef
	for i, p := range places {
		sel, err := wire.UnpackSelector(packed[i])
		if err != nil {
			return nil, fmt.Errorf("unpacking URLs of entry %s: %w", known.position(p.seq), err)
		}
		// The hash brought us here; only the URL itself says that it is right.
		e := freshet.Entry{Selector: sel}
		if p.item < e.Len() && e.URL(p.item) == url {
			refs = append(refs, store.TaskRef{At: known.position(p.seq), Item: p.item})
		}
	}
	return refs, nil
}
