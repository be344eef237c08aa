package rpc_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/rpc"
)

const (
	refreshObjects = "RefreshVodObjectCaches"
	preloadObjects = "PreloadVodObjectCaches"
)

const malformedText = "The specific value of parameter ObjectPath is malformed."

// manyLines is n different URLs.
func manyLines(n int, suffix string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "vod.example.com/%d%s\n", i, suffix)
	}
	return b.String()
}

// TestContract_4_3_ObjectPath: one URL a line, in any spelling, each object
// once; the answer names the task IDs.
func TestContract_4_3_ObjectPath(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lines string
		want  []string
		ids   string
	}{
		"no scheme":      {"vod.example.com/image/1.png", []string{"http://vod.example.com/image/1.png"}, "2000000000"},
		"both schemes":   {"http://vod.example.com/a\nhttps://vod.example.com/a", []string{"http://vod.example.com/a"}, "2000000000"},
		"blank lines":    {"\r\n\n vod.example.com/a \r\n\nvod.example.com/b\n", []string{"http://vod.example.com/a", "http://vod.example.com/b"}, "2000000000"},
		"case and dots":  {"HTTPS://VOD.example.com:443/x/../%61?auth_key=1-2#top", []string{"http://vod.example.com/a"}, "2000000000"},
		"an alias":       {"alias.example.com/a", []string{"http://vod.example.com/a"}, "2000000000"},
		"two domains":    {"vod.example.com/a\nplain.example.com/b\nvod.example.com/c", []string{"http://vod.example.com/a", "http://plain.example.com/b", "http://vod.example.com/c"}, "2000000000,2000000001"},
		"a URL inside":   {"vod.example.com/a?u=http://x/", []string{"http://vod.example.com/a?u=http://x/"}, "2000000000"},
		"no path":        {"vod.example.com", []string{"http://vod.example.com/"}, "2000000000"},
		"a query alone":  {"vod.example.com?x=1", []string{"http://vod.example.com/?x=1"}, "2000000000"},
		"the most lines": {manyLines(1000, ""), nil, "2000000000"},
	} {
		f := setup(t)
		b := f.call(refreshObjects, "ObjectPath", c.lines).ok(t)
		if b.RefreshTaskID == nil || *b.RefreshTaskID != c.ids {
			t.Errorf("%s: task IDs %v, want %s", name, b.RefreshTaskID, c.ids)
		}
		sub := f.engine.last(t)
		if sub.Account != account || sub.Type != freshet.Purge || sub.Native || sub.Nonce == 0 {
			t.Errorf("%s: submission %+v", name, sub)
		}
		if d := cmp.Diff(c.want, sub.Direct.URLs); c.want != nil && d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestContract_4_3_ObjectType: File is the default.
func TestContract_4_3_ObjectType(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{"", "File", "file", "FILE"} {
		f := setup(t)
		f.call(refreshObjects, "ObjectPath", "vod.example.com/a/", "ObjectType", typ).ok(t)
		if d := f.engine.last(t).Direct; len(d.URLs) != 1 || d.Prefixes != nil || d.Groups[0].Most != 2000 {
			t.Errorf("%q: %+v", typ, d)
		}
	}
	f := setup(t)
	a := f.call(refreshObjects, "ObjectPath", "vod.example.com/a/\nvod.example.com/b/", "ObjectType", "directory").ok(t)
	d := f.engine.last(t).Direct
	if *a.RefreshTaskID != "2000000000,2000000001" || len(d.Prefixes) != 2 || d.Prefixes[1] != "http://vod.example.com/b/" || d.URLs != nil || d.Groups[1].Most != 1 {
		t.Errorf("directories: %v %+v", *a.RefreshTaskID, d)
	}
	f.call(refreshObjects, "ObjectPath", "vod.example.com/a/.*\\.ts\nhttp://alias.example.com/b\nvod.example.com/b", "ObjectType", "Regex").ok(t)
	d = f.engine.last(t).Direct
	if diff := cmp.Diff([]freshet.Pattern{{Domain: "vod.example.com", Expr: `/a/.*\.ts`}, {Domain: "vod.example.com", Expr: "/b"}}, d.Patterns); diff != "" || len(d.Groups) != 2 || d.URLs != nil {
		t.Errorf("patterns: %+v %s", d, diff)
	}
	f.call(refreshObjects, "ObjectPath", "vod.example.com/a?", "ObjectType", "IgnoreParams").refused(t, 400, "InvalidObjectPath.Malformed", "")
	f.call(refreshObjects, "ObjectPath", "vod.example.com/a\nplain.example.com/b", "ObjectType", "ignoreparams").ok(t)
	if d = f.engine.last(t).Direct; cmp.Diff([]string{"http://vod.example.com/a", "http://plain.example.com/b"}, d.Bare) != "" || len(d.Groups) != 2 || d.URLs != nil {
		t.Errorf("ignoring parameters: %+v", d)
	}
	f.call(refreshObjects, "ObjectPath", "vod.example.com/a", "ObjectType", "Block").
		refused(t, 400, "InvalidObjectType.ValueNotSupported", `The specified value of "ObjectType" is not supported.`)
}

// TestContract_4_3_Force: without it a directory is revalidated; a file never is.
func TestContract_4_3_Force(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, typ := range []string{"File", "Directory", "IgnoreParams", "Regex"} {
		for force, soft := range map[string]bool{"": true, "false": true, "true": false, "True": false} {
			path := "vod.example.com/a"
			if typ == "Directory" {
				path += "/"
			}
			f.call(refreshObjects, "ObjectPath", path, "ObjectType", typ, "Force", force).ok(t)
			if got := f.engine.last(t).Direct.Soft; got != (soft && typ != "File") {
				t.Errorf("%s with Force %q: soft is %v", typ, force, got)
			}
		}
	}
	f.call(refreshObjects, "ObjectPath", "vod.example.com/a", "Force", "1").refused(t, 400, "InvalidParameter", invalidText("Force"))
}

// TestContract_4_4_ObjectPath: files only.
func TestContract_4_4_ObjectPath(t *testing.T) {
	t.Parallel()
	f := setup(t)
	b := f.call(preloadObjects, "ObjectPath", "vod.example.com/a\nhttps://plain.example.com/b").ok(t)
	sub := f.engine.last(t)
	want := []freshet.TaskGroup{{Domain: "vod.example.com", Count: 1, Most: 500}, {Domain: "plain.example.com", Count: 1, Most: 500}}
	if *b.PreloadTaskID != "2000000000,2000000001" || sub.Type != freshet.Prefetch || cmp.Diff(want, sub.Direct.Groups) != "" {
		t.Errorf("%v %+v", *b.PreloadTaskID, sub)
	}
	f.call(preloadObjects, "ObjectPath", "vod.example.com/a/").
		refused(t, 400, "InvalidObjectPath.Malformed", malformedText+" (line 1: a directory cannot be prefetched)")
	f.call(preloadObjects, "ObjectPath", manyLines(100, "")).ok(t)
	f.call(preloadObjects, "ObjectPath", manyLines(101, "")).
		refused(t, 400, "InvalidObjectPath.Size.Malformed", "The size of ObjectPath is bigger than 100.")
	wide := setup(t, func(o *rpc.Options) { o.MaxPreload = 5000 })
	wide.call(preloadObjects, "ObjectPath", manyLines(1000, "")).ok(t)
	wide.call(preloadObjects, "ObjectPath", manyLines(1001, "")).
		refused(t, 400, "InvalidObjectPath.Size.Malformed", "The size of ObjectPath is bigger than 1000.")
}

// TestContract_4_4_Area is a region, none by default.
func TestContract_4_4_Area(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for value, want := range map[string]freshet.Scope{"": "", "domestic": "domestic", "Overseas": "overseas", "global": "global"} {
		f.call(preloadObjects, "ObjectPath", "vod.example.com/a", "Area", value).ok(t)
		if got := f.engine.last(t).Direct.Area; got != want {
			t.Errorf("Area %q becomes %q", value, got)
		}
	}
	f.call(preloadObjects, "ObjectPath", "vod.example.com/a", "Area", "moon").refused(t, 400, "InvalidParameter", invalidText("Area"))
}

// TestContract_4_4_L2Preload is a switch.
func TestContract_4_4_L2Preload(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for value, want := range map[string]bool{"": false, "false": false, "true": true} {
		f.call(preloadObjects, "ObjectPath", "vod.example.com/a", "L2Preload", value).ok(t)
		if got := f.engine.last(t).Direct.ParentsOnly; got != want {
			t.Errorf("L2Preload %q: parents only is %v", value, got)
		}
	}
	f.call(preloadObjects, "ObjectPath", "vod.example.com/a", "L2Preload", "2").refused(t, 400, "InvalidParameter", invalidText("L2Preload"))
}

// TestContract_4_4_WithHeader: gzip by default, every combination of values, and
// nothing that would change what the cache does with the answer.
func TestContract_4_4_WithHeader(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for value, want := range map[string][]string{
		"":   {"Accept-Encoding: gzip"},
		"{}": {""},
		`{"Accept-Encoding":["gzip, deflate, br"]}`:          {"Accept-Encoding: gzip, deflate, br"},
		`{"accept-encoding":["gzip","br"],"Accept":["a/b"]}`: {"Accept: a/b\nAccept-Encoding: gzip", "Accept: a/b\nAccept-Encoding: br"},
	} {
		f.call(preloadObjects, "ObjectPath", "vod.example.com/a", "WithHeader", value).ok(t)
		if d := cmp.Diff(want, f.engine.last(t).Direct.Headers); d != "" {
			t.Errorf("%s: %s", value, d)
		}
	}
	for _, value := range []string{
		"x", "[]", `"a"`, `{"Accept":"gzip"}`, `{"Accept":[1]}`, `{"Accept":[]}`, `{"Host":["x"]}`, `{"Cookie":["a=b"]}`, `{"Range":["bytes=0-1"]}`,
		`{"Accept":["a\r\nHost: b"]}`, `{"Accept":["a"],"accept":["b"]}`, `{"Accept":["1","2","3"],"Origin":["1","2","3"]}`,
		`{"Accept":["` + strings.Repeat("a", 4096) + `"]}`,
	} {
		f.call(preloadObjects, "ObjectPath", "vod.example.com/a", "WithHeader", value).refused(t, 400, "InvalidParameter", invalidText("WithHeader"))
	}
}

// TestP8_PoliciesHoldForDomainsOfURLs: who may touch one domain only cannot
// reach another by its URLs, whatever the type.
func TestP8_PoliciesHoldForDomainsOfURLs(t *testing.T) {
	t.Parallel()
	f := setup(t)
	as := func(action string, kv ...string) answer { return f.as(t, "plain", action, kv...) }
	as(refreshObjects, "ObjectPath", "plain.example.com/a").ok(t)
	as(preloadObjects, "ObjectPath", "plain.example.com/a").ok(t)
	n := len(f.engine.subs)
	for _, typ := range []string{"File", "Directory", "Regex", "IgnoreParams"} {
		as(refreshObjects, "ObjectPath", "plain.example.com/a/\nvod.example.com/a/", "ObjectType", typ).refused(t, 403, "Forbidden.RAM", "")
	}
	as(preloadObjects, "ObjectPath", "vod.example.com/a").refused(t, 403, "Forbidden.RAM", "")
	as(refreshObjects, "ObjectPath", "elsewhere.example.com/a").refused(t, 404, "InvalidDomain.NotFound", "")
	if len(f.engine.subs) != n {
		t.Errorf("%+v was submitted", f.engine.subs[n:])
	}
}

// TestContract_3_3_ObjectFaults: one bad line refuses the whole call, and
// nothing of it is submitted.
func TestContract_3_3_ObjectFaults(t *testing.T) {
	t.Parallel()
	long := "vod.example.com/" + strings.Repeat("a", 1024)
	for name, c := range map[string]struct {
		status     int
		code, text string
		kv         []string
	}{
		"MissingParameter":              {400, "MissingParameter", missingText("ObjectPath"), nil},
		"MissingParameter, blank":       {400, "MissingParameter", missingText("ObjectPath"), []string{"ObjectPath", " \n\r\n"}},
		"InvalidDomain.NotFound":        {404, "InvalidDomain.NotFound", "The domain provided does not belong to you.", []string{"ObjectPath", "vod.example.com/a\nelsewhere.example.com/a"}},
		"InvalidDomain.NotFound, port":  {404, "InvalidDomain.NotFound", "The domain provided does not belong to you.", []string{"ObjectPath", "vod.example.com:8080/a"}},
		"InvalidDomain.NotFound, like":  {404, "InvalidDomain.NotFound", "The domain provided does not belong to you.", []string{"ObjectPath", "vod.example.com.evil.example/"}},
		"InvalidDomain.Offline":         {404, "InvalidDomain.Offline", "The domain provided is offline.", []string{"ObjectPath", "off.example.com/a"}},
		"InvalidExtensiveDomain":        {400, "InvalidExtensiveDomain.ValueNotSupported", "Extensive domain not supported.", []string{"ObjectPath", "*.example.com/a"}},
		"InvalidExtensiveDomain, dot":   {400, "InvalidExtensiveDomain.ValueNotSupported", "Extensive domain not supported.", []string{"ObjectPath", ".example.com/a"}},
		"Malformed, scheme":             {400, "InvalidObjectPath.Malformed", malformedText + " (line 2: URL does not begin with http:// or https://)", []string{"ObjectPath", "\nftp://vod.example.com/a"}},
		"Malformed, user":               {400, "InvalidObjectPath.Malformed", malformedText + " (line 1: URL holds user information)", []string{"ObjectPath", "http://u:p@vod.example.com/a"}},
		"Malformed, escape":             {400, "InvalidObjectPath.Malformed", malformedText + " (line 1: URL is malformed)", []string{"ObjectPath", "vod.example.com/%zz"}},
		"Malformed, control character":  {400, "InvalidObjectPath.Malformed", malformedText + " (line 1: it holds a control character)", []string{"ObjectPath", "vod.example.com/a\x00b"}},
		"Malformed, no host":            {400, "InvalidObjectPath.Malformed", malformedText + " (line 1: URL has no host)", []string{"ObjectPath", "/a"}},
		"Malformed, too long":           {400, "InvalidObjectPath.Malformed", malformedText + " (line 2: the path is longer than 1024 bytes)", []string{"ObjectPath", long[:len(long)-1] + "\n" + long}},
		"Malformed, directory":          {400, "InvalidObjectPath.Malformed", malformedText + " (line 1: a directory ends with / and has no query)", []string{"ObjectPath", "vod.example.com/a", "ObjectType", "Directory"}},
		"Malformed, directory of query": {400, "InvalidObjectPath.Malformed", malformedText + " (line 1: a directory ends with / and has no query)", []string{"ObjectPath", "vod.example.com/a/?b/", "ObjectType", "Directory"}},
		"Size.Malformed":                {400, "InvalidObjectPath.Size.Malformed", "The size of ObjectPath is bigger than 1000.", []string{"ObjectPath", manyLines(1001, "")}},
		"Size.Malformed, directories":   {400, "InvalidObjectPath.Size.Malformed", "The size of ObjectPath is bigger than 100.", []string{"ObjectPath", manyLines(101, "/"), "ObjectType", "Directory"}},
		"InvalidDomain.NotFound, regex": {404, "InvalidDomain.NotFound", "The domain provided does not belong to you.", []string{"ObjectPath", "elsewhere.example.com/.*", "ObjectType", "Regex"}},
		"InvalidDomain.Offline, regex":  {404, "InvalidDomain.Offline", "The domain provided is offline.", []string{"ObjectPath", "off.example.com/.*", "ObjectType", "Regex"}},
		"Malformed, regex":              {400, "InvalidObjectPath.Malformed", malformedText + " (line 2: the expression is not understood: missing closing ))", []string{"ObjectPath", "vod.example.com/a\nvod.example.com/(a", "ObjectType", "Regex"}},
		"Malformed, regex of a host":    {400, "InvalidObjectPath.Malformed", malformedText + " (line 1: the host is an expression; it must be a name)", []string{"ObjectPath", "vod.example.(com|net)/a", "ObjectType", "Regex"}},
		"InvalidExtensiveDomain, regex": {400, "InvalidExtensiveDomain.ValueNotSupported", "Extensive domain not supported.", []string{"ObjectPath", "*.example.com/a", "ObjectType", "Regex"}},
		"Size.Malformed, regex":         {400, "InvalidObjectPath.Size.Malformed", "The size of ObjectPath is bigger than 20.", []string{"ObjectPath", manyLines(21, ""), "ObjectType", "Regex"}},
	} {
		f := setup(t)
		a := f.call(refreshObjects, c.kv...)
		if a.status != c.status {
			t.Errorf("%s: status %d, want %d", name, a.status, c.status)
		}
		a.refused(t, c.status, c.code, c.text)
		if len(f.engine.subs) != 0 {
			t.Errorf("%s: something was submitted: %+v", name, f.engine.subs)
		}
	}
	f := setup(t)
	f.call(preloadObjects).refused(t, 400, "MissingParameter", missingText("ObjectPath"))
	f.call(preloadObjects, "ObjectPath", "elsewhere.example.com/a").refused(t, 404, "InvalidDomain.NotFound", "")
}

// TestContract_3_3_WhatACacheCannotDoIsNamed: a purge that a cache is not able to
// make fails, and its task says where and why.
func TestContract_3_3_WhatACacheCannotDoIsNamed(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.engine.tasks = []freshet.Task{{
		Account: account, ID: 5, URL: "http://vod.example.com/a/", ObjectType: "directory", Status: freshet.TaskFailed,
		Reason: freshet.ReasonUnsupported, Description: "failed at edge-9", Final: 1, Targets: 2, Created: time.Now(),
	}}
	row := f.call(describe, "TaskId", "5").ok(t).Tasks.Task[0]
	if row.Description != "Internal Error: failed at edge-9; a cache there cannot do this" || row.Process != "50%" {
		t.Errorf("%+v", row)
	}
}
