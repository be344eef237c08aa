package catalog

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

// stream is a stream before it is checked.
type stream struct {
	JobID            string `json:"JobId"`
	Format           string
	Definition       string
	StreamType       string
	PlayURL          string
	CreationTime     string
	ModificationTime string
	Size             int64
	Bitrate          text
	Encrypt          flag
	Status           string
	Duration         text
	Fps              text
	Width            int
	Height           int
	EncryptType      string
	EncryptMode      string
	Specification    string
	NarrowBandType   text
	CodecName        string
	WatermarkID      string `json:"WatermarkId"`
	JobType          text
	JobExt           string
	BitDepth         int
	HDRType          string
}

func parseStream(line []byte, vendor bool, domains []freshet.Domain) (freshet.Stream, error) {
	var raw stream
	decode := strict
	if vendor {
		decode = json.Unmarshal
	}
	if err := decode(line, &raw); err != nil {
		return freshet.Stream{}, err
	}
	return raw.normal(domains)
}

func (raw *stream) normal(domains []freshet.Domain) (freshet.Stream, error) {
	s := freshet.Stream{
		JobID: raw.JobID, Size: raw.Size, Bitrate: string(raw.Bitrate), Encrypted: bool(raw.Encrypt),
		Duration: string(raw.Duration), FPS: string(raw.Fps), Width: raw.Width, Height: raw.Height,
		EncryptType: raw.EncryptType, EncryptMode: raw.EncryptMode, Specification: raw.Specification,
		NarrowBandType: string(raw.NarrowBandType), CodecName: raw.CodecName, WatermarkID: raw.WatermarkID,
		JobType: string(raw.JobType), JobExt: raw.JobExt, BitDepth: raw.BitDepth, HDRType: raw.HDRType,
	}
	if err := checkStream(&s); err != nil {
		return s, err
	}
	var ok, known bool
	s.Definition, known = freshet.ParseOne(raw.Definition, freshet.Definitions())
	if s.Format, ok = freshet.ParseOne(raw.Format, formats()); !ok {
		// An original may be of any format that a camera or an editor writes.
		if s.Format = freshet.Format(strings.ToLower(raw.Format)); s.Definition != freshet.DefinitionOriginal || !ValidFormat(s.Format) {
			return s, unknown("Format", raw.Format, formats())
		}
	}
	if !known {
		return s, unknown("Definition", raw.Definition, freshet.Definitions())
	}
	if s.Type, ok = freshet.ParseOne(raw.StreamType, freshet.StreamTypes()); !ok {
		return s, unknown("StreamType", raw.StreamType, freshet.StreamTypes())
	}
	if raw.Status != "" && !strings.EqualFold(raw.Status, freshet.StatusNormal) {
		if s.Status = statusInvisible; !strings.EqualFold(raw.Status, statusInvisible) {
			return s, &fieldError{"Status", fmt.Sprintf("%q is neither Normal nor Invisible", clip(raw.Status))}
		}
	}
	var err error
	if s.URL, _, err = freshet.Address(raw.PlayURL, domains); err != nil {
		return s, &fieldError{"PlayURL", err.Error()}
	}
	if s.Created, err = parseTime(raw.CreationTime); err != nil {
		return s, &fieldError{"CreationTime", err.Error()}
	}
	if s.Modified, err = parseTime(raw.ModificationTime); err != nil {
		return s, &fieldError{"ModificationTime", err.Error()}
	}
	return s, nil
}

const statusInvisible = "Invisible"

// checkStream bounds what is only shown.
func checkStream(s *freshet.Stream) error {
	for _, f := range []struct {
		name  string
		value int64
	}{{"Size", s.Size}, {"Width", int64(s.Width)}, {"Height", int64(s.Height)}, {"BitDepth", int64(s.BitDepth)}} {
		if f.value < 0 {
			return &fieldError{f.name, "is negative"}
		}
	}
	if len(s.JobID) > maxID || len(s.Bitrate) > maxID {
		return &fieldError{"JobId, Bitrate", fmt.Sprintf("hold more than %d bytes", maxID)}
	}
	if s.Duration != "" {
		if _, err := seconds(s.Duration); err != nil {
			return err
		}
	}
	for _, f := range []struct{ name, value string }{
		{"JobId", s.JobID},
		{"Bitrate", s.Bitrate},
		{"Fps", s.FPS},
		{"EncryptType", s.EncryptType},
		{"EncryptMode", s.EncryptMode},
		{"Specification", s.Specification},
		{"NarrowBandType", s.NarrowBandType},
		{"CodecName", s.CodecName},
		{"WatermarkId", s.WatermarkID},
		{"JobType", s.JobType},
		{"JobExt", s.JobExt},
		{"HDRType", s.HDRType},
	} {
		if err := checkText(f.name, f.value, maxText); err != nil {
			return err
		}
	}
	return nil
}

// ValidFormat reports whether f can be the format of an original: 1 to 10
// small letters and digits.
func ValidFormat(f freshet.Format) bool {
	if f == "" || len(f) > 10 {
		return false
	}
	for i := range len(f) {
		if c := f[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// formats are those of streams: of purges, and what GetPlayInfo has besides.
func formats() []freshet.Format { return append(freshet.Formats(), "mpd") }

func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("%q is not a time such as 2026-01-02T03:04:05Z", clip(s))
	}
	return t.UTC().Truncate(time.Millisecond), nil
}
