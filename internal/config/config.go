package config

import (
	"time"

	"github.com/freshet-vod/freshet"
)

// Config is the whole file. Every key is optional.
type Config struct {
	// Listen is the address of the API: the vendor's at `/` and the native one
	// at `/v1`. Port 0 picks a free one.
	Listen Address `yaml:"listen"`

	// Data is the folder that keeps the catalog, the log, the evidence and the
	// content of the POPs that run inside the process. It is made if it does
	// not exist, and only one process may use it.
	Data string `yaml:"data"`

	// PublicEndpoints lists the HOST[:PORT] under which clients reach the API
	// through a proxy that does not keep the Host header. Signatures made for
	// these are accepted besides those for the Host as received.
	PublicEndpoints []string `yaml:"public_endpoints"`

	// TrustedProxies are addresses and networks of proxies in front of the API.
	// From them X-Forwarded-For says where a request comes from, and
	// X-Forwarded-Proto whether it came over TLS, for the conditions of
	// policies and for the audit trail. They must set both themselves.
	TrustedProxies []string `yaml:"trusted_proxies"`

	// Domains are the acceleration domains that exist from the start. More are
	// added with `freshet domain add`; a domain here replaces one of the same
	// name at each start.
	Domains []Domain `yaml:"domains"`

	// Sources say where the origins of domains may lie that another account than
	// the operator's declared. A POP in a process of its own has this key in its
	// own file.
	Sources Sources `yaml:"sources"`

	// POPs are the points of presence. Without this key there is one, `local`,
	// with the built-in cache on 127.0.0.1:8081. More, in processes of their
	// own, are added with `freshet pop add`; beside `bus.listen` the list may be
	// empty.
	POPs []POP `yaml:"pops"`

	// POP makes this file that of one POP that runs as its own process
	// (`freshet pop --config FILE`). Domains, parents and the other POPs are
	// then told by the control plane.
	POP *Member `yaml:"pop"`

	// Caches are the caches of the POP that runs as its own process; they
	// belong beside `pop` only. Exactly one is needed.
	Caches []Cache `yaml:"caches"`

	// Bus is what remote POPs connect to.
	Bus Bus `yaml:"bus"`

	// Silence is what POPs do when this control plane is silent: it is told to
	// them, and `pops[].silence` says otherwise of one.
	Silence Silence `yaml:"silence"`

	// Secrets says how secrets in the database are encrypted.
	Secrets Secrets `yaml:"secrets"`

	// Auth says who may call besides those with access keys.
	Auth Auth `yaml:"auth"`

	// Timeouts bound how long things may take.
	Timeouts Timeouts `yaml:"timeouts"`

	// Limits bound how much is done at once, and what each account may do. The
	// single word `vendor` in place of the keys is short for `profile: vendor`.
	Limits Limits `yaml:"limits"`

	// Keep is how long purges, prefetches, jobs and the evidence about them are
	// kept, 14 days at least; 0 keeps them for ever.
	Keep Duration `yaml:"keep"`

	// Replay is how long a POP may be away and be told, when it is back, each
	// purge that it missed, 14 days at least and no longer than `keep`. What it
	// owes beyond that is recorded as failed (`absent`), and at its return its
	// whole cache asks the origin, or its parents, about all that it holds. With 0
	// a POP may be away for as long as it likes, and nothing that it owes is
	// deleted until it is back or removed.
	Replay Duration `yaml:"replay"`

	// Flush bounds what it costs that a cache must ask about all that it holds.
	Flush Flush `yaml:"flush"`

	// Audit is the trail of who called what.
	Audit Audit `yaml:"audit"`

	// Private is a listener for operators: metrics, profiles and health.
	Private Private `yaml:"private"`

	// Tracing sends to an OpenTelemetry collector where the time of purges and
	// prefetches goes; off without an endpoint. `docs/operations.md` tells more.
	Tracing Tracing `yaml:"tracing"`

	// Callbacks say how events are told to receivers outside.
	Callbacks Callbacks `yaml:"callbacks"`

	// Log says what is logged, and how. The log goes to standard error.
	Log Log `yaml:"log"`
}

// POP is a point of presence as the control plane sees it.
type POP struct {
	// ID names the POP: 1 to 63 letters, digits, `-` and `_`.
	ID string `yaml:"id"`

	// Parents are the POPs that it fills from, in order of preference; none
	// means the origin. A purge runs at a POP after it ran at its parents.
	Parents []string `yaml:"parents"`

	// Area is where the POP serves viewers, `domestic` or `overseas`; none means
	// everywhere. Prefetches that are meant for an area (`Area` of
	// PreloadVodObjectCaches) pass over POPs of the other.
	Area freshet.Scope `yaml:"area"`

	// Silence is what this POP does when the control plane is silent, where that
	// is something else than `silence` says.
	Silence POPSilence `yaml:"silence"`

	// Remote says that the POP runs as its own process; its caches are then
	// set in the file of that process, not here. It needs `bus.listen`.
	Remote bool `yaml:"remote"`

	// Agentless says that nothing of Freshet runs beside the POP's caches: this
	// process sends purges to their purge ports and prefetches through their
	// front doors, and the caches' word is all the evidence there is. For a
	// first try.
	Agentless bool `yaml:"agentless"`

	// Caches are the POP's caches, those that fill from others last. At least
	// one is needed unless the POP is remote.
	Caches []Cache `yaml:"caches"`

	// PrefetchVia is the front door through which prefetches are made: http://
	// HOST:PORT. Without it they go through the outermost cache. It is needed if
	// that layer has several.
	PrefetchVia URL `yaml:"prefetch_via"`
}

