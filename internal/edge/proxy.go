package edge

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

// maxTries bounds how often one request looks again because what it found went
// away under its hands; after that it fetches for itself.
const maxTries = 4

// request is what a viewer, a child or a prefetch wants.
type request struct {
	site       *site
	url        string // canonical: the object's name
	path       string // of the canonical URL, with the query
	method     string
	header     http.Header
	peer       bool // it proved to be a POP
	auth       bool // it carries Authorization
	prefetch   bool
	onlyStored bool // nothing may be fetched for it
	noStore    bool // its response must not be stored
	alone      bool // it neither joins nor is joined
	skipped    []*flight
}

// skips reports whether a flight turned out not to answer this request.
func (rq *request) skips(f *flight) bool { return slices.Contains(rq.skipped, f) }

// mayHit reports whether a stored variant is of the kind that will do: a
// prefetch asks for the object itself, not for a stored error or redirect.
func (rq *request) mayHit(v *variant) bool {
	return v != nil && (!rq.prefetch || heuristic(v.Status))
}

// ServeHTTP answers viewers and children.
func (c *Cache) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		c.refuse(w, http.StatusMethodNotAllowed, cacheStatus{fwd: "method", detail: "not-allowed"}, "This cache answers GET and HEAD only.")
		return
	}
	if r.URL.Path == ReadyPath {
		c.tellReady(w, r)
		return
	}
	st := c.routes.Load().site(r.Host)
	if st != nil {
		c.noteAsked(r)
	}
	if !c.ready.Load() {
		w.Header().Set("Retry-After", "1")
		c.refuse(w, http.StatusServiceUnavailable, cacheStatus{detail: "not-ready"}, "This cache is catching up and takes no traffic yet.")
		return
	}
	switch {
	case st == nil:
		c.refuse(w, http.StatusNotFound, cacheStatus{detail: "unknown-host"}, "No domain of this cache has the name in the Host header.")
		return
	case st.offline:
		c.refuse(w, http.StatusForbidden, cacheStatus{detail: "offline"}, "This domain is offline.")
		return
	case len(r.URL.RawPath)+len(r.URL.Path)+len(r.URL.RawQuery) > 2*freshet.MaxURL:
		c.refuse(w, http.StatusRequestURITooLong, cacheStatus{detail: "too-long"}, "The URL is too long.")
		return
	case slices.ContainsFunc(r.Header["Via"], func(v string) bool { return viaHas(v, c.name) }):
		c.refuse(w, http.StatusLoopDetected, cacheStatus{detail: "loop"}, "The request has been through this cache: the POPs' parents form a circle.")
		return
	}
	rq := c.viewer(st, r)
	if !c.admits(w, r, rq) {
		return
	}
	reader := c.denied.begin(rq.url, w)
	defer c.denied.end(reader)
	if status := c.denied.status(rq.url); status != 0 {
		c.refuseDenied(w, status)
		return
	}
	c.serve(w, r, rq)
}

// viaHas reports whether a Via field names us.
func viaHas(via, name string) bool {
	for hop := range strings.SplitSeq(via, ",") {
		if f := strings.Fields(hop); len(f) >= 2 && f[1] == name {
			return true
		}
	}
	return false
}

// viewer reads a request from outside.
func (c *Cache) viewer(st *site, r *http.Request) *request {
	d := parseCacheControl(r.Header["Cache-Control"])
	path := st.auth.CanonicalPath(r.URL.EscapedPath(), r.URL.RawQuery, st.ignore)
	rq := &request{
		site: st, url: "http://" + st.name + path, path: path, method: r.Method, header: r.Header,
		auth: r.Header.Get("Authorization") != "", noStore: d.noStore, onlyStored: d.onlyIfCached,
	}
	if proof := r.Header.Get(headerPeer); proof != "" {
		rq.peer = verifyPeer(c.opt.PeerKey, proof, time.Now(), peerTarget(r.Method, r.Host, r.URL.RequestURI()))
	}
	// Nobody may be answered out of a fetch that was made with another's
	// credentials, or against the wish that nothing be kept.
	rq.alone = rq.auth || rq.noStore
	return rq
}

// serve finds an answer. It looks again when what it found went away, and
// when the flight that it joined turns out to answer somebody else.
func (c *Cache) serve(w http.ResponseWriter, r *http.Request, rq *request) {
	for try := 0; ; try++ {
		if try >= maxTries {
			rq.alone = true
		}
		got, err := c.find(r.Context(), rq)
		switch {
		case err != nil:
			c.refuse(w, http.StatusServiceUnavailable, cacheStatus{detail: "closing"}, "This cache is closing.")
			return
		case got.hit != nil:
			if c.replyStored(w, r, rq, got.hit, cacheStatus{hit: true}) || try > 4*maxTries {
				return
			}
		case got.flight == nil:
			c.refuse(w, http.StatusGatewayTimeout, cacheStatus{fwd: got.why, detail: "only-if-cached"}, "Nothing is stored.")
			return
		default:
			if c.follow(w, r, rq, got) {
				return
			}
		}
	}
}

// follow answers out of a flight; false means: look again.
func (c *Cache) follow(w http.ResponseWriter, r *http.Request, rq *request, got found) bool {
	f := got.flight
	defer c.leave(f, got.lead, false)
	if !awaitHeader(r.Context(), f) {
		return true // the viewer is gone
	}
	cs := cacheStatus{fwd: got.why, fwdStatus: f.status, collapsed: !got.lead}
	switch f.phase {
	case phaseFilling:
		if !got.lead && !f.v.answers(rq.header) {
			rq.skipped = append(rq.skipped, f)
			return false
		}
		cs.stored = true
		c.replyGrowing(w, r, rq, f, cs)
		return true
	case phaseRenewed:
		return f.v != nil && c.replyStored(w, r, rq, f.v, cs)
	case phasePassing:
		if !got.lead {
			rq.alone = true
			return false
		}
		cs.detail = f.detail
		c.replyPassing(w, r, rq, f, cs)
		return true
	case phaseFailed:
		cs.detail = f.fault.detail
		if f.base != nil && f.base.staleOnError(time.Now()) && c.mayServeStale(f.base) && c.replyStored(w, r, rq, f.base, cs) {
			return true
		}
		c.refuse(w, f.fault.status, cs, "The upstream of this cache did not answer as it should.")
		return true
	case phaseAsking:
	}
	return true
}

// mayServeStale reports whether a copy was not flushed, nor may be out of date
// because the control plane is silent: what may have missed a purge is never
// served unasked.
func (c *Cache) mayServeStale(v *variant) bool {
	c.shelf.mu.Lock()
	defer c.shelf.mu.Unlock()
	return v.elem != nil && !v.Fetched.Before(c.shelf.flushed) && !c.shelf.vigilant
}

// awaitHeader waits for the header of a flight; false if ctx ended before.
func awaitHeader(ctx context.Context, f *flight) bool {
	select {
	case <-f.header:
		return true
	case <-ctx.Done():
		return false
	}
}

// refuse answers with a text of ours. Nobody may store it.
func (c *Cache) refuse(w http.ResponseWriter, status int, cs cacheStatus, text string) {
	c.counts.answered(refusal(status, cs), nil)
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Cache-Status", cs.text(c.name))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) //nolint:gosec // a text of ours; the viewer's connection is the viewer's
}
