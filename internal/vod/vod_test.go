package vod_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/vod"
)

func TestContract_5_4_UserData(t *testing.T) {
	t.Parallel()
	url256 := "https://example.com/" + strings.Repeat("a", 236)
	for _, tt := range []struct {
		name, text string
		want       vod.UserData
		ok         bool
	}{
		{"absent", ``, vod.UserData{}, true},
		{"nothing", `{}`, vod.UserData{}, true},
		{"nulls", `{"MessageCallback":null,"Extend":null}`, vod.UserData{}, true},
		{"objects", `{"MessageCallback":{"CallbackURL":"https://example.com/cb?a=1"},"Extend":{"a": "b"}}`, vod.UserData{CallbackURL: "https://example.com/cb?a=1", CallbackType: "http", Extend: `{"a":"b"}`}, true},
		{"strings that hold JSON", `{"MessageCallback":"{\"CallbackURL\":\"http://example.com/cb\",\"CallbackType\":\"HTTP\"}","Extend":"{\"a\": \"b\"}"}`, vod.UserData{CallbackURL: "http://example.com/cb", CallbackType: "http", Extend: `{"a": "b"}`}, true},
		{"plain text to pass through", `{"Extend":"x y"}`, vod.UserData{Extend: "x y"}, true},
		{"type only", `{"MessageCallback":{"CallbackType":"mns"}}`, vod.UserData{CallbackType: "mns"}, true},
		{"other members are ignored", `{"AccelerateConfig":{"Type":"oss"},"x":1}`, vod.UserData{}, true},
		{"512 bytes to pass through", `{"Extend":"` + strings.Repeat("e", 512) + `"}`, vod.UserData{Extend: strings.Repeat("e", 512)}, true},
		{"a URL of 256 bytes", `{"MessageCallback":{"CallbackURL":"` + url256 + `"}}`, vod.UserData{CallbackURL: url256, CallbackType: "http"}, true},

		{"not JSON", `x`, vod.UserData{}, false},
		{"an array", `[]`, vod.UserData{}, false},
		{"null", `null`, vod.UserData{}, false},
		{"a control character", "{\"a\":\"\x01\"}", vod.UserData{}, false},
		{"513 bytes to pass through", `{"Extend":"` + strings.Repeat("e", 513) + `"}`, vod.UserData{}, false},
		{"a number to pass through", `{"Extend":5}`, vod.UserData{}, false},
		{"a URL of 257 bytes", `{"MessageCallback":{"CallbackURL":"` + url256 + `b"}}`, vod.UserData{}, false},
		{"another scheme", `{"MessageCallback":{"CallbackURL":"ftp://example.com/"}}`, vod.UserData{}, false},
		{"no host", `{"MessageCallback":{"CallbackURL":"http:///cb"}}`, vod.UserData{}, false},
		{"a user in the URL", `{"MessageCallback":{"CallbackURL":"http://u:p@example.com/"}}`, vod.UserData{}, false},
		{"two URLs", `{"MessageCallback":{"CallbackURL":"http://example.com/a,http://example.com/b"}}`, vod.UserData{}, false},
		{"a URL that is no string", `{"MessageCallback":{"CallbackURL":5}}`, vod.UserData{}, false},
		{"an unknown type", `{"MessageCallback":{"CallbackURL":"http://example.com/","CallbackType":"smtp"}}`, vod.UserData{}, false},
		{"a type that is no string", `{"MessageCallback":{"CallbackType":5}}`, vod.UserData{}, false},
		{"a callback that is no object", `{"MessageCallback":"http://example.com/"}`, vod.UserData{}, false},
		{"more than the whole may hold", `{"x":"` + strings.Repeat("e", vod.MaxUserData) + `"}`, vod.UserData{}, false},
	} {
		got, err := vod.ParseUserData(tt.text)
		if (err == nil) != tt.ok || tt.ok && got != tt.want {
			t.Errorf("%s: ParseUserData = %+v, %v; want %+v, ok %t", tt.name, got, err, tt.want, tt.ok)
		}
	}
}

