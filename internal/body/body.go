// Package body reads the bodies of requests into memory, within bounds of size
// and time.
//
// A signature covers a whole body, so it must be read before anybody knows who
// sent it: what is too long is refused before it is read if it says so, and what
// does not say so never takes more memory than it has bytes. The two APIs call
// it. It must not know what is in a body.
package body

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Limits bound a body.
type Limits struct {
	Bytes int64
	// Undeclared bounds one that does not say its length; 0: Bytes.
	Undeclared int64
	// Within is how long a client may take to send it; 0: as long as it likes.
	Within time.Duration
}

// TooLargeError is a body over a limit.
type TooLargeError struct {
	Limit      int64 // bytes
	Undeclared bool  // the limit is that of bodies that do not say their length
}

// Error implements error.
func (e *TooLargeError) Error() string {
	if e.Undeclared {
		return fmt.Sprintf("the body is longer than %d bytes, the limit of one that does not say its length", e.Limit)
	}
	return fmt.Sprintf("the body is longer than %d bytes", e.Limit)
}

// ErrEncoded is a body that says it is compressed: what it would be as a whole is
// not known, and nothing that is signed needs it.
var ErrEncoded = errors.New("the body has a Content-Encoding; it must be sent as it is")

// The first buffer is what nearly all bodies take. It grows with what has come,
// not with what was promised.
const (
	firstBuffer = 16 << 10
	growth      = 4
)

// Read returns the body of a request, nil if it has none. Beside those of the
// connection, its errors are a [*TooLargeError] and [ErrEncoded].
func Read(w http.ResponseWriter, r *http.Request, limits Limits) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil, nil
	}
	for _, coding := range r.Header.Values("Content-Encoding") {
		if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
			return nil, ErrEncoded
		}
	}
	tooLarge := &TooLargeError{Limit: limits.Bytes}
	if r.ContentLength < 0 && limits.Undeclared > 0 && limits.Undeclared < limits.Bytes {
		tooLarge = &TooLargeError{Limit: limits.Undeclared, Undeclared: true}
	}
	if r.ContentLength > tooLarge.Limit {
		w.Header().Set("Connection", "close") // its bytes are not waited for
		return nil, tooLarge
	}
	if limits.Within > 0 {
		control := http.NewResponseController(w)
		if err := control.SetReadDeadline(time.Now().Add(limits.Within)); err == nil {
			defer func() { _ = control.SetReadDeadline(time.Time{}) }()
		} else if !errors.Is(err, http.ErrNotSupported) {
			return nil, fmt.Errorf("bounding the time of a request's body: %w", err)
		}
	}
	most := tooLarge.Limit + 1
	if r.ContentLength > 0 {
		most = r.ContentLength
	}
	body, err := readAll(http.MaxBytesReader(w, r.Body, tooLarge.Limit), most)
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, tooLarge
	}
	if err == nil && r.ContentLength > 0 && int64(len(body)) < r.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	return body, err
}

// readAll reads to the end, or to most bytes.
func readAll(r io.Reader, most int64) ([]byte, error) {
	body := make([]byte, 0, min(firstBuffer, most))
	for {
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) == most, errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, err
		case len(body) == cap(body):
			body = append(make([]byte, 0, min(growth*int64(cap(body)), most)), body...)
		}
	}
}
