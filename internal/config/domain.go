package config

import (
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

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

	// IgnoreParams are query parameters that do not tell objects apart; `"*"`
	// stands for all of them. `auth_key` never does.
	IgnoreParams []string `yaml:"ignore_params"`

	// Verify says how POPs check what they did to the domain's objects: `ack`
	// takes the cache's word, `inspect` (the default) asks the cache what it
	// stores afterwards, `probe` also makes a request as a viewer would and
	// compares the answer with the origin's.
	Verify freshet.Verify `yaml:"verify"`

	// URLAuth says how playback URLs are signed. Without it what was set with
	// `freshet domain auth` holds.
	URLAuth *URLAuth `yaml:"url_auth"`

	// Account owns the domain.
	Account string `yaml:"account"`
}

// Sources bound the origins of domains that tenants declared.
type Sources struct {
	// Allow are networks (10.0.0.0/8) whose addresses such origins may have
	// besides public ones.
	Allow []Network `yaml:"allow"`
}

// URLAuth says how the playback URLs of a domain are signed.
type URLAuth struct {
	// Type is `A`, `B`, `C` or `C-query` (`docs/vendor-api.md` §8).
	Type freshet.AuthType `yaml:"type"`

	// MainKeyFile is the file with the key that signs, 6 to 128 printable
	// characters in one line.
	MainKeyFile string `yaml:"main_key_file"`

	// BackupKeyFile is the file with a further key that is accepted, while keys
	// are changed.
	BackupKeyFile string `yaml:"backup_key_file"`

	// Validity is how long a URL works after the time that it carries; 30
	// minutes by default.
	Validity Duration `yaml:"validity"`

	// Enforce lets built-in caches answer 403 to URLs without a valid
	// signature.
	Enforce bool `yaml:"enforce"`

	// Open are extensions (`.ts`) and path prefixes (`/public/`) that need no
	// signature. Without this key these are the segments of HLS and DASH; an
	// empty list opens nothing.
	Open []string `yaml:"open"`
}

// Words returns the settings in the words of the product, with the keys that
// their files hold.
func (a *URLAuth) Words(mainKey, backupKey string) freshet.URLAuth {
	out := freshet.URLAuth{
		Type: a.Type, MainKey: freshet.AuthKey(mainKey), BackupKey: freshet.AuthKey(backupKey),
		ValiditySeconds: int(a.Validity.Std() / time.Second), Enforce: a.Enforce, Open: a.Open,
	}
	if a.Open == nil {
		out.Open = freshet.DefaultOpen()
	}
	return out
}

// checkURLAuth looks at everything but the keys, which are in files.
func checkURLAuth(f *faults, key string, a *URLAuth) {
	if a == nil {
		return
	}
	if a.MainKeyFile == "" {
		f.add(key+".main_key_file", "is missing")
	}
	if a.Validity != 0 {
		inRange(f, key+".validity", a.Validity, Duration(time.Second), Duration(freshet.MaxAuthValidity*time.Second))
	}
	const good = "good-enough"
	if e, ok := a.Words(good, "").Check().(*freshet.Error); ok && e.Field != "validity" { //nolint:errorlint // Check returns no other
		f.add(key+"."+e.Field, "%s", strings.TrimSuffix(e.Message, "."))
	}
}
