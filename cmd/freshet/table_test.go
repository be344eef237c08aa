package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet/internal/api/apitest"
)

// drawn is a table on a terminal of a width; 0 is a pipe.
func drawn(t *testing.T, l look, head []string, rows ...[]string) string {
	t.Helper()
	var out bytes.Buffer
	r := &remote{deps: deps{out: &out, err: io.Discard, export: &out, look: &l}}
	table := r.table(head...)
	for _, cells := range rows {
		table.row(cells...)
	}
	if err := table.flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTable_IsWholeWhereThereIsNoTerminal(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("http://vod.example.com/", 20)
	got := drawn(t, look{}, []string{"ID", "URL", "STATE"}, []string{"a", long, "up"}, []string{"bb", "", "down"})
	want := "ID  URL" + strings.Repeat(" ", len(long)-3) + "  STATE\na   " + long + "  up\nbb  -" + strings.Repeat(" ", len(long)-1) + "  down\n"
	if got != want {
		t.Errorf("drawn %q", got)
	}
}

func TestTable_FitsTheTerminal(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	got := drawn(t, look{columns: 60}, []string{"ID", "URL", "STATE", "MESSAGE"},
		[]string{"0123456789abcdef", long, "up", long}, []string{"0123456789abcdef", "short", "up", "-"}, []string{"0123456789abcdef", long, "up", "none"})
	for line := range strings.Lines(got) {
		if w := runewidth.StringWidth(strings.TrimSuffix(line, "\n")); w > 60 {
			t.Errorf("a line of %d columns: %q", w, line)
		}
	}
	if !strings.Contains(got, "0123456789abcdef  xxxx") || strings.Count(got, "…") != 3 || !strings.Contains(got, "  up ") {
		t.Errorf("drawn %q", got)
	}
}

func TestTable_FewRowsAreBlocksWhereTheyDoNotFit(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	head := []string{"POP", "STATE", "PARENTS", "LAST CONTACT", "URL"}
	got := drawn(t, look{columns: 30}, head, []string{"edge-1", "up", "", "3 seconds ago, more or less", long}, []string{"edge-2", "down", "a", "never at all, as far as is known", "-"})
	if !strings.Contains(got, "POP           edge-1\nSTATE         up\nLAST CONTACT  3 seconds ago, more or less\nURL           "+long+"\n\nPOP           edge-2\n") {
		t.Errorf("drawn %q", got)
	}
}

func TestTable_OfManyRowsTheWidestColumnsAreLeftOut(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := &remote{deps: deps{out: &out, err: &out, look: &look{columns: 60}}}
	table := r.table("MEDIA", "STATUS", "UPDATED", "TITLE")
	for i := range 10 {
		table.row("f1a3c0de5eed4a11b0a7000000000004", "Normal", "2026-11-28 15:30:39.797Z", strings.Repeat("A title ", i))
	}
	if err := table.flush(); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if !strings.HasPrefix(got, "The terminal is too narrow for UPDATED: a pipe, or --json, gets it all.\nMEDIA                             STATUS  TITLE\nf1a3c0de5eed4a11b0a7000000000004  Normal  -\n") ||
		!strings.HasSuffix(got, "  Normal  A title A title A…\n") {
		t.Errorf("drawn %q", got)
	}
}

func TestTable_CountsWideLetters(t *testing.T) {
	t.Parallel()
	got := drawn(t, look{}, []string{"TITLE", "N"}, []string{"电影", "1"}, []string{"film", "2"})
	if got != "TITLE  N\n电影   1\nfilm   2\n" {
		t.Errorf("drawn %q", got)
	}
}

// TestTable_NoLineIsWiderThanTheTerminal whatever is in the cells, but in
// blocks, in which everything is whole.
func TestTable_NoLineIsWiderThanTheTerminal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		columns := rapid.IntRange(30, 200).Draw(rt, "columns")
		head := []string{"ID", "A", "B", "C"}
		var rows [][]string
		for range rapid.IntRange(1, 8).Draw(rt, "rows") {
			row := []string{rapid.StringMatching("[a-z]{1,10}").Draw(rt, "id")}
			for range head[1:] {
				row = append(row, rapid.StringMatching(`[a-zäü电影 ]{0,120}`).Draw(rt, "cell"))
			}
			rows = append(rows, row)
		}
		got := drawn(t, look{columns: columns}, head, rows...)
		if strings.Contains(got, "\n\n") {
			if strings.Contains(got, "…") {
				rt.Errorf("a block is cut: %q", got)
			}
			return
		}
		for line := range strings.Lines(got) {
			if w := runewidth.StringWidth(strings.TrimSuffix(line, "\n")); w > columns {
				rt.Errorf("a line of %d columns on %d: %q", w, columns, line)
			}
		}
	})
}

func TestColour_OnlyOnTerminalsThatWantIt(t *testing.T) {
	t.Parallel()
	srv := apitest.Serve(t, scripted()).URL
	for _, c := range []struct {
		name    string
		columns int
		env     string
		args    string
		want    bool
	}{
		{"a terminal", 120, "", "pops", true},
		{"a pipe", 0, "", "pops", false},
		{"NO_COLOR", 120, "NO_COLOR=1", "pops", false},
		{"an empty NO_COLOR", 120, "NO_COLOR=", "pops", true},
		{"a dumb terminal", 120, "TERM=dumb", "pops", false},
		{"a pipe, always", 0, "", "pops --color always", true},
		{"NO_COLOR, always", 0, "NO_COLOR=1", "pops --color=always", true},
		{"a terminal, never", 120, "", "pops --color never", false},
		{"a terminal, JSON", 120, "", "pops --json", false},
		{"key and value", 120, "", "job 0000000000000001", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{"FRESHET_ENDPOINT": srv, "FRESHET_ACCESS_KEY_ID": apitest.KeyID, "FRESHET_ACCESS_KEY_SECRET": apitest.Secret}
			name, value, _ := strings.Cut(c.env, "=")
			env[name] = value
			var out, errs bytes.Buffer
			run := func(line string) int {
				return execute(t.Context(), deps{args: strings.Fields(line), out: &out, err: &errs, columns: c.columns, env: func(k string) string { return env[k] }})
			}
			if strings.HasPrefix(c.args, "job ") {
				run("purge m-1")
				out.Reset()
			}
			if code := run(c.args); code != exitOK {
				t.Fatalf("exit code %d: %s", code, errs.String())
			}
			if got := strings.Contains(out.String(), "\x1b[32m"); got != c.want {
				t.Errorf("coloured: %v\n%q", got, out.String())
			}
		})
	}
}
