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
	narrowest  = 12 // text is never cut below this
	fewRows    = 3  // that get a block each
	maxPending = 1000
)

// table prints rows in columns; the first row is the head, if there is one.
// Cells are cleaned. On a terminal that is too narrow, long text is cut. If that
// is not enough, few rows get a block of lines each, and of many the widest
// columns are left out, which is said.
type table struct {
	w       io.Writer // what is written to it is clean
	look    look
	said    func(format string, args ...any) // tells what is left out
	head    []string
	rows    [][]string
	columns []column
	begun   bool // the head is printed
	blocks  bool
}

// column is one of a table.
type column struct {
	natural int // the width that shows all
	width   int
	text    bool // cells differ in length: one that is cut still says something
	hidden  bool
}

// newTable is plain, and never cut.
func newTable(w io.Writer, head ...string) *table { return &table{w: w, head: head} }

// table makes a table that fits the terminal.
func (r *remote) table(head ...string) *table {
	t := newTable(r.out, head...)
	if r.look != nil {
		t.look, t.said = *r.look, r.note
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
	t.begun = true
	t.measure()
	if over := t.fit(); over > 0 && len(t.head) > 0 {
		t.narrow(first)
	}
	if first && len(t.head) > 0 {
		t.rows = slices.Insert(t.rows, 0, t.head)
	}
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

// measure finds the natural widths of columns.
func (t *table) measure() {
	lengths := map[int]int{} // of the first cell in each column that has one
	for n, cells := range slices.Insert(slices.Clone(t.rows), 0, t.head) {
		for i, c := range cells {
			if i == len(t.columns) {
				t.columns = append(t.columns, column{})
			}
			col, w := &t.columns[i], runewidth.StringWidth(c)
			col.natural = max(col.natural, w)
			if n == 0 || c == "-" {
				continue
			}
			if before, ok := lengths[i]; ok && before != w {
				col.text = true
			}
			lengths[i] = w
		}
	}
}

// fit cuts text to the terminal, and returns how much wider the table still
// is. The first column names the row, and stays.
func (t *table) fit() int {
	over := -gap
	for i := range t.columns {
		c := &t.columns[i]
		if c.width = c.natural; !c.hidden {
			over += c.width + gap
		}
	}
	if t.look.columns == 0 {
		return 0
	}
	over -= t.look.columns
	for over > 0 {
		widest := -1
		for i := range t.columns {
			if c := t.columns[i]; i > 0 && (c.text || len(t.head) == 0) && !c.hidden && c.width > narrowest && (widest < 0 || c.width > t.columns[widest].width) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		t.columns[widest].width--
		over--
	}
	return over
}

// narrow makes a table narrower of which text is cut already.
func (t *table) narrow(first bool) {
	if first && len(t.rows) <= fewRows {
		t.blocks = true
		return
	}
	var out []string
	for t.fit() > 0 {
		widest := -1
		for i := range t.columns {
			if c := t.columns[i]; i > 0 && !c.hidden && (widest < 0 || c.width > t.columns[widest].width) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		t.columns[widest].hidden = true
		out = append(out, t.head[widest])
	}
	if len(out) > 0 && t.said != nil {
		t.said("The terminal is too narrow for %s: a pipe, or --json, gets it all.", strings.Join(out, ", "))
	}
}

func (t *table) line(b *strings.Builder, cells []string, isHead bool) {
	var visible []int
	for i := range cells {
		if !t.columns[i].hidden {
			visible = append(visible, i)
		}
	}
	for n, i := range visible {
		c := cells[i]
		if t.look.columns > 0 {
			c = runewidth.Truncate(c, t.columns[i].width, "…")
		}
		b.WriteString(t.painted(c, i, cells, isHead))
		if n < len(visible)-1 {
			b.WriteString(strings.Repeat(" ", t.columns[i].width-runewidth.StringWidth(c)+gap))
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
