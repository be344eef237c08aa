package callback_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/callback"
	"github.com/freshet-vod/freshet/internal/guard"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
	"github.com/freshet-vod/freshet/internal/vod"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait for something that must happen.
const patience = 20 * time.Second

// world is a store with a deliverer, which may be stopped and started.
type world struct {
	t     *testing.T
	dir   string
	store *sqlite.Store
	jobs  facts
	seq   int

	stop func()
}

// facts are what bodies are made of: the store's jobs, and tasks by row.
type facts struct {
	*sqlite.Store
	tasks *sync.Map // []freshet.RowTask by job
}

func (f facts) RowTasks(_ context.Context, _ string, row freshet.Row) ([]freshet.RowTask, error) {
	tasks, _ := f.tasks.Load(row.Job)
	list, _ := tasks.([]freshet.RowTask)
	return list, nil
}

func (facts) Domains(context.Context, string) ([]freshet.Domain, error) {
	return []freshet.Domain{{Name: "vod.example.com", TLS: true}}, nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), jobs: facts{tasks: &sync.Map{}}, stop: func() {}}
	w.open()
	t.Cleanup(func() { w.close() })
	return w
}

func (w *world) open() {
	w.t.Helper()
	s, err := sqlite.Open(context.Background(), sqlite.Options{Dir: w.dir})
	if err != nil {
		w.t.Fatal(err)
	}
	w.store, w.jobs.Store = s, s
}

func (w *world) close() {
	w.t.Helper()
	w.stop()
	w.stop = func() {}
	if err := w.store.Close(); err != nil {
		w.t.Error(err)
	}
}

// run starts a deliverer with short times.
func (w *world) run(change ...func(*callback.Options)) {
	w.t.Helper()
	o := callback.Options{
		Queue: w.store, Receivers: w.store, Jobs: w.jobs, Guard: guard.New(netip.MustParsePrefix("127.0.0.0/8")),
		Timeout: 2 * time.Second, Pause: 20 * time.Millisecond, Pauses: []time.Duration{10 * time.Millisecond, 20 * time.Millisecond},
	}
	for _, f := range change {
		f(&o)
	}
	d, err := callback.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
}

func (w *world) rule(url string, change ...func(*store.CallbackRule)) {
	w.t.Helper()
	r := store.CallbackRule{Account: "acme", App: vod.DefaultApp, Type: store.ByHTTP, URL: url, Events: []string{vod.EventSubmitted}}
	for _, f := range change {
		f(&r)
	}
	if err := w.store.PutCallbackRule(w.t.Context(), r); err != nil {
		w.t.Fatal(err)
	}
}

// planned accepts a job and plans it, as the engine does, and returns its ID.
func (w *world) planned(media *freshet.Media, change ...func(*freshet.Job, *freshet.Row)) string {
	w.t.Helper()
	w.seq++
	ctx, now := w.t.Context(), time.Date(2026, 5, 30, 8, 59, 21, 0, time.UTC)
	job := &freshet.Job{
		Account: "acme", ID: fmt.Sprintf("%016x", w.seq), Type: freshet.Purge, Policy: `{"ResultType":"Single","SliceFlag":false}`, Created: now,
	}
	if media.Account != "" {
		job.Account = media.Account
	}
	row := freshet.Row{Job: job.ID, Media: media.ID, State: freshet.RowPlanned, Modified: now}
	for _, f := range change {
		f(job, &row)
	}
	job.Rows = []freshet.Row{{Job: job.ID, Media: media.ID, State: freshet.RowAccepted, Modified: now}}
	if row.State != freshet.RowFailed {
		w.jobs.tasks.Store(job.ID, []freshet.RowTask{{ID: 1460435123, URL: "http://vod.example.com/a,b.m3u8"}, {ID: 1460435124, URL: "http://plain.example.com/c.mp4?x=1&y=2"}})
	}
	if err := w.store.Accept(ctx, job, store.Nonce{}); err != nil {
		w.t.Fatal(err)
	}
	claimed, err := w.store.Claim(ctx, store.Claim{Worker: "test", Now: now, Lease: time.Minute, Limit: 1})
	if err != nil || len(claimed) != 1 {
		w.t.Fatal(claimed, err)
	}
	p := &store.Plan{Claim: claimed[0], Row: row, Now: now, Events: callback.Planned(job, row, media)}
	if err := w.store.SavePlan(ctx, p); err != nil {
		w.t.Fatal(err)
	}
	return job.ID
}

// list returns the callbacks of an account, newest first.
func (w *world) list(account string) []store.Callback {
	w.t.Helper()
	list, err := w.store.ListCallbacks(w.t.Context(), store.CallbackQuery{Account: account, Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// ended waits until nothing of an account waits any more.
func (w *world) ended(account string) []store.Callback {
	w.t.Helper()
	var list []store.Callback
	w.until("callbacks still wait", func() bool {
		list = w.list(account)
		return len(list) > 0 && !slices.ContainsFunc(list, func(c store.Callback) bool { return c.State == store.CallbackWaiting })
	})
	return list
}

func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(end) {
			w.t.Fatal(what)
		}
	}
}

// received is one call of a receiver.
type received struct {
	path   string
	header http.Header
	body   string
	at     time.Time
}

// receiver takes callbacks and answers as told.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex // guards what follows
	calls  []received
	answer func(n int, w http.ResponseWriter, r *http.Request) // n counts from 0
}

func newReceiver(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	n := len(r.calls)
	r.calls = append(r.calls, received{req.Method + " " + req.URL.RequestURI(), req.Header.Clone(), string(body), time.Now()})
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(n, w, req)
	}
}

func (r *receiver) got() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

func status(codes ...int) func(int, http.ResponseWriter, *http.Request) {
	return func(n int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(codes[min(n, len(codes)-1)]) }
}
