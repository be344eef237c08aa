package freshet

import "time"

// Outcome is how a delivery ended at a POP.
type Outcome uint8

// The closed list of outcomes. The numbers are on the wire and in the store.
const (
	OutcomeNone      Outcome = 0 // not final yet; never in evidence
	OutcomeDone      Outcome = 1 // carried out
	OutcomeAlready   Outcome = 2 // nothing to do: absent for a purge, fresh for a prefetch
	OutcomeCovered   Outcome = 3 // a later entry for the same object was carried out instead
	OutcomeCancelled Outcome = 4 // a purge, the finish-by time or an operator ended it
	OutcomeFailed    Outcome = 5 // failed for good; Reason says why
	OutcomeExcused   Outcome = 6 // an operator marked the POP down; never in evidence
)

// String returns the outcome's name.
func (o Outcome) String() string {
	switch o {
	case OutcomeNone:
		return "pending"
	case OutcomeDone:
		return "done"
	case OutcomeAlready:
		return "already"
	case OutcomeCovered:
		return "covered"
	case OutcomeCancelled:
		return "cancelled"
	case OutcomeFailed:
		return "failed"
	case OutcomeExcused:
		return "excused"
	}
	return "unknown"
}

// MarshalText implements [encoding.TextMarshaler].
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Reason says why an outcome is what it is.
type Reason uint8

// The closed list of reasons. The numbers are on the wire and in the store.
const (
	ReasonNone            Reason = 0
	ReasonRefused         Reason = 1  // the cache said no
	ReasonUnreachable     Reason = 2  // the cache did not answer at all
	ReasonTimeout         Reason = 3  // the cache or the origin did not answer in time
	ReasonOrigin4xx       Reason = 4  // the origin answered 4xx
	ReasonOrigin5xx       Reason = 5  // the origin answered 5xx, or not at all
	ReasonTooLarge        Reason = 6  // the object is over the cache's limit
	ReasonNoSpace         Reason = 7  // the cache could not store it
	ReasonMismatch        Reason = 8  // what was stored is not what should be: truncated, wrong length or validator
	ReasonPurgeFailed     Reason = 9  // an earlier purge of the object failed for good here
	ReasonUnsupported     Reason = 10 // the cache cannot do this
	ReasonBlockedByParent Reason = 11 // a parent could not carry out the entry
	ReasonSuperseded      Reason = 12 // a later purge of the same object came first
	ReasonDenied          Reason = 13 // the object is taken down
	ReasonAbsent          Reason = 14 // the POP was away for longer than the log can be replayed; the control plane says so
)

// String returns the reason's name, and "" for ReasonNone.
func (r Reason) String() string {
	names := [...]string{
		"", "refused", "unreachable", "timeout", "origin_4xx", "origin_5xx", "too_large",
		"no_space", "mismatch", "purge_failed", "unsupported", "blocked_by_parent", "superseded",
		"denied", "absent",
	}
	if int(r) < len(names) {
		return names[r]
	}
	return "unknown"
}

// MarshalText implements [encoding.TextMarshaler].
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Transient reports whether trying again may help without anybody's doing.
func (r Reason) Transient() bool {
	switch r {
	case ReasonUnreachable, ReasonTimeout, ReasonOrigin5xx, ReasonNoSpace, ReasonMismatch:
		return true
	case ReasonNone, ReasonRefused, ReasonOrigin4xx, ReasonTooLarge, ReasonPurgeFailed,
		ReasonUnsupported, ReasonBlockedByParent, ReasonSuperseded, ReasonDenied, ReasonAbsent:
	}
	return false
}

// Verified says how an outcome was checked.
type Verified uint8

// The ways of verification, weakest first. The numbers are on the wire and in
// the store.
const (
	VerifiedNone          Verified = 0 // nothing was executed, so nothing was checked
	VerifiedAnswer        Verified = 1 // the cache's own answer only
	VerifiedInspect       Verified = 2 // what the cache stores was looked at afterwards
	VerifiedInspectJoined Verified = 3 // the same, after waiting for a fill in flight
	VerifiedProbe         Verified = 4 // a request was made as a viewer would
)

// String returns the name of the way.
func (v Verified) String() string {
	names := [...]string{"none", "acknowledged", "inspect", "inspect_joined", "probe"}
	if int(v) < len(names) {
		return names[v]
	}
	return "unknown"
}

// MarshalText implements [encoding.TextMarshaler].
func (v Verified) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Copy describes an object as a cache stores it. The zero Copy means that
// nothing is stored.
type Copy struct {
	FetchedAt  time.Time `json:"fetched_at"` // when its fetch, or last successful revalidation, began, on the cache's clock; millisecond precision
	Generation Position  `json:"generation"` // of that fetch
	Validator  string    `json:"validator"`  // ETag, or Last-Modified where there is none
	Size       int64     `json:"size"`       // bytes of the body
}

// Stored reports whether anything is stored.
func (c Copy) Stored() bool { return !c.FetchedAt.IsZero() }

// Fact is what one POP says of one task: the unit of evidence.
type Fact struct {
	Item       int // index of the task within its entry
	Outcome    Outcome
	Reason     Reason
	Verified   Verified
	Attempts   int
	ExecutedAt time.Time // on the POP's clock, millisecond precision; zero if nothing was executed
	Before     Copy      // what was stored before
	After      Copy      // what was stored afterwards
	CoveredBy  Position  // with OutcomeCovered
	// Rounds is how many purges it took until nothing older was found, and
	// Window how long that was, from the first purge to that look; millisecond
	// precision. More than one round means that a fill was in flight.
	Rounds int
	Window time.Duration
}

// Evidence is one message of a POP: facts about tasks of a range of entries.
// (POP, Stream, Number) names it for ever: a repeat is recognised by it, and
// of two facts about one delivery the one with the greater (Stream, Number)
// holds.
type Evidence struct {
	POP         string
	Stream      uint64 // one life of the agent: its beginning in Unix nanoseconds
	Number      uint64 // grows by one with each message of a POP's journal
	Incarnation string // of the cache's content
	Entries     []EntryFacts
}

// EntryFacts are facts about one entry, in order of Item.
type EntryFacts struct {
	At    Position
	Facts []Fact
}

// Delivery is one task at one POP, as shown to a user.
type Delivery struct {
	POP         string    `json:"pop"`
	Outcome     Outcome   `json:"outcome"`
	Reason      Reason    `json:"reason,omitempty"`
	Verified    Verified  `json:"verified"`
	Attempts    int       `json:"attempts"`
	ExecutedAt  time.Time `json:"executed_at,omitzero"`
	ReceivedAt  time.Time `json:"received_at,omitzero"` // when the control plane stored the evidence
	Rounds      int       `json:"rounds,omitempty"`     // purges until nothing older was found
	WindowMs    int64     `json:"window_ms,omitempty"`  // from the first of them to that look
	Before      *Copy     `json:"before"`               // null: nothing was stored
	After       *Copy     `json:"after"`
	CoveredBy   *Position `json:"covered_by,omitempty"`
	Incarnation string    `json:"incarnation,omitempty"`
	Overdue     bool      `json:"overdue,omitempty"` // its deadline passed without contact or progress
}
