package sqlite

import (
	"cmp"
	"container/heap"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/freshet-vod/freshet"
)

// rowQueue holds every row that is not final, in memory, so that claiming
// costs the same whether ten rows wait or a hundred thousand. The tables
// job_open, job and job_row say the same and are what it is read from at
// start. Rows of one account and media form a chain in job order, of which
// only the first may be leased.
//
// A transaction changes it as it goes. If that is rolled back, the queue is
// thrown away and read again: undoing each step would be more code for a case
// that only a failing disk brings about.
type rowQueue struct {
	chains map[string]map[string]chain // by account and media
	ready  rowHeap                     // first rows of chains that nobody holds; may hold rows that are final by now
	held   map[rowKey]*queuedRow
	n      int
}

type chain struct{ first, last *queuedRow }

type rowKey struct {
	job string
	idx int
}

// queuedJob is what the rows of one job share.
type queuedJob struct {
	seq     int64
	id      string
	account string
}

type queuedRow struct {
	job    *queuedJob
	idx    int
	media  string
	worker string // of the last lease, even if that ended: it is lost only to another worker
	until  int64
	final  bool // its outcome is in the transaction
	next   *queuedRow
}

func (r *queuedRow) key() rowKey { return rowKey{job: r.job.id, idx: r.idx} }

func (q *rowQueue) len() int { return q.n }

// queuedRows makes the rows of a job that is being accepted.
func queuedRows(job *queuedJob, rows []freshet.Row) []queuedRow {
	list := make([]queuedRow, len(rows))
	for i := range rows {
		list[i] = queuedRow{job: job, idx: i, media: rows[i].Media}
	}
	return list
}

// add appends rows of one job to their chains. Jobs must come in order, and
// their rows too.
func (q *rowQueue) add(rows []queuedRow) {
	if len(rows) == 0 {
		return
	}
	chains := q.chains[rows[0].job.account]
	if chains == nil {
		chains = map[string]chain{}
		q.chains[rows[0].job.account] = chains
	}
	q.n += len(rows)
	for i := range rows {
		r := &rows[i]
		c := chains[r.media]
		if c.first == nil {
			c.first = r
		} else {
			c.last.next = r
		}
		c.last = r
		chains[r.media] = c
		if r.worker != "" {
			q.held[r.key()] = r
		} else if c.first == r {
			heap.Push(&q.ready, r)
		}
	}
}

// lease hands out rows, oldest first.
func (q *rowQueue) lease(worker string, now, until int64, limit int) []*queuedRow {
	for _, r := range q.held {
		if r.until <= now && r.until > 0 {
			r.until = 0
			heap.Push(&q.ready, r)
		}
	}
	var out []*queuedRow
	for len(out) < limit && len(q.ready) > 0 {
		r, _ := heap.Pop(&q.ready).(*queuedRow)
		if r.final {
			continue // finished by the holder after its lease had ended
		}
		r.worker, r.until = worker, until
		q.held[r.key()] = r
		out = append(out, r)
	}
	return out
}

// holding returns the row that a worker holds; nil if it lost it.
func (q *rowQueue) holding(k rowKey, worker string) *queuedRow {
	if r := q.held[k]; r != nil && r.worker == worker && !r.final {
		return r
	}
	return nil
}

// release takes a held row back.
func (q *rowQueue) release(r *queuedRow) {
	delete(q.held, r.key())
	r.worker = ""
	if r.until > 0 { // otherwise the lease ended and the row is among the ready ones already
		r.until = 0
		heap.Push(&q.ready, r)
	}
}

// finish removes a row whose outcome is on disk, and lets the next one of its
// chain go ahead.
func (q *rowQueue) finish(r *queuedRow) {
	delete(q.held, r.key())
	q.n--
	chains := q.chains[r.job.account]
	c := chains[r.media]
	if c.first = r.next; c.first != nil {
		chains[r.media] = c
		heap.Push(&q.ready, c.first)
		return
	}
	if delete(chains, r.media); len(chains) == 0 {
		delete(q.chains, r.job.account)
	}
}

// loadQueue reads the rows that are not final.
func loadQueue(ctx context.Context, read *reader) (*rowQueue, error) {
	q := &rowQueue{chains: map[string]map[string]chain{}, held: map[rowKey]*queuedRow{}}
	known := map[int64]map[int]queuedRow{} // rows that a worker has touched
	err := read.each(ctx, func(rows *sql.Rows) error {
		var job int64
		var r queuedRow
		if err := rows.Scan(&job, &r.idx, &r.worker, &r.until, &r.final); err != nil {
			return err
		}
		if known[job] == nil {
			known[job] = map[int]queuedRow{}
		}
		known[job][r.idx] = r
		return nil
	}, `SELECT r.job, r.idx, r.worker, r.until, r.outcome IS NOT NULL FROM job_open o CROSS JOIN job_row r ON r.job = o.seq`) // open jobs are few, and all rows many
	if err != nil {
		return nil, fmt.Errorf("reading leases: %w", err)
	}
	err = read.each(ctx, func(rows *sql.Rows) error {
		var seq int64
		var id, body []byte
		var account string
		if err := rows.Scan(&seq, &id, &account, &body); err != nil {
			return err
		}
		job, err := decodeJob(body)
		if err != nil {
			return fmt.Errorf("job %s: %w", jobID(id), err)
		}
		shared := &queuedJob{seq: seq, id: jobID(id), account: account}
		waiting := queuedRows(shared, job.Rows)
		for i := range waiting {
			r := known[seq][i]
			waiting[i].worker, waiting[i].until, waiting[i].final = r.worker, r.until, r.final
		}
		q.add(slices.DeleteFunc(waiting, func(r queuedRow) bool { return r.final }))
		return nil
	}, `SELECT o.seq, j.id, j.account, j.body FROM job_open o JOIN job j ON j.seq = o.seq ORDER BY o.seq`)
	if err != nil {
		return nil, fmt.Errorf("reading waiting rows: %w", err)
	}
	return q, nil
}

// rowHeap is ordered by job, then row.
type rowHeap []*queuedRow

// Len implements [heap.Interface].
func (h *rowHeap) Len() int { return len(*h) }

// Less implements [heap.Interface].
func (h *rowHeap) Less(i, j int) bool {
	a, b := (*h)[i], (*h)[j]
	return cmp.Or(cmp.Compare(a.job.seq, b.job.seq), cmp.Compare(a.idx, b.idx)) < 0
}

// Swap implements [heap.Interface].
func (h *rowHeap) Swap(i, j int) { (*h)[i], (*h)[j] = (*h)[j], (*h)[i] }

// Push implements [heap.Interface].
func (h *rowHeap) Push(x any) {
	r, _ := x.(*queuedRow)
	*h = append(*h, r)
}

// Pop implements [heap.Interface].
func (h *rowHeap) Pop() any {
	n := len(*h) - 1
	r := (*h)[n]
	(*h)[n] = nil
	*h = slices.Delete(*h, n, n+1)
	return r
}
