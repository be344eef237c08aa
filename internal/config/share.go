package config

import (
	"errors"
	"strconv"
)

// Share is a part of a whole, from 0 to 1.
type Share float64

// String returns the share as a decimal number.
func (s Share) String() string { return strconv.FormatFloat(float64(s), 'g', -1, 64) }

// MarshalText implements [encoding.TextMarshaler].
func (s Share) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Share) UnmarshalText(b []byte) error {
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil || !(v >= 0 && v <= 1) { // which NaN is not
		return errors.New("is not a number from 0 to 1")
	}
	*s = Share(v)
	return nil
}
