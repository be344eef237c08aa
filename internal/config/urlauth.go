package config

import (
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

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
