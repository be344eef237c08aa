// Package plaintext makes text that came from a server, an origin, a cache or a
// file safe to show in a terminal.
//
// A terminal acts on parts of what it is given: it moves the cursor, clears the
// screen, renames its window, types into its own input, or shows letters in
// another order than they stand. The command line passes all that it prints
// through here, once, where it is written ([Writer]); it must not know what is
// printed. If it is wrong, the title of a film can lie to the operator about
// what was purged.
package plaintext

import (
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	bell   = 0x07
	escape = 0x1b
	csi    = 0x9b // ESC [ as one character
	st     = 0x9c // ESC \\ as one character
)

// Line returns s as one line without anything that a terminal acts on: whole
// escape sequences (CSI, OSC, DCS and the others) are removed, of one that does
// not end only the character that begins it; other control characters, line
// breaks and tabs among them; and what reorders or hides letters. Bytes that
// are not UTF-8 become U+FFFD.
func Line(s string) string { return strip(s, false) }

// Text is Line for text of several lines: line feeds and tabs stay.
func Text(s string) string { return strip(s, true) }

// Unsafe reports whether a terminal may act on a character, or show what stands
// around it in another order or not at all.
func Unsafe(r rune) bool {
	switch {
	case r < 0x80:
		return r < ' ' || r == 0x7f
	case r < 0xa0: // C1
		return true
	case r == 0x061c, r == 0x200e, r == 0x200f, // marks of direction
		r == 0x2028, r == 0x2029, // separators of lines and paragraphs
		r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, // embeddings, overrides, isolates
		r >= 0x2060 && r <= 0x2064, r >= 0x206a && r <= 0x206f, // invisible, deprecated
		r == 0xfeff, r >= 0xfff9 && r <= 0xfffb,
		r >= 0xe0000 && r <= 0xe007f: // tags: a second text that nobody sees
		return true
	}
	return unicode.Is(unicode.Cc, r)
}

func strip(s string, lines bool) string {
	if clean(s, lines) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteRune(utf8.RuneError)
		case lines && (r == '\n' || r == '\t'), !Unsafe(r):
			b.WriteString(s[i : i+n])
		default:
			n += sequence(r, s[i+n:])
		}
		i += n
	}
	return b.String()
}

// clean reports whether there is nothing to strip, as nearly always.
func clean(s string, lines bool) bool {
	for i := range len(s) {
		c := s[i]
		if c < ' ' && (!lines || c != '\n' && c != '\t') || c >= 0x7f {
			return false
		}
	}
	return true
}

// maxSequence bounds an escape sequence. Real ones are short but for images and
// window titles; a longer one is shown without its beginning rather than hiding
// what follows.
const maxSequence = 4096

// sequence returns how many bytes of rest belong to the escape sequence that
// the character r before them began, 0 if it began none or it does not end.
func sequence(r rune, rest string) int {
	rest = rest[:min(len(rest), maxSequence)]
	switch r {
	case csi:
		return control(rest)
	case 0x90, 0x98, 0x9d, 0x9e, 0x9f: // DCS, SOS, OSC, PM, APC
		return command(rest)
	case escape:
	default:
		return 0
	}
	if rest == "" {
		return 0
	}
	switch c := rest[0]; {
	case c == '[':
		return follow(control(rest[1:]))
	case strings.IndexByte("PX]^_", c) >= 0:
		return follow(command(rest[1:]))
	}
	// Intermediate bytes, then one that ends it: a change of the character set.
	i := 0
	for i < len(rest) && rest[i] >= 0x20 && rest[i] <= 0x2f {
		i++
	}
	if i < len(rest) && rest[i] >= 0x30 && rest[i] <= 0x7e {
		return i + 1
	}
	return 0
}

// follow adds the one byte of an introducer, if its sequence ends.
func follow(n int) int {
	if n == 0 {
		return 0
	}
	return n + 1
}

// control returns the length of a control sequence behind its introducer:
// parameters, intermediates, and one byte that ends it.
func control(s string) int {
	i := 0
	for i < len(s) && s[i] >= 0x30 && s[i] <= 0x3f {
		i++
	}
	for i < len(s) && s[i] >= 0x20 && s[i] <= 0x2f {
		i++
	}
	if i < len(s) && s[i] >= 0x40 && s[i] <= 0x7e {
		return i + 1
	}
	return 0
}

// command returns the length of a control string behind its introducer, which
// ends with BEL or ST, and does not go over a line.
func command(s string) int {
	for i, r := range s {
		switch {
		case r == bell:
			return i + 1
		case r == st:
			return i + utf8.RuneLen(st)
		case r == escape && strings.HasPrefix(s[i+1:], `\`):
			return i + 2
		case r == '\n', r == escape:
			return 0
		}
	}
	return 0
}

// Writer strips what goes through it to a terminal or a file, as [Text] does. A
// character may be split between two writes; of an escape sequence that is, the
// second half is shown as the text that it then is. It may be used concurrently.
type Writer struct {
	to io.Writer

	mu   sync.Mutex // guards held, and keeps writes in order
	held []byte     // the beginning of a character
}

// NewWriter makes a Writer to w. What w must act on, such as colours and bars,
// goes to w itself.
func NewWriter(w io.Writer) *Writer { return &Writer{to: w} }

// Write implements [io.Writer]. It returns len(p) unless writing failed.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := string(append(w.held, p...))
	whole := len(s) - partial(s)
	w.held = []byte(s[whole:])
	if out := Text(s[:whole]); out != "" {
		if _, err := io.WriteString(w.to, out); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// partial returns how many bytes at the end of s are the beginning of a
// character.
func partial(s string) int {
	for n := 1; n <= min(len(s), utf8.UTFMax-1); n++ {
		if c := s[len(s)-n]; utf8.RuneStart(c) {
			if c >= 0x80 && !utf8.FullRuneInString(s[len(s)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}
