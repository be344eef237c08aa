// Package jsonl splits a stream into bounded lines.
//
// It must not know what the lines mean. The catalog's import and the client,
// which cuts a file into requests, call it, so that both count lines alike. If
// it miscounts, faults are reported at the wrong line.
package jsonl

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// MaxLine bounds one line, without its line break, in bytes. A line is one
// media: a thousand streams with long URLs fit several times.
const MaxLine = 1 << 20

// Reader reads lines.
type Reader struct {
	r    *bufio.Reader
	buf  []byte
	line int
	err  error
}

// Line is one line that is not blank. Bytes is valid until the next call, and
// nil if the line is too long.
type Line struct {
	Number  int // 1-based; blank lines count
	Bytes   []byte
	TooLong bool
}

// NewReader returns a Reader.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 64<<10)}
}

// Next returns the next line that is not blank, or io.EOF. A line that is too
// long is skipped to its end without being held in memory.
func (r *Reader) Next() (Line, error) {
	for r.err == nil {
		l, ok := r.read()
		if ok {
			return l, nil
		}
	}
	return Line{}, r.err
}

// read reads one line; false if it was blank or there is none.
func (r *Reader) read() (Line, bool) {
	r.buf = r.buf[:0]
	tooLong := false
	for {
		part, err := r.r.ReadSlice('\n')
		if !tooLong {
			r.buf = append(r.buf, part...)
			tooLong = len(bytes.TrimRight(r.buf, "\r\n")) > MaxLine
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		r.err = err
		break
	}
	if r.err != nil && !errors.Is(r.err, io.EOF) {
		return Line{}, false // a line cut off by a broken stream is no line
	}
	r.line++
	text := r.buf
	if r.line == 1 {
		text = bytes.TrimPrefix(text, []byte("\ufeff"))
	}
	text = bytes.TrimSpace(text)
	switch {
	case tooLong:
		return Line{Number: r.line, TooLong: true}, true
	case len(text) == 0:
		return Line{}, false
	}
	return Line{Number: r.line, Bytes: text}, true
}
