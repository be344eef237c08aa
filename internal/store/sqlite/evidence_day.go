package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	_ "embed" // the schema of a day's file
	"errors"
	"fmt"
	"slices"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlfile"
	"github.com/freshet-vod/freshet/internal/wire"
)

//go:embed evidence_schema.sql
var evidenceSchema string

// evidenceVersion is the user_version of a day's file. Files are written in
// one version from first to last and read in every version there ever was, so
// they are never migrated.
const evidenceVersion = 1

// maxDicts bounds the dictionaries kept in memory: the entries that the POPs
// are working on at a time, and then some. One that was dropped is read again.
const maxDicts = 2048

// dayWriter writes the file of one day. Only the evidence goroutine uses it.
type dayWriter struct {
	day     string
	db      *sql.DB
	tx      *tx
	numbers map[streamKey][]span // of messages of this day and all days before
	streams map[streamKey]int64
	words   map[string]int64
	dicts   map[freshet.Position]*wire.Dict
	chain   []byte
	last    int64 // newest message
	indexed bool  // see loadDict

	messages, parts bulk       // of the present transaction, not yet inserted
	added           []dictPart // likewise
}

type streamKey struct {
	pop    string
	stream uint64
}

// carried is what a day's file takes over from the one before.
type carried struct {
	day     string
	chain   []byte
	streams map[streamKey][]span
}

