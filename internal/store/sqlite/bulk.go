package sqlite

import (
	"context"
	"strings"
)

// bulkRows is how many rows one statement of bulk inserts.
const bulkRows = 16

// bulk is rows that wait to be inserted into one table.
type bulk struct {
	one   string // the statement that inserts one row; it ends with the row's placeholders
	width int    // columns
	args  []any
}

func (b *bulk) add(args ...any) { b.args = append(b.args, args...) }

// flush inserts them in order. What does not fill a statement goes in one by
// one, so that there are two statements and not sixteen.
func (b *bulk) flush(ctx context.Context, t *tx) error {
	rest := b.args
	for len(rest) > 0 {
		query, n := b.one, b.width
		if len(rest) >= bulkRows*b.width {
			query += strings.Repeat(", (?"+strings.Repeat(", ?", b.width-1)+")", bulkRows-1)
			n *= bulkRows
		}
		if err := t.exec(ctx, query, rest[:n]...); err != nil {
			return err
		}
		rest = rest[n:]
	}
	clear(b.args)
	b.args = b.args[:0]
	return nil
}
