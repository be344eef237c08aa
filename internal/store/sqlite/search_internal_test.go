package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/mediaquery"
	"github.com/freshet-vod/freshet/internal/store"
)

// TestSearch_NoStatementScansATable asks SQLite how it carries out the
// statements of searches of every kind.
func TestSearch_NoStatementScansATable(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	var list []*freshet.Media
	for i := range 20 {
		list = append(list, &freshet.Media{Account: "a", ID: fmt.Sprint("m", i), Title: "a title", CateID: 7, Status: "Blocked"})
	}
	if err := s.PutMedia(t.Context(), time.Unix(1e9, 0), list); err != nil {
		t.Fatal(err)
	}
	fields := []string{
		"", "VideoId in ('m1','m2')", "CateId = 7", "CateId in (7,8)", "StorageLocation = 'b'", "AppId = 'x'", "Status = 'Blocked'",
		"Status = 'Normal'", "Title = 'title'", "Title = 't'", "Tags = 'abc'", "Description = 'abc'", "Size = [1,2]", "Duration = [1,2]",
		"CreationTime = ['2017-01-01T08:00:00Z',]", "ModificationTime = ['2017-01-01T08:00:00Z',]",
	}
	var all []string
	for _, a := range fields {
		all = append(all, a)
		if a == "" {
			continue
		}
		for _, b := range fields[1:] {
			all = append(all, a+" and "+b, "("+a+" or "+b+")")
		}
	}
	checked := 0
	for _, text := range all {
		match, err := mediaquery.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, modified := range []bool{false, true} {
			var ids []string
			for _, many := range []int{1, manyRows} { // as if a lot matched, and as it is
				s.manyRows = many
				q := store.MediaQuery{Account: "a", Match: match, Limit: 10, ByModified: modified}
				if many == 1 {
					q.After = &store.MediaCursor{Place: 1 << 62, Modified: 1 << 60}
				}
				page, err := s.SearchMedia(t.Context(), q)
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				var found []string
				for _, m := range page.Media {
					found = append(found, m.ID)
				}
				if ids == nil {
					ids = found
				}
				if fmt.Sprint(ids) != fmt.Sprint(found) {
					t.Errorf("%s: %v one way, %v the other", text, ids, found)
				}
			}
		}
		checked++
	}
	if checked < 400 {
		t.Errorf("only %d searches were made", checked)
	}
	// Every statement that was prepared meanwhile is one of a search.
	s.read.mu.RLock()
	defer s.read.mu.RUnlock()
	for query := range s.read.stmts {
		if strings.Contains(query, "media") {
			explain(t, s.read.db, query)
		}
	}
}

// explain fails if a statement reads a table, or a whole index, from end to end.
func explain(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	args := make([]any, strings.Count(query, "?"))
	for i := range args {
		args[i] = "[]"
	}
	rows, err := db.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	harmless := regexp.MustCompile(`json_each|VIRTUAL TABLE INDEX \d+:|CONSTANT ROW|SCAN \(|SCAN f$`)
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(detail, "SCAN") && !harmless.MatchString(detail) {
			t.Errorf("%s\nin\n%s", detail, query)
		}
		if strings.HasSuffix(detail, "media_id (account=?)") || strings.HasSuffix(detail, "media_find_scope (scope=?)") && strings.Contains(query, "key IN") {
			t.Errorf("every media of the account is read:\n%s\nin\n%s", detail, query)
		}
		if strings.HasPrefix(detail, "SCAN f") && !strings.Contains(query, "LIMIT ?) f WHERE") { // but for samples, which are of a few rows
			t.Errorf("%s\nin\n%s", detail, query)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// TestSearch_MediaOfOlderReleasesAreFound: what has no place gets one at start.
func TestSearch_MediaOfOlderReleasesAreFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	err = s.write(t.Context(), func(ctx context.Context, t *tx) error {
		for i := range placeBatch + 10 {
			body := fmt.Sprintf(`{"MediaId":"m%d","Title":"An Old Film %d","MediaType":"video","Status":"Normal","Streams":[{"Format":"mp4",`+
				`"Definition":"OD","StreamType":"video","PlayURL":"http://h/%d","CreationTime":"2026-03-04T05:06:07Z"}]}`, i, i, i)
			if err := t.exec(ctx, `INSERT INTO media (account, id, updated, body) VALUES ('a', ?, 1, ?)`, fmt.Sprintf("m%d", i), []byte(body)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second start has nothing to do
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = Open(t.Context(), Options{Dir: dir}); err != nil {
			t.Fatal(filepath.Base(dir), err)
		}
		match, err := mediaquery.Parse("Title = 'old film'")
		if err != nil {
			t.Fatal(err)
		}
		page, err := s.SearchMedia(t.Context(), store.MediaQuery{Account: "a", Match: match, Limit: 1})
		if err != nil || page.Total != placeBatch+10 {
			t.Errorf("%d of them are found: %v", page.Total, err)
		}
		r, err := s.RegisterMedia(t.Context(), time.Unix(1e9, 0), []*freshet.Media{{
			Account: "a", ID: "x", Streams: []freshet.Stream{{Definition: freshet.DefinitionOriginal, URL: "http://h/7"}},
		}})
		if err != nil || r[0].ID != "m7" {
			t.Errorf("the original belongs to %+v, %v", r, err)
		}
	}
	_ = s.Close()
}
