package nginx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

// The head of a cache file: nginx's ngx_http_file_cache_header_t, written as it
// lies in memory, then "\nKEY: ", the key, "\n", and the response's own header.
// Version 5 has been in use since nginx 1.15; the offsets are those of 64-bit
// little-endian machines.
const (
	headVersion    = 5
	offValid       = 8
	offHeaderStart = 54
	offBodyStart   = 56
	headSize       = 336
	keyMark        = "\nKEY: "
	// firstRead takes in almost every head at once.
	firstRead = 4096
)

// stampHeader is what the stamp layer adds: when it answered, and how long
// after the request came; both in seconds.
const stampHeader = "X-Freshet-Fetch"

var (
	errShort  = errors.New("the file ends within its head")
	errFormat = errors.New("the cache file is not of a format that is known")
)

// head is what the head of a cache file says.
type head struct {
	key       string
	valid     int64 // second up to which nginx takes it for fresh
	status    int
	stamp     time.Time // when the fetch began; zero: it went round the stamp layer
	validator string
	encoding  string
	size      int64 // bytes of the stored body
	first     int64 // of a slice: its place in the whole
	total     int64 // bytes of the whole; size, if it is no slice
	slice     bool
	written   time.Time // when the file was written to last
}

// good reports whether the file holds a body, rather than an error or a
// redirect.
func (h *head) good() bool { return h.status == 200 || h.status == 206 }

// fresh reports whether nginx serves it without asking the origin.
func (h *head) fresh(now time.Time) bool { return h.valid >= now.Unix() }

// age orders copies: what has no stamp is older than all that has one.
func (h *head) age() time.Time {
	if h.stamp.IsZero() {
		return time.UnixMilli(1)
	}
	return h.stamp
}

func (h *head) copied() freshet.Copy {
	return freshet.Copy{FetchedAt: h.age(), Validator: h.validator, Size: h.size}
}

// readHead reads the head of a file. os.ErrNotExist means that there is none.
func readHead(path string, buf []byte) (head, error) {
	n, size, written, err := readStart(path, buf[:firstRead])
	if err != nil {
		return head{}, err
	}
	b := buf[:n]
	if need := bodyStart(b); need > n && n == firstRead {
		b = make([]byte, need)
		if n, size, written, err = readStart(path, b); err != nil {
			return head{}, err
		}
		b = b[:n]
	}
	h, err := parseHead(b, size)
	h.written = written
	return h, err
}

func bodyStart(b []byte) int {
	if len(b) < headSize {
		return 0
	}
	return int(binary.LittleEndian.Uint16(b[offBodyStart:]))
}

// parseHead parses the first bytes of a file of a given size.
func parseHead(b []byte, size int64) (head, error) {
	if len(b) < headSize+len(keyMark)+1 {
		return head{}, errShort
	}
	if v := binary.LittleEndian.Uint64(b); v != headVersion {
		return head{}, fmt.Errorf("%w: version %d, and %d is needed (nginx 1.15 or later on a 64-bit little-endian machine)", errFormat, v, headVersion)
	}
	start, body := int(binary.LittleEndian.Uint16(b[offHeaderStart:])), bodyStart(b)
	keyAt := headSize + len(keyMark)
	switch {
	case string(b[headSize:keyAt]) != keyMark:
		return head{}, fmt.Errorf("%w: there is no key at its place", errFormat)
	case start <= keyAt || body < start:
		return head{}, fmt.Errorf("%w: the header starts at %d and the body at %d", errFormat, start, body)
	case body > len(b) || int64(body) > size:
		return head{}, errShort
	case b[start-1] != '\n':
		return head{}, fmt.Errorf("%w: the key does not end where the header starts", errFormat)
	}
	h := head{
		key:   string(b[keyAt : start-1]),
		valid: int64(binary.LittleEndian.Uint64(b[offValid:])), //nolint:gosec // a time_t
		size:  size - int64(body),
	}
	h.total = h.size
	h.response(b[start:body])
	return h, nil
}

// response takes in the stored header of the response.
func (h *head) response(b []byte) {
	line, rest, _ := bytes.Cut(b, []byte("\n"))
	if _, after, ok := bytes.Cut(line, []byte(" ")); ok && len(after) >= 3 {
		h.status, _ = strconv.Atoi(string(after[:3]))
	}
	modified := ""
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		value = bytes.TrimSpace(value)
		switch {
		case is(name, stampHeader):
			h.stamp = parseStamp(string(value))
		case is(name, "Etag"):
			h.validator = string(value)
		case is(name, "Last-Modified"):
			modified = string(value)
		case is(name, "Content-Encoding"):
			h.encoding = string(value)
		case is(name, "Content-Range"):
			h.ranged(string(value))
		}
	}
	if h.validator == "" {
		h.validator = modified
	}
}

func is(name []byte, want string) bool {
	return len(name) == len(want) && strings.EqualFold(string(name), want)
}

// ranged takes in Content-Range: bytes FIRST-LAST/TOTAL.
func (h *head) ranged(v string) {
	span, total, ok := strings.Cut(strings.TrimPrefix(v, "bytes "), "/")
	if !ok {
		return
	}
	from, _, _ := strings.Cut(span, "-")
	first, err1 := strconv.ParseInt(from, 10, 64)
	all, err2 := strconv.ParseInt(total, 10, 64)
	if err1 == nil && err2 == nil && first >= 0 && all > 0 {
		h.first, h.total, h.slice = first, all, true
	}
}

// parseStamp computes when a fetch began, in milliseconds; zero if it cannot be
// told. nginx's clock stands still while it works, so that the time is never
// after the request to the origin.
func parseStamp(v string) time.Time {
	answered, took, ok := strings.Cut(v, " ")
	at, ok1 := millis(answered)
	d, ok2 := millis(took)
	if !ok || !ok1 || !ok2 || d > at {
		return time.Time{}
	}
	return time.UnixMilli(at - d)
}

// millis parses seconds with three decimals.
func millis(s string) (int64, bool) {
	whole, frac, ok := strings.Cut(s, ".")
	if !ok || len(frac) != 3 || len(whole) > 12 {
		return 0, false
	}
	n, err := strconv.ParseUint(whole+frac, 10, 63)
	return int64(n), err == nil
}
