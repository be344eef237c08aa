package plan_test

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestU9_OneRefusedStreamDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := mustPlan(t, w.planner(plan.Options{}), job(freshet.Prefetch, freshet.Filter{}), media(
		stream("mp4", "FD", "http://foreign.example.net/fd.mp4"),
		stream("mp4", "LD", "http://old.example.com/ld.mp4"),
		stream("mp4", "SD", "http://vod.example.com/sd.mp4"),
	))
	wantURLs(t, r, "/sd.mp4")
	wantFault(t, r, "InvalidDomain.NotFound", "The domain provided does not belong to you.")
	wantProblem(t, r, "http://foreign.example.net/fd.mp4", "foreign.example.net")
	wantProblem(t, r, "http://old.example.com/ld.mp4", "offline")
}

func TestU9_OfflineDomain(t *testing.T) {
	t.Parallel()
	r := mustPlan(t, newWorld().planner(plan.Options{}), job(freshet.Purge, freshet.Filter{}),
		media(stream("mp4", "LD", "http://old.example.com/ld.mp4")))
	wantURLs(t, r, "")
	wantFault(t, r, "InvalidDomain.Offline", "The domain provided is offline.")
}

func TestU11_OrderOfURLs(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.files["http://vod.example.com/ld.m3u8"] = segments(2)
	newer := stream("mp4", "HD", "http://vod.example.com/hd-new.mp4")
	newer.Created = newer.Created.Add(time.Hour)
	r := mustPlan(t, w.planner(plan.Options{}), job(freshet.Purge, freshet.Filter{Multiple: true, Slices: true}), media(
		stream("mp3", "SQ", "http://vod.example.com/sq.mp3"),
		stream("webm", "HD", "http://vod.example.com/hd.webm"),
		stream("mp4", "HD", "http://vod.example.com/hd-old.mp4"),
		newer,
		stream("m3u8", "LD", "http://vod.example.com/ld.m3u8"),
		stream("mp4", "OD", "http://vod.example.com/od.mp4"),
		stream("mp4", "4K", "http://vod.example.com/4k.mp4"),
		stream("mp4", "2K", "http://vod.example.com/2k.mp4"),
		stream("mp4", "AUTO", "http://vod.example.com/auto.mp4"),
		stream("mp4", "LD", "http://vod.example.com/ld.mp4"),
		stream("flv", "FD", "http://vod.example.com/fd.flv"),
		stream("mp4", "SD", "http://vod.example.com/sd.mp4"),
		stream("mp3", "HQ", "http://vod.example.com/hq.mp3"),
	))
	wantURLs(t, r, "/fd.flv /ld.mp4 /ld.m3u8 /s0.ts /s1.ts /sd.mp4 /hd-new.mp4 /hd-old.mp4 /hd.webm /2k.mp4 /4k.mp4 /od.mp4 /sq.mp3 /hq.mp3 /auto.mp4")
	wantFault(t, r, "", "")
}

func TestU12_SingleTakesLatestOfEachDefinitionAndFormat(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	with := func(u, id string, created, modified time.Time, encrypted bool) freshet.Stream {
		s := stream("mp4", "HD", "http://vod.example.com/"+u)
		s.JobID, s.Created, s.Modified, s.Encrypted = id, created, modified, encrypted
		return s
	}
	for _, c := range []struct {
		name    string
		streams []freshet.Stream
		single  string
	}{
		{"by creation", []freshet.Stream{with("old", "z", at, at.Add(time.Hour), false), with("new", "a", at.Add(time.Second), time.Time{}, false)}, "/new"},
		{"then by modification", []freshet.Stream{with("new", "a", at, at.Add(time.Hour), false), with("old", "z", at, at, false)}, "/new"},
		{"then by job", []freshet.Stream{with("old", "a", at, at, false), with("new", "b", at, at, false)}, "/new"},
		{"encrypted ones compete", []freshet.Stream{with("plain", "a", at, at, false), with("secret", "b", at, at, true)}, "/secret"},
		{"other formats do not", []freshet.Stream{with("old", "a", at, at, false), stream("flv", "HD", "http://vod.example.com/x.flv"), with("new", "b", at, at, false)}, "/new /x.flv"},
		{"other definitions do not", []freshet.Stream{with("new", "b", at, at, false), stream("mp4", "SD", "http://vod.example.com/sd")}, "/sd /new"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newWorld().planner(plan.Options{})
			wantURLs(t, mustPlan(t, p, job(freshet.Purge, freshet.Filter{}), media(c.streams...)), c.single)
			if r := mustPlan(t, p, job(freshet.Purge, freshet.Filter{Multiple: true}), media(c.streams...)); len(r.URLs) != len(c.streams) {
				t.Errorf("Multiple took %v of %d streams", urls(r), len(c.streams))
			}
		})
	}
}

