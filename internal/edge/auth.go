package edge

import (
	"net/http"
	"time"

	"github.com/freshet-vod/freshet/internal/urlsign"
)

// headerAuthError says why a URL was refused: missing, malformed, expired or
// mismatch.
const headerAuthError = "Freshet-Auth-Error"

// admits checks the signature of a viewer's URL where the domain asks for one,
// and refuses the request if it does not hold. Which object needs none is told
// by its name, never by how it was asked for; POPs prove themselves.
func (c *Cache) admits(w http.ResponseWriter, r *http.Request, rq *request) bool {
	auth := rq.site.auth
	if !auth.Enforced() || c.opt.Trusted || rq.peer || auth.Opens(rq.path) {
		return true
	}
	v := urlsign.Verify(auth, r.URL.EscapedPath(), r.URL.RawQuery, time.Now())
	if v == urlsign.Valid {
		return true
	}
	w.Header().Set(headerAuthError, v.String())
	c.refuse(w, http.StatusForbidden, cacheStatus{detail: "auth-" + v.String()}, "This URL has no valid signature: "+v.String()+".")
	return false
}
