package edge

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxDelta bounds delta-seconds, as RFC 9111 §1.2.2 suggests.
const maxDelta = 1 << 31

// directives are the parts of Cache-Control that a shared cache obeys. The
// qualified forms (private="field") count as unqualified, which RFC 9111
// §5.2.2 allows and which is the safe side.
type directives struct {
	noStore, noCache, private, public bool
	mustRevalidate                    bool // or proxy-revalidate, or s-maxage (RFC 9111 §5.2.2.10)
	onlyIfCached, mustUnderstand      bool
	maxAge, sMaxAge, staleIfError     time.Duration // -1: absent
}

// parseCacheControl reads the fields of one message. What it cannot read as a
// number counts as zero: stale is always safe. Of repeated directives the
// first counts.
func parseCacheControl(fields []string) directives {
	d := directives{maxAge: -1, sMaxAge: -1, staleIfError: -1}
	for _, field := range fields {
		for field != "" {
			var name, value string
			name, value, field = nextDirective(field)
			d.set(strings.ToLower(name), value)
		}
	}
	return d
}

func (d *directives) set(name, value string) {
	first := func(p *time.Duration) {
		if *p < 0 {
			*p = deltaSeconds(value)
		}
	}
	switch name {
	case "no-store":
		d.noStore = true
	case "no-cache":
		d.noCache = true
	case "private":
		d.private = true
	case "public":
		d.public = true
	case "must-revalidate", "proxy-revalidate":
		d.mustRevalidate = true
	case "only-if-cached":
		d.onlyIfCached = true
	case "must-understand":
		d.mustUnderstand = true
	case "max-age":
		first(&d.maxAge)
	case "s-maxage":
		first(&d.sMaxAge)
	case "stale-if-error":
		first(&d.staleIfError)
	}
}

// nextDirective cuts the first directive off a Cache-Control field. A quoted
// value may hold commas.
func nextDirective(s string) (name, value, rest string) {
	s = strings.TrimLeft(s, " \t,")
	end := strings.IndexAny(s, "=,")
	if end < 0 {
		return strings.TrimSpace(s), "", ""
	}
	name = strings.TrimSpace(s[:end])
	if s[end] == ',' {
		return name, "", s[end+1:]
	}
	s = strings.TrimLeft(s[end+1:], " \t")
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ",")
		return name, strings.TrimSpace(value), rest
	}
	var b strings.Builder
	i := 1
	for ; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	_, rest, _ = strings.Cut(s[min(i+1, len(s)):], ",")
	return name, b.String(), rest
}

func deltaSeconds(s string) time.Duration {
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		if s == "" {
			return 0
		}
		n = maxDelta // digits only, so the number is out of range
	}
	return time.Duration(min(n, maxDelta)) * time.Second
}

// maxNegative bounds how long an error is kept, whatever it says of itself: a
// film that was published a minute ago must not look missing for a day.
const maxNegative = time.Minute

// maxFault is the same for faults of the server. It is long enough to spare an
// origin that is down, and short enough that nobody notices when it is back.
const maxFault = 5 * time.Second

// lifetime returns how long a response is fresh from its birth at the origin,
// and whether it said so itself (RFC 9111 §4.2.1).
func lifetime(status int, h http.Header, d directives, date time.Time, byDefault time.Duration) (time.Duration, bool) {
	life, explicit := byDefault, false
	switch {
	case d.sMaxAge >= 0:
		life, explicit = d.sMaxAge, true
	case d.maxAge >= 0:
		life, explicit = d.maxAge, true
	case h.Get("Expires") != "":
		explicit, life = true, 0
		if t, err := http.ParseTime(h.Get("Expires")); err == nil {
			life = max(t.Sub(date), 0)
		}
	}
	switch {
	case status >= http.StatusInternalServerError:
		life = min(life, maxFault)
	case status >= http.StatusBadRequest:
		life = min(life, maxNegative)
	}
	return life, explicit
}

// initialAge returns the age that a response had when it was received (RFC
// 9111 §4.2.3). One that states several ages, or something that is none, is as
// old as can be: a cache before us may have kept it for any time.
func initialAge(h http.Header, date, asked, received time.Time) time.Duration {
	var said time.Duration
	if fields := h["Age"]; len(fields) > 0 {
		text := strings.Trim(fields[0], " \t")
		if len(fields) > 1 || text == "" || strings.Trim(text, "0123456789") != "" {
			return maxDelta * time.Second
		}
		said = deltaSeconds(text)
	}
	return max(received.Sub(date), said+received.Sub(asked), 0)
}

// age returns the present age of a stored response.
func (v *variant) age(now time.Time) time.Duration {
	return v.InitialAge + max(now.Sub(v.Received), 0)
}

// fresh reports whether a stored response may be served without asking.
func (v *variant) fresh(now time.Time) bool { return !v.NoCache && v.age(now) < v.Lifetime }

// staleOnError reports whether the response allows to be served past its
// freshness when the upstream fails (RFC 5861 §4).
func (v *variant) staleOnError(now time.Time) bool {
	return !v.MustRevalidate && !v.NoCache && v.StaleIfError > 0 && v.age(now) < v.Lifetime+v.StaleIfError
}

// unstorable says why a response may not be stored, or "" if it may be. auth
// tells that the request carried Authorization, noStore that it forbade
// storing.
func unstorable(resp *http.Response, d directives, auth, noStore bool) string {
	h := resp.Header
	switch {
	case d.noStore || noStore:
		return "no-store"
	case d.private:
		return "private"
	case auth && !d.public && !d.mustRevalidate && d.sMaxAge < 0:
		return "authorization"
	case len(h["Set-Cookie"]) > 0 && !d.public:
		return "set-cookie"
	case !storableStatus(resp.StatusCode), d.mustUnderstand && !understood(resp.StatusCode):
		return "status"
	case !provablyWhole(resp):
		// Closing the connection is the only end that such a body has, and a
		// fault looks the same.
		return "unknown-length"
	}
	return ""
}

// storableStatus reports whether a status is final and speaks of the whole
// object to everybody (RFC 9111 §3): parts are not stored, and what concerns
// the one who asked must not meet others.
func storableStatus(status int) bool {
	switch status {
	case http.StatusPartialContent, http.StatusNotModified, http.StatusRequestedRangeNotSatisfiable,
		http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusTooManyRequests:
		return false
	}
	return status >= http.StatusOK && status <= 599
}

// understood lists the statuses whose rules of caching the cache knows; others
// are not stored if the response demands that (RFC 9111 §5.2.2.3).
func understood(status int) bool {
	switch status {
	case http.StatusOK, http.StatusNonAuthoritativeInfo, http.StatusNoContent,
		http.StatusMultipleChoices, http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect,
		http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone, http.StatusRequestURITooLong,
		http.StatusUnavailableForLegalReasons, http.StatusNotImplemented:
		return true
	}
	return false
}

// heuristic reports whether a status may be stored although the response says
// nothing about freshness.
func heuristic(status int) bool {
	return status == http.StatusOK || status == http.StatusNonAuthoritativeInfo
}

func provablyWhole(resp *http.Response) bool {
	return resp.ContentLength >= 0 || resp.ProtoMajor > 1 || len(resp.TransferEncoding) > 0 ||
		resp.StatusCode == http.StatusNoContent
}