func TestU13_OriginalFileIsAStreamLikeAnother(t *testing.T) {
	t.Parallel()
	m := media(stream("mp4", "OD", "http://vod.example.com/od.mp4"), stream("m3u8", "HD", "http://vod.example.com/hd.m3u8"))
	p := newWorld().planner(plan.Options{})
	wantURLs(t, mustPlan(t, p, job(freshet.Purge, freshet.Filter{}), m), "/hd.m3u8 /od.mp4")
	wantURLs(t, mustPlan(t, p, job(freshet.Purge, freshet.Filter{Formats: []freshet.Format{"m3u8"}}), m), "/hd.m3u8")
	wantURLs(t, mustPlan(t, p, job(freshet.Purge, freshet.Filter{Definitions: []freshet.Definition{"OD"}}), m), "/od.mp4")
}

func TestFilter_FormatsDefinitionsAndStreamTypesRestrictTogether(t *testing.T) {
	t.Parallel()
	audio := stream("m3u8", "HQ", "http://vod.example.com/hq.m3u8")
	audio.Type = freshet.StreamAudio
	m := media(stream("mp4", "HD", "http://vod.example.com/hd.mp4"), stream("m3u8", "HD", "http://vod.example.com/hd.m3u8"),
		stream("m3u8", "SD", "http://vod.example.com/sd.m3u8"), audio)
	p := newWorld().planner(plan.Options{})
	for _, c := range []struct {
		f    freshet.Filter
		want string
	}{
		{freshet.Filter{Formats: []freshet.Format{"mp4"}}, "/hd.mp4"},
		{freshet.Filter{Formats: []freshet.Format{"m3u8"}, Definitions: []freshet.Definition{"HD", "HQ"}}, "/hd.m3u8 /hq.m3u8"},
		{freshet.Filter{StreamTypes: []freshet.StreamType{"audio"}}, "/hq.m3u8"},
		{freshet.Filter{StreamTypes: []freshet.StreamType{"video"}, Definitions: []freshet.Definition{"SD"}}, "/sd.m3u8"},
	} {
		wantURLs(t, mustPlan(t, p, job(freshet.Prefetch, c.f), m), c.want)
	}
}

func TestU16_SignaturesAndIgnoredParametersAreNoPartOfTheName(t *testing.T) {
	t.Parallel()
	r := mustPlan(t, newWorld().planner(plan.Options{}), job(freshet.Purge, freshet.Filter{}),
		media(stream("mp4", "HD", "https://WWW.example.com/hd.mp4?auth_key=1-2-3&session=x&v=1")))
	wantURLs(t, r, "/hd.mp4?v=1")
}

func TestU17_EncryptedStreamsAreIncluded(t *testing.T) {
	t.Parallel()
	s := stream("m3u8", "HD", "http://vod.example.com/hd.m3u8")
	s.Encrypted = true
	for _, typ := range []freshet.TaskType{freshet.Purge, freshet.Prefetch} {
		wantURLs(t, mustPlan(t, newWorld().planner(plan.Options{}), job(typ, freshet.Filter{}), media(s)), "/hd.m3u8")
	}
}

func TestU18_StatusMattersToPrefetchOnly(t *testing.T) {
	t.Parallel()
	p := newWorld().planner(plan.Options{})
	for _, status := range []string{"Uploading", "UploadFail", "UploadSucc", "Transcoding", "TranscodeFail", "Blocked"} {
		m := media(stream("mp4", "HD", "http://vod.example.com/hd.mp4"))
		m.Status = status
		wantURLs(t, mustPlan(t, p, job(freshet.Purge, freshet.Filter{}), m), "/hd.mp4")
		r := mustPlan(t, p, job(freshet.Prefetch, freshet.Filter{}), m)
		wantURLs(t, r, "")
		wantFault(t, r, "Forbidden.IllegalStatus", "Status of the video is illegal. Current Status is "+status+".")
	}
}

