package config

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Duration is a span of time, written as 90s, 10m, 1h30m or 2d.
type Duration time.Duration

// Std returns the duration as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String returns the shortest text that reads back as the same duration.
func (d Duration) String() string {
	const day = 24 * time.Hour
	if d != 0 && d.Std()%day == 0 {
		return strconv.FormatInt(int64(d.Std()/day), 10) + "d"
	}
	s := d.Std().String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. Besides Go's units it
// takes whole days, which is how people write retention and deadlines.
func (d *Duration) UnmarshalText(b []byte) error {
	s := string(b)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseInt(days, 10, 32)
		if err != nil || n < 0 || n > 36500 {
			return errDuration
		}
		*d = Duration(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return errDuration
	}
	*d = Duration(v)
	return nil
}

var errDuration = errors.New("is not a duration such as 90s, 10m, 1h30m or 2d")
