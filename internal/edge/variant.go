package edge

import (
	"container/list"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/freshet-vod/freshet"
)

// Bounds of what a response may make the cache remember.
const (
	maxVariants = 32   // of one object; the least recently fetched goes
	maxTags     = 128  // of one response
	maxTagBytes = 8192 // of one response
)

// variant is one stored response. Its fields never change once it is on the
// shelf; a revalidation puts a new variant, over the same body, in its place.
type variant struct {
	id   int64         // names the body file and the row
	elem *list.Element // guarded by shelf.mu; nil when not on the shelf
	meta               // what the index keeps
	seen atomic.Bool   // a viewer has asked for it, if a prefetch brought it
}

// meta is what the index keeps of a stored response.
type meta struct {
	URL            string
	Status         int
	Header         http.Header // without what each reply sets anew
	Vary           []string    `json:",omitempty"` // field names, lower case, sorted
	Selecting      string      `json:",omitempty"` // their values in the request that led to it
	Tags           []string    `json:",omitempty"`
	Size           int64
	Fetched        time.Time // when the request, or the last successful revalidation, was sent
	Received       time.Time
	InitialAge     time.Duration
	Lifetime       time.Duration
	StaleIfError   time.Duration `json:",omitempty"`
	NoCache        bool          `json:",omitempty"`
	MustRevalidate bool          `json:",omitempty"`
	Generation     freshet.Position
	Prefetched     bool `json:",omitempty"` // a prefetch brought it
}

// copy describes the variant to the outside.
func (v *variant) copy() freshet.Copy {
	if v == nil {
		return freshet.Copy{}
	}
	return freshet.Copy{
		FetchedAt:  v.Fetched.Truncate(time.Millisecond),
		Generation: v.Generation,
		Validator:  v.validator(),
		Size:       v.Size,
	}
}

func (v *variant) validator() string {
	if e := v.Header.Get("ETag"); e != "" {
		return e
	}
	return v.Header.Get("Last-Modified")
}

// answers reports whether the variant may answer a request with these fields
// (RFC 9111 §4.1).
func (v *variant) answers(request http.Header) bool {
	return len(v.Vary) == 0 || v.Selecting == selecting(v.Vary, request)
}

// parseVary returns the field names of Vary, and false for "*".
func parseVary(h http.Header) ([]string, bool) {
	var names []string
	for _, field := range h["Vary"] {
		for name := range strings.SplitSeq(field, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if name == "*" {
				return nil, false
			}
			if name != "" {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), true
}

// selecting returns the values of the named request fields in a form that is
// equal for requests that mean the same.
func selecting(names []string, request http.Header) string {
	if len(names) == 0 {
		return ""
	}
	var b strings.Builder
	for _, name := range names {
		values := request[http.CanonicalHeaderKey(name)]
		b.WriteString(name)
		b.WriteByte(':')
		if name == "accept-encoding" {
			b.WriteString(codings(values))
		} else {
			for i, v := range values {
				if i > 0 {
					b.WriteString(", ")
				}
				b.WriteString(strings.TrimSpace(v))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// codings brings Accept-Encoding into one order, without blanks: browsers
// spell the same wish in many ways, and each would be a variant.
func codings(values []string) string {
	var known []string
	for _, field := range values {
		for c := range strings.SplitSeq(field, ",") {
			if c = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(c), " ", "")); c != "" {
				known = append(known, c)
			}
		}
	}
	slices.Sort(known)
	return strings.Join(slices.Compact(known), ",")
}

// parseTags returns the tags of a response, and false if they are more than
// the cache keeps; then the response must not be stored, because a purge by
// one of the tags would miss it.
func parseTags(h http.Header) ([]string, bool) {
	var tags []string
	n := 0
	for _, field := range [...]string{"Cache-Tag", "Surrogate-Key"} {
		for _, value := range h[field] {
			if n += len(value); n > maxTagBytes {
				return nil, false
			}
			tags = append(tags, strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })...)
		}
	}
	slices.Sort(tags)
	tags = slices.Compact(tags)
	return tags, len(tags) <= maxTags
}
