package freshet

import "time"

// The task types of takedowns. Both are of media and native only.
const (
	// Takedown denies a media: its URLs are refused by every cache, then
	// purged.
	Takedown TaskType = "takedown"
	// Reinstate ends the takedown of a media.
	Reinstate TaskType = "reinstate"
)

// The statuses with which a denied object may be refused.
const (
	StatusLegal    = 451 // Unavailable For Legal Reasons (RFC 7725); the default
	StatusNotFound = 404 // says nothing of a takedown
)

// Denial is what a takedown says beside the media: how viewers are refused, and
// why. The reason stays in the control plane.
type Denial struct {
	Status int    `json:"status"` // StatusLegal or StatusNotFound
	Reason string `json:"reason,omitempty"`
	By     string `json:"by,omitempty"` // who asked for it: the access key
	// Renew says that the takedown holds already and its media changed: what is
	// new of it is denied too.
	Renew bool `json:"renew,omitempty"`
}

// MaxReason bounds Denial.Reason in bytes.
const MaxReason = 1024

// TakedownRecord is one takedown of one media, of now or of the past. It is
// kept for ever: it proves since when, and until when, a media was denied.
type TakedownRecord struct {
	Account   string    `json:"-"`
	Media     string    `json:"media"`
	Job       string    `json:"job"` // that denied it first
	Denial    Denial    `json:"denial"`
	Since     time.Time `json:"since"` // when it was accepted
	Ended     time.Time `json:"ended,omitzero"`
	EndedBy   string    `json:"ended_by,omitempty"`
	Reinstate string    `json:"reinstate_job,omitempty"` // the job that ended it
	URLs      int       `json:"urls"`                    // denied now on its behalf
}

// Active reports whether the takedown holds.
func (t TakedownRecord) Active() bool { return t.Ended.IsZero() }

// DeniedURL is one URL that caches must refuse.
type DeniedURL struct {
	URL    string   // canonical
	At     Position // the entry that denied it last
	Status int      // StatusLegal or StatusNotFound
}
