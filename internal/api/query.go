package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/freshet-vod/freshet"
)

// The bounds of a page.
const (
	defaultLimit = 50
	maxLimit     = 500
)

// queryOf returns the request's parameters; one that is not known, or given
// twice, is refused: a mistyped filter would silently list everything.
func queryOf(r *http.Request, known []string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, freshet.Errorf(freshet.CodeInvalid, "The query is malformed.")
	}
	for name, values := range q {
		if !slices.Contains(known, name) {
			return nil, freshet.Invalid(clip(name), "The parameter %q is unknown.", clip(name))
		}
		if len(values) > 1 {
			return nil, freshet.Invalid(name, "The parameter %q is given twice.", name)
		}
	}
	return q, nil
}

func limitOf(q url.Values) (int, error) { return numberOf(q, "limit", defaultLimit, 1, maxLimit) }

// numberOf returns a parameter, or its default if it is not given.
func numberOf(q url.Values, name string, byDefault, lo, hi int) (int, error) {
	s := q.Get(name)
	if s == "" {
		return byDefault, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < lo || n > hi {
		return 0, freshet.Invalid(name, "%s must be a number from %d to %d.", name, lo, hi)
	}
	return n, nil
}

// idOf returns a parameter that continues a list, 0 if it is not given.
func idOf(q url.Values, name string) (uint64, error) {
	s := q.Get(name)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n == 0 {
		return 0, freshet.Invalid(name, "%s must be a number, as next of the page before.", name)
	}
	return n, nil
}

func boolOf(q url.Values, name string) (bool, error) {
	switch q.Get(name) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, freshet.Invalid(name, "%s must be true or false.", name)
}

func timeOf(q url.Values, name string) (time.Time, error) {
	s := q.Get(name)
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, freshet.Invalid(name, "%s must be a time such as 2026-01-02T03:04:05Z.", name)
	}
	return t.UTC(), nil
}
