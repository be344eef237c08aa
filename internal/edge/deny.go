package edge

import (
	"net/http"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
)

// headerDenied says why an object is refused.
const headerDenied = "Freshet-Denied"

// denials are the objects that nobody gets, and those who are reading. It is
// not kept on disk: whoever keeps the list gives it before the cache may take
// traffic.
type denials struct {
	mu   sync.RWMutex   // guards urls
	urls map[string]int // status by canonical URL

	reading sync.Mutex // guards readers, and their connections until they are let go of
	readers map[*reader]struct{}
}

// reader is a viewer who is being answered.
type reader struct {
	url string
	w   http.ResponseWriter
}

// Deny refuses the objects to everybody from now on: a request that begins
// later gets the status and nothing of the object, whatever is stored and
// whoever fetches it. Those who are in the middle of one are cut off.
func (c *Cache) Deny(urls []freshet.DeniedURL) {
	d := &c.denied
	d.mu.Lock()
	if d.urls == nil {
		d.urls = make(map[string]int, len(urls))
	}
	for _, u := range urls {
		d.urls[u.URL] = u.Status
	}
	d.mu.Unlock()
	d.cut()
}

// Allow ends that. What is stored is served again.
func (c *Cache) Allow(urls []string) {
	c.denied.mu.Lock()
	defer c.denied.mu.Unlock()
	for _, u := range urls {
		delete(c.denied.urls, u)
	}
}

// SetDenied refuses these objects and no others.
func (c *Cache) SetDenied(urls []freshet.DeniedURL) {
	all := make(map[string]int, len(urls))
	for _, u := range urls {
		all[u.URL] = u.Status
	}
	c.denied.mu.Lock()
	c.denied.urls = all
	c.denied.mu.Unlock()
	c.denied.cut()
}

// status returns how an object is refused; 0: it is not.
func (d *denials) status(url string) int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.urls[url]
}

// begin notes that an object is about to be read; end must follow. It comes
// before the look at the list: whoever is not refused then is seen by the cut
// that follows the list's change.
func (d *denials) begin(url string, w http.ResponseWriter) *reader {
	r := &reader{url: url, w: w}
	d.reading.Lock()
	defer d.reading.Unlock()
	if d.readers == nil {
		d.readers = map[*reader]struct{}{}
	}
	d.readers[r] = struct{}{}
	return r
}

func (d *denials) end(r *reader) {
	d.reading.Lock()
	defer d.reading.Unlock()
	delete(d.readers, r)
}

// cut breaks off who reads what is denied: their next write fails, and one
// that waits for a slow viewer fails at once.
func (d *denials) cut() {
	d.reading.Lock()
	defer d.reading.Unlock()
	for r := range d.readers {
		if d.status(r.url) != 0 {
			// One that knows no deadlines is no connection.
			_ = http.NewResponseController(r.w).SetWriteDeadline(time.Unix(1, 0))
		}
	}
}

// refuseDenied answers for an object that is denied. A 404 says nothing of it.
func (c *Cache) refuseDenied(w http.ResponseWriter, status int) {
	if status == freshet.StatusNotFound {
		c.refuse(w, status, cacheStatus{}, "There is nothing here.")
		return
	}
	w.Header().Set(headerDenied, "takedown")
	c.refuse(w, freshet.StatusLegal, cacheStatus{detail: "denied"}, "This object is unavailable for legal reasons.")
}
