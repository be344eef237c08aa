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
// PCRE2 backtracks, and Varnish takes a match that it gives up for none, so
// that a ban would quietly miss objects. Hence the bound on repetitions: see
// costly.
func toPCRE(pattern string) (string, error) {
	if pattern == "" || len(pattern) > maxPattern {
		return "", fmt.Errorf("the pattern must have 1 to %d bytes", maxPattern)
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", fmt.Errorf("the pattern is malformed: %w", err)
	}
	re = re.Simplify()
	if err := costly(re); err != nil {
		return "", err
	}
	var b strings.Builder
	if err := writePCRE(&b, re); err != nil {
		return "", err
	}
	if b.Len() > maxExpression/2 {
		return "", fmt.Errorf("the pattern is longer than %d bytes once it is written out", maxExpression/2)
	}
	return b.String(), nil
}

// maxLoops is how many repetitions without a bound a pattern may have. With two
// the steps of a match that fails grow with the square of the URL's length.
const maxLoops = 2

func costly(re *syntax.Regexp) error {
	loops, nested := 0, false
	var walk func(re *syntax.Regexp, inside bool)
	walk = func(re *syntax.Regexp, inside bool) {
		loop := re.Op == syntax.OpStar || re.Op == syntax.OpPlus || re.Op == syntax.OpRepeat && re.Max < 0
		if loop {
			loops++
			nested = nested || inside
		}
		for _, sub := range re.Sub {
			walk(sub, inside || loop)
		}
	}
	walk(re, false)
	switch {
	case nested:
		return errors.New("the pattern repeats what repeats already, as in (a+)*: Varnish may give up on it")
	case loops > maxLoops:
		return fmt.Errorf("the pattern has %d repetitions without a bound (* and +), more than %d: Varnish may give up on it", loops, maxLoops)
	}
	return nil
}

func writePCRE(b *strings.Builder, re *syntax.Regexp) error {
	switch re.Op {
	case syntax.OpEmptyMatch:
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if err := writeRune(b, r, re.Flags&syntax.FoldCase != 0); err != nil {
				return err
			}
		}
	case syntax.OpCharClass:
		return writeClass(b, re.Rune)
	case syntax.OpAnyCharNotNL, syntax.OpAnyChar:
		b.WriteByte('.') // no URL has a line break
	case syntax.OpBeginText:
		b.WriteByte('^')
	case syntax.OpEndText:
		b.WriteString(`\z`)
	case syntax.OpWordBoundary:
		b.WriteString(`\b`)
	case syntax.OpNoWordBoundary:
		b.WriteString(`\B`)
	case syntax.OpCapture:
		return writeGroup(b, re.Sub[0])
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		if err := writeGroup(b, re.Sub[0]); err != nil {
			return err
		}
		b.WriteString(map[syntax.Op]string{syntax.OpStar: "*", syntax.OpPlus: "+", syntax.OpQuest: "?"}[re.Op])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if err := writeGroup(b, sub); err != nil {
				return err
			}
		}
	case syntax.OpAlternate:
		for i, sub := range re.Sub {
			if i > 0 {
				b.WriteByte('|')
			}
			if err := writePCRE(b, sub); err != nil {
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

// writeGroup writes an expression so that what follows applies to all of it.
func writeGroup(b *strings.Builder, re *syntax.Regexp) error {
	switch re.Op {
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpBeginText, syntax.OpEndText:
		return writePCRE(b, re)
	case syntax.OpLiteral:
		if len(re.Rune) == 1 {
			return writePCRE(b, re)
		}
	default:
	}
	b.WriteString("(?:")
	if err := writePCRE(b, re); err != nil {
		return err
	}
	b.WriteByte(')')
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
		in.WriteString(hexByte(byte(lo)))
		if hi > lo {
			in.WriteString("-" + hexByte(byte(hi)))
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
