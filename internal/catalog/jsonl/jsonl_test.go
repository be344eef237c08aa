package jsonl_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet/internal/catalog/jsonl"
)

type line struct {
	Number  int
	Text    string
	TooLong bool
}

func read(t *testing.T, r io.Reader) ([]line, error) {
	t.Helper()
	var got []line
	lines := jsonl.NewReader(r)
	for {
		l, err := lines.Next()
		if err != nil {
			return got, err
		}
		got = append(got, line{l.Number, string(l.Bytes), l.TooLong})
	}
}

func TestNext_CountsEveryLineAndSkipsBlankOnes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		want     []line
	}{
		{"empty", "", nil},
		{"last line without a break", "a\nb", []line{{1, "a", false}, {2, "b", false}}},
		{"CRLF, BOM and blanks", "\ufeffa\r\n\r\n  \n b \r\n", []line{{1, "a", false}, {4, "b", false}}},
		{"exactly the limit", strings.Repeat("x", jsonl.MaxLine) + "\r\ny\n", []line{{1, strings.Repeat("x", jsonl.MaxLine), false}, {2, "y", false}}},
		{"over the limit", "a\n" + strings.Repeat("x", 3*jsonl.MaxLine) + "\nb\n", []line{{1, "a", false}, {2, "", true}, {3, "b", false}}},
		{"over the limit at the end", strings.Repeat("x", jsonl.MaxLine+1), []line{{1, "", true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, r := range []io.Reader{strings.NewReader(c.in), iotest.HalfReader(strings.NewReader(c.in))} {
				got, err := read(t, r)
				if !errors.Is(err, io.EOF) {
					t.Errorf("ended with %v", err)
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Error(d[:min(len(d), 500)])
				}
			}
		})
	}
}

func TestNext_ABrokenStreamYieldsNoHalfLine(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	got, err := read(t, io.MultiReader(strings.NewReader("a\nhal"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || len(got) != 1 || got[0].Text != "a" {
		t.Errorf("got %v, %v", got, err)
	}
}

// FuzzNext: the lines are those that strings.Split finds, however the bytes come.
func FuzzNext(f *testing.F) {
	f.Add("a\nb\r\n\n \ufeffc")
	f.Add("\ufeff\n\x00\r\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		var want []line
		for i, text := range strings.Split(in, "\n") {
			if i == 0 {
				text = strings.TrimPrefix(text, "\ufeff")
			}
			if text = strings.TrimSpace(text); text != "" && len(text) <= jsonl.MaxLine {
				want = append(want, line{i + 1, text, false})
			}
		}
		for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in))} {
			got, err := read(t, r)
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" && len(in) < jsonl.MaxLine {
				t.Error(d)
			}
		}
	})
}
