package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store/sqlfile"
)

// maxIdle is how many files of evidence stay open for reading: the present
// day's and the few that people look at.
const maxIdle = 4

// dayFiles knows which days have evidence, and opens their files for reading.
type dayFiles struct {
	dir string

	mu     sync.Mutex // guards what follows
	days   []string   // ascending
	ranges map[string]posRange
	open   map[string]*dayReader
	closed bool
}

// posRange spans the positions that a day's evidence speaks of. Most lookups
// are for entries of today, and this spares them the files of a year.
type posRange struct{ lo, hi freshet.Position }

type dayReader struct {
	*reader
	users   int
	indexed bool // see loadDict
}

func newDayFiles(dir string, days []string) *dayFiles {
	return &dayFiles{dir: dir, days: days, ranges: map[string]posRange{}, open: map[string]*dayReader{}}
}

func (f *dayFiles) newest() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.days) == 0 {
		return ""
	}
	return f.days[len(f.days)-1]
}

// add notes a day whose file is there and complete.
func (f *dayFiles) add(day string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i, ok := slices.BinarySearch(f.days, day); !ok {
		f.days = slices.Insert(f.days, i, day)
		f.ranges[day] = posRange{}
	}
}

// drop forgets a day.
func (f *dayFiles) drop(day string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i, ok := slices.BinarySearch(f.days, day); ok {
		f.days = slices.Delete(f.days, i, i+1)
	}
	delete(f.ranges, day)
}

// widen notes that a day's evidence speaks of lo to hi.
func (f *dayFiles) widen(day string, lo, hi freshet.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, known := f.ranges[day]
	switch {
	case !known || hi.IsZero(): // to be read from the file, or nothing to note
		return
	case r.hi.IsZero():
		f.ranges[day] = posRange{lo: lo, hi: hi}
	default:
		f.ranges[day] = posRange{lo: freshet.Earlier(r.lo, lo), hi: freshet.Later(r.hi, hi)}
	}
}

// from returns the days from one on.
func (f *dayFiles) from(day string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, _ := slices.BinarySearch(f.days, day)
	return slices.Clone(f.days[i:])
}

// acquire opens a day's file for reading. The caller calls release.
func (f *dayFiles) acquire(ctx context.Context, day string) (*dayReader, error) {
	f.mu.Lock()
	if r := f.open[day]; r != nil {
		r.users++
		f.mu.Unlock()
		return r, nil
	}
	f.mu.Unlock()
	db, err := sqlfile.Open(ctx, filepath.Join(f.dir, day+".db"), sqlfile.Options{Conns: 2, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	r := &dayReader{reader: newReader(db), users: 1}
	var version int
	if _, err := r.get(ctx, []any{&version}, `PRAGMA user_version`); err != nil || version > evidenceVersion {
		if err == nil {
			err = fmt.Errorf("file has version %d, this release reads up to %d", version, evidenceVersion)
		}
		return nil, errors.Join(fmt.Errorf("opening evidence of %s: %w", day, err), r.close())
	}
	if _, err := r.get(ctx, []any{&r.indexed}, hasDictIndex); err != nil {
		return nil, errors.Join(fmt.Errorf("opening evidence of %s: %w", day, err), r.close())
	}
	f.mu.Lock()
	first, raced := f.open[day], f.closed
	if first == nil && !f.closed {
		f.open[day] = r
		f.mu.Unlock()
		return r, nil
	}
	if first != nil {
		first.users++
	}
	f.mu.Unlock()
	if err := r.close(); err != nil {
		return nil, fmt.Errorf("closing evidence of %s: %w", day, err)
	}
	if raced {
		return nil, errClosed()
	}
	return first, nil
}

// release lets go of a file, and closes idle ones if too many are open.
func (f *dayFiles) release(r *dayReader) error {
	f.mu.Lock()
	r.users--
	var idle []*dayReader
	for day, o := range f.open {
		if o.users == 0 && (f.closed || len(f.open) > maxIdle) {
			idle = append(idle, o)
			delete(f.open, day)
		}
	}
	f.mu.Unlock()
	return closeAll(idle)
}

func closeAll(list []*dayReader) error {
	var errs []error
	for _, r := range list {
		errs = append(errs, r.close())
	}
	return errors.Join(errs...)
}

// close closes what is idle; files in use are closed by their last user.
func (f *dayFiles) close() error {
	f.mu.Lock()
	f.closed = true
	var idle []*dayReader
	for day, o := range f.open {
		if o.users == 0 {
			idle = append(idle, o)
			delete(f.open, day)
		}
	}
	f.mu.Unlock()
	return closeAll(idle)
}

// with runs a function on a day's file.
func (f *dayFiles) with(ctx context.Context, day string, do func(*dayReader) error) error {
	r, err := f.acquire(ctx, day)
	if err != nil {
		return err
	}
	return errors.Join(do(r), f.release(r))
}

// covers tells whether a day's evidence may speak of a position.
func (f *dayFiles) covers(ctx context.Context, day string, at freshet.Position) (bool, error) {
	f.mu.Lock()
	r, known := f.ranges[day]
	newest := f.days[len(f.days)-1]
	f.mu.Unlock()
	if !known {
		if day == newest {
			return true, nil // it may be growing beneath us
		}
		if err := f.with(ctx, day, func(d *dayReader) error { return d.positions(ctx, &r) }); err != nil {
			return false, err
		}
		f.mu.Lock()
		f.ranges[day] = r
		f.mu.Unlock()
	}
	return !r.hi.IsZero() && r.lo.Compare(at) <= 0 && at.Compare(r.hi) <= 0, nil
}
