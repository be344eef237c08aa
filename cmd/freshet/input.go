package main

import (
	"context"
	"io"
)

// inputBuffer is how much of standard input is read at a time.
const inputBuffer = 64 << 10

// interruptible is standard input that ends with its context: a read of a
// terminal or a pipe waits for ever, and Ctrl-C does not.
type interruptible struct {
	ctx  context.Context //nolint:containedctx // readers have no other way
	r    io.Reader
	buf  []byte
	rest []byte // what was read and not handed on
}

// Read implements [io.Reader].
func (i *interruptible) Read(p []byte) (int, error) {
	if len(i.rest) > 0 {
		n := copy(p, i.rest)
		i.rest = i.rest[n:]
		return n, nil
	}
	if i.buf == nil {
		i.buf = make([]byte, inputBuffer)
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := i.r.Read(i.buf)
		done <- result{n, err}
	}()
	select {
	case <-i.ctx.Done():
		return 0, i.ctx.Err() // the goroutine ends with the process
	case r := <-done:
		n := copy(p, i.buf[:r.n])
		i.rest = i.buf[n:r.n]
		if len(i.rest) > 0 {
			return n, nil // an error comes again
		}
		return n, r.err
	}
}
