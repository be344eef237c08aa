package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/freshet-vod/freshet/internal/policy"
)

// Bearer is a token that alone is enough to call (contract §1.6).
type Bearer struct {
	Name    string // for records; it says nothing of the token
	Account string
	Token   string
	Policy  *policy.Policy // nil: everything in the account
}

// bearer is a Bearer as it is compared.
type bearer struct {
	Bearer
	sum [sha256.Size]byte
}

// vendorBearer authenticates a request of the vendor's API by a bearer token.
func (a *Auth) vendorBearer(ctx context.Context, r *Request) (Identity, error) {
	if len(a.bearers) == 0 {
		return Identity{}, &Fault{Kind: Unsupported, Param: paramBearer}
	}
	if kind := r.Params.Get("SignatureType"); kind != "" && !strings.EqualFold(kind, "BEARERTOKEN") {
		return Identity{}, &Fault{Kind: UnsupportedMethod, Param: "SignatureType"}
	}
	token, header := r.Params.Get(paramBearer), r.Header.Get(headerBearer)
	if token == "" {
		token = header
	}
	if header != "" && header != token {
		return Identity{}, &Fault{Kind: Malformed, Param: paramBearer} // two tokens: whose call is it?
	}
	if token == "" {
		return Identity{}, &Fault{Kind: Missing, Param: paramBearer}
	}
	return a.byBearer(ctx, token, origin{r.Header, r.Remote, r.TLS})
}

const paramBearer = "BearerToken"

// origin is what is known of where a request comes from.
type origin struct {
	header http.Header
	remote string
	tls    bool
}

// byBearer compares a token with all that there are, each in the same time,
// whichever fits.
func (a *Auth) byBearer(ctx context.Context, token string, from origin) (Identity, error) {
	facts := a.facts(from.header, from.remote, from.tls, time.Now())
	if !facts.Secure && !onLoopback(from.header, from.remote, from.tls) {
		return Identity{}, &Fault{Kind: Insecure}
	}
	sum := sha256.Sum256([]byte(token))
	var found *bearer
	for i := range a.bearers {
		if subtle.ConstantTimeCompare(a.bearers[i].sum[:], sum[:]) == 1 {
			found = &a.bearers[i]
		}
	}
	if found == nil {
		return Identity{}, &Fault{Kind: UnknownKey}
	}
	suspended, err := a.keys.suspended(ctx, found.Account)
	if err != nil {
		return Identity{}, unavailable(err)
	}
	if suspended {
		return Identity{}, &Fault{Kind: Suspended}
	}
	id := Identity{Account: found.Account, KeyID: "bearer/" + found.Name, Facts: facts}
	if found.Policy != nil {
		id.Policies = policy.Set{found.Policy}
	}
	return id, nil
}
