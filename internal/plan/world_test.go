package plan_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/plan"
)

const account = "acme"

// world is all that a planner can see, in memory.
type world struct {
	mu         sync.Mutex
	files      map[string]string // canonical URL → playlist; "!reason" fails
	asked      map[string]int
	domains    []freshet.Domain
	remembered []string
	known      [][]string
	since      time.Time
	storeFault error
}

func newWorld() *world {
	return &world{
		files: map[string]string{}, asked: map[string]int{},
		domains: []freshet.Domain{
			{Name: "vod.example.com", Aliases: []string{"www.example.com"}, Origin: "http://origin", IgnoreParams: []string{"session"}},
			{Name: "img.example.com", Origin: "http://origin2"},
			{Name: "old.example.com", Origin: "http://origin3", Offline: true},
		},
	}
}

type originError string

func (f originError) Error() string  { return "dial tcp 10.0.0.1: " + string(f) }
func (f originError) Reason() string { return string(f) }

func (w *world) Get(ctx context.Context, origin, u string) (body []byte, at string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked[u]++
	body2, ok := w.files[u]
	switch {
	case ctx.Err() != nil:
		return nil, "", context.Cause(ctx)
	case origin == "":
		return nil, "", errors.New("no origin")
	case !ok:
		return nil, "", originError("the origin answered 404 Not Found")
	case strings.HasPrefix(body2, "!"):
		return nil, "", originError(body2[1:])
	}
	return []byte(body2), u, nil
}

func (w *world) Remembered(_ context.Context, acct, id string, since time.Time) ([]string, error) {
	w.since = since
	if acct != account || id == "" {
		return nil, fmt.Errorf("asked for media %q of %q", id, acct)
	}
	return w.remembered, w.storeFault
}

func (w *world) KnownURLs(_ context.Context, acct string, since time.Time) iter.Seq2[[]string, error] {
	w.since = since
	return func(yield func([]string, error) bool) {
		if acct != account {
			yield(nil, fmt.Errorf("asked for the URLs of %q", acct))
			return
		}
		for _, batch := range w.known {
			if !yield(batch, nil) {
				return
			}
		}
		if w.storeFault != nil {
			yield(nil, w.storeFault)
		}
	}
}

func (w *world) planner(o plan.Options) *plan.Planner {
	o.Catalog = w
	if o.Fetcher == nil {
		o.Fetcher = w
	}
	o.Domains = func(acct string) []freshet.Domain {
		if acct != account {
			return nil
		}
		return w.domains
	}
	return plan.New(o)
}

func job(typ freshet.TaskType, f freshet.Filter) *freshet.Job {
	return &freshet.Job{Account: account, ID: "00112233445566aa", Type: typ, Filter: f}
}

func stream(format freshet.Format, def freshet.Definition, u string) freshet.Stream {
	return freshet.Stream{
		JobID: "j-" + u, Format: format, Definition: def, Type: freshet.StreamVideo, URL: u,
		Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func media(streams ...freshet.Stream) *freshet.Media {
	return &freshet.Media{Account: account, ID: "m1", Type: "video", Status: freshet.StatusNormal, Streams: streams}
}

func mustPlan(tb testing.TB, p *plan.Planner, j *freshet.Job, m *freshet.Media) freshet.PlannedRow {
	tb.Helper()
	row := freshet.Row{Job: j.ID, Index: 0}
	if j.Direct == nil {
		row.Media = "m1"
	}
	got, err := p.Plan(tb.Context(), j, row, m)
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

func urls(r freshet.PlannedRow) []string {
	out := make([]string, 0, len(r.URLs))
	for _, u := range r.URLs {
		out = append(out, u.URL)
	}
	return out
}

// short leaves the host of vod.example.com out.
func short(r freshet.PlannedRow) string {
	return strings.ReplaceAll(strings.Join(urls(r), " "), "http://vod.example.com", "")
}

func wantURLs(t *testing.T, r freshet.PlannedRow, want string) {
	t.Helper()
	if got := short(r); got != want {
		t.Errorf("planned\n%s\nwant\n%s", got, want)
	}
}

func wantFault(t *testing.T, r freshet.PlannedRow, code, text string) {
	t.Helper()
	if r.Fault != code || !strings.Contains(r.Message, text) {
		t.Errorf("fault %q %q, want %q with %q", r.Fault, r.Message, code, text)
	}
}

func wantProblem(t *testing.T, r freshet.PlannedRow, u, reason string) {
	t.Helper()
	if !slices.ContainsFunc(r.Problems, func(p freshet.Problem) bool {
		return p.URL == u && strings.Contains(p.Reason, reason)
	}) {
		t.Errorf("no problem about %q with %q in %+v", u, reason, r.Problems)
	}
}

// list makes a media playlist.
func list(lines ...string) string {
	return "#EXTM3U\n#EXT-X-TARGETDURATION:6\n" + strings.Join(lines, "\n") + "\n#EXT-X-ENDLIST\n"
}

// segments makes a media playlist of n segments.
func segments(n int) string {
	lines := make([]string, 0, n)
	for i := range n {
		lines = append(lines, fmt.Sprintf("#EXTINF:6,\ns%d.ts", i))
	}
	return list(lines...)
}
