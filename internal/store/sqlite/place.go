package sqlite

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/freshet-vod/freshet"
)

// The parts of a place.
const (
	placeBits = 20
	maxPlaced = math.MaxInt64>>placeBits - 1 // milliseconds: the year 2248
)

// placedMillis is the time of creation as far as places can tell.
func placedMillis(m *freshet.Media) int64 { return min(max(millis(m.Created), 0), maxPlaced) }

// place brings what a media is found by from what it was to what it is. before
// or after may be nil; place is where before stands, 0 if nowhere.
func (t *tx) place(ctx context.Context, key, place int64, before, after *freshet.Media) error {
	moved := before == nil || after == nil || place == 0 ||
		placedMillis(before) != placedMillis(after) || before.Kind() != after.Kind()
	sameTexts := !moved && before.Title == after.Title && before.Description == after.Description && slices.Equal(before.Tags, after.Tags)
	if before != nil && place != 0 {
		if err := t.unplace(ctx, place, before, sameTexts); err != nil {
			return err
		}
	}
	if after == nil {
		return nil
	}
	scope, err := t.scope(ctx, after)
	if err != nil {
		return err
	}
	if moved {
		if place, err = t.newPlace(ctx, placedMillis(after)); err != nil {
			return err
		}
		if err := t.exec(ctx, `UPDATE media SET place = ? WHERE key = ?`, place, key); err != nil {
			return fmt.Errorf("placing media: %w", err)
		}
	}
	if err := t.insertPlace(ctx, key, place, scope, after); err != nil || sameTexts {
		return err
	}
	if long, short := gramsOf(scope, after); short != "" {
		t.texts = append(t.texts, textChange{place, long, short, false})
	}
	return nil
}

// insertPlace stores what a media is found by, but for its texts.
func (t *tx) insertPlace(ctx context.Context, key, place, scope int64, after *freshet.Media) error {
	var down bool
	if _, err := t.get(ctx, []any{&down}, `SELECT 1 FROM takedown WHERE account = ? AND media = ? AND ended = 0`, after.Account, after.ID); err != nil {
		return fmt.Errorf("looking for a takedown: %w", err)
	}
	if err := t.exec(ctx, insertFind, findRow(place, scope, key, after, down)...); err != nil {
		return fmt.Errorf("placing media: %w", err)
	}
	return t.countMedia(ctx, scope, 1)
}

// countMedia changes how many media a scope has.
func (t *tx) countMedia(ctx context.Context, scope, by int64) error {
	if err := t.exec(ctx, `UPDATE media_scope SET media = media + ? WHERE scope = ?`, by, scope); err != nil {
		return fmt.Errorf("counting media: %w", err)
	}
	return nil
}

// unplace takes a media out of what it is found by, but for its texts if they
// stay.
func (t *tx) unplace(ctx context.Context, place int64, m *freshet.Media, keepTexts bool) error {
	scope, err := t.scope(ctx, m)
	if err != nil {
		return err
	}
	if long, short := gramsOf(scope, m); short != "" && !keepTexts {
		t.texts = append(t.texts, textChange{place, long, short, true})
	}
	if err := t.exec(ctx, `DELETE FROM media_find WHERE place = ?`, place); err != nil {
		return fmt.Errorf("taking media from its place: %w", err)
	}
	return t.countMedia(ctx, scope, -1)
}

// textChange is a media whose texts come into the index, or leave it: then the
// index must be told what stood there.
type textChange struct {
	place       int64
	long, short string
	gone        bool
}

