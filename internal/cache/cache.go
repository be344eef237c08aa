// Package cache defines the contract between an agent and one cache: the
// Driver, what it may answer, and decorators that every driver shares.
//
// It must not know any particular cache, the log's transport or the store.
// The agent calls it; adapters in cache/edge, cache/varnish and so on
// implement it and pass cachetest. If a driver says done when it was not, the
// whole product lies: an empty or odd reply is never a success.
package cache

import (
	"context"
	"net/http"
	"time"

	"github.com/freshet-vod/freshet"
)

// Driver speaks to one cache. Methods that act on several objects answer with
// one result per object, in order, whatever happens: a fault of one object, a
// cancelled context or a lost connection becomes the outcome of the objects it
// concerns. Errors are for calls that have no objects. Methods may be called
// concurrently.
type Driver interface {
	// Purge removes what the order's selector names, all variants included, if
	// it is older than the order says (so that a repeat is harmless), and
	// detaches fills in flight, or lets the caller see them (Powers). One
	// result per URL, or a single one for a pattern. When it returns done or
	// already, the effect is durable: a crash of the cache does not undo it.
	Purge(ctx context.Context, o Order) []Result

	// Prefetch stores each object whole, fetching it unless a fresh copy is
	// stored. An error or truncated answer is a failure and leaves nothing
	// behind. When ctx ends, what is running ends with OutcomeCancelled.
	Prefetch(ctx context.Context, objs []Object) []Result

	// Inspect tells what is stored, without fetching anything. With Join it
	// waits for a fill in flight that a new request could still join; without,
	// such a fill is reported as it is now (its header may be known).
	Inspect(ctx context.Context, objs []Object, mode InspectMode) []State

	// Flush makes everything that was fetched before a time revalidate before
	// it is served again (soft), at a bounded rate.
	Flush(ctx context.Context, before time.Time) error

	// Incarnation identifies the present content of the cache: it changes when
	// the content was lost or replaced, and only then.
	Incarnation(ctx context.Context) (string, error)

	// ReadCursor returns the position up to which the content reflects every
	// purge, as kept inside the cache's own storage. A cache that has none
	// returns the zero Position.
	ReadCursor(ctx context.Context) (freshet.Position, error)

	// WriteCursor stores that position, durably, with the content. A lower
	// one than what is stored is an error. If the content is not the one that
	// this driver knew (its incarnation changed, or its cursor is below what was
	// written last, as after a restore from an older copy), nothing is written
	// and the error has CodeConflict: the agent must find out anew what is owed.
	WriteCursor(ctx context.Context, at freshet.Position) error

	// Powers tells what this cache can do. It does not change in the life of
	// a Driver.
	Powers() Powers
}

// Order is one call of Purge.
type Order struct {
	At       freshet.Position // its place in the log: bodies of lower generations go
	Selector freshet.Selector
	// Since is for caches that know when a fetch began and no generation
	// (Powers.Stamps): a body whose fetch began after it, on the cache's own
	// clock, is kept. Zero: whatever is stored goes. Fence sets it, on repeats
	// and on first purges alike (later entries overtake earlier ones), so a
	// driver that cannot see the age of every variant removes all in doubt: that
	// costs a fetch, where an old variant left behind breaks P4.
	Since time.Time
	// Again says that the purge must be carried out anew though it was before,
	// because what was fetched since may come from a parent that had not
	// purged yet.
	Again bool
	// Soft says of a pattern that what it names need not be removed: it is enough
	// that the cache asks the origin before it serves that again (promise P4 holds
	// either way). A cache that cannot (Powers.SoftPurge) removes it.
	Soft bool
}

// Len returns how many results the order asks for.
func (o Order) Len() int {
	if o.Selector.Kind == freshet.SelectExact {
		return len(o.Selector.URLs)
	}
	return 1
}

// Follower is a Driver that must know the domains: their aliases, and the
// parameters that do not tell objects apart. The agent's owner passes on each
// newer topology. SetTopology returns quickly.
type Follower interface {
	SetTopology(t freshet.Topology)
}

// Emptier is a Driver that can tell that nothing is stored: making that
// revalidate costs nothing.
type Emptier interface{ Empty() bool }

// Object names one object to a driver.
type Object struct {
	URL        string           // canonical
	Generation freshet.Position // of the entry on whose behalf the call is made
	Header     http.Header      // of a viewer that it is fetched, or looked for, as; nil: one without wishes
}

// Result is how the work on one object, or one pattern, ended.
type Result struct {
	Outcome freshet.Outcome // done, already, cancelled or failed
	Reason  freshet.Reason  // with failed and cancelled
	Detail  string          // for the log of the agent only
	Before  freshet.Copy    // what was stored before
	After   freshet.Copy    // what is stored now, as far as the driver knows
	Removed int             // objects that a pattern removed, where Powers.Counts

	Executed  time.Time        // when a purge ran, on the cache's own clock; zero: unknown
	Verified  freshet.Verified // how it was checked; set by Settle
	Rounds    int              // purges that it took; set by Settle
	Window    time.Duration    // from the first purge to the look that found nothing older; set by Settle
	FirstByte time.Duration    // of a prefetch: how long the first byte took to come; zero: unknown
}

// Failed makes a failed Result.
func Failed(reason freshet.Reason, detail string) Result {
	return Result{Outcome: freshet.OutcomeFailed, Reason: reason, Detail: detail}
}

// State is what a cache holds of one object.
type State struct {
	Copy    freshet.Copy   // zero: nothing is stored
	Fresh   bool           // it may be served without asking the origin
	Joined  bool           // a fill in flight was waited for
	Filling bool           // a fill that can be joined is in flight
	Hidden  bool           // there are variants, and the age of one alone is known: older ones may be stored beside it
	Fault   freshet.Reason // set if the cache could not be asked; then the rest means nothing
}

// InspectMode says what Inspect does about a fill in flight.
type InspectMode int

// The modes of Inspect.
const (
	InspectNow  InspectMode = iota // report it
	InspectJoin                    // wait for it
)

// Powers is what a cache can do.
type Powers struct {
	Driver             string // its name in the configuration
	MaxBatch           int    // objects per call; at least 1
	Prefix, Regex, Tag bool   // selectors besides exact URLs
	Soft               bool   // Flush
	SoftPurge          bool   // Order.Soft: it revalidates what a pattern names; otherwise it removes that
	Prefetch           bool
	Inspect            bool // it can be asked what is stored; otherwise its own word is all there is
	Stamps             bool // copies tell when their fetch began and no generation
	DefeatsFills       bool // a purge detaches fills in flight; otherwise the caller must inspect with Join and purge again
	CancelsFills       bool // ending a prefetch ends its fill; otherwise the cache may go on and store it
	KeepsCursor        bool // ReadCursor and WriteCursor are kept with the content
	Survives           bool // the content outlives a restart of the cache
	Counts             bool // Result.Removed of a pattern is known
	Denies             bool // it can refuse objects: it is a Denier
}
