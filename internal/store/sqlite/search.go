package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// hit is a row of a search.
type hit struct {
	store.MediaCursor
	key int64
}

// SearchMedia implements [store.MediaSearch].
func (s *Store) SearchMedia(ctx context.Context, q store.MediaQuery) (store.MediaPage, error) {
	var page store.MediaPage
	var scope, size int64
	exists, err := s.read.get(ctx, []any{&scope, &size}, `SELECT scope, media FROM media_scope WHERE account = ? AND audio = ?`,
		q.Account, q.Kind == freshet.StreamAudio)
	if err != nil {
		return page, fmt.Errorf("reading scope: %w", err)
	}
	if !exists || q.Limit <= 0 {
		return page, nil
	}
	plans := make([]searchPlan, 0, len(q.Match.Any))
	for _, all := range q.Match.Any {
		conds, ok, err := conditions(q.Account, scope, all)
		if err != nil {
			return page, err
		}
		if !ok {
			continue
		}
		p := searchPlan{scope: scope, conds: conds}
		if err := s.choose(ctx, &p); err != nil {
			return page, err
		}
		plans = append(plans, p)
	}
	if len(plans) == 0 {
		return page, nil
	}
	rows, err := s.findPage(ctx, plans, q)
	if err != nil {
		return page, err
	}
	if page.Total, err = s.count(ctx, plans, scope, size); err != nil {
		return page, err
	}
	if len(rows) == 0 {
		return page, nil
	}
	page.Last = rows[len(rows)-1].MediaCursor
	page.Media, err = s.foundMedia(ctx, q.Account, rows)
	return page, err
}

// findPage returns where the media of a page are.
func (s *Store) findPage(ctx context.Context, plans []searchPlan, q store.MediaQuery) ([]hit, error) {
	limit, offset := q.Limit, q.Offset
	if q.After != nil {
		offset = 0
	}
	var b strings.Builder
	var args []any
	for i := range plans {
		if i > 0 {
			b.WriteString(" UNION ")
		}
		more := plans[i].page(&b, q, len(plans) > 1)
		args = append(args, more...)
		if len(plans) > 1 {
			args = append(args, offset+limit)
		}
	}
	if len(plans) > 1 {
		b.WriteString(order(q, ""))
	}
	b.WriteString(" LIMIT ? OFFSET ?")
	args = append(args, limit, offset)
	var rows []hit
	err := s.read.each(ctx, func(r *sql.Rows) error {
		var f hit
		err := r.Scan(&f.Place, &f.Modified, &f.key)
		rows = append(rows, f)
		return err
	}, b.String(), args...)
	if err != nil {
		return nil, fmt.Errorf("searching media: %w", err)
	}
	return rows, nil
}

// order is the order of a page; of names the columns may be prefixed.
func order(q store.MediaQuery, of string) string {
	direction := map[bool]string{false: " DESC", true: " ASC"}
	if !q.ByModified {
		return " ORDER BY " + of + "place" + direction[q.Ascending]
	}
	return " ORDER BY " + of + "modified" + direction[q.Ascending] + ", " + of + "place" + direction[q.TieAscending]
}

// page writes the statement that lists an alternative in order. If it is one
// of several it gets a limit of its own, which is the last argument.
func (p *searchPlan) page(b *strings.Builder, q store.MediaQuery, one bool) []any {
	from, source, first := everything, "f.scope = ?", -1
	args := []any{p.scope}
	switch {
	case p.first >= 0 && (p.conds[p.first].sorted && !q.ByModified || !p.many):
		// Few, or in order already.
		first = p.first
		c := p.conds[first]
		from, source, args = c.from, c.source, append([]any(nil), c.sourceArgs...)
	case q.ByModified:
		from = "media_find f INDEXED BY media_find_modified"
	}
	columns := "SELECT f.place AS place, f.modified AS modified, f.media AS media FROM "
	if one {
		b.WriteString("SELECT * FROM (")
	}
	b.WriteString(columns + from + " WHERE " + source)
	if first >= 0 {
		b.WriteString(" AND +f.scope = ?")
		args = append(args, p.scope)
	}
	args = append(args, p.rest(b, first)...)
	tail := &strings.Builder{}
	args = append(args, after(tail, q)...)
	tail.WriteString(order(q, "f."))
	ordered := tail.String()
	if first >= 0 && strings.Contains(from, " x CROSS JOIN") && !q.ByModified {
		ordered = strings.ReplaceAll(ordered, "f.place", "x.rowid") // of which the index of texts is in order
	}
	b.WriteString(ordered)
	if one {
		b.WriteString(" LIMIT ?)")
	}
	return args
}

// rest writes the conditions but the one that the statement starts from.
func (p *searchPlan) rest(b *strings.Builder, first int) []any {
	var args []any
	for i, c := range p.conds {
		if i != first {
			b.WriteString(" AND " + c.where)
			args = append(args, c.args...)
		}
	}
	return args
}

// after writes where a page begins.
func after(b *strings.Builder, q store.MediaQuery) []any {
	if q.After == nil {
		return nil
	}
	op := map[bool]string{false: "<", true: ">"}[q.Ascending]
	if q.ByModified {
		b.WriteString(" AND (f.modified, f.place) " + op + " (?, ?)")
		return []any{q.After.Modified, q.After.Place}
	}
	b.WriteString(" AND f.place " + op + " ?")
	return []any{q.After.Place}
}

