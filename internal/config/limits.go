package config

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// UnmarshalText implements [encoding.TextUnmarshaler]: one word in place of the
// keys is the profile.
func (l *Limits) UnmarshalText(b []byte) error {
	if s := string(b); s != ProfileNone && s != ProfileVendor {
		return errors.New("is not a profile; it must be none or vendor, or keys")
	}
	l.Profile = string(b)
	return nil
}

// Offset is a distance from UTC, written as +08:00.
type Offset time.Duration

// Std returns the offset as the standard library's type.
func (o Offset) Std() time.Duration { return time.Duration(o) }

// String returns the offset as it is written.
func (o Offset) String() string {
	d, sign := o.Std(), '+'
	if d < 0 {
		d, sign = -d, '-'
	}
	return fmt.Sprintf("%c%02d:%02d", sign, int(d.Hours()), int(d.Minutes())%60)
}

// MarshalText implements [encoding.TextMarshaler].
func (o Offset) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (o *Offset) UnmarshalText(b []byte) error {
	t, err := time.Parse("Z07:00", string(b))
	if err != nil {
		return errors.New("is not a distance from UTC such as +08:00")
	}
	_, seconds := t.Zone()
	*o = Offset(time.Duration(seconds) * time.Second)
	return nil
}

// maxFigure bounds a figure of an account: above it, leave the figure out.
const maxFigure = 1_000_000_000

func (c *Config) checkLimits(f *faults) {
	l := c.Limits
	oneOf(f, "limits.profile", l.Profile, ProfileNone, ProfileVendor)
	l.Own.check(f, "limits.own")
	names := map[string]int{}
	for i, a := range l.Accounts {
		key := fmt.Sprintf("limits.accounts[%d]", i)
		switch first, ok := names[a.Name]; {
		case strings.TrimSpace(a.Name) == "":
			f.add(key+".name", "is missing")
		case ok:
			f.add(key+".name", "%q is that of limits.accounts[%d] already", a.Name, first)
		default:
			names[a.Name] = i
		}
		if a.Profile != "" {
			oneOf(f, key+".profile", a.Profile, ProfileNone, ProfileVendor)
		}
		a.Own.check(f, key+".own")
	}
}

func (g Figures) check(f *faults, key string) {
	between(f, key+".calls_per_second", g.CallsPerSecond, 0, maxFigure)
	between(f, key+".urls_per_day", g.URLsPerDay, 0, maxFigure)
	between(f, key+".directories_per_day", g.DirectoriesPerDay, 0, maxFigure)
	between(f, key+".preloads_per_day", g.PreloadsPerDay, 0, maxFigure)
	between(f, key+".urls_per_call", g.URLsPerCall, 0, 1000)
	between(f, key+".preloads_per_call", g.PreloadsPerCall, 0, 1000)
	between(f, key+".preload_queue", g.PreloadQueue, 0, maxFigure)
}
