package mediaquery

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Parse reads an expression; an empty one finds everything. The error is an
// [*Error].
func Parse(text string) (Query, error) {
	if strings.TrimSpace(text) == "" {
		return All(), nil
	}
	if len(text) > MaxLength {
		return Query{}, &Error{"Match", "the expression is longer than " + strconv.Itoa(MaxLength) + " bytes"}
	}
	tokens, err := scan(text)
	if err != nil {
		return Query{}, err
	}
	p := parser{tokens: tokens}
	alternatives, err := p.conjunction(0)
	if err != nil {
		return Query{}, err
	}
	if t := p.peek(); t.kind != end {
		problem := "something is left over"
		if t.is("or") {
			problem = "alternatives must stand in parentheses"
		}
		return Query{}, &Error{t.shown(), problem}
	}
	return Query{Any: alternatives}, nil
}

// parser reads tokens by recursive descent, straight into disjunctive form.
type parser struct {
	tokens     []token
	at         int
	conditions int
}

func (p *parser) peek() token {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return token{}
}

func (p *parser) next() token {
	t := p.peek()
	p.at++
	return t
}

func (p *parser) expect(text string) error {
	if t := p.next(); !t.is(text) {
		return &Error{t.shown(), "expected " + text}
	}
	return nil
}

// conjunction reads factors joined by and.
func (p *parser) conjunction(depth int) ([][]Cond, error) {
	all := [][]Cond{nil}
	for {
		factor, err := p.factor(depth)
		if err != nil {
			return nil, err
		}
		if all, err = product(all, factor); err != nil {
			return nil, err
		}
		if !p.peek().is("and") {
			return all, nil
		}
		p.next()
	}
}

// factor reads a condition, or alternatives in parentheses.
func (p *parser) factor(depth int) ([][]Cond, error) {
	t := p.next()
	if t.is("(") {
		if depth == maxDepth {
			return nil, &Error{"(", "parentheses are nested too deep"}
		}
		var alternatives [][]Cond
		for {
			one, err := p.conjunction(depth + 1)
			if err != nil {
				return nil, err
			}
			alternatives = append(alternatives, one...)
			if len(alternatives) > maxAlternatives {
				return nil, tooMany()
			}
			if !p.peek().is("or") {
				return alternatives, p.expect(")")
			}
			p.next()
		}
	}
	if t.kind != word {
		return nil, &Error{t.shown(), "expected a field"}
	}
	return p.condition(t)
}

func tooMany() error {
	return &Error{"or", "the expression has more than " + strconv.Itoa(maxAlternatives) + " alternatives"}
}

// product joins two expressions by and.
func product(a, b [][]Cond) ([][]Cond, error) {
	if len(a)*len(b) > maxAlternatives {
		return nil, tooMany()
	}
	out := make([][]Cond, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			out = append(out, append(slices.Clip(x), y...))
		}
	}
	return out, nil
}

// condition reads what follows a field.
func (p *parser) condition(name token) ([][]Cond, error) {
	s, ok := specOf(strings.ToLower(name.text))
	if !ok {
		return nil, &Error{name.shown(), "there is no such field"}
	}
	if p.conditions++; p.conditions > maxConditions {
		return nil, &Error{name.shown(), "the expression has more than " + strconv.Itoa(maxConditions) + " conditions"}
	}
	op := p.next()
	switch {
	case op.is("in"):
		if !s.in {
			return nil, &Error{name.shown(), "the field cannot be compared with a list"}
		}
		values, err := p.list()
		if err != nil {
			return nil, err
		}
		return s.conds(name, values)
	case !op.is("="):
		return nil, &Error{op.shown(), "expected = or in"}
	}
	if t := p.peek(); t.is("(") || t.is("[") {
		if !s.rang {
			return nil, &Error{name.shown(), "the field has no ranges"}
		}
		r, err := p.rangeOf(name, s)
		return [][]Cond{{{Field: s.field, Range: r}}}, err
	}
	value := p.next()
	if value.kind != word && value.kind != quoted {
		return nil, &Error{value.shown(), "expected a value"}
	}
	if !s.exact {
		return nil, &Error{name.shown(), "the field is compared with a range only"}
	}
	return s.conds(name, []token{value})
}

// list reads values in parentheses.
func (p *parser) list() ([]token, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var values []token
	for {
		t := p.next()
		if t.kind != word && t.kind != quoted {
			return nil, &Error{t.shown(), "expected a value"}
		}
		if values = append(values, t); len(values) > MaxValues {
			return nil, &Error{t.shown(), "the list is longer than " + strconv.Itoa(MaxValues) + " values"}
		}
		switch sep := p.next(); {
		case sep.is(")"):
			return values, nil
		case !sep.is(","):
			return nil, &Error{sep.shown(), "expected , or )"}
		}
	}
}

// conds makes conditions of the values of which a field may have any.
func (s spec) conds(name token, values []token) ([][]Cond, error) {
	c := Cond{Field: s.field}
	var parts [][]Cond
	for _, v := range values {
		switch {
		case s.numbers:
			n, err := strconv.ParseInt(v.text, 10, 64)
			if err != nil {
				return nil, &Error{name.shown(), "the value is not a whole number"}
			}
			c.Numbers = append(c.Numbers, n)
		case s.field.Contains():
			if utf8.RuneCountInString(v.text) > maxText {
				return nil, &Error{name.shown(), "the text is longer than " + strconv.Itoa(maxText) + " characters"}
			}
			parts = append(parts, []Cond{{Field: s.field, Texts: []string{v.text}}})
		case s.field == fixed:
			if v.text == s.constant {
				return [][]Cond{nil}, nil // every media has it
			}
		default:
			c.Texts = append(c.Texts, v.text)
		}
	}
	switch {
	case s.field == fixed:
		return nil, nil // no media has it
	case !s.field.Contains():
		return [][]Cond{{c}}, nil
	case len(parts) > maxAlternatives:
		return nil, tooMany()
	}
	return parts, nil
}

// rangeOf reads a range: a round bracket leaves its limit out, a square one
// takes it in.
func (p *parser) rangeOf(name token, s spec) (Range, error) {
	r := Range{Lo: math.Inf(-1), Hi: math.Inf(1)}
	r.OpenLo = p.next().is("(")
	var err error
	if !p.peek().is(",") {
		if r.Lo, err = limit(name, s, p.next()); err != nil {
			return r, err
		}
	}
	if err := p.expect(","); err != nil {
		return r, err
	}
	if t := p.peek(); !t.is(")") && !t.is("]") {
		if r.Hi, err = limit(name, s, p.next()); err != nil {
			return r, err
		}
	}
	switch t := p.next(); {
	case t.is(")"):
		r.OpenHi = true
	case !t.is("]"):
		return r, &Error{t.shown(), "expected ) or ]"}
	}
	return r, nil
}

func limit(name token, s spec, t token) (float64, error) {
	if t.kind == word || t.kind == quoted {
		if s.times {
			if v, ok := readTime(t.text); ok {
				return v, nil
			}
		} else if v, err := strconv.ParseFloat(t.text, 64); err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v, nil
		}
	}
	return 0, &Error{name.shown(), "a limit of the range is malformed"}
}
