package app

import (
	"net/http"
	"strings"
)

// faces hands requests of the API's listener to the interface that they are
// meant for. It is no ServeMux: that one would answer a path that is not clean,
// or a method that it does not know, by itself and in HTML, where a caller of
// the vendor's API is owed an error in the vendor's form.
type faces struct {
	vendor, native, healthz, readyz http.Handler
}

// ServeHTTP implements [http.Handler].
func (f faces) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch p := r.URL.Path; {
	case p == "/v1" || strings.HasPrefix(p, "/v1/"):
		f.native.ServeHTTP(w, r)
	case p == "/healthz":
		f.healthz.ServeHTTP(w, r)
	case p == "/readyz":
		f.readyz.ServeHTTP(w, r)
	default:
		f.vendor.ServeHTTP(w, r)
	}
}
