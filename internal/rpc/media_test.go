package rpc_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/rpc"
	"github.com/freshet-vod/freshet/internal/store"
)

// memCatalog keeps media of the account in memory.
type memCatalog struct {
	mu     sync.Mutex // guards what follows
	media  map[string]*freshet.Media
	asked  [][]string // what was looked for
	events []store.Event
	fail   error

	searches []store.MediaQuery
	page     store.MediaPage // what every search finds
}

func (m *memCatalog) Media(_ context.Context, acc string, ids []string) ([]*freshet.Media, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, ids)
	if m.fail != nil {
		return nil, m.fail
	}
	var out []*freshet.Media
	for _, id := range ids {
		if found := m.media[id]; found != nil && found.Account == acc {
			out = append(out, found)
		}
	}
	return out, nil
}

func (m *memCatalog) MediaNamed(_ context.Context, acc string, refs []string) ([]*freshet.Media, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, refs)
	var out []*freshet.Media
	for _, ref := range refs {
		for _, x := range m.media {
			if x.Account == acc && ref != "" && x.ReferenceID == ref {
				out = append(out, x)
			}
		}
	}
	return out, m.fail
}

func (m *memCatalog) SearchMedia(_ context.Context, q store.MediaQuery) (store.MediaPage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.searches = append(m.searches, q)
	return m.page, m.fail
}

func (m *memCatalog) RegisterMedia(_ context.Context, _ time.Time, media []*freshet.Media) ([]store.Registered, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return nil, m.fail
	}
	var out []store.Registered
	for _, x := range media {
		r := store.Registered{ID: x.ID, New: true}
		for _, had := range m.media {
			if had.Account == x.Account && len(had.Streams) > 0 && had.Streams[0].URL == x.Streams[0].URL {
				r = store.Registered{ID: had.ID}
			}
		}
		if r.New {
			m.media[x.ID] = x
		}
		out = append(out, r)
	}
	return out, nil
}

func (m *memCatalog) DeleteMedia(_ context.Context, _ time.Time, d store.Deletion) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return nil, m.fail
	}
	var gone []string
	for _, id := range d.IDs {
		if x := m.media[id]; x != nil && x.Account == d.Account {
			gone, m.events = append(gone, id), append(m.events, d.Events(x)...)
			delete(m.media, id)
		}
	}
	return gone, nil
}

func (m *memCatalog) DeleteStreams(_ context.Context, _ time.Time, acc, id string, jobs []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.media[id]
	switch {
	case m.fail != nil:
		return m.fail
	case x == nil || x.Account != acc:
		return &freshet.Error{Code: freshet.CodeNotFound, Field: "media"}
	case slices.Contains(jobs, "gone"):
		return &freshet.Error{Code: freshet.CodeNotFound, Field: "jobs"}
	}
	x.Streams = slices.DeleteFunc(x.Streams, func(s freshet.Stream) bool { return slices.Contains(jobs, s.JobID) })
	return nil
}

func mediaTime(hours int) time.Time {
	return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC).Add(time.Duration(hours) * time.Hour)
}

