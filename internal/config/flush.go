package config

import "time"

// Flush bounds what it costs that a cache must ask about all that it holds,
// because its POP missed purges of which nobody tells it any more: each first
// hit is then a question to the POP's parents, or to the origin.
type Flush struct {
	// Turn is how long a POP to which that happened has its tier, the POPs with
	// the same parents, to itself: one after the other takes traffic again. With 0
	// all do at once.
	Turn Duration `yaml:"turn"`

	// Wait is how long such a POP waits for its turn if the control plane does
	// not answer. A POP in a process of its own has this key in its own file.
	Wait Duration `yaml:"wait"`

	// Rate is how many of those questions a second the built-in cache asks, at
	// most; requests beyond it wait, and are never answered with what may be old.
	// A POP in a process of its own has this key in its own file.
	Rate int `yaml:"revalidations_per_second"`
}

// ReplayFor is how long a POP may be away and be told all: what is deleted cannot
// be told.
func (c *Config) ReplayFor() time.Duration {
	if c.Keep > 0 {
		return min(c.Replay, c.Keep).Std()
	}
	return c.Replay.Std()
}
