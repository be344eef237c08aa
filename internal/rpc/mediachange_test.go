package rpc_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/freshet-vod/freshet"
)

func TestContract_4_14_DeleteVideo(t *testing.T) {
	t.Parallel()
	f, m := mediaSetup(t)
	m.media["m1"].UserData = `{"MessageCallback":{"CallbackURL":"https://own.example.com/cb"},"Extend":{"a":1}}`
	got := f.call("DeleteVideo", "VideoIds", "gone, m1,forbidden-1,theirs,bare,m1").object(t)
	wantJSON(t, got, `{"NonExistVideoIds":["gone","theirs"],"ForbiddenVideoIds":["forbidden-1"],"NonExistReferenceIds":[]}`)
	if m.media["m1"] != nil || m.media["bare"] != nil || m.media["theirs"] == nil || m.media["blocked"] == nil {
		t.Error("not those that were named were deleted")
	}
	if len(m.events) != 2 {
		t.Fatalf("told %+v", m.events)
	}
	e := m.events[0]
	if e.Type != "DeleteMediaComplete" || e.App != "app-1000000" || e.Media != "m1" || e.URL != "https://own.example.com/cb" || e.Way != "HTTP" {
		t.Errorf("told %+v", e)
	}
	var body map[string]any
	if err := json.Unmarshal(e.Body, &body); err != nil {
		t.Fatal(err)
	}
	if at := fmt.Sprint(body["EventTime"]); len(at) != 20 {
		t.Errorf("told at %q", at)
	}
	delete(body, "EventTime")
	wantJSON(t, body, `{"EventType":"DeleteMediaComplete","Status":"success","MediaType":"video","DeleteType":"all","MediaId":"m1","Extend":"{\"a\":1}"}`)
	if e := m.events[1]; e.URL != "" || e.Way != "" || !strings.Contains(string(e.Body), `"MediaType":"audio"`) {
		t.Errorf("told %+v", e)
	}
	wantJSON(t, f.call("DeleteVideo", "VideoIds", "forbidden-1").object(t),
		`{"NonExistVideoIds":[],"ForbiddenVideoIds":["forbidden-1"],"NonExistReferenceIds":[]}`)
}

func TestContract_4_14_DeleteVideoByReference(t *testing.T) {
	t.Parallel()
	f, m := mediaSetup(t)
	got := f.call("DeleteVideo", "ReferenceIds", "ref-000001,ref-000002").object(t)
	wantJSON(t, got, `{"NonExistVideoIds":[],"ForbiddenVideoIds":[],"NonExistReferenceIds":["ref-000002"]}`)
	if m.media["m1"] != nil {
		t.Error("m1 was not deleted")
	}
}

func TestContract_4_14_DeleteStream(t *testing.T) {
	t.Parallel()
	f, m := mediaSetup(t)
	wantJSON(t, f.call("DeleteStream", "VideoId", "m1", "JobIds", "j2,j4").object(t), `{}`)
	wantJSON(t, f.call("DeleteStream", "ReferenceId", "ref-000001", "JobIds", "j5").object(t), `{}`)
	var left []string
	for _, s := range m.media["m1"].Streams {
		left = append(left, s.JobID)
	}
	if !slices.Equal(left, []string{"j1", "j3", "j6"}) {
		t.Errorf("left are %v", left)
	}
}

