package catalog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/catalog"
	"github.com/freshet-vod/freshet/internal/catalog/jsonl"
)

// memory keeps media as a store would.
type memory struct {
	batches []int
	media   map[string]*freshet.Media
	err     error
}

func (s *memory) PutMedia(_ context.Context, now time.Time, media []*freshet.Media) error {
	if s.err != nil {
		return s.err
	}
	s.batches = append(s.batches, len(media))
	if s.media == nil {
		s.media = map[string]*freshet.Media{}
	}
	for _, m := range media {
		if !m.Updated.Equal(now) {
			return errors.New("Updated is not the time of the batch")
		}
		s.media[m.Account+"/"+m.ID] = m
	}
	return nil
}

func domains() []freshet.Domain {
	return []freshet.Domain{{Account: "a", Name: "vod.example.com", Aliases: []string{"cdn.example.com"}, Origin: "http://o", IgnoreParams: []string{"session"}}}
}

func run(t *testing.T, s *memory, r io.Reader) (catalog.Summary, []catalog.Fault, error) {
	t.Helper()
	var faults []catalog.Fault
	im := catalog.Import{Account: "a", Domains: domains(), Store: s, Report: func(f catalog.Fault) error {
		faults = append(faults, f)
		return nil
	}}
	sum, err := im.Run(t.Context(), r)
	return sum, faults, err
}

const goodStream = `{"JobId":"j1","Format":"M3U8","Definition":"hd","StreamType":"Video","PlayURL":"https://CDN.example.com/a/../hd.m3u8?auth_key=1-2-3-4&session=9&v=2","CreationTime":"2026-01-02T03:04:05Z","Size":0,"Bitrate":"0"}`

func line(id string) string {
	return `{"MediaId":"` + id + `","Title":"T","MediaType":"video","Status":"Normal","AppId":"app-1000000","Streams":[` + goodStream + `]}` + "\n"
}

func TestImport_NormalisesWhatItStores(t *testing.T) {
	t.Parallel()
	var s memory
	sum, faults, err := run(t, &s, strings.NewReader(line("m1")))
	if err != nil || len(faults) > 0 || sum != (catalog.Summary{Imported: 1}) {
		t.Fatalf("got %v, %v, %v", sum, faults, err)
	}
	want := &freshet.Media{
		Account: "a", ID: "m1", Title: "T", Type: "video", Status: "Normal", AppID: "app-1000000",
		Streams: []freshet.Stream{{
			JobID: "j1", Format: "m3u8", Definition: "HD", Type: "video", URL: "http://vod.example.com/hd.m3u8?v=2",
			Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Bitrate: "0",
		}},
	}
	if d := cmp.Diff(want, s.media["a/m1"], cmpopts.IgnoreFields(freshet.Media{}, "Updated")); d != "" {
		t.Error(d)
	}
}

