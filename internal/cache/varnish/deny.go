package varnish

import (
	"context"
	"fmt"
	"strings"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/denyfolder"
)

// spelt is the name under which freshet.vcl looks for an odd spelling: the
// path.
func spelt(path string) string {
	p, _, _ := strings.Cut(path, "?")
	return p
}

// fanDenied names each object as Varnish may know it: see names.
func (d *Driver) fanDenied(urls []string) fanned {
	return d.fan(urls, func(host, path string) request { return request{op: opDenied, host: host, path: path} })
}

// Deny implements cache.Denier. What Varnish itself says then, when it is asked
// whether it sees the file of the object, is the result: the folder may be
// another one than that of its VCL, or one that it may not read.
func (d *Driver) Deny(ctx context.Context, urls []freshet.DeniedURL) []cache.Result {
	out := make([]cache.Result, len(urls))
	plain := make([]string, len(urls))
	for i, u := range urls {
		plain[i] = u.URL
		out[i] = cache.Result{Outcome: freshet.OutcomeDone, Verified: freshet.VerifiedInspect}
	}
	f := d.fanDenied(plain)
	for k, q := range f.requests {
		r := &out[f.object[k]]
		switch err := d.denied.Deny("http://"+q.host+q.path, urls[f.object[k]].Status); {
		case denyfolder.Unnameable(err):
			*r = cache.Failed(freshet.ReasonUnsupported, err.Error())
		case err != nil:
			*r = cache.Failed(freshet.ReasonNoSpace, err.Error())
		}
	}
	for k, r := range d.quick.do(ctx, f.requests) {
		if i := f.object[k]; out[i].Outcome == freshet.OutcomeDone {
			out[i] = verified(ctx, r, urls[i].Status)
		}
	}
	d.door.ProveDenied(ctx, urls, out)
	return out
}

// verified is what an answer says of an object that should be refused.
func verified(ctx context.Context, r reply, status int) cache.Result {
	switch {
	case r.err != nil:
		return failed(ctx, r.err)
	case r.verdict == saysUnknown:
		return cache.Failed(freshet.ReasonUnsupported, "Varnish has an older VCL: take deploy/varnish/freshet.vcl of this release")
	case r.verdict != saysOK || r.count != status:
		return cache.Failed(freshet.ReasonUnsupported, fmt.Sprintf("Varnish does not see the file of a denied object (it says %s %d): "+
			"deny_folder must be the folder in freshet.vcl, and readable for Varnish's worker", r.verdict, r.count))
	}
	return cache.Result{Outcome: freshet.OutcomeDone, Verified: freshet.VerifiedInspect}
}

// Allow implements cache.Denier.
func (d *Driver) Allow(ctx context.Context, urls []string) []cache.Result {
	out := make([]cache.Result, len(urls))
	for i := range out {
		out[i] = cache.Result{Outcome: freshet.OutcomeDone}
		if ctx.Err() != nil {
			out[i] = failed(ctx, ctx.Err())
		}
	}
	if ctx.Err() != nil {
		return out
	}
	f := d.fanDenied(urls)
	for k, q := range f.requests {
		if err := d.denied.Allow("http://" + q.host + q.path); err != nil {
			out[f.object[k]] = cache.Failed(freshet.ReasonNoSpace, err.Error())
		}
	}
	return out
}

// SetDenied implements cache.Denier.
func (d *Driver) SetDenied(_ context.Context, urls []freshet.DeniedURL) error {
	plain := make([]string, len(urls))
	for i, u := range urls {
		plain[i] = u.URL
	}
	f := d.fanDenied(plain)
	list := make(map[string]int, len(f.requests))
	for k, q := range f.requests {
		list["http://"+q.host+q.path] = urls[f.object[k]].Status
	}
	if err := d.denied.Set(list); err != nil {
		return unavailable("writing the deny folder", err)
	}
	return nil
}