// TestP8_ForbiddenMediaAreLookedForAsUnknownOnes: what a policy denies takes the
// way of what does not exist, and the catalog is never asked for it.
func TestP8_ForbiddenMediaAreLookedForAsUnknownOnes(t *testing.T) {
	t.Parallel()
	f, m := mediaSetup(t)
	hidden := *m.media["m1"]
	hidden.ID, hidden.ReferenceID = "forbidden-1", "ref-hidden"
	m.media["forbidden-1"] = &hidden
	for _, action := range []string{"GetPlayInfo", "GetVideoInfo", "DeleteStream"} {
		for _, id := range []string{"forbidden-1", "forbidden-2"} {
			f.call(action, "VideoId", id, "JobIds", "j1").refused(t, 403, "Forbidden.RAM", refusedText)
		}
		for _, ref := range []string{"ref-hidden", "ref-unknown"} {
			f.call(action, "ReferenceId", ref, "JobIds", "j1").refused(t, 404, "InvalidVideo.NotFound", "")
		}
	}
	m.asked = nil
	f.call("GetVideoInfos", "VideoIds", "m1,forbidden-1,forbidden-2,gone").ok(t)
	f.call("DeleteVideo", "VideoIds", "forbidden-1,forbidden-2,gone").ok(t)
	if d := cmp.Diff([][]string{{"m1", "", "", "gone"}, {"", "", "gone"}}, m.asked); d != "" {
		t.Errorf("looked for (-want +got):\n%s", d)
	}
	f.call("GetVideoInfos", "VideoIds", "forbidden-1").refused(t, 404, "InvalidVideo.NotFound", "")
	f.call("DeleteVideo", "ReferenceIds", "ref-hidden").refused(t, 404, "InvalidVideo.NotFound", "")
	if m.media["forbidden-1"] == nil {
		t.Error("a forbidden media was deleted")
	}
	f.as(t, "reader", "RegisterMedia", "RegisterMetadatas", "[]").refused(t, 403, "Forbidden.RAM", refusedText)
}

func TestContract_4_12_RegisterMedia(t *testing.T) {
	t.Parallel()
	f, m := mediaSetup(t)
	const list = `[{"FileURL":"https://alias.example.com/up/One.MP4?auth_key=1","Title":"one","Description":"d","Tags":"a, b,,","CoverURL":"https://i/1","CateId":7,"More":1},
		{"FileURL":"http://plain.example.com/song.m4a","Title":"two","CateId":"8"},
		{"FileURL":"http://vod.example.com/up/One.MP4","Title":"again"},
		{"FileURL":"not a URL","Title":"bad"},{"FileURL":"http://vod.example.com/no-extension","Title":"bad"}]`
	got := f.call("RegisterMedia", "RegisterMetadatas", list, "TemplateGroupId", "VOD_NO_TRANSCODE", "UserData", `{"Extend":"e"}`).object(t)
	rows, _ := got["RegisteredMediaList"].([]any)
	if len(rows) != 3 {
		t.Fatalf("registered %v", rows)
	}
	wantJSON(t, got["FailedFileURLs"], `["not a URL","http://vod.example.com/no-extension"]`)
	row := func(i int) map[string]any { r, _ := rows[i].(map[string]any); return r }
	id := fmt.Sprint(row(0)["MediaId"])
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) || row(0)["NewRegister"] != true ||
		row(0)["FileURL"] != "https://alias.example.com/up/One.MP4?auth_key=1" || row(1)["NewRegister"] != true {
		t.Errorf("registered %v", rows)
	}
	if row(2)["MediaId"] != id || row(2)["NewRegister"] != false {
		t.Errorf("the same file again is %v", row(2))
	}
	one := m.media[id]
	want := &freshet.Media{
		Account: account, ID: id, Title: "one", Description: "d", Tags: []string{"a", "b"}, CoverURL: "https://i/1", CateID: 7, Type: "video",
		Status: "Normal", TemplateGroupID: "VOD_NO_TRANSCODE", UserData: `{"Extend":"e"}`, Streams: []freshet.Stream{{
			Format: "mp4", Definition: "OD", Type: "video", URL: "http://vod.example.com/up/One.MP4", Specification: "Original",
		}},
	}
	if d := cmp.Diff(want, one, cmpopts.IgnoreFields(freshet.Media{}, "Created", "Modified"),
		cmpopts.IgnoreFields(freshet.Stream{}, "Created", "Modified", "JobID")); d != "" {
		t.Errorf("stored (-want +got):\n%s", d)
	}
	if s := one.Streams[0]; one.Created.IsZero() || !s.Created.Equal(one.Created) || len(s.JobID) != 32 {
		t.Errorf("stored %+v", one)
	}
	if two := m.media[fmt.Sprint(row(1)["MediaId"])]; two.Type != "audio" || two.Streams[0].Format != "m4a" || two.CateID != 8 {
		t.Errorf("stored %+v", two)
	}
}

