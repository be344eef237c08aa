package edge

import (
	"net/http"
	"time"

	"github.com/freshet-vod/freshet"
)

// renew puts the revalidated copy on the shelf again. It returns false if the
// answer does not confirm the copy, or forbids to keep it.
func (c *Cache) renew(f *flight, resp *http.Response, asked time.Time) bool {
	base, h := f.base, storedHeader(resp.Header)
	d := parseCacheControl(h["Cache-Control"])
	if e := h.Get("ETag"); e != "" && !weakMatch(e, base.Header.Get("ETag")) {
		return false
	}
	if d.noStore || d.private {
		return false
	}
	v := &variant{id: base.id, meta: base.meta}
	v.Header = base.Header.Clone()
	dropFields(v.Header, "Age", "Warning")
	for name, values := range h {
		switch name {
		case "Content-Encoding", "Content-Md5", "Content-Range", "Vary": // describe the bytes, which stay
		default:
			v.Header[name] = values
		}
	}
	if h.Get("Date") == "" {
		delete(v.Header, "Date") // the old one would make the copy look as old as before
	}
	tags, ok := parseTags(v.Header)
	if !ok {
		return false
	}
	v.Tags = tags
	v.age0(parseCacheControl(v.Header["Cache-Control"]), asked, time.Now(), c.opt.DefaultTTL)
	v.Fetched = f.began
	f.status = http.StatusNotModified

	s := c.shelf
	s.mu.Lock()
	v.Generation = freshet.Later(base.Generation, f.settled(v.Tags))
	ok = !f.detached && s.renew(f.rq.site.name, base, v)
	s.mu.Unlock()
	if ok {
		f.v, f.stored = v, v
	}
	c.announce(f, phaseRenewed)
	return true
}
