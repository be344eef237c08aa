package api

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/policy"
)

// Bounds of a job request.
const (
	maxUserData = 1024
	maxTag      = 128
	maxFinishBy = 30 * 24 * time.Hour
)

// JobRequest is the body of POST /v1/jobs and POST /v1/plan. Either Media or
// some of URLs, Prefixes, Tags and Regexes are given.
type JobRequest struct {
	Type     freshet.TaskType `json:"type"`
	Media    []string         `json:"media,omitempty"`
	Filters  *freshet.Filter  `json:"filters,omitempty"` // with Media; without, a purge is of everything
	URLs     []string         `json:"urls,omitempty"`
	Prefixes []string         `json:"prefixes,omitempty"`
	Tags     []string         `json:"tags,omitempty"`
	// Regexes are expressions behind a host, "vod.example.com/a/.*\\.ts", that
	// stand for the URLs known to Freshet that match them (freshet.Pattern).
	Regexes []string `json:"regexes,omitempty"`
	// IgnoreParams: URLs stand for every object whose URL is theirs but for the
	// query.
	IgnoreParams bool `json:"ignore_params,omitempty"`
	// Soft: what Prefixes, Tags, and URLs with IgnoreParams name is revalidated
	// instead of removed, by caches that can; others remove it.
	Soft bool `json:"soft,omitempty"`
	// Headers, Area and ParentsOnly are of a prefetch of URLs: fields of its
	// requests, every combination of whose values is asked for
	// (freshet.HeaderVariants); the area whose POPs it is for; and whether only
	// POPs that others fill from get it.
	Headers     map[string][]string `json:"headers,omitempty"`
	Area        freshet.Scope       `json:"area,omitempty"`
	ParentsOnly bool                `json:"parents_only,omitempty"`
	UserData    string              `json:"user_data,omitempty"`
	FinishBy    time.Time           `json:"finish_by,omitzero"` // prefetch only
}

// submission reads and checks a job request. What it returns is valid: IDs
// are distinct, values canonical, and every host is the account's; and what the
// caller may not do, as action says for each type, is refused or marked.
func (s *server) submission(c *call, action func(freshet.TaskType) string) (freshet.Submission, error) {
	var r JobRequest
	if err := c.decode(&r); err != nil {
		return freshet.Submission{}, err
	}
	c.noteJob(&r)
	sub := freshet.Submission{
		Account: c.caller.Account, Type: r.Type, UserData: r.UserData, Native: true, FinishBy: r.FinishBy.UTC(),
		Nonce: c.caller.Nonce, NonceExpires: c.caller.NonceExpires,
	}
	if err := r.checkCommon(time.Now()); err != nil {
		return sub, err
	}
	if err := r.checkRoute(); err != nil {
		return sub, err
	}
	direct := r.directs()
	if r.Soft && direct == 0 {
		return sub, freshet.Invalid("soft", "soft belongs to a purge of prefixes or tags, or with ignore_params.")
	}
	switch {
	case direct > 0 && len(r.Media) > 0:
		return sub, freshet.Invalid("media", "media excludes urls, prefixes, tags and regexes: make two jobs.")
	case direct == 0 && len(r.Media) == 0:
		return sub, freshet.Invalid("media", "Name media, urls, prefixes, tags or regexes.")
	case direct > 0:
		domains, err := s.Domains.Domains(c.r.Context(), c.caller.Account)
		if err != nil {
			return sub, err
		}
		if sub.Direct, err = r.direct(domains); err != nil {
			return sub, err
		}
		return sub, c.mayDirect(action(r.Type), sub.Direct, domains)
	}
	var err error
	if sub.Media, err = mediaIDs(r.Media); err != nil {
		return sub, err
	}
	for _, id := range sub.Media {
		if !c.may(action(r.Type), policy.Media(id)) {
			sub.Forbidden = append(sub.Forbidden, id)
		}
	}
	sub.Filter, err = r.filter()
	return sub, err
}

