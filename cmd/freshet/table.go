package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"
)

// look is how tables are drawn. The zero value is plain and whole: what a
// pipe gets.
type look struct {
	columns int  // of the terminal; 0 = there is none
	colour  bool // statuses are coloured
}

const (
	gap        = 2  // spaces between columns
	narrowest  = 16 // a column is never cut below this
	maxPending = 1000
)

// table prints rows in columns; the first row is the head, if there is one.
// Cells are cleaned. On a terminal that is too narrow for a row, long cells are
// cut; one that is too narrow for that gets a block of lines for each row.
type table struct {
	w      io.Writer // what is written to it is clean
	look   look
	head   []string
	rows   [][]string
	widths []int
	begun  bool // the head is printed
	blocks bool
}

// newTable is plain, and never cut.
func newTable(w io.Writer, head ...string) *table { return &table{w: w, head: head} }

// table makes a table that fits the terminal.
func (r *remote) table(head ...string) *table {
	t := newTable(r.out, head...)
	if r.look != nil {
		t.look = *r.look
		if t.look.colour {
			t.w = r.export // r.out would take the colours for somebody else's
		}
	}
	return t
}

func (t *table) row(cells ...string) {
	for i, c := range cells {
		if cells[i] = clean(c); cells[i] == "" {
			cells[i] = "-"
		}
	}
	t.rows = append(t.rows, cells)
	if len(t.rows) == maxPending {
		_ = t.flush() // a fault stays, and the last flush tells it
	}
}

// flush prints the rows so far. Columns keep at least their widths for what
// follows.
func (t *table) flush() error {
	first := !t.begun
	if first && len(t.head) > 0 {
		t.rows = slices.Insert(t.rows, 0, t.head)
	}
	t.begun = true
	t.measure()
	var b strings.Builder
	for i, cells := range t.rows {
		isHead := first && i == 0 && len(t.head) > 0
		switch {
		case !t.blocks:
			t.line(&b, cells, isHead)
		case !isHead:
			t.block(&b, cells)
		}
	}
	t.rows = nil
	_, err := io.WriteString(t.w, b.String())
	return err
}

// measure finds the widths of columns, and cuts them to the terminal.
func (t *table) measure() {
	for _, cells := range t.rows {
		for i, c := range cells {
			if i == len(t.widths) {
				t.widths = append(t.widths, 0)
			}
			t.widths[i] = max(t.widths[i], runewidth.StringWidth(c))
		}
	}
	if t.look.columns == 0 || len(t.widths) < 2 {
		return
	}
	over := gap*(len(t.widths)-1) - t.look.columns
	for _, w := range t.widths {
		over += w
	}
	for over > 0 {
		// The widest gives way, down to the next one; the first column names
		// the row, and stays.
		widest, next := 1, narrowest
		for i := 1; i < len(t.widths); i++ {
			if t.widths[i] > t.widths[widest] {
				widest = i
			}
		}
		for i := 1; i < len(t.widths); i++ {
			if i != widest && t.widths[i] < t.widths[widest] {
				next = max(next, t.widths[i])
			}
		}
		cut := min(over, max(1, t.widths[widest]-next))
		if t.widths[widest]-cut < narrowest {
			t.blocks = len(t.head) > 0
			return
		}
		t.widths[widest] -= cut
		over -= cut
	}
}

func (t *table) line(b *strings.Builder, cells []string, isHead bool) {
	for i, c := range cells {
		if t.look.columns > 0 {
			c = runewidth.Truncate(c, t.widths[i], "…")
		}
		b.WriteString(t.painted(c, i, cells, isHead))
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", t.widths[i]-runewidth.StringWidth(c)+gap))
		}
	}
	b.WriteByte('\n')
}

// block prints a row as lines, each with the head of its column.
func (t *table) block(b *strings.Builder, cells []string) {
	width := 0
	for _, h := range t.head {
		width = max(width, runewidth.StringWidth(h))
	}
	for i, c := range cells {
		if i == 0 || c != "-" { // what is not there needs no line
			fmt.Fprintf(b, "%s  %s\n", runewidth.FillRight(t.head[i], width), t.painted(c, i, cells, false))
		}
	}
	b.WriteByte('\n')
}

// painted colours the head, and the words of columns that tell a state.
func (t *table) painted(cell string, column int, cells []string, isHead bool) string {
	name := ""
	switch {
	case !t.look.colour:
		return cell
	case isHead:
		return paint(cell, "1") // bold
	case len(t.head) > 0:
		name = t.head[column]
	case column == 1:
		name = cells[0] // a list of names and values
	}
	switch strings.ToUpper(name) {
	case "STATE", "STATUS", "OUTCOME", "READY":
		return paint(cell, colourOf(cells[column]))
	}
	return cell
}

func paint(s, code string) string {
	if code == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// colourOf is green for what is well, red for what is not, and yellow for what
// goes on or is between the two.
func colourOf(status string) string {
	const green, yellow, red = "32", "33", "31"
	word, _, _ := strings.Cut(strings.TrimSuffix(strings.ToLower(status), ":"), " ")
	switch strings.TrimSuffix(word, ",") {
	case "complete", "done", "already", "covered", "up", "yes", "enabled", "online", "normal", "planned", "delivered", "ok":
		return green
	case "running", "refreshing", "pending", "accepted", "planning", "waiting", "calling", "excused", "cancelled", "offline", "checking", "never", "draining", "drained", "none":
		return yellow
	case "failed", "down", "no", "disabled", "blocked", "overdue", "invalid", "unauthenticated", "forbidden", "not_found", "conflict", "too_large", "limited", "unavailable", "internal":
		return red
	}
	return ""
}
