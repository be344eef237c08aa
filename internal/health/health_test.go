package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet/internal/health"
)

func get(t *testing.T, h http.Handler, target, accept string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func well(context.Context) error { return nil }

func TestHandler_TellsEachCheckAndWhy(t *testing.T) {
	t.Parallel()
	var b health.Board
	h := health.Handler(&b, "not ready")
	if w := get(t, h, "/readyz", ""); w.Code != 200 || w.Body.String() != "ok\n" {
		t.Errorf("a process without checks answers %d %q", w.Code, w.Body)
	}
	b.Need(health.Engine, well)
	b.Notes("edge-1", func(context.Context) []health.Result {
		return []health.Result{{Check: health.Cache, Why: "it is not there"}, {Check: health.Agent, OK: true}}
	})
	if w := get(t, h, "/readyz", "text/plain"); w.Code != 200 || w.Body.String() != "ok\n+ engine\n~ edge-1 cache: it is not there\n+ edge-1 agent\n" {
		t.Errorf("a note decides: %d %q", w.Code, w.Body)
	}
	b.Need(health.Store, func(context.Context) error { return errors.New("the disk is full") })
	w := get(t, h, "/readyz", "")
	if want := "not ready\n+ engine\n~ edge-1 cache: it is not there\n+ edge-1 agent\n- store: the disk is full\n"; w.Code != 503 || w.Body.String() != want {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("a cache may keep it")
	}
	want := health.Report{Checks: []health.Result{
		{Check: "engine", OK: true},
		{Check: "cache", Where: "edge-1", Note: true, Why: "it is not there"},
		{Check: "agent", Where: "edge-1", Note: true, OK: true},
		{Check: "store", Why: "the disk is full"},
	}}
	for _, w := range []*httptest.ResponseRecorder{get(t, h, "/readyz?format=json", ""), get(t, h, "/readyz", "application/json")} {
		var got health.Report
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 503 || !cmp.Equal(got, want) {
			t.Errorf("%d, %v: %s", w.Code, err, cmp.Diff(want, got))
		}
	}
}

// TestBoard_ACheckThatHangsIsNamed holds that one part that waits for something
// neither holds up the answer nor hides.
func TestBoard_ACheckThatHangsIsNamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b health.Board
		b.Need(health.Store, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		b.Need(health.Engine, well)
		begun := time.Now()
		r := b.Look(t.Context())
		if took := time.Since(begun); r.OK || took != 3*time.Second || !strings.Contains(r.Checks[0].Why, "no answer within 3s") || !r.Checks[1].OK {
			t.Errorf("after %s: %+v", took, r)
		}
	})
}

func TestHeld_AsksOnceInAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		look := health.Held(time.Second, func(context.Context) error { asked.Add(1); return errors.New("down") })
		for range 100 {
			if look(t.Context()) == nil {
				t.Fatal("what was found is forgotten")
			}
		}
		time.Sleep(time.Second)
		_ = look(t.Context())
		if n := asked.Load(); n != 2 {
			t.Errorf("asked %d times", n)
		}
	})
}

// A stranger who asks and hangs up must not take the process out of traffic.
func TestHeld_ACallerWhoHangsUpSpoilsNothing(t *testing.T) {
	t.Parallel()
	look := health.Held(time.Hour, func(ctx context.Context) error { return ctx.Err() })
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	for _, ctx := range []context.Context{gone, t.Context()} {
		if err := look(ctx); err != nil {
			t.Error(err)
		}
	}
}

func TestChecks_AreInTheGuide(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range health.Checks() {
		if !strings.Contains(string(guide), "| `"+name+"` |") {
			t.Errorf("docs/operations.md does not say what to do about %s", name)
		}
	}
}
