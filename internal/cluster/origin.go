// Package cluster runs a small Freshet on this machine for the demo and for
// the proofs: an origin whose content can change and whose answers can be held
// back, a control plane and POPs, each as a process of its own that can be
// killed.
//
// It must not know the inside of anything: it speaks to the processes as a
// user does, by the command line, HTTP and the client. The demo and tests call
// it. If it is wrong, the proofs prove nothing.
package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Origin serves files, each followed by a mark that names the version of the
// content. Everything about it can change between two requests.
type Origin struct {
	files    fs.FS
	listener net.Listener
	server   *http.Server

	mu       sync.Mutex // guards what follows
	version  int
	override map[string][]byte
	requests map[string]int
	bytes    int64
	hold     *Hold
	log      []Served
}

// Served is one answer of the origin.
type Served struct {
	Path    string
	Version int
	Began   time.Time
}

// Phase says where in an answer a Hold stops.
type Phase int

// The phases.
const (
	HeaderPhase Phase = iota // before the header is sent
	BodyPhase                // after half of the body
)

// Hold keeps answers back until it is released. Each answer has the content
// of the moment when its request came.
type Hold struct {
	phase   Phase
	match   func(string) bool
	release chan struct{}
	once    sync.Once
	held    chan string // paths, as answers reach the hold
}

// Release lets the answers go on.
func (h *Hold) Release() { h.once.Do(func() { close(h.release) }) }

// Held receives the path of each answer that reaches the hold.
func (h *Hold) Held() <-chan string { return h.held }

// NewOrigin starts an origin on a free port of the loopback.
func NewOrigin(ctx context.Context, files fs.FS) (*Origin, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	o := &Origin{
		files: files, listener: l, version: 1,
		override: map[string][]byte{}, requests: map[string]int{},
	}
	o.server = &http.Server{Handler: o, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = o.server.Serve(l) }()
	return o, nil
}

// URL returns the base URL.
func (o *Origin) URL() string { return "http://" + o.listener.Addr().String() }

// Close ends the origin, and answers that are held.
func (o *Origin) Close() {
	o.Free()
	_ = o.server.Close()
}

// Change makes new content of everything and returns its version.
func (o *Origin) Change() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.version++
	return o.version
}

// Version returns the version of the content now.
func (o *Origin) Version() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.version
}

// Replace gives one path another body (nil: 404) instead of its file.
func (o *Origin) Replace(p string, body []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.override[p] = body
}

// Restore undoes every Replace.
func (o *Origin) Restore() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.override)
}

// HoldBack holds answers whose path matches, from now on.
func (o *Origin) HoldBack(phase Phase, match func(string) bool) *Hold {
	h := &Hold{phase: phase, match: match, release: make(chan struct{}), held: make(chan string, 1024)}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hold = h
	return h
}

// LetPass makes later answers pass; those that are held stay held until the
// Hold is released.
func (o *Origin) LetPass() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hold = nil
}

// Free ends the present hold: later answers pass, held ones go on.
func (o *Origin) Free() {
	o.mu.Lock()
	h := o.hold
	o.hold = nil
	o.mu.Unlock()
	if h != nil {
		h.Release()
	}
}

// Count returns how many requests came, for one path or (with "") all.
func (o *Origin) Count(p string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p != "" {
		return o.requests[p]
	}
	n := 0
	for _, c := range o.requests {
		n += c
	}
	return n
}

// Bytes returns how many bytes of bodies were sent.
func (o *Origin) Bytes() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes
}

// Mark returns what follows every body of a version.
func Mark(version int) string { return fmt.Sprintf("\n# version %d\n", version) }

// VersionOf returns the version that a body was made of, 0 if it has no mark.
func VersionOf(body []byte) int {
	i := bytes.LastIndex(body, []byte("\n# version "))
	if i < 0 {
		return 0
	}
	v, err := strconv.Atoi(strings.TrimSpace(string(body[i+len("\n# version "):])))
	if err != nil {
		return 0
	}
	return v
}

// File returns a file without a mark, as it was before any Replace.
func (o *Origin) File(p string) ([]byte, error) {
	return fs.ReadFile(o.files, strings.TrimPrefix(p, "/"))
}

// ServeHTTP implements [http.Handler].
func (o *Origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := path.Clean(r.URL.Path)
	o.mu.Lock()
	version, hold := o.version, o.hold
	body, replaced := o.override[p]
	o.requests[p]++
	o.log = append(o.log, Served{Path: p, Version: version, Began: time.Now()})
	o.mu.Unlock()
	if !replaced {
		body, _ = o.File(p) // nil is a 404
	}
	if hold == nil || !hold.match(p) {
		hold = nil
	}
	if hold != nil && hold.phase == HeaderPhase {
		hold.wait(r, p)
	}
	if body == nil {
		http.NotFound(w, r)
		return
	}
	o.answer(w, r, append(bytes.Clone(body), Mark(version)...), version, hold)
}

func (o *Origin) answer(w http.ResponseWriter, r *http.Request, body []byte, version int, hold *Hold) {
	etag := fmt.Sprintf(`"%d-%d"`, version, len(body))
	h := w.Header()
	h.Set("ETag", etag)
	h.Set("Cache-Control", "public, max-age=86400")
	h.Set("Content-Type", contentType(r.URL.Path))
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	half := len(body) / 2
	_, _ = w.Write(body[:half]) //nolint:gosec // our own files
	if hold != nil && hold.phase == BodyPhase {
		_ = http.NewResponseController(w).Flush()
		hold.wait(r, r.URL.Path)
	}
	_, _ = w.Write(body[half:]) //nolint:gosec // our own files
	o.mu.Lock()
	o.bytes += int64(len(body))
	o.mu.Unlock()
}

func (h *Hold) wait(r *http.Request, p string) {
	select {
	case h.held <- p:
	default:
	}
	select {
	case <-h.release:
	case <-r.Context().Done():
	}
}

func contentType(p string) string {
	switch path.Ext(p) {
	case ".m3u8":
		return "application/vnd.apple.mpegurl"
	case ".ts":
		return "video/mp2t"
	case ".mp3":
		return "audio/mpeg"
	case ".aac":
		return "audio/aac"
	}
	return "video/mp4"
}
