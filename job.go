package freshet

import "time"

// TaskType says what a job does.
type TaskType string

// The task types. The vendor's API calls them Refresh and Preload.
const (
	Purge    TaskType = "purge"
	Prefetch TaskType = "prefetch"
)

// Job is one accepted call: one row per media, or a single row with an empty
// media ID for a job by URL, prefix or tag.
type Job struct {
	Account  string    `json:"-"`
	ID       string    `json:"id"` // 16 hex digits
	Type     TaskType  `json:"type"`
	Filter   Filter    `json:"filter"`
	Direct   *Direct   `json:"direct,omitempty"` // set on a job by URL, prefix or tag
	Denial   *Denial   `json:"denial,omitempty"` // set on a takedown
	UserData string    `json:"user_data,omitempty"`
	Policy   string    `json:"-"` // the vendor's FilterPolicy text, as echoed by its API
	Native   bool      `json:"native"`
	Trace    Trace     `json:"-"` // in which its planning is recorded
	Created  time.Time `json:"created"`
	FinishBy time.Time `json:"finish_by,omitzero"` // prefetch only: after it, what is left is given up
	Rows     []Row     `json:"rows"`
}

// Direct names objects without a media.
type Direct struct {
	URLs     []string `json:"urls,omitempty"`
	Prefixes []string `json:"prefixes,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	// Bare are URLs without a query whose objects are meant whatever their query.
	Bare []string `json:"bare,omitempty"`
	// Patterns stand for the URLs that Freshet knows and that match them: those of
	// the catalog and what is remembered.
	Patterns []Pattern `json:"patterns,omitempty"`
	// Soft makes purges by pattern soft: see Entry.
	Soft bool `json:"soft,omitempty"`
	// Headers make a prefetch ask for each URL once with each of them
	// (HeaderVariants); none: once without.
	Headers []string `json:"headers,omitempty"`
	// Area restricts a prefetch to the POPs of an area, if any POP declares one;
	// empty: to the scope of each domain for the vendor's calls, else to nothing.
	Area Scope `json:"area,omitempty"`
	// ParentsOnly restricts a prefetch to POPs that others fill from, if there are
	// any.
	ParentsOnly bool `json:"parents_only,omitempty"`
	// Groups say under which IDs the vendor's API shows the tasks. Objects take
	// their domain's groups in order, until each has as many as it counts.
	Groups []TaskGroup `json:"groups,omitempty"`
}

// TaskGroup is objects of one domain whose tasks the vendor's API shows under
// one ID (contract §4.3). The IDs are given when the job is accepted, before
// anything is planned.
type TaskGroup struct {
	ID     uint64 `json:"id"` // set by the store
	Domain string `json:"domain"`
	Count  int    `json:"count"` // objects of this job
	// Most is how many objects may share the ID, those of other calls within
	// the same second included; 1: it is for this group alone.
	Most int `json:"-"`
}

// RowState is the state of a job's row.
type RowState string

// The states of a row: accepted → planning → planned | failed. A row goes
// back from planning to accepted only when its worker's lease ends.
const (
	RowAccepted RowState = "accepted"
	RowPlanning RowState = "planning"
	RowPlanned  RowState = "planned" // every URL of its plan is in the log
	RowFailed   RowState = "failed"  // Error says why; some URLs may be in the log all the same
)

// Final reports whether the row will change no more.
func (s RowState) Final() bool { return s == RowPlanned || s == RowFailed }

// Row is the part of a job that concerns one media.
type Row struct {
	Job      string     `json:"-"`
	Index    int        `json:"-"` // place in the job, from 0
	Media    string     `json:"media"`
	State    RowState   `json:"state"`
	Fault    string     `json:"fault,omitempty"`   // the vendor's row ErrorCode (contract §3.4)
	Message  string     `json:"message,omitempty"` // the vendor's row ErrorMessage
	Problems []Problem  `json:"problems,omitempty"`
	Entries  []Position `json:"entries,omitempty"` // what the plan put into the log
	Modified time.Time  `json:"modified"`
}

// Problem is something that a plan could not cover, named so that nothing is
// dropped silently.
type Problem struct {
	URL    string `json:"url"`
	Reason string `json:"reason"`
}

// TaskStatus is the state of one task over all POPs, in the vendor's words.
type TaskStatus string

// The task statuses.
const (
	TaskPending    TaskStatus = "Pending"    // no POP is done with it
	TaskRefreshing TaskStatus = "Refreshing" // some are
	TaskComplete   TaskStatus = "Complete"   // all are, and none failed
	TaskFailed     TaskStatus = "Failed"     // some POP failed for good, or its deadline passed
)

// Task is one URL (or selector) of a job, with its progress.
type Task struct {
	Account     string     `json:"-"`
	ID          uint64     `json:"id"`
	Job         string     `json:"job"`
	Media       string     `json:"media,omitempty"`
	At          Position   `json:"at"` // its entry in the log
	Item        int        `json:"-"`  // its index there
	URL         string     `json:"url"`
	ObjectType  string     `json:"object_type"` // file, directory, regex, tag, preload
	Status      TaskStatus `json:"status"`
	Final       int        `json:"final"`   // deliveries that are final
	Targets     int        `json:"targets"` // deliveries in all
	Description string     `json:"description,omitempty"`
	Reason      Reason     `json:"reason,omitzero"` // why it failed; not in the rows of a job's report
	Created     time.Time  `json:"created"`
}

// Tally counts the tasks of a job by status.
type Tally struct { //nolint:recvcheck // only Add changes it; the rest works on copies
	Pending    int `json:"pending"`
	Refreshing int `json:"refreshing"`
	Complete   int `json:"complete"`
	Failed     int `json:"failed"`
}

// Total returns the number of tasks counted.
func (t Tally) Total() int { return t.Pending + t.Refreshing + t.Complete + t.Failed }

// Add counts n tasks of status s.
func (t *Tally) Add(s TaskStatus, n int) {
	switch s {
	case TaskPending:
		t.Pending += n
	case TaskRefreshing:
		t.Refreshing += n
	case TaskComplete:
		t.Complete += n
	case TaskFailed:
		t.Failed += n
	}
}
