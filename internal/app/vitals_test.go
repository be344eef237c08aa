package app_test

import (
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/health"
)

// checked asks an address for its checks.
func checked(t *testing.T, addr, path string) (status int, r health.Report) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path+"?format=json", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return resp.StatusCode, r
}

// failing lists the checks that failed, notes with a ~ before them.
func failing(r health.Report) string {
	var list []string
	for _, c := range r.Checks {
		switch {
		case c.OK:
		case c.Note:
			list = append(list, "~"+c.Check)
		default:
			list = append(list, c.Check)
		}
	}
	return strings.Join(list, " ")
}

// TestReadyz_APOPOfItsOwnProcessTellsWhy follows a POP's process through what an
// operator does to it.
func TestReadyz_APOPOfItsOwnProcessTellsWhy(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.runs("edge-1", "edge-1", p.add("edge-1"))
	p.ready("edge-1")
	wants := func(want string) {
		t.Helper()
		p.until("/readyz failing for "+want, func() bool {
			status, r := checked(t, e.PrivateAddr(), "/readyz")
			return failing(r) == want && (status == http.StatusOK) == r.OK
		})
	}
	wants("")
	if _, err := p.client.SetPOP(t.Context(), "edge-1", freshet.POPChange{Down: new(true), CutOff: true}); err != nil {
		t.Fatal(err)
	}
	wants("standing")
	if _, err := p.client.SetPOP(t.Context(), "edge-1", freshet.POPChange{Down: new(false)}); err != nil {
		t.Fatal(err)
	}
	wants("")
	p.end() // the control plane goes away: the POP goes on serving, and says so
	wants("~bus")
	if status, r := checked(t, e.PrivateAddr(), "/healthz"); status != http.StatusOK || !r.OK || len(r.Checks) == 0 {
		t.Errorf("%d %+v", status, r)
	}
	e.end()
	e = p.runs("edge-1", "edge-1", "")
	wants("contact ~bus")
	p.start()
	wants("")
}

// TestReadyz_APOPInsideDecidesNothing holds that a control plane gets calls
// though a POP of its process waits for its cache, and that it tells so.
func TestReadyz_APOPInsideDecidesNothing(t *testing.T) {
	t.Parallel()
	c := settings(t.TempDir())
	c.Private.Listen = "127.0.0.1:0"
	c.POPs = []config.POP{{ID: "edge-1", Caches: []config.Cache{{
		Driver: config.DriverVarnish, Control: "http://127.0.0.1:1", URL: "http://127.0.0.1:1",
	}}}}
	s, end := serve(t, c, nil)
	defer end()
	p := &place{t: t}
	for _, addr := range []string{s.Addr(), s.PrivateAddr()} {
		p.until("telling of the cache", func() bool {
			status, r := checked(t, addr, "/readyz")
			return status == http.StatusOK && r.OK && failing(r) == "~cache"
		})
	}
	// A database that does not answer.
	db, err := sql.Open("sqlite", filepath.Join(c.Data, "freshet.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "ALTER TABLE log RENAME TO gone"); err != nil {
		t.Fatal(err)
	}
	p.until("telling of the store", func() bool {
		status, r := checked(t, s.Addr(), "/readyz")
		return status == http.StatusServiceUnavailable && failing(r) == "store ~cache"
	})
	if _, err := db.ExecContext(t.Context(), "ALTER TABLE gone RENAME TO log"); err != nil {
		t.Fatal(err)
	}
	p.until("the store's return", func() bool {
		status, _ := checked(t, s.Addr(), "/readyz")
		return status == http.StatusOK
	})
}
