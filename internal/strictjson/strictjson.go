// Package strictjson refuses what package encoding/json takes silently, or at any
// price: a key that stands twice in one object, where the later value wins and
// whoever checked the earlier one is deceived; and what is nested, or goes on,
// without end.
//
// It looks once at each byte and keeps the keys of the objects that are open. It
// does not know what JSON is right: what is broken is left to the decoder, which
// words it better. Whoever decodes what strangers send calls it first.
package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Limits bound a value. A zero field means the default.
type Limits struct {
	Depth    int // objects and lists inside each other; 32
	Keys     int // of one object; 1,000
	Elements int // of one list; 10,000
	Key      int // bytes of one key; 1,024
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, n int) {
		if *v <= 0 {
			*v = n
		}
	}
	set(&l.Depth, 32)
	set(&l.Keys, 1000)
	set(&l.Elements, 10_000)
	set(&l.Key, 1024)
	return l
}

// Error is what is wrong, and where.
type Error struct {
	Key     string // the one that stands twice, or in whose value it is; may be empty
	Problem string // as in "is given twice"
	Twice   bool   // it is that
}

// Error implements error.
func (e *Error) Error() string {
	if e.Key == "" {
		return "the value " + e.Problem
	}
	return e.Key + ": " + e.Problem
}

// Check returns an [*Error] if a value goes beyond limits, or has a key twice in
// one object. Keys that the decoder takes for one, because they differ in case
// only or in how they are escaped, are one.
func Check(b []byte, limits Limits) error {
	s := scanner{limits: limits.withDefaults()}
	for i := 0; i < len(b); i++ {
		var err error
		switch c := b[i]; c {
		case '{', '[':
			err = s.open(c == '{')
		case '}', ']':
			if !s.close() {
				return nil
			}
		case ',':
			err = s.comma()
		case '"':
			end := closing(b[i+1:])
			if end < 0 {
				return nil
			}
			if s.key {
				err = s.name(b[i+1 : i+1+end])
			}
			i += 1 + end
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// scanner is the state of one look.
type scanner struct {
	limits Limits
	levels []level
	keys   []string // of the objects that are open, one after the other
	key    bool     // a string that comes next is a key
}

// level is an object or a list that is open.
type level struct {
	object bool
	from   int // the first of its keys
	n      int // elements of a list, less one
	many   map[string]bool
	at     []byte // the raw key in whose value it stands
	name   []byte // the raw key of an object that was last
}

// few is how many keys of an object are compared one by one.
const few = 16

func (s *scanner) open(object bool) error {
	l := level{object: object, from: len(s.keys), at: s.last()}
	if len(s.levels) >= s.limits.Depth {
		return &Error{Key: text(l.at), Problem: fmt.Sprintf("is nested deeper than the limit of %d", s.limits.Depth)}
	}
	s.levels = append(s.levels, l)
	s.key = object
	return nil
}

// close ends a level; false if there is nothing more to look at.
func (s *scanner) close() bool {
	if len(s.levels) == 0 {
		return false
	}
	top := s.levels[len(s.levels)-1]
	s.levels, s.keys, s.key = s.levels[:len(s.levels)-1], s.keys[:top.from], false
	return true
}

func (s *scanner) comma() error {
	if len(s.levels) == 0 {
		return nil
	}
	top := &s.levels[len(s.levels)-1]
	if s.key = top.object; s.key {
		return nil
	}
	if top.n++; top.n >= s.limits.Elements {
		return &Error{Key: text(top.at), Problem: fmt.Sprintf("holds a list longer than the limit of %d", s.limits.Elements)}
	}
	return nil
}

// last returns the key in whose value the scanner is.
func (s *scanner) last() []byte {
	if len(s.levels) == 0 {
		return nil
	}
	if top := &s.levels[len(s.levels)-1]; !top.object {
		return top.at
	}
	return s.levels[len(s.levels)-1].name
}

// name takes the text of a key, without its quotes.
func (s *scanner) name(raw []byte) error {
	s.key = false
	top := &s.levels[len(s.levels)-1]
	top.name = raw
	if len(raw) > s.limits.Key {
		return &Error{Key: text(raw), Problem: fmt.Sprintf("is longer than the limit of %d bytes for a key", s.limits.Key)}
	}
	name := fold(raw)
	own := s.keys[top.from:]
	twice := top.many[name]
	if top.many == nil {
		for _, k := range own {
			twice = twice || k == name
		}
	}
	switch {
	case twice:
		return &Error{Key: text(raw), Problem: "is given twice", Twice: true}
	case len(own) >= s.limits.Keys:
		return &Error{Key: text(top.at), Problem: fmt.Sprintf("holds more keys than the limit of %d", s.limits.Keys)}
	case len(own) == few:
		top.many = make(map[string]bool, 4*few)
		for _, k := range own {
			top.many[k] = true
		}
	}
	if top.many != nil {
		top.many[name] = true
	}
	s.keys = append(s.keys, name)
	return nil
}

// closing returns where the quote is that ends a string, -1 if there is none.
func closing(b []byte) int {
	for i := 0; ; {
		n := bytes.IndexAny(b[i:], `"\`)
		switch {
		case n < 0 || i+n+1 >= len(b) && b[i+n] == '\\':
			return -1
		case b[i+n] == '"':
			return i + n
		}
		i += n + 2
		if i > len(b) {
			return -1
		}
	}
}

// maxShown bounds how much of a key is repeated to whoever sent it.
const maxShown = 80

// text is what the raw text of a key says, shortened.
func text(raw []byte) string {
	s := unescape(raw)
	if len(s) > maxShown {
		s = s[:maxShown]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
		s += "…"
	}
	return s
}

func unescape(raw []byte) string {
	if bytes.IndexByte(raw, '\\') >= 0 {
		var s string
		if json.Unmarshal(append(append([]byte{'"'}, raw...), '"'), &s) == nil {
			return s
		}
	}
	return string(bytes.ToValidUTF8(raw, []byte("�")))
}

// fold returns the one spelling of all keys that encoding/json takes for one.
func fold(raw []byte) string {
	var short [64]byte
	if plain := append(short[:0], raw...); len(raw) <= len(short) && upper(plain) {
		return string(plain)
	}
	s := []rune(unescape(raw))
	for i, r := range s {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				s[i] = next
				break
			}
			r = next
		}
	}
	return string(s)
}

// upper makes the letters of a key capitals, which is how fold spells ASCII; false
// if there is something else, or an escape.
func upper(b []byte) bool {
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z':
			b[i] = c - ('a' - 'A')
		case c >= utf8.RuneSelf || c == '\\':
			return false
		}
	}
	return true
}
