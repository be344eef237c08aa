package rpc_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/rpc"
	"github.com/freshet-vod/freshet/internal/store"
)

func refresh(kv ...string) []string {
	return append([]string{"MediaIds", "m1", "TaskType", "Refresh"}, kv...)
}

// ids makes n distinct media IDs.
func ids(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = "x" + strconv.Itoa(i)
	}
	return out
}

func refusedRefresh(t *testing.T, code, message string, kv ...string) {
	t.Helper()
	f := setup(t)
	f.call("RefreshMediaPlayUrls", kv...).refused(t, 400, code, message)
	if len(f.engine.subs) != 0 {
		t.Error("a refused call was submitted")
	}
}

func TestContract_3_4_MediaIdsAbsentOrEmpty(t *testing.T) {
	t.Parallel()
	refusedRefresh(t, "MissingParameter", missingText("MediaIds"), "TaskType", "Refresh")
	for _, v := range []string{"", " ", ",", " , ,"} {
		refusedRefresh(t, "MissingParameter", missingText("MediaIds"), "MediaIds", v, "TaskType", "Refresh")
	}
}

func TestContract_3_4_MediaIdsExceededMax(t *testing.T) {
	t.Parallel()
	refusedRefresh(t, "MediaIdsExceededMax", "The MediaIds exceeded maximum.",
		"MediaIds", strings.Join(ids(21), ","), "TaskType", "Refresh")
	f := setup(t)
	f.call("RefreshMediaPlayUrls", "MediaIds", strings.Join(ids(20), ","), "TaskType", "Refresh").ok(t)
	// U4: the limit counts after trimming and removing duplicates.
	list := append(ids(20), " x0", "", "x19 ", " ")
	f.call("RefreshMediaPlayUrls", "MediaIds", strings.Join(list, ","), "TaskType", "Refresh").ok(t)
	if d := cmp.Diff(ids(20), f.engine.last(t).Media); d != "" {
		t.Error(d)
	}
}

func TestContract_3_4_TaskTypeAbsent(t *testing.T) {
	t.Parallel()
	refusedRefresh(t, "MissingParameter", missingText("TaskType"), "MediaIds", "m1")
	refusedRefresh(t, "MissingParameter", missingText("TaskType"), "MediaIds", "m1", "TaskType", "")
}

func TestContract_3_4_TaskTypeUnknown(t *testing.T) {
	t.Parallel()
	for _, v := range []string{"Purge", "Refresh,Preload", "refreshh"} {
		refusedRefresh(t, "InvalidParameter", invalidText("TaskType"), "MediaIds", "m1", "TaskType", v)
	}
}

func TestContract_3_4_UnknownValuesOfLists(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"Formats", "avi"},
		{"Formats", "mp4,avi"},
		{"Definitions", "FHD"},
		{"Definitions", "HD;SD"},
		{"StreamType", "text"},
		{"ResultType", "All"},
		{"ResultType", "Single,Multiple"},
	} {
		refusedRefresh(t, "InvalidParameter", invalidText(c[0]), refresh(c[0], c[1])...)
	}
	// More items than any list of values has, each a spelling of one value.
	var many []string
	for i := range 64 {
		s := []byte("webm")
		for j := range s {
			if i>>j&1 == 1 {
				s[j] -= 32
			}
		}
		many = append(many, string(s)+strings.Repeat(" ", i/16))
	}
	many = append(many, "avi")
	refusedRefresh(t, "InvalidParameter", invalidText("Formats"), refresh("Formats", strings.Join(many, ","))...)
}

func TestContract_3_4_SliceFlagIsABoolean(t *testing.T) {
	t.Parallel()
	for _, v := range []string{"yes", "1", "0", "tRUE", " true"} {
		refusedRefresh(t, "InvalidParameter", invalidText("SliceFlag"), refresh("SliceFlag", v)...)
	}
	for v, want := range map[string]bool{"true": true, "True": true, "TRUE": true, "false": false, "False": false, "FALSE": false, "": false} {
		f := setup(t)
		f.call("RefreshMediaPlayUrls", refresh("SliceFlag", v)...).ok(t)
		if got := f.engine.last(t).Filter.Slices; got != want {
			t.Errorf("SliceFlag=%s: %t", v, got)
		}
	}
}

func TestContract_3_4_SliceCountIsOneToTwenty(t *testing.T) {
	t.Parallel()
	for _, v := range []string{"0", "21", "-1", "abc", "5.0", "+5", "0x5", " 5", "99999999999999999999"} {
		refusedRefresh(t, "InvalidParameter", invalidText("SliceCount"), refresh("SliceCount", v)...) // U22: with SliceFlag off too
		refusedRefresh(t, "InvalidParameter", invalidText("SliceCount"), refresh("SliceCount", v, "SliceFlag", "true")...)
	}
	for v, want := range map[string]int{"1": 1, "20": 20, "": freshet.DefaultSliceCount} {
		f := setup(t)
		f.call("RefreshMediaPlayUrls", refresh("SliceFlag", "true", "SliceCount", v)...).ok(t)
		if got := f.engine.last(t).Filter.SliceCount; got != want {
			t.Errorf("SliceCount=%s: %d, want %d", v, got, want)
		}
	}
}

