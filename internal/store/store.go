// Package store defines what the control plane keeps and how it asks for it:
// one small interface per consumer, and the types that cross the border.
//
// It must not know SQL, nor who calls. store/sqlite implements every interface
// here and passes storetest. Methods are whole transactions: when a method
// returns nil, everything it did is on disk (fsync, not only the page cache)
// unless its comment says otherwise; when it returns an error, nothing
// happened. Callers pass the time; stores never ask a clock. Times are kept to
// the millisecond. If a store acknowledges what is not durable, P1 is broken.
package store

import (
	"context"
	"iter"
	"math"
	"time"

	"github.com/freshet-vod/freshet"
)

// Jobs keeps accepted calls and hands their rows to planners.
type Jobs interface {
	// Accept commits a job with all its rows as RowAccepted, the charges for it, and
	// the nonce of
	// the call if there is one (Nonce zero: none). Concurrent calls share a
	// commit (group commit). A job ID that exists is a CodeConflict error. It
	// gives the groups of job.Direct their IDs, task IDs of the account that no
	// entry will have: those that may be shared get the one that their domain
	// has in the second of job.Created, and are split where it is full.
	// A takedown, or the end of one, takes effect in the catalog with this commit
	// (see Takedowns); one that renews a takedown which has ended meanwhile is a
	// CodeConflict error.
	Accept(ctx context.Context, job *freshet.Job, nonce Nonce, charges ...Charge) error

	// Claim leases up to c.Limit rows that are accepted, or whose lease ended,
	// oldest first. A row is passed over while an earlier row of the same
	// account and media is not final: rows of one media are planned in job
	// order, by one worker at a time.
	Claim(ctx context.Context, c Claim) ([]Claimed, error)

	// SavePlan ends a claimed row and appends its entries to the log, in one
	// transaction. It fills in each entry's At, FirstTask, LastPurge, Targets
	// (the POPs enrolled now) and sets row.Entries. It remembers the URLs of p
	// too. An entry that allows URLs loses those that another media denies, and
	// goes if none is left. If the claim was lost (the lease ended and another worker took the
	// row), it is a CodeConflict error and nothing happens; the same if its
	// charges do not fit.
	SavePlan(ctx context.Context, p *Plan) error

	// Release gives a claimed row back before its lease ends.
	Release(ctx context.Context, claim Claimed) error

	// Job returns a job of the account with all its rows in order; an unknown
	// one, or one of another account, is a CodeNotFound error.
	Job(ctx context.Context, account, id string) (*freshet.Job, error)

	// ListJobs returns jobs of the account, newest first, created before
	// `before` (zero: from the newest), at most limit.
	ListJobs(ctx context.Context, account string, before time.Time, limit int) ([]*freshet.Job, error)

	// Unplanned returns how many rows are not final.
	Unplanned(ctx context.Context) (int, error)
}

// Nonce is the fingerprint of a signature nonce, committed with the write that
// it belongs to, so that a restart opens no window for replays.
type Nonce struct {
	Fingerprint uint64
	Expires     time.Time
}

// Claim asks for rows to plan.
type Claim struct {
	Worker string // unique per worker and process start
	Now    time.Time
	Lease  time.Duration
	Limit  int
}

// Claimed is a leased row with its job; Job.Rows is empty.
type Claimed struct {
	Job    *freshet.Job
	Row    freshet.Row
	Worker string
}

// Plan is the outcome of planning one row.
type Plan struct {
	Claim    Claimed
	Row      freshet.Row // final state, fault, problems
	Entries  []*freshet.Entry
	Remember []string // canonical URLs that an expansion yielded for the media, whether or not they are in Entries
	Events   []Event  // what becomes true with it
	Charges  []Charge // what it costs
	Now      time.Time
}

// Log is the ordered truth.
type Log interface {
	// Append adds entries that no job asked for (changes of membership) and
	// fills in At and Targets.
	Append(ctx context.Context, now time.Time, entries ...*freshet.Entry) error

	// Read returns entries of a subject with After < At, in order, at most
	// limit entries and (but for the first) about maxBytes of packed URLs.
	Read(ctx context.Context, subject string, after freshet.Position, limit, maxBytes int) ([]*freshet.Entry, error)

	// Entry returns one entry, or a CodeNotFound error.
	Entry(ctx context.Context, at freshet.Position) (*freshet.Entry, error)

	// Heads returns the last position of each subject; a subject without
	// entries has the zero Position.
	Heads(ctx context.Context) (map[string]freshet.Position, error)

	// RaiseEpoch starts a new epoch if an agent knows a position or task ID
	// beyond ours, as after a restore: later positions come after known, later
	// task IDs of every account are above knownTask.
	RaiseEpoch(ctx context.Context, known freshet.Position, knownTask uint64) error

	// NoteLost notes that a POP knows a position. If this log never gave that
	// out, what stands before it and is not in the log was lost, as when the store
	// is an older copy. Lost returns the last such position; zero: there is none.
	NoteLost(ctx context.Context, known freshet.Position) error
	Lost(ctx context.Context) (freshet.Position, error)

	// Members returns every membership entry, in order.
	Members(ctx context.Context) ([]*freshet.Entry, error)
}

