package backup_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/backup"
)

// contents are the files of the archives that tests make.
func contents() map[string]string {
	return map[string]string{"freshet.db": strings.Repeat("log ", 5000), "evidence/2026-01-02.db": "facts", "token": "secret"}
}

func made() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func archive(tb testing.TB) []byte {
	tb.Helper()
	dir := tb.TempDir()
	m := backup.Manifest{Made: made(), Release: "1.2.3"}
	for _, name := range []string{"freshet.db", "evidence/2026-01-02.db", "token"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(contents()[name]), 0o600); err != nil {
			tb.Fatal(err)
		}
		m.Files = append(m.Files, backup.File{Name: name})
	}
	var b bytes.Buffer
	if _, err := backup.Write(tb.Context(), &b, dir, m, nil); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestRead_BringsBackWhatWasWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var done, all int64
	m, err := backup.Read(t.Context(), bytes.NewReader(archive(t)), dir, func(d, a int64) { done, all = d, a })
	if err != nil {
		t.Fatal(err)
	}
	if m.Version != backup.Version || !m.Made.Equal(made()) || m.Release != "1.2.3" || len(m.Files) != 3 {
		t.Errorf("the manifest is %+v", m)
	}
	if done != all || all != m.Bytes() {
		t.Errorf("progress ended at %d of %d bytes, the files have %d", done, all, m.Bytes())
	}
	for name, want := range contents() {
		file := filepath.Join(dir, name)
		got, err := os.ReadFile(file)
		if err != nil || string(got) != want {
			t.Errorf("%s holds %d bytes, %v", name, len(got), err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", name, info.Mode(), err)
		}
	}
}

// TestRead_RefusesEveryDamage cuts an archive short at many places, and changes
// every byte of it: nothing of that may pass for a backup.
func TestRead_RefusesEveryDamage(t *testing.T) {
	t.Parallel()
	whole := archive(t)
	for n := 0; n < len(whole)-4; n += 7 { // the last 4 are the checksum of the frame
		if m, err := backup.Read(t.Context(), bytes.NewReader(whole[:n]), t.TempDir(), nil); err == nil {
			t.Fatalf("%d of %d bytes are read as %+v", n, len(whole), m)
		}
	}
	for i := range whole {
		bad := bytes.Clone(whole)
		bad[i] ^= 0x20
		m, err := backup.Read(t.Context(), bytes.NewReader(bad), t.TempDir(), nil)
		if err == nil && !sameFiles(m) {
			t.Fatalf("with byte %d changed it is read as %+v", i, m)
		}
	}
}

// sameFiles tells whether a manifest lists what was written: a change that
// leaves the files as they are, as in a reserved bit, is no damage.
func sameFiles(m *backup.Manifest) bool {
	if len(m.Files) != 3 {
		return false
	}
	for _, f := range m.Files {
		if int64(len(contents()[f.Name])) != f.Size {
			return false
		}
	}
	return true
}

// forged makes an archive with a manifest and members of the test's own.
func forged(tb testing.TB, manifest any, members ...*tar.Header) []byte {
	tb.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		tb.Fatal(err)
	}
	w := tar.NewWriter(z)
	text, err := json.Marshal(manifest)
	if err != nil {
		tb.Fatal(err)
	}
	for i, h := range append([]*tar.Header{{Name: "manifest.json", Size: int64(len(text))}}, members...) {
		if err := w.WriteHeader(h); err != nil {
			tb.Fatal(err)
		}
		if i > 0 {
			text = make([]byte, h.Size)
		}
		if _, err := w.Write(text); err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil { // without the end of the tar, which forgers may leave out
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestRead_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	const sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // of nothing
	one := func(name string) map[string]any {
		return map[string]any{"version": 1, "files": []map[string]any{{"name": name, "size": 0, "sha256": sum}}}
	}
	for _, c := range []struct {
		name  string
		bytes []byte
		want  string
	}{
		{"no archive", []byte("SQLite format 3\x00"), "does not begin as a backup"},
		{"nothing", nil, "does not begin as a backup"},
		{"a newer version", forged(t, map[string]any{"version": 9}), "reads up to 1: restore it with a newer release"},
		{"no version", forged(t, map[string]any{}), "no backup of Freshet"},
		{"no files", forged(t, map[string]any{"version": 1}), "lists no files"},
		{"a way out", forged(t, one("../../etc/passwd")), "which no backup has"},
		{"an absolute name", forged(t, one("/etc/passwd")), "which no backup has"},
		{"a drive", forged(t, one(`C:\x`)), "which no backup has"},
		{"the manifest again", forged(t, one("manifest.json")), "which no backup has"},
		{"no sum", forged(t, map[string]any{"version": 1, "files": []map[string]any{{"name": "a"}}}), "no SHA-256 for a"},
		{"a member of another name", forged(t, one("a"), &tar.Header{Name: "b"}), `there is "b"`},
		{"a link", forged(t, one("a"), &tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}), "damaged"},
		{"a member too many", forged(t, one("a"), &tar.Header{Name: "a"}, &tar.Header{Name: "b"}), "something follows"},
		{"a member too few", forged(t, one("a")), "ends or is damaged in a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			_, err := backup.Read(t.Context(), bytes.NewReader(c.bytes), dir, nil)
			if freshet.ErrorCode(err) != freshet.CodeInvalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
		})
	}
}

func TestReadAndWrite_EndWithTheirContext(t *testing.T) {
	t.Parallel()
	whole := archive(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := backup.Read(ctx, bytes.NewReader(whole), t.TempDir(), nil); err == nil {
		t.Error("an archive was read after the context's end")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := backup.Manifest{Files: []backup.File{{Name: "a"}}}
	if _, err := backup.Write(ctx, &bytes.Buffer{}, dir, m, nil); err == nil {
		t.Error("an archive was written after the context's end")
	}
}

// FuzzRead holds that whatever is taken for a backup, nothing is written
// outside the folder, and what is accepted is whole.
func FuzzRead(f *testing.F) {
	f.Add(archive(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		outer := t.TempDir()
		dir := filepath.Join(outer, "data")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		m, err := backup.Read(t.Context(), bytes.NewReader(b), dir, nil)
		if err == nil && len(m.Files) == 0 {
			t.Error("an archive without files was accepted")
		}
		if entries, err := os.ReadDir(outer); err != nil || len(entries) != 1 {
			t.Errorf("the folder above has %d entries, %v", len(entries), err)
		}
	})
}
