package soak_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
)

const (
	domain    = "vod.example.com"
	keyID     = "FKsoak"
	keySecret = "the secret of the soak"

	objects    = 60      // that are purged, fetched and asked for
	objectSize = 8 << 10 // of each
	patience   = 3 * time.Minute
)

// fleet is a control plane with its POPs. Two are shields, which all others
// fill from; the last ones are processes, and those before them are guests, who
// join and leave.
type fleet struct {
	t      *testing.T
	dir    string
	server *app.Server
	client *client.Client
	http   *http.Client
	pops   []*pop
}

type pop struct {
	id      string
	parents []string
	process bool
	guest   bool

	mu   sync.Mutex // guards what follows: comings and goings
	life int        // of its folder
	stop func()     // nil: it is away
}

func newFleet(t *testing.T, n, guests, processes int) *fleet {
	t.Helper()
	f := &fleet{t: t, dir: t.TempDir(), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2}, Timeout: patience}}
	body := strings.Repeat("x", objectSize)
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=3600")
		w.Header().Set("Etag", `"`+r.URL.Path+`"`)
		_, _ = fmt.Fprint(w, body)
	}))
	t.Cleanup(origin.Close)
	c := config.Default()
	c.Data, c.Listen, c.POPs, c.Bus.Listen = filepath.Join(f.dir, "control"), "127.0.0.1:0", []config.POP{}, "127.0.0.1:0"
	c.Domains = []config.Domain{{Name: domain, Origin: config.URL(origin.URL), Account: config.DefaultAccount}}
	env := map[string]string{config.EnvAccessKeyID: keyID, config.EnvAccessKeySecret: keySecret}
	ctx, cancel := context.WithCancel(context.Background())
	s, err := app.NewServer(ctx, app.Options{Config: c, Env: func(k string) string { return env[k] }})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run() }()
	f.server = s
	f.client, err = client.New(client.Options{Endpoint: "http://" + s.Addr(), AccessKeyID: keyID, AccessKeySecret: keySecret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, p := range f.pops {
			p.leave()
		}
		f.client.Close()
		f.http.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for i := range n {
		p := &pop{id: fmt.Sprintf("pop-%02d", i), process: i >= n-processes, guest: i < n-processes && i >= n-processes-guests}
		if i >= 2 {
			p.parents = []string{"pop-00", "pop-01"}
		}
		f.pops = append(f.pops, p)
		if err := f.join(context.Background(), p); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// join adds a POP, with a folder of its own, and starts it.
func (f *fleet) join(ctx context.Context, p *pop) error {
	i, err := f.client.AddPOP(ctx, p.id, p.parents, 0)
	if err != nil {
		return fmt.Errorf("adding %s: %w", p.id, err)
	}
	p.mu.Lock()
	p.life++
	p.mu.Unlock()
	dir := f.folder(p)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte(i.Token+"\n"), 0o600); err != nil {
		return err
	}
	return f.start(p)
}

func (f *fleet) folder(p *pop) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return filepath.Join(f.dir, fmt.Sprintf("%s-%d", p.id, p.life))
}

// start starts a POP that has joined.
func (f *fleet) start(p *pop) error {
	dir := f.folder(p)
	c := config.Default()
	c.Data, c.POPs = filepath.Join(dir, "data"), nil
	c.Caches = []config.Cache{{Driver: config.DriverEdge, Listen: "127.0.0.1:0", MaxBytes: 32 << 20, MaxObjectBytes: 1 << 20}}
	c.POP = &config.Member{ID: p.id, Control: config.URL("nats://" + f.server.BusAddr()), TokenFile: filepath.Join(dir, "token")}
	if p.process {
		text, err := yaml.Marshal(map[string]any{
			"data": c.Data, "pop": map[string]any{"id": p.id, "control": string(c.POP.Control), "token_file": c.POP.TokenFile},
			"caches": []any{map[string]any{"driver": "edge", "listen": "127.0.0.1:0", "max_bytes": "32MB"}},
		})
		if err != nil {
			return err
		}
		file := filepath.Join(dir, "freshet.yaml")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return err
		}
		k, err := startChild(context.Background(), file)
		if err != nil {
			return fmt.Errorf("starting %s: %w", p.id, err)
		}
		p.arrived(k.kill)
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	s, err := app.NewPOP(ctx, app.Options{Config: c})
	if err != nil {
		cancel()
		return fmt.Errorf("starting %s: %w", p.id, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run() }()
	p.arrived(func() {
		cancel()
		if err := <-ended; err != nil {
			f.t.Errorf("%s: %v", p.id, err)
		}
	})
	return nil
}

func (p *pop) arrived(stop func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop = stop
}

// leave ends a POP's process: one of its own is killed.
func (p *pop) leave() {
	p.mu.Lock()
	stop := p.stop
	p.stop = nil
	p.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// remove ends a POP's membership and deletes its folder.
func (f *fleet) remove(ctx context.Context, p *pop) error {
	p.leave()
	if err := f.client.RemovePOP(ctx, p.id, true); err != nil {
		return fmt.Errorf("removing %s: %w", p.id, err)
	}
	return os.RemoveAll(f.folder(p))
}

// ready waits until every POP is ready and owes nothing.
func (f *fleet) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		list, err := f.client.POPs(ctx)
		if err != nil {
			return err
		}
		waits := ""
		for _, s := range list {
			if !s.Ready || s.Owed > 0 || s.Watermark.Before(s.Head) {
				waits = fmt.Sprintf("%s: ready %t, owes %d, at %s of %s", s.ID, s.Ready, s.Owed, s.Watermark, s.Head)
			}
		}
		if waits == "" && len(list) == len(f.pops) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("the fleet does not settle: " + waits)
		}
	}
}

// doors are where the POPs take viewers.
func (f *fleet) doors(ctx context.Context) ([]string, error) {
	list, err := f.client.POPs(ctx)
	if err != nil {
		return nil, err
	}
	var doors []string
	for _, s := range list {
		if s.URL != "" {
			doors = append(doors, s.URL)
		}
	}
	return doors, nil
}

func objectURL(i int) string { return fmt.Sprintf("http://%s/film/%d/seg-%05d.ts", domain, i%4, i) }

// all are the URLs of all objects.
func all() []string {
	var urls []string
	for i := range objects {
		urls = append(urls, objectURL(i))
	}
	return urls
}

// carryOut has a job done, and says why if it does not end Complete.
func (f *fleet) carryOut(ctx context.Context, r client.JobRequest) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	receipt, err := f.client.Submit(ctx, r)
	if err != nil {
		return fmt.Errorf("a %s was not accepted: %w", r.Type, err)
	}
	report, err := f.client.Wait(ctx, receipt.JobID, nil)
	if err != nil {
		return fmt.Errorf("a %s does not end: %w", r.Type, err)
	}
	if report.Tally.Complete == report.Tally.Total() && report.Tally.Total() > 0 {
		return nil
	}
	for _, row := range report.Rows {
		if row.Fault != "" {
			return &failedError{fmt.Sprintf("%s: %s", r.Type, row.Message)}
		}
		for _, task := range row.Failed {
			if task.Description == "" {
				return fmt.Errorf("a %s failed and does not say why: %+v", r.Type, task)
			}
			return &failedError{fmt.Sprintf("%s %s: %s", r.Type, task.URL, task.Description)}
		}
	}
	return fmt.Errorf("a %s ended as %+v without a word", r.Type, report.Tally)
}

// failedError is a job that failed and says why, which a prefetch may while a
// parent is away.
type failedError struct{ why string }

// Error implements error.
func (e *failedError) Error() string { return e.why }
