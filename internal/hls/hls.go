// Package hls reads HLS playlists (RFC 8216 and its second edition): bytes in,
// references out.
//
// It does no I/O, imports nothing of ours, and must not know what becomes of a
// reference: which are fetched, purged or left alone is decided by package
// plan, its caller. It keeps references in the order and number in which the
// playlist has them, so that "the first five segments" means here what it
// means to a player. If it missed a reference, a takedown would leave pieces
// of a film in the caches; therefore whatever it cannot read is named in
// Playlist.Problems or as an error, never skipped.
package hls

import (
	"net/url"
	"time"
)

// Kind says what a reference is to the playlist that names it.
type Kind string

// The kinds of reference.
const (
	KindVariant        Kind = "variant"         // EXT-X-STREAM-INF: a playlist
	KindAudio          Kind = "audio"           // EXT-X-MEDIA: a playlist
	KindVideo          Kind = "video"           // EXT-X-MEDIA: a playlist
	KindSubtitles      Kind = "subtitles"       // EXT-X-MEDIA: a playlist
	KindClosedCaptions Kind = "closed-captions" // EXT-X-MEDIA; the standard gives it no URI, some packagers do
	KindIFrames        Kind = "iframes"         // EXT-X-I-FRAME-STREAM-INF or EXT-X-IMAGE-STREAM-INF: a playlist
	KindReport         Kind = "report"          // EXT-X-RENDITION-REPORT: a sibling's playlist
	KindSegment        Kind = "segment"
	KindInit           Kind = "init" // EXT-X-MAP
	KindPart           Kind = "part" // EXT-X-PART
	KindHint           Kind = "hint" // EXT-X-PRELOAD-HINT: a part or init section that may not exist yet
	KindKey            Kind = "key"  // EXT-X-KEY or EXT-X-SESSION-KEY; its URL may have any scheme
	KindSessionData    Kind = "session-data"
	KindSteering       Kind = "steering" // EXT-X-CONTENT-STEERING
)

// Playlist reports whether the kind refers to another playlist.
func (k Kind) Playlist() bool {
	switch k {
	case KindVariant, KindAudio, KindVideo, KindSubtitles, KindClosedCaptions, KindIFrames, KindReport:
		return true
	case KindSegment, KindInit, KindPart, KindHint, KindKey, KindSessionData, KindSteering:
	}
	return false
}

// Playlist is what a playlist says.
type Playlist struct {
	Multivariant   bool              // it names playlists, not segments
	End            bool              // EXT-X-ENDLIST: no segment will be added
	Type           string            // EXT-X-PLAYLIST-TYPE: VOD, EVENT or ""
	Version        int               // EXT-X-VERSION; 1 if it says nothing
	TargetDuration time.Duration     // EXT-X-TARGETDURATION
	Sequence       uint64            // EXT-X-MEDIA-SEQUENCE: number of the first segment
	Refs           []Ref             // in playlist order, duplicates included
	Problems       []Problem         // what could not be read; the rest could
	Variables      map[string]string // EXT-X-DEFINE, for the playlists that import them
}

// Ref is one reference of a playlist. Several segments may be ranges of one
// file; they are then one object, and have equal URLs.
type Ref struct {
	URL           string // absolute; as the playlist has it otherwise
	Kind          Kind
	Index         int       // place among the references of its kind, from 0
	Line          int       // where it stands, from 1
	Range         ByteRange // zero: the whole resource
	Duration      time.Duration
	Discontinuity bool // EXT-X-DISCONTINUITY stands before this segment
	Gap           bool // EXT-X-GAP: the segment is known to be missing at the origin
}

// ByteRange is a part of a resource. Length 0 means the whole of it.
type ByteRange struct {
	Length, Offset uint64
}

// Problem is a reference that could not be read.
type Problem struct {
	Line   int
	Text   string // what stands there, shortened
	Reason string
}

// Limits bound what one playlist may cost. A zero field means the default.
type Limits struct {
	Bytes     int // of the playlist; 4 MiB
	Lines     int // 500,000
	Line      int // bytes of one line, before and after its variables are put in; 64 KiB
	Refs      int // references and problems together; 100,000
	Problems  int // references that cannot be read; 10,000, at most Refs
	URLBytes  int // of all references together, once they are absolute; 32 MiB
	Attrs     int // attributes of one tag; 256
	Expansion int // bytes that variables may expand to, in all; 4 MiB
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, n int) {
		if *v <= 0 {
			*v = n
		}
	}
	set(&l.Bytes, 4<<20)
	set(&l.Lines, 500_000)
	set(&l.Line, 64<<10)
	set(&l.Refs, 100_000)
	set(&l.Problems, min(10_000, l.Refs))
	set(&l.URLBytes, 32<<20)
	set(&l.Attrs, 256)
	set(&l.Expansion, 4<<20)
	return l
}

// Parse reads a playlist that was found at base. The error is an [*Error].
func Parse(body []byte, base *url.URL, limits Limits) (Playlist, error) {
	return ParseChild(body, base, limits, nil)
}

// ParseChild reads a playlist that was named by a multivariant playlist with
// the given variables, which it may import.
func ParseChild(body []byte, base *url.URL, limits Limits, variables map[string]string) (Playlist, error) {
	p := &parser{base: base, limits: limits.withDefaults(), imports: variables, counts: map[Kind]int{}}
	p.out.Version = 1
	p.folder, _ = resolve(base, ".") // "" without a base: then nothing is simple
	if err := p.run(body); err != nil {
		return Playlist{}, err
	}
	return p.out, nil
}
