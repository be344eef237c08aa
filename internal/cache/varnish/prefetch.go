package varnish

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/door"
)

const (
	// maxAsks bounds the requests for one object that is not stored: VCLs that
	// admit an object at its second or third request are common.
	maxAsks = 4
	// storedWithin bounds the wait from the last byte at the front door until
	// Varnish has closed the object.
	storedWithin = 5 * time.Second
	// closedWithin is how long a copy that is still open may take to be closed
	// until it is taken for a fill in flight, which is joined at the front door: a
	// viewer may have had the last byte a moment ago.
	closedWithin = 200 * time.Millisecond
	// cleanWithin bounds the removal of a negative entry after ctx ended.
	cleanWithin = 5 * time.Second
)

// Prefetch implements cache.Driver.
func (d *Driver) Prefetch(ctx context.Context, objs []cache.Object) []cache.Result {
	out := make([]cache.Result, len(objs))
	each(len(objs), d.o.Fillers, func(i int) { out[i] = d.prefetch(ctx, objs[i]) })
	return out
}

func (d *Driver) prefetch(ctx context.Context, obj cache.Object) cache.Result {
	if ctx.Err() != nil {
		return failed(ctx, ctx.Err())
	}
	st := d.settled(ctx, obj, closedWithin)
	if st.err != nil {
		return failed(ctx, st.err)
	}
	before := st.copied()
	if st.whole() {
		return cache.Result{Outcome: freshet.OutcomeAlready, Before: before, After: before}
	}
	r := d.fill(ctx, obj)
	r.Before = before
	return r
}

// fill asks at the front door until the object is stored whole.
func (d *Driver) fill(ctx context.Context, obj cache.Object) cache.Result {
	var first time.Duration
	last := cache.Failed(freshet.ReasonRefused, fmt.Sprintf("Varnish did not store the object after %d requests", maxAsks))
	for range maxAsks {
		a := d.door.Fetch(ctx, obj.URL, obj.Header)
		if first == 0 {
			first = a.FirstByte
		}
		switch {
		case a.Cancelled:
			return cache.Result{Outcome: freshet.OutcomeCancelled, Detail: a.Detail}
		case !a.Whole():
			d.clean(ctx, obj)
			return cache.Failed(a.Reason, a.Detail)
		}
		if why := forbidden(a.Header); why != "" {
			d.clean(ctx, obj)
			return cache.Failed(freshet.ReasonRefused, why)
		}
		st := d.settled(ctx, obj, storedWithin)
		if st.err != nil {
			return failed(ctx, st.err)
		}
		if !st.whole() {
			continue // not admitted, or purged since
		}
		if why := differs(&st, a); why != "" {
			last = cache.Failed(freshet.ReasonMismatch, why)
			continue // another fetch came in between
		}
		return cache.Result{Outcome: freshet.OutcomeDone, After: st.copied(), FirstByte: first}
	}
	return last
}

// look inspects an object under its own name, as the viewer that it is fetched
// for would find it.
func (d *Driver) look(ctx context.Context, obj cache.Object) reply {
	host, path := freshet.SplitURL(obj.URL)
	r := d.one(ctx, request{op: opInspect, host: host, path: path, header: obj.Header})
	if r.err == nil && r.verdict != saysHit && r.verdict != saysMiss {
		r.err = errOdd
	}
	return r
}

// settled inspects an object, and waits for so long until it is closed: Varnish
// does that a moment after it has sent the last byte.
func (d *Driver) settled(ctx context.Context, obj cache.Object, within time.Duration) reply {
	st := d.look(ctx, obj)
	if !st.streaming || st.err != nil {
		return st
	}
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	end := time.NewTimer(within)
	defer end.Stop()
	for st.err == nil && st.streaming {
		select {
		case <-pause.C:
			st = d.look(ctx, obj)
		case <-end.C:
			return st
		case <-ctx.Done():
			return reply{err: ctx.Err()}
		}
	}
	return st
}

// whole reports whether the object is stored to its end, and viewers get it.
func (r *reply) whole() bool { return r.verdict == saysHit && r.fresh() && !r.streaming }

// differs says how what is stored is not what the front door gave.
func differs(st *reply, a door.Answer) string {
	stored := st.copied()
	switch {
	case st.packed != (a.Header.Get("Content-Encoding") != ""):
		return "" // Varnish unpacked it for us: neither length nor ETag are the same
	case st.length >= 0 && st.length != a.Size:
		return fmt.Sprintf("%d bytes are stored, the answer had %d", st.length, a.Size)
	case stored.Validator != "" && a.Validator() != "" && stored.Validator != a.Validator():
		return "what is stored is not the version that was answered"
	}
	return ""
}

// forbidden says why no shared cache may keep an answer.
func forbidden(h http.Header) string {
	for _, cc := range h.Values("Cache-Control") {
		for d := range strings.SplitSeq(cc, ",") {
			switch name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(d)), "="); name {
			case "no-store", "private":
				return "the answer says Cache-Control: " + name
			}
		}
	}
	for _, v := range h.Values("Vary") {
		if strings.Contains(v, "*") {
			return "the answer says Vary: *"
		}
	}
	return ""
}

// clean removes what a failed prefetch left: an error that viewers would be
// given until it expires, or a mark that keeps the object from being stored.
// A good copy that came in meanwhile stays.
func (d *Driver) clean(ctx context.Context, obj cache.Object) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanWithin)
	defer cancel()
	if st := d.look(ctx, obj); st.err == nil && (st.verdict != saysHit || st.status != http.StatusOK) {
		host, path := freshet.SplitURL(obj.URL)
		// If it cannot be removed, the failure that is reported stands anyhow.
		_ = d.one(ctx, request{op: opPurge, host: host, path: path})
	}
}
