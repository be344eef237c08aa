package trace

// The names of spans, which docs/operations.md lists.
const (
	Accept   = "accept"     // checks and the durable commit of a submission
	Commit   = "commit"     // of it, waiting for the disk
	Plan     = "plan"       // of one media, or of a job by URL
	Fetch    = "fetch"      // of one playlist
	Append   = "log append" // waiting for the plan to be on disk
	Push     = "push"       // of one entry to all POPs
	Deliver  = "deliver"    // all that one POP does about one entry
	Driver   = "driver"     // one call of the cache
	Evidence = "evidence"   // what a POP says of one entry: from its arrival until it is folded
	Fold     = "fold"       // of it, after it is on disk
)

// The names of attributes.
const (
	Account   = "freshet.account"
	Job       = "freshet.job"
	Media     = "freshet.media"
	Type      = "freshet.type"
	Rows      = "freshet.rows"
	URLs      = "freshet.urls"
	Entries   = "freshet.entries"
	Position  = "freshet.position"
	POP       = "freshet.pop"
	Reason    = "freshet.reason"
	RequestID = "freshet.request_id"
	Link      = "url.full"
)
