package faulty

import (
	"bytes"
	"strconv"
)

// Bounds of the frames that are understood. Whatever is larger, or is not NATS,
// passes as it is from there on.
const (
	maxLine    = 64 << 10
	maxPayload = 8 << 20
)

// chunk is what passes as a whole: a frame, or bytes of a stream that is not
// understood.
type chunk struct {
	data    []byte
	message bool // PUB, HPUB, MSG or HMSG: may be repeated, swapped or dropped
}

// splitter cuts a stream into chunks. The chunks together are always the
// stream: whatever it thinks of the bytes, it changes none.
type splitter struct {
	raw bool // the stream is not understood, from here on
	buf []byte
}

// add takes in bytes of the stream and returns the chunks that are complete
// with them.
func (s *splitter) add(b []byte) []chunk {
	s.buf = append(s.buf, b...)
	var out []chunk
	for !s.raw {
		n, message, ok := frame(s.buf)
		if !ok {
			s.raw = true
			break
		}
		if n == 0 {
			return out
		}
		out = append(out, chunk{bytes.Clone(s.buf[:n]), message})
		s.buf = s.buf[n:]
	}
	return append(out, s.rest()...)
}

// rest returns what is left of the stream when it ends.
func (s *splitter) rest() []chunk {
	if len(s.buf) == 0 {
		return nil
	}
	c := chunk{data: s.buf}
	s.buf = nil
	return []chunk{c}
}

// frame returns the length of the frame at the beginning of a stream, 0 if
// more bytes are needed to tell, and whether the stream is NATS so far.
func frame(b []byte) (n int, message, ok bool) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return 0, false, len(b) <= maxLine
	}
	if end == 0 || end >= maxLine || b[end-1] != '\r' {
		return 0, false, false
	}
	words := bytes.Fields(b[:end])
	if len(words) == 0 {
		return 0, false, false
	}
	least, message := arguments(words[0])
	if len(words)-1 < least {
		return 0, false, false
	}
	if !message {
		return end + 1, false, true
	}
	// The last argument is the length of the payload, headers included.
	size, err := strconv.ParseUint(string(words[len(words)-1]), 10, 31)
	if err != nil || size > maxPayload {
		return 0, false, false
	}
	n = end + 1 + int(size) + 2
	if len(b) < n {
		return 0, false, true
	}
	return n, true, b[n-2] == '\r' && b[n-1] == '\n'
}

// unknown is more arguments than a line can have.
const unknown = maxLine

// arguments returns how many words at least follow the first one of a line,
// and whether a payload follows the line.
func arguments(verb []byte) (least int, message bool) {
	switch string(bytes.ToUpper(verb)) {
	case "PUB": // subject [reply] size
		return 2, true
	case "HPUB", "MSG": // subject [reply] header size; subject sid [reply] size
		return 3, true
	case "HMSG": // subject sid [reply] header size
		return 4, true
	case "INFO", "CONNECT", "SUB", "UNSUB", "PING", "PONG", "+OK", "-ERR":
		return 0, false
	}
	return unknown, false
}
