package health

// The names of checks, which docs/operations.md lists with what to do. They are
// fixed: scripts look for them.
const (
	// Of a control plane.
	Engine = "engine" // planning, pushing and collecting run
	Store  = "store"  // the database answers
	Bus    = "bus"    // the wire to the POPs works
	Disk   = "disk"   // the data folder's disk has room; of a POP, too

	// Of a POP.
	Agent    = "agent"     // its loop turns
	Cache    = "cache"     // the cache answers
	Contact  = "contact"   // the control plane was heard
	Known    = "known"     // the control plane knows the POP
	Standing = "standing"  // nobody marked it down or removed it
	Drained  = "drained"   // no operator drains it
	Silence  = "silence"   // the control plane answers, or others are fenced for its silence
	Denials  = "denials"   // it knows what it must refuse
	CaughtUp = "caught_up" // it has carried out what it missed
	Turn     = "turn"      // it missed too much, and it is its turn to ask about all that it holds
)

// Checks lists the names.
func Checks() []string {
	return []string{Engine, Store, Bus, Disk, Agent, Cache, Contact, Known, Standing, Drained, Silence, Denials, CaughtUp, Turn}
}
