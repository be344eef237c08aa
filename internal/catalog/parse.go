package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/strictjson"
)

// Bounds of one media.
const (
	maxID      = 128
	maxText    = 1024
	maxStreams = 1000
)

// Parse reads one media in our form, or a GetPlayInfo response of the vendor
// (contract §4.10), and normalises it: values in their canonical spelling,
// URLs canonical and under the domain's own name. The error names the field.
// With an error the media may still be returned, for its ID only.
//
// An unknown key is refused in our form, where it is a typing mistake that
// would lose what it was meant to say; in the vendor's it is ignored, because
// the vendor adds keys.
func Parse(line []byte, domains []freshet.Domain) (*freshet.Media, error) {
	if !utf8.Valid(line) {
		return nil, errors.New("the line is not valid UTF-8")
	}
	if raw, ok := quickMedia(line); ok {
		return raw.normal(domains)
	}
	return parseSlowly(line, domains)
}

// parseSlowly is Parse for lines of any kind.
func parseSlowly(line []byte, domains []freshet.Domain) (*freshet.Media, error) {
	if e, ok := errors.AsType[*strictjson.Error](strictjson.Check(line, strictjson.Limits{})); ok {
		return identified(line, e), &fieldError{cmp.Or(e.Key, "the line"), e.Problem}
	}
	var probe struct {
		VideoBase, PlayInfoList json.RawMessage
	}
	var raw media
	switch err := json.Unmarshal(line, &probe); {
	case err != nil:
		return nil, explain("", err)
	case probe.VideoBase != nil || probe.PlayInfoList != nil:
		if raw, err = parseVendor(line); err != nil {
			return named(raw.MediaID), err
		}
	default:
		if err := strict(line, &raw); err != nil {
			return named(raw.MediaID), explain("", err)
		}
	}
	return raw.normal(domains)
}

// media is a line before it is checked. Times and enumerations are text here,
// so that faults name the field and the value.
type media struct {
	MediaID          string `json:"MediaId"`
	ReferenceID      string `json:"ReferenceId"`
	Title            string
	Description      string
	Tags             tags
	CateID           int64 `json:"CateId"`
	CateName         string
	CoverURL         string
	Snapshots        []string
	MediaType        string
	Status           string
	AppID            string `json:"AppId"`
	StorageLocation  string
	TemplateGroupID  string `json:"TemplateGroupId"`
	Duration         text
	Size             int64
	UserData         string
	CreationTime     string
	ModificationTime string
	Streams          []json.RawMessage
	UpdatedAt        string // of an exported media; taken and ignored

	vendor bool
	plain  []stream // in place of Streams: they are decoded already
}

func (raw *media) normal(domains []freshet.Domain) (*freshet.Media, error) {
	if !validID(raw.MediaID) {
		return nil, fmt.Errorf("MediaId: %q is not 1 to %d letters, digits, - and _", clip(raw.MediaID), maxID)
	}
	m := &freshet.Media{ID: raw.MediaID}
	if err := raw.describe(m); err != nil {
		return m, err
	}
	if raw.Status == "" {
		m.Status = freshet.StatusNormal
	} else if status, ok := freshet.ParseOne(raw.Status, freshet.MediaStatuses()); ok {
		m.Status = status
	} else {
		return m, &fieldError{"Status", fmt.Sprintf("%q is none of %s", clip(raw.Status), strings.Join(freshet.MediaStatuses(), ", "))}
	}
	if raw.MediaType != "" {
		t, ok := freshet.ParseOne(raw.MediaType, freshet.StreamTypes())
		if !ok {
			return m, fmt.Errorf("MediaType: %q is not video or audio", clip(raw.MediaType))
		}
		m.Type = string(t)
	}
	n := max(len(raw.Streams), len(raw.plain))
	switch {
	case raw.Streams == nil && raw.plain == nil:
		return m, &fieldError{"Streams", "is missing; a media without streams says so with []"}
	case n > maxStreams:
		return m, &fieldError{raw.streamsKey(), fmt.Sprintf("holds %d streams; allowed are %d", n, maxStreams)}
	}
	m.Streams = make([]freshet.Stream, 0, n)
	for i := range n {
		s, err := raw.stream(i, domains)
		if err != nil {
			return m, explain(fmt.Sprintf("%s[%d]", raw.streamsKey(), i), err)
		}
		m.Streams = append(m.Streams, s)
	}
	return m, nil
}

func (raw *media) stream(i int, domains []freshet.Domain) (freshet.Stream, error) {
	if raw.plain != nil {
		return raw.plain[i].normal(domains)
	}
	return parseStream(raw.Streams[i], raw.vendor, domains)
}

func (raw *media) streamsKey() string {
	if raw.vendor {
		return "PlayInfoList.PlayInfo"
	}
	return "Streams"
}

// strict decodes exactly one value without unknown keys.
func strict(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the line holds more than one JSON value")
	}
	return nil
}

// validID reports whether s can be a media ID: it is listed with commas, put
// into paths and shown in terminals.
func validID(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			continue
		}
		return false
	}
	return s != "" && len(s) <= maxID
}

// identified returns the media that a line is about, for its ID only, or nil.
func identified(line []byte, e *strictjson.Error) *freshet.Media {
	var raw struct {
		MediaID   string `json:"MediaId"`
		VideoBase struct {
			VideoID string `json:"VideoId"`
		}
	}
	// A key that stands twice does not say which of the two it is about.
	doubtful := slices.ContainsFunc([]string{"MediaId", "VideoId", "VideoBase"}, func(k string) bool { return strings.EqualFold(e.Key, k) })
	if e.Twice && doubtful || json.Unmarshal(line, &raw) != nil {
		return nil
	}
	return named(cmp.Or(raw.MediaID, raw.VideoBase.VideoID))
}

// named returns a media that carries nothing but its ID, or nil.
func named(id string) *freshet.Media {
	if !validID(id) {
		return nil
	}
	return &freshet.Media{ID: id}
}
