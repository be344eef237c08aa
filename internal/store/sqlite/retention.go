package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

var _ store.Retention = (*Store)(nil)

// jobSlack is how much later than its job an entry may have been created: a row
// waits for those before it, and for origins.
const jobSlack = 48 * time.Hour

// ForgetLog implements [store.Retention].
func (s *Store) ForgetLog(ctx context.Context, before time.Time, below freshet.Position, limit int) (int, *freshet.Entry, error) {
	// The bound itself must stay: the position is one that somebody may ask
	// after, and gets what follows it.
	bound := s.epochs.Load().floor(below)
	_, err := s.oldestEntry(ctx)
	if err != nil {
		return 0, nil, err
	}
	old, err := s.entries(ctx, 0, `SELECT `+entryColumns+`WHERE l.seq >= ? AND l.kind < 3 ORDER BY l.seq LIMIT ?`,
		s.oldest.Load(), max(limit, 0))
	if i := slices.IndexFunc(old, func(e *freshet.Entry) bool { return !e.Created.Before(before) }); i >= 0 {
		old = old[:i] // it would take a walk over the whole log to see that nothing older comes later
	}
	if err != nil || len(old) == 0 {
		return 0, nil, err
	}
	total := 0
	for rest := old; len(rest) > 0; {
		parts, n := forgetParts(rest)
		rest = rest[n:]
		for _, part := range parts {
			gone, held, err := s.forgetPart(ctx, part, bound)
			total += gone
			if held != nil || err != nil {
				return total, held, err
			}
		}
	}
	return total, nil, nil
}

// forgetURLs is how many URLs one transaction takes out of the index at most:
// whoever wants to write meanwhile waits for some milliseconds.
const forgetURLs = 1000

// logPart is what one transaction forgets: entries as a whole, or some of the
// URLs of one.
type logPart struct {
	entries []*freshet.Entry
	lo, hi  int // of the URLs of one entry that is not forgotten yet; 0, 0: of none
}

// forgetParts cuts the first of the entries into parts: as many as fit into one,
// or one entry into several, the last of which forgets it.
func forgetParts(entries []*freshet.Entry) (parts []logPart, n int) {
	urls := 0
	for n < len(entries) && urls+entries[n].Len() <= forgetURLs {
		urls += entries[n].Len()
		n++
	}
	if n > 0 {
		return []logPart{{entries: entries[:n]}}, n
	}
	for lo := 0; lo+forgetURLs < entries[0].Len(); lo += forgetURLs {
		parts = append(parts, logPart{entries: entries[:1], lo: lo, hi: lo + forgetURLs})
	}
	return append(parts, logPart{entries: entries[:1]}), 1
}

// forgetPart carries out a part. It returns how many entries are gone, and the
// first that must stay.
func (s *Store) forgetPart(ctx context.Context, part logPart, bound int64) (n int, held *freshet.Entry, err error) {
	err = s.writeBrief(ctx, func(ctx context.Context, t *tx) error {
		n, held = 0, nil // the transaction may have to be made again
		for _, e := range part.entries {
			seq, may, err := t.mayForget(ctx, s.epochs.Load(), e, bound)
			switch {
			case err != nil:
			case !may:
				held = e
				return nil
			case part.hi > 0:
				err = t.unindex(ctx, e, seq, part.lo, part.hi)
			default:
				n++
				err = t.forgetEntry(ctx, e, seq)
			}
			if err != nil {
				return fmt.Errorf("forgetting entry %s: %w", e.At, err)
			}
		}
		return nil
	})
	return n, held, err
}

// mayForget tells whether an entry may go, and its number.
func (t *tx) mayForget(ctx context.Context, known *epochs, e *freshet.Entry, bound int64) (seq int64, may bool, err error) {
	seq, ok := known.exact(e.At)
	if !ok || seq > bound {
		return 0, false, nil
	}
	var closed int64
	found, err := t.get(ctx, []any{&closed}, `SELECT closed FROM log WHERE seq = ?`, seq)
	return seq, found && closed != 0, err
}

