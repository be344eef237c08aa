package plaintext_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/freshet-vod/freshet/internal/plaintext"
)

func TestLine_RemovesWhatATerminalActsOn(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                  "",
		"The Film, part 1":                  "The Film, part 1",
		"Œuvre: 映画 🎬 نامه\u200cها":          "Œuvre: 映画 🎬 نامه\u200cها", // a joiner is part of the word
		"a\x1b[2Jb":                         "ab",
		"a\x1b[1;31mred\x1b[0mb":            "aredb",
		"a\x1b[?1049hb":                     "ab",
		"a\u009b31mb":                       "ab",
		"a\x1b]0;title\x07b":                "ab",
		"a\x1b]8;;http://evil\x1b\\link":    "alink",
		"a\u009d52;c;Zm9v\u009cb":           "ab", // would set the clipboard
		"a\x1bP$q\"p\x1b\\b":                "ab",
		"a\x1b(0b":                          "ab",
		"a\x1bcb":                           "ab", // resets the terminal
		"a\x1b7b":                           "ab",
		"half\x1b[31":                       "half[31",
		"half\x1b]0;title":                  "half]0;title",
		"two\x1b]0;a\x1b[31mred":            "two]0;ared",
		"end\x1b":                           "end",
		"a\r\nb\tc\x08\x00\x7fd":            "abcd",
		"c1 \u0080\u0085\u009f.":            "c1 .",
		"raw \x9b31m \xff":                  "raw \ufffd31m \ufffd",
		"fdp.\u202e4pm.exe\u202c":           "fdp.4pm.exe",
		"\u2066a\u2069\u200e\u200f\u061cb":  "ab",
		"\ufeffa\u2060b\U000e0041c":         "abc",
		"a\u2028b\u2029c":                   "abc",
		"a\x1b[" + strings.Repeat("1", 1e4): "a[" + strings.Repeat("1", 1e4),
	} {
		if got := plaintext.Line(in); got != want {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
	if got := plaintext.Text("a\n\tb\r\x1b[2J\n"); got != "a\n\tb\n" {
		t.Errorf("Text gives %q", got)
	}
}

func TestWriter_StripsWhateverTheWritesAre(t *testing.T) {
	t.Parallel()
	const text = "Œuvre 映\u009b31m画\n\x1b[2J\u202e🎬\xff|\n"
	for size := 1; size <= len(text); size++ {
		var out bytes.Buffer
		w := plaintext.NewWriter(&out)
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if written, err := w.Write([]byte(rest[:n])); written != n || err != nil {
				t.Fatalf("wrote %d, %v", written, err)
			}
			rest = rest[n:]
		}
		got := out.String()
		if strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && plaintext.Unsafe(r) }) || !utf8.ValidString(got) {
			t.Errorf("in writes of %d bytes: %q", size, got)
		}
		if !strings.HasPrefix(got, "Œuvre 映") || !strings.HasSuffix(got, "🎬\ufffd|\n") {
			t.Errorf("in writes of %d bytes text is lost: %q", size, got)
		}
	}
	broken := errors.New("broken")
	if _, err := plaintext.NewWriter(writerFunc(func([]byte) (int, error) { return 0, broken })).Write([]byte("x")); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Logs do not go through the Writer: what is in their attributes is quoted.
func TestLogsQuoteWhatATerminalActsOn(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
	} {
		var out bytes.Buffer
		slog.New(handler(&out)).InfoContext(t.Context(), "fetched", slog.String("url", "a\x1b[2J\u009b31m\u202eb\r\nc\xff"), slog.Any("error", errors.New("\x1b]0;x\a\u2066")))
		if strings.ContainsFunc(strings.TrimSuffix(out.String(), "\n"), plaintext.Unsafe) || !utf8.Valid(out.Bytes()) {
			t.Errorf("%s: %q", name, out.String())
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\x1b[2Jb", 1)
	f.Add("a\x1b]0;x\ab\u009d\xff\u009c", 3)
	f.Fuzz(func(t *testing.T, s string, size int) {
		got := plaintext.Text(s)
		if strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && r != '\t' && plaintext.Unsafe(r) }) || !utf8.ValidString(got) {
			t.Errorf("%q became %q", s, got)
		}
		if again := plaintext.Text(got); again != got {
			t.Errorf("%q became %q, and that %q", s, got, again)
		}
		if strings.Count(got, "\n") != strings.Count(s, "\n") {
			t.Errorf("lines are lost: %q became %q", s, got)
		}
		var out bytes.Buffer
		w := plaintext.NewWriter(&out)
		for rest := s; rest != ""; {
			n := min(max(size, 1), len(rest))
			_, _ = w.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		if strings.ContainsFunc(out.String(), func(r rune) bool { return r != '\n' && r != '\t' && plaintext.Unsafe(r) }) || !utf8.Valid(out.Bytes()) {
			t.Errorf("in writes of %d bytes %q became %q", size, s, out.String())
		}
	})
}
