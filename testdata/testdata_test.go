package testdata_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet/testdata"
)

const maxBytes = 4 << 20

func TestLadder_IsSmall(t *testing.T) {
	t.Parallel()
	var total int64
	err := fs.WalkDir(testdata.FS, "ladder", func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		total += info.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if total > maxBytes || total < maxBytes/4 {
		t.Errorf("the ladder has %d bytes; want at most %d, and not next to nothing", total, maxBytes)
	}
}

type line struct {
	MediaID string `json:"MediaId"`
	Status  string
	Streams []struct {
		JobID                          string `json:"JobId"`
		Format, Definition, StreamType string
		PlayURL                        string
		Size                           int64
	}
}

func catalog(t *testing.T) []line {
	t.Helper()
	b, err := testdata.FS.ReadFile("ladder/catalog.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var out []line
	for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
		var l line
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			t.Fatalf("line %d: %v", len(out)+1, err)
		}
		out = append(out, l)
	}
	return out
}

func TestCatalog_NamesFilesThatExist(t *testing.T) {
	t.Parallel()
	lines := catalog(t)
	if len(lines) != 4 {
		t.Fatalf("the catalog has %d media, want 4", len(lines))
	}
	seen := map[string]bool{}
	for _, l := range lines {
		if seen[l.MediaID] || l.Status != "Normal" || len(l.Streams) == 0 {
			t.Errorf("media %q is repeated, not Normal or without streams", l.MediaID)
		}
		seen[l.MediaID] = true
		for _, s := range l.Streams {
			rest, ok := strings.CutPrefix(s.PlayURL, "http://vod.example.com/")
			if !ok {
				t.Errorf("%s: %s is under another host", l.MediaID, s.PlayURL)
				continue
			}
			info, err := fs.Stat(testdata.FS, "ladder/"+rest)
			if err != nil {
				t.Errorf("%s: %v", l.MediaID, err)
				continue
			}
			if s.Size != 0 && s.Size != info.Size() {
				t.Errorf("%s: the catalog says %d bytes, the file has %d", rest, s.Size, info.Size())
			}
			if path.Ext(rest) != "."+s.Format {
				t.Errorf("%s: the catalog says format %s", rest, s.Format)
			}
		}
	}
}

// The check is made with a regular expression on purpose: it must not share
// a mistake with the parser that the product uses.
func TestPlaylists_NameFilesThatExist(t *testing.T) {
	t.Parallel()
	ref := regexp.MustCompile(`(?m)^([^#\s].*)$|URI="([^"]+)"`)
	playlists, refs := 0, 0
	err := fs.WalkDir(testdata.FS, "ladder", func(p string, _ fs.DirEntry, err error) error {
		if err != nil || path.Ext(p) != ".m3u8" {
			return err
		}
		playlists++
		b, err := testdata.FS.ReadFile(p)
		if err != nil {
			return err
		}
		base := &url.URL{Path: "/" + p}
		for _, m := range ref.FindAllStringSubmatch(string(b), -1) {
			refs++
			u, err := base.Parse(m[1] + m[2])
			if err != nil {
				return err
			}
			if _, err := fs.Stat(testdata.FS, strings.TrimPrefix(u.Path, "/")); err != nil {
				t.Errorf("%s names what is not there: %v", p, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if playlists != 11 || refs < 100 {
		t.Errorf("found %d playlists with %d references", playlists, refs)
	}
}
