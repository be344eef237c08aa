package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlfile"
)

// maxBatch bounds the operations of one transaction, and so the time that the
// first of them waits for the last.
const maxBatch = 1000

// op is one caller's write. The states it goes through let a caller whose
// context ends withdraw it, but only before the writer has taken it: later,
// only the commit knows whether it happened.
type op struct {
	// do runs inside a transaction, and again in another one if the first was
	// rolled back for the sake of a different op. A *freshet.Error is an
	// answer to its caller; any other error is a fault of the store.
	do    func(context.Context, *tx) error
	done  func(*tx) // after the commit, before the caller's answer; may be nil
	alone bool      // no other op may share its transaction
	// brief says that nothing is lost if a power cut undoes it: what it writes
	// means nothing after a restart, or is made again from what was synced. A
	// transaction of such ops alone is not waited for.
	brief bool
	// prelude says that it only prepares for another write of its caller.
	prelude bool
	job     string // the job that it makes, for its caller's audit record
	told    store.Witness
	err     error // the answer
	state   atomic.Int32
	ready   chan struct{}
}

const (
	opQueued int32 = iota
	opTaken
	opWithdrawn
)

// writer is the goroutine that owns the writing connection.
type writer struct {
	ops  chan *op
	quit chan struct{}
	dead chan struct{} // closed when run has returned
	once sync.Once
	conn *sql.Conn
	log  *slog.Logger
	tx   *tx

	unplanned atomic.Int64  // rows that are not final
	queued    chan struct{} // holds a value after callbacks were queued
}

func startWriter(ctx context.Context, db *sql.DB, read *reader, log *slog.Logger) (*writer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening writer: %w", err)
	}
	w := &writer{
		ops: make(chan *op, maxBatch), quit: make(chan struct{}), dead: make(chan struct{}),
		conn: conn, log: log, queued: make(chan struct{}, 1),
	}
	// The writer outlives whoever opened it: stop ends it, once all is written.
	ctx = context.WithoutCancel(ctx)
	w.tx = &tx{conn: conn, read: read, stmts: map[string]*sql.Stmt{}, lax: true} // so that the first commit makes sure
	if _, err := w.tx.queue(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	w.count()
	go w.run(ctx)
	return w, nil
}

// stop finishes what is queued.
func (w *writer) stop() error {
	var err error
	w.once.Do(func() {
		close(w.quit)
		<-w.dead
		err = errors.Join(w.tx.close(), w.conn.Close())
	})
	return err
}

// submit runs an op, and commits the audit record of its caller with it. It
// returns the op's answer once its transaction is on disk.
func (w *writer) submit(ctx context.Context, o *op) error {
	if r := store.RideOf(ctx); r != nil {
		ride(r, o)
	}
	o.ready, o.told = make(chan struct{}), store.WitnessOf(ctx)
	select {
	case <-w.quit:
		return errClosed()
	default:
	}
	select {
	case w.ops <- o:
	case <-w.quit:
		return errClosed()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-o.ready:
		return o.err
	case <-ctx.Done():
		if o.state.CompareAndSwap(opQueued, opWithdrawn) {
			return ctx.Err()
		}
	case <-w.dead:
	}
	select {
	case <-o.ready:
		return o.err
	case <-w.dead: // it came after the last batch
		select {
		case <-o.ready:
			return o.err
		default:
			return errClosed()
		}
	}
}

// write is submit for the usual op.
func (s *Store) write(ctx context.Context, do func(context.Context, *tx) error) error {
	return s.w.submit(ctx, &op{do: do})
}

// writeBrief is write for an op that is brief.
func (s *Store) writeBrief(ctx context.Context, do func(context.Context, *tx) error) error {
	return s.w.submit(ctx, &op{do: do, brief: true})
}

func errClosed() error { return freshet.Errorf(freshet.CodeUnavailable, "The store is closed.") }

