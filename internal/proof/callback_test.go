package proof_test

import (
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cluster"
	"github.com/freshet-vod/freshet/internal/rpc/rpctest"
)

// receiver takes events. The first call with each body fails.
type receiver struct {
	mu       sync.Mutex
	seen     map[string]bool            // bodies
	rows     map[string]int             // events of the vendor taken, by job and media
	finished map[string]map[string]bool // by job: IDs of messages taken
	done     map[string]string          // by job: its state when it ended
}

// ServeHTTP implements [http.Handler].
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the sender was killed
	}
	var e struct {
		MediaRefreshJobId, MediaId, Status string //nolint:revive // the vendor's spelling
		Data                               struct{ Job, State string }
	}
	if err := json.Unmarshal(body, &e); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.seen[string(body)] {
		r.seen[string(body)] = true
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if e.Data.Job == "" {
		r.rows[e.MediaRefreshJobId+"/"+e.MediaId+"/"+e.Status]++
		return
	}
	if r.finished[e.Data.Job] == nil {
		r.finished[e.Data.Job] = map[string]bool{}
	}
	r.finished[e.Data.Job][req.Header.Get("Webhook-Id")] = true
	r.done[e.Data.Job] = e.Data.State
}

// TestP1_CallbacksSurviveKills kills the control plane with SIGKILL at random
// moments while jobs are submitted, planned, carried out and told. Each media of
// each job that was answered is told, and the end of each job once: however
// often a message is repeated, its ID is the same.
func TestP1_CallbacksSurviveKills(t *testing.T) {
	t.Parallel()
	r := &receiver{seen: map[string]bool{}, rows: map[string]int{}, finished: map[string]map[string]bool{}, done: map[string]string{}}
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	c := start(t, cluster.Options{POPs: tiers(), InProcess: true, Extra: "callbacks: {allow: [127.0.0.0/8, '::1']}\n"})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	sdk := rpctest.Clients(strings.TrimPrefix(c.Endpoint, "http://"), c.KeyID, c.KeySecret)[0]
	if _, failure := sdk.Call("SetMessageCallback", map[string]string{"CallbackURL": srv.URL, "EventTypeList": "ALL"}); failure != nil {
		t.Fatalf("%+v", *failure)
	}
	if _, err := c.Client.SetWebhook(ctx, srv.URL); err != nil {
		t.Fatal(err)
	}
	kills, jobs := soak(4, 30), soak(20, 150)
	var answered []string
	for n := range kills {
		for len(answered) < jobs*(n+1)/kills {
			if id, err := c.Submit(ctx, freshet.Purge, freshet.Filter{}, film, sound); err == nil {
				answered = append(answered, id)
			}
			if err := pause(ctx, time.Duration(rand.IntN(20))*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		if err := pause(ctx, time.Duration(rand.IntN(600))*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		c.Control.Kill()
		if err := c.Control.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if err := c.WaitReady(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range answered {
		for !r.told(id) {
			if err := pause(ctx, 20*time.Millisecond); err != nil {
				t.Fatalf("job %s was not told: %v", id, err)
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	repeats := 0
	for _, id := range answered {
		if len(r.finished[id]) != 1 || r.done[id] != "complete" {
			t.Errorf("the end of job %s was told as %v, %q", id, r.finished[id], r.done[id])
		}
		for _, media := range []string{film, sound} {
			repeats += r.rows[id+"/"+media+"/success"] - 1
		}
	}
	t.Logf("%d jobs, %d kills, %d events told again", len(answered), kills, repeats)
}

func (r *receiver) told(job string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rows[job+"/"+film+"/success"] > 0 && r.rows[job+"/"+sound+"/success"] > 0 && len(r.finished[job]) > 0
}
