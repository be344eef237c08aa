package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"path/filepath"
	"slices"
	"sync"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlfile"
	"github.com/freshet-vod/freshet/internal/wire"
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
	users int
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

func (d *dayReader) positions(ctx context.Context, r *posRange) error {
	if empty, err := d.empty(ctx); err != nil || empty {
		return err
	}
	for query, p := range map[string]*freshet.Position{
		`SELECT epoch, pos FROM part ORDER BY epoch, pos LIMIT 1`:           &r.lo,
		`SELECT epoch, pos FROM part ORDER BY epoch DESC, pos DESC LIMIT 1`: &r.hi,
	} {
		if _, err := d.get(ctx, []any{&p.Epoch, &p.Pos}, query); err != nil {
			return fmt.Errorf("reading evidence: %w", err)
		}
	}
	return nil
}

// empty tells whether a crash left the file before its tables were made.
func (d *dayReader) empty(ctx context.Context) (bool, error) {
	var version int
	if _, err := d.get(ctx, []any{&version}, `PRAGMA user_version`); err != nil {
		return false, fmt.Errorf("reading evidence: %w", err)
	}
	return version == 0, nil
}

// evidencePage is how many messages are read at a time. The consumer runs
// between reads: it may take its time without holding up checkpoints.
const evidencePage = 64

const messageColumns = `SELECT m.id, w.text, s.number, m.number, m.received, i.text, m.facts
	FROM message m JOIN stream s ON s.id = m.stream JOIN word w ON w.id = s.pop JOIN word i ON i.id = m.incarnation `

// EvidenceOf implements [store.Evidence].
func (s *Store) EvidenceOf(ctx context.Context, at freshet.Position) iter.Seq2[*store.Received, error] {
	files := s.evidence.files
	return func(yield func(*store.Received, error) bool) {
		if at.Pos > math.MaxInt64 {
			return
		}
		for _, day := range files.from("") {
			ok, err := files.covers(ctx, day, at)
			if err != nil {
				yield(nil, err)
				return
			}
			if ok && !files.pages(ctx, day, 0, &at, yield) {
				return
			}
		}
	}
}

// EvidenceSince implements [store.Evidence].
func (s *Store) EvidenceSince(ctx context.Context, after store.EvidenceCursor) iter.Seq2[*store.Received, error] {
	files := s.evidence.files
	return func(yield func(*store.Received, error) bool) {
		for _, day := range files.from(after.Day) {
			row := int64(0)
			if day == after.Day {
				row = after.Row
			}
			if !files.pages(ctx, day, row, nil, yield) {
				return
			}
		}
	}
}

// pages yields a day's messages after a row, or those about one entry. It
// returns false if the consumer has enough or there was an error.
func (f *dayFiles) pages(ctx context.Context, day string, row int64, at *freshet.Position,
	yield func(*store.Received, error) bool,
) bool {
	for {
		var page []*store.Received
		err := f.with(ctx, day, func(d *dayReader) (err error) {
			page, err = d.page(ctx, row, at)
			return err
		})
		if err != nil {
			yield(nil, fmt.Errorf("reading evidence of %s: %w", day, err))
			return false
		}
		for _, m := range page {
			row = m.Cursor.Row
			m.Cursor.Day = day
			if !yield(m, nil) {
				return false
			}
		}
		if len(page) < evidencePage {
			return true
		}
	}
}

// page reads messages after a row. Dictionaries are read afterwards: they only
// grow, so they hold what the messages need.
func (d *dayReader) page(ctx context.Context, row int64, at *freshet.Position) ([]*store.Received, error) {
	if empty, err := d.empty(ctx); err != nil || empty {
		return nil, err
	}
	query, args := messageColumns+`WHERE m.id > ? ORDER BY m.id LIMIT ?`, []any{row, evidencePage}
	if at != nil {
		query = messageColumns + `JOIN part p ON p.message = m.id WHERE p.epoch = ? AND p.pos = ? AND p.message > ?
			ORDER BY p.message LIMIT ?`
		args = []any{at.Epoch, int64(at.Pos), row, evidencePage} //nolint:gosec // checked by the caller
	}
	var page []*store.Received
	var packed [][]byte
	err := d.each(ctx, func(rows *sql.Rows) error {
		m, facts, err := scanMessage(rows)
		page, packed = append(page, m), append(packed, facts)
		return err
	}, query, args...)
	if err != nil {
		return nil, err
	}
	dicts := map[freshet.Position]*wire.Dict{}
	dict := func(at freshet.Position) (*wire.Dict, error) {
		if have := dicts[at]; have != nil {
			return have, nil
		}
		made, err := loadDict(at, func(row func(*sql.Rows) error, query string, args ...any) error {
			return d.each(ctx, row, query, args...)
		})
		dicts[at] = made
		return made, err
	}
	for i, m := range page {
		if m.Entries, err = wire.UnpackFacts(packed[i], dict); err != nil {
			return nil, fmt.Errorf("unpacking message %d: %w", m.Cursor.Row, err)
		}
		if at != nil {
			m.Entries = slices.DeleteFunc(m.Entries, func(f freshet.EntryFacts) bool { return f.At != *at })
		}
	}
	return page, nil
}