// unindex takes URLs lo to hi of an entry out of the index.
func (t *tx) unindex(ctx context.Context, e *freshet.Entry, seq int64, lo, hi int) error {
	if e.Selector.Kind != freshet.SelectExact {
		return nil
	}
	for item := lo; item < hi; item++ {
		if err := t.exec(ctx, `DELETE FROM url_index WHERE hash = ? AND seq = ? AND item = ?`, urlHash(e.Account, e.Selector.URLs[item]), seq, item); err != nil {
			return err
		}
	}
	return nil
}

// forgetEntry deletes an entry. Parts of a large one left the index before.
func (t *tx) forgetEntry(ctx context.Context, e *freshet.Entry, seq int64) error {
	last := max((e.Len()-1)/forgetURLs, 0) * forgetURLs
	if err := t.unindex(ctx, e, seq, last, e.Len()); err != nil {
		return err
	}
	err := t.exec(ctx, `INSERT INTO log_forgotten (subject, seq) VALUES (?, ?)
		ON CONFLICT (subject) DO UPDATE SET seq = max(seq, excluded.seq)`, subjectNumber(e.Subject()), seq)
	if err != nil {
		return fmt.Errorf("noting what was forgotten: %w", err)
	}
	for _, q := range []string{
		`DELETE FROM log_state WHERE seq = ?`, `DELETE FROM log_selector WHERE seq = ?`, `DELETE FROM log WHERE seq = ?`,
	} {
		if err := t.exec(ctx, q, seq); err != nil {
			return err
		}
	}
	return nil
}

// Forgotten implements [store.Retention].
func (s *Store) Forgotten(ctx context.Context) (map[string]freshet.Position, error) {
	out := map[string]freshet.Position{}
	for _, subject := range freshet.Subjects() {
		seq, err := s.forgotten(ctx, subject)
		if err != nil {
			return nil, err
		}
		out[subject] = s.epochs.Load().position(seq)
	}
	return out, nil
}

func (s *Store) forgotten(ctx context.Context, subject string) (seq int64, err error) {
	if _, err = s.read.get(ctx, []any{&seq}, `SELECT seq FROM log_forgotten WHERE subject = ?`, subjectNumber(subject)); err != nil {
		return 0, fmt.Errorf("reading what was forgotten of %s: %w", subject, err)
	}
	return seq, nil
}

// LastBefore implements [store.Retention]. It halves the log until it stands
// between an entry that is older and one that is not.
func (s *Store) LastBefore(ctx context.Context, before time.Time) (map[string]freshet.Position, error) {
	var end int64
	if _, err := s.read.get(ctx, []any{&end}, `SELECT seq + 1 FROM log_head`); err != nil {
		return nil, fmt.Errorf("reading the head of the log: %w", err)
	}
	for low := int64(0); low < end; {
		middle := low + (end-low)/2
		var seq, created int64
		found, err := s.read.get(ctx, []any{&seq, &created},
			`SELECT seq, created FROM log WHERE kind < 3 AND seq >= ? ORDER BY seq LIMIT 1`, middle)
		switch {
		case err != nil:
			return nil, fmt.Errorf("looking for a time in the log: %w", err)
		case found && created < millis(before):
			low = seq + 1
		default:
			end = middle
		}
	}
	out := map[string]freshet.Position{}
	for _, subject := range freshet.Subjects() {
		seq, err := s.forgotten(ctx, subject)
		if err != nil {
			return nil, err
		}
		var last int64
		if _, err := s.read.get(ctx, []any{&last}, `SELECT seq FROM log WHERE subject = ? AND kind < 3 AND seq < ? ORDER BY seq DESC LIMIT 1`,
			subjectNumber(subject), end); err != nil {
			return nil, fmt.Errorf("looking for a time in the log: %w", err)
		}
		out[subject] = s.epochs.Load().position(max(seq, last))
	}
	return out, nil
}

