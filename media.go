package freshet

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Media is one audio or video of an account, with the streams that play it.
type Media struct {
	Account     string   `json:"-"`
	ID          string   `json:"MediaId"`
	ReferenceID string   `json:"ReferenceId,omitempty"` // the account's own name for it
	Title       string   `json:"Title,omitempty"`
	Description string   `json:"Description,omitempty"`
	Tags        []string `json:"Tags,omitempty"`
	CateID      int64    `json:"CateId,omitempty"` // category; 0 = none
	CateName    string   `json:"CateName,omitempty"`
	CoverURL    string   `json:"CoverURL,omitempty"`
	Snapshots   []string `json:"Snapshots,omitempty"`
	Type        string   `json:"MediaType,omitempty"` // "video" or "audio"; empty = see Kind
	Status      string   `json:"Status"`              // "Normal" is playable
	AppID       string   `json:"AppId,omitempty"`
	// StorageLocation is where the source is kept, in words of the account's.
	StorageLocation string    `json:"StorageLocation,omitempty"`
	TemplateGroupID string    `json:"TemplateGroupId,omitempty"` // what it was registered with
	Duration        float64   `json:"Duration,omitempty"`        // seconds; 0 = unknown
	Size            int64     `json:"Size,omitempty"`            // of the source, in bytes; 0 = see SourceSize
	UserData        string    `json:"UserData,omitempty"`        // JSON, as it was given with the media
	Created         time.Time `json:"CreationTime,omitzero"`
	Modified        time.Time `json:"ModificationTime,omitzero"`
	Streams         []Stream  `json:"Streams"`
	Updated         time.Time `json:"UpdatedAt,omitzero"` // when the catalog last took it in
}

// Kind returns Type, or what the streams say if it is empty: audio if all of
// them are.
func (m *Media) Kind() StreamType {
	if m.Type != "" {
		return StreamType(m.Type)
	}
	for _, s := range m.Streams {
		if s.Type != StreamAudio {
			return StreamVideo
		}
	}
	if len(m.Streams) > 0 {
		return StreamAudio
	}
	return StreamVideo
}

// SourceSize returns Size, or the size of the original among the streams; 0 if
// neither is known.
func (m *Media) SourceSize() int64 {
	if m.Size > 0 {
		return m.Size
	}
	for _, s := range m.Streams {
		if s.Definition == DefinitionOriginal && s.Size > 0 {
			return s.Size
		}
	}
	return 0
}

// Length returns Duration, or that of the longest stream, in seconds; 0 if
// neither is known.
func (m *Media) Length() float64 {
	if m.Duration > 0 {
		return m.Duration
	}
	var longest float64
	for i := range m.Streams {
		if d, err := strconv.ParseFloat(m.Streams[i].Duration, 64); err == nil {
			longest = max(longest, d)
		}
	}
	return longest
}

// MediaStatuses lists every status of a media, in the vendor's words.
func MediaStatuses() []string {
	return []string{"Uploading", "UploadFail", "UploadSucc", "Transcoding", "TranscodeFail", StatusBlocked, StatusNormal}
}

// StatusNormal is the status of playable media; only such media are
// prefetched (contract §4.1 U18). Purges work in any status.
const StatusNormal = "Normal"

// StatusBlocked is the status of a media that is taken down, whatever the
// catalog was told of it.
const StatusBlocked = "Blocked"

// Stream is one rendition of a media: a file, or the playlist of one.
type Stream struct {
	JobID      string     `json:"JobId,omitempty"` // the transcoding job that made it
	Format     Format     `json:"Format"`
	Definition Definition `json:"Definition"`
	Type       StreamType `json:"StreamType"`
	URL        string     `json:"PlayURL"` // canonical, under its domain's own name
	Created    time.Time  `json:"CreationTime,omitzero"`
	Modified   time.Time  `json:"ModificationTime,omitzero"`
	Size       int64      `json:"Size,omitempty"`    // bytes; 0 = unknown
	Bitrate    string     `json:"Bitrate,omitempty"` // kbit/s
	Encrypted  bool       `json:"Encrypt,omitempty"`
	// What follows is shown as it was imported (contract §4.10); nothing but
	// EncryptType, CodecName and JobType is ever looked at.
	Status         string `json:"Status,omitempty"`   // empty = "Normal"; "Invisible" = blocked by the vendor
	Duration       string `json:"Duration,omitempty"` // seconds
	FPS            string `json:"Fps,omitempty"`
	Width          int    `json:"Width,omitempty"`
	Height         int    `json:"Height,omitempty"`
	EncryptType    string `json:"EncryptType,omitempty"`
	EncryptMode    string `json:"EncryptMode,omitempty"`
	Specification  string `json:"Specification,omitempty"`
	NarrowBandType string `json:"NarrowBandType,omitempty"`
	CodecName      string `json:"CodecName,omitempty"`
	WatermarkID    string `json:"WatermarkId,omitempty"`
	JobType        string `json:"JobType,omitempty"` // "2" = carries a digital watermark
	JobExt         string `json:"JobExt,omitempty"`
	BitDepth       int    `json:"BitDepth,omitempty"`
	HDRType        string `json:"HDRType,omitempty"`
}

// IsPlaylist reports whether the stream is played through a playlist.
func (s Stream) IsPlaylist() bool { return s.Format == "m3u8" }

// Format is the container of a stream.
type Format string

// Definition is the quality class of a stream.
type Definition string

// DefinitionOriginal is the file that a media was made of.
const DefinitionOriginal Definition = "OD"

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

// Choose returns the streams that pass the filter, in the order in which they
// are reported: all of them, or of each pair of definition and format the
// latest (contract §4.1 U12).
func (f Filter) Choose(all []Stream) []Stream {
	list := slices.Clone(all)
	slices.SortStableFunc(list, CompareStreams)
	if f.Everything {
		return list
	}
	list = slices.DeleteFunc(list, func(s Stream) bool { return !f.Accepts(s) })
	if f.Multiple {
		return list
	}
	// The list has the latest of each pair first.
	kept := list[:0]
	for _, s := range list {
		if !slices.ContainsFunc(kept, func(k Stream) bool { return k.Definition == s.Definition && k.Format == s.Format }) {
			kept = append(kept, s)
		}
	}
	return kept
}
