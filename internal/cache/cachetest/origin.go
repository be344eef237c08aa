package cachetest

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
)

// origin is the origin of the suite: pages with a version each, and a way to
// hold its answers.
type origin struct {
	mu    sync.Mutex
	pages map[string]http.HandlerFunc
	seen  map[string]int
}

func newOrigin() *origin {
	return &origin{pages: make(map[string]http.HandlerFunc), seen: make(map[string]int)}
}

// ServeHTTP implements http.Handler. What a page sends is fixed when its
// request arrives, as with any file on any origin.
func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.URL.RequestURI()
	o.mu.Lock()
	o.seen[key]++
	page := o.pages[key]
	o.mu.Unlock()
	if page == nil {
		http.NotFound(w, r)
		return
	}
	page(w, r)
}

func (o *origin) requests(path string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen[path]
}

// serve sets what a path answers from now on.
func (o *origin) serve(path string, page http.HandlerFunc) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pages[path] = page
}

// put makes a path answer a body that stays fresh.
func (o *origin) put(path, body string, header ...string) {
	o.serve(path, page(body, header...))
}

func page(body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "max-age=3600")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		h.Set("Content-Type", "video/mp4")
		for i := 0; i+1 < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		_, _ = w.Write([]byte(body)) //nolint:gosec // the body is the test's own
	}
}

// held is a page whose answer stops at a place until it is let go.
type held struct {
	arrived chan struct{} // a value per request that has come to the place
	release chan struct{} // closed by letGo
	once    sync.Once
}

func newHeld() *held {
	return &held{arrived: make(chan struct{}, 1024), release: make(chan struct{})}
}

func (h *held) letGo() { h.once.Do(func() { close(h.release) }) }

func (h *held) stop(r *http.Request) {
	h.arrived <- struct{}{}
	select {
	case <-h.release:
	case <-r.Context().Done():
	}
}

// beforeHeader holds an answer before its header is sent.
func (h *held) beforeHeader(p http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h.stop(r)
		p(w, r)
	}
}

// inBody holds an answer after its header and half of its body.
func (h *held) inBody(body string, header ...string) http.HandlerFunc {
	half := len(body) / 2
	return func(w http.ResponseWriter, r *http.Request) {
		page(body[:half], append(header, "Content-Length", strconv.Itoa(len(body)))...)(w, r)
		_ = http.NewResponseController(w).Flush()
		h.stop(r)
		_, _ = w.Write([]byte(body[half:]))
	}
}

// await waits until a request has come to the place where it is held; early is
// the viewer who caused it and must not have been answered by then.
func (h *held) await(t *testing.T, early <-chan answer) {
	t.Helper()
	select {
	case <-h.arrived:
	case a := <-early:
		t.Fatalf("the viewer was answered without the origin: %d %v %.20q (%v)", a.status, a.header, a.body, a.err)
	}
}
