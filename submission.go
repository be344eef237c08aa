package freshet

import (
	"slices"
	"time"
)

// Limits of one submission.
const (
	MaxMediaPerJob  = 20   // distinct media IDs (contract §4.1)
	MaxDirectPerJob = 1000 // URLs, prefixes and tags together
)

// Submission is a call that asks for work: what every interface hands to the
// engine. Either Media or Direct is set. Its fields are valid already.
type Submission struct {
	Account string
	Type    TaskType
	Media   []string // distinct, in request order
	// Forbidden are those of Media that the caller may not touch. They come
	// back in the receipt, whether they exist or not.
	Forbidden []string
	Direct    *Direct
	Filter    Filter
	UserData  string
	Policy    string // the vendor's FilterPolicy text
	Native    bool
	FinishBy  time.Time // prefetch: zero = the default
	Denial    *Denial   // of a takedown, and of its end
	// Nonce is the fingerprint of the call's signature nonce, stored with the
	// job; 0 = none. NonceExpires says how long it must be remembered.
	Nonce        uint64
	NonceExpires time.Time
}

// Lookup returns the media to look for in the catalog. A forbidden one is looked
// for under a name that no media has: whether it exists must not show, not even
// in how long the answer takes (P8).
func (s *Submission) Lookup() []string {
	if len(s.Forbidden) == 0 {
		return s.Media
	}
	ids := slices.Clone(s.Media)
	for i, id := range ids {
		if slices.Contains(s.Forbidden, id) {
			ids[i] = ""
		}
	}
	return ids
}

// Receipt is the answer to a Submission. JobID is empty if no media was
// actionable (contract §4.1 U1); otherwise the job is durable.
type Receipt struct {
	JobID       string   `json:"id"`
	Tasks       []uint64 `json:"tasks,omitempty"` // the IDs of the submission's Groups, in order
	NonExistent []string `json:"non_existent,omitempty"`
	Forbidden   []string `json:"forbidden,omitempty"`
}

// PlannedURL is one URL of a plan.
type PlannedURL struct {
	Media  string `json:"media,omitempty"`
	URL    string `json:"url"`
	Kind   string `json:"kind"`             // file, playlist, segment, init, remembered, prefix, tag
	Stream string `json:"stream,omitempty"` // definition/format of the stream that led to it
	From   string `json:"from,omitempty"`   // the playlist that named it
	Header string `json:"header,omitempty"` // as Entry.Header
	Group  int    `json:"-"`                // its place among the job's Groups, from 1; 0: it is in none
}

// PlannedRow is the plan of one media. A plan is a value: making one does
// nothing.
type PlannedRow struct {
	Media    string       `json:"media"`
	URLs     []PlannedURL `json:"urls"`
	Fault    string       `json:"fault,omitempty"`
	Message  string       `json:"message,omitempty"`
	Problems []Problem    `json:"problems,omitempty"`
	Remember []string     `json:"-"` // every URL that the expansion yielded
}

// DryRun is a plan shown instead of carried out.
type DryRun struct {
	Rows        []PlannedRow `json:"rows"`
	NonExistent []string     `json:"non_existent,omitempty"`
	Forbidden   []string     `json:"forbidden,omitempty"`
}

// TaskFilter selects tasks of an account; zero fields do not restrict.
type TaskFilter struct {
	Account      string
	IDs          []uint64
	URL          string // as given by the caller; compared by canonical form
	Domain       string
	ObjectType   string
	Status       TaskStatus
	Since, Until time.Time
	Offset       int
	Limit        int
}

// TaskPage is one page of tasks, newest first.
type TaskPage struct {
	Tasks []Task
	Total int
}

// RowTask is a task of a row, without its status.
type RowTask struct {
	ID  uint64
	URL string
}

// JobReport is a job with its progress.
type JobReport struct {
	Job
	Tally Tally       `json:"tally"`
	POPs  []POPTally  `json:"pops"`
	Rows  []RowReport `json:"rows"`
	Done  bool        `json:"done"` // every row is final and every task Complete or Failed
}

