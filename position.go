package freshet

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Position is a place in the log. It is at once the order of an entry, a
// purge's generation and an agent's cursor; there is no second counter.
// Positions are ordered by Epoch, then Pos. The zero Position comes before
// every entry.
type Position struct {
	Epoch uint32
	Pos   uint64
}

// Compare returns -1, 0 or 1 as p comes before, is, or comes after q.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Epoch, q.Epoch), cmp.Compare(p.Pos, q.Pos))
}

// Before reports whether p comes before q.
func (p Position) Before(q Position) bool { return p.Compare(q) < 0 }

// IsZero reports whether p comes before every entry.
func (p Position) IsZero() bool { return p == Position{} }

// String returns the text form "epoch.pos", as in the header
// Freshet-Generation.
func (p Position) String() string {
	return strconv.FormatUint(uint64(p.Epoch), 10) + "." + strconv.FormatUint(p.Pos, 10)
}

// MarshalText implements [encoding.TextMarshaler].
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *Position) UnmarshalText(b []byte) error {
	q, err := ParsePosition(string(b))
	if err != nil {
		return err
	}
	*p = q
	return nil
}

// ParsePosition reads the text form "epoch.pos". It accepts nothing else: no
// signs, no blanks, no missing part.
func ParsePosition(s string) (Position, error) {
	epoch, pos, ok := strings.Cut(s, ".")
	e, errE := strconv.ParseUint(epoch, 10, 32)
	n, errN := strconv.ParseUint(pos, 10, 64)
	if !ok || errE != nil || errN != nil {
		return Position{}, fmt.Errorf("position %q is not of the form epoch.pos", s)
	}
	return Position{Epoch: uint32(e), Pos: n}, nil
}

// Later returns the later of two positions.
func Later(p, q Position) Position {
	if p.Before(q) {
		return q
	}
	return p
}

// Earlier returns the earlier of two positions.
func Earlier(p, q Position) Position {
	if q.Before(p) {
		return q
	}
	return p
}
