package sqlite_test

import (
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// TestSecrets_KeysOfDomainsAreSealed: those that were stored in clear, too, and
// again when the master key changes.
func TestSecrets_KeysOfDomainsAreSealed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(s *sqlite.Store, name string) {
		d := freshet.Domain{Account: "a", Name: name, URLAuth: freshet.URLAuth{
			Type: freshet.AuthA, MainKey: freshet.AuthKey("plain-secret-main-" + name), BackupKey: freshet.AuthKey("plain-secret-backup-" + name),
		}}
		if err := s.PutDomain(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	want := func(s *sqlite.Store, n int) {
		t.Helper()
		list, err := s.Domains(t.Context(), "")
		if err != nil || len(list) != n {
			t.Fatalf("%+v, %v", list, err)
		}
		for _, d := range list {
			if string(d.URLAuth.MainKey) != "plain-secret-main-"+d.Name || !strings.HasPrefix(string(d.URLAuth.BackupKey), "plain-secret-backup-") {
				t.Errorf("%s has other keys", d.Name)
			}
		}
	}
	within(t, dir, nil, func(s *sqlite.Store) { put(s, "one") })
	within(t, dir, boxOf(t, 1), func(s *sqlite.Store) { put(s, "two"); want(s, 2) })
	noneInClear(t, dir)
	within(t, dir, boxOf(t, 2, 1), func(s *sqlite.Store) { want(s, 2) })
	within(t, dir, boxOf(t, 2), func(s *sqlite.Store) { want(s, 2) })
	noneInClear(t, dir)
}
