package rpc_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/rpc"
	"github.com/freshet-vod/freshet/internal/store"
)

func searchSetup(t *testing.T) (*fixture, *memCatalog) {
	t.Helper()
	f, m := mediaSetup(t)
	m.page = store.MediaPage{
		Media: []*freshet.Media{m.media["m1"], m.media["bare"]}, Total: 4711, Last: store.MediaCursor{Place: 1 << 61, Modified: -5},
	}
	return f, m
}

func TestContract_4_13_Answer(t *testing.T) {
	t.Parallel()
	f, _ := searchSetup(t)
	wantJSON(t, f.call("SearchMedia").object(t), `{"Total":4711,"MediaList":[
		{"MediaId":"m1","MediaType":"video","CreationTime":"2026-03-04T05:06:07Z"},
		{"MediaId":"bare","MediaType":"audio","CreationTime":"2026-03-04T05:06:07Z"}]}`)
	wantJSON(t, f.call("SearchMedia", "Fields", "title, Status,Video.Duration,Unheard").object(t), `{"Total":4711,"MediaList":[
		{"MediaId":"m1","MediaType":"video","CreationTime":"2026-03-04T05:06:07Z",
			"Video":{"VideoId":"m1","Title":"<One> & „zwei“","Status":"Normal","Duration":135.6}},
		{"MediaId":"bare","MediaType":"audio","CreationTime":"2026-03-04T05:06:07Z","Audio":{"AudioId":"bare","Status":"Normal","Duration":61.25}}]}`)
	all := f.call("SearchMedia", "Fields", "VideoId,Title,Description,Tags,CateId,CateName,CoverURL,Status,Size,Duration,CreationTime,"+
		"ModificationTime,StorageLocation,AppId,MediaSource,PreprocessStatus,UserData,Snapshots").object(t)
	list, _ := all["MediaList"].([]any)
	first, _ := list[0].(map[string]any)
	wantJSON(t, first["Video"], `{"VideoId":"m1","Title":"<One> & „zwei“","Description":"d1","Tags":"a,b","CateId":7,"CateName":"films",
		"CoverURL":"https://img.example.com/1.jpg","Status":"Normal","Size":4000,"Duration":135.6,"CreationTime":"2026-03-04T05:06:07Z",
		"ModificationTime":"2026-03-04T08:06:07Z","StorageLocation":"bucket","AppId":"app-1000000","MediaSource":"general",
		"PreprocessStatus":"UnPreprocess","UserData":"{\"Extend\":\"e\"}","Snapshots":["https://i/1","https://i/2"]}`)
}

// TestContract_4_13_Parameters has a case or more for each parameter.
func TestContract_4_13_Parameters(t *testing.T) {
	t.Parallel()
	f, m := searchSetup(t)
	for _, c := range []struct {
		params string // name=value;…
		want   string
	}{
		{"", "video false false false 0 10"},
		{"SearchType=Audio", "audio false false false 0 10"},
		{"PageNo=3;PageSize=20", "video false false false 40 20"},
		{"PageNo=50;PageSize=100", "video false false false 4900 100"},
		{"SortBy=CreationTime:Asc", "video false true true 0 10"},
		{"SortBy=creationtime:desc", "video false false false 0 10"},
		{"SortBy=ModificationTime", "video true false false 0 10"},
		{"SortBy=ModificationTime:Desc,CreationTime:Asc", "video true false true 0 10"},
		{"SortBy=CreationTime:Asc,ModificationTime:Desc", "video false true true 0 10"},
	} {
		f.call("SearchMedia", pairs(c.params)...).ok(t)
		q := m.searches[len(m.searches)-1]
		if got := fmt.Sprint(q.Kind, " ", q.ByModified, q.Ascending, q.TieAscending, q.Offset, q.Limit); got != c.want || q.Account != account || q.After != nil {
			t.Errorf("%s: %s, want %s", c.params, got, c.want)
		}
	}
	n := len(m.searches)
	for _, kind := range []string{"image", "attached"} {
		wantJSON(t, f.call("SearchMedia", "SearchType", kind).object(t), `{"Total":0,"MediaList":[]}`)
	}
	for params, name := range map[string]string{
		"SearchType=text": "SearchType", "SortBy=Title": "SortBy", "SortBy=CreationTime:up": "SortBy", "PageNo=0": "PageNo",
		"PageSize=0": "PageSize", "PageSize=101": "PageSize", "PageSize=x": "PageSize", "PageNo=51;PageSize=100": "PageNo", "PageNo=501": "PageNo",
		"PageNo=5001": "PageNo", "Fields=" + "a" + repeated(",b%d", 70): "Fields",
	} {
		f.call("SearchMedia", pairs(params)...).refused(t, 400, "InvalidParameter", invalidText(name))
	}
	f.call("SearchMedia", "Match", "Title = 'x").refused(t, 400, "ErrorMatchSyntax", "The parameter Match.x has an error syntax, please check it.")
	f.call("SearchMedia", "Match", "Colour = 'x'").refused(t, 400, "ErrorMatchSyntax", "The parameter Match.Colour has an error syntax, please check it.")
	f.call("SearchMedia", "SortBy", "CreationTime,ModificationTime,CreationTime:Asc,ModificationTime:Asc").refused(t, 400, "SortByExceededMax", "")
	if len(m.searches) != n {
		t.Error("a call that was refused searched")
	}
	f.as(t, "reader", "SearchMedia").refused(t, 403, "Forbidden.RAM", refusedText)
	m.fail = context.DeadlineExceeded
	f.call("SearchMedia").refused(t, 503, "ServiceUnavailable", "")
}

