package edge

import (
	"io"
	"net/http"
	"time"
)

// ReadyPath is where load balancers ask, under any host name, whether they are
// to send viewers here: 200, or 503 with the reason. It is not the same as
// whether those who come all the same are served.
const ReadyPath = "/.well-known/freshet-ready"

// SetReady says whether the cache may take traffic. Until then viewers and
// children get 503 with Retry-After: what is stored may have missed purges.
func (c *Cache) SetReady(ready bool) { c.ready.Store(ready) }

// SetObstacle says why load balancers are to send nobody, "" if they may. Those
// who come all the same are served, unless the cache is not ready at all.
func (c *Cache) SetObstacle(why string) { c.obstacle.Store(&why) }

// SetVigilant makes the cache ask its parents, or the origin, before it serves
// anything that it has stored, however fresh; what they do not confirm is not
// served. A viewer who comes while an object is being asked for waits for that
// answer. The number of questions is not bounded but by that.
func (c *Cache) SetVigilant(on bool) {
	c.shelf.mu.Lock()
	defer c.shelf.mu.Unlock()
	c.shelf.vigilant = on
}

// Quiet returns how long ago somebody asked for an object who is no POP, be it
// in vain; since the cache was opened, if nobody did.
func (c *Cache) Quiet() time.Duration { return time.Since(c.opened) - time.Duration(c.asked.Load()) }

// noteAsked takes note of a request under a name that is served here.
func (c *Cache) noteAsked(r *http.Request) {
	if r.Header.Get(headerPeer) == "" {
		c.asked.Store(int64(time.Since(c.opened)))
	}
}

// tellReady answers a load balancer.
func (c *Cache) tellReady(w http.ResponseWriter, r *http.Request) {
	status, text := http.StatusOK, "ok\n"
	switch why := c.obstacle.Load(); {
	case why != nil && *why != "":
		status, text = http.StatusServiceUnavailable, "not ready: "+*why+"\n"
	case !c.ready.Load():
		status, text = http.StatusServiceUnavailable, "not ready: the cache is catching up\n"
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if r.Method == http.MethodGet {
		_, _ = io.WriteString(w, text)
	}
}