func newCatalog() *memCatalog {
	stream := func(job, format, definition, url string, hours int, change func(*freshet.Stream)) freshet.Stream {
		s := freshet.Stream{
			JobID: job, Format: freshet.Format(format), Definition: freshet.Definition(definition), Type: freshet.StreamVideo, URL: url,
			Created: mediaTime(hours), Modified: mediaTime(hours + 1), Size: 1000, Duration: "9.5", FPS: "25", Bitrate: "840.1",
			Width: 1280, Height: 720, Specification: "H264." + definition,
		}
		if change != nil {
			change(&s)
		}
		return s
	}
	list := []*freshet.Media{
		{
			Account: account, ID: "m1", Title: "<One> & „zwei“", Description: "d1", Tags: []string{"a", "b"}, CateID: 7, CateName: "films",
			CoverURL: "https://img.example.com/1.jpg", Snapshots: []string{"https://i/1", "https://i/2"}, Status: freshet.StatusNormal,
			AppID: "app-1000000", StorageLocation: "bucket", Duration: 135.6, Size: 4000, UserData: `{"Extend":"e"}`, ReferenceID: "ref-000001",
			TemplateGroupID: "VOD_NO_TRANSCODE", Created: mediaTime(0), Modified: mediaTime(3),
			Streams: []freshet.Stream{
				stream("j1", "m3u8", "HD", "http://vod.example.com/m1/hd.m3u8", 1, nil),
				stream("j2", "mp4", "SD", "http://vod.example.com/m1/sd-old.mp4", 1, nil),
				stream("j3", "mp4", "SD", "http://vod.example.com/m1/sd,new.mp4", 2, func(s *freshet.Stream) {
					s.CodecName, s.JobType, s.JobExt, s.WatermarkID = "H265", "2", "ext", "w1"
					s.BitDepth, s.HDRType, s.NarrowBandType, s.Status = 10, "HDR10", "1.0", "Invisible"
				}),
				stream("j4", "mp3", "SQ", "http://plain.example.com/m1.mp3", 1, func(s *freshet.Stream) { s.Type = freshet.StreamAudio }),
				stream("j5", "m3u8", "LD", "http://vod.example.com/m1/enc.m3u8", 1, func(s *freshet.Stream) {
					s.Encrypted, s.EncryptType, s.EncryptMode = true, "AliyunVoDEncryption", "License"
				}),
				stream("j6", "m3u8", "FD", "http://vod.example.com/m1/hls.m3u8", 1, func(s *freshet.Stream) {
					s.Encrypted, s.EncryptType = true, "HLSEncryption"
				}),
			},
		},
		{Account: account, ID: "bare", Status: freshet.StatusNormal, Created: mediaTime(0), Modified: mediaTime(0), Streams: []freshet.Stream{
			{Format: "mp3", Definition: "HQ", Type: freshet.StreamAudio, URL: "http://gone.example.com/a.mp3", Duration: "61.25", Size: 7},
		}},
		{Account: account, ID: "blocked", Status: "Blocked", Created: mediaTime(0), Modified: mediaTime(0)},
		{Account: account, ID: "locked", Status: freshet.StatusNormal, Streams: []freshet.Stream{
			stream("j1", "m3u8", "HD", "http://vod.example.com/l.m3u8", 1, func(s *freshet.Stream) { s.EncryptType = "AliyunVoDEncryption" }),
		}},
		{Account: "other", ID: "theirs", Status: freshet.StatusNormal, Streams: []freshet.Stream{stream("j", "mp4", "HD", "http://x/y", 0, nil)}},
	}
	m := &memCatalog{media: map[string]*freshet.Media{}}
	for _, x := range list {
		m.media[x.ID] = x
	}
	return m
}

func mediaSetup(tb testing.TB, change ...func(*rpc.Options)) (*fixture, *memCatalog) {
	tb.Helper()
	m := newCatalog()
	return setup(tb, append([]func(*rpc.Options){func(o *rpc.Options) { o.Media = m }}, change...)...), m
}

// object decodes a good answer without its request ID.
func (a answer) object(t *testing.T) map[string]any {
	t.Helper()
	a.ok(t)
	var o map[string]any
	if err := json.Unmarshal([]byte(a.body), &o); err != nil {
		t.Fatal(err)
	}
	delete(o, "RequestId")
	return o
}

func wantJSON(t *testing.T, got any, want string) {
	t.Helper()
	var w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%v in %s", err, want)
	}
	if d := cmp.Diff(w, got); d != "" {
		t.Errorf("not as expected (-want +got):\n%s", d)
	}
}

