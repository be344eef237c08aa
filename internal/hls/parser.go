package hls

import (
	"bytes"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shape is what the tags so far say about a playlist.
type shape int

const (
	shapeUnknown shape = iota
	shapeMedia
	shapeMultivariant
)

// parser is the state of one reading. Its life is one call of ParseChild.
type parser struct {
	base    *url.URL
	limits  Limits
	imports map[string]string
	out     Playlist
	line    int
	counts  map[Kind]int
	shape   shape

	folder   string            // of the playlist, for names that need no resolving; see simple
	query    url.Values        // of base, once a tag asked for it
	expanded int               // bytes that variables have expanded to
	urlBytes int               // of the references so far
	attrs    map[string]string // of the tag at hand; one for all spares a playlist of parts most of its garbage
	next     pending           // what the tags said of the URI line to come
	lastURL  string            // of the last ranged segment or part, for ranges without offset
	lastEnd  uint64            // where its range ended
}

// pending collects the tags that stand before a URI line.
type pending struct {
	variant       int // line of the EXT-X-STREAM-INF, 0 = none
	segment       Ref // its Duration, Range, Discontinuity and Gap
	offsetMissing bool
}

func (p *parser) run(body []byte) error {
	if len(body) > p.limits.Bytes {
		return p.tooMuch("Bytes", "the playlist has more bytes", p.limits.Bytes)
	}
	body = bytes.TrimPrefix(body, []byte("\uFEFF")) // forbidden by the standard, sent by Windows
	begin, err := p.header(body)
	if err != nil {
		return err
	}
	if err := p.count(body); err != nil {
		return err
	}
	// One copy of the whole: lines are parts of it and allocate nothing.
	for raw := range strings.Lines(string(body)) {
		if p.line++; p.line <= begin {
			continue
		}
		if len(raw) > p.limits.Line {
			return p.tooMuch("Line", "the line has more bytes", p.limits.Line)
		}
		if err := p.one(strings.TrimSpace(raw)); err != nil {
			return err
		}
	}
	p.line++
	return p.dropVariant()
}

// header returns the line of #EXTM3U, before which there are blanks only.
func (p *parser) header(body []byte) (line int, err error) {
	text := bytes.TrimLeftFunc(body, unicode.IsSpace)
	line = 1 + bytes.Count(body[:len(body)-len(text)], []byte{'\n'})
	first, _, _ := bytes.Cut(text, []byte{'\n'})
	first = bytes.TrimSpace(first)
	switch {
	case len(first) == 0:
		return 0, &Error{Message: "it does not begin with #EXTM3U but with nothing"}
	case !isHeader(string(first[:min(len(first), p.limits.Line)])):
		return 0, &Error{Line: line, Message: "it does not begin with #EXTM3U but with " + found(body)}
	}
	return line, nil
}

func isHeader(line string) bool {
	rest, ok := strings.CutPrefix(line, "#EXTM3U")
	return ok && utf8.ValidString(rest) && (len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t')
}

func (p *parser) one(line string) error {
	switch {
	case line == "":
		return nil
	case line[0] != '#':
		return p.uri(line)
	case strings.HasPrefix(line, "#EXT"):
		name, value, _ := strings.Cut(line[1:], ":")
		return p.tag(name, value, line)
	}
	return nil // a comment
}

// uri takes a line that is a reference: the variant or segment that the tags
// before it announced.
func (p *parser) uri(line string) error {
	next := p.next
	p.next = pending{}
	raw, err := p.expand(line)
	if err != nil {
		return p.refuse(line, err)
	}
	if next.variant != 0 {
		return p.add(Ref{Kind: KindVariant}, raw)
	}
	if p.shape == shapeMultivariant {
		return p.problem(line, "a URI without EXT-X-STREAM-INF in a multivariant playlist")
	}
	// A URI without EXTINF is an old plain M3U; players play it.
	ref := next.segment
	ref.Kind = KindSegment
	if next.offsetMissing {
		if err := p.continueRange(&ref, raw); err != nil {
			return err
		}
	}
	p.remember(raw, ref.Range)
	return p.add(ref, raw)
}

// continueRange gives a range without offset its place behind the last one of
// the same file (RFC 8216 §4.3.2.2). Nothing is lost where there is none: the
// object is the same whatever its range.
func (p *parser) continueRange(ref *Ref, raw string) error {
	if raw == p.lastURL {
		ref.Range.Offset = p.lastEnd
		return nil
	}
	ref.Range = ByteRange{}
	return p.problem(raw, "a byte range without an offset follows no range of the same file; the whole file is taken")
}

func (p *parser) remember(raw string, r ByteRange) {
	p.lastURL, p.lastEnd = "", 0
	if r.Length > 0 && r.Offset+r.Length >= r.Offset {
		p.lastURL, p.lastEnd = raw, r.Offset+r.Length
	}
}

// add appends a reference, resolved against the playlist's own address.
func (p *parser) add(ref Ref, raw string) error {
	if ref.Kind == KindKey {
		ref.URL = strings.Clone(raw) // it is never fetched, and schemes such as skd: need no resolving
		if u, err := resolve(p.base, raw); err == nil {
			ref.URL = u
		}
		return p.push(ref)
	}
	if inline(raw) {
		return nil // the bytes are in the playlist itself; there is no object
	}
	if p.folder != "" && simple(raw) {
		ref.URL = p.folder + raw
		return p.push(ref)
	}
	u, err := resolve(p.base, raw)
	if err != nil {
		return p.problem(raw, err.Error())
	}
	ref.URL = u
	return p.push(ref)
}

func (p *parser) push(ref Ref) error {
	if err := p.room(); err != nil {
		return err
	}
	if p.urlBytes += len(ref.URL); p.urlBytes > p.limits.URLBytes {
		return p.tooMuch("URLBytes", "the references together have more bytes", p.limits.URLBytes)
	}
	ref.Line = p.line
	ref.Index = p.counts[ref.Kind]
	p.counts[ref.Kind]++
	p.out.Refs = append(p.out.Refs, ref)
	return nil
}

func (p *parser) problem(text, reason string) error {
	if err := p.room(); err != nil {
		return err
	}
	if len(p.out.Problems) >= p.limits.Problems {
		return p.tooMuch("Problems", "the playlist has more references that cannot be read", p.limits.Problems)
	}
	p.out.Problems = append(p.out.Problems, Problem{Line: p.line, Text: strings.Clone(shorten(text, 200)), Reason: reason})
	return nil
}

func (p *parser) room() error {
	if len(p.out.Refs)+len(p.out.Problems) >= p.limits.Refs {
		return p.tooMuch("Refs", "the playlist has more references", p.limits.Refs)
	}
	return nil
}

// is notes that a tag belongs to one shape of playlist. The standard forbids
// the mixture, players refuse it, and guessing would plan the wrong half.
func (p *parser) is(s shape, tag string) error {
	if p.shape == shapeUnknown {
		p.shape = s
		p.out.Multivariant = s == shapeMultivariant
	}
	if p.shape != s {
		return p.errorf("%s mixes the tags of a media playlist with those of a multivariant playlist", tag)
	}
	return nil
}

// dropVariant reports an EXT-X-STREAM-INF whose URI never came.
func (p *parser) dropVariant() error {
	if p.next.variant == 0 {
		return nil
	}
	p.next.variant = 0
	return p.problem("#EXT-X-STREAM-INF", "EXT-X-STREAM-INF is followed by no URI")
}
