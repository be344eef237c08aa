package probe

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// view is an object as one side shows it.
type view struct {
	status         int // 200 for any success
	etag, modified string
	length         int64 // of the whole body; -1: not known
	location       string
}

func (v view) there() bool { return v.status == http.StatusOK }

// gone reports whether the origin does not give the object out: not there, or
// forbidden, as some stores say of what is not there.
func (v view) gone() bool { return v.status >= 400 && v.status < 500 }

// compare judges what the door served by what the origin has.
func compare(q cache.Probe, got, origin view) cache.Finding {
	mismatch := func(format string, args ...any) cache.Finding {
		return cache.Finding{Reason: freshet.ReasonMismatch, Detail: fmt.Sprintf(format, args...)}
	}
	switch {
	case origin.gone() && (got.status == origin.status || absent(got.status)):
		return cache.Finding{}
	case !origin.there() && !origin.gone() && got.status == origin.status && got.location == origin.location:
		return cache.Finding{} // a redirect, and the same
	case !origin.there() || !got.there():
		return mismatch("the front door answers %d, the origin %d", got.status, origin.status)
	}
	switch alike(got, origin) {
	case differs:
		return mismatch("the front door serves %s, the origin has %s", got, origin)
	case unknown:
		return mismatch("neither side tells its version: the front door serves %s, the origin has %s", got, origin)
	case sameLength:
		// Better than nothing, unless what was purged has that length too.
		if q.Before.Stored() && q.Before.Size == got.length {
			return mismatch("no side has a validator, and what was purged was as long: %s", got)
		}
	case same:
	}
	if q.Whole && got.length >= 0 && origin.length >= 0 && got.length != origin.length {
		return mismatch("the front door serves %d bytes, the origin has %d", got.length, origin.length)
	}
	return cache.Finding{}
}

func absent(status int) bool { return status == http.StatusNotFound || status == http.StatusGone }

// likeness is what two views say of each other.
type likeness int

const (
	differs    likeness = iota
	unknown             // there is nothing to go by
	sameLength          // there are no validators, but equal lengths
	same
)

// alike compares by what both sides have: entity tags, weakly, since caches
// weaken them when they compress; else dates, which must not be contradicted by
// lengths, because they know only seconds; else lengths.
func alike(a, b view) likeness {
	lengths := a.length >= 0 && b.length >= 0
	switch {
	case a.etag != "" && b.etag != "":
		if opaque(a.etag) == opaque(b.etag) {
			return same
		}
		return differs
	case a.modified != "" && b.modified != "":
		if a.modified == b.modified && (!lengths || a.length == b.length) {
			return same
		}
		return differs
	case !lengths:
		return unknown
	case a.length == b.length:
		return sameLength
	}
	return differs
}

func opaque(etag string) string { return strings.TrimPrefix(etag, "W/") }

// is reports whether a view shows a stored copy: by its validator, or by its
// length where neither has one.
func (v view) is(c freshet.Copy) bool {
	mine := v.etag
	if mine == "" {
		mine = v.modified
	}
	if mine == "" && c.Validator == "" {
		return v.length >= 0 && v.length == c.Size
	}
	return opaque(mine) == opaque(c.Validator)
}

// String names a version.
func (v view) String() string {
	switch {
	case v.etag != "":
		return v.etag
	case v.modified != "":
		return v.modified
	}
	return fmt.Sprintf("%d bytes without a validator", v.length)
}
