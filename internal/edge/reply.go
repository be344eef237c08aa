package edge

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/freshet-vod/freshet"
)

// headOf writes the header of a reply but for its status: what was stored, and
// what each reply sets anew.
func (c *Cache) headOf(w http.ResponseWriter, rq *request, v *variant, gen freshet.Position, cs cacheStatus) {
	c.counts.answered(cs.answer(), v)
	h := w.Header()
	maps.Copy(h, v.Header)
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // keeps the server from guessing
	}
	now := time.Now()
	age := v.age(now)
	h["Age"] = []string{strconv.FormatInt(int64(age/time.Second), 10)}
	h["Via"] = append(slices.Clone(h["Via"]), "1.1 "+c.name)
	cs.ttl, cs.hasTTL = v.Lifetime-age, true
	h["Cache-Status"] = []string{cs.text(c.name)}
	if rq.peer {
		h[headerGeneration] = []string{gen.String()}
	}
	if v.Status == http.StatusOK {
		h["Accept-Ranges"] = []string{"bytes"}
	}
}

// begin sends the status line for the part that was chosen and reports whether
// a body follows.
func begin(w http.ResponseWriter, method string, sp span) bool {
	h := w.Header()
	if sp.of != "" {
		h.Set("Content-Range", sp.of)
	}
	switch sp.status {
	case http.StatusNotModified:
		dropFields(h, "Content-Type", "Content-Encoding", "Content-Range", "Accept-Ranges")
	case http.StatusRequestedRangeNotSatisfiable:
		if sp.n != 0 {
			break // the upstream's own, which passes
		}
		dropFields(h, "Content-Encoding")
		h["Content-Type"] = nil
		h.Set("Content-Length", "0")
	case http.StatusNoContent:
	default:
		if sp.n >= 0 {
			h.Set("Content-Length", strconv.FormatInt(sp.n, 10))
		}
	}
	w.WriteHeader(sp.status)
	return method == http.MethodGet && sp.n != 0 && sp.status != http.StatusNotModified && sp.status != http.StatusNoContent
}

// replyStored answers out of the store; false, with nothing sent, if the body
// is gone.
func (c *Cache) replyStored(w http.ResponseWriter, r *http.Request, rq *request, v *variant, cs cacheStatus) bool {
	sp := choose(r.Method, r.Header, v.Status, v.Header, v.Size)
	if r.Method == http.MethodHead || sp.n == 0 {
		c.headOf(w, rq, v, v.Generation, cs)
		begin(w, r.Method, sp)
		return true
	}
	file, err := openBody(c.opt.Dir, v)
	if err != nil {
		// Purged or pushed out since it was found, or damaged. Either way it
		// must not be found again.
		if !errors.Is(err, fs.ErrNotExist) {
			c.opt.Log.LogAttrs(r.Context(), slog.LevelError, "cached body dropped", slog.String("url", v.URL), slog.String("error", err.Error()))
		}
		c.shelf.drop(v)
		return false
	}
	defer file.Close()
	if _, err := file.Seek(sp.off, io.SeekStart); err != nil {
		c.shelf.drop(v)
		return false
	}
	c.headOf(w, rq, v, v.Generation, cs)
	if begin(w, r.Method, sp) {
		n, err := io.CopyN(w, file, sp.n)
		c.counts.sent(cs.answer(), n)
		if err != nil {
			abort()
		}
	}
	return true
}

// abort breaks the viewer's connection off: the only way to say that a body is
// not whole once its header is gone. The server recovers from it in silence.
func abort() { panic(http.ErrAbortHandler) }

// replyGrowing answers out of a fill in flight, as its bytes come.
func (c *Cache) replyGrowing(w http.ResponseWriter, r *http.Request, rq *request, f *flight, cs cacheStatus) {
	c.shelf.mu.Lock()
	gen := f.generation
	c.shelf.mu.Unlock()
	size := f.v.Size
	if written, ended, err := f.body.state(); size < 0 && ended && err == nil {
		size = written
	}
	sp := choose(r.Method, r.Header, f.v.Status, f.v.Header, size)
	c.headOf(w, rq, f.v, gen, cs)
	if !begin(w, r.Method, sp) {
		return
	}
	n, err := c.copyGrowing(r.Context(), w, f.body, sp)
	c.counts.sent(cs.answer(), n)
	if err != nil {
		abort()
	}
}

// copyGrowing sends a part of a growing body. It flushes before it
// waits, so that viewers get the header and bytes while the fill goes on.
func (c *Cache) copyGrowing(ctx context.Context, w http.ResponseWriter, g *growing, sp span) (int64, error) {
	buf := make([]byte, 64<<10)
	flusher := http.NewResponseController(w)
	off, end := sp.off, int64(1<<63-1)
	if sp.n >= 0 {
		end = sp.off + sp.n
	}
	for off < end {
		written, ended, err := g.state()
		if written <= off && !ended {
			if err := flush(flusher); err != nil {
				return off - sp.off, err
			}
			written, ended, err = g.wait(ctx, off)
		}
		switch {
		case err != nil && written <= off:
			return off - sp.off, err
		case written <= off && ended && sp.n >= 0:
			return off - sp.off, errTruncated
		case written <= off && ended:
			return off - sp.off, nil
		}
		n := min(int64(len(buf)), written-off, end-off)
		if _, err := g.file.ReadAt(buf[:n], off); err != nil {
			return off - sp.off, err
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return off - sp.off, err
		}
		off += n
	}
	return off - sp.off, nil
}

// replyPassing hands a response that is not stored to the one who asked.
func (c *Cache) replyPassing(w http.ResponseWriter, r *http.Request, rq *request, f *flight, cs cacheStatus) {
	h := w.Header()
	upstream := f.resp.Header["Cache-Status"]
	maps.Copy(h, storedHeader(f.resp.Header))
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil
	}
	h["Via"] = append(slices.Clone(h["Via"]), "1.1 "+c.name)
	h["Cache-Status"] = append(slices.Clone(upstream), cs.text(c.name))
	if rq.peer {
		c.shelf.mu.Lock()
		h[headerGeneration] = []string{f.generation.String()}
		c.shelf.mu.Unlock()
	}
	c.counts.answered(AnswerPassed, nil)
	sp := span{status: f.resp.StatusCode, n: f.resp.ContentLength}
	if notModified(r.Header, f.resp.Header) && sp.status == http.StatusOK {
		sp = span{status: http.StatusNotModified}
	}
	if !begin(w, r.Method, sp) {
		return
	}
	out := io.Writer(flushWriter{w, http.NewResponseController(w)})
	n, err := io.CopyBuffer(out, f.resp.Body, make([]byte, 64<<10))
	c.counts.sent(AnswerPassed, n)
	if err != nil || sp.n >= 0 && n != sp.n {
		abort()
	}
}

// flush sends what is buffered. A writer that cannot, such as one wrapped by
// middleware, sends it later.
func flush(rc *http.ResponseController) error {
	if err := rc.Flush(); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// flushWriter sends each piece on at once: what passes may be live.
type flushWriter struct {
	w  io.Writer
	rc *http.ResponseController
}

// Write implements io.Writer.
func (f flushWriter) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err == nil {
		err = flush(f.rc)
	}
	return n, err
}
