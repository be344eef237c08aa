package config

import "time"

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

	// Domains are the acceleration domains that exist from the start. More are
	// added with `freshet domain add`; a domain here replaces one of the same
	// name at each start.
	Domains []Domain `yaml:"domains"`

	// POPs are the points of presence. Without this key there is one, `local`,
	// with the built-in cache on 127.0.0.1:8081.
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

	// Timeouts bound how long things may take.
	Timeouts Timeouts `yaml:"timeouts"`

	// Limits bound how much is done at once.
	Limits Limits `yaml:"limits"`

	// Log says what is logged, and how. The log goes to standard error.
	Log Log `yaml:"log"`
}

// Domain is an acceleration domain.
type Domain struct {
	// Name is the host name under which viewers ask, with a port if it is not
	// the scheme's own.
	Name string `yaml:"name"`

	// Aliases are further host names of the same objects.
	Aliases []string `yaml:"aliases"`

	// Origin is the base URL of the server that holds the originals. It may be
	// a private address.
	Origin URL `yaml:"origin"`

	// TLS says that viewers use https, so that reported URLs do too.
	TLS bool `yaml:"tls"`

	// IgnoreParams are query parameters that do not tell objects apart.
	// `auth_key` never does.
	IgnoreParams []string `yaml:"ignore_params"`

	// Account owns the domain.
	Account string `yaml:"account"`
}

// POP is a point of presence as the control plane sees it.
type POP struct {
	// ID names the POP: 1 to 63 letters, digits, `-` and `_`.
	ID string `yaml:"id"`

	// Parents are the POPs that it fills from, in order of preference; none
	// means the origin. A purge runs at a POP after it ran at its parents.
	Parents []string `yaml:"parents"`

	// Remote says that the POP runs as its own process; its caches are then
	// set in the file of that process, not here. It needs `bus.listen`.
	Remote bool `yaml:"remote"`

	// Caches are the POP's caches. Exactly one is needed unless it is remote.
	Caches []Cache `yaml:"caches"`
}

// Cache is one cache of a POP.
type Cache struct {
	// Driver says what kind of cache it is. `edge` is the built-in one.
	Driver string `yaml:"driver"`

	// Listen is the address where the built-in cache serves viewers and child
	// POPs.
	Listen Address `yaml:"listen"`

	// URL is where child POPs and viewers reach the cache, if that is not
	// http:// and its listen address.
	URL URL `yaml:"url"`

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

	// Control is where the control plane's bus listens: nats://HOST:PORT.
	Control URL `yaml:"control"`

	// TokenFile is the file with the token that all POPs share; the same as
	// the control plane's `bus.token_file`.
	TokenFile string `yaml:"token_file"`
}

// Bus is the embedded message server.
type Bus struct {
	// Listen opens the bus for POPs in other processes. Without it the bus
	// stays inside the process and has no listener at all.
	Listen Address `yaml:"listen"`

	// TokenFile is the file with the token that POPs must show. It is needed
	// with `bus.listen`, and must hold 16 characters or more in one line.
	TokenFile string `yaml:"token_file"`
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

// Limits bound how much is done at once.
type Limits struct {
	// Planners is how many media are planned at the same time.
	Planners int `yaml:"planners"`

	// PrefetchWorkers is how many objects each POP fetches at the same time
	// for prefetches.
	PrefetchWorkers int `yaml:"prefetch_workers"`
}

// Log says what is logged.
type Log struct {
	// Level is the least grave level that is logged.
	Level string `yaml:"level"`

	// Format is `text` for people or `json` for programs.
	Format string `yaml:"format"`
}

// DefaultAccount owns what is declared without an account: there is one
// account until more are made.
const DefaultAccount = "default"

// DriverEdge is the driver of the built-in cache.
const DriverEdge = "edge"

// Default returns the configuration of a process without a file.
func Default() *Config {
	return &Config{
		Listen:   "127.0.0.1:8080",
		Data:     "./freshet-data",
		Timeouts: Timeouts{Deadline: Duration(10 * time.Minute), PrefetchFinishBy: Duration(24 * time.Hour), Signature: Duration(15 * time.Minute)},
		Limits:   Limits{Planners: 4, PrefetchWorkers: 8},
		Log:      Log{Level: "info", Format: "text"},
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
	fillCaches(c.Caches)
	for i := range c.POPs {
		fillCaches(c.POPs[i].Caches)
	}
}

func fillCaches(caches []Cache) {
	for i := range caches {
		k := &caches[i]
		if k.Driver == "" {
			k.Driver = DriverEdge
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
