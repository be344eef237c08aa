// Package audit writes down who called which write operation, and what became
// of it.
//
// It must not know the interfaces to the outside, nor SQL. They call Begin when
// the caller is known and End when the outcome is; what lies between writes
// through contexts that carry the record, so that a store commits it together
// with the write. If it is wrong, somebody purged a film and nobody can say who.
package audit

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// Trail writes records into a store.
type Trail struct{ store store.Audit }

// New makes a Trail.
func New(s store.Audit) *Trail { return &Trail{store: s} }

// Page returns a page of the records.
func (t *Trail) Page(ctx context.Context, q freshet.AuditQuery) (freshet.AuditPage, error) {
	return t.store.AuditPage(ctx, q)
}

// Entry is the record of one call in the making. Its methods may be called on
// nil, which records nothing.
type Entry struct {
	trail *Trail
	ride  store.Ride
	noted bool // the object changed after the record was written
}

// Begin starts the record of a call. Writes under the context that it returns
// carry it. On a nil Trail it returns ctx and nil.
func (t *Trail) Begin(ctx context.Context, rec freshet.AuditRecord) (context.Context, *Entry) {
	if t == nil {
		return ctx, nil
	}
	rec.Time = time.Now().UTC().Truncate(time.Millisecond)
	rec.UserAgent = Clip(rec.UserAgent, freshet.MaxAuditAgent)
	rec.Object = Clip(rec.Object, freshet.MaxAuditObject)
	e := &Entry{trail: t, ride: store.Ride{Record: &rec}}
	return store.WithRide(ctx, &e.ride), e
}

// Note tells what the call is about, once it is known.
func (e *Entry) Note(object string) {
	if e == nil {
		return
	}
	e.ride.Record.Object = Clip(object, freshet.MaxAuditObject)
	e.noted = e.ride.Record.ID != 0
}

// End completes the record: code is that of the error that is answered, "" if
// there is none. Usually it came with the write and nothing is left to do; a
// refused call's is written now. An error means that the call left no record.
func (e *Entry) End(ctx context.Context, code string) error {
	if e == nil {
		return nil
	}
	rec := e.ride.Record
	outcome := code
	if code == "" {
		outcome = freshet.AuditOK
	}
	if rec.ID != 0 && rec.Outcome == outcome && !e.noted {
		return nil
	}
	rec.Outcome = outcome
	// That the client is gone changes nothing, and the record does not carry
	// itself.
	ctx = store.WithRide(context.WithoutCancel(ctx), nil)
	if rec.ID != 0 {
		return e.trail.store.AmendAudit(ctx, rec)
	}
	return e.trail.store.PutAudit(ctx, rec)
}

// Address returns where a request came from: the client behind a trusted proxy,
// if one is known, or else the host of HOST:PORT, the other end of the
// connection.
func Address(client netip.Addr, remote string) string {
	if client.IsValid() {
		return client.String()
	}
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	return host
}

// Clip makes a text fit for a record: at most so many bytes, valid UTF-8, and
// nothing that moves a terminal's cursor.
func Clip(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) <= most {
		return s
	}
	const dots = "…"
	return strings.ToValidUTF8(s[:most-len(dots)], "") + dots
}

// Bare drops what may be secret in a URL: its query, which can hold a
// signature, its fragment, and credentials before its host.
func Bare(url string) string {
	url = strings.TrimSpace(url)
	if i := strings.IndexAny(url, "?#"); i >= 0 {
		url = url[:i]
	}
	host := 0
	if i := strings.Index(url, "://"); i >= 0 {
		host = i + len("://")
	}
	end := len(url)
	if i := strings.IndexByte(url[host:], '/'); i >= 0 {
		end = host + i
	}
	if i := strings.LastIndexByte(url[host:end], '@'); i >= 0 {
		return url[:host] + url[host+i+1:]
	}
	return url
}
