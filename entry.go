package freshet

import "time"

// EntryKind says what an entry of the log does.
type EntryKind uint8

// The kinds of entry. The numbers are on the wire and in the store.
const (
	EntryPurge      EntryKind = 1
	EntryPrefetch   EntryKind = 2
	EntryMembership EntryKind = 3
	EntryDeny       EntryKind = 4 // caches refuse the URLs from here on
	EntryAllow      EntryKind = 5 // and no longer from here on
)

// Lists reports whether entries of the kind change the list of denied URLs.
func (k EntryKind) Lists() bool { return k == EntryDeny || k == EntryAllow }

// Subject returns the subject on which entries of the kind are pushed.
func (k EntryKind) Subject() string {
	if k == EntryPrefetch {
		return SubjectPrefetch
	}
	return SubjectPurge
}

// String returns the kind's name.
func (k EntryKind) String() string {
	switch k {
	case EntryPurge:
		return "purge"
	case EntryPrefetch:
		return "prefetch"
	case EntryMembership:
		return "membership"
	case EntryDeny:
		return "deny"
	case EntryAllow:
		return "allow"
	}
	return "unknown"
}

// The subjects on which entries are pushed: purges, changes of membership and
// of the deny list to every POP, prefetches to the POPs of a group (there is one, "all").
const (
	SubjectPurge    = "purge"
	SubjectPrefetch = "prefetch.all"
)

// Subjects lists every subject.
func Subjects() []string { return []string{SubjectPurge, SubjectPrefetch} }

// Entry is one line of the log: a purge, prefetch, denial or allowance of many
// URLs of one domain, or a change of membership. Task i of the entry has the ID
// FirstTask+i; the vendor's API shows it under that of its Group, if there is
// one.
type Entry struct {
	At         Position
	Kind       EntryKind
	Account    string
	Job        string
	Row        int
	Domain     string
	FirstTask  uint64
	Group      uint64 // the ID under which its tasks are shown; 0: each has its own
	Type       string // the object type shown, where Kind and Selector do not say it
	Selector   Selector
	Targets    []string // IDs of the POPs enrolled when it was appended, in order; frozen
	Among      []string // for appending: of the POPs enrolled, only these become targets; nil: all
	LastPurge  Position // the last purge entry before it, for prefetches
	FinishBy   time.Time
	Created    time.Time
	Header     string     // of a prefetch: fields of its requests besides those of the cache, "Name: value", one a line
	Soft       bool       // of a purge by pattern: a cache that can revalidates what it has instead of removing it
	Membership Membership // with EntryMembership
	Status     int        // with EntryDeny: how viewers are refused; StatusLegal or StatusNotFound
	Trace      Trace      // in which its deliveries are recorded
}

// Subject returns the subject on which the entry is pushed.
func (e *Entry) Subject() string { return e.Kind.Subject() }

// Len returns the number of tasks of the entry.
func (e *Entry) Len() int {
	switch {
	case e.Kind == EntryMembership:
		return 0
	case e.Selector.Kind == SelectExact:
		return len(e.Selector.URLs)
	}
	return 1
}

// URL returns the URL or pattern of task i.
func (e *Entry) URL(i int) string {
	if e.Selector.Kind == SelectExact {
		return e.Selector.URLs[i]
	}
	return e.Selector.Pattern
}

// TargetIndex returns the place of a POP in Targets, or -1.
func (e *Entry) TargetIndex(pop string) int {
	for i, t := range e.Targets {
		if t == pop {
			return i
		}
	}
	return -1
}

// The object types that an entry's Type names: what was asked for was resolved
// into other selectors.
const (
	TypeRegex        = "regex"
	TypeIgnoreParams = "ignoreparams"
)

// TaskID returns the ID under which task i is shown.
func (e *Entry) TaskID(i int) uint64 {
	if e.Group != 0 {
		return e.Group
	}
	return e.FirstTask + uint64(i) //nolint:gosec // an index is not negative
}

// ObjectType returns the vendor's word for the entry's tasks (contract §4.5).
func (e *Entry) ObjectType() string {
	switch {
	case e.Type != "":
		return e.Type
	case e.Kind == EntryPrefetch:
		return "preload"
	case e.Kind == EntryDeny:
		return "deny" // ours, as the next
	case e.Kind == EntryAllow:
		return "allow"
	case e.Selector.Kind == SelectPrefix:
		return "directory"
	case e.Selector.Kind == SelectRegex:
		return "regex"
	case e.Selector.Kind == SelectTag:
		return "tag" // ours: the vendor purges by tag elsewhere
	}
	return "file"
}

// SelectorKind says how a selector names objects.
type SelectorKind uint8

// The kinds of selector. The numbers are on the wire and in the store.
const (
	SelectExact  SelectorKind = 1 // the URLs listed
	SelectPrefix SelectorKind = 2 // every URL that begins with Pattern
	SelectRegex  SelectorKind = 3 // every URL that matches Pattern (RE2)
	SelectTag    SelectorKind = 4 // every object that carries the tag Pattern
)

// Selector names objects. URLs are canonical (see [Canonical]).
type Selector struct {
	Kind    SelectorKind
	URLs    []string // with SelectExact
	Pattern string   // with the others
	Hosts   []string // the hosts that a pattern is anchored to; never empty for SelectRegex and SelectTag
}

// MembershipChange says what happens to a POP.
type MembershipChange uint8

// The changes of membership. The numbers are on the wire and in the store.
const (
	MemberEnrol  MembershipChange = 1 // the POP is a target from here on
	MemberRemove MembershipChange = 2 // it is none any more and owes nothing
	MemberDown   MembershipChange = 3 // it is excused: takes no traffic from clients or children
	MemberUp     MembershipChange = 4 // it is back and owes what it missed
)

// Membership is a change of one POP.
type Membership struct {
	Change MembershipChange
	POP    string
}
