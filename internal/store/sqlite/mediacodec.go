package sqlite

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
)

// mediaVersion is the first byte of a packed media. The first releases kept
// media as JSON, which begins with a brace.
const mediaVersion = 1

// Words that most media have are one byte: their place here, from 1. The lists
// may grow at their ends and never change otherwise.

func packedStatuses() [7]string {
	return [...]string{freshet.StatusNormal, "Uploading", "UploadFail", "UploadSucc", "Transcoding", "TranscodeFail", "Blocked"}
}

func packedFormats() [7]freshet.Format {
	return [...]freshet.Format{"mp4", "m3u8", "mp3", "flv", "webm", "ts", "mpd"}
}

func packedDefinitions() [10]freshet.Definition {
	return [...]freshet.Definition{"FD", "LD", "SD", "HD", "2K", "4K", "OD", "SQ", "HQ", "AUTO"}
}

func packedTypes() [2]freshet.StreamType {
	return [...]freshet.StreamType{freshet.StreamVideo, freshet.StreamAudio}
}

// mediaTexts are the texts of a media, in the order of their flags. New ones
// go to the end.
func mediaTexts(m *freshet.Media) [10]*string {
	return [10]*string{
		&m.Title, &m.Type, &m.AppID, &m.CoverURL, &m.StorageLocation,
		&m.Description, &m.CateName, &m.TemplateGroupID, &m.UserData, &m.ReferenceID,
	}
}

// streamTexts are those texts of a stream that it may have, in the order of
// their flags. New ones go to the end.
func streamTexts(s *freshet.Stream) [13]*string {
	return [13]*string{
		&s.Bitrate, &s.Duration, &s.FPS, &s.Specification, &s.NarrowBandType, &s.CodecName, &s.Status,
		&s.EncryptType, &s.EncryptMode, &s.WatermarkID, &s.JobType, &s.JobExt, &s.HDRType,
	}
}

// encodeMedia packs what the media's own columns do not hold.
func encodeMedia(m *freshet.Media) []byte {
	b := make([]byte, 0, 64+len(m.Title)+96*len(m.Streams))
	b = append(b, mediaVersion)
	statuses, texts := packedStatuses(), mediaTexts(m)
	b = appendWord(b, m.Status, statuses[:])
	b = appendTexts(b, texts[:])
	b = appendList(b, m.Tags)
	b = appendList(b, m.Snapshots)
	b = binary.AppendVarint(b, m.CateID)
	b = binary.AppendUvarint(b, math.Float64bits(m.Duration))
	b = binary.AppendVarint(b, m.Size)
	created := millis(m.Created)
	b = binary.AppendVarint(b, created)
	b = binary.AppendVarint(b, millis(m.Modified)-created)
	b = binary.AppendUvarint(b, uint64(len(m.Streams)))
	prev := ""
	for i := range m.Streams {
		b = appendStream(b, &m.Streams[i], prev, created)
		prev = m.Streams[i].URL
	}
	return b
}

func appendStream(b []byte, s *freshet.Stream, prev string, created int64) []byte {
	formats, definitions, types, texts := packedFormats(), packedDefinitions(), packedTypes(), streamTexts(s)
	b = appendWord(b, s.Format, formats[:])
	b = appendWord(b, s.Definition, definitions[:])
	b = appendWord(b, s.Type, types[:])
	b = appendString(b, s.JobID)
	same := 0 // the streams of a media mostly lie side by side
	for same < len(prev) && same < len(s.URL) && prev[same] == s.URL[same] {
		same++
	}
	b = binary.AppendUvarint(b, uint64(same))
	b = appendString(b, s.URL[same:])
	b = appendTexts(b, texts[:])
	b = appendSince(b, s.Created, created)
	b = appendSince(b, s.Modified, created)
	b = binary.AppendVarint(b, s.Size)
	b = binary.AppendVarint(b, int64(s.Width))
	b = binary.AppendVarint(b, int64(s.Height))
	b = binary.AppendVarint(b, int64(s.BitDepth)<<1|int64(btoi(s.Encrypted)))
	return b
}

func btoi(v bool) int {
	if v {
		return 1
	}
	return 0
}

// appendSince writes a time as its distance from another, or that it is zero.
func appendSince(b []byte, t time.Time, base int64) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	d := millis(t) - base
	return binary.AppendUvarint(b, uint64(d<<1^d>>63)+1) //nolint:gosec // zigzag: bits, not a number
}

// appendWord writes a word of a list as its place, and any other spelt out.
func appendWord[T ~string](b []byte, v T, list []T) []byte {
	if i := slices.Index(list, v); i >= 0 {
		return append(b, byte(i+1)) //nolint:gosec // lists are short
	}
	return appendString(append(b, 0), string(v))
}

// appendTexts writes which of the texts there are, then those.
func appendTexts(b []byte, texts []*string) []byte {
	var flags uint64
	for i, p := range texts {
		if *p != "" {
			flags |= 1 << i
		}
	}
	b = binary.AppendUvarint(b, flags)
	for _, p := range texts {
		if *p != "" {
			b = appendString(b, *p)
		}
	}
	return b
}

func appendList(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}
