package freshet

import "time"

// EvidenceFilter selects evidence of an account. Zero fields do not restrict.
type EvidenceFilter struct {
	Account string // always restricts
	Media   string
	POP     string
	Since   time.Time // when the control plane stored it, inclusive
	Until   time.Time // exclusive
}

// EvidenceLine is one fact with all that it is about, as it is exported: what a
// POP said of one task. Of several about one task and POP the last one holds.
type EvidenceLine struct {
	Task     uint64    `json:"task,string"`
	Job      string    `json:"job"`
	Media    string    `json:"media,omitempty"`
	Type     string    `json:"type"` // purge, prefetch, deny, allow
	URL      string    `json:"url"`  // canonical, or the pattern
	Accepted time.Time `json:"accepted"`
	At       Position  `json:"at"`     // of the entry in the log
	Stream   uint64    `json:"stream"` // with number: the message of the POP
	Number   uint64    `json:"number"`
	Delivery
}
