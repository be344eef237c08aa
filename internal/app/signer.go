package app

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/rpc"
	"github.com/freshet-vod/freshet/internal/urlsign"
)

// signer signs the URLs that GetPlayInfo hands out.
type signer struct{}

// Sign implements [rpc.Signer]. The signer's own choice of rand is a fresh one
// for each URL.
func (signer) Sign(d freshet.Domain, url string, o rpc.SignOptions) string {
	if !d.URLAuth.Signs() {
		return url
	}
	r := urlsign.Request{Now: time.Now(), Lifetime: o.Lifetime, Rand: o.Rand, UID: o.UID}
	if r.Rand == "" && d.URLAuth.Type == freshet.AuthA {
		r.Rand = strings.ReplaceAll(uuid.NewString(), "-", "")
	}
	signed, err := urlsign.Sign(d.URLAuth, url, r)
	if err != nil {
		return url // rpc has checked rand and uid, and the URL is one that it made
	}
	return signed
}
