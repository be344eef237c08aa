package audit_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/audit"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

func open(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func all(t *testing.T, trail *audit.Trail) []freshet.AuditRecord {
	t.Helper()
	page, err := trail.Page(t.Context(), freshet.AuditQuery{Limit: 100, Oldest: true})
	if err != nil {
		t.Fatal(err)
	}
	return page.Records
}

// TestTrail_OneCallIsOneRecord goes through what a call can do: write and
// succeed, write and fail later, be refused before, prepare a write and fail,
// and do nothing.
func TestTrail_OneCallIsOneRecord(t *testing.T) {
	t.Parallel()
	s := open(t)
	trail := audit.New(s)
	key := func(ctx context.Context) error { return s.PutKey(ctx, store.Key{ID: "k", Account: "a"}) }
	nonce := func(ctx context.Context) error {
		return s.PutNonce(ctx, time.Now(), store.Nonce{Fingerprint: 1, Expires: time.Now().Add(time.Hour)})
	}
	calls := []struct {
		name   string
		writes []func(context.Context) error
		note   string
		code   string
		want   string
	}{
		{name: "writes", writes: []func(context.Context) error{key}, want: freshet.AuditOK},
		{name: "writes, then fails", writes: []func(context.Context) error{key}, code: "InternalError", want: "InternalError"},
		{name: "is refused", code: "Forbidden.RAM", want: "Forbidden.RAM"},
		{name: "prepares, then is refused", writes: []func(context.Context) error{nonce}, code: "MissingParameter", want: "MissingParameter"},
		{name: "prepares, then writes", writes: []func(context.Context) error{nonce, key}, want: freshet.AuditOK},
		{name: "prepares only", writes: []func(context.Context) error{nonce}, want: freshet.AuditOK},
		{name: "does nothing", want: freshet.AuditOK},
		{name: "learns its object late", writes: []func(context.Context) error{key}, note: "k", want: freshet.AuditOK},
	}
	for _, c := range calls {
		ctx, entry := trail.Begin(t.Context(), freshet.AuditRecord{Account: "a", Action: c.name, Object: "early"})
		for _, write := range c.writes {
			if err := write(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if c.note != "" {
			entry.Note(c.note)
		}
		if err := entry.End(ctx, c.code); err != nil {
			t.Fatal(err)
		}
	}
	got := all(t, trail)
	if len(got) != len(calls) {
		t.Fatalf("%d calls left %d records", len(calls), len(got))
	}
	for i, c := range calls {
		object := "early"
		if c.note != "" {
			object = c.note
		}
		if got[i].Action != c.name || got[i].Outcome != c.want || got[i].Object != object {
			t.Errorf("the call that %s left %+v", c.name, got[i])
		}
	}
}

// TestTrail_IsWrittenWhenTheClientIsGone holds that a call whose context ended
// leaves its record all the same.
func TestTrail_IsWrittenWhenTheClientIsGone(t *testing.T) {
	t.Parallel()
	trail := audit.New(open(t))
	ctx, cancel := context.WithCancel(t.Context())
	ctx, entry := trail.Begin(ctx, freshet.AuditRecord{Account: "a"})
	cancel()
	if err := entry.End(ctx, "ServiceUnavailable"); err != nil {
		t.Fatal(err)
	}
	if got := all(t, trail); len(got) != 1 || got[0].Outcome != "ServiceUnavailable" {
		t.Errorf("the trail is %+v", got)
	}
}

// broken is a store that cannot write.
type broken struct{ store.Audit }

func (broken) PutAudit(context.Context, *freshet.AuditRecord) error { return errors.New("no space") }

func TestTrail_ARecordThatIsLostIsAnError(t *testing.T) {
	t.Parallel()
	ctx, entry := audit.New(broken{}).Begin(t.Context(), freshet.AuditRecord{})
	if err := entry.End(ctx, ""); err == nil {
		t.Error("nobody is told")
	}
	var none *audit.Trail
	ctx, entry = none.Begin(t.Context(), freshet.AuditRecord{})
	entry.Note("x")
	if err := entry.End(ctx, ""); err != nil || store.RideOf(ctx) != nil {
		t.Error("no trail is not nothing")
	}
}

func TestTrail_TextsAreBounded(t *testing.T) {
	t.Parallel()
	trail := audit.New(open(t))
	ctx, entry := trail.Begin(t.Context(), freshet.AuditRecord{
		UserAgent: strings.Repeat("é", 5000) + "\xff", Object: "a\x1b[2J\nb" + strings.Repeat("é", 5000),
	})
	if err := entry.End(ctx, ""); err != nil {
		t.Fatal(err)
	}
	r := all(t, trail)[0]
	for _, s := range []string{r.UserAgent, r.Object} {
		if !utf8.ValidString(s) || len(s) > freshet.MaxAuditObject || strings.ContainsAny(s, "\x1b\n") {
			t.Errorf("kept as %q", s)
		}
	}
	if len(r.UserAgent) > freshet.MaxAuditAgent || !strings.HasSuffix(r.UserAgent, "…") || !strings.HasPrefix(r.Object, "a [2J b") {
		t.Errorf("kept as %q and %q", r.UserAgent, r.Object)
	}
}

func TestBare_DropsWhatMayBeSecret(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"http://vod.example.com/a.mp4":                       "http://vod.example.com/a.mp4",
		" https://vod.example.com/a.mp4?auth_key=1-0-0-ab ":  "https://vod.example.com/a.mp4",
		"vod.example.com/a.mp4#frag":                         "vod.example.com/a.mp4",
		"http://user:pass@vod.example.com/a@b.mp4":           "http://vod.example.com/a@b.mp4",
		"user:pass@vod.example.com":                          "vod.example.com",
		"http://vod.example.com?next=http://u:p@x.example/y": "http://vod.example.com",
		"": "",
	} {
		if got := audit.Bare(in); got != want {
			t.Errorf("%q is kept as %q, want %q", in, got, want)
		}
	}
}

func TestAddress_IsTheHost(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"192.0.2.1:80": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::1", "@": "@"} {
		if got := audit.Address(netip.Addr{}, in); got != want {
			t.Errorf("%s is from %s", in, got)
		}
	}
	if got := audit.Address(netip.MustParseAddr("203.0.113.5"), "127.0.0.1:80"); got != "203.0.113.5" {
		t.Errorf("a client behind a proxy is %s", got)
	}
}