// RowReport is a row with its progress.
type RowReport struct {
	Row
	Tally  Tally      `json:"tally"`
	Tasks  []TaskSpan `json:"tasks"`            // the IDs of its tasks, in the order of its plan
	Failed []Task     `json:"failed,omitempty"` // the first tasks that failed, at most MaxFailedShown
}

// MaxFailedShown bounds RowReport.Failed.
const MaxFailedShown = 10

// TaskSpan is a run of task IDs: First to First+Count-1.
type TaskSpan struct {
	First uint64 `json:"first"`
	Count int    `json:"count"`
}

// POPTally counts a job's deliveries at one POP.
type POPTally struct {
	POP     string `json:"pop"`
	Targets int    `json:"targets"`
	Final   int    `json:"final"` // excused ones included
	Failed  int    `json:"failed"`
	Excused int    `json:"excused"`
	Overdue int    `json:"overdue"`
}

// TaskReport is a task with what every POP said of it.
type TaskReport struct {
	Task
	Deliveries []Delivery `json:"deliveries"`
}

// POPStatus is a POP as an operator sees it.
type POPStatus struct {
	ID             string    `json:"id"`
	Parents        []string  `json:"parents,omitempty"`
	State          string    `json:"state"` // up, down (excused), lost (no heartbeat), never (not seen yet)
	Ready          bool      `json:"ready"`
	Obstacles      []string  `json:"obstacles,omitempty"` // why not: the checks of /readyz that fail there
	Drained        time.Time `json:"drained,omitzero"`    // since when, by an operator
	OnSilence      string    `json:"on_silence"`          // what it does when the control plane is silent: off, revalidate, not_ready, or unable
	Silent         bool      `json:"silent,omitempty"`    // the control plane was silent for too long, and it has not caught up since
	Traffic        string    `json:"traffic"`             // quiet, busy or unknown
	Watermark      Position  `json:"watermark"`
	Head           Position  `json:"head"`        // the last purge entry of the log
	Lag            int       `json:"lag"`         // positions of the log between the two
	LagSeconds     float64   `json:"lag_seconds"` // how long ago the oldest purge was recorded that the POP owes; 0: it owes none
	Owed           int       `json:"owed"`        // entries that it has not answered for: the sum of the next two
	OwedPurges     int       `json:"owed_purges"` // takedowns among them
	OwedPrefetches int       `json:"owed_prefetches"`
	DenyList       DenyState `json:"deny_list,omitempty"`
	Exceptions     int       `json:"exceptions"`
	Incarnation    string    `json:"incarnation,omitempty"`
	URL            string    `json:"url,omitempty"`
	Release        string    `json:"release,omitempty"`
	LastContact    time.Time `json:"last_contact,omitzero"`
	Remote         bool      `json:"remote,omitempty"`
	Access         Access    `json:"access,omitempty"`
	AccessSince    time.Time `json:"access_since,omitzero"` // when it enrolled, or was revoked
	// TokenExpires is when the one-time token ends that was handed out and has
	// not been exchanged yet; it may have ended.
	TokenExpires time.Time `json:"token_expires,omitzero"`
}

// DenyState is how far a POP is with the list of denied URLs.
type DenyState string

// The states.
const (
	DenyApplied     DenyState = "applied"     // it refuses everything that is denied
	DenyBehind      DenyState = "behind"      // it has not carried out the last change yet, or was not heard
	DenyUnsupported DenyState = "unsupported" // its caches, or its release, cannot refuse objects
)

// Access is how a POP proves to the control plane who it is.
type Access string

// The ways.
const (
	AccessProcess    Access = "process"    // it runs inside the control plane's process
	AccessCredential Access = "credential" // its own key
	AccessShared     Access = "shared"     // the token that all POPs share
	AccessAwaiting   Access = "awaiting"   // none yet: its one-time token waits to be exchanged
	AccessRevoked    Access = "revoked"    // its credential was ended
	AccessNone       Access = "none"       // none, and no token that could be exchanged for one
)

// Invitation is a one-time token for a POP. The token is told once.
type Invitation struct {
	POP     POPStatus `json:"pop"`
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
	Control string    `json:"control"` // where POPs connect to: nats:// or tls://HOST:PORT, as far as the server knows its own address
}
