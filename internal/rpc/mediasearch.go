package rpc

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/mediaquery"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/vod"
)

// The limits of SearchMedia (contract §4.13).
const (
	maxSearchPage   = 100
	maxSearchOffset = 5000 // records that pages reach; a ScrollToken goes on
	maxSortBy       = 3
	maxScrollSortBy = 1
	// searchTime bounds a search: one that is asked for something that is in
	// half of a big catalog may take longer than anybody waits.
	searchTime = 10 * time.Second
)

// The values of SearchType that a catalog here can hold.
const (
	searchVideo = "video"
	searchAudio = "audio"
)

type searchAnswer struct {
	RequestID   string       `json:"RequestId" xml:"RequestId"`
	Total       int          `json:"Total" xml:"Total"`
	ScrollToken string       `json:"ScrollToken,omitempty" xml:"ScrollToken,omitempty"`
	Media       []foundMedia `json:"MediaList" xml:"MediaList"`
}

type foundMedia struct {
	MediaID      string      `json:"MediaId" xml:"MediaId"`
	MediaType    string      `json:"MediaType" xml:"MediaType"`
	CreationTime string      `json:"CreationTime" xml:"CreationTime"`
	Video        *foundVideo `json:"Video,omitempty" xml:"Video,omitempty"`
	Audio        *foundAudio `json:"Audio,omitempty" xml:"Audio,omitempty"`
}

type foundVideo struct {
	VideoID string `json:"VideoId" xml:"VideoId"`
	foundFields
}

type foundAudio struct {
	AudioID string `json:"AudioId" xml:"AudioId"`
	foundFields
}

// foundFields are what Fields may ask for. What was not asked for is empty.
type foundFields struct {
	Title            string   `json:"Title,omitempty" xml:"Title,omitempty"`
	Description      string   `json:"Description,omitempty" xml:"Description,omitempty"`
	Tags             string   `json:"Tags,omitempty" xml:"Tags,omitempty"`
	CateID           int64    `json:"CateId,omitempty" xml:"CateId,omitempty"`
	CateName         string   `json:"CateName,omitempty" xml:"CateName,omitempty"`
	CoverURL         string   `json:"CoverURL,omitempty" xml:"CoverURL,omitempty"`
	Status           string   `json:"Status,omitempty" xml:"Status,omitempty"`
	Size             int64    `json:"Size,omitempty" xml:"Size,omitempty"`
	Duration         float64  `json:"Duration,omitempty" xml:"Duration,omitempty"`
	CreationTime     string   `json:"CreationTime,omitempty" xml:"CreationTime,omitempty"`
	ModificationTime string   `json:"ModificationTime,omitempty" xml:"ModificationTime,omitempty"`
	StorageLocation  string   `json:"StorageLocation,omitempty" xml:"StorageLocation,omitempty"`
	AppID            string   `json:"AppId,omitempty" xml:"AppId,omitempty"`
	MediaSource      string   `json:"MediaSource,omitempty" xml:"MediaSource,omitempty"`
	PreprocessStatus string   `json:"PreprocessStatus,omitempty" xml:"PreprocessStatus,omitempty"`
	UserData         string   `json:"UserData,omitempty" xml:"UserData,omitempty"`
	Snapshots        []string `json:"Snapshots,omitempty" xml:"Snapshots,omitempty"`
}

