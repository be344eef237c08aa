package app_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/store/journal"
	"github.com/freshet-vod/freshet/internal/wire"
)

// pages is a log that many write and a test reads.
type pages struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (p *pages) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *pages) count(what string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Count(p.text.String(), what)
}

// place is a control plane to which POPs may come, with an origin whose
// answers a test may hold back.
type place struct {
	t      *testing.T
	dir    string
	conf   *config.Config
	server *app.Server
	end    func()
	client *client.Client

	held    chan struct{} // closed to let held answers go
	entered chan string   // paths whose answer is held
	mu      sync.Mutex
	asked   map[string]int // by path
}

const popDomain = "vod.example.com"

func newPlace(t *testing.T, change ...func(*config.Config)) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), held: make(chan struct{}), entered: make(chan string, 16), asked: map[string]int{}}
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked[r.URL.Path]++
		p.mu.Unlock()
		if strings.HasPrefix(r.URL.Path, "/slow") {
			p.entered <- r.URL.Path
			<-p.held
		}
		w.Header().Set("Cache-Control", "max-age=600")
		_, _ = io.WriteString(w, "body of "+r.URL.Path)
	}))
	t.Cleanup(origin.Close)
	p.conf = settings(filepath.Join(p.dir, "control"))
	p.conf.POPs, p.conf.Bus.Listen, p.conf.Private.Listen = []config.POP{}, "127.0.0.1:0", "127.0.0.1:0"
	p.conf.Domains = []config.Domain{{Name: popDomain, Origin: config.URL(origin.URL), Account: config.DefaultAccount}}
	for _, f := range change {
		f(p.conf)
	}
	p.start()
	t.Cleanup(func() { p.end() })
	return p
}

func (p *place) start() {
	p.t.Helper()
	p.server, p.end = serve(p.t, p.conf, map[string]string{config.EnvAccessKeyID: "FKenv", config.EnvAccessKeySecret: "the secret of the environment"})
	p.conf.Bus.Listen = config.Address(p.server.BusAddr()) // the same after a restart
	p.client = caller(p.t, p.server, "FKenv", "the secret of the environment")
}

func (p *place) requests(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

// until waits for a condition that POPs and their logs bring about.
func (p *place) until(what string, holds func() bool) {
	p.t.Helper()
	tick, late := time.NewTicker(10*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			p.t.Fatalf("%s did not happen", what)
		}
	}
}

func (p *place) status(id string) freshet.POPStatus {
	p.t.Helper()
	list, err := p.client.POPs(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, s := range list {
		if s.ID == id {
			return s
		}
	}
	return freshet.POPStatus{}
}

func (p *place) add(id string, parents ...string) (token string) {
	p.t.Helper()
	i, err := p.client.AddPOP(p.t.Context(), id, parents, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	return i.Token
}

// remote is one process of a POP.
type remote struct {
	*app.POP

	log  *pages
	conf *config.Config
	end  func()
}

// run starts a POP's process on a folder of its own.
func (p *place) run(id, folder, token string) (*remote, error) {
	p.t.Helper()
	file := filepath.Join(p.dir, folder+".token")
	if token == "" {
		_ = os.Remove(file)
	} else if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	c := settings(filepath.Join(p.dir, folder))
	c.Caches, c.POPs, c.Private.Listen = c.POPs[0].Caches, nil, "127.0.0.1:0"
	c.Tracing = p.conf.Tracing
	scheme := "nats://"
	if p.conf.Bus.TLS.CertFile != "" {
		scheme = "tls://"
	}
	c.POP = &config.Member{ID: id, Control: config.URL(scheme + string(p.conf.Bus.Listen)), TokenFile: file, CAFile: p.conf.Bus.TLS.CertFile}
	r := &remote{log: &pages{}, conf: c}
	ctx, cancel := context.WithCancel(p.t.Context())
	pop, err := app.NewPOP(ctx, app.Options{Config: c, Log: slog.New(slog.NewTextHandler(r.log, nil))})
	if err != nil {
		cancel()
		return r, err
	}
	r.POP = pop
	ended := make(chan error, 1)
	go func() { ended <- pop.Run() }()
	r.end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			p.t.Error(err)
		}
	})
	p.t.Cleanup(r.end)
	return r, nil
}

