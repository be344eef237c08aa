package health

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Handler answers with what a Board shows: 200, or 503 if a check failed, in
// plain lines or, for whoever accepts application/json or asks for
// ?format=json, as JSON. refused is the first line of a failure.
func Handler(b *Board, refused string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		report := b.Look(r.Context())
		status := http.StatusOK
		if !report.OK {
			status = http.StatusServiceUnavailable
		}
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		if wantsJSON(r) {
			h.Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(report) // whoever asked is gone
			return
		}
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, report.text(refused))
	})
}

func wantsJSON(r *http.Request) bool {
	return r.URL.Query().Get("format") == "json" || strings.Contains(r.Header.Get("Accept"), "application/json")
}

// text is one line for the whole and one for each check: `+` is well, `-` is
// not, `~` is not and decides nothing.
func (r Report) text(refused string) string {
	var b strings.Builder
	switch {
	case r.OK && r.Degraded:
		refused = "ok, degraded"
	case r.OK:
		refused = "ok"
	}
	b.WriteString(refused + "\n")
	for _, c := range r.Checks {
		name := c.Check
		if c.Where != "" {
			name = c.Where + " " + name
		}
		switch {
		case c.OK:
			fmt.Fprintf(&b, "+ %s\n", name)
		case c.Note:
			fmt.Fprintf(&b, "~ %s: %s\n", name, c.Why)
		default:
			fmt.Fprintf(&b, "- %s: %s\n", name, c.Why)
		}
	}
	return b.String()
}