func TestImport_TakesTheVendorsPlayInfo(t *testing.T) {
	t.Parallel()
	const response = `{"RequestId":"F4C6D5BE","VideoBase":{"VideoId":"93ab850b4f6f46e9","Title":"x","Status":"Normal","MediaType":"video","Duration":"135.6","CoverURL":"http://x/y.jpg","New":{}},` +
		`"PlayInfoList":{"PlayInfo":[{"JobId":"80e9c6580e754a798c3c19c59b16","PlayURL":"http://vod.example.com/a.mp4?auth_key=1","Format":"mp4","Definition":"LD","StreamType":"video","Status":"Invisible","Size":418112,"Duration":"9.9","Fps":"25","Bitrate":"338.33","Width":640,"Encrypt":1,"EncryptType":"HLSEncryption","CreationTime":"2026-01-02T03:04:05Z","ModificationTime":"2026-02-02T03:04:05Z","Specification":"H264.LD"}]}}`
	var s memory
	if sum, faults, err := run(t, &s, strings.NewReader(response)); err != nil || sum.Imported != 1 {
		t.Fatalf("got %v, %v, %v", sum, faults, err)
	}
	m := s.media["a/93ab850b4f6f46e9"]
	if m.Duration != 135.6 || m.CoverURL != "http://x/y.jpg" {
		t.Errorf("took in %+v", m)
	}
	got := m.Streams
	want := []freshet.Stream{{
		JobID: "80e9c6580e754a798c3c19c59b16", Format: "mp4", Definition: "LD", Type: "video", URL: "http://vod.example.com/a.mp4",
		Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Modified: time.Date(2026, 2, 2, 3, 4, 5, 0, time.UTC),
		Size: 418112, Bitrate: "338.33", Encrypted: true, Status: "Invisible", Duration: "9.9", FPS: "25", Width: 640,
		EncryptType: "HLSEncryption", Specification: "H264.LD",
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestImport_TellsEachBadLineAndKeepsTheOthers(t *testing.T) {
	t.Parallel()
	bad := func(from, to string) string { return strings.Replace(line("bad"), from, to, 1) }
	for _, c := range []struct{ name, line, id, want string }{
		{"not JSON", "{nope}\n", "", "the line is not JSON"},
		{"cut short", line("bad")[:80] + "\n", "", "the line is not JSON"},
		{"two values", strings.TrimSpace(line("bad")) + "{}\n", "", "the line is not JSON"},
		{"not an object", "[1]\n", "", "the line: found array, expected object"},
		{"invalid UTF-8", "{\"MediaId\":\"\xff\"}\n", "", "not valid UTF-8"},
		{"no ID", bad(`"MediaId":"bad",`, ""), "", `MediaId: "" is not 1 to 128 letters`},
		{"ID with a comma", bad(`"MediaId":"bad"`, `"MediaId":"a,b"`), "", `MediaId: "a,b" is not`},
		{"unknown key", bad(`"Title"`, `"Tilte"`), "bad", "Tilte: unknown key"},
		{"unknown key of a stream", bad(`"JobId"`, `"Jobid_"`), "bad", "Streams[0].Jobid_: unknown key"},
		{"number for text", bad(`"Title":"T"`, `"Title":7`), "bad", "Title: found number, expected string"},
		{"text for a number", bad(`"Size":0`, `"Size":"big"`), "bad", "Streams[0].Size: found string, expected whole number"},
		{"negative size", bad(`"Size":0`, `"Size":-1`), "bad", "Streams[0].Size: is negative"},
		{"no streams key", `{"MediaId":"bad"}` + "\n", "bad", "Streams: is missing"},
		{"status", bad(`"Status":"Normal"`, `"Status":"Nope"`), "bad", `Status: "Nope" is none of Uploading, UploadFail, UploadSucc, Transcoding, TranscodeFail, Blocked, Normal`},
		{"type", bad(`"MediaType":"video"`, `"MediaType":"film"`), "bad", `MediaType: "film" is not video or audio`},
		{"reference", bad(`"Title":"T"`, `"ReferenceId":"short"`), "bad", `ReferenceId: "short" is not 6 to 64 letters`},
		{"tags", bad(`"Title":"T"`, `"Tags":7`), "bad", "Tags: is neither a list of texts nor one text with commas"},
		{"tag", bad(`"Title":"T"`, `"Tags":["a,b"]`), "bad", `Tags: "a,b" is not 1 to 128 bytes without commas`},
		{"duration", bad(`"Title":"T"`, `"Duration":"-1"`), "bad", `Duration: "-1" is not a number of seconds`},
		{"duration of a stream", bad(`"Size":0`, `"Duration":"long"`), "bad", `Streams[0].Duration: "long" is not a number of seconds`},
		{"status of a stream", bad(`"Size":0`, `"Status":"Gone"`), "bad", `Streams[0].Status: "Gone" is neither Normal nor Invisible`},
		{"description", bad(`"Title":"T"`, `"Description":"\u0000"`), "bad", "Description: holds control characters"},
		{"creation", bad(`"Title":"T"`, `"CreationTime":"today"`), "bad", `CreationTime: "today" is not a time`},
		{"control character", bad(`"Title":"T"`, `"Title":"\u001b[2J"`), "bad", "Title: holds control characters"},
		{"format", bad(`"M3U8"`, `"avi"`), "bad", `Streams[0].Format: "avi" is unknown; known are mp4, m3u8`},
		{"definition", bad(`"hd"`, `"8K"`), "bad", `Streams[0].Definition: "8K" is unknown`},
		{"no stream type", bad(`"StreamType":"Video",`, ""), "bad", "Streams[0].StreamType: is missing"},
		{"foreign host", bad("CDN.example.com", "other.example.com"), "bad", "Streams[0].PlayURL: host other.example.com is not a domain of the account"},
		{"no URL", bad("https://CDN.example.com/a/../hd.m3u8", ""), "bad", "Streams[0].PlayURL: URL does not begin with"},
		{"time", bad("2026-01-02T03:04:05Z", "yesterday"), "bad", `Streams[0].CreationTime: "yesterday" is not a time`},
		{"encrypt", bad(`"Size":0`, `"Encrypt":"maybe"`), "bad", "Streams[0].Encrypt: is not true, false, 0 or 1"},
		{"too long", `{"MediaId":"` + strings.Repeat("x", jsonl.MaxLine) + "\"}\n", "", "the line is longer than 1048576 bytes"},
		{"vendor without a list", `{"VideoBase":{"VideoId":"v"}}` + "\n", "v", "PlayInfoList.PlayInfo: is missing"},
		{"vendor stream", `{"VideoBase":{"VideoId":"v"},"PlayInfoList":{"PlayInfo":[{"Format":"avi"}]}}` + "\n", "v", `PlayInfoList.PlayInfo[0].Format: "avi" is unknown`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var s memory
			sum, faults, err := run(t, &s, strings.NewReader(line("m1")+c.line+line("m2")))
			if err != nil || sum != (catalog.Summary{Imported: 2, Refused: 1}) || len(s.media) != 2 || len(faults) != 1 {
				t.Fatalf("got %v, %v, %v", sum, faults, err)
			}
			if f := faults[0]; f.Line != 2 || f.ID != c.id || !strings.Contains(f.Error, c.want) {
				t.Errorf("got %+v, want %q", f, c.want)
			}
		})
	}
}

func TestImport_OfOneIDTheLastGoodLineWins(t *testing.T) {
	t.Parallel()
	var s memory
	in := line("m1") + strings.Replace(line("m1"), `"T"`, `"second"`, 1) + `{"MediaId":"m1","Nonsense":1}` + "\n"
	if _, faults, err := run(t, &s, strings.NewReader(in)); err != nil || len(faults) != 1 {
		t.Fatal(faults, err)
	}
	if got := s.media["a/m1"].Title; got != "second" {
		t.Errorf("title is %q", got)
	}
	if d := cmp.Diff([]int{1}, s.batches); d != "" {
		t.Error(d)
	}
}

func TestImport_StoresInBatches(t *testing.T) {
	t.Parallel()
	var in strings.Builder
	for i := range 1201 {
		in.WriteString(line(fmt.Sprintf("m%d", i)))
	}
	var s memory
	sum, _, err := run(t, &s, strings.NewReader(in.String()))
	if err != nil || sum.Imported != 1201 {
		t.Fatal(sum, err)
	}
	if d := cmp.Diff([]int{1000, 201}, s.batches); d != "" {
		t.Error(d)
	}
}

func TestImport_ABrokenStreamKeepsWhatCameWhole(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	var s memory
	sum, _, err := run(t, &s, io.MultiReader(strings.NewReader(line("m1")+`{"Media`), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || sum.Imported != 1 || len(s.media) != 1 {
		t.Errorf("got %v, %v", sum, err)
	}
}

func TestImport_AStoreThatFailsEndsIt(t *testing.T) {
	t.Parallel()
	s := memory{err: errors.New("disk full")}
	if sum, _, err := run(t, &s, strings.NewReader(line("m1"))); !errors.Is(err, s.err) || sum.Imported != 0 {
		t.Errorf("got %v, %v", sum, err)
	}
}

func TestParse_WhatIsExportedCanBeImported(t *testing.T) {
	t.Parallel()
	m, err := catalog.Parse([]byte(line("m1")), domains())
	if err != nil {
		t.Fatal(err)
	}
	m.Updated = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	m.ReferenceID, m.Description, m.Tags, m.CateID, m.CateName = "ref_12-x", "two\nlines", []string{"a", "b c"}, -7, "films"
	m.CoverURL, m.Snapshots, m.StorageLocation, m.TemplateGroupID = "https://i/1", []string{"https://i/2"}, "bucket", "VOD_NO_TRANSCODE"
	m.Duration, m.Size, m.UserData = 0.25, 1<<40, `{"Extend":"e"}`
	m.Created, m.Modified = m.Updated.Add(-time.Hour), m.Updated.Add(-time.Minute)
	original := m.Streams[0]
	original.Format, original.Definition, original.Duration, original.FPS, original.Width = "mov", "OD", "12.5", "29.97", 1920
	original.Height, original.EncryptType, original.EncryptMode, original.Specification = 1080, "HLSEncryption", "x", "Original"
	original.NarrowBandType, original.CodecName, original.WatermarkID, original.JobType = "1.0", "H264", "w", "2"
	original.JobExt, original.BitDepth, original.HDRType, original.Status = "j", 10, "HDR10", "Invisible"
	m.Streams = append(m.Streams, original)
	m.Streams[0].Encrypted = true
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	again, err := catalog.Parse(text, domains())
	if err != nil {
		t.Fatal(err)
	}
	again.Updated = m.Updated
	if d := cmp.Diff(m, again); d != "" {
		t.Error(d)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(line("m1")))
	f.Add([]byte(`{"VideoBase":{"VideoId":"v"},"PlayInfoList":{"PlayInfo":[` + goodStream + `]}}`))
	f.Add([]byte(`{"MediaId":"m","Streams":[{"Bitrate":1e9,"Encrypt":1}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := catalog.Parse(in, domains())
		if err != nil {
			return
		}
		for _, s := range m.Streams {
			if !strings.HasPrefix(s.URL, "http://vod.example.com/") {
				t.Errorf("stored %q, which is under no domain of the account", s.URL)
			}
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := catalog.Parse(text, domains()); err != nil {
			t.Errorf("what was taken in is refused when exported: %v\n%s", err, text)
		}
	})
}
