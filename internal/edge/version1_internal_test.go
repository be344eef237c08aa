package edge

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/freshet-vod/freshet"
)

// version1 is an index as the first release left it: a row for each fence, one
// of them of a purge that its cursor covers.
const version1 = `
CREATE TABLE variant (id INTEGER PRIMARY KEY, size INTEGER NOT NULL, meta BLOB NOT NULL) STRICT;
CREATE TABLE fence (
	kind INTEGER NOT NULL, pattern TEXT NOT NULL, hosts TEXT NOT NULL, epoch INTEGER NOT NULL, pos INTEGER NOT NULL,
	PRIMARY KEY (kind, pattern, hosts)
) STRICT, WITHOUT ROWID;
CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO state VALUES ('incarnation', 'abc'), ('cursor', '1.4');
INSERT INTO fence VALUES (1, 'http://h/a', '', 1, 7), (1, 'http://h/b', '', 1, 9), (1, 'http://h/c', '', 1, 3), (2, 'http://h/d/', 'h', 1, 8);
PRAGMA user_version = 1;
`

func TestP2_FencesOutliveAnUpgradeAndARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), version1); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	pos := func(n uint64) freshet.Position { return freshet.Position{Epoch: 1, Pos: n} }
	want := map[string]freshet.Position{
		"http://h/a": pos(7), "http://h/b": pos(9), "http://h/c": pos(4), "http://h/d/x": pos(8), "http://h/e": pos(4),
	}
	check := func(c *Cache, when string) {
		t.Helper()
		c.shelf.mu.Lock()
		defer c.shelf.mu.Unlock()
		for url, at := range want {
			if got, _ := c.shelf.fence.generation("h", url); got != at {
				t.Errorf("%s, a fetch of %s has generation %s, want %s", when, url, got, at)
			}
		}
	}
	reopen := func() *Cache {
		t.Helper()
		c, err := Open(t.Context(), Options{Dir: dir, POP: "local"})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	shut := func(c *Cache) {
		t.Helper()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	c := reopen()
	check(c, "after the upgrade")
	urls := []string{"http://h/a", "http://h/e", "http://h/a\nb"}
	for _, r := range c.Purge(t.Context(), pos(12), freshet.Selector{Kind: freshet.SelectExact, URLs: urls}) {
		if r.Outcome != freshet.OutcomeAlready {
			t.Fatalf("%+v", r)
		}
	}
	want["http://h/a"], want["http://h/e"] = pos(12), pos(12)
	check(c, "after a purge")
	shut(c)
	c = reopen()
	check(c, "after a restart")
	// A cursor covers what is at or below it, whether or not that was deleted
	// before the next restart.
	for _, n := range []uint64{8, 9} {
		if err := c.SetCursor(t.Context(), pos(n)); err != nil {
			t.Fatal(err)
		}
	}
	for url, at := range want {
		want[url] = freshet.Later(at, pos(9))
	}
	check(c, "after the cursor moved")
	shut(c)
	c = reopen()
	check(c, "after the cursor moved and a restart")
	c.shelf.mu.Lock()
	left := len(c.shelf.fence.exact) + len(c.shelf.fence.patterns)
	c.shelf.mu.Unlock()
	if left != 2 {
		t.Errorf("%d fences are loaded, want 2", left)
	}
	shut(c)
}