// Cache is one cache of a POP.
type Cache struct {
	// Driver says what kind of cache it is: `edge` (the built-in one),
	// `varnish` or `nginx`.
	Driver string `yaml:"driver"`

	// Listen is the address where the built-in cache serves viewers and child
	// POPs.
	Listen Address `yaml:"listen"`

	// URL is where child POPs and viewers reach the cache. The built-in cache
	// needs it only if that is not http:// and its listen address.
	URL URL `yaml:"url"`

	// Trusted says that only other caches reach the built-in cache, so that it
	// asks for no signatures (`domains[].url_auth.enforce`). A parent of Varnish
	// or nginx needs it: they cut signatures off before they ask.
	Trusted bool `yaml:"trusted"`

	// Control is Freshet's own listener inside Varnish or nginx, where viewers
	// cannot reach it: http://HOST:PORT, or unix:/PATH. Of an agentless POP it
	// is the port that takes PURGE, if that is not the front door.
	Control Endpoint `yaml:"control"`

	// Layer numbers the caches of a POP from the inside: a layer is purged when
	// those before it are. Caches of one layer are shards behind a hash: all are
	// purged, and any may hold an object. Without numbers each cache is a layer
	// of its own, in the order of the list.
	Layer int `yaml:"layer"`

	// Soft makes Varnish keep purged bodies and ask the origin whether they
	// have changed before it serves them again, instead of removing them.
	Soft bool `yaml:"soft"`
	// DenyFolder is where Varnish or nginx looks for what is taken down, as in
	// deploy/varnish/freshet.vcl or deploy/nginx/freshet.conf: an absolute path on
	// this machine, of which nobody else writes. Without it, takedowns fail there
	// as unsupported.
	DenyFolder string `yaml:"deny_folder"`

	// Nginx says how nginx stores objects. It is needed with `driver: nginx`.
	Nginx *Nginx `yaml:"nginx"`

	// MaxBytes is how much the cache stores; what was used longest ago goes
	// first.
	MaxBytes Size `yaml:"max_bytes"`

	// MaxObjectBytes is the size of the largest object that is stored.
	MaxObjectBytes Size `yaml:"max_object_bytes"`

	// DefaultTTL is how long an object is fresh if its origin does not say.
	DefaultTTL Duration `yaml:"default_ttl"`
}

// Member is this process's place, when it runs one POP.
type Member struct {
	// ID is the POP's ID in the control plane's file.
	ID string `yaml:"id"`

	// Control is where the control plane's bus listens: nats://HOST:PORT, or
	// tls://HOST:PORT if it has a certificate (`bus.tls`).
	Control URL `yaml:"control"`

	// TokenFile is the file with the one-time token that `freshet pop add`
	// printed. At its first start the POP exchanges it for a credential of its
	// own, kept in the data folder, and needs it no more. It may also hold the
	// token that all POPs share, the control plane's `bus.token_file`.
	TokenFile string `yaml:"token_file"`

	// CAFile is the file with the certificates (PEM) that vouch for the control
	// plane's. Without it those of the system do.
	CAFile string `yaml:"ca_file"`

	// PrefetchVia is the front door through which prefetches are made, as in
	// `pops`.
	PrefetchVia URL `yaml:"prefetch_via"`
}

// Bus is the embedded message server.
type Bus struct {
	// Listen opens the bus for POPs in other processes. Without it the bus
	// stays inside the process and has no listener at all.
	Listen Address `yaml:"listen"`

	// TokenFile is the file with a token that all POPs may share that have no
	// credential of their own; 16 characters or more in one line. Without it
	// each POP needs one of its own (`freshet pop add`).
	TokenFile string `yaml:"token_file"`

	// TLS encrypts what POPs send and get, tokens included. Without it the bus
	// belongs on a network of your own.
	TLS TLS `yaml:"tls"`
}

// TLS is a certificate of a listener.
type TLS struct {
	// CertFile is the file with the certificate chain (PEM). It is read at
	// start.
	CertFile string `yaml:"cert_file"`

	// KeyFile is the file with the certificate's key (PEM).
	KeyFile string `yaml:"key_file"`
}

// Auth says who may call besides those with access keys.
type Auth struct {
	// BearerTokens are tokens that alone are enough to call, over TLS or on
	// loopback. Without any they are off. They are read at start.
	BearerTokens []BearerToken `yaml:"bearer_tokens"`
}

