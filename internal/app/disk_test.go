package app_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
)

const filmLine = `{"MediaId":"film","MediaType":"video","Status":"Normal","Streams":[` +
	`{"JobId":"j","Format":"mp4","Definition":"HD","StreamType":"video","PlayURL":"http://vod.example.com/film.mp4","CreationTime":"2026-01-02T03:04:05Z"}]}` + "\n"

// stored is a server with a domain, a media and one POP, in a folder.
type stored struct {
	t      *testing.T
	server *app.Server
	client *client.Client
}

func newStored(t *testing.T, dir string, conf func(*config.Config), change ...func(*app.Options)) *stored {
	t.Helper()
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=600")
		_, _ = io.WriteString(w, "film")
	}))
	t.Cleanup(origin.Close)
	c := settings(dir)
	c.Private.Listen = "127.0.0.1:0"
	c.Domains = []config.Domain{{Name: "vod.example.com", Origin: config.URL(origin.URL), Account: config.DefaultAccount}}
	conf(c)
	s := &stored{t: t}
	var end func()
	s.server, end = serve(t, c, map[string]string{config.EnvAccessKeyID: "FKenv", config.EnvAccessKeySecret: "the secret of the environment"}, change...)
	t.Cleanup(end)
	s.client = caller(t, s.server, "FKenv", "the secret of the environment")
	s.imports(filmLine)
	return s
}

func (s *stored) imports(lines string) {
	s.t.Helper()
	if sum, err := s.client.Import(s.t.Context(), strings.NewReader(lines), func(f client.ImportFault) { s.t.Errorf("%+v", f) }); err != nil || sum.Imported != 1 {
		s.t.Fatalf("%+v, %v", sum, err)
	}
}

func (s *stored) submit(kind freshet.TaskType) (string, error) {
	r, err := s.client.Submit(s.t.Context(), client.JobRequest{Type: kind, Media: []string{"film"}})
	return r.JobID, err
}

// done waits for a job's end.
func (s *stored) done(job string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	r, err := s.client.Wait(ctx, job, func(*freshet.JobReport) {})
	if err != nil || !r.Done || r.Tally.Failed > 0 {
		s.t.Fatalf("job %s: %+v, %v", job, r, err)
	}
}

// refused fails unless an error is a refusal of a kind, with a time to come
// again.
func refused(t *testing.T, what string, err error, kind freshet.ErrorKind) {
	t.Helper()
	e, ok := errors.AsType[*freshet.Error](err)
	if !ok || e.Code != freshet.CodeUnavailable || e.Kind != kind || e.RetryAfter <= 0 || e.Remedy == "" {
		t.Errorf("%s on a full disk: %+v", what, err)
	}
}

// TestP10_ADiskThatFillsUp_FromTheOutside looks at a whole server from where its
// users, its operators and its balancer stand.
func TestP10_ADiskThatFillsUp_FromTheOutside(t *testing.T) {
	t.Parallel()
	const size = 64 << 30
	var free atomic.Int64
	free.Store(size / 2)
	s := newStored(t, t.TempDir(), func(c *config.Config) { c.Limits.DiskReserve = 10 * config.MiB }, func(o *app.Options) {
		o.Space = func(string) (int64, int64, error) { return free.Load(), size, nil }
	})
	first, err := s.submit(freshet.Prefetch)
	if err != nil {
		t.Fatal(err)
	}
	s.done(first)

	free.Store(9 << 20)
	soon(t, "the disk is known to be low", func() bool {
		return strings.Contains(page(t.Context(), t, s.server.PrivateAddr(), "/metrics"), "\nfreshet_disk_low 1\n")
	})
	_, err = s.submit(freshet.Purge)
	refused(t, "a purge", err, freshet.KindDisk)
	if !strings.Contains(err.Error(), "9 MiB are free and 10 MiB are needed") {
		t.Errorf("it is told as %v", err)
	}
	_, err = s.client.Import(t.Context(), strings.NewReader(filmLine), func(client.ImportFault) {})
	refused(t, "an import", err, freshet.KindDisk)
	if list, err := s.client.Jobs(t.Context(), time.Time{}, 0); err != nil || len(list.Jobs) != 1 {
		t.Errorf("the jobs are %+v, %v", list.Jobs, err)
	}
	if _, err := s.client.SetPOP(t.Context(), "local", freshet.POPChange{Down: new(true), CutOff: true}); err != nil {
		t.Errorf("marking a POP down needs no room: %v", err)
	}
	if _, err := s.client.SetPOP(t.Context(), "local", freshet.POPChange{Down: new(false)}); err != nil {
		t.Error(err)
	}
	status, r := checked(t, s.server.PrivateAddr(), "/readyz")
	if status != http.StatusOK || !r.OK || !r.Degraded || !strings.HasPrefix(failing(r), "~disk") {
		t.Errorf("/readyz is %d %+v", status, r)
	}
	text := page(t.Context(), t, s.server.PrivateAddr(), "/metrics")
	for _, want := range []string{"freshet_disk_free_bytes 9.437184e+06", "freshet_disk_reserve_bytes 1.048576e+07", `freshet_refused_submissions_total{reason="disk_low"}`} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}

	free.Store(size / 2)
	soon(t, "there is room again", func() bool {
		_, r := checked(t, s.server.PrivateAddr(), "/readyz")
		return !r.Degraded
	})
	again, err := s.submit(freshet.Purge)
	if err != nil {
		t.Fatal(err)
	}
	s.done(again)
}

// soon waits for what an answer that is held for a second delays.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick, late := time.NewTicker(50*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("timed out: %s", what)
		}
	}
}