// indexTexts carries out what changed about texts. It waits for the end of the
// transaction, because the index writes what it has in memory whenever a
// statement of another table may have to be undone.
func (t *tx) indexTexts(ctx context.Context) error {
	for _, c := range t.texts {
		// One row at a time: a statement of several may have to be undone too.
		long, short := `INSERT INTO media_text (rowid, grams) VALUES (?, ?)`, `INSERT INTO media_short (rowid, grams) VALUES (?, ?)`
		if c.gone {
			long = `INSERT INTO media_text (media_text, rowid, grams) VALUES ('delete', ?, ?)`
			short = `INSERT INTO media_short (media_short, rowid, grams) VALUES ('delete', ?, ?)`
		}
		if err := t.exec(ctx, long, c.place, c.long); err != nil {
			return fmt.Errorf("indexing texts: %w", err)
		}
		if err := t.exec(ctx, short, c.place, c.short); err != nil {
			return fmt.Errorf("indexing texts: %w", err)
		}
	}
	t.texts = nil
	return nil
}

func notDefault(v, def string) sql.NullString {
	return sql.NullString{String: v, Valid: v != "" && v != def}
}

// scopeKey names the videos, or the audios, of an account.
type scopeKey struct {
	account string
	audio   bool
}

func scopeOf(m *freshet.Media) scopeKey { return scopeKey{m.Account, m.Kind() == freshet.StreamAudio} }

// scopes keeps numbers of scopes, which never change.
type scopes struct {
	mu    sync.RWMutex // guards known
	known map[scopeKey]int64
}

// maxScopes bounds them; of those that are left out the number is read again.
const maxScopes = 1 << 14

func (c *scopes) lookup(k scopeKey) int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.known[k]
}

// learn notes a number that was committed; 0 is none.
func (c *scopes) learn(k scopeKey, scope int64) {
	if scope == 0 || c.lookup(k) != 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxScopes {
		c.known = map[scopeKey]int64{}
	}
	c.known[k] = scope
}

// scope returns the number of the videos, or the audios, of the account.
func (t *tx) scope(ctx context.Context, m *freshet.Media) (int64, error) {
	var scope int64
	k := scopeOf(m)
	exists, err := t.get(ctx, []any{&scope}, `SELECT scope FROM media_scope WHERE account = ? AND audio = ?`, k.account, k.audio)
	if err == nil && !exists {
		var res sql.Result
		if res, err = t.run(ctx, `INSERT INTO media_scope (account, audio, media) VALUES (?, ?, 0)`, k.account, k.audio); err == nil {
			scope, err = res.LastInsertId()
		}
	}
	if err != nil {
		return 0, fmt.Errorf("reading scope: %w", err)
	}
	return scope, nil
}

// newPlace returns the first place of a millisecond that is free, or of a later
// one if a million media were created in it.
func (t *tx) newPlace(ctx context.Context, created int64) (int64, error) {
	for ; ; created++ {
		lo, hi := created<<placeBits, (created+1)<<placeBits
		var last sql.NullInt64
		if _, err := t.get(ctx, []any{&last}, `SELECT max(place) FROM media_find WHERE place >= ? AND place < ?`, lo, hi); err != nil {
			return 0, fmt.Errorf("looking for a place: %w", err)
		}
		switch {
		case !last.Valid && lo == 0:
			return 1, nil // 0 is nowhere
		case !last.Valid:
			return lo, nil
		case last.Int64+1 < hi:
			return last.Int64 + 1, nil
		}
	}
}

// The letters of fields that are searched for parts.
const (
	gramTitle   = 't'
	gramTags    = 'g'
	gramComment = 'd'
)

// gramsOf lists the runs of letters of a media's texts. It is most of the work
// of an import that is not SQLite's.
func gramsOf(scope int64, m *freshet.Media) (long, short string) {
	tags := ""
	if len(m.Tags) > 0 {
		tags = strings.Join(m.Tags, ",")
	}
	size := len(m.Title) + len(tags) + len(m.Description)
	if size == 0 {
		return "", ""
	}
	l, s := make([]byte, 0, 16*size), make([]byte, 0, 28*size)
	for _, f := range []struct {
		letter byte
		text   string
	}{{gramTitle, m.Title}, {gramTags, tags}, {gramComment, m.Description}} {
		prefix := gramPrefix(scope, f.letter)
		text := strings.ToLower(f.text)
		var seen shortRuns
		for at := range text {
			ends := runEnds(text[at:])
			for n, end := range ends {
				switch run := text[at : at+end]; {
				case end == 0:
				case n == 2:
					l = appendGram(l, prefix, run)
				case seen.add(run):
					s = appendGram(s, prefix, run)
				}
			}
		}
	}
	return string(l), string(s)
}