func TestU19_NoStreamMatches(t *testing.T) {
	t.Parallel()
	p := newWorld().planner(plan.Options{})
	m := media(stream("mp4", "HD", "http://vod.example.com/hd.mp4"))
	f := freshet.Filter{Formats: []freshet.Format{"m3u8", "mp3"}, Definitions: []freshet.Definition{"SD"}}
	r := mustPlan(t, p, job(freshet.Purge, f), m)
	wantURLs(t, r, "")
	wantFault(t, r, "InvalidVideo.NoneStream",
		"The video has no stream to play for the request parameter 'Formats: m3u8,mp3, Definition: SD, StreamType: all'.")
	wantFault(t, mustPlan(t, p, job(freshet.Prefetch, freshet.Filter{Everything: true}), media()), "InvalidVideo.NoneStream", "no stream")
}

func TestU20_DeletedMedia(t *testing.T) {
	t.Parallel()
	w := newWorld()
	p := w.planner(plan.Options{})
	for _, typ := range []freshet.TaskType{freshet.Purge, freshet.Prefetch} {
		wantFault(t, mustPlan(t, p, job(typ, freshet.Filter{}), nil), "InvalidVideo.NotFound", "The video does not exist.")
	}
	w.remembered = []string{"http://vod.example.com/old.ts"}
	r := mustPlan(t, p, job(freshet.Purge, freshet.Filter{}), nil)
	wantURLs(t, r, "/old.ts")
	wantFault(t, r, "", "")
}

const master = `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",URI="en.m3u8"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="en",URI="subs.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1
hd.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2
sd.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="iframes.m3u8"
#EXT-X-SESSION-KEY:METHOD=AES-128,URI="session.key"
#EXT-X-SESSION-DATA:DATA-ID="x",URI="data.json"
#EXT-X-CONTENT-STEERING:SERVER-URI="steer.json"
`

func masterWorld() *world {
	w := newWorld()
	at := func(name, body string) { w.files["http://vod.example.com/m/"+name] = body }
	at("auto.m3u8", master)
	at("en.m3u8", list("#EXTINF:1,", "en0.aac", "#EXTINF:1,", "en1.aac", "#EXTINF:1,", "en2.aac"))
	at("subs.m3u8", list("#EXTINF:9,", "subs0.vtt"))
	at("hd.m3u8", list(`#EXT-X-KEY:METHOD=AES-128,URI="hd.key"`, `#EXT-X-MAP:URI="init-a.mp4"`, "#EXTINF:1,", "hd0.m4s",
		"#EXTINF:1,", "hd1.m4s", `#EXT-X-MAP:URI="init-b.mp4"`, "#EXTINF:1,", "hd2.m4s"))
	at("sd.m3u8", list("#EXTINF:1,", "sd0.ts", "#EXTINF:1,", "http://img.example.com/ad.ts", "#EXTINF:1,", "sd2.ts"))
	at("iframes.m3u8", list("#EXTINF:1,", "if0.ts"))
	return w
}

func TestU21_MultivariantWithFirstSegmentsOfEach(t *testing.T) {
	t.Parallel()
	w := masterWorld()
	m := media(stream("m3u8", "AUTO", "http://vod.example.com/m/auto.m3u8"))
	for _, typ := range []freshet.TaskType{freshet.Purge, freshet.Prefetch} {
		r := mustPlan(t, w.planner(plan.Options{}), job(typ, freshet.Filter{Slices: true, SliceCount: 2}), m)
		want := "/m/auto.m3u8 /m/en.m3u8 /m/en0.aac /m/en1.aac /m/subs.m3u8 /m/subs0.vtt " +
			"/m/hd.m3u8 /m/init-a.mp4 /m/hd0.m4s /m/hd1.m4s /m/sd.m3u8 /m/sd0.ts http://img.example.com/ad.ts"
		wantURLs(t, r, want)
		wantFault(t, r, "", "")
		if len(r.Problems) != 0 {
			t.Errorf("problems %+v", r.Problems)
		}
		for _, u := range []string{"/m/hd2.m4s", "/m/init-b.mp4", "/m/iframes.m3u8", "/m/data.json"} {
			if !strings.Contains(strings.Join(r.Remember, " ")+" ", "http://vod.example.com"+u+" ") {
				t.Errorf("%s is in the playlists but is not remembered", u)
			}
		}
		for _, u := range append(urls(r), r.Remember...) {
			if strings.Contains(u, ".key") || strings.Contains(u, "steer") {
				t.Errorf("%s must never be submitted or remembered", u)
			}
		}
	}
}

