package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