// BearerToken is a token that alone is enough to call.
type BearerToken struct {
	// Name stands for the token in records; 1 to 63 letters, digits, `-` and
	// `_`.
	Name string `yaml:"name"`

	// File holds the token: 16 characters or more in one line.
	File string `yaml:"file"`

	// Account is the account that it acts for.
	Account string `yaml:"account"`

	// PolicyFile holds a policy in the vendor's RAM form. Without it the token
	// may do everything in its account.
	PolicyFile string `yaml:"policy_file"`
}

// Secrets is how secrets in the database are encrypted.
type Secrets struct {
	// KeyFile is the file with the keys that open the secrets in the database:
	// one a line, each of 32 bytes in base64 or hex; the first one seals. Without
	// it the variable `FRESHET_SECRETS_KEY` holds them, or else a key is made
	// and kept in the data folder, in `secrets.key`. See docs/accounts.md.
	KeyFile string `yaml:"key_file"`
}

// Timeouts bound how long things may take.
type Timeouts struct {
	// Deadline is how long a POP may owe a purge without contact or progress
	// before its tasks count as failed. What it owes is delivered all the same
	// when it is back.
	Deadline Duration `yaml:"deadline"`

	// PrefetchFinishBy is how long after its submission a prefetch may start
	// or run if the call does not say.
	PrefetchFinishBy Duration `yaml:"prefetch_finish_by"`

	// Signature is how far a request's signed time may be from the server's
	// clock.
	Signature Duration `yaml:"signature"`
}

// DefaultAccount owns what is declared without an account: there is one
// account until more are made.
const DefaultAccount = "default"

// The drivers.
const (
	DriverEdge    = "edge" // the built-in cache
	DriverVarnish = "varnish"
	DriverNginx   = "nginx"
)

// The profiles of limits.
const (
	ProfileNone   = "none"
	ProfileVendor = "vendor"
)

// Default returns the configuration of a process without a file.
func Default() *Config {
	return &Config{
		Listen:   "127.0.0.1:8080",
		Data:     "./freshet-data",
		Timeouts: Timeouts{Deadline: Duration(10 * time.Minute), PrefetchFinishBy: Duration(24 * time.Hour), Signature: Duration(15 * time.Minute)},
		Limits: Limits{
			Profile: ProfileNone, DayStarts: Offset(8 * time.Hour), Unplanned: 200_000, Connections: 4096,
			PlanPlaylists: 200, PlanURLs: 200_000, PlaylistBytes: 4 * MiB, Planners: 4, PrefetchWorkers: 8,
		},
		Keep:      Duration(400 * 24 * time.Hour),
		Replay:    Duration(30 * 24 * time.Hour),
		Flush:     Flush{Turn: Duration(10 * time.Second), Wait: Duration(time.Minute), Rate: 500},
		Audit:     Audit{Keep: Duration(400 * 24 * time.Hour)},
		Tracing:   Tracing{Sample: 0.1},
		Log:       Log{Level: "info", Format: "text"},
		Callbacks: Callbacks{Workers: 64, PerHost: 8},
		Silence:   defaultSilence(),
	}
}

// fill sets what depends on what else is set: the defaults inside lists, and
// the one POP of a control plane that declares none.
func (c *Config) fill() {
	if c.POPs == nil && c.POP == nil {
		c.POPs = []POP{{ID: "local", Caches: []Cache{{Listen: "127.0.0.1:8081"}}}}
	}
	for i := range c.Domains {
		if c.Domains[i].Account == "" {
			c.Domains[i].Account = DefaultAccount
		}
	}
	for i := range c.Auth.BearerTokens {
		if b := &c.Auth.BearerTokens[i]; b.Account == "" {
			b.Account = DefaultAccount
		}
	}
	fillCaches(c.Caches)
	for i := range c.POPs {
		fillCaches(c.POPs[i].Caches)
	}
}

// fill sets what the supplied configuration of nginx has.
func (n *Nginx) fill() {
	if n.Levels == "" {
		n.Levels = "1:2"
	}
	if n.Key == "" {
		n.Key = "$freshet_host$freshet_uri|$freshet_variant$slice_range"
	}
	if n.Variants == nil {
		n.Variants = []Variant{{}, {Label: "gzip", Headers: []string{"Accept-Encoding: gzip"}}}
	}
}

func fillCaches(caches []Cache) {
	for i := range caches {
		k := &caches[i]
		if k.Driver == "" {
			k.Driver = DriverEdge
		}
		if k.Layer == 0 {
			k.Layer = i + 1
		}
		if k.Nginx != nil {
			k.Nginx.fill()
		}
		if k.Driver != DriverEdge {
			continue
		}
		if k.MaxBytes == 0 {
			k.MaxBytes = 10 * GiB
		}
		if k.MaxObjectBytes == 0 {
			k.MaxObjectBytes = k.MaxBytes
		}
		if k.DefaultTTL == 0 {
			k.DefaultTTL = Duration(time.Hour)
		}
	}
}
