package freshet_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
)

func TestURLAuth_Opens(t *testing.T) {
	t.Parallel()
	a := freshet.URLAuth{Open: append(freshet.DefaultOpen(), "/public/")}
	for path, want := range map[string]bool{
		"/a/seg1.ts": true, "/a/seg1.TS?x=1": true, "/a/i.m4s": true, "/public/film.mp4": true,
		"/a/film.mp4": false, "/a/film.mp4?x=.ts": false, "/a/.ts": false, "/a/ts": false, "/publicity.mp4": false, "/a.m3u8": false,
	} {
		if got := a.Opens(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestURLAuth_Check(t *testing.T) {
	t.Parallel()
	good := freshet.URLAuth{Type: freshet.AuthA, MainKey: "0123456789abcdef", Enforce: true, Open: []string{".ts", "/x/"}}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	if err := (freshet.URLAuth{}).Check(); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*freshet.URLAuth){
		"type":       func(a *freshet.URLAuth) { a.Type = "D" },
		"main_key":   func(a *freshet.URLAuth) { a.MainKey = "short" },
		"backup_key": func(a *freshet.URLAuth) { a.BackupKey = "with a blank" },
		"validity":   func(a *freshet.URLAuth) { a.ValiditySeconds = freshet.MaxAuthValidity + 1 },
		"open":       func(a *freshet.URLAuth) { a.Open = []string{"ts"} },
	} {
		a := good
		change(&a)
		e, ok := a.Check().(*freshet.Error) //nolint:errorlint // it is returned as it is
		if !ok || e.Field != field || strings.Contains(e.Error(), string(a.MainKey)) {
			t.Errorf("%s: %v", field, e)
		}
	}
	if err := (freshet.URLAuth{Enforce: true}).Check(); err == nil {
		t.Error("enforcing without a type is accepted")
	}
}

func TestURLAuth_KeysAreNotInJSON(t *testing.T) {
	t.Parallel()
	d := freshet.Domain{Name: "h", URLAuth: freshet.URLAuth{Type: freshet.AuthA, MainKey: "0123456789abcdef", BackupKey: "fedcba9876543210"}}
	b, err := json.Marshal(d)
	if err != nil || strings.Contains(string(b), "0123456789abcdef") || strings.Contains(string(b), "fedcba9876543210") {
		t.Errorf("%s (%v)", b, err)
	}
}

func TestSource_URLAndBack(t *testing.T) {
	t.Parallel()
	for _, s := range []freshet.Source{
		{Content: "192.0.2.1", Type: freshet.SourceIP, Port: 80, Priority: "20"},
		{Content: "o.example.com", Type: freshet.SourceDomain, Port: 443, Priority: "20"},
		{Content: "o.example.com", Type: freshet.SourceDomain, Port: 8080, Priority: "20"},
		{Content: "2001:db8::1", Type: freshet.SourceIP, Port: 8080, Priority: "20"},
		{Content: "2001:db8::1", Type: freshet.SourceIP, Port: 80, Priority: "20"},
	} {
		if got := freshet.SourceOf(s.URL()); got != s {
			t.Errorf("%s: %+v", s.URL(), got)
		}
	}
}

func TestDomain_Status(t *testing.T) {
	t.Parallel()
	for want, d := range map[freshet.DomainStatus]freshet.Domain{
		freshet.DomainOnline:   {},
		freshet.DomainOffline:  {Offline: true},
		freshet.DomainChecking: {Offline: true, Unapproved: true},
	} {
		if got := d.Status(); got != want || d.Serves() != (want == freshet.DomainOnline) {
			t.Errorf("%+v: %s", d, got)
		}
	}
}