// count tells how many media match: exactly up to MaxExactTotal, and beyond it
// by how far back in time so many of them reach.
func (s *Store) count(ctx context.Context, plans []searchPlan, scope, size int64) (int, error) {
	for _, p := range plans {
		if len(p.conds) == 0 {
			return int(size), nil
		}
	}
	if len(plans) == 1 && plans[0].exact >= 0 {
		return plans[0].exact, nil
	}
	b, args := counted(plans, scope)
	var n int64
	var oldest, newest sql.NullInt64
	query := "SELECT count(*) FROM (" + b + ")"
	if _, err := s.read.get(ctx, []any{&n}, query, args...); err != nil {
		return 0, fmt.Errorf("counting media: %w", err)
	}
	if n <= store.MaxExactTotal {
		return int(n), nil
	}
	if len(plans) > 1 || plans[0].first >= 0 && !plans[0].conds[plans[0].first].sorted {
		return s.sample(ctx, plans, scope, size)
	}
	query = "SELECT min(place), max(place) FROM (" + b + ")"
	if _, err := s.read.get(ctx, []any{&oldest, &newest}, query, args...); err != nil {
		return 0, fmt.Errorf("counting media: %w", err)
	}
	return s.estimate(ctx, scope, size, n, newest.Int64-oldest.Int64)
}

// counted is the statement that yields the places of what matches.
func counted(plans []searchPlan, scope int64) (string, []any) {
	var b strings.Builder
	var args []any
	for i := range plans {
		p := &plans[i]
		if i > 0 {
			b.WriteString(" UNION ")
		}
		from, source, first := everything, "f.scope = ?", -1
		own := []any{scope}
		if p.first >= 0 {
			c := p.conds[p.first]
			from, source, first, own = c.from, c.source, p.first, append([]any(nil), c.sourceArgs...)
		}
		if len(plans) > 1 {
			b.WriteString("SELECT * FROM (")
		}
		place := "f.place"
		if len(p.conds) == 1 && first >= 0 && strings.Contains(from, " x CROSS JOIN") {
			// Words hold the scope: the rows themselves need not be read.
			from, place = strings.Split(from, " CROSS JOIN")[0], "x.rowid"
		}
		b.WriteString("SELECT " + place + " AS place FROM " + from + " WHERE " + source)
		own = append(own, p.rest(&b, first)...)
		if p.many || len(plans) > 1 { // few are counted without a word
			b.WriteString(" LIMIT ?")
			own = append(own, store.MaxExactTotal+1)
		}
		if len(plans) > 1 {
			b.WriteString(")")
		}
		args = append(args, own...)
	}
	return b.String(), args
}

// estimate is how many media match if as many match elsewhere as in a span of
// places.
func (s *Store) estimate(ctx context.Context, scope, size, n, span int64) (int, error) {
	var oldest, newest sql.NullInt64
	for into, q := range map[*sql.NullInt64]string{
		&oldest: `SELECT place FROM media_find INDEXED BY media_find_scope WHERE scope = ? ORDER BY place LIMIT 1`,
		&newest: `SELECT place FROM media_find INDEXED BY media_find_scope WHERE scope = ? ORDER BY place DESC LIMIT 1`,
	} {
		if _, err := s.read.get(ctx, []any{into}, q, scope); err != nil {
			return 0, fmt.Errorf("counting media: %w", err)
		}
	}
	whole := float64(newest.Int64 - oldest.Int64)
	return roughly(float64(n)*whole/max(float64(span), 1), size), nil
}

// roughly brings an estimate into its bounds.
func roughly(guess float64, size int64) int {
	return int(min(max(guess, store.MaxExactTotal+1), float64(size)))
}

// sampleRows is how many of the newest media sample looks at.
const sampleRows = 4000

// sample is how many media match if as many match elsewhere as among the
// newest.
func (s *Store) sample(ctx context.Context, plans []searchPlan, scope, size int64) (int, error) {
	var b strings.Builder
	args := []any{scope, sampleRows}
	for i := range plans {
		if i > 0 {
			b.WriteString(" OR ")
		}
		b.WriteString("(TRUE")
		args = append(args, plans[i].rest(&b, -1)...)
		b.WriteString(")")
	}
	var n int64
	query := "SELECT count(*) FROM (SELECT * FROM " + everything + " WHERE f.scope = ? ORDER BY f.place DESC LIMIT ?) f WHERE " + b.String()
	if _, err := s.read.get(ctx, []any{&n}, query, args...); err != nil {
		return 0, fmt.Errorf("counting media: %w", err)
	}
	return roughly(float64(n)*float64(size)/sampleRows, size), nil
}

// foundMedia reads media in the order in which they were found. One that was
// deleted meanwhile is left out.
func (s *Store) foundMedia(ctx context.Context, account string, rows []hit) ([]*freshet.Media, error) {
	keys := make([]string, len(rows))
	for i, r := range rows {
		keys[i] = fmt.Sprint(r.key)
	}
	byKey := make(map[int64]*freshet.Media, len(rows))
	err := s.read.each(ctx, func(r *sql.Rows) error {
		var key int64
		m, err := scanMedia(r, account, &key)
		byKey[key] = m
		return err
	}, `SELECT key, `+mediaColumns+`WHERE key IN (SELECT value FROM json_each(?)) AND +account = ?`, "["+strings.Join(keys, ",")+"]", account)
	if err != nil {
		return nil, fmt.Errorf("reading media: %w", err)
	}
	out := make([]*freshet.Media, 0, len(rows))
	for _, r := range rows {
		if m := byKey[r.key]; m != nil {
			out = append(out, m)
		}
	}
	return out, nil
}