func appendGram(b []byte, prefix, run string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, prefix...)
	for i := range len(run) {
		b = append(b, digits[run[i]>>4], digits[run[i]&15])
	}
	return append(b, ' ')
}

// shortRuns is a set of single letters and pairs. Most are ASCII.
type shortRuns struct {
	ascii [128 * 128 / 64]uint64 // a single letter is a pair with NUL
	other map[string]bool
}

// add adds a run; false if it was there.
func (r *shortRuns) add(run string) bool {
	if len(run) > 2 || run[0] >= utf8.RuneSelf || run[len(run)-1] >= utf8.RuneSelf || run[len(run)-1] == 0 {
		if r.other[run] {
			return false
		}
		if r.other == nil {
			r.other = map[string]bool{}
		}
		r.other[run] = true
		return true
	}
	n := uint(run[0]) << 7
	if len(run) == 2 {
		n |= uint(run[1])
	}
	word, bit := &r.ascii[n>>6], uint64(1)<<(n&63)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// runEnds returns where the first, second and third letter of a text end; 0
// where there is none.
func runEnds(s string) (ends [3]int) {
	at := 0
	for i := range ends {
		if at == len(s) {
			break
		}
		_, n := utf8.DecodeRuneInString(s[at:])
		at += n
		ends[i] = at
	}
	return ends
}

func gramPrefix(scope int64, letter byte) string {
	return "s" + strconv.FormatInt(scope, 10) + string(letter)
}

// gramQuery returns the expression of FTS5 that finds a text as part of a field,
// and whether it is one of media_text; "" for the empty text, which is part of
// all.
func gramQuery(scope int64, letter byte, text string) (query string, long bool) {
	text = strings.ToLower(text)
	prefix := gramPrefix(scope, letter)
	if n := utf8.RuneCountInString(text); n < 3 {
		if n == 0 {
			return "", false
		}
		return prefix + hex.EncodeToString([]byte(text)), false
	}
	var b strings.Builder
	b.WriteByte('"')
	for at := range text {
		if end := runEnds(text[at:])[2]; end > 0 {
			if at > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(prefix)
			b.WriteString(hex.EncodeToString([]byte(text[at : at+end])))
		}
	}
	b.WriteByte('"')
	return b.String(), true
}

// placeBatch is how many media are placed in one transaction.
const placeBatch = 500

// placeOld places the media of releases that did not know places.
func (s *Store) placeOld(ctx context.Context, log *slog.Logger) error {
	total := 0
	for {
		n := 0
		err := s.write(ctx, func(ctx context.Context, t *tx) error {
			var keys []int64
			var media []*freshet.Media
			err := t.each(ctx, func(rows *sql.Rows) error {
				var key, updated int64
				var account, id string
				var body []byte
				if err := rows.Scan(&key, &account, &id, &updated, &body); err != nil {
					return err
				}
				m, err := readMedia(account, id, updated, body)
				keys, media = append(keys, key), append(media, m)
				return err
			}, `SELECT key, account, id, updated, body FROM media WHERE place IS NULL ORDER BY key LIMIT ?`, placeBatch)
			if err != nil {
				return fmt.Errorf("reading media to place: %w", err)
			}
			for i, m := range media {
				if err := t.place(ctx, keys[i], 0, nil, m); err != nil {
					return err
				}
				if err := t.rename(ctx, m.Account, m.ID, nil, m); err != nil {
					return err
				}
			}
			n = len(media)
			return nil
		})
		if err != nil {
			return err
		}
		if total += n; n < placeBatch {
			break
		}
	}
	if total > 0 {
		log.LogAttrs(ctx, slog.LevelInfo, "media of an older release were indexed", slog.Int("media", total))
	}
	return nil
}
