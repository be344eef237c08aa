package api

import (
	"net/http"
	"strings"

	"github.com/freshet-vod/freshet"
)

// The bounds of a request's body.
const (
	maxBody   = 1 << 20  // of JSON: a job of 1,000 URLs with room
	maxUpload = 16 << 20 // of JSON Lines; longer files take several requests
	// maxUploads bounds how many such bodies are in memory at once. They must
	// be, because a signature covers the whole body; so strangers could fill
	// the memory otherwise.
	maxUploads = 4
)

// route is one line of the table.
type route struct {
	pattern string
	handle  func(*call) error
	upload  bool     // takes a large body
	open    bool     // needs no authentication
	writes  bool     // changes something, and does not store the call's nonce itself
	operate bool     // only the operator may
	params  []string // the names of the query's parameters; others are refused
}

// routes is the whole API.
func (s *server) routes() []route {
	return []route{
		{pattern: "POST /v1/jobs", handle: s.submit},
		{pattern: "GET /v1/jobs", handle: s.listJobs, params: []string{"before", "limit"}},
		{pattern: "GET /v1/jobs/{id}", handle: s.job},
		{pattern: "GET /v1/jobs/{id}/events", handle: s.jobEvents},
		{pattern: "GET /v1/jobs/{id}/tasks", handle: s.jobTasks, params: []string{"offset", "limit"}},
		{pattern: "GET /v1/tasks/{id}", handle: s.task},
		{pattern: "POST /v1/plan", handle: s.plan},
		{pattern: "GET /v1/media", handle: s.listMedia, params: []string{"after", "limit"}},
		{pattern: "POST /v1/media", handle: s.importMedia, upload: true, writes: true},
		{pattern: "GET /v1/media/{id}", handle: s.showMedia},
		{pattern: "GET /v1/domains", handle: s.listDomains},
		{pattern: "POST /v1/domains", handle: s.putDomain, writes: true, operate: true},
		{pattern: "GET /v1/pops", handle: s.listPOPs},
		{pattern: "POST /v1/pops", handle: s.addPOP, writes: true, operate: true},
		{pattern: "POST /v1/pops/{id}", handle: s.setPOP, writes: true, operate: true},
		{pattern: "DELETE /v1/pops/{id}", handle: s.removePOP, writes: true, operate: true},
		{pattern: "POST /v1/pops/{id}/revoke", handle: s.revokePOP, writes: true, operate: true},
		{pattern: "GET /v1/keys", handle: s.listKeys},
		{pattern: "POST /v1/keys", handle: s.createKey, writes: true},
		{pattern: "POST /v1/keys/{id}", handle: s.disableKey, writes: true},
	}
}

// noRoute answers what no line of the table matches, in the same form as
// every other fault.
func (s *server) noRoute(c *call) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete} {
		probe := &http.Request{Method: method, URL: c.r.URL, Host: c.r.Host}
		if _, pattern := s.mux.Handler(probe); pattern != "/v1/" && pattern != "/v1" && pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return freshet.Errorf(freshet.CodeNotFound, "There is nothing at this path.")
	}
	c.w.Header().Set("Allow", strings.Join(allowed, ", "))
	c.status = http.StatusMethodNotAllowed
	return freshet.Errorf(freshet.CodeInvalid, "This path takes %s only.", strings.Join(allowed, " and "))
}