func TestContract_3_4_UserData(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 512)
	for name, v := range map[string]string{
		"no JSON":                       "hello",
		"an array":                      "[]",
		"null":                          "null",
		"a string":                      `"{}"`,
		"two objects":                   "{}{}",
		"cut off":                       `{"Extend":`,
		"Extend of 513 bytes, a string": `{"Extend":"` + long + `x"}`,
		"Extend of 513 bytes, compact":  `{"Extend":{"a":"` + long[:506] + `"}}`,
		"Extend is a number":            `{"Extend":1}`,
		"Extend is an array":            `{"Extend":[1]}`,
		"callback to ftp":               `{"MessageCallback":{"CallbackURL":"ftp://example.com/x"}}`,
		"callback without a scheme":     `{"MessageCallback":{"CallbackURL":"example.com/x"}}`,
		"callback without a host":       `{"MessageCallback":{"CallbackURL":"http:///x"}}`,
		"callback of 257 bytes":         `{"MessageCallback":{"CallbackURL":"http://e.com/` + long[:257-13] + `"}}`,
		"callback is a number":          `{"MessageCallback":{"CallbackURL":7}}`,
		"callback in a string, ftp":     `{"MessageCallback":"{\"CallbackURL\":\"ftp://x\"}"}`,
		"callback in a broken string":   `{"MessageCallback":"{"}`,
		"callback is an array":          `{"MessageCallback":[]}`,
		"a control character (§12)":     "{\"Extend\":\"a\",\x01\"b\":1}",
		"a noncharacter (§12)":          `{"a":"` + "\uFFFE" + `"}`,
		"17 KB":                         `{"a":"` + strings.Repeat("x", 17<<10) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refusedRefresh(t, "InvalidParameter", invalidText("UserData"), refresh("UserData", v)...)
		})
	}
	for name, v := range map[string]string{
		"absent":                       "",
		"empty object":                 "{}",
		"the vendor's example":         `{"MessageCallback":{"CallbackURL":"http://example.aliyundoc.com"},"Extend":{"localId":"a b*c~d+e","test":"中文/&="}}`,
		"members as strings":           `{"MessageCallback":"{\"CallbackURL\":\"https://example.com/x\"}","Extend":"{\"a\":1}"}`,
		"Extend of 512 bytes, string":  `{"Extend":"` + long + `"}`,
		"Extend of 512 bytes, compact": `{"Extend":{ "a" : "` + long[:504] + `" } }`,
		"callback of 256 bytes":        `{"MessageCallback":{"CallbackURL":"http://e.com/` + long[:256-13] + `"}}`,
		"nulls":                        `{"MessageCallback":null,"Extend":null}`,
		"no URL":                       `{"MessageCallback":{"CallbackType":"http"}}`,
		"unknown members":              `{"AccelerateConfig":{"Type":"oss"},"x":[1,2]}`,
		"blanks and lines":             " {\r\n\t\"Extend\": \"a\" }\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			b := f.call("RefreshMediaPlayUrls", refresh("UserData", v)...).ok(t)
			if got := f.engine.last(t).UserData; got != v {
				t.Errorf("UserData %q became %q", v, got)
			}
			rows := f.call("GetMediaRefreshJobs", "MediaRefreshJobId", *b.MediaRefreshJobID).ok(t).MediaRefreshJobs
			if len(rows) != 1 || rows[0].UserData != v {
				t.Errorf("rows %+v do not repeat %q", rows, v)
			}
		})
	}
}

func TestContract_3_4_NoActionableID(t *testing.T) {
	t.Parallel()
	f := setup(t)
	b := f.call("RefreshMediaPlayUrls", "MediaIds", "gone1, forbidden1 ,gone2", "TaskType", "Refresh").ok(t)
	if *b.MediaRefreshJobID != "" || *b.NonExistMediaIDs != "gone1,gone2" || *b.ForbiddenMediaIDs != "forbidden1" {
		t.Errorf("%s %s %s", *b.MediaRefreshJobID, *b.NonExistMediaIDs, *b.ForbiddenMediaIDs)
	}
}

// TestContract_12_NonceOfACallWithoutAJobIsStored: its media may exist when it
// is repeated after a restart.
func TestContract_12_NonceOfACallWithoutAJobIsStored(t *testing.T) {
	t.Parallel()
	var stored []store.Nonce
	a, err := auth.New(t.Context(), auth.Options{Keys: memKeys{nonces: &stored}})
	if err != nil {
		t.Fatal(err)
	}
	f := setup(t, func(o *rpc.Options) { o.Auth = a })
	f.call("RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh").ok(t)
	if len(stored) != 0 {
		t.Errorf("the nonce of a job was stored twice: %v", stored)
	}
	f.call("RefreshMediaPlayUrls", "MediaIds", "gone", "TaskType", "Refresh").ok(t)
	if len(stored) != 1 || stored[0].Fingerprint == 0 || stored[0].Expires.IsZero() {
		t.Errorf("stored: %v", stored)
	}
}