func scanMessage(rows *sql.Rows) (*store.Received, []byte, error) {
	m := &store.Received{}
	var received int64
	var facts []byte
	err := rows.Scan(&m.Cursor.Row, &m.POP, &m.Stream, &m.Number, &received, &m.Incarnation, &facts)
	m.ReceivedAt = fromMillis(received)
	return m, facts, err
}

// VerifyEvidence recomputes the chain over all evidence, and returns how many
// messages it holds together. The error names the first message that is not as
// it was stored, or the first day that does not continue the one before.
func (s *Store) VerifyEvidence(ctx context.Context) (int, error) {
	files, total := s.evidence.files, 0
	var chain []byte
	for _, day := range files.from("") {
		err := files.with(ctx, day, func(d *dayReader) error {
			n, last, err := d.verify(ctx, day, chain)
			total, chain = total+n, last
			return err
		})
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// verify checks one day, which must begin where prev ends. A day whose
// predecessor was deleted after its time is taken at its word.
func (d *dayReader) verify(ctx context.Context, day string, prev []byte) (int, []byte, error) {
	if empty, err := d.empty(ctx); err != nil || empty {
		return 0, prev, err
	}
	var chain []byte
	if _, err := d.get(ctx, []any{&chain}, `SELECT chain FROM origin`); err != nil {
		return 0, nil, fmt.Errorf("reading chain of %s: %w", day, err)
	}
	if prev != nil && !bytes.Equal(prev, chain) {
		return 0, nil, fmt.Errorf("evidence of %s does not continue the day before", day)
	}
	n := 0
	for row := int64(0); ; {
		var page []storedMessage
		err := d.each(ctx, func(rows *sql.Rows) error {
			var m storedMessage
			var received int64
			err := rows.Scan(&m.Cursor.Row, &m.POP, &m.Stream, &m.Number, &received, &m.Incarnation, &m.facts, &m.chain)
			m.ReceivedAt = fromMillis(received)
			page = append(page, m)
			return err
		}, `SELECT m.id, w.text, s.number, m.number, m.received, i.text, m.facts, m.chain FROM message m
			JOIN stream s ON s.id = m.stream JOIN word w ON w.id = s.pop JOIN word i ON i.id = m.incarnation
			WHERE m.id > ? ORDER BY m.id LIMIT ?`, row, evidencePage)
		if err != nil {
			return n, nil, fmt.Errorf("reading evidence of %s: %w", day, err)
		}
		for i := range page {
			added, err := d.added(ctx, page[i].Cursor.Row)
			if err != nil {
				return n, nil, err
			}
			chain = link(chain, &page[i].Received, page[i].facts, added)
			if page[i].Cursor.Row != row+1 || !bytes.Equal(chain, page[i].chain) {
				return n, nil, fmt.Errorf("evidence of %s is not as it was stored, from message %d on", day, row+1)
			}
			row++
			n++
		}
		if len(page) < evidencePage {
			return n, chain, nil
		}
	}
}

type storedMessage struct {
	store.Received
	facts, chain []byte
}

// added is what a message added to dictionaries.
func (d *dayReader) added(ctx context.Context, message int64) ([]dictPart, error) {
	var list []dictPart
	err := d.each(ctx, func(rows *sql.Rows) error {
		var p dictPart
		err := rows.Scan(&p.at.Epoch, &p.at.Pos, &p.part)
		list = append(list, p)
		return err
	}, `SELECT epoch, pos, part FROM dict WHERE message = ? ORDER BY epoch, pos`, message)
	if err != nil {
		return nil, fmt.Errorf("reading dictionaries: %w", err)
	}
	return list, nil
}
