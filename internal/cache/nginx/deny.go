package nginx

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/denyfolder"
)

// spelt is the name under which nginx looks for an odd spelling: $uri, which is
// the decoded path.
func spelt(path string) string {
	p, _, _ := strings.Cut(path, "?")
	return nginxPath(p)
}

// Deny implements cache.Denier. What nginx itself says then, when it is asked
// whether it would refuse the object, is the result: the folder may be another
// one than that of its configuration, or one that it may not read.
func (d *Driver) Deny(ctx context.Context, urls []freshet.DeniedURL) []cache.Result {
	out := make([]cache.Result, len(urls))
	var qs []question
	var asked []int
	for i, u := range urls {
		if ctx.Err() != nil {
			out[i] = canceled(ctx)
			continue
		}
		switch err := d.denied.Deny(u.URL, u.Status); {
		case denyfolder.Unnameable(err):
			out[i] = cache.Failed(freshet.ReasonUnsupported, err.Error())
		case err != nil:
			out[i] = cache.Failed(freshet.ReasonNoSpace, err.Error())
		default:
			host, path := freshet.SplitURL(u.URL)
			qs, asked = append(qs, question{host: host, path: path, denied: true}), append(asked, i)
		}
	}
	for k, r := range d.quick.ask(ctx, qs) {
		out[asked[k]] = verified(ctx, r, urls[asked[k]].Status)
	}
	d.door.ProveDenied(ctx, urls, out)
	return out
}

// verified is what an answer says of an object that should be refused.
func verified(ctx context.Context, r reply, status int) cache.Result {
	switch {
	case ctx.Err() != nil:
		return canceled(ctx)
	case r.err != nil:
		return cache.Failed(reasonOf(r.err), r.err.Error())
	case r.denied == strconv.Itoa(status):
		return cache.Result{Outcome: freshet.OutcomeDone, Verified: freshet.VerifiedInspect}
	case r.denied == "":
		return cache.Failed(freshet.ReasonUnsupported, "nginx has an older configuration: take deploy/nginx/freshet.conf and freshet-cache.conf of this release")
	}
	return cache.Failed(freshet.ReasonUnsupported, fmt.Sprintf("nginx does not see the file of a denied object (it says %s): "+
		"deny_folder must be the folder in freshet.conf, and readable for nginx's workers", r.denied))
}

// Allow implements cache.Denier.
func (d *Driver) Allow(ctx context.Context, urls []string) []cache.Result {
	out := make([]cache.Result, len(urls))
	for i, u := range urls {
		if ctx.Err() != nil {
			out[i] = canceled(ctx)
			continue
		}
		out[i] = cache.Result{Outcome: freshet.OutcomeDone}
		if err := d.denied.Allow(u); err != nil {
			out[i] = cache.Failed(freshet.ReasonNoSpace, err.Error())
		}
	}
	return out
}

// SetDenied implements cache.Denier.
func (d *Driver) SetDenied(_ context.Context, urls []freshet.DeniedURL) error {
	list := make(map[string]int, len(urls))
	for _, u := range urls {
		list[u.URL] = u.Status
	}
	if err := d.denied.Set(list); err != nil {
		return &freshet.Error{Code: freshet.CodeUnavailable, Message: "The deny folder could not be written.", Err: err}
	}
	return nil
}