// openDay opens a day's file for writing. A new file begins with what is
// carried over.
func openDay(ctx context.Context, path, day string, carry carried) (*dayWriter, error) {
	db, err := sqlfile.Open(ctx, path, sqlfile.Options{Conns: 1, CacheKiB: 8 << 10})
	if err != nil {
		return nil, err
	}
	w := &dayWriter{
		day: day, db: db, numbers: map[streamKey][]span{}, streams: map[streamKey]int64{},
		words: map[string]int64{}, dicts: map[freshet.Position]*wire.Dict{},
		messages: bulk{width: 7, one: `INSERT INTO message (id, stream, number, received, incarnation, facts, chain) VALUES (?, ?, ?, ?, ?, ?, ?)`},
		parts:    bulk{width: 3, one: `INSERT OR IGNORE INTO part (epoch, pos, message) VALUES (?, ?, ?)`},
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	w.tx = &tx{conn: conn, stmts: map[string]*sql.Stmt{}}
	if err := w.load(ctx, carry); err != nil {
		return nil, joinClose(ctx, fmt.Errorf("opening evidence of %s: %w", day, err), w)
	}
	return w, nil
}

func joinClose(ctx context.Context, err error, w *dayWriter) error {
	return errors.Join(err, w.close(ctx))
}

// close checkpoints the file, so that it is whole in itself, and closes it.
func (w *dayWriter) close(ctx context.Context) error {
	_, err := w.tx.conn.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	return errors.Join(err, w.tx.close(), w.tx.conn.Close(), w.db.Close())
}

// load reads what the writer must know, making the file if it is new.
func (w *dayWriter) load(ctx context.Context, carry carried) error {
	var version int
	if _, err := w.tx.get(ctx, []any{&version}, `PRAGMA user_version`); err != nil {
		return err
	}
	switch version {
	case 0:
		if err := w.create(ctx, carry); err != nil {
			return err
		}
	case evidenceVersion:
	default:
		return fmt.Errorf("file has version %d, this release writes %d", version, evidenceVersion)
	}
	if _, err := w.tx.get(ctx, []any{&w.indexed}, hasDictIndex); err != nil {
		return err
	}
	if _, err := w.tx.get(ctx, []any{&w.chain}, `SELECT chain FROM origin`); err != nil {
		return err
	}
	if _, err := w.tx.get(ctx, []any{&w.last, &w.chain}, `SELECT id, chain FROM message ORDER BY id DESC LIMIT 1`); err != nil {
		return err
	}
	return w.loadNames(ctx)
}

func (w *dayWriter) loadNames(ctx context.Context) error {
	err := w.tx.each(ctx, func(rows *sql.Rows) error {
		var id int64
		var text string
		err := rows.Scan(&id, &text)
		w.words[text] = id
		return err
	}, `SELECT id, text FROM word`)
	if err != nil {
		return err
	}
	err = w.tx.each(ctx, func(rows *sql.Rows) error {
		var k streamKey
		var id, number int64
		err := rows.Scan(&id, &k.pop, &number)
		k.stream = uint64(number) //nolint:gosec // stored so
		w.streams[k] = id
		return err
	}, `SELECT s.id, w.text, s.number FROM stream s JOIN word w ON w.id = s.pop`)
	if err != nil {
		return err
	}
	err = w.tx.each(ctx, func(rows *sql.Rows) error {
		var k streamKey
		var number int64
		var sp span
		err := rows.Scan(&k.pop, &number, &sp.lo, &sp.hi)
		k.stream = uint64(number) //nolint:gosec // stored so
		w.numbers[k] = append(w.numbers[k], sp)
		return err
	}, `SELECT w.text, s.number, e.lo, e.hi FROM earlier e JOIN stream s ON s.id = e.stream
		JOIN word w ON w.id = s.pop ORDER BY e.stream, e.lo`)
	if err != nil {
		return err
	}
	// Numbers come one after another, so that a day is a few runs of them.
	return w.tx.each(ctx, func(rows *sql.Rows) error {
		var k streamKey
		var number int64
		var sp span
		err := rows.Scan(&k.pop, &number, &sp.lo, &sp.hi)
		k.stream = uint64(number) //nolint:gosec // stored so
		w.numbers[k] = addSpan(w.numbers[k], sp)
		return err
	}, `SELECT w.text, s.number, min(m.number), max(m.number) FROM
		(SELECT stream, number, number - row_number() OVER (PARTITION BY stream ORDER BY number) AS run FROM message) m
		JOIN stream s ON s.id = m.stream JOIN word w ON w.id = s.pop GROUP BY m.stream, m.run ORDER BY m.stream, min(m.number)`)
}

// create makes the tables, in one transaction with what is carried over: a
// file is either empty or complete.
func (w *dayWriter) create(ctx context.Context, carry carried) error {
	if err := w.tx.begin(ctx); err != nil {
		return err
	}
	err := w.fill(ctx, carry)
	if err == nil {
		err = w.tx.commit(ctx)
	}
	if err != nil {
		w.tx.rollback(ctx)
	}
	return err
}

func (w *dayWriter) fill(ctx context.Context, carry carried) error {
	if _, err := w.tx.conn.ExecContext(ctx, evidenceSchema); err != nil {
		return err
	}
	if _, err := w.tx.conn.ExecContext(ctx, fmt.Sprintf(`PRAGMA user_version = %d`, evidenceVersion)); err != nil {
		return err
	}
	chain := carry.chain
	if chain == nil {
		chain = make([]byte, sha256.Size)
	}
	if err := w.tx.exec(ctx, `INSERT INTO origin (one, day, chain) VALUES (1, ?, ?)`, carry.day, chain); err != nil {
		return err
	}
	for k, spans := range carry.streams {
		id, err := w.stream(ctx, k)
		if err != nil {
			return err
		}
		for _, sp := range spans {
			if err := w.tx.exec(ctx, `INSERT INTO earlier (stream, lo, hi) VALUES (?, ?, ?)`, id, sp.lo, sp.hi); err != nil {
				return err
			}
		}
	}
	return nil
}

// carry is what the next day's file begins with.
func (w *dayWriter) carry() carried {
	c := carried{day: w.day, chain: w.chain, streams: map[streamKey][]span{}}
	for k, spans := range w.numbers {
		c.streams[k] = slices.Clone(spans)
	}
	return c
}

// word gives a string its number.
func (w *dayWriter) word(ctx context.Context, text string) (int64, error) {
	if id, ok := w.words[text]; ok {
		return id, nil
	}
	res, err := w.tx.run(ctx, `INSERT INTO word (text) VALUES (?)`, text)
	if err != nil {
		return 0, err
	}
	id, err := res.LastInsertId()
	w.words[text] = id
	return id, err
}

func (w *dayWriter) stream(ctx context.Context, k streamKey) (int64, error) {
	if id, ok := w.streams[k]; ok {
		return id, nil
	}
	pop, err := w.word(ctx, k.pop)
	if err != nil {
		return 0, err
	}
	res, err := w.tx.run(ctx, `INSERT INTO stream (pop, number) VALUES (?, ?)`, pop, int64(k.stream)) //nolint:gosec // checked at the door
	if err != nil {
		return 0, err
	}
	id, err := res.LastInsertId()
	w.streams[k] = id
	return id, err
}

// save stores messages in one transaction, and tells the first and last
// position that they speak of. After an error the writer is of no more use.
func (w *dayWriter) save(ctx context.Context, msgs []*store.Received) (lo, hi freshet.Position, err error) {
	if err := w.tx.begin(ctx); err != nil {
		return lo, hi, err
	}
	for _, m := range msgs {
		if err := w.put(ctx, m); err != nil {
			w.tx.rollback(ctx)
			return lo, hi, err
		}
		m.Cursor = store.EvidenceCursor{Day: w.day, Row: w.last}
		for _, f := range m.Entries {
			if lo.IsZero() || f.At.Before(lo) {
				lo = f.At
			}
			hi = freshet.Later(hi, f.At)
		}
	}
	err = w.flush(ctx)
	if err == nil {
		err = w.tx.commit(ctx)
	}
	if err != nil {
		w.tx.rollback(ctx)
	}
	return lo, hi, err
}

// flush inserts what waits. Most of the cost of a small insert is the call,
// and the evidence of a hundred POPs is hundreds of them.
func (w *dayWriter) flush(ctx context.Context) error {
	if err := w.messages.flush(ctx, w.tx); err != nil {
		return err
	}
	for _, d := range w.added {
		if err := w.tx.exec(ctx, `INSERT INTO dict (message, epoch, pos, part) VALUES (?, ?, ?, ?)`,
			d.message, d.at.Epoch, int64(d.at.Pos), d.part); err != nil { //nolint:gosec // checked at the door
			return err
		}
	}
	w.added = w.added[:0]
	return w.parts.flush(ctx, w.tx)
}

// put stores one message, unless it is there.
func (w *dayWriter) put(ctx context.Context, m *store.Received) error {
	k := streamKey{pop: m.POP, stream: m.Stream}
	number := int64(m.Number) //nolint:gosec // checked at the door
	stream, err := w.stream(ctx, k)
	if err != nil {
		return err
	}
	if m.Duplicate = hasNumber(w.numbers[k], number); m.Duplicate {
		return nil
	}
	incarnation, err := w.word(ctx, m.Incarnation)
	if err != nil {
		return err
	}
	facts, added, err := w.pack(ctx, m.Entries)
	if err != nil {
		return err
	}
	w.last++
	w.chain = link(w.chain, m, facts, added)
	w.numbers[k] = addNumber(w.numbers[k], number)
	w.messages.add(w.last, stream, number, millis(m.ReceivedAt), incarnation, facts, w.chain)
	for _, d := range added {
		d.message = w.last
		w.added = append(w.added, d)
	}
	for _, f := range m.Entries {
		w.parts.add(f.At.Epoch, int64(f.At.Pos), w.last) //nolint:gosec // checked at the door
	}
	return nil
}

// dictPart is what one message added to the dictionary of an entry.
type dictPart struct {
	message int64
	at      freshet.Position
	part    []byte
}

// pack packs facts, and yields what that added to the dictionaries of their
// entries, in order of position.
func (w *dayWriter) pack(ctx context.Context, entries []freshet.EntryFacts) ([]byte, []dictPart, error) {
	if len(w.dicts)+len(entries) > maxDicts {
		// What is dropped is read again, and so must be there.
		if err := w.flush(ctx); err != nil {
			return nil, nil, err
		}
		clear(w.dicts)
	}
	for _, f := range entries {
		if w.dicts[f.At] != nil {
			continue
		}
		d, err := loadDict(f.At, w.indexed, func(row func(*sql.Rows) error, query string, args ...any) error {
			return w.tx.each(ctx, row, query, args...)
		})
		if err != nil {
			return nil, nil, err
		}
		w.dicts[f.At] = d
	}
	packed := wire.PackFacts(entries, func(at freshet.Position) *wire.Dict { return w.dicts[at] })
	var added []dictPart
	for _, f := range entries {
		// A second run about the same entry finds nothing left to add.
		if part := w.dicts[f.At].Added(); part != nil {
			added = append(added, dictPart{at: f.At, part: part})
		}
	}
	slices.SortFunc(added, func(a, b dictPart) int { return a.at.Compare(b.at) })
	return packed, added, nil
}

// hasDictIndex asks whether a file has the index of dictionaries by entry.
const hasDictIndex = `SELECT count(*) FROM sqlite_master WHERE type = 'index' AND name = 'dict_at'`

// loadDict reads the dictionary of an entry. In a file without the index, it is
// looked for among all messages about the entry.
func loadDict(at freshet.Position, indexed bool, each func(func(*sql.Rows) error, string, ...any) error) (*wire.Dict, error) {
	var parts [][]byte
	query := `SELECT part FROM dict WHERE epoch = ? AND pos = ? ORDER BY message`
	if !indexed {
		query = `SELECT d.part FROM part p JOIN dict d ON d.message = p.message AND d.epoch = p.epoch AND d.pos = p.pos
		WHERE p.epoch = ? AND p.pos = ? ORDER BY p.message`
	}
	err := each(func(rows *sql.Rows) error {
		var part []byte
		err := rows.Scan(&part)
		parts = append(parts, part)
		return err
	}, query, at.Epoch, int64(at.Pos)) //nolint:gosec // checked at the door
	if err != nil {
		return nil, fmt.Errorf("reading dictionary of %s: %w", at, err)
	}
	d, err := wire.LoadDict(parts...)
	if err != nil {
		return nil, fmt.Errorf("unpacking dictionary of %s: %w", at, err)
	}
	return d, nil
}
