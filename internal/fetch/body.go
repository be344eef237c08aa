package fetch

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
)

var (
	errEncoding = errors.New("the answer's encoding cannot be read")
	errAhead    = fmt.Errorf("%w: it is longer compressed than it is", errEncoding)
	errSlow     = errors.New("the answer comes too slowly")
)

// tooLargeError is an answer over a limit.
type tooLargeError struct {
	limit      int64
	compressed bool // as it came, not as it is
}

// Error implements error.
func (e *tooLargeError) Error() string {
	return fmt.Sprintf("the answer has more than %d bytes", e.limit)
}

// encodingError is a content encoding that is not known.
type encodingError struct{ name string }

// Error implements error.
func (e *encodingError) Error() string { return fmt.Sprintf("the content encoding is %q", e.name) }

// Unwrap makes it an errEncoding.
func (e *encodingError) Unwrap() error { return errEncoding }

const (
	// A compressed answer may have this part of the limit. Playlists shrink to
	// a tenth; and undoing what was made to be slow to undo takes 0.1 s for each
	// MiB.
	packedPart = 4
	// packedAhead is how many compressed bytes may come before what they hold
	// is as long. What is honestly compressed grows by a few bytes at most;
	// without this, empty blocks would cost time and yield nothing.
	packedAhead = 64 << 10
)

// capped fails once more than limit bytes were read.
type capped struct {
	r     io.Reader
	limit int64
	fault error // of what is over the limit
	n     int64 // bytes read
}

// Read implements io.Reader.
func (c *capped) Read(p []byte) (int, error) {
	left := c.limit - c.n
	if left < 0 {
		return 0, c.fault
	}
	// One byte more than is left tells an exact fit from an excess.
	if int64(len(p)) > left+1 {
		p = p[:left+1]
	}
	n, err := c.r.Read(p)
	if c.n += int64(n); c.n > c.limit {
		return n, c.fault
	}
	return n, err
}

// ahead fails when more bytes went into a decompressor than came out of it, and
// some.
type ahead struct {
	in  io.Reader
	n   int64
	out *capped
}

// Read implements io.Reader.
func (a *ahead) Read(p []byte) (int, error) {
	if a.n > a.out.n+packedAhead {
		return 0, errAhead
	}
	n, err := a.in.Read(p)
	a.n += int64(n)
	return n, err
}

// decoded returns a body of at most limit bytes without its content encodings.
// The only one that is asked for is gzip, but origins send what they have. A
// bomb is small on one side of the decompression and large on the other, so that
// both are bounded.
func decoded(body io.Reader, encodings []string, limit int64) (io.Reader, error) {
	plain := &capped{limit: limit, fault: &tooLargeError{limit: limit}}
	switch encoding := strings.ToLower(strings.TrimSpace(strings.Join(encodings, ","))); encoding {
	case "", "identity":
		plain.r = body
	case "gzip", "x-gzip":
		most := limit / packedPart
		packed := &capped{r: body, limit: most, fault: &tooLargeError{limit: most, compressed: true}}
		z, err := gzip.NewReader(&ahead{in: packed, out: plain})
		if err != nil {
			return nil, encodingFault(err)
		}
		plain.r = &gunzip{z}
	default:
		return nil, &encodingError{encoding[:min(len(encoding), 100)]}
	}
	return plain, nil
}

// gunzip marks faults of the compressed data, so that they are not taken for
// faults of the connection.
type gunzip struct{ z *gzip.Reader }

// Read implements io.Reader.
func (g *gunzip) Read(p []byte) (int, error) {
	n, err := g.z.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = encodingFault(err)
	}
	return n, err
}

func encodingFault(err error) error {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	if corrupt || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", errEncoding, err)
	}
	return err
}
