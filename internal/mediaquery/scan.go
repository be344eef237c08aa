package mediaquery

import (
	"strings"
	"unicode/utf8"
)

// token is a word of an expression.
type token struct {
	kind kind
	text string // of a word as it is, of a string without quotes
}

type kind int

const (
	end    kind = iota
	word        // a name, a number, and, or, in
	quoted      // a string
	mark        // one of ( ) [ ] , =
)

// shown is a token as faults name it.
func (t token) shown() string {
	const most = 40
	switch {
	case t.kind == end:
		return "end"
	case t.text == "":
		return "''"
	case len(t.text) > most:
		return strings.ToValidUTF8(t.text[:most], "")
	}
	return t.text
}

func (t token) is(text string) bool {
	return t.kind == mark && t.text == text || t.kind == word && strings.EqualFold(t.text, text)
}

// scan splits an expression into its words.
func scan(s string) ([]token, error) {
	var out []token
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case strings.IndexByte("()[],=", c) >= 0:
			out = append(out, token{mark, s[i : i+1]})
			i++
		case c == '\'' || c == '"':
			text, n := quotedText(s[i:])
			if n == 0 {
				return nil, &Error{token{quoted, s[i+1:]}.shown(), "a string does not end"}
			}
			out = append(out, token{quoted, text})
			i += n
		default:
			n := strings.IndexAny(s[i:], " \t\r\n()[],='\"")
			if n < 0 {
				n = len(s) - i
			}
			out = append(out, token{word, s[i : i+n]})
			i += n
		}
	}
	return out, nil
}

// quotedText reads a string up to its closing quote; a backslash takes what
// follows as it is. It returns how many bytes were read, 0 if it does not end.
func quotedText(s string) (string, int) {
	var b strings.Builder
	for i := 1; i < len(s); {
		switch c := s[i]; {
		case c == s[0]:
			return b.String(), i + 1
		case c == '\\' && i+1 < len(s):
			_, n := utf8.DecodeRuneInString(s[i+1:])
			b.WriteString(s[i+1 : i+1+n])
			i += 1 + n
		default:
			b.WriteByte(c)
			i++
		}
	}
	return "", 0
}
