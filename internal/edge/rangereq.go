package edge

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// span is the part of a body that a reply carries.
type span struct {
	status int
	off, n int64  // n < 0: to the end, wherever that will be
	of     string // Content-Range, if any
}

// parseRange reads a Range field with a single byte range against a body of
// size bytes. ok is false if the field must be ignored: it is malformed, of
// another unit, or asks for several ranges, which a server may answer whole
// (RFC 9110 §14.2). n is 0 if nothing of the body is asked for (416).
func parseRange(field string, size int64) (off, n int64, ok bool) {
	unit, spec, found := strings.Cut(field, "=")
	if !found || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return 0, 0, false
	}
	first, last, found := strings.Cut(strings.TrimSpace(spec), "-")
	if !found {
		return 0, 0, false
	}
	if first == "" {
		k, good := position(last)
		if !good {
			return 0, 0, false
		}
		k = min(k, size)
		return size - k, k, true
	}
	a, good := position(first)
	if !good {
		return 0, 0, false
	}
	b := size - 1
	if last != "" {
		if b, good = position(last); !good || b < a {
			return 0, 0, false
		}
		b = min(b, size-1)
	}
	if a >= size {
		return 0, 0, true
	}
	return a, b - a + 1, true
}

// position reads a byte position; one beyond all files counts as beyond.
func position(s string) (int64, bool) {
	if s == "" || len(s) > 32 {
		return 0, false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 1<<63 - 2, true
	}
	return min(n, 1<<63-2), true
}

// choose decides what part of a response a viewer gets. size < 0: the length
// is not known yet, so ranges are ignored.
func choose(method string, request http.Header, status int, stored http.Header, size int64) span {
	whole := span{status: status, n: size}
	if status != http.StatusOK {
		return whole
	}
	if notModified(request, stored) {
		return span{status: http.StatusNotModified}
	}
	field := request.Get("Range")
	if field == "" || method != http.MethodGet || size < 0 || !ifRange(request.Get("If-Range"), stored) {
		return whole
	}
	off, n, ok := parseRange(field, size)
	switch {
	case !ok:
		return whole
	case n == 0:
		return span{status: http.StatusRequestedRangeNotSatisfiable, of: "bytes */" + strconv.FormatInt(size, 10)}
	}
	return span{status: http.StatusPartialContent, off: off, n: n, of: fmt.Sprintf("bytes %d-%d/%d", off, off+n-1, size)}
}

// notModified evaluates the conditions that a cache may answer (RFC 9110
// §13.1.2 and 13.1.3): If-None-Match counts alone where it is given.
func notModified(request, stored http.Header) bool {
	if fields := request["If-None-Match"]; len(fields) > 0 {
		etag := stored.Get("ETag")
		for _, field := range fields {
			if strings.TrimSpace(field) == "*" || etag != "" && listed(field, etag) {
				return true
			}
		}
		return false
	}
	since, err := http.ParseTime(request.Get("If-Modified-Since"))
	if err != nil {
		return false
	}
	said := stored.Get("Last-Modified")
	if said == "" {
		said = stored.Get("Date") // RFC 9111 §4.3.2
	}
	modified, err := http.ParseTime(said)
	return err == nil && !modified.After(since)
}

// listed reports whether a list of entity tags holds one that matches weakly.
// Tags may hold commas, so the list is read quote by quote.
func listed(list, etag string) bool {
	for list != "" {
		list = strings.TrimLeft(list, " \t,")
		start := strings.IndexByte(list, '"')
		if start < 0 {
			return false
		}
		end := strings.IndexByte(list[start+1:], '"')
		if end < 0 {
			return false
		}
		end += start + 2
		if weakMatch(list[:end], etag) {
			return true
		}
		list = list[end:]
	}
	return false
}

func weakMatch(a, b string) bool {
	return strings.TrimPrefix(strings.TrimSpace(a), "W/") == strings.TrimPrefix(strings.TrimSpace(b), "W/")
}

// ifRange reports whether a range may be served under If-Range: only a strong
// match will do, or half an old film would be glued to half a new one.
func ifRange(field string, stored http.Header) bool {
	switch {
	case field == "":
		return true
	case strings.HasPrefix(field, `"`):
		return field == stored.Get("ETag")
	case strings.HasPrefix(field, "W/"):
		return false
	}
	a, errA := http.ParseTime(field)
	b, errB := http.ParseTime(stored.Get("Last-Modified"))
	return errA == nil && errB == nil && a.Equal(b)
}