// setters take over the fields that Fields may name, by their names in lower
// case.
func setters() map[string]func(*foundFields, *freshet.Media) {
	return map[string]func(*foundFields, *freshet.Media){
		"title":            func(f *foundFields, m *freshet.Media) { f.Title = m.Title },
		"description":      func(f *foundFields, m *freshet.Media) { f.Description = m.Description },
		"tags":             func(f *foundFields, m *freshet.Media) { f.Tags = strings.Join(m.Tags, ",") },
		"cateid":           func(f *foundFields, m *freshet.Media) { f.CateID = m.CateID },
		"catename":         func(f *foundFields, m *freshet.Media) { f.CateName = m.CateName },
		"coverurl":         func(f *foundFields, m *freshet.Media) { f.CoverURL = m.CoverURL },
		"status":           func(f *foundFields, m *freshet.Media) { f.Status = m.Status },
		"size":             func(f *foundFields, m *freshet.Media) { f.Size = m.SourceSize() },
		"duration":         func(f *foundFields, m *freshet.Media) { f.Duration = m.Length() },
		"creationtime":     func(f *foundFields, m *freshet.Media) { f.CreationTime = vod.Stamp(m.Created) },
		"modificationtime": func(f *foundFields, m *freshet.Media) { f.ModificationTime = vod.Stamp(m.Modified) },
		"storagelocation":  func(f *foundFields, m *freshet.Media) { f.StorageLocation = m.StorageLocation },
		"appid":            func(f *foundFields, m *freshet.Media) { f.AppID = showVideo(m).AppID },
		"mediasource":      func(f *foundFields, _ *freshet.Media) { f.MediaSource = mediaquery.MediaSource },
		"preprocessstatus": func(f *foundFields, _ *freshet.Media) { f.PreprocessStatus = mediaquery.PreprocessStatus },
		"userdata":         func(f *foundFields, m *freshet.Media) { f.UserData = m.UserData },
		"snapshots":        func(f *foundFields, m *freshet.Media) { f.Snapshots = m.Snapshots },
	}
}

