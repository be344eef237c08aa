package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/freshet-vod/freshet/internal/policy"
	"github.com/freshet-vod/freshet/internal/seal"
	"github.com/freshet-vod/freshet/internal/store"
)

// Options are what an [Auth] needs. Zero durations and limits take defaults.
type Options struct {
	Keys store.Keys
	// Accounts says which accounts are active, and takes notes of the use of
	// keys. nil = every account is active, and nothing is noted.
	Accounts store.Accounts
	// Box seals the security tokens of temporary credentials; nil = there are
	// none.
	Box *seal.Box
	// Bearers are the tokens that are enough to call; none = bearer tokens are
	// off.
	Bearers []Bearer
	// Window is how far the time of a request may be from ours; 15 minutes.
	Window time.Duration
	// NonceMemory is how long a nonce is remembered at least; 30 minutes. It
	// must cover the window on both sides, or a replay would find a gap.
	NonceMemory time.Duration
	// MaxNonces bounds the nonces remembered per span, of reads and of writes
	// each; 4 million (about 75 MB if it is reached).
	MaxNonces int
	// PublicEndpoints are hosts, with or without scheme and port, under which
	// a proxy in front of us is known to clients (contract §12).
	PublicEndpoints []string
	// TrustedProxies are networks of proxies whose word counts on where a
	// request came from (X-Forwarded-For, X-Forwarded-Proto).
	TrustedProxies []netip.Prefix
}

const (
	defaultWindow      = 15 * time.Minute
	defaultNonceMemory = 30 * time.Minute
	defaultMaxNonces   = 1 << 22
)

// check fills in defaults and reports every fault at once.
func (o *Options) check() error {
	var faults []error
	if o.Keys == nil {
		faults = append(faults, errors.New("auth: Keys is nil"))
	}
	if o.Window < 0 || o.NonceMemory < 0 || o.MaxNonces < 0 {
		faults = append(faults, errors.New("auth: Window, NonceMemory and MaxNonces may not be negative"))
	}
	if o.Window == 0 {
		o.Window = defaultWindow
	}
	if o.NonceMemory == 0 {
		o.NonceMemory = max(defaultNonceMemory, 2*o.Window)
	}
	if o.NonceMemory < 2*o.Window {
		faults = append(faults, fmt.Errorf("auth: NonceMemory %s is less than twice Window %s", o.NonceMemory, o.Window))
	}
	if o.MaxNonces == 0 {
		o.MaxNonces = defaultMaxNonces
	}
	return errors.Join(faults...)
}

// Auth authenticates requests. It is safe for use by many goroutines.
type Auth struct {
	keys    keyring
	window  time.Duration
	span    time.Duration
	hosts   []string
	proxies []netip.Prefix
	bearers []bearer
	box     *seal.Box
	// sessions are temporary credentials that were seen.
	sessions sessions
	// Reads and writes are remembered apart: under a flood of reads the reads'
	// memory forgets early, since repeating a read changes nothing; writes are
	// refused instead, since repeating one purges again.
	reads, writes *memory
}

// New makes an Auth and loads the nonces that were committed with writes, so
// that a restart opens no window for replays.
func New(ctx context.Context, o Options) (*Auth, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	now := time.Now()
	a := &Auth{
		keys:    keyring{store: o.Keys, accounts: o.Accounts, keys: make(map[string]known)},
		window:  o.Window,
		span:    o.NonceMemory,
		proxies: o.TrustedProxies,
		box:     o.Box, sessions: sessions{open: make(map[string]opened)},
		reads:  newMemory(o.NonceMemory, o.MaxNonces, true, now),
		writes: newMemory(o.NonceMemory, o.MaxNonces, false, now),
	}
	for _, e := range o.PublicEndpoints {
		a.hosts = append(a.hosts, spellings(e)...)
	}
	for _, b := range o.Bearers {
		a.bearers = append(a.bearers, bearer{Bearer: b, sum: sha256.Sum256([]byte(b.Token))})
	}
	nonces, err := o.Keys.Nonces(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("loading nonces: %w", err)
	}
	for _, n := range nonces {
		// They are in use by definition, and may exceed a limit that was
		// lowered since: neither is a fault.
		_ = a.writes.add(n.Fingerprint, now)
	}
	return a, nil
}

// Request is the part of a request that signatures are made of.
type Request struct {
	Method string
	Path   string // escaped; "/" for the vendor's API
	Host   string // as received, with its port
	Params Params // query and form
	Header http.Header
	Body   []byte
	Write  bool // it changes something: its nonce is never forgotten early
	// Remote is the other end of the connection, IP:PORT; TLS tells whether the
	// connection is encrypted.
	Remote string
	TLS    bool
}

// Identity is who calls, and what they may do. Nonce and NonceExpires belong to
// the call and are to be committed with what it writes; Nonce is 0 for HTTP
// Basic, which has none.
type Identity struct {
	Account      string
	KeyID        string
	Nonce        uint64
	NonceExpires time.Time
	// Policies restrict the caller; empty = it may do everything in its account.
	Policies policy.Set
	// Facts are what the policies' conditions ask of the request.
	Facts policy.Facts
	// Temporary tells that the caller's credential is one that ends by itself:
	// it must not be turned into one that does not.
	Temporary bool
}

