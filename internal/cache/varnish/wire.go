package varnish

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

// The operations of freshet.vcl.
const (
	opHello   = "hello"
	opPurge   = "purge"
	opSoft    = "soft"
	opInspect = "inspect"
	opJoin    = "join"
	opBan     = "ban"
	opXkey    = "xkey"
	opPut     = "put"
	opCount   = "count"
	opDenied  = "denied"
)

// The verdicts of freshet.vcl.
const (
	saysOK      = "ok"
	saysHit     = "hit"
	saysMiss    = "miss"
	saysKept    = "kept"    // a purge with Since left what is newer
	saysPass    = "pass"    // the key was marked as not to be stored
	saysJoined  = "joined"  // a fill that came in while the request waited
	saysAgain   = "again"   // a join that could not see whether another fill is in flight
	saysUnknown = "unknown" // no such operation in the VCL
)

// What the optional part of the VCL says of itself.
const (
	canTag   = "xkey"
	canFence = "fence" // bans and tag purges keep fills in flight from being stored
)

// notesHost is the host of what the driver itself stores in Varnish.
const notesHost = "freshet.invalid"

// request is one request to the control listener.
type request struct {
	op    string
	host  string
	path  string // with the query
	text  string // of a ban, of tags, of a note
	since time.Time
	keep  time.Duration // with opSoft

	header http.Header // of a viewer, by which Varnish chooses a variant
}

// reply is what Varnish said. With err, nothing else counts.
type reply struct {
	err     error
	verdict string
	now     time.Time // Varnish's clock when it began
	count   int       // objects removed
	text    string    // of a note
	powers  string

	// Of the stored object, with a verdict that has one.
	status       int
	stamp        time.Time
	ttl          time.Duration
	streaming    bool // its body still comes
	etag         string
	lastModified string
	length       int64 // -1: not known
	packed       bool  // it has a content encoding
	varies       bool  // there may be variants of it, in Varnish's eyes
}

func (r *reply) can(what string) bool {
	return bytes.Contains([]byte(" "+r.powers+" "), []byte(" "+what+" "))
}

// copied returns the object that the reply tells of.
func (r *reply) copied() freshet.Copy {
	if r.verdict != saysHit && r.verdict != saysKept && r.verdict != saysJoined {
		return freshet.Copy{}
	}
	c := freshet.Copy{FetchedAt: r.stamp, Validator: r.etag, Size: max(r.length, 0)}
	if c.Validator == "" {
		c.Validator = r.lastModified
	}
	return c
}

// Errors of requests.
var (
	errUnsafe = errors.New("the URL or text has bytes that may not stand in a request")
	errOdd    = errors.New("the control listener did not answer as Freshet's VCL does")
	errClosed = errors.New("the connection to the control listener was closed before its answer")
)

func reasonOf(err error) freshet.Reason {
	var late interface{ Timeout() bool }
	switch {
	case errors.Is(err, errUnsafe):
		return freshet.ReasonRefused
	case errors.As(err, &late) && late.Timeout():
		return freshet.ReasonTimeout
	}
	return freshet.ReasonUnreachable
}

// safe reports whether nothing in the request can end a line or a word of it.
func (r *request) safe() bool {
	if r.host == "" || r.path == "" || r.path[0] != '/' {
		return false
	}
	for i := range len(r.host) {
		if c := r.host[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != ':' && c != '_' && c != '[' && c != ']' {
			return false
		}
	}
	for i := range len(r.path) {
		if c := r.path[i]; c <= ' ' || c >= 0x7f {
			return false
		}
	}
	if !visibleOrBlank(r.text) {
		return false
	}
	for name, values := range r.header {
		if !slices.Contains(freshet.PrefetchFields(), name) || slices.ContainsFunc(values, func(v string) bool { return !visibleOrBlank(v) }) {
			return false
		}
	}
	return true
}

// visibleOrBlank reports whether a text may stand in a field of a header.
func visibleOrBlank(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c >= 0x7f })
}

// appendTo writes the request. HEAD, so that no answer has a body.
func (r *request) appendTo(b []byte, id uint64) []byte {
	b = append(append(append(b, "HEAD "...), r.path...), " HTTP/1.1\r\nHost: "...)
	b = append(append(append(b, r.host...), "\r\nX-Freshet-Op: "...), r.op...)
	b = strconv.AppendUint(append(b, "\r\nX-Freshet-Id: "...), id, 10)
	if r.text != "" {
		b = append(append(b, "\r\nX-Freshet-Text: "...), r.text...)
	}
	if !r.since.IsZero() {
		b = append(append(b, "\r\nX-Freshet-Since: "...), stamp(r.since)...)
	}
	if r.keep > 0 {
		b = append(append(b, "\r\nX-Freshet-Keep: "...), strconv.FormatFloat(r.keep.Seconds(), 'f', 3, 64)+"s"...)
	}
	for name, values := range r.header {
		for _, v := range values {
			b = append(append(append(append(b, "\r\n"...), name...), ": "...), v...)
		}
	}
	return append(b, "\r\n\r\n"...)
}

