package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written as 4096, 512KiB, 10GiB or 10GB.
type Size int64

// The binary units.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
	TiB Size = 1 << 40
)

type unit struct {
	name string
	size Size
}

// units lists every unit, longest names first, so that B is tried last.
func units() []unit {
	return []unit{
		{"TiB", TiB},
		{"GiB", GiB},
		{"MiB", MiB},
		{"KiB", KiB},
		{"TB", 1e12},
		{"GB", 1e9},
		{"MB", 1e6},
		{"kB", 1e3},
		{"KB", 1e3},
		{"B", 1},
	}
}

// Bytes returns the number of bytes.
func (s Size) Bytes() int64 { return int64(s) }

// String returns the size in the largest binary unit that divides it.
func (s Size) String() string {
	for _, u := range units()[:4] {
		if s != 0 && s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText implements [encoding.TextMarshaler].
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Size) UnmarshalText(b []byte) error {
	text, factor := string(b), Size(1)
	for _, u := range units() {
		if t, ok := strings.CutSuffix(text, u.name); ok {
			text, factor = strings.TrimSpace(t), u.size
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/int64(factor) {
		return errSize
	}
	*s = Size(n) * factor
	return nil
}

var errSize = errors.New("is not a size such as 4096, 512KiB or 10GiB")