// ReadLasting implements [store.Retention].
func (s *Store) ReadLasting(
	ctx context.Context, subject string, after, upTo freshet.Position, limit, maxBytes int,
) ([]*freshet.Entry, error) {
	known := s.epochs.Load()
	return s.entries(ctx, maxBytes, `SELECT `+entryColumns+
		`WHERE l.kind >= 3 AND l.subject = ? AND l.seq > ? AND l.seq <= ? ORDER BY l.seq LIMIT ?`,
		subjectNumber(subject), known.floor(after), known.floor(upTo), max(limit, 0))
}

// ForgetJobs implements [store.Retention].
func (s *Store) ForgetJobs(ctx context.Context, before time.Time, limit int) (int, error) {
	oldest, err := s.oldestEntry(ctx)
	if err != nil {
		return 0, err
	}
	if !oldest.IsZero() && oldest.Before(before) {
		before = oldest
	}
	var seqs []int64
	err = s.read.each(ctx, func(rows *sql.Rows) error {
		var seq, created int64
		if err := rows.Scan(&seq, &created); err != nil {
			return err
		}
		if !fromMillis(created).Before(before.Add(-jobSlack)) {
			return errEnough // those that follow are younger
		}
		seqs = append(seqs, seq)
		return nil
	}, `SELECT seq, created FROM job ORDER BY seq LIMIT ?`, max(limit, 0))
	if err != nil && !isEnough(err) {
		return 0, fmt.Errorf("reading old jobs: %w", err)
	}
	if len(seqs) == 0 {
		return 0, nil
	}
	n := 0
	err = s.writeBrief(ctx, func(ctx context.Context, t *tx) error {
		n = 0
		for _, seq := range seqs {
			var left int64
			if open, err := t.get(ctx, []any{&left}, `SELECT left FROM job_open WHERE seq = ?`, seq); err != nil || open {
				return err // it waits to be planned
			}
			for _, q := range []string{`DELETE FROM job_row WHERE job = ?`, `DELETE FROM job WHERE seq = ?`} {
				if err := t.exec(ctx, q, seq); err != nil {
					return fmt.Errorf("forgetting job: %w", err)
				}
			}
			n++
		}
		return nil
	})
	return n, err
}

// oldestEntry is when the oldest purge or prefetch that is left in the log was
// created; zero if none is. Entries are deleted from the oldest on, so what was
// the oldest once is where to look from: before it there are only entries that
// are never deleted, more of them with each takedown.
func (s *Store) oldestEntry(ctx context.Context) (time.Time, error) {
	var seq, created int64
	found, err := s.read.get(ctx, []any{&seq, &created},
		`SELECT seq, created FROM log WHERE seq >= ? AND kind < 3 ORDER BY seq LIMIT 1`, s.oldest.Load())
	if err != nil || !found {
		return time.Time{}, err
	}
	s.oldest.Store(seq)
	return fromMillis(created), nil
}

// ForgetEvidence implements [store.Retention]. Evidence about an entry is stored
// after the entry: what is older than the oldest entry speaks of none that is
// left.
func (s *Store) ForgetEvidence(ctx context.Context, before time.Time) (int, error) {
	oldest, err := s.oldestEntry(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the oldest entry: %w", err)
	}
	if !oldest.IsZero() && oldest.Before(before) {
		before = oldest
	}
	cursor, err := s.Folded(ctx)
	if err != nil {
		return 0, err
	}
	n, files := 0, s.evidence.files
	for _, day := range files.from("") {
		// The day's end; the newest stays, which the chain goes on from, and so
		// does what is not folded yet.
		if day >= before.UTC().Format(dayFormat) || day >= cursor.Day || day == files.newest() {
			break
		}
		if err := files.remove(day); err != nil {
			return n, fmt.Errorf("deleting evidence of %s: %w", day, err)
		}
		n++
	}
	return n, nil
}

// remove forgets a day and deletes its file. Who reads it reads on.
func (f *dayFiles) remove(day string) error {
	f.drop(day)
	f.mu.Lock()
	r := f.open[day]
	if r != nil && r.users == 0 {
		delete(f.open, day)
	} else {
		r = nil
	}
	f.mu.Unlock()
	var errs []error
	if r != nil {
		errs = append(errs, r.close())
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(f.dir, day+".db"+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
