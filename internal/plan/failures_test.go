package plan_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/plan"
)

func TestU22_WithoutSliceFlagNoPlaylistIsRead(t *testing.T) {
	t.Parallel()
	w := masterWorld()
	r := mustPlan(t, w.planner(plan.Options{}), job(freshet.Prefetch, freshet.Filter{SliceCount: 7}),
		media(stream("m3u8", "AUTO", "http://vod.example.com/m/auto.m3u8")))
	wantURLs(t, r, "/m/auto.m3u8")
	if len(w.asked) != 0 {
		t.Errorf("asked for %v", w.asked)
	}
}

func TestU23_UnreadablePlaylist(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"answers 500": "!the origin answered 500", "an HTML page": "<!DOCTYPE html>", "invalid": "#EXTM3U\n\xff.ts\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := masterWorld()
			w.files["http://vod.example.com/m/hd.m3u8"] = body
			w.remembered = []string{"http://vod.example.com/m/hd0.m4s", "http://vod.example.com/m/en0.aac", "http://gone.example.net/x"}
			p := w.planner(plan.Options{})
			m := media(stream("m3u8", "AUTO", "http://vod.example.com/m/auto.m3u8"))
			f := freshet.Filter{Slices: true, SliceCount: 1}
			now := "/m/auto.m3u8 /m/en.m3u8 /m/en0.aac /m/subs.m3u8 /m/subs0.vtt /m/hd.m3u8 /m/sd.m3u8 /m/sd0.ts"

			r := mustPlan(t, p, job(freshet.Purge, f), m)
			wantURLs(t, r, now+" /m/hd0.m4s")
			wantFault(t, r, "", "")
			wantProblem(t, r, "http://vod.example.com/m/hd.m3u8", "could not be read")
			wantProblem(t, r, "http://gone.example.net/x", "remembered")

			r = mustPlan(t, p, job(freshet.Prefetch, f), m)
			wantURLs(t, r, now)
			wantFault(t, r, "InternalError", "http://vod.example.com/m/hd.m3u8")
			wantProblem(t, r, "http://vod.example.com/m/hd.m3u8", "could not be read")
			if strings.Contains(r.Message, "10.0.0.1") {
				t.Errorf("the message names the operator's network: %s", r.Message)
			}
		})
	}
}

func TestU23_RefreshWithReadablePlaylistsLeavesThePastAlone(t *testing.T) {
	t.Parallel()
	w := masterWorld()
	w.remembered = []string{"http://vod.example.com/m/old.ts"}
	r := mustPlan(t, w.planner(plan.Options{}), job(freshet.Purge, freshet.Filter{Slices: true, SliceCount: 1}),
		media(stream("m3u8", "HD", "http://vod.example.com/m/hd.m3u8")))
	wantURLs(t, r, "/m/hd.m3u8 /m/init-a.mp4 /m/hd0.m4s")
}

func TestEverything_IsAllThatTheMediaHasAndHad(t *testing.T) {
	t.Parallel()
	w := masterWorld()
	w.remembered = []string{"http://vod.example.com/m/hd0.m4s", "http://vod.example.com/m/before.ts"}
	old := stream("m3u8", "AUTO", "http://vod.example.com/m/auto.m3u8")
	m := media(stream("mp4", "HD", "http://vod.example.com/hd1.mp4"), stream("mp4", "HD", "http://vod.example.com/hd2.mp4"), old)
	m.Status = "Blocked"
	before := time.Now()
	r := mustPlan(t, w.planner(plan.Options{Limits: plan.Limits{Remember: time.Hour}}), job(freshet.Purge, freshet.Filter{Everything: true}), m)
	wantURLs(t, r, "/hd2.mp4 /hd1.mp4 /m/auto.m3u8 /m/en.m3u8 /m/en0.aac /m/en1.aac /m/en2.aac /m/subs.m3u8 /m/subs0.vtt "+
		"/m/hd.m3u8 /m/init-a.mp4 /m/init-b.mp4 /m/hd0.m4s /m/hd1.m4s /m/hd2.m4s /m/sd.m3u8 /m/sd0.ts http://img.example.com/ad.ts /m/sd2.ts "+
		"/m/iframes.m3u8 /m/if0.ts /m/data.json /m/before.ts")
	if d := before.Add(-time.Hour).Sub(w.since).Abs(); d > time.Minute {
		t.Errorf("asked for what is remembered since %v", w.since)
	}
	if last := r.URLs[len(r.URLs)-1]; last.Kind != "remembered" {
		t.Errorf("%+v is not marked as remembered", last)
	}
}

func TestEverything_PrefetchLeavesThePastAlone(t *testing.T) {
	t.Parallel()
	w := masterWorld()
	w.remembered = []string{"http://vod.example.com/m/before.ts"}
	w.files["http://vod.example.com/g.m3u8"] = list("#EXTINF:1,", "0.ts", "#EXT-X-GAP", "#EXTINF:1,", "1.ts", "#EXTINF:1,", "2.ts")
	r := mustPlan(t, w.planner(plan.Options{}), job(freshet.Prefetch, freshet.Filter{Everything: true}), media(stream("m3u8", "HD", "http://vod.example.com/g.m3u8")))
	wantURLs(t, r, "/g.m3u8 /0.ts /2.ts") // 1.ts is a gap: the origin does not have it
	r = mustPlan(t, w.planner(plan.Options{}), job(freshet.Prefetch, freshet.Filter{Slices: true, SliceCount: 2}), media(stream("m3u8", "HD", "http://vod.example.com/g.m3u8")))
	wantURLs(t, r, "/g.m3u8 /0.ts /2.ts") // and it is not one of the first two
	r = mustPlan(t, w.planner(plan.Options{}), job(freshet.Purge, freshet.Filter{Slices: true}), media(stream("m3u8", "HD", "http://vod.example.com/g.m3u8")))
	wantURLs(t, r, "/g.m3u8 /0.ts /1.ts /2.ts") // but a cache might
}

func TestPlan_FaultsThatMayPassAreErrors(t *testing.T) {
	t.Parallel()
	m := media(stream("m3u8", "AUTO", "http://vod.example.com/m/auto.m3u8"))
	w := masterWorld()
	w.storeFault = errors.New("store is gone")
	j := job(freshet.Purge, freshet.Filter{Everything: true})
	if _, err := w.planner(plan.Options{}).Plan(t.Context(), j, freshet.Row{Media: "m1"}, m); !errors.Is(err, w.storeFault) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("the lease ended")
	cancel(stop)
	w.storeFault = nil
	if r, err := w.planner(plan.Options{}).Plan(ctx, j, freshet.Row{Media: "m1"}, m); !errors.Is(err, stop) || len(r.URLs) != 0 {
		t.Errorf("got %v with %d URLs: an ended context was taken for an unreadable playlist", err, len(r.URLs))
	}
}