const videoM1 = `{"VideoId":"m1","Title":"<One> & „zwei“","Description":"d1","Tags":"a,b","CateId":7,"CateName":"films",
	"CoverURL":"https://img.example.com/1.jpg","Status":"Normal","AuditStatus":"Normal","Size":4000,"Duration":135.6,
	"CreationTime":"2026-03-04T05:06:07Z","ModificationTime":"2026-03-04T08:06:07Z","StorageLocation":"bucket",
	"TemplateGroupId":"VOD_NO_TRANSCODE","AppId":"app-1000000","UserData":"{\"Extend\":\"e\"}","ReferenceId":"ref-000001","Snapshots":SHOTS}`

const (
	videoBare = `{"VideoId":"bare","Title":"","Status":"Normal","AuditStatus":"Normal","Size":0,"Duration":61.25,"AppId":"app-1000000",
		"CreationTime":"2026-03-04T05:06:07Z","ModificationTime":"2026-03-04T05:06:07Z"}`
	videoBlocked = `{"VideoId":"blocked","Title":"","Status":"Blocked","AuditStatus":"Blocked","Size":0,"Duration":0,"AppId":"app-1000000",
		"CreationTime":"2026-03-04T05:06:07Z","ModificationTime":"2026-03-04T05:06:07Z"}`
)

func TestContract_4_11_GetVideoInfo(t *testing.T) {
	t.Parallel()
	f, _ := mediaSetup(t)
	m1 := strings.Replace(videoM1, "SHOTS", `{"Snapshot":["https://i/1","https://i/2"]}`, 1)
	wantJSON(t, f.call("GetVideoInfo", "VideoId", " m1 ").object(t), `{"Video":`+m1+`}`)
	wantJSON(t, f.call("GetVideoInfo", "ReferenceId", "ref-000001").object(t), `{"Video":`+m1+`}`)
	wantJSON(t, f.call("GetVideoInfo", "VideoId", "bare").object(t), `{"Video":`+videoBare+`}`)
	wantJSON(t, f.call("GetVideoInfo", "VideoId", "blocked").object(t), `{"Video":`+videoBlocked+`}`)
}

func TestContract_4_11_GetVideoInfos(t *testing.T) {
	t.Parallel()
	f, _ := mediaSetup(t)
	m1 := strings.Replace(videoM1, "SHOTS", `["https://i/1","https://i/2"]`, 1)
	wantJSON(t, f.call("GetVideoInfos", "VideoIds", "blocked, gone,m1,,m1,theirs").object(t),
		`{"VideoList":[`+videoBlocked+`,`+m1+`],"NonExistVideoIds":["gone","theirs"],"NonExistReferenceIds":[]}`)
	wantJSON(t, f.call("GetVideoInfos", "ReferenceIds", "ref-000001,unknown").object(t),
		`{"VideoList":[`+m1+`],"NonExistVideoIds":[],"NonExistReferenceIds":["unknown"]}`)
	wantJSON(t, f.call("GetVideoInfos", "VideoIds", "m1").object(t), `{"VideoList":[`+m1+`],"NonExistVideoIds":[],"NonExistReferenceIds":[]}`)
}