// searchMedia finds media by what describes them (contract §4.13).
func (s *server) searchMedia(ctx context.Context, c *call) (any, error) {
	q, searched, err := readSearch(c)
	if err != nil {
		return nil, err
	}
	answer := searchAnswer{RequestID: c.requestID, Media: []foundMedia{}}
	if !searched {
		return answer, nil // images and attached media: a catalog here has none
	}
	seal := sealOf(c, q)
	if token := c.text("ScrollToken"); token != "" {
		if q.After, err = readScroll(token, seal); err != nil {
			return nil, err
		}
	}
	fields, err := readFields(c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	page, err := s.Media.SearchMedia(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("searching media: %w", err)
	}
	answer.Total = page.Total
	for _, m := range page.Media {
		answer.Media = append(answer.Media, showFound(m, fields))
	}
	if len(page.Media) == q.Limit && q.TieAscending == q.Ascending {
		answer.ScrollToken = scrollToken(page.Last, seal)
	}
	return answer, nil
}

// readSearch reads the parameters in the order of contract §4.13, but for
// ScrollToken and Fields; searched is false for a type that finds nothing.
func readSearch(c *call) (q store.MediaQuery, searched bool, err error) {
	q.Account = c.identity.Account
	kind, err := enum(c, "SearchType", searchVideo, searchAudio, "image", "attached")
	if err != nil {
		return q, false, err
	}
	q.Kind = freshet.StreamVideo
	if kind == searchAudio {
		q.Kind = freshet.StreamAudio
	}
	q.Match, err = mediaquery.Parse(c.params.Get("Match"))
	if e, ok := errors.AsType[*mediaquery.Error](err); ok {
		return q, false, &fault{kind: matchSyntax, name: e.At, cause: err}
	}
	if err := readSort(c, &q); err != nil {
		return q, false, err
	}
	if q.Limit, err = c.integer("PageSize", 10, maxSearchPage); err != nil {
		return q, false, err
	}
	number, err := c.integer("PageNo", 1, maxSearchOffset)
	if err != nil {
		return q, false, err
	}
	if q.Offset = (number - 1) * q.Limit; c.text("ScrollToken") == "" && q.Offset+q.Limit > maxSearchOffset {
		return q, false, invalid("PageNo")
	}
	return q, kind == "" || kind == searchVideo || kind == searchAudio, nil
}

// readSort reads SortBy: fields with their directions, of which the first one
// counts, and the second where the first is equal.
func readSort(c *call, q *store.MediaQuery) error {
	most := maxSortBy
	if c.text("ScrollToken") != "" {
		most = maxScrollSortBy
	}
	list := items(c.params.Get("SortBy"), most)
	if len(list) > most {
		return &fault{kind: sortByExceededMax}
	}
	type key struct{ modified, ascending bool }
	var keys []key
	for _, item := range list {
		field, direction, _ := strings.Cut(item, ":")
		field, ok := freshet.ParseOne(strings.TrimSpace(field), []string{"CreationTime", "ModificationTime"})
		if !ok {
			return invalid("SortBy")
		}
		direction, ok = freshet.ParseOne(strings.TrimSpace(direction), []string{"Desc", "Asc", ""})
		if !ok {
			return invalid("SortBy")
		}
		keys = append(keys, key{field == "ModificationTime", direction == "Asc"})
	}
	if len(keys) == 0 {
		return nil
	}
	q.ByModified, q.Ascending, q.TieAscending = keys[0].modified, keys[0].ascending, keys[0].ascending
	if i := slices.IndexFunc(keys, func(k key) bool { return !k.modified }); q.ByModified && i > 0 {
		q.TieAscending = keys[i].ascending
	}
	return nil
}

// readFields reads Fields. Names that are not known are ignored: the vendor
// adds some, and a program may ask for them.
func readFields(c *call) ([]func(*foundFields, *freshet.Media), error) {
	known := setters()
	list := items(c.params.Get("Fields"), maxFields)
	if len(list) > maxFields {
		return nil, invalid("Fields")
	}
	if slices.Contains(list, "*") {
		return slices.Collect(maps.Values(known)), nil
	}
	out := make([]func(*foundFields, *freshet.Media), 0, len(list))
	for _, name := range list {
		name = strings.ToLower(name)
		for _, prefix := range []string{"video.", "audio."} {
			name = strings.TrimPrefix(name, prefix)
		}
		switch set := known[name]; {
		case set != nil:
			out = append(out, set)
		case name == "videoid" || name == "audioid":
			out = append(out, func(*foundFields, *freshet.Media) {}) // is always there
		}
	}
	return out, nil
}

// maxFields is how many fields a call may ask for.
const maxFields = 64

func showFound(m *freshet.Media, fields []func(*foundFields, *freshet.Media)) foundMedia {
	out := foundMedia{MediaID: m.ID, MediaType: string(m.Kind()), CreationTime: vod.Stamp(m.Created)}
	if len(fields) == 0 {
		return out
	}
	var f foundFields
	for _, set := range fields {
		set(&f, m)
	}
	if m.Kind() == freshet.StreamAudio {
		out.Audio = &foundAudio{m.ID, f}
	} else {
		out.Video = &foundVideo{m.ID, f}
	}
	return out
}

// sealOf is the mark of a search, by which a ScrollToken is known to be of it:
// a token of another search, or of another account, is of no use.
func sealOf(c *call, q store.MediaQuery) [8]byte {
	b, err := json.Marshal([]any{q.Account, q.Kind, strings.TrimSpace(c.params.Get("Match")), q.ByModified, q.Ascending})
	if err != nil {
		panic("rpc: sealing a search: " + err.Error()) // texts and switches
	}
	sum := sha256.Sum256(b)
	return [8]byte(sum[:8])
}

// scrollToken writes where a page ended, in 32 characters.
func scrollToken(last store.MediaCursor, seal [8]byte) string {
	b := binary.BigEndian.AppendUint64(seal[:], uint64(last.Place)) //nolint:gosec // bits
	b = binary.BigEndian.AppendUint64(b, uint64(last.Modified))     //nolint:gosec // bits
	return base64.RawURLEncoding.EncodeToString(b)
}

func readScroll(token string, seal [8]byte) (*store.MediaCursor, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != 24 || [8]byte(b[:8]) != seal {
		return nil, &fault{kind: scrollExpired}
	}
	return &store.MediaCursor{
		Place: int64(binary.BigEndian.Uint64(b[8:])), Modified: int64(binary.BigEndian.Uint64(b[16:])), //nolint:gosec // bits
	}, nil
}