func (w *writer) run(ctx context.Context) {
	defer close(w.dead)
	for {
		select {
		case o := <-w.ops:
			w.commit(ctx, w.gather(ctx, o))
		case <-w.quit:
			for {
				select {
				case o := <-w.ops:
					w.commit(ctx, w.gather(ctx, o))
				default:
					return
				}
			}
		}
	}
}

// gather takes what is queued behind the first op. An op that wants to be
// alone ends the batch and waits for the next one.
func (w *writer) gather(ctx context.Context, first *op) []*op {
	batch := make([]*op, 0, 64)
	if first.state.CompareAndSwap(opQueued, opTaken) {
		batch = append(batch, first)
	}
	for len(batch) < maxBatch && (len(batch) == 0 || !batch[len(batch)-1].alone) {
		select {
		case o := <-w.ops:
			if !o.state.CompareAndSwap(opQueued, opTaken) {
				continue
			}
			if o.alone && len(batch) > 0 {
				w.commit(ctx, batch)
				return []*op{o}
			}
			batch = append(batch, o)
		default:
			return batch
		}
	}
	return batch
}

// commit runs a batch in one transaction. If the store itself fails, the whole
// is rolled back and each op runs in a transaction of its own, so that one
// that cannot be carried out costs the others time and nothing else.
func (w *writer) commit(ctx context.Context, batch []*op) {
	if len(batch) == 0 {
		return
	}
	err := w.try(ctx, batch)
	if err != nil && len(batch) > 1 {
		w.log.LogAttrs(ctx, slog.LevelWarn, "batch was rolled back, its writes are done one by one",
			slog.Int("writes", len(batch)), slog.Any("error", err))
	}
	for i := range batch {
		if err != nil && len(batch) > 1 {
			if alone := w.try(ctx, batch[i:i+1]); alone != nil {
				batch[i].err = fault(alone)
			}
		} else if err != nil {
			batch[i].err = fault(err)
		}
	}
	w.count()
	for _, o := range batch {
		close(o.ready)
	}
}

// fault words a fault of the store for whoever asked.
func fault(err error) error {
	if sqlfile.IsStorage(err) {
		return &freshet.Error{
			Code: freshet.CodeUnavailable, Kind: freshet.KindStore, Message: "The store cannot write at the moment.", Err: err,
		}
	}
	return err
}

// try runs a batch in one transaction. It returns an error if nothing of it
// was committed.
func (w *writer) try(ctx context.Context, batch []*op) error {
	t := w.tx
	if err := t.sync(ctx, slices.ContainsFunc(batch, func(o *op) bool { return !o.brief })); err != nil {
		return err
	}
	if err := t.begin(ctx); err != nil {
		return err
	}
	for _, o := range batch {
		t.wrote, t.told = false, o.told
		o.err = o.do(ctx, t)
		t.told = nil
		if o.err == nil {
			continue
		}
		// An op that says no before it wrote anything leaves nothing behind.
		if _, answer := errors.AsType[*freshet.Error](o.err); !answer || t.wrote {
			t.rollback(ctx)
			return o.err
		}
	}
	if err := t.indexTexts(ctx); err != nil {
		t.rollback(ctx)
		return err
	}
	if err := t.commit(ctx); err != nil {
		t.rollback(ctx)
		return err
	}
	for _, o := range batch {
		if o.done != nil && o.err == nil {
			o.done(t)
		}
	}
	if t.queued {
		select {
		case w.queued <- struct{}{}:
		default:
		}
	}
	return nil
}

// count publishes how many rows wait. While the queue is not in memory nobody
// knows; then it is at least one, so that planners go on looking, which reads
// the queue. A job may have been accepted meanwhile.
func (w *writer) count() {
	if w.tx.rows != nil {
		w.unplanned.Store(int64(w.tx.rows.len()))
	} else {
		w.unplanned.CompareAndSwap(0, 1)
	}
}