// Tasks finds tasks in the log.
type Tasks interface {
	// TaskEntry returns the entry of the account that holds a task ID, and the
	// task's index there; a CodeNotFound error if there is none.
	TaskEntry(ctx context.Context, account string, task uint64) (*freshet.Entry, int, error)

	// GroupEntries returns the entries of the account whose tasks are shown
	// under an ID (freshet.Entry.Group), in order; none if nothing has it.
	GroupEntries(ctx context.Context, account string, group uint64) ([]*freshet.Entry, error)

	// EntryHeads yields the entries that match, newest first, without their URLs.
	EntryHeads(ctx context.Context, q TaskQuery) iter.Seq2[EntryHead, error]

	// CountTasks counts the tasks of the entries that match, whatever Only says.
	// It costs the same in a store of any size.
	CountTasks(ctx context.Context, q TaskQuery) (TaskCount, error)

	// FindURL returns where a canonical URL of the account stands in entries
	// created since a time, newest first.
	FindURL(ctx context.Context, account, url string, since time.Time) ([]TaskRef, error)
}

// TaskQuery selects entries. Zero fields do not restrict.
type TaskQuery struct {
	Account      string // always restricts
	Domain       string
	ObjectType   string    // as freshet.Entry.ObjectType
	Since, Until time.Time // both included
	Only         EntryFilter
}

// EntryFilter selects entries by how far they are.
type EntryFilter int

// The filters of entries.
const (
	AllEntries        EntryFilter = iota
	UnfinishedEntries             // not closed
	FailedEntries                 // closed, with tasks that are Failed
)

// TaskCount is how many tasks there are.
type TaskCount struct {
	Tasks  int
	Closed int // of entries that are closed
	Failed int // of those, the ones that are Failed; the others are Complete
}

// EntryHead is an entry without its URLs.
type EntryHead struct {
	At         freshet.Position
	Job        string
	Row        int
	Domain     string
	ObjectType string
	FirstTask  uint64
	Len        int
	Created    time.Time
	Closed     bool // State is set and will change no more
	Failed     int  // with Closed: tasks that are Failed; all others are Complete
}

// TaskRef is a place in the log.
type TaskRef struct {
	At   freshet.Position
	Item int
}

// States keeps what is derived from facts. Deleting it loses nothing.
type States interface {
	// SaveStates stores derived states of entries, and how far evidence was
	// folded into them. It need not be durable before it returns.
	SaveStates(ctx context.Context, states []State, folded EvidenceCursor) error
	// State returns the derived state of an entry; false if there is none.
	State(ctx context.Context, at freshet.Position) (State, bool, error)
	// Open returns entries of purge and prefetch that are not closed, in
	// order, after a position, at most limit.
	Open(ctx context.Context, after freshet.Position, limit int) ([]*freshet.Entry, error)
	// Folded returns the cursor of the last SaveStates.
	Folded(ctx context.Context) (EvidenceCursor, error)
	// ForgetStates deletes everything derived, so that it is folded again.
	ForgetStates(ctx context.Context) error
	// SaveDeadline records the fact that a POP's deadline passed for entries
	// lo..hi, durably.
	SaveDeadline(ctx context.Context, d Deadline) error
	// Deadlines returns the recorded deadlines.
	Deadlines(ctx context.Context) ([]Deadline, error)
}

// State is what is derived about one entry.
type State struct {
	At     freshet.Position
	Closed bool
	Failed int // with Closed: tasks that are Failed
	Fold   []byte
}

// Deadline is the fact that a POP had no contact or progress for so long that
// entries Lo to Hi are overdue there.
type Deadline struct {
	POP    string
	Lo, Hi freshet.Position
	At     time.Time
}

// Evidence keeps what the POPs said.
type Evidence interface {
	// SaveEvidence stores messages, durably, and sets Duplicate on those whose
	// (POP, Stream, Number) is there already. Validators and sizes that POPs
	// share are stored once. It sets each message's Cursor.
	SaveEvidence(ctx context.Context, msgs []*Received) error
	// EvidenceOf yields every message with facts about an entry, in order of
	// arrival; each holds the facts about that entry only.
	EvidenceOf(ctx context.Context, at freshet.Position) iter.Seq2[*Received, error]
	// EvidenceSince yields messages stored after a cursor, in order.
	EvidenceSince(ctx context.Context, after EvidenceCursor) iter.Seq2[*Received, error]
}

// EvidenceCursor is a place in the stored evidence: a day's file, and a row
// there.
type EvidenceCursor struct {
	Day string // 2006-01-02, UTC
	Row int64
}