// TestContract_3_2_Media is the part of the table of errors that is about
// media.
func TestContract_3_2_Media(t *testing.T) {
	t.Parallel()
	f, _ := mediaSetup(t)
	const noVideo, illegal = "The video does not exist.", "Status of the video is illegal. Current Status is Blocked."
	none := func(s string) string { return "The video has no stream to play for the request parameter '" + s + "'." }
	many := strings.Repeat("x,", 20)
	for i := range 20 {
		many += string(rune('a'+i)) + ","
	}
	for _, c := range []struct {
		action        string
		params        []string
		status        int
		code, message string
	}{
		{"GetPlayInfo", nil, 400, "MissingParameter", missingText("VideoId")},
		{"GetPlayInfo", []string{"VideoId", "gone"}, 404, "InvalidVideo.NotFound", noVideo},
		{"GetPlayInfo", []string{"VideoId", "theirs"}, 404, "InvalidVideo.NotFound", noVideo},
		{"GetPlayInfo", []string{"VideoId", "blocked"}, 403, "Forbidden.IllegalStatus", illegal},
		{
			"GetPlayInfo",
			[]string{"VideoId", "m1", "Formats", "FLV,mpd", "Definition", "2k", "StreamType", "audio"},
			404,
			"InvalidVideo.NoneStream", none("Formats: flv,mpd, Definition: 2K, StreamType: audio"),
		},
		{"GetPlayInfo", []string{"VideoId", "m1", "CodecName", "AV1"}, 404, "InvalidVideo.NoneStream", none("Formats: all, Definition: all, StreamType: all")},
		{"GetPlayInfo", []string{"VideoId", "locked"}, 403, "Forbidden.AliyunVoDEncryption", ""},
		{"GetVideoInfo", nil, 400, "MissingParameter", missingText("VideoId")},
		{"GetVideoInfo", []string{"VideoId", "gone"}, 404, "InvalidVideo.NotFound", noVideo},
		{"GetVideoInfo", []string{"VideoId", "theirs"}, 404, "InvalidVideo.NotFound", noVideo},
		{"GetVideoInfos", []string{"VideoIds", " , "}, 400, "MissingParameter", missingText("VideoIds")},
		{"GetVideoInfos", []string{"VideoIds", "gone,theirs"}, 404, "InvalidVideo.NotFound", noVideo},
		{"GetVideoInfos", []string{"ReferenceIds", many}, 400, "VideoIdsExceededMax", "The VideoIds exceeded maximum."},
		{"GetVideoInfo", []string{"ReferenceId", "unknown"}, 404, "InvalidVideo.NotFound", noVideo},
		{"RegisterMedia", nil, 400, "MissingParameter", missingText("RegisterMetadatas")},
		{"DeleteVideo", nil, 400, "MissingParameter", missingText("VideoIds")},
		{"DeleteVideo", []string{"VideoIds", many}, 400, "VideoIdsExceededMax", "The VideoIds exceeded maximum."},
		{"DeleteVideo", []string{"VideoIds", "gone,theirs"}, 404, "InvalidVideo.NotFound", noVideo},
		{"DeleteStream", nil, 400, "MissingParameter", missingText("VideoId")},
		{"DeleteStream", []string{"VideoId", "m1"}, 400, "MissingParameter", missingText("JobIds")},
		{"DeleteStream", []string{"VideoId", "m1", "JobIds", many}, 400, "JobIdsExceededMax", "The JobIds exceeded maximum."},
		{"DeleteStream", []string{"VideoId", "theirs", "JobIds", "j"}, 404, "InvalidVideo.NotFound", noVideo},
		{"DeleteStream", []string{"VideoId", "m1", "JobIds", "j1,gone"}, 404, "InvalidStream.NotFound", "The stream does not exist."},
		{"GetVideoInfos", []string{"VideoIds", many}, 400, "VideoIdsExceededMax", "The VideoIds exceeded maximum."},
	} {
		f.call(c.action, c.params...).refused(t, c.status, c.code, c.message)
	}
}

func TestMedia_AStoreThatFailsIsAFaultOfOurs(t *testing.T) {
	t.Parallel()
	f, m := mediaSetup(t)
	m.fail = context.DeadlineExceeded
	for _, action := range []string{"GetPlayInfo", "GetVideoInfo"} {
		f.call(action, "VideoId", "m1").refused(t, 503, "ServiceUnavailable", "")
	}
	for _, action := range []string{"GetVideoInfos", "DeleteVideo"} {
		f.call(action, "VideoIds", "m1").refused(t, 503, "ServiceUnavailable", "")
		f.call(action, "ReferenceIds", "ref-000001").refused(t, 503, "ServiceUnavailable", "")
	}
	f.call("DeleteStream", "VideoId", "m1", "JobIds", "j1").refused(t, 503, "ServiceUnavailable", "")
	f.call("RegisterMedia", "RegisterMetadatas", `{"FileURL":"http://vod.example.com/x.mp4","Title":"t"}`).refused(t, 503, "ServiceUnavailable", "")
}
