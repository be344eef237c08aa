package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// dayFormat names the files of evidence.
const dayFormat = time.DateOnly

// evidence keeps one file for each day. One goroutine writes, to the newest
// file only: evidence that arrives after midnight is of the new day whatever
// the clock says later, so that order of arrival and order of files agree.
type evidence struct {
	dir   string
	files *dayFiles
	work  chan *evidenceJob
	quit  chan struct{}
	dead  chan struct{}
	once  sync.Once
	fault error // of closing, once dead
}

type evidenceJob struct {
	msgs []*store.Received
	err  error
	done chan struct{}
}

func openEvidence(ctx context.Context, dir string) (*evidence, error) {
	days, err := listDays(dir)
	if err != nil {
		return nil, err
	}
	e := &evidence{
		dir: dir, files: newDayFiles(dir, days),
		work: make(chan *evidenceJob), quit: make(chan struct{}), dead: make(chan struct{}),
	}
	if err := e.dropBlank(ctx); err != nil {
		return nil, errors.Join(err, e.files.close())
	}
	// The goroutine outlives whoever opened the store: close ends it.
	go e.run(context.WithoutCancel(ctx))
	return e, nil
}

// listDays returns the days that have a file, in order.
func listDays(dir string) ([]string, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing evidence: %w", err)
	}
	var days []string
	for _, n := range names {
		day, ok := strings.CutSuffix(n.Name(), ".db")
		if _, err := time.Parse(dayFormat, day); ok && err == nil {
			days = append(days, day)
		}
	}
	slices.Sort(days)
	return days, nil
}

// dropBlank forgets the newest days as long as a crash left their files without
// tables. Such a day has not begun: when it does, it must continue the last one
// that did.
func (e *evidence) dropBlank(ctx context.Context) error {
	for day := e.files.newest(); day != ""; day = e.files.newest() {
		blank := false
		err := e.files.with(ctx, day, func(d *dayReader) (err error) {
			blank, err = d.empty(ctx)
			return err
		})
		if err != nil || !blank {
			return err
		}
		e.files.drop(day)
	}
	return nil
}

// run owns the file that is written to.
func (e *evidence) run(ctx context.Context) {
	defer close(e.dead)
	var day *dayWriter
	for {
		select {
		case job := <-e.work:
			day, job.err = e.save(ctx, day, job.msgs)
			close(job.done)
		case <-e.quit:
			if day != nil {
				e.fault = errors.Join(e.fault, day.close(ctx))
			}
			return
		}
	}
}

// close waits for what is being written and closes every file. Readers go
// first, so that the writer, which may checkpoint, is the last to leave.
func (e *evidence) close() error {
	e.once.Do(func() {
		e.fault = e.files.close()
		close(e.quit)
	})
	<-e.dead
	return e.fault
}

// SaveEvidence implements [store.Evidence]. A duplicate's cursor is that of
// the newest message stored: all evidence up to it is in the store.
func (s *Store) SaveEvidence(ctx context.Context, msgs []*store.Received) error {
	if len(msgs) == 0 {
		return nil
	}
	for _, m := range msgs {
		if err := checkEvidence(m); err != nil {
			return err
		}
	}
	job := &evidenceJob{msgs: msgs, done: make(chan struct{})}
	select {
	case s.evidence.work <- job:
	case <-s.evidence.quit:
		return errClosed()
	case <-ctx.Done():
		return ctx.Err()
	}
	<-job.done // begun, it is finished: only the commit knows the answer
	if job.err != nil {
		return fault(job.err)
	}
	return nil
}

// checkEvidence refuses what the columns cannot hold.
func checkEvidence(m *store.Received) error {
	if m.Stream > math.MaxInt64 || m.Number > math.MaxInt64 {
		return freshet.Invalid("number", "Evidence has stream %d and number %d; neither may be above %d.",
			m.Stream, m.Number, int64(math.MaxInt64))
	}
	if m.ReceivedAt.IsZero() {
		return freshet.Invalid("received_at", "Evidence must say when it was received.")
	}
	for _, f := range m.Entries {
		if f.At.Pos > math.MaxInt64 {
			return freshet.Invalid("at", "Evidence names the position %s, which cannot be in the log.", f.At)
		}
	}
	return nil
}

// save stores messages in the file of their day.
func (e *evidence) save(ctx context.Context, w *dayWriter, msgs []*store.Received) (*dayWriter, error) {
	newest := e.files.newest()
	day := newest
	for _, m := range msgs {
		day = max(day, m.ReceivedAt.UTC().Format(dayFormat))
	}
	if w == nil || w.day != day {
		var err error
		if w, err = e.turn(ctx, w, newest, day); err != nil {
			return nil, fmt.Errorf("opening evidence of %s: %w", day, err)
		}
	}
	lo, hi, err := w.save(ctx, msgs)
	if err != nil {
		// What it keeps in memory may be ahead of what is on disk.
		return nil, joinClose(ctx, fmt.Errorf("storing evidence: %w", err), w)
	}
	e.files.widen(day, lo, hi)
	return w, nil
}

// turn lets go of the file written to so far and opens that of a day, making
// it as the successor of the newest one if need be.
func (e *evidence) turn(ctx context.Context, w *dayWriter, newest, day string) (*dayWriter, error) {
	var carry carried
	if newest != "" && newest != day {
		var err error
		if w == nil {
			if w, err = openDay(ctx, e.path(newest), newest, carried{}); err != nil {
				return nil, err
			}
		}
		carry = w.carry()
		if err := w.close(ctx); err != nil {
			return nil, err
		}
	}
	next, err := openDay(ctx, e.path(day), day, carry)
	if err != nil {
		return nil, err
	}
	e.files.add(day)
	return next, nil
}

func (e *evidence) path(day string) string { return filepath.Join(e.dir, day+".db") }
