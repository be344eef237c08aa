package config

import (
	"time"

	"github.com/freshet-vod/freshet"
)

// Silence is what POPs do when the control plane has been silent for too long.
type Silence struct {
	// After is how long a POP bears it that the control plane does not answer: it
	// cannot know what was purged meanwhile. 0 is for ever. It should be longer
	// than the control plane takes to start again.
	After Duration `yaml:"after"`

	// Then is what it does: `revalidate` asks its parents, or the origin, before
	// each hit, and serves nothing that they do not confirm; `not_ready` does that
	// too, and has load balancers pass the POP over; `off` does nothing. Caches that
	// cannot be made to ask (Varnish, nginx) go on as before with `revalidate`.
	Then freshet.OnSilence `yaml:"then"`

	// NotReadyAtMost is how many POPs may be not ready for the control plane's
	// silence: when it dies, all of them hear nothing. Which ones is settled
	// beforehand; the others revalidate.
	NotReadyAtMost int `yaml:"not_ready_at_most"`
}

// POPSilence is what one POP does; what is left out is as in `silence`.
type POPSilence struct {
	// After is as `silence.after`.
	After Duration `yaml:"after"`

	// Then is as `silence.then`.
	Then freshet.OnSilence `yaml:"then"`
}

// defaultSilence bears two minutes: a restart or an upgrade of the control plane
// passes unnoticed.
func defaultSilence() Silence {
	return Silence{After: Duration(2 * time.Minute), Then: freshet.SilenceRevalidate, NotReadyAtMost: 1}
}

// Rule returns what POPs do about silence that have no rule of their own.
func (s Silence) Rule() freshet.Silence { return freshet.Silence{After: s.After.Std(), Then: s.Then} }

// SilenceOf returns what a POP of the list does about silence.
func (c *Config) SilenceOf(p POP) freshet.Silence {
	rule := c.Silence.Rule()
	if p.Silence.After != 0 {
		rule.After = p.Silence.After.Std()
	}
	if p.Silence.Then != "" {
		rule.Then = p.Silence.Then
	}
	return rule
}

func (c *Config) checkSilence(f *faults) {
	if c.Silence.After != 0 {
		inRange(f, "silence.after", c.Silence.After, Duration(time.Second), Duration(24*time.Hour))
	}
	oneOf(f, "silence.then", string(c.Silence.Then), silenceWords()...)
	between(f, "silence.not_ready_at_most", c.Silence.NotReadyAtMost, 0, 1000)
}

func (p POP) checkSilence(f *faults, key string) {
	if p.Silence.After != 0 {
		inRange(f, key+".silence.after", p.Silence.After, Duration(time.Second), Duration(24*time.Hour))
	}
	if p.Silence.Then != "" {
		oneOf(f, key+".silence.then", string(p.Silence.Then), silenceWords()...)
	}
}

func silenceWords() []string {
	var list []string
	for _, m := range freshet.SilenceModes() {
		list = append(list, string(m))
	}
	return list
}