func repeated(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// pairs splits name=value;name=value.
func pairs(s string) []string {
	var out []string
	for p := range strings.SplitSeq(s, ";") {
		if name, value, ok := strings.Cut(p, "="); ok {
			out = append(out, name, value)
		}
	}
	return out
}

func TestContract_4_13_ScrollToken(t *testing.T) {
	t.Parallel()
	f, m := searchSetup(t)
	search := func(kv ...string) string {
		token, _ := f.call("SearchMedia", append(kv, "PageSize", "2")...).object(t)["ScrollToken"].(string)
		return token
	}
	token := search("Match", "CateId = 7")
	if len(token) != 32 {
		t.Fatalf("token %q", token)
	}
	search("Match", "CateId = 7", "ScrollToken", token, "PageNo", "4000") // whatever the page: it goes on
	if q := m.searches[len(m.searches)-1]; q.After == nil || *q.After != m.page.Last {
		t.Errorf("goes on after %+v", q.After)
	}
	for _, kv := range [][]string{
		{"ScrollToken", token},
		{"ScrollToken", token, "Match", "CateId = 8"},
		{"ScrollToken", token, "Match", "CateId = 7", "SortBy", "CreationTime:Asc"},
		{"ScrollToken", token, "Match", "CateId = 7", "SearchType", "audio"},
		{"ScrollToken", token[:31], "Match", "CateId = 7"},
		{"ScrollToken", "24e0fba7188fae707e146esa54277776", "Match", "CateId = 7"},
	} {
		f.call("SearchMedia", kv...).refused(t, 400, "InvalidScrollToken.Expired", "")
	}
	f.call("SearchMedia", "ScrollToken", token, "SortBy", "CreationTime,ModificationTime").refused(t, 400, "SortByExceededMax", "")
	f.as(t, "second", "SearchMedia", "ScrollToken", token, "Match", "CateId = 7").refused(t, 400, "InvalidScrollToken.Expired", "")
	if got := f.call("SearchMedia", "PageSize", "3").object(t); got["ScrollToken"] != nil {
		t.Error("the last page has a token")
	}
	if search("SortBy", "ModificationTime:Desc,CreationTime:Asc") != "" {
		t.Error("two fields cannot be scrolled, and have a token")
	}
}

// FuzzSearchMedia: whatever stands in the parameters, the answer is good or a
// fault of the caller.
func FuzzSearchMedia(f *testing.F) {
	f.Add("Title = 'a'", "Title", "CreationTime:Asc", "")
	f.Add("(CateId in (1,2) or Size=[1,2))", "*", "", "24e0fba7188fae707e146esa54277776")
	fix, _ := mediaSetup(f, func(*rpc.Options) {})
	f.Fuzz(func(t *testing.T, match, fields, sort, scroll string) {
		a := fix.call("SearchMedia", "Match", match, "Fields", fields, "SortBy", sort, "ScrollToken", scroll)
		if a.status >= 500 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}
