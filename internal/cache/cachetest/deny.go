package cachetest

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

func denies(p cache.Powers) bool { return p.Denies }

func denyTests() []test {
	return []test{
		{"WhatIsDeniedIsRefusedHoweverItIsAskedFor", denies, deniedHowever},
		{"NotFoundSaysNothing", denies, notFoundSaysNothing},
		{"OthersAreServed", denies, othersAreServed},
		{"WhatIsAllowedIsServedAgain", denies, allowedAgain},
		{"TheWholeListReplacesWhatWasBefore", denies, wholeList},
		{"ADeniedObjectStaysDeniedOverRestarts", denies, deniedOverRestarts},
		{"AFillInFlightServesNobodyWhoComesLater", denies, deniedFill},
		{"OneResultPerURLThatIsDenied", denies, oneResultPerDenial},
		{"WhatCannotDenySaysSo", func(p cache.Powers) bool { return !p.Denies }, cannotDeny},
	}
}

// Denied makes the list of some paths.
func denied(status int, paths ...string) []freshet.DeniedURL {
	list := make([]freshet.DeniedURL, len(paths))
	for i, p := range paths {
		list[i] = freshet.DeniedURL{URL: link(p), At: at(1), Status: status}
	}
	return list
}

func (b *bench) deny(status int, paths ...string) {
	b.t.Helper()
	for i, r := range cache.Deny(b.t.Context(), b.Driver(), denied(status, paths...)) {
		if r.Outcome != freshet.OutcomeDone && r.Outcome != freshet.OutcomeAlready {
			b.t.Fatalf("denying %d of %v: %v %v %s", i, paths, r.Outcome, r.Reason, r.Detail)
		}
	}
}

func (b *bench) allow(paths ...string) {
	b.t.Helper()
	urls := make([]string, len(paths))
	for i, p := range paths {
		urls[i] = link(p)
	}
	for i, r := range cache.Allow(b.t.Context(), b.Driver(), urls) {
		if r.Outcome != freshet.OutcomeDone && r.Outcome != freshet.OutcomeAlready {
			b.t.Fatalf("allowing %d of %v: %v %v %s", i, paths, r.Outcome, r.Reason, r.Detail)
		}
	}
}

// wantDenied fails unless a request gets the status, and nothing of the body.
func (b *bench) wantDenied(status int, url, body string, header ...string) {
	b.t.Helper()
	a := b.fetchURL(b.t, url, header...)
	if a.err != nil || a.status != status || len(a.body) > 1000 || body != "" && len(a.body) >= len(body) && a.body == body {
		b.t.Fatalf("GET %s %q = %d, %d bytes (%v), want %d", url, header, a.status, len(a.body), a.err, status)
	}
	if got := a.header.Get("Freshet-Denied"); (got != "") != (status == freshet.StatusLegal) {
		b.t.Fatalf("GET %s = %d with the reason %q", url, a.status, got)
	}
	if a.header.Get("ETag") != "" || a.header.Get("Content-Range") != "" {
		b.t.Fatalf("GET %s tells of the object: %v", url, a.header)
	}
}

func deniedHowever(b *bench) {
	t := b.t
	b.origin.serve("/film/a.mp4", validated(version(1), `"v1"`))
	b.origin.serve("/film/never.mp4", validated(version(1), `"v1"`))
	b.wantBody(t, "/film/a.mp4", version(1))
	b.deny(freshet.StatusLegal, "/film/a.mp4", "/film/never.mp4")
	for _, url := range []string{
		link("/film/a.mp4"), link("/film/never.mp4"),
		"http://" + Alias + "/film/a.mp4",
		link("/film/a.mp4?auth_key=1700000000-0-0-d41d8cd98f00b204e9800998ecf8427e"),
		link("/film/a.mp4?" + Ignored + "=mail"),
	} {
		for _, header := range [][]string{
			nil,
			{"Range", "bytes=0-3"},
			{"Range", "bytes=99999999-"},
			{"If-None-Match", `"v1"`},
			{"If-None-Match", "*"},
			{"If-Modified-Since", time.Now().UTC().Format(http.TimeFormat)},
			{"Cache-Control", "no-cache"},
			{"Cache-Control", "only-if-cached"},
			{"Authorization", "Bearer x"},
		} {
			b.wantDenied(freshet.StatusLegal, url, version(1), header...)
		}
	}
	// Odd spellings of the name: none may get it, whatever they are told.
	for _, path := range []string{
		"/film/./a.mp4", "/film/%61.mp4", "/film/x/../a.mp4", "/./film/a.mp4", "/film/%6E%65ver%2Emp4", "/film/a.mp4?", "/film/a.mp4?&",
		"/%66ilm/a.mp4?auth_key=1", "/film/y/z/../../never.mp4",
	} {
		if a := b.fetch(t, path); a.err != nil || a.status != freshet.StatusLegal && a.status != freshet.StatusNotFound {
			t.Errorf("GET %s = %d, %d bytes (%v)", path, a.status, len(a.body), a.err)
		}
	}
	if n := b.origin.requests("/film/never.mp4"); n != 0 {
		t.Errorf("the origin was asked %d times for what is denied", n)
	}
}

