package rpc_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/rpc"
)

func TestContract_4_10_Answer(t *testing.T) {
	t.Parallel()
	f, _ := mediaSetup(t)
	got := f.call("GetPlayInfo", "VideoId", "m1", "Definition", "sd,HD").object(t)
	wantJSON(t, got, `{"VideoBase":{"VideoId":"m1","Title":"<One> & „zwei“","Status":"Normal","MediaType":"video","Duration":"135.6",
		"CoverURL":"https://img.example.com/1.jpg","CreationTime":"2026-03-04T05:06:07Z"},
	"PlayInfoList":{"PlayInfo":[
		{"JobId":"j3","PlayURL":"https://vod.example.com/m1/sd,new.mp4","Format":"mp4","Definition":"SD","StreamType":"video","Status":"Invisible",
			"CreationTime":"2026-03-04T07:06:07Z","ModificationTime":"2026-03-04T08:06:07Z","Size":1000,"Duration":"9.5","Fps":"25","Bitrate":"840.1",
			"Width":1280,"Height":720,"Encrypt":0,"Specification":"H264.SD","CodecName":"H265","JobType":"2","JobExt":"ext","WatermarkId":"w1",
			"BitDepth":10,"HDRType":"HDR10","NarrowBandType":"1.0"},
		{"JobId":"j1","PlayURL":"https://vod.example.com/m1/hd.m3u8","Format":"m3u8","Definition":"HD","StreamType":"video","Status":"Normal",
			"CreationTime":"2026-03-04T06:06:07Z","ModificationTime":"2026-03-04T07:06:07Z","Size":1000,"Duration":"9.5","Fps":"25","Bitrate":"840.1",
			"Width":1280,"Height":720,"Encrypt":0,"Specification":"H264.HD"}]}}`)
	bare := f.call("GetPlayInfo", "VideoId", "bare").object(t)
	wantJSON(t, bare["VideoBase"], `{"VideoId":"bare","Title":"","Status":"Normal","MediaType":"audio","Duration":"61.25","CreationTime":"2026-03-04T05:06:07Z"}`)
	if urls := played(bare); urls[0] != "http://gone.example.com/a.mp3" {
		t.Errorf("a stream whose domain is gone is at %s", urls)
	}
}

// played lists the URLs of an answer.
func played(o map[string]any) []string {
	var urls []string
	list, _ := o["PlayInfoList"].(map[string]any)
	infos, _ := list["PlayInfo"].([]any)
	for _, x := range infos {
		info, _ := x.(map[string]any)
		urls = append(urls, fmt.Sprint(info["PlayURL"]))
	}
	return urls
}

