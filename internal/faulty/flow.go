package faulty

import "time"

// Direction is a way through the proxy.
type Direction int

// The directions.
const (
	Up   Direction = iota // from who connected to the target
	Down                  // from the target back
)

// Flow says what becomes of the bytes of one direction. The zero value passes
// them on; so do negative numbers. Faults can be combined.
type Flow struct {
	// Latency is how long bytes are under way at least, and Jitter how much
	// longer at most. They never overtake each other. 256 chunks at most are
	// under way, of 32 KiB at most; then the sender has to wait.
	Latency, Jitter time.Duration
	// Rate is how many bytes a second pass; 0 sets no bound.
	Rate int

	// Stall holds bytes back. They pass when it ends, as after a cable was put
	// back.
	Stall bool
	// Swallow lets bytes vanish, and the end of the connection too: neither
	// side hears that anything is wrong. A connection of which something was
	// swallowed is reset when that ends, as one cannot go on without it.
	Swallow bool
	// Cut ends this direction in good order: the receiver sees the end of the
	// stream, the sender notices nothing, the other direction goes on. It is
	// reset when that ends, too.
	Cut bool

	// ResetAfter resets each connection when so many bytes have passed since
	// the flow was set, and EndAfter ends it there in good order for the
	// receiver, such as an answer in its middle; 0 is never.
	ResetAfter, EndAfter int64

	// Repeat, Swap and Drop are the chances (0 to 1) that a NATS message comes
	// once more within the next few frames, comes after the next message, or
	// does not come. They need Options.NATS.
	Repeat, Swap, Drop float64
}

// Door says what becomes of new connections.
type Door int

// The doors.
const (
	Open   Door = iota // connected to the target
	Refuse             // the port is closed: connection refused
	Hang               // accepted, read, never answered; reset when the door changes
)

// Fault is everything that can be wrong with a proxy at one moment. The zero
// value is a healthy network.
type Fault struct {
	Up, Down Flow
	Door     Door
}

// Counts is what happened so far.
type Counts struct {
	Connections int      // accepted
	Resets      int      // connections that the proxy reset
	Ended       int      // connections ended by EndAfter
	Repeated    int      // messages that came twice
	Swapped     int      // pairs of messages
	Dropped     int      // messages
	Swallowed   int64    // bytes
	Unheard     int      // ends of a direction that were swallowed
	Passed      [2]int64 // bytes, by Direction
}