// stamp writes a time as Varnish does: seconds with three digits.
func stamp(t time.Time) string {
	ms := max(t.UnixMilli(), 0)
	return fmt.Sprintf("%010d.%03d", ms/1000, ms%1000)
}

// maxHeaders bounds the lines of an answer. Varnish itself takes 64 from an
// origin.
const maxHeaders = 256

// readReply reads the answer to the request with that id. more says whether
// the connection can be used for another. An answer that is not whole, or not
// that request's, is an error.
func readReply(br *bufio.Reader, id uint64) (r reply, more bool, err error) {
	line, err := readLine(br)
	if err != nil {
		return r, false, err
	}
	if r.status, err = statusOf(line); err != nil {
		return r, false, err
	}
	r.length, more = -1, true
	ours := 0
	for range maxHeaders {
		if line, err = readLine(br); err != nil {
			return r, false, err
		}
		if len(line) == 0 {
			if ours != 1 {
				return r, false, errOdd
			}
			return r, more, nil
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return r, false, errOdd
		}
		value = bytes.TrimSpace(value)
		switch {
		case is(name, "x-freshet"):
			ours++
			err = r.ours(value, id)
		case is(name, "connection"):
			more = more && !is(value, "close")
		default:
			err = r.field(name, value)
		}
		if err != nil {
			return r, false, err
		}
	}
	return r, false, errOdd
}

// field takes in a header of the stored object.
func (r *reply) field(name, value []byte) (err error) {
	switch {
	case is(name, "etag"):
		r.etag = string(value)
	case is(name, "last-modified"):
		r.lastModified = string(value)
	case is(name, "content-length"):
		if r.length, err = strconv.ParseInt(string(value), 10, 64); err != nil || r.length < 0 {
			return errOdd
		}
	case is(name, "content-encoding"):
		r.packed = true
	case is(name, "vary"):
		// Varnish itself sees to encodings, and stores one.
		r.varies = r.varies || !is(value, "accept-encoding")
	case is(name, "transfer-encoding"):
		return nil // the length is not known yet; an answer to HEAD has no body
	case is(name, "x-freshet-text"):
		r.text = string(value)
	case is(name, "x-freshet-can"):
		r.powers = string(value)
	}
	return nil
}

// ours reads the line that freshet.vcl adds.
func (r *reply) ours(value []byte, id uint64) error {
	f := bytes.Fields(value)
	if len(f) != 7 {
		return errOdd
	}
	if got, err := strconv.ParseUint(string(f[0]), 10, 64); err != nil || got != id {
		return errOdd
	}
	var ok [4]bool
	r.now, ok[0] = parseStamp(f[1])
	r.verdict = string(f[2])
	n, err := strconv.Atoi(string(f[3]))
	r.count = n
	r.stamp, ok[1] = parseStamp(f[4])
	var ttl float64
	ttl, errTTL := strconv.ParseFloat(string(f[5]), 64)
	ok[2] = errTTL == nil && ttl > -1e10 && ttl < 1e10
	ok[3] = is(f[6], "true") || is(f[6], "false")
	r.streaming = is(f[6], "true")
	if err != nil || n < 0 || ok != [4]bool{true, true, true, true} || r.now.UnixMilli() <= 0 {
		return errOdd
	}
	r.ttl = time.Duration(ttl * float64(time.Second))
	return nil
}

// parseStamp reads seconds with three digits after the point. An object that
// was stored before Freshet's VCL came has 0.000: it is older than everything.
func parseStamp(b []byte) (time.Time, bool) {
	sec, frac, ok := bytes.Cut(b, []byte("."))
	s, err := strconv.ParseUint(string(sec), 10, 40)
	ms, errMs := strconv.ParseUint(string(frac), 10, 16)
	if !ok || err != nil || errMs != nil || len(frac) != 3 || len(sec) > 11 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(s*1000 + ms)).UTC(), true
}

func statusOf(line []byte) (int, error) {
	rest, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(rest) < 3 || len(rest) > 3 && rest[3] != ' ' {
		return 0, errOdd
	}
	n, err := strconv.ParseUint(string(rest[:3]), 10, 16)
	if err != nil || n < 200 || n > 999 {
		return 0, errOdd
	}
	return int(n), nil
}

// readLine returns a line without its end. It holds until the next read.
func readLine(br *bufio.Reader) ([]byte, error) {
	line, err := br.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, errOdd
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errClosed, err)
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// is compares in ASCII without regard to case; want is in lower case.
func is(got []byte, want string) bool {
	if len(got) != len(want) {
		return false
	}
	for i, c := range got {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != want[i] {
			return false
		}
	}
	return true
}