func (p *place) runs(id, folder, token string) *remote {
	p.t.Helper()
	r, err := p.run(id, folder, token)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

func (p *place) ready(id string) {
	p.t.Helper()
	p.until(id+" being ready", func() bool { s := p.status(id); return s.Ready && s.Access == freshet.AccessCredential })
}

func (p *place) submit(kind freshet.TaskType, path string) (job string) {
	p.t.Helper()
	r, err := p.client.Submit(p.t.Context(), client.JobRequest{Type: kind, URLs: []string{"http://" + popDomain + path}})
	if err != nil {
		p.t.Fatal(err)
	}
	return r.JobID
}

func (p *place) report(job string) *freshet.JobReport {
	p.t.Helper()
	r, err := p.client.Job(p.t.Context(), job)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

func (p *place) complete(job string) {
	p.t.Helper()
	p.until("the end of a job", func() bool { return p.report(job).Done })
	if r := p.report(job); r.Tally != (freshet.Tally{Complete: 1}) {
		p.t.Errorf("%+v", r)
	}
}

const refusedText = "the control plane refuses this POP: its credential was revoked"

// TestEnrolment_ARevokedPOPOwesAndComesBack holds the whole life of an added
// POP: it enrols, works, is cut off with work in hand, spools what it did, is
// refused over restarts of both sides, enrols again and delivers.
func TestEnrolment_ARevokedPOPOwesAndComesBack(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	first := p.runs("edge-1", "edge-1", p.add("edge-1"))
	p.ready("edge-1")
	p.complete(p.submit(freshet.Purge, "/film"))

	job := p.submit(freshet.Prefetch, "/slow/film")
	<-p.entered
	s, err := p.client.RevokePOP(t.Context(), "edge-1")
	if err != nil || s.Access != freshet.AccessRevoked {
		t.Fatalf("%+v, %v", s, err)
	}
	p.until("the refusal", func() bool { return first.log.count(refusedText) == 1 })
	close(p.held)
	diary, err := journal.Open(t.Context(), filepath.Join(first.conf.Data, "pops", "edge-1", "agent.db"))
	if err != nil {
		t.Fatal(err)
	}
	p.until("evidence on the POP's disk", func() bool { return p.spooled(diary, job) })
	if err := diary.Close(); err != nil {
		t.Fatal(err)
	}
	owed := p.submit(freshet.Purge, "/film")
	first.end()

	// A restart on either side changes nothing: not the control plane's, nor
	// the POP's, with its used token and without.
	p.end()
	p.start()
	for _, token := range []string{"", "fp1.edge-1.4102444800.AAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		again := p.runs("edge-1", "edge-1", token)
		p.until("the refusal", func() bool { return again.log.count(refusedText) == 1 })
		again.end()
	}
	if s := p.status("edge-1"); s.Access != freshet.AccessRevoked || s.Ready {
		t.Errorf("%+v", s)
	}
	for _, j := range []string{job, owed} {
		if r := p.report(j); r.Done {
			t.Errorf("what it owes is owed no more: %+v", r)
		}
	}
	last := p.runs("edge-1", "edge-1", p.add("edge-1"))
	p.complete(job)
	p.complete(owed)
	p.ready("edge-1")
	if n := p.requests("/slow/film"); n != 1 {
		t.Errorf("the origin was asked %d times: evidence was not kept, the work was done again", n)
	}
	if n := last.log.count(refusedText); n != 0 {
		t.Errorf("it was refused %d times", n)
	}
}

// spooled reports whether facts about a job wait to be sent.
func (p *place) spooled(diary *journal.Journal, job string) bool {
	at := p.report(job).Rows[0].Entries
	if len(at) == 0 {
		return false
	}
	list, err := diary.Spooled(p.t.Context(), 0, 1000)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, m := range list {
		ev, err := wire.DecodeEvidence(m.Message)
		if err != nil {
			p.t.Fatal(err)
		}
		if slices.ContainsFunc(ev.Entries, func(e freshet.EntryFacts) bool { return e.At == at[0] && len(e.Facts) > 0 }) {
			return true
		}
	}
	return false
}

// TestEnrolment_TheSecondProcessReplacesTheFirst holds that of two processes
// under one name only the one that enrolled last is let in.
func TestEnrolment_TheSecondProcessReplacesTheFirst(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	token := p.add("edge-1")
	first := p.runs("edge-1", "first", token)
	p.ready("edge-1")
	_, err := p.run("edge-1", "second", token)
	if freshet.ErrorCode(err) != freshet.CodeUnauthenticated || !strings.Contains(err.Error(), "it was used already, with another data folder") {
		t.Fatalf("a token is good twice: %v", err)
	}
	second := p.runs("edge-1", "second", p.add("edge-1"))
	p.until("the refusal of the first", func() bool { return first.log.count(refusedText) == 1 })
	p.until("the second being heard", func() bool { return p.status("edge-1").URL == "http://"+second.Addr() })
	p.complete(p.submit(freshet.Purge, "/film"))
	if n := second.log.count(refusedText); n != 0 {
		t.Errorf("the second was refused %d times", n)
	}
}

// TestEnrolment_RemovedAndTold holds that a removed POP is out, that nothing
// waits for it, and that the words are clear to whoever runs it.
func TestEnrolment_RemovedAndTold(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.runs("edge-1", "edge-1", p.add("edge-1"))
	gone := p.runs("edge-2", "edge-2", p.add("edge-2", "edge-1"))
	p.ready("edge-1")
	p.ready("edge-2")
	if s := p.status("edge-2"); !slices.Equal(s.Parents, []string{"edge-1"}) {
		t.Errorf("%+v", s)
	}
	p.complete(p.submit(freshet.Purge, "/film"))
	if err := p.client.RemovePOP(t.Context(), "edge-1", true); freshet.ErrorCode(err) != freshet.CodeConflict {
		t.Errorf("a parent is removed: %v", err)
	}
	if err := p.client.RemovePOP(t.Context(), "edge-2", true); err != nil {
		t.Fatal(err)
	}
	p.until("the refusal", func() bool { return gone.log.count(refusedText) == 1 })
	p.complete(p.submit(freshet.Purge, "/film"))
	p.end()
	p.start()
	p.ready("edge-1")
	if s := p.status("edge-2"); s.ID != "" {
		t.Errorf("%+v", s)
	}
}
