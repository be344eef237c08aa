package plan

import (
	"fmt"
	"strings"

	"github.com/freshet-vod/freshet"
)

// The faults of a row, in the vendor's words (contract §3.2 to §3.4).
const (
	faultNoMedia  = "InvalidVideo.NotFound"
	faultNoStream = "InvalidVideo.NoneStream"
	faultStatus   = "Forbidden.IllegalStatus"
	faultDomain   = "InvalidDomain.NotFound"
	faultOffline  = "InvalidDomain.Offline"
	faultInternal = "InternalError"
	faultInput    = "InvalidParameter"
)

// The kinds of planned URLs, as shown to a user.
const (
	kindFile       = "file"
	kindPlaylist   = "playlist"
	kindSegment    = "segment"
	kindInit       = "init"
	kindRemembered = "remembered"
	kindPrefix     = "prefix"
	kindTag        = "tag"
	kindRegex      = "regex"            // a URL that a pattern matched
	kindNoMatch    = "regex_no_match"   // a pattern that matched none
	kindBare       = "ignoreparams"     // a URL as it is
	kindBareQuery  = "ignoreparams_any" // the same with any query, as a prefix
)

// draft is a plan in the making, handed from stage to stage.
type draft struct {
	job     *freshet.Job
	row     freshet.Row
	media   *freshet.Media   // nil: there is none
	domains []freshet.Domain // of the account, one picture for the whole plan

	streams    []freshet.Stream // after resolve
	groups     groups           // of a direct job
	roots      []root           // after address
	unreadable bool             // after expand: some playlist could not be read
	urls       []freshet.PlannedURL
	remembered []string // canonical URLs that playlists named

	fault, message string
	problems       []freshet.Problem
	moreProblems   int // beyond maxProblems
	maxProblems    int
	ended          bool // nothing of the media is submitted
}

func (p *Planner) newDraft(job *freshet.Job, row freshet.Row, media *freshet.Media) *draft {
	return &draft{
		job: job, row: row, media: media,
		domains: p.domains(job.Account), maxProblems: p.limits.Problems,
	}
}

// refuse notes a fault of the row; the first one counts (contract §4.1 U9).
func (d *draft) refuse(code, format string, args ...any) {
	if d.fault == "" {
		d.fault, d.message = code, fmt.Sprintf(format, args...)
	}
}

// end refuses the media as a whole. It is the last word, whatever was refused
// before it.
func (d *draft) end(code, format string, args ...any) {
	d.fault = ""
	d.refuse(code, format, args...)
	d.ended = true
	d.urls = nil
}

// problem names something that the plan does not cover. A hostile playlist can
// have a hundred thousand; beyond the limit they are counted.
func (d *draft) problem(url, format string, args ...any) {
	if len(d.problems) >= d.maxProblems {
		d.moreProblems++
		return
	}
	// A playlist's line can have sixteen times as many bytes as a URL may.
	if len(url) > freshet.MaxURL {
		url = strings.ToValidUTF8(url[:freshet.MaxURL], "") + "…"
	}
	d.problems = append(d.problems, freshet.Problem{URL: url, Reason: fmt.Sprintf(format, args...)})
}

// purge reports whether the job removes things, as a takedown does, too.
func (d *draft) purge() bool { return d.job.Type == freshet.Purge || d.takedown() }

// takedown reports whether what is planned is denied, too.
func (d *draft) takedown() bool { return d.job.Type == freshet.Takedown }

func (d *draft) result() freshet.PlannedRow {
	if d.moreProblems > 0 {
		d.problems = append(d.problems, freshet.Problem{
			Reason: fmt.Sprintf("%d more problems are not named: over the limit of %d (limit problems)", d.moreProblems, d.maxProblems),
		})
	}
	return freshet.PlannedRow{
		Media: d.row.Media, URLs: d.urls, Fault: d.fault, Message: d.message,
		Problems: d.problems, Remember: d.remembered,
	}
}
