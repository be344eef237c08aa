package freshet

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Media is one audio or video of an account, with the streams that play it.
type Media struct {
	Account string    `json:"-"`
	ID      string    `json:"MediaId"`
	Title   string    `json:"Title,omitempty"`
	Type    string    `json:"MediaType,omitempty"` // "video" or "audio"
	Status  string    `json:"Status"`              // "Normal" is playable
	AppID   string    `json:"AppId,omitempty"`
	Streams []Stream  `json:"Streams"`
	Updated time.Time `json:"UpdatedAt,omitzero"` // when the catalog last took it in
}

// MediaStatuses lists every status of a media, in the vendor's words.
func MediaStatuses() []string {
	return []string{"Uploading", "UploadFail", "UploadSucc", "Transcoding", "TranscodeFail", "Blocked", StatusNormal}
}

// StatusNormal is the status of playable media; only such media are
// prefetched (contract §4.1 U18). Purges work in any status.
const StatusNormal = "Normal"

// Stream is one rendition of a media: a file, or the playlist of one.
type Stream struct {
	JobID      string     `json:"JobId,omitempty"` // the transcoding job that made it
	Format     Format     `json:"Format"`
	Definition Definition `json:"Definition"`
	Type       StreamType `json:"StreamType"`
	URL        string     `json:"PlayURL"` // canonical, under its domain's own name
	Created    time.Time  `json:"CreationTime,omitzero"`
	Modified   time.Time  `json:"ModificationTime,omitzero"`
	Size       int64      `json:"Size,omitempty"` // bytes; 0 = unknown
	Bitrate    string     `json:"Bitrate,omitempty"`
	Encrypted  bool       `json:"Encrypt,omitempty"`
}

// IsPlaylist reports whether the stream is played through a playlist.
func (s Stream) IsPlaylist() bool { return s.Format == "m3u8" }

// Format is the container of a stream.
type Format string

// Definition is the quality class of a stream.
type Definition string

// StreamType says whether a stream carries pictures.
type StreamType string

// The values of StreamType.
const (
	StreamVideo StreamType = "video"
	StreamAudio StreamType = "audio"
)

// Formats lists every Format in the order in which URLs are reported.
func Formats() []Format { return []Format{"mp4", "m3u8", "mp3", "flv", "webm", "ts"} }

// Definitions lists every Definition in the order in which URLs are reported.
// SD is labelled high definition and HD ultra high (1080p) by the vendor.
func Definitions() []Definition {
	return []Definition{"FD", "LD", "SD", "HD", "2K", "4K", "OD", "SQ", "HQ", "AUTO"}
}

// StreamTypes lists every StreamType.
func StreamTypes() []StreamType { return []StreamType{StreamVideo, StreamAudio} }

// ParseOne finds s in list without regard to case and returns the canonical
// value. The second result is false if s is not in the list.
func ParseOne[T ~string](s string, list []T) (T, bool) {
	i := slices.IndexFunc(list, func(v T) bool { return strings.EqualFold(string(v), s) })
	if i < 0 {
		return "", false
	}
	return list[i], true
}

// CompareStreams orders streams as they are reported: by definition, then
// format, then newest first. Unknown values come last.
func CompareStreams(a, b Stream) int {
	return cmp.Or(
		cmp.Compare(rank(a.Definition, Definitions()), rank(b.Definition, Definitions())),
		cmp.Compare(rank(a.Format, Formats()), rank(b.Format, Formats())),
		b.newness(a),
		cmp.Compare(a.URL, b.URL),
	)
}

// newness compares by creation, modification, then job ID (contract §4.1 U12).
func (s Stream) newness(o Stream) int {
	return cmp.Or(s.Created.Compare(o.Created), s.Modified.Compare(o.Modified), cmp.Compare(s.JobID, o.JobID))
}

// Newer reports whether s was made after o (contract §4.1 U12).
func (s Stream) Newer(o Stream) bool { return s.newness(o) > 0 }

func rank[T comparable](v T, list []T) int {
	if i := slices.Index(list, v); i >= 0 {
		return i
	}
	return len(list)
}

// Filter says which URLs of a media a job is about. The zero Filter means
// every format and definition, and of each the latest stream only.
type Filter struct {
	Formats     []Format     `json:"formats,omitempty"`      // none = all
	Definitions []Definition `json:"definitions,omitempty"`  // none = all
	StreamTypes []StreamType `json:"stream_types,omitempty"` // none = all
	Multiple    bool         `json:"multiple,omitempty"`     // all streams, not the latest of each definition and format
	Slices      bool         `json:"slices,omitempty"`       // segments of playlists too
	SliceCount  int          `json:"slice_count,omitempty"`  // the first N segments of each playlist; 0 = the default
	// Everything means all that the media has and ever had: every stream,
	// all segments, I-frame playlists and remembered URLs. It is what a native
	// purge without filters does and cannot be asked for by the vendor's API.
	Everything bool `json:"everything,omitempty"`
}

// DefaultSliceCount and MaxSliceCount bound Filter.SliceCount (contract §4.1).
const (
	DefaultSliceCount = 5
	MaxSliceCount     = 20
)

// Accepts reports whether a stream passes the filter's lists.
func (f Filter) Accepts(s Stream) bool {
	return contains(f.Formats, s.Format) && contains(f.Definitions, s.Definition) && contains(f.StreamTypes, s.Type)
}

func contains[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }
