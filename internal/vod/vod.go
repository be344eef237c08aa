// Package vod holds the words and texts of the vendor's API that more than one
// part of Freshet speaks: answers of the API and bodies of callbacks say the
// same things in the same form (docs/vendor-api.md, which comments here call
// the contract).
//
// It turns words of package freshet into the vendor's and reads what callers
// say in the vendor's JSON. It does no I/O and decides nothing. The vendor's
// API and the delivery of callbacks call it. If it is wrong, a callback and the
// answer to the same question contradict each other.
package vod

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

// The vendor's words for task types.
const (
	Refresh = "Refresh"
	Preload = "Preload"
)

// The values of ResultType: the latest stream of each kind, or all streams.
const (
	Single   = "Single"
	Multiple = "Multiple"
)

// The values of a row's Status. The vendor knows no "processing": it shows
// only when planning takes longer than a call may wait (contract §4.1 U8).
const (
	StatusSuccess    = "success"
	StatusFail       = "fail"
	StatusProcessing = "processing"
)

// DefaultApp is the application of media and settings that name none.
const DefaultApp = "app-1000000"

// TimeLayout is the form of every time on the wire (contract §2.1).
const TimeLayout = "2006-01-02T15:04:05Z"

// Stamp writes a time in that form; the zero time is "".
func Stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(TimeLayout)
}

// TaskType returns the vendor's word for a task type.
func TaskType(t freshet.TaskType) string {
	if t == freshet.Prefetch {
		return Preload
	}
	return Refresh
}

// Policy returns the FilterPolicy of a job: what its call said, or the nearest
// words to a job of the native API.
func Policy(job *freshet.Job) string {
	if job.Policy != "" {
		return job.Policy
	}
	return FilterPolicy(job.Filter)
}

// FilterPolicy is the text that GetMediaRefreshJobs and callbacks repeat: the
// filters of the call in normal form (contract §4.1, FilterPolicy).
func FilterPolicy(f freshet.Filter) string {
	if f.Everything { // a purge of the native API, in the nearest words there are
		f.Multiple, f.Slices = true, true
	}
	policy := struct {
		Formats     string `json:",omitempty"`
		Definitions string `json:",omitempty"`
		StreamType  string `json:",omitempty"`
		ResultType  string
		SliceFlag   bool
		SliceCount  int `json:",omitempty"`
	}{join(f.Formats), join(f.Definitions), join(f.StreamTypes), Single, f.Slices, f.SliceCount}
	if f.Multiple {
		policy.ResultType = Multiple
	}
	b, err := json.Marshal(policy)
	if err != nil {
		panic("vod: encoding a filter policy: " + err.Error()) // strings and numbers only
	}
	return string(b)
}

func join[T ~string](list []T) string {
	var b strings.Builder
	for i, v := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(string(v))
	}
	return b.String()
}

// Lists writes tasks as two comma lists of which position i belongs to
// position i; a comma inside a URL is escaped (contract §4.1 U11).
func Lists(tasks []freshet.RowTask, domains []freshet.Domain) (urls, ids string) {
	var u, n strings.Builder
	var scratch [20]byte
	for i, t := range tasks {
		if i > 0 {
			u.WriteByte(',')
			n.WriteByte(',')
		}
		u.WriteString(strings.ReplaceAll(ShownURL(t.URL, domains), ",", "%2C"))
		n.Write(strconv.AppendUint(scratch[:0], t.ID, 10))
	}
	return u.String(), n.String()
}

// ShownURL is a canonical URL as viewers of its domain spell it: https if the
// domain has TLS (contract §4.1 U15).
func ShownURL(canonical string, domains []freshet.Domain) string {
	host, path := freshet.SplitURL(canonical)
	if d, ok := freshet.FindDomain(domains, host); ok && d.TLS {
		return "https://" + host + path
	}
	return canonical
}
