package freshet

import "time"

// AuditRecord says that somebody called a write operation, and what became of
// it. It never holds a secret, a signature, a query of a URL or user data.
type AuditRecord struct {
	ID        uint64    `json:"id"` // grows with each record; not without gaps
	Time      time.Time `json:"time"`
	Account   string    `json:"account"`
	KeyID     string    `json:"key_id"`
	Address   string    `json:"address"` // from where: an IP address
	UserAgent string    `json:"user_agent,omitempty"`
	// Action is the operation: one of the vendor's by its name, one of the
	// native API by its method and path pattern.
	Action string `json:"action"`
	Object string `json:"object,omitempty"` // what it was about, clipped
	Job    string `json:"job,omitempty"`    // the job that it made
	// Outcome is AuditOK, or the code of the error that was answered, or
	// AuditBegun if nobody knows: the process ended between the two.
	Outcome   string `json:"outcome"`
	RequestID string `json:"request_id"` // as it was answered
}

// The outcomes that are no error's code.
const (
	AuditOK    = "ok"
	AuditBegun = "begun"
)

// Bounds of an audit record's texts, in bytes.
const (
	MaxAuditAgent  = 200
	MaxAuditObject = 1000
)

// AuditQuery selects audit records. Zero fields do not restrict.
type AuditQuery struct {
	Account string
	Action  string
	Failed  bool      // only those that were refused or failed
	Since   time.Time // at that time or later
	After   uint64    // records with greater IDs, oldest first; else newest first
	Before  uint64    // without After and Oldest: records with smaller IDs
	Oldest  bool      // oldest first
	Limit   int
}

// AuditPage is a page of audit records. A page may hold fewer records than
// asked for, even none, and not be the last one: the work for a page is
// bounded.
type AuditPage struct {
	Records []AuditRecord `json:"records"`
	// Next continues the list, as After if it is oldest first and else as
	// Before; 0 ends it.
	Next uint64 `json:"next,omitempty"`
}
