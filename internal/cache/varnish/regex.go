package varnish

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strconv"
	"strings"
)

// maxPattern bounds a regular expression of a user, in bytes.
const maxPattern = 1024

// toPCRE writes a regular expression anew for Varnish's PCRE2, from the parsed
// form of the RE2 one: what comes out consists of literals, classes,
// repetitions, alternatives and anchors that mean the same in both, in visible
// ASCII. The error says what cannot be said so.
//
// PCRE2 backtracks. When a ban's match takes more steps than Varnish allows,
// its child does not skip the object but panics, and the whole content is lost
// (7.1: any error of a match but "none" is an assertion). A viewer's URL could
// bring that about. So nothing is let through that can backtrack much: see
// translation.
func toPCRE(pattern string) (string, error) {
	if pattern == "" || len(pattern) > maxPattern {
		return "", fmt.Errorf("the pattern must have 1 to %d bytes", maxPattern)
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", fmt.Errorf("the pattern is malformed: %w", err)
	}
	re = trim(re.Simplify())
	t := translation{}
	if err := t.write(re, bytesIn{}); err != nil {
		return "", err
	}
	n := ways(re)
	switch {
	case t.open > 1:
		return "", errors.New("the pattern has several repetitions that overlap with what follows them, as in .*a.*b: Varnish could spend seconds on a URL")
	case n > maxWays || t.open > 0 && n > maxWays/16:
		return "", errors.New("the pattern has too many optional parts and alternatives: Varnish could spend seconds on a URL")
	case t.b.Len() > maxExpression/2:
		return "", fmt.Errorf("the pattern is longer than %d bytes once it is written out", maxExpression/2)
	}
	return t.b.String(), nil
}

// maxWays bounds in how many ways a pattern may be walked through, repetitions
// aside.
const maxWays = 1024

// ways counts them, up to far above maxWays.
func ways(re *syntax.Regexp) int {
	const enough = 1 << 20
	n := 1
	switch re.Op { //nolint:exhaustive // the rest can be walked in one way
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range re.Sub {
			n = min(n*ways(sub), enough)
		}
	case syntax.OpAlternate:
		n = 0
		for _, sub := range re.Sub {
			n = min(n+ways(sub), enough)
		}
	case syntax.OpQuest:
		n = min(1+ways(re.Sub[0]), enough)
	default:
	}
	return n
}

// trim drops ".*" from both ends of a pattern: it may match anywhere anyhow.
func trim(re *syntax.Regexp) *syntax.Regexp {
	anything := func(re *syntax.Regexp) bool {
		return re.Op == syntax.OpStar && (re.Sub[0].Op == syntax.OpAnyCharNotNL || re.Sub[0].Op == syntax.OpAnyChar)
	}
	if re.Op != syntax.OpConcat {
		return re
	}
	subs := re.Sub
	if len(subs) > 1 && subs[0].Op == syntax.OpBeginText && anything(subs[1]) {
		subs = subs[2:]
	}
	for len(subs) > 0 && anything(subs[0]) {
		subs = subs[1:]
	}
	if n := len(subs); n > 1 && subs[n-1].Op == syntax.OpEndText && anything(subs[n-2]) {
		subs = subs[:n-2]
	}
	for len(subs) > 0 && anything(subs[len(subs)-1]) {
		subs = subs[:len(subs)-1]
	}
	trimmed := *re
	trimmed.Sub = subs
	return &trimmed
}

// bytesIn is a set of ASCII bytes.
type bytesIn [2]uint64

func (s *bytesIn) add(c byte)           { s[c>>6&1] |= 1 << (c & 63) }
func (s *bytesIn) or(t bytesIn) bytesIn { return bytesIn{s[0] | t[0], s[1] | t[1]} }
func (s *bytesIn) meets(t bytesIn) bool { return s[0]&t[0]|s[1]&t[1] != 0 }
func allBytes() bytesIn                 { return bytesIn{^uint64(0), ^uint64(0)} }
func (s *bytesIn) addRange(lo, hi rune) {
	for c := max(lo, 0); c <= min(hi, 0x7f); c++ {
		s.add(byte(c)) //nolint:gosec // 7 bits
	}
}

// first returns the bytes with which a match of re can begin, and whether it
// can be empty.
func first(re *syntax.Regexp) (set bytesIn, empty bool) {
	switch re.Op { //nolint:exhaustive // the rest is handled as the most doubtful
	case syntax.OpEmptyMatch:
		return set, true
	case syntax.OpLiteral:
		r := re.Rune[0]
		set.addRange(r, r)
		if re.Flags&syntax.FoldCase != 0 && r|0x20 >= 'a' && r|0x20 <= 'z' {
			set.addRange(r|0x20, r|0x20)
			set.addRange(r&^0x20, r&^0x20)
		}
		return set, false
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			set.addRange(re.Rune[i], re.Rune[i+1])
		}
		return set, false
	case syntax.OpEndText:
		return set, false // nothing follows
	case syntax.OpStar, syntax.OpQuest:
		set, _ = first(re.Sub[0])
		return set, true
	case syntax.OpPlus, syntax.OpCapture:
		return first(re.Sub[0])
	case syntax.OpConcat:
		return firstOf(re.Sub, bytesIn{})
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			s, e := first(sub)
			set, empty = set.or(s), empty || e
		}
		return set, empty
	case syntax.OpAnyCharNotNL, syntax.OpAnyChar:
		return allBytes(), false
	default: // anchors within: whatever stands before may have to give way
		return allBytes(), true
	}
}

// firstOf is first of a sequence, with what follows it.
func firstOf(subs []*syntax.Regexp, follow bytesIn) (set bytesIn, empty bool) {
	for _, sub := range subs {
		s, e := first(sub)
		set = set.or(s)
		if !e {
			return set, false
		}
	}
	return set.or(follow), true
}

