package engine_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/engine"
)

func (w *world) domain(name string) freshet.Domain {
	w.t.Helper()
	all, err := w.Domains(w.t.Context(), "")
	must(w.t, err)
	for _, d := range all {
		if d.Name == name {
			return d
		}
	}
	return freshet.Domain{}
}

// TestDomains_OnlyApprovedOnesAreTold: caches hear of a domain when it is
// approved, with everything that they need.
func TestDomains_OnlyApprovedOnesAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	d := freshet.Domain{Account: "other", Name: "new.example.com", Origin: "http://o", Unapproved: true, Guarded: true}
	must(t, w.AddDomain(ctx, d))
	if got := w.domain(d.Name); got.Status() != freshet.DomainChecking || got.Created.IsZero() || !got.Modified.Equal(got.Created) {
		t.Errorf("%+v", got)
	}
	if _, told := w.Topology().Domain(d.Name); told {
		t.Error("caches are told of a domain that nobody approved")
	}
	version := w.Topology().Version
	must(t, w.ChangeDomains(ctx, "", []string{d.Name}, func(d *freshet.Domain) error {
		d.Unapproved = false
		return nil
	}))
	top := w.Topology()
	if got, told := top.Domain(d.Name); !told || !got.Guarded || top.Version <= version {
		t.Errorf("%+v", top)
	}
}

// TestDomains_ANameIsAddedOnce: whoever has it; and declaring a domain anew
// keeps what is known of it.
func TestDomains_ANameIsAddedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	for _, acc := range []string{account, "other"} {
		if err := w.AddDomain(ctx, freshet.Domain{Account: acc, Name: domain, Origin: "http://o"}); freshet.ErrorCode(err) != freshet.CodeConflict {
			t.Errorf("%s: %v", acc, err)
		}
	}
	if err := w.AddDomain(ctx, freshet.Domain{Account: "other", Name: "x.example.com", Aliases: []string{domain}}); freshet.ErrorCode(err) != freshet.CodeConflict {
		t.Errorf("as an alias: %v", err)
	}
	must(t, w.AddDomain(ctx, freshet.Domain{Account: account, Name: "x.example.com", Origin: "http://o"}))
	auth := freshet.URLAuth{Type: freshet.AuthA, MainKey: "0123456789"}
	must(t, w.ChangeDomains(ctx, account, []string{"x.example.com"}, func(d *freshet.Domain) error {
		d.Offline, d.URLAuth = true, auth
		return nil
	}))
	was := w.domain("x.example.com")
	must(t, w.PutDomain(ctx, freshet.Domain{Account: account, Name: "x.example.com", Origin: "http://p", TLS: true}))
	got := w.domain("x.example.com")
	if !got.Offline || !got.URLAuth.Same(auth) || got.Origin != "http://p" || !got.TLS || !got.Created.Equal(was.Created) {
		t.Errorf("%+v", got)
	}
}

// TestDomains_ChangesAreAllOrNone: a name that is not there, or is another's,
// leaves the others as they were.
func TestDomains_ChangesAreAllOrNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	must(t, w.AddDomain(ctx, freshet.Domain{Account: "other", Name: "theirs.example.com", Origin: "http://o"}))
	stop := func(d *freshet.Domain) error {
		d.Offline = true
		return nil
	}
	for _, name := range []string{"none.example.com", "theirs.example.com"} {
		err := w.ChangeDomains(ctx, account, []string{domain, name}, stop)
		if freshet.ErrorCode(err) != freshet.CodeNotFound || err.Error() != `not_found: There is no domain "`+name+`".` {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused := errors.New("no")
	if err := w.ChangeDomains(ctx, "", []string{domain, "theirs.example.com"}, func(d *freshet.Domain) error {
		d.Offline = true
		if d.Account == "other" {
			return refused
		}
		return nil
	}); !errors.Is(err, refused) {
		t.Error(err)
	}
	if w.domain(domain).Offline || w.domain("theirs.example.com").Offline {
		t.Error("half of a change was made")
	}
}

// TestDomains_OnesThatServedAreNotRemoved: their objects are in caches.
func TestDomains_OnesThatServedAreNotRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	must(t, w.AddDomain(ctx, freshet.Domain{Account: "other", Name: "new.example.com", Aliases: []string{"n.example.com"}, Origin: "http://o", Unapproved: true}))
	if err := w.RemoveDomain(ctx, "", domain); freshet.ErrorCode(err) != freshet.CodeConflict {
		t.Error(err)
	}
	for _, name := range []string{"new.example.com", "none.example.com"} {
		if err := w.RemoveDomain(ctx, account, name); freshet.ErrorCode(err) != freshet.CodeNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, w.RemoveDomain(ctx, "other", "new.example.com"))
	must(t, w.AddDomain(ctx, freshet.Domain{Account: account, Name: "n.example.com", Origin: "http://o"})) // its names are free
}

// TestP10_DomainsOfAnAccountAreBounded: each is told to every POP.
func TestP10_DomainsOfAnAccountAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	for i := range engine.MaxDomains - 1 {
		must(t, w.db.PutDomain(ctx, freshet.Domain{Account: account, Name: strconv.Itoa(i), Created: time.Now()}))
	}
	must(t, w.PutDomain(ctx, freshet.Domain{Account: account, Name: domain, Origin: "http://o"})) // reads them all
	if err := w.AddDomain(ctx, freshet.Domain{Account: account, Name: "more.example.com"}); freshet.ErrorCode(err) != freshet.CodeTooLarge {
		t.Error(err)
	}
	must(t, w.PutDomain(ctx, freshet.Domain{Account: account, Name: domain, Origin: "http://p"}))
	must(t, w.AddDomain(ctx, freshet.Domain{Account: "other", Name: "more.example.com"}))
}
