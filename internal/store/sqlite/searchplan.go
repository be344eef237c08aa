package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/mediaquery"
	"github.com/freshet-vod/freshet/internal/vod"
)

// condition is a condition in SQL over a row f of media_find. One that has a
// source may also be what a statement starts from.
type condition struct {
	where string // says whether the row fulfils it; no index is used for it
	args  []any
	// source is what a statement reads first: a FROM clause that binds f, and
	// the start of a WHERE clause that an index answers. Empty: there is none.
	from, source string
	sourceArgs   []any
	sorted       bool // the source yields rows in order of place
}

// searchPlan is an alternative of a query.
type searchPlan struct {
	scope int64
	conds []condition
	first int // of conds, what to start from; -1: from everything in the scope
	many  bool
	exact int // how many media match, if choosing told; else -1
}

// everything starts from all of a scope.
const everything = "media_find f INDEXED BY media_find_scope"

// conditions compiles an alternative; ok is false if nothing can fulfil it.
func conditions(account string, scope int64, all []mediaquery.Cond) (out []condition, ok bool, err error) {
	for _, c := range all {
		var one condition
		switch c.Field {
		case mediaquery.ID:
			one, err = byIDs(account, scope, c.Texts)
		case mediaquery.CateID:
			one, err = byList("cate", "0", scope, c.Numbers)
		case mediaquery.Storage:
			one, err = byList("storage", `''`, scope, c.Texts)
		case mediaquery.App:
			one, err = byList("app", "'"+vod.DefaultApp+"'", scope, c.Texts)
		case mediaquery.Status:
			one, err = byList("status", "'"+freshet.StatusNormal+"'", scope, c.Texts)
		case mediaquery.Title:
			one = byText(scope, gramTitle, c.Texts[0])
		case mediaquery.Tags:
			one = byText(scope, gramTags, c.Texts[0])
		case mediaquery.Comment:
			one = byText(scope, gramComment, c.Texts[0])
		case mediaquery.Size:
			one = byRange("size", scope, c.Range)
		case mediaquery.Duration:
			one = byRange("duration", scope, c.Range)
		case mediaquery.Created:
			one = byCreation(scope, c.Range)
		case mediaquery.Modified:
			one = byRange("modified", scope, c.Range)
		default:
			return nil, false, fmt.Errorf("field %d of a search is unknown", c.Field)
		}
		if err != nil {
			return nil, false, err
		}
		if one.where != "" {
			out = append(out, one)
		}
	}
	return out, true, nil
}

// byIDs finds media by their own index.
func byIDs(account string, scope int64, ids []string) (condition, error) {
	list, err := idList(ids)
	const within = `f.place IN (SELECT place FROM media WHERE account = ? AND id IN (SELECT value FROM json_each(?)))`
	return condition{
		where: `+` + within, args: []any{account, list},
		from: "media_find f", source: within + ` AND +f.scope = ?`, sourceArgs: []any{account, list, scope},
	}, err
}

// byList finds media by the values of a column, of which one stands for null.
func byList[T int64 | string](column, null string, scope int64, values []T) (condition, error) {
	list, err := json.Marshal(values)
	if err != nil {
		return condition{}, fmt.Errorf("packing values: %w", err)
	}
	c := condition{
		where: `coalesce(f.` + column + `, ` + null + `) IN (SELECT value FROM json_each(?))`, args: []any{string(list)},
	}
	for _, v := range values {
		if strings.Trim(null, "'") == fmt.Sprint(v) {
			return c, nil // most media have it, which are in no index
		}
	}
	c.from = "media_find f INDEXED BY media_find_" + column
	c.source = `f.scope = ? AND f.` + column + ` IN (SELECT value FROM json_each(?))`
	c.sourceArgs = []any{scope, string(list)}
	if len(values) == 1 {
		c.source, c.sourceArgs, c.sorted = `f.scope = ? AND f.`+column+` = ?`, []any{scope, values[0]}, true
	}
	return c, nil
}

// byRange finds media by a range of a column; null is outside of every range.
func byRange(column string, scope int64, r mediaquery.Range) condition {
	var where, source strings.Builder
	var args []any
	bound := func(op string, limit float64, open bool) {
		if math.IsInf(limit, 0) {
			return
		}
		if !open {
			op += "="
		}
		fmt.Fprintf(&where, " AND +f.%s %s ?", column, op)
		fmt.Fprintf(&source, " AND f.%s %s ?", column, op)
		args = append(args, limit)
	}
	bound(">", r.Lo, r.OpenLo)
	bound("<", r.Hi, r.OpenHi)
	return condition{
		where: "+f." + column + " IS NOT NULL" + where.String(), args: args,
		from: "media_find f INDEXED BY media_find_" + column, source: "f.scope = ? AND f." + column + " IS NOT NULL" + source.String(),
		sourceArgs: append([]any{scope}, args...),
	}
}

// byCreation finds media by their places, which hold the time.
func byCreation(scope int64, r mediaquery.Range) condition {
	lo, hi := int64(0), int64(math.MaxInt64)
	if !math.IsInf(r.Lo, 0) {
		lo = placeFrom(r.Lo, r.OpenLo)
	}
	if !math.IsInf(r.Hi, 0) {
		hi = placeFrom(r.Hi, !r.OpenHi)
	}
	return condition{
		where: `+f.place >= ? AND +f.place < ?`, args: []any{lo, hi},
		from: everything, source: `f.scope = ? AND f.place >= ? AND f.place < ?`, sourceArgs: []any{scope, lo, hi}, sorted: true,
	}
}

// placeFrom is the first place of a millisecond, or of the one after.
func placeFrom(ms float64, after bool) int64 {
	at := int64(min(max(ms, -1), maxPlaced))
	if after {
		at++
	}
	return max(at, 0) << placeBits
}

// byText finds media by a part of a text.
func byText(scope int64, letter byte, text string) condition {
	query, long := gramQuery(scope, letter, text)
	if query == "" {
		return condition{}
	}
	table := "media_short"
	if long {
		table = "media_text"
	}
	return condition{
		where: `EXISTS (SELECT 1 FROM ` + table + ` WHERE ` + table + ` MATCH ? AND rowid = f.place)`, args: []any{query},
		from: table + ` x CROSS JOIN media_find f ON f.place = x.rowid`, source: `x.` + table + ` MATCH ?`, sourceArgs: []any{query}, sorted: true,
	}
}

// manyRows is up to where candidates are counted to choose what to start from.
const manyRows = 2000

// choose decides what an alternative starts from: the condition that the fewest
// media fulfil.
func (s *Store) choose(ctx context.Context, p *searchPlan) error {
	p.first, p.many, p.exact = -1, true, -1
	least := math.MaxInt
	for i, c := range p.conds {
		if c.source == "" {
			continue
		}
		var n int
		from, _, _ := strings.Cut(c.from, " CROSS JOIN") // words hold the scope: rows need not be read
		q := `SELECT count(*) FROM (SELECT 1 FROM ` + from + ` WHERE ` + c.source + ` LIMIT ?)`
		if _, err := s.read.get(ctx, []any{&n}, q, append(append([]any(nil), c.sourceArgs...), s.manyRows)...); err != nil {
			return fmt.Errorf("planning a search: %w", err)
		}
		if n < least {
			least, p.first = n, i
		}
	}
	p.many = least >= s.manyRows
	if len(p.conds) == 1 && p.first == 0 && !p.many {
		p.exact = least
	}
	return nil
}
