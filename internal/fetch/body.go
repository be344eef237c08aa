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
	errTooLarge = errors.New("the answer is too large")
	errEncoding = errors.New("the answer's encoding cannot be read")
)

// capped fails once more than left bytes were read. It is put on both sides of
// the decompression: a bomb is small on one and large on the other.
type capped struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (c *capped) Read(p []byte) (int, error) {
	if c.left < 0 {
		return 0, errTooLarge
	}
	// One byte more than is left tells an exact fit from an excess.
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return n, errTooLarge
	}
	return n, err
}

// decoded undoes the content encoding. The only one that is asked for is gzip,
// but origins send what they have.
func decoded(r io.Reader, encoding string) (io.Reader, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return r, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, encodingFault(err)
		}
		return &gunzip{z}, nil
	}
	return nil, fmt.Errorf("%w: %q", errEncoding, encoding)
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
