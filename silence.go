package freshet

import "time"

// OnSilence is what a POP does when the control plane has been silent for too
// long: whatever was purged meanwhile, it cannot know.
type OnSilence string

// The ways, weakest first.
const (
	SilenceOff        OnSilence = "off"        // it goes on as before
	SilenceRevalidate OnSilence = "revalidate" // it asks its parents, or the origin, before it serves what it has stored
	SilenceNotReady   OnSilence = "not_ready"  // and lets no balancer send viewers to it, if it has a permit
)

// SilenceModes lists every way.
func SilenceModes() []OnSilence {
	return []OnSilence{SilenceOff, SilenceRevalidate, SilenceNotReady}
}

// SilenceUnable is said of a POP that is to revalidate and whose caches cannot.
const SilenceUnable = "unable"

// Silence says what a POP does when the control plane is silent. The zero value
// is nothing.
type Silence struct {
	After time.Duration `json:"after,omitempty"` // without an answer; 0: never
	Then  OnSilence     `json:"then,omitempty"`
	// Permit says that the POP is among the few that may declare themselves not
	// ready. When the control plane dies, every POP hears nothing at the same
	// moment, and nobody is left to count them; so it is settled before.
	Permit bool `json:"permit,omitempty"`
}

// Acts reports whether anything is to be done about silence.
func (s Silence) Acts() bool { return s.After > 0 && s.Then != "" && s.Then != SilenceOff }

// Report is what a POP tells the control plane alone, every few seconds and
// whenever it changes. That it is answered is how a POP knows that the control
// plane is there.
type Report struct {
	Topology    uint64   // the version that it acts on
	Obstacles   []string // why it may not get viewers; names of checks, none: it may
	Silent      bool     // the control plane was silent for too long, and it has not caught up since
	Permit      bool     // it holds a permit to declare itself not ready
	Revalidates bool     // its caches can be made to ask before they serve
	Traffic     Traffic
}

// Traffic is what a POP knows of its viewers: those who ask that are no POPs.
type Traffic struct {
	Known bool          // its caches tell
	Quiet time.Duration // since the last one asked, or since the start
}

// QuietFor is for how long nobody may have asked a POP that is said to get no
// traffic.
const QuietFor = 10 * time.Second

// What is known of a POP's traffic, of viewers and of whoever else is no POP.
const (
	TrafficQuiet   = "quiet"   // nobody asked for QuietFor
	TrafficBusy    = "busy"    // somebody did, or the POP has not been looked at for so long
	TrafficUnknown = "unknown" // its caches do not tell, or it is not heard
)

// POPChange is what an operator does with a POP: one of Down and Drained.
type POPChange struct {
	Down    *bool `json:"down,omitempty"`    // true: excused, it takes no traffic; false: taken back, and not drained either
	Drained *bool `json:"drained,omitempty"` // true: balancers are to send it nobody
	CutOff  bool  `json:"cut_off,omitempty"` // with Down: the operator's word that it gets no traffic, where that cannot be seen
}
