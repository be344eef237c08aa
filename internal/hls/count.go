package hls

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// count makes room for the references of a playlist's lines, or refuses a
// playlist that has too many of anything before more is spent on it than one
// look at each byte.
func (p *parser) count(body []byte) error {
	if n := bytes.Count(body, []byte{'\n'}); n > p.limits.Lines {
		p.line = p.limits.Lines + 1
		return p.tooMuch("Lines", "the playlist has more lines", p.limits.Lines)
	}
	if !utf8.Valid(body) {
		return p.notText(body)
	}
	refs, size := 0, 0
	for line := 1; len(body) > 0; line++ {
		end := bytes.IndexByte(body, '\n')
		if end < 0 {
			end = len(body)
		}
		if raw, ok := reference(body[:end]); ok {
			p.line = line
			if refs++; refs > p.limits.Refs {
				return p.tooMuch("Refs", "the playlist has more references", p.limits.Refs)
			}
			if relative(raw) { // a short name under a long address grows most
				size += len(p.folder)
			}
			if size += len(raw); size > p.limits.URLBytes {
				return p.tooMuch("URLBytes", "the references together have more bytes", p.limits.URLBytes)
			}
		}
		body = body[min(end+1, len(body)):]
	}
	p.line = 0
	p.out.Refs = make([]Ref, 0, refs)
	return nil
}

// notText says in which line a playlist is not UTF-8.
func (p *parser) notText(body []byte) error {
	for line := range bytes.Lines(body) {
		if p.line++; !utf8.Valid(line) {
			break
		}
	}
	return p.errorf("it is not valid UTF-8")
}

// reference returns the beginning of what a line refers to, at least, if it
// refers to something. It looks at lines only as far as it must.
func reference(line []byte) ([]byte, bool) {
	if len(line) == 0 || line[0] <= ' ' {
		return nil, false
	}
	if line[0] != '#' {
		return line, !inline(string(line[:min(len(line), 8)]))
	}
	rest, ok := bytes.CutPrefix(line, []byte("#EXT-X-"))
	if !ok {
		return nil, false
	}
	name, attributes, _ := bytes.Cut(rest, []byte{':'})
	switch string(name) {
	case "PART", "PRELOAD-HINT", "RENDITION-REPORT", "MAP", "MEDIA", "I-FRAME-STREAM-INF", "IMAGE-STREAM-INF", "KEY", "SESSION-KEY", "SESSION-DATA":
		_, raw, found := bytes.Cut(attributes, []byte("URI="))
		raw, _, _ = bytes.Cut(bytes.TrimLeft(raw, " \t\""), []byte{'"'})
		return raw, found && !inline(string(raw[:min(len(raw), 8)]))
	}
	return nil, false
}

// relative reports whether a reference takes over the playlist's folder.
func relative(raw []byte) bool {
	if len(raw) == 0 || raw[0] == '/' {
		return false
	}
	first, _, _ := strings.Cut(string(raw[:min(len(raw), 16)]), "/")
	return !strings.Contains(first, ":")
}
