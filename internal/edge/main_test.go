package edge_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/edge"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const host = "vod.example.com"

// node is a cache behind an HTTP server.
type node struct {
	*edge.Cache

	url    string
	addr   string
	client *http.Client
}

func newNode(t *testing.T, o edge.Options) *node {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	c, err := edge.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c.SetReady(true)
	front := httptest.NewServer(c)
	addr := front.Listener.Addr().String()
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DisableCompression: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, "tcp", addr)
			},
		},
	}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		front.Close()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return &node{Cache: c, url: front.URL, addr: addr, client: client}
}

// alone makes a node without parents in front of an origin.
func alone(t *testing.T, o edge.Options, origin http.HandlerFunc) *node {
	t.Helper()
	if o.POP == "" {
		o.POP = "local"
	}
	n := newNode(t, o)
	n.SetTopology(topology(serve(t, origin)))
	return n
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func topology(origin string, pops ...freshet.POP) freshet.Topology {
	return freshet.Topology{Version: 1, Domains: []freshet.Domain{{Name: host, Origin: origin}}, POPs: pops}
}

type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

func (n *node) do(t *testing.T, method, url string, header ...string) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := n.client.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(body), err}
}

func (n *node) get(t *testing.T, path string, header ...string) reply {
	t.Helper()
	return n.do(t, http.MethodGet, "http://"+host+path, header...)
}

func (n *node) wantBody(t *testing.T, path, want string) {
	t.Helper()
	if r := n.get(t, path); r.err != nil || r.body != want {
		t.Fatalf("GET %s = %d %.40q (%v), want %.40q; %v", path, r.status, r.body, r.err, want, r.header)
	}
}

// purgeA purges the object that most tests are about.
func (n *node) purgeA(t *testing.T, pos uint64) {
	t.Helper()
	r := n.Purge(t.Context(), freshet.Position{Epoch: 1, Pos: pos}, freshet.Selector{
		Kind: freshet.SelectExact, URLs: []string{"http://" + host + "/a"},
	})[0]
	if r.Outcome != freshet.OutcomeDone && r.Outcome != freshet.OutcomeAlready {
		t.Fatalf("purge: %v %v %s", r.Outcome, r.Reason, r.Detail)
	}
}

func wantStatus(t *testing.T, r reply, want ...string) {
	t.Helper()
	got := strings.Join(r.header["Cache-Status"], ", ")
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("Cache-Status = %q, want %q in it", got, w)
		}
	}
}

// content is an origin whose body can be changed.
type content struct {
	body   atomic.Value
	hits   atomic.Int64
	header []string
}

func newContent(body string, header ...string) *content {
	c := &content{header: header}
	c.body.Store(body)
	return c
}

func (c *content) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.hits.Add(1)
	w.Header().Set("Cache-Control", "max-age=3600")
	for i := 0; i+1 < len(c.header); i += 2 {
		w.Header().Set(c.header[i], c.header[i+1])
	}
	body, _ := c.body.Load().(string)
	http.ServeContent(w, r, "film.mp4", time.Time{}, strings.NewReader(body))
}