// Received is evidence as it was stored.
type Received struct {
	freshet.Evidence
	ReceivedAt time.Time
	Duplicate  bool
	Cursor     EvidenceCursor
}

// Catalog keeps media, what is remembered of them, and domains.
type Catalog interface {
	// PutMedia inserts or replaces media by (Account, ID). Streams that a
	// replacement drops become remembered URLs. Created and Modified, where
	// they are zero, are told by what was there before, the streams, or now.
	PutMedia(ctx context.Context, now time.Time, media []*freshet.Media) error
	// Media returns those of the account's media that exist, in the order of
	// ids.
	Media(ctx context.Context, account string, ids []string) ([]*freshet.Media, error)
	// ListMedia returns media with IDs greater than after, in order of ID.
	ListMedia(ctx context.Context, account, after string, limit int) ([]*freshet.Media, error)
	// HaveMedia tells which of ids exist, without reading their streams.
	HaveMedia(ctx context.Context, account string, ids []string) ([]bool, error)
	// Remembered returns the canonical URLs remembered for a media and seen
	// since a time.
	Remembered(ctx context.Context, account, id string, since time.Time) ([]string, error)
	// KnownURLs yields the canonical URLs of the account that media have, or that
	// are remembered of them and were seen since a time, in batches and in no
	// order; one may come more than once.
	KnownURLs(ctx context.Context, account string, since time.Time) iter.Seq2[[]string, error]
	Domains
}

// Keys keeps access keys and nonces.
type Keys interface {
	// PutKey inserts or replaces a key by ID.
	PutKey(ctx context.Context, k Key) error
	// Key returns a key, or a CodeNotFound error.
	Key(ctx context.Context, id string) (Key, error)
	// KeyOf is Key for a key of the account; another's is not found.
	KeyOf(ctx context.Context, account, id string) (Key, error)
	// ListKeys returns the keys of an account, oldest first.
	ListKeys(ctx context.Context, account string) ([]Key, error)
	// PutNonce commits the nonce of a call that writes something other than a
	// job, or nothing.
	PutNonce(ctx context.Context, now time.Time, n Nonce) error
	// Nonces yields the nonces committed with writes that have not expired,
	// and deletes the others.
	Nonces(ctx context.Context, now time.Time) ([]Nonce, error)
}

// Key is an access key.
type Key struct {
	ID       string
	Secret   string
	Account  string
	Disabled bool
	Created  time.Time
	// Policy is what it may do, as it was given: a document in the vendor's RAM
	// form; "" = everything in its account.
	Policy string
	// Used is about when it was used last; zero = never.
	Used time.Time
}

// Journal keeps what an agent must not forget: one per POP, on its own disk.
type Journal interface {
	// LoadAgent returns the saved state; false if there is none yet.
	LoadAgent(ctx context.Context) (AgentState, bool, error)
	// Commit stores a step of the agent's work in one durable transaction:
	// the new state, entries to keep (prefetches not finished, purges to
	// redo), entries to drop, evidence to spool.
	Commit(ctx context.Context, s Step) error
	// Kept returns the entries that were kept and not dropped, in order.
	Kept(ctx context.Context) ([]*freshet.Entry, error)
	// Spooled returns evidence messages above a number, in order, at most
	// limit.
	Spooled(ctx context.Context, above uint64, limit int) ([]SpooledMessage, error)
	// Unspool deletes evidence up to a number. It need not be durable.
	Unspool(ctx context.Context, upTo uint64) error
	// SaveTopology and LoadTopology keep the last topology, encoded.
	SaveTopology(ctx context.Context, topology []byte) error
	LoadTopology(ctx context.Context) ([]byte, error)
	DenyList
}

// AgentState is what an agent knows of its progress.
type AgentState struct {
	Watermark   freshet.Position
	Cursors     []freshet.Cursor
	Exceptions  []freshet.Exception
	Known       freshet.Position
	KnownTask   uint64
	Stream      uint64 // of the spool; never changes once set
	LastNumber  uint64 // of the newest evidence spooled
	Incarnation string
	// Flushes holds, by parent, up to where a revalidation of the whole cache
	// will make good the purges that did not wait for it; "" stands for parents
	// that are not known yet.
	Flushes map[string]freshet.Position `json:",omitempty"`
	// Forgotten is up to where prefetches may have been answered by a journal
	// that was lost; ForgottenAll while it is not known how far that is.
	Forgotten freshet.Position `json:",omitzero"`
}

// ForgottenAll is beyond every position.
func ForgottenAll() freshet.Position {
	return freshet.Position{Epoch: math.MaxUint32, Pos: math.MaxUint64}
}

// Step is one durable step of an agent. Nil fields change nothing.
type Step struct {
	State    *AgentState
	Keep     []*freshet.Entry
	Drop     []freshet.Position
	Evidence []SpooledMessage
}

// SpooledMessage is evidence that waits for its acknowledgement.
type SpooledMessage struct {
	Number  uint64
	Message []byte
}
