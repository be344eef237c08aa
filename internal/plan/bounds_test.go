package plan_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/plan"
)

func TestP10_LoopsOfPlaylistsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.files["http://vod.example.com/a.m3u8"] = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1\nb.m3u8\n"
	w.files["http://vod.example.com/b.m3u8"] = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://www.example.com/a.m3u8?session=1\n#EXT-X-STREAM-INF:BANDWIDTH=1\nc.m3u8\n"
	w.files["http://vod.example.com/c.m3u8"] = segments(1)
	r := mustPlan(t, w.planner(plan.Options{}), job(freshet.Purge, freshet.Filter{Slices: true}), media(
		stream("m3u8", "AUTO", "http://vod.example.com/a.m3u8"), stream("m3u8", "HD", "http://vod.example.com/c.m3u8")))
	wantURLs(t, r, "/c.m3u8 /s0.ts /a.m3u8 /b.m3u8")
	for u, n := range w.asked {
		if n != 1 {
			t.Errorf("%s was read %d times", u, n)
		}
	}
	if len(w.asked) != 3 || len(r.Problems) != 0 {
		t.Errorf("read %v, problems %+v", w.asked, r.Problems)
	}
}

func TestP10_DepthIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for i := range 6 {
		w.files[fmt.Sprintf("http://vod.example.com/%d.m3u8", i)] = fmt.Sprintf("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n%d.m3u8\n", i+1)
	}
	m := media(stream("m3u8", "AUTO", "http://vod.example.com/0.m3u8"))
	r := mustPlan(t, w.planner(plan.Options{}), job(freshet.Prefetch, freshet.Filter{Slices: true}), m)
	wantURLs(t, r, "/0.m3u8 /1.m3u8 /2.m3u8 /3.m3u8")
	wantFault(t, r, "InternalError", "limit depth")
	wantProblem(t, r, "http://vod.example.com/3.m3u8", "limit depth")
	if len(w.asked) != 3 {
		t.Errorf("read %v", w.asked)
	}
}

func TestP10_PlaylistsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld()
	var b strings.Builder
	b.WriteString("#EXTM3U\n")
	for i := range 10 {
		fmt.Fprintf(&b, "#EXT-X-STREAM-INF:BANDWIDTH=1\n%d.m3u8\n", i)
		w.files[fmt.Sprintf("http://vod.example.com/%d.m3u8", i)] = segments(1)
	}
	w.files["http://vod.example.com/auto.m3u8"] = b.String()
	w.remembered = []string{"http://vod.example.com/kept.ts"}
	r := mustPlan(t, w.planner(plan.Options{Limits: plan.Limits{Playlists: 4}}), job(freshet.Purge, freshet.Filter{Slices: true}),
		media(stream("m3u8", "AUTO", "http://vod.example.com/auto.m3u8")))
	if len(w.asked) != 4 {
		t.Errorf("read %d playlists, want 4", len(w.asked))
	}
	wantProblem(t, r, "http://vod.example.com/3.m3u8", "more than 4 playlists (limit playlists)")
	wantURLs(t, r, "/auto.m3u8 /0.m3u8 /s0.ts /1.m3u8 /2.m3u8 /3.m3u8 /4.m3u8 /5.m3u8 /6.m3u8 /7.m3u8 /8.m3u8 /9.m3u8 /kept.ts")
}

func TestP10_URLsAreBoundedAndNothingIsHalfDone(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.files["http://vod.example.com/a.m3u8"] = segments(50)
	m := media(stream("m3u8", "HD", "http://vod.example.com/a.m3u8"))
	everything := job(freshet.Purge, freshet.Filter{Everything: true})
	for limit, fits := range map[int]bool{49: false, 50: false, 51: true} {
		r := mustPlan(t, w.planner(plan.Options{Limits: plan.Limits{URLs: limit}}), everything, m)
		if fits {
			if len(r.URLs) != 51 || r.Fault != "" {
				t.Errorf("limit %d: %d URLs, fault %s", limit, len(r.URLs), r.Message)
			}
			continue
		}
		wantURLs(t, r, "")
		wantFault(t, r, "InternalError", "limit urls")
	}
	// Remembered ones count too.
	w.remembered = []string{"http://vod.example.com/old.ts"}
	wantFault(t, mustPlan(t, w.planner(plan.Options{Limits: plan.Limits{URLs: 51}}), everything, m), "InternalError", "52 URLs")
}

func TestP10_ProblemsAreBoundedAndCounted(t *testing.T) {
	t.Parallel()
	w := newWorld()
	lines := make([]string, 30)
	for i := range lines {
		lines[i] = fmt.Sprintf("#EXTINF:1,\nhttp://foreign.example.net/%d.ts", i)
	}
	w.files["http://vod.example.com/a.m3u8"] = list(lines...)
	r := mustPlan(t, w.planner(plan.Options{Limits: plan.Limits{Problems: 5}}), job(freshet.Purge, freshet.Filter{Everything: true}),
		media(stream("m3u8", "HD", "http://vod.example.com/a.m3u8")))
	if len(r.Problems) != 6 || !strings.Contains(r.Problems[5].Reason, "25 more problems") {
		t.Errorf("problems %+v", r.Problems)
	}
}

// slowOrigin answers after a while, and counts who waits.
type slowOrigin struct {
	*world
	wait      time.Duration
	now, most atomic.Int32
}

func (s *slowOrigin) Get(ctx context.Context, origin, u string) (body []byte, at string, err error) {
	n := s.now.Add(1)
	defer s.now.Add(-1)
	for m := s.most.Load(); n > m && !s.most.CompareAndSwap(m, n); m = s.most.Load() {
	}
	timer := time.NewTimer(s.wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return s.world.Get(ctx, origin, u)
	case <-ctx.Done():
		return nil, "", context.Cause(ctx)
	}
}

func TestP10_TimeAndConcurrencyAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		streams := make([]freshet.Stream, 0, 9)
		for i, def := range freshet.Definitions()[:9] {
			u := fmt.Sprintf("http://vod.example.com/%d/%s.m3u8", i, def)
			w.files[u] = segments(1)
			streams = append(streams, stream("m3u8", def, u))
		}
		slow := &slowOrigin{world: w, wait: 40 * time.Second}
		began := time.Now()
		p := w.planner(plan.Options{Fetcher: slow, Limits: plan.Limits{Concurrency: 3}})
		r := mustPlan(t, p, job(freshet.Purge, freshet.Filter{Slices: true}), media(streams...))
		if took := time.Since(began); took != 2*time.Minute {
			t.Errorf("took %v, want the limit of 2m", took)
		}
		if slow.most.Load() != 3 {
			t.Errorf("%d playlists at a time, want 3", slow.most.Load())
		}
		// Two rounds of three end in time, the third meets the limit exactly
		// or is cut off; every playlist is submitted all the same.
		if len(r.URLs) < 9+6 || len(r.URLs)-9+len(r.Problems) != 9 {
			t.Errorf("%d URLs, problems %+v", len(r.URLs), r.Problems)
		}

		slow.wait = time.Hour
		r = mustPlan(t, p, job(freshet.Prefetch, freshet.Filter{Slices: true}), media(streams...))
		wantFault(t, r, "InternalError", "longer than 2m0s (limit time)")
		if len(r.URLs) != 9 || len(r.Problems) != 9 {
			t.Errorf("%d URLs, problems %+v", len(r.URLs), r.Problems)
		}
	})
}