// TestContract_4_10_Parameters has a case or more for each row of the table of
// parameters.
func TestContract_4_10_Parameters(t *testing.T) {
	t.Parallel()
	f, _ := mediaSetup(t)
	const fd, old, sd, hd, sq, ld = "hls.m3u8", "sd-old.mp4", "sd,new.mp4", "hd.m3u8", "m1.mp3", "enc.m3u8"
	for _, c := range []struct {
		name   string
		params []string
		want   []string
	}{
		{"nothing", nil, []string{fd, sd, hd, sq}},
		{"Formats", []string{"Formats", "mp4, MP3"}, []string{sd, sq}},
		{"Definition", []string{"Definition", "HD,sq"}, []string{hd, sq}},
		{"Definitions is another operation's name", []string{"Definitions", "HD"}, []string{fd, sd, hd, sq}},
		{"StreamType", []string{"StreamType", "audio"}, []string{sq}},
		{"ResultType Single", []string{"ResultType", "single", "Formats", "mp4"}, []string{sd}},
		{"ResultType Multiple", []string{"ResultType", "Multiple"}, []string{fd, ld, sd, old, hd, sq}},
		{"OutputType", []string{"OutputType", "oss"}, []string{fd, sd, hd, sq}},
		{"PlayConfig Unencrypted", []string{"PlayConfig", `{"EncryptType":"Unencrypted"}`}, []string{sd, hd, sq}},
		{"PlayConfig HLSEncryption", []string{"PlayConfig", `{"EncryptType":"HLSEncryption"}`}, []string{fd}},
		{"PlayConfig AliyunVoDEncryption", []string{"PlayConfig", `{"EncryptType":"AliyunVoDEncryption","PreviewTime":"20"}`}, []string{ld}},
		{"AdditionType", []string{"AdditionType", "danmu"}, []string{fd, sd, hd, sq}},
		{"CodecName", []string{"CodecName", "h265"}, []string{sd}},
		{"DigitalWatermarkType", []string{"DigitalWatermarkType", "CopyrightMark", "Trace", "x"}, []string{sd}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, u := range played(f.call("GetPlayInfo", append(c.params, "VideoId", "m1")...).object(t)) {
				got = append(got, u[strings.LastIndexByte(u, '/')+1:])
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	for name, values := range map[string][]string{
		"Formats": {"avi", "mp4,avi"}, "Definition": {"FHD"}, "StreamType": {"text"}, "ResultType": {"Both"},
		"OutputType": {"ftp"}, "DigitalWatermarkType": {"x"},
		"AuthTimeout": {"0", "00", "-1", "1.5", "x", "+5"},
		"ReAuthInfo":  {"x", "[]", `{"uid":7}`, `{"rand":"a-b"}`, `{"uid":"a&b"}`, `{"uid":"` + strings.Repeat("x", 129) + `"}`},
		"PlayConfig":  {"x", "null", `{"PlayDomain":7}`, `{"EncryptType":"ROT13"}`},
	} {
		for _, v := range values {
			f.call("GetPlayInfo", "VideoId", "m1", name, v).refused(t, 400, "InvalidParameter", invalidText(name))
		}
	}
}

// recordingSigner notes what it is asked for.
type recordingSigner struct {
	mu    sync.Mutex // guards what follows
	names []string
	last  rpc.SignOptions
}

func (s *recordingSigner) Sign(d freshet.Domain, url string, o rpc.SignOptions) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names, s.last = append(s.names, d.Name), o
	return url + "?signed"
}

func TestContract_4_10_URLsAreSigned(t *testing.T) {
	t.Parallel()
	s := &recordingSigner{}
	f, _ := mediaSetup(t, func(o *rpc.Options) { o.Signer = s })
	ask := func(kv ...string) string {
		return played(f.call("GetPlayInfo", append(kv, "VideoId", "m1", "Definition", "HD")...).object(t))[0]
	}
	if got := ask(); got != "https://vod.example.com/m1/hd.m3u8?signed" || s.names[0] != "vod.example.com" || s.last != (rpc.SignOptions{}) {
		t.Errorf("%s, signed with %+v for %s", got, s.last, s.names)
	}
	ask("AuthTimeout", "3600", "ReAuthInfo", `{"uid":"12345","rand":"abc_1","more":1}`)
	if want := (rpc.SignOptions{Lifetime: time.Hour, UID: "12345", Rand: "abc_1"}); s.last != want {
		t.Errorf("signed with %+v, want %+v", s.last, want)
	}
	const century = 100 * 365 * 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"1": time.Second, "2592001": 2592001 * time.Second, "3153600000": century, "9223372036": century, "9223372036854775807": century,
		"9223372036854775808": century, "99999999999999999999999999": century,
	} {
		if ask("AuthTimeout", text); s.last.Lifetime != want {
			t.Errorf("AuthTimeout %s is %s, want %s", text, s.last.Lifetime, want)
		}
	}
	if ask("AuthTimeout", "2592000", "OutputType", "oss"); s.last.Lifetime != 30*24*time.Hour {
		t.Errorf("signed for %s", s.last.Lifetime)
	}
	for _, text := range []string{"2592001", "99999999999999999999999999"} {
		f.call("GetPlayInfo", "VideoId", "m1", "OutputType", "oss", "AuthTimeout", text).
			refused(t, 400, "InvalidParameter", invalidText("AuthTimeout"))
	}
}

func TestContract_4_10_PlayDomain(t *testing.T) {
	t.Parallel()
	f, _ := mediaSetup(t)
	for domain, want := range map[string]string{
		"Alias.Example.com": "https://alias.example.com/m1/hd.m3u8",
		"vod.example.com":   "https://vod.example.com/m1/hd.m3u8",
		"plain.example.com": "https://vod.example.com/m1/hd.m3u8", // another domain has other objects
		"evil.example.org":  "https://vod.example.com/m1/hd.m3u8",
	} {
		got := played(f.call("GetPlayInfo", "VideoId", "m1", "Definition", "HD", "PlayConfig", `{"PlayDomain":"`+domain+`"}`).object(t))
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v, want %s", domain, got, want)
		}
	}
}
