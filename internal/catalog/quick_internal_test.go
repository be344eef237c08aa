package catalog

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
)

// oddValues are JSON values that keys may have, right or wrong.
func oddValues() []string {
	return []string{
		`""`, `"x"`, `"video"`, `"Normal"`, `"2026-01-02T03:04:05Z"`, `"http://vod.example.com/a.m3u8"`, `"\u00e4\ud83d\ude00\n"`, `"\ud800"`, `"\q"`, `"`,
		`0`, `7`, `-1`, `1.5`, `01`, `1e3`, `-`, `.5`, `12345678901234567890`, `"12"`, `" 12"`, `true`, `false`, `null`, `nul`,
		`[]`, `["a","b"]`, `["a",]`, `[1]`, `[null]`, `{}`, `{"a":1}`, "\"\x01\"", "\"ä\"", `"a" "b"`, `"m3u8"`, `"HD"`,
	}
}

// lineOf draws a line that is right, or nearly.
func lineOf(rt *rapid.T) string {
	object := func(what string, usual, rare []string) string {
		var members []string
		members = append(members, usual...)
		for range rapid.IntRange(0, 3).Draw(rt, what+" rare") {
			key := rapid.SampledFrom(rare).Draw(rt, "key")
			members = append(members, key+`:`+rapid.SampledFrom([]string{"", " ", "\t"}).Draw(rt, "space")+rapid.SampledFrom(oddValues()).Draw(rt, "value"))
		}
		members = rapid.Permutation(members).Draw(rt, what)
		return "{" + strings.Join(members, ",") + "}"
	}
	var streams []string
	for range rapid.IntRange(0, 3).Draw(rt, "streams") {
		streams = append(streams, object("stream", []string{
			`"Format":"m3u8"`, `"Definition":"HD"`, `"StreamType":"video"`, `"PlayURL":"http://vod.example.com/a.m3u8"`,
		}, []string{
			`"JobId"`, `"CreationTime"`, `"ModificationTime"`, `"Size"`, `"Bitrate"`, `"Duration"`, `"Fps"`, `"Width"`, `"Height"`, `"Encrypt"`,
			`"Status"`, `"EncryptType"`, `"EncryptMode"`, `"Specification"`, `"NarrowBandType"`, `"CodecName"`, `"WatermarkId"`, `"JobType"`,
			`"JobExt"`, `"BitDepth"`, `"HDRType"`, `"Format"`, `"format"`, `"Nothing"`, `"\u0053ize"`,
		}))
	}
	return object("media", []string{`"MediaId":"m1"`, `"Streams":[` + strings.Join(streams, ", ") + `]`}, []string{
		`"Title"`, `"MediaType"`, `"Status"`, `"AppId"`, `"ReferenceId"`, `"Description"`, `"CateName"`, `"CoverURL"`, `"StorageLocation"`,
		`"TemplateGroupId"`, `"UserData"`, `"CreationTime"`, `"ModificationTime"`, `"UpdatedAt"`, `"Tags"`, `"Duration"`, `"CateId"`, `"Size"`,
		`"Snapshots"`, `"Streams"`, `"MediaId"`, `"mediaid"`, `"Nothing"`,
	}) + rapid.SampledFrom([]string{"", " ", "x", "{}"}).Draw(rt, "end")
}

// TestQuick_SaysWhatTheSlowWaySays: whatever the line is.
func TestQuick_SaysWhatTheSlowWaySays(t *testing.T) {
	t.Parallel()
	domains := []freshet.Domain{{Account: "a", Name: "vod.example.com", Origin: "http://o"}}
	plain := 0
	rapid.Check(t, func(rt *rapid.T) {
		line := []byte(lineOf(rt))
		if rapid.Bool().Draw(rt, "hurt") {
			at := rapid.IntRange(0, len(line)-1).Draw(rt, "at")
			line[at] = rapid.SampledFrom([]byte(`"{}[],: x\0-`)).Draw(rt, "byte")
		}
		if !utf8.Valid(line) {
			return // refused before either of them
		}
		if _, ok := quickMedia(line); ok {
			plain++
			if !json.Valid(line) {
				rt.Fatalf("%s is not JSON", line)
			}
		}
		got, gotErr := Parse(line, domains)
		want, wantErr := parseSlowly(line, domains)
		if d := cmp.Diff(want, got); d != "" {
			rt.Fatalf("%s (-slow +quick):\n%s", line, d)
		}
		if (gotErr == nil) != (wantErr == nil) || gotErr != nil && gotErr.Error() != wantErr.Error() {
			rt.Fatalf("%s: %v, the slow way %v", line, gotErr, wantErr)
		}
	})
	if plain == 0 {
		t.Error("no line was plain")
	}
}
