package sqlite

import (
	"context"
	"fmt"

	"github.com/freshet-vod/freshet"
)

// Write runs statements as one op of the writer, and then fails with err.
func (s *Store) Write(ctx context.Context, err error, statements ...string) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		for _, q := range statements {
			if err := t.exec(ctx, q); err != nil {
				return err
			}
		}
		return err
	})
}

// Stall keeps the writer busy until release is called, so that what is written
// meanwhile shares a batch.
func (s *Store) Stall(ctx context.Context) (release func()) {
	began, end := make(chan struct{}), make(chan struct{})
	go func() {
		_ = s.write(ctx, func(context.Context, *tx) error {
			close(began)
			<-end
			return nil
		})
	}()
	<-began
	return func() { close(end) }
}

// ForgetQueue leaves the writer without its queue of rows, as a rollback does.
func (s *Store) ForgetQueue(ctx context.Context) {
	_ = s.write(ctx, func(_ context.Context, t *tx) error {
		t.rows = nil
		return nil
	})
}

// Queued is how many writes wait.
func (s *Store) Queued() int { return len(s.w.ops) }

// The codec of jobs.
var (
	EncodeJob = encodeJob
	JobKey    = jobKey
	JobID     = jobID
)

// DecodeJob unpacks a job and fills in what its columns hold.
func DecodeJob(b []byte, id, account string, created int64) (*freshet.Job, error) {
	j, err := decodeJob(b)
	if err == nil {
		fillJob(j, jobKey(id), account, created)
	}
	return j, err
}

// Spans adds numbers in order, and gives the runs that result as pairs.
func Spans(numbers ...int64) (pairs [][2]int64) {
	var list []span
	for _, n := range numbers {
		list = addNumber(list, n)
	}
	for _, s := range list {
		pairs = append(pairs, [2]int64{s.lo, s.hi})
	}
	return pairs
}

// Level is SQLite's level of synchronisation inside a transaction of a write.
func (s *Store) Level(ctx context.Context, brief bool) (level int, err error) {
	write := s.write
	if brief {
		write = s.writeBrief
	}
	err = write(ctx, func(ctx context.Context, t *tx) error {
		return t.conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&level)
	})
	return level, err
}

// LimitPages lets the database grow by so many pages and no more, as a disk
// does that is nearly full; less than none lifts the limit.
func (s *Store) LimitPages(ctx context.Context, more int) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		limit := 1 << 30
		if more >= 0 {
			if err := t.conn.QueryRowContext(ctx, "PRAGMA page_count").Scan(&limit); err != nil {
				return err
			}
			limit += more
		}
		_, err := t.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", limit))
		return err
	})
}
