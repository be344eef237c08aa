package backup

import (
	"encoding/hex"
	"path"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

// Version is the version of the archives that this release writes, and the
// newest that it reads.
const Version = 1

// manifestName is the first member of an archive.
const manifestName = "manifest.json"

// The bounds of what is read from an archive before anything is checked.
const (
	maxManifest = 4 << 20 // bytes
	maxFiles    = 10_000  // evidence has one file a day, and is kept for years at most
)

// Manifest says what an archive holds.
type Manifest struct {
	Version int       `json:"version"`
	Made    time.Time `json:"made"`    // when the copy was begun
	Release string    `json:"release"` // of the program that made it
	Files   []File    `json:"files"`   // in the order in which they follow
}

// File is one member of an archive.
type File struct {
	Name   string `json:"name"`   // with slashes, relative to the data folder
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // lower-case hex
}

// Bytes returns the size of all files together.
func (m *Manifest) Bytes() int64 {
	var n int64
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// check refuses what no archive of ours can say. Names matter most: they become
// paths, and an archive may come from anywhere.
func (m *Manifest) check() error {
	switch {
	case m.Version < 1:
		return freshet.Invalid("version", "the archive has no version: it is no backup of Freshet")
	case m.Version > Version:
		return freshet.Invalid("version", "the archive has version %d, this release reads up to %d: restore it with a newer release", m.Version, Version)
	case len(m.Files) == 0:
		return freshet.Invalid("files", "the archive lists no files")
	case len(m.Files) > maxFiles:
		return freshet.Invalid("files", "the archive lists %d files, the limit is %d", len(m.Files), maxFiles)
	}
	seen := map[string]bool{}
	for _, f := range m.Files {
		sum, err := hex.DecodeString(f.SHA256)
		switch {
		case !safe(f.Name) || seen[f.Name]:
			return freshet.Invalid("name", "the archive holds a file of the name %q, which no backup has", clip(f.Name))
		case f.Size < 0:
			return freshet.Invalid("size", "the archive gives %s a negative size", f.Name)
		case err != nil || len(sum) != 32:
			return freshet.Invalid("sha256", "the archive has no SHA-256 for %s", f.Name)
		}
		seen[f.Name] = true
	}
	return nil
}

// safe tells whether a name stays below the folder that it is put in, on every
// system.
func safe(name string) bool {
	if name == "" || len(name) > 200 || path.Clean(name) != name || strings.HasPrefix(name, "/") || name == manifestName {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "." || part == ".." {
			return false
		}
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`\:*?"<>|`, r) })
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
