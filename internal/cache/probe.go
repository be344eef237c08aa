package cache

import (
	"context"

	"github.com/freshet-vod/freshet"
)

// Probe is the question whether viewers get an object as it should be: it is
// asked for through the front door, and what comes is compared with what the
// origin has.
type Probe struct {
	Domain freshet.Domain // whose origin is asked, and nothing else
	URL    string         // canonical
	Whole  bool           // the body must come whole, as after a prefetch; else its first byte is enough
	Before freshet.Copy   // what was stored before a purge; zero after a prefetch
	// Newer looks into the cache: what it stores now, and whether that is
	// certain to have been fetched after the purge, or by the prefetch. Nil if
	// the cache cannot be looked into.
	Newer func(ctx context.Context) (freshet.Copy, bool)
}

// Finding is what a probe came to. With ReasonNone viewers get what they
// should.
type Finding struct {
	Reason freshet.Reason
	Detail string // for the log of the agent only
}

// Prober answers such questions. It may be called concurrently, and returns
// soon after ctx ends.
type Prober func(ctx context.Context, p Probe) Finding