func TestContract_4_1_U2_SomeIDsGood(t *testing.T) {
	t.Parallel()
	f := setup(t)
	b := f.call("RefreshMediaPlayUrls", "MediaIds", "gone, m2, m1, m2, bad id!", "TaskType", "preLOAD").ok(t)
	if *b.MediaRefreshJobID == "" || *b.NonExistMediaIDs != "gone,bad id!" || *b.ForbiddenMediaIDs != "" {
		t.Errorf("%+v", b)
	}
	s := f.engine.last(t)
	if d := cmp.Diff([]string{"gone", "m2", "m1", "bad id!"}, s.Media); d != "" {
		t.Error(d)
	}
	if s.Type != freshet.Prefetch || s.Account != account || s.Native || s.Nonce == 0 || s.NonceExpires.IsZero() {
		t.Errorf("submission %+v", s)
	}
}

// TestContract_4_1_FilterPolicy checks the filters and the text that repeats
// them.
func TestContract_4_1_FilterPolicy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kv     []string
		filter freshet.Filter
		policy string
	}{
		{nil, freshet.Filter{}, `{"ResultType":"Single","SliceFlag":false}`},
		{
			[]string{"Formats", "MP4, m3u8 ,,mp4", "Definitions", "hd, SD,4k", "StreamType", "Video", "ResultType", "single", "SliceFlag", "false", "SliceCount", "3"},
			freshet.Filter{
				Formats: []freshet.Format{"mp4", "m3u8"}, Definitions: []freshet.Definition{"HD", "SD", "4K"},
				StreamTypes: []freshet.StreamType{"video"}, SliceCount: 3,
			},
			`{"Formats":"mp4,m3u8","Definitions":"HD,SD,4K","StreamType":"video","ResultType":"Single","SliceFlag":false,"SliceCount":3}`,
		},
		{
			[]string{"ResultType", "MULTIPLE", "SliceFlag", "true", "StreamType", "audio,video"},
			freshet.Filter{Multiple: true, Slices: true, SliceCount: 5, StreamTypes: []freshet.StreamType{"audio", "video"}},
			`{"StreamType":"audio,video","ResultType":"Multiple","SliceFlag":true,"SliceCount":5}`,
		},
		{[]string{"Formats", "", "Definitions", " , "}, freshet.Filter{}, `{"ResultType":"Single","SliceFlag":false}`},
		{
			[]string{"Definitions", "FD,LD,SD,HD,2K,4K,OD,SQ,HQ,AUTO", "Formats", "mp4,m3u8,mp3,flv,webm,ts"},
			freshet.Filter{Definitions: freshet.Definitions(), Formats: freshet.Formats()},
			`{"Formats":"mp4,m3u8,mp3,flv,webm,ts","Definitions":"FD,LD,SD,HD,2K,4K,OD,SQ,HQ,AUTO","ResultType":"Single","SliceFlag":false}`,
		},
	} {
		f := setup(t)
		b := f.call("RefreshMediaPlayUrls", refresh(c.kv...)...).ok(t)
		s := f.engine.last(t)
		if d := cmp.Diff(c.filter, s.Filter); d != "" {
			t.Errorf("%v: filter (-want +got):\n%s", c.kv, d)
		}
		rows := f.call("GetMediaRefreshJobs", "MediaRefreshJobId", *b.MediaRefreshJobID).ok(t).MediaRefreshJobs
		if len(rows) != 1 || rows[0].FilterPolicy != c.policy || !json.Valid([]byte(c.policy)) {
			t.Errorf("%v: rows %+v, want policy %s", c.kv, rows, c.policy)
		}
	}
}

// TestContract_3_1_BusinessParametersAreCheckedInTheTablesOrder: with all of
// them wrong, mending the first reveals the next.
func TestContract_3_1_BusinessParametersAreCheckedInTheTablesOrder(t *testing.T) {
	t.Parallel()
	order := []struct{ name, bad, good string }{
		{"MediaIds", "", "m1"},
		{"TaskType", "x", "Refresh"},
		{"Formats", "x", "mp4"},
		{"Definitions", "x", "HD"},
		{"StreamType", "x", "video"},
		{"ResultType", "x", "Single"},
		{"SliceFlag", "x", "true"},
		{"SliceCount", "x", "3"},
		{"UserData", "x", "{}"},
	}
	for i, want := range order {
		var kv []string
		for j, p := range order {
			if j < i {
				kv = append(kv, p.name, p.good)
			} else {
				kv = append(kv, p.name, p.bad)
			}
		}
		code, text := "InvalidParameter", invalidText(want.name)
		if want.bad == "" {
			code, text = "MissingParameter", missingText(want.name)
		}
		refusedRefresh(t, code, text, kv...)
	}
}