// May tells whether the caller may do an action, such as "vod:GetPlayInfo", to
// a resource of its account.
func (id *Identity) May(action string, r policy.Resource) bool {
	return id.Policies.Allows(policy.Request{Account: id.Account, Action: action, Resource: r, Facts: id.Facts})
}

// Scheme is a way to carry credentials.
type Scheme uint8

// The schemes (contract §1.7).
const (
	SchemeNone Scheme = iota
	SchemeV1
	SchemeV3
	SchemeBearer
)

// SchemeOf tells which scheme a request of the vendor's API uses.
func SchemeOf(r *Request) Scheme {
	if strings.HasPrefix(r.Header.Get("Authorization"), "ACS3-") {
		return SchemeV3
	}
	if _, ok := r.Params.Lookup("BearerToken"); ok || r.Header.Get(headerBearer) != "" {
		return SchemeBearer
	}
	if _, ok := r.Params.Lookup(paramSignature); ok {
		return SchemeV1
	}
	if _, ok := r.Params.Lookup(paramKeyID); ok {
		return SchemeV1
	}
	return SchemeNone
}

// Vendor authenticates a request of the vendor's API. The checks come in the
// order of contract §3.1; the nonce is remembered only after a good signature,
// so that nobody can burn another's. The error is a [*Fault], or a
// [*freshet.Error] if a part of the server does not answer.
func (a *Auth) Vendor(ctx context.Context, r *Request) (Identity, error) {
	var c credentials
	var err error
	switch SchemeOf(r) {
	case SchemeV1:
		c, err = readV1(r)
	case SchemeV3:
		c, err = readV3(r, []string{headerDate, headerNonce, headerBodyHash, headerAction, headerVersion}, a.otherHosts)
	case SchemeBearer:
		return a.vendorBearer(ctx, r)
	case SchemeNone:
		err = &Fault{Kind: NoCredentials}
	}
	if err != nil {
		return Identity{}, err
	}
	return a.verify(ctx, c, r)
}

// credentials are what a scheme took out of a request; check compares the
// signature.
type credentials struct {
	keyID, time, nonce string
	token              string // of a temporary key
	check              func(secret string) *Fault
}

// key returns the key that signed: a temporary one is what its token says.
func (a *Auth) key(ctx context.Context, c credentials) (known, error) {
	if isTemporary(c.keyID) {
		return a.session(ctx, c.keyID, c.token)
	}
	return a.keys.get(ctx, c.keyID)
}

// verify makes the checks that both schemes share.
func (a *Auth) verify(ctx context.Context, c credentials, r *Request) (Identity, error) {
	key, err := a.key(ctx, c)
	if err != nil {
		return Identity{}, err
	}
	if key.Disabled {
		return Identity{}, &Fault{Kind: DisabledKey}
	}
	now := time.Now()
	if key.parent != nil && !now.Before(key.expires) {
		return Identity{}, &Fault{Kind: TokenExpired}
	}
	at, err := time.Parse(timeLayout, c.time)
	if err != nil {
		return Identity{}, &Fault{Kind: TimeFormat}
	}
	if at.Before(now.Add(-a.window)) || at.After(now.Add(a.window)) {
		return Identity{}, &Fault{Kind: Expired}
	}
	if fault := c.check(key.Secret); fault != nil {
		return Identity{}, fault
	}
	id := Identity{
		Account: key.Account, KeyID: key.name(), Temporary: key.parent != nil,
		Nonce: fingerprint(key.ID, key.Secret, c.nonce), NonceExpires: now.Add(a.span),
		Policies: key.policies, Facts: a.facts(r.Header, r.Remote, r.TLS, now),
	}
	memory := a.reads
	if r.Write {
		memory = a.writes
	}
	if err := memory.add(id.Nonce, now); err != nil {
		return Identity{}, err
	}
	if key.suspended {
		return Identity{}, &Fault{Kind: Suspended}
	}
	a.note(key, now)
	return id, nil
}

// Remember stores the nonce of a call that writes something other than a job,
// whose nonce is committed with it. It is to be called before the write: a call
// that is then cut short may not be repeated as it is, but neither can anybody
// else repeat it after a restart. Nonce 0 is none.
func (a *Auth) Remember(ctx context.Context, nonce uint64, expires time.Time) error {
	if nonce == 0 {
		return nil
	}
	return a.keys.store.PutNonce(ctx, time.Now(), store.Nonce{Fingerprint: nonce, Expires: expires})
}

// otherHosts returns the spellings under which a client may have signed a
// request that arrived for host, but for host itself.
func (a *Auth) otherHosts(host string) []string {
	return append(spellings(host)[1:], a.hosts...)
}

// spellings returns a host as it is, and with and without the default ports.
func spellings(endpoint string) []string {
	if _, rest, ok := strings.Cut(endpoint, "://"); ok {
		endpoint = rest
	}
	endpoint, _, _ = strings.Cut(endpoint, "/")
	for _, port := range [...]string{":80", ":443"} {
		if bare, ok := strings.CutSuffix(endpoint, port); ok {
			return []string{endpoint, bare}
		}
	}
	if hasPort(endpoint) {
		return []string{endpoint}
	}
	return []string{endpoint, endpoint + ":80", endpoint + ":443"}
}

func hasPort(host string) bool {
	return strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']')
}

// reword turns any error of this package into one that a user may see.
func reword(err error) error {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f.native()
	}
	return unavailable(err)
}