func TestContract_4_12_WithoutATemplateItIsNotPlayable(t *testing.T) {
	t.Parallel()
	f, m := mediaSetup(t)
	n := 0
	for _, c := range []struct {
		params []string
		want   string
	}{
		{nil, "UploadSucc"},
		{[]string{"TemplateGroupId", "ca3a8f6e4957b658067095869"}, "UploadSucc"},
		{[]string{"TemplateGroupId", "VOD_NO_TRANSCODE"}, "Normal"},
		{[]string{"TemplateGroupId", "VOD_NO_TRANSCODE", "WorkflowId", "6307eb0d3f85477882d205aa040f"}, "UploadSucc"},
	} {
		n++
		item := fmt.Sprintf(`{"FileURL":"http://vod.example.com/up/%d.mp4","Title":"t"}`, n)
		got := f.call("RegisterMedia", append(c.params, "RegisterMetadatas", item)...).object(t) // one item need not be a list
		rows, _ := got["RegisteredMediaList"].([]any)
		row, _ := rows[0].(map[string]any)
		if status := m.media[fmt.Sprint(row["MediaId"])].Status; status != c.want {
			t.Errorf("%v: status %s, want %s", c.params, status, c.want)
		}
	}
}

func TestContract_4_12_Refused(t *testing.T) {
	t.Parallel()
	f, m := mediaSetup(t)
	before := len(m.media)
	item := func(more string) string { return `{"FileURL":"http://vod.example.com/a.mp4","Title":"t"` + more + `}` }
	for _, text := range []string{
		"x", "null", "[]", "[null]", "7", `["x"]`, `{"Title":"t"}`, `{"FileURL":" ","Title":"t"}`, `{"FileURL":"http://vod.example.com/a.mp4"}`,
		"[" + item("") + strings.Repeat(","+item(""), 10) + "]",
		item(`,"Title":"` + strings.Repeat("x", 129) + `"`), item(`,"Description":"` + strings.Repeat("x", 1025) + `"`),
		item(`,"CoverURL":"` + strings.Repeat("x", 1025) + `"`), item(`,"FileURL":"http://vod.example.com/` + strings.Repeat("x", 1024) + `.mp4"`),
		item(`,"Tags":"` + strings.Repeat("x,", 17) + `"`), item(`,"Tags":"` + strings.Repeat("x", 33) + `"`),
		item(`,"CateId":1.5`), item(`,"CateId":"x"`), item(`,"CateId":99999999999999999999`), item(`,"Title":"a\u0000b"`), item(`,"Title":7`),
	} {
		f.call("RegisterMedia", "RegisterMetadatas", text).refused(t, 400, "InvalidParameter", invalidText("RegisterMetadatas"))
	}
	f.call("RegisterMedia", "RegisterMetadatas", item(""), "UserData", "x").refused(t, 400, "InvalidParameter", invalidText("UserData"))
	f.call("RegisterMedia", "RegisterMetadatas", item(""), "TemplateGroupId", strings.Repeat("x", 129)).
		refused(t, 400, "InvalidParameter", invalidText("TemplateGroupId"))
	f.call("RegisterMedia", "RegisterMetadatas", `[`+item("")+`,{"FileURL":"http://elsewhere.example.net/a.mp4","Title":"t"}]`).
		refused(t, 404, "InvalidDomain.NotFound", "The domain provided does not belong to you.")
	if len(m.media) != before {
		t.Error("a call that was refused registered something")
	}
}
