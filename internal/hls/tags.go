package hls

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// tag handles one tag line. Tags that name nothing fall through: unknown ones
// must be ignored (RFC 8216 §6.3.1), and EXT-X-DATERANGE may name
// interstitials, which are other media. Only tags that name or announce
// something decide what kind of playlist this is; packagers sprinkle the
// others over both kinds.
func (p *parser) tag(name, value, line string) error {
	switch name {
	case "EXT-X-DEFINE":
		return p.define(value, line)
	case "EXT-X-STREAM-INF", "EXT-X-MEDIA", "EXT-X-I-FRAME-STREAM-INF", "EXT-X-IMAGE-STREAM-INF":
		if err := p.is(shapeMultivariant, name); err != nil {
			return err
		}
		return p.multivariantTag(name, value, line)
	case "EXTINF", "EXT-X-BYTERANGE", "EXT-X-MAP", "EXT-X-PART", "EXT-X-PRELOAD-HINT", "EXT-X-RENDITION-REPORT":
		if err := p.is(shapeMedia, name); err != nil {
			return err
		}
		return p.mediaTag(name, value, line)
	case "EXT-X-KEY", "EXT-X-SESSION-KEY":
		return p.attribute(KindKey, "URI", value, line)
	case "EXT-X-SESSION-DATA":
		return p.attribute(KindSessionData, "URI", value, line)
	case "EXT-X-CONTENT-STEERING":
		return p.attribute(KindSteering, "SERVER-URI", value, line)
	case "EXT-X-DISCONTINUITY":
		p.next.segment.Discontinuity = true
	case "EXT-X-GAP":
		p.next.segment.Gap = true
	case "EXT-X-SKIP":
		// Only a client that asks for a delta update gets one; a cache or
		// origin that sends it unasked hides segments from us.
		return p.problem(line, "the playlist is a delta update: it leaves segments out")
	}
	p.about(name, value)
	return nil
}

// about takes what a playlist says of itself.
func (p *parser) about(name, value string) {
	switch name {
	case "EXT-X-VERSION":
		p.out.Version, _ = strconv.Atoi(value)
	case "EXT-X-TARGETDURATION":
		p.out.TargetDuration = duration(value)
	case "EXT-X-MEDIA-SEQUENCE":
		p.out.Sequence, _ = strconv.ParseUint(value, 10, 64)
	case "EXT-X-ENDLIST":
		p.out.End = true
	case "EXT-X-PLAYLIST-TYPE":
		p.out.Type = shorten(value, 16)
	}
}

func (p *parser) multivariantTag(name, value, line string) error {
	switch name {
	case "EXT-X-STREAM-INF":
		if err := p.dropVariant(); err != nil {
			return err
		}
		p.next.variant = p.line
		return nil
	case "EXT-X-MEDIA":
		return p.rendition(value, line)
	}
	return p.attribute(KindIFrames, "URI", value, line)
}

func (p *parser) rendition(value, line string) error {
	a, err := p.attributes(value)
	if err != nil {
		return p.refuse(line, err)
	}
	raw, ok := a["URI"]
	if !ok {
		return nil // it is part of the variants themselves
	}
	kind, ok := map[string]Kind{
		"AUDIO": KindAudio, "VIDEO": KindVideo, "SUBTITLES": KindSubtitles, "CLOSED-CAPTIONS": KindClosedCaptions,
	}[a["TYPE"]]
	if !ok {
		return p.problem(line, "EXT-X-MEDIA has the unknown TYPE "+strconv.Quote(shorten(a["TYPE"], 40)))
	}
	return p.add(Ref{Kind: kind}, raw)
}

func (p *parser) mediaTag(name, value, line string) error {
	switch name {
	case "EXTINF":
		seconds, _, _ := strings.Cut(value, ",")
		p.next.segment.Duration = duration(seconds)
	case "EXT-X-BYTERANGE":
		return p.byteRange(value, line)
	case "EXT-X-MAP":
		return p.attribute(KindInit, "URI", value, line)
	case "EXT-X-PART":
		return p.attribute(KindPart, "URI", value, line)
	case "EXT-X-PRELOAD-HINT":
		return p.attribute(KindHint, "URI", value, line)
	case "EXT-X-RENDITION-REPORT":
		return p.attribute(KindReport, "URI", value, line)
	}
	return nil
}

func (p *parser) byteRange(value, line string) error {
	r, offset, ok := parseRange(value)
	if !ok {
		return p.problem(line, "the byte range is malformed; the whole file is taken")
	}
	p.next.segment.Range, p.next.offsetMissing = r, !offset
	return nil
}

// attribute adds the reference that stands in one attribute of a tag.
func (p *parser) attribute(kind Kind, key, value, line string) error {
	a, err := p.attributes(value)
	if err != nil {
		return p.refuse(line, err)
	}
	raw, ok := a[key]
	if !ok || raw == "" {
		if kind == KindKey || kind == KindSessionData {
			return nil // METHOD=NONE, and data given as VALUE
		}
		return p.problem(line, "the attribute "+key+" is missing")
	}
	ref := Ref{Kind: kind, Gap: a["GAP"] == "YES"}
	if kind == KindPart {
		ref.Duration = duration(a["DURATION"])
	}
	if v, ok := a["BYTERANGE"]; ok {
		if err := p.attributeRange(&ref, raw, v, line); err != nil {
			return err
		}
	}
	return p.add(ref, raw)
}

func (p *parser) attributeRange(ref *Ref, raw, value, line string) error {
	r, offset, ok := parseRange(value)
	if !ok {
		return p.problem(line, "the byte range is malformed; the whole file is taken")
	}
	ref.Range = r
	switch {
	case ref.Kind == KindInit: // a missing offset is 0 (RFC 8216 §4.3.2.5)
	case !offset:
		if err := p.continueRange(ref, raw); err != nil {
			return err
		}
		fallthrough
	default:
		p.remember(raw, ref.Range)
	}
	return nil
}

// parseRange reads "length[@offset]".
func parseRange(s string) (r ByteRange, offset, ok bool) {
	length, from, offset := strings.Cut(strings.TrimSpace(s), "@")
	n, err := strconv.ParseUint(length, 10, 63)
	if err != nil || n == 0 {
		return ByteRange{}, false, false
	}
	r.Length = n
	if offset {
		if r.Offset, err = strconv.ParseUint(from, 10, 63); err != nil {
			return ByteRange{}, false, false
		}
	}
	return r, offset, true
}

// duration reads decimal seconds. What is no sensible duration is 0: nothing
// is planned by it.
func duration(s string) time.Duration {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > 1e6 {
		return 0
	}
	return time.Duration(f * float64(time.Second))
}
