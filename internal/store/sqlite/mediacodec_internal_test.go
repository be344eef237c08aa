package sqlite

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
)

func packedExample() *freshet.Media {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8_000_000, time.UTC)
	return &freshet.Media{
		Title: "T", Status: "Normal", Tags: []string{"a", "b"}, CateID: 7, Duration: 1.5, UserData: "{}", Created: at, Modified: at.Add(time.Hour),
		Streams: []freshet.Stream{
			{JobID: "j", Format: "mp4", Definition: "HD", Type: "video", URL: "http://h/a/1.mp4", Created: at, Size: 5, Width: 9, Encrypted: true, BitDepth: 8},
			{Format: "mkv", Definition: "OD", Type: "video", URL: "http://h/a/2.mkv", Modified: at.Add(-time.Hour), FPS: "25"},
		},
	}
}

// What the first releases stored is read as it was.
func TestMediaCodec_ReadsJSONOfTheFirstReleases(t *testing.T) {
	t.Parallel()
	body := `{"MediaId":"m1","Title":"T","MediaType":"video","Status":"Normal","AppId":"app","Streams":[{"JobId":"j","Format":"mp4",` +
		`"Definition":"HD","StreamType":"video","PlayURL":"http://h/1","CreationTime":"2026-03-04T05:06:07Z","Size":5,"Bitrate":"100","Encrypt":true}]}`
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	want := &freshet.Media{
		Account: "a", ID: "m1", Title: "T", Type: "video", Status: "Normal", AppID: "app", Created: at, Modified: at, Updated: at.Add(time.Hour),
		Streams: []freshet.Stream{{
			JobID: "j", Format: "mp4", Definition: "HD", Type: "video", URL: "http://h/1", Created: at, Size: 5, Bitrate: "100", Encrypted: true,
		}},
	}
	got, err := readMedia("a", "m1", millis(at.Add(time.Hour)), []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A body that is cut short or goes on is a fault, wherever that happens.
func TestMediaCodec_RefusesWhatIsCutShort(t *testing.T) {
	t.Parallel()
	whole := encodeMedia(packedExample())
	for n := range whole {
		if m, err := decodeMedia(whole[:n]); err == nil {
			t.Errorf("%d of %d bytes read as %+v", n, len(whole), m)
		}
	}
	for _, b := range [][]byte{append(slices.Clip(whole), 0), {mediaVersion + 1}} {
		if _, err := decodeMedia(b); err == nil {
			t.Errorf("%x is read", b)
		}
	}
}

func FuzzDecodeMedia(f *testing.F) {
	f.Add(encodeMedia(packedExample()))
	f.Add(encodeMedia(&freshet.Media{}))
	f.Add([]byte(`{"MediaId":"m","Streams":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMedia(b)
		if err != nil || b[0] == '{' {
			return
		}
		again, err := decodeMedia(encodeMedia(m))
		if err != nil {
			t.Fatal(err)
		}
		one, err1 := json.Marshal(m) // NaN is a duration that nothing stores
		two, err2 := json.Marshal(again)
		if err1 == nil && (err2 != nil || string(one) != string(two)) {
			t.Errorf("%s became %s", one, two)
		}
	})
}

func BenchmarkDecodeMedia(b *testing.B) {
	m := packedExample()
	for len(m.Streams) < 8 {
		m.Streams = append(m.Streams, m.Streams[0])
	}
	body := encodeMedia(m)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeMedia(body); err != nil {
			b.Fatal(err)
		}
	}
}