// mayDirect asks for the domain of each URL and prefix; and for tags, which may
// be anywhere, for the whole account.
func (c *call) mayDirect(action string, d *freshet.Direct, domains []freshet.Domain) error {
	for _, u := range slices.Concat(d.URLs, d.Prefixes) {
		host, _ := freshet.SplitURL(u)
		if domain, _ := freshet.FindDomain(domains, host); !c.may(action, policy.Domain(domain.Name)) {
			return &freshet.Error{Code: freshet.CodeForbidden, Kind: freshet.KindPolicy, Field: "urls", Message: "The access key's policy does not allow " + action + " on " + host + "."}
		}
	}
	if len(d.Tags) > 0 && !c.may(action, policy.Account()) {
		return &freshet.Error{Code: freshet.CodeForbidden, Kind: freshet.KindPolicy, Field: "tags", Message: "The access key's policy does not allow " + action + " in the whole account, which tags need."}
	}
	return nil
}

func (r *JobRequest) checkCommon(now time.Time) error {
	if r.Type != freshet.Purge && r.Type != freshet.Prefetch {
		return freshet.Invalid("type", "type must be purge or prefetch.")
	}
	if len(r.UserData) > maxUserData || strings.ContainsFunc(r.UserData, unicode.IsControl) {
		return freshet.Invalid("user_data", "user_data may hold %d bytes and no control characters.", maxUserData)
	}
	if r.FinishBy.IsZero() {
		return nil
	}
	if r.Type != freshet.Prefetch {
		return freshet.Invalid("finish_by", "finish_by belongs to prefetches; a purge is never given up.")
	}
	if until := r.FinishBy.Sub(now); until <= 0 || until > maxFinishBy {
		return freshet.Invalid("finish_by", "finish_by must be in the future, and at most %d days from now.", maxFinishBy/(24*time.Hour))
	}
	return nil
}

func mediaIDs(list []string) ([]string, error) {
	ids := make([]string, 0, len(list))
	for _, id := range list {
		if id == "" || len(id) > 128 || strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c == ',' || c > '~' }) {
			return nil, freshet.Invalid("media", "A media ID is 1 to 128 letters, digits, - and _.")
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		if len(ids) > freshet.MaxMediaPerJob {
			return nil, &freshet.Error{
				Code: freshet.CodeTooLarge, Field: "media",
				Message: fmt.Sprintf("A job takes at most %d media; make several.", freshet.MaxMediaPerJob),
			}
		}
	}
	return ids, nil
}

func (r *JobRequest) filter() (freshet.Filter, error) {
	if r.Filters == nil {
		// The native purge without filters covers all that the media ever had.
		return freshet.Filter{Everything: r.Type == freshet.Purge}, nil
	}
	f := *r.Filters
	var err error
	if f.Formats, err = canonical("formats", f.Formats, freshet.Formats()); err != nil {
		return f, err
	}
	if f.Definitions, err = canonical("definitions", f.Definitions, freshet.Definitions()); err != nil {
		return f, err
	}
	if f.StreamTypes, err = canonical("stream_types", f.StreamTypes, freshet.StreamTypes()); err != nil {
		return f, err
	}
	if f.SliceCount < 0 || f.SliceCount > freshet.MaxSliceCount {
		return f, freshet.Invalid("filters.slice_count", "slice_count must be 1 to %d.", freshet.MaxSliceCount)
	}
	f.Slices = f.Slices || f.SliceCount > 0
	narrowed := f.Multiple || f.Slices || len(f.Formats)+len(f.Definitions)+len(f.StreamTypes) > 0
	switch {
	case f.Everything && r.Type != freshet.Purge:
		return f, freshet.Invalid("filters.everything", "Only a purge can be of everything.")
	case f.Everything && narrowed:
		return f, freshet.Invalid("filters.everything", "everything excludes all other filters.")
	case !narrowed && r.Type == freshet.Purge:
		f.Everything = true
	}
	return f, nil
}

func canonical[T ~string](name string, values, known []T) ([]T, error) {
	var out []T
	for _, v := range values {
		k, ok := freshet.ParseOne(string(v), known)
		if !ok {
			names := make([]string, len(known))
			for i := range known {
				names[i] = string(known[i])
			}
			return nil, freshet.Invalid("filters."+name, "%q is unknown; known are %s.", clip(string(v)), strings.Join(names, ", "))
		}
		if !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out, nil
}
