package app_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/config"
)

// ports are caches that take PURGE; they note in which order they were asked.
type ports struct {
	mu    sync.Mutex
	asked []string
}

func (p *ports) open(t *testing.T, name string) config.Cache {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked = append(p.asked, name+" "+r.Method+" "+r.Host+r.RequestURI)
		if r.Method == http.MethodGet {
			_, _ = w.Write([]byte("film"))
		}
	}))
	t.Cleanup(s.Close)
	return config.Cache{Driver: config.DriverVarnish, URL: config.URL(s.URL), Layer: len(name)}
}

func (p *ports) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.asked
	p.asked = nil
	return list
}

// TestAgentless_LayersArePurgedFromHereAndOnlyAcknowledged drives two layers of
// purge ports by an API call: the inner layer goes first, prefetches use the
// door in front, and the evidence claims no more than the caches said.
func TestAgentless_LayersArePurgedFromHereAndOnlyAcknowledged(t *testing.T) {
	t.Parallel()
	var p ports
	door := p.open(t, "door")
	c := settings(t.TempDir())
	c.Domains = []config.Domain{{Name: "vod.example.com", Origin: "http://127.0.0.1:9", Account: config.DefaultAccount}}
	c.POPs = []config.POP{{
		// The names have the lengths of their layers: the list is in no order.
		ID: "old", Agentless: true, PrefetchVia: door.URL, Caches: []config.Cache{p.open(t, "bb"), p.open(t, "a"), p.open(t, "cc")},
	}}
	env := map[string]string{config.EnvAccessKeyID: "FKapp", config.EnvAccessKeySecret: "the secret of the environment"}
	s, end := serve(t, c, env)
	defer end()
	api := caller(t, s, "FKapp", env[config.EnvAccessKeySecret])
	run := func(r client.JobRequest) freshet.Delivery {
		t.Helper()
		receipt, err := api.Submit(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := api.Wait(t.Context(), receipt.JobID, nil); err != nil {
			t.Fatal(err)
		}
		tasks, err := api.JobTasks(t.Context(), receipt.JobID, 0)
		if err != nil || len(tasks.Tasks) != 1 {
			t.Fatalf("%+v, %v", tasks, err)
		}
		one, err := api.Task(t.Context(), tasks.Tasks[0].ID)
		if err != nil || len(one.Deliveries) != 1 {
			t.Fatalf("%+v, %v", one, err)
		}
		return one.Deliveries[0]
	}
	const film = "vod.example.com/film.mp4"
	d := run(client.JobRequest{Type: freshet.Purge, URLs: []string{"http://" + film}})
	if d.Outcome != freshet.OutcomeDone || d.Verified != freshet.VerifiedAnswer || d.POP != "old" {
		t.Errorf("purge: %+v", d)
	}
	asked := p.take()
	if len(asked) == 3 {
		slices.Sort(asked[1:]) // the shards are asked at once
	}
	if want := []string{"a PURGE " + film, "bb PURGE " + film, "cc PURGE " + film}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	d = run(client.JobRequest{Type: freshet.Prefetch, URLs: []string{"http://" + film}})
	if d.Outcome != freshet.OutcomeDone || d.Verified != freshet.VerifiedAnswer {
		t.Errorf("prefetch: %+v", d)
	}
	if asked := p.take(); !slices.Equal(asked, []string{"door GET " + film}) {
		t.Errorf("asked %q", asked)
	}
	d = run(client.JobRequest{Type: freshet.Purge, Prefixes: []string{"http://vod.example.com/films/"}})
	if d.Outcome != freshet.OutcomeFailed || d.Reason != freshet.ReasonUnsupported {
		t.Errorf("a prefix: %+v", d)
	}
	late := time.After(10 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		pops, err := api.POPs(t.Context())
		if err != nil || len(pops) != 1 {
			t.Fatalf("%+v, %v", pops, err)
		}
		if pops[0].Ready && pops[0].URL == string(door.URL) && pops[0].State == "up" {
			tick.Stop()
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("the POP is %+v", pops[0])
		}
	}
}