func TestU21_InitSectionsAreNotCounted(t *testing.T) {
	t.Parallel()
	w := masterWorld()
	m := media(stream("m3u8", "HD", "http://vod.example.com/m/hd.m3u8"))
	r := mustPlan(t, w.planner(plan.Options{}), job(freshet.Prefetch, freshet.Filter{Slices: true, SliceCount: 3}), m)
	wantURLs(t, r, "/m/hd.m3u8 /m/init-a.mp4 /m/init-b.mp4 /m/hd0.m4s /m/hd1.m4s /m/hd2.m4s")
	kinds := ""
	for _, u := range r.URLs {
		kinds += u.Kind + " "
		if u.Stream != "HD/m3u8" || u.Media != "m1" {
			t.Errorf("%+v does not say where it comes from", u)
		}
	}
	if kinds != "playlist init init segment segment segment " {
		t.Errorf("kinds %s", kinds)
	}
}

func TestU21_FewerSegmentsThanAskedAndTheDefault(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.files["http://vod.example.com/three.m3u8"] = segments(3)
	w.files["http://vod.example.com/d/many.m3u8"] = segments(30)
	p := w.planner(plan.Options{})
	three := media(stream("m3u8", "HD", "http://vod.example.com/three.m3u8"))
	many := media(stream("m3u8", "HD", "http://vod.example.com/d/many.m3u8"))
	for _, c := range []struct{ n, three, many int }{{1, 1, 1}, {3, 3, 3}, {20, 3, 20}, {0, 3, freshet.DefaultSliceCount}} {
		f := freshet.Filter{Slices: true, SliceCount: c.n}
		if r := mustPlan(t, p, job(freshet.Purge, f), three); len(r.URLs) != 1+c.three {
			t.Errorf("count %d of 3 segments: %v", c.n, urls(r))
		}
		r := mustPlan(t, p, job(freshet.Purge, f), many)
		if len(r.URLs) != 1+c.many {
			t.Errorf("count %d of 30 segments: %v", c.n, urls(r))
		}
		if len(r.Remember) != 30 {
			t.Errorf("%d URLs are remembered, want the whole playlist's 30", len(r.Remember))
		}
	}
}

func TestU21_ForeignAndOfflineSegmentsAreNamed(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.files["http://vod.example.com/a.m3u8"] = list("#EXTINF:1,", "http://foreign.example.net/0.ts", "#EXTINF:1,", "1.ts",
		"#EXTINF:1,", "http://old.example.com/2.ts", "#EXTINF:1,", "http://foreign.example.net/3.ts", "ftp://x/y")
	r := mustPlan(t, w.planner(plan.Options{}), job(freshet.Prefetch, freshet.Filter{Slices: true, SliceCount: 3}),
		media(stream("m3u8", "HD", "http://vod.example.com/a.m3u8")))
	wantURLs(t, r, "/a.m3u8 /1.ts")
	wantFault(t, r, "", "")
	wantProblem(t, r, "http://foreign.example.net/0.ts", "foreign.example.net is not a domain of the account")
	wantProblem(t, r, "http://old.example.com/2.ts", "offline")
	wantProblem(t, r, "http://vod.example.com/a.m3u8", "line 11")
	if len(r.Problems) != 3 {
		t.Errorf("problems %+v; the fourth segment was not asked for", r.Problems)
	}
	if len(r.Remember) != 1 {
		t.Errorf("remembers %v", r.Remember)
	}
}
