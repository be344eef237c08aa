package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// headPage is how many heads are read at a time, and firstPage how many at
// first: most lists show a few tasks and stop. The consumer runs between reads,
// not during one: it may take its time, and read itself.
const (
	firstPage = 16
	headPage  = 500
)

// headQuery is a TaskQuery as the tables have it.
type headQuery struct {
	account, domain string
	lo, hi          int64  // created, in milliseconds: from lo up to and without hi
	object          string // "" = of any type
	only            store.EntryFilter
}

// latest bounds times, so that one more can be added.
const latest = math.MaxInt64 - 1

// headQueryOf is false if nothing can match.
func headQueryOf(q store.TaskQuery) (headQuery, bool) {
	h := headQuery{account: q.Account, domain: q.Domain, object: q.ObjectType, hi: latest, only: q.Only}
	if !q.Since.IsZero() {
		h.lo = q.Since.UnixMilli()
		if q.Since.After(time.UnixMilli(h.lo)) {
			h.lo++ // kept times are whole milliseconds
		}
		h.lo = max(h.lo, 0)
	}
	if !q.Until.IsZero() {
		h.hi = min(q.Until.UnixMilli(), latest-1) + 1
	}
	return h, h.lo < h.hi
}

// where is the condition of the query but for times, over log or log_count.
func (h *headQuery) where() (string, []any) {
	text, args := "account = ?", []any{h.account}
	if h.domain != "" {
		text += " AND domain = ?"
		args = append(args, h.domain)
	}
	if h.object != "" {
		text += " AND object = ?"
		args = append(args, h.object)
	}
	return text, args
}

// index is the one in whose order entries are read: the one in which the fewest
// are passed over.
func (h *headQuery) index() string {
	switch {
	case h.only == store.UnfinishedEntries:
		return "log_unfinished"
	case h.only == store.FailedEntries:
		return "log_failures"
	case h.object != "" && h.object != "file": // most are files
		return "log_object"
	case h.domain != "":
		return "log_domain"
	}
	return "log_created"
}

// condition is what the index in use demands of entries.
func (h *headQuery) condition() string {
	switch h.only {
	case store.UnfinishedEntries:
		return " AND closed = 0 AND kind <> 3"
	case store.FailedEntries:
		return " AND failed > 0 AND kind <> 3"
	case store.AllEntries:
	}
	return " AND kind <> 3"
}

// EntryHeads implements [store.Tasks].
func (s *Store) EntryHeads(ctx context.Context, q store.TaskQuery) iter.Seq2[store.EntryHead, error] {
	h, ok := headQueryOf(q)
	return func(yield func(store.EntryHead, error) bool) {
		where, args := h.where()
		query := `SELECT seq, kind, selector, type, job, idx, domain, first_task, n, created, closed, failed FROM log INDEXED BY ` + h.index() +
			` WHERE ` + where + h.condition() + ` AND (created, seq) < (?, ?) AND created >= ? ORDER BY created DESC, seq DESC LIMIT ?`
		lastCreated, lastSeq := h.hi, int64(0) // before all of that time
		for size := firstPage; ok; size = headPage {
			page := make([]store.EntryHead, 0, size)
			err := s.read.each(ctx, func(rows *sql.Rows) error {
				h, created, seq, err := scanHead(rows, s.epochs.Load())
				lastCreated, lastSeq = created, seq
				page = append(page, h)
				return err
			}, query, append(slices.Clip(args), lastCreated, lastSeq, h.lo, size)...)
			if err != nil {
				yield(store.EntryHead{}, fmt.Errorf("reading entries: %w", err))
				return
			}
			for _, h := range page {
				if !yield(h, nil) {
					return
				}
			}
			if len(page) < size {
				return
			}
		}
	}
}

// The spans of log_count.
const (
	hour   = int64(time.Hour / time.Millisecond)
	minute = int64(time.Minute / time.Millisecond)
)

// CountTasks implements [store.Tasks]. Whole hours are read as such, then whole
// minutes, and only what is left at both ends is counted entry by entry.
func (s *Store) CountTasks(ctx context.Context, q store.TaskQuery) (store.TaskCount, error) {
	var c store.TaskCount
	h, ok := headQueryOf(q)
	if !ok {
		return c, nil
	}
	where, own := h.where()
	var text string
	var args []any
	add := func(columns, table, order string, bounds ...int64) {
		for ; len(bounds) > 0; bounds = bounds[2:] {
			if bounds[0] >= bounds[1] {
				continue
			}
			if text != "" {
				text += ` UNION ALL `
			}
			text += `SELECT ` + columns + ` FROM ` + table + ` WHERE ` + where + order
			args = append(append(args, own...), bounds[0], bounds[1])
		}
	}
	hours, minutes, rest := cutSpan(h.lo, h.hi)
	add(`tasks, closed, failed`, `log_count`, ` AND span = 0 AND bucket >= ? AND bucket < ?`, hours...)
	add(`tasks, closed, failed`, `log_count`, ` AND span = 1 AND bucket >= ? AND bucket < ?`, minutes...)
	add(`n AS tasks, n * closed AS closed, failed`, `log INDEXED BY log_created`, ` AND kind <> 3 AND created >= ? AND created < ?`, rest...)
	// One statement sees one moment.
	_, err := s.read.get(ctx, []any{&c.Tasks, &c.Closed, &c.Failed},
		`SELECT coalesce(sum(tasks), 0), coalesce(sum(closed), 0), coalesce(sum(failed), 0) FROM (`+text+`)`, args...)
	if err != nil {
		return c, fmt.Errorf("counting tasks: %w", err)
	}
	return c, nil
}

// cutSpan cuts lo up to hi, in milliseconds, into whole hours, whole minutes
// before and after them, and milliseconds before and after those. Each is a list
// of bounds, some of which hold nothing.
func cutSpan(lo, hi int64) (hours, minutes, rest []int64) {
	firstMinute, endMinute := up(lo, minute), hi/minute
	if firstMinute >= endMinute {
		return nil, nil, []int64{lo, hi}
	}
	rest = []int64{lo, firstMinute * minute, endMinute * minute, hi}
	firstHour, endHour := up(lo, hour), hi/hour
	if firstHour >= endHour {
		return nil, []int64{firstMinute, endMinute}, rest
	}
	const perHour = hour / minute
	return []int64{firstHour, endHour}, []int64{firstMinute, firstHour * perHour, endHour * perHour, endMinute}, rest
}

// up divides and rounds up.
func up(v, by int64) int64 {
	n := v / by
	if n*by < v {
		n++
	}
	return n
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