func TestContract_4_1_FilterPolicy(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]freshet.Filter{
		`{"ResultType":"Single","SliceFlag":false}`: {},
		`{"Formats":"mp4,m3u8","Definitions":"HD,SD","StreamType":"video","ResultType":"Multiple","SliceFlag":false,"SliceCount":3}`: {
			Formats: []freshet.Format{"mp4", "m3u8"}, Definitions: []freshet.Definition{"HD", "SD"},
			StreamTypes: []freshet.StreamType{"video"}, Multiple: true, SliceCount: 3,
		},
		`{"ResultType":"Single","SliceFlag":true,"SliceCount":5}`: {Slices: true, SliceCount: 5},
		`{"ResultType":"Multiple","SliceFlag":true}`:              {Everything: true},
	} {
		if got := vod.FilterPolicy(f); got != want {
			t.Errorf("FilterPolicy(%+v) = %s, want %s", f, got, want)
		}
	}
	if got := vod.Policy(&freshet.Job{Policy: "as given"}); got != "as given" {
		t.Errorf("Policy = %s", got)
	}
}

func TestContract_4_1_U11_ListsBelongTogether(t *testing.T) {
	t.Parallel()
	domains := []freshet.Domain{{Name: "a.example.com", TLS: true}, {Name: "b.example.com"}}
	urls, ids := vod.Lists([]freshet.RowTask{
		{ID: 1, URL: "http://a.example.com/x,y.mp4"}, {ID: 22, URL: "http://b.example.com/z"}, {ID: 3, URL: "http://c.example.com/"},
	}, domains)
	if urls != "https://a.example.com/x%2Cy.mp4,http://b.example.com/z,http://c.example.com/" || ids != "1,22,3" {
		t.Errorf("Lists = %q, %q", urls, ids)
	}
	if urls, ids := vod.Lists(nil, nil); urls != "" || ids != "" {
		t.Errorf("Lists of nothing = %q, %q", urls, ids)
	}
}

// FuzzUserData holds that whatever is accepted is within the limits, can be
// sent, and means the same when its parts are put together again.
func FuzzUserData(f *testing.F) {
	for _, s := range []string{
		``, `{}`, `null`, `{"Extend":"x"}`, `{"Extend":{"a":[1,2,{"b":null}]}}`, `{"MessageCallback":{"CallbackURL":"http://example.com/","CallbackType":"http"},"Extend":{}}`,
		`{"MessageCallback":"{\"CallbackURL\":\"https://example.com/\"}","Extend":"\ud800"}`, "{\"Extend\":\"\xff\"}", `{"MessageCallback":{"CallbackURL":"http://[::1%25eth0]:1/"}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := vod.ParseUserData(text)
		if err != nil {
			return
		}
		if len(u.Extend) > vod.MaxExtend || len(u.CallbackURL) > vod.MaxCallbackURL || len(text) > vod.MaxUserData {
			t.Fatalf("accepted beyond the limits: %+v", u)
		}
		if u.CallbackURL != "" && vod.CheckCallbackURL(u.CallbackURL) != nil {
			t.Fatalf("accepted %q", u.CallbackURL)
		}
		if !utf8.ValidString(u.Extend) {
			return // json replaces what is not UTF-8
		}
		again := map[string]any{"Extend": u.Extend}
		if u.CallbackType != "" {
			again["MessageCallback"] = map[string]string{"CallbackURL": u.CallbackURL, "CallbackType": u.CallbackType}
			if u.CallbackURL == "" {
				again["MessageCallback"] = map[string]string{"CallbackType": u.CallbackType}
			}
		}
		b, err := json.Marshal(again)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := vod.ParseUserData(string(b)); err != nil && len(b) <= vod.MaxUserData || err == nil && v != u {
			t.Fatalf("%+v came back as %+v, %v", u, v, err)
		}
	})
}