func notFoundSaysNothing(b *bench) {
	b.origin.put("/a", version(1))
	b.wantBody(b.t, "/a", version(1))
	b.deny(freshet.StatusNotFound, "/a")
	b.wantDenied(freshet.StatusNotFound, link("/a"), version(1))
	b.deny(freshet.StatusLegal, "/a") // the later word holds
	b.wantDenied(freshet.StatusLegal, link("/a"), version(1))
	b.deny(freshet.StatusNotFound, "/a")
	b.wantDenied(freshet.StatusNotFound, link("/a"), version(1))
}

func othersAreServed(b *bench) {
	paths := []string{"/film/a", "/film/a.ts", "/film/a/b", "/film", "/film/", "/fil", "/film/a?v=2", "/A"}
	for _, p := range paths {
		b.origin.put(p, p+version(1))
	}
	b.deny(freshet.StatusLegal, "/film/a")
	b.wantDenied(freshet.StatusLegal, link("/film/a"), "")
	for _, p := range paths[1:] {
		b.wantBody(b.t, p, p+version(1))
	}
	b.deny(freshet.StatusLegal, "/film/a?v=2", "/film/a/b", "/film/")
	b.wantDenied(freshet.StatusLegal, link("/film/a?v=2"), "")
	b.wantDenied(freshet.StatusLegal, link("/film/a/b"), "")
	b.wantDenied(freshet.StatusLegal, link("/film/"), "")
	b.wantBody(b.t, "/film/a.ts", "/film/a.ts"+version(1))
}

func allowedAgain(b *bench) {
	b.origin.put("/a", version(1))
	b.wantBody(b.t, "/a", version(1))
	b.deny(freshet.StatusLegal, "/a")
	b.deny(freshet.StatusLegal, "/a")
	b.wantDenied(freshet.StatusLegal, link("/a"), version(1))
	b.allow("/a", "/never")
	b.wantBody(b.t, "/a", version(1))
	b.deny(freshet.StatusNotFound, "/a")
	b.wantPurged(b.t, b.next(), exact("/a"))
	b.wantDenied(freshet.StatusNotFound, link("/a"), version(1))
	b.allow("/a")
	b.wantBody(b.t, "/a", version(1))
}

func wholeList(b *bench) {
	for _, p := range []string{"/a", "/b", "/c"} {
		b.origin.put(p, version(1))
	}
	b.deny(freshet.StatusLegal, "/a", "/b")
	if err := cache.SetDenied(b.t.Context(), b.Driver(), denied(freshet.StatusNotFound, "/b", "/c")); err != nil {
		b.t.Fatal(err)
	}
	b.wantBody(b.t, "/a", version(1))
	b.wantDenied(freshet.StatusNotFound, link("/b"), version(1))
	b.wantDenied(freshet.StatusNotFound, link("/c"), version(1))
	if err := cache.SetDenied(b.t.Context(), b.Driver(), nil); err != nil {
		b.t.Fatal(err)
	}
	b.wantBody(b.t, "/b", version(1))
}

func deniedOverRestarts(b *bench) {
	b.origin.put("/a", version(1))
	b.wantBody(b.t, "/a", version(1))
	b.deny(freshet.StatusLegal, "/a")
	restarted := func() {
		b.t.Helper()
		// As the agent does before the POP takes traffic.
		if err := cache.SetDenied(b.t.Context(), b.Driver(), denied(freshet.StatusLegal, "/a")); err != nil {
			b.t.Fatal(err)
		}
		b.wantDenied(freshet.StatusLegal, link("/a"), version(1))
	}
	b.Restart(b.t)
	restarted()
	if b.Crash(b.t) {
		restarted()
	}
}

func deniedFill(b *bench) {
	t := b.t
	h := newHeld()
	defer h.letGo()
	b.origin.serve("/a", h.inBody(version(1)))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	resp, err := b.Get(ctx, link("/a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	b.deny(freshet.StatusLegal, "/a")
	b.wantDenied(freshet.StatusLegal, link("/a"), version(1))
	h.letGo()
	if _, err := io.Copy(io.Discard, resp.Body); err == nil && b.Driver().Powers().DefeatsFills {
		t.Error("who was in the middle of the body got the rest of it")
	}
	b.wantDenied(freshet.StatusLegal, link("/a"), version(1))
}

func oneResultPerDenial(b *bench) {
	b.t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, r := range cache.Deny(ctx, b.Driver(), denied(freshet.StatusLegal, "/a", "/b", "/c")) {
			if r.Outcome == freshet.OutcomeNone {
				t.Error("an object has no result")
			}
		}
	})
	if n := len(cache.Deny(b.t.Context(), b.Driver(), nil)) + len(cache.Allow(b.t.Context(), b.Driver(), nil)); n != 0 {
		b.t.Errorf("%d results for nothing", n)
	}
}

func cannotDeny(b *bench) {
	for _, r := range cache.Deny(b.t.Context(), b.Driver(), denied(freshet.StatusLegal, "/a", "/b")) {
		wantOutcome(b.t, r, freshet.OutcomeFailed, freshet.ReasonUnsupported)
	}
	if err := cache.SetDenied(b.t.Context(), b.Driver(), denied(freshet.StatusLegal, "/a")); err != nil {
		b.t.Errorf("a list that cannot be obeyed is an error: %v", err)
	}
}
