package sqlite

import (
	"cmp"
	"container/heap"
	"context"
	"database/sql"
	"fmt"
	"slices"
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
	chains map[chainKey]*chain
	ready  rowHeap // first rows of chains that nobody holds; may hold rows that are final by now
	held   map[rowKey]*queuedRow
	n      int
}

type chainKey struct{ account, media string }

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

// add appends a row to its chain. Rows must come in job order.
func (q *rowQueue) add(r *queuedRow) {
	k := chainKey{account: r.job.account, media: r.media}
	q.n++
	c, ok := q.chains[k]
	if ok {
		c.last.next = r
		c.last = r
	} else {
		c = &chain{first: r, last: r}
		q.chains[k] = c
	}
	if r.worker != "" {
		q.held[r.key()] = r
	} else if c.first == r {
		heap.Push(&q.ready, r)
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
	k := chainKey{account: r.job.account, media: r.media}
	c := q.chains[k]
	c.first = r.next
	if c.first == nil {
		delete(q.chains, k)
		return
	}
	heap.Push(&q.ready, c.first)
}

// loadQueue reads the rows that are not final.
func loadQueue(read *reader) (*rowQueue, error) {
	q := &rowQueue{chains: map[chainKey]*chain{}, held: map[rowKey]*queuedRow{}}
	ctx := context.Background()
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
	}, `SELECT r.job, r.idx, r.worker, r.until, r.outcome IS NOT NULL FROM job_open o JOIN job_row r ON r.job = o.seq`)
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
		for i := range job.Rows {
			r := known[seq][i]
			if r.final {
				continue
			}
			q.add(&queuedRow{job: shared, idx: i, media: job.Rows[i].Media, worker: r.worker, until: r.until})
		}
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
func (h rowHeap) Len() int { return len(h) }

// Less implements [heap.Interface].
func (h rowHeap) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].job.seq, h[j].job.seq), cmp.Compare(h[i].idx, h[j].idx)) < 0
}

// Swap implements [heap.Interface].
func (h rowHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

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

