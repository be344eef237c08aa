package sqlite_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/seal"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// boxOf makes a box of keys, one for each number.
func boxOf(tb testing.TB, numbers ...byte) *seal.Box {
	tb.Helper()
	var keys [][]byte
	for _, n := range numbers {
		keys = append(keys, bytes.Repeat([]byte{n}, seal.KeySize))
	}
	b, err := seal.New(keys...)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// within opens a store with a box (nil: none), does something and closes it.
func within(t *testing.T, dir string, box *seal.Box, do func(*sqlite.Store)) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir, Box: box})
	if err != nil {
		t.Fatal(err)
	}
	do(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func putKeys(t *testing.T, s *sqlite.Store, n int) {
	t.Helper()
	for i := range n {
		k := store.Key{ID: fmt.Sprintf("key%d", i), Secret: fmt.Sprintf("plain-secret-%d", i), Account: "a", Created: time.Unix(1, 0)}
		if err := s.PutKey(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
}

func wantKeys(t *testing.T, s *sqlite.Store, n int) {
	t.Helper()
	list, err := s.ListKeys(t.Context(), "a")
	if err != nil || len(list) != n {
		t.Fatalf("%d keys, %v", len(list), err)
	}
	for _, k := range list {
		if k.Secret != strings.Replace(k.ID, "key", "plain-secret-", 1) {
			t.Errorf("key %+v", k)
		}
	}
}

// noneInClear looks for secrets in every file of a store.
func noneInClear(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "freshet.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte("plain-secret")) {
			t.Errorf("%s holds a secret in clear", filepath.Base(f))
		}
	}
}

func TestSecrets_NoneIsInTheFilesInClear(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	within(t, dir, boxOf(t, 1), func(s *sqlite.Store) {
		putKeys(t, s, 3)
		wantKeys(t, s, 3)
		noneInClear(t, dir)
	})
	noneInClear(t, dir)
}

// What was stored before there was sealing is sealed when the store is opened,
// and wiped.
func TestSecrets_OldOnesAreSealedAtOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	within(t, dir, nil, func(s *sqlite.Store) { putKeys(t, s, 200) })
	within(t, dir, boxOf(t, 1), func(s *sqlite.Store) {
		wantKeys(t, s, 200)
		noneInClear(t, dir)
	})
	noneInClear(t, dir)
}

func TestSecrets_ANewKeyInFrontSealsAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	within(t, dir, boxOf(t, 1), func(s *sqlite.Store) { putKeys(t, s, 3) })
	within(t, dir, boxOf(t, 2, 1), func(s *sqlite.Store) { wantKeys(t, s, 3) })
	within(t, dir, boxOf(t, 2), func(s *sqlite.Store) { wantKeys(t, s, 3) })
}

func TestSecrets_AWrongKeyIsAClearErrorAndChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	right := boxOf(t, 1)
	within(t, dir, right, func(s *sqlite.Store) { putKeys(t, s, 3) })
	_, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir, Box: boxOf(t, 2)})
	if freshet.ErrorCode(err) != freshet.CodeInvalid || !strings.Contains(err.Error(), right.Names()[0]) ||
		!strings.Contains(err.Error(), boxOf(t, 2).Names()[0]) || strings.Contains(err.Error(), "plain-secret") {
		t.Errorf("%v", err)
	}
	within(t, dir, right, func(s *sqlite.Store) { wantKeys(t, s, 3) })
	// Without any key the store opens, for tools that need no secret.
	within(t, dir, nil, func(s *sqlite.Store) {
		if _, err := s.Key(t.Context(), "key1"); err == nil {
			t.Error("a sealed secret was read without a key")
		}
	})
}

// Whoever can write the database cannot put one key's secret in another's place.
func TestSecrets_AMovedOneDoesNotOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := boxOf(t, 1)
	within(t, dir, box, func(s *sqlite.Store) { putKeys(t, s, 2) })
	edit(t, filepath.Join(dir, "freshet.db"), `UPDATE access_key SET secret = (SELECT secret FROM access_key WHERE id = 'key0') WHERE id = 'key1'`)
	within(t, dir, box, func(s *sqlite.Store) {
		if k, err := s.Key(t.Context(), "key0"); err != nil || k.Secret != "plain-secret-0" {
			t.Errorf("%+v, %v", k, err)
		}
		if k, err := s.Key(t.Context(), "key1"); err == nil {
			t.Errorf("a moved secret opens: %+v", k)
		}
	})
}
