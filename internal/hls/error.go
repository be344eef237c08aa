package hls

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Error says why a playlist cannot be read at all.
type Error struct {
	Line    int    // from 1; 0 = the whole
	Limit   string // the field of [Limits] that was exceeded, if one was
	Message string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Line == 0 {
		return "playlist: " + e.Message
	}
	return "playlist line " + strconv.Itoa(e.Line) + ": " + e.Message
}

func (p *parser) errorf(format string, args ...any) error {
	return &Error{Line: p.line, Message: fmt.Sprintf(format, args...)}
}

func (p *parser) tooMuch(limit, what string, n int) error {
	return &Error{Line: p.line, Limit: limit, Message: fmt.Sprintf("%s than the limit of %d", what, n)}
}

// found names what stands where a playlist was expected, so that an operator
// sees at once that the origin sent its login page. The prefixes are what
// origins are seen to send in a playlist's place.
func found(body []byte) string {
	if bytes.HasPrefix(body, []byte("\x1f\x8b")) {
		return "compressed data (gzip)"
	}
	head := bytes.ToLower(bytes.TrimSpace(body[:min(len(body), 512)]))
	for _, s := range []struct{ prefix, name string }{
		{"<!doctype html", "an HTML page"},
		{"<html", "an HTML page"},
		{"<mpd", "a DASH manifest"},
		{"<?xml", "an XML document"},
		{"<", "markup"},
		{"{", "a JSON document"},
		{"[", "a JSON document or an INI file"},
		{"webvtt", "WebVTT subtitles"},
		{"id3", "an audio file"},
		{"g@", "an MPEG transport stream"},
	} {
		if bytes.HasPrefix(head, []byte(s.prefix)) {
			return s.name
		}
	}
	switch {
	case len(head) == 0:
		return "nothing"
	case len(head) > 8 && string(head[4:8]) == "ftyp":
		return "an MP4 file"
	case !utf8.Valid(trimRune(body[:min(len(body), 512)])):
		return "binary data"
	}
	first, _, _ := bytes.Cut(bytes.TrimSpace(body), []byte("\n"))
	return strconv.Quote(shorten(string(first), 40))
}

// trimRune cuts off a UTF-8 sequence that a cut left incomplete.
func trimRune(b []byte) []byte {
	for i := 1; i <= min(len(b), utf8.UTFMax); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

// shorten cuts s to about n bytes, between runes.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