// translation is a PCRE2 pattern that is being written. A repetition is written
// so that it never gives back what it took (possessive), where giving back
// could not help: nothing that may follow begins with a byte that it repeats.
// Such a pattern takes one walk along the URL. Others are counted.
type translation struct {
	b    strings.Builder
	open int // repetitions that may give back
}

// write writes re, after which a byte of follow comes or the pattern ends.
func (t *translation) write(re *syntax.Regexp, follow bytesIn) error {
	switch re.Op {
	case syntax.OpEmptyMatch:
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if err := writeRune(&t.b, r, re.Flags&syntax.FoldCase != 0); err != nil {
				return err
			}
		}
	case syntax.OpCharClass:
		return writeClass(&t.b, re.Rune)
	case syntax.OpAnyCharNotNL, syntax.OpAnyChar:
		t.b.WriteByte('.') // no URL has a line break
	case syntax.OpBeginText:
		t.b.WriteByte('^')
	case syntax.OpEndText:
		t.b.WriteString(`\z`)
	case syntax.OpWordBoundary:
		t.b.WriteString(`\b`)
	case syntax.OpNoWordBoundary:
		t.b.WriteString(`\B`)
	case syntax.OpCapture:
		return t.group(re.Sub[0], follow)
	case syntax.OpQuest:
		if err := t.group(re.Sub[0], follow); err != nil {
			return err
		}
		t.b.WriteByte('?')
	case syntax.OpStar, syntax.OpPlus:
		return t.loop(re, follow)
	case syntax.OpConcat:
		for i, sub := range re.Sub {
			next, _ := firstOf(re.Sub[i+1:], follow)
			if err := t.group(sub, next); err != nil {
				return err
			}
		}
	case syntax.OpAlternate:
		for i, sub := range re.Sub {
			if i > 0 {
				t.b.WriteByte('|')
			}
			if err := t.write(sub, follow); err != nil {
				return err
			}
		}
	case syntax.OpNoMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpRepeat:
		return fmt.Errorf("the pattern uses %v, which Varnish is not asked for", re.Op)
	default:
		return fmt.Errorf("the pattern uses %v, which Varnish is not asked for", re.Op)
	}
	return nil
}

func (t *translation) loop(re *syntax.Regexp, follow bytesIn) error {
	body := re.Sub[0]
	for body.Op == syntax.OpCapture {
		body = body.Sub[0]
	}
	one := body.Op == syntax.OpCharClass || body.Op == syntax.OpAnyChar || body.Op == syntax.OpAnyCharNotNL ||
		body.Op == syntax.OpLiteral && len(body.Rune) == 1
	if !one {
		return errors.New("the pattern repeats more than one character or class without a bound, as in (ab)*: Varnish could run out of steps")
	}
	if err := t.write(body, follow); err != nil {
		return err
	}
	t.b.WriteByte(map[syntax.Op]byte{syntax.OpStar: '*', syntax.OpPlus: '+'}[re.Op])
	if set, _ := first(body); set.meets(follow) {
		t.open++
	} else {
		t.b.WriteByte('+')
	}
	return nil
}

// group writes an expression so that what follows applies to all of it.
func (t *translation) group(re *syntax.Regexp, follow bytesIn) error {
	switch re.Op { //nolint:exhaustive // the rest needs the brackets
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpBeginText, syntax.OpEndText:
		return t.write(re, follow)
	case syntax.OpLiteral:
		if len(re.Rune) == 1 {
			return t.write(re, follow)
		}
	default:
	}
	t.b.WriteString("(?:")
	if err := t.write(re, follow); err != nil {
		return err
	}
	t.b.WriteByte(')')
	return nil
}

func writeRune(b *strings.Builder, r rune, fold bool) error {
	if r < ' ' || r > '~' {
		return errors.New("the pattern names a character that no URL has unescaped")
	}
	c := byte(r)
	if lower := c | 0x20; fold && lower >= 'a' && lower <= 'z' {
		b.WriteString("[" + string(lower) + string(lower-0x20) + "]")
		return nil
	}
	writeByte(b, c)
	return nil
}

// writeClass writes the ASCII part of a class: URLs have no other bytes. The
// ends of ranges are written as numbers, so that none is taken for syntax.
func writeClass(b *strings.Builder, pairs []rune) error {
	var in strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		lo, hi := max(pairs[i], '!'), min(pairs[i+1], '~')
		if lo > hi {
			continue
		}
		in.WriteString(hexByte(byte(lo))) //nolint:gosec // 7 bits
		if hi > lo {
			in.WriteString("-" + hexByte(byte(hi))) //nolint:gosec // 7 bits
		}
	}
	if in.Len() == 0 {
		return errors.New("the pattern has a class of characters that no URL has")
	}
	b.WriteString("[" + in.String() + "]")
	return nil
}

func hexByte(c byte) string {
	if alnum(c) {
		return string(c)
	}
	return `\x` + strconv.FormatUint(uint64(c)|0x100, 16)[1:]
}

// quote makes a regular expression that matches s and nothing else. Everything
// but letters, digits and a few marks is written as a number.
func quote(s string) string {
	var b strings.Builder
	for i := range len(s) {
		writeByte(&b, s[i])
	}
	return b.String()
}

func writeByte(b *strings.Builder, c byte) {
	if alnum(c) || strings.IndexByte("-_/:=%~,;@!", c) >= 0 {
		b.WriteByte(c)
		return
	}
	b.WriteString(hexByte(c))
}

func alnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// visible reports whether s is ASCII that can be seen.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func hostName(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte(".-:_[]", c) < 0 {
			return false
		}
	}
	return true
}
